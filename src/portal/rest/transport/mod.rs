//! The HTTP transport of the REST driver: one portal's API behind one client. Comes in: a `Portal` document, the connection that its profile
//! describes, credentials by reference; then requests. Goes out: answers of success as JSON, or a [`SendError`] sorted by what the caller does.
//!
//! What it keeps, whatever a profile or a server says:
//! - A request goes to the endpoint's origin and nowhere else: no path, redirect, next page or token request leads out of it, and so no
//!   credential does. That holds for tokens too: a profile names a path for them and cannot name another origin. Where a portal gives tokens
//!   out elsewhere, whoever runs this fetches one and hands it over as a credential of its own.
//! - A write is sent once. Only requests that read are repeated, within a deadline, and not before the server wants them.
//! - Credentials, tokens, bodies, headers and values of a query are in no message and no log.

mod auth;
mod base;
mod error;
mod gate;
mod judge;
mod message;
mod network;
mod pace;
mod paging;
mod request;
mod response;
mod tokens;

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue, LOCATION};
use tokio::time::Instant;
use tracing::Instrument as _;
use url::Url;

pub use base::{AddressError, Base, segment};
pub use error::{Answer, SendError};
pub use gate::Budget;
pub use network::{Network, Proxy};
pub use paging::{Bound, Ended, Items, Page, Pages};
pub use request::{Content, Request};
pub use response::{MAX_BODY, Response};

use super::super::PortalError;
use crate::model::{PortalName, PortalSpec};
use crate::portal::meter::Meter;
use crate::portal::profile::http::connection::Method;
use crate::portal::profile::http::connection::compiled::{Connection, Inside};
use crate::secrets::SecretReader;
use crate::spans;
use auth::{Grant, SignIn, Signature, granted};
use gate::Gate;
use message::Mask;
use request::{header_name, header_value};
use response::Raw;
use tokens::{Token, Tokens};

/// Most redirects of one request: browsers take twenty, an API has one or two.
const MAX_REDIRECTS: usize = 5;

/// A portal's API. Clones share its connections, its token and its budget.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

/// A client, as long as somebody has it open.
pub(super) struct WeakClient(Weak<Inner>);

impl WeakClient {
    /// The client, if somebody still has it.
    pub(super) fn client(&self) -> Option<Client> {
        self.0.upgrade().map(Client)
    }
}

/// How long a request that reads is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Most times that it is sent.
    pub attempts: u32,
    /// From the first time on; a server that wants a longer pause is not waited for.
    pub deadline: Duration,
    /// Before the second time, about; each further pause is twice as long, unless the server names one.
    pub first_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        // Some fifteen seconds of pauses of our own: a restart of a portal is over by then, an outage is not. And a server that counts by the
        // minute is waited for.
        Self { attempts: 5, deadline: Duration::from_secs(120), first_pause: Duration::from_secs(1) }
    }
}

struct Inner {
    http: reqwest::Client,
    network: Network,
    base: Base,
    origin: String,
    connection: Arc<Connection>,
    headers: Vec<(HeaderName, HeaderValue)>,
    sign_in: SignIn,
    tokens: Tokens,
    gate: Gate,
    patience: Patience,
    portal: PortalName,
    meter: OnceLock<Arc<dyn Meter>>,
}

/// An error, and when the server wants to be asked again.
struct Failed {
    error: SendError,
    after: Option<Duration>,
}

impl From<SendError> for Failed {
    fn from(error: SendError) -> Self {
        let after = if let SendError::Throttled { after, .. } = &error { *after } else { None };
        Self { error, after }
    }
}

impl Client {
    /// Opens a portal over this machine's network; sends nothing yet.
    ///
    /// # Errors
    /// When the endpoint is none that credentials may be sent to, or a credential is missing or cannot be read.
    pub fn open(spec: &PortalSpec, connection: &Arc<Connection>, secrets: &dyn SecretReader) -> Result<Self, PortalError> {
        Self::open_over(Network::of_this_machine()?, Patience::default(), spec, connection, secrets)
    }

    /// The same over another network, with another patience.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub fn open_over(
        network: Network,
        patience: Patience,
        spec: &PortalSpec,
        connection: &Arc<Connection>,
        secrets: &dyn SecretReader,
    ) -> Result<Self, PortalError> {
        let base = Base::new(spec.endpoint.as_deref().or(connection.endpoint.as_deref()))?;
        let http = network.client(&base, connection.connect_timeout, connection.request_timeout)?;
        let sign_in = SignIn::open(&connection.auth, spec, secrets, &http, &base)?;
        let header = |(name, value): &(String, String)| Ok((header_name(name)?, header_value(name, value, false)?));
        let headers = connection.headers.iter().map(header).collect::<Result<_, SendError>>();
        Ok(Self(Arc::new(Inner {
            origin: base.origin(),
            headers: headers.map_err(|e| PortalError::Misconfigured(format!("the profile's headers: {e}")))?,
            gate: Gate::new(spec.requests_per_minute, spec.parallelism),
            tokens: Tokens::default(),
            connection: Arc::clone(connection),
            http,
            network,
            base,
            sign_in,
            patience,
            portal: spec.name.clone(),
            meter: OnceLock::new(),
        })))
    }

    /// Tells a meter of every request from here on.
    pub(super) fn metered(&self, meter: &Arc<dyn Meter>) {
        // A client that is open already has the same one.
        let _said = self.0.meter.set(Arc::clone(meter));
    }

    pub(super) fn weak(&self) -> WeakClient {
        WeakClient(Arc::downgrade(&self.0))
    }

    /// Whether it speaks to an API by this very description.
    pub(super) fn is_by(&self, connection: &Arc<Connection>) -> bool {
        Arc::ptr_eq(&self.0.connection, connection)
    }

    /// Sends a request, and again where that is safe and promises something.
    ///
    /// # Errors
    /// Sorted by what to do; see [`SendError`].
    pub async fn send(&self, request: &Request) -> Result<Response, SendError> {
        let url = self.url_of(request)?;
        self.repeated(request, &url, false).await
    }

    /// An address that an answer names, such as a `Location` or a next page, if it is at the endpoint's origin.
    ///
    /// # Errors
    /// When it is elsewhere, or no address.
    pub fn named(&self, at: &Url, address: &str) -> Result<Url, AddressError> {
        self.0.base.named(at, address)
    }

    /// A short pause before a list that somebody changes is read again; each is longer than the one before.
    pub(super) async fn breathe(&self, attempt: u32) {
        // A write takes about as long. Whoever has less patience does not wait longer here.
        tokio::time::sleep(jittered(self.0.patience.first_pause.min(Duration::from_millis(200)), attempt)).await;
    }

    fn url_of(&self, request: &Request) -> Result<Url, SendError> {
        let base = if request.below_endpoint { "" } else { self.0.connection.base.trim_end_matches('/') };
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        self.0.base.join(&format!("{base}/{path}")).map_err(|e| SendError::Unsendable(e.to_string()))
    }

    async fn repeated(&self, request: &Request, url: &Url, named_by_server: bool) -> Result<Response, SendError> {
        let Patience { attempts, deadline, first_pause } = self.0.patience;
        let mut first_sent = None;
        let mut attempt = 1;
        loop {
            let Failed { error, after } = match self.signed(request, url, named_by_server, &mut first_sent).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            if let (SendError::Throttled { .. }, Some(meter)) = (&error, self.0.meter.get()) {
                meter.throttled(&self.0.portal);
            }
            let pause = after.unwrap_or_else(|| jittered(first_pause, attempt));
            let spent = first_sent.map(|at: Instant| at.elapsed()).unwrap_or_default();
            if !request.reads || !error.may_pass() || attempt >= attempts || spent + pause > deadline {
                return Err(error);
            }
            let (method, pause_ms) = (request.method.name(), millis(pause));
            tracing::debug!(method, path = shown(url), attempt, pause_ms, "sent again after a pause");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// Sends a request signed in; where its token is refused, once more with a new one.
    async fn signed(&self, request: &Request, url: &Url, named: bool, first_sent: &mut Option<Instant>) -> Result<Response, Failed> {
        let mut refused = None;
        loop {
            let (signature, serial) = match &self.0.sign_in {
                SignIn::Nobody => (None, None),
                SignIn::Always(signature) => (Some(signature.clone()), None),
                SignIn::Token(sign_in) => {
                    let Token { signature, serial, .. } = self.0.tokens.token(refused, || self.sign_in(sign_in)).await?;
                    (Some(signature), Some(serial))
                }
            };
            let raw = self.exchanged(request, url, named, signature.as_ref(), first_sent).await?;
            // 401 says that the request was not looked at: even a write had no effect.
            if raw.status.as_u16() == 401 && refused.is_none() && serial.is_some() {
                refused = serial;
                continue;
            }
            let mask =
                Mask::new(request.secrets.iter().map(|(_, s)| s).chain(&request.masked).chain(signature.iter().flat_map(|s| &s.secrets)));
            return self.judged(request, raw, &mask);
        }
    }

    /// Gets a token. Whatever goes wrong here, the request that needs it was not sent.
    async fn sign_in(&self, request: &Request) -> Result<Grant, SendError> {
        let url = self.url_of(request)?;
        let mask = Mask::new(request.secrets.iter().map(|(_, s)| s).chain(&request.masked));
        let answer = match self.exchanged(request, &url, false, None, &mut None).await {
            Ok(raw) => self.judged(request, raw, &mask),
            Err(failed) => Err(failed),
        };
        answer.map_err(|failed| failed.error).and_then(|response| granted(&self.0.connection.auth, &response)).map_err(
            |error| match error {
                SendError::NoAnswer(_) | SendError::Garbled(_) | SendError::Transient(_) | SendError::Unclear(_) => {
                    SendError::NotSent(format!("signing in: {error}"))
                }
                SendError::Gone(answer) | SendError::Conflict(answer) | SendError::Refused(answer) => SendError::Denied(answer),
                other => other,
            },
        )
    }

    /// Sends a request and follows redirects of a `GET` within the endpoint's origin.
    async fn exchanged(
        &self,
        request: &Request,
        url: &Url,
        named: bool,
        signature: Option<&Signature>,
        first_sent: &mut Option<Instant>,
    ) -> Result<Raw, Failed> {
        let (mut url, mut named) = (url.clone(), named);
        for _ in 0..=MAX_REDIRECTS {
            let raw = self.once(request, &url, named, signature, first_sent).await?;
            let follows = request.method == Method::Get && matches!(raw.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(location) = raw.headers.get(LOCATION).filter(|_| follows) else { return Ok(raw) };
            let location = String::from_utf8_lossy(location.as_bytes());
            url = self.named(&raw.url, &location).map_err(|e| SendError::Garbled(format!("a redirect is not followed: {e}")))?;
            named = true;
        }
        Err(SendError::Garbled(format!("the portal redirects more than {MAX_REDIRECTS} times")).into())
    }

    async fn once(
        &self,
        request: &Request,
        url: &Url,
        named: bool,
        signature: Option<&Signature>,
        first_sent: &mut Option<Instant>,
    ) -> Result<Raw, Failed> {
        let built = self.built(request, url, named, signature)?;
        let patience = self.0.patience.deadline.saturating_sub(first_sent.map(|at| at.elapsed()).unwrap_or_default());
        let place = self.0.gate.enter(patience).await.map_err(|after| SendError::Throttled {
            message: format!("{} wants to be asked again in {} seconds", self.0.origin, after.as_secs().max(1)),
            after: Some(after),
        })?;
        let shown = shown(built.url());
        let began = Instant::now();
        first_sent.get_or_insert(began);
        let method = request.method.name();
        let span = spans::request(&self.0.portal, method);
        let answer = async {
            match self.0.http.execute(built).await {
                Ok(answer) => response::taken_in(answer).await,
                Err(error) => Err(error),
            }
        };
        let answer = answer.instrument(span.clone()).await;
        drop(place);
        let took = millis(began.elapsed());
        let code = answer.as_ref().ok().and_then(|answer| answer.as_ref().ok()).map(|raw| raw.status.as_u16());
        spans::request_ended(&span, code);
        if let Some(meter) = self.0.meter.get() {
            meter.answered(&self.0.portal, method, code, began.elapsed());
        }
        let raw = match answer.map_err(|error| error::sorted(error, &self.0.origin, &self.0.network.trust)).flatten() {
            Ok(raw) => raw,
            Err(error) => {
                tracing::debug!(method, path = shown, took_ms = took, "{error}");
                return Err(error.into());
            }
        };
        tracing::debug!(method, path = shown, status = raw.status.as_u16(), took_ms = took, "answered");
        if let Some(wait) = pace::pause(&raw.headers, &self.0.connection.throttle, Timestamp::now()) {
            self.0.gate.close_for(wait);
        }
        Ok(raw)
    }

    fn built(&self, request: &Request, url: &Url, named: bool, signature: Option<&Signature>) -> Result<reqwest::Request, SendError> {
        let mut built = request.built(&self.0.http, url.clone(), named)?;
        for (name, value) in &self.0.headers {
            // A request's own headers are more special than those of all, and these are more special than the driver's.
            if !request.says(name) {
                built.headers_mut().insert(name, value.clone());
            }
        }
        if let Some(tenant) = &request.inside {
            match &self.0.connection.inside {
                Some(Inside::Header(name)) => drop(built.headers_mut().insert(header_name(name)?, header_value(name, tenant, false)?)),
                Some(Inside::Query(name)) if built.url().query_pairs().any(|(n, _)| n == name.as_str()) => {}
                Some(Inside::Query(name)) => drop(built.url_mut().query_pairs_mut().append_pair(name, tenant)),
                None => {
                    return Err(SendError::Unsendable("the profile does not say how a call acts inside a tenant (`inside`)".to_owned()));
                }
            }
        }
        if let Some(signature) = signature {
            built.headers_mut().insert(signature.name.clone(), signature.value.clone());
        }
        Ok(built)
    }
}

/// A path, and the names of what it is asked with.
fn shown(url: &Url) -> String {
    let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    if names.is_empty() { url.path().to_owned() } else { format!("{}?{}", url.path(), names.join("&")) }
}

/// Twice as long each time, and between half of it and the whole: calls that failed together do not come back together.
fn jittered(first: Duration, attempt: u32) -> Duration {
    let whole = first.saturating_mul(1 << (attempt - 1).min(5));
    // Without randomness the pause is the whole one, which is as good for one call alone.
    let part = getrandom::u32().map_or(1.0, |random| 0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0);
    whole.mul_f64(part)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

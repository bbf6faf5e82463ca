//! Servers that a test scripts, and clients of them.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request as Incoming;
use axum::response::Response as Outgoing;
use secrecy::SecretString;
use tenantry::model::{Fields, Name, PortalSpec, SecretRef, SecretSource};
use tenantry::portal::PortalError;
use tenantry::portal::profile::cel::Expression;
use tenantry::portal::profile::http::connection::Reset;
use tenantry::portal::profile::http::connection::compiled::{Auth, Connection, Errors, Throttle};
use tenantry::portal::rest::transport::{Client, Network, Patience, Proxy, Request, Response, SendError};
use tenantry::secrets::{SecretError, SecretReader};
use tenantry::trust::Trust;

/// A request as a server saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What a server answers: status, headers, body.
pub(super) struct Reply(pub(super) u16, pub(super) Vec<(&'static str, String)>, pub(super) Vec<u8>);

pub(super) fn json(status: u16, body: &str) -> Reply {
    Reply(status, vec![("content-type", "application/json".into())], body.into())
}

impl Reply {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.1.retain(|(n, _)| *n != name);
        self.1.push((name, value.into()));
        self
    }
}

/// A server on this machine that answers by a script and remembers what it saw.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts one; the script gets each request and its number, from 0.
    pub(super) async fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::slow(Duration::ZERO, script).await
    }

    /// The same; every answer takes so long.
    pub(super) async fn slow(wait: Duration, script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (Arc::clone(&seen), Arc::new(script));
        let app = axum::Router::new().fallback(move |incoming: Incoming| {
            let (log, script) = (Arc::clone(&log), Arc::clone(&script));
            async move {
                let request = understood(incoming).await;
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(request.clone());
                    log.len() - 1
                };
                tokio::time::sleep(wait).await;
                let Reply(status, headers, body) = script(&request, number);
                let answer =
                    headers.into_iter().fold(Outgoing::builder().status(status), |answer, (name, value)| answer.header(name, value));
                answer.body(Body::from(body)).unwrap()
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn spec(&self) -> PortalSpec {
        spec(&self.url(""))
    }

    /// A client of it that signs in so.
    pub(super) fn client(&self, auth: Auth) -> Client {
        open(&self.spec(), connection(auth)).unwrap()
    }
}

async fn understood(incoming: Incoming) -> Seen {
    let (head, body) = incoming.into_parts();
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap(),
    }
}

/// A server that does what it likes with each connection, after it has read the head of one request; the script gets the number of the
/// connection, from 0, and the head.
pub(super) fn raw(script: impl Fn(usize, &str, TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let head = head(&mut stream);
            script(number, &head, stream);
        }
    });
    address
}

/// The head of a request, byte by byte: what follows it is somebody else's.
pub(super) fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

pub(super) fn write(mut stream: TcpStream, text: &str) {
    // A client that went away is no failure of the server's.
    let _ = stream.write_all(text.as_bytes());
}

/// Secrets by the name of their variable: `KEY` is `secret of KEY`.
pub(super) struct Secrets;

impl SecretReader for Secrets {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        match &reference.source {
            SecretSource::Env(name) if !["MISSING", "GONE"].contains(&&**name) => Ok(SecretString::from(secret(name))),
            source => {
                let missing = matches!(source, SecretSource::Env(name) if &**name == "GONE");
                Err(SecretError { reference: reference.to_string(), why: "the variable is not set".to_owned(), missing })
            }
        }
    }
}

pub(super) fn secret(name: &str) -> String {
    format!("secret-of-{name}/+\"")
}

/// A `Portal` with an endpoint and the credentials `key`, `user`, `password`.
pub(super) fn spec(endpoint: &str) -> PortalSpec {
    let mut spec = PortalSpec::from_fields(Name::slugify("acme-portal"), &Fields::new(), None);
    spec.endpoint = Some(endpoint.to_owned());
    let named = |name: &str| (name.to_owned(), SecretRef { source: SecretSource::Env(name.to_uppercase().into()) });
    spec.credentials = ["key", "user", "password", "missing", "gone"].map(named).into();
    spec
}

pub(super) fn connection(auth: Auth) -> Connection {
    Connection {
        endpoint: None,
        base: String::new(),
        headers: Vec::new(),
        auth,
        inside: None,
        errors: Errors::default(),
        throttle: Throttle { retry_after: "Retry-After".into(), remaining: None, reset: None, reset_is: Reset::Seconds },
        idempotency_header: None,
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(10),
    }
}

pub(super) fn key() -> Auth {
    Auth::Header { name: "X-API-Key".into(), credential: "key".into(), prefix: String::new() }
}

/// Whom nobody has to be believed for: what is on this machine and in the clear.
pub(super) fn network() -> Network {
    Network { trust: Trust::in_authorities([]).unwrap(), proxy: Proxy::None }
}

/// Repeats at once: nobody waits for a test.
pub(super) const EAGER: Patience = Patience { attempts: 3, deadline: Duration::from_secs(20), first_pause: Duration::from_millis(10) };

pub(super) fn open(spec: &PortalSpec, connection: Connection) -> Result<Client, PortalError> {
    Client::open_over(network(), EAGER, spec, &Arc::new(connection), &Secrets)
}

/// A client of what listens there.
pub(super) fn client_of(address: SocketAddr) -> Client {
    open(&spec(&format!("http://{address}")), connection(key())).unwrap()
}

pub(super) async fn get(client: &Client, path: &str) -> Result<Response, SendError> {
    client.send(&Request::get(path)).await
}

pub(super) fn expression(source: &str) -> Expression {
    Expression::compile(&[source], &["response", "last", "credentials"]).pop().unwrap().unwrap()
}

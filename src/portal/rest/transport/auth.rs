//! How requests sign in. Comes in: the profile's word on it and the credentials of the `Portal`, read once when it is opened. Goes out: the header
//! that goes with each request, and the requests that get a token. Never gives a credential to another origin: tokens are asked for below the
//! endpoint, and there is nothing in a profile that could name another place.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;

use super::base::Base;
use super::error::SendError;
use super::pace;
use super::request::{Content, Request, header_name, header_value};
use super::response::Response;
use crate::model::PortalSpec;
use crate::portal::PortalError;
use crate::portal::profile::cel::{EvalError, JsonScope, Scope};
use crate::portal::profile::http::connection::Method;
use crate::portal::profile::http::connection::compiled::{Auth, Login, LoginContent};
use crate::secrets::SecretReader;

/// A header that signs a request in.
#[derive(Clone)]
pub(super) struct Signature {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    /// What in it must not be shown.
    pub(super) secrets: Vec<SecretString>,
}

/// How requests sign in, with credentials.
pub(super) enum SignIn {
    Nobody,
    /// The same header for every request.
    Always(Signature),
    /// A header with a token, which this request gets.
    Token(Box<Request>),
}

/// A token as a server gave it out.
pub(super) struct Grant {
    pub(super) signature: Signature,
    /// `None`: until it is refused.
    pub(super) lifetime: Option<Duration>,
}

/// Reads credentials of a `Portal` by name.
struct Credentials<'a> {
    spec: &'a PortalSpec,
    secrets: &'a dyn SecretReader,
}

impl Credentials<'_> {
    fn read(&self, name: &str) -> Result<SecretString, PortalError> {
        let found = self.spec.credentials.iter().find(|(n, _)| n == name).map(|(_, reference)| reference);
        let missing = || {
            let what = format!("the profile signs in with the credential `{name}`, which the Portal {} does not have", self.spec.name);
            PortalError::Misconfigured(format!("{what}: add spec.credentials.{name}"))
        };
        let reference = found.ok_or_else(missing)?;
        self.secrets.read(reference).map_err(|error| {
            let why = format!("the credential `{name}` of the Portal {}: {error}", self.spec.name);
            if error.missing { PortalError::NoCredential(why) } else { PortalError::Denied(why) }
        })
    }
}

impl SignIn {
    /// Reads the credentials.
    ///
    /// # Errors
    /// When one is not named in the `Portal`, cannot be read, or cannot stand where it has to.
    pub(super) fn open(
        auth: &Auth,
        spec: &PortalSpec,
        secrets: &dyn SecretReader,
        http: &reqwest::Client,
        base: &Base,
    ) -> Result<Self, PortalError> {
        let credentials = Credentials { spec, secrets };
        Ok(match auth {
            Auth::None => Self::Nobody,
            Auth::Header { name, credential, prefix } => {
                Self::Always(signature(name, prefix, credentials.read(credential)?).map_err(misconfigured)?)
            }
            Auth::Basic { user, password } => {
                let (user, password) = (credentials.read(user)?, credentials.read(password)?);
                let both = in_base64(http, base, &user, &password).map_err(misconfigured)?;
                let mut signature = signature(AUTHORIZATION.as_str(), "Basic ", both).map_err(misconfigured)?;
                signature.secrets.push(password);
                Self::Always(signature)
            }
            Auth::ClientCredentials { token_path, client_id, client_secret, form, secret_in_form } => {
                let (id, secret) = (credentials.read(client_id)?, credentials.read(client_secret)?);
                let mut fields = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
                fields.extend(form.iter().cloned());
                let mut request = Request::new(Method::Post, token_path.as_str()).below_endpoint().wants_json();
                if *secret_in_form {
                    let (id_here, secret_here) = (placeholder(client_id)?, placeholder(client_secret)?);
                    fields.push(("client_id".to_owned(), id_here.clone()));
                    fields.push(("client_secret".to_owned(), secret_here.clone()));
                    request = request.secret(id_here, id).secret(secret_here, secret);
                } else {
                    let here = placeholder(client_secret)?;
                    // RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
                    let both = in_base64(http, base, &as_in_form(&id), &as_in_form(&secret)).map_err(misconfigured)?;
                    request = request.header(AUTHORIZATION.as_str(), format!("Basic {here}")).secret(here, both).masked(secret);
                }
                Self::Token(Box::new(request.content(Content::Form(fields))))
            }
            Auth::Login(login) => Self::Token(Box::new(login_request(login, &credentials)?)),
        })
    }
}

/// The token in an answer.
pub(super) fn granted(auth: &Auth, response: &Response) -> Result<Grant, SendError> {
    let absent = |what: &str| SendError::Garbled(format!("the answer to the sign-in has no token{what}"));
    match auth {
        Auth::Login(login) => {
            let scope = JsonScope::new([("response", response.json())]);
            // The value is not quoted: it may be the token.
            let token = login.token.shown_or_absent(&scope).map_err(|EvalError(why)| absent(&format!(": {why}")))?;
            let token = SecretString::from(token.filter(|t| !t.is_empty()).ok_or_else(|| absent(""))?);
            let expires = login.expires.as_ref().and_then(|e| e.json(&scope).ok().flatten());
            Ok(Grant {
                lifetime: expires.as_ref().and_then(|e| lifetime(e, response)),
                signature: signature(&login.header, &login.prefix, token)?,
            })
        }
        Auth::ClientCredentials { .. } => {
            let token = response.body().get("access_token").and_then(Json::as_str).filter(|t| !t.is_empty());
            let token = SecretString::from(token.ok_or_else(|| absent(" (`access_token`)"))?);
            let lifetime = response.body().get("expires_in").and_then(|e| lifetime(e, response));
            Ok(Grant { signature: signature(AUTHORIZATION.as_str(), "Bearer ", token)?, lifetime })
        }
        Auth::None | Auth::Header { .. } | Auth::Basic { .. } => Err(absent("")),
    }
}

/// Seconds, as a number or a text, or until when by the server's own clock. A token that was given out this moment is good, whatever is said of
/// it: one without a second left lives until it is refused, or every call would ask for another.
fn lifetime(expires: &Json, response: &Response) -> Option<Duration> {
    let seconds = match expires {
        Json::Number(number) => number.as_f64()?,
        Json::String(text) => match text.trim().parse() {
            Ok(seconds) => seconds,
            Err(_) => {
                let now = response.header("date").and_then(pace::date).unwrap_or_else(Timestamp::now);
                text.trim().parse::<Timestamp>().ok()?.duration_since(now).as_secs_f64()
            }
        },
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|life| *life >= Duration::from_secs(1))
}

fn signature(name: &str, prefix: &str, secret: SecretString) -> Result<Signature, SendError> {
    let value = header_value(name, &format!("{prefix}{}", secret.expose_secret()), true)?;
    Ok(Signature { name: header_name(name)?, value, secrets: vec![secret] })
}

/// What stands after `Basic `, as the HTTP client writes it.
fn in_base64(http: &reqwest::Client, base: &Base, user: &SecretString, password: &SecretString) -> Result<SecretString, SendError> {
    if user.expose_secret().contains(':') {
        return Err(SendError::Unsendable("a user's name with a colon in it cannot sign in by `basic`".to_owned()));
    }
    let signed = http.get(base.url().clone()).basic_auth(user.expose_secret(), Some(password.expose_secret())).build();
    let value = signed.ok().and_then(|mut request| request.headers_mut().remove(AUTHORIZATION));
    let both = value.as_ref().and_then(|value| value.to_str().ok()?.strip_prefix("Basic ").map(SecretString::from));
    both.ok_or_else(|| SendError::Unsendable("user and password cannot stand in a header".to_owned()))
}

fn as_in_form(secret: &SecretString) -> SecretString {
    SecretString::from(url::form_urlencoded::byte_serialize(secret.expose_secret().as_bytes()).collect::<String>())
}

/// The request of a login. Its templates are rendered here, once: they name credentials and nothing else.
fn login_request(login: &Login, credentials: &Credentials<'_>) -> Result<Request, PortalError> {
    let names = credentials.spec.credentials.iter().map(|(name, _)| name);
    let here = names.map(|name| Ok((name.clone(), placeholder(name)?))).collect::<Result<BTreeMap<_, _>, PortalError>>()?;
    let json = Json::Object(here.iter().map(|(name, placeholder)| (name.clone(), Json::from(placeholder.as_str()))).collect());
    let scope = JsonScope::new([("credentials", &json)]);
    let rendered = |template: &crate::portal::profile::template::Template| {
        let unknown = |EvalError(why)| {
            let what = format!("the profile's login does not fit the Portal {}: {why}", credentials.spec.name);
            PortalError::Misconfigured(format!("{what}; it names what spec.credentials must have"))
        };
        template.render(&scope as &dyn Scope).map_err(unknown)
    };
    let mut request = Request::new(login.method, login.path.as_str());
    let mut texts = Vec::new();
    for (name, template) in &login.headers {
        let value = rendered(template)?;
        texts.push(value.clone());
        request = request.header(name, value);
    }
    let content = match &login.content {
        LoginContent::None => Content::None,
        LoginContent::Json(tree) => {
            // A leaf without a value would be left out, and the login refused for a reason that nobody could see.
            texts.extend(tree.templates().into_iter().map(&rendered).collect::<Result<Vec<_>, _>>()?);
            let unknown = |EvalError(why)| PortalError::Misconfigured(format!("the profile's login cannot be made: {why}"));
            Content::Json(tree.render(&scope).map_err(unknown)?)
        }
        LoginContent::Form(fields) => {
            let fields = fields.iter().map(|(name, t)| Ok((name.clone(), rendered(t)?))).collect::<Result<Vec<_>, PortalError>>()?;
            texts.extend(fields.iter().map(|(_, value)| value.clone()));
            Content::Form(fields)
        }
    };
    for (name, placeholder) in here {
        if texts.iter().any(|text| text.contains(&placeholder)) {
            request = request.secret(placeholder, credentials.read(&name)?);
        }
    }
    Ok(request.content(content))
}

/// A text that stands for a credential and that nobody else can have written.
fn placeholder(name: &str) -> Result<String, PortalError> {
    let random = getrandom::u64().map_err(|e| PortalError::Unavailable(format!("the system gives no random bytes: {e}")))?;
    Ok(format!("<{name}:{random:016x}>"))
}

fn misconfigured(error: SendError) -> PortalError {
    PortalError::Misconfigured(format!("the credentials cannot be used: {error}"))
}

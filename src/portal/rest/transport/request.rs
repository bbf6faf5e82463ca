//! One request, as the driver describes it: a path below the API and what goes with it. Comes in: texts and JSON. Goes out: what the HTTP client
//! sends. Never holds a secret in what can be printed: where one goes stands a placeholder, and the secret is put in when the request is sent.

use std::fmt;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;
use url::Url;

use super::error::SendError;
use crate::portal::profile::http::connection::Method;

/// One request.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content: Content,
    pub(super) inside: Option<String>,
    pub(super) secrets: Vec<(String, SecretString)>,
    pub(super) masked: Vec<SecretString>,
    pub(super) reads: bool,
    pub(super) below_endpoint: bool,
    pub(super) wants_json: bool,
}

/// What a request sends.
#[derive(Clone, PartialEq)]
pub enum Content {
    /// Nothing.
    None,
    /// JSON.
    Json(Json),
    /// A form.
    Form(Vec<(String, String)>),
}

impl Request {
    /// A request of a path below the API's base. Values in the path went through [`super::segment`].
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let reads = method == Method::Get;
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            content: Content::None,
            inside: None,
            secrets: Vec::new(),
            masked: Vec::new(),
            reads,
            below_endpoint: false,
            wants_json: reads,
        }
    }

    /// Reads a path.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, path)
    }

    /// With a query parameter, beside others of the same name.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// With a query parameter in place of all others of the same name.
    #[must_use]
    pub(super) fn only_query(mut self, name: &str, value: String) -> Self {
        self.query.retain(|(n, _)| n != name);
        self.query(name, value)
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With what it sends.
    #[must_use]
    pub fn content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Acting inside the tenant of this id.
    #[must_use]
    pub fn inside(mut self, tenant: impl Into<String>) -> Self {
        self.inside = Some(tenant.into());
        self
    }

    /// With a secret, which takes the place of `placeholder` wherever that stands in query, headers and content.
    #[must_use]
    pub fn secret(mut self, placeholder: impl Into<String>, secret: SecretString) -> Self {
        self.secrets.push((placeholder.into(), secret));
        self
    }

    /// With a secret that is part of another one, and must not be shown either.
    pub(super) fn masked(mut self, secret: SecretString) -> Self {
        self.masked.push(secret);
        self
    }

    /// Only reads, whatever its method: it may be repeated.
    #[must_use]
    pub fn only_reads(mut self) -> Self {
        self.reads = true;
        self
    }

    /// Whether it says itself what stands in a header. The media type of what is no JSON is its own.
    pub(super) fn says(&self, header: &HeaderName) -> bool {
        let own = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header.as_str()));
        own || (*header == CONTENT_TYPE && !matches!(self.content, Content::Json(_)))
    }

    /// Its answer must be JSON; that of a `GET` must anyway.
    #[must_use]
    pub fn wants_json(mut self) -> Self {
        self.wants_json = true;
        self
    }

    /// Its path is below the endpoint and not below the API's base.
    pub(super) fn below_endpoint(mut self) -> Self {
        self.below_endpoint = true;
        self
    }

    /// What goes to `url`, which has its query already where the server named it.
    pub(super) fn built(&self, http: &reqwest::Client, mut url: Url, named_by_server: bool) -> Result<reqwest::Request, SendError> {
        if !named_by_server && !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query.iter().map(|(name, value)| (name, self.filled(value))));
        }
        let method = reqwest::Method::from_bytes(self.method.name().as_bytes()).map_err(|e| SendError::Unsendable(e.to_string()))?;
        let builder = http.request(method, url).header(ACCEPT, "application/json");
        let builder = match &self.content {
            Content::None => builder,
            Content::Json(json) => builder.json(&self.filled_json(json)),
            Content::Form(fields) => builder.form(&fields.iter().map(|(n, v)| (n, self.filled(v))).collect::<Vec<_>>()),
        };
        let mut built = builder.build().map_err(|e| SendError::Unsendable(format!("the request cannot be made: {}", e.without_url())))?;
        for (name, value) in &self.headers {
            let value = header_value(name, &self.filled(value), self.fills(value))?;
            built.headers_mut().insert(header_name(name)?, value);
        }
        Ok(built)
    }

    /// Whether a text has a placeholder in it.
    fn fills(&self, text: &str) -> bool {
        self.secrets.iter().any(|(placeholder, _)| text.contains(placeholder))
    }

    fn filled(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, (placeholder, secret)| text.replace(placeholder, secret.expose_secret()))
    }

    fn filled_json(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.filled(text)),
            Json::Array(items) => Json::Array(items.iter().map(|item| self.filled_json(item)).collect()),
            Json::Object(entries) => Json::Object(entries.iter().map(|(key, value)| (key.clone(), self.filled_json(value))).collect()),
            Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
        }
    }
}

/// Method and path: neither what is asked nor what is sent.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method.name(), self.path)
    }
}

/// Says only what it is.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Json(_) => "Json(…)",
            Self::Form(_) => "Form(…)",
        })
    }
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, SendError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| SendError::Unsendable(format!("`{name}` is no name of a header")))
}

/// A header's value; the error does not quote it.
pub(super) fn header_value(name: &str, value: &str, sensitive: bool) -> Result<HeaderValue, SendError> {
    let wrong = |_| {
        SendError::Unsendable(format!("what stands in the header {name} has a line break or another character that a header cannot have"))
    };
    let mut value = HeaderValue::from_str(value).map_err(wrong)?;
    value.set_sensitive(sensitive);
    Ok(value)
}

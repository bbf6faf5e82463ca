//! What a server answered. Comes in: the answer's head, and its body piece by piece. Goes out: a [`Response`] as expressions see it, or why it
//! cannot be understood. Never takes in more than [`MAX_BODY`] bytes, and never takes a page of HTML for an answer of an API.

use std::fmt;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::error::SendError;
use super::message::line;

/// Largest body, in bytes: a page of a list has a hundredth of it.
pub const MAX_BODY: usize = 16 << 20;
/// Largest head, in bytes: what common servers send at most.
const MAX_HEAD: usize = 64 << 10;

/// An answer of success.
#[derive(Clone, PartialEq)]
pub struct Response {
    status: u16,
    url: Url,
    json: Json,
}

/// An answer as it came.
pub(super) struct Raw {
    pub(super) status: StatusCode,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// Its status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Where it was had: what addresses in it are relative to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What expressions see as `response`: `status`, `headers` (names in lower case) and `body`.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Its body; null where there is none.
    pub fn body(&self) -> &Json {
        self.json.get("body").unwrap_or(&Json::Null)
    }

    /// A header, by its name in lower case; several of one name are joined with commas.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.json.get("headers")?.get(name)?.as_str()
    }
}

/// Status and nothing else: the rest is somebody's data.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({})", self.status)
    }
}

/// Takes the body in.
///
/// # Errors
/// `Ok(Err(…))` when it is too large; otherwise when the connection ends before it does.
pub(super) async fn taken_in(mut answer: reqwest::Response) -> Result<Result<Raw, SendError>, reqwest::Error> {
    let (status, url, headers) = (answer.status(), answer.url().clone(), answer.headers().clone());
    let head: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head > MAX_HEAD {
        return Ok(Err(SendError::Garbled(format!("the head of the answer has more than {} KB", MAX_HEAD >> 10))));
    }
    let too_large = || Ok(Err(SendError::Garbled(format!("the answer has more than {} MB: ask for smaller pages", MAX_BODY >> 20))));
    if answer.content_length().is_some_and(|length| length > MAX_BODY as u64) {
        return too_large();
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > MAX_BODY {
            return too_large();
        }
        body.extend_from_slice(&piece);
    }
    Ok(Ok(Raw { status, url, headers, body }))
}

impl Raw {
    /// What expressions see of it, with this body.
    pub(super) fn as_json(&self, body: Json) -> Json {
        let mut headers = Map::new();
        for name in self.headers.keys() {
            let values: Vec<_> = self.headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
            headers.insert(name.as_str().to_owned(), Json::String(values.join(", ")));
        }
        json!({"status": self.status.as_u16(), "headers": headers, "body": body})
    }

    /// The answer of success.
    ///
    /// # Errors
    /// When it is something else than its request wanted.
    pub(super) fn response(self, wants_json: bool) -> Result<Response, SendError> {
        let body = self.understood(wants_json)?;
        Ok(Response { status: self.status.as_u16(), json: self.as_json(body), url: self.url })
    }

    fn understood(&self, wants_json: bool) -> Result<Json, SendError> {
        let garbled = |what: &str| Err(SendError::Garbled(format!("the portal answers with {} and {what}", self.status.as_u16())));
        // A gateway that wants somebody to sign in says 200 to everything.
        if self.is_html() {
            return garbled("a page of HTML in place of data: something in between may have answered, such as a proxy or a sign-in page");
        }
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return if wants_json && self.status != StatusCode::NO_CONTENT {
                garbled("nothing where data was expected")
            } else {
                Ok(Json::Null)
            };
        }
        match self.content_type() {
            Some(kind) if !is_json(&kind) && wants_json => return garbled(&format!("`{}` in place of JSON", line(&kind))),
            Some(kind) if !is_json(&kind) => return Ok(Json::Null),
            _ => {}
        }
        let Ok(text) = std::str::from_utf8(&self.body) else { return garbled("text that is not UTF-8") };
        match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(json) => Ok(json),
            // The place is told and the text is not.
            Err(e) => garbled(&format!("JSON that is broken in line {}, column {}", e.line(), e.column())),
        }
    }

    /// The body of an answer other than success, if it is JSON.
    pub(super) fn told(&self) -> Json {
        if self.is_html() { Json::Null } else { serde_json::from_slice(&self.body).unwrap_or_default() }
    }

    /// The same where it is text.
    pub(super) fn text(&self) -> Option<&str> {
        if self.is_html() { None } else { std::str::from_utf8(&self.body).ok() }
    }

    pub(super) fn is_html(&self) -> bool {
        let says_so = self.content_type().is_some_and(|kind| kind == "text/html" || kind == "application/xhtml+xml");
        let start = self.body.trim_ascii_start().get(..5).unwrap_or_default();
        says_so || start.eq_ignore_ascii_case(b"<html") || start.eq_ignore_ascii_case(b"<!doc")
    }

    fn content_type(&self) -> Option<String> {
        let value = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}

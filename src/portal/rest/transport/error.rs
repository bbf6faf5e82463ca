//! Why a request did not succeed, sorted by what the caller does about it. Comes in: what the HTTP client says. Goes out: [`SendError`], and what
//! that means to a plan ([`PortalError`]) and to an apply ([`CallError`]). Never says that a request had no effect unless that is certain.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde_json::Value as Json;

use super::message::line;
use crate::portal::{CallError, PortalError};
use crate::trust::Trust;

/// Why a request did not succeed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SendError {
    /// It cannot be sent, now or later: it is malformed, or the server's certificate is not believed.
    #[error("{0}")]
    Unsendable(String),
    /// It did not leave this machine: it may be repeated.
    #[error("{0}")]
    NotSent(String),
    /// It was sent, and no whole answer came: a write may have had its effect.
    #[error("{0}")]
    NoAnswer(String),
    /// It was answered with success, by something that cannot be understood: a write may have had its effect.
    #[error("{0}")]
    Garbled(String),
    /// The server wants to be asked less often. It had no effect.
    #[error("{message}")]
    Throttled {
        /// What it says.
        message: String,
        /// When it may be asked again.
        after: Option<Duration>,
    },
    /// It had no effect, by the profile's word, and may be repeated later.
    #[error("{0}")]
    Transient(Box<Answer>),
    /// The server failed: a write may have had its effect.
    #[error("{0}")]
    Unclear(Box<Answer>),
    /// The credentials do not allow it.
    #[error("{0}")]
    Denied(Box<Answer>),
    /// Its object is not there.
    #[error("{0}")]
    Gone(Box<Answer>),
    /// Another object stands in the way.
    #[error("{0}")]
    Conflict(Box<Answer>),
    /// It had no effect and never will.
    #[error("{0}")]
    Refused(Box<Answer>),
}

/// An answer other than success.
#[derive(Clone, PartialEq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What it says: a short line without secrets, perhaps empty.
    pub message: String,
    /// Its body where it is JSON, else null; secrets that the request carried are masked.
    pub body: Json,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the portal answers with {}", self.status)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// Without the body: it is somebody's data.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {:?})", self.status, self.message)
    }
}

impl SendError {
    /// Whether a request that only reads is worth repeating.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::NoAnswer(_) | Self::Throttled { .. } | Self::Transient(_) | Self::Unclear(_) => true,
            Self::Unsendable(_) | Self::Garbled(_) | Self::Denied(_) | Self::Gone(_) | Self::Conflict(_) | Self::Refused(_) => false,
        }
    }

    /// The status that the server answered with, if it answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Transient(a) | Self::Unclear(a) | Self::Denied(a) | Self::Gone(a) | Self::Conflict(a) | Self::Refused(a) => {
                Some(a.status)
            }
            Self::Unsendable(_) | Self::NotSent(_) | Self::NoAnswer(_) | Self::Garbled(_) | Self::Throttled { .. } => None,
        }
    }
}

impl From<SendError> for CallError {
    fn from(error: SendError) -> Self {
        let text = error.to_string();
        match error {
            SendError::NotSent(message) => Self::Retry { message, after: None },
            SendError::Throttled { message, after } => Self::Retry { message, after },
            SendError::Transient(_) => Self::Retry { message: text, after: None },
            SendError::NoAnswer(_) | SendError::Garbled(_) | SendError::Unclear(_) => Self::Uncertain(text),
            SendError::Denied(_) => Self::Denied(text),
            SendError::Unsendable(_) | SendError::Gone(_) | SendError::Conflict(_) | SendError::Refused(_) => Self::Refused(text),
        }
    }
}

impl From<SendError> for PortalError {
    fn from(error: SendError) -> Self {
        let text = error.to_string();
        if matches!(error, SendError::Denied(_)) { Self::Denied(text) } else { Self::Unavailable(text) }
    }
}

/// What the HTTP client's error means. `origin` is where it wanted to go.
pub(super) fn sorted(error: reqwest::Error, origin: &str, trust: &Trust) -> SendError {
    // The URL may hold what the log must not.
    let error = error.without_url();
    let why = line(&deepest(&error));
    if let Some(refused) = refused_certificate(&error) {
        return SendError::Unsendable(format!("the certificate of {origin} is not believed ({refused}): {}", trust.remedy()));
    }
    if error.is_builder() {
        return SendError::Unsendable(format!("the request cannot be made: {why}"));
    }
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => SendError::NotSent(format!("{origin} cannot be reached: no connection in time")),
        (true, false) => SendError::NotSent(format!("{origin} cannot be reached: {why}")),
        (false, true) => SendError::NoAnswer(format!("{origin} did not answer in time")),
        (false, false) => SendError::NoAnswer(format!("the answer of {origin} did not arrive whole: {why}")),
    }
}

/// Why a certificate was refused, if that is what is wrong.
fn refused_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
        return Some(line(&why.to_string()));
    }
    // An I/O error does not name what it wraps as its source, but the source of that.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => refused_certificate(wrapped),
        None => refused_certificate(error.source()?),
    }
}

fn deepest(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    text
}

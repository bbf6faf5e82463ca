//! The connection, compiled: what the `rest` driver's client is opened with.
//!
//! Everything in it is checked: paths begin with `/`, expressions compile, numbers are within bounds. It holds names of credentials, never a
//! credential.

use std::time::Duration;

use super::{Method, PagingStyle, Reset};
use crate::portal::profile::cel::Expression;
use crate::portal::profile::http::tree::Tree;
use crate::portal::profile::template::Template;

/// The connection to a portal's API.
#[derive(Debug)]
pub struct Connection {
    /// Where it is, unless the `Portal` says otherwise: an origin, and a path at most.
    pub endpoint: Option<String>,
    /// What every path begins with, such as `/v3`; empty: nothing.
    pub base: String,
    /// Headers of every call.
    pub headers: Vec<(String, String)>,
    /// How one signs in.
    pub auth: Auth,
    /// What makes a call act inside a tenant.
    pub inside: Option<Inside>,
    /// What answers mean.
    pub errors: Errors,
    /// Headers that say how fast one may call.
    pub throttle: Throttle,
    /// The header that takes a call's idempotency key.
    pub idempotency_header: Option<String>,
    /// Until there is a connection.
    pub connect_timeout: Duration,
    /// Until there is a whole answer.
    pub request_timeout: Duration,
}

/// How one signs in. Texts called `credential` are names in a `Portal`'s `credentials`.
#[derive(Debug)]
pub enum Auth {
    /// Nobody does.
    None,
    /// A credential in a header; also `bearer`, whose prefix is `Bearer `.
    Header {
        /// The header.
        name: String,
        /// The credential.
        credential: String,
        /// What stands before it.
        prefix: String,
    },
    /// `Authorization: Basic`.
    Basic {
        /// The credential that is the user's name.
        user: String,
        /// The credential that is the password.
        password: String,
    },
    /// OAuth 2 client credentials.
    ClientCredentials {
        /// Where tokens are given out, below the endpoint (not below `base`).
        token_path: String,
        /// The credential that is the client's id.
        client_id: String,
        /// The credential that is its secret.
        client_secret: String,
        /// Further fields of the form, `scope` among them.
        form: Vec<(String, String)>,
        /// True: id and secret go into the form; false: into `Authorization: Basic`.
        secret_in_form: bool,
    },
    /// A described request.
    Login(Box<Login>),
}

impl Auth {
    /// The names of the credentials that a `Portal` must have. What a described login needs, its templates say when it is sent.
    pub fn credentials(&self) -> Vec<&str> {
        match self {
            Self::None | Self::Login(_) => Vec::new(),
            Self::Header { credential, .. } => vec![credential],
            Self::Basic { user, password } => vec![user, password],
            Self::ClientCredentials { client_id, client_secret, .. } => vec![client_id, client_secret],
        }
    }
}

/// A described request whose answer holds a token. Its templates name `credentials`, whose values are placeholders.
#[derive(Debug)]
pub struct Login {
    /// Its method.
    pub method: Method,
    /// Its path, below the endpoint and `base`.
    pub path: String,
    /// Its headers.
    pub headers: Vec<(String, Template)>,
    /// What it sends.
    pub content: LoginContent,
    /// The token: an expression over `response`.
    pub token: Expression,
    /// How long it lives, in seconds, or until when.
    pub expires: Option<Expression>,
    /// The header that takes the token.
    pub header: String,
    /// What stands before it there.
    pub prefix: String,
}

/// What a login sends.
#[derive(Debug)]
pub enum LoginContent {
    /// Nothing.
    None,
    /// JSON.
    Json(Tree),
    /// A form.
    Form(Vec<(String, Template)>),
}

/// What makes a call act inside a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// This header takes the tenant's id.
    Header(String),
    /// This query parameter does.
    Query(String),
}

/// What answers other than success mean.
#[derive(Debug, Default)]
pub struct Errors {
    /// In order; the first that fits counts.
    pub rules: Vec<ErrorRule>,
    /// What the portal says is wrong: an expression over `response`.
    pub message: Option<Expression>,
}

/// What some answers mean.
#[derive(Debug)]
pub struct ErrorRule {
    /// What they mean.
    pub meaning: Meaning,
    /// Their statuses; empty: any that is no success.
    pub status: Vec<u16>,
    /// What must hold of `response`. No value: it does not hold.
    pub when: Option<Expression>,
}

/// What an answer means to whoever called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Another object stands in the way: no effect, and never will.
    Conflict,
    /// The object is not there.
    Gone,
    /// The credentials do not allow it.
    Forbidden,
    /// Too many calls: no effect, later perhaps.
    Throttled,
    /// No effect, later perhaps.
    Transient,
    /// No effect, and never will.
    Refused,
    /// Nobody knows: what it means to repeat it decides.
    Unclear,
}

impl Meaning {
    /// What a status means by itself.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Forbidden,
            404 | 410 => Self::Gone,
            409 => Self::Conflict,
            429 => Self::Throttled,
            408 | 425 | 500..=599 => Self::Unclear,
            _ => Self::Refused,
        }
    }
}

/// Headers that say how fast one may call.
#[derive(Debug)]
pub struct Throttle {
    /// When to come back, in seconds or as a date.
    pub retry_after: String,
    /// How many calls are left.
    pub remaining: Option<String>,
    /// When there are more again.
    pub reset: Option<String>,
    /// What that holds.
    pub reset_is: Reset,
}

/// How one page of a list follows another.
#[derive(Debug)]
pub struct Paging {
    /// The style.
    pub style: PagingStyle,
    /// The query parameter that says where a page begins; never empty for `page`, `offset` and `cursor`.
    pub parameter: String,
    /// The first page's number, or the first offset.
    pub first: u64,
    /// The query parameter that says how many items a page has.
    pub size_parameter: Option<String>,
    /// How many items are asked for.
    pub size: u64,
    /// Over `response` and `last`: where the next page begins, or its address.
    pub next: Option<Expression>,
    /// Over `response` and `last`: whether another page follows.
    pub more: Option<Expression>,
    /// Over `response`: how many items the whole list has.
    pub total: Option<Expression>,
}

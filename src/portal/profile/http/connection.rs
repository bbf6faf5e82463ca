//! The connection to a portal's API, as a profile writes it down: where it is, how one signs in, how a page follows another, what an error
//! means. Shapes only; [`compiled`] is what the driver's client gets.
//!
//! Expressions see `response`: `response.status`, `response.headers` (names in lower case) and `response.body`. No secret is ever a value of
//! an expression: `${credentials.NAME}` stands for a placeholder, which the client fills in afterwards.

pub mod compiled;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

/// How one signs in: exactly one of its fields; none: nobody does.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AuthSection {
    /// A credential goes into a header as it is.
    pub header: Option<HeaderAuth>,
    /// `Authorization: Bearer`, with the credential of this name.
    #[schemars(with = "Option<String>")]
    pub bearer: Option<Spanned<String>>,
    /// `Authorization: Basic`.
    pub basic: Option<BasicAuth>,
    /// OAuth 2 client credentials.
    pub oauth2: Option<OAuth2>,
    /// A described request whose answer holds a token.
    #[schemars(with = "Option<LoginSection>")]
    pub login: Option<Spanned<LoginSection>>,
}

/// A credential in a header.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HeaderAuth {
    /// The header's name, such as `X-API-Key`.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// The credential of the `Portal`.
    pub credential: String,
    /// What stands before it in the header, such as `Token `.
    #[serde(default)]
    pub prefix: String,
}

/// `Authorization: Basic`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BasicAuth {
    /// The credential that is the user's name.
    pub user: String,
    /// The credential that is the password.
    pub password: String,
}

/// OAuth 2 client credentials (RFC 6749 section 4.4). A token is asked for again shortly before it expires, and once when it is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OAuth2 {
    /// Where tokens are given out: a path below the endpoint.
    #[schemars(with = "String")]
    pub token_path: Spanned<String>,
    /// The credential that is the client's id.
    pub client_id: String,
    /// The credential that is the client's secret.
    pub client_secret: String,
    /// Scopes, separated by spaces.
    pub scope: Option<String>,
    /// Further fields of the form, such as `audience`.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    /// True: id and secret go into the form; false: into `Authorization: Basic`.
    #[serde(default)]
    pub secret_in_form: bool,
}

/// A described request whose answer holds a token. The driver makes it before its first call, and once more when a call is answered with 401.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LoginSection {
    /// Its method; default `POST`.
    #[serde(default = "post")]
    pub method: Method,
    /// Its path below the endpoint.
    #[schemars(with = "String")]
    pub path: Spanned<String>,
    /// Its headers; `${credentials.NAME}` stands for a credential.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, Spanned<String>>,
    /// Its JSON body; `${credentials.NAME}` in a text stands for a credential.
    #[schemars(with = "Option<serde_json::Value>")]
    pub body: Option<Spanned<serde_json::Value>>,
    /// Its form, in place of a body.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub form: Option<BTreeMap<String, Spanned<String>>>,
    /// CEL over `response`: the token.
    #[schemars(with = "String")]
    pub token: Spanned<String>,
    /// CEL over `response`: how long the token lives, in seconds, or until when (RFC 3339). Absent: until it is refused.
    #[schemars(with = "Option<String>")]
    pub expires: Option<Spanned<String>>,
    /// The header of later calls that takes the token; default `Authorization`.
    #[schemars(with = "Option<String>")]
    pub header: Option<Spanned<String>>,
    /// What stands before the token in that header; default `Bearer ` in `Authorization`, nothing elsewhere.
    pub prefix: Option<String>,
}

/// A method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Does whatever the API says.
    Post,
    /// Puts what the body says in the object's place.
    Put,
    /// Changes what the body names.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

const fn post() -> Method {
    Method::Post
}

/// What makes a call act inside a tenant: one of the two, which takes the tenant's id.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InsideSection {
    /// A header of this name.
    #[schemars(with = "Option<String>")]
    pub header: Option<Spanned<String>>,
    /// A query parameter of this name.
    #[schemars(with = "Option<String>")]
    pub query: Option<Spanned<String>>,
}

/// How one page of a list follows another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PagingSection {
    /// The style.
    pub style: PagingStyle,
    /// The query parameter that says where a page begins; for `page`, `offset` and `cursor`.
    #[schemars(with = "Option<String>")]
    pub parameter: Option<Spanned<String>>,
    /// The first page's number or the first offset; default 1 for `page` and 0 for `offset`.
    pub first: Option<u64>,
    /// The query parameter that says how many items a page has.
    pub size_parameter: Option<String>,
    /// How many items are asked for; default 100. With `page` and `offset` a page with fewer is the last, unless `more` or `total` says otherwise.
    #[schemars(with = "Option<u64>")]
    pub size: Option<Spanned<u64>>,
    /// CEL over `response` and `last` (the page's last item): for `cursor`, where the next page begins; for `link`, its address. Absent, null or
    /// empty: there is none. Default for `link`: the header `Link` with `rel="next"`.
    #[schemars(with = "Option<String>")]
    pub next: Option<Spanned<String>>,
    /// CEL over `response` and `last`: whether another page follows.
    #[schemars(with = "Option<String>")]
    pub more: Option<Spanned<String>>,
    /// CEL over `response`: how many items the whole list has. A list that ends with another number was not read to its end.
    #[schemars(with = "Option<String>")]
    pub total: Option<Spanned<String>>,
}

/// How one page of a list follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PagingStyle {
    /// One answer has everything.
    None,
    /// Pages have numbers.
    Page,
    /// A page begins after so many items.
    Offset,
    /// A page begins at what the page before it said, or after its last item.
    Cursor,
    /// A page names the address of the next.
    Link,
}

/// What answers other than success mean: the first that fits. What fits none means what its status says (`docs/profiles.md` has the table).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ErrorsSection {
    /// Another object stands in the way: the call had no effect and never will.
    #[serde(default)]
    #[schemars(with = "Vec<ErrorSection>")]
    pub conflict: Vec<Spanned<ErrorSection>>,
    /// The object is not there.
    #[serde(default)]
    #[schemars(with = "Vec<ErrorSection>")]
    pub gone: Vec<Spanned<ErrorSection>>,
    /// The credentials do not allow it.
    #[serde(default)]
    #[schemars(with = "Vec<ErrorSection>")]
    pub forbidden: Vec<Spanned<ErrorSection>>,
    /// Too many calls: it had no effect and may be repeated later.
    #[serde(default)]
    #[schemars(with = "Vec<ErrorSection>")]
    pub throttled: Vec<Spanned<ErrorSection>>,
    /// It had no effect and may be repeated later.
    #[serde(default)]
    #[schemars(with = "Vec<ErrorSection>")]
    pub transient: Vec<Spanned<ErrorSection>>,
    /// It had no effect and never will.
    #[serde(default)]
    #[schemars(with = "Vec<ErrorSection>")]
    pub refused: Vec<Spanned<ErrorSection>>,
    /// CEL over `response`: what the portal says is wrong, for a person. Default: `message`, `error` or `detail` of the body.
    #[schemars(with = "Option<String>")]
    pub message: Option<Spanned<String>>,
}

/// Which answers: those of one of the statuses (default: any that is no success) for which the expression holds (default: all of them).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ErrorSection {
    /// Statuses.
    #[serde(default)]
    pub status: Vec<u16>,
    /// CEL over `response`. An expression that has no value does not hold.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
}

/// The headers by which a server says how fast one may call.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ThrottleSection {
    /// When to come back, in seconds or as a date; default `Retry-After`.
    pub retry_after: Option<String>,
    /// How many calls are left.
    pub remaining: Option<String>,
    /// When there are more again.
    pub reset: Option<String>,
    /// What `reset` holds; default `seconds`.
    #[serde(default)]
    pub reset_is: Reset,
}

/// What the header of a reset holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reset {
    /// Seconds from now.
    #[default]
    Seconds,
    /// Seconds since 1970.
    Epoch,
}

/// How long one waits.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TimeoutsSection {
    /// For a connection; default `10s`.
    #[schemars(with = "Option<String>")]
    pub connect: Option<Spanned<String>>,
    /// For a whole answer; default `30s`.
    #[schemars(with = "Option<String>")]
    pub request: Option<Spanned<String>>,
}

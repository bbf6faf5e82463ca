//! Where a portal's API is. Comes in: the `Portal`'s endpoint, then paths, and addresses that the server names. Goes out: URLs below the
//! endpoint. Never makes one above it or at another origin: a credential is bound to its endpoint's origin, and whoever could name a URL could
//! have it sent there.

use std::fmt::Write as _;

use url::{Host, Url};

use crate::portal::PortalError;

/// What is shown of an address that was refused.
const SHOWN: usize = 100;

/// Why an address may not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(pub String);

/// The endpoint of a portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(Url);

impl Base {
    /// An endpoint as a `Portal` names it.
    ///
    /// # Errors
    /// When it is no URL, has a user or password, a query or a fragment, or would send credentials through a network in the clear.
    pub fn new(endpoint: Option<&str>) -> Result<Self, PortalError> {
        let wrong = |why: &str| PortalError::Misconfigured(format!("spec.endpoint of the Portal {why}"));
        let text = endpoint.ok_or_else(|| wrong("is missing: give the address of its API, such as https://portal.example/api"))?;
        let url = Url::parse(text).map_err(|e| wrong(&format!("is no URL ({e}): give one such as https://portal.example/api")))?;
        // The URL is not quoted: it holds a secret.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds a user or a password: take them out, and name them under spec.credentials"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a query or a fragment: end it with the path below which the API is"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(wrong(
                    "begins with http://, which would show credentials to everybody on the way: write https://. Plain http is for this \
                     machine alone (localhost, 127.0.0.0/8, ::1)",
                ));
            }
            other => return Err(wrong(&format!("begins with {other}:, and only https:// is possible"))),
        }
        Ok(Self(url))
    }

    /// The endpoint.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port, for messages.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// The URL of a path below the endpoint. Values in it went through [`segment`].
    ///
    /// # Errors
    /// When the path is not plainly below.
    pub fn join(&self, path: &str) -> Result<Url, AddressError> {
        let refuse = |why: &str| Err(AddressError(format!("the path `{}` {why}", shown(path))));
        let relative = path.strip_prefix('/').unwrap_or(path);
        if path.chars().any(|c| c.is_control() || matches!(c, '\\' | '?' | '#' | ' ')) {
            return refuse("has a character that a path cannot have");
        }
        // A segment that is empty is a value that was: `users/` + nothing would be the list in place of the one.
        let trailing = relative.strip_suffix('/').unwrap_or(relative);
        if !trailing.is_empty() && trailing.split('/').any(|s| s.is_empty() || is_dots(s)) {
            return refuse("has an empty segment, or one of dots, which could lead elsewhere");
        }
        let base = self.0.path().trim_end_matches('/');
        let mut url = self.0.clone();
        url.set_path(&if relative.is_empty() { self.0.path().to_owned() } else { format!("{base}/{relative}") });
        Ok(url)
    }

    /// An address that the server names, absolute or relative to `at`: the next page, or where something was made.
    ///
    /// # Errors
    /// When it is at another origin.
    pub fn named(&self, at: &Url, address: &str) -> Result<Url, AddressError> {
        let url = at.join(address.trim()).map_err(|e| AddressError(format!("the server names an address that is none ({e})")))?;
        if url.origin() != self.0.origin() || !url.username().is_empty() || url.password().is_some() {
            let elsewhere = shown(&url.origin().ascii_serialization());
            return Err(AddressError(format!("the server names an address at {elsewhere}, which is not {}", self.origin())));
        }
        Ok(url)
    }
}

/// One segment of a path that holds this value, whatever is in it.
///
/// # Errors
/// When the value is empty, `.` or `..`: URLs read `%2e%2e` as `..` too, so nothing can write these.
pub fn segment(value: &str) -> Result<String, AddressError> {
    if value.is_empty() || is_dots(value) {
        return Err(AddressError(format!("`{value}` cannot stand in a path")));
    }
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        // RFC 3986's unreserved characters stand for themselves and no others do, so that no value reads as a delimiter.
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Writing to a text cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    Ok(encoded)
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

/// `.` or `..`, however it is written.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

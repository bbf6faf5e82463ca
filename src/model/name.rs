//! Names and addresses. A name is a slug; an e-mail address is a natural key, never a name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::kind::Kind;

/// The reserved tenant of the MSP itself.
pub const MSP: &str = "msp";

/// A slug: 1 to 63 of `a-z 0-9 -`, beginning and ending with a letter or digit (a DNS label, RFC 1123).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// The name of a tenant; `msp` is the MSP's own.
pub type TenantName = Name;
/// The name of a portal.
pub type PortalName = Name;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a name: use 1 to 63 lowercase letters, digits and hyphens, beginning and ending with a letter or digit")]
pub struct NameError {
    /// The offending text, cut to 80 characters.
    pub text: String,
}

impl Name {
    /// Longest name, in characters: a DNS label, so that a name can always become a host name or a Kubernetes object.
    pub const MAX: usize = 63;

    /// Checks a text and makes it a name.
    ///
    /// # Errors
    /// When the text is no slug.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        if bytes.len() <= Self::MAX && bytes.iter().all(|b| inner(*b)) && edge(bytes.first()) && edge(bytes.last()) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(NameError { text: text.chars().take(80).collect() })
        }
    }

    /// The reserved name of the MSP's own tenant.
    pub fn msp() -> Self {
        Self(Arc::from(MSP))
    }

    /// The nearest slug to any text (for names made from what a portal shows); empty texts become `unnamed`.
    pub fn slugify(text: &str) -> Self {
        let mut slug = String::with_capacity(text.len().min(Self::MAX));
        for c in text.chars().flat_map(char::to_lowercase) {
            if slug.len() >= Self::MAX {
                break;
            }
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_matches('-');
        Self(Arc::from(if slug.is_empty() { "unnamed" } else { slug }))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the MSP's own tenant.
    pub fn is_msp(&self) -> bool {
        &*self.0 == MSP
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// `<tenant>/<kind>/<name>`: the address of one resource, the same in every portal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The tenant it belongs to.
    pub tenant: TenantName,
    /// Its kind.
    pub kind: Kind,
    /// Its name, unique within tenant and kind.
    pub name: Name,
}

impl Address {
    /// The address of a resource.
    pub fn new(tenant: TenantName, kind: Kind, name: Name) -> Self {
        Self { tenant, kind, name }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.kind.def().slug, self.name)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: write `<tenant>/<kind>/<name>`, as in `acme/user/alice`")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let err = || AddressError(text.chars().take(200).collect());
        let mut parts = text.split('/');
        let (Some(tenant), Some(kind), Some(name), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(err());
        };
        Ok(Self {
            tenant: Name::new(tenant).map_err(|_| err())?,
            kind: Kind::from_slug(kind).ok_or_else(err)?,
            name: Name::new(name).map_err(|_| err())?,
        })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

//! What can be declared, as data: one [`KindDef`] a kind (in [`super::kinds`], one file each), made of [`FieldDef`]s.
//!
//! The manifest schema, lowering, diff, plan, guards, reports and the custom resources are all driven by these tables,
//! so that none of them names a kind. What a kind *means* to a person (who gains access, what holds data) is said here
//! by [`Sense`] and [`Bearing`], never by its name.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::kinds;
use super::secret::SecretRef;
use super::value::Value;

/// Every kind that can be declared. The order is the order in which things depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A portal in which customers live; configuration, never written to.
    Portal,
    /// A customer.
    Organization,
    /// An e-mail or web domain.
    Domain,
    /// A role.
    Role,
    /// A group.
    Group,
    /// A membership of a person or a service account.
    User,
    /// A connection, owned by the MSP or a customer, shared with others.
    Integration,
    /// Technicians who work in customers.
    Delegation,
    /// A gateway of one organization.
    Gateway,
    /// A monitored system of one organization.
    MonitoredSystem,
    /// Whom a notification targets.
    NotificationRule,
}

impl Kind {
    /// Every kind, in dependency order.
    pub const ALL: [Self; 11] = [
        Self::Portal,
        Self::Organization,
        Self::Domain,
        Self::Role,
        Self::Group,
        Self::User,
        Self::Integration,
        Self::Delegation,
        Self::Gateway,
        Self::MonitoredSystem,
        Self::NotificationRule,
    ];

    /// Its table.
    pub const fn def(self) -> &'static KindDef {
        match self {
            Self::Portal => &kinds::PORTAL,
            Self::Organization => &kinds::ORGANIZATION,
            Self::Domain => &kinds::DOMAIN,
            Self::Role => &kinds::ROLE,
            Self::Group => &kinds::GROUP,
            Self::User => &kinds::USER,
            Self::Integration => &kinds::INTEGRATION,
            Self::Delegation => &kinds::DELEGATION,
            Self::Gateway => &kinds::GATEWAY,
            Self::MonitoredSystem => &kinds::MONITORED_SYSTEM,
            Self::NotificationRule => &kinds::NOTIFICATION_RULE,
        }
    }

    /// Kinds that live in a portal, in dependency order.
    pub fn reconciled() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(|k| k.def().placement != Placement::Configuration)
    }

    /// The kind with this name, as in `kind: User`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.def().name == name)
    }

    /// The kind with this slug, as in an address.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.def().slug == slug)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.def().name)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.def().name)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown kind `{name}`")))
    }
}

/// Where documents of a kind stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Settings of the run, in no tenant.
    Configuration,
    /// The tenant itself.
    Tenant,
    /// Belongs to a tenant named by `spec.organization`; inline under this key of the tenant's document.
    Member {
        /// Key under the tenant's spec, such as `users`.
        inline: &'static str,
    },
    /// Belongs to the MSP's own tenant always.
    MspOnly,
}

/// What an object of a kind bears, so that guards and consequences need not know the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// Holds a customer's data: deleting it deletes data.
    Data,
    /// Gives somebody access: creating it lets in, deleting it locks out.
    Access,
    /// Neither.
    Settings,
}

/// The table of one kind.
#[derive(Debug)]
pub struct KindDef {
    /// The kind.
    pub kind: Kind,
    /// As in `kind:`, CamelCase.
    pub name: &'static str,
    /// As in an address, lowercase with hyphens.
    pub slug: &'static str,
    /// Short name of the custom resource, as in `kubectl get torg`; each begins with `t`, so that none is another project's.
    pub short: &'static str,
    /// In sentences: `user`, `monitored system`.
    pub noun: &'static str,
    /// Plural in sentences.
    pub nouns: &'static str,
    /// One line for schemas and docs.
    pub doc: &'static str,
    /// Where its documents stand.
    pub placement: Placement,
    /// What it bears.
    pub bearing: Bearing,
    /// Path of the field that is its natural key; `None`: its name is.
    pub key: Option<&'static str>,
    /// Its fields, in the order people read them.
    pub fields: &'static [FieldDef],
    /// What its fields below a dot have in common, by what is in front of the dot: `contact`, and one line for schemas and docs.
    pub sections: &'static [(&'static str, &'static str)],
}

impl KindDef {
    /// Its fields with their ids.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, &'static FieldDef)> {
        self.fields.iter().enumerate().map(|(i, f)| (FieldId(u8::try_from(i).unwrap_or(u8::MAX)), f))
    }

    /// A field by id. Ids come from this very table; one that does not is answered with a field that nothing matches.
    pub fn field(&self, id: FieldId) -> &'static FieldDef {
        static NONE: FieldDef = FieldDef::new("", FieldType::Bool, "");
        self.fields.get(usize::from(id.0)).unwrap_or(&NONE)
    }

    /// A field by its dotted path.
    pub fn field_named(&self, path: &str) -> Option<(FieldId, &'static FieldDef)> {
        self.fields().find(|(_, f)| f.path == path)
    }

    /// The fields with a sense.
    pub fn with_sense(&self, sense: Sense) -> impl Iterator<Item = (FieldId, &'static FieldDef)> {
        self.fields().filter(move |(_, f)| f.sense == sense)
    }

    /// The field that is its natural key, if its name is not.
    pub fn key_field(&self) -> Option<FieldId> {
        self.key.and_then(|path| self.field_named(path)).map(|(id, _)| id)
    }
}

/// A field's place in its kind's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u8);

/// One field of a kind; records are flattened, so that every leaf is compared, reported and managed by itself.
#[derive(Debug)]
pub struct FieldDef {
    /// Dotted path below `spec`, such as `contact.phone`.
    pub path: &'static str,
    /// What values it takes.
    pub ty: FieldType,
    /// One line for schemas and docs.
    pub doc: &'static str,
    /// Whether a manifest must give it.
    pub required: bool,
    /// What it means to the engine.
    pub sense: Sense,
}

impl FieldDef {
    /// An optional field with no special meaning.
    pub const fn new(path: &'static str, ty: FieldType, doc: &'static str) -> Self {
        Self { path, ty, doc, required: false, sense: Sense::Plain }
    }

    /// A manifest must give it.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Its meaning to the engine.
    #[must_use]
    pub const fn sense(self, sense: Sense) -> Self {
        Self { sense, ..self }
    }

    /// What a person calls it: `display name` for `displayName`, `contact phone` for `contact.phone`.
    pub fn words(&self) -> String {
        let mut words = String::with_capacity(self.path.len() + 4);
        for c in self.path.chars() {
            match c {
                '.' => words.push(' '),
                c if c.is_ascii_uppercase() => words.extend([' ', c.to_ascii_lowercase()]),
                c => words.push(c),
            }
        }
        words
    }
}

/// What a field means beyond its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// Nothing beyond its value.
    Plain,
    /// True: who holds this administers the tenant.
    Administrator,
    /// True: access is taken away while the object stays.
    Suspended,
    /// The tenants a thing is shared with; additions share, removals unshare.
    Share,
    /// What this object grants: roles, groups, permissions.
    Grant,
    /// An argument of creation; never compared afterwards.
    CreationOnly,
    /// A date before which creation waits.
    DeferUntil,
    /// True: an expired invitation is sent again.
    ResendWhenExpired,
    /// True: an e-mail goes out on creation.
    Notify,
    /// Licences by product: a consequence that costs money.
    Licences,
    /// True: everybody's access to this tenant is taken away while the tenant stays.
    Offboard,
    /// What the MSP tells its own things apart by.
    Label,
}

impl Sense {
    /// True for what the MSP says to itself: it takes effect without the portal, so a portal without such a field lacks nothing.
    pub const fn is_own(self) -> bool {
        matches!(self, Self::Offboard | Self::Label)
    }
}

/// What values a field takes.
#[derive(Debug)]
pub enum FieldType {
    /// A text of at most so many characters.
    Text(u16),
    /// True or false.
    Bool,
    /// A whole number within bounds, both included.
    Integer(i64, i64),
    /// One of these words.
    Enum(&'static [&'static str]),
    /// An e-mail address; compared in lower case.
    Email,
    /// A DNS name with at least one dot; compared in lower case, without a trailing dot.
    DomainName,
    /// A date, `YYYY-MM-DD`.
    Date,
    /// A time of day, `HH:MM`.
    Time,
    /// A span of time in hours, minutes and seconds, as `1h30m`.
    Duration,
    /// An `http://` or `https://` address.
    Url,
    /// The name of a resource of this kind in the same tenant; of an organization: anywhere.
    Ref(Kind),
    /// Organizations by `names` or by `selector` (`matchLabels`); worked out to a sorted list of names.
    Organizations,
    /// Values in an order that matters.
    List(&'static FieldType),
    /// Values without order or duplicates.
    Set(&'static FieldType),
    /// A record inside a list.
    Record(&'static [FieldDef]),
    /// Free keys.
    Map(&'static FieldType),
    /// A reference to a secret.
    Secret,
}

impl FieldType {
    /// Brings a well-typed value to the one form in which equal means equal; `None` if it is not of this type.
    pub fn normalise(&self, value: Value) -> Option<Value> {
        Some(match (self, value) {
            (Self::Text(_) | Self::Enum(_) | Self::Date | Self::Time | Self::Duration | Self::Url | Self::Ref(_), v @ Value::Text(_)) => v,
            (Self::Bool, v @ Value::Bool(_)) => v,
            (Self::Integer(..), v @ Value::Integer(_)) => v,
            (Self::Email, Value::Text(t)) => lower(t),
            (Self::DomainName, Value::Text(t)) => match t.strip_suffix('.') {
                Some(bare) => Value::Text(bare.to_ascii_lowercase().into()),
                None => lower(t),
            },
            (Self::Organizations, Value::List(items)) => set(items.into_iter().map(|v| v.as_text().is_some().then_some(v)))?,
            (Self::List(ty), Value::List(items)) => Value::List(items.into_iter().map(|v| ty.normalise(v)).collect::<Option<_>>()?),
            (Self::Set(ty), Value::List(items)) => set(items.into_iter().map(|v| ty.normalise(v)))?,
            (Self::Record(fields), Value::Map(entries)) => Value::Map(
                entries
                    .into_iter()
                    .map(|(k, v)| {
                        let field = fields.iter().find(|f| *f.path == *k)?;
                        Some((k, field.ty.normalise(v)?))
                    })
                    .collect::<Option<_>>()?,
            ),
            (Self::Map(ty), Value::Map(entries)) => {
                Value::Map(entries.into_iter().map(|(k, v)| Some((k, ty.normalise(v)?))).collect::<Option<_>>()?)
            }
            (Self::Secret, v) => Value::Secret(Box::new(SecretRef::from_value(&v)?)),
            _ => return None,
        })
    }

    /// True where values hold secrets.
    pub const fn is_secret(&self) -> bool {
        match self {
            Self::Secret => true,
            Self::List(ty) | Self::Set(ty) | Self::Map(ty) => ty.is_secret(),
            _ => false,
        }
    }

    /// The kind that values refer to, if they do.
    pub const fn refers_to(&self) -> Option<Kind> {
        match self {
            Self::Ref(kind) => Some(*kind),
            Self::Organizations => Some(Kind::Organization),
            Self::List(ty) | Self::Set(ty) => ty.refers_to(),
            _ => None,
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(max) => write!(f, "a text of at most {max} characters"),
            Self::Bool => f.write_str("true or false"),
            Self::Integer(min, max) => write!(f, "a whole number from {min} to {max}"),
            Self::Enum(words) => write!(f, "one of {}", words.join(", ")),
            Self::Email => f.write_str("an e-mail address"),
            Self::DomainName => f.write_str("a domain name"),
            Self::Date => f.write_str("a date (YYYY-MM-DD)"),
            Self::Time => f.write_str("a time of day (HH:MM)"),
            Self::Duration => f.write_str("a span of time (such as 30s, 10m or 1h30m)"),
            Self::Url => f.write_str("an http or https address"),
            Self::Ref(kind) => write!(f, "the name of a {}", kind.def().noun),
            Self::Organizations => f.write_str("organizations, by `names` or `selector`"),
            Self::List(ty) => write!(f, "a list; each item {ty}"),
            Self::Set(ty) => write!(f, "a set; each item {ty}"),
            Self::Record(fields) => {
                write!(f, "a record of {}", fields.iter().map(|d| d.path).collect::<Vec<_>>().join(", "))
            }
            Self::Map(ty) => write!(f, "a map; each value {ty}"),
            Self::Secret => f.write_str("a reference to a secret (`env`, `file` or `secretKeyRef`)"),
        }
    }
}

fn lower(text: Box<str>) -> Value {
    if text.bytes().any(|b| b.is_ascii_uppercase()) { Value::Text(text.to_ascii_lowercase().into()) } else { Value::Text(text) }
}

fn set(items: impl Iterator<Item = Option<Value>>) -> Option<Value> {
    let mut items: Vec<_> = items.collect::<Option<_>>()?;
    items.sort();
    items.dedup();
    Some(Value::List(items))
}

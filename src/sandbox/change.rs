//! What somebody asks of the played portal, and what comes of it. The screens and the API both speak this.

use secrecy::SecretString;

use crate::model::rule::Violation;
use crate::model::{FieldId, Fields, IntentAction, Kind, LiveObject};

/// One thing that is asked for.
#[derive(Debug, Clone)]
pub struct Change {
    /// The id of the tenant that it is in, or `msp`; of no meaning where the tenant itself is made.
    pub tenant: Box<str>,
    /// What to do.
    pub action: IntentAction,
    /// The kind of what changes.
    pub kind: Kind,
    /// Its id; `None` for a creation.
    pub object: Option<Box<str>>,
    /// Its name, where the portal asks for one (a subdomain, say); `None`: made from what people call it.
    pub name: Option<Box<str>>,
    /// All fields of a creation, or those that an update sets. A reference holds an id, or what a person calls the object.
    pub fields: Fields,
    /// The fields that an update clears.
    pub cleared: Vec<FieldId>,
    /// Secrets, by field and key within the field.
    pub secrets: Vec<(FieldId, Box<str>, SecretString)>,
    /// Creations in the same form or call, such as an organization's first administrator: all are done, or none.
    pub with: Vec<Change>,
    /// The idempotency key, where the portal takes one.
    pub intent: Option<Box<str>>,
}

impl Change {
    /// A creation in a tenant.
    pub fn create(tenant: &str, kind: Kind, fields: Fields) -> Self {
        Self {
            tenant: tenant.into(),
            action: IntentAction::Create,
            kind,
            object: None,
            name: None,
            fields,
            cleared: Vec::new(),
            secrets: Vec::new(),
            with: Vec::new(),
            intent: None,
        }
    }

    /// Something that is done to an object of a tenant.
    pub fn to(tenant: &str, action: IntentAction, kind: Kind, object: &str, fields: Fields) -> Self {
        Self { action, object: Some(object.into()), ..Self::create(tenant, kind, fields) }
    }
}

/// What came of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Performed {
    /// The object as the portal shows it now; `None` after a deletion.
    pub object: Option<LiveObject>,
    /// What was made in the same form or call, in the order of [`Change::with`].
    pub with: Vec<LiveObject>,
    /// What the portal made by itself beside it.
    pub beside: Vec<LiveObject>,
    /// Rules that warn, or that say that the portal brings it about by itself.
    pub warnings: Vec<Violation>,
}

/// Why something is not done. Nothing of it has had an effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A rule of the portal forbids it.
    #[error("{rule}: {message}")]
    Rule {
        /// The rule's ID.
        rule: String,
        /// Its own words.
        message: String,
    },
    /// The portal says no: a value is missing or wrong, a key is taken.
    #[error("{0}")]
    Invalid(String),
    /// Something of that key is there already.
    #[error("{0}")]
    Taken(String),
    /// There is no such thing, for this caller.
    #[error("{0}")]
    NotFound(String),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// The sandbox's own storage fails.
    #[error("the sandbox cannot use its storage: {0}")]
    Storage(String),
}

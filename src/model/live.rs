//! The live state: what a portal said it has, and how far that can be believed.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::{FieldId, Kind, KindDef};
use super::value::Fields;
use super::work_order::Observation;

/// How far a collection can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Read to its end: what is not in it is proven absent.
    Complete,
    /// Not read to its end: what is not in it is unknown.
    Incomplete {
        /// Why, in words for a person.
        why: String,
    },
    /// The portal cannot be read for this kind: only attestations speak.
    Unreadable,
}

/// What state an object is in beyond its fields. A state is never drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ObjectState {
    /// In use.
    #[default]
    Active,
    /// Invited; not accepted yet.
    Invited,
    /// Invited; the invitation has expired.
    InvitationExpired,
    /// Asked for; the portal (or a technician) has not finished it.
    Pending,
}

/// One object in a portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveObject {
    /// Its kind.
    pub kind: Kind,
    /// The portal's own id.
    pub id: Box<str>,
    /// Its natural key, normalised as [`normalise_key`] does.
    pub key: Box<str>,
    /// Its fields, normalised; references hold the ids of what they refer to.
    pub fields: Fields,
    /// Its state.
    pub state: ObjectState,
    /// The installation that marked it as its own, where the portal keeps such marks.
    pub owner: Option<Box<str>>,
    /// The idempotency key it was created with, where the portal shows that.
    pub created_by: Option<Box<str>>,
    /// True: the portal's own (a system user, a guest): never drift, never pruned.
    pub portals_own: bool,
}

impl LiveObject {
    /// The table of its kind.
    pub fn def(&self) -> &'static KindDef {
        self.kind.def()
    }
}

/// The objects of one kind in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// How far it can be believed.
    pub completeness: Completeness,
    /// What it has, in any order.
    pub objects: Vec<LiveObject>,
}

impl Collection {
    /// A collection read to its end.
    pub fn complete(objects: Vec<LiveObject>) -> Self {
        Self { completeness: Completeness::Complete, objects }
    }

    /// A collection of which only part is known.
    pub fn incomplete(why: impl Into<String>, objects: Vec<LiveObject>) -> Self {
        Self { completeness: Completeness::Incomplete { why: why.into() }, objects }
    }
}

/// What a portal said of one tenant. A kind without a collection is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveTenant {
    /// By kind.
    pub collections: BTreeMap<Kind, Collection>,
    /// Fields that nobody can tell of objects that are there, by kind and id: what tells them was not read to its end. They are not in the objects,
    /// which does not mean that they are empty.
    pub unknown: BTreeMap<(Kind, Box<str>), BTreeSet<FieldId>>,
    /// What the portal shows of the tenant beside what is declared, by the names that its profile gives.
    pub observed: BTreeMap<Box<str>, Observation>,
}

impl LiveTenant {
    /// The objects of a kind.
    pub fn objects(&self, kind: Kind) -> &[LiveObject] {
        self.collections.get(&kind).map_or(&[], |c| &c.objects)
    }

    /// True if nobody can tell a field of an object that is there.
    pub fn is_unknown(&self, object: &LiveObject, field: FieldId) -> bool {
        !self.unknown.is_empty() && self.unknown.get(&(object.kind, object.id.clone())).is_some_and(|fields| fields.contains(&field))
    }

    /// True if nobody can tell some field of an object.
    pub fn has_unknown(&self, kind: Kind, id: &str) -> bool {
        !self.unknown.is_empty() && self.unknown.get(&(kind, id.into())).is_some_and(|fields| !fields.is_empty())
    }

    /// True if what is not in the collection is proven absent.
    pub fn is_complete(&self, kind: Kind) -> bool {
        self.collections.get(&kind).is_some_and(|c| c.completeness == Completeness::Complete)
    }
}

/// Who holds a natural key that is unique over a whole portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyHolder {
    /// Proven: nobody.
    Free,
    /// An object of this tenant; `None`: of a tenant we can't see or name.
    Held {
        /// The name of the tenant that holds it.
        tenant: Option<String>,
        /// The object's id, if shown.
        id: Option<String>,
    },
    /// The portal did not say.
    Unknown {
        /// Why.
        why: String,
    },
}

/// The one form of a natural key: trimmed, lower case, no trailing dot.
pub fn normalise_key(key: &str) -> Box<str> {
    key.trim().trim_end_matches('.').to_lowercase().into()
}

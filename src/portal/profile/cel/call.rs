//! A call as the expressions of screens see it: the variables of rules, and what a technician needs to find the place.
//!
//! Comes in: a [`Subject`](crate::model::rule::Subject) and a few texts. Goes out: values that borrow them. `live` is not there: what a work order says must not hang on
//! what was seen when it was written.

use cel::common::value::Val;

use super::views::{SubjectScope, null, text};
use super::{Meter, Scope};

/// What an expression of a screen may name.
pub(in crate::portal::profile) const CALL_VARIABLES: [&str; 11] =
    ["self", "oldSelf", "name", "key", "kind", "action", "tenant", "desired", "account", "id", "organization"];

/// What it may name on a screen that is visited once for each item.
pub(in crate::portal::profile) const VISIT_VARIABLES: [&str; 12] =
    ["self", "oldSelf", "name", "key", "kind", "action", "tenant", "desired", "account", "id", "organization", "item"];

/// Gives a screen its variables.
#[derive(Debug, Clone, Copy)]
pub struct CallScope<'a> {
    /// The change, as rules see it.
    pub subject: SubjectScope<'a>,
    /// The resource's name: known for a deletion too.
    pub name: &'a str,
    /// Its natural key.
    pub key: &'a str,
    /// The object's id in the portal; `None`: not known.
    pub id: Option<&'a str>,
    /// The name by which people know the tenant's organization; `None`: not known.
    pub organization: Option<&'a str>,
    /// What a person calls the item that the screen is visited for.
    pub item: Option<&'a str>,
}

impl Scope for CallScope<'_> {
    fn variable<'v>(&'v self, name: &str, meter: &'v Meter) -> Option<Box<dyn Val + 'v>> {
        let or_null = |known: Option<&'v str>| known.map_or_else(null, text);
        match name {
            "name" => Some(text(self.name)),
            "key" => Some(text(self.key)),
            "id" => Some(or_null(self.id)),
            "organization" => Some(or_null(self.organization)),
            "item" => self.item.map(text),
            "live" => None,
            other => self.subject.variable(other, meter),
        }
    }
}

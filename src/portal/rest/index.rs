//! The tenants that a portal shows: which there are, by id and by name.
//!
//! Comes in: the lists of organizations. Goes out: for each tenant that is asked for, whether it is there, proven absent, or nobody knows.

use std::collections::BTreeMap;

use crate::model::{Name, TenantName};
use crate::portal::TenantKey;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Names by id.
    pub(super) names: BTreeMap<String, TenantName>,
    /// Why there may be more.
    pub(super) incomplete: Option<String>,
    /// The id of the MSP's own tenant.
    pub(super) msp: Option<String>,
}

/// What is known of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// It is there. `None`: the MSP's own, in an API that has no id for it.
    There(Option<String>),
    /// Proven: it is not.
    Absent,
    /// Nobody knows.
    Unknown(String),
}

impl Index {
    /// Where a tenant is: by its id, and where that is not known any more, by its name.
    pub(super) fn place(&self, key: &TenantKey) -> Place {
        if key.name.is_msp() {
            return Place::There(self.msp.clone());
        }
        if let Some(id) = key.id.as_deref().filter(|id| self.names.contains_key(*id)) {
            return Place::There(Some(id.to_owned()));
        }
        let mut named = self.names.iter().filter(|(_, name)| **name == key.name).map(|(id, _)| id);
        match (named.next(), named.next(), &self.incomplete) {
            (Some(one), Some(two), _) => {
                Place::Unknown(format!("the portal shows two tenants called {}, with the ids {one} and {two}", key.name))
            }
            (Some(id), None, None) => Place::There(Some(id.clone())),
            (None, _, None) => Place::Absent,
            // Another of the same name may be in what was not read.
            (_, _, Some(why)) => Place::Unknown(why.clone()),
        }
    }

    /// The name of the tenant with an id.
    pub(super) fn name(&self, id: &str) -> Option<TenantName> {
        if self.msp.as_deref() == Some(id) { Some(Name::msp()) } else { self.names.get(id).cloned() }
    }
}

//! What a portal demands before a write and what a write brings about, as the plan asks for it. A profile answers (in CEL); tests answer by hand.

use serde::{Deserialize, Serialize};

use super::desired::{Resource, Tenant};
use super::kind::Kind;
use super::ledger::IntentAction;
use super::live::LiveTenant;
use super::name::TenantName;
use super::portal_spec::Account;
use super::value::Fields;

/// What a change brings about beyond the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// An e-mail goes out.
    Email,
    /// It cannot be undone.
    Irreversible,
    /// The portal deletes or changes other objects with it.
    Cascade,
    /// Data is deleted.
    DataLoss,
    /// A licence is taken.
    Licence,
    /// A technician does it by hand.
    Technician,
}

/// What a rule looks at: one change about to be made, and what is around it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The tenant.
    pub tenant: &'a TenantName,
    /// The kind of what changes.
    pub kind: Kind,
    /// What is about to be done.
    pub action: IntentAction,
    /// What is declared; `None` for a deletion.
    pub declared: Option<&'a Resource>,
    /// The declared fields that the portal supports; `None` for a deletion.
    pub after: Option<&'a Fields>,
    /// The live fields; `None` for a creation, or offline.
    pub before: Option<&'a Fields>,
    /// All that the tenant declares.
    pub desired: Option<&'a Tenant>,
    /// All that is live in the tenant; `None` offline.
    pub live: Option<&'a LiveTenant>,
    /// The MSP's own account in the portal.
    pub account: &'a Account,
}

/// What becomes of a change that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is refused.
    Refuses,
    /// It is made, and a person is told.
    Warns,
    /// It is not made, and a person is told why: the portal brings it about by itself.
    LeavesOut,
}

/// A rule that a change breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule's ID, such as `ITC-3`.
    pub rule: String,
    /// What becomes of the change.
    pub verdict: Verdict,
    /// What is wrong and what to do, in words for a technician.
    pub message: String,
}

/// What a portal demands and brings about.
pub trait Conduct: Send + Sync {
    /// The rules that a change breaks, in the order of the profile.
    fn violations(&self, subject: &Subject<'_>) -> Vec<Violation>;
    /// What a change brings about, sorted.
    fn effects(&self, subject: &Subject<'_>) -> Vec<Effect>;
    /// Who gets the e-mails of a change that sends some; empty: whom its natural key names.
    fn recipients(&self, _subject: &Subject<'_>) -> Vec<String> {
        Vec::new()
    }
    /// Who may enter the tenant from then on because of an e-mail that a change sends, beside whom it is about.
    fn admitted(&self, _subject: &Subject<'_>) -> Vec<String> {
        Vec::new()
    }
    /// What a change brings about, in words for a person.
    fn said_of_effects(&self, _subject: &Subject<'_>) -> Vec<String> {
        Vec::new()
    }
    /// What people call a value that the portal shows of a tenant beside what is declared.
    fn observed_title(&self, _name: &str) -> Option<&str> {
        None
    }
}

//! The three-way difference of desired, last applied and live, for one tenant in one portal.
//!
//! Comes in: an [`Input`], all of it values. Goes out: a [`TenantDiff`]. Names no kind and no portal: what differs between them is in
//! [`Capabilities`] and in the kinds' tables. Never guesses: what is not proven becomes a [`Finding`].
//!
//! Reading order: here, then `identity` (which object is which resource), `declared` and `present` (one declared resource), `absence` (what speaks for its not being there), `fields` (one
//! object's fields), `undeclared` (what is ours and no longer declared), `begun` (what earlier runs left open), `unfinished` (what they left half done), `orders` (what technicians were
//! asked to do), `wait` (what cannot be done before something else is finished).

mod absence;
mod begun;
mod declared;
mod fields;
mod identity;
mod names;
mod offboard;
mod orders;
mod present;
mod referrers;
mod types;
mod undeclared;
mod unfinished;
mod wait;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub(crate) use absence::holder_in;
pub use fields::created_only;
pub use identity::Identity;
pub(crate) use names::names;
pub use types::{Action, Cause, Drift, DriftKind, FieldChange, Finding, Retained, Unmanaged, Waiting};
pub(crate) use types::{former_key, intents, performer};
pub(crate) use wait::{needs, targets, waits};

use crate::model::live::{KeyHolder, normalise_key};
use crate::model::{
    Address, Capabilities, Digest, FieldId, Fields, KeyScope, Kind, LedgerState, LiveTenant, PortalSpec, Resource, Tenant, TenantName,
};

/// What a diff looks at.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The portal's document.
    pub portal: &'a PortalSpec,
    /// What the portal can do.
    pub capabilities: &'a Capabilities,
    /// Our installation id.
    pub installation: &'a str,
    /// The tenant.
    pub tenant: &'a TenantName,
    /// What is declared; `None`: the tenant is not declared, or not for this portal.
    pub desired: Option<&'a Tenant>,
    /// What is live.
    pub live: &'a LiveTenant,
    /// What is ours.
    pub ledger: &'a LedgerState,
    /// Who holds the portal-wide keys that [`keys_to_ask`] named.
    pub holders: &'a BTreeMap<(Kind, Box<str>), KeyHolder>,
    /// MAC of each declared secret field, or why it cannot be read.
    pub macs: &'a BTreeMap<(Address, FieldId), Result<Digest, String>>,
    /// Names of the portal's tenants by their ids there: what shares refer to.
    pub organizations: &'a BTreeMap<Box<str>, TenantName>,
    /// What people call each organization that is declared: texts of work orders name them.
    pub names: &'a BTreeMap<TenantName, Box<str>>,
    /// Now.
    pub now: Timestamp,
    /// What is wanted.
    pub purpose: Purpose,
}

/// What is wanted of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Bring the portal in step.
    Converge,
    /// Only look at what differs from what was last applied.
    Look,
    /// Take away what is ours.
    Destroy,
}

/// What differs in one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantDiff {
    /// By address; what is in step is not in here.
    pub deltas: Vec<Delta>,
    /// What somebody changed in the portal; by address.
    pub drift: Vec<Drift>,
    /// What nobody declared; by kind and key.
    pub unmanaged: Vec<Unmanaged>,
    /// What is no longer declared and stays; by address.
    pub retained: Vec<Retained>,
    /// What waits; by address.
    pub waiting: Vec<Waiting>,
    /// What would be done if what it needs were finished: each is in no list above until then.
    pub held: Vec<Held>,
    /// Those of `waiting` that do not exist until then.
    pub unfinished: BTreeSet<Address>,
    /// Those of `unfinished` that a technician was asked to make: what technicians do as well need not wait for them.
    pub ordered: BTreeSet<Address>,
    /// Invitations not accepted yet.
    pub awaiting_acceptance: u64,
    /// Intents of earlier runs whose outcome this reading shows or that nobody asks for any more, and which no delta takes up: to be settled.
    pub settled: Vec<(Address, Box<str>)>,
}

/// A difference that waits for another resource. It is kept whole: a portal's rule may say that nobody is to do it at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What would be done.
    pub delta: Delta,
    /// What it waits for.
    pub waits: Waiting,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// What differs.
    pub address: Address,
    /// Its address before, where it was renamed.
    pub previous: Option<Address>,
    /// Its natural key.
    pub key: Box<str>,
    /// The portal's id of it.
    pub id: Option<Box<str>>,
    /// What would bring it in step, the main thing first; empty: nothing can until a finding is dealt with.
    pub actions: Vec<Action>,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
    /// Why.
    pub cause: Cause,
    /// Why, in a sentence.
    pub reason: String,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// The live fields, references by name; `None`: it is not there.
    pub before: Option<Fields>,
    /// The declared fields that the portal supports; empty for what is not declared.
    pub desired: Fields,
    /// Protection to record.
    pub protect: Option<bool>,
    /// The intent of an earlier run that this takes up.
    pub resumes: Option<Box<str>>,
}

impl Delta {
    /// A difference about which nothing is known yet.
    pub(crate) fn about(address: Address, key: Box<str>) -> Self {
        Self {
            address,
            previous: None,
            key,
            id: None,
            actions: Vec::new(),
            fields: Vec::new(),
            cause: Cause::Manifest,
            reason: String::new(),
            findings: Vec::new(),
            before: None,
            desired: Fields::new(),
            protect: None,
            resumes: None,
        }
    }
}

/// Compares one tenant in one portal.
pub fn tenant(input: &Input<'_>) -> TenantDiff {
    let identity = Identity::new(input);
    let mut out = TenantDiff::default();
    for resource in declared_resources(input) {
        declared::compare(input, &identity, resource, &mut out);
    }
    undeclared::compare(input, &identity, &mut out);
    identity.unmanaged(input, &mut out);
    offboard::strangers(input, &identity, &mut out);
    orders::reconcile(input, &mut out);
    unfinished::reconcile(input, &mut out);
    wait::for_what_is_unfinished(input, &mut out);
    referrers::of_what_goes(&identity, &mut out);
    begun::settle(input, &identity, &mut out);
    out.deltas.sort_by(|a, b| a.address.cmp(&b.address));
    out.drift.sort_by(|a, b| a.address.cmp(&b.address));
    out.retained.sort_by(|a, b| a.address.cmp(&b.address));
    out.waiting.sort_by(|a, b| a.address.cmp(&b.address));
    out.held.sort_by(|a, b| a.delta.address.cmp(&b.delta.address));
    out
}

/// The natural keys that are unique over the portal and about to be taken: whoever reads the portal asks who holds them.
pub fn keys_to_ask(input: &Input<'_>) -> Vec<(Kind, Box<str>)> {
    let identity = Identity::new(input);
    declared_resources(input)
        .filter(|r| {
            let portal_wide = input.capabilities.kind(r.address.kind).is_some_and(|c| c.key_scope == KeyScope::Portal);
            let takes = |object: &crate::model::LiveObject| r.def().key_field().is_some() && *object.key != *normalise_key(r.natural_key());
            portal_wide && input.live.is_complete(r.address.kind) && identity.object_of(r).is_none_or(takes)
        })
        .map(|r| (r.address.kind, normalise_key(r.natural_key())))
        .collect()
}

/// What counts as declared for this purpose: nothing when destroying, and no access in a tenant that is offboarded.
fn declared_resources<'a>(input: &Input<'a>) -> impl Iterator<Item = &'a Resource> {
    let wanted = if input.purpose == Purpose::Destroy { None } else { input.desired };
    let offboarded = wanted.is_some_and(Tenant::offboarded);
    wanted.into_iter().flat_map(|t| &t.resources).filter(move |r| !(offboarded && r.def().bearing == crate::model::kind::Bearing::Access))
}

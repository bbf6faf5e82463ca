//! Work orders: changes that a technician makes by hand, as values. A driver writes the instructions, the ledger keeps the items, a technician
//! says what became of them.
//!
//! A *work order* is what one portal asks of one technician after one apply; its *items* are single changes, each kept open by an intent. An item
//! is never edited: a manifest that changed meanwhile makes a new revision of it, with another reference, so that whoever confirms says which
//! text they followed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::{FieldId, Kind, KindDef, Placement};
use super::ledger::{Attestation, Digest, IntentAction, LedgerRow};
use super::name::Address;
use super::value::Fields;

/// How a step, a rule or a field of a portal is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Provenance {
    /// The portal's manual.
    #[serde(rename = "m")]
    Manual,
    /// Another page of the vendor's documentation.
    #[serde(rename = "d")]
    Documentation,
    /// Inferred: wherever it is used, it is said.
    #[serde(rename = "i")]
    Inferred,
}

/// What a technician is to do for one change: screens in the vendor's own menu order, and what to bring back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Instructions {
    /// One line: what this is, such as `Create organization Acme GmbH`.
    pub title: String,
    /// The place of its first screen in the vendor's menu: items of one order are sorted by it.
    pub menu_place: u32,
    /// Screens, in the order in which they are visited.
    pub screens: Vec<Screen>,
    /// What to bring back.
    pub evidence: Vec<EvidenceWanted>,
}

/// One screen of the portal and what is done there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Screen {
    /// The way to it through the vendor's menu; empty: the screen before goes on, or no page says where it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub menu: Vec<String>,
    /// Steps, in order.
    pub steps: Vec<Step>,
}

/// One thing that a technician does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What is done.
    #[serde(flatten)]
    pub act: Act,
    /// Which page says so; `None`: no page that we know documents it, and the work order says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Provenance>,
}

/// What is done in a step. Labels are the portal's own words, as its screens show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "act", rename_all = "camelCase")]
pub enum Act {
    /// Press a button, a tab or a link.
    Press {
        /// Its label.
        label: String,
    },
    /// In the table, find the row that shows a text; then open its menu and press an entry, or open the row itself.
    Row {
        /// What the row shows.
        shows: String,
        /// The entry of its menu; `None`: the row is opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<String>,
    },
    /// Type a text into a field.
    Fill {
        /// The field's label.
        label: String,
        /// What to type: copied as it is.
        value: String,
    },
    /// Pick an entry of a list, a drop-down or a search's suggestions.
    Choose {
        /// The list's label.
        label: String,
        /// The entry.
        value: String,
    },
    /// Set a check box.
    Tick {
        /// Its label.
        label: String,
        /// Whether it is to be set.
        on: bool,
    },
    /// Type a secret, which the work order names and never holds.
    Secret {
        /// The field's label.
        label: String,
        /// Where the technician finds the secret, such as `env TENANT_SECRET_ACME_VIDEO`.
        reference: String,
    },
    /// Open an address that the portal gave.
    Visit {
        /// The address.
        url: String,
    },
    /// Look, and go on only if it is so.
    Look {
        /// What must be so.
        text: String,
    },
    /// Something that no page we know documents: what is to be reached, never how.
    Reach {
        /// What is to be so afterwards.
        text: String,
    },
}

/// Something that a technician brings back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceWanted {
    /// Its name, for `--evidence NAME=VALUE`.
    pub name: String,
    /// What to read off, for a person.
    pub ask: String,
    /// What it must be, compared as people compare: without regard to case, spaces and the slash at the end of an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// What it may be as well; where nothing is expected, all that it may be. None of both: anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// True: it tells the customer, so that another value means that another customer was picked.
    #[serde(default)]
    pub customer: bool,
    /// True: it may be left out.
    #[serde(default)]
    pub optional: bool,
    /// True: it is the portal's id of the object.
    #[serde(default)]
    pub id: bool,
}

/// One change that waits for a technician, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkItem {
    /// The intent that it keeps open: unique.
    pub intent: Box<str>,
    /// How a person names it: hexadecimal digits over its content, of which as many are enough as no other item begins with. Another revision has
    /// another one.
    pub reference: Box<str>,
    /// The work order that it belongs to.
    pub order: Box<str>,
    /// What it is about.
    pub address: Address,
    /// What is to be done.
    pub action: IntentAction,
    /// Who is to do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// When it was given out; a revision keeps the first time.
    pub given: Timestamp,
    /// Digest of the plan that gave it out.
    pub plan: Box<str>,
    /// `--ticket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// What to do.
    pub instructions: Instructions,
    /// Digest of what is declared (action, key and fields by name): another one means that the manifest has changed meanwhile.
    pub content: Digest,
    /// What is recorded once it is confirmed: its own object first, then what is made with it.
    pub records: Vec<WorkRecord>,
    /// What the driver learnt before the person's turn, by name; it goes into the calls that follow.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learnt: BTreeMap<String, String>,
    /// True: calls follow once it is confirmed, so the object is not there yet.
    #[serde(default)]
    pub calls_follow: bool,
    /// What became of it.
    pub state: WorkState,
    /// References of earlier revisions, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<Box<str>>,
    /// What the revisions in [`Self::replaces`] said, in the same order: whoever followed one of them is told how it differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerText>,
    /// Digest of the names that its text has for what it is in and what it refers to: another one means that its text is out of date, though
    /// nothing of it changed. `None`: it was given out before names were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Digest>,
    /// What was recorded of its objects before it was confirmed, in the order of [`Self::records`]: who takes a confirmation back finds it here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<RecordedBefore>,
}

/// What was recorded of an object before a confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedBefore {
    /// Its row; `None`: it was not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<LedgerRow>,
    /// What a person had recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
}

/// What an earlier revision of an item said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormerText {
    /// Its reference.
    pub reference: Box<str>,
    /// When another one replaced it.
    pub replaced: Timestamp,
    /// What it said.
    pub instructions: Instructions,
}

impl WorkItem {
    /// What [`Self::content`] is of a change: its action, its natural key, and the declared values of the fields that it is about.
    pub fn content_of(def: &'static KindDef, action: IntentAction, key: &str, desired: &Fields, about: impl Fn(FieldId) -> bool) -> Digest {
        let mut fields = Fields::new();
        desired.iter().filter(|(id, _)| about(*id)).for_each(|(id, value)| fields.set(id, value.clone()));
        Digest::of(serde_json::json!([action, key, fields.to_json(def)]).to_string().as_bytes())
    }

    /// How many sorts of things of the same tenant come before it: what is made comes before what needs it, and deletions come last, the other
    /// way round.
    pub fn level(&self) -> usize {
        let rank = Kind::ALL.iter().position(|kind| *kind == self.address.kind).unwrap_or(0);
        if self.action == IntentAction::Delete { 2 * Kind::ALL.len() - rank } else { rank }
    }

    /// True if it makes a tenant.
    pub fn makes_tenant(&self) -> bool {
        self.action == IntentAction::Create && self.address.kind.def().placement == Placement::Tenant
    }

    /// Least of a name that a person says: less is a slip of the pen.
    pub const SHORTEST: usize = 4;

    /// True for a name of it, in any case: its reference, or enough of its beginning that a person would say no less.
    pub fn is_called(&self, name: &str) -> bool {
        begins(&self.reference, name)
    }

    /// True for a name of an earlier revision of it.
    pub fn was_called(&self, name: &str) -> bool {
        self.replaces.iter().any(|former| begins(former, name))
    }

    /// True for a name of the order that it is in.
    pub fn is_in(&self, order: &str) -> bool {
        begins(&self.order, order)
    }

    /// Fields as a [`WorkRecord`] has them: in JSON and without secrets.
    pub fn recorded(def: &'static KindDef, fields: &Fields) -> serde_json::Value {
        let mut shown = Fields::new();
        fields.iter().filter(|(id, _)| !def.field(*id).ty.is_secret()).for_each(|(id, value)| shown.set(id, value.clone()));
        shown.to_json(def)
    }
}

/// True for a name, or enough of its beginning.
fn begins(name: &str, said: &str) -> bool {
    let beginning = || said.len() >= WorkItem::SHORTEST && name.get(..said.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(said));
    name.eq_ignore_ascii_case(said) || beginning()
}

/// What a confirmation records of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkRecord {
    /// The intent of this object: the item's own, or that of what is made with it.
    pub intent: Box<str>,
    /// What it is about.
    pub address: Address,
    /// Its fields as declared, references by name, without secrets; `None`: it is gone afterwards.
    pub fields: Option<serde_json::Value>,
    /// Its row in the ledger once that is so; `None`: it is gone afterwards.
    pub row: Option<LedgerRow>,
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum WorkState {
    /// It waits for its technician.
    Open,
    /// It was done.
    Confirmed {
        /// By whom.
        by: String,
        /// When.
        #[schemars(with = "String")]
        at: Timestamp,
        /// What was brought back, by name.
        evidence: BTreeMap<String, String>,
    },
    /// It could not be done. It stays with the plan until the manifest changes or somebody skips it.
    Failed {
        /// Who says so.
        by: String,
        /// When.
        #[schemars(with = "String")]
        at: Timestamp,
        /// Why.
        why: String,
    },
    /// It is not done, and goes back to the plan: the next apply gives it out anew.
    Skipped {
        /// Who says so.
        by: String,
        /// When.
        #[schemars(with = "String")]
        at: Timestamp,
        /// Why.
        why: String,
    },
}

impl WorkState {
    /// True while its intent stays open.
    pub const fn keeps_intent(&self) -> bool {
        matches!(self, Self::Open | Self::Failed { .. })
    }
}

/// Something that a portal shows of a tenant beside what is declared: counts of users, licences, the last audit line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// As the portal shows it.
    pub value: String,
    /// When it was seen.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Who read it off a screen; `None`: a driver read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Observation {
    /// Whole days since it was seen; none if that is to come.
    pub fn age_days(&self, now: Timestamp) -> i64 {
        (now.duration_since(self.at).as_hours() / 24).max(0)
    }

    /// True: it was seen longer ago than records are believed.
    pub fn is_old(&self, now: Timestamp, believed_for_days: u64) -> bool {
        u64::try_from(now.duration_since(self.at).as_hours()).unwrap_or(0) > believed_for_days.saturating_mul(24)
    }
}

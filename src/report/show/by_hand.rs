//! What technicians said of a tenant, and what they are still asked: values that they read off a screen, records and their age, open items of
//! work orders. Comes in: values, and *now*. Goes out: text, or JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::escape::visible;
use super::super::style::{Style, Tone, table};
use super::super::view::seen_words;
use crate::model::ledger::LedgerState;
use crate::model::live::LiveTenant;
use crate::model::{Address, IntentAction, Observation, WorkState};

/// What technicians said of a tenant, and what they are still asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ByHand {
    /// What the portal shows of it beside what is declared.
    pub observed: Vec<ObservedState>,
    /// What it would show, and nobody has looked at: the names for people.
    #[serde(default)]
    pub not_looked_at: Vec<String>,
    /// Items of work orders that wait, or whose calls are still to come.
    pub work: Vec<ItemState>,
    /// What was recorded of its resources.
    pub attested: Vec<AttestedState>,
}

/// One observed value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedState {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The value, when it was seen, and by whom.
    #[serde(flatten)]
    pub seen: Observation,
    /// Days since then.
    pub age_days: i64,
    /// True: it was seen longer ago than the portal's records are believed.
    pub old: bool,
}

/// One item of a work order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ItemState {
    /// Its reference.
    pub reference: String,
    /// The order it belongs to.
    pub order: String,
    /// What it is about.
    #[schemars(with = "String")]
    pub address: Address,
    /// What is to be done.
    #[schemars(with = "String")]
    pub action: IntentAction,
    /// Who is to do it.
    pub assignee: Option<String>,
    /// What became of it.
    pub state: WorkState,
}

/// One record of what was in the portal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttestedState {
    /// What it is about.
    #[schemars(with = "String")]
    pub address: Address,
    /// Whether it was seen, or seen not to be there.
    pub present: bool,
    /// Who recorded it.
    pub by: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Days since then.
    pub age_days: i64,
    /// Until when it is believed.
    #[schemars(with = "String")]
    pub until: Timestamp,
    /// False: it is too old to be believed.
    pub believed: bool,
}

impl ByHand {
    /// What a ledger and a portal have of a tenant. `titles`: what observed values are called by people; `believed_for_days`: how long the
    /// portal's records are believed.
    pub fn new(
        ledger: &LedgerState,
        live: Option<&LiveTenant>,
        titles: &BTreeMap<String, String>,
        believed_for_days: u64,
        now: Timestamp,
    ) -> Self {
        let mut newest: BTreeMap<&str, &Observation> = ledger.observed.iter().map(|(name, seen)| (&**name, seen)).collect();
        for (name, seen) in live.into_iter().flat_map(|l| &l.observed) {
            let slot = newest.entry(name).or_insert(seen);
            if seen.at >= slot.at {
                *slot = seen;
            }
        }
        let observed = newest.into_iter().map(|(name, seen)| ObservedState {
            name: name.to_owned(),
            title: titles.get(name).cloned().unwrap_or_else(|| name.to_owned()),
            seen: seen.clone(),
            age_days: seen.age_days(now),
            old: seen.is_old(now, believed_for_days),
        });
        let known = |name: &str| ledger.observed.contains_key(name) || live.is_some_and(|l| l.observed.contains_key(name));
        let not_looked_at = titles.iter().filter(|(name, _)| !known(name)).map(|(_, title)| title.clone()).collect();
        let work = ledger.work.values().map(|item| ItemState {
            reference: item.reference.to_string(),
            order: item.order.to_string(),
            address: item.address.clone(),
            action: item.action,
            assignee: item.assignee.clone(),
            state: item.state.clone(),
        });
        let attested = ledger.attestations.values().map(|a| AttestedState {
            address: a.address.clone(),
            present: a.present,
            by: a.by.clone(),
            at: a.at,
            age_days: days(now, a.at),
            until: a.until,
            believed: a.until >= now,
        });
        let mut work: Vec<_> = work.collect();
        work.sort_by(|a, b| (&a.address, &a.reference).cmp(&(&b.address, &b.reference)));
        Self { observed: observed.collect(), not_looked_at, work, attested: attested.collect() }
    }

    /// What was recorded of a resource.
    pub(super) fn of(&self, address: &Address) -> Option<&AttestedState> {
        self.attested.iter().find(|a| a.address == *address)
    }

    /// As text; empty where no technician has to do with the tenant. `shown`: resources whose records are shown beside them.
    pub(super) fn text(&self, out: &mut String, style: &Style, shown: &BTreeSet<&Address>) {
        for ObservedState { name: _, title, seen, age_days, old } in &self.observed {
            let by = seen.by.as_ref().map_or_else(String::new, |by| format!(" by {}", visible(by)));
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(out, "  {}: {} ({}{by})", visible(title), visible(&seen.value), seen_words(*age_days, *old));
        }
        if !self.not_looked_at.is_empty() {
            let titles: Vec<_> = self.not_looked_at.iter().map(|title| visible(title)).collect();
            let _ =
                writeln!(out, "  Nobody has looked yet: {}; `tenantry runbook observe` records what the screens show", titles.join(", "));
        }
        self.section(out, style, "Waits for a technician", &self.work.iter().map(ItemState::row).collect::<Vec<_>>());
        self.section(out, style, "Recorded by hand", &self.beside(shown));
    }

    /// The records of what is neither declared nor in the ledger.
    fn beside(&self, shown: &BTreeSet<&Address>) -> Vec<Vec<String>> {
        self.attested.iter().filter(|a| !shown.contains(&a.address)).map(AttestedState::row).collect()
    }

    fn section(&self, out: &mut String, style: &Style, heading: &str, rows: &[Vec<String>]) {
        if !rows.is_empty() {
            let _ = writeln!(out, "  {}", style.paint(Tone::Heading, heading));
            out.push_str(&table(rows, 4));
        }
    }
}

impl ItemState {
    fn row(&self) -> Vec<String> {
        let state = match &self.state {
            WorkState::Open => "open".to_owned(),
            WorkState::Confirmed { by, .. } => format!("confirmed by {by}; calls follow"),
            WorkState::Failed { by, why, .. } => format!("{by} could not do it: {why}"),
            WorkState::Skipped { by, why, .. } => format!("skipped by {by}: {why}"),
        };
        let to = self.assignee.as_ref().map_or_else(String::new, |who| format!("for {}", visible(who)));
        let what = format!("{} {}/{}", self.action.word(), self.address.kind.def().slug, self.address.name);
        vec![self.reference.clone(), what, format!("work order {}", visible(&self.order)), to, visible(&state).into_owned()]
    }
}

impl AttestedState {
    fn row(&self) -> Vec<String> {
        vec![format!("{}/{}", self.address.kind.def().slug, self.address.name), self.words()]
    }

    /// Who recorded what and when, and until when it is believed.
    pub(super) fn words(&self) -> String {
        let there = if self.present { "recorded" } else { "recorded as not there" };
        let until = if self.believed { "believed until" } else { "no longer believed since" };
        let day = |at: Timestamp| at.strftime("%Y-%m-%d");
        format!("{there} by {} on {}, {until} {}", visible(&self.by), day(self.at), day(self.until))
    }
}

fn days(now: Timestamp, then: Timestamp) -> i64 {
    let since: SignedDuration = now.duration_since(then);
    since.as_hours() / 24
}

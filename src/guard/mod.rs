//! The guards: small rules that a plan must pass before anything is written.
//!
//! Comes in: a plan and the [`Policy`] of the run. Goes out: the same plan with what each guard refuses and the digests that a person may
//! approve ([`judge`]), then with what was passed marked as such ([`approve`]). Never changes what a plan does, never reads or writes
//! anything, and knows no portal and no kind by name: it goes by what a kind bears and what a field means.
//!
//! A guard is a code, a reason, a number with its reason, and a check of a few lines; one file each in `rules/`, listed in [`GUARDS`], which
//! `docs/guards.md` is generated from. To add one: a file there, a line in the table, a test of what it refuses and of its nearest neighbour.

mod approve;
mod docs;
mod loss;
mod policy;
mod rules;

use std::collections::BTreeMap;

use crate::model::portal_spec::Limits;
use crate::model::{Kind, PortalName};
use crate::plan::{Action, Body, Change, Finding, Judged, Mode, Plan, Refusal, Unchecked, Unit};

pub use approve::{Approval, Approvals, NOT_APPROVED, Unused, approve, approve_by_digest};
pub use docs::docs;
pub use policy::{CountOrPercent, CountOrPercentError, Policy, PortalPolicy, Tighten};
pub use rules::GUARDS;

/// One rule that a plan must pass.
#[derive(Debug)]
pub struct Guard {
    /// Stable: `G` and three digits; what `--allow` names.
    pub code: &'static str,
    /// A few words.
    pub name: &'static str,
    /// Whether a person may pass it.
    pub nature: Nature,
    /// What it refuses, in sentences.
    pub refuses: &'static str,
    /// Why that is refused.
    pub why: &'static str,
    /// Its number and the reason for it; `None`: it counts nothing.
    pub number: Option<&'static str>,
    /// What to do, one sentence without a full stop; how to pass it is added where that can be done.
    pub remedy: &'static str,
    /// How it looks. Most guards look in one way.
    pub checks: &'static [Check],
}

/// True of the guard of what a portal did not say: it may say it the next time that it is asked.
pub fn may_pass_by_itself(code: &str) -> bool {
    code == rules::INCOMPLETE_OBSERVATION
}

/// Whether a person may pass a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It may be right after all: approving the digest or allowing the code passes it.
    Judgement,
    /// Something is not as it must be; no approval changes that.
    Fact,
}

/// How a guard looks at a plan. What it is about is what it blocks: a change or a tenant that tenant, the run every tenant.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// At what was noticed about a change; the sentence if it refuses.
    Finding(fn(&Change, &Finding) -> Option<String>),
    /// At one change.
    Change(fn(&InTenant<'_>, &Change) -> Option<Refused>),
    /// At one tenant in one portal.
    Tenant(fn(&InTenant<'_>) -> Vec<Refused>),
    /// At all of them together.
    Run(fn(&InRun<'_>) -> Vec<Refused>),
}

/// What a guard sees of one tenant in one portal.
#[derive(Debug)]
pub struct InTenant<'a> {
    /// What kind of plan it is.
    pub mode: Mode,
    /// What is planned there.
    pub unit: &'a Unit,
    /// The portal's limits after flags tightened them.
    pub limits: Limits,
    /// The portal's policy; `None`: this run doesn't know the portal.
    pub portal: Option<&'a PortalPolicy>,
}

impl InTenant<'_> {
    /// What is deleted: a replacement deletes too.
    pub fn deletions(&self) -> impl Iterator<Item = &Change> {
        self.unit.changes.iter().filter(|c| deletes(c))
    }

    /// How much is deleted, by kind.
    pub fn deletions_by_kind(&self) -> BTreeMap<Kind, u64> {
        let mut counts = BTreeMap::new();
        self.deletions().for_each(|c| *counts.entry(c.address.kind).or_insert(0) += 1);
        counts
    }
}

/// What a guard sees of the whole run.
#[derive(Debug)]
pub struct InRun<'a> {
    /// The plan.
    pub body: &'a Body,
    /// The policy of the run.
    pub policy: &'a Policy,
}

impl InRun<'_> {
    /// The smallest of a limit over these portals. A portal in which nothing of the sort happens has no say.
    pub fn smallest<'p>(&self, portals: impl Iterator<Item = &'p PortalName>, limit: fn(&Limits) -> u64) -> Option<u64> {
        portals.map(|portal| limit(&self.policy.limits(portal))).min()
    }
}

/// What a check refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    message: String,
    numbers: Option<(u64, u64)>,
    remedy: Option<&'static str>,
}

impl Refused {
    /// For a reason, one sentence.
    pub fn because(message: impl Into<String>) -> Self {
        Self { message: message.into(), numbers: None, remedy: None }
    }

    /// About a number: how many there are, and how many there may be (or must be).
    pub fn with_numbers(self, have: u64, limit: u64) -> Self {
        Self { numbers: Some((have, limit)), ..self }
    }

    /// With another remedy than the guard's, where that does not fit.
    pub fn with_remedy(self, remedy: &'static str) -> Self {
        Self { remedy: Some(remedy), ..self }
    }
}

/// True if a change takes an object away, to make it anew or not. A technician's deletion is one too.
pub(crate) fn deletes(change: &Change) -> bool {
    change.has(Action::Delete) || change.has(Action::Replace)
}

/// Judges a plan by every guard, and seals its digests. What an earlier judgement said is overwritten: a plan that was loaded from a file
/// may claim anything.
pub fn judge(plan: Plan<Unchecked>, policy: &Policy) -> Plan<Judged> {
    let mut plan = plan;
    let verdicts: Vec<_> = plan.body.units.iter().map(|unit| judge_unit(plan.body.mode, unit, policy)).collect();
    plan.body.refusals = judge_run(&InRun { body: &plan.body, policy });
    for (unit, verdict) in plan.body.units.iter_mut().zip(verdicts) {
        unit.refusals = verdict.tenant;
        unit.changes.iter_mut().zip(verdict.changes).for_each(|(change, refusals)| change.blocked_by = refusals);
    }
    crate::plan::seal(&mut plan.body);
    say_how_to_pass(&mut plan.body);
    plan.into_stage()
}

struct Verdict {
    tenant: Vec<Refusal>,
    /// In the order of the unit's changes.
    changes: Vec<Vec<Refusal>>,
}

fn judge_unit(mode: Mode, unit: &Unit, policy: &Policy) -> Verdict {
    let at = InTenant { mode, unit, limits: policy.limits(&unit.portal), portal: policy.portals.get(&unit.portal) };
    let changes = unit.changes.iter().map(|change| gather(|guard, check| of_change(guard, check, &at, change))).collect();
    let tenant = gather(|guard, check| match check {
        Check::Tenant(check) => refusals(guard, check(&at)),
        Check::Finding(_) | Check::Change(_) | Check::Run(_) => Vec::new(),
    });
    Verdict { tenant, changes }
}

fn of_change(guard: &Guard, check: &Check, at: &InTenant<'_>, change: &Change) -> Vec<Refusal> {
    match check {
        Check::Finding(check) => refusals(guard, change.findings.iter().filter_map(|f| check(change, f)).map(Refused::because)),
        Check::Change(check) => refusals(guard, check(at, change)),
        Check::Tenant(_) | Check::Run(_) => Vec::new(),
    }
}

fn judge_run(run: &InRun<'_>) -> Vec<Refusal> {
    gather(|guard, check| match check {
        Check::Run(check) => refusals(guard, check(run)),
        Check::Finding(_) | Check::Change(_) | Check::Tenant(_) => Vec::new(),
    })
}

/// What every check of every guard says, in the order of the table.
fn gather(ask: impl Fn(&Guard, &Check) -> Vec<Refusal>) -> Vec<Refusal> {
    GUARDS
        .iter()
        .flat_map(|guard| guard.checks.iter().map(move |check| (guard, check)))
        .flat_map(|(guard, check)| ask(guard, check))
        .collect()
}

fn refusals(guard: &Guard, refused: impl IntoIterator<Item = Refused>) -> Vec<Refusal> {
    let refusal = |refused: Refused| Refusal {
        code: guard.code.to_owned(),
        fact: guard.nature == Nature::Fact,
        message: refused.message,
        help: refused.remedy.unwrap_or(guard.remedy).to_owned(),
        have: refused.numbers.map(|(have, _)| have),
        limit: refused.numbers.map(|(_, limit)| limit),
        passed: None,
    };
    refused.into_iter().map(refusal).collect()
}

/// Completes each remedy with the very flags that pass it; the digests are known only once all refusals are.
fn say_how_to_pass(body: &mut Body) {
    let complete = |refusal: &mut Refusal, digest: &str, fact: Option<&str>| {
        if refusal.fact {
            refusal.help.push_str("; no approval passes this");
        } else if let Some(fact) = fact {
            refusal.help.push_str(&format!("; an approval passes it, but not {fact}, which holds the same tenant"));
        } else {
            let code = &refusal.code;
            refusal.help.push_str(&format!("; if it is meant, pass `--approve-digest {digest}` or `--allow {code}=REASON`"));
        }
    };
    body.refusals.iter_mut().for_each(|r| complete(r, &body.digest, None));
    for unit in &mut body.units {
        let fact = unit.refused().find(|hold| hold.refusal.fact).map(|hold| hold.refusal.code.clone());
        let own = unit.refusals.iter_mut().chain(unit.changes.iter_mut().flat_map(|c| &mut c.blocked_by));
        own.for_each(|r| complete(r, &unit.digest, fact.as_deref()));
    }
}

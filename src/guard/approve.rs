//! Passing refusals. Comes in: a judged plan and what a person said. Goes out: an approved plan, in which refusals of judgement may be
//! marked as passed, and what was said in vain. Never passes a refusal of fact, and never lets one tenant's digest pass another's refusal.

use std::fmt;

use super::{GUARDS, Nature};
use crate::plan::{Approved, Body, Judged, Plan, Refusal};

/// What stands in a guard's place where a tenant's part of a plan was not approved.
pub const NOT_APPROVED: &str = "not approved";

/// What a person said to pass guards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals {
    /// `--approve-digest`: the run's digest passes everything in this very plan, a unit's what is in that unit.
    pub digests: Vec<String>,
    /// `--allow CODE=REASON`: passes what that guard refuses, anywhere in this plan.
    pub allow: Vec<(String, String)>,
}

/// An approved plan, and what was said in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a digest that matches nothing or a code that nobody knows is an error to report"]
pub struct Approval {
    /// The plan; what still stands holds its tenant back.
    pub plan: Plan<Approved>,
    /// What was said in vain, in the order given: digests first.
    pub unused: Vec<Unused>,
}

/// Something a person said that can pass nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unused {
    /// A digest that is neither the run's nor a unit's: the plan is another one.
    Digest(String),
    /// A code that no guard has.
    Code(String),
    /// The code of a guard of fact.
    Fact(String),
    /// A code without a reason.
    NoReason(String),
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => {
                write!(
                    f,
                    "`--approve-digest {digest}` matches nothing in this plan: what would be done has changed; read the plan and approve its digest"
                )
            }
            Self::Code(code) => write!(f, "`--allow {code}` names no guard: docs/guards.md lists them"),
            Self::Fact(code) => write!(f, "`--allow {code}` cannot be given: {code} refuses for a fact, which no approval passes"),
            Self::NoReason(code) => write!(f, "`--allow {code}` needs a reason, which goes into the audit record: `--allow {code}=REASON`"),
        }
    }
}

/// Marks what was passed.
pub fn approve(plan: Plan<Judged>, approvals: &Approvals) -> Approval {
    let mut plan = plan;
    let unused = unused(&plan.body, approvals);
    let Body { units, refusals, digest, .. } = &mut plan.body;
    let run = approvals.digests.contains(digest);
    refusals.iter_mut().for_each(|r| pass(r, run, approvals));
    for unit in units {
        let approved = run || approvals.digests.contains(&unit.digest);
        let own = unit.refusals.iter_mut().chain(unit.changes.iter_mut().flat_map(|c| &mut c.blocked_by));
        own.for_each(|r| pass(r, approved, approvals));
    }
    Approval { plan: plan.into_stage(), unused }
}

/// As [`approve`], for want of any other consent: a unit that neither its own digest nor the run's approves is held as [`NOT_APPROVED`].
pub fn approve_by_digest(plan: Plan<Judged>, approvals: &Approvals) -> Approval {
    let mut approval = approve(plan, approvals);
    let Body { units, digest, .. } = &mut approval.plan.body;
    let run = approvals.digests.contains(digest);
    for unit in units.iter_mut().filter(|u| !run && !u.changes.is_empty() && !approvals.digests.contains(&u.digest)) {
        unit.refusals.push(Refusal {
            code: NOT_APPROVED.to_owned(),
            // Nothing passes the want of an approval but an approval.
            fact: true,
            message: "nobody approved what would be done in this tenant".to_owned(),
            help: format!("read it, and give `--approve-digest {}` as well, or the digest of the whole plan", unit.digest),
            have: None,
            limit: None,
            passed: None,
        });
    }
    approval
}

/// A reason says more than a digest, so it is what is recorded where both were given.
fn pass(refusal: &mut Refusal, digest_approved: bool, approvals: &Approvals) {
    if refusal.fact {
        return;
    }
    let reason = approvals.allow.iter().find(|(code, reason)| *code == refusal.code && !reason.trim().is_empty());
    refusal.passed = match reason {
        Some((_, reason)) => Some(reason.trim().to_owned()),
        None => digest_approved.then(|| "digest".to_owned()),
    };
}

fn unused(body: &Body, approvals: &Approvals) -> Vec<Unused> {
    let known = |digest: &String| body.digest == *digest || body.units.iter().any(|u| u.digest == *digest);
    let digests = approvals.digests.iter().filter(|d| !known(d)).cloned().map(Unused::Digest);
    let codes = approvals.allow.iter().filter_map(|(code, reason)| match GUARDS.iter().find(|g| g.code == *code) {
        None => Some(Unused::Code(code.clone())),
        Some(guard) if guard.nature == Nature::Fact => Some(Unused::Fact(code.clone())),
        Some(_) if reason.trim().is_empty() => Some(Unused::NoReason(code.clone())),
        Some(_) => None,
    });
    digests.chain(codes).collect()
}

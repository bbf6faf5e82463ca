//! Tests of guard: hand-built minimal plans, each judged by every guard, so that "and nothing else" is part of every expectation.

mod approval;
mod digest;
mod policy;
mod rules;

use jiff::Timestamp;
use tenantry::guard::{Policy, PortalPolicy, Tighten, judge};
use tenantry::model::{Address, FieldId, Fields, Kind, Name, Performer, Value};
use tenantry::plan::*;

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// The policy of one portal, `main`, with default limits; `ops@msp.example` is our own account.
pub(super) fn policy() -> Policy {
    let portal = PortalPolicy { account_email: Some("Ops@msp.example".to_owned()), ..PortalPolicy::default() };
    Policy { portals: [(name("main"), portal)].into(), tighten: Tighten::default() }
}

pub(super) fn body(units: Vec<Unit>) -> Body {
    Body {
        awaiting_acceptance: 0,
        mode: Mode::Normal,
        now: Timestamp::UNIX_EPOCH,
        inputs: Inputs::default(),
        units,
        diagnostics: Vec::new(),
        refusals: Vec::new(),
        digest: String::new(),
    }
}

/// A declared tenant in portal `main`, in which enough is declared and ours that no share of it is large.
pub(super) fn unit(tenant: &str, changes: Vec<Change>) -> Unit {
    Unit {
        settled: Vec::new(),
        observed: Vec::new(),
        portal: name("main"),
        tenant: name(tenant),
        tenant_id: None,
        changes,
        drift: Vec::new(),
        unmanaged: Vec::new(),
        retained: Vec::new(),
        left_out: Vec::new(),
        waiting: Vec::new(),
        consequences: Consequences::default(),
        facts: Facts {
            owned: Kind::reconciled().map(|kind| (kind, 1000)).collect(),
            declared: 20_000,
            tenant_declared: true,
            reach: tenantry::plan::Reach::default(),
            administrators_in_doubt: [].into(),
            offboarded: false,
        },
        refusals: Vec::new(),
        digest: String::new(),
    }
}

pub(super) fn change(action: Action, at: &str) -> Change {
    let address = address(at);
    Change {
        key: format!("{}@{}.example", address.name, address.tenant).into(),
        address,
        previous: None,
        id: None,
        actions: vec![action],
        fields: Vec::new(),
        cause: Cause::Manifest,
        reason: "because".to_owned(),
        source: None,
        effects: Vec::new(),
        mail_to: Vec::new(),
        admits: Vec::new(),
        effects_said: Vec::new(),
        depends_on: Vec::new(),
        carried_by: None,
        performer: Performer::Call,
        findings: Vec::new(),
        blocked_by: Vec::new(),
        desired: Fields::new(),
        protect: None,
        resumes: None,
    }
}

/// `count` changes of a kind in a tenant.
pub(super) fn many(count: u64, action: Action, tenant: &str, kind: &str) -> Vec<Change> {
    (0..count).map(|n| change(action, &format!("{tenant}/{kind}/x{n}"))).collect()
}

pub(super) fn field(at: &Address, path: &str) -> FieldId {
    at.kind.def().field_named(path).unwrap().0
}

/// A change with one field that differs.
pub(super) fn with_field(mut change: Change, path: &str, before: Option<Value>, after: Option<Value>) -> Change {
    let field = field(&change.address, path);
    change.fields.push(FieldChange { field, before, after, sensitive: false, cause: Cause::Manifest });
    change
}

pub(super) fn found(at: &str, finding: Finding) -> Change {
    Change { findings: vec![finding], ..change(Action::Update, at) }
}

/// What refuses a plan: one line a refusal, as `place code have/limit`.
pub(super) fn refused(body: &Body) -> Vec<String> {
    let line = |hold: Hold<'_>| {
        let place = match (hold.unit, hold.change) {
            (None, _) => "run".to_owned(),
            (Some(unit), None) => unit.tenant.to_string(),
            (Some(_), Some(change)) => change.address.to_string(),
        };
        let numbers = hold.refusal.have.zip(hold.refusal.limit).map(|(have, limit)| format!(" {have}/{limit}"));
        format!("{place} {}{}", hold.refusal.code, numbers.unwrap_or_default())
    };
    body.refused().map(line).collect()
}

/// What refuses a plan under a policy: exactly this.
#[track_caller]
pub(super) fn check_under(policy: &Policy, body: Body, expected: &[&str]) {
    assert_eq!(refused(&judge(Plan::unchecked(body), policy).body), expected);
}

/// What refuses a plan of one tenant under the default policy: exactly this.
#[track_caller]
pub(super) fn check(unit: Unit, expected: &[&str]) {
    check_under(&policy(), body(vec![unit]), expected);
}

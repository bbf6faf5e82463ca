//! Who passes what, and what holds what.

use tenantry::guard::{Approvals, GUARDS, Unused, approve, judge};
use tenantry::plan::*;

use super::*;

fn judged(units: Vec<Unit>) -> Plan<Judged> {
    judge(Plan::unchecked(body(units)), &policy())
}

fn digests(digests: &[&str]) -> Approvals {
    Approvals { digests: digests.iter().map(|d| (*d).to_owned()).collect(), allow: Vec::new() }
}

fn allow(allow: &[(&str, &str)]) -> Approvals {
    let allow = allow.iter().map(|(code, reason)| ((*code).to_owned(), (*reason).to_owned())).collect();
    Approvals { digests: Vec::new(), allow }
}

/// `acme` deletes an organization, `beta` updates a group.
fn two() -> Vec<Unit> {
    vec![unit("acme", vec![change(Action::Delete, "acme/organization/acme")]), unit("beta", many(1, Action::Update, "beta", "group"))]
}

#[track_caller]
fn released(plan: Plan<Judged>, approvals: &Approvals, expected: &[&str]) {
    let approval = approve(plan, approvals);
    assert_eq!(approval.plan.released().map(|u| u.tenant.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(approval.unused, []);
}

#[test]
fn a_guard_of_a_tenant_holds_that_tenant_and_no_other() {
    released(judged(two()), &Approvals::default(), &["beta"]);
    let tenant = vec![unit("acme", many(6, Action::Delete, "acme", "group")), unit("beta", Vec::new())];
    released(judged(tenant), &Approvals::default(), &["beta"]);
}

#[test]
fn a_guard_of_the_run_holds_every_tenant() {
    let mut units: Vec<_> = (0..11).map(|n| unit(&format!("t{n}"), many(5, Action::Delete, &format!("t{n}"), "group"))).collect();
    units.push(unit("calm", many(1, Action::Update, "calm", "group")));
    released(judged(units), &Approvals::default(), &[]);
}

#[test]
fn the_runs_digest_and_the_units_pass_what_is_theirs() {
    let plan = judged(two());
    released(plan.clone(), &digests(&[&plan.body.digest]), &["acme", "beta"]);
    released(plan.clone(), &digests(&[&plan.body.units[0].digest]), &["acme", "beta"]);
    released(plan.clone(), &digests(&[&plan.body.units[1].digest]), &["beta"]);
}

#[test]
fn a_units_digest_does_not_pass_the_run() {
    let plan = judged((0..11).map(|n| unit(&format!("t{n:02}"), many(5, Action::Delete, &format!("t{n:02}"), "group"))).collect());
    let units: Vec<_> = plan.body.units.iter().map(|u| u.digest.as_str()).collect();
    released(plan.clone(), &digests(&units), &[]);
    assert_eq!(approve(plan.clone(), &digests(&[&plan.body.digest])).plan.released().count(), 11);
}

#[test]
fn a_code_with_a_reason_passes_and_the_reason_is_recorded() {
    let approval = approve(judged(two()), &allow(&[("G006", " customer left, TICKET-7 ")]));
    assert_eq!(approval.unused, []);
    assert_eq!(approval.plan.body.units[0].changes[0].blocked_by[0].passed.as_deref(), Some("customer left, TICKET-7"));
    let by_digest = judged(two());
    let digest = by_digest.body.digest.clone();
    let approval = approve(by_digest, &digests(&[&digest]));
    assert_eq!(approval.plan.body.units[0].changes[0].blocked_by[0].passed.as_deref(), Some("digest"));
    released(judged(two()), &allow(&[("G001", "another guard's code")]), &["beta"]);
}

#[test]
fn what_is_said_in_vain_is_told() {
    let approvals = Approvals {
        digests: vec!["sha256:00".to_owned()],
        allow: [("G999", "why"), ("g006", "why"), ("G010", "why"), ("G006", "  ")].map(|(c, r)| (c.to_owned(), r.to_owned())).to_vec(),
    };
    let approval = approve(judged(two()), &approvals);
    let code = |code: &str| code.to_owned();
    let expected = [
        Unused::Digest(code("sha256:00")),
        Unused::Code(code("G999")),
        Unused::Code(code("g006")),
        Unused::Fact(code("G010")),
        Unused::NoReason(code("G006")),
    ];
    assert_eq!(approval.unused, expected);
    assert_eq!(approval.plan.released().map(|u| u.tenant.as_str()).collect::<Vec<_>>(), ["beta"]);
}

#[test]
fn a_fact_is_passed_by_nothing() {
    let facts = [
        Finding::Protected,
        Finding::ForeignOwner { owner: String::new() },
        Finding::ObservationIncomplete { why: String::new() },
        Finding::AmbiguousIdentity { why: String::new() },
        Finding::UnreadableSecret { why: String::new() },
        Finding::CreationResultUnknown { why: String::new() },
        Finding::KeyTaken { by: String::new() },
        Finding::Unreachable { why: String::new() },
    ];
    for finding in facts {
        let plan = judged(vec![unit("acme", vec![found("acme/user/ann", finding.clone())])]);
        let everything = Approvals {
            digests: vec![plan.body.digest.clone(), plan.body.units[0].digest.clone()],
            allow: GUARDS.iter().map(|g| (g.code.to_owned(), "please".to_owned())).collect(),
        };
        let approved = approve(plan, &everything).plan;
        assert_eq!(approved.released().count(), 0, "{finding:?}");
        assert!(approved.body.refused().all(|hold| hold.refusal.fact && hold.refusal.passed.is_none()), "{finding:?}");
    }
}

#[test]
fn a_loaded_plan_that_claims_to_have_passed_is_judged_again() {
    let mut forged = judged(two()).body;
    forged.units[0].changes[0].blocked_by[0].passed = Some("digest".to_owned());
    released(judge(Plan::unchecked(forged.clone()), &policy()), &Approvals::default(), &["beta"]);
    forged.units[0].changes[0].blocked_by.clear();
    released(judge(Plan::unchecked(forged), &policy()), &Approvals::default(), &["beta"]);
}

#[test]
fn a_fact_stands_whatever_it_says_of_itself() {
    let mut plan = approve(judged(vec![unit("acme", vec![found("acme/user/ann", Finding::Protected)])]), &Approvals::default()).plan;
    plan.body.units[0].changes[0].blocked_by[0].passed = Some("digest".to_owned());
    assert_eq!(plan.released().count(), 0);
}

#[test]
fn the_remedy_of_a_judgement_names_the_very_flags_and_a_facts_names_none() {
    let alone = judged(vec![unit("acme", vec![change(Action::Delete, "acme/organization/acme")])]);
    let passes = format!("; if it is meant, pass `--approve-digest {}` or `--allow G006=REASON`", alone.body.units[0].digest);
    assert!(alone.body.units[0].changes[0].blocked_by[0].help.ends_with(&passes));
    let findings = vec![change(Action::Delete, "acme/organization/acme"), found("acme/user/ann", Finding::Protected)];
    let plan = judged(vec![unit("acme", findings)]);
    let help = |at: usize| plan.body.units[0].changes[at].blocked_by[0].help.clone();
    assert_eq!(
        help(0),
        "if people should only lose access, use `offboard`, which keeps the organization and its data; \
         an approval passes it, but not G009, which holds the same tenant"
    );
    assert_eq!(help(1), "release it first: declare it with `protected: false` and apply that; no approval passes this");
}

//! Limits and the flags that tighten them.

use proptest::prelude::*;
use tenantry::guard::{CountOrPercent, Policy, Tighten, judge};
use tenantry::model::PortalSpec;
use tenantry::model::portal_spec::Limits;
use tenantry::plan::*;

use super::*;

fn flags() -> impl Strategy<Value = Tighten> {
    let max_delete = prop_oneof![
        Just(None),
        (0..60_u64).prop_map(|n| Some(CountOrPercent::Count(n))),
        (0..=100_u64).prop_map(|n| Some(CountOrPercent::Percent(n))),
    ];
    (max_delete, prop::option::of(0..4_u64)).prop_map(|(max_delete, min_admins)| Tighten { max_delete, min_admins })
}

fn limits() -> impl Strategy<Value = Limits> {
    (0..60_u64, 0..60_u64, 0..60_u64, 0..=100_u64, 0..9_u64, 0..4_u64).prop_map(|(kind, tenant, run, percent, floor, admins)| Limits {
        max_deletes_per_kind: kind,
        max_deletes_per_tenant: tenant,
        max_deletes_per_run: run,
        max_delete_percent: percent,
        delete_floor: floor,
        min_administrators: admins,
    })
}

/// A tenant in which this many users and groups are deleted, suspended or stripped of administration.
fn busy() -> impl Strategy<Value = Unit> {
    (0..8_u64, 0..8_u64, 0..8_u64, 1..20_u64, 0..3_usize).prop_map(|(users, groups, suspended, owned, admins_left)| {
        let mut changes = [many(users, Action::Delete, "acme", "user"), many(groups, Action::Delete, "acme", "group")].concat();
        changes.extend(many(suspended, Action::Suspend, "acme", "delegation"));
        let mut unit = unit("acme", changes);
        unit.facts.owned.values_mut().for_each(|n| *n = owned);
        unit.consequences.administrators_before = ["ann", "bob", "cyd"].map(str::to_owned).to_vec();
        unit.consequences.administrators_after = unit.consequences.administrators_before[..admins_left].to_vec();
        unit
    })
}

fn codes(plan: Plan<Unchecked>, limits: Limits, tighten: Tighten) -> Vec<String> {
    let mut policy = policy();
    policy.tighten = tighten;
    policy.portals.get_mut("main".parse::<tenantry::model::Name>().as_ref().unwrap()).unwrap().limits = limits;
    let mut codes: Vec<_> = judge(plan, &policy).body.refused().map(|hold| hold.refusal.code.clone()).collect();
    codes.dedup();
    codes
}

proptest! {
    #[test]
    fn flags_only_tighten_limits(limits in limits(), flags in flags()) {
        let tight = flags.apply(limits);
        prop_assert!(tight.max_deletes_per_kind <= limits.max_deletes_per_kind);
        prop_assert!(tight.max_deletes_per_tenant <= limits.max_deletes_per_tenant);
        prop_assert!(tight.max_deletes_per_run <= limits.max_deletes_per_run);
        prop_assert!(tight.max_delete_percent <= limits.max_delete_percent);
        prop_assert!(tight.delete_floor <= limits.delete_floor);
        prop_assert!(tight.min_administrators >= limits.min_administrators);
        prop_assert_eq!(flags.apply(tight), tight);
    }

    #[test]
    fn whatever_is_refused_without_flags_is_refused_with_them(unit in busy(), limits in limits(), flags in flags()) {
        let plan = Plan::unchecked(body(vec![unit]));
        let without = codes(plan.clone(), limits, Tighten::default());
        let with = codes(plan, limits, flags);
        // A kind's count and share are one question to the lock-out guard: which of the two answers may change, that it answers may not.
        for code in without {
            prop_assert!(with.contains(&code), "{code} was let through by {flags:?}: {with:?}");
        }
    }
}

#[test]
fn a_count_bounds_kinds_tenants_and_runs_and_a_share_bounds_shares() {
    let under = |max_delete: &str| Tighten { max_delete: Some(max_delete.parse().unwrap()), min_admins: Some(2) }.apply(Limits::default());
    let Limits { max_deletes_per_kind, max_deletes_per_tenant, max_deletes_per_run, max_delete_percent, delete_floor, min_administrators } =
        under("7");
    assert_eq!((max_deletes_per_kind, max_deletes_per_tenant, max_deletes_per_run), (5, 7, 7));
    assert_eq!((max_delete_percent, delete_floor, min_administrators), (30, 2, 2));
    assert_eq!(under("10%").max_delete_percent, 10);
    assert_eq!(under("90%").max_delete_percent, 30);
}

#[test]
fn no_share_at_all_means_no_deletion_at_all() {
    let mut policy = policy();
    let one = || body(vec![unit("acme", many(1, Action::Delete, "acme", "group"))]);
    check_under(&policy, one(), &[]);
    policy.tighten.max_delete = Some(CountOrPercent::Percent(0));
    check_under(&policy, one(), &["acme G002 1/0"]);
}

#[test]
fn limits_on_deletions_are_counts_or_shares() {
    let parse = |text: &str| text.parse::<CountOrPercent>().map(|l| l.to_string()).map_err(|e| e.to_string());
    assert_eq!(parse("0"), Ok("0".to_owned()));
    assert_eq!(parse("100%"), Ok("100%".to_owned()));
    for wrong in ["", "%", "101%", "-1", "+5", "5.5", "5 %", "many"] {
        assert_eq!(parse(wrong), Err(format!("`{wrong}` is no limit: write a count such as `5`, or a share from `0%` to `100%`")));
    }
}

#[test]
fn a_portals_limits_and_account_come_from_its_document() {
    let mut spec = PortalSpec::embedded();
    spec.limits.max_deletes_per_kind = 1;
    spec.account.email = Some("ops@msp.example".to_owned());
    let policy = Policy::new([&spec], Tighten::default());
    assert_eq!(policy.limits(&spec.name).max_deletes_per_kind, 1);
    assert_eq!(policy.portals[&spec.name].account_email.as_deref(), Some("ops@msp.example"));
    assert_eq!(policy.limits(&name("other")), Limits::default());
}

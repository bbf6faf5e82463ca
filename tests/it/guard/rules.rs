//! Each guard: what it refuses, and the nearest neighbour that it lets through.

use tenantry::guard::{GUARDS, Nature, PortalPolicy, judge};
use tenantry::model::rule::Effect;
use tenantry::model::{Kind, Performer, Value};
use tenantry::plan::*;

use super::*;

fn deletes(count: u64, kind: &str) -> Vec<Change> {
    many(count, Action::Delete, "acme", kind)
}

#[test]
fn g001_the_sixth_deletion_of_a_kind_is_refused() {
    check(unit("acme", deletes(5, "group")), &[]);
    check(unit("acme", deletes(6, "group")), &["acme G001 6/5"]);
    check(unit("acme", many(6, Action::Replace, "acme", "group")), &["acme G001 6/5"]);
    // To be forgotten is no deletion.
    check(unit("acme", many(6, Action::Forget, "acme", "group")), &["acme G025 6/5"]);
    // Five of each of two kinds is the tenant's matter, not the kind's.
    check(unit("acme", [deletes(5, "group"), deletes(5, "role")].concat()), &[]);
    check(unit("acme", [deletes(7, "group"), deletes(6, "gateway")].concat()), &["acme G001 7/5", "acme G001 6/5", "acme G003 13/10"]);
}

#[test]
fn g001_a_technicians_deletion_counts_too() {
    let by_hand = deletes(6, "group").into_iter().map(|c| Change { performer: Performer::Technician, ..c }).collect();
    check(unit("acme", by_hand), &["acme G001 6/5"]);
}

#[test]
fn g002_a_share_above_the_limit_is_refused_once_above_the_floor() {
    let of = |owned: u64, deleted: u64| {
        let mut unit = unit("acme", deletes(deleted, "group"));
        unit.facts.owned.insert(Kind::Group, owned);
        unit
    };
    check(of(10, 3), &[]);
    check(of(9, 3), &["acme G002 34/30"]);
    check(of(2, 2), &[]);
    check(of(3, 3), &["acme G002 100/30"]);
    // A ledger that knows of less than is deleted makes the share no smaller.
    check(of(0, 3), &["acme G002 100/30"]);
}

#[test]
fn g003_the_eleventh_deletion_in_a_tenant_is_refused() {
    let kinds = |gateways| [deletes(4, "group"), deletes(4, "role"), deletes(gateways, "gateway")].concat();
    check(unit("acme", kinds(2)), &[]);
    check(unit("acme", kinds(3)), &["acme G003 11/10"]);
}

#[test]
fn g004_the_fifty_first_deletion_in_a_run_is_refused() {
    let fleet = |last: u64| {
        let mut units: Vec<_> = (0..10).map(|n| unit(&format!("t{n}"), many(5, Action::Delete, &format!("t{n}"), "group"))).collect();
        units.push(unit("last", many(last, Action::Delete, "last", "group")));
        body(units)
    };
    check_under(&policy(), fleet(0), &[]);
    check_under(&policy(), fleet(1), &["run G004 51/50"]);
}

#[test]
fn g004_takes_the_smallest_limit_of_the_portals_in_which_something_is_deleted() {
    let mut policy = policy();
    let mut careful = PortalPolicy::default();
    careful.limits.max_deletes_per_run = 2;
    policy.portals.insert(name("careful"), careful);
    let elsewhere = |changes| Unit { portal: name("careful"), ..unit("acme", changes) };
    let three = || unit("acme", deletes(2, "group"));
    check_under(&policy, body(vec![elsewhere(many(1, Action::Update, "acme", "group")), three()]), &[]);
    check_under(&policy, body(vec![elsewhere(deletes(1, "group")), three()]), &["run G004 3/2"]);
}

fn says(declared: u64, owned: u64, changes: Vec<Change>) -> Unit {
    let mut unit = unit("acme", changes);
    unit.facts.declared = declared;
    unit.facts.owned = [(Kind::Group, owned / 2), (Kind::Role, owned - owned / 2)].into();
    unit
}

#[test]
fn g005_a_tenant_that_declares_only_itself_is_refused_when_four_objects_are_ours() {
    check(says(1, 3, deletes(1, "group")), &[]);
    check(says(1, 4, deletes(1, "group")), &["acme G005 1/2"]);
    check(says(2, 4, deletes(1, "group")), &[]);
}

#[test]
fn g005_a_tenant_that_declares_less_than_half_is_refused_when_ten_objects_are_ours() {
    check(says(5, 10, deletes(1, "group")), &[]);
    check(says(4, 10, deletes(1, "group")), &["acme G005 4/5"]);
    check(says(4, 9, deletes(1, "group")), &[]);
}

#[test]
fn g005_asks_only_where_something_is_lost_that_is_not_kept() {
    check(says(1, 100, many(1, Action::Update, "acme", "group")), &[]);
    let mut kept = says(1, 100, deletes(1, "group"));
    kept.retained =
        (0..97).map(|n| Retained { address: address(&format!("acme/role/r{n}")), why: "adopted".to_owned(), unseen: false }).collect();
    check(kept, &[]);
    let destroy = Body { mode: Mode::Destroy, ..body(vec![says(0, 100, deletes(1, "group"))]) };
    check_under(&policy(), destroy, &[]);
}

#[test]
fn g006_an_organization_is_never_deleted_unasked() {
    check(unit("acme", vec![change(Action::Delete, "acme/organization/acme")]), &["acme/organization/acme G006"]);
    check(unit("acme", vec![change(Action::Replace, "acme/organization/acme")]), &["acme/organization/acme G006"]);
    check(unit("acme", vec![change(Action::Update, "acme/organization/acme")]), &[]);
    check(unit("acme", vec![change(Action::Delete, "acme/group/staff")]), &[]);
}

fn bringing(effect: Effect) -> Unit {
    unit("acme", vec![Change { effects: vec![effect], ..change(Action::Update, "acme/group/staff") }])
}

#[test]
fn g006_data_is_never_deleted_unasked_by_a_side_effect() {
    check(bringing(Effect::DataLoss), &["acme/group/staff G006"]);
    check(bringing(Effect::Cascade), &[]);
}

#[test]
fn g014_what_cannot_be_undone_is_refused() {
    check(bringing(Effect::Irreversible), &["acme/group/staff G014"]);
    check(bringing(Effect::Email), &[]);
}

fn administrators(before: &[&str], after: &[&str], changes: Vec<Change>) -> Unit {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let mut unit = unit("acme", changes);
    unit.consequences.administrators_before = names(before);
    unit.consequences.administrators_after = names(after);
    unit
}

#[test]
fn g007_the_last_administrator_stays() {
    let gone = || vec![change(Action::Delete, "acme/user/ann")];
    check(administrators(&["ann"], &[], gone()), &["acme G007 0/1"]);
    check(administrators(&["ann", "bob"], &["bob"], gone()), &[]);
    check(administrators(&["ann"], &["bob"], gone()), &[]);
    check(administrators(&[], &[], gone()), &[]);
}

#[test]
fn g007_asks_only_where_the_plan_takes_one_away() {
    let mut policy = policy();
    policy.tighten.min_admins = Some(3);
    let joins = |before: &[&str], after: &[&str]| body(vec![administrators(before, after, vec![change(Action::Create, "acme/user/bob")])]);
    check_under(&policy, joins(&["ann"], &["ann", "bob"]), &[]);
    check_under(&policy, joins(&["ann"], &["ann"]), &[]);
    check_under(&policy, joins(&["ann", "cyd"], &["ann", "bob"]), &["acme G007 2/3"]);
}

#[test]
fn g007_does_not_ask_for_administrators_of_a_tenant_that_goes() {
    let goes = |action| administrators(&["ann"], &[], vec![change(action, "acme/organization/acme")]);
    check(goes(Action::Delete), &["acme/organization/acme G006"]);
    check(goes(Action::Replace), &["acme G007 0/1", "acme/organization/acme G006"]);
}

#[test]
fn g007_administrators_that_the_portal_did_not_show_may_be_the_last() {
    let unseen = |change| {
        let mut unit = unit("acme", vec![change]);
        unit.facts.administrators_in_doubt = unit.changes.iter().map(|c| c.address.clone()).collect();
        unit
    };
    let ann = |action, path: &str, before, after: bool| with_field(change(action, "acme/user/ann"), path, before, Some(Value::Bool(after)));
    check(unseen(change(Action::Delete, "acme/user/ann")), &["acme G007"]);
    check(unseen(change(Action::Suspend, "acme/user/ann")), &["acme G007"]);
    check(unseen(ann(Action::Update, "suspended", None, true)), &["acme G007"]);
    check(unseen(ann(Action::Update, "administrator", Some(Value::Bool(true)), false)), &["acme G007"]);
    check(unseen(ann(Action::Update, "administrator", None, false)), &["acme G007"]);
    check(unseen(ann(Action::Update, "administrator", Some(Value::Bool(false)), true)), &[]);
    check(unseen(ann(Action::Create, "administrator", None, false)), &[]);
    check(unseen(change(Action::Delete, "acme/group/staff")), &[]);
    let offboard = with_field(change(Action::Update, "acme/organization/acme"), "offboard", None, Some(Value::Bool(true)));
    check(unseen(offboard), &["acme G007"]);
}

#[test]
fn g007_lets_go_whom_nobody_doubts_and_whoever_leaves_enough_behind() {
    let doubtful = |after: &[&str], doubt: bool| {
        let mut unit = administrators(&["zoe"], after, vec![change(Action::Delete, "acme/user/ann")]);
        unit.facts.administrators_in_doubt = doubt.then(|| address("acme/user/ann")).into_iter().collect();
        unit
    };
    check(doubtful(&["zoe"], true), &[]);
    check(doubtful(&["zoe"], false), &[]);
    check(doubtful(&[], true), &["acme G007 0/1"]);
}

#[test]
fn g007_advises_whoever_offboards_to_offboard() {
    let help = |offboarded: bool| {
        let mut unit = administrators(&["ann"], &[], vec![change(Action::Delete, "acme/user/ann")]);
        unit.facts.offboarded = offboarded;
        judge(Plan::unchecked(body(vec![unit])), &policy()).body.units[0].refusals[0].help.clone()
    };
    assert!(help(false).starts_with("declare another administrator first"), "{}", help(false));
    assert!(help(true).starts_with("offboarding takes everybody's access away"), "{}", help(true));
}

#[test]
fn g008_our_own_account_keeps_its_access_and_rights() {
    let own = |action, at: &str| Change { key: "ops@MSP.example".into(), ..change(action, at) };
    let ops = |action| own(action, "msp/user/ops");
    let roles = |names: &[&str]| Some(Value::texts(names));
    let on = |change| unit("msp", vec![change]);
    check(on(ops(Action::Delete)), &["msp/user/ops G008"]);
    check(on(ops(Action::Suspend)), &["msp/user/ops G008"]);
    check(on(with_field(ops(Action::Update), "administrator", Some(Value::Bool(true)), Some(Value::Bool(false)))), &["msp/user/ops G008"]);
    check(on(with_field(ops(Action::Update), "roles", roles(&["admin", "ops"]), roles(&["ops"]))), &["msp/user/ops G008"]);
    check(on(with_field(ops(Action::Update), "roles", roles(&["ops"]), roles(&["admin", "ops"]))), &[]);
    check(on(with_field(ops(Action::Update), "lastName", Some(Value::text("Smith")), Some(Value::text("Jones")))), &[]);
    check(on(change(Action::Delete, "msp/user/other")), &[]);
    check(on(found("msp/user/any", Finding::OwnAccount)), &["msp/user/any G008"]);
}

#[test]
fn g008_sees_our_own_account_in_the_consequences() {
    let lost = |who: &str| {
        let mut unit = unit("msp", vec![change(Action::Delete, "msp/delegation/all")]);
        unit.consequences.lose_access = vec![who.to_owned()];
        unit
    };
    check(lost("ops@msp.example"), &["msp G008"]);
    check(lost("other@msp.example"), &[]);
    let mut demoted = unit("msp", vec![change(Action::Update, "msp/role/admin")]);
    demoted.consequences.administrators_before = vec!["ops@msp.example".to_owned(), "zoe@msp.example".to_owned()];
    demoted.consequences.administrators_after = vec!["zoe@msp.example".to_owned()];
    check(demoted, &["msp G008"]);
}

#[test]
fn g008_a_portal_without_our_account_has_nothing_to_keep() {
    let mut policy = policy();
    policy.portals.insert(name("main"), PortalPolicy::default());
    let ops = Change { key: "ops@msp.example".into(), ..change(Action::Delete, "msp/user/ops") };
    check_under(&policy, body(vec![unit("msp", vec![ops])]), &[]);
}

/// One finding of each sort that refuses; the match is here so that a new sort does not compile until it is thought about.
fn refusing_findings() -> Vec<(Finding, &'static str)> {
    let text = || "TEXT".to_owned();
    let all = [
        Finding::ForeignOwner { owner: text() },
        Finding::AdoptionRefused { why: text() },
        Finding::ObservationIncomplete { why: text() },
        Finding::FieldUnknown { field: FieldId(0), why: text() },
        Finding::AmbiguousIdentity { why: text() },
        Finding::KeyTaken { by: text() },
        Finding::UnreadableSecret { why: text() },
        Finding::CreationResultUnknown { why: text() },
        Finding::Unsupported { what: text(), field: None, named: None, refuses: true },
        Finding::Rule { rule: "ITC-3".to_owned(), message: text(), refuses: true },
        Finding::Protected,
        Finding::OwnAccount,
        Finding::Unreachable { why: text() },
        Finding::KeepsAccess { who: text() },
    ];
    let code = |finding: &Finding| match finding {
        Finding::OwnAccount => "G008",
        Finding::Protected => "G009",
        Finding::ForeignOwner { .. } => "G010",
        Finding::ObservationIncomplete { .. } | Finding::FieldUnknown { .. } => "G011",
        Finding::AmbiguousIdentity { .. } => "G012",
        Finding::UnreadableSecret { .. } => "G013",
        Finding::Rule { .. } => "G015",
        Finding::Unsupported { .. } => "G016",
        Finding::AdoptionRefused { .. } => "G017",
        Finding::CreationResultUnknown { .. } => "G018",
        Finding::KeyTaken { .. } => "G019",
        Finding::Unreachable { .. } => "G020",
        Finding::KeepsAccess { .. } => "G024",
    };
    all.into_iter().map(|finding| (finding.clone(), code(&finding))).collect()
}

#[test]
fn g009_to_g020_every_finding_is_refused_by_its_guard_and_by_no_other() {
    for (finding, code) in refusing_findings() {
        check(unit("acme", vec![found("acme/user/ann", finding.clone())]), &[&format!("acme/user/ann {code}")]);
        // Nothing can be done about it: it is refused all the same.
        let idle = Change { actions: Vec::new(), ..found("acme/user/ann", finding) };
        check(unit("acme", vec![idle]), &[&format!("acme/user/ann {code}")]);
    }
    check(unit("acme", vec![change(Action::Update, "acme/user/ann")]), &[]);
}

#[test]
fn findings_say_their_words_and_name_the_change() {
    for (finding, code) in refusing_findings() {
        let judged = judge(Plan::unchecked(body(vec![unit("acme", vec![found("acme/user/ann", finding.clone())])])), &policy()).body;
        let message = &judged.refused().next().unwrap().refusal.message;
        assert!(message.contains("acme/user/ann"), "{code}: {message}");
        let silent = matches!(finding, Finding::Protected | Finding::OwnAccount);
        assert!(silent || message.contains("TEXT"), "{code}: {message}");
    }
}

#[test]
fn g015_and_g016_what_only_warns_is_let_through() {
    let warns = Finding::Rule { rule: "ITC-6".to_owned(), message: "still disturbs".to_owned(), refuses: false };
    check(unit("acme", vec![found("acme/user/ann", warns)]), &[]);
    check(
        unit(
            "acme",
            vec![found("acme/user/ann", Finding::Unsupported { what: "labels".to_owned(), field: None, named: None, refuses: false })],
        ),
        &[],
    );
}

#[test]
fn g021_what_nobody_can_perform_is_refused_unless_only_the_ledger_changes() {
    let nobody = |actions: &[Action]| {
        let change = Change { performer: Performer::Unsupported, actions: actions.to_vec(), ..change(Action::Update, "acme/user/ann") };
        unit("acme", vec![change])
    };
    check(nobody(&[Action::Update]), &["acme/user/ann G021"]);
    check(nobody(&[Action::Adopt, Action::Update]), &["acme/user/ann G021"]);
    check(nobody(&[Action::Adopt]), &[]);
    check(nobody(&[]), &[]);
}

#[test]
fn g022_the_sixth_person_suspended_is_refused() {
    check(unit("acme", many(5, Action::Suspend, "acme", "user")), &[]);
    check(unit("acme", many(6, Action::Suspend, "acme", "user")), &["acme G022 6/5"]);
    // Together with deletions, which alone are below their own limit.
    let mixed = |suspended| [deletes(3, "user"), many(suspended, Action::Suspend, "acme", "delegation")].concat();
    check(unit("acme", mixed(2)), &[]);
    check(unit("acme", mixed(3)), &["acme G022 6/5"]);
    check(unit("acme", deletes(6, "user")), &["acme G001 6/5"]);
}

fn lose(tenant: &str, people: u64, of: u64) -> Unit {
    let mut unit = unit(tenant, vec![change(Action::Update, &format!("{tenant}/organization/{tenant}"))]);
    unit.consequences.lose_access = (0..people).map(|n| format!("p{n}@acme.example")).collect();
    unit.facts.owned = [(Kind::User, of), (Kind::Group, 1000)].into();
    unit
}

#[test]
fn g022_one_field_that_locks_a_third_out_is_refused() {
    check(lose("acme", 2, 2), &[]);
    check(lose("acme", 3, 10), &[]);
    check(lose("acme", 3, 9), &["acme G022 34/30"]);
    check(lose("acme", 3, 0), &["acme G022 100/30"]);
    check(lose("acme", 6, 1000), &["acme G022 6/5"]);
}

#[test]
fn g022_the_fifty_first_person_of_a_run_is_refused() {
    let fleet = |tenants: u64, more: u64| {
        let mut units: Vec<_> = (0..tenants).map(|n| lose(&format!("t{n}"), 2, 1000)).collect();
        units.push(lose("last", more, 1000));
        body(units)
    };
    check_under(&policy(), fleet(25, 0), &[]);
    check_under(&policy(), fleet(25, 1), &["run G022 51/50"]);
    let by_deletions = (0..17).map(|n| unit(&format!("t{n}"), many(3, Action::Delete, &format!("t{n}"), "user"))).collect();
    check_under(&policy(), body(by_deletions), &["run G004 51/50"]);
}

/// A tenant of which so many users of `of` are gone: half of them declared, to be made again, and half to be forgotten.
fn gone(count: u64, of: u64) -> Unit {
    let (again, forgotten) = (many(count / 2, Action::Create, "acme", "user"), many(count - count / 2, Action::Forget, "acme", "user"));
    let drift = again.iter().map(|c| Drift { address: c.address.clone(), what: DriftKind::Deleted, fields: Vec::new() }).collect();
    // The two halves must not be the same people.
    let forgotten = forgotten.into_iter().map(|c| Change { address: address(&format!("{}-f", c.address)), ..c });
    let mut unit = unit("acme", again.into_iter().chain(forgotten).collect());
    unit.drift = drift;
    unit.facts.owned.insert(Kind::User, of);
    unit
}

#[test]
fn g025_many_of_ours_that_are_gone_at_once_are_refused() {
    check(gone(5, 60), &[]);
    check(gone(6, 1000), &["acme G025 6/5"]);
    check(gone(10, 60), &["acme G025 10/5"]);
    check(gone(2, 2), &[]);
    check(gone(3, 10), &[]);
    check(gone(3, 9), &["acme G025 34/30"]);
    let asked = Unit { settled: vec![(address("acme/user/x0"), "intent".into())], ..gone(6, 1000) };
    check(asked, &[]);
    let looked_at = Body { mode: Mode::RefreshOnly, ..body(vec![gone(10, 60)]) };
    check_under(&policy(), looked_at, &[]);
}

#[test]
fn g023_a_portal_without_a_document_is_refused() {
    let unit = Unit { portal: name("other"), ..unit("acme", vec![change(Action::Create, "acme/user/ann")]) };
    check(unit, &["acme G023"]);
}

#[test]
fn codes_are_unique_in_order_and_every_text_is_there() {
    let codes: Vec<_> = GUARDS.iter().map(|g| g.code).collect();
    let expected: Vec<_> = (1..=GUARDS.len()).map(|n| format!("G{n:03}")).collect();
    assert_eq!(codes, expected);
    for guard in GUARDS {
        assert!(guard.refuses.ends_with('.') && guard.why.ends_with('.'), "{} is said in sentences", guard.code);
        assert!(!guard.remedy.is_empty() && !guard.remedy.ends_with('.'), "{}: the remedy is continued", guard.code);
        assert!(!guard.checks.is_empty(), "{} looks at something", guard.code);
    }
}

#[test]
fn what_no_approval_passes_is_this_and_nothing_else() {
    let facts: Vec<_> = GUARDS.iter().filter(|g| g.nature == Nature::Fact).map(|g| g.code).collect();
    assert_eq!(facts, ["G009", "G010", "G011", "G012", "G013", "G018", "G019", "G020", "G021", "G023"]);
}

#[test]
fn messages_say_what_how_many_and_the_limit() {
    let said = |unit: Unit| judge(Plan::unchecked(body(vec![unit])), &policy()).body.units[0].refusals[0].message.clone();
    assert_eq!(
        said(unit("acme", deletes(6, "monitored-system"))),
        "6 monitored systems of acme would be deleted; the limit is 5 of a kind in a tenant"
    );
    assert_eq!(said(says(1, 20, deletes(1, "group"))), "acme declares 1 resource while 20 objects there are ours");
    assert_eq!(said(lose("acme", 3, 9)), "3 people would lose access to acme; that is 34 %, and the limit is 30 %");
    let last = administrators(&["ann"], &[], Vec::new());
    assert_eq!(said(last), "acme would be left with 0 of 1 administrators; it keeps at least 1");
}

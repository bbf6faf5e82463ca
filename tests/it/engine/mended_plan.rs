//! Keys that pass from one to another, accounts that change hands, tenants that go: what a plan must see before anything is called.

use tenantry::diff::Purpose;
use tenantry::guard::Approvals;
use tenantry::model::portal_spec::{AdoptionPolicy, DeletionPolicy};
use tenantry::model::*;
use tenantry::plan::Body;

use super::scripted::{Manners, capable};
use super::stage::*;
use crate::support::bench::changes;
use crate::support::declared::*;

fn mail(tenant: &str, name: &str, email: &str) -> Resource {
    user(tenant, name).with("email", email)
}

fn allow(stage: &mut Stage, codes: &[&str]) {
    let allow = codes.iter().map(|code| ((*code).to_owned(), "it is meant".to_owned())).collect();
    stage.bench.approvals = Approvals { allow, ..Approvals::default() };
}

fn reason(body: &Body, at: &str) -> String {
    let at = crate::support::address(at);
    body.units.iter().flat_map(|u| &u.changes).find(|c| c.address == at).map(|c| c.reason.clone()).unwrap()
}

fn refusals(body: &Body) -> String {
    body.refused().map(|h| format!("{} {}", h.refusal.code, h.refusal.message)).collect::<Vec<_>>().join("\n")
}

/// A portal in which nobody else may have the key of this kind.
fn portal_wide(kind: Kind) -> Stage {
    let mut capabilities = capable();
    capabilities.kinds.get_mut(&kind).unwrap().key_scope = KeyScope::Portal;
    Stage::new(capabilities, Manners::default())
}

fn domain(tenant: &str, name: &str, domain: &str) -> Resource {
    resource(&format!("{tenant}/domain/{name}")).with("domain", domain)
}

// Destroying.

#[tokio::test]
async fn destroying_takes_declared_tenants_only_and_says_what_it_keeps() {
    let two = desired([org("acme"), admin("acme", "ann"), org("globex"), admin("globex", "gus")]);
    let mut stage = stage().spec(|s| s.delete_organizations = DeletionPolicy::Delete).given(&two).await;
    stage.bench.purpose = Purpose::Destroy;
    let plan = stage.plan(&desired([org("acme"), admin("acme", "ann")])).await;
    stage.check_plan(&plan, &["acme/user/ann delete", "acme/organization/acme delete"]);
    let why = retained(&plan, "globex/organization/globex").unwrap();
    assert!(why.contains("only what is declared is destroyed"), "{why}");
    let said = format!("{:?}", plan.units.iter().find(|u| u.tenant.as_str() == "acme").unwrap().changes);
    assert!(!said.contains("no longer declared"), "{said}");
}

#[tokio::test]
async fn what_is_declared_and_gone_is_forgotten_for_being_gone() {
    let one = desired([org("acme"), user("acme", "ann")]);
    let mut stage = stage().given(&one).await;
    stage.portal.delete("acme", Kind::User, "ann@acme.example");
    stage.bench.purpose = Purpose::Destroy;
    assert_eq!(reason(&stage.plan(&one).await, "acme/user/ann"), "it is gone from the portal already");
}

// An account under another address.

#[tokio::test]
async fn another_address_is_a_loss_of_the_old_one_and_a_gain_of_the_new_one() {
    let stage = stage().given(&desired([org("acme"), admin("acme", "ann"), user("acme", "bob")])).await;
    let plan = stage.plan(&desired([org("acme"), admin("acme", "ann").with("email", "eve@evil.example"), user("acme", "bob")])).await;
    stage.check_plan(&plan, &["acme/user/ann update"]);
    let told = &plan.units[0].consequences;
    assert_eq!(told.lose_access, ["ann@acme.example"]);
    assert_eq!(told.gain_access, ["eve@evil.example"]);
    assert_eq!(told.administrators_before, ["ann@acme.example"]);
    assert_eq!(told.administrators_after, ["eve@evil.example"]);
}

#[tokio::test]
async fn so_many_accounts_that_change_hands_are_people_who_lose_access() {
    let people = |at: &str| {
        let six = (0..6).map(|n| mail("acme", &format!("u{n}"), &format!("u{n}@{at}.example")));
        desired(std::iter::once(org("acme")).chain(six))
    };
    let stage = stage().given(&people("acme")).await;
    assert!(codes(&stage.plan(&people("evil")).await, "acme/user/u0").contains(&"G022".to_owned()));
    stage.done(&people("evil"), &[]).await;
}

#[tokio::test]
async fn an_administrator_who_may_be_the_last_keeps_the_address_where_not_all_are_shown() {
    let both = |email: &str| desired([org("acme"), admin("acme", "ann").with("email", email), user("acme", "zed")]);
    let stage = stage().given(&both("ann@acme.example")).await;
    stage.portal.behave(|m| drop(m.partial.insert(Kind::User, "cut short".to_owned())));
    assert!(codes(&stage.plan(&both("eve@evil.example")).await, "acme/user/ann").contains(&"G007".to_owned()));
}

#[tokio::test]
async fn a_protected_account_keeps_its_address() {
    let ann = |email: &str| desired([org("acme"), mail("acme", "ann", email).protect(true)]);
    let stage = stage().given(&ann("ann@acme.example")).await;
    let plan = stage.plan(&ann("eve@evil.example")).await;
    assert_eq!(codes(&plan, "acme/user/ann"), ["G009"]);
    assert!(refusals(&plan).contains("would pass from ann@acme.example to eve@evil.example"), "{}", refusals(&plan));
    stage.done(&ann("eve@evil.example"), &[]).await;
    let released = desired([org("acme"), mail("acme", "ann", "eve@evil.example").protect(false)]);
    assert!(codes(&stage.plan(&released).await, "acme/user/ann").is_empty());
}

#[tokio::test]
async fn who_was_invited_under_the_old_address_gets_no_invitation_under_the_new_one() {
    let stage = Stage::new(capable(), Manners { invites: true, ..Manners::default() });
    let stage = stage.given(&desired([org("acme"), mail("acme", "ann", "typo@acme.example")])).await;
    let plan = stage.plan(&desired([org("acme"), user("acme", "ann")])).await;
    let why = reason(&plan, "acme/user/ann");
    assert!(why.contains("went to typo@acme.example, and none is sent to ann@acme.example"), "{why}");
}

// Offboarding.

#[tokio::test]
async fn offboarding_takes_adopted_accounts_away_whatever_becomes_of_members_elsewhere() {
    let mut stage = stage().spec(|s| {
        s.adoption = AdoptionPolicy::Always;
        s.delete_members = DeletionPolicy::Orphan;
    });
    let all = || [user("acme", "ann"), user("acme", "bob")];
    stage = stage.given(&desired([org("acme")])).await;
    stage.portal.put(&user("acme", "ann"));
    stage = stage.given(&desired([org("acme")].into_iter().chain(all()))).await;
    let gone = desired([org("acme").with("offboard", true)].into_iter().chain(all()));
    stage.check_plan(&stage.plan(&gone).await, &["acme/user/ann delete", "acme/user/bob delete"]);
    let applied = stage.done(&gone, &["delete acme/user/ann", "delete acme/user/bob"]).await;
    assert!(applied.report.final_plan_empty);
}

/// An offboarding in which somebody stays: refused, and the refusal says who.
async fn check_keeps_access(prepare: impl FnOnce(&Stage), ann: Resource, code: &str, at: &str, who: &str) {
    let stage = stage().given(&desired([org("acme"), ann.clone()])).await;
    prepare(&stage);
    let gone = desired([org("acme").with("offboard", true), ann]);
    let plan = stage.plan(&gone).await;
    assert_eq!(codes(&plan, at), [code]);
    assert!(refusals(&plan).contains(who), "{}", refusals(&plan));
    let applied = stage.done(&gone, &[]).await;
    assert!(!applied.report.final_plan_empty);
}

#[tokio::test]
async fn whoever_keeps_access_to_an_offboarded_tenant_is_named() {
    let ann = || user("acme", "ann");
    let edit = |change: fn(&mut LedgerRow)| move |s: &Stage| s.bench.ledger.edit_row("main", "acme/user/ann", change);
    check_keeps_access(|_| {}, ann().protect(true), "G009", "acme/user/ann", "acme/user/ann is protected").await;
    check_keeps_access(|_| {}, ann().deleted(DeletionPolicy::Orphan), "G024", "acme/user/ann", "ann@acme.example").await;
    check_keeps_access(edit(|r| r.owner = "other".into()), ann(), "G024", "acme/user/ann", "another installation").await;
    let zoe = |s: &Stage| drop(s.portal.put(&user("acme", "zoe")));
    check_keeps_access(zoe, ann(), "G024", "acme/organization/acme", "zoe@acme.example").await;
}

#[tokio::test]
async fn a_stranger_who_may_not_sign_in_keeps_no_access() {
    let stage = stage().given(&desired([org("acme"), user("acme", "ann")])).await;
    stage.portal.put(&user("acme", "zoe").with("suspended", true));
    let plan = stage.plan(&desired([org("acme").with("offboard", true), user("acme", "ann")])).await;
    stage.check_plan(&plan, &["acme/user/ann delete"]);
    assert!(codes(&plan, "acme/organization/acme").is_empty());
}

// Keys that pass from one to another within a tenant.

#[tokio::test]
async fn who_takes_the_address_of_one_who_leaves_comes_after() {
    let stage = stage().given(&desired([org("acme"), admin("acme", "alice"), admin("acme", "bob")])).await;
    let wanted = desired([org("acme"), admin("acme", "bob").with("email", "alice@acme.example")]);
    let plan = stage.plan(&wanted).await;
    assert!(refusals(&plan).is_empty(), "{}", refusals(&plan));
    assert_eq!(plan.units[0].consequences.administrators_after, ["alice@acme.example"]);
    let applied = stage.done(&wanted, &["delete acme/user/alice", "update acme/user/bob"]).await;
    assert!(applied.report.final_plan_empty, "{:?}", applied.outcomes());
    assert_eq!(stage.portal.has(), ["acme organization acme", "acme user alice@acme.example"]);
}

#[tokio::test]
async fn a_new_name_for_an_address_whose_old_name_is_gone_asks_whether_it_is_a_rename() {
    let stage = stage().given(&desired([org("acme"), user("acme", "alice"), user("acme", "bob")])).await;
    let wanted = desired([org("acme"), mail("acme", "alicia", "alice@acme.example"), user("acme", "bob")]);
    let plan = stage.plan(&wanted).await;
    assert_eq!(codes(&plan, "acme/user/alicia"), ["G012"]);
    assert!(refusals(&plan).contains("add `previously: [alice]`"), "{}", refusals(&plan));
    stage.done(&wanted, &[]).await;
    assert_eq!(stage.portal.invitations("alice@acme.example"), 0, "nobody is invited anew for a new name");
}

#[tokio::test]
async fn a_newcomer_may_take_the_address_of_one_who_changes_it() {
    let stage = stage().given(&desired([org("acme"), user("acme", "alice"), user("acme", "bob")])).await;
    let wanted =
        desired([org("acme"), user("acme", "alice"), mail("acme", "bob", "robert@acme.example"), mail("acme", "dan", "bob@acme.example")]);
    let applied = stage.bench.apply(&wanted).await;
    assert!(applied.report.final_plan_empty, "{:?} {}", applied.outcomes(), refusals(&applied.plan));
    let people = ["acme user alice@acme.example", "acme user bob@acme.example", "acme user robert@acme.example"];
    assert_eq!(stage.portal.has(), [["acme organization acme"].as_slice(), &people].concat());
}

#[tokio::test]
async fn whoever_keeps_an_address_keeps_it_from_all_others() {
    let stage = stage().given(&desired([org("acme"), user("acme", "alice").deleted(DeletionPolicy::Orphan), user("acme", "bob")])).await;
    stage.bench.ledger.edit_row("main", "acme/user/alice", |r| r.origin = Origin::Adopted);
    let wanted = desired([org("acme"), mail("acme", "bob", "alice@acme.example")]);
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/user/bob"), ["G019"]);
    stage.done(&wanted, &[]).await;
}

#[tokio::test]
async fn an_exchange_of_addresses_says_that_it_takes_two_steps() {
    let stage = stage().given(&desired([org("acme"), user("acme", "alice"), user("acme", "bob")])).await;
    let swapped = desired([org("acme"), mail("acme", "alice", "bob@acme.example"), mail("acme", "bob", "alice@acme.example")]);
    let plan = stage.plan(&swapped).await;
    assert!(refusals(&plan).contains("an exchange takes two steps"), "{}", refusals(&plan));
    stage.done(&swapped, &[]).await;
    let first = desired([org("acme"), mail("acme", "alice", "a@acme.example"), user("acme", "bob")]);
    assert!(stage.bench.apply(&first).await.report.final_plan_empty);
    let applied = stage.bench.apply(&swapped).await;
    assert!(applied.report.final_plan_empty, "{:?} {}", applied.outcomes(), refusals(&applied.plan));
}

#[tokio::test]
async fn addresses_that_move_on_in_a_chain_move_from_its_end() {
    let mut stage = stage().given(&desired([org("acme"), user("acme", "a"), user("acme", "b"), user("acme", "c")])).await;
    allow(&mut stage, &["G022"]);
    let on = desired([
        org("acme"),
        mail("acme", "a", "b@acme.example"),
        mail("acme", "b", "c@acme.example"),
        mail("acme", "c", "d@acme.example"),
    ]);
    let applied = stage.done(&on, &["update acme/user/c", "update acme/user/b", "update acme/user/a"]).await;
    assert!(applied.report.final_plan_empty);
}

// Names that are keys.

#[tokio::test]
async fn a_renamed_role_frees_its_old_name_in_the_portal_too() {
    let stage = stage().given(&desired([org("acme"), role("acme", "op"), user("acme", "ann").with("roles", vec!["op"])])).await;
    let ann = || user("acme", "ann").with("roles", vec!["op2"]);
    let renamed = desired([org("acme"), role("acme", "op2").with("displayName", "op").formerly("op"), ann()]);
    let applied = stage.done(&renamed, &["update acme/role/op2", "update acme/user/ann"]).await;
    assert!(applied.report.final_plan_empty, "{:?}", changes(&applied.plan));
    assert!(stage.portal.has().contains(&"acme role op2".to_owned()), "{:?}", stage.portal.has());
    let both = desired([org("acme"), role("acme", "op2").with("displayName", "op"), role("acme", "op"), ann()]);
    let applied = stage.done(&both, &["create acme/role/op"]).await;
    assert!(applied.report.final_plan_empty, "{:?}", changes(&applied.plan));
}

// Keys that are unique over the portal.

#[tokio::test]
async fn a_domain_moves_from_one_customer_to_another_whichever_way() {
    for (from, to) in [("globex", "acme"), ("acme", "globex")] {
        let stage = portal_wide(Kind::Domain).given(&desired([org(from), domain(from, "main", "moving.example"), org(to)])).await;
        let wanted = desired([org(from), org(to), domain(to, "main", "moving.example")]);
        let calls = [format!("delete {from}/domain/main"), format!("create {to}/domain/main")];
        let applied = stage.bench.apply(&wanted).await;
        assert_eq!(stage.portal.took(), calls, "{:?} {}", applied.outcomes(), refusals(&applied.plan));
        assert!(applied.report.final_plan_empty);
    }
}

#[tokio::test]
async fn a_domain_that_changes_takes_what_another_customer_frees_and_nothing_else() {
    for (from, to) in [("globex", "acme"), ("acme", "globex")] {
        let stage = portal_wide(Kind::Domain);
        let given = [org(from), domain(from, "main", "moving.example"), org(to), domain(to, "main", "old.example")];
        let stage = stage.given(&desired(given.clone())).await;
        let [a, _, b, _] = given.clone();
        let held = desired([a.clone(), domain(from, "main", "moving.example"), b.clone(), domain(to, "main", "moving.example")]);
        assert_eq!(codes(&stage.plan(&held).await, &format!("{to}/domain/main")), ["G019"]);
        stage.done(&held, &[]).await;
        let freed = desired([a, b, domain(to, "main", "moving.example")]);
        let calls = [format!("delete {from}/domain/main"), format!("update {to}/domain/main")];
        let applied = stage.bench.apply(&freed).await;
        assert_eq!(stage.portal.took(), calls, "{:?} {}", applied.outcomes(), refusals(&applied.plan));
    }
}

#[tokio::test]
async fn who_takes_a_key_from_a_tenant_that_is_held_back_does_not_take_it() {
    let given = [org("globex"), domain("globex", "main", "moving.example").protect(true), org("acme")];
    let stage = portal_wide(Kind::Domain).given(&desired(given)).await;
    let applied = stage.done(&desired([org("globex"), org("acme"), domain("acme", "main", "moving.example")]), &[]).await;
    assert!(applied.outcome("acme/domain/main").contains("globex/domain/main"), "{:?}", applied.outcomes());
}

// What goes while somebody needs it.

#[tokio::test]
async fn a_role_that_somebody_still_has_is_not_deleted_and_the_plan_says_who() {
    let op = || vec!["op"];
    let stage = stage().given(&desired([org("acme"), role("acme", "op"), user("acme", "alice").with("roles", op())])).await;
    let wanted = desired([org("acme"), user("acme", "alice")]);
    let plan = stage.plan(&wanted).await;
    assert_eq!(codes(&plan, "acme/role/op"), ["G020"]);
    assert!(refusals(&plan).contains("acme/user/alice (`roles`") && refusals(&plan).contains("`roles: []`"), "{}", refusals(&plan));
    stage.done(&wanted, &[]).await;
    let let_go = desired([org("acme"), user("acme", "alice").with("roles", Vec::<&str>::new())]);
    let applied = stage.done(&let_go, &["update acme/user/alice", "delete acme/role/op"]).await;
    assert!(applied.report.final_plan_empty);
}

#[tokio::test]
async fn a_role_goes_together_with_whoever_had_it_but_not_from_under_a_stranger() {
    let given = desired([org("acme"), role("acme", "op"), user("acme", "alice").with("roles", vec!["op"])]);
    let stage = stage().given(&given).await;
    let id = stage.portal.id("acme", Kind::Role, "op");
    stage.check_plan(&stage.plan(&desired([org("acme")])).await, &["acme/user/alice delete", "acme/role/op delete"]);
    assert!(codes(&stage.plan(&desired([org("acme")])).await, "acme/role/op").is_empty());
    stage.portal.put(&user("acme", "zoe").with("roles", vec![id.to_string()]));
    let plan = stage.plan(&desired([org("acme")])).await;
    assert_eq!(codes(&plan, "acme/role/op"), ["G020"]);
    assert!(refusals(&plan).contains("user zoe@acme.example, which is not ours"), "{}", refusals(&plan));
}

//! Who has to say yes, to what, and how often.

use std::time::Duration;

use tenantry::model::{ApprovalMode, Control, Desired, Kind};

use super::floor::Floor;
use crate::support::declared::{Say, admin, desired, org, user};
use crate::support::name;

const AN_HOUR: Duration = Duration::from_secs(3600);

fn acme() -> Desired {
    desired([org("acme"), admin("acme", "ann"), user("acme", "bob")])
}

fn in_mode(mode: ApprovalMode) -> Floor {
    let mut floor = Floor::new();
    floor.spec.control = Control { approval: Some(mode), ..Control::default() };
    floor
}

#[tokio::test(start_paused = true)]
async fn in_manual_mode_nothing_is_called_until_the_very_plan_is_approved() {
    let mut floor = in_mode(ApprovalMode::Manual);
    assert_eq!(floor.declare(&acme()).await, ["acme AwaitingApproval"]);
    let digest = floor.pending("acme");
    floor.approve("acme", &format!("sha256:{}", "0".repeat(64)));
    assert_eq!(floor.declare(&acme()).await, ["acme AwaitingApproval (stale)"], "another plan was approved");
    assert_eq!(floor.portal.took(), [""; 0]);
    floor.approve("beta", &digest);
    assert_eq!(floor.declare(&acme()).await, [""; 0], "what is said of another customer concerns nobody here");
    floor.approve("acme", &digest);
    assert_eq!(floor.declare(&acme()).await, ["acme Applied"]);
    assert_eq!(floor.portal.took(), ["create acme/organization/acme", "create acme/user/ann", "create acme/user/bob"]);
    assert_eq!(floor.visit("acme").spent, Some(digest));
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_names_no_customer_makes_no_other_plan_stale() {
    let mut floor = in_mode(ApprovalMode::Manual);
    floor.declare(&acme()).await;
    let digest = floor.pending("acme");
    floor.approved.everywhere.insert(format!("sha256:{}", "1".repeat(64)));
    assert_eq!(floor.declare(&acme()).await, ["acme AwaitingApproval"]);
    floor.approved.everywhere.insert(digest);
    assert_eq!(floor.declare(&acme()).await, ["acme Applied"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_used_once_and_the_same_change_asks_again() {
    let mut floor = in_mode(ApprovalMode::Auto);
    floor.declare(&acme()).await;
    floor.spec.control.approval = Some(ApprovalMode::Manual);
    floor.portal.delete("acme", Kind::User, "bob@acme.example");
    assert_eq!(floor.declare(&acme()).await, ["acme AwaitingApproval"]);
    let digest = floor.pending("acme");
    floor.approve("acme", &digest);
    assert_eq!(floor.declare(&acme()).await, ["acme Applied"]);
    floor.portal.took();
    floor.portal.delete("acme", Kind::User, "bob@acme.example");
    let later = floor.after(AN_HOUR).await;
    assert!(later.iter().all(|end| end == "acme AwaitingApproval") && !later.is_empty(), "{later:?}");
    assert_eq!(floor.pending("acme"), digest, "it is the same change");
    assert_eq!(floor.portal.took(), [""; 0]);
    // The face takes the approval away; whoever gives it anew means the change of now. (A poll may be due just then, too.)
    floor.approved.units.clear();
    let ends = floor.declare(&acme()).await;
    assert!(ends.iter().all(|end| end == "acme AwaitingApproval"), "{ends:?}");
    floor.approve("acme", &digest);
    assert_eq!(floor.declare(&acme()).await.first().map(String::as_str), Some("acme Applied"));
    assert_eq!(floor.portal.took(), ["create acme/user/bob"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_takes_something_away_waits_where_only_that_needs_approval() {
    let mut floor = in_mode(ApprovalMode::AutoUnlessDestructive);
    let fleet = |users: u32| {
        let mut all = vec![org("acme"), admin("acme", "ann"), admin("acme", "amy")];
        all.extend((0..users).map(|n| user("acme", &format!("u{n}"))));
        desired(all)
    };
    assert_eq!(floor.declare(&fleet(20)).await, ["acme Applied"]);
    floor.portal.took();
    assert_eq!(floor.declare(&fleet(19)).await, ["acme AwaitingApproval"]);
    assert_eq!(floor.portal.took(), [""; 0]);
    let digest = floor.pending("acme");
    floor.approve("acme", &digest);
    assert_eq!(floor.declare(&fleet(19)).await, ["acme Applied"]);
    assert_eq!(floor.portal.took(), ["delete acme/user/u19"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn deletions_that_were_approved_one_by_one_need_no_digest_where_nothing_else_does() {
    let mut floor = in_mode(ApprovalMode::AutoUnlessDestructive);
    let fleet = |users: &[&str]| {
        let mut all = vec![org("acme"), admin("acme", "ann"), admin("acme", "amy")];
        all.extend(users.iter().map(|name| user("acme", name)));
        desired(all)
    };
    let many: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(floor.declare(&fleet(&many)).await, ["acme Applied"]);
    floor.portal.took();
    let approved = |name: &str| user("acme", name).address;
    floor.approved.deletions.insert(approved("u19"));
    assert_eq!(floor.declare(&fleet(&many[..18])).await, ["acme AwaitingApproval"], "one of two is not all");
    floor.approved.deletions.insert(approved("u18"));
    assert_eq!(floor.declare(&fleet(&many[..18])).await, ["acme Applied"]);
    let mut took = floor.portal.took();
    took.sort();
    assert_eq!(took, ["delete acme/user/u18", "delete acme/user/u19"]);
    assert_eq!(floor.declare(&fleet(&many[..17])).await, ["acme AwaitingApproval"], "nobody approved this one");
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_customers_own_mode_goes_before_the_portals() {
    let floor = in_mode(ApprovalMode::Manual);
    let own = org("acme").meta(|m| m.control.approval = Some(ApprovalMode::Auto));
    let fleet = desired([own, admin("acme", "ann"), org("beta"), admin("beta", "bob")]);
    let mut ends = floor.declare(&fleet).await;
    ends.sort();
    assert_eq!(ends, ["acme Applied", "beta AwaitingApproval"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_approved_for_all_of_a_portal_passes_nothing_in_another() {
    let mut floor = in_mode(ApprovalMode::Manual);
    floor.declare(&acme()).await;
    let digest = floor.pending("acme");
    floor.approved.portals.entry(name("other")).or_default().insert(digest.clone());
    assert_eq!(floor.declare(&acme()).await, [""; 0], "it concerns nobody here");
    assert_eq!(floor.portal.took(), [""; 0]);
    floor.approved.portals.entry(name("main")).or_default().insert(digest);
    assert_eq!(floor.declare(&acme()).await, ["acme Applied"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_the_leader_before_used_passes_nothing_for_nobody_looks_before_what_stands_now_is_declared() {
    let mut floor = in_mode(ApprovalMode::Manual);
    floor.declare(&acme()).await;
    let digest = floor.pending("acme");
    // It stands by, and hears of an approval; it leads before it hears that it was used.
    let standing_by = floor.controller.hold();
    floor.approve("acme", &digest);
    assert_eq!(floor.declare(&acme()).await, [""; 0]);
    let leads = floor.controller.hold();
    floor.controller.begin_term(standing_by);
    assert_eq!(floor.after(AN_HOUR).await, [""; 0], "a word of another term begins nothing");
    floor.approved.units.clear();
    assert_eq!(floor.declare(&acme()).await, [""; 0]);
    floor.controller.begin_term(leads);
    assert_eq!(floor.after(Duration::from_secs(2)).await, ["acme AwaitingApproval"]);
    assert_eq!(floor.portal.took(), [""; 0]);
    floor.end().await;
}

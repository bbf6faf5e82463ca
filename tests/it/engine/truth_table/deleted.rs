//! The longest row: ours, present and no longer declared. Deleted only if everything holds; each condition has its test.

use super::*;

#[tokio::test]
async fn a_row_and_present_and_not_declared_is_deleted_if_all_holds() {
    let stage = stage().given(&both()).await;
    stage.check_plan(&stage.plan(&desired([acme()])).await, &["acme/user/ann delete"]);
    let applied = stage.done(&desired([acme()]), &["delete acme/user/ann"]).await;
    assert!(applied.report.final_plan_empty);
    assert_eq!(stage.bench.ledger.of("main", "acme").tombstones[0].address, address("acme/user/ann"));
}

/// Ann is ours and no longer declared, and something speaks against deleting her: she stays, and the plan says why.
async fn check_kept(stage: Stage, why: &str) {
    let body = stage.plan(&desired([acme()])).await;
    stage.check_plan(&body, &[]);
    let said = retained(&body, "acme/user/ann").unwrap_or_default();
    assert!(said.contains(why), "{said:?} says {why:?}");
    stage.done(&desired([acme()]), &[]).await;
}

#[tokio::test]
async fn what_another_installation_owns_is_kept() {
    let stage = stage().given(&both()).await;
    stage.bench.ledger.edit_row("main", "acme/user/ann", |row| row.owner = "them".into());
    check_kept(stage, "another installation owns it").await;
}

#[tokio::test]
async fn what_another_installation_marked_since_is_kept_and_not_changed() {
    let stage = stage().given(&both()).await;
    stage.portal.alter("acme", Kind::User, "ann@acme.example", |o| Some(LiveObject { owner: Some("them".into()), ..o }));
    let wanted = desired([acme(), ann().with("firstName", "Ann")]);
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/user/ann"), ["G010"]);
    check_kept(stage, "another installation").await;
}

#[tokio::test]
async fn what_was_adopted_is_kept_unless_released() {
    let stage = stage().spec(|s| s.adoption = AdoptionPolicy::Always).given(&desired([acme()])).await;
    stage.portal.put(&ann());
    let stage = stage.given(&both()).await;
    stage.bench.ledger.edit_row("main", "acme/user/ann", |row| row.released = true);
    stage.check_plan(&stage.plan(&desired([acme()])).await, &["acme/user/ann delete"]);
    stage.bench.ledger.edit_row("main", "acme/user/ann", |row| row.released = false);
    check_kept(stage, "adopted").await;
}

#[tokio::test]
async fn what_pruning_is_off_for_is_kept() {
    check_kept(stage().spec(|s| s.delete_members = DeletionPolicy::Orphan).given(&both()).await, "deletion policy").await;
    // What a resource says of itself goes before the portal's policy.
    let stays = desired([acme(), ann().deleted(DeletionPolicy::Orphan)]);
    let mut stage = stage().given(&stays).await;
    stage.bench.purpose = Purpose::Destroy;
    assert!(retained(&stage.plan(&stays).await, "acme/user/ann").unwrap().contains("deletion policy"));
}

#[tokio::test]
async fn what_a_short_list_shows_or_does_not_show_is_kept() {
    let stage = stage().given(&desired([acme(), ann(), user("acme", "bob")])).await;
    stage.portal.behave(|m| drop(m.partial.insert(Kind::User, "page 2 timed out".to_owned())));
    let body = stage.plan(&desired([acme()])).await;
    stage.check_plan(&body, &[]);
    for at in ["acme/user/ann", "acme/user/bob"] {
        assert!(retained(&body, at).unwrap().contains("page 2 timed out"));
    }
}

/// Two users, of whom a list that is cut short shows the first.
fn three() -> Desired {
    desired([acme(), ann(), user("acme", "bob")])
}

/// Ann, no longer declared, with her list cut short: whether what the list does not tell is all that keeps her, and why she is kept.
async fn check_unseen(stage: Stage, shown: bool, expected: (bool, &str)) {
    if !shown {
        stage.portal.alter("acme", Kind::User, "ann@acme.example", |_| None);
    }
    stage.portal.behave(|m| drop(m.partial.insert(Kind::User, "page 2 timed out".to_owned())));
    let body = stage.plan(&desired([acme()])).await;
    stage.check_plan(&body, &[]);
    let kept = body.units.iter().flat_map(|u| &u.retained).find(|r| r.address == address("acme/user/ann")).unwrap();
    assert_eq!(kept.unseen, expected.0, "{kept:?}, shown: {shown}");
    assert!(kept.why.contains(expected.1), "{kept:?}, shown: {shown}");
}

#[tokio::test]
async fn what_would_be_kept_whatever_a_list_showed_does_not_wait_for_the_list() {
    for shown in [true, false] {
        check_unseen(stage().given(&three()).await, shown, (true, "page 2 timed out")).await;
        let never = stage().spec(|s| s.delete_members = DeletionPolicy::Orphan).given(&three()).await;
        check_unseen(never, shown, (false, "deletion policy")).await;
        let adopted = stage().given(&three()).await;
        adopted.bench.ledger.edit_row("main", "acme/user/ann", |row| (row.origin, row.released) = (Origin::Adopted, false));
        check_unseen(adopted, shown, (false, "adopted")).await;
    }
    let own = stage().given(&three()).await;
    own.portal.alter("acme", Kind::User, "ann@acme.example", |o| Some(LiveObject { portals_own: true, ..o }));
    check_unseen(own, true, (false, "portal's own")).await;
}

#[tokio::test]
async fn what_is_the_portals_own_is_kept() {
    let stage = stage().given(&both()).await;
    stage.portal.alter("acme", Kind::User, "ann@acme.example", |o| Some(LiveObject { portals_own: true, ..o }));
    check_kept(stage, "portal's own").await;
}

#[tokio::test]
async fn protection_outlasts_its_declaration_and_is_released_only_by_saying_so() {
    let stage = stage().given(&desired([acme(), ann().protect(true)])).await;
    assert_eq!(codes(&stage.plan(&desired([acme()])).await, "acme/user/ann"), ["G009"]);
    stage.done(&desired([acme()]), &[]).await;
    let stage = stage.given(&both()).await;
    assert_eq!(codes(&stage.plan(&desired([acme()])).await, "acme/user/ann"), ["G009"], "silence releases nothing");
    stage.check_plan(&stage.plan(&desired([acme(), ann().protect(false)])).await, &["acme/user/ann unprotect"]);
    let stage = stage.given(&desired([acme(), ann().protect(false)])).await;
    stage.done(&desired([acme()]), &["delete acme/user/ann"]).await;
}

#[tokio::test]
async fn a_protected_tenant_is_not_destroyed() {
    let mut stage = stage().spec(|s| s.delete_organizations = DeletionPolicy::Delete).given(&desired([acme().protect(true)])).await;
    stage.bench.purpose = Purpose::Destroy;
    let body = stage.plan(&desired([acme()])).await;
    assert_eq!(body.mode, Mode::Destroy);
    assert!(codes(&body, "acme/organization/acme").contains(&"G009".to_owned()));
}

#[tokio::test]
async fn beyond_the_limits_nothing_is_deleted_unless_approved() {
    let six = || (0..6).map(|n| user("acme", &format!("u{n}")));
    let mut stage = stage().given(&desired(six().chain([acme()]))).await;
    let applied = stage.done(&desired([acme()]), &[]).await;
    assert!(applied.outcome("acme/user/u0").starts_with("held: G001"));
    stage.bench.approvals.digests.push(applied.plan.units[0].digest.clone());
    let applied = stage.bench.apply(&desired([acme()])).await;
    assert!(applied.report.final_plan_empty);
    assert_eq!(stage.portal.took().len(), 6);
}

#[tokio::test]
async fn what_a_document_declared_that_cannot_be_read_any_more_is_kept_and_what_one_only_claims_is_not() {
    let stage = stage().given(&both()).await;
    let id = stage.bench.ledger.of("main", "acme").rows[&address("acme/user/ann")].id.clone().unwrap();
    let unread = |ids: &[Box<str>]| {
        let mut wanted = desired([acme()]);
        let tenant = wanted.tenants.values_mut().next().unwrap();
        tenant.unread.insert(address("acme/user/ann"), ids.iter().cloned().collect());
        wanted
    };
    for ids in [&[][..], &[id]] {
        let body = stage.plan(&unread(ids)).await;
        stage.check_plan(&body, &[]);
        assert!(retained(&body, "acme/user/ann").unwrap().contains("cannot be taken in"));
    }
    stage.check_plan(&stage.plan(&unread(&["another".into()])).await, &["acme/user/ann delete"]);
}

//! Which object is which resource: names, pinned ids and keys that disagree, and what is replaced.

use super::*;

#[tokio::test]
async fn a_new_name_moves_the_row_and_makes_nothing() {
    let stage = stage().given(&both()).await;
    let renamed = || user("acme", "anna").with("email", "ann@acme.example").formerly("ann");
    let applied = stage.done(&desired([acme(), renamed()]), &[]).await;
    assert_eq!(changes(&applied.plan), ["acme/user/anna move"]);
    assert_eq!(applied.plan.units[0].changes[0].previous, Some(address("acme/user/ann")));
    assert!(applied.report.final_plan_empty);
    let rows: Vec<_> = stage.bench.ledger.rows().into_iter().map(|r| r.address.to_string()).collect();
    assert_eq!(rows, ["acme/organization/acme", "acme/user/anna"]);
    // Without `previously` it would have been one who goes and one who comes under the same key.
}

#[tokio::test]
async fn a_former_name_that_is_declared_again_is_nobodys_former_name() {
    let stage = stage().given(&both()).await;
    let wanted = desired([acme(), ann(), user("acme", "bob").formerly("ann")]);
    stage.check_plan(&stage.plan(&wanted).await, &["acme/user/bob create"]);
}

#[tokio::test]
async fn an_immutable_field_is_a_replacement_under_the_same_address() {
    let stage = Stage::new(immutable_description(), Manners::default());
    let ops = |text: &str| desired([acme(), group("acme", "ops").with("description", text)]);
    let stage = stage.given(&ops("old")).await;
    stage.check_plan(&stage.plan(&ops("new")).await, &["acme/group/ops replace"]);
    let applied = stage.done(&ops("new"), &["delete acme/group/ops", "create acme/group/ops"]).await;
    assert!(applied.report.final_plan_empty);
}

/// A group whose immutable field is declared otherwise, in a stage prepared by the test: refused, nothing called.
async fn check_no_replacement(prepare: impl FnOnce(&Stage), code: &str) {
    let stage = Stage::new(immutable_description(), Manners::default());
    let ops = |text: &str| desired([acme(), group("acme", "ops").with("description", text), group("acme", "zed")]);
    let stage = stage.given(&ops("old")).await;
    prepare(&stage);
    assert_eq!(codes(&stage.plan(&ops("new")).await, "acme/group/ops"), [code]);
    stage.done(&ops("new"), &[]).await;
}

#[tokio::test]
async fn a_replacement_deletes_so_protection_adoption_and_a_short_list_forbid_it() {
    check_no_replacement(|s| s.bench.ledger.edit_row("main", "acme/group/ops", |r| r.protected = true), "G009").await;
    check_no_replacement(|s| s.bench.ledger.edit_row("main", "acme/group/ops", |r| r.origin = Origin::Adopted), "G017").await;
    check_no_replacement(|s| s.portal.behave(|m| drop(m.partial.insert(Kind::Group, "cut short".to_owned()))), "G011").await;
}

#[tokio::test]
async fn a_pinned_id_that_disagrees_with_the_ledger_or_the_key_is_an_error() {
    let stage = stage().given(&desired([acme(), ann(), user("acme", "bob")])).await;
    let bob = stage.portal.id("acme", Kind::User, "bob@acme.example");
    let wanted = desired([acme(), ann().pinned(&bob), user("acme", "bob")]);
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/user/ann"), ["G012"]);
    stage.portal.put(&user("acme", "cyd"));
    let wanted = desired([acme(), ann(), user("acme", "bob"), user("acme", "cyd").pinned("p999").adopted(AdoptionPolicy::Always)]);
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/user/cyd"), ["G012"]);
    stage.done(&wanted, &[]).await;
}

#[tokio::test]
async fn a_pinned_id_that_is_not_there_is_not_made() {
    let stage = stage().given(&desired([acme()])).await;
    let wanted = desired([acme(), ann().pinned("p999")]);
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/user/ann"), ["G012"]);
    stage.done(&wanted, &[]).await;
}

#[tokio::test]
async fn two_objects_with_the_key_are_ambiguous() {
    let stage = stage().spec(|s| s.adoption = AdoptionPolicy::Always).given(&desired([acme()])).await;
    stage.portal.put(&ann());
    stage.portal.put(&ann());
    assert_eq!(codes(&stage.plan(&both()).await, "acme/user/ann"), ["G012"]);
}

#[tokio::test]
async fn made_anew_by_hand_under_the_same_key_is_an_error_and_no_guess() {
    let stage = stage().given(&both()).await;
    stage.portal.delete("acme", Kind::User, "ann@acme.example");
    stage.portal.put(&ann());
    assert_eq!(codes(&stage.plan(&both()).await, "acme/user/ann"), ["G012"]);
}

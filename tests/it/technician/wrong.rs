//! What goes wrong at a portal's screens: another customer is picked, a domain is taken.

use serde_json::json;

use super::office::Office;
use super::portals::{IT_CONDUCTOR, WIV};

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_picks_the_customer_of_a_similar_name_is_stopped() {
    let office = Office::of(&IT_CONDUCTOR);
    office.had("/tenants", json!({"fields": {"displayName": "Contoso North"}, "with": [{"collection": "domains", "fields": {"domain": "contoso.example"}}]})).await;
    let mut ann = office.technician().await;
    let items = office.ordered();
    let bob = items.iter().find(|i| i.title.contains("bob@")).unwrap();
    ann.mistakes = Some(("Contoso", "Contoso North"));
    let brought = ann.follow(bob).await.unwrap();
    assert_eq!(brought["organization"], "Contoso North");
    let refused = office.confirm(bob, &brought).said().replace(&bob.reference, "REF");
    insta::assert_snapshot!(refused, @r"
    error: REF was not recorded
      organization must be `Contoso`, and you brought back `Contoso North`
      another customer may have been picked for REF (contoso/user/bob): if so, undo there what you did, do it where it belongs, and confirm with what that shows; after a slip of the pen confirm again
      if it is the right one and the portal only displays it so, confirm with --anyway: what you brought back is recorded
    ");
    assert!(office.run(&["runbook", "list"]).exits(0).out.contains(&bob.reference), "it still waits");
}

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_shares_with_the_customer_of_a_similar_name_is_stopped() {
    let office = Office::of(&WIV);
    office.had("/tenants", json!({"fields": {"displayName": "Contoso North"}})).await;
    let mut ann = office.technician().await;
    office.follow_all(&mut ann).await;
    let items = office.ordered();
    let share = items.iter().find(|i| i.title.contains("Share integration Northwind alerts")).unwrap();
    ann.mistakes = Some(("Contoso", "Contoso North"));
    let brought = ann.follow(share).await.unwrap();
    assert_eq!(brought["sharedWith"], "Contoso North");
    let refused = office.confirm(share, &brought).exits(5).said().replace(&share.reference, "REF");
    insta::assert_snapshot!(refused, @r"
    error: REF was not recorded
      sharedWith must be `Contoso`, and you brought back `Contoso North`
      what you brought back for REF (msp/integration/alerts) differs from what was asked: put it right in the portal if it is so there, and confirm again
      if it is the right one and the portal only displays it so, confirm with --anyway: what you brought back is recorded
    ");
    assert!(office.run(&["runbook", "list"]).exits(0).out.contains(&share.reference), "it still waits");
}

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_deletes_in_the_customer_of_a_similar_name_is_stopped() {
    let mut office = Office::of(&WIV);
    let north = office.had("/tenants", json!({"fields": {"displayName": "Contoso North"}})).await;
    let id = north["id"].as_str().or(north["object"]["id"].as_str()).unwrap_or_else(|| panic!("{north}")).to_owned();
    office.had(&format!("/tenants/{id}/users"), json!({"fields": {"email": "bob@contoso.example"}})).await;
    let mut ann = office.technician().await;
    office.follow_all(&mut ann).await;
    office.follow_all(&mut ann).await;
    office.declare(&WIV.manifests.replace("    - {name: bob, email: bob@contoso.example, roles: [Guest]}\n", ""));
    office.allow = Some("G007=Bob has left");
    let items = office.ordered();
    let delete = items.iter().find(|i| i.title.contains("Take user bob@contoso.example out of")).unwrap();
    ann.mistakes = Some(("Contoso", "Contoso North"));
    let brought = ann.follow(delete).await.unwrap();
    assert_eq!(brought["organization"], "Contoso North");
    assert!(office.confirm(delete, &brought).exits(5).err.contains("organization must be `Contoso`, and you brought back `Contoso North`"));
}

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_is_taken_is_what_the_plan_says() {
    let office = Office::of(&IT_CONDUCTOR);
    office.had("/tenants", json!({"fields": {"displayName": "Somebody else"}, "with": [{"collection": "domains", "fields": {"domain": "contoso.example"}}]})).await;
    let mut ann = office.technician().await;
    let items = office.ordered();
    let contoso = items.iter().find(|i| i.title.ends_with("Create organization Contoso (customer {})")).unwrap();
    let stopped = ann.follow(contoso).await.unwrap_err();
    assert!(stopped.line.contains("Finish"), "{stopped:?}");
    assert_eq!(stopped.why, "the portal says: the domain contoso.example is taken");
    let fail = contoso.commands.iter().find(|c| c.contains(" fail ")).unwrap();
    assert!(contoso.lines.iter().any(|l| l.says.contains("report {}") && l.values == ["domain taken"]), "the order says what to report");
    let mut args: Vec<_> = fail.split(' ').skip(1).collect();
    *args.last_mut().unwrap() = "domain taken";
    office.run(&args).exits(0);
    let plan = office.run(&["plan"]).said();
    assert!(plan.contains("domain taken"), "{plan}");
}

//! The screens: what a technician sees and does there, and what becomes of it.

use serde_json::json;
use tenantry::model::Kind;
use tenantry::portal::runbook::ASK_FOR_CUSTOMER_BEFORE;
use tenantry::sandbox::Caller;

use super::browser::{Browser, Played};
use super::kit::{keys, made, msp, user};

const ORGANIZATIONS: &str = "Management › Organizations";

/// Goes through the wizard that makes a customer.
async fn create(browser: &mut Browser, title: &str, domain: &str) {
    browser.menu(ORGANIZATIONS).await;
    browser.press("Create Organization", None, &[]).await;
    browser.press("Next", None, &[("Company name", title), ("Relationship", "standalone")]).await;
    browser.press("Finish", None, &[("E-mail domain", domain), ("Default dashboard", "Overview")]).await;
}

#[tokio::test]
async fn the_vendors_menu_is_on_every_page_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let mut browser = played.operator().await;
    for path in ["/screens", "/screens/place/1", "/screens/customers", "/screens/outbox"] {
        browser.get(path).await;
        assert_eq!(browser.status, 200, "{path}");
        let places = [">Dashboard</a>", ">Management › Organizations</a>", ">Management › Technicians</a>"];
        let found: Vec<_> = places.iter().map(|p| browser.page.find(p).unwrap_or_else(|| panic!("{p} on {path}"))).collect();
        assert!(found.is_sorted(), "{path}");
        assert!(!browser.shows("<script") && !browser.shows("src=\""), "a page runs nothing and loads nothing");
    }
}

#[tokio::test]
async fn a_wizard_makes_the_customer_with_what_was_typed() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let mut browser = played.operator().await;
    create(&mut browser, "Acme GmbH", "acme.example").await;
    assert_eq!(browser.status, 200, "{}", browser.page);
    assert!(browser.shows("Created organization Acme GmbH. Created domain acme.example."), "{}", browser.page);
    assert!(browser.shows("The portal made user monitor@acme.example by itself."));
    assert_eq!((browser.customer(), browser.reads("Customer at the top of the screen")), ("Acme GmbH".to_owned(), "Acme GmbH".to_owned()));
    let customers = played.world.customers(&Caller::Msp).await.unwrap();
    assert_eq!(browser.reads("Organization ID"), *customers[0].id);
    let live = played.world.tenant(&Caller::Msp, &customers[0].id).await.unwrap();
    let organization = live.objects(Kind::Organization)[0].fields.to_json(Kind::Organization.def());
    assert_eq!(organization, json!({"displayName": "Acme GmbH", "relationship": "standalone", "defaultDashboard": "Overview"}));
    assert_eq!(keys(live.objects(Kind::Domain)), ["acme.example"]);
}

#[tokio::test]
async fn loading_the_page_of_an_outcome_again_does_nothing_again() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let mut browser = played.operator().await;
    create(&mut browser, "Acme GmbH", "acme.example").await;
    create(&mut browser, "Acme GmbH", "acme2.example").await;
    browser.menu(ORGANIZATIONS).await;
    assert_eq!(played.world.customers(&Caller::Msp).await.unwrap().len(), 2, "two are made when it is asked twice");
    browser.get("/screens").await;
    assert_eq!(played.world.customers(&Caller::Msp).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_left_empty_stays_empty_and_what_is_needed_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let mut browser = played.operator().await;
    browser.menu(ORGANIZATIONS).await;
    browser.press("Create Organization", None, &[]).await;
    browser.press("Next", None, &[]).await;
    browser.press("Finish", None, &[("E-mail domain", "acme.example")]).await;
    assert_eq!(browser.status, 422);
    assert!(browser.shows("class=\"refused\"") && browser.shows("an organization needs displayName"), "{}", browser.page);
    assert!(played.world.customers(&Caller::Msp).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_portals_no_is_shown_in_its_words_with_what_was_typed() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    made(&played.world, "Acme GmbH", "acme.example").await;
    let mut browser = played.operator().await;
    create(&mut browser, "Acme Ltd", "acme.example").await;
    assert_eq!(browser.status, 422);
    assert!(browser.shows("the domain acme.example is taken"), "{}", browser.page);
    browser.press("Finish", None, &[("E-mail domain", "acme2.example")]).await;
    assert!(browser.shows("Created organization Acme Ltd."), "the wizard goes on where it was: {}", browser.page);
}

#[tokio::test]
async fn a_person_is_invited_from_the_row_that_was_opened() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let acme = made(&played.world, "Acme GmbH", "acme.example").await;
    let other = made(&played.world, "Acme Group", "group.example").await;
    let mut browser = played.operator().await;
    browser.menu(ORGANIZATIONS).await;
    assert!(browser.shows(">Acme GmbH</a>") && browser.shows(">Acme Group</a>"), "the wrong one can be picked");
    browser.open("Acme GmbH").await;
    assert_eq!(browser.customer(), "Acme GmbH");
    browser.press("Users", None, &[]).await;
    browser.press("Invite", None, &[]).await;
    assert_eq!(browser.customer(), "Acme GmbH");
    let fields = [("E-mail", "alice@group.example"), ("Role", "Guest"), ("Make administrator", "true"), ("Expires after days", "7")];
    browser.press("Send invitation", None, &fields).await;
    assert!(browser.shows("MADE-1: alice@group.example is under no domain of acme-gmbh"), "{}", browser.page);
    browser.press("Send invitation", None, &[("E-mail", "alice@acme.example"), ("Role", "Guest"), ("Make administrator", "true")]).await;
    assert_eq!(browser.reads("Status in the list"), "invited");
    let live = played.world.tenant(&Caller::Msp, &acme).await.unwrap();
    let alice = live.objects(Kind::User).iter().find(|u| &*u.key == "alice@acme.example").unwrap();
    let guest = live.objects(Kind::Role).iter().find(|r| &*r.key == "guest").unwrap();
    let fields = alice.fields.to_json(Kind::User.def());
    assert_eq!((&fields["administrator"], &fields["roles"]), (&json!(true), &json!([guest.id])));
    assert_eq!(keys(played.world.tenant(&Caller::Msp, &other).await.unwrap().objects(Kind::User)), ["monitor@group.example"]);
    let mail = played.world.outbox(&Caller::Msp).await.unwrap();
    assert_eq!(mail.iter().map(|m| (&*m.recipient, &*m.subject)).collect::<Vec<_>>(), [("alice@acme.example", "Invitation")]);
    browser.get("/screens/outbox").await;
    browser.press("accepts the invitation", Some("alice@acme.example"), &[]).await;
    let live = played.world.tenant(&Caller::Msp, &acme).await.unwrap();
    assert_eq!(live.objects(Kind::User).iter().filter(|u| u.state == tenantry::model::ObjectState::Invited).count(), 0);
}

#[tokio::test]
async fn a_row_menu_changes_the_object_of_its_row_and_a_secret_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let acme = made(&played.world, "Acme GmbH", "acme.example").await;
    made(&played.world, "Other AG", "other.example").await;
    let mut browser = played.operator().await;
    browser.menu(ORGANIZATIONS).await;
    browser.press("Settings", Some("Acme GmbH"), &[]).await;
    browser.press("Save", None, &[("Default dashboard", "Incidents"), ("Video password", "canary-4711")]).await;
    assert!(browser.shows("Changed organization Acme GmbH."), "{}", browser.page);
    assert!(!browser.shows("canary-4711"));
    let live = played.world.tenant(&Caller::Msp, &acme).await.unwrap();
    let fields = live.objects(Kind::Organization)[0].fields.to_json(Kind::Organization.def());
    assert_eq!(fields["defaultDashboard"], "Incidents");
    browser.menu(ORGANIZATIONS).await;
    browser.press("Settings", Some("Acme GmbH"), &[]).await;
    assert!(browser.shows("value=\"Incidents\""), "a form shows what is there");
    browser.press("Save", None, &[("Default dashboard", "")]).await;
    let live = played.world.tenant(&Caller::Msp, &acme).await.unwrap();
    assert_eq!(live.objects(Kind::Organization)[0].fields.to_json(Kind::Organization.def())["defaultDashboard"], json!(null));
    let stored = std::fs::read(dir.path().join("sandbox-made-up.db")).unwrap();
    assert!(!stored.windows(11).any(|w| w == b"canary-4711"), "a secret is kept nowhere");
}

#[tokio::test]
async fn what_no_page_documents_is_offered_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let acme = made(&played.world, "Acme GmbH", "acme.example").await;
    let alice = msp(&played.world, user(&acme, "alice@acme.example")).await.unwrap().object.unwrap();
    let mut browser = played.operator().await;
    browser.get(&format!("/screens/object/user/{acme}/{}", alice.id)).await;
    browser.open("Settings that no page documents").await;
    assert!(browser.shows("No page of the manual documents this; the sandbox offers it so that a rehearsal can go on."));
    browser.press("Save", None, &[("first name", "Alice")]).await;
    assert!(browser.shows("Changed user alice@acme.example."), "{}", browser.page);
    browser.get(&format!("/screens/settings/user/{acme}/{}", alice.id)).await;
    browser.press("Delete", None, &[]).await;
    assert!(browser.shows("Deleted user."), "{}", browser.page);
    browser.get(&format!("/screens/settings/role/{acme}/new")).await;
    browser.press("Save", None, &[("display name", "Dispatcher")]).await;
    let live = played.world.tenant(&Caller::Msp, &acme).await.unwrap();
    assert_eq!(keys(live.objects(Kind::User)), ["monitor@acme.example"]);
    assert_eq!(keys(live.objects(Kind::Role)), ["admin", "dispatcher", "guest"]);
}

#[tokio::test]
async fn what_the_customer_was_called_before_a_change_is_read_off_with_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let acme = made(&played.world, "Acme GmbH", "acme.example").await;
    let alice = msp(&played.world, user(&acme, "alice@acme.example")).await.unwrap().object.unwrap();
    let mut browser = played.operator().await;
    browser.menu(ORGANIZATIONS).await;
    browser.press("Settings", Some("Acme GmbH"), &[]).await;
    browser.press("Save", None, &[("Default dashboard", "Incidents")]).await;
    assert_eq!(browser.reads(ASK_FOR_CUSTOMER_BEFORE), "Acme GmbH");
    // It is renamed: what it is called now would tell nobody whether the right one was picked.
    browser.get(&format!("/screens/settings/organization/{acme}/{acme}")).await;
    browser.press("Save", None, &[("display name", "Acme Europe GmbH")]).await;
    assert_eq!((browser.customer(), browser.reads(ASK_FOR_CUSTOMER_BEFORE)), ("Acme Europe GmbH".to_owned(), "Acme GmbH".to_owned()));
    let page = format!("/screens/object/user/{acme}/{}", alice.id);
    browser.get(&page).await;
    assert_eq!(browser.reads(ASK_FOR_CUSTOMER_BEFORE), "Acme Europe GmbH", "a person's page tells before anything is changed");
    browser.open("Settings that no page documents").await;
    browser.press("Delete", None, &[]).await;
    assert_eq!(browser.reads(ASK_FOR_CUSTOMER_BEFORE), "Acme Europe GmbH", "{}", browser.page);
}

#[tokio::test]
async fn customers_that_are_called_alike_are_told_apart_by_their_own_pages() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let first = made(&played.world, "Acme GmbH", "acme.example").await;
    let second = made(&played.world, "Acme GmbH", "acme2.example").await;
    let mut browser = played.operator().await;
    browser.menu(ORGANIZATIONS).await;
    assert_eq!(browser.page.matches(">Acme GmbH</a>").count(), 2, "the table shows what the manual says that it shows: {}", browser.page);
    for (id, own, others) in [(&first, ">acme.example<", ">acme2.example<"), (&second, ">acme2.example<", ">acme.example<")] {
        browser.get(&format!("/screens/object/organization/{id}/{id}")).await;
        assert!(browser.shows(own) && browser.shows(id) && !browser.shows(others), "{}", browser.page);
    }
}

#[tokio::test]
async fn tables_are_searched_and_cut_into_pages() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    for n in 0..30 {
        made(&played.world, &format!("Customer {n:02}"), &format!("c{n}.example")).await;
    }
    let mut browser = played.operator().await;
    browser.menu(ORGANIZATIONS).await;
    assert!(browser.shows(">Customer 24</a>") && !browser.shows(">Customer 25</a>") && browser.shows("Page 1 of 2"));
    browser.open("Next page").await;
    assert!(browser.shows(">Customer 25</a>") && !browser.shows(">Customer 24</a>"));
    browser.press("Search", None, &[("Search", "customer 07")]).await;
    assert!(browser.shows(">Customer 07</a>") && !browser.shows(">Customer 08</a>"));
    browser.get("/screens/customers").await;
    browser.press("Customer 03", None, &[]).await;
    assert_eq!(browser.customer(), "Customer 03");
}

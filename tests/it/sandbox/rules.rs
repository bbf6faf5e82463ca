//! The portal's own side: its rules, its keys, what it makes by itself, and who sees what.

use serde_json::json;
use tenantry::model::{IntentAction, Kind};
use tenantry::sandbox::{Caller, Change, Refusal};

use super::kit::{PORTAL, customer, fields, keys, made, msp, open, user};

#[tokio::test]
async fn a_customer_is_made_with_what_its_form_carries_and_what_the_portal_adds() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let done = msp(&world, customer("Acme GmbH", "acme.example")).await.unwrap();
    assert_eq!(keys(&done.with), ["acme.example"]);
    assert_eq!(keys(&done.beside), ["admin", "guest", "monitor@acme.example"]);
    assert!(done.beside.iter().all(|o| o.portals_own), "{:?}", done.beside);
    let organization = done.object.unwrap();
    assert!(!organization.portals_own);
    let live = world.tenant(&Caller::Msp, &organization.id).await.unwrap();
    assert_eq!(keys(live.objects(Kind::User)), ["monitor@acme.example"]);
    assert_eq!(world.outbox(&Caller::Msp).await.unwrap(), [], "a machine is not invited");
}

#[tokio::test]
async fn a_rule_refuses_in_its_own_words_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let acme = made(&world, "Acme GmbH", "acme.example").await;
    let refused = msp(&world, user(&acme, "alice@elsewhere.example")).await.unwrap_err();
    let message = "alice@elsewhere.example is under no domain of acme-gmbh".to_owned();
    assert_eq!(refused, Refusal::Rule { rule: "MADE-1".to_owned(), message });
    msp(&world, user(&acme, "alice@acme.example")).await.unwrap();
    let live = world.tenant(&Caller::Msp, &acme).await.unwrap();
    assert_eq!(keys(live.objects(Kind::User)), ["alice@acme.example", "monitor@acme.example"]);
    let mail = world.outbox(&Caller::Msp).await.unwrap();
    assert_eq!(mail.iter().map(|m| &*m.recipient).collect::<Vec<_>>(), ["alice@acme.example"]);
}

#[tokio::test]
async fn a_rule_that_warns_lets_pass() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let done = msp(&world, customer("Ourselves", "msp.example")).await.unwrap();
    assert_eq!(done.warnings.iter().map(|w| &*w.rule).collect::<Vec<_>>(), ["MADE-2"]);
    assert!(done.object.is_some());
}

#[tokio::test]
async fn a_key_of_the_whole_portal_is_taken_and_nobody_is_told_by_whom() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    made(&world, "Acme GmbH", "acme.example").await;
    let refused = msp(&world, customer("Acme Ltd", "Acme.example")).await.unwrap_err();
    assert_eq!(refused, Refusal::Taken("the domain acme.example is taken".to_owned()));
    assert_eq!(world.customers(&Caller::Msp).await.unwrap().len(), 1, "the organization of the same form is not made either");
}

#[tokio::test]
async fn two_customers_may_be_called_alike() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    made(&world, "Acme", "acme.example").await;
    made(&world, "ACME", "acme2.example").await;
    let customers = world.customers(&Caller::Msp).await.unwrap();
    let names: Vec<_> = customers.iter().map(|c| (c.name.as_str(), &*c.title)).collect();
    assert_eq!(names, [("acme", "Acme"), ("acme-2", "ACME")]);
}

#[tokio::test]
async fn a_reference_may_be_what_a_person_calls_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let acme = made(&world, "Acme GmbH", "acme.example").await;
    let with_role = |role: &str| {
        let json = json!({"email": "alice@acme.example", "roles": [role]});
        Change::create(&acme, Kind::User, fields(Kind::User, json))
    };
    let refused = msp(&world, with_role("Wizard")).await.unwrap_err();
    assert_eq!(refused, Refusal::Invalid("there is no role Wizard".to_owned()));
    let alice = msp(&world, with_role("Guest")).await.unwrap().object.unwrap();
    let live = world.tenant(&Caller::Msp, &acme).await.unwrap();
    let guest = live.objects(Kind::Role).iter().find(|r| &*r.key == "guest").unwrap();
    assert_eq!(alice.fields.to_json(Kind::User.def())["roles"], json!([guest.id]));
}

#[tokio::test]
async fn a_customers_people_see_nothing_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let acme = made(&world, "Acme GmbH", "acme.example").await;
    let other = made(&world, "Other AG", "other.example").await;
    let caller = world.access().caller(&world.access().tenant(&acme)).unwrap();
    assert_eq!(caller, Caller::Tenant(acme.clone()));
    assert_eq!(world.customers(&caller).await.unwrap().len(), 1);
    assert_eq!(keys(&world.every(&caller, Kind::Domain).await.unwrap().into_iter().map(|(_, o)| o).collect::<Vec<_>>()), ["acme.example"]);
    assert!(matches!(world.tenant(&caller, &other).await, Err(Refusal::NotFound(_))));
    assert!(matches!(world.perform(&caller, user(&other, "eve@other.example")).await, Err(Refusal::NotFound(_))));
    assert!(matches!(world.perform(&caller, customer("New", "new.example")).await, Err(Refusal::Forbidden(_))));
    assert!(matches!(world.outbox(&caller).await, Err(Refusal::Forbidden(_))));
    world.perform(&caller, user(&acme, "eve@acme.example")).await.unwrap();
}

#[tokio::test]
async fn a_made_up_token_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let operator = world.access().operator();
    assert_eq!(world.access().caller(&operator), Some(Caller::Msp));
    for token in ["", "msp-", "msp-00", &operator[..operator.len() - 2], "tenant-msp.", "tenant-x.00112233445566778899aabbccddeeff"] {
        assert_eq!(world.access().caller(token), None, "{token}");
    }
    let forged = operator.replace("msp-", "tenant-msp.");
    assert_eq!(world.access().caller(&forged), None);
}

#[tokio::test]
async fn what_was_done_outlives_the_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let acme = made(&world, "Acme GmbH", "acme.example").await;
    let token = world.access().tenant(&acme);
    drop(world);
    let world = open(dir.path()).await;
    assert_eq!(world.access().caller(&token), Some(Caller::Tenant(acme.clone())));
    let live = world.tenant(&Caller::Msp, &acme).await.unwrap();
    assert_eq!(keys(live.objects(Kind::Domain)), ["acme.example"]);
}

#[tokio::test]
async fn values_that_the_portal_does_not_take_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let acme = made(&world, "Acme GmbH", "acme.example").await;
    for (change, why) in [
        (user(&acme, "no address"), "user: email must be an e-mail address"),
        (customer("Bad", "nodot"), "domain: domain must be a domain name"),
        (Change { name: Some("Not A Label".into()), ..customer("Bad", "b.example") }, "`Not A Label` is not a name"),
        (Change::create(&acme, Kind::User, fields(Kind::User, json!({"firstName": "A"}))), "a user needs email"),
        (Change::create(&acme, Kind::Gateway, fields(Kind::Gateway, json!({}))), "the portal has no gateways"),
        (Change { name: Some("msp".into()), ..customer("Us", "us.example") }, "the name `msp` is the MSP's own"),
    ] {
        let refused = msp(&world, change).await.unwrap_err().to_string();
        assert!(refused.starts_with(why), "{refused} is not {why}");
    }
}

#[tokio::test]
async fn objects_change_and_go_in_their_own_tenant_alone() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let acme = made(&world, "Acme GmbH", "acme.example").await;
    let other = made(&world, "Other AG", "other.example").await;
    let alice = msp(&world, user(&acme, "alice@acme.example")).await.unwrap().object.unwrap();
    let rename =
        |tenant: &str| Change::to(tenant, IntentAction::Update, Kind::User, &alice.id, fields(Kind::User, json!({"firstName": "Alice"})));
    assert!(matches!(msp(&world, rename(&other)).await, Err(Refusal::NotFound(_))));
    let changed = msp(&world, rename(&acme)).await.unwrap().object.unwrap();
    assert_eq!(changed.fields.to_json(Kind::User.def()), json!({"email": "alice@acme.example", "firstName": "Alice"}));
    let gone = Change::to(&acme, IntentAction::Delete, Kind::User, &alice.id, fields(Kind::User, json!({})));
    assert_eq!(msp(&world, gone.clone()).await.unwrap().object, None);
    assert!(matches!(msp(&world, gone).await, Err(Refusal::NotFound(_))));
}

#[tokio::test]
async fn a_creation_that_is_repeated_under_its_key_has_one_effect() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let acme = made(&world, "Acme GmbH", "acme.example").await;
    let invite = Change { intent: Some("key-1".into()), ..user(&acme, "alice@acme.example") };
    let first = msp(&world, invite.clone()).await.unwrap().object.unwrap();
    let again = msp(&world, invite).await.unwrap().object.unwrap();
    assert_eq!(first, again);
    assert_eq!(world.outbox(&Caller::Msp).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_portal_has_by_itself_is_called_as_the_profile_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path()).await;
    let acme = made(&world, "Acme GmbH", "acme.example").await;
    let with_role = |role: &str| {
        let json = json!({"email": format!("{role}@acme.example"), "roles": [role]});
        Change::create(&acme, Kind::User, fields(Kind::User, json))
    };
    let refused = msp(&world, with_role("Admin")).await.unwrap_err();
    assert_eq!(refused, Refusal::Rule { rule: "MADE-4".to_owned(), message: "nobody is invited as Admin".to_owned() });
    msp(&world, with_role("guest")).await.unwrap();
}

#[test]
fn what_is_wrong_with_plays_is_said_all_at_once() {
    let wrong = PORTAL
        .replace(
            "      - kind: User\n        fields: { email",
            "      - kind: User\n        fields: { emial: x, roles: \"${self.doman}\", email",
        )
        .replace(
            "kinds: [Domain]\n    when: has(tenant.organization.relationship)",
            "kinds: [Gateway, Domain]\n    when: has(tenant.organization.relation)",
        );
    let said = tenantry::portal::Profile::parse(&wrong, "portal.yaml").unwrap_err();
    let said: Vec<_> = said.iter().map(|d| d.summary.as_str()).collect();
    for part in ["`plays` is about Gateway", "has no field `emial`", "has no field `doman`", "has no field `relation`"] {
        assert!(said.iter().any(|s| s.contains(part)), "{part}: {said:#?}");
    }
}

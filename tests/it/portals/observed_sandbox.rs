//! What the portals do by themselves, as the sandbox plays it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tenantry::model::portal_spec::Account;
use tenantry::model::{Fields, IntentAction, Kind, LiveObject, LiveTenant};
use tenantry::portal::Profile;
use tenantry::report::access::AccessReport;
use tenantry::sandbox::{Caller, Change, Refusal, World};

use super::kit::*;

async fn open(profile: Arc<Profile>, dir: &Path) -> World {
    let add_ons = vec!["MSP Admin".to_owned()];
    let account = Account { kind: Some("MSP".to_owned()), domain: Some("msp.example".to_owned()), add_ons, ..Account::default() };
    World::open(profile, account, dir, Arc::new(Timestamp::now)).await.unwrap()
}

fn new(tenant: &str, kind: Kind, fields: Json) -> Change {
    Change::create(tenant, kind, Fields::from_json(kind.def(), &fields).unwrap())
}

fn customer(fields: Json, domain: Option<&str>) -> Change {
    let domains = domain.map(|domain| new("", Kind::Domain, json!({ "domain": domain })));
    Change { with: domains.into_iter().collect(), ..new("", Kind::Organization, fields) }
}

async fn made(world: &World, change: Change) -> LiveObject {
    world.perform(&Caller::Msp, change).await.unwrap().object.unwrap()
}

async fn live(world: &World, tenant: &LiveObject) -> LiveTenant {
    world.tenant(&Caller::Msp, &tenant.id).await.unwrap()
}

fn users(live: &LiveTenant) -> Vec<String> {
    let line = |o: &LiveObject| format!("{} {:?}{}", o.key, o.state, if o.portals_own { ", the portal's own" } else { "" });
    let mut users: Vec<_> = live.objects(Kind::User).iter().map(line).collect();
    users.sort();
    users
}

async fn mails(world: &World) -> Vec<String> {
    world.outbox(&Caller::Msp).await.unwrap().into_iter().map(|m| m.recipient).collect()
}

#[tokio::test]
async fn itc_10_who_registers_is_in_the_organization_with_its_roles_and_that_is_no_drift() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(profile("it-conductor"), dir.path()).await;
    let acme = made(&world, customer(json!({"displayName": "ACME"}), Some("acme.example"))).await;
    let globex = made(&world, customer(json!({"displayName": "Globex"}), Some("globex.example"))).await;
    let ann = made(&world, new(&acme.id, Kind::User, json!({"email": "ann@acme.example"}))).await;
    assert_eq!(users(&live(&world, &acme).await), ["ann@acme.example Invited"]);
    world.accept(&Caller::Msp, &ann.id).await.unwrap();
    let after = live(&world, &acme).await;
    assert_eq!(users(&after), ["ann@acme.example Active"]);
    assert_eq!(users(&live(&world, &globex).await), [""; 0], "of that organization, and of no other");
    assert_eq!(after.objects(Kind::User)[0].fields, ann.fields, "registering is a state: no field of hers differs");

    let declared = desired("it-conductor", super::itc::ACME);
    let (portal, tenant) = (&declared.portals[0].name, &acme.key.parse().unwrap());
    let report = AccessReport::new(&declared, &[(portal, tenant, &after)]);
    let entry = report.tenants[tenant].entries.iter().find(|e| e.who == "ann@acme.example").unwrap();
    assert_eq!(entry.grants, ["administrator", "role viewers", "role viewers (everybody)"], "the organization's roles are hers");
}

#[tokio::test]
async fn itc_11_a_customers_token_sees_nothing_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(profile("it-conductor"), dir.path()).await;
    let acme = made(&world, customer(json!({"displayName": "ACME"}), Some("acme.example"))).await;
    let globex = made(&world, customer(json!({"displayName": "Globex"}), Some("globex.example"))).await;
    let gus = made(&world, new(&globex.id, Kind::User, json!({"email": "gus@globex.example"}))).await;
    let caller = world.access().caller(&world.access().tenant(&acme.id)).unwrap();
    for kind in [Kind::Organization, Kind::Domain, Kind::User] {
        let shown = world.every(&caller, kind).await.unwrap();
        assert!(shown.iter().all(|(tenant, _)| *tenant == acme.id), "{kind}: {shown:?}");
    }
    assert_eq!(world.customers(&caller).await.unwrap().iter().map(|c| &*c.title).collect::<Vec<_>>(), ["ACME"]);
    assert!(matches!(world.tenant(&caller, &globex.id).await, Err(Refusal::NotFound(_))));
    let change = Change::to(&globex.id, IntentAction::Delete, Kind::User, &gus.id, Fields::new());
    assert!(matches!(world.perform(&caller, change).await, Err(Refusal::NotFound(_))));
    assert!(matches!(world.outbox(&caller).await, Err(Refusal::Forbidden(_))));
}

fn shop() -> Change {
    customer(json!({"displayName": "Corner Shop", "relationship": "standalone"}), Some("shop.example"))
}

const SYSTEM_USERS: [&str; 2] =
    ["monitor.agent@shop.example Active, the portal's own", "patch.management.agent@shop.example Active, the portal's own"];

#[tokio::test]
async fn ita_4_a_standalone_customer_with_a_web_domain_has_two_system_users_and_nobody_is_mailed() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(profile("itarian"), dir.path()).await;
    let shop = made(&world, shop()).await;
    let there = live(&world, &shop).await;
    assert_eq!(users(&there), SYSTEM_USERS);
    assert_eq!(mails(&world).await, [""; 0]);
    for user in there.objects(Kind::User) {
        let gone = Change::to(&shop.id, IntentAction::Delete, Kind::User, &user.id, Fields::new());
        let refused = world.perform(&Caller::Msp, gone).await.unwrap_err();
        assert_eq!(refused, Refusal::Forbidden(format!("the user {} is the portal's own, and nobody takes it away", user.key)));
    }
    assert_eq!(users(&live(&world, &shop).await), SYSTEM_USERS, "never pruned");

    let bare = made(&world, customer(json!({"displayName": "Kiosk", "relationship": "standalone"}), None)).await;
    assert_eq!(users(&live(&world, &bare).await), [""; 0], "without a web domain there are none");
    let managed = made(&world, customer(json!({"displayName": "Works", "relationship": "managed"}), Some("works.example"))).await;
    assert_eq!(users(&live(&world, &managed).await), [""; 0], "nor in a managed customer");
}

#[tokio::test]
async fn ita_4_the_system_users_are_known_by_what_the_profile_says_of_them() {
    let dir = tempfile::tempdir().unwrap();
    // As if somebody else had made them.
    let strange = altered("itarian", |tree| {
        for made in tree["plays"][0]["makes"].as_array_mut().unwrap() {
            made["portalsOwn"] = json!(false);
        }
    });
    let world = open(strange, dir.path()).await;
    let shop = made(&world, shop()).await;
    assert!(live(&world, &shop).await.objects(Kind::User).iter().all(|u| u.portals_own));
}

#[tokio::test]
async fn ita_6_leaving_one_customer_deletes_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(profile("itarian"), dir.path()).await;
    let works = made(&world, customer(json!({"displayName": "Works", "relationship": "managed"}), None)).await;
    let mill = made(&world, customer(json!({"displayName": "Mill", "relationship": "managed"}), None)).await;
    let ann = json!({"email": "ann@shop.example"});
    let first = made(&world, new(&works.id, Kind::User, ann.clone())).await;
    let second = made(&world, new(&mill.id, Kind::User, ann)).await;
    assert_ne!(first.id, second.id, "two memberships of one person");
    let leave = Change::to(&works.id, IntentAction::Delete, Kind::User, &first.id, Fields::new());
    world.perform(&Caller::Msp, leave).await.unwrap();
    assert_eq!(users(&live(&world, &works).await), [""; 0]);
    assert_eq!(live(&world, &mill).await.objects(Kind::User), [second], "who leaves one customer stays in the other as they were");
}

fn sub_organization() -> Change {
    let admin = json!({"email": "kim@msp.example", "firstName": "Kim", "lastName": "Ito"});
    let secret = Kind::Organization.def().field_named("secrets").unwrap().0;
    let mut change = customer(json!({"displayName": "ACME Tools", "defaultAdmin": admin}), None);
    change.secrets.push((secret, "videoPassword".into(), "swordfish".to_owned().into()));
    change
}

#[tokio::test]
async fn plx_6_the_default_admin_gets_one_mail_and_is_a_user_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(profile("pilixo"), dir.path()).await;
    let acme = made(&world, sub_organization()).await;
    let mail: Vec<_> = world.outbox(&Caller::Msp).await.unwrap().into_iter().map(|m| (m.recipient, m.subject)).collect();
    assert_eq!(mail, [("kim@msp.example".to_owned(), "Login credentials".to_owned())], "titled as what it is");
    let there = live(&world, &acme).await;
    assert_eq!(users(&there), ["kim@msp.example Active"], "there is nothing to accept");
    let kim = &there.objects(Kind::User)[0];
    let fields = kim.fields.to_json(Kind::User.def());
    assert_eq!(fields, json!({"email": "kim@msp.example", "firstName": "Kim", "lastName": "Ito", "administrator": true}));
    let gone = Change::to(&acme.id, IntentAction::Delete, Kind::User, &kim.id, Fields::new());
    world.perform(&Caller::Msp, gone).await.unwrap();
    assert_eq!(users(&live(&world, &acme).await), [""; 0], "it is the customer's, not the portal's own");
}

#[tokio::test]
async fn plx_6_is_what_the_profile_plays() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(altered("pilixo", |tree| tree["plays"] = json!([])), dir.path()).await;
    made(&world, sub_organization()).await;
    assert_eq!(mails(&world).await, [""; 0]);
}

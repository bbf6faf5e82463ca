//! What a plan announces and what the sandbox sends are one: the mails in the outbox are those that the plans told of, and no others.

use std::sync::Arc;

use jiff::Timestamp;
use tenantry::model::{FieldSupport, Fields, Kind, ObjectState, Resource, Value};
use tenantry::portal::Profile;
use tenantry::sandbox::{Caller, Change, World};

use super::kit::*;
use super::{ita, wiv};

const PILIXO: Side = side(
    "domain: msp.example, addOns: [MSP Admin]",
    "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  defaultAdmin: {email: kim@msp.example, firstName: Kim, lastName: Ito}
  secrets: {videoPassword: {env: VIDEO}}
  users: [{name: ann, email: ann@acme.example, administrator: true, firstName: Ann, lastName: Archer}]
",
);

const IDEMEUM: Side = side(
    "domain: northwind.idemeum.com",
    "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, userSource: local, users: [{name: ann, email: ann@acme.example}]}
---
kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example}
",
);

const PLAIN: Side = side(
    "",
    "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  domains: [{name: main, domain: acme.example}]
  users:
    - {name: ann, email: ann@acme.example, firstName: Ann, lastName: Archer}
    - {name: bob, email: bob@acme.example, firstName: Bob, lastName: Birch}
",
);

/// Every profile that is shipped with the program, with a customer of it.
const SHIPPED: [(&str, Side); 6] =
    [("embedded", PLAIN), ("it-conductor", PLAIN), ("wiv", wiv::ACME), ("idemeum", IDEMEUM), ("itarian", ita::SHOP), ("pilixo", PILIXO)];

/// A form filled in with what is declared, as far as the portal has it. What refers to others is no part of this.
fn form(profile: &Profile, tenant: &str, declared: &Resource) -> Option<Change> {
    let can = profile.capabilities().kind(declared.address.kind)?;
    let mut fields = Fields::new();
    for (id, value) in declared.fields.iter().filter(|(_, value)| value.secrets().is_empty()) {
        let ty = &declared.def().field(id).ty;
        // Roles that the portal has by itself are what a person calls them.
        let there = ty.refers_to().is_none_or(|kind| profile.capabilities().kind(kind).is_some_and(|c| !c.builtin.is_empty()));
        if can.field(id) != FieldSupport::Unsupported && there {
            fields.set(id, value.clone());
        }
    }
    let entries = declared.fields.iter().filter_map(|(id, value)| if let Value::Map(entries) = value { Some((id, entries)) } else { None });
    let secret = entries.flat_map(|(id, entries)| entries.iter().map(move |(key, value)| (id, key, value)));
    let secret = secret.filter(|(.., value)| matches!(value, Value::Secret(_)));
    let secrets = secret.map(|(id, key, _)| (id, key.clone(), "swordfish".to_owned().into())).collect();
    Some(Change { secrets, ..Change::create(tenant, declared.address.kind, fields) })
}

/// The portal once everybody is made whom a side declares.
async fn played(profile: &Arc<Profile>, portal: &str, side: Side, dir: &std::path::Path) -> World {
    let declared = desired(portal, side);
    let account = declared.portals[0].account.clone();
    let world = World::open(Arc::clone(profile), account, dir, Arc::new(Timestamp::now)).await.unwrap();
    for tenant in declared.tenants.values() {
        let of = |kind: Kind| tenant.resources.iter().filter(move |r| r.address.kind == kind);
        let mut id: Box<str> = "msp".into();
        for organization in of(Kind::Organization).filter(|o| !o.address.tenant.is_msp()) {
            let with = of(Kind::Domain).filter_map(|domain| form(profile, "", domain)).collect();
            let change = Change { with, ..form(profile, "", organization).unwrap() };
            id = world.perform(&Caller::Msp, change).await.unwrap().object.unwrap().id;
        }
        for user in of(Kind::User) {
            world.perform(&Caller::Msp, form(profile, &id, user).unwrap()).await.unwrap();
        }
    }
    world
}

async fn sent(world: &World) -> Vec<String> {
    let mut sent: Vec<_> = world.outbox(&Caller::Msp).await.unwrap().into_iter().map(|mail| mail.recipient.to_string()).collect();
    sent.sort();
    sent
}

#[tokio::test]
async fn the_outbox_of_every_shipped_profile_holds_the_mails_that_the_plan_announced() {
    for (portal, side) in SHIPPED {
        let body = first_plan(portal, side).await;
        let emails = body.units.iter().flat_map(|u| &u.consequences.emails);
        let mut announced: Vec<_> = emails.map(|to| to.split(" (").next().unwrap().to_owned()).collect();
        announced.sort();
        let dir = tempfile::tempdir().unwrap();
        let world = played(&profile(portal), portal, side, dir.path()).await;
        assert_eq!(sent(&world).await, announced, "{portal}");
    }
}

#[tokio::test]
async fn who_is_added_without_a_mail_has_nothing_to_accept() {
    let dir = tempfile::tempdir().unwrap();
    let world = played(&profile("itarian"), "itarian", ita::SHOP, dir.path()).await;
    let shop = world.customers(&Caller::Msp).await.unwrap().remove(0);
    let live = world.tenant(&Caller::Msp, &shop.id).await.unwrap();
    let ann = live.objects(Kind::User).iter().find(|u| &*u.key == "ann@shop.example").unwrap();
    assert_eq!(ann.state, ObjectState::Active);
}

#[tokio::test]
async fn a_profile_that_announces_nothing_sends_nothing() {
    let silent = altered("it-conductor", |tree| tree["effects"] = serde_json::json!([]));
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(sent(&played(&silent, "it-conductor", PLAIN, dir.path()).await).await, [""; 0]);
}

//! A made-up portal in which customers are made in a wizard, people are invited and technicians are delegated; and short ways to ask it things.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use tenantry::model::portal_spec::Account;
use tenantry::model::{Fields, Kind, LiveObject};
use tenantry::portal::Profile;
use tenantry::sandbox::{Caller, Change, Performed, Refusal, World};

pub(super) const PORTAL: &str = include_str!("portal.yaml");

pub(super) fn profile() -> Arc<Profile> {
    Arc::new(Profile::parse(PORTAL, "portal.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")))
}

pub(super) async fn open(dir: &Path) -> World {
    let account = Account { domain: Some("msp.example".to_owned()), ..Account::default() };
    World::open(profile(), account, dir, Arc::new(Timestamp::now)).await.unwrap()
}

pub(super) fn fields(kind: Kind, json: serde_json::Value) -> Fields {
    Fields::from_json(kind.def(), &json).unwrap()
}

/// A customer with its domain.
pub(super) fn customer(title: &str, domain: &str) -> Change {
    Change {
        with: vec![Change::create("", Kind::Domain, fields(Kind::Domain, json!({"domain": domain})))],
        ..Change::create("", Kind::Organization, fields(Kind::Organization, json!({"displayName": title, "relationship": "standalone"})))
    }
}

pub(super) async fn msp(world: &World, change: Change) -> Result<Performed, Refusal> {
    world.perform(&Caller::Msp, change).await
}

/// Makes a customer; its id.
pub(super) async fn made(world: &World, title: &str, domain: &str) -> Box<str> {
    msp(world, customer(title, domain)).await.unwrap().object.unwrap().id
}

pub(super) fn user(tenant: &str, email: &str) -> Change {
    Change::create(tenant, Kind::User, fields(Kind::User, json!({"email": email})))
}

pub(super) fn keys(objects: &[LiveObject]) -> Vec<&str> {
    let mut keys: Vec<_> = objects.iter().map(|o| &*o.key).collect();
    keys.sort_unstable();
    keys
}

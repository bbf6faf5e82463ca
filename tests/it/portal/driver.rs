//! The table of drivers: it is a value, an unknown driver is a clear error, and one profile may mix drivers.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, Collection, IntentAction, Kind, LiveObject, LiveTenant, ObjectState, PortalSpec};
use tenantry::portal::embedded::Embedded;
use tenantry::portal::{
    Call, CallError, Done, Driver, Drivers, Execute, Observe, OpenContext, PortalError, Profile, TenantKey, load_profile,
};

use super::kit::{NoSecrets, World, create, objects, organization, perform, tenant_key};

/// A driver that knows one domain everywhere, and answers every call with words.
struct Scripted;

struct ScriptedPortal(Arc<Profile>);

impl Driver for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }
    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        Ok(Arc::new(ScriptedPortal(Arc::clone(&ctx.profile))))
    }
    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        Ok(Arc::new(ScriptedPortal(Arc::clone(&ctx.profile))))
    }
}

#[async_trait]
impl Observe for ScriptedPortal {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
    fn conduct(&self) -> &dyn Conduct {
        &*self.0
    }
    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        let domain = LiveObject {
            kind: Kind::Domain,
            id: "scripted-1".into(),
            key: "acme.example".into(),
            fields: super::kit::fields(Kind::Domain, json!({"domain": "acme.example"})),
            state: ObjectState::Active,
            owner: None,
            created_by: None,
            portals_own: false,
        };
        let everything = Kind::reconciled().map(|k| (k, Collection::incomplete("scripted", vec![domain.clone()])));
        Ok(vec![LiveTenant { collections: everything.collect(), ..LiveTenant::default() }; tenants.len()])
    }
    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        Ok(Vec::new())
    }
    async fn holders(&self, _: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        Ok(keys.iter().map(|_| KeyHolder::Unknown { why: "scripted".to_owned() }).collect())
    }
}

#[async_trait]
impl Execute for ScriptedPortal {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        calls.iter().map(|c| Ok(Done::Pending { waits_for: format!("scripted {} of {}", c.address, calls.len()), work: None })).collect()
    }
}

fn mixed() -> Arc<Profile> {
    let text = "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: mixed\ntitle: Mixed\ndriver: embedded\nlimits: {batch: 10}\nkinds:\n  \
        Organization: {read: listed, create: call, delete: call}\n  \
        Domain: {read: listed, create: call, keyScope: portal, drivers: {read: scripted, create: scripted}}\n  \
        Role: {read: listed, create: call}\n";
    Arc::new(Profile::parse(text, "mixed.yaml").unwrap())
}

#[test]
fn an_unknown_driver_is_named_with_those_there_are() {
    let world = World::new();
    let ctx = OpenContext { spec: &world.spec, profile: mixed(), state_dir: world.dir.path(), secrets: &NoSecrets };
    let drivers = Drivers::default();
    let told = drivers.check(&mixed());
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].code.as_str(), told[0].help.as_str()), ("P009", "name one that it has: embedded, rest, runbook"));
    let why = "profile mixed names the driver `scripted`, which this program does not have: name one that it has: embedded, rest, runbook";
    assert_eq!(drivers.open_writer(&ctx).err(), Some(PortalError::Misconfigured(why.to_owned())));
    assert_eq!(drivers.open_reader(&ctx).err(), Some(PortalError::Misconfigured(why.to_owned())));
    assert!(drivers.check(&load_profile("embedded", None).unwrap()).is_empty());
}

/// A driver that only writes work orders.
struct Runbook;

impl Driver for Runbook {
    fn name(&self) -> &'static str {
        "runbook"
    }
    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        Scripted.open_reader(ctx)
    }
    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        Scripted.open_writer(ctx)
    }
}

#[tokio::test]
async fn an_update_of_a_technicians_fields_alone_goes_to_the_runbook() {
    let text = "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: mixed\ntitle: Mixed\ndriver: embedded\nlimits: {batch: 10}\nkinds:\n  \
        Organization: {read: listed, create: call, update: call}\n  \
        Role: {read: listed, create: call, update: call, fields: {description: technician}}\n";
    let profile = Arc::new(Profile::parse(text, "mixed.yaml").unwrap());
    let world = World::new();
    let ctx = OpenContext { spec: &world.spec, profile, state_dir: world.dir.path(), secrets: &NoSecrets };
    let portal = Drivers::default().with(Arc::new(Runbook)).open_writer(&ctx).unwrap();
    organization(&portal, "acme").await;
    let made = portal.perform(&[create("acme/role/a", json!({"displayName": "A"}))]).await.remove(0).unwrap();
    let Done::Now { id, .. } = made else { panic!("the directory makes it: {made:?}") };
    let update = |paths: &[&str]| Call {
        intent: format!("update {}", paths.concat()).into(),
        action: IntentAction::Update,
        object: id.clone(),
        changed: paths.iter().map(|p| Kind::Role.def().field_named(p).unwrap().0).collect(),
        ..create("acme/role/a", json!({"displayName": "B", "description": "b"}))
    };
    let answers = portal.perform(&[update(&["description"]), update(&["displayName"])]).await;
    assert!(matches!(answers[0], Ok(Done::Pending { .. })), "{answers:?}");
    assert!(matches!(answers[1], Ok(Done::Now { .. })), "{answers:?}");
}

#[tokio::test]
async fn one_profile_may_mix_drivers() {
    let world = World::new();
    let ctx = OpenContext { spec: &world.spec, profile: mixed(), state_dir: world.dir.path(), secrets: &NoSecrets };
    let drivers = Drivers::default().with(Arc::new(Scripted));
    let portal = drivers.open_writer(&ctx).unwrap();
    organization(&portal, "acme").await;
    let live = portal.read(&[tenant_key("acme")]).await.unwrap().remove(0);
    assert_eq!(live.objects(Kind::Domain)[0].id.as_ref(), "scripted-1", "the domains are the scripted driver's");
    assert!(!live.is_complete(Kind::Domain));
    assert_eq!(live.objects(Kind::Organization).len(), 1, "the organization is the directory's");
    assert!(live.is_complete(Kind::Organization) && live.is_complete(Kind::Role));
    let calls = [
        create("acme/role/a", json!({})),
        create("acme/domain/x", json!({"domain": "x.example"})),
        create("acme/domain/y", json!({"domain": "y.example"})),
        create("acme/role/b", json!({})),
    ];
    let answers = portal.perform(&calls).await;
    assert!(matches!(answers[0], Ok(Done::Now { .. })) && matches!(answers[3], Ok(Done::Now { .. })));
    let pending = |what: &str| Ok(Done::Pending { waits_for: format!("scripted acme/domain/{what} of 2"), work: None });
    assert_eq!(answers[1..3], [pending("x"), pending("y")], "neighbours of one driver go together");
    assert_eq!(objects(&*portal, "acme", Kind::Role).await.len(), 2);
    assert_eq!(portal.holders(Kind::Domain, &["a"]).await.unwrap(), [KeyHolder::Unknown { why: "scripted".to_owned() }]);
    assert_eq!(portal.tenants().await.unwrap().len(), 2);
    let reader = drivers.open_reader(&ctx).unwrap();
    assert_eq!(reader.read(&[tenant_key("acme")]).await.unwrap().remove(0), live_of(&*portal).await);
    assert!(matches!(perform(&portal, create("acme/user/al", json!({"email": "a@b.example"}))).await, Err(CallError::Refused(_))));
}

async fn live_of(portal: &dyn Observe) -> LiveTenant {
    portal.read(&[tenant_key("acme")]).await.unwrap().remove(0)
}

#[test]
fn a_driver_of_the_same_name_replaces_the_shipped_one() {
    let drivers = Drivers::new(vec![Arc::new(Embedded::default())]).with(Arc::new(Embedded::default()));
    let spec = PortalSpec::embedded();
    let dir = tempfile::tempdir().unwrap();
    let profile = load_profile(&spec.profile, None).unwrap();
    let ctx = OpenContext { spec: &spec, profile, state_dir: dir.path(), secrets: &NoSecrets };
    assert!(drivers.open_writer(&ctx).is_ok());
    assert_eq!(super::kit::files(dir.path()).first().map(String::as_str), Some("portal-embedded.db"));
}

//! What every portal must keep, as laws over `Arc<dyn Execute>`; a driver's tests run [`LAWS`] on it, wrapped in [`AsApply`]. What a portal does not support by calls is
//! left out by what it says of itself; nothing here names a portal. Each law works in tenants of its own, so that all can run on one portal.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;
use tenantry::model::kind::Placement;
use tenantry::model::live::KeyHolder;
use tenantry::model::{
    Address, FieldSupport, FieldType, Fields, IntentAction, KeyScope, Kind, KindCapability, Name, Performer, SecretRef, SecretSource,
    Sense, Value,
};
use tenantry::portal::{Call, CallError, Done, Execute};

use super::as_apply::AsApply;
use super::kit::{CallExt, World, call, create, done, keys, name, objects, refused, settled, tenant_key, with_fields};

pub(crate) type Law = fn(Arc<dyn Execute>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! laws {
    ($($name:ident),*) => {
        /// Every law by name.
        pub(crate) const LAWS: &[(&str, Law)] = &[$((stringify!($name), |portal| Box::pin($name(portal)))),*];
    };
}

laws! {
    every_kind_is_created_as_declared_and_shown_so,
    every_field_can_be_changed,
    what_is_deleted_is_proven_absent,
    a_listing_is_complete_and_of_its_tenant_alone,
    a_tenant_that_is_not_there_is_proven_empty,
    portal_wide_keys_have_one_holder,
    tenant_wide_keys_are_free_elsewhere,
    an_idempotency_key_has_one_effect,
    a_refused_call_has_no_effect,
    what_is_not_carried_is_refused,
    one_bad_call_spoils_no_other_of_its_batch,
    tenants_are_listed
}

/// The second value that a field gets, so that every change is one.
const FIRST: u8 = 0;
const SECOND: u8 = 1;

/// Makes objects with every supported field set, and whatever they refer to before them.
struct Maker {
    portal: Arc<dyn Execute>,
    made: BTreeMap<(String, Kind), String>,
    /// The name of the tenant, and of everything in it.
    tenant: &'static str,
}

impl Maker {
    fn new(portal: &Arc<dyn Execute>, tenant: &'static str) -> Self {
        Self { portal: Arc::clone(portal), made: BTreeMap::new(), tenant }
    }

    fn capability(&self, kind: Kind) -> Option<KindCapability> {
        self.portal.capabilities().kind(kind).cloned()
    }

    /// The kinds that a call makes by itself, in dependency order.
    fn kinds(&self) -> Vec<Kind> {
        Kind::reconciled().filter(|k| self.capability(*k).is_some_and(|c| c.create == Performer::Call && c.carried_by.is_none())).collect()
    }

    fn home(&self, kind: Kind) -> &'static str {
        if kind.def().placement == Placement::MspOnly { "msp" } else { self.tenant }
    }

    fn address(&self, tenant: &str, kind: Kind) -> Address {
        Address::new(name(tenant), kind, name(self.tenant))
    }

    /// The fields of a kind that the portal supports, each with a value; references are made first.
    async fn sample(&mut self, tenant: &'static str, kind: Kind, variant: u8) -> Fields {
        let mut fields = Fields::new();
        for (id, field) in kind.def().fields() {
            let support = self.capability(kind).unwrap().field(id);
            // Nobody suspended, offboarded or a machine: those change what else is true of an object.
            let quiet = matches!(field.sense, Sense::Suspended | Sense::Offboard | Sense::CreationOnly | Sense::DeferUntil);
            if support == FieldSupport::Unsupported || quiet {
                continue;
            }
            let target = match field.ty.refers_to() {
                Some(target) => Some(Box::pin(self.make(tenant, target)).await),
                None => None,
            };
            let value = value(&field.ty, &format!("{}-{}", self.tenant, field.path), target.as_deref(), variant);
            fields.set(id, field.ty.normalise(value).unwrap());
        }
        fields
    }

    /// The id of an object of a kind, made if need be.
    async fn make(&mut self, tenant: &'static str, kind: Kind) -> String {
        // Organizations that a thing is shared with are customers, also where the thing is the MSP's.
        let tenant = if kind.def().placement == Placement::Tenant { self.tenant } else { tenant };
        if let Some(id) = self.made.get(&(tenant.to_owned(), kind)) {
            return id.clone();
        }
        if kind.def().placement != Placement::Tenant && tenant != "msp" {
            Box::pin(self.make(tenant, Kind::Organization)).await;
        }
        let call = self.creation(tenant, kind).await;
        let id = done(&self.portal, call).await;
        self.made.insert((tenant.to_owned(), kind), id.clone());
        id
    }

    async fn creation(&mut self, tenant: &'static str, kind: Kind) -> Call {
        let desired = self.sample(tenant, kind, FIRST).await;
        with_fields(IntentAction::Create, self.address(tenant, kind), desired)
    }

    fn shown(&self, kind: Kind, desired: &Fields) -> serde_json::Value {
        let capability = self.capability(kind).unwrap();
        let mut shown = Fields::new();
        for (id, value) in desired.iter() {
            if capability.field(id) != FieldSupport::WriteOnly && !kind.def().field(id).ty.is_secret() {
                shown.set(id, value.clone());
            }
        }
        shown.to_json(kind.def())
    }
}

/// A value that fits a type; `variant` tells two apart wherever the type has two.
fn value(ty: &FieldType, seed: &str, target: Option<&str>, variant: u8) -> Value {
    match ty {
        FieldType::Text(max) => Value::text(format!("v{variant} {seed}").chars().take(usize::from(*max)).collect::<String>()),
        FieldType::Bool => Value::Bool(variant == FIRST),
        FieldType::Integer(min, _) => Value::Integer(min + i64::from(variant)),
        FieldType::Enum(words) => Value::text(words[usize::from(variant) % words.len()]),
        FieldType::Email => Value::text(format!("v{variant}.{}@acme.example", seed.replace('.', "-")).to_lowercase()),
        FieldType::DomainName => Value::text(format!("v{variant}.{}.example", seed.replace('.', "-")).to_lowercase()),
        FieldType::Date => Value::text(format!("2030-01-0{}", variant + 1)),
        FieldType::Time => Value::text("07:30"),
        FieldType::Duration => Value::text("1h30m"),
        FieldType::Url => Value::text(format!("https://v{variant}.example/")),
        FieldType::Ref(_) => Value::text(target.unwrap()),
        FieldType::Organizations => Value::texts([target.unwrap()]),
        FieldType::List(ty) | FieldType::Set(ty) => Value::List(vec![value(ty, seed, target, variant)]),
        FieldType::Record(fields) => {
            let mut entries: Vec<_> = fields.iter().map(|f| (f.path.into(), value(&f.ty, seed, target, variant))).collect();
            entries.sort();
            Value::Map(entries)
        }
        FieldType::Map(ty) => Value::Map(vec![(format!("key{variant}").into(), value(ty, seed, target, variant))]),
        FieldType::Secret => Value::Secret(Box::new(SecretRef { source: SecretSource::Env(format!("SECRET{variant}").into()) })),
    }
}

async fn every_kind_is_created_as_declared_and_shown_so(portal: Arc<dyn Execute>) {
    let mut maker = Maker::new(&portal, "law-create");
    for kind in maker.kinds() {
        let tenant = maker.home(kind);
        let id = maker.make(tenant, kind).await;
        let desired = maker.sample(tenant, kind, FIRST).await;
        let all = objects(&*portal, tenant, kind).await;
        let live = all.iter().find(|o| *o.id == *id).unwrap_or_else(|| panic!("{kind} is listed"));
        assert_eq!(live.fields.to_json(kind.def()), maker.shown(kind, &desired), "{kind} is shown as declared");
        assert_eq!(*live.key, *with_fields(IntentAction::Create, maker.address(tenant, kind), desired).key, "{kind} has its natural key");
        assert!(!live.portals_own, "{kind} is ours");
        assert!(live.owner.as_deref().is_none_or(|o| o == "installation-1"), "{kind} bears our mark or none");
    }
}

async fn every_field_can_be_changed(portal: Arc<dyn Execute>) {
    let mut maker = Maker::new(&portal, "law-update");
    for kind in maker.kinds() {
        let capability = maker.capability(kind).unwrap();
        if capability.update != Performer::Call {
            continue;
        }
        let tenant = maker.home(kind);
        let id = maker.make(tenant, kind).await;
        let mut desired = maker.sample(tenant, kind, FIRST).await;
        let second = maker.sample(tenant, kind, SECOND).await;
        for (field, value) in second.iter() {
            let table = kind.def().field(field);
            if capability.field(field) == FieldSupport::Immutable || desired.get(field) == Some(value) || table.ty.is_secret() {
                continue;
            }
            desired.set(field, value.clone());
            let mut update = with_fields(IntentAction::Update, maker.address(tenant, kind), desired.clone())
                .object(&id)
                .intent(&format!("{kind} {}", table.path));
            update.changed = vec![field];
            done(&portal, update).await;
            let all = objects(&*portal, tenant, kind).await;
            let live = all.iter().find(|o| *o.id == *id).unwrap();
            assert_eq!(live.fields.to_json(kind.def()), maker.shown(kind, &desired), "{kind}: {} changed, and nothing else", table.path);
        }
    }
}

async fn what_is_deleted_is_proven_absent(portal: Arc<dyn Execute>) {
    let mut maker = Maker::new(&portal, "law-delete");
    let kinds = maker.kinds();
    for kind in &kinds {
        maker.make(maker.home(*kind), *kind).await;
    }
    // Dependencies last.
    for kind in kinds.into_iter().rev().filter(|k| portal.capabilities().kind(*k).is_some_and(|c| c.delete == Performer::Call)) {
        for ((tenant, _), id) in maker.made.clone().into_iter().filter(|((_, k), _)| *k == kind) {
            let delete = with_fields(IntentAction::Delete, maker.address(&tenant, kind), Fields::new()).object(&id);
            assert!(matches!(settled(&portal, delete.clone()).await, Ok(Done::Now { object: None, .. })), "{kind} is deleted");
            assert!(objects(&*portal, &tenant, kind).await.iter().all(|o| *o.id != *id), "{kind} is gone");
            let again = settled(&portal, delete.intent("again")).await;
            assert!(!matches!(again, Err(CallError::Uncertain(_))), "deleting {kind} again is certain to do nothing: {again:?}");
        }
    }
}

async fn a_listing_is_complete_and_of_its_tenant_alone(portal: Arc<dyn Execute>) {
    let mut maker = Maker::new(&portal, "law-list");
    maker.make("law-list", Kind::Organization).await;
    let mut other = Maker::new(&portal, "law-list-other");
    other.make("law-list-other", Kind::Organization).await;
    // More than any portal's default page.
    let names: Vec<String> = (0..120).map(|i| format!("role-{i:03}")).collect();
    let calls: Vec<Call> = names.iter().map(|n| create(&format!("law-list/role/{n}"), json!({}))).collect();
    for batch in calls.chunks(portal.capabilities().batch.max(1)) {
        for (call, answer) in batch.iter().zip(portal.perform(batch).await) {
            if !matches!(answer, Ok(Done::Now { .. })) {
                // On a bad day it is made again.
                done(&portal, call.clone()).await;
            }
        }
    }
    assert_eq!(keys(&*portal, "law-list", Kind::Role).await, names);
    assert!(keys(&*portal, "law-list-other", Kind::Role).await.is_empty(), "another tenant has none of them");
}

async fn a_tenant_that_is_not_there_is_proven_empty(portal: Arc<dyn Execute>) {
    let answers = portal.read(&[tenant_key("law-nobody"), tenant_key("msp")]).await.unwrap();
    assert_eq!(answers.len(), 2, "one answer for each tenant");
    for kind in portal.capabilities().kinds.keys() {
        assert!(answers[0].is_complete(*kind) && answers[0].objects(*kind).is_empty(), "{kind} is proven absent");
    }
}

async fn portal_wide_keys_have_one_holder(portal: Arc<dyn Execute>) {
    let mut maker = Maker::new(&portal, "law-holder");
    let mut other = Maker::new(&portal, "law-holder-other");
    other.make("law-holder-other", Kind::Organization).await;
    for kind in maker.kinds().into_iter().filter(|k| portal.capabilities().kind(*k).is_some_and(|c| c.key_scope == KeyScope::Portal)) {
        let call = maker.creation("law-holder", kind).await;
        let key = call.key.clone();
        assert_eq!(portal.holders(kind, &[&key]).await.unwrap(), [KeyHolder::Free], "{kind}: nobody holds {key} yet");
        let id = maker.make("law-holder", kind).await;
        let held = KeyHolder::Held { tenant: Some("law-holder".to_owned()), id: Some(id) };
        assert_eq!(
            portal.holders(kind, &["nobody.example", &key]).await.unwrap(),
            [KeyHolder::Free, held],
            "{kind}: its tenant holds {key}"
        );
        if kind.def().placement != Placement::Tenant {
            let mut theirs = call;
            theirs.address.tenant = name("law-holder-other");
            refused(&portal, theirs.intent("theirs")).await;
        }
    }
}

async fn tenant_wide_keys_are_free_elsewhere(portal: Arc<dyn Execute>) {
    for tenant in ["law-key-a", "law-key-b"] {
        Maker::new(&portal, tenant).make(tenant, Kind::Organization).await;
    }
    let role = |tenant: &str, n: &str| create(&format!("{tenant}/role/operator"), json!({})).intent(&format!("{tenant} {n}"));
    done(&portal, role("law-key-a", "1")).await;
    done(&portal, role("law-key-b", "1")).await;
    refused(&portal, role("law-key-a", "2")).await;
}

async fn an_idempotency_key_has_one_effect(portal: Arc<dyn Execute>) {
    if !portal.capabilities().idempotent {
        return;
    }
    Maker::new(&portal, "law-once").make("law-once", Kind::Organization).await;
    let once = create("law-once/role/operator", json!({"displayName": "Operator"}));
    let first = settled(&portal, once.clone()).await;
    assert_eq!(settled(&portal, once.clone()).await, first, "the same call has the same answer");
    assert_eq!(keys(&*portal, "law-once", Kind::Role).await, ["operator"]);
    let mut other = once;
    other.address.name = Name::new("other").unwrap();
    refused(&portal, other).await;
}

async fn a_refused_call_has_no_effect(portal: Arc<dyn Execute>) {
    Maker::new(&portal, "law-refused").make("law-refused", Kind::Organization).await;
    refused(&portal, create("law-refused/group/g", json!({"roles": ["no-such-id"]}))).await;
    assert!(keys(&*portal, "law-refused", Kind::Group).await.is_empty());
    refused(&portal, create("law-nobody/role/r", json!({}))).await;
    refused(&portal, call(IntentAction::Update, "law-refused/role/r", json!({})).object("no-such-id")).await;
}

async fn what_is_not_carried_is_refused(portal: Arc<dyn Execute>) {
    let carried = portal.capabilities().kinds.values().any(|c| c.carried_by == Some(Kind::Organization));
    if carried {
        return;
    }
    let mut call = create("law-carry/organization/law-carry", json!({"displayName": "Carry"}));
    call.carries = vec![create("law-carry/user/admin", json!({"email": "admin@acme.example"}))];
    refused(&portal, call).await;
    assert!(objects(&*portal, "law-carry", Kind::Organization).await.is_empty(), "half of it would be worse than nothing");
}

async fn one_bad_call_spoils_no_other_of_its_batch(portal: Arc<dyn Execute>) {
    Maker::new(&portal, "law-batch").make("law-batch", Kind::Organization).await;
    let calls = [
        create("law-batch/role/a", json!({})),
        create("law-batch/group/bad", json!({"roles": ["no-such-id"]})),
        create("law-batch/role/b", json!({})),
    ];
    let mut answers = Vec::new();
    for batch in calls.chunks(portal.capabilities().batch.max(1)) {
        for (call, answer) in batch.iter().zip(portal.perform(batch).await) {
            let lost = matches!(answer, Err(CallError::Lost { .. }));
            answers.push(if lost { settled(&portal, call.clone()).await } else { answer });
        }
    }
    assert!(matches!(&answers[..], [Ok(_), Err(CallError::Refused(_)), Ok(_)]), "each call has its own answer: {answers:?}");
    assert_eq!(keys(&*portal, "law-batch", Kind::Role).await, ["a", "b"]);
}

async fn tenants_are_listed(portal: Arc<dyn Execute>) {
    let id = Maker::new(&portal, "law-tenants").make("law-tenants", Kind::Organization).await;
    let tenants = portal.tenants().await.unwrap();
    let found = tenants.iter().find(|t| t.name == name("law-tenants")).expect("the tenant is listed");
    assert_eq!(found.id.as_deref(), Some(id.as_str()));
    // Found by its id even where its name is another now.
    let renamed = tenantry::portal::TenantKey { name: name("law-renamed"), id: found.id.clone() };
    assert_eq!(portal.read(&[renamed]).await.unwrap()[0].objects(Kind::Organization).len(), 1);
}

#[tokio::test]
async fn the_embedded_portal_keeps_the_contract() {
    let world = World::new();
    for (_, keeps) in LAWS {
        keeps(Arc::new(AsApply(world.writer()))).await;
    }
}

//! What the manifests declare, held against what the sandbox has: every field that the portal takes and shows again, references by what they
//! lead to, and nothing that nobody declared.

use std::collections::BTreeMap;

use serde_json::Value;
use tenantry::manifest;
use tenantry::model::kind::Placement;
use tenantry::model::{Desired, FieldSupport, Fields, Kind, KindDef, Name, Resource, Tenant, Value as Declared};
use tenantry::portal::embedded::BY_PORTAL;
use tenantry::portal::load_profile;

use super::office::Office;

/// Objects by tenant, kind and what identifies them, each with its fields in JSON.
type Objects = BTreeMap<(String, &'static str, String), Value>;

/// Holds the one against the other. `beside`: keys of what was there before, or what the portal made by itself.
pub(super) async fn equal(office: &Office, profile: &str, beside: &[&str]) {
    let profile = load_profile(profile, None).unwrap();
    let roots = [office.path().join("customers")];
    let portals = office.path().join("portals");
    let request =
        manifest::Request { roots: &roots, stdin: None, portals_root: Some(&portals), only: None, builtins: manifest::Builtins::Unknown };
    let loaded = manifest::load(&request);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let shown = |kind: Kind, r: &Resource| {
        let mut fields = Fields::new();
        for (id, value) in r.fields.iter() {
            let field = kind.def().field(id);
            let takes = profile
                .capabilities()
                .kind(kind)
                .is_some_and(|c| matches!(c.field(id), FieldSupport::Full | FieldSupport::Immutable | FieldSupport::Technician));
            if takes && !field.ty.is_secret() && !field.sense.is_own() {
                fields.set(id, value.clone());
            }
        }
        fields
    };
    let mut declared = Objects::new();
    for tenant in loaded.desired.tenants.values() {
        let called = called(tenant);
        for r in tenant.resources.iter().filter(|r| profile.capabilities().kind(r.address.kind).is_some()) {
            let fields = referring(&loaded.desired, tenant, &shown(r.address.kind, r), r.def()).to_json(r.def());
            declared.insert((called.clone(), r.def().slug, identity(r.def().key.is_some(), r.natural_key(), &fields)), fields);
        }
    }
    let live = live(office, &profile.capabilities().kinds.keys().copied().collect::<Vec<_>>()).await;
    for (key, fields) in &declared {
        let there = live.get(key).unwrap_or_else(|| panic!("{key:?} is not there: {:#?}", live.keys()));
        for (path, value) in fields.as_object().unwrap() {
            assert!(within(value, &there[path]), "{path} of {key:?}: declared {value}, there {}", there[path]);
        }
    }
    let more: Vec<_> = live.keys().filter(|k| !declared.contains_key(*k) && !beside.contains(&k.2.as_str())).collect();
    assert!(more.is_empty(), "nobody declared {more:?}");
}

fn called(tenant: &Tenant) -> String {
    tenant.organization().map_or_else(|| "msp".to_owned(), |o| o.fields.to_json(o.def())["displayName"].as_str().unwrap().to_owned())
}

/// A natural key; else what people call it; else its name.
fn identity(keyed: bool, key: &str, fields: &Value) -> String {
    // A delegation has no name in any portal: it is told by its role.
    let display = fields["displayName"].as_str().or(fields["role"].as_str()).filter(|_| !keyed);
    display.unwrap_or(key).to_lowercase()
}

/// What the sandbox has, ids replaced by what they lead to.
async fn live(office: &Office, kinds: &[Kind]) -> Objects {
    let mut found = Vec::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for kind in kinds {
        let path = match kind.def().placement {
            Placement::Tenant => "/tenants".to_owned(),
            Placement::Member { inline } => format!("/{inline}"),
            Placement::MspOnly => format!("/{}", kind.def().nouns),
            Placement::Configuration => continue,
        };
        for item in office.api(&path).await["items"].as_array().unwrap() {
            let id = item["id"].as_str().unwrap().to_owned();
            let display = item["fields"]["displayName"].as_str().filter(|_| *kind == Kind::Organization);
            names.insert(id.clone(), display.or(item["key"].as_str()).unwrap().to_owned());
            let tenant = if *kind == Kind::Organization { id } else { item["tenant"].as_str().unwrap().to_owned() };
            // What a portal makes by itself is nobody's.
            if !item["createdBy"].as_str().is_some_and(|by| by.starts_with(BY_PORTAL)) {
                found.push((tenant, *kind, item.clone()));
            }
        }
    }
    let of = |tenant: &str| names.get(tenant).cloned().unwrap_or_else(|| tenant.to_owned());
    let object = |(tenant, kind, item): (String, Kind, Value)| {
        let fields = named(&item["fields"], &names);
        let key = identity(kind.def().key.is_some(), item["key"].as_str().unwrap(), &fields);
        ((of(&tenant), kind.def().slug, key), fields)
    };
    found.into_iter().map(object).collect()
}

fn named(value: &Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => names.get(text).cloned().unwrap_or_else(|| text.clone()).into(),
        Value::Array(items) => items.iter().map(|v| named(v, names)).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), named(v, names))).collect(),
        other => other.clone(),
    }
}

/// Fields in which references are what they lead to: an organization's display name, a natural key, or a name.
fn referring(desired: &Desired, tenant: &Tenant, fields: &Fields, def: &'static KindDef) -> Fields {
    let mut out = Fields::new();
    for (id, value) in fields.iter() {
        let Some(kind) = def.field(id).ty.refers_to() else {
            out.set(id, value.clone());
            continue;
        };
        let leads = |name: &str| {
            let name = Name::new(name).ok();
            match (kind, &name) {
                (Kind::Organization, Some(name)) => desired.tenants.get(name).map(called),
                (_, Some(name)) => tenant.get(kind, name).map(|r| r.natural_key().to_owned()),
                (_, None) => None,
            }
        };
        let one = |value: &Declared| {
            let text = value.as_text().unwrap();
            Declared::text(leads(text).unwrap_or_else(|| text.to_owned()))
        };
        out.set(id, value.as_list().map_or_else(|| one(value), |items| Declared::List(items.iter().map(one).collect())));
    }
    out
}

/// Whether all that is declared is there. Lists have no order here, and names no case.
fn within(declared: &Value, there: &Value) -> bool {
    match (declared, there) {
        (Value::Object(d), t) => d.iter().all(|(k, v)| within(v, &t[k])),
        (Value::Array(d), Value::Array(t)) => d.len() == t.len() && d.iter().all(|v| t.iter().any(|w| within(v, w))),
        (Value::String(d), Value::String(t)) => d.to_lowercase() == t.to_lowercase(),
        (Value::Bool(false), Value::Null) => true,
        (d, t) => d == t,
    }
}

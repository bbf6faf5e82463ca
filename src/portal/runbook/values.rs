//! Values as a technician types them, and things as a person calls them.
//!
//! Comes in: fields with references by name, and what the tenant declares. Goes out: texts. A secret shows where it is kept, never itself.

use crate::model::{Address, FieldDef, FieldType, Fields, Kind, SecretRef, SecretSource, Tenant, TenantName, Value};
use crate::portal::{Around, Call};

/// Where a technician finds a secret.
pub(super) fn secret(reference: &SecretRef) -> String {
    match &reference.source {
        SecretSource::Env(name) => format!("env {name}"),
        SecretSource::File(path) => format!("file {path}"),
        SecretSource::SecretKeyRef { namespace: _, name, key } => format!("key {key} of Secret {name}"),
    }
}

/// A field's value as it is typed.
pub(super) fn typed(def: &FieldDef, value: &Value, around: &Around) -> String {
    shown(&def.ty, value, around)
}

/// One item of a list, as a person calls it.
pub(super) fn item(def: &FieldDef, value: &Value, around: &Around) -> String {
    match def.ty {
        FieldType::List(ty) | FieldType::Set(ty) => shown(ty, value, around),
        FieldType::Organizations => shown(&FieldType::Ref(Kind::Organization), value, around),
        _ => shown(&def.ty, value, around),
    }
}

fn shown(ty: &FieldType, value: &Value, around: &Around) -> String {
    match (ty, value) {
        (FieldType::Ref(kind), Value::Text(name)) => person(*kind, name, around),
        (FieldType::Organizations, Value::List(names)) => {
            let names: Vec<_> = names.iter().map(|n| shown(&FieldType::Ref(Kind::Organization), n, around)).collect();
            names.join(", ")
        }
        (FieldType::List(inner) | FieldType::Set(inner), Value::List(items)) => {
            // A record is a line of its own.
            let between = if matches!(inner, FieldType::Record(_)) { "\n" } else { ", " };
            items.iter().map(|v| shown(inner, v, around)).collect::<Vec<_>>().join(between)
        }
        (FieldType::Record(fields), Value::Map(entries)) => {
            let ordered = fields.iter().filter_map(|f| Some((f, entries.iter().find(|(k, _)| **k == *f.path)?)));
            ordered.map(|(f, (key, v))| format!("{key}: {}", shown(&f.ty, v, around))).collect::<Vec<_>>().join("; ")
        }
        (FieldType::Map(inner), Value::Map(entries)) => {
            entries.iter().map(|(key, v)| format!("{key}: {}", shown(inner, v, around))).collect::<Vec<_>>().join(", ")
        }
        (_, Value::Bool(b)) => b.to_string(),
        (_, Value::Integer(i)) => i.to_string(),
        (_, Value::Text(t)) => t.to_string(),
        (_, Value::Secret(reference)) => format!("the secret from {}", secret(reference)),
        // A value that is not of its field's type cannot come from a manifest; it is shown as it is.
        (_, other @ (Value::List(_) | Value::Map(_))) => other.to_json().to_string(),
    }
}

/// What a person calls something that is referred to by name: an organization by its display name, a user by the e-mail, a role or a group
/// by its display name. What is not declared (the portal's own, say) keeps the name it has.
fn person(kind: Kind, name: &str, around: &Around) -> String {
    if kind == Kind::Organization {
        let known = TenantName::new(name).ok().and_then(|name| around.organizations.get(&name));
        return known.map_or_else(|| name.to_owned(), ToString::to_string);
    }
    let declared = TenantName::new(name).ok().and_then(|name| around.tenant.as_ref()?.get(kind, &name).cloned());
    declared.map_or_else(|| name.to_owned(), |resource| called(&resource.address, &resource.fields, resource.natural_key()))
}

/// What a person calls a resource: its display name, else its natural key.
pub(super) fn called(address: &Address, fields: &Fields, key: &str) -> String {
    let display = address.kind.def().field_named("displayName").and_then(|(id, _)| fields.get(id)).and_then(Value::as_text);
    display.filter(|d| !d.trim().is_empty()).unwrap_or(key).to_owned()
}

/// What people call the tenant of a call, if that is known: as the portal shows it now, before the call is done.
pub(super) fn organization(call: &Call, around: &Around, fields: &Fields, before: &Fields) -> Option<String> {
    let display = |fields: &Fields| {
        let (id, _) = Kind::Organization.def().field_named("displayName")?;
        fields.get(id).and_then(Value::as_text).map(str::to_owned)
    };
    let Address { tenant, kind, name: _ } = &call.address;
    let own = |fields: &Fields| (*kind == Kind::Organization).then(|| display(fields)).flatten();
    let declared = || around.tenant.as_ref().and_then(Tenant::organization).and_then(|o| display(&o.fields));
    let known = || around.organizations.get(tenant).map(ToString::to_string);
    let msp = || around.account.name.clone().filter(|_| tenant.is_msp());
    own(before).or_else(|| own(fields)).or_else(declared).or_else(known).or_else(msp)
}

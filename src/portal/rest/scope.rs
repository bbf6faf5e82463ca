//! What expressions see: a call, its tenant and the MSP's account as JSON.
//!
//! Comes in: a [`Call`]. Goes out: JSON by variable. A secret is never in it: where one is to go stands a placeholder that nobody can guess, and
//! the client puts the secret in when the request is sent.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Map, Value as Json, json};

use crate::model::portal_spec::Account;
use crate::model::{FieldId, Fields, IntentAction, Kind, KindDef, TenantName, Value};
use crate::portal::profile::cel::JsonScope;
use crate::portal::profile::http::document::UpdateStyle;
use crate::portal::{Call, CallContext};

/// Values by variable.
pub(super) type Values = BTreeMap<&'static str, Json>;

/// A scope over these values.
pub(super) fn scope(values: &Values) -> JsonScope<'_> {
    JsonScope::new(values.iter().map(|(name, value)| (*name, value)))
}

/// What a list's path may name.
pub(super) fn of_tenant(tenant: &TenantName, id: Option<&str>, account: &Account) -> Values {
    BTreeMap::from([("tenant", tenant_alone(tenant, id)), ("account", account_json(account))])
}

/// A tenant of which nothing is known but what it is.
pub(super) fn tenant_alone(tenant: &TenantName, id: Option<&str>) -> Json {
    let mut shown = json!({"name": tenant.as_str(), "isMsp": tenant.is_msp()});
    if let (Some(id), Some(shown)) = (id, shown.as_object_mut()) {
        shown.insert("id".to_owned(), id.into());
    }
    shown
}

/// The MSP's own account.
pub(super) fn account_json(account: &Account) -> Json {
    let Account { name, domain, email, kind, add_ons } = account;
    let given = [("name", name), ("domain", domain), ("email", email), ("kind", kind)];
    let mut shown: Map<_, _> = given.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into()))).collect();
    shown.insert("addOns".to_owned(), add_ons.clone().into());
    Json::Object(shown)
}

/// The secrets of a call, each with its placeholder.
pub(super) struct Placeholders(Vec<(String, SecretString)>);

impl Placeholders {
    /// Of a call. A placeholder holds a random part: no text of a manifest can be one.
    fn of(call: &Call) -> (Self, Json) {
        let nonce = uuid::Uuid::now_v7().simple().to_string();
        let mut all = Vec::new();
        let mut shown = Map::new();
        for (n, (field, key, secret)) in call.secrets.iter().enumerate() {
            let placeholder = format!("secret-{nonce}-{n}-");
            let name = if key.is_empty() { call.address.kind.def().field(*field).path } else { key };
            shown.insert(name.to_owned(), placeholder.clone().into());
            all.push((placeholder, secret.clone()));
        }
        (Self(all), Json::Object(shown))
    }

    /// Each with its secret.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, SecretString)> {
        self.0.iter()
    }
}

/// What the steps of a call see, as it is before the first of them.
pub(super) fn of_call(call: &Call, tenant_id: Option<&str>, account: &Account) -> (Values, Placeholders) {
    let def = call.address.kind.def();
    let context = call.context.as_deref();
    let empty = Fields::new();
    let (placeholders, secrets) = Placeholders::of(call);
    let carried = call.carries.iter().map(|c| {
        let mut shown = record(c.address.kind.def(), &c.desired, c);
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("kind".to_owned(), c.address.kind.def().name.into());
        }
        shown
    });
    let values = BTreeMap::from([
        ("self", record(def, &call.desired, call)),
        ("named", record(def, context.map_or(&empty, |c| &c.named), call)),
        ("before", of_before(def, &call.before)),
        ("changed", of_changed(def, &call.changed)),
        ("carried", Json::Array(carried.collect())),
        ("id", call.object.as_deref().map_or(Json::Null, Json::from)),
        ("name", call.address.name.as_str().into()),
        ("kind", def.name.into()),
        ("action", call.action.word().into()),
        ("tenant", tenant(call, tenant_id, context)),
        ("account", account_json(account)),
        ("owner", (*call.owner).into()),
        ("intent", (*call.intent).into()),
        ("steps", Json::Object(Map::new())),
        ("evidence", Json::Object(Map::new())),
        ("secrets", secrets),
    ]);
    (values, placeholders)
}

/// `before` as the steps of a call see it.
pub(super) fn of_before(def: &'static KindDef, before: &Fields) -> Json {
    grouped(def, before.to_json(def))
}

/// `changed` as the steps of a call see it.
pub(super) fn of_changed(def: &'static KindDef, changed: &[FieldId]) -> Json {
    changed.iter().map(|id| Json::from(def.field(*id).path)).collect()
}

/// `self` as a call of an update sees it, in which these fields differ.
pub(super) fn of_update(call: &Call, changed: &[FieldId], style: UpdateStyle) -> Json {
    let def = call.address.kind.def();
    if call.action != IntentAction::Update || style == UpdateStyle::Replace {
        return record(def, &call.desired, call);
    }
    let mut differs = Fields::new();
    for (id, value) in call.desired.iter().filter(|(id, _)| changed.contains(id)) {
        differs.set(id, value.clone());
    }
    record(def, &differs, call)
}

fn record(def: &'static KindDef, fields: &Fields, call: &Call) -> Json {
    let mut shown = grouped(def, without_secrets(fields).to_json(def));
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("name".to_owned(), call.address.name.as_str().into());
        shown.insert("key".to_owned(), (*call.key).into());
    }
    shown
}

/// Where a secret is kept is nobody's business but its reader's.
fn without_secrets(fields: &Fields) -> Fields {
    let mut plain = Fields::new();
    for (id, value) in fields.iter().filter(|(_, value)| value.secrets().is_empty()) {
        plain.set(id, value.clone());
    }
    plain
}

/// A group of fields such as `contact` is always there: its fields are what may be absent.
fn grouped(def: &'static KindDef, mut shown: Json) -> Json {
    for (_, field) in def.fields() {
        let mut at = shown.as_object_mut();
        let mut parts: Vec<&str> = field.path.split('.').collect();
        parts.pop();
        for part in parts {
            at = at.and_then(|map| map.entry(part).or_insert_with(|| Json::Object(Map::new())).as_object_mut());
        }
    }
    shown
}

fn tenant(call: &Call, id: Option<&str>, context: Option<&CallContext>) -> Json {
    let mut shown = tenant_alone(&call.address.tenant, id);
    let declared = context.and_then(|c| c.around.tenant.as_ref());
    let (Some(into), Some(declared)) = (shown.as_object_mut(), declared) else { return shown };
    let domains = declared.resources.iter().filter(|r| r.address.kind == Kind::Domain);
    into.insert("domains".to_owned(), domains.map(|r| Json::from(r.natural_key())).collect());
    if let Some(organization) = declared.organization() {
        let def = organization.def();
        let mut fields = grouped(def, without_secrets(&organization.fields).to_json(def));
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("name".to_owned(), organization.address.name.as_str().into());
            fields.insert("key".to_owned(), organization.natural_key().into());
        }
        let labels = def.field_named("labels").and_then(|(id, _)| organization.fields.get(id)).map_or_else(|| json!({}), Value::to_json);
        into.insert("labels".to_owned(), labels);
        into.insert("organization".to_owned(), fields);
    }
    shown
}

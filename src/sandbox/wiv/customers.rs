//! Customers and their integrations, as Wiv's API documents them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use serde_json::{Map, Value as Json_, json};

use super::{Problem, Wiv, texts};
use crate::model::{Fields, Kind, KindDef, LiveObject, MSP, Value};
use crate::sandbox::{Caller, Change};

type Answered = Result<Response, Problem>;

/// The header that names the customer inside which a call acts.
const INSIDE: &str = "x-wiv-impersonated-tenant-id";
/// What `fields=` may name; the vendor's page names others too, which are not known here.
const FIELDS: [&str; 6] = ["customer_id", "customer_name", "users_number", "num_of_integrations", "integration_types", "integrations"];

/// `GET /msp/customers?fields=…`: all customers, on one page.
pub(super) async fn list(State(wiv): State<Wiv>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answered {
    wiv.admin(&headers)?;
    let fields = asked_fields(query.as_deref().unwrap_or_default())?;
    let world = &wiv.api.world;
    let customers = world.every(&Caller::Msp, Kind::Organization).await?;
    let users = world.every(&Caller::Msp, Kind::User).await?;
    let integrations = world.every(&Caller::Msp, Kind::Integration).await?;
    let items = customers.iter().filter(|(tenant, _)| **tenant != *MSP).map(|(id, customer)| {
        let users = users.iter().filter(|(tenant, _)| tenant == id).count();
        let integrations: Vec<Json_> =
            integrations.iter().filter(|(owner, i)| owner == id || shared_with(i, id)).map(|(owner, i)| attached(i, owner != id)).collect();
        let all = json!({
            "customer_id": id,
            "customer_name": text(customer, "displayName"),
            "users_number": users,
            "num_of_integrations": integrations.len(),
            "integration_types": types(&integrations),
            "integrations": integrations,
        });
        only(all, &fields)
    });
    Ok(Json(json!({ "data": items.collect::<Vec<_>>() })).into_response())
}

fn asked_fields(query: &str) -> Result<Vec<&'static str>, Problem> {
    let Some((_, asked)) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "fields") else {
        return Ok(FIELDS.to_vec());
    };
    let known = |name: &str| FIELDS.into_iter().find(|f| *f == name.trim());
    asked.split(',').map(known).collect::<Option<_>>().ok_or_else(|| Problem::bad("Invalid fields requested"))
}

fn only(mut all: Json_, fields: &[&str]) -> Json_ {
    if let Some(all) = all.as_object_mut() {
        all.retain(|name, _| fields.contains(&name.as_str()));
    }
    all
}

/// An integration as a customer's list shows it: inferred.
fn attached(integration: &LiveObject, shared: bool) -> Json_ {
    json!({ "integration_id": integration.id, "name": text(integration, "displayName"), "type": text(integration, "type"), "shared": shared })
}

fn types(integrations: &[Json_]) -> Vec<&str> {
    let mut types: Vec<&str> = integrations.iter().filter_map(|i| i.get("type")?.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    types
}

fn shared_with(integration: &LiveObject, customer: &str) -> bool {
    let shared = field(integration, "sharedWith").and_then(Value::as_list).unwrap_or_default();
    shared.iter().any(|v| v.as_text() == Some(customer))
}

/// `POST /msp/customers {"name"}`.
pub(super) async fn create(State(wiv): State<Wiv>, headers: HeaderMap, body: Bytes) -> Answered {
    wiv.admin(&headers)?;
    let [name] = texts(&object(&body)?, ["name"], &[])?;
    let mut fields = Fields::new();
    set(Kind::Organization.def(), &mut fields, "displayName", Value::text(&name));
    let done = wiv.api.world.perform(&Caller::Msp, Change::create("", Kind::Organization, fields)).await?;
    Ok(Json(json!({ "data": { "name": name, "customer_id": done.object.map(|o| o.id) } })).into_response())
}

/// `POST /onboarding/aws/cloudformation-link`, inside a customer: a link that a person opens, and the external id that goes with it (WIV-7).
pub(super) async fn cloudformation_link(State(wiv): State<Wiv>, headers: HeaderMap, body: Bytes) -> Answered {
    wiv.admin(&headers)?;
    let customer = headers.get(INSIDE).and_then(|v| v.to_str().ok()).unwrap_or(MSP);
    wiv.api.world.tenant(&Caller::Msp, customer).await?;
    let asked = texts(&object(&body)?, ["account_type", "cur_config_type"], &[])?;
    let external_id = wiv.links.hand_out(customer, asked);
    // Reserved names (RFC 2606): whoever opens them reaches nobody's AWS account.
    let template = format!("https://templates.wiv.invalid/{external_id}.yaml");
    let stack = format!(
        "https://console.aws.invalid/cloudformation/home#/stacks/create/review?templateURL={template}&param_ExternalId={external_id}"
    );
    Ok(Json(json!({ "data": { "cloudformation_url": stack, "pre_signed_url": template, "external_id": external_id } })).into_response())
}

/// `POST /msp/customers/{customer_id}/integrations`: the external id must be one that was handed out inside this customer.
pub(super) async fn create_integration(State(wiv): State<Wiv>, Path(customer): Path<String>, headers: HeaderMap, body: Bytes) -> Answered {
    wiv.admin(&headers)?;
    if customer == MSP {
        return Err(Problem(axum::http::StatusCode::NOT_FOUND, "Customer not found".to_owned()));
    }
    wiv.api.world.tenant(&Caller::Msp, &customer).await?;
    let body = object(&body)?;
    let [kind, name] = texts(&body, ["type", "name"], &["integration_secret"])?;
    let secret =
        body.get("integration_secret").and_then(Json_::as_object).ok_or_else(|| Problem::bad("Missing field integration_secret"))?;
    let [role_arn, external_id] = texts(secret, ["role_arn", "external_id"], &[])?;
    if !role_arn.starts_with("arn:aws:iam::") {
        return Err(Problem::bad("Invalid role_arn"));
    }
    let [account_type, cur_config_type] = wiv.links.of(&customer, &external_id).ok_or_else(|| Problem::bad("Invalid external_id"))?;
    let def = Kind::Integration.def();
    let mut fields = Fields::new();
    set(def, &mut fields, "type", Value::text(&kind));
    set(def, &mut fields, "displayName", Value::text(&name));
    let settings = [("accountType", account_type), ("curConfigType", cur_config_type)];
    set(def, &mut fields, "settings", Value::Map(settings.into_iter().map(|(key, value)| (key.into(), Value::text(&value))).collect()));
    let mut change = Change::create(&customer, Kind::Integration, fields);
    if let Some((id, _)) = def.field_named("secrets") {
        let secret = |key: &str, text: String| (id, key.into(), SecretString::from(text));
        change.secrets = vec![secret("external_id", external_id), secret("role_arn", role_arn)];
    }
    let done = wiv.api.world.perform(&Caller::Msp, change).await?;
    Ok(Json(json!({ "data": { "integration_id": done.object.map(|o| o.id), "name": name, "type": kind } })).into_response())
}

fn object(body: &[u8]) -> Result<Map<String, Json_>, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem::bad("The body must be a JSON object"))
}

fn set(def: &'static KindDef, fields: &mut Fields, path: &str, value: Value) {
    if let Some((id, _)) = def.field_named(path) {
        fields.set(id, value);
    }
}

fn field<'a>(object: &'a LiveObject, path: &str) -> Option<&'a Value> {
    object.fields.get(object.def().field_named(path)?.0)
}

fn text<'a>(object: &'a LiveObject, path: &str) -> Option<&'a str> {
    field(object, path).and_then(Value::as_text)
}

//! Wiv.ai's documented API, as the sandbox plays it. The profile here is made up and as small as can be: this API is not the profile's doing.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantry::portal::Profile;

use super::api_kit::{Answer, Sandbox};

const PROFILE: &str = "
apiVersion: tenantry.dev/v1alpha1
kind: Profile
name: wiv
title: Wiv.ai
driver: runbook
kinds:
  Organization: {read: unreadable, create: technician}
  User: {read: unreadable, create: technician}
  Integration: {read: unreadable, create: technician, fields: {secrets: writeOnly}}
";

async fn wiv() -> Sandbox {
    Sandbox::play(Arc::new(Profile::parse(PROFILE, "wiv.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")))).await
}

/// Asks with a key and perhaps inside a customer.
async fn ask(sandbox: &Sandbox, key: &str, inside: Option<&str>, method: &str, path: &str, body: Value) -> Answer {
    let mut headers = vec![("x-api-key", key)];
    headers.extend(inside.map(|id| ("x-wiv-impersonated-tenant-id", id)));
    sandbox.send(method, path, &headers, body).await.unwrap()
}

async fn admin(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> Answer {
    ask(sandbox, &sandbox.operator, None, method, path, body).await
}

async fn customer(sandbox: &Sandbox, name: &str) -> String {
    let made = admin(sandbox, "POST", "/msp/customers", json!({"name": name})).await;
    assert_eq!((made.status.as_u16(), &made.body["data"]["name"]), (200, &json!(name)));
    made.body["data"]["customer_id"].as_str().unwrap().to_owned()
}

async fn external_id(sandbox: &Sandbox, customer: &str) -> String {
    let asked = json!({"account_type": "payer", "cur_config_type": "new"});
    let link = ask(sandbox, &sandbox.operator, Some(customer), "POST", "/onboarding/aws/cloudformation-link", asked).await;
    assert_eq!(link.status, 200, "{link:?}");
    let data = &link.body["data"];
    assert!(data["cloudformation_url"].is_string() && data["pre_signed_url"].is_string());
    data["external_id"].as_str().unwrap().to_owned()
}

fn integration(external_id: &str) -> Value {
    let secret = json!({"role_arn": "arn:aws:iam::123456789012:role/wiv", "external_id": external_id});
    json!({"type": "aws", "name": "Production", "integration_secret": secret})
}

fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status.as_u16(), &answer.body), (status, &json!({"error": error})));
}

#[tokio::test]
async fn customers_are_made_and_listed_with_the_fields_that_are_asked_for() {
    let sandbox = wiv().await;
    let acme = customer(&sandbox, "Acme GmbH").await;
    let user = json!({"fields": {"email": "alice@acme.example"}});
    assert_eq!(sandbox.ask("POST", &format!("/api/v1/tenants/{acme}/users"), user).await.status, 201);
    let list = admin(&sandbox, "GET", "/msp/customers?fields=customer_id,customer_name,users_number", Value::Null).await;
    assert_eq!(list.body, json!({"data": [{"customer_id": acme, "customer_name": "Acme GmbH", "users_number": 1}]}));
    for wrong in ["customer_id,shoe_size", "name", ""] {
        refused(&admin(&sandbox, "GET", &format!("/msp/customers?fields={wrong}"), Value::Null).await, 400, "Invalid fields requested");
    }
    refused(&admin(&sandbox, "POST", "/msp/customers", json!({})).await, 400, "Missing field name");
    // The API takes the name alone (WIV-2).
    let more = json!({"name": "Other", "access_permissions": []});
    refused(&admin(&sandbox, "POST", "/msp/customers", more).await, 400, "Unknown field access_permissions");
}

/// WIV-7: the link, then a person, then the call that brings the external id back.
#[tokio::test]
async fn wiv_7_an_integration_needs_the_external_id_that_was_handed_out_inside_its_customer() {
    let sandbox = wiv().await;
    let (acme, other) = (customer(&sandbox, "Acme").await, customer(&sandbox, "Other").await);
    let path = format!("/msp/customers/{acme}/integrations");
    refused(&admin(&sandbox, "POST", &path, integration("made-up")).await, 400, "Invalid external_id");
    let theirs = external_id(&sandbox, &other).await;
    refused(&admin(&sandbox, "POST", &path, integration(&theirs)).await, 400, "Invalid external_id");
    let nobodys = external_id(&sandbox, "msp").await;
    refused(&admin(&sandbox, "POST", &path, integration(&nobodys)).await, 400, "Invalid external_id");

    let ours = external_id(&sandbox, &acme).await;
    let made = admin(&sandbox, "POST", &path, integration(&ours)).await;
    assert_eq!(made.status, 200, "{made:?}");
    let fields = "fields=customer_name,num_of_integrations,integration_types,integrations";
    let list = admin(&sandbox, "GET", &format!("/msp/customers?{fields}"), Value::Null).await;
    let shown = json!([{
        "integration_id": made.body["data"]["integration_id"], "name": "Production", "type": "aws", "shared": false,
    }]);
    let acme = json!({"customer_name": "Acme", "num_of_integrations": 1, "integration_types": ["aws"], "integrations": shown});
    let other = json!({"customer_name": "Other", "num_of_integrations": 0, "integration_types": [], "integrations": []});
    assert_eq!(list.body["data"], json!([acme, other]));
    assert!(!list.body.to_string().contains(&ours), "a secret is not shown");
}

/// WIV-3: one of the MSP's own that is shared shows as attached to the customer.
#[tokio::test]
async fn wiv_3_a_shared_integration_is_attached_to_the_customer() {
    let sandbox = wiv().await;
    let acme = customer(&sandbox, "Acme").await;
    let body = json!({"key": "billing", "fields": {"type": "azure", "displayName": "Billing", "sharedWith": [acme]}});
    assert_eq!(sandbox.ask("POST", "/api/v1/tenants/msp/integrations", body).await.status, 201);
    let list = admin(&sandbox, "GET", "/msp/customers?fields=integrations,integration_types", Value::Null).await;
    let customer = &list.body["data"][0];
    assert_eq!((&customer["integration_types"], &customer["integrations"][0]["shared"]), (&json!(["azure"]), &json!(true)));
}

/// WIV-1: only a user with the role MSP-Admin manages customers.
#[tokio::test]
async fn wiv_1_a_key_of_another_role_manages_no_customer() {
    let sandbox = wiv().await;
    let key = async |role: &str| {
        let given = sandbox.ask("POST", "/sandbox/wiv/keys", json!({"role": role})).await;
        given.body["key"].as_str().unwrap_or_else(|| panic!("{given:?}")).to_owned()
    };
    let calls = [
        ("GET", "/msp/customers", Value::Null),
        ("POST", "/msp/customers", json!({"name": "Acme"})),
        ("POST", "/msp/customers/x/integrations", integration("x")),
        ("POST", "/onboarding/aws/cloudformation-link", json!({"account_type": "payer", "cur_config_type": "new"})),
    ];
    for role in ["Admin", "MSP-Viewer"] {
        let key = key(role).await;
        for (method, path, body) in &calls {
            let answer = ask(&sandbox, &key, None, method, path, body.clone()).await;
            refused(&answer, 403, "Only a user with the role MSP-Admin manages customers");
        }
    }
    let key = key("MSP-Admin").await;
    let list = ask(&sandbox, &key, None, "GET", "/msp/customers", Value::Null).await;
    assert_eq!(list.body, json!({"data": []}), "and nothing was made");
}

#[tokio::test]
async fn a_key_that_is_missing_wrong_or_expired_opens_nothing() {
    let sandbox = wiv().await;
    for key in ["", "wiv-made-up"] {
        refused(&ask(&sandbox, key, None, "GET", "/msp/customers", Value::Null).await, 401, "Authentication required");
    }
    let bearer = sandbox.get("/msp/customers").await;
    refused(&bearer, 401, "Authentication required");
    assert_eq!(admin(&sandbox, "GET", "/msp/customers", Value::Null).await.status, 200);
    assert_eq!(sandbox.ask("DELETE", "/sandbox/wiv/keys", Value::Null).await.status, 204);
    refused(&admin(&sandbox, "GET", "/msp/customers", Value::Null).await, 401, "Authentication required");
    let given = sandbox.ask("POST", "/sandbox/wiv/keys", json!({"role": "MSP-Admin"})).await;
    let key = given.body["key"].as_str().unwrap();
    assert_eq!(ask(&sandbox, key, None, "GET", "/msp/customers", Value::Null).await.status, 200);
    let acme = customer_with(&sandbox, key).await;
    let token = sandbox.token_of(&acme).await;
    assert_eq!(sandbox.ask_as(&token, "DELETE", "/sandbox/wiv/keys", Value::Null).await.status, 403);
    refused(&ask(&sandbox, &token, None, "GET", "/msp/customers", Value::Null).await, 401, "Authentication required");
}

async fn customer_with(sandbox: &Sandbox, key: &str) -> String {
    let made = ask(sandbox, key, None, "POST", "/msp/customers", json!({"name": "Acme"})).await;
    made.body["data"]["customer_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_not_documented_is_not_there() {
    let sandbox = wiv().await;
    let acme = customer(&sandbox, "Acme").await;
    for (method, path) in [
        ("PUT", "/msp/customers".to_owned()),
        ("GET", format!("/msp/customers/{acme}")),
        ("PATCH", format!("/msp/customers/{acme}")),
        ("DELETE", format!("/msp/customers/{acme}")),
        ("GET", format!("/msp/customers/{acme}/integrations")),
        ("POST", format!("/msp/customers/{acme}/users")),
        ("POST", "/msp/integrations/share".to_owned()),
        ("GET", "/onboarding/aws/cloudformation-link".to_owned()),
    ] {
        refused(&admin(&sandbox, method, &path, Value::Null).await, 404, "Not found");
    }
    let other = Sandbox::start().await;
    assert_eq!(admin(&other, "GET", "/msp/customers", Value::Null).await.status, 404, "nor is it there in another portal");
}

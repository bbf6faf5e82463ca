//! What is made in the same call, and what readers and writers of one portal share.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use tenantry::model::{PortalSpec, SecretRef, SecretSource};
use tenantry::portal::rest::Rest;
use tenantry::portal::rest::transport::{Network, Patience};
use tenantry::portal::{Call, Done, Driver as _, OpenContext};
use tenantry::secrets::{SecretError, SecretReader};

use super::super::kit::{create, perform};
use super::server::{Server, ok};
use super::{compiled, writer};

const API: &str = r#"
http: {AUTH}
kinds:
  Organization:
    read: listed
    create: call
    fields: {displayName: full, "*": unsupported}
    http:
      lists: {all: {within: portal, path: /orgs}}
      item: {id: item.id, key: item.name, fields: {displayName: item.name}}
      create: [{path: /orgs, body: {name: "${self.displayName}", admin: "${carried[0].email}"}, id: response.body.id, CARRIED}]
  User:
    read: listed
    create: call
    carriedBy: Organization
    fields: {"*": unsupported}
    http:
      lists: {all: {within: tenant, path: "/orgs/${tenant.id}/users"}}
      item: {id: item.id, key: item.mail, fields: {email: item.mail}}
"#;

async fn server() -> Server {
    Server::start(|asked| match asked.line.as_str() {
        "POST /token" => ok(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 3600})),
        "POST /orgs" => ok(json!({"id": "c1", "admins": {"ann@acme.example": "told"}})),
        "GET /orgs/c1/users" => ok(json!([{"id": "other", "mail": "bo@acme.example"}, {"id": "listed", "mail": "ann@acme.example"}])),
        _ => ok(json!([])),
    })
    .await
}

fn acme() -> Call {
    let mut acme = create("acme/organization/acme", json!({"displayName": "acme"}));
    acme.carries = vec![create("acme/user/ann", json!({"email": "ann@acme.example"}))];
    acme
}

async fn ids(api: &str) -> Vec<Option<Box<str>>> {
    let server = server().await;
    match perform(&writer(&server.url, &api.replace("{AUTH}", "{}")), acme()).await {
        Ok(Done::Now { carried, .. }) => carried,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_id_of_what_is_carried_is_where_the_profile_says_or_in_the_new_tenants_list() {
    let told = API.replace(", CARRIED", ", carried: {User: 'response.body.admins[item.email]'}");
    assert_eq!(ids(&told).await, [Some("told".into())]);
    let listed = API.replace(", CARRIED", "");
    assert_eq!(ids(&listed).await, [Some("listed".into())]);
    let nowhere = listed.replace("within: tenant, path: \"/orgs/${tenant.id}/users\"", "within: portal, path: /users, tenant: item.org");
    assert_eq!(ids(&nowhere).await, [None], "a list of the whole portal is not read for one id");
}

struct One;

impl SecretReader for One {
    fn read(&self, _: &SecretRef) -> Result<SecretString, SecretError> {
        Ok("secret".to_owned().into())
    }
}

#[tokio::test]
async fn a_reader_and_a_writer_of_one_portal_share_a_token_and_those_of_two_do_not() {
    let server = server().await;
    let api = API.replace(", CARRIED", "").replace("{AUTH}", "{auth: {oauth2: {tokenPath: /token, clientId: id, clientSecret: secret}}}");
    let (profile, state) = (compiled(&api), tempfile::tempdir().unwrap());
    let patience = Patience { attempts: 1, deadline: Duration::from_secs(5), first_pause: Duration::from_millis(1) };
    let driver = Rest::over(Network::of_this_machine().unwrap(), patience);
    let reference = |name: &str| (name.to_owned(), SecretRef { source: SecretSource::Env("X".into()) });
    let credentials = vec![reference("id"), reference("secret")];
    let spec = PortalSpec { endpoint: Some(server.url.clone()), credentials, ..PortalSpec::embedded() };
    let other = PortalSpec { requests_per_minute: 1001, ..spec.clone() };
    let ctx = |spec| OpenContext { spec, profile: std::sync::Arc::clone(&profile), state_dir: state.path(), secrets: &One };
    let (reader, writer) = (driver.open_reader(&ctx(&spec)).unwrap(), driver.open_writer(&ctx(&spec)).unwrap());
    reader.tenants().await.unwrap();
    writer.tenants().await.unwrap();
    // Since it was last asked for.
    let tokens = || server.asked().iter().filter(|asked| asked.line == "POST /token").count();
    assert_eq!(tokens(), 1, "one sign-in for both");
    driver.open_reader(&ctx(&other)).unwrap().tenants().await.unwrap();
    assert_eq!(tokens(), 1, "another document has a client of its own");
}

//! The `rest` driver under faults at every request, against Better Auth.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use tenantry::model::{Resource, SecretRef, SecretSource, Value};
use tenantry::portal::{Execute, Profile};

use super::desk::Desk;
use super::network::{Case, Site, in_turn, rest, run};
use super::world::{Customs, Seen, Stage};
use crate::servers::better_auth::{PASSWORD, server};
use crate::support::declared::Say as _;

/// How many lives are played side by side.
const SIDE_BY_SIDE: usize = 6;

/// An MSP with an account of its own at the one Better Auth of all tests.
pub(super) struct Msp {
    client: reqwest::Client,
    account: String,
    token: String,
    profile: Arc<Profile>,
    customs: Customs,
}

fn single_sign_on(integration: Resource) -> Resource {
    let at = "https://idp.example";
    let settings = json!({
        "issuer": at, "domain": "acme.example", "authorizationEndpoint": format!("{at}/authorize"), "tokenEndpoint": format!("{at}/token"),
        "jwksEndpoint": format!("{at}/keys"),
    });
    let mut integration = integration.with("type", "oidc").with("settings", settings);
    let (id, _) = integration.def().field_named("secrets").unwrap();
    let secret = |name: &str| Value::Secret(Box::new(SecretRef { source: SecretSource::Env(name.into()) }));
    let secrets = [("clientId", secret("CLIENT_ID")), ("clientSecret", secret("CLIENT_SECRET"))];
    integration.fields.set(id, Value::Map(secrets.map(|(key, secret)| (key.into(), secret)).into()));
    integration
}

impl Msp {
    /// A new account, and what strangers have; `life` is in all its names. Its members are listed so many at a time.
    pub(super) async fn new(life: &str, page: usize) -> Self {
        let client = crate::servers::client();
        let account = format!("{life}@msp.example");
        let token = signed_in(&client, &account).await;
        let text = include_str!("../../profiles/better-auth.yaml").replace("size: 50", &format!("size: {page}"));
        let text = text.replace("  base: /api/auth\n", "  base: /api/auth\n  timeouts: {request: 3s}\n");
        assert!(text.contains("3s") && text.contains(&format!("size: {page}")));
        let profile = Arc::new(Profile::parse(&text, "better-auth.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")));
        let customs = Customs {
            prefix: format!("{life}-"),
            people: false,
            titles: false,
            permissions: ["member:create", "invitation:create"],
            everybody: Some("member"),
            own: Some(single_sign_on),
            ..Customs::whole()
        };
        let msp = Self { client, account, token, profile, customs };
        let other = msp.post("/organization/create", json!({"name": "Other", "slug": format!("{life}-other")})).await;
        let olga = json!({"organizationId": other["id"], "email": format!("olga@{life}-other.example"), "role": "member"});
        msp.post("/organization/invite-member", olga).await;
        msp
    }

    async fn post(&self, path: &str, body: Json) -> Json {
        post(&self.client, &self.token, path, &body).await.1
    }

    async fn get(&self, path: &str) -> Json {
        let request = self.client.get(format!("{}{path}", server().url)).bearer_auth(&self.token);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Somebody of acme makes an account and accepts the invitation.
    pub(super) async fn accepts(&self, name: &str) {
        let email = format!("{name}@{}acme.example", self.customs.prefix);
        let token = signed_in(&self.client, &email).await;
        let mails = self.get("/outbox").await;
        let mail = mails.as_array().unwrap().iter().rfind(|mail| mail["to"] == email.as_str()).unwrap();
        post(&self.client, &token, "/organization/accept-invitation", &json!({"invitationId": mail["invitation"]})).await;
    }

    /// What an organization has.
    async fn in_organization(&self, organization: &Json) -> Vec<String> {
        let (id, slug) = (organization["id"].as_str().unwrap(), organization["slug"].as_str().unwrap());
        let list = async |what: &str| self.get(&format!("/api/auth/organization/{what}?organizationId={id}&limit=1000")).await;
        let text = |json: &Json| json.as_str().unwrap_or_else(|| panic!("{slug} has {json}")).to_owned();
        let (roles, members, invited) = (list("list-roles").await, list("list-members").await, list("list-invitations").await);
        let members = members["members"].as_array().unwrap().iter().map(|m| text(&m["user"]["email"])).filter(|m| *m != self.account);
        let invited = invited.as_array().unwrap().iter().filter(|i| i["status"] == "pending").map(|i| text(&i["email"]));
        let people = members.chain(invited).map(|email| format!("{slug} user {email}"));
        let roles = roles.as_array().unwrap().iter().map(|role| format!("{slug} role {}", text(&role["role"])));
        people.chain(roles).chain([format!("{slug} organization {slug}")]).collect()
    }
}

/// Makes an account and signs in.
async fn signed_in(client: &reqwest::Client, email: &str) -> String {
    let body = json!({"email": email, "password": PASSWORD, "name": email});
    post(client, "", "/sign-up/email", &body).await;
    post(client, "", "/sign-in/email", &body).await.0.unwrap()
}

/// The token that an answer gives, and its body.
async fn post(client: &reqwest::Client, token: &str, path: &str, body: &Json) -> (Option<String>, Json) {
    let answer = client.post(format!("{}/api/auth{path}", server().url)).bearer_auth(token).json(body).send().await.unwrap();
    let (status, given) = (answer.status(), answer.headers().get("set-auth-token").map(|token| token.to_str().unwrap().to_owned()));
    let answer: Json = answer.json().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {answer}");
    (given, answer)
}

#[async_trait]
impl Site for Msp {
    fn customs(&self) -> &Customs {
        &self.customs
    }

    fn url(&self) -> &str {
        &server().url
    }

    fn open(&self, url: &str, attempts: u32) -> Arc<dyn Execute> {
        let credentials = [("email", self.account.as_str()), ("password", PASSWORD)];
        rest(url, Arc::clone(&self.profile), attempts, &credentials, Some(&self.account))
    }

    async fn seen(&self) -> Seen {
        let mut objects = Vec::new();
        for organization in self.get("/api/auth/organization/list").await.as_array().unwrap() {
            objects.extend(self.in_organization(organization).await);
        }
        let acme = format!("{}acme", self.customs.prefix);
        for provider in self.get("/api/auth/sso/providers").await["providers"].as_array().unwrap() {
            objects.push(format!("{acme} integration {}", provider["providerId"].as_str().unwrap().replace(&format!("{acme}-"), "")));
        }
        let all = self.get("/outbox").await;
        let ours = all.as_array().unwrap().iter().map(|mail| mail["to"].as_str().unwrap().to_owned());
        Seen { objects, mailed: ours.filter(|to| to.contains(&format!("@{}", self.customs.prefix))).collect() }
    }
}

/// Two customers are made, somebody accepts, they are changed, and in each stage a request goes wrong: the requests of both, and what is wrong.
async fn life(name: String, cases: [Option<&Case>; 2]) -> ([Vec<String>; 2], Vec<String>) {
    let (msp, folder) = (Msp::new(&name, 50).await, tempfile::tempdir().unwrap());
    let desk = Desk::at(folder.path());
    let made = run(&msp, &desk, Stage::Made, cases[0]).await;
    // Roles of an invitation that is open cannot be changed.
    msp.accepts("bob").await;
    let changed = run(&msp, &desk, Stage::Changed, cases[1]).await;
    ([made.asked, changed.asked], [made.wrong, changed.wrong].concat())
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_at_any_request_nobody_is_invited_to_better_auth_twice() {
    let ([made, changed], wrong) = life("clean".to_owned(), [None, None]).await;
    assert_eq!(wrong, [""; 0]);
    let (made, changed) = (in_turn(&made), in_turn(&changed));
    assert!(made.len() > 20 && changed.len() > 20, "there is something to go wrong: {} and {} cases", made.len(), changed.len());
    let count = made.len().max(changed.len());
    let lives = (0..count).map(|n| life(format!("life{n}"), [made.get(n), changed.get(n)]));
    let wrong: Vec<String> = stream::iter(lives).buffer_unordered(SIDE_BY_SIDE).map(|(_, wrong)| wrong).concat().await;
    assert!(wrong.is_empty(), "{} wrong in {count} lives:\n{}", wrong.len(), wrong.concat());
}

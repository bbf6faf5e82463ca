//! The `rest` driver under faults at every request, against Keystone.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use tenantry::model::Resource;
use tenantry::portal::{Execute, Profile};

use super::desk::Desk;
use super::network::{Case, Site, in_turn_where_it_is_slow, rest, run};
use super::world::{Customs, Seen, Stage};
use crate::apis::keystone::token;
use crate::servers::keystone::{Keystone, PASSWORD, started};
use crate::support::declared::Say as _;

/// How many Keystones are asked side by side: each has one processor's worth of work.
const SIDE_BY_SIDE: usize = 2;

/// A Keystone of one's own, in which one life is played after the other.
pub(super) struct Cloud {
    keystone: Keystone,
    profile: Arc<Profile>,
    client: reqwest::Client,
    token: String,
    customs: Customs,
}

fn single_sign_on(integration: Resource) -> Resource {
    integration.with("type", "identity-provider").with("enabled", true)
}

impl Cloud {
    /// With these lines at the end of its configuration, and what strangers have.
    pub(super) async fn with(configuration: &str) -> Self {
        let text = include_str!("../../profiles/keystone.yaml").replace("  msp: default\n", "  msp: default\n  timeouts: {request: 3s}\n");
        assert!(text.contains("3s"));
        let profile = Arc::new(Profile::parse(&text, "keystone.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")));
        let configuration = configuration.to_owned();
        let keystone = tokio::task::spawn_blocking(move || started(&configuration)).await.unwrap();
        let token = token(&keystone.url).await;
        let own = Some(single_sign_on as fn(Resource) -> Resource);
        let customs = Customs { titles: false, permissions: ["reader", "member"], own, mails: false, ..Customs::whole() };
        let cloud = Self { keystone, profile, client: crate::servers::client(), token, customs };
        let other = cloud.ask("POST", "/domains", json!({"domain": {"name": "other"}})).await;
        let name = "olga@other.example";
        cloud.ask("POST", "/users", json!({"user": {"name": name, "email": name, "domain_id": other["domain"]["id"]}})).await;
        cloud
    }

    async fn ask(&self, method: &str, path: &str, body: Json) -> Json {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.keystone.url));
        let request = request.header("X-Auth-Token", &self.token);
        let answer = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        let status = answer.status();
        let answer: Json = answer.json().await.unwrap_or_default();
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    /// What Keystone lists; all pages where it has several.
    async fn list(&self, path: &str) -> Vec<Json> {
        let name = path.split('?').next().unwrap().rsplit('/').next().unwrap();
        let mut all: Vec<Json> = Vec::new();
        loop {
            // It says that there is more to those alone who say how many they want.
            let marker = all.last().map(|last| format!("marker={}&", last["id"].as_str().unwrap())).unwrap_or_default();
            let and = if path.contains('?') { '&' } else { '?' };
            let mut answer = self.ask("GET", &format!("{path}{and}{marker}limit=500"), Json::Null).await;
            all.extend(serde_json::from_value::<Vec<Json>>(answer[name].take()).unwrap());
            if answer["truncated"] != true {
                return all;
            }
        }
    }

    /// The customers' domains, by id and name.
    async fn domains(&self) -> Vec<(String, String)> {
        let text = |item: &Json, name: &str| item[name].as_str().unwrap().to_owned();
        let all = self.list("/domains").await;
        all.iter().filter(|item| item["id"] != "default").map(|item| (text(item, "id"), text(item, "name"))).collect()
    }

    /// Takes away all but what strangers have: each life begins with nothing.
    async fn is_emptied(&self) {
        for provider in self.list("/OS-FEDERATION/identity_providers").await {
            self.ask("DELETE", &format!("/OS-FEDERATION/identity_providers/{}", provider["id"].as_str().unwrap()), Json::Null).await;
        }
        for (id, _) in self.domains().await.into_iter().filter(|(_, name)| name != "other") {
            // Roles stay where their domain goes.
            for role in self.list(&format!("/roles?domain_id={id}")).await {
                self.ask("DELETE", &format!("/roles/{}", role["id"].as_str().unwrap()), Json::Null).await;
            }
            self.ask("PATCH", &format!("/domains/{id}"), json!({"domain": {"enabled": false}})).await;
            self.ask("DELETE", &format!("/domains/{id}"), Json::Null).await;
        }
    }

    /// Two customers are made and changed, and in each stage a request goes wrong.
    async fn life(&self, cases: [Option<&Case>; 2]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::at(folder.path());
        let mut wrong = run(self, &desk, Stage::Made, cases[0]).await.wrong;
        wrong.extend(run(self, &desk, Stage::Changed, cases[1]).await.wrong);
        self.is_emptied().await;
        wrong
    }
}

#[async_trait]
impl Site for Cloud {
    fn customs(&self) -> &Customs {
        &self.customs
    }

    fn url(&self) -> &str {
        self.keystone.url.trim_end_matches("/v3")
    }

    fn open(&self, url: &str, attempts: u32) -> Arc<dyn Execute> {
        rest(url, Arc::clone(&self.profile), attempts, &[("user", "admin"), ("password", PASSWORD)], None)
    }

    async fn seen(&self) -> Seen {
        let domains = self.domains().await;
        let mut objects: Vec<_> = domains.iter().map(|(_, name)| format!("{name} organization {name}")).collect();
        let of = |item: &Json| domains.iter().find(|(id, _)| item["domain_id"] == id.as_str()).map(|(_, name)| name.clone());
        let mut add = |kind: &str, items: Vec<Json>, key: &str| {
            let line = |item: &Json| Some(format!("{} {kind} {}", of(item)?, item[key].as_str().unwrap_or_default()));
            objects.extend(items.iter().filter_map(line));
        };
        add("user", self.list("/users").await, "name");
        add("group", self.list("/groups").await, "name");
        add("integration", self.list("/OS-FEDERATION/identity_providers").await, "id");
        for (id, _) in &domains {
            add("role", self.list(&format!("/roles?domain_id={id}")).await, "name");
        }
        // Ids of identity providers are unique in a whole Keystone.
        let objects = objects.into_iter().map(|line| line.replace("integration acme-", "integration ")).collect();
        Seen { objects, mailed: Vec::new() }
    }
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_at_any_request_customers_of_keystone_are_made_and_changed_once() {
    let clouds = join_all((0..SIDE_BY_SIDE).map(|_| Cloud::with(""))).await;
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::at(folder.path());
    let made = run(&clouds[0], &desk, Stage::Made, None).await;
    let changed = run(&clouds[0], &desk, Stage::Changed, None).await;
    assert_eq!([made.wrong, changed.wrong].concat(), [""; 0]);
    clouds[0].is_emptied().await;

    let (made, changed) = (in_turn_where_it_is_slow(&made.asked), in_turn_where_it_is_slow(&changed.asked));
    assert!(made.len() > 25 && changed.len() > 15, "there is something to go wrong: {} and {} cases", made.len(), changed.len());
    let lives: Vec<_> = (0..made.len().max(changed.len())).map(|n| [made.get(n).cloned(), changed.get(n).cloned()]).collect();
    let lives = Arc::new(lives);
    let sides = clouds.into_iter().enumerate().map(|(n, cloud)| {
        let lives = Arc::clone(&lives);
        tokio::spawn(async move {
            let mut wrong = Vec::new();
            for [made, changed] in lives.iter().skip(n).step_by(SIDE_BY_SIDE) {
                wrong.extend(cloud.life([made.as_ref(), changed.as_ref()]).await);
            }
            wrong
        })
    });
    let wrong: Vec<String> = join_all(sides).await.into_iter().flat_map(Result::unwrap).collect();
    assert!(wrong.is_empty(), "{} wrong in {} lives:\n{}", wrong.len(), lives.len(), wrong.concat());
}

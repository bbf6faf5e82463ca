//! The sandbox's own API by `tests/profiles/sandbox-api.yaml`: a tenant is the same, whether its own lists are read or those of the whole portal.

use std::sync::Arc;

use serde_json::json;
use tenantry::model::{Kind, LiveTenant, Name};
use tenantry::portal::{Execute, Profile, TenantKey};

use crate::contract::rest::{open, profile};
use crate::sandbox::api_kit::Sandbox;
use crate::support::proxy::Proxy;

/// The profile with pages so short that few tenants are few beside them.
fn short(text: &str) -> String {
    text.replace("size: 100", "size: 2")
}

/// The same without what it says of one tenant.
fn of_whole_lists(text: &str) -> String {
    short(text).lines().filter(|line| !line.contains("ofTenant")).map(|line| format!("{line}\n")).collect()
}

/// A sandbox, and the two ways to read it, each past a proxy that writes down what is asked.
struct Both {
    sandbox: Sandbox,
    proxy: Proxy,
    narrow: Arc<dyn Execute>,
    whole: Arc<dyn Execute>,
}

impl Both {
    async fn new() -> Self {
        let read = |text: &dyn Fn(&str) -> String| -> Arc<Profile> { profile(|profile| text(&profile)) };
        let sandbox = Sandbox::play(read(&short)).await;
        let proxy = Proxy::before(&sandbox.base);
        let narrow = open(&proxy.url, &sandbox.operator, read(&short), 1);
        let whole = open(&sandbox.base, &sandbox.operator, read(&of_whole_lists), 1);
        Self { sandbox, proxy, narrow, whole }
    }

    /// A customer with a domain, a role, a group and so many users; its id.
    async fn customer(&self, name: &str, users: usize) -> String {
        let customer = self.sandbox.customer(name).await;
        let path = |collection: &str| format!("{customer}/{collection}");
        let made = |collection: &str, body| {
            let path = path(collection);
            async move { self.sandbox.ask("POST", &path, body).await.id() }
        };
        made("domains", json!({"fields": {"domain": format!("{name}.example")}})).await;
        let role = made("roles", json!({"key": "staff", "fields": {"displayName": "Staff"}})).await;
        let group = made("groups", json!({"key": "office", "fields": {"displayName": "Office", "roles": [role]}})).await;
        for n in 0..users {
            let fields = json!({"email": format!("u{n}@{name}.example"), "groups": [group]});
            made("users", json!({"fields": fields})).await;
        }
        customer.rsplit('/').next().unwrap().to_owned()
    }

    async fn read(&self, tenants: &[TenantKey]) -> (Vec<LiveTenant>, Vec<String>) {
        let before = self.proxy.asked().len();
        let narrow = in_order(self.narrow.read(tenants).await.unwrap());
        let mut asked = self.proxy.asked().split_off(before);
        asked.sort();
        assert_eq!(narrow, in_order(self.whole.read(tenants).await.unwrap()), "{tenants:?}");
        (narrow, asked)
    }
}

fn in_order(mut read: Vec<LiveTenant>) -> Vec<LiveTenant> {
    read.iter_mut().flat_map(|live| live.collections.values_mut()).for_each(|c| c.objects.sort_by(|a, b| a.id.cmp(&b.id)));
    read
}

fn key(name: &str, id: Option<&str>) -> TenantKey {
    TenantKey { name: Name::slugify(name), id: id.map(Into::into) }
}

#[tokio::test]
async fn one_tenant_takes_a_request_for_each_of_its_lists_and_none_of_the_whole_portal() {
    let both = Both::new().await;
    let mut ids = Vec::new();
    for name in ["acme", "beta", "gamma"] {
        ids.push(both.customer(name, 2).await);
    }
    let (live, asked) = both.read(&[key("beta", Some(&ids[1]))]).await;
    assert_eq!(live[0].objects(Kind::User).len(), 2);
    let of = |rest: &str| format!("GET /api/v1/tenants/{}{rest}", ids[1]);
    assert_eq!(asked, [of(""), of("/domains"), of("/groups"), of("/roles"), of("/users")]);
}

#[tokio::test]
async fn tenants_are_the_same_by_their_own_lists_and_by_those_of_the_whole_portal() {
    let both = Both::new().await;
    let mut ids = Vec::new();
    for name in ["acme", "beta", "gamma", "delta", "omega"] {
        ids.push(both.customer(name, 4).await);
    }
    let (beta, gamma, delta) = (&ids[1], &ids[2], &ids[3]);
    // One is gone, one is called otherwise, and somebody left one for another.
    assert!(both.sandbox.ask("DELETE", &format!("/api/v1/tenants/{gamma}"), json!({})).await.status.is_success());
    let renamed = json!({"fields": {"displayName": "Delta and Sons"}});
    assert!(both.sandbox.ask("PATCH", &format!("/api/v1/tenants/{delta}"), renamed).await.status.is_success());
    let users = format!("/api/v1/tenants/{beta}/users");
    let page = both.sandbox.get(&format!("{users}?key=u0@beta.example")).await;
    let moved = page.body["items"][0]["id"].as_str().unwrap();
    assert!(both.sandbox.ask("DELETE", &format!("{users}/{moved}"), json!({})).await.status.is_success());
    let there = json!({"fields": {"email": "u0@beta.example"}});
    assert!(both.sandbox.ask("POST", &format!("/api/v1/tenants/{}/users", ids[0]), there).await.status.is_success());
    let wanted = [
        key("acme", Some(&ids[0])),
        key("beta", Some(beta)),
        key("gamma", Some(gamma)),
        key("delta-once", Some(delta)),
        key("omega", Some("no-such-id")),
        key("omega", None),
        key("msp", None),
    ];
    let (live, _) = both.read(&wanted).await;
    let users = |n: usize| live[n].objects(Kind::User).len();
    assert_eq!([0, 1, 2, 3, 4, 5].map(users), [5, 3, 0, 4, 4, 4], "what is compared below is there");
    let mut narrow = 0;
    for chosen in 1_u32..1 << wanted.len() {
        let some: Vec<_> = wanted.iter().enumerate().filter(|(n, _)| chosen >> n & 1 == 1).map(|(_, key)| key.clone()).collect();
        let (_, asked) = both.read(&some).await;
        narrow += usize::from(!asked.contains(&"GET /api/v1/users".to_owned()));
    }
    assert_eq!(narrow, 5 + 10, "one whose id is known, and two of those");
}

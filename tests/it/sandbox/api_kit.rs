//! A sandbox that listens, and short ways to ask it things over HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::{Client, Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tenantry::model::portal_spec::Account;
use tenantry::portal::{Profile, load_profile};
use tenantry::sandbox::{Server, World};
use tokio::sync::oneshot;

/// A sandbox on a port of its own; it stops when it is dropped.
pub(crate) struct Sandbox {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) operator: String,
    _dir: Option<tempfile::TempDir>,
    _stop: oneshot::Sender<()>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn id(&self) -> String {
        assert!(self.status.is_success(), "{self:?}");
        self.body["id"].as_str().unwrap_or_else(|| panic!("an id in {self:?}")).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Status and code of an error, and the rule where there is one.
    pub(crate) fn error(&self) -> (u16, &str, Option<&str>) {
        let error = &self.body["error"];
        assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "{self:?} says why");
        (self.status.as_u16(), error["code"].as_str().unwrap_or_default(), error["rule"].as_str())
    }
}

impl Sandbox {
    /// The tenant directory's own profile: it has every kind.
    pub(crate) async fn start() -> Self {
        Self::play(load_profile("embedded", None).unwrap()).await
    }

    pub(crate) async fn play(profile: Arc<Profile>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = Self::in_folder(profile, dir.path()).await;
        Self { _dir: Some(dir), ..sandbox }
    }

    pub(crate) async fn in_folder(profile: Arc<Profile>, dir: &Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let account = Account { kind: Some("MSP-Admin".to_owned()), ..Account::default() };
        let world = Arc::new(World::open(profile, account, dir, Arc::new(Timestamp::now)).await.unwrap());
        let server = Server::bind(world, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let addresses = server.addresses().await.unwrap();
        let base = addresses.screens.split("/?").next().unwrap().to_owned();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.run(async { drop(stopped.await) }));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { client, base, operator: addresses.operator, _dir: None, _stop: stop }
    }

    /// Asks with any headers; an error is a connection that broke.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> reqwest::Result<Answer> {
        let mut request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await?;
        Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// Asks with a token.
    pub(crate) async fn ask_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, &[("authorization", &format!("Bearer {token}"))], body).await.unwrap()
    }

    /// Asks as the operator.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_as(&self.operator, method, path, body).await
    }

    /// Asks as the operator, with one more header.
    pub(crate) async fn ask_with(&self, method: &str, path: &str, header: (&str, &str), body: Value) -> Answer {
        self.send(method, path, &[("authorization", &format!("Bearer {}", self.operator)), header], body).await.unwrap()
    }

    /// Asks as the operator; a connection that breaks is an error.
    pub(crate) async fn try_ask(&self, method: &str, path: &str, body: Value) -> reqwest::Result<Answer> {
        self.send(method, path, &[("authorization", &format!("Bearer {}", self.operator))], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Value::Null).await
    }

    /// Makes a customer; the path of its tenant.
    pub(crate) async fn customer(&self, name: &str) -> String {
        let made = self.ask("POST", "/api/v1/tenants", json!({"key": name, "fields": {"displayName": name}})).await;
        format!("/api/v1/tenants/{}", made.id())
    }

    /// The keys of a whole listing, page by page.
    pub(crate) async fn keys(&self, path: &str) -> Vec<String> {
        self.pages(path, 50).await.concat()
    }

    /// The keys of each page of a listing.
    pub(crate) async fn pages(&self, path: &str, limit: usize) -> Vec<Vec<String>> {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit={limit}{cursor}")).await;
            assert_eq!(page.status, 200, "{page:?}");
            pages.push(keys(&page));
            match page.body["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return pages,
            }
        }
    }

    /// The token of the tenant at a path.
    pub(crate) async fn token_of(&self, tenant: &str) -> String {
        let tokens = self.get("/sandbox/tokens").await.body["tokens"].clone();
        let own = tokens.as_array().unwrap().iter().find(|t| tenant.ends_with(t["tenant"].as_str().unwrap())).unwrap();
        own["token"].as_str().unwrap().to_owned()
    }

    /// Recipient and subject of every mail.
    pub(crate) async fn mails(&self) -> Vec<String> {
        let mails = self.get("/sandbox/outbox").await.body;
        mails
            .as_array()
            .unwrap()
            .iter()
            .map(|m| format!("{}: {}", m["recipient"].as_str().unwrap(), m["subject"].as_str().unwrap()))
            .collect()
    }

    /// Sets faults, which must be taken.
    pub(crate) async fn faults(&self, plan: Value) {
        let answer = self.ask("PUT", "/sandbox/faults", plan).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// How many requests the faults have struck.
    pub(crate) async fn struck(&self) -> u64 {
        self.get("/sandbox/faults").await.body["struck"].as_u64().unwrap()
    }
}

/// The keys on a page.
pub(crate) fn keys(page: &Answer) -> Vec<String> {
    page.body["items"].as_array().unwrap_or_else(|| panic!("{page:?}")).iter().map(|i| i["key"].as_str().unwrap().to_owned()).collect()
}

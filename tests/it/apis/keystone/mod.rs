//! OpenStack Keystone by `tests/profiles/keystone.yaml`: what an MSP does with it through the program.
//!
//! Each test has a Keystone of its own: Keystone lists everything at once, and another test's objects in a list would move its pages.

mod life;
mod trouble;

use std::path::Path;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::servers::keystone::{Keystone, PASSWORD, started};
use crate::support::program::{PROGRAM, Ran, command};
use crate::support::proxy::Proxy;

const PROFILE: &str = include_str!("../../../profiles/keystone.yaml");

/// A customer with everything that Keystone has.
const GLOBEX: &str = "\
apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: globex}
spec:
  displayName: Globex GmbH
  notes: Asks for invoices on paper
  contact: {phone: \"+49 30 1234567\"}
  roles:
    - {name: staff, description: Everybody, permissions: [member, reader]}
    - {name: lead, permissions: [manager]}
  groups:
    - {name: office, description: The office, roles: [staff]}
    - {name: bosses, roles: [lead, staff]}
  users:
    - {name: alice, email: alice@globex.example, firstName: Alice, administrator: true, groups: [office, bosses], roles: [lead]}
    - {name: bob, email: bob@globex.example, lastName: Meyer, groups: [office]}
    - {name: carol, email: carol@globex.example, roles: [staff, lead], suspended: true}
  integrations:
    - {name: sso, type: identity-provider, displayName: SSO, enabled: true, settings: {remoteId: https://idp.globex.example}}
";

/// A Keystone, what stands before it, and a folder with manifests and a trusted root.
struct World {
    keystone: Keystone,
    proxy: Proxy,
    folder: TempDir,
    token: String,
}

impl World {
    /// With these lines at the end of Keystone's configuration.
    async fn with(configuration: &str) -> Self {
        let keystone = started(configuration);
        let proxy = Proxy::before(&keystone.url);
        let token = token(&keystone.url).await;
        let world = Self { keystone, proxy, folder: tempfile::tempdir().unwrap(), token };
        world.write("portals/profiles/keystone.yaml", PROFILE);
        world.portal("");
        world
    }

    async fn new() -> Self {
        Self::with("").await
    }

    /// With a customer that was applied.
    async fn applied() -> Self {
        let world = Self::new().await;
        world.write("m/globex.yaml", GLOBEX);
        world.run("apply").exits(0);
        world
    }

    /// The `Portal` document, with these lines of its `spec`.
    ///
    /// Ten requests at once, as it comes. Keystone on SQLite answers 500 to some that change or delete ("database is locked": a transaction that
    /// read before it writes cannot wait for another), and never to those that make something. The driver sends again what is `idempotent`.
    fn portal(&self, more: &str) {
        let head = "apiVersion: tenantry.dev/v1alpha1\nkind: Portal\nmetadata: {name: cloud}\nspec:\n";
        let credentials = "  credentials: {user: {env: KEYSTONE_USER}, password: {env: KEYSTONE_PASSWORD}}\n";
        self.write(
            "portals/cloud.yaml",
            &format!("{head}  profile: profiles/keystone.yaml\n  endpoint: {}\n{credentials}{more}", self.proxy.url),
        );
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Replaces a text that stands in the customer's manifest once.
    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join("m/globex.yaml")).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {text}");
        self.write("m/globex.yaml", &text.replace(from, to));
    }

    fn command(&self, line: &str, places: &str, password: &str) -> std::process::Command {
        let mut command = command(PROGRAM);
        command.args(line.split_whitespace().chain(places.split_whitespace()));
        if line.starts_with("apply") {
            command.arg("--auto-approve");
        }
        command.current_dir(self.path()).env("KEYSTONE_USER", "admin").env("KEYSTONE_PASSWORD", password);
        command
    }

    /// Runs the program on the customers in `m`; what it says holds no password.
    #[track_caller]
    fn run(&self, line: &str) -> Ran {
        self.run_at(line, "-f m --portals portals --state-dir state")
    }

    #[track_caller]
    fn run_at(&self, line: &str, places: &str) -> Ran {
        let ran = Ran::of(self.command(line, places, PASSWORD).output().unwrap());
        assert!(!ran.said().contains(PASSWORD), "{}", ran.said());
        ran
    }

    /// The plan is empty.
    #[track_caller]
    fn in_step(&self) {
        let plan = self.run("plan --expect-no-changes").exits(0);
        assert!(plan.out.contains("No changes"), "{}", plan.said());
    }

    /// Calls that change something since the proxy was told to pass, apart from signing in; ids by the names in `names`.
    fn writes(&self, names: &[(&str, &str)]) -> Vec<String> {
        let asked = self.proxy.asked().into_iter().filter(|line| !line.starts_with("GET ") && !line.ends_with("/auth/tokens"));
        asked.map(|line| names.iter().fold(line, |line, (id, name)| line.replace(id, name))).collect()
    }

    /// Asks Keystone itself, past the proxy.
    async fn ask(&self, method: &str, path: &str, body: Json) -> (u16, Json) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = crate::servers::client().request(method, format!("{}{path}", self.keystone.url));
        let request = request.header("X-Auth-Token", &self.token);
        let answer = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Changes something in Keystone behind our back.
    async fn does(&self, method: &str, path: &str, body: Json) -> Json {
        let (status, answer) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// What Keystone lists: `/users` as `users`.
    async fn list(&self, path: &str) -> Vec<Json> {
        let (_, mut answer) = self.ask("GET", path, Json::Null).await;
        let name = path.split('?').next().unwrap().rsplit('/').next().unwrap();
        assert!(answer[name].is_array(), "{path}: {answer}");
        serde_json::from_value(answer[name].take()).unwrap()
    }

    /// The id of what has this name (an identity provider: this id).
    async fn id(&self, path: &str, name: &str) -> String {
        let found: Vec<_> = self.list(path).await.into_iter().filter(|item| item["name"] == name).collect();
        assert_eq!(found.len(), 1, "one {name} in {path}");
        found[0]["id"].as_str().unwrap().to_owned()
    }

    /// The names of what a domain has, sorted.
    async fn names(&self, path: &str, domain: &str) -> Vec<String> {
        let domain = self.id("/domains", domain).await;
        names(&self.list(&format!("{path}?domain_id={domain}")).await)
    }
}

/// Names, sorted.
fn names(items: &[Json]) -> Vec<String> {
    let mut names: Vec<_> = items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// A token that may do everything.
pub(crate) async fn token(url: &str) -> String {
    let user = json!({"name": "admin", "domain": {"id": "default"}, "password": PASSWORD});
    let identity = json!({"methods": ["password"], "password": {"user": user}});
    let body = json!({"auth": {"identity": identity, "scope": {"system": {"all": true}}}});
    let answer = crate::servers::client().post(format!("{url}/auth/tokens")).json(&body).send().await.unwrap();
    answer.headers()["x-subject-token"].to_str().unwrap().to_owned()
}

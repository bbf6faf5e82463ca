//! An MSP's desk before a played Wiv: manifests, a Portal document, the program, and `tenantry sandbox --profile wiv` in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tenantry::portal::profile::shipped_text;

use crate::support::program::{PROGRAM, Ran, command, run_with};

/// The ARN of a role.
pub(super) const ARN: &str = "arn:aws:iam::123456789012:role/wiv";

/// A customer with all that can be declared, and an integration of the MSP's that is shared with it.
const WHOLE: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  accessPermissions: [cost.read]
  users: [{name: ann, email: ann@acme.example, roles: [Editor]}]
  integrations: [{name: cloud, type: aws, displayName: AWS production, settings: {accountType: payer, curConfigType: new}}]
---
apiVersion: tenantry.dev/v1alpha1
kind: Integration
metadata: {name: slack}
spec: {organization: msp, type: Slack, displayName: Team Slack, sharedWith: {names: [acme]}}
";

const PLACES: &[&str] = &["-f", "customers", "--portals", "portals"];

/// See the module.
pub(super) struct Desk {
    folder: TempDir,
    sandbox: Child,
    base: String,
    operator: String,
    key: String,
    client: reqwest::Client,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

impl Desk {
    /// With a customer that has everything.
    pub(super) async fn open() -> Self {
        Self::with(WHOLE).await
    }

    /// With these customers.
    pub(super) async fn with(customers: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        ["customers", "portals", "sandbox"].iter().for_each(|name| std::fs::create_dir(folder.path().join(name)).unwrap());
        let mut sandbox = command(PROGRAM);
        sandbox.args(["sandbox", "--profile", "wiv", "--account-kind", "MSP-Admin", "--json"]);
        sandbox.current_dir(folder.path().join("sandbox")).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut sandbox = sandbox.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let base = said["screens"].as_str().unwrap().split("/?").next().unwrap().to_owned();
        let operator = said["operator_token"].as_str().unwrap().to_owned();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let desk = Self { folder, sandbox, base, key: operator.clone(), operator, client };
        desk.write("customers/all.yaml", customers);
        desk.portal("wiv");
        desk
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn portal(&self, profile: &str) {
        let spec = format!(
            "{{profile: {profile}, endpoint: \"{}\", account: {{kind: MSP-Admin}}, credentials: {{apiKey: {{env: WIV_KEY}}}}}}",
            self.base
        );
        self.write(
            "portals/wiv.yaml",
            &format!("apiVersion: tenantry.dev/v1alpha1\nkind: Portal\nmetadata: {{name: costs}}\nspec: {spec}\n"),
        );
    }

    /// From here on the shipped profile, with one text in place of another.
    pub(super) fn profile(&self, [from, to]: &[&str; 2]) {
        let text = shipped_text("wiv").unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` stands once in the profile");
        std::fs::create_dir_all(self.folder.path().join("portals/own")).unwrap();
        self.write("portals/own/other.profile", &text.replace(from, to));
        self.portal("own/other.profile");
    }

    /// Runs a command line (words at blanks) over the manifests.
    pub(super) fn run(&self, line: &str) -> Ran {
        self.run_args(line.split_whitespace().collect())
    }

    fn run_args(&self, args: Vec<&str>) -> Ran {
        run_with(self.folder.path(), &[&args[..], PLACES].concat(), &[("WIV_KEY", &self.key)])
    }

    /// Runs a command line until something is so, and kills it.
    pub(super) async fn run_killed(&self, line: &str, so: impl AsyncFn() -> bool) {
        let mut program = command(PROGRAM);
        program.args(line.split_whitespace()).args(PLACES).current_dir(self.folder.path()).env("WIV_KEY", &self.key);
        let mut child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !so().await {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The items that wait, as the ledger's orders have them: address and title, by address.
    pub(super) fn items(&self) -> Vec<(String, String)> {
        let lines = self.open_items();
        lines.into_iter().map(|(_, at, title)| (at, title)).collect()
    }

    fn open_items(&self) -> Vec<(String, String, String)> {
        let listed = self.run("runbook list").exits(0);
        let item = |line: &str| {
            let words: Vec<_> = line.split("  ").map(str::trim).filter(|w| !w.is_empty()).collect();
            let [reference, _, at, title, "open"] = words.as_slice() else { return None };
            Some(((*reference).to_owned(), (*at).to_owned(), (*title).to_owned()))
        };
        let mut items: Vec<_> = listed.out.lines().filter_map(item).collect();
        let place = |at: &str| ["organization", "user", "integration"].iter().position(|kind| at.contains(kind));
        items.sort_by(|a, b| (a.1.split('/').next(), place(&a.1)).cmp(&(b.1.split('/').next(), place(&b.1))));
        items
    }

    /// The reference of the item about an address.
    fn reference(&self, at: &str) -> String {
        let items = self.open_items();
        let found = items.iter().find(|(_, address, _)| address == at);
        found.unwrap_or_else(|| panic!("an item of {at} waits: {items:?}")).0.clone()
    }

    /// The text of the item about an address.
    pub(super) fn shown(&self, at: &str) -> String {
        self.run(&format!("runbook show {}", self.reference(at))).exits(0).out
    }

    /// The external id that an item wants back.
    pub(super) fn external_id(&self, at: &str) -> String {
        let text = self.shown(at);
        let line = text.lines().find(|line| line.contains("Bring back externalId")).unwrap_or_else(|| panic!("{text}"));
        line.rsplit('"').nth(1).unwrap().to_owned()
    }

    /// Confirms the item about an address.
    pub(super) fn confirm(&self, at: &str, evidence: &[(&str, &str)]) -> Ran {
        let reference = self.reference(at);
        let evidence: Vec<_> = evidence.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let given = evidence.iter().flat_map(|e| ["--evidence", e.as_str()]);
        self.run_args(["runbook", "confirm", &reference].into_iter().chain(given).collect())
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.operator);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// What the sandbox has, by its own API and not by Wiv's, which counts.
    async fn tenants(&self) -> Vec<Value> {
        self.ask("GET", "/api/v1/tenants", Value::Null).await["items"].as_array().cloned().unwrap_or_default()
    }

    /// The names of all customers.
    pub(super) async fn customers(&self) -> Vec<String> {
        let shown = |tenant: &Value| Some(tenant["fields"]["displayName"].as_str()?.to_owned());
        self.tenants().await.iter().filter_map(shown).collect()
    }

    /// The id of a customer.
    pub(super) async fn id(&self, customer: &str) -> String {
        let tenants = self.tenants().await;
        let found = tenants.iter().find(|t| t["fields"]["displayName"] == customer);
        found.unwrap_or_else(|| panic!("{customer} is there: {tenants:?}"))["id"].as_str().unwrap().to_owned()
    }

    /// A customer's integrations, as Wiv's API names their parts.
    pub(super) async fn integrations(&self, customer: &str) -> Value {
        let path = format!("/api/v1/tenants/{}/integrations", self.id(customer).await);
        let items = self.ask("GET", &path, Value::Null).await["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|i| json!({"name": i["fields"]["displayName"], "type": i["fields"]["type"]})).collect()
    }

    /// Faults from here on.
    pub(super) async fn faults(&self, faults: Value) {
        self.ask("PUT", "/sandbox/faults", json!({"faults": faults})).await;
    }

    /// What was asked for since counting began: method, path and how often.
    pub(super) async fn requests(&self) -> Vec<(String, String, u64)> {
        let report = self.ask("GET", "/sandbox/requests", Value::Null).await;
        let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        let lines = report["requests"].as_array().unwrap();
        lines.iter().map(|line| (text(line, "method"), text(line, "path"), line["count"].as_u64().unwrap())).collect()
    }

    /// Counts from zero again.
    pub(super) async fn forget_requests(&self) {
        self.ask("DELETE", "/sandbox/requests", Value::Null).await;
    }

    /// How often something was asked for.
    pub(super) async fn count(&self, method: &str, path: &str) -> u64 {
        self.requests().await.iter().filter(|(m, p, _)| m == method && p == path).map(|(.., n)| n).sum()
    }

    /// All keys expire.
    pub(super) async fn expire_keys(&self) {
        self.ask("DELETE", "/sandbox/wiv/keys", Value::Null).await;
    }

    /// Another key is made, and put where the Portal document points.
    pub(super) async fn new_key(&mut self) {
        let given = self.ask("POST", "/sandbox/wiv/keys", json!({"role": "MSP-Admin"})).await;
        self.key = given["key"].as_str().unwrap().to_owned();
    }
}

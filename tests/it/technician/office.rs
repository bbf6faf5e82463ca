//! An MSP's office: manifests in a folder, the program, and the portal, which is a sandbox in a process of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tenantry::portal::load_profile;

use super::follow::{Stopped, Technician};
use super::paper::{self, Item};
use crate::servers;
use crate::support::program::{PROGRAM, Ran, command, run_with};

/// One portal as an MSP uses it.
pub(super) struct Case {
    /// The profile.
    pub(super) profile: &'static str,
    /// `account` of the Portal document, in YAML.
    pub(super) account: &'static str,
    /// The same for the sandbox.
    pub(super) flags: &'static [&'static str],
    /// Variables that hold secrets.
    pub(super) secrets: &'static [(&'static str, &'static str)],
    /// The customers.
    pub(super) manifests: &'static str,
}

pub(super) struct Office {
    folder: TempDir,
    secrets: &'static [(&'static str, &'static str)],
    /// What a person allows, as `CODE=REASON`.
    pub(super) allow: Option<&'static str>,
    sandbox: Child,
    pub(super) screens: String,
    api: String,
    token: String,
}

/// The variable with the key of the portal's API.
const KEY: &str = "PORTAL_API_KEY";

impl Drop for Office {
    fn drop(&mut self) {
        _ = self.sandbox.kill();
        _ = self.sandbox.wait();
    }
}

impl Office {
    pub(super) fn of(case: &Case) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "customers/all.yaml", &documents(case.manifests));
        let mut sandbox = command(PROGRAM);
        sandbox.current_dir(folder.path()).args(["sandbox", "--profile", case.profile, "--json", "--state-dir", "played"]).args(case.flags);
        let mut sandbox = sandbox.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        // What the portal has an API for is called.
        let called = load_profile(case.profile, None).unwrap().http().is_some();
        let origin = text("screens").split("/?").next().unwrap().to_owned();
        let reached = format!("endpoint: '{origin}', credentials: {{apiKey: {{env: {KEY}}}}}, ");
        let portal = format!(
            "apiVersion: tenantry.dev/v1alpha1\nkind: Portal\nmetadata: {{name: portal}}\nspec: {{profile: {}, {}account: {}, workOrders: {{assignee: ann}}}}\n",
            case.profile,
            if called { &reached } else { "" },
            case.account
        );
        write(folder.path(), "portals/portal.yaml", &portal);
        Self {
            secrets: case.secrets,
            allow: None,
            sandbox,
            screens: text("screens"),
            api: text("api"),
            token: text("operator_token"),
            folder,
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn declare(&self, manifests: &str) {
        write(self.path(), "customers/all.yaml", &documents(manifests));
    }

    pub(super) async fn technician(&self) -> Technician {
        Technician::at(&self.screens, self.secrets).await
    }

    /// The program, where the office's variables say where things are.
    pub(super) fn run(&self, args: &[&str]) -> Ran {
        let places = [("TENANTRY_FILE", "customers"), ("TENANTRY_PORTALS", "portals"), ("TENANTRY_STATE_DIR", "state")];
        let variables: Vec<_> = places.iter().chain(self.secrets).copied().chain([(KEY, self.token.as_str())]).collect();
        run_with(self.path(), args, &variables)
    }

    /// Applies, and what waits for a technician then: items of every order, as Markdown has them.
    pub(super) fn ordered(&self) -> Vec<Item> {
        let allow = self.allow.map(|reason| ["--allow", reason]);
        self.run(&["apply", "--auto-approve"].into_iter().chain(allow.into_iter().flatten()).collect::<Vec<_>>()).exits(6);
        let listed = self.run(&["runbook", "list", "-o", "json"]).exits(0).out;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let orders: Vec<_> = listed["orders"].as_array().unwrap().iter().map(|o| o["order"].as_str().unwrap().to_owned()).collect();
        let page = |order: &String| self.run(&["runbook", "show", order, "-o", "markdown"]).exits(0).out;
        let items = orders.iter().flat_map(|order| paper::items(&page(order)));
        // An order shows what is done already, too.
        let open: Vec<_> = listed["orders"].as_array().unwrap().iter().flat_map(|o| o["items"].as_array().unwrap()).collect();
        let waits = |item: &Item| open.iter().any(|o| item.commands.iter().any(|c| c.contains(o["reference"].as_str().unwrap())));
        items.filter(waits).collect()
    }

    /// The command line that the order prints for an item that was done, with what was brought back.
    pub(super) fn confirm(&self, item: &Item, brought: &BTreeMap<String, String>) -> Ran {
        let line = item.commands.iter().find(|c| c.starts_with("tenantry runbook confirm ")).unwrap();
        self.run(&filled(line, brought).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Follows every item and confirms it.
    pub(super) async fn follow_all(&self, technician: &mut Technician) -> Vec<Item> {
        let items = self.ordered();
        for item in &items {
            let brought = match technician.follow(item).await {
                Ok(brought) => brought,
                Err(Stopped { line, why, screen }) => panic!("{}\n{line}\n{why}\n--- on the screen:\n{screen}", item.title),
            };
            assert!(item.commands[0].matches('…').count() <= brought.len(), "{}: {brought:?} of {:?}", item.title, item.wanted);
            let ran = self.confirm(item, &brought);
            assert_eq!(ran.code, Some(0), "{}: {brought:?}\n{}", item.title, ran.said());
        }
        items
    }

    /// The plan has nothing more to do.
    #[track_caller]
    pub(super) fn is_done(&self) {
        self.run(&["plan", "--expect-no-changes"]).exits(0);
    }

    /// What the sandbox says to its operator.
    pub(super) async fn api(&self, path: &str) -> Value {
        let answer = servers::client().get(format!("{}{path}", self.api)).bearer_auth(&self.token).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// Puts something into the portal that was there before.
    pub(super) async fn had(&self, path: &str, body: Value) -> Value {
        let answer = servers::client().post(format!("{}{path}", self.api)).bearer_auth(&self.token).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// To whom mail went, sorted.
    pub(super) async fn mail(&self) -> Vec<String> {
        let base = self.api.strip_suffix("/api/v1").unwrap();
        let answer = servers::client().get(format!("{base}/sandbox/outbox")).bearer_auth(&self.token).send().await.unwrap();
        let mail: Value = answer.json().await.unwrap();
        let mut to: Vec<_> = mail.as_array().unwrap().iter().map(|m| m["recipient"].as_str().unwrap().to_owned()).collect();
        to.sort_unstable();
        to
    }

    /// A table that stands on the screen, as a technician pastes it, held against what is recorded.
    pub(super) async fn observe(&self, technician: &Technician, table: &str, tenant: Option<&str>) -> Ran {
        let titles = technician.browser.texts("//main//table[1]//th").await;
        let cells = technician.browser.texts("//main//table[1]//td").await;
        let mut pasted = csv::WriterBuilder::new().delimiter(b'\t').from_writer(Vec::new());
        pasted.write_record(&titles).unwrap();
        cells.chunks(titles.len()).for_each(|row| pasted.write_record(row).unwrap());
        std::fs::write(self.path().join("seen.tsv"), pasted.into_inner().unwrap()).unwrap();
        let mut args = vec!["runbook", "observe", "seen.tsv", "--table", table];
        args.extend(tenant.iter().flat_map(|tenant| ["--tenant", *tenant]));
        self.run(&args)
    }
}

/// A command line with what a person puts for each `…`, split as a shell does.
fn filled(line: &str, brought: &BTreeMap<String, String>) -> Vec<String> {
    let mut words = line.strip_prefix("tenantry ").unwrap().split(' ');
    let mut args = Vec::new();
    for word in words.by_ref() {
        let word = word.trim_matches('"');
        let value = word.strip_suffix("=…").map(|name| brought.get(name).unwrap_or_else(|| panic!("nothing shows {name}: {brought:?}")));
        args.push(value.map_or_else(|| word.to_owned(), |value| word.replace('…', value)));
    }
    args
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Documents, each with the head that all have.
fn documents(texts: &str) -> String {
    texts.split("---\n").map(|text| format!("---\napiVersion: tenantry.dev/v1alpha1\n{text}")).collect()
}

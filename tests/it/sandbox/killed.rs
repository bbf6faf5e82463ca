//! A sandbox that is killed between and amid writes, and started again on the same storage: what it answered is kept, what it did not answer is
//! there whole or not at all, and a repetition under the same key makes nothing twice.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::servers::client;
use crate::support::program::{PROGRAM, command};

struct Process {
    child: Child,
    desk: Desk,
}

/// Where it is, and how to come in.
#[derive(Clone)]
struct Desk {
    api: String,
    token: String,
}

impl Drop for Process {
    /// By SIGKILL: nothing is finished and nothing is tidied up.
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut sandbox = command(PROGRAM);
        sandbox.current_dir(folder).args(["sandbox", "--profile", "itarian", "--account-kind", "MSP", "--json"]);
        let mut child = sandbox.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        Self { child, desk: Desk { api: text("api"), token: text("operator_token") } }
    }
}

impl Desk {
    /// Makes a customer with its domain; `None`: it was killed before it answered.
    async fn make(&self, n: usize) -> Option<String> {
        let domain = json!([{"collection": "domains", "fields": {"domain": format!("c{n}.example")}}]);
        let fields = json!({"displayName": format!("Customer {n}"), "relationship": "standalone"});
        let request = client().post(format!("{}/tenants", self.api)).bearer_auth(&self.token).header("idempotency-key", format!("key-{n}"));
        let answer = request.json(&json!({"fields": fields, "with": domain})).send().await.ok()?;
        let (status, made) = (answer.status(), answer.json::<Value>().await.ok()?);
        assert!(status.is_success(), "{made}");
        Some(made["id"].as_str().unwrap().to_owned())
    }

    async fn list(&self, collection: &str) -> Vec<Value> {
        let page = client().get(format!("{}/{collection}?limit=200", self.api)).bearer_auth(&self.token).send().await.unwrap();
        page.json::<Value>().await.unwrap()["items"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_kept_and_nothing_is_half_made_or_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut known: Vec<(usize, String)> = Vec::new();
    let mut token = None;
    for round in 0..4 {
        let process = Process::start(folder.path());
        assert_eq!(token.get_or_insert_with(|| process.desk.token.clone()), &process.desk.token, "tokens hold");
        let lost = round * 2;
        known.push((lost, process.desk.make(lost).await.unwrap()));
        // Somewhere in the next write, at another moment each time.
        let desk = process.desk.clone();
        let write = tokio::spawn(async move { desk.make(lost + 1).await });
        tokio::time::sleep(Duration::from_millis(1 + 4 * round as u64)).await;
        drop(process);
        let answered = write.await.unwrap();

        let process = Process::start(folder.path());
        let again = &process.desk;
        let tenants = again.list("tenants").await;
        let there = |id: &str| tenants.iter().any(|t| t["id"] == id);
        known.extend(answered.map(|id| (lost + 1, id)));
        assert!(known.iter().all(|(_, id)| there(id)), "round {round}: {known:?} of {tenants:#?}");
        for tenant in &tenants {
            let of = |objects: &[Value]| objects.iter().filter(|o| o["tenant"] == tenant["id"]).count();
            assert_eq!((of(&again.list("domains").await), of(&again.list("users").await)), (1, 2), "whole: {tenant}");
        }
        let id = again.make(lost + 1).await.unwrap();
        if !known.contains(&(lost + 1, id.clone())) {
            known.push((lost + 1, id));
        }
        for (n, id) in &known {
            assert_eq!(again.make(*n).await.as_ref(), Some(id), "the same key, the same customer");
        }
        assert_eq!(again.list("tenants").await.len(), known.len());
    }
}

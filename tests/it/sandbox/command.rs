//! `tenantry sandbox` as its users meet it: what it prints, what it refuses, and what is left when it is killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::browser::client;
use super::kit::PORTAL;
use crate::support::program::{PROGRAM, Ran, command, root};

fn sandbox(dir: &Path) -> Command {
    std::fs::write(dir.join("portal.yaml"), PORTAL).unwrap();
    let mut command = command(PROGRAM);
    command.current_dir(dir).args(["sandbox", "--profile", "portal.yaml", "--json"]);
    command
}

/// A sandbox in a process of its own, and what it printed.
fn start(dir: &Path) -> (Child, serde_json::Value) {
    started(&mut sandbox(dir))
}

fn started(command: &mut Command) -> (Child, serde_json::Value) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")))
}

#[tokio::test]
async fn a_sandbox_that_is_killed_and_started_again_keeps_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, said) = start(dir.path());
    let client = client();
    let base = said["screens"].as_str().unwrap().split("/?").next().unwrap().to_owned();
    let token = said["operator_token"].as_str().unwrap().to_owned();
    let page = |path: &str, base: &str| client.get(format!("{base}{path}")).bearer_auth(&token).send();
    let form = page("/screens/place/1?at=p:Create+Organization", &base).await.unwrap().text().await.unwrap();
    let proof = form.split_once("name=\"proof\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let steps = [("flow", "organization.create.0"), ("place", "1"), ("at", "p:Create Organization"), ("proof", &proof)];
    let first: Vec<_> = steps.iter().chain(&[("v1", "Acme GmbH")]).collect();
    let answer = client.post(format!("{base}/screens/do")).bearer_auth(&token).form(&first).send().await.unwrap();
    let draft = answer.headers()["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let more = [("draft", draft.as_str()), ("v4", "acme.example")];
    let second: Vec<_> = steps.iter().chain(&more).collect();
    let answer = client.post(format!("{base}/screens/do")).bearer_auth(&token).form(&second).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303, "{}", answer.text().await.unwrap());
    child.kill().unwrap();
    child.wait().unwrap();

    let (mut child, said) = start(dir.path());
    let base = said["screens"].as_str().unwrap().split("/?").next().unwrap().to_owned();
    assert_eq!(said["operator_token"], token, "tokens hold");
    assert!(said["tenant_tokens"]["acme-gmbh"].is_string(), "{said}");
    let table = page("/screens/place/1", &base).await.unwrap().text().await.unwrap();
    assert!(table.contains(">Acme GmbH</a>"), "{table}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn the_msps_own_account_is_told_by_flag_or_by_variable() {
    for by_variable in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = sandbox(dir.path());
        match by_variable {
            true => command.env("TENANTRY_ACCOUNT_NAME", "Northwind"),
            false => command.args(["--account-name", "Northwind"]),
        };
        let (mut child, said) = started(&mut command);
        let base = said["screens"].as_str().unwrap().split("/?").next().unwrap();
        let token = said["operator_token"].as_str().unwrap();
        let page = client().get(format!("{base}/screens/place/0")).bearer_auth(token).send().await.unwrap().text().await.unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(page.contains("Northwind"), "{page}");
    }
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ran = Ran::of(sandbox(dir.path()).args(["--listen", "0.0.0.0:0"]).output().unwrap());
    assert_eq!((ran.code, ran.out.as_str()), (Some(64), ""));
    assert!(ran.err.contains("a sandbox listens on this machine alone, and 0.0.0.0:0 can be reached from others"), "{}", ran.err);
}

#[test]
fn a_profile_that_is_not_there_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ran = Ran::of(command(PROGRAM).current_dir(dir.path()).args(["sandbox", "--profile", "nowhere"]).output().unwrap());
    assert_eq!(ran.code, Some(65), "{}", ran.err);
    assert!(ran.err.contains("no profile is called `nowhere`"), "{}", ran.err);
}

#[tokio::test]
async fn the_base_that_is_printed_is_the_one_that_calls_begin_with() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, said) = start(dir.path());
    let base = said["api"].as_str().unwrap();
    let token = said["operator_token"].as_str().unwrap();
    let answer = client().get(format!("{base}/tenants")).bearer_auth(token).send().await.unwrap();
    let (status, page) = (answer.status(), answer.json::<serde_json::Value>().await.unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((status.as_u16(), &page["total"]), (200, &serde_json::json!(0)));
}

#[test]
fn a_wrong_word_is_refused_with_what_to_write_instead() {
    let dir = tempfile::tempdir().unwrap();
    for (words, code, says) in [
        (["--listen", "7700"], 64, "write one such as 127.0.0.1:7700"),
        (["--listen", "example.com:80"], 64, "write one such as 127.0.0.1:7700"),
        (["--fault", "503-after"], 64, "expected one of `latency`"),
        (["--fault", "error status=404"], 64, "`status` 404 is not from 500 to 599"),
        (["--fault", "error status=503 whne=after"], 64, "whne"),
    ] {
        let ran = Ran::of(sandbox(dir.path()).args(words).output().unwrap());
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{words:?}");
        assert!(ran.err.contains(says), "{words:?}: {}", ran.err);
    }
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let ran = Ran::of(sandbox(dir.path()).args(["--listen", &taken]).output().unwrap());
    drop(held);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("give another address with --listen, or leave it out"), "{}", ran.err);
}

#[test]
fn the_fault_that_the_help_shows_is_one() {
    let help = Ran::of(command(PROGRAM).args(["sandbox", "--help"]).output().unwrap()).exits(0).out;
    let shown = help.split_once("such as `").expect("an example").1.split('`').next().unwrap();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    tenantry::sandbox::faults::Plan::default().add_flag(&shown).unwrap_or_else(|why| panic!("{shown}: {why}"));
}

/// The portals whose rules look at the MSP's own account: what a customer of theirs has, the rule, and the flag that tells a sandbox.
fn of_account() -> [(&'static str, serde_json::Value, &'static str, &'static str); 3] {
    let called = |name: &str| serde_json::json!({"displayName": name});
    let secrets = serde_json::json!({"videoPassword": "canary-video"});
    let admin = serde_json::json!({"email": "ops@northwind-it.example", "firstName": "Sam", "lastName": "Reed"});
    [
        (
            "pilixo",
            serde_json::json!({"displayName": "St. Anne Clinic", "defaultAdmin": admin, "secrets": secrets}),
            "PLX-1",
            "`--account-add-on`",
        ),
        ("itarian", serde_json::json!({"displayName": "St. Anne", "relationship": "managed"}), "ITA-2", "`--account-kind`"),
        ("idemeum", called("St. Anne Clinic"), "IDM-1", "`--account-domain`"),
    ]
}

/// Asks a sandbox for a customer; the answer.
async fn asks_for_customer(mut sandbox: Command, fields: &serde_json::Value) -> (u16, serde_json::Value) {
    let (mut child, said) = started(&mut sandbox);
    let url = format!("{}/tenants", said["api"].as_str().unwrap());
    let body = serde_json::json!({"fields": fields});
    let answer = client().post(url).bearer_auth(said["operator_token"].as_str().unwrap()).json(&body).send().await.unwrap();
    let (status, answer) = (answer.status().as_u16(), answer.json().await.unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    (status, answer)
}

/// The command line of a sandbox that a page gives, without what it is started in the background by.
fn documented(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("tenantry ")).filter(|l| l.starts_with("sandbox ")).collect();
    assert!(!lines.is_empty(), "{page} gives no command");
    lines.last().unwrap().split(" &").next().unwrap().split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_portal_is_rehearsed_by_the_command_that_its_pages_give() {
    for portal in ["pilixo", "itarian", "idemeum", "it-conductor", "wiv"] {
        for page in [format!("examples/{portal}/README.md"), format!("docs/portals/{portal}.md")] {
            let state = tempfile::tempdir().unwrap();
            let mut sandbox = command(PROGRAM);
            sandbox.current_dir(root()).args(documented(&page)).args(["--json", "--state-dir"]).arg(state.path());
            let of_account = of_account().into_iter().find(|(of, ..)| *of == portal);
            let fields = of_account.map_or_else(|| serde_json::json!({"displayName": "St. Anne Clinic"}), |(_, fields, ..)| fields);
            let (status, answer) = asks_for_customer(sandbox, &fields).await;
            assert_eq!(status, 201, "{page}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_flag_stands_above_the_portal_document() {
    let state = tempfile::tempdir().unwrap();
    let mut sandbox = command(PROGRAM);
    sandbox.current_dir(root()).args(["sandbox", "-f", "examples/itarian/portals", "--portal", "desk", "--account-kind", "Enterprise"]);
    sandbox.args(["--json", "--state-dir"]).arg(state.path());
    let (status, answer) = asks_for_customer(sandbox, &of_account()[1].1).await;
    assert_eq!((status, &answer["error"]["rule"]), (422, &"ITA-2".into()), "{answer}");
}

#[tokio::test]
async fn a_rule_that_looks_at_the_account_says_by_which_flag_a_sandbox_is_told() {
    for (portal, fields, rule, flag) in of_account() {
        let state = tempfile::tempdir().unwrap();
        let mut sandbox = command(PROGRAM);
        sandbox.current_dir(state.path()).args(["sandbox", "--profile", portal, "--json"]);
        let (status, answer) = asks_for_customer(sandbox, &fields).await;
        assert_eq!((status, &answer["error"]["rule"]), (422, &rule.into()), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(flag) && message.contains("`--portal NAME`"), "{message}");
    }
}

#[test]
fn what_cannot_be_played_is_refused_with_what_to_write_instead() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let portals = root().join("examples/pilixo/portals").display().to_string();
    let check = |words: &[&str], code: i32, says: &[&str]| {
        let ran = Ran::of(command(PROGRAM).current_dir(dir.path()).arg("sandbox").args(words).output().unwrap());
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{words:?}: {}", ran.err);
        for says in says {
            assert!(ran.err.contains(says), "{words:?}: {}", ran.err);
        }
    };
    check(&[], 64, &["--portal"]);
    check(&["--portal", "vide", "--portals", &portals], 64, &["no such Portal document", "there is video"]);
    check(&["--portal", "video"], 65, &["there is no manifest in `.`"]);
    let unusable = ["--profile", "pilixo", "--state-dir", "file/below"];
    check(&unusable, 1, &["cannot keep what it is told in file/below", "name a folder that you may write to, with --state-dir DIR"]);
}

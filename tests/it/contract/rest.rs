//! The `rest` driver under faults at every request, against the sandbox's own API.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tenantry::model::{PortalSpec, SecretRef, SecretSource};
use tenantry::portal::rest::Rest;
use tenantry::portal::rest::transport::{Network, Patience};
use tenantry::portal::{Driver as _, Execute, OpenContext, Profile};
use tenantry::secrets::{SecretError, SecretReader};

use super::desk::Desk;
use super::world::{Stage, wrong};
use crate::sandbox::api_kit::Sandbox;
use crate::support::program::copy;
use crate::support::proxy::{Fault, Proxy};

/// How many cases run side by side: those that wait for a time-out or a `Retry-After` cost nothing meanwhile.
const SIDE_BY_SIDE: usize = 12;

/// The profile of the sandbox's API, its text altered.
pub(crate) fn profile(alter: impl FnOnce(String) -> String) -> Arc<Profile> {
    let text = alter(include_str!("../../profiles/sandbox-api.yaml").to_owned());
    Arc::new(Profile::parse(&text, "sandbox-api.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")))
}

/// The same with pages so short that lists have several, and with little patience.
pub(super) fn hasty(alter: impl FnOnce(String) -> String) -> Arc<Profile> {
    profile(|text| {
        let text = text.replace("size: 100", "size: 3").replace("  msp: msp\n", "  msp: msp\n  timeouts: { request: 1500ms }\n");
        assert!(text.contains("size: 3") && text.contains("1500ms"));
        alter(text)
    })
}

/// The operator's token is the one secret there is.
struct Token(String);

impl SecretReader for Token {
    fn read(&self, _: &SecretRef) -> Result<SecretString, SecretError> {
        Ok(self.0.clone().into())
    }
}

/// The sandbox's API through the `rest` driver.
pub(crate) fn open(base: &str, operator: &str, profile: Arc<Profile>, attempts: u32) -> Arc<dyn Execute> {
    let mut spec = PortalSpec::embedded();
    spec.endpoint = Some(base.to_owned());
    spec.credentials = vec![("token".to_owned(), SecretRef { source: SecretSource::Env("TOKEN".into()) })];
    let patience = Patience { attempts, deadline: Duration::from_secs(60), first_pause: Duration::from_millis(5) };
    let driver = Rest::over(Network::of_this_machine().unwrap(), patience);
    let ctx = OpenContext { spec: &spec, profile, state_dir: Path::new("."), secrets: &Token(operator.to_owned()) };
    driver.open_writer(&ctx).unwrap()
}

/// What goes wrong.
#[derive(Debug, Clone)]
enum Trouble {
    /// As the sandbox plays it.
    Played(Json),
    /// No answer comes in time.
    Held(Fault),
    /// The process is killed while it waits for the answer.
    Killed(Fault),
}

/// What may happen to any request.
fn of_any() -> Vec<Trouble> {
    let played = [
        json!({"kind": "error", "status": 503}),
        json!({"kind": "error", "status": 503, "when": "after"}),
        json!({"kind": "cut"}),
        json!({"kind": "cut", "at": "after"}),
        json!({"kind": "cut", "at": "body"}),
        json!({"kind": "rateLimit", "seconds": 1}),
        json!({"kind": "expiredToken"}),
        json!({"kind": "html"}),
    ];
    let held = [Trouble::Held(Fault::HeldAfter), Trouble::Killed(Fault::HeldBefore), Trouble::Killed(Fault::HeldAfter)];
    played.into_iter().map(Trouble::Played).chain(held).collect()
}

/// What may happen to a list.
fn of_lists() -> Vec<Trouble> {
    ["shortPage", "repeatedPage", "shrinkingList"].map(|kind| Trouble::Played(json!({ "kind": kind }))).into()
}

/// Shown late.
fn of_writes() -> Vec<Trouble> {
    vec![Trouble::Played(json!({"kind": "lag", "requests": 4}))]
}

/// Whoever has a customer beside ours.
async fn strangers(sandbox: &Sandbox) {
    let other = sandbox.customer("other").await;
    let olga = json!({"fields": {"email": "olga@other.example"}});
    assert_eq!(sandbox.ask("POST", &format!("{other}/users"), olga).await.status, 201);
}

/// A folder with all that went before a stage.
pub(super) async fn before(stage: Stage) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::in_folder(profile(|text| text), &folder.path().join("sandbox")).await;
    strangers(&sandbox).await;
    if stage == Stage::Changed {
        let desk = Desk::at(folder.path());
        let portal = open(&sandbox.base, &sandbox.operator, hasty(|text| text), 1);
        let said = desk.converges(&portal, &Stage::Made.desired(false)).await;
        let wrong = wrong(&desk, &portal, Stage::Made, false, recipients(&sandbox).await).await;
        assert_eq!(wrong, [""; 0], "{said:?}");
    }
    folder
}

pub(super) async fn recipients(sandbox: &Sandbox) -> Vec<String> {
    sandbox.mails().await.iter().map(|mail| mail.split(':').next().unwrap().to_owned()).collect()
}

/// What one run came to: the requests that it made, and what is wrong in the end.
struct Ran {
    asked: Vec<String>,
    wrong: Vec<String>,
}

/// One run in which request `at` goes wrong, and runs until the end.
async fn run(template: &Path, profile: &Arc<Profile>, stage: Stage, at: usize, trouble: Option<&Trouble>) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    copy(template, folder.path());
    let sandbox = Sandbox::in_folder(Arc::clone(profile), &folder.path().join("sandbox")).await;
    let (desk, desired) = (Desk::at(folder.path()), stage.desired(false));
    let proxy = Proxy::before(&sandbox.base);
    match trouble {
        None => {}
        Some(Trouble::Played(what)) => sandbox.faults(json!([{"on": {"nth": at}, "do": what}])).await,
        Some(Trouble::Held(fault) | Trouble::Killed(fault)) => proxy.at(at, *fault),
    }
    let portal = open(&proxy.url, &sandbox.operator, Arc::clone(profile), 2);
    let first = match trouble {
        Some(Trouble::Killed(_)) => tokio::select! {
            biased;
            () = proxy.holds() => {
                desk.is_killed();
                vec!["killed".to_owned()]
            }
            said = desk.apply(&portal, &desired) => said,
        },
        _ => desk.apply(&portal, &desired).await,
    };
    let asked = proxy.asked();
    if let Some(Trouble::Played(what)) = trouble
        && of_any().iter().any(|any| matches!(any, Trouble::Played(any) if any == what))
    {
        assert_eq!(sandbox.struck().await, 1, "{what} strikes request {at}");
    }
    sandbox.faults(json!([])).await;
    proxy.passes();
    let portal = open(&sandbox.base, &sandbox.operator, Arc::clone(profile), 1);
    let said = desk.converges(&portal, &desired).await;
    let wrong = wrong(&desk, &portal, stage, false, recipients(&sandbox).await).await;
    let what =
        |w: String| format!("{stage:?}, request {at} {:?}, {trouble:?}: {w}\n  first: {first:?}\n  then: {said:?}\n", asked.get(at - 1));
    let wrong = wrong.into_iter().map(what).collect();
    Ran { asked, wrong }
}

/// Everything at every write; at reads each trouble in turn.
fn cases(asked: &[String]) -> Vec<(usize, Trouble)> {
    let (any, lists, writes) = (of_any(), of_lists(), of_writes());
    let mut cases = Vec::new();
    for (n, line) in asked.iter().enumerate() {
        let at = n + 1;
        let mut add = |troubles: &[Trouble]| cases.extend(troubles.iter().map(|t| (at, t.clone())));
        if line.ends_with("/users") && line.starts_with("GET ") {
            // Who is hidden by a list that moves would be forgotten, and keep access.
            add(&lists);
        } else if line.starts_with("GET ") {
            let (trouble, of) = (n / 2, if n % 2 == 0 { &any } else { &lists });
            add(&of[trouble % of.len()..=trouble % of.len()]);
        } else {
            add(&any);
            add(&writes);
        }
    }
    cases
}

async fn ends_as_declared(stage: Stage) {
    let (template, profile) = (before(stage).await, hasty(|text| text));
    let clean = run(template.path(), &profile, stage, 1, None).await;
    assert_eq!(clean.wrong, [""; 0]);
    let cases = cases(&clean.asked);
    assert!(cases.len() > 80, "there is something to go wrong: {:?}", clean.asked);
    let runs = cases.iter().map(|(at, trouble)| run(template.path(), &profile, stage, *at, Some(trouble)));
    let wrong: Vec<String> = stream::iter(runs).buffer_unordered(SIDE_BY_SIDE).map(|ran| ran.wrong).concat().await;
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_goes_wrong_at_any_request_customers_are_made_once() {
    ends_as_declared(Stage::Made).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_goes_wrong_at_any_request_a_change_and_a_departure_end_as_declared() {
    ends_as_declared(Stage::Changed).await;
}

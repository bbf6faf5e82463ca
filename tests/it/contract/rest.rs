//! The `rest` driver under faults at every request, against the sandbox's own API.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value as Json, json};
use tenantry::portal::{Execute, Profile};

use super::desk::Desk;
use super::network::{Case, OF_ANY, Ran, Site, Trouble, rest, run};
use super::world::{Customs, Seen, Stage, objects};
use crate::sandbox::api_kit::Sandbox;
use crate::support::program::copy;

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

/// The sandbox's API through the `rest` driver.
pub(crate) fn open(base: &str, operator: &str, profile: Arc<Profile>, attempts: u32) -> Arc<dyn Execute> {
    rest(base, profile, attempts, &[("token", operator)], None)
}

/// The sandbox, by a profile of its API.
pub(super) struct Played {
    pub(super) sandbox: Sandbox,
    profile: Arc<Profile>,
    customs: Customs,
}

impl Played {
    /// What is in a folder.
    pub(super) async fn of(profile: &Arc<Profile>, folder: &Path) -> Self {
        let sandbox = Sandbox::in_folder(Arc::clone(profile), &folder.join("sandbox")).await;
        Self { sandbox, profile: Arc::clone(profile), customs: Customs::whole() }
    }
}

#[async_trait]
impl Site for Played {
    fn customs(&self) -> &Customs {
        &self.customs
    }

    fn url(&self) -> &str {
        &self.sandbox.base
    }

    fn open(&self, url: &str, attempts: u32) -> Arc<dyn Execute> {
        open(url, &self.sandbox.operator, Arc::clone(&self.profile), attempts)
    }

    async fn seen(&self) -> Seen {
        let mailed = self.sandbox.mails().await.iter().map(|mail| mail.split(':').next().unwrap().to_owned()).collect();
        Seen { objects: objects(&*self.open(self.url(), 1)).await, mailed }
    }

    async fn plays(&self, fault: Option<(usize, &Json)>) {
        let plan = fault.map(|(at, fault)| json!({"on": {"nth": at}, "do": fault}));
        self.sandbox.faults(plan.into_iter().collect()).await;
    }
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
    let played = Played::of(&hasty(|text| text), folder.path()).await;
    strangers(&played.sandbox).await;
    if stage == Stage::Changed {
        let ran = run(&played, &Desk::at(folder.path()), Stage::Made, None).await;
        assert_eq!(ran.wrong, [""; 0]);
    }
    folder
}

/// One run in a copy of a folder.
async fn copied(template: &Path, profile: &Arc<Profile>, stage: Stage, case: Option<&Case>) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    copy(template, folder.path());
    run(&Played::of(profile, folder.path()).await, &Desk::at(folder.path()), stage, case).await
}

/// Everything at every write; at reads each trouble in turn.
fn cases(asked: &[String]) -> Vec<Case> {
    let (any, lists, writes) = (OF_ANY, of_lists(), of_writes());
    let mut cases = Vec::new();
    for (n, line) in asked.iter().enumerate() {
        let at = n + 1;
        let mut add = |troubles: &[Trouble]| cases.extend(troubles.iter().map(|t| Case { at, trouble: t.clone() }));
        if line.ends_with("/users") && line.starts_with("GET ") {
            // Who is hidden by a list that moves would be forgotten, and keep access.
            add(&lists);
        } else if line.starts_with("GET ") {
            let (trouble, of) = (n / 2, if n % 2 == 0 { &any[..] } else { &lists });
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
    let clean = copied(template.path(), &profile, stage, None).await;
    assert_eq!(clean.wrong, [""; 0]);
    let cases = cases(&clean.asked);
    assert!(cases.len() > 80, "there is something to go wrong: {:?}", clean.asked);
    let runs = cases.iter().map(|case| copied(template.path(), &profile, stage, Some(case)));
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

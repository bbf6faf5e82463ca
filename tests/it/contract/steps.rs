//! Creations of several calls, under faults at every request and kills in every one: whatever goes wrong, the next run goes on with the step that
//! was not done. A step that may not be made twice is made once; where nobody can tell whether it was made, a person is told which step it is.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tenantry::ledger::LedgerRead as _;
use tenantry::model::{Desired, Kind, Next};
use tenantry::portal::Profile;

use super::desk::Desk;
use super::rest::open;
use super::runbook::all_is_done;
use super::town::{Fault, Manners, Town};
use crate::support::declared::{Say, desired, org, user};
use crate::support::proxy::{Fault as Held, Proxy};

const PROFILE: &str = include_str!("../../profiles/town.yaml");

/// A profile of the town, and how the town is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    name: &'static str,
    /// What is replaced in the profile's text.
    alter: &'static [(&'static str, &'static str)],
    manners: Manners,
    /// True: whether a step was done cannot be told without a person.
    may_not_tell: bool,
}

const KEYS: (&str, &str) = ("  auth: { bearer: token }\n", "  auth: { bearer: token }\n  idempotencyHeader: Idempotency-Key\n");
const IDEMPOTENT: (&str, &str) = ("driver: rest\n", "driver: rest\nlimits: { idempotent: true }\n");
const FIND: (&str, &str) = (" }  # INVITED", ", find: { path: \"/users/${id}/invitations\", holds: response.body.sent > 0 } }");
const WAIT: (&str, &str) =
    ("        # WAIT\n", "        - wait: { path: \"/users/${id}/job\", until: response.body.done, every: 5ms, atMost: 50ms }\n");
const ASK: (&str, &str) = (
    "        # WAIT\n",
    "        - ask: { title: \"Photograph ${self.email}\", source: d, steps: [{ reach: the badge has a face }], evidence: [{ name: seen, ask: Whose }] }\n",
);
const WINDOW: (&str, &str) = ("driver: rest\n", "driver: rest\nlimits: { consistencyWindow: 2h }\n");
const NESTED: (&str, &str) = (
    "lists: { all: { within: tenant, path: \"/orgs/${tenant.id}/users\", items: response.body.items } }",
    "lists: { all: { within: organizations, items: item.people } }",
);

const fn manners(heeds_keys: bool, shows_late: u32) -> Manners {
    Manners { heeds_keys, shows_late }
}

const PLAIN: Variant = Variant { name: "plain", alter: &[], manners: manners(false, 0), may_not_tell: true };
const KEYED: Variant = Variant { name: "keys", alter: &[KEYS, IDEMPOTENT], manners: manners(true, 0), may_not_tell: false };
const SOUGHT: Variant = Variant { name: "find", alter: &[FIND], manners: manners(false, 0), may_not_tell: false };
const WAITS: Variant = Variant { name: "wait", alter: &[FIND, WAIT], manners: manners(false, 0), may_not_tell: false };
const LATE: Variant = Variant { name: "late", alter: &[FIND, WINDOW], manners: manners(false, 3), may_not_tell: true };
const ASKS: Variant = Variant { name: "ask", alter: &[FIND, ASK], manners: manners(false, 0), may_not_tell: false };
const HELD: Variant = Variant { name: "nested", alter: &[FIND, NESTED], manners: manners(false, 0), may_not_tell: false };

fn profile(variant: Variant) -> Arc<Profile> {
    let text = variant.alter.iter().fold(PROFILE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    Arc::new(Profile::parse(&text, "town.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")))
}

fn declared() -> Desired {
    desired([org("acme"), user("acme", "ann").with("firstName", "Ann"), user("acme", "bob").with("firstName", "Bob")])
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// One request.
    Once(Fault),
    /// It and all after it, until the run gives up.
    Down(Fault),
    /// The process is killed while it waits for the answer.
    Killed(Held),
}

fn troubles() -> Vec<Trouble> {
    let played = Fault::ALL.into_iter().flat_map(|fault| [Trouble::Once(fault), Trouble::Down(fault)]);
    played.chain([Trouble::Killed(Held::HeldBefore), Trouble::Killed(Held::HeldAfter)]).collect()
}

/// A run in which request `at` goes wrong, and runs until the end: what is wrong then.
async fn ends(variant: Variant, at: usize, trouble: Option<Trouble>) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (town, desk) = (Town::start(variant.manners).await, Desk::at(folder.path()));
    let (profile, desired) = (profile(variant), declared());
    if variant.name == ASKS.name {
        // What comes before the technicians' turn is what the other variants have.
        desk.apply(&open(&town.url, "token", Arc::clone(&profile), 1), &desired).await;
        all_is_done(&desk).await;
        town.mends();
    }
    let proxy = Proxy::before(&town.url);
    match trouble {
        None => {}
        Some(Trouble::Once(fault)) => town.fault(at, 1, fault),
        Some(Trouble::Down(fault)) => town.fault(at, usize::MAX / 2, fault),
        Some(Trouble::Killed(held)) => proxy.at(at, held),
    }
    let portal = open(&proxy.url, "token", Arc::clone(&profile), 1);
    let first = tokio::select! {
        biased;
        () = proxy.holds() => {
            desk.is_killed();
            vec!["killed".to_owned()]
        }
        said = desk.apply(&portal, &desired) => said,
    };
    let asked = town.asked();
    town.mends();
    proxy.passes();
    let portal = open(&town.url, "token", profile, 1);
    let mut then = desk.converges(&portal, &desired).await.said;
    town.shows_all();
    desk.clock.a_day_later();
    then.extend(desk.converges(&portal, &desired).await.said);
    // What the last run wrote, it has seen by now.
    desk.clock.a_day_later();
    then.push(desk.apply(&portal, &desired).await);
    let mut wrong = Vec::new();
    let left = desk.changes(&portal, &desired).await;
    let (people, sent) = (town.people(), town.outbox());
    let unknown = desk.unknown(&portal, &desired).await;
    if !unknown.is_empty() {
        let why = desk.why_unknown(&portal, &desired).await;
        if !variant.may_not_tell || !why.iter().all(|why| why.contains("step 3 of 3 (POST /users/u") && why.contains("not-done")) {
            wrong.push(format!("nobody knows of {unknown:?}: {why:?}"));
        }
    } else if !left.is_empty() {
        wrong.push(format!("left to do: {left:?}"));
    }
    let all = ["invitation u1", "invitation u2"];
    let twice = sent.iter().filter(|mail| sent.iter().filter(|m| m == mail).count() > 1).count();
    if twice > 0 || (unknown.is_empty() && sent != all) {
        wrong.push(format!("sent {sent:?}"));
    }
    if town.orgs() != 1 || (unknown.is_empty() && people != ["ann@acme.example*", "bob@acme.example*"]) {
        wrong.push(format!("there are {people:?}"));
    }
    if unknown.is_empty() {
        let state = desk.ledger().await.read(&desk.spec.name, &["acme".parse().unwrap()]).await.unwrap().remove(0);
        if !state.intents.is_empty() || state.rows.len() != 3 {
            wrong.push(format!("open: {:?}", state.intents));
        }
    }
    let name = variant.name;
    let told = |w: String| {
        format!("{name}, request {at} {:?}, {trouble:?}: {w}\n  first: {first:?}\n  then: {then:?}\n", asked.get(at.wrapping_sub(1)))
    };
    let wrong = wrong.into_iter().map(told).collect();
    (asked, wrong)
}

async fn check(variant: Variant) {
    let (asked, wrong) = ends(variant, 0, None).await;
    assert_eq!(wrong, [""; 0], "with nothing wrong");
    let cases: Vec<_> = (1..=asked.len()).flat_map(|at| troubles().into_iter().map(move |t| (at, t))).collect();
    assert!(cases.len() > 50, "{asked:?}");
    let runs = cases.iter().map(|(at, trouble)| async { ends(variant, *at, Some(*trouble)).await.1 });
    let wrong: Vec<String> = stream::iter(runs).buffer_unordered(8).concat().await;
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_portal_that_tells_nothing_no_step_is_made_twice() {
    check(PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_portal_that_takes_keys_every_step_is_made_once() {
    check(KEYED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_a_step_can_be_looked_for_every_step_is_made_once() {
    check(SOUGHT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_a_wait_in_the_middle_every_step_is_made_once() {
    check(WAITS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_technicians_turn_in_the_middle_every_step_is_made_once() {
    check(ASKS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_portal_that_shows_late_no_step_is_made_twice() {
    check(LATE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_people_stand_in_their_organizations_every_step_is_made_once() {
    check(HELD).await;
}

/// The first run in which a step answers so, through several tries.
async fn stops_at(variant: Variant, line: &str, fault: Fault) -> (tempfile::TempDir, Town, Desk, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (town, desk) = (Town::start(variant.manners).await, Desk::at(folder.path()));
    let (asked, _) = ends(variant, 0, None).await;
    let at = asked.iter().position(|asked| asked == line).unwrap() + 1;
    town.fault(at, usize::MAX / 2, fault);
    let said = desk.apply(&open(&town.url, "token", profile(variant), 1), &declared()).await;
    town.mends();
    (folder, town, desk, said)
}

/// A portal that heeds keys and shows late, and the window in which nobody may believe that something is not there.
const KEYED_LATE: Variant = Variant {
    name: "keys, late",
    alter: &[KEYS, ("driver: rest\n", "driver: rest\nlimits: { idempotent: true, consistencyWindow: 2h }\n")],
    manners: manners(true, 1000),
    may_not_tell: false,
};

#[tokio::test]
async fn tries_that_run_out_leave_it_open_whether_it_was_made() {
    let (_folder, town, desk, said) = stops_at(KEYED_LATE, "POST /orgs/o1/users", Fault::FailsAfter).await;
    assert!(said.iter().any(|line| line.starts_with("acme/user/ann uncertain")), "{said:?}");
    let state = desk.ledger().await.read(&desk.spec.name, &["acme".parse().unwrap()]).await.unwrap().remove(0);
    let fates: Vec<_> = state.intents.iter().filter(|i| i.address.kind == Kind::User).map(|i| (i.fate.next, i.unknown)).collect();
    assert_eq!(fates, [(Next::SameKey, true); 2]);
    let portal = open(&town.url, "token", profile(KEYED_LATE), 1);
    desk.converges(&portal, &declared()).await;
    assert_eq!(town.people(), ["ann@acme.example*", "bob@acme.example*"], "the same keys found them");
    assert_eq!(town.outbox(), ["invitation u1", "invitation u2"]);
}

#[tokio::test]
async fn a_key_is_never_sent_with_another_content() {
    let (_folder, town, desk, _) = stops_at(KEYED_LATE, "POST /orgs/o1/users", Fault::FailsAfter).await;
    let changed = || desired([org("acme"), user("acme", "ann").with("firstName", "Anna"), user("acme", "bob").with("firstName", "Bob")]);
    let portal = open(&town.url, "token", profile(KEYED_LATE), 1);
    let said = desk.converges(&portal, &changed()).await.said;
    assert_eq!(desk.unknown(&portal, &changed()).await, ["acme/user/ann"], "nobody knows yet whether she is there");
    assert_eq!(town.people(), ["ann@acme.example", "bob@acme.example"], "the tenant is held: {said:?}");
    town.shows_all();
    desk.clock.a_day_later();
    for _ in 0..2 {
        desk.converges(&portal, &changed()).await;
        desk.clock.a_day_later();
    }
    assert_eq!(desk.changes(&portal, &changed()).await, [""; 0]);
    assert_eq!(
        (town.people(), town.outbox()),
        (vec!["ann@acme.example*".into(), "bob@acme.example*".into()], vec!["invitation u1".into(), "invitation u2".into()])
    );
}

#[tokio::test]
async fn a_creation_that_stops_half_way_is_not_done_and_goes_on_where_it_stopped() {
    let (_folder, town, desk, said) = stops_at(SOUGHT, "POST /users/u1/invitations", Fault::Fails).await;
    assert!(!said.iter().any(|line| line == "acme/user/ann done"), "{said:?}");
    let portal = open(&town.url, "token", profile(SOUGHT), 1);
    let left = desk.changes(&portal, &declared()).await;
    assert!(left.iter().any(|line| line.contains("acme/user/ann") && line.contains("create")), "{left:?}");
    desk.converges(&portal, &declared()).await;
    assert_eq!(town.outbox(), ["invitation u1", "invitation u2"]);
}

//! Updates and deletions of several calls, under faults at every request, kills in every one, and kills after every commit of the ledger: whatever
//! goes wrong, running again brings the end that was declared. A letter goes out once with all that it is to say, and nothing is left out.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tenantry::model::{Desired, PortalSpec};
use tenantry::plan::Finding;
use tenantry::portal::{Execute, Profile};

use super::rest::open;
use super::town::{Fault, Manners, Town};
use crate::support::bench::{Bench, changes};
use crate::support::declared::{Say, desired, org, role, user};
use crate::support::proxy::{Fault as Held, Proxy};

const PROFILE: &str = include_str!("../../profiles/town-changes.yaml");

/// How the town is, and what its profile says of it.
#[derive(Debug, Clone, Copy)]
struct Variant {
    name: &'static str,
    /// How letters are looked for.
    letters: Option<&'static str>,
    /// What is replaced in the profile's text.
    alter: &'static [(&'static str, &'static str)],
    heeds_keys: bool,
    /// True: whether a letter went out cannot be told without a person.
    may_not_tell: bool,
}

const PLAIN: Variant = Variant { name: "plain", letters: None, alter: &[], heeds_keys: false, may_not_tell: true };
const SOUGHT: Variant = Variant { name: "find", letters: Some("/letters"), may_not_tell: false, ..PLAIN };
const KEYED: Variant = Variant {
    name: "keys",
    alter: &[
        ("  auth: { bearer: token }\n", "  auth: { bearer: token }\n  idempotencyHeader: Idempotency-Key\n"),
        ("driver: rest\n", "driver: rest\nlimits: { idempotent: true }\n"),
    ],
    heeds_keys: true,
    may_not_tell: false,
    ..PLAIN
};

/// What becomes of letters, by their marks in the profile's text.
const LETTERS: [(&str, &str); 5] = [
    ("MAY", "id + ' may ' + item"),
    ("NO LONGER", "id + ' no longer ' + item"),
    ("WAS", "id + ' was ' + before.firstName + ' and is ' + self.firstName"),
    ("FAREWELL", "id + ' farewell ' + before.firstName"),
    ("GONE", "id + ' was ' + before.firstName + ' and is gone'"),
];

fn profile(variant: Variant) -> Arc<Profile> {
    let mut text = PROFILE.to_owned();
    for (mark, about) in LETTERS {
        let at = format!(" }}  # {mark}\n");
        assert!(text.contains(&at), "{mark}");
        let find =
            variant.letters.map(|path| format!(", find: {{ path: {path}, holds: \"response.body.items.exists(l, l == {about})\" }}"));
        text = text.replace(&at, &format!("{} }}\n", find.unwrap_or_default()));
    }
    for (from, to) in variant.alter {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    Arc::new(Profile::parse(&text, "town-changes.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")))
}

fn before() -> Desired {
    desired([
        org("acme"),
        role("acme", "ops").with("permissions", ["a", "b"]),
        role("acme", "temp").with("permissions", ["x", "y"]),
        user("acme", "ann").with("firstName", "Ann").with("lastName", "Ash"),
        user("acme", "bob").with("firstName", "Bob").with("lastName", "Birch"),
    ])
}

/// Somebody marries, a role is another, somebody leaves, and a role goes.
fn after() -> Desired {
    desired([
        org("acme"),
        role("acme", "ops").with("displayName", "Operations").with("permissions", ["b", "c", "d"]),
        user("acme", "ann").with("firstName", "Anna").with("lastName", "Oak"),
    ])
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Nothing,
    /// One request.
    Once(usize, Fault),
    /// It and all after it, until the run gives up.
    Down(usize, Fault),
    /// The process is killed while it waits for the answer.
    Killed(usize, Held),
    /// The process is killed right after so many commits.
    Committed(usize),
}

fn bench(portal: Arc<dyn Execute>) -> Bench {
    let mut bench = Bench::new();
    bench.portals.push((PortalSpec { parallelism: 1, ..PortalSpec::embedded() }, portal));
    // They leave, and it is known what that takes away.
    bench.approvals.allow = ["G001", "G002", "G003", "G007", "G022"].map(|code| (code.to_owned(), "they left".to_owned())).into();
    bench
}

/// What a run came to in which something went wrong, once it was run to its end.
struct Ran {
    asked: Vec<String>,
    /// False: it was killed.
    ended: bool,
    wrong: Vec<String>,
}

async fn ran(variant: Variant, trouble: Trouble) -> Ran {
    let town = Town::start(Manners { heeds_keys: variant.heeds_keys, shows_late: 0 }).await;
    let proxy = Proxy::before(&town.url);
    let mut bench = bench(open(&town.url, "token", profile(variant), 1));
    bench.apply(&before()).await;
    assert_eq!(changes(&bench.plan(&before()).await.plan.body), [""; 0]);
    town.mends();
    bench.portals[0].1 = open(&proxy.url, "token", profile(variant), 1);
    let wanted = after();
    let ended = match trouble {
        Trouble::Committed(k) => bench.apply_killed_after(k, &wanted).await,
        Trouble::Killed(at, held) => {
            proxy.at(at, held);
            bench.apply_killed_when(proxy.holds(), &wanted).await
        }
        Trouble::Once(at, fault) => {
            town.fault(at, 1, fault);
            bench.apply_killed_when(std::future::pending(), &wanted).await
        }
        Trouble::Down(at, fault) => {
            town.fault(at, usize::MAX / 2, fault);
            bench.apply_killed_when(std::future::pending(), &wanted).await
        }
        Trouble::Nothing => bench.apply_killed_when(std::future::pending(), &wanted).await,
    };
    let asked = town.asked();
    town.mends();
    proxy.passes();
    bench.portals[0].1 = open(&town.url, "token", profile(variant), 1);
    bench.clock.forward(3600);
    let mut said = Vec::new();
    for _ in 0..4 {
        let applied = bench.apply(&wanted).await;
        said.push(applied.outcomes());
        if applied.report.final_plan_empty {
            break;
        }
    }
    let told = |w: String| format!("{}, {trouble:?} of {asked:?}: {w}\n  then: {said:?}\n", variant.name);
    let wrong = wrong(variant, &town, &bench).await.into_iter().map(told).collect();
    Ran { asked, ended, wrong }
}

/// What is not as declared.
async fn wrong(variant: Variant, town: &Town, bench: &Bench) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: &str, is: Vec<String>, wanted: &[&str]| {
        if is != wanted {
            wrong.push(format!("{what}: {is:?}"));
        }
    };
    let body = bench.plan(&after()).await.plan.body;
    let unknown: Vec<_> = body.units.iter().flat_map(|u| &u.changes).flat_map(|c| &c.findings).cloned().collect();
    let mut letters = town.outbox();
    let all =
        ["r1 may c", "r1 may d", "r2 no longer x", "r2 no longer y", "u1 was Ann and is Anna", "u2 farewell Bob", "u2 was Bob and is gone"];
    if unknown.is_empty() {
        check("left to do", changes(&body), &[]);
        check("open", bench.ledger.of("main", "acme").intents.iter().map(|i| format!("{i:?}")).collect(), &[]);
        check("letters", letters, &all);
        check("roles", town.roles(), &["ops Operations [\"b\",\"c\",\"d\"]"]);
        check("people", town.names(), &["u1 Anna Oak"]);
        check("done", town.deeds(), &["grant r1 c", "grant r1 d", "wedding u1 Oak"]);
    } else {
        // A person is asked, about letters alone, and nothing is doubled meanwhile.
        let about_letters =
            |f: &Finding| matches!(f, Finding::CreationResultUnknown { why } if why.contains("POST /letters") && why.contains("not-done"));
        if !variant.may_not_tell || !unknown.iter().all(about_letters) {
            wrong.push(format!("nobody knows: {unknown:?}"));
        }
        let sent = letters.len();
        letters.dedup();
        if sent != letters.len() || !letters.iter().all(|l| all.contains(&l.as_str())) {
            wrong.push(format!("letters: {letters:?}"));
        }
    }
    wrong
}

async fn check(variant: Variant) {
    let clean = ran(variant, Trouble::Nothing).await;
    assert_eq!(clean.wrong, [""; 0], "with nothing wrong");
    let mut cases = Vec::new();
    for at in 1..=clean.asked.len() {
        cases.extend(Fault::ALL.into_iter().flat_map(|fault| [Trouble::Once(at, fault), Trouble::Down(at, fault)]));
        cases.extend([Held::HeldBefore, Held::HeldAfter].map(|held| Trouble::Killed(at, held)));
    }
    let mut wrong: Vec<String> = Vec::new();
    for k in 1.. {
        let ran = ran(variant, Trouble::Committed(k)).await;
        wrong.extend(ran.wrong);
        if ran.ended {
            assert!(k > 10, "there is much to be killed after");
            break;
        }
    }
    let runs = cases.iter().map(|trouble| async { ran(variant, *trouble).await.wrong });
    wrong.extend(stream::iter(runs).buffer_unordered(8).concat().await);
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_portal_that_tells_nothing_no_step_of_a_change_is_made_twice() {
    check(PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_a_step_can_be_looked_for_every_step_of_a_change_is_made_once() {
    check(SOUGHT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_portal_that_takes_keys_every_step_of_a_change_is_made_once() {
    check(KEYED).await;
}

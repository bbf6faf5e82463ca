//! One life of an operator: everything is applied, then it is at rest, then one thing after the other is changed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use tenantry::model::Kind;

use super::cluster::{Ready, Stand};
use super::programs::{PROFILE, Process, Sandbox, operator};
use super::rest::{Rest, watched};
use super::{Options, fleet, resources};

/// How often the sandbox is asked whether a change has come: what a time may be too long by.
const LOOK: Duration = Duration::from_millis(5);

/// Measures, and says it in Markdown.
pub(crate) async fn measured(options: &Options) -> String {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder of its own");
    eprintln!("a control plane …");
    let stand = Stand::new(folder.path()).await;
    let sandbox = Sandbox::start(folder.path());
    let operator = operator(folder.path(), &stand.kubeconfig, &stand.namespace);
    let empty = operator.memory("VmRSS");
    stand.declare_portal(&sandbox.base, &sandbox.token, PROFILE, options.interval).await;

    let resources = resources::of_fleet(options.organizations, options.seed);
    let kinds: BTreeSet<Kind> = resources.iter().map(|r| r.kind).collect();
    let mut ready = stand.watch_ready(kinds);
    eprintln!("{} custom resources of {} organizations …", resources.len(), options.organizations);
    let began = Instant::now();
    let (all_ready, applied) = tokio::join!(ready.until(resources.len()), async {
        stand.apply_all(&resources).await;
        began.elapsed()
    });
    let (all_ready, busy) = (all_ready.duration_since(began), operator.processor());
    let made = sandbox.requests().await.iter().filter(|(method, ..)| method == "POST").map(|(.., count)| count).sum::<u64>();
    assert!(made > 0, "all are ready, and the portal was asked for nothing");

    eprintln!("at rest …");
    let rest = watched(&stand, &sandbox, &operator, options).await;
    eprintln!("{} changes …", options.changes);
    let changes = changes(&stand, &sandbox, &mut ready, resources.len(), options).await;
    let most = operator.memory("VmHWM");
    let outcome = Outcome { resources: resources.len(), applied, all_ready, busy, made, empty, most, changes };
    format!("{}\n{}", outcome.table(options, &rest, &sandbox.process), rest.table(options))
}

struct Outcome {
    resources: usize,
    applied: Duration,
    all_ready: Duration,
    busy: Duration,
    made: u64,
    empty: u64,
    most: u64,
    changes: Changes,
}

struct Changes {
    /// From the moment at which a change is sent to its call, sorted.
    called: Vec<Duration>,
    /// To the moment at which the resource is ready again, sorted.
    ready: Vec<Duration>,
}

/// Changes one user after the other, each in another organization.
async fn changes(stand: &Stand, sandbox: &Sandbox, ready: &mut Ready, count: usize, options: &Options) -> Changes {
    let (mut called, mut again) = (Vec::new(), Vec::new());
    for at in 0..options.changes {
        let organization = fleet::organization(at * options.organizations / options.changes);
        sandbox.forget().await;
        let began = Instant::now();
        let (user, spec) = (format!("{organization}-user-1"), json!({ "firstName": format!("Changed {at}") }));
        let (call, ()) = tokio::join!(a_call(sandbox, began), stand.change(Kind::User, &user, &spec));
        called.push(call);
        again.push(ready.until(count).await.duration_since(began));
        // The echo of its own status is heard, so that the next one is measured by itself.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    called.sort();
    again.sort();
    Changes { called, ready: again }
}

/// How long until the portal is asked to change something.
async fn a_call(sandbox: &Sandbox, began: Instant) -> Duration {
    loop {
        if sandbox.requests().await.iter().any(|(method, ..)| method == "PATCH") {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(120), "a change did not come to the portal in two minutes");
        tokio::time::sleep(LOOK).await;
    }
}

impl Outcome {
    fn table(&self, options: &Options, rest: &Rest, sandbox: &Process) -> String {
        let Self { resources, applied, all_ready, busy, made, empty, most, changes } = self;
        let middle = |times: &[Duration]| times.get(times.len() / 2).copied().unwrap_or_default();
        let worst = |times: &[Duration]| times.last().copied().unwrap_or_default();
        let organizations = options.organizations;
        let lines = [
            (format!("{resources} custom resources of {organizations} organizations are applied, by 16 at once"), "", seconds(*applied)),
            ("from the first of them until all are `Ready`".to_owned(), "", seconds(*all_ready)),
            ("creations that the portal was asked for meanwhile".to_owned(), "", made.to_string()),
            ("processor time of the operator until then".to_owned(), "", seconds(*busy)),
            ("memory before anything is declared".to_owned(), "", megabytes(*empty)),
            ("memory at rest, the most in that time".to_owned(), "150 MB", megabytes(rest.memory)),
            ("memory, the most ever".to_owned(), "", megabytes(*most)),
            ("processor time at rest, of each second".to_owned(), "", format!("{:.1} ms", rest.processor * 1000.0)),
            ("one change until its call, the median".to_owned(), "1 s", seconds(middle(&changes.called))),
            ("one change until its call, the longest".to_owned(), "", seconds(worst(&changes.called))),
            ("one change until it is `Ready` again, the median".to_owned(), "", seconds(middle(&changes.ready))),
            ("memory of the sandbox, which is the portal".to_owned(), "", megabytes(sandbox.memory("VmRSS"))),
        ];
        let rows: String = lines.into_iter().map(|(what, aim, is)| format!("| {what} | {aim} | {is} |\n")).collect();
        format!("| what | to reach | measured |\n|---|---|---|\n{rows}")
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

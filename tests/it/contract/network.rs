//! A portal behind HTTP, and a network that fails: what may become of a request, and what must be there in the end whatever did.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value as Json;
use tenantry::model::{PortalSpec, SecretRef, SecretSource};
use tenantry::portal::rest::Rest;
use tenantry::portal::rest::transport::{Network, Patience};
use tenantry::portal::{Driver as _, Execute, OpenContext, Profile};

use super::desk::Desk;
use super::world::{Customs, Seen, Stage};
use crate::support::bench::Secrets;
use crate::support::proxy::{Fault, Proxy};

/// What a portal must tell to be played with.
#[async_trait]
pub(super) trait Site: Send + Sync {
    /// What it has of the customers' life.
    fn customs(&self) -> &Customs;
    /// Where it is.
    fn url(&self) -> &str;
    /// Its driver, at its own address or before it. A request that may be repeated is sent so often.
    fn open(&self, url: &str, attempts: u32) -> Arc<dyn Execute>;
    /// What is in it, and whom it sent mail: past the driver where it can be seen otherwise.
    async fn seen(&self) -> Seen;
    /// From here on this becomes of the n-th request; with `None` nothing any more.
    async fn plays(&self, fault: Option<(usize, &Json)>) {
        assert!(fault.is_none(), "it plays nothing");
    }
}

/// Opens a portal by the `rest` driver, with these credentials.
pub(super) fn rest(url: &str, profile: Arc<Profile>, attempts: u32, credentials: &[(&str, &str)], email: Option<&str>) -> Arc<dyn Execute> {
    let mut spec = PortalSpec::embedded();
    spec.endpoint = Some(url.to_owned());
    spec.parallelism = 1;
    spec.account.email = email.map(str::to_owned);
    let secrets = Secrets::default();
    for (name, secret) in credentials {
        secrets.set(name, secret);
        spec.credentials.push(((*name).to_owned(), SecretRef { source: SecretSource::Env((*name).into()) }));
    }
    let patience = Patience { attempts, deadline: Duration::from_secs(60), first_pause: Duration::from_millis(5) };
    let driver = Rest::over(Network::of_this_machine().unwrap(), patience);
    driver.open_writer(&OpenContext { spec: &spec, profile, state_dir: Path::new("."), secrets: &secrets }).unwrap()
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// Between the driver and the portal.
    Network(Fault),
    /// The process is killed while it waits for the answer.
    Killed(Fault),
    /// As the portal itself plays it.
    Played(Json),
}

/// What may happen to any request.
pub(super) const OF_ANY: [Trouble; 11] = [
    Trouble::Network(Fault::BusyBefore),
    Trouble::Network(Fault::BusyAfter),
    Trouble::Network(Fault::LostBefore),
    Trouble::Network(Fault::LostAfter),
    Trouble::Network(Fault::Cut),
    Trouble::Network(Fault::Throttled),
    Trouble::Network(Fault::Forgotten),
    Trouble::Network(Fault::Html),
    Trouble::Network(Fault::HeldAfter),
    Trouble::Killed(Fault::HeldBefore),
    Trouble::Killed(Fault::HeldAfter),
];

/// One request that goes wrong.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// Counted from 1.
    pub(super) at: usize,
    pub(super) trouble: Trouble,
}

/// What one run came to: the requests that it made, and what is wrong in the end.
pub(super) struct Ran {
    pub(super) asked: Vec<String>,
    pub(super) wrong: Vec<String>,
}

/// One run in which a request goes wrong, and runs until the end.
pub(super) async fn run(site: &dyn Site, desk: &Desk, stage: Stage, case: Option<&Case>) -> Ran {
    let desired = stage.desired(site.customs());
    let proxy = Proxy::before(site.url());
    match case.map(|case| (case.at, &case.trouble)) {
        None => {}
        Some((at, Trouble::Played(fault))) => site.plays(Some((at, fault))).await,
        Some((at, Trouble::Network(fault) | Trouble::Killed(fault))) => proxy.at(at, *fault),
    }
    let portal = site.open(&proxy.url, 2);
    let first = match case {
        Some(Case { trouble: Trouble::Killed(_), .. }) => tokio::select! {
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
    site.plays(None).await;
    let end = desk.converges(&site.open(site.url(), 1), &desired).await;
    let mut wrong = stage.wrong(site.customs(), &end.left, &site.seen().await);
    if let Some(case) = case.filter(|case| case.at > asked.len()) {
        wrong.push(format!("there is no request {}", case.at));
    }
    let line = case.and_then(|case| asked.get(case.at - 1));
    let what = |w: String| format!("{stage:?}, {case:?}, {line:?}: {w}\n  first: {first:?}\n  then: {:?}\n", end.said);
    let wrong = wrong.into_iter().map(what).collect();
    Ran { asked, wrong }
}

/// Whether a request changes nothing: it reads, or signs in.
fn reads(line: &str) -> bool {
    line.starts_with("GET ") || line.ends_with("/auth/tokens") || line.contains("/sign-in/")
}

/// Each request in turn goes wrong in one way, and the ways take turns. A call that makes something goes wrong in two: it is also done, and nobody
/// hears of it, or the process ends there.
pub(super) fn in_turn(asked: &[String]) -> Vec<Case> {
    let worst = [Trouble::Network(Fault::LostAfter), Trouble::Killed(Fault::HeldAfter)];
    let mut cases = Vec::new();
    for (n, line) in asked.iter().enumerate() {
        let makes = line.starts_with("POST ") && !reads(line);
        let troubles = worst.iter().cycle().skip(n).take(usize::from(makes)).chain([&OF_ANY[n % OF_ANY.len()]]);
        cases.extend(troubles.map(|trouble| Case { at: n + 1, trouble: trouble.clone() }));
    }
    cases
}

/// The same where a life takes seconds: of the reads of one list the first and the last alone go wrong. Writes go wrong one and all.
pub(super) fn in_turn_where_it_is_slow(asked: &[String]) -> Vec<Case> {
    let shape = |line: &str| line.split('/').map(|part| if is_id(part) { "*" } else { part }).collect::<Vec<_>>().join("/");
    let shapes: Vec<_> = asked.iter().map(|line| shape(line)).collect();
    let told = |case: &Case| {
        let (before, after) = (&shapes[..case.at - 1], &shapes[case.at..]);
        let own = &shapes[case.at - 1];
        !reads(&asked[case.at - 1]) || !before.contains(own) || !after.contains(own)
    };
    in_turn(asked).into_iter().filter(told).collect()
}

/// Whether a part of a path is an id that a server made.
fn is_id(part: &str) -> bool {
    part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit())
}

//! The operator at rest: what it asks of the API server and of the portal while nothing is to be done, and the memory that it has then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Options;
use super::cluster::Stand;
use super::programs::{Process, Sandbox};

/// How often the kernel is asked for the memory.
const LOOK: Duration = Duration::from_millis(250);
/// The interval of a portal that says nothing about it, in seconds (src/controller/drive.rs).
const USUAL: f64 = 600.0;
/// A page of the portal's collections (tests/profiles/sandbox-api.yaml).
const PAGE: usize = 100;

/// What was seen.
pub(crate) struct Rest {
    /// The most memory that it had, in bytes.
    pub(crate) memory: u64,
    /// Seconds of a processor in each second.
    pub(crate) processor: f64,
    took: Duration,
    /// Whole readings of the portal.
    polls: u64,
    portal: u64,
    /// By verb and resource.
    api_server: BTreeMap<String, u64>,
}

/// Waits until nothing is under way, and then watches it for a while.
pub(crate) async fn watched(stand: &Stand, sandbox: &Sandbox, operator: &Process, options: &Options) -> Rest {
    settled(stand).await;
    sandbox.forget().await;
    let (mark, began, busy) = (stand.cluster.mark().await, Instant::now(), operator.processor());
    let mut memory = 0;
    while began.elapsed() < Duration::from_secs(options.rest) {
        memory = memory.max(operator.memory("VmRSS"));
        tokio::time::sleep(LOOK).await;
    }
    let (took, requests, asked) = (began.elapsed(), stand.cluster.requests_since(mark).await, sandbox.requests().await);
    let mut api_server = BTreeMap::new();
    for request in requests.iter().filter(|r| r.user == stand.user()) {
        let part = if request.subresource.is_empty() { String::new() } else { format!("/{}", request.subresource) };
        *api_server.entry(format!("{} {}{part}", request.verb, request.resource)).or_default() += 1;
    }
    let writes: Vec<_> = asked.iter().filter(|(method, ..)| method != "GET").collect();
    assert!(writes.is_empty(), "at rest the portal was written to: {writes:#?}");
    let of_tenants: u64 = asked.iter().filter(|(_, path, _)| path == "/api/v1/tenants").map(|(.., count)| count).sum();
    Rest {
        memory,
        processor: (operator.processor() - busy).as_secs_f64() / took.as_secs_f64(),
        took,
        polls: of_tenants / options.organizations.div_ceil(PAGE) as u64,
        portal: asked.iter().map(|(.., count)| count).sum(),
        api_server,
    }
}

/// Waits until five seconds have passed in which the operator wrote nothing but its lease.
async fn settled(stand: &Stand) {
    loop {
        let mark = stand.cluster.mark().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let requests = stand.cluster.requests_since(mark).await;
        let writes = |verb: &str| !matches!(verb, "get" | "list" | "watch");
        let mut own = requests.iter().filter(|r| r.user == stand.user());
        if !own.any(|r| writes(&r.verb) && !r.resource.starts_with("leases")) {
            return;
        }
    }
}

impl Rest {
    /// The requests, by what they are.
    pub(crate) fn table(&self, options: &Options) -> String {
        let Self { took, polls, portal, api_server, .. } = self;
        let seconds = took.as_secs_f64();
        let mut text = format!(
            "{seconds:.0} s at rest, with an interval of {} s: {polls} polls. By the hour: at that interval, as counted; at the usual one of {USUAL} s, where\nwhatever comes with polls is that much rarer.\n\n\
             | request | counted | an hour | an hour at the usual interval |\n|---|---|---|---|\n",
            options.interval
        );
        let mut row = |what: &str, count: u64, with_polls: bool| {
            let hourly = count as f64 * 3600.0 / seconds;
            let usual = if with_polls { hourly * options.interval as f64 / USUAL } else { hourly };
            text.push_str(&format!("| {what} | {count} | {hourly:.0} | {usual:.0} |\n"));
        };
        row("the portal: reading its collections", *portal, true);
        for (what, count) in api_server {
            // The lease is renewed, with the API server's time, and watches are begun again, whatever is polled.
            row(&format!("the API server: {what}"), *count, what.contains("ledgershards"));
        }
        text
    }
}

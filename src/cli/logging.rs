//! Log lines for whoever operates this, on standard error, and spans for a collector where one is named. Reports are neither.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::settings::Settings;
use super::traces::Traces;
use crate::spans;

/// The library that watches clusters, as its log lines name it.
const WATCHES: &str = "kube_runtime";

/// Starts logging: nothing below warnings unless `-v`, `TENANTRY_LOG` or `RUST_LOG` say otherwise. What comes back sends spans until it is
/// dropped, and what is left of them then; nothing where no collector is named.
pub(super) fn start(settings: &Settings, verbose: u8) -> Option<Traces> {
    let default = match verbose {
        0 => "warn",
        1 => "tenantry=info",
        2 => "tenantry=debug",
        _ => "tenantry=trace",
    };
    let filter = EnvFilter::try_new(settings.log.as_deref().unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new(default));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = lines.with_ansi(std::io::stderr().is_terminal() && !settings.no_color);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if settings.log_json { lines.json().boxed() } else { lines.without_time().boxed() };
    let named = settings.log.as_deref().is_some_and(|log| log.contains(WATCHES));
    // Spans are no log lines, and stand in none; and what a watch is refused is said in words, and not as the library shows it.
    let is_line = move |metadata: &Metadata<'_>| {
        let is_refusal = *metadata.level() == Level::WARN && metadata.target().starts_with(WATCHES);
        metadata.target() != spans::TARGET && (named || !is_refusal)
    };
    let mut layers = vec![lines.with_filter(filter.and(filter_fn(is_line))).boxed()];
    let traces = settings.collector.as_ref().map(Traces::to).transpose();
    layers.extend(traces.iter().flatten().map(Traces::layer));
    // A second start in one process (tests do that) keeps the first.
    let _kept = tracing_subscriber::registry().with(layers).try_init();
    traces.unwrap_or_else(|why| {
        tracing::warn!("no spans are sent to a collector of traces: {why}");
        None
    })
}

//! Log lines for whoever operates this, on standard error. Reports are not log lines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::settings::Settings;

/// Starts logging: nothing below warnings unless `-v`, `TENANTRY_LOG` or `RUST_LOG` say otherwise.
pub(super) fn start(settings: &Settings, verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "tenantry=info",
        2 => "tenantry=debug",
        _ => "tenantry=trace",
    };
    let filter = EnvFilter::try_new(settings.log.as_deref().unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let builder = builder.with_ansi(std::io::stderr().is_terminal() && !settings.no_color);
    // A second start in one process (tests do that) keeps the first.
    let _kept = if settings.log_json { builder.json().try_init() } else { builder.without_time().try_init() };
}

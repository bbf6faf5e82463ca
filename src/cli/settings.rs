//! The only reader of the environment. Comes in: the process's variables and the terminal. Goes out: [`Settings`] and a `clap` command that
//! knows its variables. Every long flag is `TENANTRY_<FLAG>`; a variable with that prefix that nothing knows is an error, because a misspelt
//! limit must not be a limit that does not hold.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Command};
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

/// Prefix of all our variables.
const PREFIX: &str = "TENANTRY_";

/// Variables that are no flags.
const OTHERS: [&str; 5] = ["TENANTRY_LOG", "TENANTRY_LOG_FORMAT", "TENANTRY_MAC_KEY", "TENANTRY_MAC_KEY_FILE", "TENANTRY_LEDGER_FILE"];

/// What the environment says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub(crate) no_color: bool,
    /// `CI` is set: nobody is there to ask.
    pub(crate) ci: bool,
    /// Standard input is a terminal.
    pub(crate) terminal: bool,
    /// What to log: `TENANTRY_LOG`, else `RUST_LOG`.
    pub(crate) log: Option<String>,
    /// `TENANTRY_LOG_FORMAT=json`.
    pub(crate) log_json: bool,
    /// `TENANTRY_MAC_KEY`, or what `TENANTRY_MAC_KEY_FILE` names holds.
    pub(crate) mac_key: Option<SecretString>,
    /// What `TENANTRY_LEDGER_FILE` names holds: a location whose URL has a password.
    pub(crate) ledger: Option<String>,
    /// Whom spans are sent to, if anybody.
    pub(crate) collector: Option<Collector>,
}

/// A collector of traces, as OpenTelemetry's variables name it. Its SDK reads these and others again when spans are sent.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, else `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) endpoint: String,
    /// `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, else `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub(crate) protocol: Option<String>,
    /// `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` say what this is called.
    pub(crate) service_named: bool,
}

/// What is wrong with the environment, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct SettingsError(pub Vec<String>);

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// With every variable that nothing knows, and every file that cannot be read.
    pub(crate) fn read(command: &Command) -> Result<Self, SettingsError> {
        let mut wrong = unknown(command, std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()));
        let text = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let mut or_file = |name: &str| {
            let file = text(&format!("{name}_FILE"))?;
            match std::fs::read_to_string(PathBuf::from(&file)) {
                Ok(content) => Some(content.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    wrong.push(format!("{name}_FILE names {file}, which cannot be read: {error}"));
                    None
                }
            }
        };
        let mac_key = text("TENANTRY_MAC_KEY").or_else(|| or_file("TENANTRY_MAC_KEY"));
        let ledger = or_file("TENANTRY_LEDGER");
        let format = text("TENANTRY_LOG_FORMAT");
        if format.as_ref().is_some_and(|v| !["text", "json"].contains(&v.as_str())) {
            wrong.push("TENANTRY_LOG_FORMAT is neither `text` nor `json`".to_owned());
        }
        if let Some(error) = text("TENANTRY_LOG").and_then(|v| EnvFilter::try_new(v).err()) {
            wrong.push(format!("TENANTRY_LOG names no log levels: {error}; write one such as `info`, or `tenantry=debug`"));
        }
        let settings = Self {
            no_color: text("NO_COLOR").is_some(),
            ci: text("CI").is_some_and(|v| v != "false" && v != "0"),
            terminal: std::io::stdin().is_terminal(),
            log: text("TENANTRY_LOG").or_else(|| text("RUST_LOG")),
            log_json: format.is_some_and(|v| v == "json"),
            mac_key: mac_key.map(SecretString::from),
            ledger,
            collector: collector(text),
        };
        if wrong.is_empty() { Ok(settings) } else { Err(SettingsError(wrong)) }
    }
}

/// Nobody, unless an endpoint is named and nothing switches it off.
fn collector(text: impl Fn(&str) -> Option<String>) -> Option<Collector> {
    let of_traces = |what: &str| text(&format!("OTEL_EXPORTER_OTLP_TRACES_{what}")).or_else(|| text(&format!("OTEL_EXPORTER_OTLP_{what}")));
    let off = text("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let elsewhere = text("OTEL_TRACES_EXPORTER").is_some_and(|v| v != "otlp");
    let endpoint = of_traces("ENDPOINT").filter(|_| !off && !elsewhere)?;
    let named = |attributes: String| attributes.split(',').any(|one| one.trim_start().starts_with("service.name="));
    let service_named = text("OTEL_SERVICE_NAME").is_some() || text("OTEL_RESOURCE_ATTRIBUTES").is_some_and(named);
    Some(Collector { endpoint, protocol: of_traces("PROTOCOL"), service_named })
}

/// Looks a variable up for a secret that a manifest refers to.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Gives every long flag its variable.
pub(crate) fn with_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let Some(long) = arg.get_long().filter(|l| !["help", "version"].contains(l)) else { return arg };
        let name = variable_of(long);
        let switch = matches!(arg.get_action(), ArgAction::SetTrue);
        let arg = arg.env(name).hide_env(true);
        if switch { arg.value_parser(BoolishValueParser::new()) } else { arg }
    });
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_variables))
}

fn variable_of(long: &str) -> String {
    format!("{PREFIX}{}", long.to_ascii_uppercase().replace('-', "_"))
}

fn unknown(command: &Command, names: impl Iterator<Item = String>) -> Vec<String> {
    let mut known: BTreeSet<String> = OTHERS.iter().map(|s| (*s).to_owned()).collect();
    collect(command, &mut known);
    let strange = names.filter(|n| n.starts_with(PREFIX) && !known.contains(n) && !of_kubernetes(n));
    strange.map(|name| format!("the environment has {name}, which is no setting of tenantry: correct its spelling or unset it")).collect()
}

fn collect(command: &Command, known: &mut BTreeSet<String>) {
    known.extend(command.get_arguments().filter_map(|a| a.get_long()).map(variable_of));
    command.get_subcommands().for_each(|c| collect(c, known));
}

/// Kubernetes injects these for a Service named `tenantry` or `tenantry-…`.
fn of_kubernetes(name: &str) -> bool {
    name.ends_with("_PORT") || name.contains("_PORT_") || name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}

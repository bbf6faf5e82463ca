//! What may use what. The picture is in ARCHITECTURE.md; this table is what holds it up.

use super::scan::{code_only, lines_with, module_path, modules_used};
use super::{File, files, none};

/// What a module may use of ours beside itself; `apply::outcome` is that part of `apply` alone. A module that is not here is a broken rule: think about where it stands first.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("diagnostic", &[]),
    ("secrets", &["model", "diagnostic"]),
    ("trust", &[]),
    ("spans", &["model"]),
    ("manifest", &["model", "diagnostic"]),
    ("portal", &["model", "diagnostic", "secrets", "trust", "spans"]),
    ("ledger", &["model", "diagnostic", "secrets", "trust"]),
    ("diff", &["model"]),
    ("plan", &["model", "diagnostic", "diff"]),
    ("guard", &["model", "diagnostic", "plan"]),
    // Outcomes are values too.
    ("report", &["model", "diagnostic", "plan", "apply::outcome"]),
    ("apply", &["model", "diagnostic", "secrets", "diff", "plan", "ledger", "portal", "spans"]),
    ("engine", &["model", "diagnostic", "secrets", "manifest", "portal", "ledger", "diff", "plan", "guard", "report", "apply", "spans"]),
    ("controller", &["model", "diagnostic", "secrets", "portal", "ledger", "plan", "guard", "apply", "engine", "spans"]),
    ("sandbox", &["model", "diagnostic", "portal"]),
    // Values of reports and outcomes: what stands in a status.
    ("operator", &["model", "diagnostic", "secrets", "manifest", "portal", "ledger", "plan", "report", "apply", "engine", "controller"]),
    // The conditions' words are values.
    ("crds", &["model", "manifest", "controller::status"]),
    (
        "cli",
        &[
            "model",
            "diagnostic",
            "secrets",
            "manifest",
            "portal",
            "ledger",
            "plan",
            "guard",
            "report",
            "apply",
            "engine",
            "controller",
            "crds",
            "sandbox",
            "spans",
            // Collectors of traces are believed as portals are.
            "trust",
        ],
    ),
];

/// Words that stand only below these paths, with what they stand for.
const ONLY_IN: &[(&str, &[&str], &[&str])] = &[
    ("arguments", &["clap", "clap_complete", "clap_mangen"], &["src/cli/"]),
    ("progress bars", &["indicatif"], &["src/cli/"]),
    ("printing", &["println !", "print !", "eprintln !", "eprint !", "dbg !", "io::stdout", "io::stderr"], &["src/cli/"]),
    ("SQLite", &["rusqlite"], &["src/ledger/", "src/portal/embedded"]),
    ("PostgreSQL", &["tokio_postgres"], &["src/ledger/"]),
    ("HTTP servers", &["axum"], &["src/sandbox/", "src/controller/health.rs", "src/operator/admission/"]),
    ("metrics", &["prometheus_client"], &["src/controller/metrics.rs"]),
    ("spans", &["span !", "info_span !", "debug_span !", "trace_span !", "warn_span !", "error_span !", "instrument]"], &["src/spans.rs"]),
    (
        "collectors of traces",
        &["opentelemetry", "opentelemetry_sdk", "opentelemetry_otlp", "opentelemetry_http", "tracing_opentelemetry"],
        &["src/cli/traces.rs"],
    ),
    ("watching files", &["notify ::"], &["src/cli/commands/run/"]),
    (
        "whom TLS believes",
        &["rustls", "rustls_native_certs"],
        &["src/trust.rs", "src/portal/rest/transport/", "src/operator/admission/tls.rs"],
    ),
    ("servers with TLS", &["tokio_rustls"], &["src/operator/admission/tls.rs"]),
    ("Kubernetes clients", &["kube", "k8s_openapi"], &["src/operator/", "src/ledger/kubernetes/"]),
    ("HTTP clients", &["reqwest", "ureq", "hyper", "isahc", "curl"], &["src/portal/", "src/cli/traces.rs"]),
    ("reading the environment", &["env::var", "env::vars", "env::var_os", "env::vars_os"], &["src/cli/settings.rs"]),
    ("ending the process", &["process::exit", "process::abort"], &[]),
    ("approving a plan", &["into_stage"], &["src/guard/"]),
];

/// The stages without effects.
const PURE: &[&str] = &["model", "diagnostic", "diff", "plan", "guard", "report", "crds"];

/// What a stage without effects has none of.
const EFFECTS: &[(&str, &[&str])] = &[
    ("a clock", &["SystemTime::now", "Timestamp::now", "Instant::now", "Zoned::now", "elapsed ("]),
    ("waiting", &["async", ". await", "async_trait", "tokio", "thread::sleep"]),
    ("randomness", &["now_v7", "new_v4", "rand ::", "getrandom"]),
    ("files, processes or network", &["std::fs", "std::net", "std::process", "std::env", "File::open"]),
];

/// Where `into_stage` is defined, beside where it may be called.
const INTO_STAGE: &str = "src/plan/mod.rs";

fn broken_uses(file: &File) -> Vec<String> {
    let Some(&own) = module_path(&file.path).first() else { return Vec::new() };
    let Some((_, allowed)) = MAY_USE.iter().find(|(module, _)| *module == own) else {
        return vec![format!("{}: module `{own}` is not in the table", file.path)];
    };
    modules_used(&file.path, &file.text)
        .into_iter()
        .filter(|(_, used)| {
            let module = used.split("::").next().unwrap_or(used);
            module != own && !allowed.contains(&module) && !allowed.contains(&used.as_str())
        })
        .map(|(line, used)| format!("{}:{line}: `{own}` uses `{used}`", file.path))
        .collect()
}

fn broken_places(file: &File) -> Vec<String> {
    let code = code_only(&file.text);
    let mut broken = Vec::new();
    for (what, words, places) in ONLY_IN {
        let defined_here = words.contains(&"into_stage") && file.path == INTO_STAGE;
        if defined_here || places.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for word in *words {
            broken.extend(lines_with(&code, &[word]).iter().map(|line| format!("{}:{line}: {what} (`{word}`)", file.path)));
        }
    }
    broken
}

fn broken_purity(file: &File) -> Vec<String> {
    let Some(own) = module_path(&file.path).first().copied().filter(|own| PURE.contains(own)) else { return Vec::new() };
    let code = code_only(&file.text);
    let mut broken = Vec::new();
    for (what, words) in EFFECTS {
        for word in *words {
            broken.extend(lines_with(&code, &[word]).iter().map(|line| format!("{}:{line}: `{own}` has {what} (`{word}`)", file.path)));
        }
    }
    broken
}

#[test]
fn modules_use_what_the_picture_shows() {
    none("a module uses what it may not", &files("src", ".rs").iter().flat_map(broken_uses).collect::<Vec<_>>());
}

#[test]
fn each_tool_stays_in_its_place() {
    none("something stands where it may not", &files("src", ".rs").iter().flat_map(broken_places).collect::<Vec<_>>());
}

#[test]
fn the_pure_stages_have_no_effects() {
    none("a pure stage has an effect", &files("src", ".rs").iter().flat_map(broken_purity).collect::<Vec<_>>());
}

#[test]
fn the_faces_never_meet() {
    let row = |module| MAY_USE.iter().find(|(m, _)| *m == module).map_or(&[][..], |(_, uses)| uses);
    for (module, uses) in MAY_USE {
        assert!(!uses.contains(&"cli") && !uses.contains(&"operator"), "`{module}` uses a face");
    }
    assert!(row("model").is_empty(), "the model uses nothing of ours");
}

#[test]
fn the_table_has_no_row_for_a_module_that_is_gone() {
    let lib = super::read("src/lib.rs");
    let gone = MAY_USE.iter().filter(|(m, _)| !lib.contains(&format!("pub mod {m};"))).map(|(m, _)| (*m).to_owned());
    none("rows without a module", &gone.collect::<Vec<_>>());
}

fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}

#[test]
fn a_wrong_use_is_found() {
    let check = |path: &str, text: &str, expected: &[&str]| assert_eq!(broken_uses(&file(path, text)), expected, "{text}");
    check("src/model/x.rs", "use crate::diagnostic::Code;", &["src/model/x.rs:1: `model` uses `diagnostic`"]);
    check("src/diff/mod.rs", "\nuse crate::{model::Name, portal::Observe};", &["src/diff/mod.rs:2: `diff` uses `portal`"]);
    check("src/report/text.rs", "fn f(x: super::super::engine::X) {}", &["src/report/text.rs:1: `report` uses `engine`"]);
    check("src/report/text.rs", "use crate::apply::{Mac, outcome::Outcome};", &["src/report/text.rs:1: `report` uses `apply`"]);
    check("src/report/text.rs", "use crate::apply::outcome::Outcome;", &[]);
    check("src/guard/mod.rs", "use crate::*;", &["src/guard/mod.rs:1: `guard` uses `*`"]);
    check("src/news/mod.rs", "", &["src/news/mod.rs: module `news` is not in the table"]);
    check("src/plan/mod.rs", "use crate::{diff, model::Name}; // crate::cli", &[]);
}

#[test]
fn a_tool_out_of_its_place_is_found() {
    let check = |path: &str, text: &str, expected: &[&str]| assert_eq!(broken_places(&file(path, text)), expected, "{text}");
    check("src/engine.rs", "use clap::Parser;", &["src/engine.rs:1: arguments (`clap`)"]);
    check("src/apply/mod.rs", "println!(\"x\");", &["src/apply/mod.rs:1: printing (`println !`)"]);
    check("src/apply/mod.rs", "std::io::stderr().write_all(b)", &["src/apply/mod.rs:1: printing (`io::stderr`)"]);
    check("src/portal/rest.rs", "let c: rusqlite::Connection;", &["src/portal/rest.rs:1: SQLite (`rusqlite`)"]);
    check("src/cli/plan.rs", "let x = std::env::var(name);", &["src/cli/plan.rs:1: reading the environment (`env::var`)"]);
    check("src/cli/run.rs", "use kube::Client;", &["src/cli/run.rs:1: Kubernetes clients (`kube`)"]);
    check("src/report/x.rs", "k8s_openapi::api::core::v1::Event", &["src/report/x.rs:1: Kubernetes clients (`k8s_openapi`)"]);
    check("src/operator/watch.rs", "use kube::Client;", &[]);
    check("src/ledger/kubernetes/client.rs", "use kube::Client;", &[]);
    check("src/ledger/writes.rs", "use kube::Client;", &["src/ledger/writes.rs:1: Kubernetes clients (`kube`)"]);
    check("src/controller/drive.rs", "tracing::info_span!(\"x\")", &["src/controller/drive.rs:1: spans (`info_span !`)"]);
    check("src/apply/mod.rs", "use opentelemetry::KeyValue;", &["src/apply/mod.rs:1: collectors of traces (`opentelemetry`)"]);
    check("src/engine.rs", "plan.into_stage::<Approved>()", &["src/engine.rs:1: approving a plan (`into_stage`)"]);
    check("src/cli/settings.rs", "let x = std::env::var(name);", &[]);
    check("src/guard/approve.rs", "plan.into_stage()", &[]);
    check("src/portal/embedded/mod.rs", "use rusqlite::Connection; // println!", &[]);
}

#[test]
fn an_effect_in_a_pure_stage_is_found() {
    let check = |path: &str, text: &str, expected: &[&str]| assert_eq!(broken_purity(&file(path, text)), expected, "{text}");
    check("src/plan/mod.rs", "let now = jiff::Timestamp::now();", &["src/plan/mod.rs:1: `plan` has a clock (`Timestamp::now`)"]);
    check("src/diff/mod.rs", "pub async fn f() {}", &["src/diff/mod.rs:1: `diff` has waiting (`async`)"]);
    check("src/report/mod.rs", "std::fs::write(a, b)", &["src/report/mod.rs:1: `report` has files, processes or network (`std::fs`)"]);
    check("src/engine.rs", "pub async fn f() { Timestamp::now() }", &[]);
}

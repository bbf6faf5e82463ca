//! What the controller logs can be found by: each line says which portal, tenant, object or namespace it is about.

use super::{File, files, none};

/// What a line may be about.
const ABOUT: [&str; 6] = ["portal", "tenants", "object", "kind", "namespace", "leader"];

/// Lines that are about the process itself, by how they begin, with the reason.
const OF_THE_PROCESS: &[(&str, &str)] = &[
    ("listened at", "the first line of a process: its namespace is not known yet"),
    ("admission reviews are answered", "the same"),
    ("the webhook shows", "a certificate is the process's"),
    ("the webhook's new certificate", "a certificate is the process's"),
    ("a connection to the webhook", "nobody has said yet what it is about"),
    ("leadership ", "one leads all; the line of its beginning says where the ledger is"),
    ("the lease of leadership", "the same"),
];

/// The events of a file, each from its macro to the end of its text.
fn lines(file: &File) -> Vec<String> {
    let begins = ["error!(", "warn!(", "info!(", "debug!("]
        .iter()
        .flat_map(|event| file.text.split(&format!("tracing::{event}")).skip(1).collect::<Vec<_>>());
    // Fields that are texts themselves stand in front of the last one, which ends a line.
    let text = |rest: &str| {
        let at = rest.match_indices('"').nth(1).map_or(rest.len(), |(at, _)| at);
        let field = rest[..at].rsplit_once('"').is_some_and(|(before, _)| before.trim_end().ends_with('='));
        let end = if field { rest.match_indices('"').nth(3).map_or(rest.len(), |(at, _)| at) } else { at };
        rest[..end].to_owned()
    };
    begins.map(text).collect()
}

/// Whether a line says what it is about.
fn says_where(line: &str) -> bool {
    let (fields, text) = line.rsplit_once('"').unwrap_or(("", line));
    let of_process = OF_THE_PROCESS.iter().any(|(begins, reason)| text.starts_with(begins) && !reason.is_empty());
    of_process
        || fields.split(',').any(|field| ABOUT.contains(&field.split('=').next().unwrap_or_default().trim().trim_start_matches(['%', '?'])))
}

#[test]
fn what_the_controller_logs_says_what_it_is_about() {
    let all: Vec<_> = ["src/operator", "src/controller"].iter().flat_map(|folder| files(folder, ".rs")).collect();
    let found: Vec<_> = all.iter().flat_map(|file| lines(file).into_iter().map(move |line| (file.path.clone(), line))).collect();
    assert!(found.len() > 15, "the lines were not found: {found:?}");
    let silent = found.into_iter().filter(|(_, line)| !says_where(line)).map(|(path, line)| format!("{path}: {line}"));
    none("a log line that nobody finds by its portal, tenant, object or namespace", &silent.collect::<Vec<_>>());
}

#[test]
fn a_line_without_a_place_is_found() {
    let file = |text: &str| File { path: "src/x.rs".into(), text: text.into() };
    let silent = |text: &str| lines(&file(text)).iter().filter(|line| !says_where(line)).count();
    assert_eq!(silent("tracing::warn!(%error, \"it broke\");"), 1);
    assert_eq!(silent("tracing::warn!(portal = %group.portal, %error, \"it broke\");"), 0);
    assert_eq!(silent("Err(e) => tracing::warn!(%e, \"it broke\"),\n}\ntracing::info!(namespace, \"so\");"), 1);
    assert_eq!(silent("tracing::info!(\"listened at {}\", a());"), 0);
}

//! What the examples of portals show is what the program says. `TEST_UPDATE=1 cargo test --test it tidy::shown` writes it anew: plans and work
//! orders, after a change of a profile's screens too.
//!
//! Each folder below `examples/` that has a `plan.txt` is such an example. Its README names the command lines that its texts come from, and they
//! are run as they stand there.

use std::path::Path;

use regex::Regex;

use super::{PROGRAM, command, copy, none, read, root};
use crate::support::program::Ran;
use crate::support::sandbox::Sandbox;

/// Each example of portals, with the file of its work order; the one of all portals at once shows none.
const SHOWN: &[(&str, Option<&str>)] = &[
    ("it-conductor", Some("work-order.md")),
    ("wiv", Some("work-order.md")),
    ("idemeum", Some("work-order.md")),
    ("itarian", Some("work-order.md")),
    ("pilixo", Some("work-order.md")),
    ("every-portal", None),
];

/// Where the examples say that Wiv is: a sandbox on this machine.
const WIV: &str = "127.0.0.1:7700";

/// An example in a clean folder, at the path that its README names.
struct Clean {
    folder: tempfile::TempDir,
    wiv: Option<Sandbox>,
}

/// The sandbox that a README's line starts, on a port that is free.
fn played(line: &str, folder: &Path) -> Sandbox {
    let line = line.trim_end_matches('&').replace(WIV, "127.0.0.1:0");
    Sandbox::start(line.split_whitespace().skip(1), folder)
}

impl Clean {
    fn of(example: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let copied = folder.path().join("examples").join(example);
        copy(&root().join("examples").join(example), &copied);
        let document = copied.join("portals/costs.yaml");
        let text = std::fs::read_to_string(&document).unwrap_or_default();
        let wiv = text.contains(WIV).then(|| played(&line(example, "sandbox"), folder.path()));
        if let Some(sandbox) = &wiv {
            std::fs::write(&document, text.replace(WIV, &sandbox.address)).expect("a writable file");
        }
        Self { folder, wiv }
    }

    fn run(&self, line: &str) -> Ran {
        let output = command(PROGRAM)
            .args(line.split_whitespace())
            .envs([("NO_COLOR", "1"), ("COLUMNS", "100"), ("TENANT_SECRET_VIDEO_PASSWORD", "demo")])
            .env("WIV_API_KEY", self.wiv.as_ref().map_or("", |wiv| wiv.token.as_str()))
            .current_dir(self.folder.path())
            .output();
        Ran::of(output.expect("the program runs"))
    }
}

/// The command lines of an example's README, in order: those in its `sh` blocks that call the program.
fn lines(example: &str) -> Vec<String> {
    let readme = read(&format!("examples/{example}/README.md"));
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("tenantry "));
    lines.map(|line| line.split(" #").next().unwrap_or(line).trim().to_owned()).collect()
}

/// The line of a README that begins so.
fn line(example: &str, begin: &str) -> String {
    let found = lines(example).into_iter().find(|line| line.starts_with(begin));
    found.unwrap_or_else(|| panic!("examples/{example}/README.md has no `tenantry {begin}`"))
}

/// Replaces what differs from run to run: ids and references by their turn, times by one time.
fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, name) in [(r"\bwo-[0-9a-f]{12}\b", "wo-"), (r"`[0-9a-f]{12}`", "")] {
        let mut found: Vec<String> = Vec::new();
        for at in Regex::new(pattern).expect("a pattern").find_iter(&text) {
            let id = at.as_str().trim_matches('`').to_owned();
            if !found.contains(&id) {
                found.push(id);
            }
        }
        for (at, id) in found.iter().enumerate() {
            text = text.replace(id, &format!("{name}{:08}", at + 1));
        }
    }
    for (pattern, time) in [(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2030-01-07 09:00 UTC"), (r"Due: `\d{4}-\d\d-\d\d`", "Due: `2030-01-14`")] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, time).into_owned();
    }
    text
}

/// Says whether a shown text is not what the program says, or writes it anew.
fn stale(path: &str, said: &str) -> Option<String> {
    if std::env::var_os("TEST_UPDATE").is_some_and(|v| v == "1") {
        std::fs::write(root().join(path), said).expect("a writable file");
    }
    let shown = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    (shown != said).then(|| format!("{path}: refresh it with `TEST_UPDATE=1 cargo test --test it tidy::shown`"))
}

#[test]
fn plans_and_work_orders_are_what_the_program_says() {
    let ids = Regex::new(r"\bwo-[0-9a-f]{12}\b").expect("a pattern");
    let mut wrong = Vec::new();
    for (example, order) in SHOWN {
        let clean = Clean::of(example);
        clean.run(&line(example, "validate")).exits(0);
        let plan = clean.run(&line(example, "plan")).exits(0);
        wrong.extend(stale(&format!("examples/{example}/plan.txt"), &plan.out));
        clean.run(&line(example, "apply")).exits(6);
        let listed = clean.run(&line(example, "runbook list")).exits(0);
        let Some(order) = order else { continue };
        let id = ids.find(&listed.out).unwrap_or_else(|| panic!("an order is listed: {}", listed.said())).as_str();
        let shown = clean.run(&line(example, "runbook show").replace("ORDER", id)).exits(0);
        wrong.extend(stale(&format!("examples/{example}/{order}"), &steady(&shown.out)));
    }
    none("shown texts that are not fresh", &wrong);
}

#[test]
fn every_example_that_shows_a_plan_is_looked_at() {
    let folders = std::fs::read_dir(root().join("examples")).expect("the examples");
    let mut found: Vec<_> = folders.filter_map(|f| f.ok()).filter(|f| f.path().join("plan.txt").exists()).collect();
    found.sort_by_key(std::fs::DirEntry::file_name);
    let mut known: Vec<_> = SHOWN.iter().map(|(example, _)| (*example).to_owned()).collect();
    known.sort();
    assert_eq!(found.iter().map(|f| f.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>(), known);
}

#[test]
fn an_example_and_its_portals_page_point_at_one_another() {
    let pages = SHOWN.iter().filter(|(example, _)| Path::new(&root().join(format!("docs/portals/{example}.md"))).exists());
    let mut missing = Vec::new();
    for (example, _) in pages {
        let page = format!("docs/portals/{example}.md");
        if !read(&page).contains(&format!("../../examples/{example}/README.md")) {
            missing.push(format!("{page} does not point at its example {example}"));
        }
        if !read(&format!("examples/{example}/README.md")).contains(&format!("../../docs/portals/{example}.md")) {
            missing.push(format!("examples/{example}/README.md does not point at its page"));
        }
    }
    none("pages and examples that do not know each other", &missing);
}

#[test]
fn ids_and_times_are_made_steady() {
    let text = "# `wo-1a2b3c4d5e6f`\n- Due: `2026-01-02`\n- Given out: `2026-01-02 03:04 UTC`\n## `5e6f7a8b9c0d` x\nconfirm 5e6f7a8b9c0d\n## `aaaaaaaaaaaa`\n";
    let steady_text =
        "# `wo-00000001`\n- Due: `2030-01-14`\n- Given out: `2030-01-07 09:00 UTC`\n## `00000001` x\nconfirm 00000001\n## `00000002`\n";
    assert_eq!(steady(text), steady_text);
}

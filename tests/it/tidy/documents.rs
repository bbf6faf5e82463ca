//! What the docs point at is there.

use std::path::Path;

use super::{files, none, read, root};

/// The documents elsewhere; those in `docs/` and `examples/` are found.
const AT_ROOT: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "charts/tenantry/README.md"];

/// The targets of Markdown links, `[text](target)`, each with its line; code blocks and code spans left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let spoken: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        let targets = spoken.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.map(|(target, _)| (at + 1, target.split_whitespace().next().unwrap_or_default().to_owned())));
    }
    found
}

/// The file that a link from a document points at; `None` where it leaves the repository or stays in the document.
fn local(document: &str, target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    Some(folder.join(path).to_string_lossy().into_owned())
}

#[test]
fn every_link_to_a_local_file_leads_somewhere() {
    let mut documents: Vec<String> = AT_ROOT.iter().map(|d| (*d).to_owned()).collect();
    documents.extend(["docs", "examples"].into_iter().flat_map(|d| files(d, ".md")).map(|f| f.path));
    let mut broken = Vec::new();
    for document in documents {
        for (line, target) in links(&read(&document)) {
            if local(&document, &target).is_some_and(|path| !root().join(path).exists()) {
                broken.push(format!("{document}:{line}: {target}"));
            }
        }
    }
    none("links that lead nowhere", &broken);
}

/// Paths that ARCHITECTURE.md and CONTRIBUTING.md name in backticks; those with a placeholder or a space name none.
fn named_paths(text: &str) -> Vec<String> {
    const ROOTS: &[&str] = &["src/", "tests/", "docs/", "examples/", "benches/", ".ci/"];
    let spans = text.split('`').skip(1).step_by(2);
    let whole = |span: &&str| ROOTS.iter().any(|r| span.starts_with(r)) && !span.contains(['<', '*', ' ', '\n']);
    spans.filter(whole).map(str::to_owned).collect()
}

#[test]
fn every_path_that_the_guides_name_is_there() {
    let mut broken = Vec::new();
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let missing = named_paths(&read(document)).into_iter().filter(|p| !root().join(p).exists());
        broken.extend(missing.map(|p| format!("{document}: {p}")));
    }
    none("paths that lead nowhere", &broken);
}

#[test]
fn links_and_paths_are_found_where_they_are_meant() {
    let text = "see [a](docs/a.md) and [b](docs/b.md#part \"title\")\n`[c](c.md)`\n```\n[d](d.md)\n```\n[e](https://e.example)";
    assert_eq!(links(text), [(1, "docs/a.md".into()), (1, "docs/b.md#part".into()), (6, "https://e.example".into())]);
    assert_eq!(local("docs/x.md", "../README.md#top").as_deref(), Some("docs/../README.md"));
    assert_eq!(local("README.md", "https://e.example"), None);
    assert_eq!(local("README.md", "#top"), None);
    assert_eq!(named_paths("`src/lib.rs`, `src/<kind>.rs`, `plan`, `docs/a.md`"), ["src/lib.rs", "docs/a.md"]);
}

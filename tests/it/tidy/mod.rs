//! Rules about the repository itself, in std alone: who may use what, how long things grow, what the docs and examples claim.

mod actions;
mod dependencies;
mod documents;
mod examples;
mod generated;
mod github_actions;
mod logs;
mod readme;
mod scan;
mod shape;
mod shown;

pub(super) use crate::support::program::{PROGRAM, command, copy, root};

use crate::support::program::walk;

/// A file of the repository, by its path from the root.
pub(super) struct File {
    /// Path from the root, with `/`.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
}

/// One file of the repository.
pub(super) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All files below a folder whose names end so, sorted by path.
pub(super) fn files(folder: &str, ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut |path| {
        if path.to_string_lossy().ends_with(ending) {
            let short = path.strip_prefix(root()).expect("walked below the root").to_string_lossy().replace('\\', "/");
            found.push(File { text: read(&short), path: short });
        }
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Fails with every broken rule, one a line.
pub(super) fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

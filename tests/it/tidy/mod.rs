//! Rules about the repository itself, in std alone: who may use what, how long things grow, what the docs and examples claim.

mod dependencies;
mod documents;
mod examples;
mod generated;
mod github_actions;
mod readme;
mod scan;
mod shape;

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the repository, by its path from the root.
pub(super) struct File {
    /// Path from the root, with `/`.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
}

/// The repository's root.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
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

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}

/// Copies a folder with all that is in it.
pub(super) fn copy(from: &Path, to: &Path) {
    walk(from, &mut |path| {
        let target: PathBuf = to.join(path.strip_prefix(from).expect("walked below it"));
        std::fs::create_dir_all(target.parent().expect("a file has a folder")).expect("a writable folder");
        std::fs::copy(path, target).expect("a writable file");
    });
}

/// A command without the program's own settings, which the person who runs the tests may have set.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("TENANTRY_"));
    ours.for_each(|name| _ = command.env_remove(name));
    command
}

/// The program itself.
pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_tenantry");

/// Fails with every broken rule, one a line.
pub(super) fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

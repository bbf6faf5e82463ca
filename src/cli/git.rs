//! What git knows of the manifests. Runs `git` and reads what it says; without it nothing is known.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::args::Places;
use super::failure::Failure;
use super::session;
use crate::engine::{Pattern, Scope};
use crate::manifest::{self, SourceText};
use crate::plan::Inputs;

/// The commit of the current directory and whether its work tree has changes; empty outside a repository.
pub(super) fn inputs() -> Inputs {
    let commit = git(&["rev-parse", "HEAD"]).map(|text| text.trim().to_owned());
    let dirty = commit.is_some() && git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.trim().is_empty());
    Inputs { commit, dirty, ..Inputs::default() }
}

/// Refuses a ledger that git tracks: whoever can push to the manifests could say what is ours, and everybody could read it.
///
/// # Errors
/// When the ledger's file, or the key beside it, is under version control.
pub(super) fn check_untracked(ledger: &Path) -> Result<(), Failure> {
    let folder = ledger.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (true, Some(at), Some(name)) = (folder.is_dir(), folder.to_str(), ledger.file_name().and_then(|n| n.to_str())) else {
        return Ok(());
    };
    let tracked = git(&["-C", at, "ls-files", "--", &format!(":(literal){name}"), "mac.key"]).unwrap_or_default();
    let Some(first) = tracked.lines().next() else { return Ok(()) };
    let file = folder.join(first);
    let why = format!("git tracks {}: whoever changes the manifests could change what this installation owns", file.display());
    Err(Failure::usage(why).help(format!("take it out with `git rm --cached {}` and add the folder to .gitignore", file.display())))
}

/// Narrows a scope to the tenants that files changed since a revision declare or declared. A change to what every tenant depends on (a Portal
/// document, a file that cannot be read) narrows nothing.
///
/// # Errors
/// When git does not know the revision.
pub(super) fn narrow(scope: &mut Scope, revision: &str, places: &Places) -> Result<(), Failure> {
    if revision.starts_with('-') {
        return Err(Failure::usage(format!("--changed-since {revision}: that is no revision")));
    }
    let changed = git(&["diff", "--name-only", "-z", "--relative", revision, "--"])
        .ok_or_else(|| Failure::usage(format!("--changed-since {revision}: git does not know this revision here")))?;
    let untracked = git(&["ls-files", "--others", "--exclude-standard", "-z"]).unwrap_or_default();
    let files: BTreeSet<PathBuf> = changed.split('\0').chain(untracked.split('\0')).filter(|f| !f.is_empty()).map(PathBuf::from).collect();
    let roots: Vec<_> = session::roots(places).iter().map(|r| normal(r)).collect();
    let ours = |file: &PathBuf| roots.iter().any(|root| root.as_os_str().is_empty() || file.starts_with(root));
    let mut tenants = BTreeSet::new();
    for file in files.iter().filter(|f| ours(f) && is_manifest(f)) {
        let now = std::fs::read(file).ok();
        let then = git(&["show", &format!("{revision}:./{}", file.display())]).map(String::into_bytes);
        for bytes in [now, then].into_iter().flatten() {
            match tenants_of(file, bytes) {
                Some(found) => tenants.extend(found),
                None => return Ok(()),
            }
        }
    }
    tenants.retain(|t| scope.tenant_named(t));
    if tenants.is_empty() {
        // A name that no tenant can have: nothing is selected.
        tenants.insert("/".to_owned());
    }
    scope.tenants = tenants.iter().filter_map(|t| Pattern::new(t).ok()).collect();
    Ok(())
}

/// The tenants that a text declares; `None` if it says something about all of them.
fn tenants_of(file: &Path, bytes: Vec<u8>) -> Option<BTreeSet<String>> {
    let settings = manifest::Settings { only: None, builtins: manifest::Builtins::Unknown };
    let loaded = manifest::lower_sources(vec![SourceText::new(file.display().to_string(), bytes)], settings);
    if !loaded.desired.portals.is_empty() {
        return None;
    }
    let mut tenants: BTreeSet<String> = loaded.desired.tenants.keys().map(ToString::to_string).collect();
    // What the MSP shares and delegates reaches every tenant it names, but lives in its own.
    tenants.retain(|t| !t.is_empty());
    (!tenants.is_empty() || !loaded.has_errors()).then_some(tenants)
}

fn is_manifest(file: &Path) -> bool {
    file.extension().and_then(|e| e.to_str()).is_some_and(|e| ["yaml", "yml", "json"].contains(&e))
}

fn normal(root: &Path) -> PathBuf {
    root.components().filter(|c| !matches!(c, std::path::Component::CurDir)).collect()
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).stdin(std::process::Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

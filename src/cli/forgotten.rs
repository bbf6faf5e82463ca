//! What was probably forgotten or mistyped on the command line, as far as the folders beside the manifests tell. Comes in: the places given and
//! what was found wrong. Goes out: a refusal or a hint with the exact flag. Only reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::args::Places;
use super::exit::Exit;
use super::failure::Failure;
use super::session;
use crate::diagnostic::codes::manifest as codes;
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::Loaded;
use crate::portal::load_profile;
use crate::portal::profile::shipped;

/// Largest file that is looked at for a `Portal`, in bytes: those that are one have some hundred.
const LARGEST: u64 = 1 << 20;
/// Files without a manifest that are named.
const NAMED: usize = 3;

/// The folder `portals` beside a root, if it declares a portal.
pub(super) fn portals_beside(places: &Places) -> Option<PathBuf> {
    let beside = |root: &Path| {
        root.file_name()?;
        let folder = root.parent()?;
        let above = if root.is_file() { folder.file_name().and(folder.parent()) } else { None };
        [Some(folder), above].into_iter().flatten().map(|f| f.join("portals")).find(|f| declares_a_portal(f))
    };
    session::roots(places).iter().find_map(|root| beside(root))
}

fn declares_a_portal(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let files = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "yaml" || e == "yml"));
    let says = |line: &str| line.strip_prefix("kind:").is_some_and(|kind| kind.trim().trim_matches(['"', '\'']) == "Portal");
    files
        .filter(|path| std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= LARGEST))
        .any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(says)))
}

/// A trusted folder that cannot be read is all that is wrong: what manifests name in portals nobody found is no error of theirs.
///
/// # Errors
/// With exit code 65 if it is no folder that can be read.
pub(super) fn trusted_root(places: &Places) -> Result<(), Failure> {
    let Some(root) = &places.portals else { return Ok(()) };
    let why = match std::fs::metadata(root) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let wrong = Diagnostic::error(codes::UNREADABLE_FILE, format!("{} cannot be read: {why}", root.display()));
    Err(Failure::of_diagnostics(Exit::Invalid, vec![wrong.help("check the path that was given with --portals")]))
}

/// What is wrong with manifests, where a flag that was forgotten may be the cause of it.
pub(super) fn explain(places: &Places, loaded: Loaded) -> Failure {
    if let Some(failure) = wrong_folder(places, &loaded) {
        return failure;
    }
    let mut diagnostics = loaded.diagnostics;
    if loaded.desired.portals.is_empty() {
        hint(places, &mut diagnostics);
    }
    Failure::of_diagnostics(Exit::Invalid, diagnostics)
}

/// Says of each name that nothing declares whether a portal has it by itself, where no portal was given.
pub(super) fn hint(places: &Places, diagnostics: &mut [Diagnostic]) {
    let dangling = |d: &&mut Diagnostic| d.code == codes::DANGLING_REFERENCE.id;
    if places.portals.is_some() || !diagnostics.iter_mut().any(|d| dangling(&d)) {
        return;
    }
    let flag = portals_beside(places).map_or_else(|| "--portals DIR".to_owned(), |folder| format!("--portals {}", folder.display()));
    let profiles: Vec<_> = shipped().filter_map(|name| Some((name, load_profile(name, None).ok()?))).collect();
    for diagnostic in diagnostics.iter_mut().filter(dangling) {
        let known = profiles.iter().find(|(_, profile)| {
            let builtin = profile.capabilities().kinds.values().flat_map(|can| &can.builtin);
            builtin.into_iter().any(|name| diagnostic.summary.contains(&format!("`{name}`")))
        });
        if let Some((profile, _)) = known {
            let asked = format!("no Portal is declared, and portals of the profile {profile} have it by themselves: give {flag}");
            diagnostic.help = if diagnostic.help.is_empty() { asked } else { format!("{asked}; or {}", diagnostic.help) };
        }
    }
}

/// A folder in which nothing is a manifest: one error stands for those of each file; `None`: there is something, or it is wrong otherwise.
pub(super) fn wrong_folder(places: &Places, loaded: &Loaded) -> Option<Failure> {
    let nothing = loaded.desired.tenants.is_empty() && loaded.desired.portals.is_empty();
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    let no_manifest = |d: &&Diagnostic| {
        let of_manifests = [codes::MORE_PROBLEMS, codes::NOT_A_MANIFEST, codes::API_VERSION, codes::YAML_SYNTAX, codes::UNSUPPORTED_YAML];
        let of_files =
            [codes::KEY_NOT_TEXT, codes::REPEATED_KEY, codes::NOT_UTF8, codes::TOO_LARGE, codes::UNKNOWN_FIELD, codes::UNKNOWN_KIND];
        of_manifests.iter().chain(&of_files).any(|code| d.code == code.id)
    };
    let says_what_it_is = |d: &&Diagnostic| d.code == codes::NOT_A_MANIFEST.id || d.code == codes::API_VERSION.id;
    // One file that is named is looked at as it is: whoever names it means it.
    let folders = session::roots(places).iter().all(|root| root.is_dir());
    if !nothing || !folders || !errors.iter().any(says_what_it_is) || !errors.iter().all(no_manifest) {
        return None;
    }
    let files: BTreeSet<_> = errors.iter().filter_map(|d| d.range.as_ref()).map(|range| range.file.as_str()).collect();
    if files.len() < 2 {
        return None;
    }
    let more = files.len().saturating_sub(NAMED);
    let mut items: Vec<_> = files.iter().take(NAMED).map(|file| (*file).to_owned()).collect();
    items.extend((more > 0).then(|| format!("and {more} more")));
    let (what, help) = if places.file.is_empty() {
        let what = "no -f was given, and nothing in the current folder is a manifest; files that are none:";
        (what.to_owned(), "is this the right folder? name the one of the manifests with `-f DIR`")
    } else {
        let roots: Vec<_> = places.file.iter().map(|root| root.display().to_string()).collect();
        let what = format!("nothing in {} is a manifest; files that are none:", roots.join(" or "));
        (what, "is this the right folder? a manifest has apiVersion, kind, metadata and spec")
    };
    Some(Failure { items, ..Failure::new(Exit::Invalid, what).help(help) })
}

//! The only part of the manifest stage that touches the file system.
//!
//! Comes in: paths as a person typed them. Goes out: the manifests below them, each once, in the order of their paths, and their bytes on
//! demand. Never follows a link out of the folder it was given, never opens what is no regular file, and never reads more than [`LARGEST`] bytes of one.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::lower::Trust;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::codes::manifest as codes;

/// Largest file. A fleet of a million resources has 120 MB, and it need not be one file.
pub(crate) const LARGEST: u64 = 256 << 20;
/// Deepest folder below a root.
const DEPTH: usize = 64;

/// Standard input, as a path.
pub(crate) const STDIN: &str = "-";

/// A manifest that was found and not read yet.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where it is; `None`: standard input.
    pub(crate) file: Option<PathBuf>,
    /// As it is shown.
    pub(crate) path: String,
    /// Its root, as it is shown; empty: the working directory.
    pub(crate) root: String,
    /// Its folder below the root.
    pub(crate) below: String,
    pub(crate) trust: Trust,
    pub(crate) size: u64,
}

/// Finds the manifests of a run.
pub(crate) fn find(roots: &[PathBuf], portals_root: Option<&Path>) -> (Vec<Found>, Vec<Diagnostic>) {
    let trust = if portals_root.is_some() { Trust::Customers } else { Trust::Everything };
    let mut walk = Walk::default();
    for root in roots {
        walk.root(root, trust);
    }
    if let Some(root) = portals_root {
        walk.root(root, Trust::Portals);
    }
    let mut found: Vec<_> = walk.found.into_values().chain(walk.stdin).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    (found, walk.diagnostics)
}

/// Reads a manifest.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(file).map_err(|e| e.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(LARGEST)).unwrap_or_default());
    let opened = fs::File::open(file).map_err(|e| e.to_string())?;
    opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// True where a path, links followed, lies outside of a root. What does not exist is nowhere, and reading it will say so.
pub(crate) fn leads_outside(path: &str, root: &str) -> bool {
    let root = if root.is_empty() { "." } else { root };
    match (fs::canonicalize(path), fs::canonicalize(root)) {
        (Ok(path), Ok(root)) => !path.starts_with(root),
        _ => false,
    }
}

#[derive(Default)]
struct Walk {
    /// By the real path, so that a file is read once.
    found: BTreeMap<PathBuf, Found>,
    stdin: Option<Found>,
    diagnostics: Vec<Diagnostic>,
    /// Folders of the root at hand, by their real paths: a loop of links ends here.
    visited: HashSet<PathBuf>,
}

/// The root at hand.
struct Root {
    real: PathBuf,
    shown: String,
    trust: Trust,
}

impl Walk {
    fn root(&mut self, path: &Path, trust: Trust) {
        if path.as_os_str() == STDIN {
            let path = STDIN.to_owned();
            self.stdin = Some(Found { file: None, path, root: String::new(), below: String::new(), trust, size: 0 });
            return;
        }
        let metadata = fs::metadata(path).and_then(|m| Ok((m, fs::canonicalize(path)?)));
        let (metadata, real) = match metadata {
            Ok(both) => both,
            Err(error) => return self.unreadable(path, &error.to_string()),
        };
        self.visited.clear();
        if metadata.is_dir() {
            let before = self.found.len();
            let root = Root { real: real.clone(), shown: display(path), trust };
            self.folder(&root, path, "", &real, 0);
            if self.found.len() == before && trust != Trust::Portals && !self.found.keys().any(|f| f.starts_with(&real)) {
                let text = format!("{} has no manifests", path.display());
                self.diagnostics.push(Diagnostic::warning(codes::NO_MANIFESTS, text));
            }
        } else if metadata.is_file() {
            let folder = real.parent().map(Path::to_path_buf).unwrap_or_default();
            let root = Root { real: folder, shown: display(path.parent().unwrap_or(Path::new(""))), trust };
            self.file(&root, path, "", real, metadata.len());
        } else {
            self.unreadable(path, "it is no file and no folder; standard input is `-`");
        }
    }

    fn folder(&mut self, root: &Root, path: &Path, below: &str, real: &Path, depth: usize) {
        if !self.visited.insert(real.to_path_buf()) {
            return;
        }
        if depth > DEPTH {
            return self.unreadable(path, &format!("it lies more than {DEPTH} folders deep"));
        }
        let entries = fs::read_dir(path).and_then(|entries| entries.map(|e| e.map(|e| e.file_name())).collect::<Result<Vec<_>, _>>());
        let mut names = match entries {
            Ok(names) => names,
            Err(error) => return self.unreadable(path, &error.to_string()),
        };
        names.sort();
        for name in names {
            let shown = name.to_string_lossy();
            if !shown.starts_with('.') {
                self.entry(root, &path.join(&name), below, &shown, depth);
            }
        }
    }

    fn entry(&mut self, root: &Root, path: &Path, below: &str, name: &str, depth: usize) {
        let manifest = Path::new(name).extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json");
        let looked = fs::symlink_metadata(path);
        let is_link = looked.as_ref().is_ok_and(fs::Metadata::is_symlink);
        let metadata = if is_link { fs::metadata(path) } else { looked };
        let real = metadata.and_then(|m| Ok((m, fs::canonicalize(path)?)));
        let (metadata, real) = match real {
            Ok(both) => both,
            // A link to nowhere beside the manifests is nobody's business unless it is named as one.
            Err(error) if manifest => return self.unreadable(path, &error.to_string()),
            Err(_) => return,
        };
        if !(metadata.is_dir() || manifest) {
            return;
        }
        if is_link && !real.starts_with(&root.real) {
            let text = format!("{} is a link that leads out of {} and is left out", display(path), root.real.display());
            self.diagnostics.push(Diagnostic::warning(codes::LINK_OUTSIDE, text));
        } else if metadata.is_dir() {
            let inner = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            self.folder(root, path, &inner, &real, depth + 1);
        } else if metadata.is_file() {
            if !is_own_plan(path) {
                self.file(root, path, below, real, metadata.len());
            }
        } else {
            self.unreadable(path, "it is no regular file");
        }
    }

    fn file(&mut self, root: &Root, path: &Path, below: &str, real: PathBuf, size: u64) {
        if size > LARGEST {
            let text = format!("{} has {size} bytes, and at most {LARGEST} are read", display(path));
            self.diagnostics.push(Diagnostic::error(codes::TOO_LARGE, text));
            return;
        }
        let found = Found {
            file: Some(path.to_path_buf()),
            path: display(path),
            root: root.shown.clone(),
            below: below.to_owned(),
            trust: root.trust,
            size,
        };
        match self.found.entry(real) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(found);
            }
            // In both the trusted folder and another root: it is trusted, and its customers count as well.
            std::collections::btree_map::Entry::Occupied(mut slot) if slot.get().trust != root.trust => {
                slot.get_mut().trust = Trust::Everything
            }
            // Named by two roots: the wider root counts, whatever the order of the roots.
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                let key = |f: &Found| (std::cmp::Reverse(f.below.len()), f.path.clone());
                if key(&found) < key(slot.get()) {
                    slot.insert(found);
                }
            }
        }
    }

    fn unreadable(&mut self, path: &Path, why: &str) {
        let text = format!("{} cannot be read: {why}", display(path));
        self.diagnostics.push(Diagnostic::error(codes::UNREADABLE_FILE, text));
    }
}

/// True for a plan that was saved among the manifests: what the program wrote there itself is no manifest. Only its beginning is read.
fn is_own_plan(path: &Path) -> bool {
    const BEGINNING: u64 = 256;
    if path.extension().is_none_or(|e| e != "json") {
        return false;
    }
    let mut beginning = Vec::new();
    if fs::File::open(path).and_then(|f| f.take(BEGINNING).read_to_end(&mut beginning)).is_err() {
        return false;
    }
    let beginning = String::from_utf8_lossy(&beginning);
    beginning.trim_start().starts_with('{') && ["\"format_version\"", "\"plan_digest\""].iter().all(|key| beginning.contains(key))
}

/// A path as it is shown: as typed, without a leading `./`.
fn display(path: &Path) -> String {
    let text = path.to_string_lossy();
    let bare = text.strip_prefix("./").unwrap_or(&text);
    super::problem::shown_path(if bare == "." { "" } else { bare })
}

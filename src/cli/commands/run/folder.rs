//! The folder of manifests, as it changes. Comes in: word that something was written, and the time that passes. Goes out: what is declared, once
//! two loads that lie apart say the same, or why it cannot be taken in.
//!
//! A `git pull` writes one file after the other, and a file that is missing for a moment must never be read as "these users are gone". So nothing
//! is loaded while git holds its index, and what was loaded counts only if it is the same a little later and nothing was put in or taken out in
//! between.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::cli::args::Places;
use crate::cli::failure::Failure;
use crate::cli::session::{self, Declared};
use crate::engine::Scope;

/// How far apart two loads lie that must say the same: a checkout of thousands of files does not pause so long.
pub(super) const SETTLED: Duration = Duration::from_secs(2);
/// A folder that is written to for so long without a pause is worth a word.
const RESTLESS: Duration = Duration::from_secs(120);
/// Deepest folder that is looked into, and no deeper than manifests may lie.
const DEPTH: usize = 64;

/// What was found.
pub(super) enum Found {
    /// All of it can be planned from; with what the trusted root held.
    Whole(Box<Declared>, String),
    /// It cannot be taken in.
    Broken(Box<Failure>),
}

/// What a look came to.
pub(super) enum Turn {
    /// Nothing new.
    Same,
    /// Something is new and has not settled, or git holds its index: look again soon.
    Wait,
    /// This is new.
    New(Found),
}

/// See the module.
pub(super) struct Folder {
    places: Places,
    /// What was handed out last, and how the files looked before it was read.
    taken: Option<String>,
    stamp: Option<u64>,
    /// What was read once, and when.
    candidate: Option<(u64, String, Instant)>,
    /// Since when something is new and does not settle.
    restless: Option<Instant>,
}

impl Folder {
    pub(super) fn new(places: Places) -> Self {
        Self { places, taken: None, stamp: None, candidate: None, restless: None }
    }

    /// The folders to watch.
    pub(super) fn roots(&self) -> Vec<PathBuf> {
        session::roots(&self.places).into_iter().chain(self.places.portals.clone()).collect()
    }

    /// Where git holds its index, if it does.
    pub(super) fn held_by_git(&self) -> Option<PathBuf> {
        self.roots().iter().find_map(|root| index_lock(root))
    }

    /// Looks. `told`: somebody said that something was written; else only what looks otherwise is read.
    pub(super) async fn turn(&mut self, told: bool) -> Turn {
        if self.held_by_git().is_some() {
            self.candidate = None;
            return Turn::Wait;
        }
        let (places, asked) = (self.places.clone(), told || self.candidate.is_some());
        let known = self.stamp.filter(|_| !asked);
        let Ok(Some((stamp, key, found))) = tokio::task::spawn_blocking(move || look(&places, known)).await else { return Turn::Same };
        if self.held_by_git().is_some() {
            // It began while we read.
            self.candidate = None;
            return Turn::Wait;
        }
        if self.taken.as_ref() == Some(&key) {
            (self.candidate, self.stamp, self.restless) = (None, Some(stamp), None);
            return Turn::Same;
        }
        match &self.candidate {
            // A file that went and came back leaves its folder's time behind.
            Some((before, said, at)) if (*before, said) == (stamp, &key) => {
                if at.elapsed() < SETTLED {
                    return Turn::Wait;
                }
                (self.taken, self.stamp, self.candidate, self.restless) = (Some(key), Some(stamp), None, None);
                Turn::New(found)
            }
            _ => {
                self.restless.get_or_insert_with(Instant::now);
                self.candidate = Some((stamp, key, Instant::now()));
                Turn::Wait
            }
        }
    }

    /// True where something is new and does not settle for longer than any checkout takes.
    pub(super) fn never_rests(&self) -> bool {
        self.restless.is_some_and(|since| since.elapsed() > RESTLESS)
    }

    /// Forgets what was handed out: it could not be taken in, and is handed out again.
    pub(super) fn again(&mut self) {
        (self.taken, self.stamp) = (None, None);
    }
}

/// Reads everything; `None` if the files look as they did.
fn look(places: &Places, known: Option<u64>) -> Option<(u64, String, Found)> {
    let stamp = stamp(places);
    if known == Some(stamp) {
        return None;
    }
    let trusted = places.portals.as_deref().map(contents).unwrap_or_default();
    Some(match session::declared(places, &Scope::default()) {
        Ok(declared) => {
            let key = format!("{} {trusted}", declared.desired.manifests_digest);
            (stamp, key, Found::Whole(Box::new(declared), trusted))
        }
        Err(failure) => (stamp, format!("{} {:?}", failure.message, failure.diagnostics), Found::Broken(Box::new(failure))),
    })
}

/// The lock of the index of the repository that a path is in.
fn index_lock(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    let (git, at) = real.ancestors().find_map(|folder| Some((folder.join(".git").symlink_metadata().ok()?, folder.join(".git"))))?;
    let folder = if git.is_file() {
        // A worktree's `.git` is a file that says where the rest is.
        let text = fs::read_to_string(&at).ok()?;
        at.parent()?.join(text.strip_prefix("gitdir:")?.trim())
    } else {
        at
    };
    let lock = folder.join("index.lock");
    lock.symlink_metadata().is_ok().then_some(lock)
}

/// Visits a folder and every file and folder below that is not hidden, in the order of names.
fn walk(path: &Path, depth: usize, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    let Ok(about) = fs::metadata(path) else { return };
    visit(path, &about);
    if !about.is_dir() || depth > DEPTH {
        return;
    }
    let entries: BTreeMap<_, _> =
        fs::read_dir(path).into_iter().flatten().filter_map(Result::ok).map(|e| (e.file_name(), e.path())).collect();
    for (name, path) in entries {
        if !name.to_string_lossy().starts_with('.') {
            walk(&path, depth + 1, visit);
        }
    }
}

/// How manifests, and all below the trusted root, look without opening them: where they are, how long, and written when. Folders count too. What
/// else lies among manifests does not: a log that grows there is nobody's news.
fn stamp(places: &Places) -> u64 {
    let mut hash = DefaultHasher::new();
    let mut add = |path: &Path, about: &fs::Metadata| (path, about.len(), about.modified().ok()).hash(&mut hash);
    for root in session::roots(places) {
        walk(&root, 0, &mut |path, about| {
            let is_manifest = path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known));
            if about.is_dir() || is_manifest || path == root {
                add(path, about);
            }
        });
    }
    places.portals.iter().for_each(|root| walk(root, 0, &mut add));
    hash.finish()
}

/// A digest of all that a folder holds.
fn contents(root: &Path) -> String {
    let mut hash = Sha256::new();
    walk(root, 0, &mut |path, about| {
        if about.is_dir() {
            return;
        }
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(about.len().to_le_bytes());
        let mut piece = [0_u8; 8192];
        let Ok(mut file) = fs::File::open(path) else { return };
        while let Ok(read @ 1..) = file.read(&mut piece) {
            hash.update(piece.get(..read).unwrap_or_default());
        }
    });
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

//! The manifest stage: text becomes the desired state.
//!
//! Comes in: files, or texts. Goes out: [`Desired`] and every problem of the run at once, each with its place and its remedy. Never runs
//! anything that a manifest says, never reads a secret, and touches the file system in `source` alone.
//!
//! ```text
//! source ─► split ─► document ─► lower ─► resolve ─► Desired
//! (files)   (parts)  (trees)     (resources, each     (references, selectors,
//!                                 document by itself)  duplicates, all together)
//! ```
//!
//! Order never shows: files are taken in the order of their paths, and what depends on threads' timing is put in order before it is looked at.

mod document;
mod lower;
pub(crate) mod ours;
mod parallel;
mod problem;
mod resolve;
mod scan;
mod schema;
mod source;
mod split;
mod tree;
mod write;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::diagnostic::codes::manifest as codes;
use crate::diagnostic::{Diagnostic, Range};
use crate::model::{Desired, Kind, SourceId, Sources, TenantName};
use document::Budget;
use lower::{Cx, Lowered, Only, Origin};
use problem::Problems;
use split::Part;

pub(crate) use lower::API_VERSION;
pub use lower::Trust;
pub(crate) use problem::did_you_mean;
pub(crate) use schema::{NAME, rule, structural_spec};
pub use schema::{json_schema, json_schema_all};
pub use write::write_tenant;

/// A file from this size on is read by all threads together, smaller ones each by one thread.
const LARGE: u64 = 8 << 20;

/// What portals have by themselves, and may be named without being declared.
#[derive(Clone, Copy)]
pub enum Builtins<'a> {
    /// No portal was asked: every name may be one.
    Unknown,
    /// For a tenant and a kind what the portals that serve the tenant have.
    Known(&'a (dyn Fn(&TenantName, Kind) -> BTreeSet<String> + Sync)),
}

impl Builtins<'_> {
    /// For manifests alone: no portal has anything by itself.
    pub const NONE: Self = Self::Known(&|_, _| BTreeSet::new());
}

/// What to load from the file system.
pub struct Request<'a> {
    /// Files and folders; `-` is standard input.
    pub roots: &'a [PathBuf],
    /// What standard input said; read by the caller.
    pub stdin: Option<&'a [u8]>,
    /// The trusted folder. Given, `Portal` documents are taken from it alone, and nothing else is.
    pub portals_root: Option<&'a Path>,
    /// The tenants wanted; `None`: all.
    pub only: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// What may be named without being declared.
    pub builtins: Builtins<'a>,
}

/// What to take from texts.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The tenants wanted; `None`: all.
    pub only: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// What may be named without being declared.
    pub builtins: Builtins<'a>,
}

/// A manifest's text, already read.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// Its path, as it is shown. Relative files of secrets are found from its folder.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// What it may declare.
    pub trust: Trust,
}

impl SourceText {
    /// A text that may declare everything.
    pub fn new(path: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: text.into(), trust: Trust::Everything }
    }
}

/// The desired state, and all that is wrong or strange with the manifests. With an error among the diagnostics the state is only good
/// for showing more problems.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What was declared.
    pub desired: Desired,
    /// Sorted by place; at most 200 errors and 200 warnings, and then how many more there are.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// True when the manifests must not be planned from.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Loads the manifests below some roots. Reads files.
pub fn load(request: &Request<'_>) -> Loaded {
    let (found, diagnostics) = source::find(request.roots, request.portals_root);
    let mut sources = Sources::default();
    let origins: Vec<_> = found
        .iter()
        .map(|f| Origin { id: sources.add(&f.path), path: f.path.clone(), root: f.root.clone(), below: f.below.clone(), trust: f.trust })
        .collect();
    let read = |at: usize| match found.get(at).map(|f| f.file.as_deref()) {
        Some(Some(file)) => source::read(file).map(Cow::Owned),
        Some(None) => request.stdin.map(Cow::Borrowed).ok_or_else(|| "standard input was not read".to_owned()),
        None => Err("it is not there".to_owned()),
    };
    let size = |at: usize| found.get(at).map_or(0, |f| f.size);
    let mut lowered = Lowered::default();
    diagnostics.into_iter().for_each(|d| lowered.findings.push(d));
    let settings = Settings { only: request.only, builtins: request.builtins };
    let work = Work { origins: &origins, read: &read, size: &size, leads_outside: &source::leads_outside };
    let (mut loaded, any) = work.run(lowered, sources, settings);
    if !any && !request.roots.is_empty() && !loaded.has_errors() {
        // Nothing at all is a checkout that failed, and no wish to have nothing: one error stands for the warnings about each folder.
        loaded.diagnostics.retain(|d| d.code != codes::NO_MANIFESTS.id);
        let roots: Vec<_> = request.roots.iter().map(|r| format!("`{}`", problem::shown_path(&r.to_string_lossy()))).collect();
        let text = format!("there is no manifest in {}", roots.join(" or "));
        loaded.diagnostics.push(Diagnostic::error(codes::NO_MANIFESTS, text));
    }
    loaded
}

/// Lowers texts. Pure.
pub fn lower_sources(mut texts: Vec<SourceText>, settings: Settings<'_>) -> Loaded {
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    let mut sources = Sources::default();
    let origins: Vec<_> = texts
        .iter()
        .map(|t| Origin {
            id: sources.add(&t.path),
            path: t.path.clone(),
            root: if t.path.starts_with('/') { "/".to_owned() } else { String::new() },
            below: t.path.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned()),
            trust: t.trust,
        })
        .collect();
    let read = |at: usize| texts.get(at).map(|t| Cow::Borrowed(t.bytes.as_slice())).ok_or_else(String::new);
    let size = |at: usize| texts.get(at).map_or(0, |t| t.bytes.len() as u64);
    let work = Work { origins: &origins, read: &read, size: &size, leads_outside: &|_, _| false };
    work.run(Lowered::default(), sources, settings).0
}

/// Reads a source by its place in the run.
type Read<'a> = &'a (dyn Fn(usize) -> Result<Cow<'a, [u8]>, String> + Sync);

/// The sources of a run, and how they are read.
struct Work<'a> {
    origins: &'a [Origin],
    read: Read<'a>,
    size: &'a (dyn Fn(usize) -> u64 + Sync),
    /// Whether a path leads out of a root, links followed.
    leads_outside: &'a (dyn Fn(&str, &str) -> bool + Sync),
}

impl Work<'_> {
    /// What was loaded, and whether there was any document at all.
    fn run(&self, mut lowered: Lowered, sources: Sources, settings: Settings<'_>) -> (Loaded, bool) {
        let budget = Budget::default();
        let mut digests = Vec::with_capacity(self.origins.len());
        let small = |at: &usize| (self.size)(*at) < LARGE;
        let all: Vec<usize> = (0..self.origins.len()).collect();
        let mut files = parallel::map(&all, |at| small(at).then(|| self.file(*at, settings.only, &budget, false))).into_iter();
        for at in all {
            let file = files.next().flatten();
            let file = file.unwrap_or_else(|| self.file(at, settings.only, &budget, true));
            let Some((part, digest)) = file else { continue };
            lowered.absorb(part);
            digests.push((self.origins.get(at).map(within_root).unwrap_or_default(), digest));
        }
        if budget.is_exceeded() {
            let text = "the aliases of all manifests together expand to too much";
            let desired = Desired { sources, ..Desired::default() };
            return (Loaded { desired, diagnostics: vec![Diagnostic::error(codes::ALIAS_EXPANSION, text)] }, true);
        }
        self.check_secret_files(&mut lowered);
        let text = |id: SourceId| (self.read)(id.0 as usize).ok().and_then(|bytes| String::from_utf8(bytes.into_owned()).ok());
        let any = lowered.any_document;
        let resolved = resolve::resolve(lowered, &sources, settings.builtins, &text);
        let desired = Desired {
            tenants: resolved.tenants,
            portals: resolved.portals,
            sources,
            manifests_digest: digest_of_all(digests),
            ..Desired::default()
        };
        (Loaded { desired, diagnostics: resolved.findings.into_diagnostics() }, any)
    }

    /// Lowers one file; with all threads if it is large.
    fn file(&self, at: usize, only: Only<'_>, budget: &Budget, large: bool) -> Option<(Lowered, Vec<u8>)> {
        let origin = self.origins.get(at)?;
        let mut lowered = Lowered::default();
        let bytes = match (self.read)(at) {
            Ok(bytes) => bytes,
            Err(why) => {
                let text = format!("{} cannot be read: {why}", origin.path);
                lowered.findings.push(Diagnostic::error(codes::UNREADABLE_FILE, text));
                lowered.incomplete = true;
                return Some((lowered, Vec::new()));
            }
        };
        let Some(text) = text_of(origin, &bytes, &mut lowered) else {
            return Some((lowered, Sha256::digest(&bytes).to_vec()));
        };
        let chunks = split::chunks(text);
        let one = |part: &Part<'_>| (chunk(origin, *part, only, budget), Sha256::digest(part.text));
        let parts = if large { parallel::map(&chunks, one) } else { chunks.iter().map(one).collect() };
        let mut digest = Sha256::new();
        for (part, its_digest) in parts {
            lowered.absorb(part);
            digest.update(its_digest);
        }
        Some((lowered, digest.finalize().to_vec()))
    }

    fn check_secret_files(&self, lowered: &mut Lowered) {
        for file in std::mem::take(&mut lowered.secret_files) {
            if (self.leads_outside)(&file.path, &file.root) {
                lowered.outside.push(file);
            }
        }
    }
}

/// The path of a source below its root: what the digest knows it by, wherever the repository lies.
fn within_root(origin: &Origin) -> String {
    let name = origin.path.rsplit('/').next().unwrap_or_default();
    format!("{}/{name}", origin.below)
}

fn digest_of_all(mut digests: Vec<(String, Vec<u8>)>) -> String {
    digests.sort();
    let mut all = Sha256::new();
    for (path, digest) in digests {
        all.update((path.len() as u64).to_be_bytes());
        all.update(path);
        all.update((digest.len() as u64).to_be_bytes());
        all.update(digest);
    }
    all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a file: UTF-8 without a byte order mark and without NUL.
fn text_of<'t>(origin: &Origin, bytes: &'t [u8], lowered: &mut Lowered) -> Option<&'t str> {
    if bytes.len() as u64 > source::LARGEST {
        let text = format!("{} has more than {} bytes", origin.path, source::LARGEST);
        lowered.findings.push(Diagnostic::error(codes::TOO_LARGE, text));
        lowered.incomplete = true;
        return None;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (what, at) = match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            // YAML allows no NUL, and parsers take it for the end of the text: what follows would be lost unseen.
            None => return Some(text),
            Some(at) => ("this is a NUL byte, which no text has", at),
        },
        Err(error) => ("this byte is not UTF-8", error.valid_up_to()),
    };
    let before = bytes.get(..at).unwrap_or_default();
    let line = u32::try_from(before.iter().filter(|b| **b == b'\n').count() + 1).unwrap_or(u32::MAX);
    let line_bytes = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let line_text = String::from_utf8_lossy(line_bytes);
    let column = u32::try_from(line_text.chars().count() + 1).unwrap_or(u32::MAX);
    let range = Range { file: origin.path.clone(), line, column, length: 1, line_text: None };
    lowered.findings.push(Diagnostic::error(codes::NOT_UTF8, what).at(Some(range)));
    lowered.incomplete = true;
    None
}

/// Lowers a part of a file. Documents that are not wanted are looked at and not parsed if that is safe: other tenants' where only some
/// are wanted, and customers below the trusted folder. A scan never finds a Portal, so that those are always parsed.
fn chunk(origin: &Origin, part: Part<'_>, only: Only<'_>, budget: &Budget) -> Lowered {
    let mut lowered = Lowered::default();
    if only.is_none() && origin.trust != Trust::Portals {
        parse(origin, part, only, budget, &mut lowered);
        return lowered;
    }
    for document in split::documents(part.text) {
        match scan::scan(document.text) {
            Some(_) if origin.trust == Trust::Portals => lowered.any_document = true,
            Some(scanned) if only.is_some_and(|wanted| !wanted(scanned.tenant)) => lowered.skip(&scanned),
            _ => {
                let base_line = part.base_line + document.base_line;
                parse(origin, Part { text: document.text, base_line }, only, budget, &mut lowered);
            }
        }
    }
    lowered
}

fn parse(origin: &Origin, part: Part<'_>, only: Only<'_>, budget: &Budget, lowered: &mut Lowered) {
    document::parse(part.text, part.base_line, budget, &mut |node, problems: &mut Problems| {
        match &node {
            Some(node) => lower::document(&mut Cx { origin, out: lowered, problems, namespace: None }, node, only),
            None => lowered.incomplete = true,
        }
        lowered.incomplete |= std::mem::take(&mut problems.incomplete);
        problems.finish(part.text, &origin.path, &mut lowered.findings, origin.id);
    });
}

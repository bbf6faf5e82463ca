//! The two folders in which `run` and people meet: `pending` holds the plans that wait, `approvals` the digests that somebody approved.
//!
//! Comes in: the state directory. Goes out: a paper for each plan that waits, approvals, and refusals of a folder that too many can write to:
//! whoever can put a file into `approvals` can approve. Never reads a file that is none or is large, and never follows a link.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::controller::UnitKey;
use crate::model::{PortalName, TenantName};

/// Largest approval that is read: what `approve` writes has a hundredth of it.
const LARGEST: u64 = 64 << 10;
/// How a digest begins, and what stands for it where a file's name may have no colon.
const PREFIXES: [&str; 2] = ["sha256:", "sha256-"];

/// The folders of a state directory.
#[derive(Debug, Clone)]
pub(super) struct Consents {
    folder: PathBuf,
}

/// A plan that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// Its digest.
    pub(super) digest: String,
    /// Whose it is.
    pub(super) unit: UnitKey,
}

/// An approval, as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Approval {
    /// What is approved.
    pub(super) digest: String,
    /// In which portal and tenant; `None`: the file does not say.
    pub(super) unit: Option<UnitKey>,
    /// Who approved it.
    pub(super) who: String,
    /// The ticket.
    pub(super) ticket: Option<String>,
    /// When.
    pub(super) at: Timestamp,
    /// The file.
    pub(super) file: PathBuf,
}

/// What `approve` writes.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    digest: String,
    portal: PortalName,
    tenant: TenantName,
    who: String,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ticket: Option<String>,
}

/// What a paper has for programs, of which this much is read again.
#[derive(Debug, Deserialize)]
struct Paper {
    plan_digest: String,
    tenants: Vec<Of>,
}

#[derive(Debug, Deserialize)]
struct Of {
    portal: PortalName,
    tenant: TenantName,
}

impl Consents {
    /// The folders of a state directory, which need not be there yet.
    pub(super) fn new(state_dir: &Path) -> Self {
        Self { folder: state_dir.to_path_buf() }
    }

    fn pending_folder(&self) -> PathBuf {
        self.folder.join("pending")
    }

    fn approvals_folder(&self) -> PathBuf {
        self.folder.join("approvals")
    }

    /// Makes the folders: their owner alone approves until somebody says otherwise; the owner's group may read what waits.
    ///
    /// # Errors
    /// With what cannot be made.
    pub(super) fn prepare(&self) -> Result<(), String> {
        for (folder, mode) in [(self.folder.clone(), 0o750), (self.pending_folder(), 0o750), (self.approvals_folder(), 0o700)] {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
            #[cfg(not(unix))]
            let _: i32 = mode;
            builder.create(&folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))?;
        }
        Ok(())
    }

    /// Refuses a folder of approvals that everybody can write to, or that is somebody else's.
    ///
    /// # Errors
    /// With what is wrong, and what to do.
    pub(super) fn check(&self) -> Result<(), String> {
        let folder = self.approvals_folder();
        let shown = folder.display();
        let about = match folder.symlink_metadata() {
            Ok(about) => about,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(format!("{shown} cannot be read: {error}")),
        };
        if !about.is_dir() {
            return Err(format!("{shown} is no folder, so that no approval in it counts: make it one"));
        }
        // Whoever can write to the folder above can put another in its place.
        for (path, about) in [(&folder, Ok(about)), (&self.folder, self.folder.metadata())] {
            let about = about.map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
            trusted(&about).map_err(|why| {
                format!("{} {why}, so that no approval in {shown} counts: whoever can write there can approve", path.display())
            })?;
        }
        Ok(())
    }

    /// Every approval; none while [`Self::check`] refuses.
    pub(super) fn approvals(&self) -> Vec<Approval> {
        if self.check().is_err() {
            return Vec::new();
        }
        let mut all: Vec<_> = entries(&self.approvals_folder()).into_iter().filter_map(approval).collect();
        // Of a file that says nothing, the papers say what it means: they are read where there is one.
        if all.iter().any(|a| a.unit.is_none()) {
            let pending = self.pending();
            let unit = |digest: &str| pending.iter().find(|p| p.digest == digest).map(|p| p.unit.clone());
            all.iter_mut().filter(|a| a.unit.is_none()).for_each(|a| a.unit = unit(&a.digest));
        }
        all.sort_by(|a, b| (&a.digest, &a.file).cmp(&(&b.digest, &b.file)));
        all
    }

    /// Writes an approval of a plan that waits.
    ///
    /// # Errors
    /// When the folder refuses or cannot be written.
    pub(super) fn approve(&self, pending: &Pending, who: &str, ticket: Option<&str>) -> Result<(), String> {
        self.prepare()?;
        self.check()?;
        let written = Written {
            digest: pending.digest.clone(),
            portal: pending.unit.portal.clone(),
            tenant: pending.unit.tenant.clone(),
            who: who.to_owned(),
            at: Timestamp::now(),
            ticket: ticket.map(str::to_owned),
        };
        let text = serde_json::to_string_pretty(&written).unwrap_or_default() + "\n";
        whole(&self.approvals_folder().join(pending.digest.replace(':', "-")), &text)
    }

    /// Takes away what approves a digest: it was used.
    pub(super) fn consume(&self, digest: &str) -> Result<(), String> {
        for approval in self.approvals().into_iter().filter(|a| a.digest == digest) {
            self.take_away(&approval.file)?;
        }
        Ok(())
    }

    /// Takes away one approval.
    pub(super) fn take_away(&self, file: &Path) -> Result<(), String> {
        match fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(format!("{} cannot be taken away: {error}", file.display())),
            _ => Ok(()),
        }
    }

    /// The plans that wait.
    pub(super) fn pending(&self) -> Vec<Pending> {
        let papers = entries(&self.pending_folder()).into_iter().filter(|f| f.extension().is_some_and(|e| e == "json"));
        let mut all: Vec<_> = papers.filter_map(|file| Paper::read(&file)).collect();
        all.sort_by(|a, b| a.unit.cmp(&b.unit));
        all
    }

    /// The digest on the paper of a unit, if there is one.
    pub(super) fn pending_of(&self, unit: &UnitKey) -> Option<String> {
        Paper::read(&self.paper(unit, "json")).map(|pending| pending.digest)
    }

    fn paper(&self, unit: &UnitKey, ending: &str) -> PathBuf {
        self.pending_folder().join(format!("{}.{}.{ending}", unit.portal, unit.tenant))
    }

    /// Writes the paper of a plan that waits, for people and for programs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write_pending(&self, unit: &UnitKey, text: &str, json: &str) -> Result<(), String> {
        whole(&self.paper(unit, "txt"), text)?;
        whole(&self.paper(unit, "json"), json)
    }

    /// Takes the paper of a unit away, if there is one.
    pub(super) fn clear_pending(&self, unit: &UnitKey) {
        for ending in ["json", "txt"] {
            // What is not there need not be taken away; what cannot be is an old plan, whose digest nothing waits for.
            let _gone = fs::remove_file(self.paper(unit, ending));
        }
    }

    /// Takes every paper away: what waits is written anew.
    pub(super) fn clear(&self) {
        for file in entries(&self.pending_folder()) {
            let _gone = fs::remove_file(file);
        }
    }
}

impl Paper {
    fn read(file: &Path) -> Option<Pending> {
        let Self { plan_digest: digest, tenants } = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
        let Of { portal, tenant } = tenants.into_iter().next()?;
        Some(Pending { digest, unit: UnitKey { portal, tenant } })
    }
}

/// The regular files of a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    found.filter(|e| e.file_type().is_ok_and(|t| t.is_file())).map(|e| e.path()).collect()
}

/// An approval from a file whose name is a digest: `approve` wrote it, or somebody made it by hand and it may be empty.
fn approval(file: PathBuf) -> Option<Approval> {
    let name = file.file_name()?.to_str()?;
    let hex = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let digest = format!("sha256:{hex}");
    let mut text = String::new();
    // What is no text was not written by `approve`.
    let _read = fs::File::open(&file).and_then(|f| f.take(LARGEST).read_to_string(&mut text));
    if let Ok(Written { digest: said, portal, tenant, who, at, ticket }) = serde_json::from_str(&text)
        && said == digest
    {
        return Some(Approval { digest, unit: Some(UnitKey { portal, tenant }), who, ticket, at, file });
    }
    let about = file.symlink_metadata().ok()?;
    let at = about.modified().ok().and_then(|at| Timestamp::try_from(at).ok()).unwrap_or_else(Timestamp::now);
    Some(Approval { digest, unit: None, who: by_hand(&about), ticket: None, at, file })
}

#[cfg(unix)]
fn by_hand(about: &fs::Metadata) -> String {
    format!("a file made by user {}", std::os::unix::fs::MetadataExt::uid(about))
}

#[cfg(not(unix))]
fn by_hand(_: &fs::Metadata) -> String {
    "a file made by hand".to_owned()
}

#[cfg(unix)]
fn trusted(about: &fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    if about.mode() & 0o002 != 0 {
        return Err("can be written by everybody".to_owned());
    }
    // Where the system does not say who we are, the folder's mode is all there is to look at.
    match fs::metadata("/proc/self").map(|own| own.uid()) {
        Ok(own) if about.uid() != own && about.uid() != 0 => Err(format!("belongs to user {}", about.uid())),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn trusted(_: &fs::Metadata) -> Result<(), String> {
    Ok(())
}

/// Writes a file whole or not at all.
fn whole(file: &Path, text: &str) -> Result<(), String> {
    super::commands::write_whole(file, text).map_err(|failure| failure.message)
}

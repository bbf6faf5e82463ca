//! The key of the secrets' MACs. Comes in: a file or a text of 64 hex digits. Goes out: MACs. Never overwrites a key, and never makes a new one
//! where MACs of an older one are recorded: they would say that every secret has changed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::Sha256;

use crate::diagnostic::{Diagnostic, codes};
use crate::model::Digest;

/// The key of the secrets' MACs.
pub struct MacKey(SecretBox<[u8; 32]>);

/// Where the key is kept; [`crate::ledger::LedgerLocation::mac_key`] knows.
pub enum MacKeySource {
    /// In a file, made when it is first needed.
    File(PathBuf),
    /// Given by the settings, or not at all; never made.
    Given(Option<SecretString>),
    /// Elsewhere, made when it is first needed.
    Kept(Arc<dyn KeepsMacKey>),
}

/// Keeps the key where its ledger is, and no file is.
#[async_trait]
pub trait KeepsMacKey: Send + Sync {
    /// Where, in words.
    fn place(&self) -> String;

    /// Its text, if it is there.
    ///
    /// # Errors
    /// When it cannot be read; the error does not quote it.
    async fn read(&self) -> Result<Option<SecretString>, MacKeyError>;

    /// Keeps a new key. Where another run was faster, that run's key stays.
    ///
    /// # Errors
    /// When it cannot be written; the error does not quote it.
    async fn create(&self, key: &SecretString) -> Result<(), MacKeyError>;
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MacKeyError {
    /// It is missing, and the ledger holds MACs made with it.
    #[error("the ledger holds MACs of secrets, and their key is missing: {0}")]
    Lost(String),
    /// It is missing, and it is not for us to make one.
    #[error("secrets cannot be recorded without a key: {0}")]
    NotGiven(String),
    /// It is there and cannot be used.
    #[error("the key of the secrets' MACs cannot be used: {0}")]
    Unusable(String),
}

impl From<&MacKeyError> for Diagnostic {
    fn from(error: &MacKeyError) -> Self {
        let diagnostic = Self::error(codes::ledger::MAC_KEY, error.to_string());
        match error {
            MacKeyError::NotGiven(_) => diagnostic.help("make one with `openssl rand -hex 32`, and give the same to every run"),
            MacKeyError::Lost(_) | MacKeyError::Unusable(_) => diagnostic,
        }
    }
}

impl MacKeySource {
    /// The key, if there is one. `recorded` says whether the ledger holds MACs ([`crate::ledger::LedgerRead::holds_secrets`]).
    ///
    /// # Errors
    /// When it cannot be used, or is missing though MACs are recorded.
    pub async fn find(&self, recorded: bool) -> Result<Option<MacKey>, MacKeyError> {
        let found = match self {
            Self::File(path) => read(path)?,
            Self::Given(text) => text.as_ref().map(|text| MacKey::from_text(text, "TENANTRY_MAC_KEY")).transpose()?,
            Self::Kept(keeper) => kept(&**keeper).await?,
        };
        if found.is_none() && recorded { Err(MacKeyError::Lost(self.remedy())) } else { Ok(found) }
    }

    /// The key; a new one where there is none and none is recorded.
    ///
    /// # Errors
    /// When it cannot be used or made, is missing though MACs are recorded, or would have to be given.
    pub async fn find_or_make(&self, recorded: bool) -> Result<MacKey, MacKeyError> {
        match (self.find(recorded).await?, self) {
            (Some(key), _) => Ok(key),
            (None, Self::File(path)) => make(path),
            (None, Self::Given(_)) => Err(MacKeyError::NotGiven(self.remedy())),
            (None, Self::Kept(keeper)) => {
                keeper.create(&SecretString::from(new_key()?.as_str())).await?;
                kept(&**keeper).await?.ok_or_else(|| taken_away(&keeper.place()))
            }
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::File(path) => format!("{} is not there", path.display()),
            Self::Given(_) => "TENANTRY_MAC_KEY or TENANTRY_MAC_KEY_FILE is not set".to_owned(),
            Self::Kept(keeper) => format!("{} is not there: restore it from the backup that the ledger came from", keeper.place()),
        }
    }
}

impl MacKey {
    /// A key of 64 hex digits; `place` says in words where the text is from.
    ///
    /// # Errors
    /// When it is anything else; the error does not quote it.
    pub fn from_text(text: &SecretString, place: &str) -> Result<Self, MacKeyError> {
        let digits = text.expose_secret().trim();
        let mut key = SecretBox::new(Box::new([0; 32]));
        let mut pairs = digits.as_bytes().chunks_exact(2);
        let read = secrecy::ExposeSecretMut::expose_secret_mut(&mut key).iter_mut().zip(&mut pairs).try_fold(0, |read, (byte, pair)| {
            // `from_str_radix` would take a sign.
            let pair = std::str::from_utf8(pair).ok().filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit()))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
            Some(read + 1)
        });
        if read == Some(32) && digits.len() == 64 {
            Ok(Self(key))
        } else {
            Err(MacKeyError::Unusable(format!("{place} does not hold 64 hex digits")))
        }
    }

    /// The MAC of a secret field: of its parts by name, in whatever order they come. HMAC-SHA-256, the first 128 bits, over the number of the
    /// parts and then, sorted by name, each name and each secret after its length (8 bytes, little-endian).
    pub fn mac(&self, parts: &[(&str, &SecretString)]) -> Digest {
        let mut sorted = parts.to_vec();
        sorted.sort_by_key(|(name, _)| *name);
        // RFC 2104: a key shorter than a block is filled up with zeros.
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(self.0.expose_secret()).for_each(|(to, from)| *to = *from);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(&(sorted.len() as u64).to_le_bytes());
        for (name, secret) in sorted {
            for text in [name, secret.expose_secret()] {
                mac.update(&(text.len() as u64).to_le_bytes());
                mac.update(text.as_bytes());
            }
        }
        let mut short = [0; 16];
        short.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        Digest(short)
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey(…)")
    }
}

fn read(path: &Path) -> Result<Option<MacKey>, MacKeyError> {
    match std::fs::read_to_string(path) {
        Ok(text) => MacKey::from_text(&SecretString::from(text), &path.display().to_string()).map(Some),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unusable(path, &e)),
    }
}

async fn kept(keeper: &dyn KeepsMacKey) -> Result<Option<MacKey>, MacKeyError> {
    keeper.read().await?.map(|text| MacKey::from_text(&text, &keeper.place())).transpose()
}

fn taken_away(place: &str) -> MacKeyError {
    MacKeyError::Unusable(format!("{place} was taken away while it was made"))
}

/// The text of a new key, with a newline.
fn new_key() -> Result<Zeroizing<String>, MacKeyError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *bytes).map_err(|e| MacKeyError::Unusable(format!("the system gives no random bytes: {e}")))?;
    let mut line = Zeroizing::new(String::with_capacity(65));
    line.extend(bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|digit| char::from_digit(u32::from(digit), 16)));
    line.push('\n');
    Ok(line)
}

/// Makes a key. It appears under its name whole, or not at all; where another run was faster, that run's key is the key.
fn make(path: &Path) -> Result<MacKey, MacKeyError> {
    let line = new_key()?;
    let draft = path.with_file_name(format!(".mac.key.{}", uuid::Uuid::now_v7()));
    let written = write(&draft, line.as_bytes()).and_then(|()| match std::fs::hard_link(&draft, path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    });
    let gone = std::fs::remove_file(&draft);
    written.and(gone).and_then(|()| sync_folder(path)).map_err(|e| unusable(path, &e))?;
    read(path)?.ok_or_else(|| taken_away(&path.display().to_string()))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The name is durable before a MAC made with the key is.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn unusable(path: &Path, error: &std::io::Error) -> MacKeyError {
    MacKeyError::Unusable(format!("{}: {error}", path.display()))
}

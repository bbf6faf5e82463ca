//! Who sees what: a token for the MSP's operator and one for each tenant. A tenant's people see nothing of another.
//!
//! Comes in: the state folder, which keeps one random key; then tokens. Goes out: a [`Caller`], or none. Tokens are made from the key and the
//! tenant's id, so that they need no storage and hold after a restart. They open a sandbox on this machine and nothing else.

use std::io::{Read as _, Write as _};
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody of the MSP: sees every tenant.
    Msp,
    /// Somebody of this tenant, by its id.
    Tenant(Box<str>),
}

impl Caller {
    /// Whether it sees what is in a tenant.
    pub fn sees(&self, tenant: &str) -> bool {
        match self {
            Self::Msp => true,
            Self::Tenant(own) => **own == *tenant,
        }
    }
}

/// Makes and knows tokens.
pub struct Access {
    key: [u8; 32],
}

/// How a token of the MSP begins.
const MSP_TOKEN: &str = "msp-";
/// How a token of a tenant begins; the tenant's id follows, then `.` and the proof.
const TENANT_TOKEN: &str = "tenant-";
/// Bytes of a proof that a token shows: 128 bits.
const PROOF: usize = 16;

impl Access {
    /// Reads the key of a sandbox; a new one is made where there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made, or is no key.
    pub fn open(file: &Path) -> std::io::Result<Self> {
        let mut key = [0_u8; 32];
        match std::fs::File::open(file) {
            Ok(mut found) => found.read_exact(&mut key)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                getrandom::fill(&mut key).map_err(|e| std::io::Error::other(e.to_string()))?;
                // Written beside and put in its place whole: whoever is killed meanwhile leaves no half of a key.
                let beside = file.with_extension(format!("key.{}", std::process::id()));
                let mut options = std::fs::OpenOptions::new();
                options.write(true).create(true).truncate(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut made = options.open(&beside)?;
                made.write_all(&key)?;
                made.sync_all()?;
                std::fs::rename(&beside, file)?;
            }
            Err(error) => return Err(error),
        }
        Ok(Self { key })
    }

    /// The operator's token.
    pub fn operator(&self) -> String {
        format!("{MSP_TOKEN}{}", self.proof("operator", ""))
    }

    /// The token of a tenant.
    pub fn tenant(&self, id: &str) -> String {
        format!("{TENANT_TOKEN}{id}.{}", self.proof("tenant", id))
    }

    /// Who holds a token.
    pub fn caller(&self, token: &str) -> Option<Caller> {
        if let Some(proof) = token.strip_prefix(MSP_TOKEN) {
            return self.proves("operator", "", proof).then_some(Caller::Msp);
        }
        let (id, proof) = token.strip_prefix(TENANT_TOKEN)?.rsplit_once('.')?;
        self.proves("tenant", id, proof).then(|| Caller::Tenant(id.into()))
    }

    /// What a form must carry so that it was surely ours, for whoever holds a token.
    pub fn form(&self, token: &str) -> String {
        self.proof("form", token)
    }

    /// Whether a form was ours.
    pub fn is_form(&self, token: &str, proof: &str) -> bool {
        self.proves("form", token, proof)
    }

    fn mac(&self, purpose: &str, text: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(text.as_bytes());
        Some(mac)
    }

    fn proof(&self, purpose: &str, text: &str) -> String {
        let digest = self.mac(purpose, text).map(|m| m.finalize().into_bytes());
        digest.map_or_else(String::new, |d| d.iter().take(PROOF).map(|b| format!("{b:02x}")).collect())
    }

    /// Compared in a time that does not tell how much of it is right.
    fn proves(&self, purpose: &str, text: &str, proof: &str) -> bool {
        let Some(bytes) = unhex(proof).filter(|b| b.len() == PROOF) else { return false };
        self.mac(purpose, text).is_some_and(|m| m.verify_truncated_left(&bytes).is_ok())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high * 16 + low).collect())
}

//! Reads secrets by reference. Comes in: a [`SecretRef`]. Goes out: a [`SecretString`], which no `Debug`, `Display` or serializer shows.
//! Never caches, logs or writes one. [`MacKey`] makes the keyed MACs by which the ledger sees that a secret changed without holding it.

mod local;
mod mac_key;

use secrecy::SecretString;

use crate::model::SecretRef;
pub use local::LocalSecrets;
pub use mac_key::{KeepsMacKey, MacKey, MacKeyError, MacKeySource};

/// Reads secrets.
pub trait SecretReader: Send + Sync {
    /// The secret's text.
    ///
    /// # Errors
    /// When it cannot be read; the error names the reference and never the secret.
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError>;
}

/// Why a secret cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret in {reference} cannot be read: {why}")]
pub struct SecretError {
    /// Where it should be, in words.
    pub reference: String,
    /// Why, without the secret.
    pub why: String,
    /// Nothing is there, until somebody puts it there: asking again is of no use.
    pub missing: bool,
}

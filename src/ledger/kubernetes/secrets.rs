//! Secrets of a cluster, by name. Comes in: a namespace, a name, a key. Goes out: the text, or why it cannot be had. Reads nothing that nobody names,
//! and never shows, logs or writes a value.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::{ExposeSecret as _, SecretString};

use super::Place;
use crate::ledger::LedgerError;
use crate::model::{SecretRef, SecretSource};
use crate::secrets::{SecretError, SecretReader};

/// Longest wait for a Secret. The client has no end of its own for an answer that never comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Secret: its namespace and its name.
pub type SecretKey = (String, String);

/// What a Secret holds, or why it cannot be read.
pub struct SecretTexts(Result<BTreeMap<String, Option<SecretString>>, Unread>);

/// Why a Secret was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unread {
    why: String,
    /// It may be read the next time though nobody changes it.
    later: bool,
}

impl PartialEq for SecretTexts {
    /// True where both say the same.
    fn eq(&self, other: &Self) -> bool {
        fn exposed(text: &Option<SecretString>) -> Option<&str> {
            text.as_ref().map(SecretString::expose_secret)
        }
        let same = |a: &BTreeMap<String, Option<SecretString>>, b: &BTreeMap<String, Option<SecretString>>| {
            a.len() == b.len() && a.iter().all(|(key, text)| b.get(key).is_some_and(|other| exposed(text) == exposed(other)))
        };
        match (&self.0, &other.0) {
            (Ok(a), Ok(b)) => same(a, b),
            (Err(a), Err(b)) => a == b,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }
}

impl SecretTexts {
    /// Reads a Secret.
    pub async fn read(client: &Client, (namespace, name): &SecretKey) -> Self {
        let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
        let late = |_| kube::Error::Service(format!("no answer within {} seconds", PATIENCE.as_secs()).into());
        let answer = tokio::time::timeout(PATIENCE, secrets.get_opt(name)).await.map_err(late).and_then(|answer| answer);
        let found = answer.map_err(|error| {
            let why = match error {
                kube::Error::Api(status) if status.code == 403 => {
                    format!("Secrets of namespace {namespace} may not be read: the role there needs get of secrets")
                }
                kube::Error::Api(status) => format!("the Kubernetes API server answers {}: {}", status.code, status.message),
                error => format!("the Kubernetes API server: {}", super::client::root(&error)),
            };
            Unread { why, later: true }
        });
        let data = found.and_then(|secret| {
            secret.ok_or_else(|| Unread { why: format!("there is no Secret {name} in namespace {namespace}"), later: false })
        });
        // One newline at the end is an editor's, as in a file.
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).ok()?;
            Some(SecretString::from(text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text)))
        };
        Self(data.map(|secret| secret.data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, text(bytes.0))).collect()))
    }

    /// Whether it was read.
    pub fn were_read(&self) -> bool {
        self.0.is_ok()
    }

    /// Whether it was not read, and may be the next time though nobody changes it: the API server refused, or did not answer.
    pub fn may_be_read_later(&self) -> bool {
        self.0.as_ref().is_err_and(|unread| unread.later)
    }

    /// The text of a key.
    ///
    /// # Errors
    /// In words: the Secret cannot be read, has no such key, or what is there is no text.
    pub fn key(&self, key: &str) -> Result<SecretString, String> {
        match self.0.as_ref().map_err(|unread| unread.why.clone())?.get(key) {
            None => Err(format!("it has no key `{key}`")),
            Some(None) => Err(format!("what it has under `{key}` is not UTF-8")),
            Some(Some(text)) if text.expose_secret().is_empty() => Err(format!("what it has under `{key}` is empty")),
            Some(Some(text)) => Ok(text.clone()),
        }
    }
}

/// The Secrets that some references name, as they were at one moment.
pub struct NamedSecrets {
    beside: String,
    held: BTreeMap<SecretKey, SecretTexts>,
}

impl NamedSecrets {
    /// Reads those that these references name. One without a namespace is beside the ledger.
    ///
    /// # Errors
    /// When no cluster is known.
    pub async fn of(place: &Place, references: impl IntoIterator<Item = &SecretRef>) -> Result<Self, LedgerError> {
        let beside = place.namespace().to_owned();
        let named: BTreeSet<_> = references.into_iter().filter_map(|r| key_of(&r.source, &beside)).map(|(at, _)| at).collect();
        let mut held = BTreeMap::new();
        if !named.is_empty() {
            let client = place.connect().await?;
            let reads: Vec<_> = named.into_iter().map(|at| async { (SecretTexts::read(&client, &at).await, at) }).collect();
            held = stream::iter(reads).buffered(super::AT_ONCE).map(|(texts, at)| (at, texts)).collect().await;
        }
        Ok(Self { beside, held })
    }
}

/// The Secret and the key that a reference names; `None`: it names another place.
fn key_of<'a>(source: &'a SecretSource, beside: &str) -> Option<(SecretKey, &'a str)> {
    match source {
        SecretSource::SecretKeyRef { namespace, name, key } => {
            Some(((namespace.as_deref().unwrap_or(beside).to_owned(), name.to_string()), key))
        }
        SecretSource::Env(_) | SecretSource::File(_) => None,
    }
}

impl SecretReader for NamedSecrets {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let read = key_of(&reference.source, &self.beside).ok_or_else(|| "it is in no cluster".to_owned());
        let read = read.and_then(|(at, key)| self.held.get(&at).ok_or_else(|| "it was not read".to_owned())?.key(key));
        read.map_err(|why| SecretError { reference: reference.to_string(), why, missing: false })
    }
}

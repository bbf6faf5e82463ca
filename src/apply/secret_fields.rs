//! The secrets of a field: read by reference, turned into a MAC, handed to a call; never kept.

use secrecy::SecretString;

use super::Mac;
use crate::model::{Digest, SecretRef, Value};
use crate::secrets::{SecretError, SecretReader};

/// The secrets of a field with their keys within it; a field that is one secret has the empty key.
pub type Secrets = Vec<(Box<str>, SecretString)>;

/// Reads every secret of a field's value.
///
/// # Errors
/// When some cannot be read; the error names each of their references.
pub fn read(reader: &dyn SecretReader, value: &Value) -> Result<Secrets, UnreadableSecrets> {
    let (mut secrets, mut errors) = (Secrets::new(), Vec::new());
    for (key, reference) in references(value) {
        match reader.read(reference) {
            Ok(secret) => secrets.push((key, secret)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(secrets) } else { Err(UnreadableSecrets(errors)) }
}

/// Every secret of a field that cannot be read, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct UnreadableSecrets(pub Vec<SecretError>);

/// The MAC of a field's secrets: over keys and secrets, in order of the keys.
pub fn mac(mac: Mac<'_>, secrets: &Secrets) -> Digest {
    let parts: Vec<_> = secrets.iter().map(|(key, secret)| (&**key, secret)).collect();
    mac(&parts)
}

fn references(value: &Value) -> Vec<(Box<str>, &SecretRef)> {
    match value {
        Value::Secret(reference) => vec![("".into(), reference)],
        Value::Map(entries) => entries
            .iter()
            .filter_map(|(key, value)| match value {
                Value::Secret(reference) => Some((key.clone(), &**reference)),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

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
/// When one cannot be read; the error names the reference.
pub fn read(reader: &dyn SecretReader, value: &Value) -> Result<Secrets, SecretError> {
    references(value).into_iter().map(|(key, reference)| Ok((key, reader.read(reference)?))).collect()
}

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

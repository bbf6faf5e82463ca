//! Secrets of the cluster, as far as something declared names them.
//!
//! Comes in: which Secrets are named, as `NAMESPACE/NAME`, and word that one of them changed. Goes out: their values, to whoever reads a
//! reference. Reads a named Secret when it is first named and when it changes, and no other. Never shows or logs a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;

use crate::model::{Desired, SecretRef, SecretSource, Value};
use crate::secrets::{SecretError, SecretReader};

/// A Secret: its namespace and its name.
pub(crate) type SecretKey = (String, String);

/// The texts of a Secret by their keys, or why they cannot be read.
type Read = Result<BTreeMap<String, SecretString>, String>;

/// The named Secrets' values.
#[derive(Default)]
pub(crate) struct ClusterSecrets {
    held: RwLock<BTreeMap<SecretKey, Read>>,
}

impl ClusterSecrets {
    /// Holds these Secrets and no others; those that are not held yet are read. True if anything is other than before.
    pub(crate) async fn hold(&self, client: &Client, named: &BTreeSet<SecretKey>) -> bool {
        let missing: Vec<_> = {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.retain(|key, _| named.contains(key));
            named.iter().filter(|key| !held.contains_key(*key)).cloned().collect()
        };
        let mut read = Vec::with_capacity(missing.len());
        for key in missing {
            read.push((key.clone(), value(client, &key).await));
        }
        let changed = !read.is_empty();
        self.held.write().unwrap_or_else(PoisonError::into_inner).extend(read);
        changed
    }

    /// Forgets a Secret that changed, so that it is read anew; true if it was held.
    pub(crate) fn changed(&self, key: &SecretKey) -> bool {
        self.held.write().unwrap_or_else(PoisonError::into_inner).remove(key).is_some()
    }
}

async fn value(client: &Client, (namespace, name): &SecretKey) -> Read {
    let secret = Api::<Secret>::namespaced(client.clone(), namespace).get_opt(name).await;
    let secret = secret.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 403 => format!("the operator may not read Secrets of namespace {namespace}"),
        error => error.to_string(),
    })?;
    let data = secret.ok_or_else(|| format!("there is no Secret {name} in namespace {namespace}"))?.data.unwrap_or_default();
    let text =
        |bytes: k8s_openapi::ByteString| String::from_utf8(bytes.0).ok().map(|t| SecretString::from(t.trim_end_matches('\n').to_owned()));
    Ok(data.into_iter().filter_map(|(key, bytes)| Some((key, text(bytes)?))).collect())
}

impl SecretReader for ClusterSecrets {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let failed = |why: String| SecretError { reference: reference.to_string(), why };
        let SecretSource::SecretKeyRef { name, key } = &reference.source else {
            return Err(failed("in a cluster secrets are named by `secretKeyRef`".to_owned()));
        };
        let at = name.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        match at.and_then(|at| held.get(&at)) {
            None => Err(failed("it was not read yet".to_owned())),
            Some(Err(why)) => Err(failed(why.clone())),
            Some(Ok(values)) => values.get(&**key).cloned().ok_or_else(|| failed(format!("it has no key `{key}` with a text"))),
        }
    }
}

/// Every Secret that something declared names.
pub(crate) fn named(desired: &Desired) -> BTreeSet<SecretKey> {
    let mut named = BTreeSet::new();
    for (_, value) in desired.resources().flat_map(|r| r.fields.iter()) {
        of_value(value, &mut named);
    }
    desired.portals.iter().flat_map(|p| &p.credentials).for_each(|(_, reference)| of_reference(reference, &mut named));
    named
}

fn of_value(value: &Value, named: &mut BTreeSet<SecretKey>) {
    match value {
        Value::Secret(reference) => of_reference(reference, named),
        Value::List(items) => items.iter().for_each(|item| of_value(item, named)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| of_value(value, named)),
        Value::Bool(_) | Value::Integer(_) | Value::Text(_) => {}
    }
}

fn of_reference(reference: &SecretRef, named: &mut BTreeSet<SecretKey>) {
    if let SecretSource::SecretKeyRef { name, .. } = &reference.source
        && let Some((namespace, name)) = name.split_once('/')
    {
        named.insert((namespace.to_owned(), name.to_owned()));
    }
}

//! Secrets of the cluster, as far as something declared names them.
//!
//! Comes in: which Secrets are named, and word that one of them changed. Goes out: their values, to whoever reads a
//! reference. Reads a named Secret when it is first named and when it changes, and no other; until it was read anew the former values hold,
//! also where the API server does not answer. Never shows or logs a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use futures_util::{StreamExt as _, stream};
use kube::Client;
use secrecy::SecretString;

pub(crate) use crate::ledger::kubernetes::SecretKey;
use crate::ledger::kubernetes::SecretTexts;
use crate::model::{Desired, SecretRef, SecretSource, Value};
use crate::secrets::{SecretError, SecretReader};

/// Secrets that are asked for at the same time.
const AT_ONCE: usize = 8;

/// The named Secrets' values.
#[derive(Default)]
pub(crate) struct ClusterSecrets {
    held: RwLock<BTreeMap<SecretKey, Held>>,
}

/// A Secret as it was read.
struct Held {
    texts: SecretTexts,
    /// It changed since.
    stale: bool,
}

impl ClusterSecrets {
    /// Holds these Secrets and no others; those that are not held yet, or changed, are read, and `turned` is told of each. Those that say something
    /// else than before, and whether each could be read.
    pub(crate) async fn hold(
        &self,
        client: &Client,
        named: &BTreeSet<SecretKey>,
        turned: &(dyn Fn() + Sync),
    ) -> (BTreeSet<SecretKey>, bool) {
        let missing: Vec<_> = {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.retain(|key, _| named.contains(key));
            named.iter().filter(|key| held.get(*key).is_none_or(|held| held.stale)).cloned().collect()
        };
        let (mut other, mut all_read) = (BTreeSet::new(), true);
        let reads: Vec<_> = missing.into_iter().map(|key| async { (SecretTexts::read(client, &key).await, key) }).collect();
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        while let Some((texts, key)) = reads.next().await {
            turned();
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            let stale = texts.may_be_read_later();
            all_read &= !stale;
            if let Some(before) = held.get_mut(&key).filter(|before| stale && before.texts.were_read()) {
                before.stale = true;
                continue;
            }
            if held.get(&key).is_some_and(|before| before.texts != texts) {
                other.insert(key.clone());
            }
            held.insert(key, Held { texts, stale });
        }
        (other, all_read)
    }

    /// Takes in that a Secret changed, so that it is read anew; true if it is held.
    pub(crate) fn changed(&self, key: &SecretKey) -> bool {
        self.held.write().unwrap_or_else(PoisonError::into_inner).get_mut(key).map(|held| held.stale = true).is_some()
    }
}

impl SecretReader for ClusterSecrets {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let failed = |why: String| SecretError { reference: reference.to_string(), why, missing: false };
        let SecretSource::SecretKeyRef { namespace: Some(namespace), name, key } = &reference.source else {
            return Err(failed("in a cluster secrets are named by `secretKeyRef`".to_owned()));
        };
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let texts = held.get(&(namespace.to_string(), name.to_string())).ok_or_else(|| failed("it was not read yet".to_owned()))?;
        texts.texts.key(key).map_err(|why| SecretError { missing: !texts.texts.may_be_read_later(), ..failed(why) })
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
    if let SecretSource::SecretKeyRef { namespace: Some(namespace), name, .. } = &reference.source {
        named.insert((namespace.to_string(), name.to_string()));
    }
}

//! What the operator hears nothing of: custom resources that are not listed yet, and watches that are refused.
//!
//! Comes in: what watches meet. Goes out: a log line, seldom, and what `/readyz` waits for, by kind and namespace. Asks the API server for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::rights::{Asked, Why, named, of_watch, sentence};
use super::watch::Namespace;
use crate::ledger::seldom::Seldom;
use crate::model::Kind;

/// `/readyz` names so many.
const NAMED: usize = 40;

/// See the module.
#[derive(Default)]
pub(crate) struct Silence {
    seldom: Seldom,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was not listed yet, and why, as far as that is known.
    unlisted: BTreeMap<(Kind, Namespace), Option<(Asked, Why)>>,
    /// Where what is asked for is refused.
    refused: BTreeMap<Asked, BTreeSet<Namespace>>,
    /// Why what is declared cannot be taken in.
    not_taken_in: Option<String>,
}

impl Silence {
    fn state(&self) -> MutexGuard<'_, State> {
        // What is kept is whole after each of its few changes, whatever a panic elsewhere left.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that is to be listed before anything is declared.
    pub(super) fn begins(&self, unlisted: &BTreeSet<(Kind, Namespace)>) {
        self.state().unlisted = unlisted.iter().map(|place| (place.clone(), None)).collect();
    }

    /// A watch broke. Says so, but once in a while; of what is refused in several namespaces at once.
    pub(super) fn broke(&self, kind: Option<Kind>, resource: &str, place: &Namespace, error: &kube::runtime::watcher::Error) {
        let (asked, why) = of_watch(error, resource);
        let places = {
            let mut state = self.state();
            if let Some(unlisted) = kind.and_then(|kind| state.unlisted.get_mut(&(kind, place.clone()))) {
                *unlisted = Some((asked.clone(), why.clone()));
            }
            match &why {
                Why::Else(_) => BTreeSet::from([place.clone()]),
                Why::Forbidden | Why::NoKind => {
                    let refused = state.refused.entry(asked.clone()).or_default();
                    refused.insert(place.clone());
                    refused.clone()
                }
            }
        };
        if self.seldom.is_due(resource) {
            tracing::warn!(kind = resource, "{}; it is tried again", sentence(&asked, &why, &places));
        }
    }

    /// A watch has listed all that is there.
    pub(super) fn hears(&self, kind: Option<Kind>, resource: &str, place: &Namespace) {
        let mut state = self.state();
        for (_, places) in state.refused.iter_mut().filter(|(asked, _)| asked.resource == resource) {
            places.remove(place);
        }
        if let Some(kind) = kind {
            state.unlisted.remove(&(kind, place.clone()));
        }
    }

    /// What is declared could not be taken in.
    pub(super) fn not_taken_in(&self, namespace: &str, error: &dyn std::error::Error) {
        let why = format!("what is declared could not be taken in: {error}");
        if self.seldom.is_due("what is declared") {
            tracing::warn!(namespace, "{why}; it is tried again");
        }
        self.state().not_taken_in = Some(why);
    }

    /// What nothing is declared without, in lines.
    pub(super) fn waits_for(&self) -> String {
        let state = self.state();
        let mut lines = vec!["not everything is listed and taken in yet".to_owned()];
        for ((kind, place), trouble) in state.unlisted.iter().take(NAMED) {
            let places = BTreeSet::from([place.clone()]);
            let why = trouble.as_ref().map(|(asked, why)| format!(": {}", sentence(asked, why, &places))).unwrap_or_default();
            lines.push(format!("{kind} in {} is not listed yet{why}", named(&places)));
        }
        match state.unlisted.len().saturating_sub(NAMED) {
            0 => {}
            more => lines.push(format!("and {more} more are not listed yet")),
        }
        if state.unlisted.is_empty() {
            lines.extend(state.not_taken_in.clone());
        }
        lines.join("\n")
    }
}

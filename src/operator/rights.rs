//! What the API server did not do for us, in words that say what to do.
//!
//! Comes in: errors of the client. Goes out: sentences, without what Rust would show of an error. Pure.

use std::collections::BTreeSet;

use kube::runtime::watcher;

use super::watch::Namespace;

/// What was asked of the API server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) verb: &'static str,
    /// As roles name it, with its group.
    pub(super) resource: String,
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// A role lacks it.
    Forbidden,
    /// There is no such kind.
    NoKind,
    /// Anything else, in words.
    Else(String),
}

impl Why {
    pub(super) fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status.code, &status.message),
            other => Self::Else(format!("the Kubernetes API server: {}", innermost(other))),
        }
    }

    fn of_status(code: u16, message: &str) -> Self {
        match code {
            403 => Self::Forbidden,
            404 => Self::NoKind,
            _ => Self::Else(format!("the Kubernetes API server answers {code}: {}", message.trim())),
        }
    }
}

/// What a watch asked for, and why it was not done.
pub(super) fn of_watch(error: &watcher::Error, resource: &str) -> (Asked, Why) {
    let asked = |verb| Asked { verb, resource: resource.to_owned() };
    match error {
        watcher::Error::InitialListFailed(error) => (asked("list"), Why::of(error)),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => (asked("watch"), Why::of(error)),
        watcher::Error::WatchError(status) => (asked("watch"), Why::of_status(status.code, &status.message)),
        watcher::Error::NoResourceVersion => (asked("watch"), Why::Else(error.to_string())),
    }
}

/// A sentence about it, with the places where it was asked for.
pub(super) fn sentence(asked: &Asked, why: &Why, places: &BTreeSet<Namespace>) -> String {
    let Asked { verb, resource } = asked;
    let place = named(places);
    match why {
        Why::Forbidden => format!(
            "the operator's account may not {verb} {resource} in {place}: give its role there `{verb}` of `{resource}` (docs/kubernetes/install.md)"
        ),
        Why::NoKind => format!(
            "there is no {resource} to {verb} in {place}: install the definitions (`tenantry crds | kubectl apply --server-side -f -`), and see that the \
             namespace is there"
        ),
        Why::Else(why) => format!("no {verb} of {resource} in {place}: {why}"),
    }
}

/// Places in words.
pub(super) fn named(places: &BTreeSet<Namespace>) -> String {
    let names: Vec<&str> = places.iter().flatten().map(String::as_str).collect();
    match names.as_slice() {
        [] => "all namespaces".to_owned(),
        [one] => format!("namespace {one}"),
        several => format!("namespaces {}", several.join(", ")),
    }
}

/// The innermost reason: those around it say only that a request failed.
fn innermost(error: &kube::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

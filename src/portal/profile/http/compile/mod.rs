//! The `http` parts of a document become [`Http`], or everything that is wrong with them.
//!
//! Comes in: the shapes, and where problems are gathered. Goes out: compiled calls. What two parts say of each other (a `listed` kind without a
//! list, a `call` without steps) is checked here too; no API is asked anything.

mod connection;
mod coverage;
mod lists;
mod parts;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_saphyr::Location;

use super::compiled::{Http, KindCalls};
use super::connection::Method;
use super::connection::compiled::Paging;
use super::document::{KindHttp, Within};
use crate::diagnostic::codes::portal as codes;
use crate::model::kind::Placement;
use crate::model::{IntentAction, Kind, KindCapability, Performer, Readability};
use crate::portal::profile::compile::Problems;
use crate::portal::profile::document::{Action, Document, KindSection};
use parts::{Known, Parts};

/// The driver that performs `http` parts.
const DRIVER: &str = "rest";
/// Most steps of one action: a person has to follow them.
const MAX_STEPS: usize = 50;

/// What a profile says of HTTP; `None`: nothing.
pub(in crate::portal::profile) fn compile(
    document: &Document,
    kinds: &BTreeMap<Kind, KindCapability>,
    problems: &mut Problems<'_>,
) -> Option<Http> {
    let driven =
        |section: &KindSection, action| section.drivers.get(&action).map_or(&document.driver.value, |driver| &driver.value) == DRIVER;
    let any = document.kinds.iter().any(|(name, section)| {
        let promised = Kind::from_name(name).and_then(|kind| kinds.get(&kind)).map(promises);
        let called = promised.into_iter().flatten().any(|(action, _, promised)| promised && driven(&section.value, action));
        called || section.value.http.is_some()
    });
    let Some(section) = &document.http else {
        if any {
            let at = document.driver.referenced;
            problems.add(codes::PROFILE_CONTRADICTION, at, "its calls go over HTTP, and there is no `http` that says where and how");
        }
        return None;
    };
    let connection = connection::compile(&section.value, section.referenced, problems);
    let paging = connection::paging(section.value.paging.as_ref(), problems);
    let mut calls = BTreeMap::new();
    for (name, kind_section) in &document.kinds {
        let Some((kind, capability)) = Kind::from_name(name).and_then(|k| Some((k, kinds.get(&k)?))) else { continue };
        let at = kind_section.value.http.as_ref().map_or(kind_section.referenced, |h| h.referenced);
        let empty = KindHttp::default();
        let http = kind_section.value.http.as_ref().map_or(&empty, |h| &h.value);
        let carries = kinds.iter().filter(|(_, other)| other.carried_by == Some(kind)).map(|(other, _)| *other).collect();
        let before = problems.count();
        let mut parts = Parts { kind, carries, problems, known: Known::default() };
        let compiled = kind_calls(http, &paging, document, at, &mut parts);
        needed(kind, capability, http, at, |action| driven(&kind_section.value, action), problems);
        // What did not compile would be missed here a second time.
        if problems.count() == before {
            let section = &kind_section.value;
            coverage::check(kind, capability, section, at, &compiled, |action| driven(section, action), problems);
        }
        calls.insert(kind, compiled);
    }
    let lists = |name: &str| document.kinds.get(name).and_then(|s| s.value.http.as_ref()).is_some_and(|h| !h.value.lists.is_empty());
    let tenants = calls.keys().any(|k| k.def().placement == Placement::Tenant && lists(k.def().name));
    if calls.keys().any(|k| lists(k.def().name)) && !tenants {
        let what = "it lists objects and no organizations: nobody can know which tenants there are";
        problems.add(codes::PROFILE_CONTRADICTION, section.referenced, what);
    }
    let creates = |kind: Kind| document.kinds.get(kind.def().name).is_some_and(|section| driven(&section.value, Action::Create));
    for (kind, section) in kinds.iter().filter_map(|(kind, of)| Some(((kind, of), document.kinds.get(kind.def().name)?))) {
        coverage::carried(*kind.0, kind.1, section.referenced, &calls, creates, problems);
    }
    keys(document, problems);
    let msp = section.value.msp.as_deref().map(Into::into);
    connection.map(|connection| Http { connection: Arc::new(connection), msp, kinds: calls })
}

/// `limits` says whether repeating a call under its key is safe, and `http` how the key gets there: one without the other promises what is not
/// kept, or keeps what nobody makes use of.
fn keys(document: &Document, problems: &mut Problems<'_>) {
    let Some(http) = &document.http else { return };
    let promised = document.limits.idempotent;
    if let Some(header) = &http.value.idempotency_header {
        if !promised {
            let what = "`idempotencyHeader` takes the key of every call, and `limits.idempotent` does not say that the portal heeds it";
            problems.add(codes::PROFILE_CONTRADICTION, header.referenced, what);
        }
        return;
    }
    let sections = document.kinds.values().filter_map(|kind| kind.value.http.as_ref()).map(|http| &http.value);
    let steps = sections.flat_map(|http| [&http.create, &http.update, &http.delete, &http.resend]).flatten();
    for step in steps.filter(|_| promised) {
        let writes = step.value.path.is_some() && step.value.method != Some(Method::Get);
        if writes && !step.value.idempotent {
            let what =
                "`limits.idempotent` says that every call may be repeated: say `idempotent` of this one, or name an `idempotencyHeader`";
            problems.add(codes::PROFILE_CONTRADICTION, step.referenced, what);
        }
    }
}

/// What a kind's capabilities promise that a driver does, each with the word for it.
fn promises(capability: &KindCapability) -> [(Action, &'static str, bool); 5] {
    let call = |performer| performer == Performer::Call;
    [
        (Action::Read, "read", capability.read == Readability::Listed),
        // What is carried by another is made in the other's call.
        (Action::Create, "create", call(capability.create) && capability.carried_by.is_none()),
        (Action::Update, "update", call(capability.update)),
        (Action::Delete, "delete", call(capability.delete)),
        (Action::Resend, "resend", call(capability.resend)),
    ]
}

fn kind_calls(http: &KindHttp, paging: &Arc<Paging>, document: &Document, at: Location, parts: &mut Parts<'_, '_>) -> KindCalls {
    let lists = lists::compile(http, paging, parts);
    let nested = lists::nested(http, parts);
    let item = http.item.as_ref().and_then(|item| lists::item(item, document, parts));
    if let (Some(list), None) = (http.lists.values().next(), &http.item) {
        parts.contradiction(list.referenced, "it is listed, and no `item` says how an item becomes an object");
    }
    let get = http.get.as_ref().and_then(|get| lists::get(get, http, parts));
    if let (Some(get), None) = (&http.get, &http.item) {
        parts.contradiction(get.referenced, "it is read again, and no `item` says how an item becomes an object");
    }
    let named = [
        (IntentAction::Create, &http.create),
        (IntentAction::Update, &http.update),
        (IntentAction::Delete, &http.delete),
        (IntentAction::Resend, &http.resend),
    ];
    let mut actions = Vec::new();
    for (action, sections) in named {
        if sections.len() > MAX_STEPS {
            parts.problems.add(codes::PROFILE_BUDGET, at, format!("an action has more than {MAX_STEPS} steps"));
        } else if !sections.is_empty() {
            actions.push((action, steps::compile(sections, action, parts)));
        }
    }
    KindCalls { lists, nested, item, get, actions }
}

/// What the capabilities promise must be there, and nothing else.
fn needed(
    kind: Kind,
    capability: &KindCapability,
    http: &KindHttp,
    at: Location,
    driven: impl Fn(Action) -> bool,
    problems: &mut Problems<'_>,
) {
    let mut contradiction = |what: String| problems.add(codes::PROFILE_CONTRADICTION, at, what);
    let objects = || http.lists.values().filter(|list| list.value.join.is_none());
    for (action, word, promised) in promises(capability) {
        let there = match action {
            Action::Read => objects().next().is_some(),
            Action::Create => !http.create.is_empty(),
            Action::Update => !http.update.is_empty(),
            Action::Delete => !http.delete.is_empty(),
            Action::Resend => !http.resend.is_empty(),
        };
        if promised && driven(action) && !there {
            contradiction(format!("{kind}: `{word}` is a driver's, and `http` does not say how"));
        }
        let useless = !promised && (action != Action::Create || capability.create != Performer::Call);
        if there && (useless || !driven(action)) {
            contradiction(format!("{kind}: `http` says how to {word} one, and nobody asks the driver `{DRIVER}` to"));
        }
    }
    let tenant_itself = kind.def().placement == Placement::Tenant;
    if tenant_itself && objects().any(|list| list.value.within != Within::Portal) {
        contradiction(format!("{kind} is the tenant itself: its list must be `within: portal`"));
    }
}

//! What an API server asks and is answered: `AdmissionReview` of `admission.k8s.io/v1`, as far as it matters here. Comes in: a body. Goes out: what
//! is asked about, and the answer, which always allows. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::model::Kind;
use crate::operator::known::{Object, ObjectKey};

/// Most warnings in one answer: more than anybody reads.
const MOST: usize = 12;
/// The API server cuts a warning at 256 characters; we end one where a person can see that it was cut.
const LONGEST: usize = 256;
/// Beyond so many bytes altogether the API server drops what is left.
const ALTOGETHER: usize = 4096;

/// The version that is spoken.
const API_VERSION: &str = "admission.k8s.io/v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: String,
    kind: String,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    kind: GroupVersionKind,
    #[serde(default)]
    sub_resource: String,
    object: Option<DynamicObject>,
    old_object: Option<DynamicObject>,
}

#[derive(Deserialize)]
struct GroupVersionKind {
    #[serde(default)]
    group: String,
    kind: String,
}

/// What is asked.
pub(super) struct Asked {
    /// What the answer is known by.
    pub(super) uid: String,
    /// The change; `None`: it is none of ours, and nothing is to be said.
    pub(super) change: Option<Arc<Change>>,
}

/// One custom resource that is about to be made, changed or deleted.
pub(super) struct Change {
    pub(super) key: ObjectKey,
    /// As it is; `None`: it is made.
    pub(super) before: Option<Object>,
    /// As it will be; `None`: it goes.
    pub(super) after: Option<Object>,
}

impl Asked {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        // The words of the parser name fields and places, never values of the object.
        let review: Review = serde_json::from_slice(body).map_err(|e| format!("this is no AdmissionReview: {:?} error", e.classify()))?;
        if (review.api_version.as_str(), review.kind.as_str()) != (API_VERSION, "AdmissionReview") {
            return Err(format!("this is no AdmissionReview of {API_VERSION}, which alone is spoken here"));
        }
        let Request { uid, kind, sub_resource, object, old_object } = review.request;
        if uid.is_empty() {
            return Err("the request has no uid".to_owned());
        }
        let ours = Kind::ALL.into_iter().find(|k| kind.group == "tenantry.dev" && k.def().name == kind.kind);
        let ours = ours.filter(|_| sub_resource.is_empty());
        let change = ours.and_then(|kind| Change::of(kind, object.as_ref(), old_object.as_ref())).map(Arc::new);
        Ok(Self { uid, change })
    }
}

impl Change {
    fn of(kind: Kind, object: Option<&DynamicObject>, old: Option<&DynamicObject>) -> Option<Self> {
        let (mut after, before) = (object.and_then(|o| Object::of(kind, o)), old.and_then(|o| Object::of(kind, o)));
        // What is made now is the newest, whatever it says of itself: it takes no name from what is there.
        if let (None, Some((_, made))) = (&before, &mut after) {
            made.created = Some(Timestamp::MAX);
        }
        let key = after.as_ref().or(before.as_ref()).map(|(key, _)| key.clone())?;
        Some(Self { key, before: before.map(|(_, o)| o), after: after.map(|(_, o)| o) })
    }

    /// True for a change of what is about Kubernetes alone, such as a finalizer of ours.
    pub(super) fn says_nothing_new(&self) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return false };
        before.text == after.text && before.asks == after.asks && before.deleting == after.deleting
    }
}

/// The answer: allowed, with these warnings, the most important first.
pub(super) fn answer(uid: &str, warnings: Vec<String>) -> Json {
    let mut response = json!({ "uid": uid, "allowed": true });
    let warnings = bounded(warnings);
    if let (Some(response), false) = (response.as_object_mut(), warnings.is_empty()) {
        response.insert("warnings".to_owned(), json!(warnings));
    }
    json!({ "apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response })
}

fn bounded(warnings: Vec<String>) -> Vec<String> {
    let all = warnings.len();
    let (mut kept, mut bytes) = (Vec::new(), 0);
    for warning in warnings {
        let warning = shortened(&warning);
        // Room for the line that says how many are missing.
        if kept.len() + 1 >= MOST && all > MOST || bytes + warning.len() > ALTOGETHER - LONGEST {
            break;
        }
        bytes += warning.len();
        kept.push(warning);
    }
    if kept.len() < all {
        kept.push(format!("and {} more warnings", all - kept.len()));
    }
    kept
}

/// One line of at most 256 bytes: what comes into a header has no control characters.
fn shortened(warning: &str) -> String {
    let line: String = warning.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() <= LONGEST {
        return line;
    }
    let end = (0..=LONGEST - '…'.len_utf8()).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", line.get(..end).unwrap_or_default())
}

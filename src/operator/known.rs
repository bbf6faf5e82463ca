//! The custom resources that the cluster has, as far as they matter here.
//!
//! Comes in: objects as watches bring them. Goes out: for each the text that the manifest stage lowers, who it belongs to, what its annotations
//! ask for, and what its status said last. Pure. Nothing else of an object is kept, and nothing of it twice: ten thousand of them are small.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::core::{DynamicObject, ObjectMeta};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::answer::doubts;
use super::status::applied_plans;
use crate::manifest::ours::{OURS, is_digest, listed};
use crate::model::kind::Placement;
use crate::model::{Address, Kind, MSP, Name, TenantName};

/// No annotation approves more plans than this: what it names is remembered in the status.
const APPROVALS: usize = 64;
/// The finalizer by which a custom resource stays until the portals were seen to.
pub(crate) const FINALIZER: &str = "tenantry.dev/finalizer";

/// Which custom resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectKey {
    pub(crate) namespace: String,
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

impl ObjectKey {
    /// As a source's path: what diagnostics and plans show.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.kind, self.name)
    }
}

/// A custom resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    /// The document, as JSON, which is YAML.
    pub(crate) text: Arc<str>,
    /// The name of what it declares, which its own need not be.
    pub(crate) called: Box<str>,
    /// The tenant that it says it belongs to; `None` for a portal, and where it says nothing.
    pub(crate) tenant: Option<String>,
    pub(crate) uid: String,
    pub(crate) generation: i64,
    pub(crate) created: Option<Timestamp>,
    /// Somebody asked for its deletion.
    pub(crate) deleting: bool,
    pub(crate) finalized: bool,
    pub(crate) asks: Asks,
    /// Its status as it was last seen, as JSON.
    pub(crate) status: Arc<str>,
    /// What of it was declared to the controller last.
    pub(crate) declared: Declared,
    /// What it declared when it counted last, of members alone.
    pub(crate) counted: Arc<[Address]>,
    /// When we first heard of the newest request to look, by a clock that nobody sets.
    pub(crate) asked: Option<Instant>,
    /// It counted for something when all was declared last: it keeps its name.
    pub(crate) taken_in: bool,
}

/// What of a custom resource was declared to the controller. What a visit of an earlier declaration finds says nothing of a later generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The first declaration in which it stood as it does now.
    pub(crate) edition: u64,
    pub(crate) generation: i64,
    /// It counted for nothing any more, for somebody asked for its deletion.
    pub(crate) deleting: bool,
}

/// What annotations ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asks {
    pub(crate) paused: bool,
    pub(crate) poll_interval: Option<String>,
    /// The newest request to look now, in the words of whoever asked.
    pub(crate) reconcile_requested: Option<String>,
    pub(crate) approved: Vec<String>,
    /// The uid of the object whose deletion is approved.
    pub(crate) deletion_approved: Option<String>,
    pub(crate) allow_from: Vec<String>,
    /// What is wrong with annotations and labels of ours, each in a sentence.
    pub(crate) doubts: Arc<[String]>,
}

impl Asks {
    fn of(kind: Kind, metadata: &ObjectMeta) -> Self {
        let empty = BTreeMap::new();
        let annotations = metadata.annotations.as_ref().unwrap_or(&empty);
        let ours = |name: &str| annotations.get(&format!("{OURS}{name}")).map(String::as_str);
        let list = |text: Option<&str>| -> Vec<String> { text.into_iter().flat_map(listed).map(str::to_owned).collect() };
        let flux = annotations.get("reconcile.fluxcd.io/requestedAt").map(String::as_str);
        let mut approved = list(ours("approved-plan"));
        // What is no digest approves nothing, and is no other plan's.
        approved.retain(|digest| is_digest(digest) && matches!(kind.def().placement, Placement::Tenant | Placement::Configuration));
        approved.truncate(APPROVALS);
        Self {
            paused: ours("paused").is_some_and(|text| text != "false"),
            poll_interval: ours("poll-interval").map(str::to_owned),
            // Both are instants as texts, whose order is that of time. What is longer than a status may have is no instant.
            reconcile_requested: ours("reconcile-requested-at").max(flux).filter(|text| text.len() <= 253).map(str::to_owned),
            approved,
            deletion_approved: ours("deletion-approved").map(str::to_owned),
            allow_from: list(ours("allow-from")),
            doubts: doubts(kind, metadata).into(),
        }
    }

    /// Whether it names a namespace outright: `*` does not.
    pub(crate) fn names(&self, namespace: &str) -> bool {
        self.allow_from.iter().any(|allowed| allowed == namespace)
    }

    /// Whether the namespace of another document may be used with this one's.
    pub(crate) fn allows(&self, namespace: &str) -> bool {
        self.allow_from.iter().any(|allowed| allowed == "*" || allowed == namespace)
    }
}

impl Object {
    /// What matters of an object; `None`: it has no name or no namespace.
    pub(crate) fn of(kind: Kind, object: &DynamicObject) -> Option<(ObjectKey, Self)> {
        let (name, namespace) = (object.metadata.name.clone()?, object.metadata.namespace.clone()?);
        let empty = BTreeMap::new();
        let annotations = object.metadata.annotations.as_ref().unwrap_or(&empty);
        let spec = object.data.get("spec").cloned().unwrap_or(Json::Null);
        let pinned: BTreeMap<_, _> = annotations.iter().filter(|(key, _)| *key == "tenantry.dev/external-id").collect();
        let metadata = if pinned.is_empty() { json!({ "name": name }) } else { json!({ "name": name, "annotations": pinned }) };
        let mut document = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind.def().name, "metadata": metadata });
        if let (Some(document), false) = (document.as_object_mut(), spec.is_null()) {
            document.insert("spec".to_owned(), spec);
        }
        let called = document.get("spec").and_then(|s| s.get("name")).and_then(Json::as_str).unwrap_or(&name).into();
        let object = Self {
            tenant: tenant(kind, &name, document.get("spec")),
            text: document.to_string().into(),
            called,
            uid: object.metadata.uid.clone().unwrap_or_default(),
            generation: object.metadata.generation.unwrap_or_default(),
            created: object.metadata.creation_timestamp.as_ref().map(|t| t.0),
            deleting: object.metadata.deletion_timestamp.is_some(),
            finalized: object.metadata.finalizers.iter().flatten().any(|f| f == FINALIZER),
            asks: Asks::of(kind, &object.metadata),
            status: object.data.get("status").unwrap_or(&Json::Null).to_string().into(),
            declared: Declared::default(),
            counted: Arc::default(),
            asked: None,
            taken_in: false,
        };
        Some((ObjectKey { namespace, kind, name }, object))
    }

    /// Nothing was ever told of it.
    pub(crate) fn says_nothing(&self) -> bool {
        matches!(&*self.status, "null" | "{}")
    }

    /// Its status as it was last seen.
    pub(crate) fn status(&self) -> Json {
        serde_json::from_str(&self.status).unwrap_or_default()
    }

    /// Whether its status, which nobody but us writes, says that it counts for something.
    pub(crate) fn is_told_to_count(&self) -> bool {
        let status = self.status();
        let conditions = status.get("conditions").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let refused = |c: &Json| {
            c.get("type").and_then(Json::as_str) == Some("Stalled") && c.get("reason").and_then(Json::as_str) == Some("InvalidSpec")
        };
        !conditions.is_empty() && !conditions.iter().any(refused)
    }

    /// The tenant that it says it belongs to, where that can be one.
    pub(crate) fn tenant_name(&self) -> Option<TenantName> {
        Name::new(self.tenant.as_deref()?).ok()
    }

    /// The address of what it declares.
    pub(crate) fn address(&self, kind: Kind) -> Option<Address> {
        Some(Address::new(self.tenant_name()?, kind, Name::new(&self.called).ok()?))
    }

    /// True if it says the same: a status or a finalizer that we wrote says nothing, but for the approvals that were used. A generation is to be told of,
    /// whatever it says.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let Self { text, uid, generation, asks, deleting, status, .. } = self;
        let same = *text == other.text && *generation == other.generation && *uid == other.uid;
        let used_alike =
            || asks.approved.is_empty() || *status == other.status || applied_plans(&self.status()) == applied_plans(&other.status());
        same && *asks == other.asks && *deleting == other.deleting && used_alike()
    }

    /// A document that only says that the organization is there, with its labels, so that what selects it does not lose it.
    pub(crate) fn stub(&self, key: &ObjectKey) -> String {
        let spec = serde_json::from_str::<Json>(&self.text).ok().and_then(|d| d.get("spec").cloned()).unwrap_or_default();
        let labels: BTreeMap<_, _> =
            spec.get("labels").and_then(Json::as_object).into_iter().flatten().filter(|(_, v)| v.is_string()).collect();
        let name = self.tenant.clone().unwrap_or_else(|| key.name.clone());
        let document = json!({
            "apiVersion": "tenantry.dev/v1alpha1", "kind": key.kind.def().name, "metadata": { "name": key.name },
            "spec": { "name": name, "displayName": name, "labels": labels },
        });
        document.to_string()
    }
}

/// The tenant that a document says it belongs to.
fn tenant(kind: Kind, name: &str, spec: Option<&Json>) -> Option<String> {
    let said = |key: &str| spec.and_then(|s| s.get(key)).and_then(Json::as_str).map(str::to_owned);
    match kind.def().placement {
        Placement::Configuration => None,
        Placement::Tenant => Some(said("name").unwrap_or_else(|| name.to_owned())),
        Placement::Member { .. } => said("organization"),
        Placement::MspOnly => Some(MSP.to_owned()),
    }
}

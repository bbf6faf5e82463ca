//! The hand that writes to custom resources: statuses, the finalizer, events.
//!
//! Comes in: what should stand there. Goes out: patches, and what of them is known to have happened, to the store. Writes nothing while we do not
//! lead, and nothing that stands there already. What could not be written is said, so that it is tried again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use serde_json::{Value as Json, json};

use super::known::{FINALIZER, Object, ObjectKey};
use super::rights::{self, Asked, Why};
use super::status::{self, Told};
use super::store::{Store, is_portal};
use super::watch::{api, resource};
use crate::controller::fence::Fence;
use crate::ledger::seldom::Seldom;

/// Longest wait for an answer: no lease outlives it, and no loop that writes hangs for longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the API server takes of an event's note and action, in bytes.
const LONGEST_NOTE: usize = 1024;
const LONGEST_ACTION: usize = 128;

/// What became of a status that should be written.
pub(super) enum Wrote {
    /// It stands there; before it stood this.
    Anew(Box<(Json, Json)>),
    /// There was nothing to write, or nobody to write it to.
    Nothing,
    /// The API server did not take it: it may the next time.
    Failed,
}

/// What became of the finalizer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// It is as it should be.
    AsWanted,
    /// It was taken away: the object is let go of.
    LetGo,
    /// The API server did not take it: it may the next time.
    Failed,
}

/// See the module.
pub(super) struct Hand {
    client: Client,
    /// Who does not lead tells nobody anything.
    fence: Fence,
    /// Who our events are from.
    reporter: Reporter,
    /// Tells of what goes wrong: it counts what goes wrong again, for which it keeps every event for minutes.
    warner: Recorder,
    store: Arc<Store>,
    seldom: Seldom,
}

impl Hand {
    pub(super) fn new(client: Client, fence: Fence, instance: &str, store: Arc<Store>) -> Self {
        let reporter = Reporter { controller: "tenantry.dev/operator".to_owned(), instance: Some(instance.to_owned()) };
        let warner = Recorder::new(client.clone(), reporter.clone());
        Self { warner, reporter, client, fence, store, seldom: Seldom::default() }
    }

    /// Whether we lead, so that we may tell anybody anything.
    pub(super) fn may_write(&self) -> bool {
        self.fence.is_open()
    }

    /// Says that something could not be written, once in a while of a kind: it is tried again.
    fn failed(&self, key: &ObjectKey, what: &str, error: &kube::Error) {
        let asked = Asked { verb: "patch", resource: format!("{}.tenantry.dev{what}", resource(key.kind).plural) };
        if self.seldom.is_due(&asked.resource) {
            let why = rights::sentence(&asked, &Why::of(error), &BTreeSet::from([Some(key.namespace.clone())]));
            tracing::warn!(object = key.path(), "it could not be written to; it is tried again: {why}");
        }
    }

    /// Writes the status of an object, if it should say something else.
    pub(super) async fn write(&self, key: &ObjectKey, told: &Told) -> Wrote {
        let Some(object) = self.store.get(key).filter(|o| !o.uid.is_empty()) else { return Wrote::Nothing };
        let wanted = status::of(&object, told, Timestamp::now()).filter(|_| self.fence.is_open());
        let Some(wanted) = wanted else { return Wrote::Nothing };
        let before = object.status();
        // What is not wanted any more is taken out: a merge leaves what it does not name.
        let patch = json!({ "metadata": { "uid": object.uid }, "status": replaced(&before, &wanted) });
        let of_kind = api(&self.client, key.kind, Some(&key.namespace));
        match within(of_kind.patch_status(&key.name, &by_us(), &Patch::Merge(&patch))).await {
            Ok(_) => {
                let text = wanted.to_string();
                self.store.note(key, |object| object.status = text.into());
                Wrote::Anew(Box::new((before, wanted)))
            }
            // It is gone, or another one of its name: the watch says so.
            Err(kube::Error::Api(answer)) if answer.code == 404 || answer.code == 409 => Wrote::Nothing,
            Err(error) => {
                self.failed(key, "/status", &error);
                Wrote::Failed
            }
        }
    }

    /// Holds an object by the finalizer while it is declared, and lets go of one that somebody deleted once the portals were seen to. What is
    /// deleted because the definition of its kind goes is held though it is paused.
    pub(super) async fn finalize(&self, key: &ObjectKey, seen_to: bool) -> Held {
        let Some(object) = self.store.get(key).filter(|o| !o.uid.is_empty() && self.fence.is_open()) else { return Held::AsWanted };
        let done = match (object.deleting, object.finalized) {
            (false, false) if !object.asks.paused && !is_portal(key.kind) => within(self.hold(key, &object)).await,
            (true, true) if seen_to || (object.asks.paused && object.declared.deleting) => within(self.let_go(key, &object)).await,
            _ => return Held::AsWanted,
        };
        match done {
            Ok(()) => {
                self.store.note(key, |known| known.finalized = !object.deleting);
                if object.deleting { Held::LetGo } else { Held::AsWanted }
            }
            Err(kube::Error::Api(answer)) if answer.code == 404 || answer.code == 409 => Held::AsWanted,
            Err(error) => {
                self.failed(key, "", &error);
                Held::Failed
            }
        }
    }

    /// Lets go of an object that nothing is done about any more, whether or not we lead: its namespace waits for that alone.
    pub(super) async fn free(&self, key: &ObjectKey) {
        let Some(object) = self.store.get(key).filter(|o| !o.uid.is_empty()) else { return };
        match within(self.let_go(key, &object)).await {
            Ok(()) => self.store.note(key, |known| known.finalized = false),
            Err(error) => tracing::warn!(object = key.path(), %error, "an object of a namespace that goes could not be let go"),
        }
    }

    async fn hold(&self, key: &ObjectKey, object: &Object) -> Result<(), kube::Error> {
        let held = json!({
            "apiVersion": "tenantry.dev/v1alpha1", "kind": key.kind.def().name,
            "metadata": { "name": key.name, "uid": object.uid, "finalizers": [FINALIZER] },
        });
        let params = PatchParams::apply("tenantry-finalizer").force();
        api(&self.client, key.kind, Some(&key.namespace)).patch(&key.name, &params, &Patch::Apply(&held)).await.map(drop)
    }

    /// Takes our finalizer away and leaves others'. Whoever changes them at the same time makes us look again.
    async fn let_go(&self, key: &ObjectKey, object: &Object) -> Result<(), kube::Error> {
        let of_kind = api(&self.client, key.kind, Some(&key.namespace));
        let mut tries = 0;
        loop {
            let Some(newest) = of_kind.get_opt(&key.name).await? else { return Ok(()) };
            let finalizers = newest.metadata.finalizers.unwrap_or_default();
            if newest.metadata.uid.as_ref() != Some(&object.uid) || !finalizers.iter().any(|f| f == FINALIZER) {
                return Ok(());
            }
            let others: Vec<_> = finalizers.into_iter().filter(|f| f != FINALIZER).collect();
            let freed = json!({ "metadata": { "resourceVersion": newest.metadata.resource_version, "finalizers": others } });
            match of_kind.patch(&key.name, &by_us(), &Patch::Merge(&freed)).await {
                Err(kube::Error::Api(answer)) if answer.code == 409 && tries < 5 => tries += 1,
                done => return done.map(drop),
            }
        }
    }

    /// Tells of something that happened to an object. `about` tells apart what happens to one object at one time.
    pub(super) async fn event(&self, key: &ObjectKey, warns: bool, reason: String, about: &str, note: &str) {
        if let Some(object) = self.store.get(key) {
            self.event_of(key, &object.uid, warns, reason, about, note).await;
        }
    }

    /// The same of an object that may be gone.
    pub(super) async fn event_of(&self, key: &ObjectKey, uid: &str, warns: bool, reason: String, about: &str, note: &str) {
        if !self.fence.is_open() {
            return;
        }
        let event = Event {
            type_: if warns { EventType::Warning } else { EventType::Normal },
            reason,
            note: Some(status::shortened(note, LONGEST_NOTE)),
            action: status::shortened(about, LONGEST_ACTION),
            secondary: None,
        };
        let reference = ObjectReference {
            api_version: Some("tenantry.dev/v1alpha1".to_owned()),
            kind: Some(key.kind.def().name.to_owned()),
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        // What is done is done once: of ten thousand things that were made nothing is kept.
        let once = Recorder::new(self.client.clone(), self.reporter.clone());
        let recorder = if warns { &self.warner } else { &once };
        if let Err(error) = within(recorder.publish(&event, &reference)).await {
            tracing::debug!(object = key.path(), "an event could not be written: {:?}", Why::of(&error));
        }
    }
}

/// Who writes, as `managedFields` show it.
fn by_us() -> PatchParams {
    PatchParams { field_manager: Some("tenantry".to_owned()), ..PatchParams::default() }
}

/// Waits for an answer, and no longer than [`PATIENCE`].
pub(super) async fn within<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    let late = |_| kube::Error::Service(format!("no answer within {} seconds", PATIENCE.as_secs()).into());
    tokio::time::timeout(PATIENCE, call).await.map_err(late)?
}

/// A merge patch that leaves nothing of what was there and is not wanted.
fn replaced(before: &Json, wanted: &Json) -> Json {
    let mut patch = wanted.clone();
    if let (Some(patch), Some(before)) = (patch.as_object_mut(), before.as_object()) {
        for key in before.keys().filter(|key| wanted.get(*key).is_none()) {
            patch.insert(key.clone(), Json::Null);
        }
    }
    patch
}

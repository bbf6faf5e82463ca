//! Tells people what became of what they declared: in the status of custom resources, by events, and by letting go of what they deleted.
//!
//! Comes in: visits, and what the cluster has. Goes out: patches of statuses and finalizers, and events. Writes a status only where it says
//! something new, and an event once for each change. What cannot be written is told by the next visit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter as EventReporter};
use serde_json::{Value as Json, json};

use super::known::{FINALIZER, Object, ObjectKey};
use super::shown::Shown;
use super::status::{self, PendingPlan, Told};
use super::watch::api;
use crate::apply::OutcomeResult;
use crate::controller::fence::Fence;
use crate::controller::status::{Condition, ConditionType, Holds, ResourceStatus, of, of_whole};
use crate::controller::{End, Fleet, Reporter, Visit};
use crate::ledger::LedgerRead;
use crate::model::kind::Placement;
use crate::model::{Address, Kind, Name};
use crate::plan::document::PlanDocument;
use crate::portal::PortalError;
use crate::report::style::Style;
use crate::report::text;
use crate::report::view::counts;

/// The teller.
pub(crate) struct Teller {
    client: Client,
    ledger: Arc<dyn LedgerRead>,
    /// Who does not lead tells nobody anything.
    fence: Fence,
    recorder: Recorder,
    shown: Arc<Shown>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<ObjectKey, Object>,
    told: BTreeMap<ObjectKey, Told>,
    left_out: BTreeMap<ObjectKey, String>,
}

impl Teller {
    pub(crate) fn new(client: Client, ledger: Arc<dyn LedgerRead>, fence: Fence, instance: &str, shown: Arc<Shown>) -> Self {
        let reporter = EventReporter { controller: "tenantry.dev/operator".to_owned(), instance: Some(instance.to_owned()) };
        Self { recorder: Recorder::new(client.clone(), reporter), client, ledger, fence, shown, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object was seen, with the status that it has.
    pub(crate) fn seen(&self, key: &ObjectKey, object: &Object) {
        self.state().known.insert(key.clone(), object.clone());
    }

    /// An object is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        let mut state = self.state();
        state.known.remove(key);
        state.told.remove(key);
    }

    /// What is declared now; `served` are the tenants that any portal serves. Tells of what no visit tells.
    pub(crate) async fn declared(&self, left_out: &BTreeMap<ObjectKey, String>, served: &BTreeSet<String>) {
        let untold: Vec<_> = {
            let mut state = self.state();
            let State { known, told, left_out: before } = &mut *state;
            before.clone_from(left_out);
            let mut untold = Vec::new();
            for (key, object) in known.iter() {
                let conditions = match (left_out.get(key), object.tenant.as_deref()) {
                    (Some(why), _) => refused(why),
                    (None, Some(tenant)) if !served.contains(tenant) => unserved(tenant),
                    (None, _) => continue,
                };
                told.insert(key.clone(), Told { portals: BTreeMap::from([(String::new(), conditions)]), ..Told::default() });
                untold.push(key.clone());
            }
            untold
        };
        for key in untold {
            self.write(&key).await;
            self.finalize(&key, true).await;
        }
    }

    /// Writes the status of an object, if it should say something else.
    async fn write(&self, key: &ObjectKey) {
        let now = Timestamp::now();
        let wanted = {
            let state = self.state();
            let object = state.known.get(key).filter(|o| !o.uid.is_empty());
            object.zip(state.told.get(key)).and_then(|(object, told)| status::of(object, told, now))
        };
        let Some(wanted) = wanted.filter(|_| self.fence.is_open()) else { return };
        // What is not wanted any more is taken out: a merge leaves what it does not name.
        let patch = json!({ "status": replaced(self.state().known.get(key).map(|o| &o.status), &wanted) });
        let of_kind = api(&self.client, key.kind, Some(&key.namespace));
        match of_kind.patch_status(&key.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => {
                if let Some(object) = self.state().known.get_mut(key) {
                    object.status = wanted;
                }
            }
            Err(kube::Error::Api(answer)) if answer.code == 404 => {}
            Err(error) => tracing::warn!(object = key.path(), %error, "a status could not be written; it is written with the next visit"),
        }
    }

    /// Holds an object by the finalizer while it is declared, and lets go of one that somebody deleted once the portals were seen to.
    async fn finalize(&self, key: &ObjectKey, seen_to: bool) {
        let Some(object) = self.state().known.get(key).filter(|_| self.fence.is_open()).cloned() else { return };
        let of_kind = api(&self.client, key.kind, Some(&key.namespace));
        let done = match (object.deleting, object.finalized) {
            (false, false) if !object.asks.paused && key.kind.def().placement != Placement::Configuration => {
                let held = json!({
                    "apiVersion": "tenantry.dev/v1alpha1", "kind": key.kind.def().name,
                    "metadata": { "name": key.name, "uid": object.uid, "finalizers": [FINALIZER] },
                });
                of_kind.patch(&key.name, &PatchParams::apply("tenantry-finalizer").force(), &Patch::Apply(&held)).await.map(drop)
            }
            (true, true) if seen_to || object.asks.paused => match of_kind.get_opt(&key.name).await {
                Ok(Some(newest)) => {
                    let others: Vec<_> = newest.metadata.finalizers.unwrap_or_default().into_iter().filter(|f| f != FINALIZER).collect();
                    let freed = json!({ "metadata": { "resourceVersion": newest.metadata.resource_version, "finalizers": others } });
                    of_kind.patch(&key.name, &PatchParams::default(), &Patch::Merge(&freed)).await.map(drop)
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            },
            _ => return,
        };
        match done {
            Ok(()) => {
                if let Some(known) = self.state().known.get_mut(key) {
                    known.finalized = !object.deleting;
                }
            }
            Err(kube::Error::Api(answer)) if answer.code == 404 || answer.code == 409 => {}
            Err(error) => tracing::warn!(object = key.path(), %error, "a finalizer could not be changed; it is tried with the next visit"),
        }
    }

    /// What portals call the resources of a tenant.
    async fn ids(&self, visit: &Visit) -> BTreeMap<Address, String> {
        match self.ledger.read(&visit.key.portal, std::slice::from_ref(&visit.key.tenant)).await {
            Ok(states) => {
                states.into_iter().flat_map(|s| s.rows).filter_map(|(address, row)| Some((address, row.id?.to_string()))).collect()
            }
            Err(_) => BTreeMap::new(),
        }
    }

    async fn events(&self, visit: &Visit, documents: &BTreeMap<Address, ObjectKey>) {
        let outcomes = visit.report.iter().flat_map(|r| &r.outcomes);
        for outcome in outcomes.filter(|o| o.portal == visit.key.portal && o.address.tenant == visit.key.tenant) {
            let (type_, reason, what) = match (&outcome.result, outcome.actions.first()) {
                (OutcomeResult::Done, Some(action)) => (EventType::Normal, format!("{}Done", capital(action.word())), "done".to_owned()),
                (OutcomeResult::Failed { message, .. }, Some(action)) => {
                    (EventType::Warning, format!("{}Failed", capital(action.word())), format!("failed: {message}"))
                }
                (OutcomeResult::Pending { waits_for, called: _ }, Some(_)) => {
                    (EventType::Normal, "GivenOut".to_owned(), format!("waits: {waits_for}"))
                }
                _ => continue,
            };
            let Some((key, uid)) = self.document_of(&outcome.address, documents) else { continue };
            let word = outcome.actions.iter().map(|a| a.word()).collect::<Vec<_>>().join(", ");
            let note = format!("{word} {} in portal {}: {what}", outcome.address, outcome.portal);
            let event = Event { type_, reason, note: Some(note.chars().take(1000).collect()), action: word, secondary: None };
            let reference = ObjectReference {
                api_version: Some("tenantry.dev/v1alpha1".to_owned()),
                kind: Some(key.kind.def().name.to_owned()),
                name: Some(key.name),
                namespace: Some(key.namespace),
                uid: Some(uid),
                ..ObjectReference::default()
            };
            if let Err(error) = self.recorder.publish(&event, &reference).await {
                tracing::debug!(%error, "an event could not be written");
            }
        }
    }

    /// The custom resource that speaks of an address: its own, else its organization's.
    fn document_of(&self, address: &Address, documents: &BTreeMap<Address, ObjectKey>) -> Option<(ObjectKey, String)> {
        let state = self.state();
        let own = documents.get(address).cloned();
        let organization = || {
            state
                .known
                .iter()
                .find(|(k, o)| is_tenant(k.kind) && o.tenant.as_deref() == Some(address.tenant.as_str()))
                .map(|(k, _)| k.clone())
        };
        let key = own.or_else(organization)?;
        let uid = state.known.get(&key)?.uid.clone();
        Some((key, uid))
    }

    /// Records what a visit says, and which objects it speaks of, each with whether the portals were seen to.
    fn record(
        &self,
        fleet: &Fleet,
        visit: &Visit,
        ids: Option<&BTreeMap<Address, String>>,
        documents: &BTreeMap<Address, ObjectKey>,
    ) -> Vec<(ObjectKey, bool)> {
        let portal = visit.key.portal.to_string();
        let statuses = fleet.desired.tenants.get(&visit.key.tenant).map(|t| of(visit, t)).unwrap_or_default();
        let valid = !fleet.invalid.contains_key(&visit.key.tenant);
        let mut by_document: BTreeMap<&ObjectKey, Vec<&ResourceStatus>> = BTreeMap::new();
        for status in statuses.iter().filter(|_| valid) {
            if let Some(key) = documents.get(&status.address) {
                by_document.entry(key).or_default().push(status);
            }
        }
        let applied = visit.report.as_ref().filter(|_| matches!(visit.end, End::Applied)).map(|r| r.timestamp);
        let mut state = self.state();
        let State { known, told, left_out } = &mut *state;
        let mut spoken_of = Vec::new();
        for (key, object) in
            known.iter().filter(|(k, o)| o.tenant.as_deref() == Some(visit.key.tenant.as_str()) && !left_out.contains_key(*k))
        {
            let own = by_document.get(key).map_or(&[][..], Vec::as_slice);
            let told = told.entry(key.clone()).or_default();
            told.portals.remove("");
            told.portals.insert(portal.clone(), if own.is_empty() { of_whole(visit) } else { worst(own) });
            told.applied = told.applied.max(applied);
            if let (Some(ids), Some(address)) = (ids, address_of(key, object)) {
                told.ids.remove(&portal);
                told.ids.extend(ids.get(&address).map(|id| (portal.clone(), id.clone())));
            }
            if is_tenant(key.kind) {
                told.children = own.iter().filter(|s| !is_tenant(s.address.kind)).map(|s| (*s).clone()).collect();
                told.plans.retain(|p| p.portal != portal);
                told.plans.extend(pending(visit));
            }
            spoken_of.push((key.clone(), seen_to(fleet, visit, key, object)));
        }
        spoken_of.extend(portal_told(visit, known, told).map(|key| (key, false)));
        spoken_of
    }
}

#[async_trait]
impl Reporter for Teller {
    async fn visited(&self, fleet: &Fleet, visit: &Visit) {
        self.shown.metrics.visited(visit);
        let documents = documents(fleet, visit, &self.state().known);
        let ids =
            if matches!(visit.end, End::InStep | End::Applied | End::AwaitingTechnician) { Some(self.ids(visit).await) } else { None };
        for (key, seen_to) in self.record(fleet, visit, ids.as_ref(), &documents) {
            self.write(&key).await;
            self.finalize(&key, seen_to).await;
        }
        self.events(visit, &documents).await;
    }
}

/// The custom resource that declares each resource of a visit's tenant.
fn documents(fleet: &Fleet, visit: &Visit, known: &BTreeMap<ObjectKey, Object>) -> BTreeMap<Address, ObjectKey> {
    let of_tenant = known.iter().filter(|(_, o)| o.tenant.as_deref() == Some(visit.key.tenant.as_str()));
    let by_path: BTreeMap<String, &ObjectKey> = of_tenant.map(|(key, _)| (key.path(), key)).collect();
    let resources = fleet.desired.tenants.get(&visit.key.tenant).into_iter().flat_map(|t| &t.resources);
    resources.filter_map(|r| Some((r.address.clone(), (*by_path.get(fleet.desired.sources.path(r.source))?).clone()))).collect()
}

/// Whether a visit leaves nothing to be done about an object that somebody deleted. What the ledger knows is seen to even without the object, so
/// that letting go loses nothing: it is held only so that people see what still waits.
fn seen_to(fleet: &Fleet, visit: &Visit, key: &ObjectKey, object: &Object) -> bool {
    let Some(address) = address_of(key, object) else { return true };
    if fleet.desired.get(&address).is_some() && !fleet.invalid.contains_key(&address.tenant) {
        // The visit was of a fleet in which it was still declared.
        return false;
    }
    let waits = visit.plan.as_ref().is_some_and(|p| p.resource_changes.iter().any(|c| c.address == address));
    match &visit.end {
        End::InStep | End::Applied | End::Suspended | End::Invalid { .. } | End::Portal(PortalError::Misconfigured(_)) => true,
        End::Applying => false,
        End::Portal(PortalError::Denied(_) | PortalError::Unavailable(_)) | End::Contended { .. } | End::Stopped { .. } => false,
        End::AwaitingApproval { .. } | End::AwaitingTechnician | End::DriftReported | End::Refused { .. } => !waits,
        End::DependencyNotReady { .. } | End::Failed { .. } => !waits,
    }
}

fn is_tenant(kind: Kind) -> bool {
    kind.def().placement == Placement::Tenant
}

/// The address of what a custom resource declares.
fn address_of(key: &ObjectKey, object: &Object) -> Option<Address> {
    let document: Json = serde_json::from_str(&object.text).ok()?;
    let name = document.get("spec").and_then(|s| s.get("name")).and_then(Json::as_str).unwrap_or(&key.name);
    Some(Address::new(Name::new(object.tenant.as_deref()?).ok()?, key.kind, Name::new(name).ok()?))
}

/// Of several resources in one document the one that is worst off speaks for all, by each type of condition.
fn worst(all: &[&ResourceStatus]) -> Vec<Condition> {
    let portals: BTreeMap<String, Vec<Condition>> = all.iter().map(|s| (s.address.to_string(), s.conditions.clone())).collect();
    status::merged(&portals)
}

fn pending(visit: &Visit) -> Option<PendingPlan> {
    let waits = matches!(visit.end, End::AwaitingApproval { .. } | End::Refused { .. } | End::DriftReported);
    let plan = visit.plan.as_ref().filter(|_| waits)?;
    let document = PlanDocument::of_tenant(plan.clone(), visit.at, env!("CARGO_PKG_VERSION"));
    Some(PendingPlan {
        portal: visit.key.portal.to_string(),
        tenant: visit.key.tenant.to_string(),
        digest: plan.digest.clone(),
        summary: counts(&plan.summary, true),
        text: text::plan(&document, &Style::PLAIN),
    })
}

fn refused(why: &str) -> Vec<Condition> {
    let say = |ty, holds, reason| Condition { ty, holds, reason, message: why.to_owned() };
    vec![
        say(ConditionType::Ready, Holds::False, "ReconciliationFailed"),
        say(ConditionType::Stalled, Holds::True, "InvalidSpec"),
        say(ConditionType::Synced, Holds::False, "ReconcileError"),
    ]
}

fn unserved(tenant: &str) -> Vec<Condition> {
    let message = format!("no Portal serves {tenant}: none is declared, or none selects it in this namespace");
    let say = |ty, reason| Condition { ty, holds: Holds::False, reason, message: message.clone() };
    vec![say(ConditionType::Ready, "DependencyNotReady"), say(ConditionType::Synced, "ReconcileError")]
}

/// What a visit says of its portal itself.
fn portal_told(visit: &Visit, known: &BTreeMap<ObjectKey, Object>, told: &mut BTreeMap<ObjectKey, Told>) -> Option<ObjectKey> {
    let named = |key: &ObjectKey, object: &Object| {
        let said = serde_json::from_str::<Json>(&object.text).ok().and_then(|d| d.get("spec")?.get("name")?.as_str().map(str::to_owned));
        key.kind.def().placement == Placement::Configuration && said.as_deref().unwrap_or(&key.name) == visit.key.portal.as_str()
    };
    let key = known.iter().find(|(key, object)| named(key, object)).map(|(key, _)| key.clone())?;
    let conditions = match &visit.end {
        End::Portal(_) => of_whole(visit),
        _ => vec![Condition {
            ty: ConditionType::Ready,
            holds: Holds::True,
            reason: "ReconciliationSucceeded",
            message: "it can be read".to_owned(),
        }],
    };
    let tenant = visit.key.tenant.as_str();
    let told = told.entry(key.clone()).or_default();
    told.portals = BTreeMap::from([(visit.key.portal.to_string(), conditions)]);
    told.plans.retain(|plan| plan.tenant != tenant);
    // The plan of a tenant that has no document of its own, as the MSP's, is shown here.
    if !known.iter().any(|(key, object)| is_tenant(key.kind) && object.tenant.as_deref() == Some(tenant)) {
        told.plans.extend(pending(visit));
    }
    Some(key)
}

/// A merge patch that leaves nothing of what was there and is not wanted.
fn replaced(before: Option<&Json>, wanted: &Json) -> Json {
    let mut patch = wanted.clone();
    if let (Some(patch), Some(before)) = (patch.as_object_mut(), before.and_then(Json::as_object)) {
        for key in before.keys().filter(|key| wanted.get(*key).is_none()) {
            patch.insert(key.clone(), Json::Null);
        }
    }
    patch
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

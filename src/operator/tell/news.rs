//! What is told once, when it comes about: that somebody changed live, that a plan waits, that a document is not taken in, and that a customer is let go of
//! and stays in portals.
//!
//! Comes in: what a status said and says now, who is let go of, visits. Goes out: an event on whom it concerns, and a log line. Nothing is told of a
//! look that found all as it was.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::known::{Object, ObjectKey};
use super::super::store::is_tenant;
use super::Teller;
use crate::controller::{Fleet, UnitKey, Visit};
use crate::model::{Kind, PortalName, TenantName};

/// What is remembered for it.
#[derive(Default)]
pub(super) struct News {
    /// Tenants whose documents have errors.
    invalid: BTreeSet<TenantName>,
    /// The documents that have them, as sources' paths.
    at_fault: BTreeSet<String>,
    /// Units whose organization stood there when they were visited last.
    there: BTreeSet<UnitKey>,
}

/// What is told of a customer that is let go of.
pub(super) struct Parting {
    uid: String,
    note: String,
}

impl News {
    /// Takes in whose fault it is that tenants are not taken in.
    pub(super) fn declared(&mut self, fleet: &Fleet) {
        self.invalid = fleet.invalid.keys().cloned().collect();
        let errors = fleet.invalid.values().flatten().filter(|d| d.is_error());
        self.at_fault = errors.filter_map(|d| Some(d.range.as_ref()?.file.clone())).collect();
    }
}

impl Teller {
    /// Tells of a document that is not taken in any more: of the one that is at fault and of its organization, not of all that wait for them.
    pub(super) async fn refused(&self, key: &ObjectKey, before: &Json, now: &Json) {
        let (None, Some(why)) = (invalid(before), invalid(now)) else { return };
        let tenant = self.store.get(key).and_then(|object| object.tenant_name());
        let at_fault = {
            let state = self.state();
            let of_tenant = |tenant: &TenantName| is_tenant(key.kind) && state.news.invalid.contains(tenant);
            state.left_out.contains_key(key) || state.news.at_fault.contains(&key.path()) || tenant.as_ref().is_none_or(of_tenant)
        };
        if at_fault {
            tracing::warn!(object = key.path(), "it is not taken in: {why}");
            self.hand.event(key, true, "Refused".to_owned(), "take in", why).await;
        }
    }

    /// Tells of what a status says anew that no change tells: that somebody changed live, and that a plan waits.
    pub(super) async fn turned(&self, key: &ObjectKey, before: &Json, now: &Json) {
        let condition = |status: &Json, ty: &str| {
            let all = status.get("conditions").and_then(Json::as_array).into_iter().flatten();
            all.clone().find(|c| c.get("type").and_then(Json::as_str) == Some(ty)).cloned().unwrap_or_default()
        };
        let holds = |c: &Json| c.get("status").and_then(Json::as_str) == Some("True");
        let (drift_before, drift) = (condition(before, "Drifted"), condition(now, "Drifted"));
        if holds(&drift) && !holds(&drift_before) {
            let message = drift.get("message").and_then(Json::as_str).unwrap_or_default();
            self.hand.event(key, true, "DriftDetected".to_owned(), "look", message).await;
        }
        let digests = |status: &Json| -> BTreeSet<String> {
            let plans = status.get("plans").and_then(Json::as_array).cloned().unwrap_or_default();
            plans.iter().filter_map(|p| p.get("digest").and_then(Json::as_str).map(str::to_owned)).collect()
        };
        for digest in digests(now).difference(&digests(before)) {
            let note = format!("a plan waits: {digest}; `status.plans` shows what it does");
            self.hand.event(key, false, "Planned".to_owned(), digest, &note).await;
        }
    }

    /// What is to be told of a customer once its document is let go of, if anything of it stays in a portal: found out while all of it is known.
    pub(super) async fn parting(&self, key: &ObjectKey, seen_to: bool) -> Option<Parting> {
        let paused = |o: &Object| o.asks.paused && o.declared.deleting;
        let goes = |o: &Object| is_tenant(key.kind) && o.deleting && o.finalized && (seen_to || paused(o));
        let object = self.store.get(key).filter(|object| goes(object) && self.hand.may_write())?;
        let tenant = object.tenant_name().filter(|_| !self.state().left_out.contains_key(key))?;
        self.state().news.there.retain(|unit| unit.tenant != tenant);
        let stays = self.stays(&tenant).await;
        if stays.is_empty() {
            return None;
        }
        let why = if object.asks.paused {
            "for the annotation `tenantry.dev/paused` says to leave it alone"
        } else if self.shown.fleet().is_some_and(|fleet| fleet.leaving.contains(&tenant)) {
            "for it is not ours to delete"
        } else if self.shown.portals_of(&tenant).is_empty() {
            "for no Portal serves it"
        } else {
            "for its `deletionPolicy` is Orphan"
        };
        let note = format!("tenant {tenant} is kept in {}, {why}; nobody manages it there any more", stays.join(" and in "));
        Some(Parting { uid: object.uid.clone(), note })
    }

    /// Tells of a customer whose document was let go of.
    pub(super) async fn parted(&self, key: &ObjectKey, Parting { uid, note }: Parting) {
        tracing::info!(object = key.path(), "was let go of: {note}");
        self.hand.event_of(key, &uid, false, "Kept".to_owned(), "let go", &note).await;
    }

    /// Where something of a tenant is ours, with what that is.
    async fn stays(&self, tenant: &TenantName) -> Vec<String> {
        let mut portals: BTreeSet<PortalName> = self.shown.portals_of(tenant);
        if portals.is_empty()
            && let Ok(known) = self.ledger.tenants().await
        {
            portals = known.into_iter().filter(|(_, of)| of == tenant).map(|(portal, _)| portal).collect();
        }
        let mut stays = Vec::new();
        for portal in portals {
            let Ok(states) = self.ledger.read(&portal, std::slice::from_ref(tenant)).await else {
                stays.push(format!("portal {portal}, users included"));
                continue;
            };
            let rows: Vec<_> = states.iter().flat_map(|state| state.rows.keys()).collect();
            let users = rows.iter().filter(|address| address.kind == Kind::User).count();
            if !rows.is_empty() {
                stays.push(format!("portal {portal} with {}, {} included", counted(rows.len(), "resource"), counted(users, "user")));
            }
        }
        stays
    }

    /// Tells, on the portal, of a customer whose document went without a word to us: it was not held, or somebody took the finalizer away.
    pub(super) async fn vanished(&self, fleet: &Fleet, visit: &Visit, objects: &[(ObjectKey, std::sync::Arc<Object>)]) {
        let document = objects.iter().find(|(key, _)| is_tenant(key.kind));
        let was_there = {
            let mut state = self.state();
            match document {
                Some((_, object)) if object.deleting => return,
                Some(_) => !state.news.there.insert(visit.key.clone()),
                None => state.news.there.remove(&visit.key),
            }
        };
        if document.is_some() || !was_there || fleet.desired.tenants.contains_key(&visit.key.tenant) || !self.hand.may_write() {
            return;
        }
        let Some(kept) = visit.plan.iter().flat_map(|plan| &plan.retained).next() else { return };
        tracing::info!(portal = %visit.key.portal, tenant = %visit.key.tenant, "{}", kept.reason);
        let portals = self.store.of_portal(visit.key.portal.as_str());
        let portal = portals.iter().find(|(key, _)| !self.state().left_out.contains_key(key));
        if let Some((key, _)) = portal {
            self.hand.event(key, false, "Kept".to_owned(), &format!("keep {}", visit.key.tenant), &kept.reason).await;
        }
    }
}

/// Why a status says that its document is not taken in; `None`: it does not.
fn invalid(status: &Json) -> Option<&str> {
    let mut all = status.get("conditions").and_then(Json::as_array)?.iter();
    let text = |c: &Json, key: &str| c.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let found = all.find(|c| text(c, "type") == "Stalled" && text(c, "reason") == "InvalidSpec" && text(c, "status") == "True")?;
    found.get("message").and_then(Json::as_str)
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

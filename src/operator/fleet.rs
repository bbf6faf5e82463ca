//! From custom resources to what the controller drives: which documents count, what is wrong with the others, and the fleet that is left.
//!
//! Comes in: everything that the cluster has, and who opens portals. Goes out: a [`Gathered`]. One customer's mistake, or malice, costs nobody
//! else anything: a document in a foreign namespace counts for nothing, a tenant with errors is left as it is, and what selects it keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Range, codes};
use crate::manifest::{self, Builtins, Loaded, Settings, SourceText};
use crate::model::{
    Address, Desired, Fields, Kind, Management, Mark, Name, PortalSpec, Resource, SecretRef, SecretSource, TenantName, Value,
};

use super::known::{Object, ObjectKey};
use super::places::Places;
use super::status::external_ids;
use super::store::{Objects, is_portal, is_tenant};

/// Says what portals have of a kind by themselves for a tenant.
pub(crate) type Names<'a> = &'a (dyn Fn(&[PortalSpec], &TenantName, Kind) -> BTreeSet<String> + Sync);

/// Everything that is declared in the cluster, sorted out.
pub(crate) struct Gathered {
    /// What counts. Each Secret is in the namespace of the document that names it.
    pub(crate) desired: Desired,
    /// Tenants whose documents have errors.
    pub(crate) invalid: BTreeMap<TenantName, Vec<Diagnostic>>,
    /// Tenants that are to be deleted in the portals that serve them: somebody deleted their organization, whose policy is `Delete`.
    pub(crate) leaving: BTreeSet<TenantName>,
    /// Documents that count for nothing, and why.
    pub(crate) left_out: BTreeMap<ObjectKey, String>,
    /// What each document of a member declares.
    pub(crate) counted: BTreeMap<ObjectKey, Vec<Address>>,
}

/// Sorts out what the cluster has. `home` is the namespace of the MSP's own documents; `names` says what portals have by themselves.
pub(crate) fn gather(known: &Objects, home: &str, names: Names<'_>) -> Gathered {
    let mut places = Places::of(known, home);
    let mut left_out = std::mem::take(&mut places.left_out);
    let mut invalid: BTreeMap<TenantName, Vec<Diagnostic>> = BTreeMap::new();
    loop {
        let texts = texts(known, &places, &left_out, &invalid);
        let documents: Vec<ObjectKey> = texts.iter().map(|(key, _)| (*key).clone()).collect();
        let portals = portals(known, &places, &documents);
        let loaded = lower(texts, portals.as_deref(), names);
        let mut wrong = by_document(&loaded, &documents);
        own_secrets(&loaded, &documents, &mut wrong);
        if wrong.is_empty() && !loaded.has_errors() {
            return finish(known, &places, loaded.desired, invalid, left_out, documents);
        }
        let before = (left_out.len(), invalid.len());
        for (key, diagnostics) in wrong {
            let tenant = known.get(&key).and_then(|o| o.tenant.as_deref()).and_then(|t| Name::new(t).ok());
            match tenant {
                Some(tenant) if !invalid.contains_key(&tenant) => drop(invalid.insert(tenant, diagnostics)),
                // A stub that is wrong, a portal, or what belongs to nobody: it is left out by itself.
                _ => drop(left_out.insert(key, first_words(&diagnostics))),
            }
        }
        if before == (left_out.len(), invalid.len()) {
            // An error that belongs to no document: nothing may be planned from the rest either.
            let desired = Desired { tenants: BTreeMap::new(), ..loaded.desired };
            return finish(known, &places, desired, invalid, left_out, documents);
        }
    }
}

fn first_words(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .first()
        .map(|d| if d.help.is_empty() { d.summary.clone() } else { format!("{}: {}", d.summary, d.help) })
        .unwrap_or_default()
}

/// The texts that are lowered, in the order in which lowering takes them.
fn texts<'k>(
    known: &'k Objects,
    places: &Places<'_>,
    left_out: &BTreeMap<ObjectKey, String>,
    invalid: &BTreeMap<TenantName, Vec<Diagnostic>>,
) -> Vec<(&'k ObjectKey, String)> {
    let is_invalid = |object: &Object| object.tenant.as_deref().is_some_and(|t| invalid.keys().any(|i| i.as_str() == t));
    let text = |(key, object): (&'k ObjectKey, &Arc<Object>)| {
        if left_out.contains_key(key) || (object.deleting && !places.stays(key, object)) {
            return None;
        }
        match (is_invalid(object), is_tenant(key.kind)) {
            (false, _) if is_portal(key.kind) => Some((key, places.portal_text(object))),
            (false, _) => Some((key, object.text.to_string())),
            (true, true) => Some((key, object.stub(key))),
            (true, false) => None,
        }
    };
    let mut texts: Vec<_> = known.iter().filter_map(text).collect();
    texts.sort_by_key(|(key, _)| key.path());
    texts
}

/// The portals, and whom they serve, before anybody else's document is lowered: what they have by themselves may be named. `None`: they have errors.
fn portals(known: &Objects, places: &Places<'_>, documents: &[ObjectKey]) -> Option<Vec<PortalSpec>> {
    let text = |key: &ObjectKey| {
        let object = known.get(key)?;
        let text = if is_tenant(key.kind) { object.stub(key) } else { places.portal_text(object) };
        Some(SourceText::new(key.path(), text))
    };
    let sources = documents.iter().filter(|key| is_portal(key.kind) || is_tenant(key.kind)).filter_map(text).collect();
    let loaded = manifest::lower_sources(sources, Settings { only: None, builtins: Builtins::Unknown });
    (!loaded.has_errors()).then_some(loaded.desired.portals)
}

fn lower(texts: Vec<(&ObjectKey, String)>, portals: Option<&[PortalSpec]>, names: Names<'_>) -> Loaded {
    let sources: Vec<_> = texts.into_iter().map(|(key, text)| SourceText::new(key.path(), text)).collect();
    let of_tenant = |tenant: &TenantName, kind: Kind| portals.map(|portals| names(portals, tenant, kind)).unwrap_or_default();
    // Portals with errors are told of by the same lowering, and nobody else's names by mistake.
    let builtins = if portals.is_some() { Builtins::Known(&of_tenant) } else { Builtins::Unknown };
    manifest::lower_sources(sources, Settings { only: None, builtins })
}

/// Errors by the document at fault.
fn by_document(loaded: &Loaded, documents: &[ObjectKey]) -> BTreeMap<ObjectKey, Vec<Diagnostic>> {
    let by_path: BTreeMap<String, &ObjectKey> = documents.iter().map(|key| (key.path(), key)).collect();
    let mut wrong: BTreeMap<ObjectKey, Vec<Diagnostic>> = BTreeMap::new();
    for diagnostic in loaded.diagnostics.iter().filter(|d| d.is_error()) {
        let key = diagnostic.range.as_ref().and_then(|r| by_path.get(&r.file));
        if let Some(key) = key {
            wrong.entry((*key).clone()).or_default().push(diagnostic.clone());
        }
    }
    wrong
}

/// Adds the documents that name a variable or a file as a secret's place: those are the operator's own, and whoever may write a custom resource may
/// not read them.
fn own_secrets(loaded: &Loaded, documents: &[ObjectKey], wrong: &mut BTreeMap<ObjectKey, Vec<Diagnostic>>) {
    let resources = loaded.desired.tenants.values().flat_map(|t| &t.resources);
    let of_tenants = resources.filter(|r| r.fields.iter().any(|(_, value)| is_own_secret(value)));
    let mut found: Vec<_> = of_tenants.map(|r| (r.source, r.mark, r.address.to_string())).collect();
    let portals = loaded.desired.portals.iter().filter(|spec| spec.credentials.iter().any(|(_, reference)| is_own(reference)));
    found.extend(portals.filter_map(|spec| Some((spec.source?, Mark { line: 1, column: 1 }, format!("portal {}", spec.name)))));
    for (source, mark, what) in found {
        let Some(key) = documents.get(source.0 as usize) else { continue };
        let place = Range { file: key.path(), line: mark.line, column: mark.column.into(), length: 0, line_text: None };
        let error =
            Diagnostic::error(codes::manifest::BAD_SECRET_REFERENCE, format!("{what}: in a cluster secrets are named by `secretKeyRef`"));
        let error = error.help("put it into a Secret beside the document, and name that").at(Some(place));
        wrong.entry(key.clone()).or_default().insert(0, error);
    }
}

fn is_own_secret(value: &Value) -> bool {
    match value {
        Value::Secret(reference) => is_own(reference),
        Value::List(items) => items.iter().any(is_own_secret),
        Value::Map(entries) => entries.iter().any(|(_, value)| is_own_secret(value)),
        Value::Bool(_) | Value::Integer(_) | Value::Text(_) => false,
    }
}

const fn is_own(reference: &SecretRef) -> bool {
    matches!(reference.source, SecretSource::Env(_) | SecretSource::File(_))
}

fn finish(
    known: &Objects,
    places: &Places<'_>,
    mut desired: Desired,
    invalid: BTreeMap<TenantName, Vec<Diagnostic>>,
    left_out: BTreeMap<ObjectKey, String>,
    documents: Vec<ObjectKey>,
) -> Gathered {
    let mut paused = BTreeSet::new();
    let mut counted: BTreeMap<ObjectKey, Vec<Address>> = BTreeMap::new();
    let namespace = |resource: &Resource| documents.get(resource.source.0 as usize);
    for tenant in desired.tenants.values_mut() {
        for resource in &mut tenant.resources {
            let Some(key) = namespace(resource).cloned() else { continue };
            if !is_tenant(key.kind) {
                counted.entry(key.clone()).or_default().push(resource.address.clone());
            }
            place_secrets(&mut resource.fields, resource.address.kind, &key.namespace);
            let Some(object) = known.get(&key) else { continue };
            if is_tenant(resource.address.kind) {
                if object.asks.paused {
                    paused.insert(resource.address.tenant.clone());
                }
                if let Some(interval) = poll_interval(object) {
                    resource.meta.get_or_insert_default().control.interval = Some(interval);
                }
            } else if object.asks.paused && !is_tenant(key.kind) {
                // A single resource that is paused is looked at and not touched.
                resource.meta.get_or_insert_default().management = Some(Management { create: false, update: false, delete: false });
            }
        }
    }
    desired.portals.iter_mut().for_each(|spec| place_portal(spec, known, places, &left_out, &documents));
    for tenant in desired.tenants.iter_mut().filter(|(name, _)| paused.contains(*name)).map(|(_, t)| t) {
        for organization in tenant.resources.iter_mut().filter(|r| is_tenant(r.address.kind)) {
            organization.meta.get_or_insert_default().control.suspend = Some(true);
        }
    }
    let unread = unread(known, &left_out);
    for (address, ids) in unread {
        if let Some(tenant) = desired.tenants.get_mut(&address.tenant) {
            tenant.unread.insert(address, ids);
        }
    }
    Gathered { desired, invalid, left_out, leaving: places.leaving(), counted }
}

/// What documents declared that count for nothing now, though nobody deleted them: as far as is remembered; else, where the operator has begun anew,
/// what they say that they declare, if the status tells what portals call it. Who only claims an address keeps nothing of another's.
fn unread(known: &Objects, left_out: &BTreeMap<ObjectKey, String>) -> BTreeMap<Address, BTreeSet<Box<str>>> {
    let mut unread = BTreeMap::new();
    let objects = left_out.keys().filter_map(|key| Some((key, known.get(key)?)));
    for (key, object) in objects.filter(|(key, object)| !is_tenant(key.kind) && !object.deleting) {
        if !object.counted.is_empty() {
            unread.extend(object.counted.iter().map(|address| (address.clone(), BTreeSet::new())));
        } else if let Some(address) = object.address(key.kind) {
            let ids = external_ids(&object.status());
            if !ids.is_empty() {
                unread.entry(address).or_insert(ids);
            }
        }
    }
    unread
}

/// What an annotation says for now instead of the manifest.
fn poll_interval(object: &Object) -> Option<Duration> {
    object.asks.poll_interval.as_deref().and_then(crate::model::value::duration)
}

/// A portal's credentials are in its own namespace, and it serves whom it may.
fn place_portal(
    spec: &mut PortalSpec,
    known: &Objects,
    places: &Places<'_>,
    left_out: &BTreeMap<ObjectKey, String>,
    documents: &[ObjectKey],
) {
    let Some(key) = spec.source.and_then(|s| documents.get(s.0 as usize)) else { return };
    for (_, reference) in &mut spec.credentials {
        place_secret(reference, &key.namespace);
    }
    let Some(portal) = known.get(key) else { return };
    if portal.asks.paused {
        spec.control.suspend = Some(true);
    }
    spec.control.interval = poll_interval(portal).or(spec.control.interval);
    places.place(spec, key, portal, left_out);
}

/// Secrets are in the namespace of the document that names them.
fn place_secrets(fields: &mut Fields, kind: Kind, namespace: &str) {
    let secret: Vec<_> =
        fields.iter().filter(|(id, _)| kind.def().field(*id).ty.is_secret()).map(|(id, value)| (id, value.clone())).collect();
    for (id, mut value) in secret {
        place_in(&mut value, namespace);
        fields.set(id, value);
    }
}

fn place_in(value: &mut Value, namespace: &str) {
    match value {
        Value::Secret(reference) => place_secret(reference, namespace),
        Value::List(items) => items.iter_mut().for_each(|item| place_in(item, namespace)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| place_in(value, namespace)),
        Value::Bool(_) | Value::Integer(_) | Value::Text(_) => {}
    }
}

fn place_secret(reference: &mut SecretRef, namespace: &str) {
    if let SecretSource::SecretKeyRef { namespace: of, .. } = &mut reference.source {
        *of = Some(namespace.into());
    }
}

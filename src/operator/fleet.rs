//! From custom resources to what the controller drives: which documents count, what is wrong with the others, and the fleet that is left.
//!
//! Comes in: everything that the cluster has, and who opens portals. Goes out: a [`Gathered`]. One customer's mistake, or malice, costs nobody
//! else anything: a document in a foreign namespace counts for nothing, a tenant with errors is left as it is, and what selects it keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::manifest::{self, Builtins, Loaded, Settings, SourceText};
use crate::model::kind::Placement;
use crate::model::{Desired, Fields, Kind, MSP, Management, Name, PortalSpec, Resource, SecretRef, SecretSource, TenantName, Value};

use super::known::{Object, ObjectKey};
use super::store::{Objects, is_portal, is_tenant};

/// Says what portals have of a kind by themselves for a tenant.
pub(crate) type Names<'a> = &'a (dyn Fn(&[PortalSpec], &TenantName, Kind) -> BTreeSet<String> + Sync);

/// Everything that is declared in the cluster, sorted out.
pub(crate) struct Gathered {
    /// What counts. Each Secret is in the namespace of the document that names it.
    pub(crate) desired: Desired,
    /// Tenants whose documents have errors.
    pub(crate) invalid: BTreeMap<TenantName, Vec<Diagnostic>>,
    /// Documents that count for nothing, and why.
    pub(crate) left_out: BTreeMap<ObjectKey, String>,
}

/// Sorts out what the cluster has. `home` is the namespace of the MSP's own documents; `names` says what portals have by themselves.
pub(crate) fn gather(known: &Objects, home: &str, names: Names<'_>) -> Gathered {
    let mut left_out = foreign(known, home);
    let mut invalid: BTreeMap<TenantName, Vec<Diagnostic>> = BTreeMap::new();
    loop {
        let texts = texts(known, &left_out, &invalid);
        let documents: Vec<ObjectKey> = texts.iter().map(|(key, _)| (*key).clone()).collect();
        let portals = portals(known, &documents);
        let loaded = lower(texts, portals.as_deref(), names);
        let wrong = by_document(&loaded, &documents);
        if wrong.is_empty() && !loaded.has_errors() {
            return finish(known, loaded.desired, invalid, left_out, documents);
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
            return finish(known, desired, invalid, left_out, documents);
        }
    }
}

fn first_words(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .first()
        .map(|d| if d.help.is_empty() { d.summary.clone() } else { format!("{}: {}", d.summary, d.help) })
        .unwrap_or_default()
}

/// Documents in namespaces where they may not stand. What stands there earlier keeps its name.
fn foreign(known: &Objects, home: &str) -> BTreeMap<ObjectKey, String> {
    let mut left_out = BTreeMap::new();
    let mut organizations: BTreeMap<&str, (&ObjectKey, &Object)> = BTreeMap::new();
    for (key, object) in known.iter().map(|(key, o)| (key, o.as_ref())).filter(|(key, o)| is_tenant(key.kind) && !o.deleting) {
        let Some(tenant) = object.tenant.as_deref() else { continue };
        if tenant == MSP {
            // Left out by itself, wherever it stands: its error would hold up what is the MSP's own.
            let why = "`msp` is the MSP itself, and no customer: give the customer another name";
            left_out.insert(key.clone(), why.to_owned());
            continue;
        }
        let age = |(key, object): &(&ObjectKey, &Object)| (object.created, object.uid.clone(), (*key).clone());
        match organizations.get(tenant) {
            Some(known) if age(known) <= age(&(key, object)) => {
                left_out.insert(key.clone(), format!("namespace {} has an organization `{tenant}` already", known.0.namespace));
            }
            Some(known) => {
                left_out.insert(known.0.clone(), format!("namespace {} has an organization `{tenant}` already", key.namespace));
                organizations.insert(tenant, (key, object));
            }
            None => drop(organizations.insert(tenant, (key, object))),
        }
    }
    for (key, object) in known.iter().filter(|(key, _)| !is_tenant(key.kind) && key.kind.def().placement != Placement::Configuration) {
        let Some(tenant) = object.tenant.as_deref() else { continue };
        let why = match organizations.get(tenant) {
            _ if tenant == MSP && key.namespace != home => Some(format!("what belongs to the MSP itself stands in namespace {home}")),
            Some((of, organization)) if of.namespace != key.namespace && !organization.asks.allows(&key.namespace) => Some(format!(
                "the organization `{tenant}` stands in namespace {}; its annotation `tenantry.dev/allow-from` does not name {}",
                of.namespace, key.namespace
            )),
            _ => None,
        };
        left_out.extend(why.map(|why| (key.clone(), why)));
    }
    for (key, object) in known {
        // Variables and files are the operator's own: whoever may write a custom resource may not read them.
        if object.text.contains("\"env\"") || object.text.contains("\"file\"") {
            left_out
                .extend(names_own_secrets(object).then(|| (key.clone(), "in a cluster secrets are named by `secretKeyRef`".to_owned())));
        }
    }
    left_out
}

/// True where a document names a variable or a file as a secret's place.
fn names_own_secrets(object: &Object) -> bool {
    fn walk(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(map) => {
                let place = map.len() == 1 && ["env", "file"].iter().any(|key| map.get(*key).is_some_and(serde_json::Value::is_string));
                place || map.values().any(walk)
            }
            serde_json::Value::Array(items) => items.iter().any(walk),
            _ => false,
        }
    }
    serde_json::from_str(&object.text).is_ok_and(|document: serde_json::Value| walk(&document))
}

/// The texts that are lowered, in the order in which lowering takes them.
fn texts<'k>(
    known: &'k Objects,
    left_out: &BTreeMap<ObjectKey, String>,
    invalid: &BTreeMap<TenantName, Vec<Diagnostic>>,
) -> Vec<(&'k ObjectKey, String)> {
    let is_invalid = |object: &Object| object.tenant.as_deref().is_some_and(|t| invalid.keys().any(|i| i.as_str() == t));
    let text = |(key, object): (&'k ObjectKey, &Arc<Object>)| {
        if left_out.contains_key(key) || object.deleting {
            return None;
        }
        match (is_invalid(object), is_tenant(key.kind)) {
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
fn portals(known: &Objects, documents: &[ObjectKey]) -> Option<Vec<PortalSpec>> {
    let text = |key: &ObjectKey| {
        let object = known.get(key)?;
        let text = if is_tenant(key.kind) { object.stub(key) } else { object.text.to_string() };
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

fn finish(
    known: &Objects,
    mut desired: Desired,
    invalid: BTreeMap<TenantName, Vec<Diagnostic>>,
    left_out: BTreeMap<ObjectKey, String>,
    documents: Vec<ObjectKey>,
) -> Gathered {
    let mut paused = BTreeSet::new();
    let namespace = |resource: &Resource| documents.get(resource.source.0 as usize);
    for tenant in desired.tenants.values_mut() {
        for resource in &mut tenant.resources {
            let Some(key) = namespace(resource).cloned() else { continue };
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
    desired.portals.iter_mut().for_each(|spec| place_portal(spec, known, &documents));
    for tenant in desired.tenants.iter_mut().filter(|(name, _)| paused.contains(*name)).map(|(_, t)| t) {
        for organization in tenant.resources.iter_mut().filter(|r| is_tenant(r.address.kind)) {
            organization.meta.get_or_insert_default().control.suspend = Some(true);
        }
    }
    Gathered { desired, invalid, left_out }
}

/// What an annotation says for now instead of the manifest.
fn poll_interval(object: &Object) -> Option<Duration> {
    object.asks.poll_interval.as_deref().and_then(crate::model::value::duration)
}

/// A portal's credentials are in its own namespace, and it serves the organizations of the namespaces that it allows.
fn place_portal(spec: &mut PortalSpec, known: &Objects, documents: &[ObjectKey]) {
    let Some(key) = spec.source.and_then(|s| documents.get(s.0 as usize)) else { return };
    for (_, reference) in &mut spec.credentials {
        place_secret(reference, &key.namespace);
    }
    let Some(portal) = known.get(key) else { return };
    if portal.asks.paused {
        spec.control.suspend = Some(true);
    }
    spec.control.interval = poll_interval(portal).or(spec.control.interval);
    let allowed: BTreeSet<Name> = known
        .iter()
        .filter(|(of, _)| is_tenant(of.kind) && (of.namespace == key.namespace || portal.asks.allows(&of.namespace)))
        .filter_map(|(_, o)| Name::new(o.tenant.as_deref()?).ok())
        .collect();
    let served = match spec.organizations.take() {
        Some(selected) => selected.into_iter().filter(|name| allowed.contains(name)).collect(),
        None => allowed.into_iter().collect(),
    };
    spec.organizations = Some(served);
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

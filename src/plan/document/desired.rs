//! The desired state of a saved plan's scope, as JSON, there and back.
//!
//! Portals and resources stand there with their fields in a manifest's form (secrets as references, never themselves), what they say about
//! being managed, and the file, line and column of each field, so that an error after `apply plan.json` still points at the manifest.
//! Reading trusts nothing: every name, field, place and index is checked, and all that is wrong is said at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::control::{Control, Management};
use crate::model::desired::{Mark, Meta};
use crate::model::kind::Placement;
use crate::model::kinds::PORTAL;
use crate::model::portal_spec::{AdoptionPolicy, DeletionPolicy, Limits, PortalSpec, Unsupported, WorkOrders};
use crate::model::{
    Address, Desired, Fields, Kind, Name, PortalName, Resource, SecretSource, SourceId, Sources, Tenant, TenantName, Value,
};

/// Writes a scope's desired state: the tenants for which `in_scope` holds, and all portals.
pub fn write_desired(desired: &Desired, in_scope: impl Fn(&TenantName) -> bool) -> Json {
    let tenants = desired
        .tenants
        .iter()
        .filter(|(name, _)| in_scope(name))
        .map(|(name, tenant)| (name.clone(), tenant.resources.iter().map(SavedResource::write).collect()))
        .collect();
    let sources = desired.sources.paths().iter().map(|p| p.to_string()).collect();
    let saved = SavedDesired {
        manifests_digest: desired.manifests_digest.clone(),
        sources,
        portals: desired.portals.iter().map(SavedPortal::write).collect(),
        tenants,
    };
    serde_json::to_value(saved).unwrap_or_default()
}

/// The references to secrets that a manifest may not hold, one sentence each; `customers`: a trusted root stood apart from the manifests, so
/// that a secret's file is below the current folder and a variable is one of those that customers may name.
pub fn refused_references(desired: &Desired, customers: bool) -> Vec<String> {
    let in_portals = desired.portals.iter().flat_map(|p| p.credentials.iter().map(move |(_, s)| (format!("portal {}", p.name), s, false)));
    let in_tenants = desired.resources().flat_map(|r| {
        let secrets = r.fields.iter().flat_map(|(_, value)| value.secrets()).collect::<Vec<_>>();
        secrets.into_iter().map(move |s| (r.address.to_string(), s, customers))
    });
    in_portals
        .chain(in_tenants)
        .filter_map(|(at, secret, customers)| Some(format!("{at}: {}", refused(&secret.source, customers)?)))
        .collect()
}

fn refused(source: &SecretSource, customers: bool) -> Option<String> {
    let leaves = |path: &str| path.starts_with('/') || path.split(['/', '\\']).any(|part| part == "..");
    match source {
        SecretSource::File(path) if customers && leaves(path) => Some(format!("file {path} leads out of the current folder")),
        source => source.may_be_named(customers).err(),
    }
}

/// Reads what [`write_desired`] wrote; every text of the error is one thing that is wrong.
pub(super) fn read_desired(json: Json, customers: bool) -> Result<Desired, Vec<String>> {
    let saved: SavedDesired = serde_json::from_value(json).map_err(|e| vec![format!("desired: {e}")])?;
    let mut errors = Vec::new();
    let files = saved.sources.len();
    let mut sources = Sources::default();
    for path in &saved.sources {
        sources.add(path);
    }
    let mut portals = Vec::new();
    for portal in saved.portals {
        match portal.read(files) {
            Ok(portal) if portals.iter().any(|p: &PortalSpec| p.name == portal.name) => {
                errors.push(format!("portal {} is there twice", portal.name));
            }
            Ok(portal) => portals.push(portal),
            Err(mut more) => errors.append(&mut more),
        }
    }
    let mut tenants = BTreeMap::new();
    for (name, resources) in saved.tenants {
        let resources = read_tenant(&name, resources, files, &mut errors);
        tenants.insert(name, Tenant { resources, ..Tenant::default() });
    }
    let desired = Desired { tenants, portals, sources, manifests_digest: saved.manifests_digest, ..Desired::default() };
    errors.extend(refused_references(&desired, customers));
    if errors.is_empty() { Ok(desired) } else { Err(errors) }
}

fn read_tenant(name: &TenantName, saved: Vec<SavedResource>, files: usize, errors: &mut Vec<String>) -> Vec<Resource> {
    let mut resources = Vec::with_capacity(saved.len());
    for resource in saved {
        if resource.address.tenant != *name {
            errors.push(format!("{} stands under tenant {name}", resource.address));
        }
        match resource.read(files) {
            Ok(resource) => resources.push(resource),
            Err(mut more) => errors.append(&mut more),
        }
    }
    resources.sort_by(|a, b| a.address.cmp(&b.address));
    for pair in resources.windows(2) {
        if let [a, b] = pair
            && a.address == b.address
        {
            errors.push(format!("{} is there twice", a.address));
        }
    }
    resources
}

#[derive(Serialize, Deserialize)]
struct SavedDesired {
    manifests_digest: String,
    sources: Vec<String>,
    portals: Vec<SavedPortal>,
    tenants: BTreeMap<TenantName, Vec<SavedResource>>,
}

#[derive(Serialize, Deserialize)]
struct SavedPortal {
    name: PortalName,
    spec: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct SavedResource {
    address: Address,
    fields: Json,
    source: u32,
    /// Line and column of the document.
    at: (u32, u16),
    /// Line and column of each field, in the order of the kind's table.
    marks: Vec<(u32, u16)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta: Option<SavedMeta>,
}

#[derive(Serialize, Deserialize)]
struct SavedMeta {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    previously: Vec<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    protected: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deletion_policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adoption_policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    management_policies: Option<Vec<String>>,
}

impl SavedResource {
    fn write(resource: &Resource) -> Self {
        let Resource { address, fields, marks, source, mark, meta } = resource;
        Self {
            address: address.clone(),
            fields: fields.to_json(address.kind.def()),
            source: source.0,
            at: (mark.line, mark.column),
            marks: marks.iter().map(|m| (m.line, m.column)).collect(),
            meta: meta.as_deref().map(SavedMeta::write),
        }
    }

    fn read(self, files: usize) -> Result<Resource, Vec<String>> {
        let Self { address, fields, source, at: (line, column), marks, meta } = self;
        let def = address.kind.def();
        let mut errors = Vec::new();
        if def.placement == Placement::Configuration {
            errors.push(format!("{address} is a {}, which belongs to no tenant", def.noun));
        }
        if source as usize >= files {
            errors.push(format!("{address} names file number {source} of {files}"));
        }
        let fields = Fields::from_json(def, &fields).unwrap_or_else(|more| {
            errors.extend(more.into_iter().map(|e| format!("{address}: {e}")));
            Fields::new()
        });
        if errors.is_empty() && marks.len() > fields.len() {
            errors.push(format!("{address} has {} places for {} fields", marks.len(), fields.len()));
        }
        let meta = match meta.map(SavedMeta::read).transpose() {
            Ok(meta) => meta,
            Err(e) => {
                errors.push(format!("{address}: {e}"));
                None
            }
        };
        if !errors.is_empty() {
            return Err(errors);
        }
        let marks = marks.into_iter().map(|(line, column)| Mark { line, column }).collect();
        Ok(Resource { address, fields, marks, source: SourceId(source), mark: Mark { line, column }, meta: meta.map(Box::new) })
    }
}

impl SavedMeta {
    fn write(meta: &Meta) -> Self {
        // No controller applies a saved plan: what it is told stays behind.
        let Meta { external_id, previously, protected, deletion, adoption, management, control: _ } = meta;
        Self {
            external_id: external_id.as_deref().map(str::to_owned),
            previously: previously.clone(),
            protected: *protected,
            deletion_policy: deletion.map(|p| deletion_word(p).to_owned()),
            adoption_policy: adoption.map(|p| adoption_word(p).to_owned()),
            management_policies: management.map(|m| m.words().into_iter().map(str::to_owned).collect()),
        }
    }

    fn read(self) -> Result<Meta, String> {
        let Self { external_id, previously, protected, deletion_policy, adoption_policy, management_policies } = self;
        let deletion = deletion_policy.map(|word| match word.as_str() {
            "Orphan" => Ok(DeletionPolicy::Orphan),
            "Delete" => Ok(DeletionPolicy::Delete),
            _ => Err(format!("`{word}` is no deletion policy")),
        });
        let adoption = adoption_policy.map(|word| match word.as_str() {
            "Refuse" => Ok(AdoptionPolicy::Refuse),
            "IfIdentical" => Ok(AdoptionPolicy::IfIdentical),
            "IfUnowned" => Ok(AdoptionPolicy::IfUnowned),
            "Always" => Ok(AdoptionPolicy::Always),
            _ => Err(format!("`{word}` is no adoption policy")),
        });
        Ok(Meta {
            external_id: external_id.map(Into::into),
            previously,
            protected,
            deletion: deletion.transpose()?,
            adoption: adoption.transpose()?,
            management: management_policies.map(|words| Management::from_words(words.iter().map(String::as_str))),
            control: Control::default(),
        })
    }
}

impl SavedPortal {
    fn write(portal: &PortalSpec) -> Self {
        Self { name: portal.name.clone(), spec: portal_fields(portal).to_json(&PORTAL), source: portal.source.map(|s| s.0) }
    }

    fn read(self, files: usize) -> Result<PortalSpec, Vec<String>> {
        let Self { name, spec, source } = self;
        let fields = Fields::from_json(&PORTAL, &spec)
            .map_err(|errors| errors.into_iter().map(|e| format!("portal {name}: {e}")).collect::<Vec<_>>())?;
        if let Some(at) = source
            && at as usize >= files
        {
            return Err(vec![format!("portal {name} names file number {at} of {files}")]);
        }
        Ok(PortalSpec::from_fields(name, &fields, source.map(SourceId)))
    }
}

/// The inverse of [`PortalSpec::from_fields`], with every default written out.
fn portal_fields(portal: &PortalSpec) -> Fields {
    let PortalSpec {
        name: _,
        profile,
        endpoint,
        credentials,
        organizations,
        // A controller's alone: what is saved was planned by hand.
        serves_msp: _,
        account,
        delete_organizations,
        delete_members,
        adoption,
        unsupported,
        work_orders,
        limits,
        requests_per_minute,
        parallelism,
        management,
        control,
        source: _,
    } = portal;
    let Limits { max_deletes_per_kind, max_deletes_per_tenant, max_deletes_per_run, max_delete_percent, delete_floor, min_administrators } =
        limits;
    let mut fields = Fields::new();
    let mut set = |path: &str, value: Option<Value>| {
        if let (Some((id, _)), Some(value)) = (Kind::Portal.def().field_named(path), value) {
            fields.set(id, value);
        }
    };
    let text = |t: &Option<String>| t.as_ref().map(Value::text);
    let count = |n: u64| Some(Value::Integer(i64::try_from(n).unwrap_or(i64::MAX)));
    set("profile", Some(Value::text(profile)));
    set("endpoint", text(endpoint));
    let mut secrets: Vec<_> = credentials.iter().map(|(k, s)| (Box::from(k.as_str()), Value::Secret(Box::new(s.clone())))).collect();
    secrets.sort();
    set("credentials", (!secrets.is_empty()).then_some(Value::Map(secrets)));
    set("organizations", organizations.as_ref().map(|names| Value::texts(names.iter().map(Name::as_str))));
    set("account.name", text(&account.name));
    set("account.domain", text(&account.domain));
    set("account.email", text(&account.email));
    set("account.kind", text(&account.kind));
    set("account.addOns", (!account.add_ons.is_empty()).then(|| Value::texts(&account.add_ons)));
    set("deletionPolicy.organizations", Some(Value::text(deletion_word(*delete_organizations))));
    set("deletionPolicy.members", Some(Value::text(deletion_word(*delete_members))));
    set("adoptionPolicy", Some(Value::text(adoption_word(*adoption))));
    let word = match unsupported {
        Unsupported::Error => "Error",
        Unsupported::Warning => "Warning",
        Unsupported::Ignore => "Ignore",
    };
    set("unsupported", Some(Value::text(word)));
    let WorkOrders { assignee, assignee_label, due_after_days, believed_for_days } = work_orders;
    set("workOrders.assignee", text(assignee));
    set("workOrders.assigneeLabel", text(assignee_label));
    set("workOrders.dueAfterDays", count(*due_after_days));
    set("workOrders.believedForDays", count(*believed_for_days));
    set("limits.maxDeletesPerKind", count(*max_deletes_per_kind));
    set("limits.maxDeletesPerTenant", count(*max_deletes_per_tenant));
    set("limits.maxDeletesPerRun", count(*max_deletes_per_run));
    set("limits.maxDeletePercent", count(*max_delete_percent));
    set("limits.deleteFloor", count(*delete_floor));
    set("limits.minAdministrators", count(*min_administrators));
    set("budget.requestsPerMinute", count(*requests_per_minute));
    set("budget.parallelism", count(u64::try_from(*parallelism).unwrap_or(u64::MAX)));
    set("managementPolicies", Some(Value::texts(management.words())));
    for (path, value) in control.fields() {
        set(path, Some(value));
    }
    fields
}

const fn deletion_word(policy: DeletionPolicy) -> &'static str {
    match policy {
        DeletionPolicy::Orphan => "Orphan",
        DeletionPolicy::Delete => "Delete",
    }
}

const fn adoption_word(policy: AdoptionPolicy) -> &'static str {
    match policy {
        AdoptionPolicy::Refuse => "Refuse",
        AdoptionPolicy::IfIdentical => "IfIdentical",
        AdoptionPolicy::IfUnowned => "IfUnowned",
        AdoptionPolicy::Always => "Always",
    }
}

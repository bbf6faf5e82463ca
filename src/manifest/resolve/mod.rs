//! All documents together: what no document can know by itself.
//!
//! Comes in: resources that were lowered one by one. Goes out: the tenants, sorted, with references checked and selectors worked out, and
//! what is wrong between documents. Never changes a field other than what a selector picks.
//!
//! Where a document could not be read, nothing is called missing: it may stand in that document.

mod places;
mod references;
mod selectors;
mod unique;

use std::collections::BTreeMap;

use super::Builtins;
use super::lower::{Lowered, Stub};
use super::problem::Findings;
use crate::diagnostic::codes::manifest as codes;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::kind::{Placement, Sense};
use crate::model::{Kind, Mark, Name, PortalSpec, Resource, SourceId, Sources, Tenant, TenantName, Value};

/// The state of a run, worked out.
pub(crate) struct Resolved {
    pub(crate) tenants: BTreeMap<TenantName, Tenant>,
    pub(crate) portals: Vec<PortalSpec>,
    pub(crate) findings: Findings,
}

/// The labels of an organization.
type Labels = Vec<(Box<str>, Box<str>)>;

/// Works out what was lowered. `text` gives a source's text again, to show lines of it.
pub(crate) fn resolve(
    mut lowered: Lowered,
    sources: &Sources,
    builtins: Builtins<'_>,
    text: &dyn Fn(SourceId) -> Option<String>,
) -> Resolved {
    let mut found = Vec::new();
    for file in std::mem::take(&mut lowered.outside) {
        let summary = format!("the file {} is a link that leads out of the folder that may name it", file.path);
        found.push(Located::error(codes::SECRET_FILE_OUTSIDE, summary, file.source, file.mark));
    }
    let batches = std::mem::take(&mut lowered.batches).into_iter().chain([std::mem::take(&mut lowered.resources)]);
    let mut tenants = group(batches, &mut found);
    let mut portals = std::mem::take(&mut lowered.portals);
    sort_and_report_duplicates(&mut portals, &mut found);
    let organizations = organizations(&tenants, std::mem::take(&mut lowered.stubs));
    if !lowered.incomplete {
        undeclared(&tenants, &organizations, &mut found);
        references::check(&tenants, &portals, &organizations, builtins, &mut found);
    }
    let before = found.len();
    selectors::apply(lowered.pending, &mut tenants, &mut portals, &organizations, &mut found);
    if lowered.incomplete {
        // What a selector would pick may stand in what could not be read.
        found.truncate(before);
    }
    unique::check(&tenants, &mut found);
    no_target(&tenants, &mut found);
    reached_though_offboarded(&tenants, &mut found);
    let portals = portals.into_iter().map(|p| PortalSpec::from_fields(p.address.name, &p.fields, Some(p.source))).collect();
    places::report(found, sources, text, &mut lowered.findings);
    Resolved { tenants, portals, findings: lowered.findings }
}

/// A problem whose place is a resource's mark; its line is looked up last, and only for what is shown.
struct Located {
    diagnostic: Diagnostic,
    source: SourceId,
    mark: Mark,
    /// The word at fault, to be found behind the mark.
    word: Option<String>,
    /// What it collides with: address, source and line.
    other: Option<(String, SourceId, u32)>,
}

impl Located {
    fn error(code: Code, summary: impl Into<String>, source: SourceId, mark: Mark) -> Self {
        Self { diagnostic: Diagnostic::error(code, summary), source, mark, word: None, other: None }
    }

    fn warning(code: Code, summary: impl Into<String>, source: SourceId, mark: Mark) -> Self {
        Self { diagnostic: Diagnostic::warning(code, summary), source, mark, word: None, other: None }
    }

    fn about(mut self, resource: &Resource) -> Self {
        self.diagnostic.address = Some(resource.address.to_string());
        self
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.diagnostic.help = help.into();
        self
    }

    fn first_at(mut self, other: &Resource) -> Self {
        self.other = Some((other.address.to_string(), other.source, other.mark.line));
        self
    }
}

/// The resources by tenant, each tenant's sorted and each address once.
fn group(batches: impl Iterator<Item = Vec<Resource>>, found: &mut Vec<Located>) -> BTreeMap<TenantName, Tenant> {
    let mut tenants: BTreeMap<TenantName, Tenant> = BTreeMap::new();
    for mut resource in batches.flatten() {
        if let Some((name, tenant)) = tenants.get_key_value(&resource.address.tenant).map(|(name, _)| name.clone()).and_then(|name| {
            let tenant = tenants.get_mut(&name)?;
            Some((name, tenant))
        }) {
            // Parts were read side by side, each with a text of its own for the same name.
            resource.address.tenant = name;
            tenant.resources.push(resource);
        } else {
            tenants.insert(resource.address.tenant.clone(), Tenant { resources: vec![resource], ..Tenant::default() });
        }
    }
    for tenant in tenants.values_mut() {
        sort_and_report_duplicates(&mut tenant.resources, found);
        tenant.resources.shrink_to_fit();
    }
    tenants
}

fn sort_and_report_duplicates(resources: &mut Vec<Resource>, found: &mut Vec<Located>) {
    resources.sort_by(|a, b| (&a.address, a.source, a.mark).cmp(&(&b.address, b.source, b.mark)));
    resources.dedup_by(|later, first| {
        let same = later.address == first.address;
        if same {
            let summary = format!("{} is declared twice", later.address);
            found.push(Located::error(codes::DUPLICATE_ADDRESS, summary, later.source, later.mark).about(later).first_at(first));
        }
        same
    });
}

/// The organizations that are declared, with their labels; those of unwanted tenants among them.
fn organizations(tenants: &BTreeMap<TenantName, Tenant>, stubs: Vec<Stub>) -> BTreeMap<Name, Labels> {
    let mut all: BTreeMap<Name, Labels> = stubs.into_iter().map(|s| (s.name, s.labels)).collect();
    for (name, tenant) in tenants {
        let declared = tenant.resources.iter().find(|r| r.def().placement == Placement::Tenant);
        if let Some(resource) = declared {
            let labels = resource.def().field_named("labels").and_then(|(id, _)| resource.fields.get(id));
            let pairs = match labels {
                Some(Value::Map(pairs)) => pairs.iter().filter_map(|(k, v)| Some((k.clone(), v.as_text()?.into()))).collect(),
                _ => Vec::new(),
            };
            all.insert(name.clone(), pairs);
        }
    }
    all
}

/// Separate documents need their organization declared; the MSP needs no document.
fn undeclared(tenants: &BTreeMap<TenantName, Tenant>, organizations: &BTreeMap<Name, Labels>, found: &mut Vec<Located>) {
    for (name, tenant) in tenants.iter().filter(|(name, _)| !name.is_msp() && !organizations.contains_key(*name)) {
        let Some(first) = tenant.resources.iter().min_by_key(|r| (r.source, r.mark)) else { continue };
        let known = organizations.keys().map(Name::as_str).chain([crate::model::MSP]);
        let help = super::problem::did_you_mean(name.as_str(), known, codes::UNDECLARED_ORGANIZATION.help);
        let summary = format!("the organization `{name}` is not declared");
        let mut located = Located::error(codes::UNDECLARED_ORGANIZATION, summary, first.source, first.mark).about(first).help(help);
        located.word = Some(name.to_string());
        if tenant.resources.len() > 1 {
            located.diagnostic.detail = format!("{} resources name it", tenant.resources.len());
        }
        found.push(located);
    }
}

/// `offboard` takes the access of an organization's own people away. What the MSP shares and delegates is declared elsewhere, and stays.
fn reached_though_offboarded(tenants: &BTreeMap<TenantName, Tenant>, found: &mut Vec<Located>) {
    for resource in tenants.values().flat_map(|t| &t.resources) {
        let shares = resource.def().with_sense(Sense::Share).filter_map(|(id, _)| resource.fields.get(id)?.as_list());
        let names = shares.flatten().filter_map(Value::as_text).filter_map(|name| Name::new(name).ok());
        for name in names.filter(|name| tenants.get(name).is_some_and(Tenant::offboarded)) {
            let summary = format!("{name} is offboarded, and {} still reaches it", resource.address);
            found.push(Located::warning(codes::OFFBOARDED_IS_REACHED, summary, resource.source, resource.mark).about(resource));
        }
    }
}

/// A rule that targets nobody never notifies.
fn no_target(tenants: &BTreeMap<TenantName, Tenant>, found: &mut Vec<Located>) {
    let def = Kind::NotificationRule.def();
    let rules = tenants.values().flat_map(|t| &t.resources).filter(|r| r.address.kind == Kind::NotificationRule);
    for rule in rules {
        let aims = |value: &Value| value.is_true() || value.as_list().is_some_and(|l| !l.is_empty());
        let targets = def.fields().filter(|(_, f)| f.path.starts_with("target."));
        if !targets.filter_map(|(id, _)| rule.fields.get(id)).any(aims) {
            found.push(Located::error(codes::NO_TARGET, "this notification rule has no target", rule.source, rule.mark).about(rule));
        }
    }
}

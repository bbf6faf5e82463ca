//! A document's tree becomes resources, driven by the kinds' tables.
//!
//! Comes in: a [`Node`] and where it was read. Goes out, into [`Lowered`]: resources with their addresses, what is still to be worked out
//! when all documents are known, and every problem of the document at once. Never looks at another document.

mod fields;
pub(super) mod format;
mod member;
mod metadata;
mod secret;
mod secret_words;
mod value;

use std::collections::HashMap;

use super::problem::{Findings, Place, Problems, a, did_you_mean, shown};
use super::scan::Scanned;
use super::tree::{Data, Entry, Node};
use crate::diagnostic::codes::manifest as codes;
use crate::model::kind::Placement;
use crate::model::{Address, FieldId, Kind, Mark, Name, Resource, SourceId, TenantName};

pub(crate) use format::{DOMAIN_MAX, EMAIL_MAX, URL_MAX};
pub(crate) use member::{COMMON, applies};
pub(crate) use metadata::METADATA;
pub(crate) use secret_words::patterns as secret_key_patterns;
pub(crate) use value::KEY_MAX;

/// The only version of the manifests' form.
pub(crate) const API_VERSION: &str = "tenantry.dev/v1alpha1";
const EXTERNAL_ID: &str = "tenantry.dev/external-id";

/// What a source may declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Everything: there is no other trusted folder.
    Everything,
    /// Portals alone; customers below the trusted folder are another run's business.
    Portals,
    /// Customers alone; a Portal is left out with a warning.
    Customers,
}

/// Where a text comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) id: SourceId,
    pub(crate) path: String,
    /// The folder that its secrets' files may not leave; empty: the working directory.
    pub(crate) root: String,
    /// The manifest's folder below the root.
    pub(crate) below: String,
    pub(crate) trust: Trust,
}

/// A field whose selector waits for all organizations to be known.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) address: Address,
    pub(crate) field: FieldId,
    pub(crate) labels: Vec<(Box<str>, Box<str>)>,
    pub(crate) source: SourceId,
    pub(crate) mark: Mark,
}

/// A relative file that a secret is kept in.
#[derive(Debug)]
pub(crate) struct SecretFile {
    pub(crate) path: Box<str>,
    pub(crate) root: String,
    pub(crate) source: SourceId,
    pub(crate) mark: Mark,
}

/// An organization that is declared and not loaded, because another tenant is wanted.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stub {
    pub(crate) name: TenantName,
    pub(crate) labels: Vec<(Box<str>, Box<str>)>,
}

/// What lowering made of a part of the sources.
#[derive(Debug, Default)]
pub(crate) struct Lowered {
    /// Of the part at hand.
    pub(crate) resources: Vec<Resource>,
    /// Of the parts taken in; kept apart, so that a million resources are not copied.
    pub(crate) batches: Vec<Vec<Resource>>,
    pub(crate) portals: Vec<Resource>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) stubs: Vec<Stub>,
    pub(crate) secret_files: Vec<SecretFile>,
    /// Secrets' files that lie outside of their root by way of a link.
    pub(crate) outside: Vec<SecretFile>,
    pub(crate) findings: Findings,
    /// Something could not be read or named: what is missing may be there.
    pub(crate) incomplete: bool,
    /// There was a document, of whatever kind.
    pub(crate) any_document: bool,
    tenants: HashMap<String, TenantName>,
}

impl Lowered {
    /// Takes in a part that comes later in the run's order.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.batches.extend(other.batches);
        self.batches.push(other.resources);
        self.portals.extend(other.portals);
        self.pending.extend(other.pending);
        self.stubs.extend(other.stubs);
        self.secret_files.extend(other.secret_files);
        self.outside.extend(other.outside);
        self.findings.absorb(other.findings);
        self.incomplete |= other.incomplete;
        self.any_document |= other.any_document;
    }

    /// A tenant's name, one text for all its resources.
    fn tenant(&mut self, text: &str) -> Option<TenantName> {
        if let Some(name) = self.tenants.get(text) {
            return Some(name.clone());
        }
        let name = Name::new(text).ok()?;
        self.tenants.insert(text.to_owned(), name.clone());
        Some(name)
    }

    /// Notes what a cheap look at a document of an unwanted tenant found.
    pub(crate) fn skip(&mut self, scanned: &Scanned<'_>) {
        self.any_document = true;
        if scanned.kind.def().placement == Placement::Tenant
            && let Some(name) = self.tenant(scanned.tenant)
        {
            self.stubs.push(Stub { name, labels: scanned.labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect() });
        }
    }
}

/// Whether a tenant is wanted.
pub(crate) type Only<'a> = Option<&'a (dyn Fn(&str) -> bool + Sync)>;

/// What lowering works with in one document.
pub(crate) struct Cx<'c, 'p> {
    pub(crate) origin: &'c Origin,
    pub(crate) out: &'c mut Lowered,
    pub(crate) problems: &'p mut Problems,
    /// The namespace that the document says it is in.
    pub(crate) namespace: Option<Box<str>>,
}

/// Lowers one document. Empty documents are nothing.
pub(crate) fn document(cx: &mut Cx<'_, '_>, node: &Node<'_>, only: Only<'_>) {
    let is_list = node.get("kind").is_some_and(|k| k.value.as_text() == Some("List"));
    if matches!(node.data, Data::Null) {
        return;
    }
    cx.out.any_document = true;
    if !is_list {
        return single(cx, node, only);
    }
    for entry in node.as_map().unwrap_or_default() {
        if !matches!(&*entry.key, "apiVersion" | "kind" | "metadata" | "items") {
            cx.problems.unknown_field(entry, format!("a List has no field `{}`", shown(&entry.key)));
        }
    }
    match node.get("items").map(|e| (&e.value.data, e.place())) {
        Some((Data::List(items), _)) => items.iter().for_each(|item| single(cx, item, only)),
        other => {
            let place = other.map_or(node.place, |(_, place)| place);
            cx.problems.error(codes::WRONG_TYPE, place, "a List needs a list of manifests under `items`");
        }
    }
}

/// The head of a document: what it declares, and whose.
struct Head<'n, 't> {
    kind: Kind,
    name: Name,
    tenant: TenantName,
    spec: &'n [Entry<'t>],
    external_id: Option<&'n Entry<'t>>,
    place: Place,
}

fn single(cx: &mut Cx<'_, '_>, node: &Node<'_>, only: Only<'_>) {
    let Some(kind) = kind(cx, node) else { return };
    let placement = kind.def().placement;
    let configuration = placement == Placement::Configuration;
    match cx.origin.trust {
        Trust::Portals if !configuration => return,
        Trust::Customers if configuration => {
            let place = node.get("kind").map_or(node.place, |e| e.value.place);
            cx.problems.warning(codes::UNTRUSTED_PORTAL, place, "this Portal stands outside of the trusted folder and is left out");
            return;
        }
        Trust::Everything | Trust::Portals | Trust::Customers => {}
    }
    envelope(cx, node, kind);
    cx.namespace = node.get("metadata").and_then(|m| m.value.get("namespace")).and_then(|n| n.value.as_text()).map(Into::into);
    let Some(head) = head(cx, node, kind) else {
        cx.out.incomplete = true;
        return;
    };
    if !configuration && only.is_some_and(|wanted| !wanted(head.tenant.as_str())) {
        // Another tenant's: only that its organization exists matters, and its labels.
        if placement == Placement::Tenant {
            let labels = fields::labels(head.spec);
            cx.out.stubs.push(Stub { name: head.tenant, labels });
        }
        cx.problems.forget();
        return;
    }
    fields::document(cx, &head);
}

fn kind(cx: &mut Cx<'_, '_>, node: &Node<'_>) -> Option<Kind> {
    const HELP: &str = "write `kind: Organization`, or another kind that `tenantry schema` lists";
    let Some(map) = node.as_map() else {
        cx.problems.error(codes::NOT_A_MANIFEST, node.place, format!("a manifest is a map, not {}", node.describe()));
        return None;
    };
    let Some(entry) = map.iter().find(|e| e.key == "kind") else {
        let place = map.first().map_or(node.place, |e| e.key_place);
        cx.problems.error(codes::NOT_A_MANIFEST, place, "this document has no `kind`");
        return None;
    };
    let Some(text) = entry.value.as_text() else {
        cx.problems.error(codes::WRONG_TYPE, entry.place(), format!("`kind` must be a text, not {}", entry.value.describe())).help(HELP);
        return None;
    };
    if let Some(kind) = Kind::from_name(text) {
        return Some(kind);
    }
    let (summary, help) = match text {
        // A profile lies beside the portals that name it; it is read by them and declares nothing.
        "Profile" => return None,
        "Baseline" | "Policy" => {
            (format!("this version does not know the kind {text} yet"), "take the document out until it does".to_owned())
        }
        _ => (format!("there is no kind `{}`", shown(text)), did_you_mean(text, Kind::ALL.iter().map(|k| k.def().name), HELP)),
    };
    cx.problems.error(codes::UNKNOWN_KIND, entry.place(), summary).help(help);
    None
}

/// Checks what stands around `spec`.
fn envelope(cx: &mut Cx<'_, '_>, node: &Node<'_>, kind: Kind) {
    const KEYS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
    for entry in node.as_map().unwrap_or_default() {
        if !KEYS.contains(&&*entry.key) {
            let help =
                did_you_mean(&entry.key, KEYS.iter().copied(), "a manifest has apiVersion, kind, metadata and spec; fields go under spec");
            cx.problems.unknown_field(entry, format!("a manifest has no field `{}`", shown(&entry.key))).help(help);
        }
    }
    match node.get("apiVersion") {
        Some(e) if e.value.as_text() == Some(API_VERSION) => {}
        Some(e) => {
            let found = e.value.as_text().map_or_else(|| e.value.describe().to_owned(), |t| format!("`{}`", shown(t)));
            cx.problems.error(codes::API_VERSION, e.place(), format!("apiVersion must be `{API_VERSION}`, not {found}"));
        }
        None => {
            let place = node.get("kind").map_or(node.place, |e| e.key_place);
            cx.problems.error(codes::API_VERSION, place, "this document has no `apiVersion`");
        }
    }
    if let Some(entry) = node.get("metadata") {
        let named = node.get("spec").is_some_and(|spec| spec.value.get("name").is_some());
        metadata::check(cx, entry, kind, named);
    }
}

fn head<'n, 't>(cx: &mut Cx<'_, '_>, node: &'n Node<'t>, kind: Kind) -> Option<Head<'n, 't>> {
    let place = node.get("kind").map_or(node.place, |e| e.key_place);
    let place = node.as_map().and_then(<[_]>::first).map_or(place, |e| e.key_place);
    let spec = match node.get("spec") {
        None => &[][..],
        Some(e) => match &e.value.data {
            Data::Map(entries) => entries.as_slice(),
            Data::Null => &[],
            _ => {
                cx.problems.error(codes::WRONG_TYPE, e.place(), format!("`spec` must be a map, not {}", e.value.describe()));
                return None;
            }
        },
    };
    let metadata = node.get("metadata").map(|e| &e.value);
    let own = spec.iter().find(|e| e.key == "name");
    // A name in `spec` frees `metadata.name` for Kubernetes, where it must be unique in a namespace.
    let name = own.or_else(|| metadata.and_then(|m| m.get("name")));
    let Some(name) = name else {
        let place = node.get("metadata").map_or(place, |e| e.key_place);
        cx.problems.error(codes::BAD_NAME, place, "this document has no `metadata.name`").help("add `metadata: {name: …}`");
        return None;
    };
    if metadata.is_none_or(|m| m.get("name").is_none() && m.get("generateName").is_none()) {
        let place = node.get("metadata").map_or(place, |e| e.key_place);
        cx.problems
            .error(codes::BAD_NAME, place, "this document has no `metadata.name`")
            .help("add `metadata: {name: …}`, which in a cluster names the object; it may be any other name");
    }
    let (name_place, name) = (name.place(), member::name(cx, name, own.map_or("metadata.name", |_| "spec.name")));
    let tenant = tenant(cx, kind, spec, name.as_ref(), name_place);
    let annotations = metadata.and_then(|m| m.get("annotations"));
    let external_id = annotations.and_then(|a| a.value.as_map()).and_then(|a| a.iter().find(|e| e.key == EXTERNAL_ID));
    Some(Head { kind, name: name?, tenant: tenant?, spec, external_id, place })
}

/// The tenant that a document belongs to.
fn tenant(cx: &mut Cx<'_, '_>, kind: Kind, spec: &[Entry<'_>], name: Option<&Name>, name_place: Place) -> Option<TenantName> {
    let entry = spec.iter().find(|e| e.key == "organization");
    let noun = kind.def().noun;
    match (kind.def().placement, entry) {
        (Placement::Member { .. }, Some(e)) => {
            let name = member::name(cx, e, "spec.organization")?;
            cx.out.tenant(name.as_str())
        }
        (Placement::Member { .. }, None) => {
            cx.problems
                .error(codes::MISPLACED_ORGANIZATION, name_place, format!("this {noun} belongs to no organization"))
                .help("add `spec.organization: …`; `msp` is the MSP itself");
            None
        }
        (placement, entry) => {
            if let Some(e) = entry {
                let help = match placement {
                    Placement::MspOnly => "take the line out: it belongs to the MSP always",
                    _ => "take the line out",
                };
                cx.problems.error(codes::MISPLACED_ORGANIZATION, e.key_place, format!("{} has no `spec.organization`", a(noun))).help(help);
            }
            if placement != Placement::Tenant {
                return Some(Name::msp());
            }
            let name = name?;
            if name.is_msp() {
                // A portal would make a customer of it: what is the MSP's own is in the portal's own account, which nothing makes.
                cx.problems
                    .error(codes::MSP_IS_NO_CUSTOMER, name_place, "`msp` is the MSP itself, and no customer")
                    .help("give the customer another name; what is the MSP's own says `organization: msp` and needs no Organization");
                return None;
            }
            cx.out.tenant(name.as_str())
        }
    }
}

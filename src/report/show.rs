//! What is: a saved plan, or one tenant as declared, as live and as recorded in the ledger. Comes in: values. Goes out: text, or JSON.
//! Never compares what is declared with what is live: that is a plan's business.

mod by_hand;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub use by_hand::{AttestedState, ByHand, ItemState, ObservedState};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::escape::visible;
use super::style::{Style, Tone, table};
use super::view::plain;
use crate::model::ledger::LedgerState;
use crate::model::live::{Completeness, LiveObject, LiveTenant, ObjectState, normalise_key};
use crate::model::{Address, Desired, Fields, Kind, Origin, PortalName, Tenant, TenantName};
use crate::plan::document::{PlanDocument, lookup, masked_fields};

/// A saved plan in text, as it was shown when it was made.
pub fn plan(document: &PlanDocument, style: &Style) -> String {
    let made = format!("Saved plan, made {} by tenantry {}", document.timestamp, visible(&document.tool_version));
    format!("{}\n\n{}", style.paint(Tone::Dim, &made), super::text::plan(document, style))
}

const fn yes() -> bool {
    true
}

/// One tenant in one portal, from all sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TenantState {
    /// The portal.
    #[schemars(with = "String")]
    pub portal: PortalName,
    /// The tenant.
    #[schemars(with = "String")]
    pub tenant: TenantName,
    /// Everything that is declared, live or in the ledger, by kind and name.
    pub resources: Vec<ResourceState>,
    /// False: the portal could not be read, or was not asked.
    pub read: bool,
    /// False: no manifests were looked at, so that nobody knows what is declared.
    #[serde(default = "yes")]
    pub manifests: bool,
    /// Kinds that were not read to their end, and why.
    pub not_read: BTreeMap<String, String>,
    /// Kinds that no program can read there: what is recorded of them is all that is known.
    #[serde(default)]
    pub unreadable: Vec<String>,
    /// Kinds that are declared and that the portal does not have.
    #[serde(default)]
    pub lacking: Vec<String>,
    /// What technicians said of it, and what they are still asked.
    #[serde(default)]
    pub by_hand: ByHand,
}

/// One resource from all sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceState {
    /// Its kind.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// Its natural key.
    pub natural_key: String,
    /// Its address; `null` for what is live alone.
    #[schemars(with = "Option<String>")]
    pub address: Option<Address>,
    /// The portal's id of it, as live, else as recorded.
    pub remote_id: Option<String>,
    /// Where it is declared, as `file:line`.
    pub declared: Option<String>,
    /// Its fields as declared, secrets masked.
    pub desired: Option<serde_json::Value>,
    /// Its fields as live, secrets masked.
    pub live: Option<serde_json::Value>,
    /// Its state as live: `active`, `invited`, `invitation expired`, `pending`.
    pub live_state: Option<String>,
    /// Its fields as a technician recorded them, secrets masked; `null`: nobody recorded that it is there.
    #[serde(default)]
    pub recorded: Option<serde_json::Value>,
    /// How it became ours: `created` or `adopted`; `null`: it is not ours.
    #[schemars(with = "Option<String>")]
    pub ledger: Option<Origin>,
    /// True if the ledger protects it.
    pub protected: bool,
}

impl TenantState {
    /// A tenant from whatever sides are known; a live object is matched by the id in the ledger, else by its natural key.
    pub fn new(
        portal: &PortalName,
        tenant: &TenantName,
        desired: Option<&Desired>,
        live: Option<&LiveTenant>,
        ledger: Option<&LedgerState>,
    ) -> Self {
        let declared = desired.and_then(|d| d.tenants.get(tenant));
        let mut addresses: BTreeSet<&Address> = declared.iter().flat_map(|t: &&Tenant| t.resources.iter().map(|r| &r.address)).collect();
        addresses.extend(ledger.iter().flat_map(|l| l.rows.keys()));
        let mut known = BTreeSet::new();
        let mut resources = Vec::new();
        for address in addresses {
            let resource = declared.and_then(|t| t.get(address.kind, &address.name));
            let row = ledger.and_then(|l| l.rows.get(address));
            let key = resource.map_or_else(|| row.map(|r| r.key.to_string()).unwrap_or_default(), |r| r.natural_key().to_owned());
            let object = live.and_then(|l| find(l.objects(address.kind), row.and_then(|r| r.id.as_deref()), &key));
            known.extend(object.map(|o| (o.kind, &o.id)));
            resources.push(ResourceState {
                kind: address.kind,
                natural_key: key,
                address: Some(address.clone()),
                remote_id: object.map(|o| o.id.to_string()).or_else(|| row.and_then(|r| r.id.as_deref().map(str::to_owned))),
                declared: resource.and_then(|r| desired.map(|d| format!("{}:{}", d.sources.path(r.source), r.mark.line))),
                desired: resource.map(|r| masked_fields(r.def(), &r.fields)),
                live: object.map(|o| masked_fields(o.def(), &o.fields)),
                live_state: object.map(|o| state_word(o).to_owned()),
                recorded: ledger.and_then(|l| recorded(l, address)),
                ledger: row.map(|r| r.origin),
                protected: row.is_some_and(|r| r.protected),
            });
        }
        let collections = live.iter().flat_map(|l| &l.collections);
        let unknown = collections.clone().flat_map(|(_, c)| &c.objects).filter(|o| !known.contains(&(o.kind, &o.id)));
        resources.extend(unknown.map(unmanaged));
        // Of each kind what has an address first.
        let order = |r: &ResourceState| (r.kind, r.address.is_none(), r.address.clone(), r.natural_key.clone());
        resources.sort_by_cached_key(order);
        let mut page = Self {
            portal: portal.clone(),
            tenant: tenant.clone(),
            resources,
            read: live.is_some(),
            manifests: true,
            not_read: BTreeMap::new(),
            unreadable: Vec::new(),
            lacking: Vec::new(),
            by_hand: ByHand::default(),
        };
        for (nouns, completeness) in collections.map(|(kind, c)| (kind.def().nouns.to_owned(), &c.completeness)) {
            match completeness {
                Completeness::Complete => {}
                Completeness::Incomplete { why } => _ = page.not_read.insert(nouns, why.clone()),
                Completeness::Unreadable => page.unreadable.push(nouns),
            }
        }
        page
    }

    /// With what the portal has: what is declared of other kinds is looked for in vain there.
    #[must_use]
    pub fn having(self, has: impl Fn(Kind) -> bool) -> Self {
        let lacks = |kind: &Kind| !has(*kind);
        let lacking: BTreeSet<_> = self.resources.iter().map(|r| r.kind).filter(lacks).collect();
        Self { lacking: lacking.into_iter().map(|kind| kind.def().nouns.to_owned()).collect(), ..self }
    }

    /// By what is recorded alone: no manifests were looked at.
    #[must_use]
    pub fn without_manifests(self) -> Self {
        Self { manifests: false, ..self }
    }

    /// With what technicians said.
    #[must_use]
    pub fn with(self, by_hand: ByHand) -> Self {
        Self { by_hand, ..self }
    }

    /// The state as a table; with `verbose`, every field as declared and as live.
    pub fn text(&self, style: &Style) -> String {
        let mut out = style.paint(Tone::Heading, &format!("{} (portal {})", self.tenant, self.portal)) + "\n";
        if self.resources.is_empty() {
            out.push_str("  nothing is declared, live or recorded\n");
        }
        let rows: Vec<_> = self.resources.iter().map(|resource| self.row(resource)).collect();
        if style.verbose {
            for (row, resource) in rows.iter().zip(&self.resources) {
                out.push_str(&table(std::slice::from_ref(row), 2));
                resource.fields(&mut out, self.is_unreadable(resource));
            }
        } else {
            out.push_str(&table(&rows, 2));
        }
        for (nouns, why) in &self.not_read {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {nouns} were not read to their end: {}", visible(why));
        }
        if !self.unreadable.is_empty() {
            let nouns = self.unreadable.join(", ");
            let _ = writeln!(out, "  No program can read the {nouns} of this portal: what technicians recorded of them is shown");
        }
        self.by_hand.text(&mut out, style, &self.resources.iter().filter_map(|r| r.address.as_ref()).collect());
        out
    }

    fn is_unreadable(&self, resource: &ResourceState) -> bool {
        resource.live.is_none() && self.unreadable.iter().any(|nouns| nouns == resource.kind.def().nouns)
    }

    fn is_lacking(&self, resource: &ResourceState) -> bool {
        resource.live.is_none() && self.lacking.iter().any(|nouns| nouns == resource.kind.def().nouns)
    }

    fn row(&self, resource: &ResourceState) -> Vec<String> {
        let recorded = || resource.address.as_ref().and_then(|address| self.by_hand.of(address)).map(AttestedState::words);
        let unseen = || match self.read {
            _ if self.is_lacking(resource) => format!("this portal has no {}", resource.kind.def().nouns),
            false if self.manifests => "not read".to_owned(),
            false => "portal not asked".to_owned(),
            true if self.is_unreadable(resource) => "nobody recorded it yet".to_owned(),
            true => "not seen".to_owned(),
        };
        let declared = match &resource.declared {
            Some(place) => format!("declared at {}", visible(place)),
            None if self.manifests => "not declared".to_owned(),
            None => "manifests not read".to_owned(),
        };
        resource.row(declared, resource.live_state.clone().or_else(recorded).unwrap_or_else(unseen))
    }

    /// The state as JSON, indented, with a newline at its end.
    pub fn json(&self) -> String {
        // Strings and maps with string keys: there is nothing here that JSON cannot say.
        serde_json::to_string_pretty(self).map(|json| json + "\n").unwrap_or_default()
    }
}

impl ResourceState {
    fn row(&self, declared: String, state: String) -> Vec<String> {
        let slug = self.kind.def().slug;
        let name = self.address.as_ref().map_or_else(|| format!("{slug} (unmanaged)"), |a| format!("{slug}/{}", a.name));
        let ours = match self.ledger {
            Some(Origin::Created) => "ours, created",
            Some(Origin::Adopted) => "ours, adopted",
            None => "not ours",
        };
        let protected = if self.protected { ", protected" } else { "" };
        vec![
            name,
            visible(&self.natural_key).into_owned(),
            declared,
            state,
            format!("{ours}{protected}"),
            self.remote_id.as_ref().map_or_else(String::new, |id| format!("id {}", visible(id))),
        ]
    }

    fn fields(&self, out: &mut String, unreadable: bool) {
        let def = self.kind.def();
        let at = |side: &Option<serde_json::Value>, path: &str| {
            side.as_ref().and_then(|s| s.as_object()).and_then(|s| lookup(s, path)).map(plain)
        };
        for (_, field) in def.fields() {
            let (declared, live) = (at(&self.desired, field.path), at(&self.live, field.path));
            let recorded = at(&self.recorded, field.path);
            let said = match (declared, live, recorded) {
                (None, None, None) => continue,
                (Some(declared), Some(live), _) if declared == live => declared,
                (Some(declared), Some(live), _) => format!("{declared} (live: {live})"),
                (Some(declared), None, Some(recorded)) if declared != recorded => format!("{declared} (recorded: {recorded})"),
                (Some(declared), None, None) if !unreadable => format!("{declared} (live: not shown)"),
                (Some(declared), None, _) => declared,
                (None, Some(live), _) => format!("{live} (live only)"),
                (None, None, Some(recorded)) => format!("{recorded} (recorded only)"),
            };
            let _ = writeln!(out, "      {}: {said}", field.path);
        }
    }
}

fn find<'a>(objects: &'a [LiveObject], id: Option<&str>, key: &str) -> Option<&'a LiveObject> {
    match id {
        Some(id) => objects.iter().find(|o| *o.id == *id),
        None => objects.iter().find(|o| o.key == normalise_key(key)),
    }
}

fn unmanaged(object: &LiveObject) -> ResourceState {
    ResourceState {
        kind: object.kind,
        natural_key: object.key.to_string(),
        address: None,
        remote_id: Some(object.id.to_string()),
        declared: None,
        desired: None,
        live: Some(masked_fields(object.def(), &object.fields)),
        live_state: Some(state_word(object).to_owned()),
        recorded: None,
        ledger: None,
        protected: false,
    }
}

const fn state_word(object: &LiveObject) -> &'static str {
    match object.state {
        ObjectState::Active => "active",
        ObjectState::Invited => "invited",
        ObjectState::InvitationExpired => "invitation expired",
        ObjectState::Pending => "pending",
    }
}

/// The fields that a technician recorded of what is there.
fn recorded(ledger: &LedgerState, address: &Address) -> Option<serde_json::Value> {
    let attestation = ledger.attestations.get(address).filter(|a| a.present)?;
    let fields = Fields::from_json(address.kind.def(), &attestation.fields).ok()?;
    Some(masked_fields(address.kind.def(), &fields))
}

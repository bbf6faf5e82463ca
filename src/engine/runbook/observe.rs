//! What a portal's screens show, held against what is recorded.
//!
//! Comes in: a table, what its profile says that its columns show, what is declared, and the ledger's states. Goes out: [`Seen`], or everything
//! that makes the table ambiguous, and then nothing of it is recorded. [`record`] writes what was seen, in one commit.
//!
//! A row that is missing is never taken for deleted unless a person said that the whole table was exported, and then only within the portal's
//! limits: half a table looks like a mass deletion.

mod cells;
mod columns;
mod elsewhere;
mod known;
mod look;

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{AuditRecord, Ledger, LedgerError, LockId, Write};
use crate::model::ledger::Attestation;
use crate::model::live::normalise_key;
use crate::model::portal_spec::{AdoptionPolicy, Limits};
use crate::model::work_order::Observation;
use crate::model::{Address, Desired, Fields, LedgerState, LiveObject, Name, ObjectState, PortalName, PortalSpec, TenantName};
use crate::portal::Profile;
use crate::portal::profile::technician::CompiledTable;

use super::records::until;
use super::table::{Row, Table};
use super::{Refusal, Voice, Why};
use columns::Columns;
use known::{Known, Matched, Matches};
use look::Shown;

/// What a table is held against.
pub struct Against<'a> {
    /// The portal.
    pub spec: &'a PortalSpec,
    /// Its profile.
    pub profile: &'a Profile,
    /// What the table's columns show.
    pub table: &'a CompiledTable,
    /// What is declared.
    pub desired: &'a Desired,
    /// What the ledger has, of every tenant that the table may show.
    pub states: &'a BTreeMap<TenantName, LedgerState>,
    /// What the ledger has of the other tenants: a row of theirs in a table of one tenant says that it is the wrong table.
    pub others: &'a BTreeMap<TenantName, LedgerState>,
    /// The tenant that a person named.
    pub tenant: Option<&'a TenantName>,
    /// A person says that the whole table was exported.
    pub complete: bool,
}

/// What a table came to.
#[derive(Debug, Default)]
pub struct Seen {
    /// Seen, and as recorded.
    pub in_step: Vec<Address>,
    /// Seen, and other than recorded.
    pub drift: Vec<Drifted>,
    /// Seen, and not ours: declared or recorded, and the ledger has no row of it.
    pub not_yet: Vec<NotYet>,
    /// Recorded, and not in the table.
    pub missing: Vec<Address>,
    /// In the table, and nobody's that we know.
    pub unknown: Vec<Stranger>,
    /// What the table contradicts while an item of a work order is open for it, with the item's reference.
    pub awaiting: Vec<(Address, Box<str>)>,
    /// What the portal shows of tenants beside what is declared: tenant, name, value.
    pub observed: Vec<(TenantName, String, String)>,
    /// What is worth knowing.
    pub warnings: Vec<String>,
    /// What is to be recorded.
    attestations: Vec<Attestable>,
}

/// One resource that the table shows otherwise than it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drifted {
    /// Which.
    pub address: Address,
    /// Each difference; a field with an empty path is the object itself.
    pub fields: Vec<Difference>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field's path.
    pub field: &'static str,
    /// As recorded; empty: nothing.
    pub recorded: String,
    /// As shown; empty: nothing.
    pub shown: String,
}

/// What is there and not ours. To see it makes nothing ours: a plan adopts it, as the policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotYet {
    /// Which.
    pub address: Address,
    /// The adoption policy that holds for it; `None`: nothing declares it.
    pub policy: Option<AdoptionPolicy>,
    /// What was seen otherwise than it is declared; `recorded` has what is declared.
    pub differs: Vec<Difference>,
    /// The declared fields of which nobody has recorded anything.
    pub unseen: Vec<&'static str>,
}

/// A row of nobody that we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// Its number.
    pub row: usize,
    /// What identifies it, as shown.
    pub shown: String,
    /// Its tenant, if that is known.
    pub tenant: Option<TenantName>,
    /// True: the portal's own, such as a system user.
    pub portals_own: bool,
}

#[derive(Debug)]
struct Attestable {
    address: Address,
    present: bool,
    fields: serde_json::Value,
    id: Option<String>,
}

/// Holds a table against what is recorded.
///
/// # Errors
/// When the table is another tenant's, it does not tell which resource a row is, a row is two resources or two rows are one, a cell does not fit its field, or so much
/// is missing from a table said to be complete that it more likely is not.
pub fn compare(against: &Against<'_>, table: &Table) -> Result<Seen, Refusal> {
    let columns = Columns::of(against, table).map_err(incomplete)?;
    let known = Known::of(against);
    let Matches { matched, others, mut problems } = known.match_rows(&columns, table);
    elsewhere::check(against, &columns, &matched)?;
    let mut seen = Seen { warnings: columns.warnings(), ..Seen::default() };
    seen.warnings.extend(elsewhere::passed_over(against, &others));
    let mut shown: BTreeMap<&Address, usize> = BTreeMap::new();
    for (row, matched) in &matched {
        let Matched { resource, tenant } = matched;
        observed_values(&columns, row, tenant.as_ref(), &mut seen);
        let fields = columns.fields(row).unwrap_or_else(|why| {
            problems.extend(why);
            Fields::new()
        });
        match resource {
            None => seen.unknown.push(stranger(against, &columns, row, tenant.clone(), fields)),
            Some(resource) => match shown.insert(&resource.address, row.number) {
                Some(other) => problems.push(format!("rows {other} and {} are both {}", row.number, resource.address)),
                None => seen.look(against, resource, &columns.shown(row, resource, &fields)),
            },
        }
    }
    agree(&mut seen);
    if !problems.is_empty() {
        return Err(incomplete(problems));
    }
    let covered: BTreeSet<_> = shown.into_keys().collect();
    seen.look_for_missing(against, &known, &covered)?;
    Ok(seen)
}

/// Records what was seen.
///
/// # Errors
/// When the ledger cannot be written, or the lock does not cover it.
pub async fn record(
    ledger: &dyn Ledger,
    lock: &LockId,
    spec: &PortalSpec,
    table: &str,
    seen: &Seen,
    voice: &Voice,
) -> Result<(), LedgerError> {
    let portal = &spec.name;
    let mut writes = Vec::new();
    for Attestable { address, present, fields, id } in &seen.attestations {
        let attestation = Attestation {
            address: address.clone(),
            present: *present,
            fields: fields.clone(),
            id: id.clone(),
            by: voice.by.clone(),
            at: voice.now,
            until: until(voice.now, voice.believed_for_days),
        };
        writes.push(Write::Attest(portal.clone(), attestation));
    }
    for (tenant, name, value) in &seen.observed {
        let observation = Observation { value: value.clone(), at: voice.now, by: Some(voice.by.clone()) };
        writes.push(Write::Observe(portal.clone(), tenant.clone(), name.as_str().into(), observation));
    }
    if writes.is_empty() {
        return Ok(());
    }
    let changed = seen.drift.iter().map(|d| (&d.address, differences(d))).chain(seen.gone().map(|a| (a, "not in the table".to_owned())));
    writes.extend(changed.map(|(address, result)| noted(portal, address, table, result, voice)).collect::<Vec<_>>());
    ledger.commit(lock, writes).await
}

fn noted(portal: &PortalName, address: &Address, table: &str, result: String, voice: &Voice) -> Write {
    Write::Audit(AuditRecord {
        at: voice.now,
        who: voice.by.clone(),
        ticket: None,
        plan: String::new(),
        approval: "by hand".to_owned(),
        portal: portal.clone(),
        address: address.clone(),
        request: format!("runbook observe: {table}"),
        result,
    })
}

fn differences(drifted: &Drifted) -> String {
    let fields: Vec<_> = drifted.fields.iter().map(|d| if d.field.is_empty() { "it is there" } else { d.field }).collect();
    format!("shown otherwise: {}", fields.join(", "))
}

impl Seen {
    /// What is recorded as gone.
    pub fn gone(&self) -> impl Iterator<Item = &Address> {
        self.attestations.iter().filter(|a| !a.present).map(|a| &a.address)
    }

    /// One resource that the table shows.
    fn look(&mut self, against: &Against<'_>, resource: &known::Resource<'_>, shown: &Shown) {
        let address = &resource.address;
        if let Some(reference) = resource.open_item(against) {
            return self.awaiting.push((address.clone(), reference.into()));
        }
        let recorded = look::record(resource, shown);
        let fields = look::differences(resource, shown);
        if resource.row.is_none() {
            self.not_yet.push(look::not_yet(against, resource, &recorded));
        } else if fields.is_empty() {
            self.in_step.push(address.clone());
        } else {
            self.drift.push(Drifted { address: address.clone(), fields });
        }
        self.attestations.push(recorded);
    }

    fn look_for_missing(&mut self, against: &Against<'_>, known: &Known<'_>, shown: &BTreeSet<&Address>) -> Result<(), Refusal> {
        let recorded: Vec<_> = known.resources().filter(|r| r.is_recorded()).collect();
        for resource in recorded.iter().filter(|r| !shown.contains(&r.address)) {
            match resource.open_item(against) {
                Some(reference) => self.awaiting.push((resource.address.clone(), reference.into())),
                None => self.missing.push(resource.address.clone()),
            }
        }
        if against.complete && !self.missing.is_empty() {
            guard(&against.spec.limits, self.missing.len(), recorded.len(), shown.is_empty(), against)?;
            let empty = || serde_json::json!({});
            let gone = |address: &Address| Attestable { address: address.clone(), present: false, fields: empty(), id: None };
            self.attestations.extend(self.missing.iter().map(gone));
        }
        Ok(())
    }
}

/// The portal's limits on deletions hold for what is found to be gone, too.
fn guard(limits: &Limits, missing: usize, recorded: usize, none_shown: bool, against: &Against<'_>) -> Result<(), Refusal> {
    let (missing, recorded) = (missing as u64, recorded as u64);
    let share = (missing * 100).div_ceil(recorded.max(1));
    let over = if none_shown {
        "an empty table is more likely a failed export".to_owned()
    } else if missing > limits.max_deletes_per_kind {
        format!("at most {} may vanish at once", limits.max_deletes_per_kind)
    } else if missing > limits.delete_floor && share > limits.max_delete_percent {
        format!("that is {share} %, and at most {} % may vanish at once", limits.max_delete_percent)
    } else {
        return Ok(());
    };
    let nouns = against.table.kind.def().nouns;
    let what = format!("{missing} of {recorded} recorded {nouns} are not in the table: {over}; nothing was recorded");
    let remedy =
        "see whether the whole table was exported, every page and without a filter; if they are gone, raise the limits of the Portal";
    Err(Refusal { why: Why::Mismatch, lines: vec![what, remedy.to_owned()] })
}

fn incomplete(lines: Vec<String>) -> Refusal {
    Refusal { why: Why::Incomplete, lines }
}

fn observed_values(columns: &Columns<'_>, row: &Row, tenant: Option<&TenantName>, seen: &mut Seen) {
    let Some(tenant) = tenant else { return };
    let values = columns.observed(row).filter(|(_, value)| !value.is_empty());
    seen.observed.extend(values.map(|(name, value)| (tenant.clone(), name.to_owned(), value.to_owned())));
}

/// A value of a tenant is one value: where rows disagree, none is taken.
fn agree(seen: &mut Seen) {
    seen.observed.sort();
    seen.observed.dedup();
    let mut count: BTreeMap<(TenantName, String), usize> = BTreeMap::new();
    for (tenant, name, _) in &seen.observed {
        *count.entry((tenant.clone(), name.clone())).or_default() += 1;
    }
    count.retain(|_, n| *n > 1);
    seen.observed.retain(|(tenant, name, _)| !count.contains_key(&(tenant.clone(), name.clone())));
    let told = count.keys().map(|(tenant, name)| format!("the rows of {tenant} show different values of {name}: none was recorded"));
    seen.warnings.extend(told);
}

fn stranger(against: &Against<'_>, columns: &Columns<'_>, row: &Row, tenant: Option<TenantName>, fields: Fields) -> Stranger {
    let kind = against.table.kind;
    let key = columns.key(row).or_else(|| columns.shown_name(row)).unwrap_or_default();
    let object = LiveObject {
        kind,
        id: columns.id(row).unwrap_or_default().into(),
        key: normalise_key(key),
        fields,
        state: ObjectState::Active,
        owner: None,
        created_by: None,
        portals_own: false,
    };
    let builtin = against.profile.capabilities().kind(kind).is_some_and(|c| c.builtin.iter().any(|b| normalise_key(b) == object.key));
    let portals_own = builtin || against.profile.is_portals_own(&object);
    let shown = columns.identity(row);
    Stranger { row: row.number, shown, tenant, portals_own }
}

/// The tenants that a table of a portal may show: those declared for it and those that the ledger knows there.
pub fn tenants(desired: &Desired, known: &[(PortalName, TenantName)], spec: &PortalSpec, only: Option<&TenantName>) -> Vec<TenantName> {
    let declared = desired.tenants.keys().filter(|t| spec.serves(t));
    let recorded = known.iter().filter(|(portal, _)| *portal == spec.name).map(|(_, tenant)| tenant);
    let msp = Name::msp();
    let all: BTreeSet<_> = declared.chain(recorded).chain(std::iter::once(&msp)).filter(|t| only.is_none_or(|o| o == *t)).collect();
    all.into_iter().cloned().collect()
}

//! What each [`Write`] does to the tables, as SQL that SQLite and PostgreSQL both understand: one meaning, two stores.
//!
//! Comes in: writes. Goes out: [`Step`]s, to be run in order inside one transaction. Never touches a store. Parameters are `$1`, `$2` … and
//! each first appears in this order, because SQLite numbers them by appearance.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{LedgerError, Write, codec};
use crate::model::ledger::{Attestation, Intent, LedgerRow, Tombstone};
use crate::model::work_order::{Observation, WorkItem, WorkState};
use crate::model::{Address, Origin, PortalName, TenantName};

/// One statement with its parameters.
pub(super) struct Step<'a> {
    pub(super) sql: &'static str,
    pub(super) params: Vec<Param<'a>>,
    /// What is wrong if it touches no row; `None`: nothing.
    pub(super) on_none: Option<String>,
    /// What is wrong if a row is there already.
    pub(super) on_duplicate: Option<String>,
}

/// One parameter, as both stores take it.
pub(super) enum Param<'a> {
    Text(Cow<'a, str>),
    MaybeText(Option<&'a str>),
    Integer(i64),
    Bool(bool),
    Bytes(Option<Vec<u8>>),
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

/// Counts the commit; the last step of each.
pub(super) const COUNT: &str = "UPDATE tenantry_meta SET serial = serial + 1";

/// Takes the id of a lost ledger's installation. No row: the ledger is not empty.
pub(super) const CLAIM: &str = "UPDATE tenantry_meta SET installation = $1, serial = serial + 1
    WHERE NOT EXISTS (SELECT 1 FROM tenantry_objects) AND NOT EXISTS (SELECT 1 FROM tenantry_intents)
    AND NOT EXISTS (SELECT 1 FROM tenantry_attestations) AND NOT EXISTS (SELECT 1 FROM tenantry_locks)";

/// Marks the lock with the commit made under it; the first step of each. No row: the lock is lost, or this very commit happened already and
/// only its answer was lost. In PostgreSQL it also waits for such a commit to end, and keeps others from taking the lock over until this one has.
pub(super) const MARK: &str = "UPDATE tenantry_locks SET last_commit = $1 WHERE id = $2 AND last_commit IS DISTINCT FROM $1";

const INTEND: &str = "INSERT INTO tenantry_intents (portal, tenant, id, kind, name, natural_key, action, object, at, plan, unknown, fate)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (portal, tenant, id) DO UPDATE SET kind = excluded.kind, name = excluded.name, natural_key = excluded.natural_key,
    action = excluded.action, object = excluded.object, at = excluded.at, plan = excluded.plan, unknown = excluded.unknown,
    fate = excluded.fate";
const SETTLE: &str = "DELETE FROM tenantry_intents WHERE portal = $1 AND tenant = $2 AND id = $3";
const MARK_UNKNOWN: &str = "UPDATE tenantry_intents SET unknown = $1 WHERE portal = $2 AND tenant = $3 AND id = $4";
/// The owner is nearly always this installation: then the column is null, a million times over.
const PUT: &str = "INSERT INTO tenantry_objects
    (portal, tenant, kind, name, id, natural_key, owner, adopted, released, protected, applied, secrets)
    VALUES ($1, $2, $3, $4, $5, $6, NULLIF($7, (SELECT installation FROM tenantry_meta)), $8, $9, $10, $11, $12)
    ON CONFLICT (portal, tenant, kind, name) DO UPDATE SET id = excluded.id, natural_key = excluded.natural_key, owner = excluded.owner,
    adopted = excluded.adopted, released = excluded.released, protected = excluded.protected, applied = excluded.applied,
    secrets = excluded.secrets";
const MOVE_ROW: &str =
    "UPDATE tenantry_objects SET tenant = $1, kind = $2, name = $3 WHERE portal = $4 AND tenant = $5 AND kind = $6 AND name = $7";
const MOVE_ATTESTATION: &str =
    "UPDATE tenantry_attestations SET tenant = $1, kind = $2, name = $3 WHERE portal = $4 AND tenant = $5 AND kind = $6 AND name = $7";
const MOVE_INTENTS: &str =
    "UPDATE tenantry_intents SET tenant = $1, kind = $2, name = $3 WHERE portal = $4 AND tenant = $5 AND kind = $6 AND name = $7";
const MOVE_WORK: &str =
    "UPDATE tenantry_work SET tenant = $1, kind = $2, name = $3 WHERE portal = $4 AND tenant = $5 AND kind = $6 AND name = $7";
const DROP_ATTESTATION: &str = "DELETE FROM tenantry_attestations WHERE portal = $1 AND tenant = $2 AND kind = $3 AND name = $4";
const REMOVE: &str = "DELETE FROM tenantry_objects WHERE portal = $1 AND tenant = $2 AND kind = $3 AND name = $4";
const BURY: &str = "INSERT INTO tenantry_tombstones (portal, tenant, kind, name, id, at) VALUES ($1, $2, $3, $4, $5, $6)";
const ATTEST: &str = "INSERT INTO tenantry_attestations (portal, tenant, kind, name, at, body) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (portal, tenant, kind, name) DO UPDATE SET at = excluded.at, body = excluded.body
    WHERE excluded.at >= tenantry_attestations.at";
const WORK: &str = "INSERT INTO tenantry_work (portal, tenant, kind, name, intent, given, waits, follows, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (portal, tenant, intent) DO UPDATE SET kind = excluded.kind, name = excluded.name, given = excluded.given,
    waits = excluded.waits, follows = excluded.follows, body = excluded.body";
/// An item keeps every name that it ever had.
const NAME: &str = "INSERT INTO tenantry_work_names (name, item)
    SELECT $1, seq FROM tenantry_work WHERE portal = $2 AND tenant = $3 AND intent = $4 ON CONFLICT (name, item) DO NOTHING";
const OBSERVE: &str = "INSERT INTO tenantry_observed (portal, tenant, name, at, body) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (portal, tenant, name) DO UPDATE SET at = excluded.at, body = excluded.body WHERE excluded.at >= tenantry_observed.at";
pub(super) const AUDIT: &str = "INSERT INTO tenantry_audit (body) VALUES ($1)";

/// The steps of these writes, in order.
pub(super) fn steps(writes: &[Write]) -> Result<Vec<Step<'_>>, LedgerError> {
    let mut steps = Vec::with_capacity(writes.len() + 1);
    for write in writes {
        match write {
            Write::Intend(portal, intent) => steps.push(intend(portal, intent)?),
            Write::Settle(portal, tenant, id) => steps.push(Step::new(SETTLE, vec![text(portal), text(tenant), (&**id).into()])),
            Write::MarkUnknown(portal, tenant, id) => steps.push(Step {
                on_none: Some(format!("{tenant} in portal {portal} has no open intent {id}")),
                ..Step::new(MARK_UNKNOWN, vec![Param::Bool(true), text(portal), text(tenant), (&**id).into()])
            }),
            Write::Put(portal, row) => steps.push(put(portal, row)?),
            Write::Move(portal, from, to) => relocate(portal, from, to, &mut steps)?,
            Write::Remove(portal, address, tombstone) => {
                steps.push(Step::new(REMOVE, at(portal, address)));
                steps.extend(tombstone.as_ref().map(|t| bury(portal, t)));
            }
            Write::Attest(portal, attestation) => steps.push(attest(portal, attestation)?),
            Write::Unattest(portal, address) => steps.push(Step::new(DROP_ATTESTATION, at(portal, address))),
            Write::Work(portal, item) => {
                steps.push(work(portal, item)?);
                steps.extend(names(portal, item));
            }
            Write::Observe(portal, tenant, name, seen) => steps.push(observe(portal, tenant, name, seen)?),
            Write::Audit(record) => steps.push(Step::new(AUDIT, vec![Param::Text(codec::json(record)?.into())])),
        }
    }
    Ok(steps)
}

/// The portals and tenants that these writes are about, sorted: the lock must cover them.
pub(super) fn units(writes: &[Write]) -> BTreeSet<(&PortalName, &TenantName)> {
    let mut units = BTreeSet::new();
    for write in writes {
        match write {
            Write::Intend(portal, intent) => units.insert((portal, &intent.address.tenant)),
            Write::Settle(portal, tenant, _) | Write::MarkUnknown(portal, tenant, _) => units.insert((portal, tenant)),
            Write::Put(portal, row) => units.insert((portal, &row.address.tenant)),
            Write::Move(portal, from, to) => {
                units.insert((portal, &from.tenant));
                units.insert((portal, &to.tenant))
            }
            Write::Remove(portal, address, tombstone) => {
                units.extend(tombstone.as_ref().map(|t| (portal, &t.address.tenant)));
                units.insert((portal, &address.tenant))
            }
            Write::Attest(portal, attestation) => units.insert((portal, &attestation.address.tenant)),
            Write::Unattest(portal, address) => units.insert((portal, &address.tenant)),
            Write::Work(portal, item) => units.insert((portal, &item.address.tenant)),
            Write::Observe(portal, tenant, _, _) => units.insert((portal, tenant)),
            Write::Audit(record) => units.insert((&record.portal, &record.address.tenant)),
        };
    }
    units
}

/// The refusal of writes about a portal and tenant that the lock does not cover.
pub(super) fn not_covered(portal: &PortalName, tenant: &TenantName) -> LedgerError {
    LedgerError::Conflict(format!("{tenant} in portal {portal} is not locked by this run: take its lock first"))
}

impl<'a> Step<'a> {
    fn new(sql: &'static str, params: Vec<Param<'a>>) -> Self {
        Self { sql, params, on_none: None, on_duplicate: None }
    }
}

fn text(name: &PortalName) -> Param<'_> {
    name.as_str().into()
}

fn at<'a>(portal: &'a PortalName, address: &'a Address) -> Vec<Param<'a>> {
    let mut params = vec![text(portal)];
    params.extend(here(address));
    params
}

fn here(address: &Address) -> [Param<'_>; 3] {
    [text(&address.tenant), address.kind.def().slug.into(), text(&address.name)]
}

fn intend<'a>(portal: &'a PortalName, intent: &'a Intent) -> Result<Step<'a>, LedgerError> {
    // No `..`: a new part of an intent has to be written down here.
    let Intent { id, address, key, action, object, at, plan, unknown, fate } = intent;
    let [tenant, kind, name] = here(address);
    let began = Param::Integer(codec::nanos(*at));
    let action = action.word().into();
    let object = Param::MaybeText(object.as_deref());
    let params = vec![
        text(portal),
        tenant,
        (&**id).into(),
        kind,
        name,
        (&**key).into(),
        action,
        object,
        began,
        (&**plan).into(),
        Param::Bool(*unknown),
        Param::Text(codec::json(fate)?.into()),
    ];
    Ok(Step::new(INTEND, params))
}

fn put<'a>(portal: &'a PortalName, row: &'a LedgerRow) -> Result<Step<'a>, LedgerError> {
    let LedgerRow { address, id, key, owner, origin, released, protected, applied, secrets } = row;
    if owner.is_empty() {
        return Err(LedgerError::Conflict(format!("{address} has no owner: an object without one would be anybody's")));
    }
    let mut params = at(portal, address);
    params.extend([
        Param::MaybeText(id.as_deref()),
        (&**key).into(),
        (&**owner).into(),
        Param::Bool(*origin == Origin::Adopted),
        Param::Bool(*released),
        Param::Bool(*protected),
        Param::Bytes(codec::pack(applied)?),
        Param::Bytes(codec::pack(secrets)?),
    ]);
    Ok(Step::new(PUT, params))
}

fn relocate<'a>(portal: &'a PortalName, from: &'a Address, to: &'a Address, steps: &mut Vec<Step<'a>>) -> Result<(), LedgerError> {
    if from == to {
        return Err(LedgerError::Conflict(format!("{from} cannot move to itself")));
    }
    let both = || {
        let mut params = Vec::from(here(to));
        params.extend(at(portal, from));
        params
    };
    steps.push(Step {
        on_none: Some(format!("{from} cannot move: portal {portal} has no row there")),
        on_duplicate: Some(format!("{from} cannot move to {to}: portal {portal} has a row there already")),
        ..Step::new(MOVE_ROW, both())
    });
    // What was recorded of the new address was about something else.
    steps.push(Step::new(DROP_ATTESTATION, at(portal, to)));
    steps.push(Step::new(MOVE_ATTESTATION, both()));
    steps.push(Step {
        on_duplicate: Some(format!("{from} cannot move to {to}: an open intent of the same id is there already")),
        ..Step::new(MOVE_INTENTS, both())
    });
    steps.push(Step {
        on_duplicate: Some(format!("{from} cannot move to {to}: an item of a work order with the same intent is there already")),
        ..Step::new(MOVE_WORK, both())
    });
    Ok(())
}

fn bury<'a>(portal: &'a PortalName, tombstone: &'a Tombstone) -> Step<'a> {
    let Tombstone { address, id, at: went } = tombstone;
    let mut params = at(portal, address);
    params.extend([Param::MaybeText(id.as_deref()), Param::Integer(codec::nanos(*went))]);
    Step::new(BURY, params)
}

fn attest<'a>(portal: &'a PortalName, attestation: &'a Attestation) -> Result<Step<'a>, LedgerError> {
    let mut params = at(portal, &attestation.address);
    params.extend([Param::Integer(codec::nanos(attestation.at)), Param::Text(codec::json(attestation)?.into())]);
    Ok(Step::new(ATTEST, params))
}

fn work<'a>(portal: &'a PortalName, item: &'a WorkItem) -> Result<Step<'a>, LedgerError> {
    let follows = item.calls_follow && matches!(item.state, WorkState::Confirmed { .. });
    let mut params = at(portal, &item.address);
    params.extend([
        (&*item.intent).into(),
        Param::Integer(codec::nanos(item.given)),
        Param::Bool(item.state.keeps_intent()),
        Param::Bool(follows),
        Param::Text(codec::json(item)?.into()),
    ]);
    Ok(Step::new(WORK, params))
}

/// By which names an item is found.
fn names<'a>(portal: &'a PortalName, item: &'a WorkItem) -> impl Iterator<Item = Step<'a>> {
    let names = [&item.reference, &item.order].into_iter().chain(&item.replaces);
    names.map(move |name| {
        let name = Param::Text(name.to_ascii_lowercase().into());
        Step::new(NAME, vec![name, text(portal), text(&item.address.tenant), (&*item.intent).into()])
    })
}

fn observe<'a>(portal: &'a PortalName, tenant: &'a TenantName, name: &'a str, seen: &Observation) -> Result<Step<'a>, LedgerError> {
    let at = Param::Integer(codec::nanos(seen.at));
    Ok(Step::new(OBSERVE, vec![text(portal), text(tenant), name.into(), at, Param::Text(codec::json(seen)?.into())]))
}

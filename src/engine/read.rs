//! Reading for a plan: tenants in batches, so that a fleet never stands in memory twice. Only reads.

use std::collections::{BTreeMap, BTreeSet};

use super::{EngineError, Served, View};
use crate::apply::secret_fields;
use crate::diff::{self, Input, Purpose};
use crate::model::kind::Placement;
use crate::model::live::KeyHolder;
use crate::model::{Address, Digest, FieldId, Kind, LedgerState, LiveTenant, Tenant, TenantName};
use crate::plan::{Unit, build};
use crate::portal::{PortalError, TenantKey};

/// Tenants read together: enough that calls are few, few enough that a batch of large tenants fits in memory.
const TENANTS_AT_ONCE: usize = 128;

/// Everything that one portal contributes to a plan.
pub(super) struct OfPortal {
    pub(super) units: Vec<Unit>,
    pub(super) awaiting_acceptance: u64,
}

/// Why a portal contributes nothing.
pub(super) enum Failure {
    /// The portal cannot be read; the others go on.
    Portal(PortalError),
    /// The run cannot go on.
    Engine(EngineError),
}

impl From<PortalError> for Failure {
    fn from(error: PortalError) -> Self {
        Self::Portal(error)
    }
}

impl From<crate::ledger::LedgerError> for Failure {
    fn from(error: crate::ledger::LedgerError) -> Self {
        Self::Engine(error.into())
    }
}

/// Plans the tenants of one portal, unordered and unlinked.
pub(super) async fn portal(view: &View<'_>, served: &Served, tenants: &BTreeSet<TenantName>) -> Result<OfPortal, Failure> {
    let mut out = OfPortal { units: Vec::new(), awaiting_acceptance: 0 };
    let listed =
        if view.scope.is_whole() || refers_to_tenants(view, served, tenants) { served.observe.tenants().await? } else { Vec::new() };
    let mut organizations: BTreeMap<Box<str>, TenantName> = BTreeMap::new();
    organizations.extend(listed.iter().filter_map(|t| Some((t.id.clone()?, t.name.clone()))));
    let names: Vec<_> = tenants.iter().cloned().collect();
    for batch in names.chunks(TENANTS_AT_ONCE) {
        let states = view.ledger.read(&served.spec.name, batch).await?;
        let live = live(view, served, batch, &states).await?;
        let holders = holders(view, served, batch, &states, &live, &organizations).await?;
        for ((tenant, state), live) in batch.iter().zip(&states).zip(&live) {
            let macs = macs(view, tenant);
            let input = Input { macs: &macs, ..input(view, served, tenant, state, live, &holders, &organizations) };
            let diff = diff::tenant(&input);
            out.awaiting_acceptance += diff.awaiting_acceptance;
            out.units.extend(build::unit(&input, diff, served.observe.conduct(), &view.desired.sources));
        }
    }
    if view.scope.is_whole() {
        out.units.extend(listed.iter().filter(|t| !tenants.contains(&t.name)).filter_map(|t| unknown_tenant(served, t)));
    }
    Ok(out)
}

fn input<'a>(
    view: &'a View<'_>,
    served: &'a Served,
    tenant: &'a TenantName,
    ledger: &'a LedgerState,
    live: &'a LiveTenant,
    holders: &'a BTreeMap<(Kind, Box<str>), KeyHolder>,
    organizations: &'a BTreeMap<Box<str>, TenantName>,
) -> Input<'a> {
    static NO_MACS: BTreeMap<(Address, FieldId), Result<Digest, String>> = BTreeMap::new();
    Input {
        portal: &served.spec,
        capabilities: served.observe.capabilities(),
        installation: view.installation,
        tenant,
        desired: declared(view, served, tenant),
        live,
        ledger,
        holders,
        macs: &NO_MACS,
        organizations,
        now: view.now,
        purpose: view.purpose,
    }
}

/// What is declared for a tenant in a portal: all of it if the portal serves the tenant, else nothing.
fn declared<'a>(view: &'a View<'_>, served: &Served, tenant: &TenantName) -> Option<&'a Tenant> {
    let declared = view.desired.tenants.get(tenant).filter(|_| served.spec.serves(tenant))?;
    // Somebody's user without their organization is no declared tenant; the MSP's own needs no document.
    (tenant.is_msp() || declared.organization().is_some()).then_some(declared)
}

/// Reads the tenants that are declared, or all when looking or destroying: what is kept as it is need not be read.
async fn live(view: &View<'_>, served: &Served, batch: &[TenantName], states: &[LedgerState]) -> Result<Vec<LiveTenant>, PortalError> {
    let wanted = |tenant: &TenantName| view.purpose != Purpose::Converge || declared(view, served, tenant).is_some();
    let keys: Vec<_> = batch
        .iter()
        .zip(states)
        .filter(|(tenant, _)| wanted(tenant))
        .map(|(tenant, state)| TenantKey { name: tenant.clone(), id: tenant_row_id(state) })
        .collect();
    let mut read = served.observe.read(&keys).await?.into_iter();
    Ok(batch.iter().map(|tenant| if wanted(tenant) { read.next().unwrap_or_default() } else { LiveTenant::default() }).collect())
}

fn tenant_row_id(state: &LedgerState) -> Option<Box<str>> {
    state.rows.values().find(|r| r.address.kind.def().placement == Placement::Tenant).and_then(|r| r.id.clone())
}

/// Asks once for each kind who holds the portal-wide keys that this batch is about to take.
async fn holders(
    view: &View<'_>,
    served: &Served,
    batch: &[TenantName],
    states: &[LedgerState],
    live: &[LiveTenant],
    organizations: &BTreeMap<Box<str>, TenantName>,
) -> Result<BTreeMap<(Kind, Box<str>), KeyHolder>, PortalError> {
    let nobody = BTreeMap::new();
    let mut asked: BTreeMap<Kind, BTreeSet<Box<str>>> = BTreeMap::new();
    for ((tenant, state), live) in batch.iter().zip(states).zip(live) {
        for (kind, key) in diff::keys_to_ask(&input(view, served, tenant, state, live, &nobody, organizations)) {
            asked.entry(kind).or_default().insert(key);
        }
    }
    let mut holders = BTreeMap::new();
    for (kind, keys) in asked {
        let list: Vec<&str> = keys.iter().map(|k| &**k).collect();
        let answers = served.observe.holders(kind, &list).await?;
        holders.extend(keys.iter().cloned().zip(answers).map(|(key, holder)| ((kind, key), holder)));
    }
    Ok(holders)
}

/// Reads the secrets that a tenant declares and keeps their MACs alone.
fn macs(view: &View<'_>, tenant: &TenantName) -> BTreeMap<(Address, FieldId), Result<Digest, String>> {
    let mut macs = BTreeMap::new();
    if view.purpose != Purpose::Converge {
        return macs;
    }
    for resource in view.desired.tenants.get(tenant).into_iter().flat_map(|t| &t.resources) {
        let def = resource.def();
        for (id, value) in resource.fields.iter().filter(|(id, _)| def.field(*id).ty.is_secret()) {
            let mac = secret_fields::read(view.secrets, value).map(|read| secret_fields::mac(view.mac, &read)).map_err(|e| e.to_string());
            macs.insert((resource.address.clone(), id), mac);
        }
    }
    macs
}

fn refers_to_tenants(view: &View<'_>, served: &Served, tenants: &BTreeSet<TenantName>) -> bool {
    let declared = tenants.iter().filter_map(|t| declared(view, served, t)).flat_map(|t| &t.resources);
    let refers = |ty: &crate::model::FieldType| ty.refers_to().is_some_and(|k| k.def().placement == Placement::Tenant);
    declared.into_iter().any(|r| r.fields.iter().any(|(id, _)| refers(&r.def().field(id).ty)))
}

/// A tenant that the portal has and nobody declared.
fn unknown_tenant(served: &Served, tenant: &TenantKey) -> Option<Unit> {
    let kind = Kind::ALL.into_iter().find(|k| k.def().placement == Placement::Tenant)?;
    let id = tenant.id.clone()?;
    let unmanaged = crate::plan::Unmanaged { kind, key: tenant.name.as_str().into(), id: id.clone(), portals_own: false };
    Some(Unit {
        portal: served.spec.name.clone(),
        tenant: tenant.name.clone(),
        tenant_id: Some(id),
        changes: Vec::new(),
        drift: Vec::new(),
        unmanaged: vec![unmanaged],
        retained: Vec::new(),
        waiting: Vec::new(),
        settled: Vec::new(),
        consequences: crate::plan::Consequences::default(),
        facts: crate::plan::Facts::default(),
        refusals: Vec::new(),
        digest: String::new(),
    })
}

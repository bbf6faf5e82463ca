//! Reading for a plan: tenants in batches, so that a fleet never stands in memory twice. Only reads.

use std::collections::{BTreeMap, BTreeSet};

use super::narrow::{self, Narrowed};
use super::shared_keys::SharedKeys;
use super::{EngineError, Served, View};
use crate::apply::secret_fields;
use crate::diff::{self, Input, Purpose, TenantDiff};
use crate::model::kind::Placement;
use crate::model::live::KeyHolder;
use crate::model::{Address, Digest, FieldId, Kind, LedgerState, LiveTenant, Tenant, TenantName};
use crate::plan::{Unit, build};
use crate::portal::{PortalError, TenantKey, titled};

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
    let served = &served.for_one_plan();
    let mut out = OfPortal { units: Vec::new(), awaiting_acceptance: 0 };
    let declared = Declared::new(view, served, tenants);
    let listed = if view.scope.is_whole() || refers_to_tenants(&declared, tenants) {
        titled::tenants(&*served.observe, &view.desired.tenants).await?
    } else {
        Vec::new()
    };
    let mut organizations: BTreeMap<Box<str>, TenantName> = BTreeMap::new();
    organizations.extend(listed.iter().filter_map(|t| Some((t.id.clone()?, t.name.clone()))));
    let shared = SharedKeys::of(view.desired, &served.spec, served.observe.capabilities());
    let names: Vec<_> = tenants.iter().cloned().collect();
    let called = view.desired.organization_names();
    for batch in names.chunks(TENANTS_AT_ONCE) {
        let states = view.ledger.read(&served.spec.name, batch).await?;
        let mut live = live(&declared, batch, &states).await?;
        live.iter_mut().zip(&states).for_each(|(live, state)| remember(live, state));
        let holders = holders(&declared, batch, &states, &live, &organizations).await?;
        for ((tenant, state), live) in batch.iter().zip(&states).zip(&live) {
            let macs = macs(view, tenant);
            let holders = shared.over(tenant, &holders);
            let input = Input { macs: &macs, names: &called, ..input(&declared, tenant, state, live, &holders, &organizations) };
            let mut diff = diff::tenant(&input);
            declared.note(tenant, &mut diff);
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
    declared: &'a Declared<'_>,
    tenant: &'a TenantName,
    ledger: &'a LedgerState,
    live: &'a LiveTenant,
    holders: &'a BTreeMap<(Kind, Box<str>), KeyHolder>,
    organizations: &'a BTreeMap<Box<str>, TenantName>,
) -> Input<'a> {
    static NO_MACS: BTreeMap<(Address, FieldId), Result<Digest, String>> = BTreeMap::new();
    static NO_NAMES: BTreeMap<TenantName, Box<str>> = BTreeMap::new();
    let Declared { view, served, narrowed: _ } = declared;
    Input {
        portal: &served.spec,
        capabilities: served.observe.capabilities(),
        installation: view.installation,
        tenant,
        desired: declared.get(tenant),
        live,
        ledger,
        holders,
        macs: &NO_MACS,
        organizations,
        names: &NO_NAMES,
        now: view.now,
        purpose: view.purpose,
    }
}

/// What is declared for the tenants of one portal.
struct Declared<'a> {
    view: &'a View<'a>,
    served: &'a Served,
    /// Tenants that name what this portal does not serve or have: as it takes them.
    narrowed: BTreeMap<TenantName, Narrowed>,
}

impl<'a> Declared<'a> {
    fn new(view: &'a View<'_>, served: &'a Served, tenants: &BTreeSet<TenantName>) -> Self {
        let mut declared = Self { view, served, narrowed: BTreeMap::new() };
        let narrow = |t: &TenantName| {
            Some((t.clone(), narrow::tenant(view.desired, declared.get(t)?, &served.spec, served.observe.capabilities())?))
        };
        let narrowed = tenants.iter().filter_map(narrow).collect();
        declared.narrowed = narrowed;
        declared
    }

    /// All of a tenant if the portal serves it, else nothing.
    fn get(&self, tenant: &TenantName) -> Option<&Tenant> {
        let declared = self.view.desired.tenants.get(tenant).filter(|_| self.served.spec.serves(tenant))?;
        let declared = self.narrowed.get(tenant).map_or(declared, |narrowed| &narrowed.tenant);
        // Somebody's user without their organization is no declared tenant; the MSP's own needs no document.
        (tenant.is_msp() || declared.organization().is_some()).then_some(declared)
    }

    /// Says of a difference what its resource names and the portal has not.
    fn note(&self, tenant: &TenantName, diff: &mut TenantDiff) {
        if self.view.purpose == Purpose::Converge
            && let Some(narrowed) = self.narrowed.get(tenant)
        {
            narrowed.note(&self.served.spec, diff);
        }
    }
}

/// Reads the tenants that are declared, or all when looking or destroying: what is kept as it is need not be read.
async fn live(declared: &Declared<'_>, batch: &[TenantName], states: &[LedgerState]) -> Result<Vec<LiveTenant>, PortalError> {
    let wanted = |tenant: &TenantName| declared.view.purpose != Purpose::Converge || declared.get(tenant).is_some();
    let keys: Vec<_> = batch
        .iter()
        .zip(states)
        .filter(|(tenant, _)| wanted(tenant))
        .map(|(tenant, state)| (TenantKey { name: tenant.clone(), id: tenant_row_id(state) }, declared.get(tenant)))
        .collect();
    let mut read = titled::read(&*declared.served.observe, &keys).await?.into_iter();
    Ok(batch.iter().map(|tenant| if wanted(tenant) { read.next().unwrap_or_default() } else { LiveTenant::default() }).collect())
}

/// What the driver does not show of a tenant is as somebody last recorded it.
fn remember(live: &mut LiveTenant, state: &LedgerState) {
    for (name, seen) in &state.observed {
        live.observed.entry(name.clone()).or_insert_with(|| seen.clone());
    }
}

fn tenant_row_id(state: &LedgerState) -> Option<Box<str>> {
    state.rows.values().find(|r| r.address.kind.def().placement == Placement::Tenant).and_then(|r| r.id.clone())
}

/// Asks once for each kind who holds the portal-wide keys that this batch is about to take.
async fn holders(
    declared: &Declared<'_>,
    batch: &[TenantName],
    states: &[LedgerState],
    live: &[LiveTenant],
    organizations: &BTreeMap<Box<str>, TenantName>,
) -> Result<BTreeMap<(Kind, Box<str>), KeyHolder>, PortalError> {
    let nobody = BTreeMap::new();
    let mut asked: BTreeMap<Kind, BTreeSet<Box<str>>> = BTreeMap::new();
    for ((tenant, state), live) in batch.iter().zip(states).zip(live) {
        for (kind, key) in diff::keys_to_ask(&input(declared, tenant, state, live, &nobody, organizations)) {
            asked.entry(kind).or_default().insert(key);
        }
    }
    let mut holders = BTreeMap::new();
    for (kind, keys) in asked {
        let list: Vec<&str> = keys.iter().map(|k| &**k).collect();
        let answers = declared.served.observe.holders(kind, &list).await?;
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

fn refers_to_tenants(declared: &Declared<'_>, tenants: &BTreeSet<TenantName>) -> bool {
    tenants.iter().filter_map(|t| declared.get(t)).any(names_others)
}

/// True if a tenant has a field that names tenants, such as those with which something is shared.
pub(super) fn names_others(tenant: &Tenant) -> bool {
    tenant.resources.iter().any(|r| r.fields.iter().any(|(id, _)| narrow::names_tenants(&r.def().field(id).ty)))
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
        left_out: Vec::new(),
        waiting: Vec::new(),
        settled: Vec::new(),
        observed: Vec::new(),
        consequences: crate::plan::Consequences::default(),
        facts: crate::plan::Facts::default(),
        refusals: Vec::new(),
        digest: String::new(),
    })
}

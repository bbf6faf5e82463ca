//! Whom the rows of a table can be: everything that is declared or recorded of its kind. Comes in: rows. Goes out: which resource each of them
//! is. A row that could be two resources is an error, never a guess.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::Columns;
use super::{Against, cells};
use crate::engine::runbook::table::{Row, Table};
use crate::model::kind::Placement;
use crate::model::ledger::{Attestation, applied_digest};
use crate::model::live::normalise_key;
use crate::model::{Address, Digest, FieldId, Fields, IntentAction, LedgerRow, Name, TenantName, Value, WorkItem};

/// One resource that a row can be.
pub(super) struct Resource<'a> {
    pub(super) address: Address,
    pub(super) declared: Option<&'a crate::model::Resource>,
    pub(super) row: Option<&'a LedgerRow>,
    pub(super) attested: Option<&'a Attestation>,
}

/// What a row is; without a resource it is a stranger.
pub(super) struct Matched<'k, 'a> {
    pub(super) resource: Option<&'k Resource<'a>>,
    pub(super) tenant: Option<TenantName>,
}

/// What the rows of a table are.
#[derive(Default)]
pub(super) struct Matches<'t, 'k, 'a> {
    /// Each row with what it is; one that names several tenants is there once for each.
    pub(super) matched: Vec<(&'t Row, Matched<'k, 'a>)>,
    /// The rows of other tenants than the one that was named.
    pub(super) others: Vec<usize>,
    /// What cannot be told.
    pub(super) problems: Vec<Problem>,
}

/// Everything of the table's kind that is declared or recorded, with the ways to know it again.
pub(super) struct Known<'a> {
    resources: BTreeMap<Address, Resource<'a>>,
    ids: BTreeMap<String, BTreeSet<Address>>,
    keys: BTreeMap<String, BTreeSet<Address>>,
    names: BTreeMap<String, BTreeSet<Address>>,
    /// Tenants by the names that people see.
    tenants: BTreeMap<String, BTreeSet<TenantName>>,
    fixed: Option<TenantName>,
}

type Problem = String;

impl<'a> Known<'a> {
    pub(super) fn of(against: &Against<'a>) -> Self {
        let kind = against.table.kind;
        let msp_only = kind.def().placement == Placement::MspOnly;
        let fixed = if msp_only { Some(Name::msp()) } else { against.tenant.cloned() };
        let mut known = Self {
            resources: BTreeMap::new(),
            ids: BTreeMap::new(),
            keys: BTreeMap::new(),
            names: BTreeMap::new(),
            tenants: BTreeMap::new(),
            fixed,
        };
        for (tenant, state) in against.states {
            let declared = against.desired.tenants.get(tenant).filter(|_| against.spec.serves(tenant));
            known.tenant_names(against, tenant);
            let mut addresses: BTreeSet<&Address> = declared.iter().flat_map(|t| &t.resources).map(|r| &r.address).collect();
            addresses.extend(state.rows.keys());
            addresses.extend(state.attestations.values().filter(|a| a.present).map(|a| &a.address));
            for address in addresses.into_iter().filter(|a| a.kind == kind) {
                let declared = declared.and_then(|t| t.get(kind, &address.name));
                let (row, attested) = (state.rows.get(address), state.attestations.get(address));
                known.add(Resource { address: address.clone(), declared, row, attested });
            }
        }
        known
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = &Resource<'a>> {
        self.resources.values()
    }

    /// Which resource each row is, and what cannot be told.
    pub(super) fn match_rows<'k, 't>(&'k self, columns: &Columns<'_>, table: &'t Table) -> Matches<'t, 'k, 'a> {
        let mut out = Matches::default();
        for row in &table.rows {
            match self.match_row(columns, row) {
                Ok(found) if found.is_empty() => out.others.push(row.number),
                Ok(found) => out.matched.extend(found.into_iter().map(|found| (row, found))),
                Err(problem) => out.problems.push(problem),
            }
        }
        out
    }

    /// What a row is, once for each tenant that it names; nothing: it is of other tenants than the one that was named.
    fn match_row<'k>(&'k self, columns: &Columns<'_>, row: &Row) -> Result<Vec<Matched<'k, 'a>>, Problem> {
        if !columns.tenant_in_row {
            return Ok(vec![self.match_in(columns, row, self.fixed.clone())?]);
        }
        let shown = columns.tenant(row).ok_or_else(|| format!("row {} does not say whose it is", row.number))?;
        let mut found = Vec::new();
        for tenant in self.tenants_of(shown, row)? {
            match (&self.fixed, tenant) {
                (Some(fixed), tenant) if tenant.as_ref() != Some(fixed) => {}
                (_, Some(tenant)) => found.push(self.match_in(columns, row, Some(tenant))?),
                (_, None) => found.push(Matched { resource: None, tenant: None }),
            }
        }
        Ok(found)
    }

    /// What a row is in a tenant, or in any where that is not known.
    fn match_in<'k>(&'k self, columns: &Columns<'_>, row: &Row, tenant: Option<TenantName>) -> Result<Matched<'k, 'a>, Problem> {
        let (id, key, name) = (columns.id(row), columns.key(row), columns.shown_name(row));
        if id.is_none() && key.is_none() && name.is_none() {
            // A page about one tenant need not name it.
            let own = tenant.as_ref().and_then(|t| self.resources.values().find(|r| r.address.name == *t && r.is_tenant()));
            return match own {
                Some(resource) => Ok(Matched { resource: Some(resource), tenant }),
                None => Err(format!("row {} does not say which one it is", row.number)),
            };
        }
        let resource = self.the_one(row, tenant.as_ref(), id, key, name)?;
        let of_tenant = resource.filter(|r| r.is_tenant()).map(|r| r.address.tenant.clone());
        Ok(Matched { resource, tenant: of_tenant.or_else(|| tenant.filter(|_| columns.tenant_in_row || resource.is_some())) })
    }

    /// Whose a row is, as its cell says; `None`: nobody's that we know. A person may be in several customers, which then stand in one cell.
    fn tenants_of(&self, shown: &str, row: &Row) -> Result<Vec<Option<TenantName>>, Problem> {
        let whole = self.tenant(shown, row)?;
        let parts: Vec<_> = cells::items(shown).collect();
        if whole.is_some() || parts.len() < 2 {
            return Ok(vec![whole]);
        }
        let mut tenants = parts.into_iter().map(|part| self.tenant(part, row)).collect::<Result<Vec<_>, _>>()?;
        // A comma may be part of a name: what names nobody is one name of nobody.
        if tenants.iter().all(Option::is_none) {
            tenants.truncate(1);
        }
        tenants.sort();
        tenants.dedup();
        Ok(tenants)
    }

    /// An id or a key says which one it is, and where they disagree nobody can tell; a name that people see says it only by itself.
    fn the_one(
        &self,
        row: &Row,
        tenant: Option<&TenantName>,
        id: Option<&str>,
        key: Option<&str>,
        name: Option<&str>,
    ) -> Result<Option<&Resource<'a>>, Problem> {
        let look = |index: &BTreeMap<String, BTreeSet<Address>>, text: Option<String>| -> BTreeSet<Address> {
            let found = text.and_then(|t| index.get(&t)).into_iter().flatten();
            found.filter(|a| tenant.is_none_or(|t| *t == a.tenant)).cloned().collect()
        };
        let mut found = look(&self.ids, id.map(str::to_owned));
        found.extend(look(&self.keys, key.map(|k| normalise_key(k).into())));
        if found.is_empty() {
            found = look(&self.names, name.or(key).map(str::to_lowercase));
        }
        let several: Vec<_> = found.iter().map(ToString::to_string).collect();
        let Some(address) = found.pop_first() else { return Ok(None) };
        if several.len() > 1 {
            return Err(format!("row {} could be {}: which cannot be told", row.number, several.join(" or ")));
        }
        let resource = self.resources.get(&address);
        let known_id = resource.and_then(Resource::id);
        match (id, known_id) {
            (Some(shown), Some(recorded)) if shown != recorded => Err(format!(
                "row {} is {address} by its name and has the id {shown}, and the ledger has {recorded}: another object may stand in its place",
                row.number
            )),
            _ => Ok(resource),
        }
    }

    fn tenant(&self, shown: &str, row: &Row) -> Result<Option<TenantName>, Problem> {
        let Some(found) = self.tenants.get(&shown.to_lowercase()) else { return Ok(None) };
        let names: Vec<_> = found.iter().map(ToString::to_string).collect();
        match names.len() {
            1 => Ok(found.first().cloned()),
            _ => Err(format!("row {}: {} are both shown as {shown}", row.number, names.join(" and "))),
        }
    }

    fn tenant_names(&mut self, against: &Against<'a>, tenant: &TenantName) {
        let mut names = BTreeSet::from([tenant.as_str().to_lowercase()]);
        let organization = against.desired.tenants.get(tenant).and_then(|t| t.organization());
        names.extend(organization.and_then(|o| display_name(o.def(), &o.fields)));
        let attested = against.states.get(tenant).into_iter().flat_map(|s| s.attestations.values());
        let of_tenant = attested.filter(|a| a.address.kind.def().placement == Placement::Tenant);
        names.extend(of_tenant.filter_map(|a| display_name(a.address.kind.def(), &fields_of(a))));
        if tenant.is_msp() {
            names.extend(against.spec.account.name.iter().map(|n| n.to_lowercase()));
        }
        for name in names {
            self.tenants.entry(name).or_default().insert(tenant.clone());
        }
    }

    fn add(&mut self, resource: Resource<'a>) {
        let Resource { address, declared, row, attested } = &resource;
        let def = address.kind.def();
        let put = |index: &mut BTreeMap<String, BTreeSet<Address>>, text: String| {
            index.entry(text).or_default().insert(address.clone());
        };
        let pinned = declared.and_then(|d| d.external_id());
        let ids = [pinned, row.and_then(|r| r.id.as_deref()), attested.and_then(|a| a.id.as_deref())];
        ids.into_iter().flatten().filter(|id| !id.is_empty()).for_each(|id| put(&mut self.ids, id.to_owned()));
        let keys = [declared.map(|d| normalise_key(d.natural_key())), row.map(|r| r.key.clone())];
        keys.into_iter().flatten().for_each(|key| put(&mut self.keys, key.into()));
        put(&mut self.names, address.name.as_str().to_lowercase());
        let shown = [declared.and_then(|d| display_name(def, &d.fields)), attested.and_then(|a| display_name(def, &fields_of(a)))];
        shown.into_iter().flatten().for_each(|name| put(&mut self.names, name));
        self.resources.insert(address.clone(), resource);
    }
}

impl Resource<'_> {
    /// The id that is known of it.
    pub(super) fn id(&self) -> Option<&str> {
        let recorded = self.attested.and_then(|a| a.id.as_deref()).filter(|id| !id.is_empty());
        self.row.and_then(|r| r.id.as_deref()).or(recorded)
    }

    /// It was there when somebody last looked.
    pub(super) fn is_recorded(&self) -> bool {
        self.attested.map_or(self.row.is_some(), |a| a.present)
    }

    /// Its fields as recorded; where only the ledger's digests speak, those that are declared as they were applied.
    pub(super) fn recorded(&self) -> Fields {
        match (self.attested.filter(|a| a.present), self.declared, self.row) {
            (Some(attested), ..) => fields_of(attested),
            (None, declared, Some(row)) => {
                let mut fields = Fields::new();
                let def = self.address.kind.def();
                let as_applied =
                    |id: FieldId, value: &Value| applied_digest(&row.applied, def.field(id).path) == Some(Digest::of_field(Some(value)));
                let key = def.key_field().map(|id| (id, Value::text(&row.key)));
                let declared = declared.into_iter().flat_map(|d| d.fields.iter().map(|(id, value)| (id, value.clone())));
                key.into_iter().chain(declared).filter(|(id, value)| as_applied(*id, value)).for_each(|(id, value)| fields.set(id, value));
                fields
            }
            (None, _, None) => Fields::new(),
        }
    }

    /// Whether something is recorded of a field, or that it has nothing.
    pub(super) fn speaks_of(&self, field: FieldId) -> bool {
        let path = self.address.kind.def().field(field).path;
        self.attested.is_some_and(|a| a.present && a.speaks_of(path))
            || self.row.is_some_and(|r| applied_digest(&r.applied, path).is_some())
    }

    /// True if it is recorded that a field was looked at and has nothing.
    pub(super) fn saw_nothing(&self, field: FieldId) -> bool {
        let path = self.address.kind.def().field(field).path;
        self.attested.is_some_and(|a| a.present && a.speaks_of(path) && fields_of(a).get(field).is_none())
    }

    /// The open item that is to make it or to take it away: until somebody says what became of that, a table says nothing.
    pub(super) fn open_item<'s>(&self, against: &'s Against<'_>) -> Option<&'s str> {
        let state = against.states.get(&self.address.tenant)?;
        let makes = |action: IntentAction| matches!(action, IntentAction::Create | IntentAction::Delete);
        let waited_for = |id: &str| state.intents.iter().any(|i| *i.id == *id);
        let open = |i: &&WorkItem| i.address == self.address && makes(i.action) && i.state.keeps_intent() && waited_for(&i.intent);
        Some(&state.work.values().find(open)?.reference)
    }

    fn is_tenant(&self) -> bool {
        self.address.kind.def().placement == Placement::Tenant
    }
}

pub(super) fn fields_of(attestation: &Attestation) -> Fields {
    Fields::from_json(attestation.address.kind.def(), &attestation.fields).unwrap_or_default()
}

fn display_name(def: &crate::model::KindDef, fields: &Fields) -> Option<String> {
    let (id, _) = def.field_named("displayName")?;
    fields.get(id).and_then(Value::as_text).map(str::to_lowercase)
}

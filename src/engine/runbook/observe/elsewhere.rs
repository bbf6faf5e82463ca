//! Whether a table that shows one tenant shows the one that a person named. Comes in: rows and what they were found to be, and what is recorded
//! of other tenants. Goes out: nothing, or why the table is another's. A page of the wrong customer looks like any other page.

use std::collections::BTreeMap;

use super::columns::Columns;
use super::known::{Matched, fields_of};
use super::{Against, Refusal, Why};
use crate::engine::runbook::table::Row;
use crate::model::live::normalise_key;
use crate::model::{KeyScope, LedgerState, TenantName};

/// Most rows that a warning names.
const TOLD: usize = 10;

/// Refuses rows that are recorded of another tenant: every one of them where the portal has a natural key only once, else where no row is of the
/// tenant that was named.
pub(super) fn check(against: &Against<'_>, columns: &Columns<'_>, matched: &[(&Row, Matched<'_, '_>)]) -> Result<(), Refusal> {
    let Some(named) = against.tenant.filter(|_| !columns.tenant_in_row) else { return Ok(()) };
    let theirs = recorded(against);
    let mut rows: BTreeMap<&TenantName, Vec<String>> = BTreeMap::new();
    let mut own = 0_usize;
    for (row, found) in matched {
        let shown = [columns.id(row).map(str::to_owned), columns.key(row).map(|key| normalise_key(key).into())];
        match (&found.resource, shown.iter().flatten().find_map(|text| theirs.get(text))) {
            (Some(_), _) => own += 1,
            (None, Some(tenant)) => rows.entry(tenant).or_default().push(row.number.to_string()),
            (None, None) => {}
        }
    }
    let once = against.profile.capabilities().kind(against.table.kind).is_some_and(|c| c.key_scope == KeyScope::Portal);
    if rows.is_empty() || (own > 0 && !once) {
        return Ok(());
    }
    let nouns = against.table.kind.def().nouns;
    let mut lines: Vec<_> = rows
        .iter()
        .map(|(tenant, rows)| {
            let row = if rows.len() == 1 { "row" } else { "rows" };
            format!("{row} {}: recorded among the {nouns} of {tenant}, and not of {named}", rows.join(", "))
        })
        .collect();
    lines.push(if once {
        format!("see which customer the screen showed: the portal has each of its {nouns} in one customer alone")
    } else {
        format!("see which customer the screen showed: no row is recorded or declared of {named}; who is in both is declared in both")
    });
    Err(Refusal { why: Why::Mismatch, lines })
}

/// Rows of other tenants than the one that a person named are none of its.
pub(super) fn passed_over(against: &Against<'_>, others: &[usize]) -> Option<String> {
    let named = against.tenant.filter(|_| !others.is_empty())?;
    let rows: Vec<_> = others.iter().take(TOLD).map(ToString::to_string).collect();
    let more = others.len().checked_sub(TOLD).filter(|n| *n > 0).map_or_else(String::new, |n| format!(" and {n} more"));
    let rows = if others.len() == 1 { format!("row {} is", rows.concat()) } else { format!("rows {}{more} are", rows.join(", ")) };
    Some(format!("{rows} of another customer than {named}: not looked at"))
}

/// What is recorded of other tenants, by id and by natural key.
fn recorded<'a>(against: &Against<'a>) -> BTreeMap<String, &'a TenantName> {
    let kind = against.table.kind;
    let mut theirs = BTreeMap::new();
    for (tenant, state) in against.others {
        let LedgerState { rows, attestations, .. } = state;
        for row in rows.values().filter(|r| r.address.kind == kind) {
            theirs.insert(row.key.to_string(), tenant);
            theirs.extend(row.id.iter().map(|id| (id.to_string(), tenant)));
        }
        for attested in attestations.values().filter(|a| a.address.kind == kind && a.present) {
            let key = kind.def().key_field().and_then(|id| Some(normalise_key(fields_of(attested).get(id)?.as_text()?)));
            theirs.extend(key.map(|key| (key.into(), tenant)));
            theirs.extend(attested.id.iter().filter(|id| !id.is_empty()).map(|id| (id.clone(), tenant)));
        }
    }
    theirs
}

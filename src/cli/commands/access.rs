//! `access`: who may enter which customer, by which grant. Only reads.

use crate::cli::Face;
use crate::cli::args::{AccessArgs, Data, Select};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, exit_of};
use crate::cli::session::{self, Session};
use crate::engine::Scope;
use crate::model::{LedgerRow, LiveTenant, PortalName, TenantName};
use crate::portal::profile::inherited::Heir;
use crate::portal::{TenantKey, titled};
use crate::report::access::{self, AccessReport, Inherited, Recorded};

/// Runs `access`.
pub(super) async fn run(face: &Face<'_>, args: &AccessArgs) -> Result<Exit, Failure> {
    let wanted = session::scope(&Select { tenant: args.tenant.clone(), ..Select::default() })?;
    let location = session::location(face, &args.places)?;
    session::needs_manifests(&args.places, &location, "access is by what is declared", "access")?;
    // Who works in a customer from the MSP's own tenant is declared there, so everything is loaded.
    let session = Session::open(face, &args.places, &Scope::default()).await?;
    let rows = recorded(&session).await?;
    for text in &args.tenant {
        let one = session::scope(&Select { tenant: vec![text.clone()], ..Select::default() })?;
        let known = session.desired.tenants.keys().chain(rows.iter().map(|(_, row)| &row.address.tenant));
        if !known.into_iter().any(|t| one.tenant(t)) {
            return Err(Failure::usage(format!("--tenant {text}: no tenant of this name is declared or in the ledger")));
        }
    }
    let mut exits = Vec::new();
    let mut seen: Vec<(PortalName, TenantName, LiveTenant)> = Vec::new();
    for served in session.portals.iter().filter(|_| args.live) {
        let names: Vec<_> = session.desired.tenants.keys().filter(|t| served.spec.serves(t) && wanted.tenant(t)).cloned().collect();
        let keys: Vec<_> =
            names.iter().map(|name| (TenantKey { name: name.clone(), id: None }, session.desired.tenants.get(name))).collect();
        match titled::read(&*served.observe, &keys).await {
            Ok(live) => seen.extend(names.into_iter().zip(live).map(|(name, live)| (served.spec.name.clone(), name, live))),
            Err(error) => {
                face.output.error(&format!("error: portal {} cannot be read: {error}", served.spec.name));
                exits.push(exit_of(&error));
            }
        }
    }
    let views: Vec<_> = seen.iter().map(|(portal, tenant, live)| (portal, tenant, live)).collect();
    let mut report = AccessReport::new(&session.desired, &views);
    for spec in session.portals.iter().map(|served| &served.spec) {
        let heirs = session.profile(&spec.name).map(|profile| profile.heirs(&session.desired, &spec.account)).unwrap_or_default();
        let inherited: Vec<_> = heirs.iter().map(|Heir { resource, row, grants }| Inherited { resource, row, grants }).collect();
        report = report.with_inherited(&session.desired, spec, &inherited);
    }
    let rows: Vec<_> = rows.iter().map(|(portal, row)| Recorded { portal, row }).collect();
    report = report.with_recorded(&session.desired, &views, &rows);
    report.tenants.retain(|tenant, _| wanted.tenant(tenant));
    face.output.data(&if args.output == Data::Json { access::json(&report) } else { access::text(&report, &face.output.data) });
    if !args.live {
        face.output.note("This is what is declared, and who is recorded and not yet removed; --live asks the portals.");
    }
    Ok(Exit::first(exits))
}

/// Every row of the ledger, by portal.
async fn recorded(session: &Session) -> Result<Vec<(PortalName, LedgerRow)>, Failure> {
    let ledger = session.ledger().await?;
    let mut rows = Vec::new();
    for (portal, tenant) in ledger.tenants().await? {
        let states = ledger.read(&portal, &[tenant]).await?;
        rows.extend(states.into_iter().flat_map(|state| state.rows.into_values()).map(|row| (portal.clone(), row)));
    }
    Ok(rows)
}

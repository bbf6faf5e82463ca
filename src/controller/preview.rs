//! What a visit would come to if something else were declared. Comes in: a declaration, one portal, one tenant. Goes out: a [`Foreseen`]. Looks as a
//! visit does, takes no lock, writes nothing, and wakes nobody.

use jiff::Timestamp;

use super::approval::{Decision, decide};
use crate::apply::Mac;
use crate::engine::{self, EngineError, Purpose, Scope, Served, View};
use crate::guard::{self, GUARDS, Nature, Policy, Tighten};
use crate::ledger::{LedgerError, LedgerRead};
use crate::model::{Desired, TenantName};
use crate::plan::{Inputs, Unit};
use crate::portal::PortalError;
use crate::secrets::SecretReader;

/// What is asked.
pub struct Question<'a> {
    /// What would be declared: of the tenant all, of others what it names.
    pub desired: &'a Desired,
    /// The portal, with the document that would be declared.
    pub portal: &'a Served,
    /// The tenant.
    pub tenant: &'a TenantName,
    /// It is taken away from the portal.
    pub leaving: bool,
    /// What is ours.
    pub ledger: &'a dyn LedgerRead,
    /// Reads secrets.
    pub secrets: &'a dyn SecretReader,
    /// Makes MACs of secrets.
    pub mac: Mac<'a>,
}

/// What would come of it.
#[derive(Debug)]
pub struct Foreseen {
    /// The judged plan; `None`: nothing is to be said.
    pub unit: Option<Unit>,
    /// What a controller would do about it, approved by nobody.
    pub decision: Decision,
}

/// Why nothing can be foreseen.
#[derive(Debug, thiserror::Error)]
pub enum Unforeseen {
    /// The portal cannot be read.
    #[error(transparent)]
    Portal(#[from] PortalError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Plans and judges one tenant in one portal.
///
/// # Errors
/// When the portal or the ledger cannot be read.
pub async fn preview(question: &Question<'_>) -> Result<Foreseen, Unforeseen> {
    let Question { desired, portal, tenant, leaving, ledger, secrets, mac } = question;
    let scope = Scope { portals: vec![portal.spec.name.clone()], only: Some([(*tenant).clone()].into()), ..Scope::default() };
    let identity = ledger.identity().await?;
    let view = View {
        desired,
        portals: std::slice::from_ref(portal),
        ledger: *ledger,
        installation: &identity.installation,
        secrets: *secrets,
        mac: *mac,
        now: Timestamp::now(),
        scope: &scope,
        purpose: if *leaving { Purpose::Destroy } else { Purpose::Converge },
        inputs: Inputs::default(),
    };
    let planned = engine::plan(&view).await.map_err(|EngineError::Ledger(error)| error)?;
    if let Some((_, error)) = planned.unreachable.into_iter().next() {
        return Err(error.into());
    }
    let body = guard::judge(planned.plan, &Policy::new([&portal.spec], Tighten::default())).body;
    let control = desired.tenants.get(*tenant).map(crate::model::Tenant::control).unwrap_or_default().over(portal.spec.control);
    let unit = body.units.into_iter().find(|unit| unit.tenant == **tenant);
    let decision = unit.as_ref().map_or(Decision::InStep, |unit| decide(unit, &body.refusals, control, &[]));
    Ok(Foreseen { unit, decision })
}

/// A guard's name, and whether a person may pass it; `None`: there is no guard with that code.
pub fn guard(code: &str) -> Option<(&'static str, bool)> {
    GUARDS.iter().find(|guard| guard.code == code).map(|guard| (guard.name, guard.nature == Nature::Judgement))
}

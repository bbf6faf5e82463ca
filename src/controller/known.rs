//! What is asked of the ledger seldom, for it seldom changes: whose ledger it is, and whom it knows.
//!
//! Comes in: the ledger, and who is declared. Goes out: the installation's id, and the portals and tenants of the ledger. Keeps nothing that could
//! let anything be changed which is not ours: every plan reads the ledger itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::UnitKey;
use crate::ledger::{LedgerError, LedgerRead};

/// Whom the ledger knows is asked anew after this long at the latest: others write to it, too.
const FRESH: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Default)]
pub(super) struct Known {
    installation: Mutex<Option<Arc<str>>>,
    units: Mutex<Units>,
}

#[derive(Default)]
struct Units {
    /// Whom the ledger knew, and when it was asked.
    recorded: Option<(BTreeSet<UnitKey>, Instant)>,
    /// Who was declared then and since.
    declared: BTreeSet<UnitKey>,
}

impl Known {
    /// The installation's id. A ledger that nothing was written to may still become the one of an installation whose ledger was lost, so that its id
    /// is asked for again.
    pub(super) async fn installation(&self, ledger: &dyn LedgerRead) -> Result<Arc<str>, LedgerError> {
        let known = self.installation.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let identity = ledger.identity().await?;
        let installation: Arc<str> = Arc::from(identity.installation);
        if identity.serial > 0 && !installation.is_empty() {
            *self.installation.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&installation));
        }
        Ok(installation)
    }

    /// Whom the ledger knows beside those who are declared now. It is asked only where somebody may be left in it who is declared no more.
    pub(super) async fn beside(&self, declared: BTreeSet<UnitKey>, ledger: &dyn LedgerRead) -> Result<BTreeSet<UnitKey>, LedgerError> {
        {
            let mut units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
            let Units { recorded, declared: before } = &mut *units;
            if let Some((recorded, at)) = recorded
                && at.elapsed() < FRESH
                && recorded.is_subset(&declared)
                && before.is_subset(&declared)
            {
                before.extend(declared);
                return Ok(BTreeSet::new());
            }
        }
        let asked = Instant::now();
        let recorded: BTreeSet<_> = ledger.tenants().await?.into_iter().map(|(portal, tenant)| UnitKey { portal, tenant }).collect();
        let beside = recorded.difference(&declared).cloned().collect();
        *self.units.lock().unwrap_or_else(PoisonError::into_inner) = Units { recorded: Some((recorded, asked)), declared };
        Ok(beside)
    }
}

//! What a run allows: each portal's limits, and the flags that tighten them. Comes in: `Portal` documents and flags. Goes out: [`Limits`].
//! Never widens a limit: a flag that asks for more than the portal allows changes nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::model::portal_spec::Limits;
use crate::model::{PortalName, PortalSpec};

/// What a run allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The portals that this run knows.
    pub portals: BTreeMap<PortalName, PortalPolicy>,
    /// What flags take away from their limits.
    pub tighten: Tighten,
}

/// What one portal allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortalPolicy {
    /// How much a plan may do there.
    pub limits: Limits,
    /// The user whose credentials we use there.
    pub account_email: Option<String>,
}

/// What flags take away from the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tighten {
    /// `--max-delete`.
    pub max_delete: Option<CountOrPercent>,
    /// `--min-admins`.
    pub min_admins: Option<u64>,
}

impl Policy {
    /// The policy of these portals under these flags.
    pub fn new<'a>(portals: impl IntoIterator<Item = &'a PortalSpec>, tighten: Tighten) -> Self {
        let policy = |spec: &PortalSpec| PortalPolicy { limits: spec.limits, account_email: spec.account.email.clone() };
        Self { portals: portals.into_iter().map(|spec| (spec.name.clone(), policy(spec))).collect(), tighten }
    }

    /// A portal's limits after flags tightened them; the default ones for a portal that this run doesn't know (a guard refuses it).
    pub fn limits(&self, portal: &PortalName) -> Limits {
        self.tighten.apply(self.portals.get(portal).map_or_else(Limits::default, |p| p.limits))
    }
}

impl Tighten {
    /// Takes the tighter of each limit and the flags. A count bounds every count of deletions: of a kind, of a tenant and of the run.
    pub fn apply(&self, limits: Limits) -> Limits {
        let Limits {
            max_deletes_per_kind,
            max_deletes_per_tenant,
            max_deletes_per_run,
            max_delete_percent,
            delete_floor,
            min_administrators,
        } = limits;
        let (count, percent) = match self.max_delete {
            Some(CountOrPercent::Count(count)) => (count, u64::MAX),
            Some(CountOrPercent::Percent(percent)) => (u64::MAX, percent),
            None => (u64::MAX, u64::MAX),
        };
        Limits {
            max_deletes_per_kind: max_deletes_per_kind.min(count),
            max_deletes_per_tenant: max_deletes_per_tenant.min(count),
            max_deletes_per_run: max_deletes_per_run.min(count),
            max_delete_percent: max_delete_percent.min(percent),
            // Whoever says `0%` means none at all, so the floor under small shares goes with it.
            delete_floor: if percent == 0 { 0 } else { delete_floor },
            min_administrators: min_administrators.max(self.min_admins.unwrap_or(0)),
        }
    }
}

/// A limit on deletions as `--max-delete` takes it: `5` or `10%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountOrPercent {
    /// So many.
    Count(u64),
    /// So large a share of what is ours of a kind in a tenant: 0 to 100.
    Percent(u64),
}

/// Why a text is no limit on deletions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no limit: write a count such as `5`, or a share from `0%` to `100%`")]
pub struct CountOrPercentError(String);

impl FromStr for CountOrPercent {
    type Err = CountOrPercentError;
    fn from_str(text: &str) -> Result<Self, CountOrPercentError> {
        let number = |digits: &str| digits.parse::<u64>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
        let parsed = match text.strip_suffix('%') {
            Some(percent) => number(percent).filter(|p| *p <= 100).map(Self::Percent),
            None => number(text).map(Self::Count),
        };
        parsed.ok_or_else(|| CountOrPercentError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for CountOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

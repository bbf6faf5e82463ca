//! The guards, one file each, in the order of their codes. A code is never used again for something else.

mod adoption_refused;
mod ambiguous_identity;
mod creation_result_unknown;
mod data_deletion;
mod foreign_owner;
mod incomplete_observation;
mod irreversible_effects;
mod keeps_access;
mod key_taken;
mod kind_deletions;
mod kind_share;
mod last_administrators;
mod mass_lockout;
mod much_gone;
mod own_account;
mod performer_unsupported;
mod portal_rule;
mod protected;
mod run_deletions;
mod shrunken_desired;
mod tenant_deletions;
mod unknown_portal;
mod unreachable;
mod unreadable_secret;
mod unsupported;

use super::Guard;
use crate::model::Kind;

pub(super) use incomplete_observation::CODE as INCOMPLETE_OBSERVATION;

/// Every guard, by code.
pub static GUARDS: &[&Guard] = &[
    &kind_deletions::GUARD,
    &kind_share::GUARD,
    &tenant_deletions::GUARD,
    &run_deletions::GUARD,
    &shrunken_desired::GUARD,
    &data_deletion::GUARD,
    &last_administrators::GUARD,
    &own_account::GUARD,
    &protected::GUARD,
    &foreign_owner::GUARD,
    &incomplete_observation::GUARD,
    &ambiguous_identity::GUARD,
    &unreadable_secret::GUARD,
    &irreversible_effects::GUARD,
    &portal_rule::GUARD,
    &unsupported::GUARD,
    &adoption_refused::GUARD,
    &creation_result_unknown::GUARD,
    &key_taken::GUARD,
    &unreachable::GUARD,
    &performer_unsupported::GUARD,
    &mass_lockout::GUARD,
    &unknown_portal::GUARD,
    &keeps_access::GUARD,
    &much_gone::GUARD,
];

/// `1 user`, `14 users`.
fn counted(count: u64, kind: Kind) -> String {
    let def = kind.def();
    plural(count, def.noun, def.nouns)
}

/// `1 object`, `14 objects`.
fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What share one count is of another in percent, rounded up so that a share above a limit never shows as the limit itself. A whole that
/// is smaller than its part (a ledger that was lost, a plan that claims so) is taken to be the part: all of it.
fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).div_ceil(whole.max(part).max(1))
}

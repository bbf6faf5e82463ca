//! `G008`: our own account would lose access or rights.

use crate::guard::loss::{takes_access, takes_administration, takes_grants};
use crate::guard::{Check, Guard, InTenant, Nature, Refused};
use crate::model::live::normalise_key;
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G008",
    name: "Our own account",
    nature: Nature::Judgement,
    refuses: "A change that deletes or suspends the account whose credentials we use (the portal's `account.email`), or takes its administration, \
              roles or groups away; also a plan in whose consequences that account loses access or administration.",
    why: "The run would saw off the branch it sits on: it stops half-way, and nobody can carry on with the same credentials.",
    number: None,
    remedy: "change the portal's credentials and `account.email` to another account first",
    checks: &[Check::Change(directly), Check::Tenant(by_consequence)],
};

fn directly(at: &InTenant<'_>, change: &Change) -> Option<Refused> {
    hits(at, change).then(|| Refused::because(format!("{} is our own account, and would lose access or rights", change.address)))
}

/// What no single change of the account says: a group's role is taken away, or everybody's access.
fn by_consequence(at: &InTenant<'_>) -> Vec<Refused> {
    let (unit, Some(own)) = (at.unit, own(at)) else { return Vec::new() };
    let among = |names: &[String]| names.iter().any(|name| normalise_key(name) == own);
    let told = &unit.consequences;
    let demoted = among(&told.administrators_before) && !among(&told.administrators_after);
    if !among(&told.lose_access) && !demoted || unit.changes.iter().any(|c| hits(at, c)) {
        return Vec::new();
    }
    vec![Refused::because(format!("our own account {own} would lose access to {} or its administration", unit.tenant))]
}

fn hits(at: &InTenant<'_>, change: &Change) -> bool {
    let is_own = own(at).is_some_and(|own| normalise_key(&change.key) == own);
    let loses = || takes_access(change) || takes_administration(change) || takes_grants(change);
    change.findings.contains(&Finding::OwnAccount) || is_own && loses()
}

fn own(at: &InTenant<'_>) -> Option<Box<str>> {
    at.portal.and_then(|p| p.account_email.as_deref()).map(normalise_key)
}

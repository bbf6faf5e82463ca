//! What is said once and not again: a rule of a portal's account is broken by every change alike. Comes in: views of tenants. Goes out: the same,
//! in which each rule is spelt out at its first change. And what a run of many tenants means to people, in one line.

use std::collections::BTreeSet;

use super::{RefusalView, TenantView};
use crate::plan::document::{HeldBack, PlanDocument};

/// Shortens what every change says in the same words.
pub(super) fn once(tenants: &mut [TenantView]) {
    let mut said = BTreeSet::new();
    for tenant in tenants {
        for change in &mut tenant.changes {
            for RefusalView { code, message, help, passed } in &mut change.refusals {
                let Some(rest) = message.strip_prefix(&change.address).filter(|_| passed.is_none()) else { continue };
                let Some((rule, _)) = rest.split_once(": ") else { continue };
                if !said.insert((tenant.portal.clone(), code.clone(), rest.to_owned())) {
                    *message = format!("{}{rule}, as above", change.address);
                    help.clear();
                }
            }
        }
    }
}

/// Who gains or loses access and who gets mail in all tenants together; `None`: one tenant says it itself, or there is nothing to say.
pub(super) fn totals(document: &PlanDocument, held: &HeldBack<'_>) -> Option<String> {
    if held.has_run() {
        return None;
    }
    let told = || document.tenants.iter().filter(|t| !held.has_tenant(t)).map(|t| &t.consequences);
    if told().filter(|c| !(c.gain_access.is_empty() && c.lose_access.is_empty() && c.emails.is_empty())).count() < 2 {
        return None;
    }
    let people = |names: Vec<&String>| names.iter().map(|n| n.split(" in ").next().unwrap_or(n)).collect::<BTreeSet<_>>().len();
    let gain = people(told().flat_map(|c| &c.gain_access).collect());
    let lose = people(told().flat_map(|c| &c.lose_access).collect());
    let emails: Vec<_> = told().flat_map(|c| &c.emails).collect();
    let (mails, readers) = (emails.len(), people(emails));
    let who = |n: usize| if n == 1 { "1 person".to_owned() } else { format!("{n} people") };
    let mut said = Vec::new();
    said.extend((lose > 0).then(|| format!("{} {} access", who(lose), if lose == 1 { "loses" } else { "lose" })));
    said.extend((gain > 0).then(|| format!("{} {} access", who(gain), if gain == 1 { "gains" } else { "gain" })));
    said.extend((mails > 0).then(|| format!("{mails} e-mail{} to {}", if mails == 1 { " goes" } else { "s go" }, who(readers))));
    Some(format!("In all: {}", said.join(", ")))
}

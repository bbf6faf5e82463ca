//! `G014`: a side effect that cannot be undone.

use crate::guard::{Check, Guard, InTenant, Nature, Refused};
use crate::model::rule::Effect;
use crate::plan::Change;

pub(super) static GUARD: Guard = Guard {
    code: "G014",
    name: "Irreversible side effect",
    nature: Nature::Judgement,
    refuses: "A change of which the portal's profile says that it cannot be undone.",
    why: "Every other mistake is put right by reverting the commit and applying again.",
    number: Some("None is let through: one is as final as many."),
    remedy: "read what the portal's profile says about this change",
    checks: &[Check::Change(check)],
};

fn check(_: &InTenant<'_>, change: &Change) -> Option<Refused> {
    let irreversible = change.effects.contains(&Effect::Irreversible);
    irreversible.then(|| Refused::because(format!("the change of {} cannot be undone", change.address)))
}

//! `G006`: an organization or other data would be deleted.

use crate::guard::{Check, Guard, InTenant, Nature, Refused, deletes};
use crate::model::kind::Bearing;
use crate::model::rule::Effect;
use crate::plan::Change;

pub(super) static GUARD: Guard = Guard {
    code: "G006",
    name: "Deletion of an organization or of data",
    nature: Nature::Judgement,
    refuses: "A change that deletes or replaces an object which holds a customer's data, or any change of which the portal's profile says that data is deleted with it.",
    why: "A membership can be made again; a customer's tickets, recordings and history cannot.",
    number: Some("None is let through: there is no number of customers' data that is small enough not to ask."),
    remedy: "if people should only lose access, use `offboard`, which keeps the organization and its data",
    checks: &[Check::Change(check)],
};

fn check(_: &InTenant<'_>, change: &Change) -> Option<Refused> {
    let holds_data = deletes(change) && change.address.kind.def().bearing == Bearing::Data;
    let loses_data = change.effects.contains(&Effect::DataLoss);
    let address = &change.address;
    if holds_data {
        Some(Refused::because(format!("{address} would be deleted, and all its data with it")))
    } else {
        loses_data.then(|| Refused::because(format!("the change of {address} deletes data")))
    }
}

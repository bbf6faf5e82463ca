//! `Delegation`: which technicians of the MSP work in which customers.

use super::LINE;
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement, Sense};

/// The table of `Delegation`.
pub static DELEGATION: KindDef = KindDef {
    kind: Kind::Delegation,
    name: "Delegation",
    slug: "delegation",
    short: "tdel",
    noun: "delegation",
    nouns: "delegations",
    doc: "Technicians or groups of the MSP who work in customers, and with which role",
    placement: Placement::MspOnly,
    bearing: Bearing::Access,
    key: None,
    fields: &[
        FieldDef::new("technicians", FieldType::Set(&FieldType::Ref(Kind::User)), "Users of the MSP").sense(Sense::Grant),
        FieldDef::new("groups", FieldType::Set(&FieldType::Ref(Kind::Group)), "Groups of the MSP").sense(Sense::Grant),
        FieldDef::new("role", LINE, "The role they have in each customer, in the portal's own word").required().sense(Sense::Grant),
        FieldDef::new("customers", FieldType::Organizations, "The customers they work in").required().sense(Sense::Share),
    ],
};

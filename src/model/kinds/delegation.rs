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
    doc: "A delegation: which technicians or groups of the MSP work in which customers, and with which role.",
    placement: Placement::MspOnly,
    bearing: Bearing::Access,
    key: None,
    fields: &[
        FieldDef::new(
            "technicians",
            FieldType::Set(&FieldType::Ref(Kind::User)),
            "The technicians who work there, by the names of users of the MSP's own (`organization: msp`).",
        )
        .sense(Sense::Grant),
        FieldDef::new(
            "groups",
            FieldType::Set(&FieldType::Ref(Kind::Group)),
            "The groups whose members work there, by the names of groups of the MSP's own (`organization: msp`).",
        )
        .sense(Sense::Grant),
        FieldDef::new("role", LINE, "The role that they have in each customer, in the portal's own word.").required().sense(Sense::Grant),
        FieldDef::new("customers", FieldType::Organizations, "The customers that they work in, by name or by label.")
            .required()
            .sense(Sense::Share),
    ],
    sections: &[],
};

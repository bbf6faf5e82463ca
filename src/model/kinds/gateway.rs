//! `Gateway`: an agent in a customer's network.

use super::{LINE, PARAGRAPH};
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement, Sense};

/// The table of `Gateway`.
pub static GATEWAY: KindDef = KindDef {
    kind: Kind::Gateway,
    name: "Gateway",
    slug: "gateway",
    short: "tgw",
    noun: "gateway",
    nouns: "gateways",
    doc: "A gateway: an agent in one organization's network, through which a portal reaches its systems.",
    placement: Placement::Member { inline: "gateways" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("displayName", LINE, "The name that people see in the portal."),
        FieldDef::new("description", PARAGRAPH, "What it is for, in words for people."),
        FieldDef::new("site", LINE, "The site where it stands, such as a building or a data centre."),
        FieldDef::new("labels", FieldType::Map(&LINE), "Labels that the MSP tells its gateways apart by; a portal needs none.")
            .sense(Sense::Label),
    ],
    sections: &[],
};

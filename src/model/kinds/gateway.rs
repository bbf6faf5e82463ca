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
    doc: "A gateway of one organization",
    placement: Placement::Member { inline: "gateways" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("displayName", LINE, "The name that people see"),
        FieldDef::new("description", PARAGRAPH, "What it is for"),
        FieldDef::new("site", LINE, "Where it stands"),
        FieldDef::new("labels", FieldType::Map(&LINE), "Labels of its own").sense(Sense::Label),
    ],
};

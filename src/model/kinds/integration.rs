//! `Integration`: a connection to another system, shared with organizations.

use super::LINE;
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement, Sense};

/// The table of `Integration`.
pub static INTEGRATION: KindDef = KindDef {
    kind: Kind::Integration,
    name: "Integration",
    slug: "integration",
    short: "tint",
    noun: "integration",
    nouns: "integrations",
    doc: "A connection owned by the MSP or one organization, and whom it is shared with",
    placement: Placement::Member { inline: "integrations" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("type", LINE, "What it connects to, in the portal's own word, such as aws").required(),
        FieldDef::new("displayName", LINE, "The name that people see"),
        FieldDef::new("enabled", FieldType::Bool, "Whether it is in use"),
        FieldDef::new("settings", FieldType::Map(&FieldType::Text(2000)), "Its settings"),
        FieldDef::new("secrets", FieldType::Map(&FieldType::Secret), "Its secrets, write-only"),
        FieldDef::new("sharedWith", FieldType::Organizations, "The organizations that use it").sense(Sense::Share),
    ],
};

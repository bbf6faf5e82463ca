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
    doc: "A connection to another system, owned by the MSP or one organization, and whom it is shared with.",
    placement: Placement::Member { inline: "integrations" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("type", LINE, "What it connects to, in the portal's own word, such as aws.").required(),
        FieldDef::new("displayName", LINE, "The name that people see in the portal."),
        FieldDef::new("enabled", FieldType::Bool, "Whether it is in use; false: it stays and does nothing."),
        FieldDef::new(
            "settings",
            FieldType::Map(&FieldType::Text(2000)),
            "Its settings, by the portal's own names for them; no secret may stand here.",
        ),
        FieldDef::new(
            "secrets",
            FieldType::Map(&FieldType::Secret),
            "Its secrets by reference, by the portal's own names for them; they are written and never read back.",
        ),
        FieldDef::new("sharedWith", FieldType::Organizations, "The organizations that use it beside its owner, by name or by label.")
            .sense(Sense::Share),
    ],
    sections: &[],
};

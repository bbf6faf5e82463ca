//! `Role`: what its holders may do.

use super::{LINE, PARAGRAPH};
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement, Sense};

/// The table of `Role`.
pub static ROLE: KindDef = KindDef {
    kind: Kind::Role,
    name: "Role",
    slug: "role",
    short: "trole",
    noun: "role",
    nouns: "roles",
    doc: "A role in one organization or in the MSP: what its holders may do.",
    placement: Placement::Member { inline: "roles" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("displayName", LINE, "The name that people see in the portal."),
        FieldDef::new("description", PARAGRAPH, "What it is for, in words for people."),
        FieldDef::new("permissions", FieldType::Set(&LINE), "What its holders may do, in the portal's own words; an empty list: nothing.")
            .sense(Sense::Grant),
        FieldDef::new("inherited", FieldType::Bool, "True: every member of the organization has it, with no grant.").sense(Sense::Grant),
    ],
    sections: &[],
};

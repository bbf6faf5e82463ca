//! `Group`: users who share roles.

use super::{LINE, PARAGRAPH};
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement, Sense};

/// The table of `Group`.
pub static GROUP: KindDef = KindDef {
    kind: Kind::Group,
    name: "Group",
    slug: "group",
    short: "tgrp",
    noun: "group",
    nouns: "groups",
    doc: "A group of users in one organization or in the MSP, who share roles.",
    placement: Placement::Member { inline: "groups" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("displayName", LINE, "The name that people see in the portal."),
        FieldDef::new("description", PARAGRAPH, "What it is for, in words for people."),
        FieldDef::new(
            "roles",
            FieldType::Set(&FieldType::Ref(Kind::Role)),
            "The roles that its members have, by name; an empty list: none.",
        )
        .sense(Sense::Grant),
    ],
    sections: &[],
};

//! `MonitoredSystem`: a system that the portal watches.

use super::{LINE, PARAGRAPH};
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement, Sense};

/// The table of `MonitoredSystem`.
pub static MONITORED_SYSTEM: KindDef = KindDef {
    kind: Kind::MonitoredSystem,
    name: "MonitoredSystem",
    slug: "monitored-system",
    short: "tmon",
    noun: "monitored system",
    nouns: "monitored systems",
    doc: "A system of one organization that a portal watches, reached through a gateway of the same organization only.",
    placement: Placement::Member { inline: "monitoredSystems" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("type", LINE, "What kind of system it is, in the portal's own word, such as SAP.").required(),
        FieldDef::new("displayName", LINE, "The name that people see in the portal."),
        FieldDef::new("description", PARAGRAPH, "What it is for, in words for people."),
        FieldDef::new("host", LINE, "The host name or address where it is reached."),
        FieldDef::new(
            "gateway",
            FieldType::Ref(Kind::Gateway),
            "The gateway that it is reached through, by its name in the same organization.",
        ),
        FieldDef::new("labels", FieldType::Map(&LINE), "Labels that the MSP tells its systems apart by; a portal needs none.")
            .sense(Sense::Label),
    ],
    sections: &[],
};

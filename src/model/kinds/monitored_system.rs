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
    doc: "A monitored system of one organization, reached through a gateway of the same organization only",
    placement: Placement::Member { inline: "monitoredSystems" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("type", LINE, "What it is, such as SAP").required(),
        FieldDef::new("displayName", LINE, "The name that people see"),
        FieldDef::new("description", PARAGRAPH, "What it is for"),
        FieldDef::new("host", LINE, "Where it is reached"),
        FieldDef::new("gateway", FieldType::Ref(Kind::Gateway), "The gateway it is reached through, of the same organization"),
        FieldDef::new("labels", FieldType::Map(&LINE), "Labels of its own").sense(Sense::Label),
    ],
};

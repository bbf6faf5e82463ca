//! `Organization`: a customer.

use super::{LINE, PARAGRAPH};
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement, Sense};

/// The table of `Organization`.
pub static ORGANIZATION: KindDef = KindDef {
    kind: Kind::Organization,
    name: "Organization",
    slug: "organization",
    short: "torg",
    noun: "organization",
    nouns: "organizations",
    doc: "A customer, and all that belongs to it",
    placement: Placement::Tenant,
    bearing: Bearing::Data,
    key: None,
    fields: &[
        FieldDef::new("displayName", LINE, "The name that people see").required(),
        FieldDef::new(
            "relationship",
            FieldType::Enum(&["managed", "standalone"]),
            "Whether the MSP's tools manage it, or only its tickets do",
        ),
        FieldDef::new("contact.company", LINE, "Registered name of the company"),
        FieldDef::new("contact.phone", LINE, "Telephone number"),
        FieldDef::new("contact.address", PARAGRAPH, "Postal address"),
        FieldDef::new("contact.website", FieldType::Url, "Web site"),
        FieldDef::new("contact.email", FieldType::Email, "Address for correspondence; nobody is invited to it"),
        FieldDef::new("notes", PARAGRAPH, "Internal notes of the MSP"),
        FieldDef::new("defaultDashboard", LINE, "The dashboard that its people see first"),
        FieldDef::new("doNotDisturb", FieldType::List(&WINDOW), "Times in which nothing notifies the organization"),
        FieldDef::new("accessPermissions", FieldType::Set(&LINE), "What its people may do in the portal").sense(Sense::Grant),
        FieldDef::new("userSource", LINE, "Where its users come from, in the portal's own word"),
        FieldDef::new("billing.plan", LINE, "The plan it pays for"),
        FieldDef::new("billing.accountManager", FieldType::Email, "Who of the MSP looks after it"),
        FieldDef::new("billing.reference", LINE, "Its number in the MSP's accounts"),
        FieldDef::new("licences", FieldType::Map(&FieldType::Integer(0, 1_000_000)), "How many licences of each product")
            .sense(Sense::Licences),
        FieldDef::new("defaultAdmin.email", FieldType::Email, "E-mail of the administrator that a portal makes with the organization")
            .sense(Sense::CreationOnly),
        FieldDef::new("defaultAdmin.firstName", LINE, "First name of that administrator").sense(Sense::CreationOnly),
        FieldDef::new("defaultAdmin.lastName", LINE, "Last name of that administrator").sense(Sense::CreationOnly),
        FieldDef::new("secrets", FieldType::Map(&FieldType::Secret), "Write-only secrets of the organization"),
        FieldDef::new("labels", FieldType::Map(&LINE), "Labels that selectors pick it by").sense(Sense::Label),
        FieldDef::new("offboard", FieldType::Bool, "True: everybody's access is taken away, the organization and its data stay")
            .sense(Sense::Offboard),
    ],
};

static WINDOW: FieldType = FieldType::Record(&[
    FieldDef::new("days", FieldType::Set(&FieldType::Enum(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"])), "Days of the week")
        .required(),
    FieldDef::new("from", FieldType::Time, "Start, HH:MM").required(),
    FieldDef::new("to", FieldType::Time, "End, HH:MM").required(),
    FieldDef::new("timezone", FieldType::Text(64), "IANA time zone, such as Europe/Berlin"),
]);

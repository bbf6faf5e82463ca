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
    doc: "A customer, and all that belongs to it: its resources may stand inline or be documents of their own.",
    placement: Placement::Tenant,
    bearing: Bearing::Data,
    key: None,
    fields: &[
        FieldDef::new("displayName", LINE, "The name that people see in the portal.").required(),
        FieldDef::new(
            "relationship",
            FieldType::Enum(&["managed", "standalone"]),
            "What the customer is to the MSP: `managed`, by the MSP's tools, or `standalone`, which is known by its tickets alone.",
        ),
        FieldDef::new("contact.company", LINE, "The registered name of the company."),
        FieldDef::new("contact.phone", LINE, "The telephone number of the company."),
        FieldDef::new("contact.address", PARAGRAPH, "The postal address of the company, on as many lines as it takes."),
        FieldDef::new("contact.website", FieldType::Url, "The web site of the company, from http:// or https:// on."),
        FieldDef::new("contact.email", FieldType::Email, "The e-mail address for correspondence; nobody is invited to it."),
        FieldDef::new("notes", PARAGRAPH, "Internal notes of the MSP, in at most 4000 characters."),
        FieldDef::new("defaultDashboard", LINE, "The dashboard that its people see first, in the portal's own word."),
        FieldDef::new("doNotDisturb", FieldType::List(&WINDOW), "Spans of the week in which nothing notifies the organization."),
        FieldDef::new(
            "accessPermissions",
            FieldType::Set(&LINE),
            "What its people may do in the portal, in the portal's own words; an empty list: nothing.",
        )
        .sense(Sense::Grant),
        FieldDef::new("userSource", LINE, "Where its users come from, such as a directory, in the portal's own word."),
        FieldDef::new("billing.plan", LINE, "The plan that it pays for, in the portal's own word."),
        FieldDef::new("billing.accountManager", FieldType::Email, "The e-mail address of the one at the MSP who looks after it."),
        FieldDef::new("billing.reference", LINE, "Its number in the MSP's accounts."),
        FieldDef::new(
            "licences",
            FieldType::Map(&FieldType::Integer(0, 1_000_000)),
            "How many licences it has of each product, by the portal's own names for products.",
        )
        .sense(Sense::Licences),
        FieldDef::new(
            "defaultAdmin.email",
            FieldType::Email,
            "The e-mail address of the administrator that a portal makes together with the organization; later changes do nothing.",
        )
        .sense(Sense::CreationOnly),
        FieldDef::new("defaultAdmin.firstName", LINE, "The first name of that administrator; later changes do nothing.")
            .sense(Sense::CreationOnly),
        FieldDef::new("defaultAdmin.lastName", LINE, "The last name of that administrator; later changes do nothing.")
            .sense(Sense::CreationOnly),
        FieldDef::new(
            "secrets",
            FieldType::Map(&FieldType::Secret),
            "Secrets of the organization by reference, by the portal's own names for them; they are written and never read back.",
        ),
        FieldDef::new(
            "labels",
            FieldType::Map(&LINE),
            "Labels that the selectors of portals, delegations and integrations pick it by; a portal needs none.",
        )
        .sense(Sense::Label),
        FieldDef::new("offboard", FieldType::Bool, "True: everybody's access is taken away, and the organization and its data stay.")
            .sense(Sense::Offboard),
    ],
    sections: &[
        ("contact", "How the customer is reached: company, telephone, post, web site and e-mail."),
        ("billing", "What the customer pays for, and who of the MSP looks after it."),
        ("defaultAdmin", "The administrator whom a portal makes together with the organization."),
    ],
};

static WINDOW: FieldType = FieldType::Record(&[
    FieldDef::new(
        "days",
        FieldType::Set(&FieldType::Enum(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"])),
        "The days of the week on which the span begins.",
    )
    .required(),
    FieldDef::new("from", FieldType::Time, "When the span begins, as HH:MM from 00:00 to 23:59.").required(),
    FieldDef::new("to", FieldType::Time, "When the span ends, as HH:MM from 00:00 to 23:59.").required(),
    FieldDef::new("timezone", FieldType::Text(64), "The IANA time zone of the two times, such as Europe/Berlin; default the portal's own."),
]);

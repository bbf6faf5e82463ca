//! `NotificationRule`: whom a notification targets.

use super::LINE;
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement};

/// The table of `NotificationRule`.
pub static NOTIFICATION_RULE: KindDef = KindDef {
    kind: Kind::NotificationRule,
    name: "NotificationRule",
    slug: "notification-rule",
    short: "tnr",
    noun: "notification rule",
    nouns: "notification rules",
    doc: "A rule that says whom a notification targets: the organization, or roles, groups and users of it.",
    placement: Placement::Member { inline: "notificationRules" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("displayName", LINE, "The name that people see in the portal."),
        FieldDef::new("enabled", FieldType::Bool, "Whether it notifies; false: it stays and is silent."),
        FieldDef::new("events", FieldType::Set(&LINE), "The events that it reports, in the portal's own words.").required(),
        FieldDef::new("channel", FieldType::Enum(&["email", "sms", "webhook", "portal"]), "The channel by which it reaches people."),
        FieldDef::new("target.organization", FieldType::Bool, "True: it targets everybody in the organization."),
        FieldDef::new(
            "target.roles",
            FieldType::Set(&FieldType::Ref(Kind::Role)),
            "It targets the holders of these roles of the organization, by name.",
        ),
        FieldDef::new(
            "target.groups",
            FieldType::Set(&FieldType::Ref(Kind::Group)),
            "It targets the members of these groups of the organization, by name.",
        ),
        FieldDef::new("target.users", FieldType::Set(&FieldType::Ref(Kind::User)), "It targets these users of the organization, by name."),
    ],
    sections: &[("target", "Whom it targets: the organization, or roles, groups and users of it, one of them at least.")],
};

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
    doc: "Whom a notification targets: the organization, or roles, groups and users of it",
    placement: Placement::Member { inline: "notificationRules" },
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("displayName", LINE, "The name that people see"),
        FieldDef::new("enabled", FieldType::Bool, "Whether it notifies"),
        FieldDef::new("events", FieldType::Set(&LINE), "The events it reports").required(),
        FieldDef::new("channel", FieldType::Enum(&["email", "sms", "webhook", "portal"]), "How it reaches people"),
        FieldDef::new("target.organization", FieldType::Bool, "True: everybody in the organization"),
        FieldDef::new("target.roles", FieldType::Set(&FieldType::Ref(Kind::Role)), "Holders of these roles"),
        FieldDef::new("target.groups", FieldType::Set(&FieldType::Ref(Kind::Group)), "Members of these groups"),
        FieldDef::new("target.users", FieldType::Set(&FieldType::Ref(Kind::User)), "These users"),
    ],
};

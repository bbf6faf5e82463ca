//! `User`: the membership of a person or a service account in one organization. A person in two organizations is two users.

use super::LINE;
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement, Sense};

/// The table of `User`.
pub static USER: KindDef = KindDef {
    kind: Kind::User,
    name: "User",
    slug: "user",
    short: "tusr",
    noun: "user",
    nouns: "users",
    doc: "The membership of a person or a service account in one organization",
    placement: Placement::Member { inline: "users" },
    bearing: Bearing::Access,
    key: Some("email"),
    fields: &[
        FieldDef::new("email", FieldType::Email, "The address that the person signs in with").required(),
        FieldDef::new("firstName", LINE, "First name"),
        FieldDef::new("lastName", LINE, "Last name"),
        FieldDef::new("serviceAccount", FieldType::Bool, "True: a machine's account; nobody is invited").sense(Sense::CreationOnly),
        FieldDef::new("roles", FieldType::Set(&FieldType::Ref(Kind::Role)), "Roles the user has").sense(Sense::Grant),
        FieldDef::new("groups", FieldType::Set(&FieldType::Ref(Kind::Group)), "Groups the user is in").sense(Sense::Grant),
        FieldDef::new("administrator", FieldType::Bool, "True: administers the organization").sense(Sense::Administrator),
        FieldDef::new("suspended", FieldType::Bool, "True: may not sign in; the membership stays").sense(Sense::Suspended),
        FieldDef::new("invitation.expiresAfterDays", FieldType::Integer(1, 365), "Days until the invitation expires")
            .sense(Sense::CreationOnly),
        FieldDef::new("invitation.deferUntil", FieldType::Date, "The invitation waits until this day").sense(Sense::DeferUntil),
        FieldDef::new("invitation.notify", FieldType::Bool, "False: no e-mail goes out").sense(Sense::Notify),
        FieldDef::new("invitation.monitorCompletion", FieldType::Bool, "True: the portal watches whether it is accepted")
            .sense(Sense::CreationOnly),
        FieldDef::new("invitation.resendWhenExpired", FieldType::Bool, "True: an expired invitation is sent again")
            .sense(Sense::ResendWhenExpired),
    ],
};

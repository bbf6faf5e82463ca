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
    doc: "The membership of a person or a service account in one organization; a person in two organizations is two users.",
    placement: Placement::Member { inline: "users" },
    bearing: Bearing::Access,
    key: Some("email"),
    fields: &[
        FieldDef::new("email", FieldType::Email, "The e-mail address that the person signs in with, which is the user's natural key.")
            .required(),
        FieldDef::new("firstName", LINE, "The first name of the person."),
        FieldDef::new("lastName", LINE, "The last name of the person."),
        FieldDef::new(
            "serviceAccount",
            FieldType::Bool,
            "True: it is a machine's account, and nobody is invited; later changes do nothing.",
        )
        .sense(Sense::CreationOnly),
        FieldDef::new("roles", FieldType::Set(&FieldType::Ref(Kind::Role)), "The roles that the user has, by name; an empty list: none.")
            .sense(Sense::Grant),
        FieldDef::new(
            "groups",
            FieldType::Set(&FieldType::Ref(Kind::Group)),
            "The groups that the user is in, by name; an empty list: none.",
        )
        .sense(Sense::Grant),
        FieldDef::new("administrator", FieldType::Bool, "True: the user administers the organization.").sense(Sense::Administrator),
        FieldDef::new("suspended", FieldType::Bool, "True: the user may not sign in, and the membership stays.").sense(Sense::Suspended),
        FieldDef::new(
            "invitation.expiresAfterDays",
            FieldType::Integer(1, 365),
            "The days until the invitation expires; default the portal's own, and later changes do nothing.",
        )
        .sense(Sense::CreationOnly),
        FieldDef::new(
            "invitation.deferUntil",
            FieldType::Date,
            "The day until which the invitation waits, as YYYY-MM-DD; default it goes out at once.",
        )
        .sense(Sense::DeferUntil),
        FieldDef::new("invitation.notify", FieldType::Bool, "False: no e-mail goes out; default the portal's own.").sense(Sense::Notify),
        FieldDef::new(
            "invitation.monitorCompletion",
            FieldType::Bool,
            "True: the portal watches whether the invitation is accepted; later changes do nothing.",
        )
        .sense(Sense::CreationOnly),
        FieldDef::new("invitation.resendWhenExpired", FieldType::Bool, "True: an invitation that expired is sent again; default false.")
            .sense(Sense::ResendWhenExpired),
    ],
    sections: &[("invitation", "How the user is invited: when, for how long, and whether an e-mail goes out.")],
};

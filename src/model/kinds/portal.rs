//! `Portal`: a system in which customers live. It comes from a trusted root, for it says where credentials go.

use super::LINE;
use crate::model::control::{APPROVAL, DRIFT, MANAGEMENT};
use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement};

const COUNT: FieldType = FieldType::Integer(0, 1_000_000);
const PERCENT: FieldType = FieldType::Integer(0, 100);

/// The table of `Portal`. [`crate::model::PortalSpec`] is its typed form.
pub static PORTAL: KindDef = KindDef {
    kind: Kind::Portal,
    name: "Portal",
    slug: "portal",
    short: "tpo",
    noun: "portal",
    nouns: "portals",
    doc: "One portal: its profile, where it is, which organizations it serves, and the MSP's policies and limits for it",
    placement: Placement::Configuration,
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("profile", LINE, "Name of a profile shipped with the program, or path of one below the trusted root").required(),
        FieldDef::new(
            "endpoint",
            FieldType::Text(500),
            "Where it is: an https address, or for the embedded portal a file below the state directory",
        ),
        FieldDef::new("credentials", FieldType::Map(&FieldType::Secret), "Credentials, by reference; sent to the endpoint's origin alone"),
        FieldDef::new("organizations", FieldType::Organizations, "Which organizations it serves; absent: all"),
        FieldDef::new("account.name", LINE, "The MSP's own account there"),
        FieldDef::new("account.domain", FieldType::DomainName, "The MSP's own domain there"),
        FieldDef::new("account.email", FieldType::Email, "The user whose credentials these are; never deleted or demoted"),
        FieldDef::new("account.kind", LINE, "Kind of account, in the portal's own word"),
        FieldDef::new("account.addOns", FieldType::Set(&LINE), "Licensed add-ons"),
        FieldDef::new(
            "deletionPolicy.organizations",
            FieldType::Enum(&["Orphan", "Delete"]),
            "What becomes of an organization that is no longer declared; default Orphan",
        ),
        FieldDef::new(
            "deletionPolicy.members",
            FieldType::Enum(&["Orphan", "Delete"]),
            "What becomes of what is taken out of an organization that stays; default Delete, within limits",
        ),
        FieldDef::new(
            "adoptionPolicy",
            FieldType::Enum(&["Refuse", "IfIdentical", "IfUnowned", "Always"]),
            "What becomes of a declared object that exists already; default Refuse",
        ),
        FieldDef::new(
            "unsupported",
            FieldType::Enum(&["Error", "Warning", "Ignore"]),
            "What becomes of a field that the portal lacks; default Error",
        ),
        FieldDef::new("limits.maxDeletesPerKind", COUNT, "Most deletions of one kind in one tenant; default 5"),
        FieldDef::new("limits.maxDeletesPerTenant", COUNT, "Most deletions in one tenant; default 10"),
        FieldDef::new("limits.maxDeletesPerRun", COUNT, "Most deletions in one run; default 50"),
        FieldDef::new("limits.maxDeletePercent", PERCENT, "Most deletions of what we own of a kind in a tenant, in percent; default 30"),
        FieldDef::new("limits.deleteFloor", COUNT, "So many deletions of a kind are never too large a share; default 2"),
        FieldDef::new("limits.minAdministrators", COUNT, "Administrators that each tenant keeps; default 1"),
        FieldDef::new("workOrders.assignee", LINE, "The technician who gets this portal's work orders"),
        FieldDef::new(
            "workOrders.assigneeLabel",
            LINE,
            "The label of an organization that names its technician; where it is not set, workOrders.assignee",
        ),
        FieldDef::new("workOrders.dueAfterDays", FieldType::Integer(0, 365), "Days until a work order is due; default 7"),
        FieldDef::new(
            "workOrders.believedForDays",
            FieldType::Integer(1, 3650),
            "Days for which a technician's record of what is in the portal is believed; default 90",
        ),
        FieldDef::new("budget.requestsPerMinute", COUNT, "Most requests in a minute; 0: no limit"),
        FieldDef::new("budget.parallelism", FieldType::Integer(1, 1000), "Most requests at once; default 10"),
        FieldDef::new(
            "managementPolicies",
            FieldType::Set(&FieldType::Enum(&MANAGEMENT)),
            "What may be done there; default everything. Looking is always allowed",
        ),
        FieldDef::new("interval", FieldType::Duration, "How often a controller looks at what is live; default 10m"),
        FieldDef::new(
            "retryInterval",
            FieldType::Duration,
            "A controller's first pause after a failure, each further one longer; default 5s",
        ),
        FieldDef::new("timeout", FieldType::Duration, "How long a controller's visit of one tenant may take; default 10m"),
        FieldDef::new("suspend", FieldType::Bool, "True: a controller leaves this portal alone"),
        FieldDef::new("approval.mode", FieldType::Enum(&APPROVAL), "When a controller applies a plan; default Auto"),
        FieldDef::new(
            "driftDetection.mode",
            FieldType::Enum(&DRIFT),
            "What a controller does about what somebody changed there; default enabled",
        ),
    ],
};

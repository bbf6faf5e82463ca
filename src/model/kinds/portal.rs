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
    doc: "One portal: its profile, where it is, which organizations it serves, and the MSP's policies and limits for it.",
    placement: Placement::Configuration,
    bearing: Bearing::Settings,
    key: None,
    fields: &[
        FieldDef::new("profile", LINE, "The name of a profile shipped with the program, or the path of one below the trusted root.")
            .required(),
        FieldDef::new(
            "endpoint",
            FieldType::Text(500),
            "Where it is: an https address, or for the embedded portal a file below the state directory.",
        ),
        FieldDef::new(
            "credentials",
            FieldType::Map(&FieldType::Secret),
            "The credentials by reference, by the profile's names for them; they are sent to the endpoint's origin alone.",
        ),
        FieldDef::new("organizations", FieldType::Organizations, "The organizations that it serves, by name or by label; default all."),
        FieldDef::new("account.name", LINE, "The name of the MSP's own account there."),
        FieldDef::new("account.domain", FieldType::DomainName, "The MSP's own domain there."),
        FieldDef::new("account.email", FieldType::Email, "The user whose credentials these are, who is never deleted or demoted."),
        FieldDef::new("account.kind", LINE, "The kind of the account, in the portal's own word."),
        FieldDef::new("account.addOns", FieldType::Set(&LINE), "The add-ons that the account is licensed for, in the portal's own words."),
        FieldDef::new(
            "deletionPolicy.organizations",
            FieldType::Enum(&["Orphan", "Delete"]),
            "What becomes of an organization that is no longer declared: `Orphan` leaves it in the portal, `Delete` deletes it; default Orphan.",
        ),
        FieldDef::new(
            "deletionPolicy.members",
            FieldType::Enum(&["Orphan", "Delete"]),
            "What becomes of what is taken out of an organization that stays: `Orphan` leaves it in the portal, `Delete` deletes it within the limits; default Delete.",
        ),
        FieldDef::new(
            "adoptionPolicy",
            FieldType::Enum(&["Refuse", "IfIdentical", "IfUnowned", "Always"]),
            "What becomes of a declared object that exists already: `Refuse` refuses the plan, `IfIdentical` adopts it where no managed field differs, `IfUnowned` and `Always` adopt it unless another installation has marked it; default Refuse.",
        ),
        FieldDef::new(
            "unsupported",
            FieldType::Enum(&["Error", "Warning", "Ignore"]),
            "What becomes of a declared field that the portal lacks: `Error` refuses the change, `Warning` leaves the field out and says so, `Ignore` leaves it out; default Error.",
        ),
        FieldDef::new(
            "limits.maxDeletesPerKind",
            COUNT,
            "The most deletions of one kind in one tenant that a plan may have without approval; default 5.",
        ),
        FieldDef::new(
            "limits.maxDeletesPerTenant",
            COUNT,
            "The most deletions in one tenant that a plan may have without approval; default 10.",
        ),
        FieldDef::new("limits.maxDeletesPerRun", COUNT, "The most deletions in one run that need no approval; default 50."),
        FieldDef::new(
            "limits.maxDeletePercent",
            PERCENT,
            "The most deletions without approval, in percent of what we own of a kind in a tenant; default 30.",
        ),
        FieldDef::new(
            "limits.deleteFloor",
            COUNT,
            "So many deletions of a kind are never too large a share, whatever the percentage is; default 2.",
        ),
        FieldDef::new("limits.minAdministrators", COUNT, "The number of administrators that each tenant keeps; default 1."),
        FieldDef::new("workOrders.assignee", LINE, "The technician who gets this portal's work orders; default nobody in particular."),
        FieldDef::new(
            "workOrders.assigneeLabel",
            LINE,
            "The label of an organization that names its technician; where an organization has none, `assignee` gets its work orders.",
        ),
        FieldDef::new("workOrders.dueAfterDays", FieldType::Integer(0, 365), "The days until a work order is due; default 7."),
        FieldDef::new(
            "workOrders.believedForDays",
            FieldType::Integer(1, 3650),
            "The days for which a technician's record of what is in the portal is believed; default 90.",
        ),
        FieldDef::new("budget.requestsPerMinute", COUNT, "The most requests in a minute; default 0, which is no limit."),
        FieldDef::new("budget.parallelism", FieldType::Integer(1, 1000), "The most requests at once; default 10."),
        FieldDef::new(
            "managementPolicies",
            FieldType::Set(&FieldType::Enum(&MANAGEMENT)),
            "What may be done there: `Create`, `Update`, `Delete`, or `*` for all of them; `Observe` is always allowed; default everything.",
        ),
        FieldDef::new(
            "interval",
            FieldType::Duration,
            "How often a controller looks at what is live, as a span of time such as 30m; default 10m.",
        ),
        FieldDef::new(
            "retryInterval",
            FieldType::Duration,
            "A controller's first pause after a failure, as a span of time such as 30s, each further one longer; default 5s.",
        ),
        FieldDef::new(
            "timeout",
            FieldType::Duration,
            "How long a controller's visit of one tenant may take, as a span of time such as 30m; default 10m.",
        ),
        FieldDef::new("suspend", FieldType::Bool, "True: a controller leaves this portal alone; default false."),
        FieldDef::new(
            "approval.mode",
            FieldType::Enum(&APPROVAL),
            "When a controller applies a plan: `Auto` at once, `Manual` when its digest is approved, `AutoUnlessDestructive` at once unless something is taken away that does not come back; default Auto.",
        ),
        FieldDef::new(
            "driftDetection.mode",
            FieldType::Enum(&DRIFT),
            "What a controller does about what somebody changed there: `enabled` brings it back in step, `warn` says so, `disabled` looks only when something is declared anew; default enabled.",
        ),
    ],
    sections: &[
        ("account", "The MSP's own account there, which rules of the portal and the guard of our own account ask for."),
        ("deletionPolicy", "What becomes of what is no longer declared, unless a resource says otherwise itself."),
        ("limits", "How much a plan may do before somebody has to approve it."),
        ("workOrders", "How work orders are given out, and how long what comes back is believed."),
        ("budget", "How many requests the portal is sent."),
        ("approval", "Whether a controller waits for an approval before it applies a plan, unless an organization says otherwise."),
        ("driftDetection", "What a controller does about drift, unless an organization says otherwise."),
    ],
};

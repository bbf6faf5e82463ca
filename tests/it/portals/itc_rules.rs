//! it-conductor: each rule, broken and kept.

use super::kit::{Example, side};

/// One for each rule of the profile.
pub(super) const EXAMPLES: &[Example] = &[
    Example {
        rule: "ITC-3",
        before: "",
        observed: &[],
        breaks: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  domains: [{name: main, domain: acme.example}]
  users: [{name: ann, email: ann@notacme.example}]
",
        ),
        keeps: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  domains: [{name: main, domain: acme.example}]
  users: [{name: ann, email: Ann@ACME.example}]
",
        ),
        says: "acme/user/ann refused: ann@notacme.example is not under the e-mail domain of acme, and an invitation goes to no other: correct the address, or declare the domain that it is under",
    },
    Example {
        rule: "ITC-4",
        before: ACME,
        observed: &[],
        breaks: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, domains: [{name: main, domain: acme-tools.example}]}
",
        ),
        keeps: side("", ACME),
        says: "acme/domain/main refused: the e-mail domain of acme would become acme-tools.example; a tenant's administrators cannot change it once the organization exists: set it back, declare a new organization with the new domain, or ask the vendor to change it",
    },
    Example {
        rule: "ITC-4a",
        before: ACME,
        observed: &[],
        breaks: side("", "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME Tools}\n"),
        keeps: side("", ACME),
        says: "acme/domain/main refused: the e-mail domain of acme would be taken away, and the organization would stay; it cannot be changed once the organization exists: declare it again, or ask the vendor to change it",
    },
    Example {
        rule: "ITC-6",
        before: "",
        observed: &[],
        breaks: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  doNotDisturb: [{days: [sun], from: '00:00', to: '23:59'}]
  domains: [{name: main, domain: acme.example}]
  users: [{name: ann, email: ann@acme.example}]
  notificationRules: [{name: outages, events: [down], target: {organization: true, users: [ann]}}]
",
        ),
        keeps: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  doNotDisturb: [{days: [sun], from: '00:00', to: '23:59'}]
  notificationRules: [{name: outages, events: [down], target: {organization: true}}]
---
kind: Organization
metadata: {name: globex}
spec:
  displayName: Globex
  roles: [{name: ops}]
  notificationRules: [{name: outages, events: [down], target: {roles: [ops]}}]
",
        ),
        says: "acme/notification-rule/outages warned: notification rule outages disturbs in the times of doNotDisturb of acme: only a notification that targets the organization honours them, and not one that targets users, roles or groups; set `target.organization: true` and nothing beside it",
    },
    Example {
        rule: "ITC-8",
        before: "",
        observed: &[],
        breaks: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, monitoredSystems: [{name: erp, type: SAP, gateway: paris}]}
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex, gateways: [{name: paris}]}
",
        ),
        keeps: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, gateways: [{name: berlin}], monitoredSystems: [{name: erp, type: SAP, gateway: berlin}]}
",
        ),
        says: "acme/monitored-system/erp refused: monitored system erp uses gateway paris, which is none of acme's: the data of each organization is kept apart, so use a gateway of the same organization (inferred, not documented)",
    },
    Example {
        rule: "ITC-11",
        before: "",
        observed: &[],
        breaks: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  domains: [{name: main, domain: acme.example}]
  users: [{name: ann, email: ann@acme.example, roles: [auditors]}]
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex, roles: [{name: auditors}]}
",
        ),
        keeps: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  domains: [{name: main, domain: acme.example}]
  roles: [{name: auditors}]
  groups: [{name: staff}]
  users: [{name: ann, email: ann@acme.example, roles: [auditors], groups: [staff]}]
",
        ),
        says: "acme/user/ann refused: ann@acme.example would have a role or be in a group that is none of acme's; a user of one organization sees no data of another: name roles and groups of acme alone",
    },
    Example {
        rule: "ITC-11a",
        before: "",
        observed: &[],
        breaks: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  notificationRules: [{name: outages, events: [down], target: {users: [zoe]}}]
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex, domains: [{name: main, domain: globex.example}], users: [{name: zoe, email: zoe@globex.example}]}
",
        ),
        keeps: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  domains: [{name: main, domain: acme.example}]
  roles: [{name: ops}]
  groups: [{name: staff}]
  users: [{name: ann, email: ann@acme.example}]
  notificationRules: [{name: outages, events: [down], target: {users: [ann], roles: [ops], groups: [staff]}}]
",
        ),
        says: "acme/notification-rule/outages refused: notification rule outages would tell somebody outside acme; a user of one organization sees no data of another: target users, roles and groups of acme alone",
    },
    Example {
        rule: "ITC-12",
        before: "",
        observed: &[],
        breaks: side(
            "",
            "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, domains: [{name: main, domain: GMX.de}]}\n",
        ),
        keeps: side(
            "",
            "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, domains: [{name: main, domain: notgmx.de}]}\n",
        ),
        says: "acme/domain/main warned: gmx.de of acme is a public mail domain, which anybody can have an address under: use the customer's own",
    },
    Example {
        rule: "ITC-12a",
        before: "",
        observed: &[],
        breaks: side(
            "domain: msp.example",
            "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, domains: [{name: main, domain: acme.msp.example}]}\n",
        ),
        keeps: side(
            "domain: msp.example",
            "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, domains: [{name: main, domain: acmemsp.example}]}\n",
        ),
        says: "acme/domain/main warned: acme.msp.example of acme is the MSP's own domain: use the customer's own",
    },
];

const ACME: &str = "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, domains: [{name: main, domain: acme.example}]}
";

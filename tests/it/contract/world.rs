//! What is declared, and what a portal must have in the end.

use std::collections::BTreeMap;

use tenantry::model::{Desired, Resource};
use tenantry::portal::Observe;

use crate::support::declared::{Say, desired, org, resource, shared, user};

/// What of the customers' life a portal has, and in which words.
#[derive(Clone)]
pub(super) struct Customs {
    /// Stands before each customer's name: many lives fit into one portal.
    pub(super) prefix: String,
    /// Groups, first names, users who administer their customer.
    pub(super) people: bool,
    /// Roles and groups have a title beside their name.
    pub(super) titles: bool,
    /// What a role may grant: before and after it changes.
    pub(super) permissions: [&'static str; 2],
    /// The role that everybody has, where nobody may be without one.
    pub(super) everybody: Option<&'static str>,
    /// The MSP's connections are shared with customers.
    pub(super) shared: bool,
    /// The connection of a customer's own, where there is such a thing.
    pub(super) own: Option<fn(Resource) -> Resource>,
    /// Whoever is made gets a mail.
    pub(super) mails: bool,
}

impl Customs {
    /// Of a portal that has everything but connections.
    pub(super) fn whole() -> Self {
        Self {
            prefix: String::new(),
            people: true,
            titles: true,
            permissions: ["tickets.read", "tickets.close"],
            everybody: None,
            shared: false,
            own: None,
            mails: true,
        }
    }

    /// A role or a group.
    fn titled(&self, kind: &str, tenant: &str, name: &str) -> Resource {
        let resource = resource(&format!("{tenant}/{kind}/{name}"));
        if self.titles { resource.with("displayName", name) } else { resource }
    }

    fn role(&self, tenant: &str, name: &str, permission: &str) -> Resource {
        self.titled("role", tenant, name).with("permissions", vec![permission])
    }

    /// Somebody; the group is one that grants what everybody needs.
    fn person(&self, tenant: &str, name: &str, roles: &[&str], groups: &[&str]) -> Resource {
        let roles: Vec<_> = roles.iter().copied().chain(self.everybody).collect();
        let mut person = user(tenant, name);
        if !roles.is_empty() {
            person = person.with("roles", roles);
        }
        if self.people && !groups.is_empty() { person.with("groups", groups.to_vec()) } else { person }
    }

    fn admin(&self, tenant: &str, name: &str) -> Resource {
        let person = self.person(tenant, name, &[], &[]);
        if self.people { person.with("administrator", true) } else { person }
    }
}

/// A step of the customers' life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Two customers are made.
    Made,
    /// One is changed, loses a person and gains one; the other leaves.
    Changed,
}

/// What is in a portal, and whom it sent mail.
#[derive(Default)]
pub(super) struct Seen {
    /// All but what the portal has of itself: `TENANT KIND KEY`.
    pub(super) objects: Vec<String>,
    /// Each mail's recipient.
    pub(super) mailed: Vec<String>,
}

impl Stage {
    /// What is declared.
    pub(super) fn desired(self, customs: &Customs) -> Desired {
        let changed = self == Self::Changed;
        let [acme, beta] = ["acme", "beta"].map(|name| format!("{}{name}", customs.prefix));
        let (acme, beta) = (acme.as_str(), beta.as_str());
        let [before, after] = customs.permissions;
        let mut all = vec![
            org(acme).with("displayName", if changed { "ACME Works" } else { "ACME Tools" }),
            customs.role(acme, "ops", if changed { after } else { before }),
            customs.admin(acme, "ann"),
            org(beta).with("offboard", changed),
            customs.admin(beta, "bea"),
            customs.person(beta, "ben", &[], &[]),
        ];
        let bob: &[&[&str]] = if changed { &[&["lead"], &[]] } else { &[&[], &["staff"]] };
        let bob = customs.person(acme, "bob", bob[0], bob[1]);
        all.push(if customs.people { bob.with("firstName", "Bob") } else { bob });
        if customs.people {
            all.push(customs.titled("group", acme, "staff").with("roles", vec!["ops"]));
        }
        if changed {
            all.extend([customs.role(acme, "lead", before), customs.person(acme, "dan", &[], &["staff"])]);
        } else {
            all.push(customs.person(acme, "cy", &["ops"], &[]));
        }
        all.extend(customs.shared.then(|| shared("aws", if changed { &["acme"] } else { &["acme", "beta"] })));
        all.extend(customs.own.map(|own| own(resource(&format!("{acme}/integration/sso")))));
        desired(all)
    }

    /// All that is in the portal then, beside what [`STRANGERS`] have: `TENANT KIND KEY`.
    fn objects(self, customs: &Customs) -> Vec<String> {
        let both = ["acme organization acme", "acme role ops", "acme user ann@acme.example", "acme user bob@acme.example"];
        let more: &[&str] = match self {
            Self::Made => &["acme user cy@acme.example", "beta user bea@beta.example", "beta user ben@beta.example"],
            Self::Changed => &["acme role lead", "acme user dan@acme.example"],
        };
        let mut all: Vec<_> =
            both.iter().chain(more).chain(&["beta organization beta"]).chain(&STRANGERS).map(|s| (*s).to_owned()).collect();
        all.extend(customs.people.then(|| "acme group staff".to_owned()));
        all.extend(customs.shared.then(|| "msp integration aws".to_owned()));
        all.extend(customs.own.map(|_| "acme integration sso".to_owned()));
        all
    }

    /// Whom mail went to by then, each once.
    fn mailed(self, customs: &Customs) -> Vec<String> {
        let mut all =
            vec!["ann@acme.example", "bea@beta.example", "ben@beta.example", "bob@acme.example", "cy@acme.example", "olga@other.example"];
        if self == Self::Changed {
            all.push("dan@acme.example");
        }
        all.into_iter().filter(|_| customs.mails).map(str::to_owned).collect()
    }

    /// What is not as it must be in the end; empty: all is well. `left` is what a plan would still do.
    pub(super) fn wrong(self, customs: &Customs, left: &[String], seen: &Seen) -> Vec<String> {
        let mut wrong = Vec::new();
        if !left.is_empty() {
            wrong.push(format!("left to do: {left:?}"));
        }
        let plain = |lines: &[String]| -> Vec<String> {
            let plain = |line: &String| if customs.prefix.is_empty() { line.clone() } else { line.replace(&customs.prefix, "") };
            lines.iter().map(plain).collect()
        };
        wrong.extend(differ("objects", &self.objects(customs), &plain(&seen.objects)));
        wrong.extend(differ("mails", &self.mailed(customs), &plain(&seen.mailed)));
        wrong
    }
}

/// What nobody declares: somebody else's customer, and a person whom the customer invited.
const STRANGERS: [&str; 2] = ["other organization other", "other user olga@other.example"];

/// All that a driver shows: `TENANT KIND KEY`.
pub(super) async fn objects(portal: &dyn Observe) -> Vec<String> {
    let tenants = portal.tenants().await.unwrap();
    let live = portal.read(&tenants).await.unwrap();
    let mut all = Vec::new();
    for (tenant, live) in tenants.iter().zip(live) {
        for (kind, collection) in &live.collections {
            assert!(live.is_complete(*kind), "{kind} of {} is read whole", tenant.name);
            all.extend(
                collection.objects.iter().filter(|o| !o.portals_own).map(|o| format!("{} {} {}", tenant.name, kind.def().slug, o.key)),
            );
        }
    }
    all
}

/// What is there too often or not often enough.
fn differ(what: &str, expected: &[String], found: &[String]) -> Option<String> {
    let mut count: BTreeMap<&str, i32> = BTreeMap::new();
    expected.iter().for_each(|line| *count.entry(line).or_default() -= 1);
    found.iter().for_each(|line| *count.entry(line).or_default() += 1);
    count.retain(|_, n| *n != 0);
    (!count.is_empty()).then(|| format!("{what}, too many (+) or too few (-): {count:?}"))
}

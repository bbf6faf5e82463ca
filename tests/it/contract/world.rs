//! What is declared, and what a portal must have in the end.

use std::collections::BTreeMap;

use tenantry::model::Desired;
use tenantry::portal::Observe;

use super::desk::Desk;
use crate::support::declared::{Say, admin, desired, group, org, role, shared, user};

/// A step of the customers' life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Two customers are made.
    Made,
    /// One is changed, loses a person and gains one; the other leaves.
    Changed,
}

impl Stage {
    /// What is declared; integrations where the portal has them.
    pub(super) fn desired(self, integrations: bool) -> Desired {
        let changed = self == Self::Changed;
        let mut all = vec![
            org("acme").with("displayName", if changed { "ACME Works" } else { "ACME Tools" }),
            role("acme", "ops").with("permissions", vec![if changed { "tickets.close" } else { "tickets.read" }]),
            group("acme", "staff").with("roles", vec!["ops"]),
            admin("acme", "ann"),
            org("beta").with("offboard", changed),
            admin("beta", "bea"),
            user("beta", "ben"),
        ];
        let bob = user("acme", "bob").with("firstName", "Bob");
        if changed {
            all.extend([role("acme", "lead"), bob.with("roles", vec!["lead"]), user("acme", "dan").with("groups", vec!["staff"])]);
        } else {
            all.extend([bob.with("groups", vec!["staff"]), user("acme", "cy").with("roles", vec!["ops"])]);
        }
        if integrations {
            all.push(shared("aws", if changed { &["acme"] } else { &["acme", "beta"] }));
        }
        desired(all)
    }

    /// All that is in the portal then, beside what [`STRANGERS`] have: `TENANT KIND KEY`.
    pub(super) fn objects(self, integrations: bool) -> Vec<String> {
        let both =
            ["acme organization acme", "acme role ops", "acme group staff", "acme user ann@acme.example", "acme user bob@acme.example"];
        let more: &[&str] = match self {
            Self::Made => &["acme user cy@acme.example", "beta user bea@beta.example", "beta user ben@beta.example"],
            Self::Changed => &["acme role lead", "acme user dan@acme.example"],
        };
        let mut all: Vec<_> =
            both.iter().chain(more).chain(&["beta organization beta"]).chain(&STRANGERS).map(|s| (*s).to_owned()).collect();
        all.extend(integrations.then(|| "msp integration aws".to_owned()));
        all.sort();
        all
    }

    /// Whom mail went to by then, each once.
    pub(super) fn mailed(self) -> Vec<String> {
        let mut all =
            vec!["ann@acme.example", "bea@beta.example", "ben@beta.example", "bob@acme.example", "cy@acme.example", "olga@other.example"];
        if self == Self::Changed {
            all.push("dan@acme.example");
        }
        all.sort_unstable();
        all.into_iter().map(str::to_owned).collect()
    }
}

/// What nobody declares: somebody else's customer, and a person whom the customer invited.
pub(super) const STRANGERS: [&str; 2] = ["other organization other", "other user olga@other.example"];

/// All that a portal shows: `TENANT KIND KEY`.
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
    all.sort();
    all
}

/// What is not as it must be in the end; empty: all is well.
pub(super) async fn wrong(
    desk: &Desk,
    portal: &std::sync::Arc<dyn tenantry::portal::Execute>,
    stage: Stage,
    integrations: bool,
    mut mailed: Vec<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let left = desk.changes(portal, &stage.desired(integrations)).await;
    if !left.is_empty() {
        wrong.push(format!("left to do: {left:?}"));
    }
    wrong.extend(differ("objects", &stage.objects(integrations), &objects(&**portal).await));
    mailed.sort();
    wrong.extend(differ("mails", &stage.mailed(), &mailed));
    wrong
}

/// What is there too often or not often enough.
fn differ(what: &str, expected: &[String], found: &[String]) -> Option<String> {
    let mut count: BTreeMap<&str, i32> = BTreeMap::new();
    expected.iter().for_each(|line| *count.entry(line).or_default() -= 1);
    found.iter().for_each(|line| *count.entry(line).or_default() += 1);
    count.retain(|_, n| *n != 0);
    (!count.is_empty()).then(|| format!("{what}, too many (+) or too few (-): {count:?}"))
}

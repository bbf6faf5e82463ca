//! Who administers a customer in portals that do not show it: the ledger and the technicians' records speak, and a portal that makes no
//! administrators has none to lose. Nobody has to allow what takes no administrator away.

use tenantry::plan::Body;

use super::kit::*;

const NORTHWIND: &str = "domain: northwind-it.example, kind: MSP";

/// A customer with these users.
fn with(users: &str, more: &str) -> String {
    format!(
        "kind: Organization
metadata: {{name: acme}}
spec:
  displayName: Acme
  {more}
  domains: [{{name: main, domain: acme.example}}]
  users: [{users}]
"
    )
}

const ANN: &str = "{name: ann, email: ann@acme.example, administrator: true}";
const BOB: &str = "{name: bob, email: bob@acme.example, administrator: true}";
const CYD: &str = "{name: cyd, email: cyd@acme.example}";

async fn planned(portal: &str, before: &str, after: &str) -> Body {
    let declared = |text: &str| desired(portal, Side { account: NORTHWIND, manifests: text.to_owned().leak() });
    plan(&profile(portal), &[], &declared(before), &declared(after)).await
}

/// What refuses the customer for the sake of its administrators.
fn g007(body: &Body) -> Vec<&str> {
    let refusals = body.units.iter().flat_map(|u| &u.refusals);
    refusals.filter(|r| r.code == "G007").map(|r| &*r.message).collect()
}

#[tokio::test]
async fn who_never_administered_anything_goes_unasked() {
    let (before, after) = (with(&[ANN, CYD].join(", "), ""), with(ANN, ""));
    assert_eq!(g007(&planned("it-conductor", &before, &after).await), [""; 0]);
    let (before, after) = (with(CYD, ""), with("", ""));
    assert_eq!(g007(&planned("it-conductor", &before, &after).await), [""; 0], "nobody ever administered it");
}

#[tokio::test]
async fn one_of_two_recorded_administrators_goes_and_the_last_one_stays() {
    let both = with(&[ANN, BOB].join(", "), "");
    let body = planned("it-conductor", &both, &with(BOB, "")).await;
    assert_eq!(g007(&body), [""; 0]);
    let told = &body.units[0].consequences;
    assert_eq!(
        (told.administrators_before.join(" "), told.administrators_after.join(" ")),
        ("ann@acme.example bob@acme.example".into(), "bob@acme.example".into())
    );
    let last = planned("it-conductor", &both, &with("", "")).await;
    assert_eq!(g007(&last), ["acme would be left with 0 of 2 administrators; it keeps at least 1"]);
}

#[tokio::test]
async fn a_portal_that_makes_no_administrators_has_none_to_lose() {
    let users = "{name: ann, email: ann@acme.example}, {name: bob, email: bob@acme.example}";
    let standalone = "relationship: standalone";
    let offboarded = "relationship: standalone\n  offboard: true";
    let renamed = "{name: ann, email: anna@acme.example}, {name: bob, email: bob@acme.example}";
    for after in [with("", standalone), with(renamed, standalone), with(users, offboarded)] {
        assert_eq!(g007(&planned("itarian", &with(users, standalone), &after).await), [""; 0], "{after}");
    }
}

#[tokio::test]
async fn whoever_offboards_is_told_of_offboarding() {
    let body = planned("it-conductor", &with(ANN, ""), &with(ANN, "offboard: true")).await;
    let refusal = body.units[0].refusals.iter().find(|r| r.code == "G007").unwrap();
    assert!(refusal.help.starts_with("offboarding takes everybody's access away"), "{}", refusal.help);
}

#[tokio::test]
async fn administrators_whom_nobody_recorded_are_not_said_to_be_nobody() {
    let nora = "{name: nora, email: nora@acme.example, administrator: true}";
    let joins = planned("it-conductor", &with(CYD, ""), &with(&[CYD, nora].join(", "), "")).await;
    let text = in_text(&joins);
    assert!(text.contains("administrators: not known -> nora@acme.example"), "{text}");
    let first = in_text(&planned("it-conductor", "", &with(nora, "")).await);
    assert!(first.contains("administrators: nobody -> nora@acme.example"), "of a customer that is yet to be made there are none: {first}");
}

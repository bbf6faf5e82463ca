//! Who enters customers without a grant in any: a plan leaves such a grant out in one line, and `access` tells the way in.

use insta::assert_snapshot;
use tenantry::portal::Profile;
use tenantry::report::access::{self, AccessReport, Inherited};
use tenantry::report::style::Style;

use super::kit::*;

fn access(profile: &Profile, side: Side) -> String {
    let desired = desired(&profile.name, side);
    let spec = &desired.portals[0];
    let heirs = profile.heirs(&desired, &spec.account);
    let inherited: Vec<_> = heirs.iter().map(|h| Inherited { resource: h.resource, row: h.row, grants: h.grants }).collect();
    let report = AccessReport::new(&desired, &[]).with_inherited(&desired, spec, &inherited);
    access::text(&report, &Style { color: false, width: 100, verbose: false })
}

fn inherits_nothing(portal: &str) -> std::sync::Arc<Profile> {
    altered(portal, |tree| tree["inherited"] = serde_json::json!([]))
}

const IDEMEUM: Side = side(
    "domain: northwind.idemeum.com",
    "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, users: [{name: ann, email: ann@acme.example}]}
---
kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example, administrator: true}
---
kind: User
metadata: {name: lee}
spec: {organization: msp, email: lee@msp.example}
---
kind: Delegation
metadata: {name: desk}
spec: {technicians: [kim], role: Administrator, customers: {names: [acme]}}
---
kind: Delegation
metadata: {name: night}
spec: {technicians: [lee], role: Read-only administrator, customers: {names: [acme]}}
",
);

#[tokio::test]
async fn idm_5_a_plan_leaves_an_inherited_grant_out_in_one_line() {
    let plan = first_plan("idemeum", IDEMEUM).await;
    let text = in_text(&plan);
    let lines: Vec<_> = text.lines().filter(|line| line.contains("desk")).collect();
    assert_eq!(
        lines,
        [
            "  msp/delegation/desk is left out: IDM-5: delegation desk names Global administrators of the MSP alone (kim), who own every customer, present and future, by inheritance: nothing is to be done, and the delegation can be taken out"
        ]
    );
    assert!(text.contains("Plan: 5 to create, 0 to update, 0 to delete\n"), "nothing is refused: {text}");
}

#[test]
fn idm_5_access_tells_who_owns_every_customer_by_inheritance() {
    assert_snapshot!(access(&profile("idemeum"), IDEMEUM), @r"
    acme
      ann@acme.example  may enter  acme/user/ann
      kim@msp.example   may enter  msp/user/kim          owner as Global administrator of the MSP, inherited in portal idemeum (IDM-5)
      kim@msp.example   may enter  msp/delegation/desk   role Administrator
      lee@msp.example   may enter  msp/delegation/night  role Read-only administrator

    msp
      kim@msp.example  may enter  msp/user/kim  administrator
      lee@msp.example  may enter  msp/user/lee

    people: 3, ways in: 6, tenants: 2
    ");
    assert!(!access(&inherits_nothing("idemeum"), IDEMEUM).contains("inherited"));
}

const PILIXO: Side = side(
    "addOns: [MSP Admin]",
    "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools}
---
kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example, administrator: true}
---
kind: Delegation
metadata: {name: desk}
spec: {technicians: [kim], role: admin, customers: {names: [acme]}}
",
);

#[tokio::test]
async fn plx_8_a_plan_leaves_the_grant_out_and_access_tells_the_way_in() {
    let text = in_text(&first_plan("pilixo", PILIXO).await);
    assert!(
        text.contains("  msp/delegation/desk is left out: PLX-8: delegation desk is not to be made: every admin of the MSP works"),
        "{text}"
    );
    assert_snapshot!(access(&profile("pilixo"), PILIXO), @r"
    acme
      kim@msp.example  may enter  msp/user/kim         support as an admin of the MSP, inherited in portal pilixo (PLX-8)
      kim@msp.example  may enter  msp/delegation/desk  role admin

    msp
      kim@msp.example  may enter  msp/user/kim  administrator

    people: 1, ways in: 3, tenants: 2
    ");
    assert!(!access(&inherits_nothing("pilixo"), PILIXO).contains("inherited"));
}

#[tokio::test]
async fn what_is_left_out_alone_is_no_change() {
    let only = side(
        IDEMEUM.account,
        "kind: User\nmetadata: {name: kim}\nspec: {organization: msp, email: kim@msp.example, administrator: true}\n---\nkind: Delegation\nmetadata: {name: desk}\nspec: {technicians: [kim], role: Administrator, customers: {names: []}}\n",
    );
    let before =
        side(only.account, "kind: User\nmetadata: {name: kim}\nspec: {organization: msp, email: kim@msp.example, administrator: true}\n");
    let (before, after) = (desired("idemeum", before), desired("idemeum", only));
    let plan = plan(&profile("idemeum"), &[], &before, &after).await;
    assert_eq!(plan.units.iter().map(|u| u.changes.len()).sum::<usize>(), 0);
    assert!(in_text(&plan).contains("msp/delegation/desk is left out: IDM-5: "), "and yet it is said");
}

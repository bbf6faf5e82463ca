//! What a technician exports or pastes from the screens of a portal: every table of the shipped profiles, in every format, is held against
//! what is recorded, and comes to the same.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use tenantry::engine::runbook::observe::{self, Against, Seen};
use tenantry::engine::runbook::{Refusal, Why, table};
use tenantry::model::*;
use tenantry::portal::Profile;

use super::kit::*;

/// A table as it was exported, pasted from the screen with its columns in another order and case, and as JSON.
macro_rules! exported {
    ($name:literal) => {
        [
            include_str!(concat!("../../tables/", $name, ".csv")),
            include_str!(concat!("../../tables/", $name, ".tsv")),
            include_str!(concat!("../../tables/", $name, ".json")),
        ]
    };
}

/// What a technician recorded before, as the ledger has it.
fn states(profile: &Profile, desired: &Desired) -> BTreeMap<TenantName, LedgerState> {
    let mut states: BTreeMap<_, _> = desired.tenants.keys().map(|t| (t.clone(), LedgerState::default())).collect();
    states.entry(Name::msp()).or_default();
    for resource in desired.resources() {
        let record = recorded(profile, resource, "2026-03-01T12:00:00Z".parse().unwrap());
        let state = states.get_mut(&resource.address.tenant).unwrap();
        state.attestations.insert(resource.address.clone(), record);
        state.rows.insert(resource.address.clone(), row_of(resource));
    }
    states
}

fn row_of(resource: &Resource) -> LedgerRow {
    LedgerRow {
        address: resource.address.clone(),
        id: None,
        key: tenantry::model::live::normalise_key(resource.natural_key()),
        owner: "us".into(),
        origin: Origin::Created,
        released: false,
        protected: false,
        applied: Vec::new(),
        secrets: Vec::new(),
    }
}

/// Holds one text against what is recorded; `tenant`: whose table it is.
fn seen(profile: &Profile, side: Side, of: &str, tenant: Option<&str>, text: &str) -> Result<Seen, Refusal> {
    let desired = desired(&profile.name, side);
    let tenant = tenant.map(|t| Name::new(t).unwrap());
    let (states, others) = states(profile, &desired).into_iter().partition(|(name, _)| tenant.as_ref().is_none_or(|t| t == name));
    let table = profile.tables().iter().find(|t| t.name == of).unwrap();
    let (spec, tenant) = (&desired.portals[0], tenant.as_ref());
    let against = Against { spec, profile, table, desired: &desired, states: &states, others: &others, tenant, complete: false };
    observe::compare(&against, &table::parse(text.as_bytes()).unwrap())
}

fn told(seen: &Seen) -> String {
    let mut lines = Vec::new();
    lines.extend(seen.in_step.iter().map(|a| format!("{a} as recorded")));
    lines.extend(
        seen.drift.iter().flat_map(|d| d.fields.iter().map(|f| format!("{} {}: {} -> {}", d.address, f.field, f.recorded, f.shown))),
    );
    lines.extend(seen.not_yet.iter().map(|n| format!("{} not yet ours", n.address)));
    lines.extend(seen.missing.iter().map(|a| format!("{a} not in the table")));
    lines.extend(seen.unknown.iter().map(|u| {
        let whose = u.tenant.as_ref().map_or_else(String::new, |t| format!(" of {t}"));
        format!("row {} {}{whose}: {}", u.row, u.shown, if u.portals_own { "the portal's own" } else { "unmanaged" })
    }));
    lines.extend(seen.observed.iter().map(|(tenant, name, value)| format!("{tenant} {name} = {value}")));
    lines.extend(seen.warnings.iter().map(|w| format!("warning: {w}")));
    lines.join("\n")
}

/// What each format comes to, which is the same.
#[track_caller]
fn all(portal: &str, side: Side, of: &str, tenant: Option<&str>, formats: [&str; 3]) -> String {
    let profile = profile(portal);
    let [csv, tsv, json] = formats.map(|text| told(&seen(&profile, side, of, tenant, text).unwrap()));
    assert_eq!(csv, tsv, "pasted, with its columns in another order and case");
    assert_eq!(csv, json, "as JSON");
    csv
}

const CONDUCTOR: Side = side(
    "",
    "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  roles: [{name: viewers, inherited: true}, {name: operators}]
  users:
    - {name: ann, email: ann@acme.example, roles: [viewers]}
    - {name: ben, email: ben@acme.example, roles: [viewers]}
    - {name: cleo, email: cleo@acme.example, roles: [viewers]}
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex, users: [{name: gus, email: gus@globex.example}]}
",
);

#[test]
fn itc_10_who_belongs_to_an_organization_and_with_which_roles_is_read_off() {
    let organizations = exported!("it-conductor-organizations");
    assert_snapshot!(all("it-conductor", CONDUCTOR, "organizations", None, organizations), @r"
    acme/organization/acme as recorded
    globex/organization/globex as recorded
    row 4 Initech: unmanaged
    acme registeredUsers = 4
    globex registeredUsers = 11
    ");
    let users = exported!("it-conductor-users");
    assert_snapshot!(all("it-conductor", CONDUCTOR, "users", Some("acme"), users), @r"
    acme/user/ben as recorded
    acme/user/ann roles: viewers -> operators, viewers
    acme/user/cleo not in the table
    row 4 temp@acme.example: unmanaged
    ");
}

const IDEMEUM: Side = side(
    "domain: northwind.idemeum.com",
    "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools}
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex}
",
);

#[test]
fn idm_3_users_and_technicians_of_each_customer_are_read_off() {
    assert_snapshot!(all("idemeum", IDEMEUM, "customers", None, exported!("idemeum-customers")), @r"
    acme/organization/acme as recorded
    globex/organization/globex as recorded
    row 4 Hooli: unmanaged
    acme activeUsers = 12
    acme address = https://acme-northwind.idemeum.com
    acme technicians = 2
    globex activeUsers = 1
    globex address = https://globex-northwind.idemeum.com
    globex technicians = 1
    ");
}

#[test]
fn idm_6_the_ways_into_each_customer_are_read_off() {
    assert_snapshot!(all("idemeum", IDEMEUM, "ways-in", None, exported!("idemeum-ways-in")), @r"
    acme/organization/acme as recorded
    globex/organization/globex as recorded
    acme adminPortalLink = yes
    acme userPortalIcon = yes
    globex adminPortalLink = yes
    globex userPortalIcon = no
    ");
}

const ITARIAN: Side = side(
    "kind: MSP",
    "kind: Organization
metadata: {name: shop}
spec:
  displayName: Corner Shop
  relationship: standalone
  users: [{name: ann, email: ann@shop.example, firstName: Ann, lastName: Archer}]
---
kind: Organization
metadata: {name: works}
spec:
  displayName: Works
  relationship: managed
  users: [{name: wim, email: wim@works.example}, {name: ann, email: ann@shop.example}]
",
);

#[test]
fn ita_5_system_users_and_guests_are_the_portals_own_and_all_else_is_not() {
    assert_snapshot!(all("itarian", ITARIAN, "users", Some("shop"), exported!("itarian-users")), @r"
    shop/user/ann firstName: Ann -> Anne
    row 3 monitor.agent@shop.example: the portal's own
    row 4 patch.management.agent@shop.example: the portal's own
    row 5 walk-in@shop.example: the portal's own
    row 6 new@shop.example: unmanaged
    ");
    let blind = altered("itarian", |tree| drop(tree["kinds"]["User"].as_object_mut().unwrap().remove("portalsOwn")));
    let own = |profile: &Profile| {
        let [csv, ..] = exported!("itarian-users");
        seen(profile, ITARIAN, "users", Some("shop"), csv).unwrap().unknown.iter().filter(|u| u.portals_own).count()
    };
    assert_eq!((own(&profile("itarian")), own(&blind)), (3, 0), "it is the profile that says so");
}

#[test]
fn ita_8_the_words_of_two_modules_are_one_customer() {
    assert_snapshot!(all("itarian", ITARIAN, "customers", None, exported!("itarian-customers")), @r"
    shop/organization/shop as recorded
    works/organization/works as recorded
    shop guests = 3
    shop organizationName = Corner Shop & Sons
    works guests = 0
    works organizationName = Works
    ");
    assert_snapshot!(all("itarian", ITARIAN, "managed-customers", None, exported!("itarian-managed-customers")), @r"
    works/organization/works as recorded
    shop/organization/shop not in the table
    row 3 Umbrella: unmanaged
    works companyName = Works Manufacturing Ltd
    ");
}

const PILIXO: Side = side(
    "addOns: [MSP Admin]",
    "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools}
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex}
",
);

#[test]
fn plx_7_the_grid_of_the_dashboard_tells_the_licences_of_each() {
    assert_snapshot!(all("pilixo", PILIXO, "dashboard", None, exported!("pilixo-dashboard")), @r"
    acme/organization/acme as recorded
    globex/organization/globex as recorded
    row 4 Old Tenant: unmanaged
    acme licences = 25
    globex licences = 7
    ");
}

#[test]
fn every_table_of_the_portals_without_an_api_is_read_here() {
    let read = include_str!("observed.rs");
    for portal in ["it-conductor", "idemeum", "itarian", "pilixo"] {
        for table in profile(portal).tables() {
            assert!(read.contains(&format!("\"{portal}-{}\"", table.name)), "{portal} {}", table.name);
        }
    }
}

#[track_caller]
fn refused(portal: &str, side: Side, tenant: &str, text: &str) -> String {
    let refusal = seen(&profile(portal), side, "users", Some(tenant), text).expect_err("it is another customer's");
    assert_eq!(refusal.why, Why::Mismatch);
    refusal.lines.join("\n")
}

#[test]
fn a_table_of_another_customer_is_refused() {
    let globex = "E-mail,Roles\ngus@globex.example,\nnew@acme.example,\n";
    assert_snapshot!(refused("it-conductor", CONDUCTOR, "acme", globex), @r"
    row 2: recorded among the users of globex, and not of acme
    see which customer the screen showed: the portal has each of its users in one customer alone
    ");
    let works = "E-mail\tFirst name\nWIM@works.example\tWim\nother@works.example\t\n";
    assert_snapshot!(refused("itarian", ITARIAN, "shop", works), @r"
    row 2: recorded among the users of works, and not of shop
    see which customer the screen showed: no row is recorded or declared of shop; who is in both is declared in both
    ");
}

#[test]
fn where_an_address_is_in_one_customer_alone_one_row_of_another_is_enough() {
    let mixed = "E-mail,Roles\nann@acme.example,viewers\ngus@globex.example,\n";
    assert!(refused("it-conductor", CONDUCTOR, "acme", mixed).starts_with("row 3: recorded among the users of globex, and not of acme"));
}

#[test]
fn ita_6_who_is_in_two_customers_is_no_sign_of_the_wrong_table() {
    let both = "E-mail,First name,Last name\nann@shop.example,Ann,Archer\nwim@works.example,Wim,\n";
    assert_eq!(
        told(&seen(&profile("itarian"), ITARIAN, "users", Some("shop"), both).unwrap()),
        "shop/user/ann as recorded\nrow 3 wim@works.example: unmanaged"
    );
}

#[test]
fn a_grid_over_several_customers_tells_whose_each_row_is() {
    let grid = "E-mail,Customer,First name,Last name\nann@shop.example,\"Corner Shop, Works\",Ann,Archer\nwim@works.example,Works,,\nwim@works.example,corner shop,,\nnew@hooli.example,Hooli,Nia,\n";
    let itarian = profile("itarian");
    assert_snapshot!(told(&seen(&itarian, ITARIAN, "users", None, grid).unwrap()), @r"
    shop/user/ann as recorded
    works/user/ann as recorded
    works/user/wim as recorded
    row 4 wim@works.example of shop: unmanaged
    row 5 new@hooli.example: unmanaged
    ");
    // Who is listed under another customer is no user of the one that was named.
    assert_snapshot!(told(&seen(&itarian, ITARIAN, "users", Some("shop"), grid).unwrap()), @r"
    shop/user/ann as recorded
    row 4 wim@works.example of shop: unmanaged
    warning: rows 3, 5 are of another customer than shop: not looked at
    ");
    let works = "E-mail,Customer\nann@shop.example,Works\n";
    assert_snapshot!(told(&seen(&itarian, ITARIAN, "users", Some("shop"), works).unwrap()), @r"
    shop/user/ann not in the table
    warning: row 2 is of another customer than shop: not looked at
    ");
}

#[test]
fn a_grid_over_all_customers_without_the_column_that_tells_them_apart_needs_a_name() {
    let refusal =
        seen(&profile("itarian"), ITARIAN, "users", None, "E-mail\nann@shop.example\n").expect_err("whose row it is cannot be told");
    assert_eq!(refusal.lines, ["no column tells whose a row is: `Customer` is wanted, or name the tenant with --tenant"]);
}

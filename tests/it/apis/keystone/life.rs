//! A customer's life in Keystone: made, changed, found, left.

use serde_json::{Value as Json, json};

use super::{GLOBEX, World, names};

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn apply_makes_everything_and_a_second_plan_is_empty() {
    let world = World::applied().await;
    world.in_step();

    let domain = world.id("/domains", "globex").await;
    let (_, shown) = world.ask("GET", &format!("/domains/{domain}"), Json::Null).await;
    assert_eq!((&shown["domain"]["description"], &shown["domain"]["enabled"]), (&json!("Globex GmbH"), &json!(true)));
    assert_eq!(world.names("/users", "globex").await, ["alice@globex.example", "bob@globex.example", "carol@globex.example"]);
    assert_eq!(world.names("/groups", "globex").await, ["bosses", "office"]);
    assert_eq!(world.names("/roles", "globex").await, ["lead", "staff"]);

    let alice = world.id("/users", "alice@globex.example").await;
    assert_eq!(names(&world.list(&format!("/users/{alice}/groups")).await), ["bosses", "office"]);
    assert_eq!(names(&world.list(&format!("/domains/{domain}/users/{alice}/roles")).await), ["lead", "manager"]);
    let office = world.id("/groups", "office").await;
    assert_eq!(names(&world.list(&format!("/domains/{domain}/groups/{office}/roles")).await), ["staff"]);
    let (_, carol) = world.ask("GET", &format!("/users/{}", world.id("/users", "carol@globex.example").await), Json::Null).await;
    assert_eq!(carol["user"]["enabled"], false);
    let providers = world.list("/OS-FEDERATION/identity_providers").await;
    assert_eq!(providers.len(), 1);
    assert_eq!((&providers[0]["id"], &providers[0]["domain_id"]), (&json!("globex-sso"), &json!(domain)));
    assert_eq!(providers[0]["remote_ids"], json!(["https://idp.globex.example"]));
    assert_eq!(world.list("/domains").await.len(), 2, "Keystone made no domain of its own for the identity provider");
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn an_update_makes_the_calls_for_what_changes_and_no_other() {
    let world = World::applied().await;
    // Calls are counted here. Of two writes at once Keystone's SQLite refuses one (500, "database is locked"), and what may be is sent again.
    world.portal("  budget: {parallelism: 1}\n");
    let (domain, alice) = (world.id("/domains", "globex").await, world.id("/users", "alice@globex.example").await);
    let staff = world.id(&format!("/roles?domain_id={domain}"), "staff").await;
    let lead = world.id(&format!("/roles?domain_id={domain}"), "lead").await;
    let (office, bosses) = (world.id("/groups", "office").await, world.id("/groups", "bosses").await);
    let called = [&domain, &alice, &staff, &lead, &office, &bosses].map(String::as_str).into_iter();
    let called: Vec<_> = called.zip(["GLOBEX", "ALICE", "STAFF", "LEAD", "OFFICE", "BOSSES"]).collect();

    world.edit("groups: [office, bosses], roles: [lead]", "groups: [bosses], roles: [staff]");
    world.proxy.passes();
    world.run("apply").exits(0);
    let expected = [
        "DELETE /v3/groups/OFFICE/users/ALICE",
        "DELETE /v3/domains/GLOBEX/users/ALICE/roles/LEAD",
        "PUT /v3/domains/GLOBEX/users/ALICE/roles/STAFF",
    ];
    assert_eq!(world.writes(&called), expected);
    world.in_step();

    world.edit("permissions: [member, reader]", "permissions: [manager, reader]");
    world.edit("https://idp.globex.example", "https://login.globex.example");
    world.edit("lastName: Meyer", "lastName: Maier");
    world.edit("Globex GmbH", "Globex AG");
    world.proxy.passes();
    world.run("apply").exits(0);
    let roles = world.list("/roles").await;
    let global = |name: &str| roles.iter().find(|r| r["name"] == name).unwrap()["id"].as_str().unwrap().to_owned();
    let (manager, member, bob) = (global("manager"), global("member"), world.id("/users", "bob@globex.example").await);
    let mut writes = world.writes(&[called, vec![(&*manager, "MANAGER"), (&*member, "MEMBER"), (&*bob, "BOB")]].concat());
    writes.sort();
    let expected = [
        "DELETE /v3/roles/STAFF/implies/MEMBER",
        "PATCH /v3/OS-FEDERATION/identity_providers/globex-sso",
        "PATCH /v3/domains/GLOBEX",
        "PATCH /v3/users/BOB",
        "PUT /v3/roles/STAFF/implies/MANAGER",
    ];
    assert_eq!(writes, expected);
    world.in_step();
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn who_leaves_loses_access_within_the_limits() {
    let world = World::applied().await;
    world.edit("    - {name: bob, email: bob@globex.example, lastName: Meyer, groups: [office]}\n", "");
    world.run("apply").exits(0);
    assert_eq!(world.names("/users", "globex").await, ["alice@globex.example", "carol@globex.example"]);
    world.in_step();

    world.portal("  limits: {maxDeletesPerKind: 0}\n");
    world.edit("    - {name: carol, email: carol@globex.example, roles: [staff, lead], suspended: true}\n", "");
    let held = world.run("apply").exits(5);
    assert!(held.out.contains("G001"), "{}", held.said());
    assert_eq!(world.names("/users", "globex").await, ["alice@globex.example", "carol@globex.example"]);
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn an_offboarded_customer_keeps_its_domain_and_nobody_keeps_access() {
    let world = World::applied().await;
    world.edit("  displayName: Globex GmbH\n", "  displayName: Globex GmbH\n  offboard: true\n");
    world.run("apply --allow G002=leaves --allow G007=leaves").exits(0);
    assert_eq!(world.names("/users", "globex").await, [""; 0]);
    assert_eq!(world.names("/groups", "globex").await, ["bosses", "office"]);
    world.in_step();
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn a_domain_is_disabled_before_it_is_deleted() {
    let world = World::applied().await;
    let domain = world.id("/domains", "globex").await;
    world.portal("  deletionPolicy: {organizations: Delete}\n");
    let allowed = ["G002", "G006", "G007", "G014"].map(|code| format!("--allow {code}=leaves")).join(" ");
    world.proxy.passes();
    world.run(&format!("apply --destroy {allowed}")).exits(0);
    assert_eq!(names(&world.list("/domains").await), ["Default"]);
    let writes = world.writes(&[(&domain, "GLOBEX")]);
    assert_eq!(writes[writes.len() - 2..], ["PATCH /v3/domains/GLOBEX", "DELETE /v3/domains/GLOBEX"]);
}

/// Makes a customer as somebody did who never heard of the program.
async fn made_by_hand(world: &World) {
    let made = |answer: Json, of: &str| answer[of]["id"].as_str().unwrap().to_owned();
    let domain = made(world.does("POST", "/domains", json!({"domain": {"name": "Initech", "description": "Initech"}})).await, "domain");
    let role = json!({"role": {"name": "Clerk", "domain_id": domain}});
    let role = made(world.does("POST", "/roles", role).await, "role");
    let member = world.id("/roles", "member").await;
    world.does("PUT", &format!("/roles/{role}/implies/{member}"), Json::Null).await;
    let group = made(world.does("POST", "/groups", json!({"group": {"name": "desk", "domain_id": domain}})).await, "group");
    world.does("PUT", &format!("/domains/{domain}/groups/{group}/roles/{role}"), Json::Null).await;
    for name in ["peter", "samir"] {
        let user = json!({"user": {"name": name, "email": format!("{name}@initech.example"), "domain_id": domain}});
        let user = made(world.does("POST", "/users", user).await, "user");
        world.does("PUT", &format!("/groups/{group}/users/{user}"), Json::Null).await;
    }
    let provider = json!({"identity_provider": {"domain_id": domain, "remote_ids": ["https://a.example"], "enabled": true}});
    world.does("PUT", "/OS-FEDERATION/identity_providers/initech-login", provider).await;
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn a_customer_that_was_made_by_hand_is_imported_and_then_the_plan_is_empty() {
    let world = World::new().await;
    made_by_hand(&world).await;
    world.proxy.passes();
    world.write("m/none.yaml", "");
    let places = "--portals portals --state-dir state";
    world.run_at("import --tenant initech --into m", &format!("-f m {places}")).exits(0);
    let imported = std::fs::read_to_string(world.path().join("m/initech.yaml")).unwrap();
    for expected in ["email: samir@initech.example", "permissions:\n    - member", "groups:\n    - desk", "remoteId: https://a.example"] {
        assert!(imported.contains(expected), "{imported}");
    }
    world.in_step();
    assert_eq!(world.writes(&[]), [""; 0], "nothing was written to Keystone");
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn what_somebody_changes_behind_our_back_is_drift_and_is_put_right() {
    let world = World::applied().await;
    world.run("drift").exits(0);
    let (domain, alice) = (world.id("/domains", "globex").await, world.id("/users", "alice@globex.example").await);
    let lead = world.id(&format!("/roles?domain_id={domain}"), "lead").await;
    world.does("PATCH", &format!("/users/{}", world.id("/users", "carol@globex.example").await), json!({"user": {"enabled": true}})).await;
    world.does("DELETE", &format!("/domains/{domain}/users/{alice}/roles/{lead}"), Json::Null).await;
    world.does("DELETE", &format!("/groups/{}/users/{alice}", world.id("/groups", "office").await), Json::Null).await;
    world.does("DELETE", &format!("/users/{}", world.id("/users", "bob@globex.example").await), Json::Null).await;

    let drift = world.run("drift").exits(11);
    for who in ["user/alice", "user/bob", "user/carol"] {
        assert!(drift.out.contains(who), "{}", drift.said());
    }
    world.run("apply").exits(0);
    world.in_step();
    assert_eq!(names(&world.list(&format!("/domains/{domain}/users/{alice}/roles")).await), ["lead", "manager"]);
    assert_eq!(world.names("/users", "globex").await, ["alice@globex.example", "bob@globex.example", "carol@globex.example"]);
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn two_customers_with_the_same_names_are_told_apart() {
    let world = World::applied().await;
    world.write("m/hooli.yaml", &GLOBEX.replace("globex", "hooli").replace("Globex", "Hooli"));
    world.proxy.passes();
    world.run("apply").exits(0);
    assert!(!world.writes(&[]).is_empty());
    let globex = world.id("/domains", "globex").await;
    assert!(world.writes(&[]).iter().all(|line| !line.contains(&globex)), "nothing is done in the other domain");
    world.in_step();
}

//! What goes wrong between a customer's manifest and Keystone, through the program: it is said, and nothing is lost or made twice.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{GLOBEX, World};
use crate::support::proxy::Fault;

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn a_name_that_is_taken_is_said_in_keystones_words() {
    let world = World::applied().await;
    let domain = world.id("/domains", "globex").await;
    let stranger = json!({"user": {"name": "dora@globex.example", "email": "other@globex.example", "domain_id": domain}});
    world.does("POST", "/users", stranger).await;
    world.edit("  users:\n", "  users:\n    - {name: dora, email: dora@globex.example}\n");
    let failed = world.run("apply").exits(4);
    assert!(failed.said().contains("globex/user/dora"), "{}", failed.said());
    assert!(failed.said().contains("409: Conflict occurred attempting to store user - Duplicate entry"), "{}", failed.said());
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn a_wrong_password_is_said_as_such() {
    let world = World::new().await;
    world.write("m/globex.yaml", GLOBEX);
    for line in ["plan", "apply"] {
        let ran = world.command(line, "-f m --portals portals", "wrong-password").output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert_eq!(ran.status.code(), Some(3), "{said}");
        assert!(said.contains("access denied") && !said.contains("wrong-password"), "{said}");
    }
}

/// Starts an apply and kills it as soon as so many calls that change something have come by; false: it came to its end before.
fn killed_after(world: &World, writes: usize) -> bool {
    world.proxy.passes();
    let mut apply = world.command("apply", "-f m --portals portals --state-dir state", super::PASSWORD);
    let mut child = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.writes(&[]).len() < writes && Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn an_apply_that_is_killed_is_resumed_by_running_it_again() {
    let world = World::new().await;
    world.write("m/globex.yaml", GLOBEX);
    // Each run is killed early in what the ones before it left: in the organization, in a role, between a user and the user's groups.
    let killed = (0..8).filter(|n| killed_after(&world, 1 + n % 3)).count();
    assert!(killed >= 4, "only {killed} of 8 kills hit a run");
    let last = world.run("apply");
    assert_eq!(last.code, Some(0), "{}", last.said());
    world.in_step();
    assert_eq!(world.names("/users", "globex").await, ["alice@globex.example", "bob@globex.example", "carol@globex.example"]);
    assert_eq!(world.names("/groups", "globex").await, ["bosses", "office"]);
    assert_eq!(world.names("/roles", "globex").await, ["lead", "staff"]);
    assert_eq!(world.list("/domains").await.len(), 2);
    assert_eq!(world.list("/OS-FEDERATION/identity_providers").await.len(), 1);
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn a_read_asks_for_collections_and_never_for_an_object() {
    // Two in a page: what is listed with a marker has many.
    let world = World::with("[DEFAULT]\nmax_db_limit = 2").await;
    world.write("m/globex.yaml", GLOBEX);
    world.write("m/hooli.yaml", &GLOBEX.replace("globex", "hooli").replace("Globex", "Hooli"));
    world.run("apply").exits(0);
    world.proxy.passes();
    world.in_step();
    let mut pages = std::collections::BTreeMap::new();
    for line in world.proxy.asked() {
        *pages.entry(line).or_insert(0) += 1;
    }
    let pages: Vec<_> = pages.iter().map(|(path, n)| format!("{n} {path}")).collect();
    // Keystone says that there is more, and never that there is none: where it says nothing, what follows is asked for once more.
    let expected = [
        "1 GET /v3/OS-FEDERATION/identity_providers",
        "3 GET /v3/domains",          // 3 domains and the default one
        "3 GET /v3/groups",           // 4 groups
        "3 GET /v3/role_assignments", // of groups, of users, and who gets what by a group
        "1 GET /v3/role_inferences",
        "2 GET /v3/roles", // of each customer
        "5 GET /v3/users", // 6 users and our own
        "1 POST /v3/auth/tokens",
    ];
    assert_eq!(pages, expected);
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn a_list_that_keystone_cuts_short_is_never_taken_for_whole() {
    // Roles have no marker: where Keystone has more than it lists, nobody can see the rest.
    let world = World::with("[role]\nlist_limit = 5").await;
    world.write("m/globex.yaml", GLOBEX);
    world.run("apply").exits(0);
    let domain = world.id("/domains", "globex").await;
    for n in 0..4 {
        world.does("POST", "/roles", json!({"role": {"name": format!("more-{n}"), "domain_id": domain}})).await;
    }
    world.edit("  groups:\n", "    - {name: clerk, permissions: [member]}\n  groups:\n");
    world.proxy.passes();
    let plan = world.run("plan");
    assert_eq!(plan.code, Some(5), "{}", plan.said());
    assert!(plan.said().contains("the list `roles`: the portal says that there is more"), "{}", plan.said());
    let applied = world.run("apply");
    assert_eq!(applied.code, Some(5), "{}", applied.said());
    assert_eq!(world.writes(&[]), [""; 0], "what is not seen is not made again");
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn a_token_that_is_not_believed_any_more_is_renewed() {
    let world = World::new().await;
    // One request after the other, so that the next ones are known.
    world.portal("  budget: {parallelism: 1}\n");
    world.write("m/globex.yaml", GLOBEX);
    // Some way into the work.
    world.proxy.at(21, Fault::Forgotten);
    world.run("apply").exits(0);
    let asked = world.proxy.asked();
    assert_eq!(asked[21..23], ["POST /v3/auth/tokens".to_owned(), asked[20].clone()], "{asked:#?}");
    world.in_step();
}

//! Faults in front of Keystone, through the engine: whichever request goes wrong, and however, running again brings the same end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tenantry::manifest::{Builtins, Settings, SourceText, lower_sources};
use tenantry::model::Desired;
use tenantry::portal::rest::Rest;
use tenantry::portal::rest::transport::{Network, Patience};
use tenantry::portal::{Driver as _, OpenContext, Profile};

use super::super::proxy::Fault;
use super::{PASSWORD, PROFILE, World, names};
use crate::support::bench::{Bench, Secrets};

/// A customer with one of everything; `NAME` is its name.
const SMALL: &str = "\
apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: NAME}
spec:
  displayName: A customer
  roles:
    - {name: staff, permissions: [member]}
  groups:
    - {name: office, roles: [staff]}
  users:
    - {name: alice, email: alice@NAME.example, administrator: true, groups: [office], roles: [staff]}
  integrations:
    - {name: sso, type: identity-provider, enabled: true}
";

/// How often one runs it until it is in step: the run that meets the fault, one that looks and mends, and one to spare.
const RUNS: usize = 3;

fn declared(world: &World, name: &str) -> Desired {
    let portal = format!(
        "apiVersion: tenantry.dev/v1alpha1\nkind: Portal\nmetadata: {{name: cloud}}\nspec:\n  profile: keystone\n  endpoint: {}\n  \
         credentials: {{user: {{env: USER}}, password: {{env: PASSWORD}}}}\n  budget: {{parallelism: 1}}\n",
        world.proxy.url
    );
    let source = SourceText::new("fleet.yaml", format!("{portal}---\n{}", SMALL.replace("NAME", name)));
    let loaded = lower_sources(vec![source], Settings { only: None, builtins: Builtins::NONE });
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    loaded.desired
}

/// A bench with Keystone behind the proxy, opened anew as each run of the program does.
fn opened(mut bench: Bench, desired: &Desired) -> Bench {
    let profile = Arc::new(Profile::parse(PROFILE, "keystone.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")));
    let patience = Patience { attempts: 3, deadline: Duration::from_secs(20), first_pause: Duration::from_millis(1) };
    let driver = Rest::over(Network::of_this_machine().unwrap(), patience);
    let (spec, state) = (&desired.portals[0], tempfile::tempdir().unwrap());
    let secrets = Secrets::default();
    secrets.set("USER", "admin");
    secrets.set("PASSWORD", PASSWORD);
    let writer = driver.open_writer(&OpenContext { spec, profile, state_dir: state.path(), secrets: &secrets }).unwrap();
    bench.portals = vec![(spec.clone(), writer)];
    bench
}

/// What the customer has in Keystone, by names: each thing once.
async fn has(world: &World, name: &str) -> Vec<String> {
    let domain = world.id("/domains", name).await;
    let alice = world.id("/users", &format!("alice@{name}.example")).await;
    let office = world.id(&format!("/groups?domain_id={domain}"), "office").await;
    let staff = world.id(&format!("/roles?domain_id={domain}"), "staff").await;
    let (_, implied) = world.ask("GET", &format!("/roles/{staff}/implies"), Json::Null).await;
    let implied: Vec<Json> = serde_json::from_value(implied["role_inference"]["implies"].clone()).unwrap();
    let providers = world.list("/OS-FEDERATION/identity_providers").await;
    let lists = [
        ("users", world.names("/users", name).await),
        ("groups", world.names("/groups", name).await),
        ("roles", world.names("/roles", name).await),
        ("staff implies", names(&implied)),
        ("alice is in", names(&world.list(&format!("/users/{alice}/groups")).await)),
        ("alice has", names(&world.list(&format!("/domains/{domain}/users/{alice}/roles")).await)),
        ("office has", names(&world.list(&format!("/domains/{domain}/groups/{office}/roles")).await)),
        ("providers", providers.iter().filter(|p| p["domain_id"] == domain.as_str()).map(|p| p["id"].as_str().unwrap().into()).collect()),
    ];
    lists.into_iter().map(|(what, names)| format!("{what}: {}", names.join(", ").replace(name, "NAME"))).collect()
}

const WHOLE: [&str; 8] = [
    "users: alice@NAME.example",
    "groups: office",
    "roles: staff",
    "staff implies: member",
    "alice is in: office",
    "alice has: manager, staff",
    "office has: staff",
    "providers: NAME-sso",
];

/// Applies with one fault, then until it is in step; how many requests the first run made.
async fn mended(world: &World, number: usize, fault: Fault) -> usize {
    let name = format!("c{number}-{}", format!("{fault:?}").to_lowercase());
    let at = format!("request {number}, {fault:?}");
    let desired = declared(world, &name);
    let mut bench = opened(Bench::new(), &desired);
    world.proxy.breaks(number, fault);
    let mut outcomes = Vec::new();
    let (mut asked, mut in_step) = (0, false);
    for run in 0..RUNS {
        outcomes.push(bench.apply(&desired).await.outcomes());
        let log = world.proxy.asked();
        if run == 0 {
            asked = log.len();
            outcomes.push(log.get(number).cloned().into_iter().collect());
        }
        world.proxy.passes();
        bench.clock.a_day_later();
        bench = opened(bench, &desired);
        let plan = bench.plan(&desired).await.plan;
        in_step = plan.body.diagnostics.is_empty() && plan.body.units.iter().all(|unit| unit.changes.is_empty());
        if in_step {
            break;
        }
    }
    assert!(in_step, "{at}: not in step after {RUNS} runs: {outcomes:#?}");
    assert_eq!(has(world, &name).await, WHOLE, "{at}: {outcomes:#?}");
    gone(world, &name).await;
    asked
}

/// Keystone gets slow with hundreds of domains.
async fn gone(world: &World, name: &str) {
    world.does("DELETE", &format!("/OS-FEDERATION/identity_providers/{name}-sso"), Json::Null).await;
    let domain = format!("/domains/{}", world.id("/domains", name).await);
    world.does("PATCH", &domain, serde_json::json!({"domain": {"enabled": false}})).await;
    world.does("DELETE", &domain, Json::Null).await;
}

/// Every second request of an apply, beginning with this one, goes wrong: each in one way, and the ways take turns.
async fn each_goes_wrong(first: usize) {
    let world = World::new().await;
    let mut number = first;
    while number < mended(&world, number, Fault::ALL[(number / 2 + first) % Fault::ALL.len()]).await {
        number += 2;
    }
    assert!(number > 20, "{number} requests");
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn whichever_even_request_goes_wrong_the_end_is_the_same() {
    each_goes_wrong(0).await;
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[tokio::test]
async fn whichever_odd_request_goes_wrong_the_end_is_the_same() {
    each_goes_wrong(1).await;
}

//! A creation of several calls that stopped half way, through the built program: what is said of it, and what a person decides.

use serde_json::Value as Json;

use super::desk::Desk;
use crate::contract::town::{Fault, Manners, Town};

const ACME: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec:
  displayName: Acme
  users:
    - {name: ann, email: ann@acme.example}
";

fn desk(town: &Town) -> Desk {
    let desk = Desk::new("town.yaml", &town.url, "  credentials:\n    token: {env: TENANT_SECRET_TOKEN}\n");
    desk.write("customers/acme.yaml", ACME);
    desk.with("TENANT_SECRET_TOKEN", "token-1")
}

/// A run in which a call fails, and nobody knows whether it was made.
async fn fails_at(line: &str, fault: Fault) -> (Town, Desk) {
    let clean = Town::start(Manners::default()).await;
    desk(&clean).apply();
    let at = clean.asked().iter().position(|asked| asked == line).unwrap() + 1;
    let town = Town::start(Manners::default()).await;
    let desk = desk(&town);
    town.fault(at, 1, fault);
    let ran = desk.run("apply --auto-approve");
    assert_ne!(ran.code, Some(0), "{}", ran.said());
    town.mends();
    (town, desk)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_about_the_step_of_which_nobody_knows() {
    for (fault, word, before) in [(Fault::Fails, "not-done", 0), (Fault::FailsAfter, "done", 1)] {
        let (town, desk) = fails_at("POST /users/u1/invitations", fault).await;
        assert_eq!(town.outbox().len(), before);
        let plan = desk.run("plan");
        assert!(plan.said().contains("G018") && plan.said().contains("step 3 of 3 (POST /users/u1/invitations)"), "{}", plan.said());
        assert_ne!(desk.run("apply --auto-approve").code, Some(0), "and no run makes it again");
        assert_eq!(town.outbox().len(), before);
        let shown: Json = serde_json::from_str(&desk.run("ledger show acme/user/ann").exits(0).out).unwrap();
        let intent = shown["intents"][0]["id"].as_str().unwrap().to_owned();
        let undecided = desk.run(&format!("ledger settle {intent} acme/user/ann"));
        assert!(undecided.code != Some(0) && undecided.said().contains("not-done"), "{}", undecided.said());
        desk.run(&format!("ledger settle {intent} acme/user/ann {word}")).exits(0);
        desk.apply();
        desk.in_step();
        assert_eq!((town.outbox(), town.people()), (vec!["invitation u1".to_owned()], vec!["ann@acme.example*".to_owned()]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_refused_is_what_the_next_run_goes_on_with() {
    let (town, desk) = fails_at("POST /users/u1/invitations", Fault::Refuses).await;
    let plan = desk.run("plan");
    assert!(plan.said().contains("goes on with step 3 of 3 (POST /users/u1/invitations)"), "{}", plan.said());
    desk.apply();
    desk.in_step();
    assert_eq!(town.outbox(), ["invitation u1"]);
    assert_eq!(town.asked().iter().filter(|line| line.starts_with("POST /orgs/")).count(), 0, "what is done is not made again");
}

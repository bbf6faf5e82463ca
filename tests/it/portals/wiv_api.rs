//! wiv, through the program: the documented API makes what it can, technicians are asked for the rest, and AWS integrations have both (WIV-7).
//! The portal is `tenantry sandbox --profile wiv`; nothing here was ever run against Wiv itself.

use serde_json::json;

use super::wiv_desk::{ARN, Desk};

#[tokio::test]
async fn customers_are_made_by_the_api_and_technicians_are_asked_for_the_rest() {
    let desk = Desk::open().await;
    let applied = desk.run("apply --auto-approve").exits(6);
    assert!(applied.out.contains("Apply: 0 done, 4 pending, 2 of them with calls made"), "{}", applied.said());
    let made = "create acme/organization/acme in portal costs: its calls are made, and the rest waits for";
    assert!(applied.out.contains(made), "{}", applied.said());
    assert!(applied.out.contains("Once they are confirmed, plan again"), "{}", applied.said());
    assert_eq!(desk.customers().await, ["ACME Tools"]);
    assert_eq!(
        desk.items(),
        [
            ("acme/organization/acme", "Change customer ACME Tools"),
            ("acme/user/ann", "Invite ann@acme.example to ACME Tools"),
            ("acme/integration/cloud", "Run the CloudFormation stack of AWS integration AWS production for ACME Tools"),
            ("msp/integration/slack", "Create Slack integration Team Slack of the MSP"),
        ]
        .map(|(at, title)| (at.to_owned(), title.to_owned()))
    );
    // What no page documents says so, and how a technician knows that it is not there already.
    let slack = desk.shown("msp/integration/slack");
    assert!(slack.contains("there is no integration \"Team Slack\" in \"MSP\" yet"), "{slack}");
    assert!(slack.contains("integration \"Team Slack\": type is \"Slack\".  (not in the manual)"), "{slack}");
    let planned = desk.run("plan").exits(0);
    assert!(planned.out.contains("No changes to make now") && planned.out.contains("4 wait for technicians"), "{}", planned.out);
}

/// WIV-7, end to end.
#[tokio::test]
async fn wiv_7_a_link_is_fetched_a_person_runs_the_stack_and_its_external_id_goes_into_the_next_call() {
    let desk = Desk::with(CLOUD).await;
    desk.run("apply --auto-approve").exits(6);
    let order = desk.shown("acme/integration/cloud");
    let external_id = desk.external_id("acme/integration/cloud");
    assert!(order.contains(&format!("param_ExternalId={external_id}")), "the link is in the order: {order}");
    desk.run("apply --auto-approve").exits(6);
    desk.run("plan").exits(0);
    assert_eq!(desk.count("POST", LINK).await, 1, "before it is confirmed no second link is fetched");
    assert_eq!(desk.shown("acme/integration/cloud"), order, "and the order stays as it is");

    desk.confirm("acme/integration/cloud", &[("externalId", &external_id), ("roleArn", ARN)]).exits(0);
    assert_eq!(desk.integrations("ACME Tools").await, json!([]), "a confirmation calls nothing");
    let applied = desk.run("apply --auto-approve").exits(0);
    assert!(applied.out.contains("Apply: 1 done"), "{}", applied.said());
    let acme = desk.id("ACME Tools").await;
    assert_eq!(desk.count("POST", &format!("/msp/customers/{acme}/integrations")).await, 1);
    assert_eq!(desk.count("POST", LINK).await, 1);
    let shown = desk.integrations("ACME Tools").await;
    assert_eq!((&shown[0]["name"], &shown[0]["type"]), (&json!("AWS production"), &json!("aws")));
    let planned = desk.run("plan").exits(0);
    assert!(planned.out.contains("No changes: the portals are in step"), "{}", planned.out);
    let shown = desk.run("show acme").exits(0);
    assert!(shown.out.contains("Types of its integrations: aws"), "WIV-6 is read with the customers: {}", shown.out);
}

#[tokio::test]
async fn an_external_id_of_another_customer_is_refused_when_it_is_confirmed() {
    let desk = Desk::with(TWO).await;
    desk.run("apply --auto-approve").exits(6);
    let other = desk.external_id("globex/integration/cloud");
    let refused = desk.confirm("acme/integration/cloud", &[("externalId", &other), ("roleArn", ARN)]).exits(5);
    assert!(refused.err.contains("another customer may have been picked"), "{}", refused.err);
    let acme = desk.id("ACME Tools").await;
    desk.run("apply --auto-approve").exits(6);
    assert_eq!(desk.count("POST", &format!("/msp/customers/{acme}/integrations")).await, 0, "nothing is called");
}

#[tokio::test]
async fn a_malformed_arn_is_refused_by_the_portal_in_its_own_words_and_asked_for_again() {
    let desk = Desk::with(CLOUD).await;
    desk.run("apply --auto-approve").exits(6);
    let first = desk.external_id("acme/integration/cloud");
    desk.confirm("acme/integration/cloud", &[("externalId", &first), ("roleArn", "the usual one")]).exits(0);
    let refused = desk.run("apply --auto-approve").exits(4);
    assert!(refused.out.contains("the portal answers with 400: Invalid role_arn"), "{}", refused.said());
    desk.run("apply --auto-approve").exits(6);
    let second = desk.external_id("acme/integration/cloud");
    assert_ne!(first, second, "with a link of its own");
    desk.confirm("acme/integration/cloud", &[("externalId", &second), ("roleArn", ARN)]).exits(0);
    desk.run("apply --auto-approve").exits(0);
    assert_eq!(desk.integrations("ACME Tools").await[0]["name"], "AWS production");
}

#[tokio::test]
async fn a_run_that_is_killed_after_the_link_and_before_its_order_gives_the_order_out_the_next_time() {
    let desk = Desk::with(CLOUD).await;
    desk.faults(json!([{"on": {"method": "POST", "path": LINK}, "do": {"kind": "latency", "millis": 20_000}}])).await;
    desk.run_killed("apply --auto-approve", async || desk.count("POST", LINK).await == 1).await;
    desk.faults(json!([])).await;
    desk.run("apply --auto-approve").exits(6);
    let external_id = desk.external_id("acme/integration/cloud");
    desk.confirm("acme/integration/cloud", &[("externalId", &external_id), ("roleArn", ARN)]).exits(0);
    desk.run("apply --auto-approve").exits(0);
    assert_eq!(desk.integrations("ACME Tools").await.as_array().unwrap().len(), 1);
    assert_eq!(desk.customers().await, ["ACME Tools"]);
}

#[tokio::test]
async fn a_key_that_expires_in_the_middle_stops_with_words_and_what_was_confirmed_goes_on_with_another() {
    let mut desk = Desk::with(CLOUD).await;
    desk.run("apply --auto-approve").exits(6);
    let external_id = desk.external_id("acme/integration/cloud");
    desk.confirm("acme/integration/cloud", &[("externalId", &external_id), ("roleArn", ARN)]).exits(0);
    // It expires between what is read and what is called.
    let acme = desk.id("ACME Tools").await;
    let path = format!("/msp/customers/{acme}/integrations");
    desk.faults(json!([{"on": {"path": path}, "do": {"kind": "expiredToken"}}])).await;
    let denied = desk.run("apply --auto-approve").exits(3);
    assert!(denied.out.contains("Keys of Wiv expire: make a new one"), "{}", denied.said());
    desk.expire_keys().await;
    for line in ["plan", "apply --auto-approve"] {
        let denied = desk.run(line).exits(3);
        assert!(denied.said().contains("Keys of Wiv expire: make a new one"), "{}", denied.said());
    }
    desk.new_key().await;
    desk.run("apply --auto-approve").exits(0);
    assert_eq!(desk.integrations("ACME Tools").await[0]["name"], "AWS production");
    assert_eq!(desk.count("POST", LINK).await, 1);
}

#[tokio::test]
async fn a_failure_after_the_effect_makes_no_second_customer() {
    let desk = Desk::with(CUSTOMER).await;
    desk.faults(json!([{"on": {"method": "POST", "path": "/msp/customers"}, "do": {"kind": "error", "status": 503, "when": "after"}}]))
        .await;
    desk.run("apply --auto-approve").exits(0);
    desk.run("apply --auto-approve").exits(0);
    assert_eq!(desk.customers().await, ["ACME Tools"]);
    assert_eq!(desk.count("POST", "/msp/customers").await, 1);
    let planned = desk.run("plan").exits(0);
    assert!(planned.out.contains("No changes: the portals are in step"), "{}", planned.out);
}

#[tokio::test]
async fn a_rate_limit_is_obeyed() {
    let desk = Desk::with(CUSTOMER).await;
    desk.faults(json!([{"on": {"method": "POST", "path": "/msp/customers"}, "do": {"kind": "rateLimit", "seconds": 2}}])).await;
    let began = std::time::Instant::now();
    desk.run("apply --auto-approve").exits(0);
    assert!(began.elapsed().as_secs() >= 2, "it came back when it was told to");
    assert_eq!(desk.customers().await, ["ACME Tools"]);
}

#[tokio::test]
async fn all_customers_and_their_integrations_are_one_request() {
    let desk = Desk::with(TWO).await;
    desk.run("apply --auto-approve").exits(6);
    desk.forget_requests().await;
    desk.run("show acme").exits(0);
    assert_eq!(desk.requests().await, [("GET".to_owned(), "/msp/customers".to_owned(), 1)]);
}

#[tokio::test]
async fn an_integration_of_another_shape_leaves_its_customer_unknown_and_nobody_is_asked_for_anything() {
    let desk = Desk::with(CLOUD).await;
    desk.profile(&["where: item.shared == false", "where: item.attached == true"]);
    desk.run("apply --auto-approve").exits(6);
    let external_id = desk.external_id("acme/integration/cloud");
    desk.confirm("acme/integration/cloud", &[("externalId", &external_id), ("roleArn", ARN)]).exits(0);
    desk.run("apply --auto-approve");
    let planned = desk.run("plan");
    assert!(planned.said().contains("`where` has no value for an item"), "it is said why: {}", planned.said());
    assert!(!planned.out.contains("to create") || planned.out.contains("0 to create"), "never absent: {}", planned.out);
}

/// WIV-3: the MSP's own integrations cannot be listed; who made one and shared it has recorded that.
#[tokio::test]
async fn an_integration_of_the_msp_is_made_recorded_and_then_shared_by_technicians() {
    let desk = Desk::open().await;
    desk.run("apply --auto-approve").exits(6);
    desk.confirm("msp/integration/slack", &[("owner", "MSP")]).exits(0);
    // What needs a customer waits until all of the customer is done.
    desk.confirm("acme/organization/acme", &[("customer", "ACME Tools")]).exits(0);
    desk.run("apply --auto-approve").exits(6);
    let order = desk.shown("msp/integration/slack");
    assert!(order.contains("Share integration Team Slack") && order.contains("From [Customer] choose \"ACME Tools\""), "{order}");
    desk.confirm("msp/integration/slack", &[("sharedWith", "ACME Tools")]).exits(0);
    let planned = desk.run("plan").exits(0);
    assert!(!planned.out.contains("slack"), "{}", planned.out);
}

const LINK: &str = "/onboarding/aws/cloudformation-link";

const CUSTOMER: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools}
";

const CLOUD: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  integrations: [{name: cloud, type: aws, displayName: AWS production, settings: {accountType: payer, curConfigType: new}}]
";

const TWO: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  integrations: [{name: cloud, type: aws, settings: {accountType: payer, curConfigType: new}}]
---
apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: globex}
spec:
  displayName: Globex Corporation
  integrations: [{name: cloud, type: aws, settings: {accountType: payer, curConfigType: new}}]
";

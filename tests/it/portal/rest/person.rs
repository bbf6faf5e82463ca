//! A person's step in the middle of a call: asked once, and gone on with from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tenantry::model::Fields;
use tenantry::model::portal_spec::Account;
use tenantry::model::work_order::{Act, Provenance};
use tenantry::portal::{Answered, Around, Call, CallContext, CallError, Done};

use super::super::kit::{create, perform};
use super::server::{Server, ok};
use super::writer;

const API: &str = r#"
http: {inside: {header: X-Acting-In}}
kinds:
  Integration:
    read: unreadable
    create: call
    fields: {type: full, "*": unsupported}
    http:
      create:
        - {path: /link, body: {kind: "${self.type}"}, take: {url: response.body.url, stack: response.body.external}}
        - ask:
            title: "Run the stack for ${tenant.name}"
            source: d
            steps: [{visit: "${steps.url}"}, {reach: "the stack of ${steps.stack} is there"}]
            evidence: [{name: role, ask: The role's ARN}]
        - {path: /integrations, body: {role: "${evidence.role}", external: "${steps.stack}", name: "${name}"}, id: response.body.id}
"#;

fn integration(answered: Option<Answered>) -> Call {
    let around = Arc::new(Around { tenant: None, organizations: Arc::default(), account: Account::default() });
    let mut call = create("acme/integration/aws", json!({"type": "aws"}));
    call.tenant_id = Some("c1".into());
    call.context = Some(Box::new(CallContext { around, named: Fields::new(), named_before: Fields::new(), answered }));
    call
}

async fn server() -> Server {
    Server::start(|asked| match asked.line.as_str() {
        "POST /link" => ok(json!({"url": "https://aws.example/stack", "external": 42})),
        _ => ok(json!({"id": "i1"})),
    })
    .await
}

#[tokio::test]
async fn a_person_is_asked_in_the_middle_and_the_call_goes_on_with_the_answer() {
    let server = server().await;
    let portal = writer(&server.url, API);
    let Ok(Done::Pending { work: Some(work), waits_for }) = perform(&portal, integration(None)).await else { panic!("a person is asked") };
    assert_eq!(waits_for, "a technician: Run the stack for acme");
    assert!(work.calls_follow);
    let screen = &work.instructions.screens[0];
    let acts: Vec<_> = screen.steps.iter().map(|s| s.act.clone()).collect();
    let expected = [Act::Visit { url: "https://aws.example/stack".to_owned() }, Act::Reach { text: "the stack of 42 is there".to_owned() }];
    assert_eq!(acts, expected);
    let sources: Vec<_> = screen.steps.iter().map(|s| s.source).collect();
    assert_eq!(sources, [Some(Provenance::Documentation), None], "what is to be reached, no page documents");
    assert_eq!(work.instructions.evidence[0].name, "role");
    assert_eq!(server.lines(), ["POST /link"]);

    let evidence = BTreeMap::from([("role".to_owned(), "arn:1".to_owned())]);
    let answered = Answered { learnt: work.learnt, evidence };
    let done = perform(&portal, integration(Some(answered))).await;
    assert!(matches!(&done, Ok(Done::Now { id: Some(id), .. }) if &**id == "i1"), "{done:?}");
    let asked = server.asked();
    assert_eq!(asked.iter().map(|a| a.line.as_str()).collect::<Vec<_>>(), ["POST /integrations"], "the first step is not done again");
    assert_eq!(asked[0].json(), json!({"role": "arn:1", "external": 42, "name": "aws"}));
    assert_eq!(asked[0].header("x-acting-in"), Some("c1"));
}

#[tokio::test]
async fn where_no_page_says_how_a_person_is_told_all_that_is_declared() {
    let server = server().await;
    let api = API.replace("{visit: \"${steps.url}\"}, ", "").replace("ask: The role's ARN}", "ask: Its id, id: true}");
    let (alone, _) = api.split_once("        - {path: /integrations").unwrap();
    let mut call = integration(None);
    let declared = create(
        "acme/integration/aws",
        json!({"type": "aws", "displayName": "Bills", "settings": {"account": "12", "kind": "payer"},
        "secrets": {"token": {"env": "TENANT_SECRET_TOKEN"}}}),
    );
    let organizations = BTreeMap::from([(call.address.tenant.clone(), Box::from("Acme GmbH"))]);
    let context = call.context.as_mut().unwrap();
    context.named = declared.desired.clone();
    context.around = Arc::new(Around { tenant: None, organizations: Arc::new(organizations), account: Account::default() });
    call.desired = declared.desired;
    let Ok(Done::Pending { work: Some(work), .. }) = perform(&writer(&server.url, alone), call).await else { panic!("a person is asked") };
    let steps = work.instructions.screens.iter().flat_map(|s| &s.steps);
    let reached: Vec<_> = steps.filter_map(|s| if let Act::Reach { text } = &s.act { Some(text.as_str()) } else { None }).collect();
    assert_eq!(
        reached,
        [
            "the stack of 42 is there",
            "integration “Bills” in “Acme GmbH”: type is “aws”",
            "integration “Bills” in “Acme GmbH”: display name is “Bills”",
            "integration “Bills” in “Acme GmbH”: account in settings is “12”",
            "integration “Bills” in “Acme GmbH”: kind in settings is “payer”",
            "integration “Bills” in “Acme GmbH”: token in secrets is the secret that is kept as “env TENANT_SECRET_TOKEN”",
        ]
    );
    let asked: Vec<_> = work.instructions.evidence.iter().map(|e| (e.name.as_str(), e.expect.as_deref())).collect();
    assert_eq!(asked, [("role", None), ("organization", Some("Acme GmbH"))], "the customer is named where nothing else shows it");
}

#[tokio::test]
async fn nothing_follows_an_ask_that_is_the_last_step() {
    let server = server().await;
    let api = API.replace("evidence: [{name: role, ask: The role's ARN}]", "evidence: [{name: role, ask: Its id, id: true}]");
    let (alone, _) = api.split_once("        - {path: /integrations").unwrap();
    let Ok(Done::Pending { work: Some(work), .. }) = perform(&writer(&server.url, alone), integration(None)).await else {
        panic!("a person is asked")
    };
    assert!(!work.calls_follow);
    assert!(work.instructions.evidence[0].id);
}

#[tokio::test]
async fn an_answer_to_another_profile_is_refused() {
    let server = server().await;
    let learnt = [("step", "0"), ("steps", "{}"), ("evidence", "{}")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let answered = Answered { learnt: learnt.into(), evidence: BTreeMap::new() };
    let answer = perform(&writer(&server.url, API), integration(Some(answered))).await;
    assert!(matches!(&answer, Err(CallError::Refused(why)) if why.contains("has changed")), "{answer:?}");
    assert_eq!(server.lines(), [""; 0]);
}

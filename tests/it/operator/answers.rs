//! Annotations that come to nothing are answered where whoever wrote them looks, and block nothing.

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::stand::{Stand, is_ready, says, words};

const APPROVED: &str = "tenantry.dev/approved-plan";

fn some_digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

fn digest(object: &Json) -> String {
    object["status"]["plans"][0]["digest"].as_str().unwrap_or_else(|| panic!("a plan in {object:#}")).to_owned()
}

/// A customer that a guard of facts refuses: a secret is not there. And one who has nothing to do with it.
async fn refused() -> (Stand, String) {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.customer("beta").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.ready(Kind::Organization, "beta").await;
    let token = json!({ "secretKeyRef": { "name": "nowhere", "key": "token" } });
    let hook = json!({ "organization": "acme", "type": "webhook", "displayName": "Hook", "secrets": { "token": token } });
    stand.apply(Kind::Integration, "hook", hook).await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Stalled") == "True GuardRefused").await;
    let digest = digest(&acme);
    (stand, digest)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_approval_that_fits_no_plan_is_answered_beside_a_guards_refusal_on_the_customer_and_on_the_portal() {
    let (stand, waits) = refused().await;
    let other = some_digest('a');
    stand.annotate(Kind::Organization, "acme", APPROVED, &other).await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "PlanPending") == "True PlanStale").await;
    let answer = format!("`{APPROVED}` names {other}, which is another plan than what waits: {waits}");
    assert_eq!(words(&acme, "PlanPending"), answer);
    assert!(words(&acme, "Ready").ends_with(&format!("; {answer}")), "{acme:#}");
    assert_eq!(acme["status"]["message"], words(&acme, "Ready"));
    // What fits is answered by the guard alone.
    stand.annotate(Kind::Organization, "acme", APPROVED, &waits).await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "PlanPending") == "True PlannedWithChanges").await;
    assert!(!words(&acme, "Ready").contains("another plan"), "{acme:#}");

    // A portal's annotation is for all that it serves.
    stand.annotate(Kind::Portal, "main", APPROVED, &format!("{other},{waits}")).await;
    let main = stand.until(Kind::Portal, "main", |o| says(o, "PlanPending") == "True PlanStale").await;
    assert_eq!(words(&main, "Ready"), format!("it can be read; {answer}"));
    assert!(is_ready(&main), "it blocks nothing: {main:#}");
    stand.annotate(Kind::Portal, "main", APPROVED, &waits).await;
    stand.until(Kind::Portal, "main", |o| words(o, "Ready") == "it can be read").await;

    // Where nothing waits that is said as well, once, and of the customer alone whose annotation it is.
    stand.annotate(Kind::Organization, "beta", APPROVED, &other).await;
    let beta = stand.until(Kind::Organization, "beta", |o| words(o, "PlanPending").contains("no such plan waits")).await;
    assert_eq!(says(&beta, "PlanPending"), "False PlannedNoChanges");
    assert!(is_ready(&beta), "{beta:#}");
    stand.at_rest().await;
    let mark = stand.mark().await;
    stand.look("beta").await;
    stand.until(Kind::Organization, "beta", |o| o["status"]["lastHandledReconcileAt"] != Json::Null).await;
    stand.at_rest().await;
    assert_eq!(stand.wrote(mark).await.len(), 1, "the request to look is what is written of");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_is_no_digest_is_called_so_and_is_no_other_plan() {
    let (stand, waits) = refused().await;
    stand.annotate(Kind::Organization, "acme", APPROVED, "yes").await;
    let acme = stand.until(Kind::Organization, "acme", |o| words(o, "Ready").contains("`yes`")).await;
    let answer = format!(
        "; the annotation `{APPROVED}` says `yes`, which is no digest and approves nothing: a digest is `sha256:` and 64 digits and letters from a to f"
    );
    assert!(words(&acme, "Ready").ends_with(&answer), "{acme:#}");
    assert_eq!(
        (says(&acme, "PlanPending").as_str(), words(&acme, "PlanPending")),
        ("True PlannedWithChanges", format!("acme/organization/acme: its digest is {waits}"))
    );
    // Beside a plan that waits for nothing but approval it is no other plan either.
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "Manual" } })).await;
    let ann = json!({ "name": "ann", "email": "ann@beta.example", "administrator": true });
    stand.apply(Kind::Organization, "beta", json!({ "displayName": "Beta Tools", "users": [ann] })).await;
    stand.until(Kind::Organization, "beta", |o| says(o, "Ready") == "False AwaitingApproval").await;
    stand.annotate(Kind::Organization, "beta", APPROVED, "yes").await;
    let beta = stand.until(Kind::Organization, "beta", |o| words(o, "Ready").contains("`yes`")).await;
    assert_eq!(says(&beta, "PlanPending"), "True PlannedWithChanges", "{beta:#}");
    assert!(!words(&beta, "Ready").contains("what was approved is another plan"), "{beta:#}");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_portal_says_which_plans_of_those_without_an_organization_wait() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "Manual" } })).await;
    let nora = json!({ "organization": "msp", "email": "nora@northwind-it.example", "administrator": true });
    stand.apply(Kind::User, "nora", nora).await;
    let main = stand.until(Kind::Portal, "main", |o| says(o, "PlanPending") == "True PlannedWithChanges").await;
    let digest = digest(&main);
    let waits = format!("{digest} (1 to create, 0 to update, 0 to delete)");
    assert_eq!(main["status"]["message"], format!("it can be read; a plan of msp waits: {waits}"));
    assert_eq!(words(&main, "PlanPending"), format!("`status.plans` shows what waits: {waits}"));
    assert!(is_ready(&main), "who waits for the portal is not kept waiting: {main:#}");
    stand.annotate(Kind::Portal, "main", APPROVED, &digest).await;
    stand.ready(Kind::User, "nora").await;
    let main = stand.until(Kind::Portal, "main", |o| o["status"]["message"] == "it can be read").await;
    assert_eq!((says(&main, "PlanPending").as_str(), &main["status"]["appliedPlans"]), ("-", &json!([digest])), "{main:#}");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_plan_of_what_has_a_document_of_its_own_is_pending_on_the_customer_as_well() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "Manual" } })).await;
    stand.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example", "firstName": "Bob" })).await;
    let acme = stand.until(Kind::Organization, "acme", |o| o["status"]["plans"][0] != Json::Null).await;
    let waits = format!("`status.plans` shows what waits: {} (0 to create, 1 to update, 0 to delete)", digest(&acme));
    assert_eq!((says(&acme, "PlanPending").as_str(), words(&acme, "PlanPending")), ("True PlannedWithChanges", waits));
    assert_eq!(says(&acme, "Ready"), "True ReconciliationSucceeded", "what is in step stays ready: {acme:#}");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn annotations_of_ours_that_nothing_reads_are_named_and_block_nothing() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    let mark = stand.mark().await;
    let reads = stand.portal().reads();
    let says_so = async |kind: Kind, name: &str, annotation: &str, value: &str, words_of_it: &str| {
        stand.annotate(kind, name, annotation, value).await;
        let told = stand.until(kind, name, |o| o["status"]["message"].as_str().is_some_and(|m| m.contains(annotation))).await;
        assert!(
            told["status"]["message"].as_str().unwrap().ends_with(&format!("; the annotation `{annotation}` {words_of_it}")),
            "{told:#}"
        );
        assert!(is_ready(&told), "{told:#}");
        stand.patch(kind, name, json!({ "metadata": { "annotations": { annotation: null } } })).await;
        stand.until(kind, name, |o| o["status"]["message"].as_str().is_some_and(|m| !m.contains(annotation))).await;
    };
    let near = "is none that is read: did you mean the annotation `tenantry.dev/approved-plan`?";
    says_so(Kind::Organization, "acme", "tenantry.dev/aproved-plan", "sha256:0", near).await;
    let all = "is none that is read: those that are read are allow-from, approved-plan, deletion-approved, external-id, paused, \
               poll-interval, reconcile-requested-at";
    says_so(Kind::Portal, "main", "tenantry.dev/colour", "red", all).await;
    let elsewhere = "is not read on a user: approve on the Organization or the Portal";
    says_so(Kind::User, "bob", APPROVED, &some_digest('b'), elsewhere).await;
    let interval = "says `often`, which is no duration and changes nothing: write one such as `90s`, `15m` or `1h30m`";
    says_so(Kind::Portal, "main", "tenantry.dev/poll-interval", "often", interval).await;
    let written = stand.wrote(mark).await;
    assert_eq!(written.len(), 8, "one status each time: {written:#?}");
    assert_eq!(stand.portal().reads(), reads, "nobody looks at a portal for it");

    let uid = stand.get(Kind::User, "bob").await["metadata"]["uid"].as_str().unwrap().to_owned();
    let other = format!("has another object's uid and approves nothing: this one's is {uid}");
    says_so(Kind::User, "bob", "tenantry.dev/deletion-approved", "0198c1a0-0000-7000-8000-000000000000", &other).await;
    stand.patch(Kind::User, "bob", json!({ "metadata": { "labels": { "tenantry.dev/paused": "true" } } })).await;
    let label = "; the label `tenantry.dev/paused` is not read: write it as an annotation";
    stand.until(Kind::User, "bob", |o| is_ready(o) && words(o, "Ready").ends_with(label)).await;
    stand.annotate(Kind::User, "bob", "tenantry.dev/paused", "maybe").await;
    let bob = stand.until(Kind::User, "bob", |o| says(o, "Ready") == "Unknown Suspended").await;
    assert!(
        words(&bob, "Ready").contains("says `maybe`, which is read as `true`, so that it is left alone: write `true`, or `false`"),
        "{bob:#}"
    );
    stand.end().await;
}

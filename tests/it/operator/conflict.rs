//! Somebody else writes to the same objects, or declares the same thing twice.

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value as Json, json};
use tenantry::ledger::{Holder, Ledger as _};
use tenantry::model::{Kind, Value};

use super::stand::{Setup, Stand, id, is_ready, says, until, words};
use crate::support::name;

const FINALIZER: &str = "tenantry.dev/finalizer";

async fn in_step() -> Stand {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    stand.portal().took();
    stand
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_status_that_somebody_else_wrote_is_put_right_by_the_next_look() {
    let stand = in_step().await;
    let before = stand.get(Kind::User, "bob").await["status"].clone();
    let wrong = json!({ "status": { "message": "all is lost", "externalId": null, "conditions": [] } });
    stand.api(Kind::User).patch_status("bob", &PatchParams::default(), &Patch::Merge(&wrong)).await.unwrap();
    // A look that begins before the operator heard of it finds nothing to put right.
    let put_right = async || {
        stand.look("acme").await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Some(stand.get(Kind::User, "bob").await).filter(is_ready)
    };
    let mut after = until(put_right, || "it is left as it is".to_owned()).await["status"].clone();
    // Since when it holds is not known any more.
    let mut before = before;
    for status in [&mut before, &mut after] {
        let conditions = status["conditions"].as_array_mut().unwrap();
        conditions.iter_mut().for_each(|c| drop(c.as_object_mut().unwrap().remove("lastTransitionTime")));
    }
    assert_eq!(after, before);
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_finalizer_of_somebody_elses_keeps_an_object_and_is_left_to_them() {
    let stand = in_step().await;
    let others = json!({ "metadata": { "finalizers": [FINALIZER, "backup.example/keep"] } });
    stand.patch(Kind::User, "bob", others).await;
    stand.delete(Kind::User, "bob").await;
    stand.until(Kind::User, "bob", |o| o["metadata"]["finalizers"] == json!(["backup.example/keep"])).await;
    assert_eq!(stand.portal().took(), ["delete acme/user/bob"]);
    stand.at_rest().await;
    let mark = stand.mark().await;
    stand.look("acme").await;
    stand.at_rest().await;
    let wrote = stand.wrote(mark).await;
    assert!(wrote.iter().all(|line| line.starts_with("patch organizations.tenantry.dev/status ")), "{wrote:#?}");
    stand.patch(Kind::User, "bob", json!({ "metadata": { "finalizers": null } })).await;
    stand.until_gone(Kind::User, "bob").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_user_whose_finalizer_somebody_took_away_loses_access_all_the_same() {
    let stand = in_step().await;
    stand.patch(Kind::User, "bob", json!({ "metadata": { "finalizers": null } })).await;
    stand.delete(Kind::User, "bob").await;
    stand.until_gone(Kind::User, "bob").await;
    until(async || (stand.portal().performed() == ["delete acme/user/bob"]).then_some(()), || "the user stays in the portal".to_owned())
        .await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_another_manager_adds_is_left_alone_and_moves_nobody() {
    let stand = in_step().await;
    let (mark, reads) = (stand.mark().await, stand.portal().reads());
    let labels = json!({
        "apiVersion": "tenantry.dev/v1alpha1", "kind": "User",
        "metadata": { "name": "bob", "labels": { "team": "blue" }, "annotations": { "backup.example/at": "noon" } },
    });
    stand.api(Kind::User).patch("bob", &PatchParams::apply("backup"), &Patch::Apply(&labels)).await.unwrap();
    stand.at_rest().await;
    assert_eq!(stand.asked(mark).await, [""; 0]);
    assert_eq!((stand.portal().reads(), stand.portal().took()), (reads, vec![]));
    // And nobody but the person owns a field of what is declared.
    let bob = stand.get(Kind::User, "bob").await;
    let owners: Vec<_> =
        bob["metadata"]["managedFields"].as_array().unwrap().iter().filter(|m| m["fieldsV1"]["f:spec"].is_object()).collect();
    assert_eq!(owners.iter().map(|m| m["manager"].as_str().unwrap()).collect::<Vec<_>>(), ["a-person"]);
    assert_eq!(bob["metadata"]["generation"], 1);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn of_many_who_change_one_user_at_once_the_last_one_is_what_is_live() {
    let stand = in_step().await;
    let name = |n: usize| json!({ "spec": { "firstName": format!("Bob {n}") } });
    let (api, params) = (stand.api(Kind::User), PatchParams::default());
    let patches: Vec<_> = (0..20).map(|n| (api.clone(), params.clone(), name(n))).collect();
    let patched =
        patches.into_iter().map(|(api, params, patch)| tokio::spawn(async move { api.patch("bob", &params, &Patch::Merge(&patch)).await }));
    for patch in patched.collect::<Vec<_>>() {
        patch.await.unwrap().unwrap();
    }
    let bob = stand.ready(Kind::User, "bob").await;
    stand.at_rest().await;
    let last = bob["spec"]["firstName"].as_str().unwrap().to_owned();
    let took = stand.portal().took();
    assert!(took.iter().all(|line| line == "update acme/user/bob") && took.len() <= 20 && !took.is_empty(), "{took:?}");
    // Whoever sets it to what it is already changes nothing.
    stand.door().set_field(&id(&bob), "firstName", Some(Value::Text(last.as_str().into()))).unwrap();
    stand.look("acme").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn two_documents_that_declare_one_person_stall_that_customer_alone_until_one_of_them_goes() {
    let stand = in_step().await;
    stand.customer("beta").await;
    stand.ready(Kind::Organization, "beta").await;
    stand.portal().took();
    stand.apply(Kind::User, "robert", json!({ "organization": "acme", "email": "Bob@acme.example" })).await;
    let robert = stand.until(Kind::User, "robert", |o| says(o, "Stalled") == "True InvalidSpec").await;
    assert!(words(&robert, "Stalled").contains("bob@acme.example"), "{robert:#}");
    stand.until(Kind::Organization, "acme", |o| says(o, "Stalled") == "True InvalidSpec").await;
    stand.user("cleo", "beta").await;
    stand.ready(Kind::User, "cleo").await;
    assert_eq!(stand.portal().took(), ["create beta/user/cleo"]);
    stand.delete(Kind::User, "robert").await;
    stand.until_gone(Kind::User, "robert").await;
    stand.until(Kind::Organization, "acme", is_ready).await;
    stand.until(Kind::User, "bob", is_ready).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_document_that_is_deleted_and_made_anew_at_once_ends_as_it_was_declared_last() {
    let stand = in_step().await;
    stand.delete(Kind::User, "bob").await;
    // Until it is gone it cannot be made.
    let anew = json!({
        "apiVersion": "tenantry.dev/v1alpha1", "kind": "User", "metadata": { "name": "bob" },
        "spec": { "organization": "acme", "email": "bob@acme.example", "firstName": "Robert" },
    });
    let anew: DynamicObject = serde_json::from_value(anew).unwrap();
    let made = async || stand.api(Kind::User).create(&kube::api::PostParams::default(), &anew).await.ok();
    until(made, || "it cannot be made again".to_owned()).await;
    let bob: Json = stand.ready(Kind::User, "bob").await;
    stand.at_rest().await;
    assert_eq!(bob["spec"]["firstName"], "Robert");
    assert_eq!(stand.portal().took(), ["create acme/user/bob", "delete acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_is_declared_anew_in_the_middle_of_an_apply_is_applied_after_it() {
    let mut stand = in_step().await;
    stand.stop().await;
    let slow = stand.begin(std::time::Duration::from_secs(1)).await;
    slow.lead().await;
    for name in ["cleo", "dan", "eve"] {
        stand.user(name, "acme").await;
    }
    until(async || (!slow.portal.performed().is_empty()).then_some(()), || "nothing begins".to_owned()).await;
    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    stand.patch(Kind::User, "cleo", json!({ "spec": { "firstName": "Cleo" } })).await;
    stand.delete(Kind::User, "dan").await;
    stand.until_gone(Kind::User, "dan").await;
    for name in ["bob", "cleo"] {
        stand.until(Kind::User, name, |o| o["metadata"]["generation"] == 2 && is_ready(o)).await;
    }
    stand.ready(Kind::User, "eve").await;
    stand.at_rest().await;
    let took = slow.portal.took();
    let calls = |line: &str| took.iter().filter(|l| *l == line).count();
    assert_eq!((calls("update acme/user/bob"), calls("create acme/user/eve"), calls("create acme/user/cleo")), (1, 1, 1), "{took:?}");
    assert_eq!(calls("create acme/user/dan"), calls("delete acme/user/dan"), "{took:?}");
    slow.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn while_somebody_else_works_on_a_customer_it_says_so_and_goes_on_afterwards() {
    let stand = Stand::with(Setup { ledger_in_cluster: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "retryInterval": "1s" })).await;
    stand.customer("acme").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.portal().took();
    let (ledger, unit) = (stand.ledger().await, [(name("main"), name("acme"))]);
    let holder = Holder { who: "tom@desk".to_owned(), ..Holder::current("apply") };
    let lock = ledger.lock(&unit, &holder, jiff::Timestamp::now(), std::time::Duration::from_secs(300)).await.unwrap();
    stand.user("bob", "acme").await;
    let bob = stand.until(Kind::User, "bob", |o| says(o, "Stalled") == "True Contended").await;
    assert!(words(&bob, "Stalled").contains("tom@desk"), "{bob:#}");
    assert_eq!(stand.portal().took(), [""; 0]);
    ledger.unlock(&lock).await.unwrap();
    stand.ready(Kind::User, "bob").await;
    assert_eq!(stand.portal().took(), ["create acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_finalizer_that_somebody_took_away_is_back_after_a_look() {
    let stand = in_step().await;
    stand.patch(Kind::User, "bob", json!({ "metadata": { "finalizers": null } })).await;
    let back = async || {
        stand.look("acme").await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        (stand.get(Kind::User, "bob").await["metadata"]["finalizers"] == json!([FINALIZER])).then_some(())
    };
    until(back, || "it is not held any more".to_owned()).await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_person_whose_declaration_moves_into_a_document_of_its_own_is_the_same_person() {
    let stand = in_step().await;
    let ann = json!({ "organization": "acme", "name": "ann", "email": "ann@acme.example", "administrator": true });
    stand.apply(Kind::User, "acme-ann", ann).await;
    // Declared twice, nothing is done; declared once, nothing is to be done.
    stand.until(Kind::User, "acme-ann", |o| says(o, "Stalled") == "True InvalidSpec").await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "ACME" })).await;
    stand.until(Kind::User, "acme-ann", |o| is_ready(o) && o["status"]["externalId"].is_string()).await;
    let acme = stand.ready(Kind::Organization, "acme").await;
    assert!(acme["status"]["children"].as_array().is_none_or(Vec::is_empty), "{acme:#}");
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

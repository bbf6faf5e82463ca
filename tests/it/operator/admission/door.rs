//! The webhook itself, asked by whoever reaches it: what is no review is refused in words, and a certificate is renewed without a restart.

use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, StatusCode};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::desk::{Desk, certify};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_is_no_review_is_refused_and_what_is_none_of_ours_passes() {
    let desk = Desk::new().await;
    let (client, at) = (client(&desk), format!("https://{}/validate", desk.webhook));
    let post = async |media: &str, body: String| {
        let answer = client.post(&at).header("content-type", media).body(body).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let json_is = "application/json";
    assert_eq!(post(json_is, "{".into()).await, (StatusCode::BAD_REQUEST, "this is no AdmissionReview: Eof error\n".into()));
    assert_eq!(post(json_is, "[[[[".repeat(1000)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(json_is, "{}".into()).await, (StatusCode::BAD_REQUEST, "this is no AdmissionReview: Data error\n".into()));
    assert_eq!(post("text/plain", review(&json!({})).to_string()).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut old = review(&json!({}));
    old["apiVersion"] = json!("admission.k8s.io/v1beta1");
    assert_eq!(post(json_is, old.to_string()).await.0, StatusCode::BAD_REQUEST);
    // Who sends too much may hear so, or find the connection closed before all is sent.
    let large = client.post(&at).header("content-type", json_is).body("x".repeat(7 << 20)).send().await;
    assert!(large.is_err() || large.is_ok_and(|answer| answer.status() == StatusCode::PAYLOAD_TOO_LARGE));
    assert_eq!(client.get(&at).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(client.post(at.replace("validate", "other")).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(crate::servers::client().post(at.replace("https", "http")).send().await.is_err(), "without TLS nobody is heard");

    let passes = async |request: Json| {
        let (status, body) = post("application/json; charset=utf-8", review(&request).to_string()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let response = serde_json::from_str::<Json>(&body).unwrap()["response"].clone();
        assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(true)), "{body}");
        response["warnings"].clone()
    };
    let pod = json!({ "group": "", "version": "v1", "kind": "Pod" });
    assert_eq!(passes(json!({ "kind": pod, "object": { "metadata": {} } })).await, Json::Null);
    let of = |namespace: &str| {
        let object = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": "Organization",
            "metadata": { "name": "acme", "namespace": namespace }, "spec": { "displayName": "Acme" } });
        json!({ "operation": "CREATE", "object": object })
    };
    assert_eq!(passes(of("nobody-watches-it")).await, Json::Null);
    assert_eq!(passes(of(&desk.home)).await, json!(["no portal serves acme: nothing is done for it"]));
    let mut status = of(&desk.home);
    status["subResource"] = json!("status");
    assert_eq!(passes(status).await, Json::Null);
    assert_eq!(passes(json!({ "operation": "DELETE" })).await, Json::Null);
    // Whoever does not say when it was made takes no name from what is there.
    desk.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    let begun = Instant::now();
    while passes(of(&desk.other)).await != json!(["this counts for nothing: it does not go with what other namespaces declare"]) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:#}", passes(of(&desk.other)).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Many at once are all answered, or refused, in time.
    let begun = Instant::now();
    let body = review(&of(&desk.home)).to_string();
    let all = (0..64).map(|_| post(json_is, body.clone()));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|(status, _)| [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(status)), "{all:#?}");
    assert!(all.iter().any(|(status, _)| *status == StatusCode::OK));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_certificate_is_renewed_without_a_restart() {
    let desk = Desk::new().await;
    let at = format!("https://{}/validate", desk.webhook);
    let answers = async |client: &Client| client.post(&at).body("{}").send().await.is_ok();
    let before = client(&desk);
    assert!(answers(&before).await);
    // Half of a pair changes nothing, however long it stays so.
    let key = std::fs::read(desk.certificates.path().join("tls.key")).unwrap();
    let other = tempfile::tempdir().unwrap();
    certify(other.path());
    std::fs::copy(other.path().join("tls.key"), desk.certificates.path().join("tls.key")).unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(answers(&client(&desk)).await, "the one before it is shown");
    std::fs::write(desk.certificates.path().join("tls.key"), key).unwrap();
    certify(desk.certificates.path());
    let renewed = client(&desk);
    let begun = Instant::now();
    while !answers(&renewed).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "the new one is never shown");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    desk.end().await;
}

/// Believes the authority of the webhook's certificate as it is now, and keeps no connection.
fn client(desk: &Desk) -> Client {
    drop(crate::servers::client());
    let authority = Certificate::from_pem(&std::fs::read(desk.certificates.path().join("authority.crt")).unwrap()).unwrap();
    Client::builder().no_proxy().tls_certs_only([authority]).pool_max_idle_per_host(0).build().unwrap()
}

fn review(request: &Json) -> Json {
    let mut request = request.clone();
    request["uid"] = json!("u-1");
    if request["kind"].is_null() {
        request["kind"] = json!({ "group": "tenantry.dev", "version": "v1alpha1", "kind": "Organization" });
    }
    json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request })
}

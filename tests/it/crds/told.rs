//! What the API server answers to a wrong document: a sentence that says what is wrong and what to write instead.

use super::documents::{bad, document};
use super::{ApiServer, documents};

/// The answer to a document of a kind with this line.
async fn answer(server: &ApiServer, kind: &str, line: &str) -> String {
    let (kind, document) = documents(&document(kind, line)).remove(0);
    server.refuses(kind, &document).await.unwrap_or_else(|| panic!("it takes\n{document}"))
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn no_answer_is_a_bare_pattern() {
    let server = ApiServer::with_definitions().await;
    let mut wrong = Vec::new();
    for (kind, document) in bad().iter().flat_map(|text| documents(text)) {
        let answer = server.refuses(kind, &document).await.unwrap_or_default();
        // Of Kubernetes' own metadata Kubernetes speaks. Where a rule would cost too much, the words stand in front of the pattern.
        let patterns = answer.matches("should match '").count() - answer.matches("should match '^(").count();
        let worded = answer.matches("){0}").count() == answer.matches("should match '^(").count();
        if patterns > 0 || !worded {
            wrong.push(format!("{document}{answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn an_answer_says_what_to_write_instead() {
    let server = ApiServer::with_definitions().await;
    let check = async |kind: &str, line: &str, told: &str| {
        let answer = answer(&server, kind, line).await;
        assert!(answer.contains(told), "{kind} {line}: expected {told:?} in\n{answer}");
    };
    check("Organization", "contact: {email: acme}", "this is not an e-mail address: write one such as anna@acme.example").await;
    check("Organization", "contact: {email: a@b}", "what is behind the @ is no domain name").await;
    check("Organization", "users: [{name: a, email: acme}]", "spec.users[0].email: Invalid value: \"acme\": this is not an e-mail").await;
    check("Organization", "domains: [{name: a, domain: acme}]", "this is not a domain name: write one such as acme.example").await;
    check("Organization", "domains: [{name: a, domain: müller.example}]", "in their ASCII form (xn--…)").await;
    check("Organization", "contact: {website: acme.example}", "begins with https:// or http://").await;
    check("Organization", "name: Acme IT", "lowercase letters, digits and hyphens").await;
    check("Organization", "users: [{name: A, email: a@acme.example}]", "such as acme-it").await;
    check(
        "Organization",
        "users: [{name: a, email: a@acme.example, previously: [A b]}]",
        "a name has lowercase letters, digits and hyphens",
    )
    .await;
    check("Organization", "name: msp", "metadata.name: Invalid value: msp is the MSP itself: give the customer another name").await;
    check("User", "previously: [Alice B]", "such as acme-it").await;
    check("Integration", "sharedWith: {names: [Acme]}", "such as acme-it").await;
    check("Organization", "interval: 1d", "write one from 1s to 999h, such as 30s, 10m or 1h30m").await;
    check("Organization", "doNotDisturb: [{days: [mon], from: '7:00', to: '08:00'}]", "such as '07:30'").await;
    check("Organization", "notes: \"a\\rb\"", "a control character stands here").await;
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn an_answer_about_a_secret_says_what_to_do_and_shows_nothing_of_it() {
    let server = ApiServer::with_definitions().await;
    let check = async |kind: &str, line: &str, told: &str| {
        let answer = answer(&server, kind, line).await;
        assert!(answer.contains(told), "{kind} {line}: expected {told:?} in\n{answer}");
        assert!(!answer.contains("hunter"), "{kind} {line}: the secret is shown:\n{answer}");
    };
    let password = "an address carries a password: write the address without it, change the password";
    check("Organization", "notes: 'see https://me:hunter2@acme.example'", password).await;
    check("Organization", "labels: {a: 'https://me:hunter2@acme.example'}", password).await;
    check("Organization", "accessPermissions: ['https://me:hunter2@acme.example']", password).await;
    check("User", "firstName: 'https://me:hunter2@acme.example'", password).await;
    check("Integration", "settings: {url: 'https://me:hunter2@acme.example'}", password).await;
    check("Integration", "settings: {password: hunter2}", "put it under `secrets` by reference").await;
    let user = "an address carries a user name or a password: write the address without them";
    check("Organization", "contact: {website: 'https://me:hunter2@acme.example'}", user).await;
    check("Organization", "contact: {website: 'https://hunter2@acme.example'}", user).await;
    check("Organization", "contact: {website: 'https://acme.example/?u=a://me:hunter2@b'}", user).await;
    check("Organization", "contact: {website: 'ftp://me:hunter2@acme.example'}", user).await;
    let never = "and never the secret itself";
    check("Organization", "secrets: {a: {env: hunter-2}}", never).await;
    check("Organization", "secrets: {a: {secretKeyRef: {name: 'hunter!', key: b}}}", never).await;
    check("Organization", "secrets: {a: {secretKeyRef: {name: a, key: 'hunter!'}}}", never).await;
    check("Organization", "integrations: [{name: a, type: b, secrets: {a: {env: hunter-2}}}]", never).await;
    // Where a secret is written for a reference, the type is wrong; the field's description says what a reference is.
    check("Organization", "secrets: {a: hunter2}", "must be of type object").await;
}

//! A cluster whose ledger is in PostgreSQL: what a technician answers at a desk is taken up at once, and not when a portal is polled next.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::super::consent_kit::{Kit, message};
use super::super::leader::Operator;
use super::super::stand::says;
use crate::servers::kubernetes::Cluster;
use crate::servers::postgres::Schema;
use crate::support::program::{PROGRAM, command};

/// Far less than the interval in which a portal is polled.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_kubernetes, have_postgres)), ignore = "needs a kube-apiserver and PostgreSQL: run tests/servers/install")]
async fn what_a_technician_answers_is_taken_up_within_seconds() {
    let (kit, schema) = (Kit::without_operator().await, Schema::new().await);
    let mut program = command(PROGRAM);
    program.args(["operator", "--namespace", &kit.namespace, "--watch-namespace", &kit.namespace, "--listen", "127.0.0.1:0"]);
    program.arg("--kubeconfig").arg(Cluster::shared().kubeconfig_file()).args(["--ledger", &schema.url]);
    program.arg("--state-dir").arg(kit.folder.path().join("state")).env("TENANTRY_LOG", "tenantry=info");
    program.env("TENANTRY_MAC_KEY", "5e".repeat(32));
    let operator = Operator::start(program);
    operator.until("began to lead", Duration::from_secs(30)).await;
    let account = json!({ "name": "Northwind IT", "domain": "northwind.idemeum.com" });
    kit.apply(Kind::Portal, "access", json!({ "profile": "idemeum", "account": account, "workOrders": { "assignee": "nora" } })).await;
    let users = json!([{ "name": "helen", "email": "helen@brightwater.example", "administrator": true }]);
    let customer = json!({ "displayName": "Brightwater & Partners", "users": users });
    kit.apply(Kind::Organization, "brightwater", customer).await;
    kit.until_it_says(Kind::Organization, "brightwater", "Ready", "False AwaitingTechnician").await;

    let listed = kit.tenantry_on(&schema.url, &["runbook", "list", "-o", "json"]).await.exits(0);
    let orders: Json = serde_json::from_str(&listed.out).unwrap();
    let items = orders["orders"].as_array().unwrap().iter().flat_map(|order| order["items"].as_array().unwrap());
    let item = items.clone().find(|item| item["address"] == "brightwater/organization/brightwater").unwrap();
    let reference = item["reference"].as_str().unwrap();
    kit.tenantry_on(&schema.url, &["runbook", "fail", reference, "--why", "the menu is greyed out"]).await.exits(0);
    let begun = Instant::now();
    let told = kit.until(Kind::Organization, "brightwater", |o| message(o, "Ready").contains("the menu is greyed out")).await;
    assert_eq!(says(&told, "Ready"), "False AwaitingTechnician");
    assert!(begun.elapsed() < SOON, "after {:?}", begun.elapsed());
}

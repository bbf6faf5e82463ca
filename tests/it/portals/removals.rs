//! What is taken away is told by what is recorded of it, and who leaves a customer is deleted nowhere.

use tenantry::diff::Purpose;

use super::kit::*;
use super::orders::order_after;

const SHORT: [(&str, &str, &str, &str); 3] = [
    ("it-conductor", "", "domains: [{name: main, domain: acme.example}], ", "lastName: Lang"),
    ("idemeum", "domain: northwind.idemeum.com", "", "administrator: true"),
    ("itarian", "kind: MSP", "relationship: managed, ", "lastName: Lang"),
];

fn customer(organization: &str, users: &str) -> String {
    format!("kind: Organization\nmetadata: {{name: acme}}\nspec: {{displayName: ACME Tools, {organization}users: [{users}]}}\n")
}

async fn changed(portal: &str, account: &'static str, before: String, after: String) -> String {
    let (before, after): (&'static str, &'static str) = (before.leak(), after.leak());
    order_after(portal, side(account, before), side(account, after), Purpose::Converge).await
}

#[tokio::test]
async fn who_gets_another_address_is_taken_out_by_the_one_that_is_recorded() {
    for (portal, account, organization, fields) in SHORT {
        let petra = |email: &str| customer(organization, &format!("{{name: petra, email: {email}, {fields}}}"));
        let order = changed(portal, account, petra("petra.lang@acme.example"), petra("petra.weiss@acme.example")).await;
        let (out, _) = order.split_once("\n\n").unwrap_or_else(|| panic!("{portal}: one item goes and one comes: {order}"));
        let (first, second) = order.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let (gone, come) = if out.contains("Take user") { (first, second) } else { (second, first) };
        assert!(gone.contains("Take user petra.lang@acme.example out of ACME Tools"), "{portal}: {order}");
        assert!(!gone.contains("petra.weiss"), "nobody takes out who comes: {portal}: {gone}");
        assert!(come.contains("petra.weiss@acme.example") && !come.contains("petra.lang"), "{portal}: {come}");
    }
}

#[tokio::test]
async fn who_leaves_a_customer_keeps_the_account() {
    let (ann, bob) = ("{name: ann, email: ann@acme.example}", "{name: bob, email: bob@acme.example}");
    let (both, one) = (format!("{ann}, {bob}"), ann);
    let managed = |users: &str| customer("relationship: managed, ", users);
    insta::assert_snapshot!(changed("itarian", "kind: MSP", managed(&both), managed(one)).await, @r#"
    1. Take user bob@acme.example out of ACME Tools  (customer acme)
       [ ] Open Users › User Directory.
       [ ] Look, and stop if it is not so: user "bob@acme.example" in "ACME Tools" is there; if it is not, nothing is left to do, and that is confirmed as done.  (manual)
       [ ] See to it, in whatever way the portal offers, that this is so: user "bob@acme.example" is no longer among the users of "ACME Tools"; the person's account and other customers stay.  (not in the manual)
       Bring back organization: The customer's name, as the screen showed it before you changed anything; it must be "ACME Tools"
    "#);
}

//! Side effects as a plan announces them to a person, and who gets the mail.

use super::kit::*;
use super::{ita, itc, plx};

/// The plan of `side`, and the same with the profile's effects taken out.
async fn with_and_without(portal: &str, side: Side) -> (String, String) {
    let nothing = desired(portal, Side { manifests: "", ..side });
    let silent = altered(portal, |tree| tree["effects"] = serde_json::json!([]));
    let after = desired(portal, side);
    (in_text(&plan(&profile(portal), &[], &nothing, &after).await), in_text(&plan(&silent, &[], &nothing, &after).await))
}

#[tokio::test]
async fn itc_9_a_plan_says_that_an_invitation_goes_out_and_to_whom() {
    let (told, silent) = with_and_without("it-conductor", itc::ACME).await;
    assert!(block(&told, "+ create user/ann").contains(&"sends e-mail, needs a technician"), "{told}");
    assert!(told.contains("\n  get an e-mail: ann@acme.example\n"), "{told}");
    assert!(!silent.contains("e-mail:\n") && !silent.contains("sends e-mail"), "{silent}");
}

#[tokio::test]
async fn idm_7_a_plan_says_that_deleting_a_customer_deletes_its_data_for_good() {
    let there = side(
        "domain: northwind.idemeum.com",
        "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, deletionPolicy: Delete}\n",
    );
    let destroyed = async |profile| in_text(&destruction(&profile, &desired("idemeum", there)).await);
    let told = destroyed(profile("idemeum")).await;
    let words = "irreversible, changes other objects with it, deletes data, needs a technician";
    assert!(block(&told, "! delete organization/acme").contains(&words), "{told}");
    let silent = destroyed(altered("idemeum", |tree| tree["effects"] = serde_json::json!([]))).await;
    assert!(!silent.contains("irreversible") && !silent.contains("deletes data"), "{silent}");
}

#[tokio::test]
async fn ita_4_a_plan_says_that_a_web_domain_brings_more_than_the_customer() {
    let (told, silent) = with_and_without("itarian", ita::SHOP).await;
    assert!(block(&told, "+ create organization/shop").contains(&"changes other objects with it, needs a technician"), "{told}");
    assert!(!silent.contains("changes other objects"), "{silent}");
}

#[tokio::test]
async fn plx_5_a_plan_says_that_a_reset_password_is_irreversible() {
    let organization = |phone: &str| {
        let text = plx::ACME.manifests.replace("+49 30 1", phone);
        desired("pilixo", side(plx::ACME.account, text.leak()))
    };
    let (before, after) = (organization("+49 30 1"), organization("+49 30 2"));
    let told = in_text(&plan(&profile("pilixo"), &[], &before, &after).await);
    assert!(told.contains("      irreversible, needs a technician\n"), "{told}");
    let silent = altered("pilixo", |tree| tree["effects"] = serde_json::json!([]));
    assert!(!in_text(&plan(&silent, &[], &before, &after).await).contains("irreversible"));
}

#[tokio::test]
async fn plx_6_a_plan_names_the_default_admin_as_who_gets_the_mail() {
    let (told, silent) = with_and_without("pilixo", plx::ACME).await;
    assert!(block(&told, "+ create organization/acme").contains(&"sends e-mail, needs a technician"), "{told}");
    let mail = "\n  get an e-mail: kim@msp.example (login credentials)\n";
    assert!(told.contains(mail), "not the key of the organization, and no invitation: {told}");
    assert!(!silent.contains("get an e-mail"), "{silent}");
    assert!(told.contains("\n  gain access: kim@msp.example"), "who gets credentials may enter: {told}");
    let nameless = altered("pilixo", |tree| {
        for key in ["to", "admits"] {
            drop(tree["effects"][0].as_object_mut().unwrap().remove(key));
        }
    });
    let (nothing, after) = (desired("pilixo", side(plx::ACME.account, "")), desired("pilixo", plx::ACME));
    assert!(!in_text(&plan(&nameless, &[], &nothing, &after).await).contains("e-mail: kim@msp.example"), "it is `to` that says so");
}

#[test]
fn an_effect_without_a_mail_has_nobody_to_send_it_to() {
    let mut wrong = tree("pilixo");
    wrong["effects"][1]["to"] = serde_json::json!("self.defaultAdmin.email");
    wrong["effects"][1]["mail"] = serde_json::json!("login credentials");
    let said = tenantry::portal::Profile::parse(&wrong.to_string(), "pilixo.yaml").unwrap_err();
    for what in ["`to` is whom an e-mail goes to", "`mail` is what an e-mail is"] {
        assert!(said.iter().any(|d| d.summary == format!("{what}, and `effects` has no `email`")), "{said:#?}");
    }
}

//! Better Auth: every write is a POST, a conflict is a 400, a list shows what one is a member of, and users are invitations first.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::desk::Desk;
use crate::servers::better_auth::{self, EMAIL, PASSWORD, sign_up};
use crate::support::proxy::Proxy;

/// The secret of a customer's sign-in; a canary: nothing that is said or kept may hold it.
const CLIENT_SECRET: &str = "canary-5c19-client";

/// Somebody with an account at a server.
struct Person<'s> {
    url: &'s str,
    email: String,
    token: String,
}

/// An answer's status, headers of a token, and body.
fn asked(url: &str, token: &str, body: Option<&Json>) -> (u16, Option<String>, Json) {
    let ask = async {
        let request = match body {
            Some(body) => crate::servers::client().post(url).header("content-type", "application/json").body(body.to_string()),
            None => crate::servers::client().get(url),
        };
        let answer = request.header("authorization", format!("Bearer {token}")).send().await.unwrap();
        let given = answer.headers().get("set-auth-token").map(|t| t.to_str().unwrap().to_owned());
        (answer.status().as_u16(), given, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(ask)
}

impl<'s> Person<'s> {
    /// Makes an account and signs in.
    fn new(url: &'s str, email: &str) -> Self {
        sign_up(url, email, PASSWORD);
        Self::known(url, email)
    }

    /// Signs in.
    fn known(url: &'s str, email: &str) -> Self {
        let body = json!({"email": email, "password": PASSWORD});
        let (status, token, _) = asked(&format!("{url}/api/auth/sign-in/email"), "", Some(&body));
        assert_eq!(status, 200, "{email} cannot sign in");
        Self { url, email: email.to_owned(), token: token.unwrap() }
    }

    fn post(&self, path: &str, body: &Json) -> (u16, Json) {
        let (status, _, answer) = asked(&format!("{}/api/auth{path}", self.url), &self.token, Some(body));
        (status, answer)
    }

    fn get(&self, path: &str) -> Json {
        let (status, _, answer) = asked(&format!("{}/api/auth{path}", self.url), &self.token, None);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Accepts the invitation that the last mail was about.
    fn accepts(&self) {
        let invitation = invitations(self.url, &self.email).pop().unwrap();
        let (status, answer) = self.post("/organization/accept-invitation", &json!({"invitationId": invitation}));
        assert_eq!(status, 200, "{answer}");
    }

    /// The roles of a member of an organization that this person is in.
    fn roles(&self, slug: &str, email: &str) -> String {
        let members = self.get(&format!("/organization/list-members?organizationSlug={slug}"));
        let found = members["members"].as_array().unwrap().iter().find(|m| m["user"]["email"] == email);
        found.map_or(String::new(), |member| member["role"].as_str().unwrap().to_owned())
    }
}

/// The mails that a person got: each is about an invitation.
fn invitations(url: &str, email: &str) -> Vec<String> {
    let (_, _, mails) = asked(&format!("{url}/outbox"), "", None);
    let mine = mails.as_array().unwrap().iter().filter(|mail| mail["to"] == email);
    mine.map(|mail| mail["invitation"].as_str().unwrap().to_owned()).collect()
}

/// A desk of an MSP with an account of its own, at a server or at what stands before it.
fn desk(url: &str, account: &str) -> Desk {
    let credentials = "  credentials: {email: {env: PORTAL_EMAIL}, password: {env: PORTAL_PASSWORD}}\n";
    let desk = Desk::new("better-auth.yaml", url, &format!("  account: {{email: {account}}}\n{credentials}"));
    let desk = desk.with("PORTAL_EMAIL", account).with("PORTAL_PASSWORD", PASSWORD);
    desk.with("TENANT_SECRET_ID", "client-1").with("TENANT_SECRET_SSO", CLIENT_SECRET)
}

/// A customer with a role, somebody in it, somebody else, and a sign-in of its own.
fn customer(slug: &str) -> String {
    format!(
        "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {{name: {slug}}}
spec:
  displayName: The customer {slug}
  roles:
    - {{name: helpdesk, permissions: ['member:create', 'invitation:create']}}
  users:
    - {{name: alice, email: alice@{slug}.example, roles: [helpdesk, member]}}
    - {{name: bob, email: bob@{slug}.example, roles: [member]}}
  integrations:
    - name: entra
      type: oidc
      settings:
        issuer: https://idp.{slug}.example
        domain: {slug}.example
        authorizationEndpoint: https://idp.{slug}.example/authorize
        tokenEndpoint: https://idp.{slug}.example/token
        jwksEndpoint: https://idp.{slug}.example/keys
      secrets: {{clientId: {{env: TENANT_SECRET_ID}}, clientSecret: {{env: TENANT_SECRET_SSO}}}}
"
    )
}

/// A desk with one customer, which is applied.
fn applied(url: &str, slug: &str) -> Desk {
    let desk = desk(url, EMAIL);
    desk.write("customers/one.yaml", &customer(slug));
    desk.apply();
    desk
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn everything_is_made_and_nothing_is_left_to_do_while_invitations_wait() {
    let url = &better_auth::server().url;
    let desk = applied(url, "made");
    let plan = desk.in_step();
    assert!(plan.said().contains("2 invitations not accepted yet"), "{}", plan.said());
    for person in ["alice@made.example", "bob@made.example"] {
        assert_eq!(invitations(url, person).len(), 1, "{person}");
    }
    let msp = Person::known(url, EMAIL);
    let providers = msp.get("/sso/providers");
    let made = providers["providers"].as_array().unwrap().iter().find(|p| p["providerId"] == "made-entra").unwrap();
    assert_eq!(made["oidcConfig"]["tokenEndpoint"], "https://idp.made.example/token");
    let shown = [desk.run("plan -v").said(), desk.run("ledger list").said(), desk.kept(".tenantry")].concat();
    for secret in [CLIENT_SECRET, PASSWORD] {
        assert!(!shown.contains(secret), "a secret is shown or kept");
    }
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn whoever_accepts_is_the_same_user_as_before() {
    let url = &better_auth::server().url;
    let desk = applied(url, "accepted");
    Person::new(url, "alice@accepted.example").accepts();
    let plan = desk.in_step();
    assert!(plan.said().contains("1 invitation not accepted yet"), "{}", plan.said());
    desk.apply();
    assert_eq!(invitations(url, "alice@accepted.example").len(), 1, "nobody is invited again");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn roles_of_a_member_change_and_those_of_an_open_invitation_are_refused() {
    let url = &better_auth::server().url;
    let desk = applied(url, "changed");
    desk.edit("customers/one.yaml", "roles: [member]}", "roles: [admin, helpdesk]}");
    let refused = desk.run("apply --auto-approve").exits(5);
    assert!(refused.said().contains("BA-2") && refused.said().contains("has not accepted"), "{}", refused.said());
    Person::new(url, "bob@changed.example").accepts();
    desk.apply();
    desk.in_step();
    assert_eq!(Person::known(url, EMAIL).roles("changed", "bob@changed.example"), "admin,helpdesk");
    assert_eq!(invitations(url, "bob@changed.example").len(), 1);
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn a_role_in_use_goes_after_its_holders_let_go_of_it() {
    let server = better_auth::server();
    let proxy = Proxy::before(&server.url);
    let desk = applied(&proxy.url, "holders");
    Person::new(&server.url, "alice@holders.example").accepts();
    desk.edit("customers/one.yaml", "    - {name: helpdesk, permissions: ['member:create', 'invitation:create']}\n", "");
    desk.edit("customers/one.yaml", "  roles:\n", "  roles: []\n");
    desk.edit("customers/one.yaml", "roles: [helpdesk, member]", "roles: [admin]");
    proxy.passes();
    desk.apply();
    let seen = proxy.asked();
    let at = |path: &str| seen.iter().position(|line| line.ends_with(path)).unwrap_or_else(|| panic!("{path}: {seen:#?}"));
    assert!(at("/update-member-role") < at("/delete-role"), "{seen:#?}");
    desk.in_step();
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn a_role_that_somebody_was_given_by_hand_is_kept_and_that_is_told() {
    let url = &better_auth::server().url;
    let desk = applied(url, "by-hand");
    Person::new(url, "bob@by-hand.example").accepts();
    let msp = Person::known(url, EMAIL);
    let members = msp.get("/organization/list-members?organizationSlug=by-hand");
    let bob = members["members"].as_array().unwrap().iter().find(|m| m["user"]["email"] == "bob@by-hand.example").unwrap();
    let stranger = Person::new(url, "carol@by-hand.example");
    let invitation = json!({"organizationId": bob["organizationId"], "email": "carol@by-hand.example", "role": ["helpdesk"]});
    assert_eq!(msp.post("/organization/invite-member", &invitation).0, 200);
    stranger.accepts();
    desk.edit("customers/one.yaml", "    - {name: helpdesk, permissions: ['member:create', 'invitation:create']}\n", "");
    desk.edit("customers/one.yaml", "  roles:\n", "  roles: []\n");
    desk.edit("customers/one.yaml", "    - {name: alice, email: alice@by-hand.example, roles: [helpdesk, member]}\n", "");
    let refused = desk.run("apply --auto-approve").exits(5);
    assert!(refused.said().contains("still in use by user carol@by-hand.example"), "{}", refused.said());
    assert_eq!(msp.roles("by-hand", "carol@by-hand.example"), "helpdesk", "and she has it still");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn who_is_taken_out_loses_the_membership_or_the_open_invitation() {
    let url = &better_auth::server().url;
    let desk = applied(url, "leaving");
    Person::new(url, "alice@leaving.example").accepts();
    desk.edit("customers/one.yaml", "    - {name: alice, email: alice@leaving.example, roles: [helpdesk, member]}\n", "");
    desk.edit("customers/one.yaml", "    - {name: bob, email: bob@leaving.example, roles: [member]}\n", "");
    desk.edit("customers/one.yaml", "  users:\n", "  users: []\n");
    desk.apply();
    desk.in_step();
    let msp = Person::known(url, EMAIL);
    assert_eq!(msp.roles("leaving", "alice@leaving.example"), "");
    let bob = Person::new(url, "bob@leaving.example");
    let invitation = invitations(url, "bob@leaving.example").pop().unwrap();
    assert_eq!(bob.post("/organization/accept-invitation", &json!({"invitationId": invitation})).0, 400, "it is cancelled");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn settings_change_and_a_changed_secret_is_sent() {
    let url = &better_auth::server().url;
    let mut desk = applied(url, "settings");
    desk.edit("customers/one.yaml", "idp.settings.example/token", "idp.settings.example/oauth/token");
    desk.edit("customers/one.yaml", "The customer settings", "Settings Ltd");
    desk.set("TENANT_SECRET_SSO", "canary-5c19-another");
    let plan = desk.run("plan").exits(0);
    assert!(plan.said().contains("(sensitive") && !plan.said().contains("canary"), "{}", plan.said());
    desk.apply();
    desk.in_step();
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn what_is_imported_is_in_step() {
    let url = &better_auth::server().url;
    let account = "import@msp.example";
    Person::new(url, account);
    let first = desk(url, account);
    first.write("customers/one.yaml", &customer("imported"));
    first.apply();
    let again = desk(url, account);
    again.write("customers/.keep", "");
    let imported = again.run("import -f customers --into customers");
    assert_eq!(imported.code, Some(0), "{}", imported.said());
    again.in_step();
    let written = again.kept("customers");
    assert!(written.contains("alice@imported.example") && written.contains("- member"), "{written}");
    assert!(!written.contains(account), "our own account is no customer's user: {written}");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn a_wrong_password_is_told_as_such_and_never_shown() {
    let mut desk = desk(&better_auth::server().url, EMAIL);
    desk.write("customers/one.yaml", &customer("locked-out"));
    desk.set("PORTAL_PASSWORD", "canary-wrong");
    let ran = desk.run("apply --auto-approve").exits(3);
    assert!(ran.said().contains("Invalid email or password") && !ran.said().contains("canary-wrong"), "{}", ran.said());
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn an_organization_of_somebody_else_is_not_seen_and_not_taken() {
    let url = &better_auth::server().url;
    let other = Person::new(url, "other@rival.example");
    assert_eq!(other.post("/organization/create", &json!({"name": "Theirs", "slug": "theirs"})).0, 200);
    let desk = desk(url, EMAIL);
    desk.write("customers/one.yaml", &customer("theirs"));
    let ran = desk.run("apply --auto-approve").exits(4);
    assert!(ran.said().contains("Organization already exists"), "{}", ran.said());
    assert_eq!(other.get("/organization/list")[0]["name"], "Theirs");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn a_list_as_long_as_the_server_ever_shows_proves_no_absence() {
    let url = &better_auth::server().url;
    let account = "hundred@msp.example";
    let msp = Person::new(url, account);
    for n in 0..100 {
        assert_eq!(msp.post("/organization/create", &json!({"name": "One of many", "slug": format!("many-{n}")})).0, 200);
    }
    let desk = desk(url, account);
    desk.write("customers/one.yaml", &customer("one-too-many"));
    let ran = desk.run("apply --auto-approve").exits(1);
    assert!(ran.said().contains("it has 100 items"), "{}", ran.said());
    assert_eq!(msp.get("/organization/list").as_array().unwrap().len(), 100, "nothing was made");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn every_call_of_the_profile_is_one_that_the_server_documents() {
    let described = Person::known(&better_auth::server().url, EMAIL).get("/open-api/generate-schema");
    let profile = std::fs::read_to_string(crate::support::program::root().join("tests/profiles/better-auth.yaml")).unwrap();
    let named = regex::Regex::new(r"path: (/[a-z/-]+)").unwrap();
    let paths: std::collections::BTreeSet<_> = named.captures_iter(&profile).map(|found| found[1].to_owned()).collect();
    assert!(paths.len() > 15, "{paths:?}");
    let unknown: Vec<_> = paths.iter().filter(|path| described["paths"].get(path.as_str()).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn a_server_that_throttles_is_waited_for() {
    let server = better_auth::limited(2);
    let proxy = Proxy::before(&server.url);
    let desk = desk(&proxy.url, EMAIL);
    let users: String = (0..4).map(|n| format!("    - {{name: u{n}, email: u{n}@slow.example, roles: [member]}}\n")).collect();
    let head = "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: slow}\nspec:\n  displayName: Slow\n  users:\n";
    desk.write("customers/one.yaml", &format!("{head}{users}"));
    desk.apply();
    for n in 0..4 {
        assert_eq!(invitations(&server.url, &format!("u{n}@slow.example")).len(), 1);
    }
    let invited = proxy.asked().iter().filter(|line| line.ends_with("/invite-member")).count();
    assert!(invited > 4, "it was never throttled: {invited} requests");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn an_invitation_that_ran_out_is_sent_again_where_that_is_declared() {
    let server = better_auth::brief(2);
    let desk = desk(&server.url, EMAIL);
    let users = "    - {name: once, email: once@brief.example, roles: [member]}\n    - {name: again, email: again@brief.example, roles: [member], \
                 invitation: {resendWhenExpired: true}}\n";
    let head = "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: brief}\nspec:\n  displayName: Brief\n  users:\n";
    desk.write("customers/one.yaml", &format!("{head}{users}"));
    desk.apply();
    std::thread::sleep(Duration::from_secs(3));
    let plan = desk.run("plan").exits(0);
    assert!(plan.said().contains("resend user/again") && !plan.said().contains("resend user/once"), "{}", plan.said());
    desk.run("apply --auto-approve");
    assert_eq!(invitations(&server.url, "again@brief.example").len(), 2);
    assert_eq!(invitations(&server.url, "once@brief.example").len(), 1);
    let msp = Person::known(&server.url, EMAIL);
    let id = msp.get("/organization/list")[0]["id"].as_str().unwrap().to_owned();
    let listed = msp.get(&format!("/organization/list-invitations?organizationId={id}"));
    let open = listed.as_array().unwrap().iter().filter(|i| i["email"] == "again@brief.example" && i["status"] == "pending");
    assert_eq!(open.count(), 1, "the old one is cancelled: {listed}");
}

//! The embedded profile: each of its rules by its ID, broken and kept, and its effects.
//!
//! A rule's test fails when the rule is taken out: the profile is loaded once more without it, and the violation must be gone.

use serde_json::json;
use tenantry::model::portal_spec::Account;
use tenantry::model::rule::{Conduct, Effect, Subject, Verdict};
use tenantry::model::{FieldSupport, IntentAction, Kind, Resource, Tenant};
use tenantry::portal::Profile;
use tenantry::portal::profile::{load_profile, shipped_text};

use super::kit::{field, name, resource, tenant};

/// One rule: what it is about, a tenant that breaks it and one that keeps it. The first resource is the one that changes.
struct Case {
    rule: &'static str,
    action: IntentAction,
    breaks: Vec<Resource>,
    keeps: Vec<Resource>,
    refuses: bool,
    message: &'static str,
}

fn subject<T>(profile: &Profile, action: IntentAction, resources: &[Resource], ask: impl Fn(&Profile, &Subject<'_>) -> T) -> T {
    let changing = &resources[0];
    let desired: Tenant = tenant(resources.to_vec());
    let deleted = action == IntentAction::Delete;
    let tenant = changing.address.tenant.clone();
    ask(
        profile,
        &Subject {
            tenant: &tenant,
            kind: changing.address.kind,
            action,
            declared: (!deleted).then_some(changing),
            after: (!deleted).then_some(&changing.fields),
            before: deleted.then_some(&changing.fields),
            desired: Some(&desired),
            live: None,
            account: &Account::default(),
        },
    )
}

/// The shipped profile without one rule.
fn without(rule: &str) -> Profile {
    let text = shipped_text("embedded").unwrap();
    let from = text.find(&format!("  - id: {rule}\n")).unwrap_or_else(|| panic!("{rule} is in the profile"));
    let rest = &text[from + 4..];
    let to = ["\n  - id: ", "\n\neffects:"].iter().filter_map(|end| rest.find(end)).min().unwrap() + 1;
    Profile::parse(&format!("{}{}", &text[..from], &rest[to..]), "embedded.yaml").unwrap()
}

fn cases() -> Vec<Case> {
    let user = |more: serde_json::Value| {
        let mut json = json!({"email": "al@acme.example"});
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        resource("acme/user/al", json)
    };
    let create = IntentAction::Create;
    let update = IntentAction::Update;
    vec![
        Case {
            rule: "EMB-1",
            action: update,
            breaks: vec![
                resource("acme/monitored-system/erp", json!({"type": "SAP", "gateway": "berlin"})),
                resource("acme/gateway/paris", json!({})),
            ],
            keeps: vec![
                resource("acme/monitored-system/erp", json!({"type": "SAP", "gateway": "berlin"})),
                resource("acme/gateway/berlin", json!({})),
            ],
            refuses: true,
            message: "monitored system erp uses gateway berlin, which is none of acme's: use a gateway of the same organization",
        },
        Case {
            rule: "EMB-2",
            action: create,
            breaks: vec![
                resource("acme/domain/a", json!({"domain": "a.example", "primary": true})),
                resource("acme/domain/b", json!({"domain": "b.example", "primary": true})),
            ],
            keeps: vec![
                resource("acme/domain/a", json!({"domain": "a.example", "primary": true})),
                resource("acme/domain/b", json!({"domain": "b.example", "primary": false})),
                resource("acme/domain/c", json!({"domain": "c.example"})),
            ],
            refuses: true,
            message: "a.example would be another primary domain of acme: leave `primary: true` on one domain alone",
        },
        Case {
            rule: "EMB-3",
            action: create,
            breaks: vec![user(json!({"administrator": true, "suspended": true, "invitation": {"notify": false}}))],
            keeps: vec![user(json!({"administrator": true, "suspended": false}))],
            refuses: true,
            message: "al@acme.example would be made an administrator and be suspended at once: create the user first, suspend it afterwards",
        },
        Case {
            rule: "EMB-4",
            action: create,
            breaks: vec![user(json!({"serviceAccount": true, "invitation": {"expiresAfterDays": 7}}))],
            keeps: vec![user(json!({"serviceAccount": true}))],
            refuses: false,
            message: "al@acme.example is a service account, which nobody invites: take `invitation` out",
        },
        Case {
            rule: "EMB-5",
            action: create,
            breaks: vec![resource(
                "acme/notification-rule/alarms",
                json!({"events": ["down"], "target": {"users": [], "organization": false}}),
            )],
            keeps: vec![resource("acme/notification-rule/alarms", json!({"events": ["down"], "target": {"users": ["al"]}}))],
            refuses: true,
            message: "notification rule alarms targets nobody: set target.organization, or name roles, groups or users",
        },
        Case {
            rule: "EMB-6",
            action: update,
            breaks: vec![resource("acme/integration/aws", json!({"type": "aws", "sharedWith": ["globex"]}))],
            keeps: vec![resource("msp/integration/aws", json!({"type": "aws", "sharedWith": ["globex"]}))],
            refuses: true,
            message: "integration aws belongs to acme and would be shared with globex: only the MSP's integrations are shared",
        },
        Case {
            rule: "EMB-7",
            action: create,
            breaks: vec![
                resource("acme/organization/acme", json!({"displayName": "Acme", "defaultAdmin": {"email": "al@acme.example"}})),
                user(json!({})),
            ],
            keeps: vec![
                resource("acme/organization/acme", json!({"displayName": "Acme", "defaultAdmin": {"email": "al@acme.example"}})),
                user(json!({"administrator": true})),
            ],
            refuses: false,
            message: "the directory makes no administrator with an organization: declare al@acme.example as a User of acme with `administrator: true`",
        },
        Case {
            rule: "EMB-8",
            action: create,
            breaks: vec![resource("msp/delegation/desk", json!({"role": "admin", "customers": ["acme"], "groups": []}))],
            keeps: vec![resource("msp/delegation/desk", json!({"role": "admin", "customers": ["acme"], "technicians": ["kim"]}))],
            refuses: true,
            message: "delegation desk names neither technicians nor groups: nobody would get access",
        },
        Case {
            rule: "EMB-9",
            action: create,
            breaks: vec![user(json!({"suspended": true, "invitation": {"expiresAfterDays": 7}}))],
            keeps: vec![user(json!({"suspended": true, "invitation": {"notify": false}}))],
            refuses: false,
            message: "al@acme.example would be suspended and be invited by e-mail all the same: set `invitation.notify: false` (inferred, not documented)",
        },
        Case {
            rule: "EMB-10",
            action: update,
            breaks: vec![user(json!({})), resource("acme/domain/other", json!({"domain": "notacme.example"}))],
            keeps: vec![user(json!({})), resource("acme/domain/main", json!({"domain": "Acme.example"}))],
            refuses: false,
            message: "al@acme.example is under none of the domains that acme declares: correct the address, or declare its domain (inferred, not documented)",
        },
    ]
}

#[test]
fn each_rule_refuses_what_breaks_it_and_nothing_else() {
    let profile = load_profile("embedded", None).unwrap();
    for case in cases() {
        let broken = subject(&profile, case.action, &case.breaks, Conduct::violations);
        let told: Vec<_> = broken.iter().map(|v| (v.rule.as_str(), v.verdict == Verdict::Refuses, v.message.as_str())).collect();
        assert_eq!(told, [(case.rule, case.refuses, case.message)]);
        assert_eq!(subject(&profile, case.action, &case.keeps, Conduct::violations), [], "{} is kept", case.rule);
    }
}

#[test]
fn each_rule_is_what_its_test_tests() {
    for case in cases() {
        let found = subject(&without(case.rule), case.action, &case.breaks, Conduct::violations);
        assert_eq!(found, [], "without {} nobody objects", case.rule);
    }
    let tested: Vec<_> = cases().iter().map(|c| c.rule).collect();
    let profile = load_profile("embedded", None).unwrap();
    assert_eq!(profile.rule_ids().collect::<Vec<_>>(), tested, "every rule has a case");
}

#[test]
fn emb_9_and_emb_10_leave_alone_whom_they_are_not_about() {
    let profile = load_profile("embedded", None).unwrap();
    let kept = |action, resources: &[Resource]| {
        assert_eq!(subject(&profile, action, resources, Conduct::violations), [], "{action:?} {}", resources[0].address);
    };
    let suspended = json!({"email": "al@acme.example", "suspended": true});
    kept(IntentAction::Update, &[resource("acme/user/al", suspended)]);
    let machine = json!({"email": "al@acme.example", "suspended": true, "serviceAccount": true});
    kept(IntentAction::Create, &[resource("acme/user/al", machine)]);
    let domain = |tenant: &str| resource(&format!("{tenant}/domain/main"), json!({"domain": "msp.example"}));
    kept(IntentAction::Create, &[resource("msp/user/al", json!({"email": "al@home.example"})), domain("msp")]);
    kept(IntentAction::Create, &[resource("acme/user/al", json!({"email": "al@home.example"}))]);
    kept(IntentAction::Create, &[resource("acme/user/al", json!({"email": "Al@Mail.MSP.example"})), domain("acme")]);
}

#[test]
fn effects_are_announced() {
    let profile = load_profile("embedded", None).unwrap();
    let check = |action, address: &str, fields: serde_json::Value, effects: &[Effect]| {
        let found = subject(&profile, action, &[resource(address, fields.clone())], Conduct::effects);
        assert_eq!(found, effects, "{action:?} {address} {fields}");
    };
    let user = "acme/user/al";
    check(IntentAction::Create, user, json!({"email": "a@b.example"}), &[Effect::Email]);
    check(IntentAction::Create, user, json!({"email": "a@b.example", "invitation": {"notify": true}}), &[Effect::Email]);
    check(IntentAction::Create, user, json!({"email": "a@b.example", "invitation": {"notify": false}}), &[]);
    check(IntentAction::Create, user, json!({"email": "a@b.example", "serviceAccount": true}), &[]);
    check(IntentAction::Resend, user, json!({"email": "a@b.example"}), &[Effect::Email]);
    check(IntentAction::Update, user, json!({"email": "a@b.example"}), &[]);
    check(IntentAction::Delete, user, json!({"email": "a@b.example"}), &[]);
    let all = [Effect::Irreversible, Effect::Cascade, Effect::DataLoss];
    check(IntentAction::Delete, "acme/organization/acme", json!({"displayName": "Acme"}), &all);
    check(IntentAction::Create, "acme/organization/acme", json!({"displayName": "Acme"}), &[]);
}

#[test]
fn it_supports_every_kind_and_hides_only_what_is_said_once_or_secret() {
    let profile = load_profile("embedded", None).unwrap();
    let capabilities = profile.capabilities();
    assert!(capabilities.idempotent && capabilities.batch == 200 && capabilities.consistency_window.is_zero());
    let kinds: Vec<_> = capabilities.kinds.keys().copied().collect();
    assert_eq!(kinds, Kind::reconciled().collect::<Vec<_>>());
    let mut partial = Vec::new();
    for (kind, capability) in &capabilities.kinds {
        for (id, table) in kind.def().fields() {
            assert!(!table.ty.is_secret() || capability.field(id) == FieldSupport::WriteOnly, "{kind}.{} is never shown", table.path);
            if capability.field(id) != FieldSupport::Full {
                partial.push(format!("{kind}.{} {:?}", table.path, capability.field(id)));
            }
        }
    }
    insta::assert_snapshot!(partial.join("\n"), @r"
    Organization.defaultAdmin.email WriteOnly
    Organization.defaultAdmin.firstName WriteOnly
    Organization.defaultAdmin.lastName WriteOnly
    Organization.secrets WriteOnly
    User.invitation.expiresAfterDays WriteOnly
    User.invitation.deferUntil WriteOnly
    User.invitation.notify WriteOnly
    User.invitation.monitorCompletion Unsupported
    User.invitation.resendWhenExpired WriteOnly
    Integration.type Immutable
    Integration.secrets WriteOnly
    ");
    assert_eq!(capabilities.kinds[&Kind::Integration].field(field(Kind::Integration, "settings")), FieldSupport::Full);
    assert_eq!(profile.title.as_ref(), "The embedded tenant directory");
    assert_eq!(name(&profile.name), name("embedded"));
}

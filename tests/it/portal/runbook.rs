//! The `runbook` driver: a change becomes instructions that lose nothing, make up nothing and hold no secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use tenantry::model::live::KeyHolder;
use tenantry::model::portal_spec::Account;
use tenantry::model::work_order::{Act, Instructions};
use tenantry::model::{Completeness, FieldId, FieldSupport, FieldType, Fields, IntentAction, Kind, Performer, PortalSpec, Resource, Value};
use tenantry::portal::runbook::{Runbook, instructions};
use tenantry::portal::{Around, Call, CallContext, CallError, Done, Driver, Drivers, OpenContext, Profile};

use super::kit::{CallExt, NoSecrets, call, fields, name, resource, tenant, tenant_key};

const PROFILE: &str = r#"
apiVersion: tenantry.dev/v1alpha1
kind: Profile
name: paper
title: The Paper Portal
driver: runbook
screens:
  menu:
    - {path: [Home], source: m}
    - {path: [Manage, Customers], source: m, lists: Organization}
    - {path: [Manage, Users], source: d}
    - {path: [Share], source: m}
kinds:
  Organization:
    read: unreadable
    create: technician
    update: technician
    delete: technician
    screens:
      create:
        screens:
          - menu: [Manage, Customers]
            source: m
            steps:
              - press: New
              - {fill: Name, field: displayName}
              - {fill: Subdomain, field: name, source: i}
              - {fill: Domain, field: domain, of: Domain}
              - {choose: Dashboard, field: defaultDashboard}
              - {secret: Video password, field: secrets.video}
              - {fill: Administrator, field: email, of: User, value: "${self.email} (${name})"}
              - press: Create
          - menu: [Home]
            source: i
            steps: [{press: Phone}, {fill: Phone, field: contact.phone}, {press: Save}]
        evidence:
          - {name: id, ask: The number in the address bar, id: true}
          - {name: organization, ask: The name, expect: "${self.displayName}"}
      update:
        title: "Edit ${organization}"
        screens:
          - menu: [Manage, Customers]
            source: m
            steps: [{row: "${organization}", entry: Edit}]
          - source: m
            when: action == "update"
            steps: [{fill: Name, field: displayName}, {fill: Notes, field: notes}, {choose: Dashboard, field: defaultDashboard}, {press: Save}]
          - menu: [Home]
            source: i
            steps: [{press: Phone}, {fill: Phone, field: contact.phone}, {press: Save}]
      delete:
        screens:
          - menu: [Manage, Customers]
            source: m
            steps: [{row: "${oldSelf.displayName}", entry: Delete}, {fill: Type the name, value: "${oldSelf.displayName}"}, {press: Delete}]
  Domain: {read: unreadable, create: technician, carriedBy: Organization}
  User:
    read: unreadable
    create: technician
    update: technician
    delete: technician
    resend: technician
    carriedBy: Organization
    screens:
      create:
        screens:
          - menu: [Manage, Users]
            source: d
            steps:
              - {row: "${organization}"}
              - {fill: Person, field: lastName, value: "${has(self.firstName) ? self.firstName + ' ' : ''}${self.lastName}"}
              - {fill: E-mail, field: email}
              - {tick: Administrator, field: administrator}
              - {choose: Role, field: roles, when: size(self.roles) == 1}
              - {press: Invite}
  Role: {read: unreadable, create: technician}
  Group: {read: listed, create: technician, drivers: {read: embedded}}
  Integration:
    read: unreadable
    create: technician
    update: technician
    screens:
      update:
        screens:
          - menu: [Share]
            source: m
            each: sharedWith
            steps: [{row: "${self.type}", entry: Share}, {choose: Customer, field: sharedWith}, {press: Share}]
"#;

fn profile() -> Profile {
    Profile::parse(PROFILE, "paper.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

/// What is declared of acme: its display name, a role, a user.
fn acme() -> Vec<Resource> {
    vec![
        resource("acme/organization/acme", json!({"displayName": "Acme GmbH"})),
        resource("acme/role/support", json!({"displayName": "Support team"})),
        resource("acme/user/al", json!({"email": "al@acme.example"})),
    ]
}

/// A call with what is around it; `before` by name, as the plan had it.
fn around(mut call: Call, declared: Vec<Resource>, before: Fields) -> Call {
    let names = [("acme", "Acme GmbH"), ("beta", "Beta AG"), ("gamma", "Gamma SE")];
    let around = Around {
        tenant: Some(tenant(declared)),
        organizations: Arc::new(names.map(|(slug, display)| (name(slug), Box::from(display))).into_iter().collect::<BTreeMap<_, _>>()),
        account: Account { name: Some("The MSP".to_owned()), domain: Some("msp.example".to_owned()), ..Account::default() },
    };
    let named = if call.action == IntentAction::Delete { Fields::new() } else { call.desired.clone() };
    call.before = before.clone();
    call.context = Some(Box::new(CallContext { around: Arc::new(around), named, named_before: before, answered: None }));
    call
}

fn create(address: &str, json: serde_json::Value) -> Call {
    let declared = vec![resource(address, json.clone())];
    let others = acme().into_iter().filter(|r| r.address != declared[0].address).chain(declared.clone()).collect();
    around(call(IntentAction::Create, address, json), others, Fields::new())
}

/// An update of these fields: what they are, and what they were.
fn update(address: &str, now: serde_json::Value, was: serde_json::Value) -> Call {
    let mut call = call(IntentAction::Update, address, now);
    let before = fields(call.address.kind, was);
    call.changed.retain(|id| call.desired.get(*id) != before.get(*id));
    around(call, acme(), before)
}

/// Instructions, a line a step.
fn lines(made: &Instructions) -> String {
    let mut out = format!("{} [{}]\n", made.title, made.menu_place);
    for screen in &made.screens {
        let _ = writeln!(out, "@ {}", screen.menu.join(" › "));
        for step in &screen.steps {
            let act = match &step.act {
                Act::Press { label } => format!("press {label}"),
                Act::Row { shows, entry } => format!("row {shows} {}", entry.clone().unwrap_or_default()),
                Act::Fill { label, value } => format!("fill {label} = {value}"),
                Act::Choose { label, value } => format!("choose {label} = {value}"),
                Act::Tick { label, on } => format!("tick {label} = {on}"),
                Act::Secret { label, reference } => format!("secret {label} = {reference}"),
                Act::Visit { url } => format!("visit {url}"),
                Act::Look { text } => format!("look {text}"),
                Act::Reach { text } => format!("reach {text}"),
            };
            let source = step.source.map_or("-".to_owned(), |s| format!("{s:?}"));
            let _ = writeln!(out, "  {act}  ({source})");
        }
    }
    for evidence in &made.evidence {
        let id = if evidence.id { " (id)" } else { "" };
        let _ = writeln!(out, "? {}: {} = {:?}{id}", evidence.name, evidence.ask, evidence.expect);
    }
    out
}

fn made(call: &Call) -> String {
    lines(&instructions(&profile(), call).unwrap_or_else(|e| panic!("{e}")))
}

fn refused(call: &Call) -> String {
    match instructions(&profile(), call) {
        Err(CallError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_creation_follows_the_screens_and_says_what_they_leave_open() {
    let mut organization = create(
        "acme/organization/acme",
        json!({"displayName": "Acme GmbH", "defaultDashboard": "Overview", "notes": "two\nlines", "licences": {"pro": 3},
            "secrets": {"video": {"env": "VIDEO"}, "backup": {"file": "/run/backup"}}, "accessPermissions": []}),
    );
    organization.carries = vec![
        create("acme/domain/acme", json!({"domain": "acme.example", "primary": true})),
        create("acme/user/al", json!({"email": "al@acme.example", "administrator": true})),
    ];
    insta::assert_snapshot!(made(&organization), @r#"
    Create organization Acme GmbH [1]
    @ Manage › Customers
      look there is no organization “Acme GmbH” yet  (Manual)
      press New  (Manual)
      fill Name = Acme GmbH  (Manual)
      fill Subdomain = acme  (Inferred)
      fill Domain = acme.example  (Manual)
      choose Dashboard = Overview  (Manual)
      secret Video password = env VIDEO  (Manual)
      fill Administrator = al@acme.example (al)  (Manual)
      press Create  (Manual)
    @ 
      reach organization “Acme GmbH”: pro in licences is “3”  (-)
      reach organization “Acme GmbH”: backup in secrets is the secret that is kept as “file /run/backup”  (-)
    @ 
      reach domain “acme.example” in “Acme GmbH”: primary is “yes”  (-)
    @ 
      reach user “al@acme.example” in “Acme GmbH”: administrator is “yes”  (-)
    @ Manage › Customers
      row Acme GmbH Edit  (Manual)
    @ 
      fill Notes = two
    lines  (Manual)
      press Save  (Manual)
    ? id: The number in the address bar = None (id)
    ? organization: The name = Some("Acme GmbH")
    "#);
}

#[test]
fn what_only_the_screens_of_a_change_set_is_set_there_once_it_exists() {
    let text = PROFILE.replace("[{row: \"${organization}\", entry: Edit}]", "[{row: \"${oldSelf.displayName}\", entry: Edit}]");
    assert_ne!(text, PROFILE);
    let profile = Profile::parse(&text, "paper.yaml").unwrap();
    let call = create("acme/organization/acme", json!({"displayName": "Acme GmbH", "notes": "ring twice"}));
    let said = lines(&instructions(&profile, &call).unwrap());
    let (made, then) = said.split_once("press Create").unwrap();
    assert!(made.contains("fill Name = Acme GmbH") && !made.contains("ring twice"), "{said}");
    assert!(then.contains("row Acme GmbH Edit") && then.contains("fill Notes = ring twice"), "{said}");
    assert!(!then.contains("fill Name") && !said.contains("reach"), "{said}");
}

#[test]
fn what_a_creation_sets_item_by_item_is_not_visited_twice() {
    let profile = tenantry::portal::load_profile("idemeum", None).unwrap();
    let desk = create("msp/delegation/desk", json!({"technicians": ["tess"], "role": "Administrator", "customers": ["beta"]}));
    let said = lines(&instructions(&profile, &desk).unwrap());
    assert_eq!(said.matches("row Beta AG Access delegation").count(), 1, "{said}");
}

#[test]
fn what_is_made_with_another_and_has_no_step_is_not_forgotten() {
    let mut user = create("acme/user/bo", json!({"email": "bo@acme.example", "lastName": "Bo", "firstName": "Li", "roles": ["support"]}));
    user.carries = vec![create("acme/role/admin", json!({"permissions": ["all"]}))];
    insta::assert_snapshot!(made(&user), @r#"
    Create user bo@acme.example in Acme GmbH [2]
    @ Manage › Users
      row Acme GmbH   (Documentation)
      look there is no user “bo@acme.example” in “Acme GmbH” yet  (Documentation)
      fill Person = Li Bo  (Documentation)
      fill E-mail = bo@acme.example  (Documentation)
      choose Role = Support team  (Documentation)
      press Invite  (Documentation)
    @ 
      reach role “admin” in “Acme GmbH” exists  (-)
      reach role “admin” in “Acme GmbH”: permissions is “all”  (-)
    ? name: The name that the portal shows for the new user = Some("bo@acme.example")
    ? organization: The customer's name, as the screen shows it = Some("Acme GmbH")
    "#);
}

#[test]
fn what_a_row_is_found_by_needs_no_other_words() {
    let profile = tenantry::portal::load_profile("itarian", None).unwrap();
    let user = create("acme/user/bo", json!({"email": "bo@acme.example"}));
    let said = lines(&instructions(&profile, &user).unwrap());
    assert!(said.contains("row bo@acme.example") && !said.contains("reach"), "{said}");
}

#[test]
fn an_update_visits_only_what_changed() {
    let was = json!({"displayName": "Acme", "notes": "old", "defaultDashboard": "Overview", "contact": {"phone": "1"}});
    let name_and_notes = json!({"displayName": "Acme GmbH", "notes": "", "defaultDashboard": "Overview", "contact": {"phone": "1"}});
    insta::assert_snapshot!(made(&update("acme/organization/acme", name_and_notes, was.clone())), @r#"
    Edit Acme [1]
    @ Manage › Customers
      row Acme Edit  (Manual)
    @ 
      fill Name = Acme GmbH  (Manual)
      fill Notes =   (Manual)
      press Save  (Manual)
    ? organization: The customer's name, as the screen showed it before you changed anything = Some("Acme")
    "#);
    let phone_and_dashboard =
        json!({"displayName": "Acme", "notes": "old", "defaultDashboard": "", "contact": {"phone": "2"}, "relationship": "managed"});
    insta::assert_snapshot!(made(&update("acme/organization/acme", phone_and_dashboard, was.clone())), @r#"
    Edit Acme [0]
    @ Home
      press Phone  (Inferred)
      fill Phone = 2  (Inferred)
      press Save  (Inferred)
    @ 
      reach organization “Acme”: relationship is “managed”  (-)
      reach organization “Acme”: default dashboard is empty (before: “Overview”)  (-)
    ? organization: The customer's name, as the screen showed it before you changed anything = Some("Acme")
    "#);
    let undocumented =
        json!({"displayName": "Acme", "notes": "old", "defaultDashboard": "Overview", "contact": {"phone": "1", "company": "Acme Ltd"}});
    insta::assert_snapshot!(made(&update("acme/organization/acme", undocumented, was)), @r#"
    Edit Acme [4]
    @ 
      reach organization “Acme”: contact company is “Acme Ltd”  (-)
    ? organization: The customer's name, as the screen showed it before you changed anything = Some("Acme")
    "#);
}

#[test]
fn a_list_is_visited_item_by_item_and_what_it_loses_is_said() {
    let shared = |with: &[&str]| json!({"type": "aws", "sharedWith": with});
    insta::assert_snapshot!(made(&update("msp/integration/aws", shared(&["beta", "gamma", "new"]), shared(&["acme", "beta"]))), @r#"
    Change integration aws in Acme GmbH [3]
    @ Share
      row aws Share  (Manual)
      choose Customer = Gamma SE  (Manual)
      press Share  (Manual)
    @ Share
      row aws Share  (Manual)
      choose Customer = new  (Manual)
      press Share  (Manual)
    @ 
      reach integration “aws” in “Acme GmbH”: shared with does not have “Acme GmbH” any more  (-)
    ? sharedWith: Every customer that the integration is now shown with, in alphabetical order, with commas between = Some("Beta AG, Gamma SE, new")
    "#);
    insta::assert_snapshot!(made(&update("msp/integration/aws", shared(&["beta"]), shared(&["acme", "beta"]))), @r#"
    Change integration aws in Acme GmbH [4]
    @ 
      reach integration “aws” in “Acme GmbH”: shared with is “Beta AG” (before: “Acme GmbH, Beta AG”)  (-)
    ? sharedWith: Every customer that the integration is now shown with, in alphabetical order, with commas between = Some("Beta AG")
    "#);
}

#[test]
fn an_action_without_screens_says_what_is_to_be_reached() {
    let delete = around(call(IntentAction::Delete, "acme/user/al", json!({})).key("al@acme.example"), acme(), Fields::new());
    let resend = around(call(IntentAction::Resend, "acme/user/al", json!({"email": "al@acme.example"})), acme(), Fields::new());
    let changed = update(
        "acme/user/al",
        json!({"email": "al@acme.example", "roles": ["support", "builtin"], "suspended": true}),
        json!({"email": "al@acme.example", "roles": ["support"]}),
    );
    let role = create("acme/role/ops", json!({"displayName": "Operations", "permissions": ["read", "write"]}));
    insta::assert_snapshot!([delete, resend, changed, role].map(|c| made(&c)).join(""), @r#"
    Take user al@acme.example out of Acme GmbH [4]
    @ 
      look user “al@acme.example” in “Acme GmbH” is there; if it is not, nothing is left to do, and that is confirmed as done  (-)
    @ 
      reach user “al@acme.example” is no longer among the users of “Acme GmbH”; the person's account and other customers stay  (-)
    ? organization: The customer's name, as the screen showed it before you changed anything = Some("Acme GmbH")
    Send the invitation of user al@acme.example again in Acme GmbH [4]
    @ 
      reach the invitation of user “al@acme.example” in “Acme GmbH” has been sent again  (-)
    ? organization: The customer's name, as the screen showed it before you changed anything = Some("Acme GmbH")
    Change user al@acme.example in Acme GmbH [4]
    @ 
      reach user “al@acme.example” in “Acme GmbH”: roles is “builtin, Support team” (before: “Support team”)  (-)
      reach user “al@acme.example” in “Acme GmbH”: suspended is “yes”  (-)
    ? organization: The customer's name, as the screen showed it before you changed anything = Some("Acme GmbH")
    Create role Operations in Acme GmbH [4]
    @ 
      look there is no role “Operations” in “Acme GmbH” yet  (-)
    @ 
      reach role “Operations” in “Acme GmbH” exists  (-)
      reach role “Operations” in “Acme GmbH”: display name is “Operations”  (-)
      reach role “Operations” in “Acme GmbH”: permissions is “read, write”  (-)
    ? name: The name that the portal shows for the new role = Some("Operations")
    ? organization: The customer's name, as the screen shows it = Some("Acme GmbH")
    "#);
}

#[test]
fn a_deletion_finds_the_row_by_what_was_there() {
    let before = fields(Kind::Organization, json!({"displayName": "Gone Ltd"}));
    let gone = around(call(IntentAction::Delete, "gone/organization/gone", json!({})), Vec::new(), before);
    insta::assert_snapshot!(made(&gone), @r#"
    Delete organization Gone Ltd [1]
    @ Manage › Customers
      row Gone Ltd Delete  (Manual)
      fill Type the name = Gone Ltd  (Manual)
      press Delete  (Manual)
    ? organization: The customer's name, as the screen showed it before you changed anything = Some("Gone Ltd")
    "#);
    let unknown = around(call(IntentAction::Delete, "gone/organization/gone", json!({})), Vec::new(), Fields::new());
    let why = refused(&unknown);
    assert!(why.contains("`row` in the screens of `delete` of Organization (line 55 of the profile) has no value"), "{why}");
    assert!(why.ends_with("correct profile paper"), "{why}");
}

#[test]
fn a_profile_says_itself_what_shows_that_it_is_the_right_customer() {
    let asks = |evidence: &str| {
        let text =
            PROFILE.replace("      delete:\n        screens:", &format!("      delete:\n        evidence: [{evidence}]\n        screens:"));
        assert_ne!(text, PROFILE);
        let before = fields(Kind::Organization, json!({"displayName": "Gone Ltd"}));
        let gone = around(call(IntentAction::Delete, "gone/organization/gone", json!({})), Vec::new(), before);
        let made = instructions(&Profile::parse(&text, "paper.yaml").unwrap(), &gone).unwrap();
        made.evidence.into_iter().map(|e| format!("{}={}", e.name, e.expect.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(asks("{name: row, ask: The row, expect: \"“${organization}”\"}"), ["row=“Gone Ltd”"]);
    assert_eq!(asks("{name: organization, ask: Its number}"), ["organization=", "customer=Gone Ltd"], "which nobody could check");
    assert_eq!(asks("{name: row, ask: The row, expect: \"${organization}\", optional: true}"), ["row=Gone Ltd", "organization=Gone Ltd"]);
}

#[test]
fn an_expression_without_a_value_refuses_the_call() {
    let why = refused(
        &create("acme/user/cy", json!({"email": "cy@acme.example", "lastName": "Cy", "roles": ["support"], "firstName": "C"})).nameless(),
    );
    assert!(why.contains("has no value"), "{why}");
    let mut bare = create("acme/user/cy", json!({"email": "cy@acme.example"}));
    bare.context = None;
    assert!(refused(&bare).contains("without what is around it"));
}

trait Nameless {
    fn nameless(self) -> Self;
}

impl Nameless for Call {
    /// The same where nobody knows what the customer is called.
    fn nameless(mut self) -> Self {
        let context = self.context.as_mut().unwrap();
        let Around { account, .. } = &*context.around;
        context.around = Arc::new(Around { tenant: None, organizations: Arc::default(), account: account.clone() });
        self
    }
}

#[tokio::test]
async fn it_reads_nothing_and_answers_every_call_with_work() {
    let spec = PortalSpec::embedded();
    let dir = tempfile::tempdir().unwrap();
    let ctx = OpenContext { spec: &spec, profile: Arc::new(profile()), state_dir: dir.path(), secrets: &NoSecrets };
    let portal = Runbook.open_writer(&ctx).unwrap();
    let live = portal.read(&[tenant_key("acme"), tenant_key("beta")]).await.unwrap();
    assert_eq!(live.len(), 2);
    assert!(live.iter().all(|t| t.observed.is_empty() && t.collections.len() == 6));
    assert!(live[0].collections.values().all(|c| c.completeness == Completeness::Unreadable && c.objects.is_empty()));
    assert_eq!(portal.tenants().await, Ok(Vec::new()));
    let why = "The Paper Portal shows no program its domains: a technician looks before the work".to_owned();
    assert_eq!(portal.holders(Kind::Domain, &["a", "b"]).await.unwrap(), vec![KeyHolder::Unknown { why }; 2]);
    let calls = [create("acme/role/a", json!({})), create("acme/role/b", json!({}))];
    let answers = portal.perform(&calls).await;
    for (answer, call) in answers.iter().zip(&calls) {
        let Ok(Done::Pending { waits_for, work: Some(work) }) = answer else { panic!("{answer:?}") };
        assert_eq!(work.instructions, instructions(&profile(), call).unwrap());
        assert_eq!(*waits_for, format!("a technician: {}", work.instructions.title));
        assert!(!work.calls_follow && work.learnt.is_empty());
    }
    assert_eq!((answers.len(), super::kit::files(dir.path())), (2, Vec::new()), "it keeps nothing");
    // With the directory beside it, each kind is read by its own.
    let both = Drivers::default().open_reader(&ctx).unwrap().read(&[tenant_key("acme")]).await.unwrap().remove(0);
    assert!(both.is_complete(Kind::Group) && !both.is_complete(Kind::User));
}

/// Some value of a type; secrets are references to where a canary is kept.
fn value(ty: &'static FieldType) -> BoxedStrategy<Value> {
    match ty {
        FieldType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldType::Integer(min, max) => (*min..=*max).prop_map(Value::Integer).boxed(),
        FieldType::Enum(words) => proptest::sample::select(*words).prop_map(Value::text).boxed(),
        FieldType::Text(_)
        | FieldType::Email
        | FieldType::DomainName
        | FieldType::Date
        | FieldType::Time
        | FieldType::Duration
        | FieldType::Url => "[a-z`<\"\n]{1,6}v[0-9]{1,3}".prop_map(Value::text).boxed(),
        FieldType::Ref(_) => "[a-z]{6}".prop_map(Value::text).boxed(),
        FieldType::Organizations => proptest::collection::btree_set("[a-z]{6}", 1..3).prop_map(Value::texts).boxed(),
        FieldType::List(inner) | FieldType::Set(inner) => {
            proptest::collection::btree_set(value(inner), 1..3).prop_map(|items| Value::List(items.into_iter().collect())).boxed()
        }
        FieldType::Record(fields) => {
            let entries: Vec<_> = fields.iter().map(|f| (Just(Box::<str>::from(f.path)), value(&f.ty))).collect();
            entries.prop_map(Value::Map).boxed()
        }
        FieldType::Map(inner) => proptest::collection::btree_map("[a-z]{4}".prop_map(Box::<str>::from), value(inner), 1..3)
            .prop_map(|entries| Value::Map(entries.into_iter().collect()))
            .boxed(),
        FieldType::Secret => {
            "[A-Z]{5}".prop_map(|name| FieldType::Secret.normalise(Value::Map(vec![("env".into(), Value::text(name))])).unwrap()).boxed()
        }
    }
}

/// Texts in which every leaf of a value must be found.
fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::Bool(_) => Vec::new(),
        Value::Integer(i) => vec![i.to_string()],
        Value::Text(t) => vec![t.to_string()],
        Value::List(items) => items.iter().flat_map(leaves).collect(),
        Value::Map(entries) => entries.iter().flat_map(|(_, v)| leaves(v)).collect(),
        Value::Secret(s) => vec![s.to_string().replace("environment variable", "env")],
    }
}

/// A kind with some of its fields.
fn declared() -> impl Strategy<Value = (Kind, Vec<(FieldId, Value)>)> {
    let kinds = vec![Kind::Organization, Kind::User, Kind::Role, Kind::Integration];
    proptest::sample::select(kinds).prop_flat_map(|kind| {
        let own = ["invitation.deferUntil", "invitation.resendWhenExpired", "offboard", "labels"];
        let fields: Vec<_> = kind
            .def()
            .fields()
            .filter(|(_, f)| !own.contains(&f.path))
            .map(|(id, f)| {
                (Just(id), if f.required { value(&f.ty).prop_map(Some).boxed() } else { proptest::option::of(value(&f.ty)).boxed() })
            })
            .collect();
        (Just(kind), fields.prop_map(|fields| fields.into_iter().filter_map(|(id, v)| Some((id, v?))).collect()))
    })
}

const CANARY: &str = "hunter2-canary";

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_declared_is_lost((kind, declared) in declared(), updates in any::<bool>()) {
        let mut desired = Fields::new();
        declared.into_iter().for_each(|(id, v)| desired.set(id, v));
        let address = format!("acme/{}/x", kind.def().slug);
        let action = if updates && kind != Kind::Role { IntentAction::Update } else { IntentAction::Create };
        let mut one = super::kit::with_fields(action, address.parse().unwrap(), desired.clone());
        one.secrets = desired.iter().map(|(id, _)| (id, "key".into(), CANARY.into())).collect();
        let call = around(one, acme(), Fields::new());
        let made = instructions(&profile(), &call).unwrap();
        prop_assert_eq!(&made, &instructions(&profile(), &call).unwrap(), "the same call, the same work");
        let said = lines(&made);
        for (id, value) in desired.iter() {
            for leaf in leaves(value) {
                prop_assert!(said.contains(&leaf), "{} {leaf} is missing:\n{said}", kind.def().field(id).path);
            }
        }
        prop_assert!(!said.contains(CANARY));
        if action == IntentAction::Create {
            // On the way there rows and tabs are opened, and nothing is begun.
            let first = made.screens[0].steps.iter().find(|s| !matches!(s.act, Act::Row { entry: None, .. } | Act::Press { .. }));
            prop_assert!(first.is_some_and(|s| matches!(s.act, Act::Look { .. })), "nobody else can look:\n{said}");
        }
    }
}

/// A whole example of each kind, as a customer declares it; of the MSP's own kinds, as the MSP does.
fn examples() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        (
            "acme/organization/acme",
            json!({"displayName": "Acme GmbH", "relationship": "standalone", "contact": {"company": "Acme GmbH", "phone": "+49 1",
                "address": "Street 1", "website": "https://acme.example", "email": "office@acme.example"}, "notes": "none",
                "defaultDashboard": "Overview", "accessPermissions": ["read"], "billing": {"plan": "gold", "accountManager": "am@msp.example"},
                "licences": {"pro": 3}, "defaultAdmin": {"email": "al@acme.example", "firstName": "Al", "lastName": "Bo"},
                "secrets": {"videoPassword": {"env": "TENANT_SECRET_VIDEO"}}}),
        ),
        ("acme/domain/acme", json!({"domain": "acme.example", "primary": true})),
        ("acme/role/support", json!({"displayName": "Support team", "permissions": ["read"]})),
        ("acme/group/ops", json!({"displayName": "Operations"})),
        (
            "acme/user/al",
            json!({"email": "al@acme.example", "firstName": "Al", "lastName": "Bo", "administrator": true, "roles": ["support"],
                "invitation": {"expiresAfterDays": 7, "monitorCompletion": true}}),
        ),
        (
            "msp/integration/aws",
            json!({"type": "aws", "displayName": "AWS", "settings": {"accountType": "single"}, "sharedWith": ["acme"]}),
        ),
        ("msp/delegation/desk", json!({"technicians": ["tess"], "role": "Administrator", "customers": ["acme", "beta"]})),
        ("acme/gateway/gw", json!({"displayName": "Gate"})),
        ("acme/monitored-system/erp", json!({"type": "SAP", "gateway": "gw"})),
        ("acme/notification-rule/night", json!({"events": ["down"], "target": {"organization": true}})),
    ]
}

#[test]
fn every_shipped_profile_has_words_for_all_that_a_technician_does() {
    let mut seen = 0;
    for portal in tenantry::portal::profile::shipped() {
        let profile = tenantry::portal::load_profile(portal, None).unwrap();
        for (address, json) in examples() {
            let full = call(IntentAction::Create, address, json.clone());
            let Some(capability) = profile.capabilities().kind(full.address.kind) else { continue };
            let mut supported = Fields::new();
            let has = |id: FieldId| capability.field(id) != FieldSupport::Unsupported;
            full.desired.iter().filter(|(id, _)| has(*id)).for_each(|(id, value)| supported.set(id, value.clone()));
            let actions = [
                (IntentAction::Create, capability.create),
                (IntentAction::Update, capability.update),
                (IntentAction::Delete, capability.delete),
                (IntentAction::Resend, capability.resend),
            ];
            for (action, _) in actions.into_iter().filter(|(_, performer)| *performer == Performer::Technician) {
                let desired = if action == IntentAction::Delete { Fields::new() } else { supported.clone() };
                let one = super::kit::with_fields(action, full.address.clone(), desired).key(&full.key);
                let declared = examples().into_iter().filter(|(a, _)| a.split('/').next() == address.split('/').next());
                let before = if action == IntentAction::Delete { supported.clone() } else { Fields::new() };
                let call = around(one, declared.map(|(a, json)| resource(a, json)).collect(), before);
                let made = instructions(&profile, &call).unwrap_or_else(|e| panic!("{portal}: {action:?} {address}: {e}"));
                assert!(made.screens.iter().any(|s| !s.steps.is_empty()), "{portal}: {action:?} {address} has nothing to do");
                assert_eq!(made, instructions(&profile, &call).unwrap());
                let checked =
                    made.evidence.iter().any(|e| !e.optional && e.expect.as_ref().is_some_and(|e| e.to_lowercase().contains("acme")));
                assert!(checked || call.address.tenant.is_msp(), "{portal}: {action:?} {address}: another customer goes unseen");
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "the shipped profiles have work for technicians: {seen}");
}

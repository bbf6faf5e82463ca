//! Screens, tables and what is observed: compiled to what they name, and every mistake said with its place.

use serde_json::json;
use tenantry::model::work_order::Provenance;
use tenantry::model::{Kind, LiveObject, ObjectState};
use tenantry::portal::Profile;
use tenantry::portal::profile::document::Action;
use tenantry::portal::profile::technician::{Input, Shows, Target, Verb};

use super::kit::{field, fields};

const HEAD: &str = "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: test\ntitle: Test\ndriver: runbook\n";

/// A profile in which a technician makes and changes organizations, with these lines below `screens` of Organization, one level in.
fn organization(screens: &str) -> String {
    format!(
        "{HEAD}screens:\n  menu:\n  - {{path: [Manage, Customers], source: m, lists: Organization}}\n\
         kinds:\n  Organization:\n    read: unreadable\n    create: technician\n    update: technician\n    screens:\n{screens}"
    )
}

/// Each diagnostic as `line code summary`.
fn told(text: &str) -> String {
    let found = Profile::parse(text, "test.yaml").expect_err("the profile is refused");
    let one = |d: &tenantry::diagnostic::Diagnostic| {
        let range = d.range.as_ref().unwrap_or_else(|| panic!("{} has a place", d.summary));
        format!("{} {} {}", range.line, d.code, d.summary)
    };
    found.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// What is wrong with one step of the creation of an organization.
fn step(step: &str) -> String {
    told(&organization(&format!("      create: {{screens: [{{source: m, steps: [{{{step}}}]}}]}}\n")))
}

#[test]
fn screens_are_compiled_to_what_they_name() {
    let text = organization(
        "      create:\n        title: Create ${self.displayName}\n        screens:\n        - menu: [Manage, Customers]\n          source: m\n          \
         steps:\n          - press: New\n          - {fill: Name, field: displayName, source: i}\n          \
         - {secret: Password, field: secrets.video.password}\n          - {choose: Plan, value: '${self.billing.plan}', when: 'has(self.billing.plan)'}\n        \
         - {source: d, each: accessPermissions, steps: [{tick: Allow, value: 'true', when: item != ''}]}\n        \
         evidence:\n        - {name: organization, ask: The name, expect: '${self.displayName}', id: true}\n",
    );
    let profile = Profile::parse(&text, "test.yaml").unwrap();
    assert_eq!(profile.menu()[0].path, ["Manage", "Customers"]);
    assert_eq!((profile.menu()[0].source, profile.menu()[0].lists), (Provenance::Manual, Some(Kind::Organization)));
    let screens = profile.screens(Kind::Organization, Action::Create).unwrap();
    assert!(profile.screens(Kind::Organization, Action::Update).is_none());
    assert!(screens.title.is_some() && screens.evidence[0].id && screens.evidence[0].expect.is_some());
    let [first, second] = screens.screens.as_slice() else { panic!("two screens") };
    assert_eq!((first.menu, second.menu, second.each), (Some(0), None, Some(field(Kind::Organization, "accessPermissions"))));
    let set = |at: usize| if let Verb::Set(setting) = &first.steps[at].verb { setting } else { panic!("step {at} sets") };
    assert_eq!((set(1).input, set(1).target.clone()), (Input::Fill, Some(Target::Field(field(Kind::Organization, "displayName")))));
    assert_eq!((first.steps[0].source, first.steps[1].source), (Provenance::Manual, Provenance::Inferred));
    let entry = Target::Entry(field(Kind::Organization, "secrets"), "video.password".to_owned());
    assert_eq!((set(2).input, set(2).target.clone()), (Input::Secret, Some(entry)));
    assert_eq!((set(3).target.clone(), set(3).takes.clone()), (None, vec![field(Kind::Organization, "billing.plan")]));
}

#[test]
fn every_mistake_in_a_step_is_said() {
    let wrong = [
        "",
        "press: A, look: b",
        "press: ' '",
        "press: A, entry: B",
        "press: A, value: b",
        "fill: A",
        "secret: A, value: b",
        "secret: A, field: secrets.x, value: b",
        "fill: A, field: diplayName",
        "fill: A, field: contact.fax.number",
        "fill: A, field: secrets.x",
        "secret: A, field: secrets",
        "secret: A, field: displayName",
        "tick: A, field: displayName",
        "fill: A, field: email, of: User",
        "fill: A, field: name, of: Customer",
        "fill: A, value: '${self.diplayName}'",
        "fill: A, value: '${self.secrets}'",
        "fill: A, value: '${self.'",
        "fill: A, value: '${self.displayName'",
        "fill: A, value: '${item}'",
        "fill: A, value: '${live}'",
        "look: A, when: self.displayName.size(",
        "row: '${nobody}'",
    ];
    insta::assert_snapshot!(wrong.map(|w| format!("{w:40} {}", step(w).replace('\n', "\n     "))).join("\n"), @r"
                                             15 P006 a step has no verb: write exactly one of press, row, fill, choose, tick, secret, look
    press: A, look: b                        15 P006 a step has two verbs: write exactly one of press, row, fill, choose, tick, secret, look
    press: ' '                               15 P004 a label is one line, and not empty
    press: A, entry: B                       15 P006 `entry` is an entry of a row's menu: it goes with `row` alone
    press: A, value: b                       15 P006 `field`, `of` and `value` say what is set: they go with fill, choose, tick and secret alone
    fill: A                                  15 P006 a step says nothing to set: write `field`, or `value`
    secret: A, value: b                      15 P006 a secret is named by `field` and never written: take `value` out
         15 P006 a step says nothing to set: write `field`, or `value`
    secret: A, field: secrets.x, value: b    15 P006 a secret is named by `field` and never written: take `value` out
    fill: A, field: diplayName               15 P005 Organization has no field `diplayName`
    fill: A, field: contact.fax.number       15 P005 Organization has no field `contact.fax.number`
    fill: A, field: secrets.x                15 P006 `secrets.x` is a secret: use a `secret` step
    secret: A, field: secrets                15 P006 `secrets` holds several secrets: name one, as in `secrets.KEY`
    secret: A, field: displayName            15 P006 `displayName` is no secret: use `fill`
    tick: A, field: displayName              15 P006 `displayName` is not true or false: a `tick` of it needs a `value` that is
    fill: A, field: email, of: User          15 P006 User is named, and the portal has none: add it under `kinds`, or take this out
         15 P006 User is not made with Organization: `of` names a kind that is carried by it (`carriedBy`)
    fill: A, field: name, of: Customer       15 P005 no portal has a kind `Customer`; there are Organization, Domain, Role, Group, User, Integration, Delegation, Gateway, MonitoredSystem, NotificationRule
    fill: A, value: '${self.diplayName}'     15 P005 Organization has no field `diplayName`
    fill: A, value: '${self.secrets}'        15 P006 `secrets` is a secret, which no text shows: use a `secret` step
    fill: A, value: '${self.'                15 P007 `${` has no `}` in `${self.`
    fill: A, value: '${self.displayName'     15 P007 `${` has no `}` in `${self.displayName`
    fill: A, value: '${item}'                15 P007 there is no `item`; there are self, oldSelf, name, key, kind, action, tenant, desired, account, id, organization
    fill: A, value: '${live}'                15 P007 there is no `live`; there are self, oldSelf, name, key, kind, action, tenant, desired, account, id, organization
    look: A, when: self.displayName.size(    15 P007 at line 1, column 23 of the expression: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', ')', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}
    row: '${nobody}'                         15 P007 there is no `nobody`; there are self, oldSelf, name, key, kind, action, tenant, desired, account, id, organization
    ");
}

#[test]
fn every_mistake_in_screens_and_menu_is_said() {
    let text = format!(
        "{HEAD}screens:\n  menu:\n  - {{path: [A], source: m}}\n  - {{path: [A], source: m}}\n  - {{path: [''], source: m}}\n  - {{path: [B], source: m, lists: Group}}\n  \
         - {{path: [C], source: m, lists: Groups}}\n\
         kinds:\n  \
         Organization:\n    read: unreadable\n    create: technician\n    fields:\n      defaultDashboard: technician\n    screens:\n      \
         create:\n        screens:\n        - {{source: m, menu: [A, B], steps: [{{press: X}}]}}\n        - {{source: m, steps: []}}\n        \
         - {{source: m, each: displayName, steps: [{{press: X}}]}}\n        - {{source: m, each: members, steps: [{{press: X}}]}}\n        \
         evidence:\n        - {{name: a, ask: A, id: true}}\n        - {{name: a, ask: A}}\n        - {{name: 'b c', ask: A, id: true}}\n      \
         delete: {{screens: [{{source: m, steps: [{{press: X}}]}}]}}\n      \
         read: {{screens: [{{source: m, steps: [{{press: X}}]}}]}}\n"
    );
    insta::assert_snapshot!(told(&text), @r"
    9 P006 the menu has two places A
    10 P004 a place of the menu has no label
    11 P006 Group is named, and the portal has none: add it under `kinds`, or take this out
    12 P005 no portal has a kind `Groups`; there are Organization, Domain, Role, Group, User, Integration, Delegation, Gateway, MonitoredSystem, NotificationRule
    15 P006 a technician sets `defaultDashboard` once the Organization is there, and nobody updates one: write `update: technician`
    22 P005 `screens.menu` has no place A › B: add it there, or correct the labels
    23 P006 a screen of `create` of Organization has no step
    24 P006 `displayName` of Organization is a text of at most 200 characters: only a list or a set of plain items is visited item by item
    25 P005 Organization has no field `members`
    28 P006 two evidence are called `a`
    29 P004 evidence `b c`: a name has letters, digits, `-`, `_` and `.` alone
    29 P006 two evidence are the portal's id of the object
    30 P006 Organization has screens for an action that no technician performs: write `technician` for it, or take the screens out
    31 P006 Organization has screens for an action that no technician performs: write `technician` for it, or take the screens out
    ");
}

#[test]
fn screens_of_a_call_are_for_what_a_technician_sets() {
    let with = |support: &str| {
        format!(
            "{}kinds:\n  User:\n    read: listed\n    create: call\n    update: call\n    fields: {{suspended: {support}}}\n    \
             screens: {{update: {{screens: [{{source: m, steps: [{{tick: Blocked, field: suspended}}]}}]}}}}\n",
            HEAD.replace("runbook", "embedded")
        )
    };
    let profile = Profile::parse(&with("technician"), "test.yaml").unwrap();
    assert!(profile.screens(Kind::User, Action::Update).is_some());
    assert_eq!(profile.driver_names(), ["embedded", "runbook"]);
    let (by_hand, other) = (field(Kind::User, "suspended"), field(Kind::User, "firstName"));
    let driver = |changed: &[_]| profile.driver_of(Kind::User, Action::Update, changed).to_owned();
    assert_eq!(driver(&[by_hand]), "runbook", "what a technician alone sets goes to the technician");
    assert_eq!((driver(&[other]), driver(&[by_hand, other]), driver(&[])), ("embedded".into(), "embedded".into(), "embedded".into()));
    assert!(profile.capabilities().context, "the runbook's calls need what is around them");
    assert!(told(&with("full")).contains("P006 User has screens for an action that no technician performs"));
}

#[test]
fn the_runbook_neither_reads_nor_calls() {
    let text = format!(
        "{}kinds:\n  User: {{read: listed, create: call, drivers: {{create: runbook}}}}\n  Role: {{read: unreadable, create: technician}}\n",
        HEAD.replace("runbook", "embedded")
    );
    assert_eq!(told(&text), "7 P006 User: the driver `runbook` reads nothing and calls nothing: write `technician` and `unreadable`");
    let only = told(&format!("{HEAD}kinds:\n  User: {{read: listed, create: technician}}\n"));
    assert_eq!(only, "7 P006 User: the driver `runbook` reads nothing and calls nothing: write `technician` and `unreadable`");
}

const TABLES: &str = "screens: {menu: [{path: [A], source: m}]}\n\
    kinds:\n  Organization: {read: unreadable, create: technician}\n  User: {read: unreadable, create: technician}\n  \
    Integration: {read: unreadable, create: technician}\n\
    observed:\n- {id: T-1, source: m, name: users, title: Users}\n";

#[test]
fn tables_are_compiled_to_what_their_columns_show() {
    let text = format!(
        "{HEAD}{TABLES}tables:\n- {{name: customers, menu: [A], source: m, kind: Organization, columns: {{Customer: {{tenant: true}}, Id: {{id: true}}, Users: {{observed: users}}}}}}\n\
         - {{name: people, menu: [A], source: d, kind: User, withinTenant: true, columns: {{Mail: {{key: true}}, First: {{field: firstName}}}}}}\n"
    );
    let profile = Profile::parse(&text, "test.yaml").unwrap();
    let [customers, people] = profile.tables() else { panic!("two tables") };
    let shown = |title: &str, shows| (title.to_owned(), shows);
    assert_eq!(
        customers.columns,
        [shown("Customer", Shows::Tenant), shown("Id", Shows::Id), shown("Users", Shows::Observed("users".into()))]
    );
    assert_eq!(people.columns, [shown("First", Shows::Field(field(Kind::User, "firstName"))), shown("Mail", Shows::Key)]);
    assert!(people.within_tenant && !customers.within_tenant && people.menu == 0 && people.kind == Kind::User);
    assert_eq!((profile.observed()[0].name.as_str(), profile.observed()[0].id.as_str()), ("users", "T-1"));
}

#[test]
fn every_mistake_in_tables_and_observed_is_said() {
    let table = |name: &str, rest: &str| format!("- {{name: {name}, menu: [A], source: m, {rest}}}\n");
    let text = format!(
        "{HEAD}{TABLES}- {{id: T-2, source: m, name: users, title: Users}}\n- {{id: T-3, source: m, name: last seen, title: Seen}}\ntables:\n{}{}{}{}{}{}{}",
        table("t", "kind: User, withinTenant: true, columns: {A: {key: true, id: true}, B: {}, C: {key: true}}"),
        table("t", "kind: Users, columns: {A: {key: true}}"),
        table("t3", "kind: User, columns: {A: {key: true}, B: {field: emial}, C: {observed: nothing}}"),
        table("t4", "kind: User, columns: {A: {key: true}, B: {key: true}}"),
        table("t5", "kind: User, withinTenant: true, columns: {A: {tenant: true}}"),
        table("t6", "kind: Integration, withinTenant: true, columns: {A: {key: true}, B: {field: secrets}}"),
        "- {name: T T, menu: [B], source: m, kind: Domain, columns: {}}\n",
    );
    insta::assert_snapshot!(told(&text), @r"
    13 P006 two observed are called `users`
    14 P004 observed `last seen`: a name has letters and digits alone and begins with a letter
    16 P006 column A shows two things: write exactly one of field, key, id, tenant, observed
    16 P006 column B shows nothing: write exactly one of field, key, id, tenant, observed
    17 P006 two tables are called t
    17 P005 no portal has a kind `Users`; there are Organization, Domain, Role, Group, User, Integration, Delegation, Gateway, MonitoredSystem, NotificationRule
    18 P005 User has no field `emial`
    18 P005 column C: `observed` declares no `nothing`
    19 P006 table t4 does not tell whose a row is: write `withinTenant: true`, or a column with `tenant: true`
    19 P006 table t4: two columns show the same: take out one of them
    20 P006 table t5 does not tell which user a row is: a column needs `key: true` or `id: true`
    20 P006 table t5 shows one tenant, which the technician names: take `withinTenant` or the column of the tenant out
    21 P006 column B: `secrets` is a secret, which no table shows
    22 P004 `T T` is not a name: use 1 to 63 lowercase letters, digits and hyphens, beginning and ending with a letter or digit
    22 P005 `screens.menu` has no place B: add it there, or correct the labels
    22 P006 table T T does not tell which domain a row is: a column needs `key: true` or `id: true`
    22 P006 table T T does not tell whose a row is: write `withinTenant: true`, or a column with `tenant: true`
    22 P006 Domain is named, and the portal has none: add it under `kinds`, or take this out
    ");
}

#[test]
fn the_portals_own_is_told_from_ours() {
    let own = |expression: &str| format!("{HEAD}kinds:\n  User: {{read: unreadable, create: technician, portalsOwn: '{expression}'}}\n");
    let object = |key: &str, json| LiveObject {
        kind: Kind::User,
        id: "1".into(),
        key: key.into(),
        fields: fields(Kind::User, json),
        state: ObjectState::Active,
        owner: None,
        created_by: None,
        portals_own: false,
    };
    let profile = Profile::parse(&own("item.key == \"bot@x.example\" || item.firstName == \"Bot\""), "test.yaml").unwrap();
    assert!(profile.is_portals_own(&object("bot@x.example", json!({"email": "bot@x.example"}))));
    assert!(profile.is_portals_own(&object("a@x.example", json!({"email": "a@x.example", "firstName": "Bot"}))));
    assert!(!profile.is_portals_own(&object("a@x.example", json!({"email": "a@x.example"}))), "what cannot be told is shown as unmanaged");
    assert!(told(&own("item.emial == \"x\"")).ends_with("P005 User has no field `emial`"));
    assert!(told(&own("self.email == \"x\"")).contains("P007 there is no `self`"));
}

#[test]
fn a_rule_names_only_what_is_observed() {
    let rule = |name: &str| {
        format!(
            "{HEAD}{TABLES}rules:\n- {{id: T-9, source: m, kinds: [User], expr: 'live == null || live.observed.{name} == \"1\"', message: m}}\n"
        )
    };
    assert!(Profile::parse(&rule("users"), "test.yaml").is_ok());
    assert!(told(&rule("uesrs")).ends_with("P005 `observed` declares no `uesrs`"));
}

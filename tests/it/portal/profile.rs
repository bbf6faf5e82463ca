//! The profile's format: what is wrong is said with its place, all at once, and a path leads nowhere but below the trusted root.

use tenantry::diagnostic::Diagnostic;
use tenantry::model::{Capabilities, FieldSupport, KeyScope, Kind, Performer, Readability};
use tenantry::portal::Profile;
use tenantry::portal::profile::document::Action;
use tenantry::portal::profile::{load_profile, schema, shipped, shipped_text};

use super::kit::field;

const HEAD: &str = "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: test\ntitle: Test\ndriver: embedded\n";

fn wrong(text: &str) -> Vec<Diagnostic> {
    Profile::parse(text, "test.yaml").expect_err("the profile is refused")
}

/// Each diagnostic as `line:column code summary`.
fn told(text: &str) -> String {
    let one = |d: &Diagnostic| {
        let range = d.range.as_ref();
        assert!(!d.help.is_empty(), "{} says what to do", d.summary);
        format!("{}:{} {} {}", range.map_or(0, |r| r.line), range.map_or(0, |r| r.column), d.code, d.summary)
    };
    wrong(text).iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_profile_says_kind_by_kind_what_the_portal_does() {
    let text = format!(
        "{HEAD}limits: {{consistencyWindow: 90s, batch: 7}}\nkinds:\n  Organization: {{read: unreadable, create: technician}}\n  \
         User:\n    read: listed\n    create: call\n    keyScope: portal\n    carriedBy: Organization\n    builtin: [monitor@acme.example]\n    \
         drivers: {{read: other}}\n    fields: {{lastName: unsupported, email: immutable}}\n"
    );
    let profile = Profile::parse(&text, "test.yaml").unwrap();
    let Capabilities { kinds, idempotent, consistency_window, batch, context } = profile.capabilities();
    assert_eq!((kinds.len(), *idempotent, consistency_window.as_secs(), *batch, *context), (2, false, 90, 7, true));
    let organization = &kinds[&Kind::Organization];
    assert_eq!((organization.read, organization.create), (Readability::Unreadable, Performer::Technician));
    assert_eq!((organization.update, organization.key_scope), (Performer::Unsupported, KeyScope::Tenant));
    let user = &kinds[&Kind::User];
    assert_eq!((user.read, user.create, user.delete), (Readability::Listed, Performer::Call, Performer::Unsupported));
    assert_eq!((user.key_scope, user.carried_by), (KeyScope::Portal, Some(Kind::Organization)));
    assert!(user.builtin.contains("monitor@acme.example"));
    assert_eq!(user.field(field(Kind::User, "lastName")), FieldSupport::Unsupported);
    assert_eq!(user.field(field(Kind::User, "email")), FieldSupport::Immutable);
    assert_eq!(user.field(field(Kind::User, "firstName")), FieldSupport::Full);
    assert_eq!((profile.driver(Kind::User, Action::Read), profile.driver(Kind::User, Action::Create)), ("other", "embedded"));
    assert_eq!(profile.driver(Kind::Organization, Action::Create), "runbook", "a technician's action is the runbook's");
    assert_eq!(profile.driver(Kind::Organization, Action::Read), "runbook", "and so is reading what nobody can read");
    assert_eq!(profile.driver_names(), ["embedded", "runbook", "other"]);
}

#[test]
fn what_the_format_does_not_have_is_refused_with_its_place() {
    insta::assert_snapshot!(
        [
            told(&format!("{HEAD}kinds: {{}}\nlimit: {{batch: 3}}\n")),
            told(&format!("{HEAD}kinds:\n  User: {{read: sometimes}}\n")),
            told(&format!("{HEAD}kinds:\n  User: {{read: listed, fields: {{email: readonly}}}}\n")),
            told(&format!("{HEAD}title: Twice\nkinds: {{}}\n")),
            told("apiVersion: tenantry.dev/v1alpha1\n"),
            told("kind: [\n"),
        ]
        .join("\n"),
        @r"
    7:1 P004 unknown field `limit`, expected one of apiVersion, kind, name, title, driver, limits, kinds, rules, effects, plays, inherited, screens, tables, observed, http
    7:16 P004 unknown variant `sometimes`, expected one of listed, unreadable
    7:40 P004 unknown variant `readonly`, expected one of full, writeOnly, immutable, technician, unsupported
    6:1 P004 duplicate mapping key `title` is not allowed here
    1:1 P004 missing field `kind`
    1:7 P004 expected string scalar
    "
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = "apiVersion: tenantry.dev/v2\nkind: Profil\nname: Not a slug\ntitle: Test\ndriver: embedded\n\
        limits: {consistencyWindow: soon, batch: 0}\n\
        kinds:\n  \
          Users: {read: listed}\n  \
          Portal: {read: listed}\n  \
          User:\n    read: listed\n    carriedBy: User\n    drivers: {create: rest}\n    fields:\n      emial: unsupported\n  \
          Role: {read: listed, carriedBy: Organization}\n\
        rules:\n  \
          - {id: T-1, source: i, kinds: [User], expr: self.emial == '', message: '{emial} is wrong'}\n  \
          - {id: T-1, source: i, kinds: [Group], expr: 'true', message: a, messageExpr: \"'b'\"}\n  \
          - {id: T-2, source: i, kinds: [User], actions: [read], expr: 'true', message: 'a }'}\n  \
          - {id: T-3, source: i, kinds: [User, Role], expr: self.email == 'x', message: a}\n\
        effects:\n  \
          - {kinds: [User], actions: [create], when: 'self.', effects: [email]}\n  \
          - {kinds: [], actions: [], effects: [email]}\n";
    insta::assert_snapshot!(told(text), @r"
    1:13 P004 apiVersion is `tenantry.dev/v2` and must be `tenantry.dev/v1alpha1`
    2:7 P004 kind is `Profil` and must be `Profile`
    3:7 P004 `Not a slug` is not a name: use 1 to 63 lowercase letters, digits and hyphens, beginning and ending with a letter or digit
    6:29 P004 `soon` is no length of time; write one such as `30s` or `5m`
    6:42 P004 batch is 0 and must be from 1 to 10000
    8:10 P005 no portal has a kind `Users`; there are Organization, Domain, Role, Group, User, Integration, Delegation, Gateway, MonitoredSystem, NotificationRule
    9:11 P005 no portal has a kind `Portal`; there are Organization, Domain, Role, Group, User, Integration, Delegation, Gateway, MonitoredSystem, NotificationRule
    12:16 P006 User cannot be carried by itself
    13:23 P006 User: a driver is named for an action that no driver performs
    15:14 P005 User has no field `emial`
    16:35 P006 Role is carried by Organization, which the portal does not have
    18:47 P005 User has no field `emial`
    18:74 P005 the message of T-1: `{emial}` is no field of User; write `{{` for a brace
    19:5 P006 two rules have the ID T-1
    19:5 P006 T-1 needs either `message` or `messageExpr`
    19:34 P006 a rule is about Group, which the portal does not have
    20:5 P006 rules and effects are about writes; `read` is none
    20:81 P005 the message of T-2: a `}` has no `{`; write `}}` for a brace
    21:53 P005 Role has no field `email`
    23:46 P007 at line 1, column 6 of the expression: Syntax error: no viable alternative at input '.'
    24:5 P006 it names no kind and would never apply
    24:5 P006 it names no action and would never apply
    ");
}

#[test]
fn a_profile_is_read_below_the_trusted_root_and_nowhere_else() {
    let outside = tempfile::tempdir().unwrap();
    let root = outside.path().join("portals");
    std::fs::create_dir_all(root.join("own")).unwrap();
    let text = shipped_text("embedded").unwrap().replace("name: embedded", "name: own");
    std::fs::write(root.join("own/portal.yaml"), &text).unwrap();
    std::fs::write(outside.path().join("secret.yaml"), &text).unwrap();
    let code = |path: &str, root| load_profile(path, root).map(|p| p.name.to_string()).map_err(|w| w[0].code.clone());
    assert_eq!(code("own/portal.yaml", Some(root.as_path())), Ok("own".to_owned()));
    assert_eq!(code("./own/portal.yaml", Some(root.as_path())), Ok("own".to_owned()));
    assert_eq!(code("own/portal.yaml", None), Err("P003".to_owned()));
    assert_eq!(code("../secret.yaml", Some(root.as_path())), Err("P003".to_owned()));
    assert_eq!(code(&outside.path().join("secret.yaml").to_string_lossy(), Some(root.as_path())), Err("P003".to_owned()));
    assert_eq!(code("own/missing.yaml", Some(root.as_path())), Err("P001".to_owned()));
    assert_eq!(code("nobody", Some(root.as_path())), Err("P002".to_owned()));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path().join("secret.yaml"), root.join("link.yaml")).unwrap();
        assert_eq!(code("link.yaml", Some(root.as_path())), Err("P003".to_owned()));
    }
    std::fs::write(root.join("huge.yaml"), "#".repeat(2 << 20)).unwrap();
    assert_eq!(code("huge.yaml", Some(root.as_path())), Err("P001".to_owned()));
}

#[test]
fn every_shipped_profile_is_well_formed() {
    for name in shipped() {
        let profile = load_profile(name, None).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        assert_eq!(&*profile.name, name);
    }
}

#[test]
fn the_schema_names_every_section() {
    let schema = serde_json::to_value(schema()).unwrap();
    let sections: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        sections,
        [
            "apiVersion",
            "driver",
            "effects",
            "http",
            "inherited",
            "kind",
            "kinds",
            "limits",
            "name",
            "observed",
            "plays",
            "rules",
            "screens",
            "tables",
            "title"
        ]
    );
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn no_kind_has_a_field_that_a_rule_could_not_name() {
    // What an object shows beside its fields: a field of that name would hide behind it.
    for kind in Kind::reconciled() {
        for head in ["name", "key", "id", "state"] {
            assert!(kind.def().field_named(head).is_none(), "{kind} has a field `{head}`");
        }
    }
}

//! What `fields` promises and no mapping or step keeps is said when the profile is loaded: such a field would be planned for ever.

use std::path::Path;

use tenantry::model::{FieldSupport, Kind};
use tenantry::portal::Profile;
use tenantry::portal::profile::{shipped, shipped_text};

use super::HEAD;

#[test]
fn every_profile_that_is_shipped_or_tested_keeps_what_it_promises() {
    let tested = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles")).unwrap();
    let tested = tested.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    let tested = tested.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    let shipped = shipped().map(|name| (name.to_owned(), shipped_text(name).unwrap().to_owned()));
    let mut told = Vec::new();
    for (name, text) in tested.chain(shipped) {
        for d in Profile::parse(&text, &name).err().into_iter().flatten() {
            told.push(format!("{name}:{} {} {}", d.range.as_ref().map_or(0, |r| r.line), d.code, d.summary));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// Two kinds of a made-up API: `fields` of the organization, its mappings, and the bodies of its two calls.
fn told(fields: &str, item: &str, create: &str, update: &str) -> String {
    let text = format!(
        "{HEAD}http: {{}}\nkinds:\n  Organization:\n    read: listed\n    create: call\n    update: call\n    fields: {{{fields}}}\n    http:\n      \
         lists: {{all: {{within: portal, path: /orgs}}}}\n      item: {{id: item.id, key: item.name, fields: {{{item}}}}}\n      \
         create: [{{path: /orgs, body: {{{create}}}, id: response.body.id}}]\n      \
         update: [{{method: PATCH, path: \"/orgs/${{id}}\", body: {{{update}}}}}]\n"
    );
    all(&text)
}

fn all(text: &str) -> String {
    let wrong = Profile::parse(text, "made-up.yaml").err().unwrap_or_default();
    let one = |d: &tenantry::diagnostic::Diagnostic| {
        let at = d.range.as_ref().map_or((0, 0), |r| (r.line, r.column));
        format!("{}:{} {} {}", at.0, at.1, d.code, d.summary)
    };
    wrong.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// Notes and nothing else beside the name.
const NAME: &str = "displayName: full, \"*\": unsupported";

#[test]
fn a_field_that_is_full_is_shown_sent_at_creation_and_sent_by_an_update() {
    let (shown, sent) = ("displayName: item.name", r#"name: "${self.displayName}""#);
    let (notes_shown, notes_sent) = ("displayName: item.name, notes: item.notes", r#"name: "${self.displayName}", notes: "${self.notes}""#);
    let notes = |support: &str| format!("{NAME}, notes: {support}");
    assert_eq!(told(NAME, shown, sent, sent), "", "what is not named and not mapped is nothing to the portal");
    assert_eq!(told(&notes("full"), notes_shown, notes_sent, notes_sent), "");
    for (support, item, create, update, says) in [
        ("full", shown, sent, sent, "shown by nothing under `item.fields` and sent by no step"),
        ("full", shown, notes_sent, notes_sent, "sent and never shown"),
        ("full", notes_shown, sent, sent, "sent by no step"),
        ("full", notes_shown, notes_sent, sent, "by no step of `update`"),
        ("full", notes_shown, sent, notes_sent, "by no step of `create`"),
        ("writeOnly", shown, sent, sent, "sent by no step"),
        ("writeOnly", shown, notes_sent, sent, "by no step of `update`"),
        ("immutable", notes_shown, sent, sent, "sent by no step"),
        ("immutable", shown, notes_sent, sent, "sent and never shown"),
        ("unsupported", notes_shown, sent, sent, "mapped and `unsupported`"),
        ("unsupported", shown, notes_sent, sent, "mapped and `unsupported`"),
    ] {
        let said = told(&notes(support), item, create, update);
        let place = said.starts_with("12:") && said.contains(" P010 Organization: `notes`: ");
        assert!(place && said.contains(says) && said.lines().count() == 1, "{support}, {says}: {said}");
    }
    for (support, item, create, update) in [
        ("writeOnly", shown, notes_sent, notes_sent),
        ("immutable", notes_shown, notes_sent, sent),
        // The portal has one value only.
        ("full", r#"displayName: item.name, notes: '"none"'"#, sent, sent),
        // A step that is done when it is true sets it.
        ("full", notes_shown, notes_sent, r#"name: "${self.displayName}", deep: {er: ["${has(self.notes) ? self.notes : ''}"]}"#),
        ("technician", shown, sent, sent),
    ] {
        assert_eq!(told(&notes(support), item, create, update), "", "{support} {item} {create} {update}");
    }
}

#[test]
fn what_a_new_profile_lacks_is_said_once_and_where_its_calls_are() {
    insta::assert_snapshot!(told("", "displayName: item.name", r#"name: "${self.displayName}""#, r#"name: "${self.displayName}""#), @r#"
    14:7 P010 Organization: `defaultAdmin.email`, `defaultAdmin.firstName`, `defaultAdmin.lastName`: an argument of creation that no step of `create` sends: put it into one, or call it `unsupported` under `fields`
    14:7 P010 Organization: `secrets`: sent by no step, and would be planned for ever: put it into a step, or call it `unsupported` under `fields`
    14:7 P010 Organization: `relationship`, `contact.company`, `contact.phone`, `contact.address`, `contact.website`, `contact.email`, `notes`, `defaultDashboard`, `doNotDisturb`, `accessPermissions`, `userSource`, `billing.plan`, `billing.accountManager`, `billing.reference`, `licences`, `labels`: shown by nothing under `item.fields` and sent by no step, and would be planned for ever: map it, or call it `unsupported` under `fields` (`"*": unsupported` says so of all that are not named there)
    "#);
}

#[test]
fn a_group_of_fields_and_a_whole_object_are_sent_with_all_that_is_in_them() {
    let fields = r#"displayName: full, contact.phone: full, contact.email: full, "*": unsupported"#;
    let item = "displayName: item.name, contact.phone: item.phone, contact.email: item.mail";
    let group = r#"name: "${self.displayName}", contact: "${self.contact}""#;
    assert_eq!(told(fields, item, group, group), "");
}

#[test]
fn what_tells_objects_apart_is_of_the_object_and_what_is_carried_is_sent() {
    let text = |id: &str, key: &str, body: &str| {
        let kind = "read: listed, create: call, update: unsupported";
        format!(
            "{HEAD}http: {{}}\nkinds:\n  Organization: {{{kind}, fields: {{displayName: full, \"*\": unsupported}}, http: {{\n    lists: {{all: \
             {{within: portal, path: /orgs}}}},\n    item: {{id: {id},\n    key: {key}, fields: {{displayName: item.name}}}},\n    create: \
             [{{path: /orgs, body: {{name: \"${{self.displayName}}\"{body}}}, id: response.body.id}}]}}}}\n  User: {{{kind}, carriedBy: \
             Organization, fields: {{\"*\": unsupported}},\n    http: {{lists: {{all: {{within: tenant, path: /users}}}}, item: {{id: item.id, key: \
             item.mail, fields: {{email: item.mail}}}}}}}}\n"
        )
    };
    let admin = r#", admin: "${carried[0].email}""#;
    assert_eq!(all(&text("item.id", "item.name", admin)), "");
    insta::assert_snapshot!(all(&text("'\"one\"'", "item.name", admin)), @"10:16 P006 Organization: its `id` is the same of every item: take it from `item`");
    insta::assert_snapshot!(all(&text("item.id", "tenant.name", admin)), @"11:10 P006 Organization: its `key` is the same of every item, and so no natural key: take it from `item`");
    insta::assert_snapshot!(all(&text("item.id", "item.name", "")), @"13:9 P010 User is carried by Organization, and no step of that `create` sends `carried`: nobody makes one");
}

#[test]
fn the_rest_of_the_fields_is_named_by_a_star_and_the_natural_key_is_none_of_them() {
    let text = "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: stars\ntitle: Stars\ndriver: embedded\nkinds:\n  User:\n    read: listed\n    \
                create: call\n    fields: {roles: full, lastName: writeOnly, \"*\": unsupported}\n";
    let profile = Profile::parse(text, "made-up.yaml").unwrap();
    let user = &profile.capabilities().kinds[&Kind::User];
    let support = |path: &str| user.field(Kind::User.def().field_named(path).unwrap().0);
    let is = ["email", "roles", "lastName", "firstName", "invitation.notify"].map(support);
    let full = FieldSupport::Full;
    assert_eq!(is, [full, full, FieldSupport::WriteOnly, FieldSupport::Unsupported, FieldSupport::Unsupported]);
}

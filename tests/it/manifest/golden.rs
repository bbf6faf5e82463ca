//! One bad manifest, every fault at once.

use super::{lines, load};

const BAD: &str = r#"apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme, lables: {}}
spec:
  displayname: Acme
  contact: {phone: 0123456, email: nobody}
  licences: {backup: -1}
  secrets: {token: hunter2}
  users:
    - name: alice
      email: alice@acme.example
      roles: [admins]
      roles: [admin]
    - name: Bob Smith
      email: bob@acme.example
    - {name: carol, email: carol@acme.example, invitation: {expiresAfterDays: 900, deferUntil: 2026-02-30}}
  roles:
    - name: admins
      permissions: read
---
apiVersion: tenantry.dev/v1beta1
kind: User
metadata:
  name: dave
spec:
  organization: acmee
  email: dave@acme.example
---
kind: Usr
metadata: [
"#;

#[test]
fn every_fault_of_a_bad_manifest_is_told_at_once() {
    insta::assert_snapshot!(lines(&load(&[("acme.yaml", BAD)])), @r"
    M015 acme.yaml:3:24+6 `metadata` has no field `lables`
    M015 acme.yaml:5:3+11 an organization has no field `displayname`
    M016 acme.yaml:6:20+7 `contact.phone` must be a text of at most 200 characters, not a whole number
    M017 acme.yaml:6:36+6 `contact.email`: `nobody` is not an e-mail address
    M017 acme.yaml:7:22+2 `licences.backup` must be a whole number from 0 to 1000000, not -1
    M019 acme.yaml:8:20+7 `secrets.token`: a secret is written here in the manifest
    M008 acme.yaml:13:7+5 the key `roles` stands twice in one map
    M013 acme.yaml:14:13+9 `name`: `Bob Smith` is not a name
    M017 acme.yaml:16:79+3 `invitation.expiresAfterDays` must be a whole number from 1 to 365, not 900
    M017 acme.yaml:16:96+10 `invitation.deferUntil`: `2026-02-30` is not a day of the calendar in the form YYYY-MM-DD
    M016 acme.yaml:19:20+4 `permissions` must be a set; each item a text of at most 200 characters, not a text
    M011 acme.yaml:21:13+20 apiVersion must be `tenantry.dev/v1alpha1`, not `tenantry.dev/v1beta1`
    M003 acme.yaml:30:11+1 this is not YAML: unclosed bracket '['
    ");
}

#[test]
fn a_diagnostic_shows_the_line_and_the_remedy() {
    let loaded = load(&[("acme.yaml", BAD)]);
    let wrong_key = loaded.diagnostics.iter().find(|d| d.summary.contains("displayname")).unwrap();
    assert_eq!(wrong_key.help, "did you mean `displayName`?");
    assert_eq!(wrong_key.address.as_deref(), Some("acme/organization/acme"));
    let range = wrong_key.range.as_ref().unwrap();
    assert_eq!((range.line, range.column, range.length), (5, 3, 11));
}

#[test]
fn no_diagnostic_shows_a_secret() {
    for text in [
        BAD.to_owned(),
        super::acme("secrets: {api: hunter2, other: {env: OK}}"),
        super::acme("secrets:\n  api: |\n    hunter2\n    more\nbad: x"),
        super::acme("secrets: {api: {value: hunter2}, x: [hunter2], nope: {env: hunter2!}}"),
        super::acme("secrets: hunter2"),
        super::acme("secrets:\n  a: hunter2\n  a: hunter2"),
        super::acme("secrets:\n  a: {env: A}\n  a: hunter2"),
        super::acme("secrets:\n  1: hunter2"),
        super::acme("secrets:\n  a: !vault hunter2\n  b: ["),
        super::acme("secrets:\n  a: {env: A}\n  b: hunter2: x"),
        super::acme("secrets:\n  a: \"hunter2"),
        super::acme("secrets:\n  <<: hunter2"),
        super::acme("password: hunter2"),
        super::acme("credential: {x: hunter2}"),
        super::acme("contact: {website: 'https://me:hunter2@acme.example/'}"),
        super::acme("secrets: {api: hunter2"),
        super::acme("users: [{name: a, email: a@acme.example, roles: [nobody], secrets: hunter2}]"),
        super::acme("integrations: [{name: a, type: aws, secrets: {k: hunter2}, sharedWith: {names: [gone]}}]"),
    ] {
        let loaded = load(&[("acme.yaml", &text)]);
        assert!(loaded.has_errors(), "{text}");
        let all = serde_json::to_string(&loaded.diagnostics).unwrap();
        assert!(!all.contains("hunter2"), "{all}");
    }
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let padding = "x".repeat(500);
    let text = super::acme(&format!("labels: {{a: {padding}, b: [1]}}"));
    let loaded = load(&[("acme.yaml", &text)]);
    for diagnostic in &loaded.diagnostics {
        let range = diagnostic.range.as_ref().unwrap();
        let shown = range.line_text.as_ref().unwrap();
        assert!(shown.chars().count() <= 200, "{}", shown.len());
        let under: String = shown.chars().skip(range.text_column() as usize - 1).take(1).collect();
        assert!(under == "x" || under == "b", "{under} in {shown}");
    }
    assert_eq!(loaded.diagnostics.len(), 2, "{}", lines(&loaded));
}

//! The plan in text.

use insta::assert_snapshot;
use tenantry::diagnostic::{Diagnostic, codes};
use tenantry::model::Value;
use tenantry::plan::document::PlanDocument;
use tenantry::plan::{Action, Cause, Drift, DriftKind, Mode, Plan, Retained, Unmanaged, Waiting};
use tenantry::report::{style::Style, text};

use super::world::*;

fn shown(units: Vec<tenantry::plan::Unit>) -> String {
    text::plan(&document(units), &WIDE)
}

#[test]
fn a_plan_says_consequences_first_then_changes_then_what_refuses_them() {
    assert_snapshot!(shown(vec![acme()]), @r#"
    acme (portal embedded): 1 to create, 1 to update, 1 to delete, all held back
      would lose access: bob@acme.example
      administrators, if it were done: bob@acme.example -> alice@acme.example
      would gain access: alice@acme.example
      would get an e-mail: alice@acme.example (2 times)
      licences, if it were done: +2 backup

      + would create user/alice  customers/acme.yaml:15
          email:         alice@acme.example
          roles:         [admin, support]
          administrator: true
          sends e-mail, takes a licence
      ~ would update organization/acme  customers/acme.yaml:14
          displayName:   (not set) -> Acme
          contact.phone: +49 1 -> +49 2
      ! delete user/bob (bob@acme.example)
          irreversible
          no longer declared
          refused G004: bob is the last administrator
            to do: add another administrator first

    Plan: 0 to create, 0 to update, 0 to delete, 3 held (1 to create, 1 to update, 1 to delete); 1 refused; 2 held back with what is refused
    Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
    "#);
}

#[test]
fn nothing_to_do_is_one_line() {
    assert_snapshot!(shown(Vec::new()), @r#"No changes: the portals are in step with the manifests"#);
}

#[test]
fn a_refusal_of_the_run_stands_above_the_counts() {
    let mut body = body(vec![acme()]);
    body.refusals.push(tenantry::plan::Refusal {
        have: Some(60),
        limit: Some(50),
        ..refusal("G001", "too many deletions in one run", "split the change, or raise the limit of the portal")
    });
    let document = PlanDocument::from_plan(&Plan::unchecked(body), "0.1.0");
    let page = text::plan(&document, &WIDE);
    assert_snapshot!(page.lines().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"), @r#"
refused G001: too many deletions in one run (60, limit 50)
  to do: split the change, or raise the limit of the portal

Plan: 0 to create, 0 to update, 0 to delete, 3 held (1 to create, 1 to update, 1 to delete); 3 refused
Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
"#);
}

#[test]
fn a_passed_refusal_says_how_and_does_not_count() {
    let mut unit = acme();
    unit.changes[2].blocked_by[0].passed = Some("digest".into());
    let page = shown(vec![unit]);
    assert!(page.contains("allowed G004 (digest): bob is the last administrator"), "{page}");
    assert!(page.contains("1 to delete\n"), "{page}");
}

#[test]
fn the_same_change_in_many_tenants_is_said_once() {
    assert_snapshot!(shown(fleet(212)), @r#"
in 212 tenants of portal embedded: customer-000, customer-001, customer-002, customer-003,
  customer-004, customer-005, customer-006, customer-007, customer-008, customer-009, customer-010,
  customer-011, customer-012, customer-013, customer-014, customer-015, customer-016, customer-017,
  customer-018, customer-019, and 192 more
  + create role/helpdesk
      permissions: [read, write]

Plan: 212 to create, 0 to update, 0 to delete
Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
"#);
}

#[test]
fn two_tenants_are_read_one_after_the_other() {
    let page = shown(fleet(2));
    assert_eq!(page.matches("create role/helpdesk").count(), 2, "{page}");
}

#[test]
fn many_changes_of_one_shape_are_folded_and_deletions_keep_every_name() {
    let mut changes: Vec<_> = (0..30)
        .map(|n| {
            let key = format!("user-{n}@acme.example");
            field(change(Action::Create, &format!("acme/user/user-{n}"), &key), "email", None, text(&key))
        })
        .collect();
    changes.extend((0..25).map(|n| change(Action::Delete, &format!("acme/gateway/gateway-{n}"), &format!("gateway-{n}"))));
    let page = shown(vec![unit("acme", changes)]);
    assert_snapshot!(page, @r#"
acme (portal embedded): 30 to create, 25 to delete
  + create user/user-0  customers/acme.yaml:16
      email: user-0@acme.example
  + create user/user-1  customers/acme.yaml:16
      email: user-1@acme.example
  + create user/user-2  customers/acme.yaml:16
      email: user-2@acme.example
  - delete gateway/gateway-0
      no longer declared
  - delete gateway/gateway-1
      no longer declared
  - delete gateway/gateway-2
      no longer declared
  + 27 more users to create: user/user-3, user/user-4, user/user-5, user/user-6, user/user-7,
      user/user-8, user/user-9, user/user-10, user/user-11, user/user-12, user/user-13,
      user/user-14, user/user-15, user/user-16, user/user-17, user/user-18, user/user-19,
      user/user-20, user/user-21, user/user-22, and 7 more
  - 22 more gateways to delete: gateway/gateway-3, gateway/gateway-4, gateway/gateway-5,
      gateway/gateway-6, gateway/gateway-7, gateway/gateway-8, gateway/gateway-9,
      gateway/gateway-10, gateway/gateway-11, gateway/gateway-12, gateway/gateway-13,
      gateway/gateway-14, gateway/gateway-15, gateway/gateway-16, gateway/gateway-17,
      gateway/gateway-18, gateway/gateway-19, gateway/gateway-20, gateway/gateway-21,
      gateway/gateway-22, gateway/gateway-23, gateway/gateway-24

Plan: 30 to create, 0 to update, 25 to delete
Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
"#);
}

#[test]
fn verbose_folds_nothing() {
    let page = text::plan(&document(fleet(30)), &Style { verbose: true, ..WIDE });
    assert_eq!(page.matches("create role/helpdesk").count(), 30);
}

#[test]
fn notes_are_a_line_diff_and_long_lists_an_item_diff() {
    let before = "Calls only in the morning.\nKey is with the porter.\nInvoice by post.\nA\nB\nC\nD\nE\nlast line";
    let after = before.replace("Invoice by post.", "Invoice by e-mail.");
    let organization = field(change(Action::Update, "acme/organization/acme", "acme"), "notes", text(before), text(&after));
    let many = ["billing.read", "billing.write", "devices.read", "devices.write", "tickets.read", "tickets.write", "users.read"];
    let organization = field(organization, "accessPermissions", texts(&many[..6]), texts(&many[1..]));
    assert_snapshot!(shown(vec![unit("acme", vec![organization])]), @r#"
acme (portal embedded): 1 to update
  ~ update organization/acme  customers/acme.yaml:14
      notes:
          Calls only in the morning.
          Key is with the porter.
        - Invoice by post.
        + Invoice by e-mail.
          A
          B
      accessPermissions:
        - billing.read
          billing.write
          devices.read
          …
          tickets.read
          tickets.write
        + users.read

Plan: 0 to create, 1 to update, 0 to delete
Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
"#);
}

#[test]
fn a_long_list_is_cut_between_its_items() {
    let names: Vec<_> = (0..200).map(|n| format!("customer-{n:03}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let delegation = field(change(Action::Create, "msp/delegation/all", "all"), "customers", None, texts(&names));
    let page = shown(vec![unit("msp", vec![delegation])]);
    assert!(page.contains("customer-010, customer-011, and 188 more]\n"), "{page}");
}

#[test]
fn maps_are_shown_key_by_key_and_only_where_they_differ() {
    let map = |pairs: &[(&str, &str)]| Some(Value::Map(pairs.iter().map(|(k, v)| ((*k).into(), Value::text(v))).collect()));
    let before = map(&[("region", "eu"), ("tier", "gold")]);
    let after = map(&[("region", "eu"), ("since", "2026"), ("tier", "silver")]);
    let organization = field(change(Action::Update, "acme/organization/acme", "acme"), "labels", before, after);
    assert_snapshot!(shown(vec![unit("acme", vec![organization])]), @r#"
acme (portal embedded): 1 to update
  ~ update organization/acme  customers/acme.yaml:14
      labels.since: (not set) -> "2026"
      labels.tier:  gold -> silver

Plan: 0 to create, 1 to update, 0 to delete
Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
"#);
}

#[test]
fn drift_what_waits_what_stays_and_what_is_unmanaged_stand_apart() {
    let mut unit = unit("acme", Vec::new());
    let (phone, _) = tenantry::model::Kind::Organization.def().field_named("contact.phone").unwrap();
    unit.drift = vec![
        Drift { address: address("acme/organization/acme"), what: DriftKind::Changed, fields: vec![(phone, text("+49 999"))] },
        Drift { address: address("acme/user/carol"), what: DriftKind::Deleted, fields: Vec::new() },
    ];
    unit.waiting = vec![Waiting {
        address: address("acme/user/dora"),
        waits_for: "it is deferred until 2026-08-26".into(),
        technician: false,
        failed: false,
    }];
    unit.retained = vec![Retained { address: address("acme/group/ops"), why: "pruning is off for groups".into(), unseen: false }];
    unit.unmanaged = (0..9)
        .map(|n| Unmanaged {
            kind: tenantry::model::Kind::User,
            key: format!("guest-{n}@acme.example").into(),
            id: format!("{n}").into(),
            portals_own: n == 8,
        })
        .collect();
    assert_snapshot!(shown(vec![unit]), @r#"
acme (portal embedded)
  Drift, changed in the portal since it was last applied:
    ~ changed organization/acme
      contact.phone: +49 999
    - deleted user/carol
  acme/user/dora waits: it is deferred until 2026-08-26
  acme/group/ops stays: pruning is off for groups
  unmanaged and never touched: 8 users: guest-0@acme.example, guest-1@acme.example,
    guest-2@acme.example, guest-3@acme.example, guest-4@acme.example, guest-5@acme.example,
    and 2 more
  unmanaged and never touched: 1 user of the portal's own: guest-8@acme.example

No changes: the portals are in step with the manifests; 1 waits
"#);
}

#[test]
fn tenants_with_nothing_but_unmanaged_objects_are_one_line() {
    let mut units: Vec<_> = (0..40).map(|n| unit(&format!("t{n}"), Vec::new())).collect();
    for unit in &mut units {
        unit.unmanaged =
            vec![Unmanaged { kind: tenantry::model::Kind::User, key: "a@b.example".into(), id: "1".into(), portals_own: false }];
    }
    assert_snapshot!(shown(units), @r#"
Unmanaged and never touched: 40 objects in 40 tenants with nothing else to say (-v names them)

No changes: the portals are in step with the manifests
"#);
}

#[test]
fn every_action_has_its_symbol_and_what_is_not_plain_its_reason() {
    let mut changes: Vec<_> =
        [Action::Replace, Action::Adopt, Action::Forget, Action::Move, Action::Resend, Action::Protect, Action::Suspend]
            .iter()
            .enumerate()
            .map(|(n, action)| change(*action, &format!("acme/user/u{n}"), &format!("u{n}@acme.example")))
            .collect();
    changes[3].previous = Some(address("acme/user/former"));
    changes[4].cause = Cause::Expiry;
    changes[6].actions = vec![Action::Update, Action::Suspend];
    changes.push({
        let mut impossible =
            blocked(change(Action::Create, "acme/user/zoe", "zoe@acme.example"), "G020", "the listing was cut short", "try again later");
        impossible.actions.clear();
        impossible
    });
    assert_snapshot!(shown(vec![unit("acme", changes)]), @r#"
    acme (portal embedded): 1 to update, 1 to replace, 1 to adopt, 1 to forget, 1 to move, 1 to resend, 1 to protect or release, all held back
      -/+ would replace user/u0 (u0@acme.example)  customers/acme.yaml:12
          the manifest changed
      > would adopt user/u1 (u1@acme.example)  customers/acme.yaml:12
          the manifest changed
      = would forget user/u2 (u2@acme.example)  customers/acme.yaml:12
          the manifest changed
      = would move user/u3 (u3@acme.example)  customers/acme.yaml:12
          was acme/user/former
          the manifest changed
      @ would resend user/u4 (u4@acme.example)  customers/acme.yaml:12
          something ran out
          the manifest changed
      = would protect user/u5 (u5@acme.example)  customers/acme.yaml:12
          the manifest changed
      ~ would update, suspend user/u6 (u6@acme.example)  customers/acme.yaml:12
          the manifest changed
      ! user/zoe (zoe@acme.example)  customers/acme.yaml:13
          declared, and proven absent
          refused G020: the listing was cut short
            to do: try again later

    Plan: 0 to create, 0 to update, 0 to delete, 8 held (1 to update, 1 to replace, 1 to adopt, 1 to forget, 1 to move, 1 to resend, 1 to protect or release); 1 refused; 7 held back with what is refused
    Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
    "#);
}

#[test]
fn a_field_whose_cause_is_another_says_so() {
    let mut organization = field(change(Action::Update, "acme/organization/acme", "acme"), "contact.phone", text("1"), text("2"));
    organization = field(organization, "contact.company", text("A"), text("B"));
    organization.cause = Cause::Both;
    organization.fields[0].cause = Cause::Drift;
    organization.fields[1].cause = Cause::Both;
    assert_snapshot!(shown(vec![unit("acme", vec![organization])]), @r#"
acme (portal embedded): 1 to update
  ~ update organization/acme  customers/acme.yaml:14
      contact.company: A -> B  (changed in the portal)
      contact.phone:   "1" -> "2"
      was changed in the portal and in the manifest
      the manifest changed

Plan: 0 to create, 1 to update, 0 to delete
Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
"#);
}

#[test]
fn unicode_names_stay_and_hostile_ones_are_made_visible() {
    let organization =
        field(change(Action::Update, "acme/organization/acme", "acme"), "displayName", text("Größe 株式会社 😀"), text(HOSTILE));
    let page = shown(vec![unit("acme", vec![organization])]);
    assert_snapshot!(page, @r#"
acme (portal embedded): 1 to update
  ~ update organization/acme  customers/acme.yaml:14
      displayName: Größe 株式会社 😀 -> \u{001b}[31mred\u{202e}txt\u{009b}2J\u{0007}@everyone #1 `code` ```` <script>alert('x')</script> ![i](https://evil.example/i.png) </details> -->

Plan: 0 to create, 1 to update, 0 to delete
Digest: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
"#);
}

#[test]
fn diagnostics_come_first_and_an_errored_plan_does_not_claim_to_be_in_step() {
    let mut body = body(Vec::new());
    body.diagnostics.push(Diagnostic::error(codes::manifest::TOO_LARGE, "the line is too long"));
    let document = PlanDocument::from_plan(&Plan::unchecked(body), "0.1.0");
    assert_snapshot!(text::plan(&document, &WIDE), @r#"
    error[M004]: the line is too long
     = help: split the file

    1 error

    No plan; 1 error
    "#);
}

#[test]
fn a_look_says_what_drifted() {
    let mut unit = unit("acme", Vec::new());
    unit.drift = vec![Drift { address: address("acme/user/carol"), what: DriftKind::Deleted, fields: Vec::new() }];
    let mut body = body(vec![unit]);
    body.mode = Mode::RefreshOnly;
    assert_snapshot!(text::plan(&PlanDocument::from_plan(&Plan::unchecked(body), "0.1.0"), &WIDE), @r#"
acme (portal embedded)
  Drift, changed in the portal since it was last applied:
    - deleted user/carol

Drift: portals differ from what was last applied; 1 resource drifted
"#);
}

#[test]
fn colour_changes_nothing_but_colour() {
    let document = document(vec![acme(), hostile()]);
    let colored = text::plan(&document, &Style { color: true, ..WIDE });
    assert!(colored.contains('\u{1b}'));
    let mut bare = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    assert_eq!(bare, text::plan(&document, &WIDE));
}

#[test]
fn what_needs_something_held_in_another_tenant_promises_nothing() {
    let mut delegation = change(Action::Create, "msp/delegation/support", "support");
    delegation.depends_on = vec![address("acme/organization/acme")];
    let free = change(Action::Create, "msp/user/eve", "eve@msp.example");
    let page = shown(vec![acme(), unit("msp", vec![delegation, free])]);
    for said in [
        "acme (portal embedded): 1 to create, 1 to update, 1 to delete, all held back\n",
        "msp (portal embedded): 1 to create, 1 held (1 to create)\n",
        "+ would create delegation/support",
        "held back: what it needs is not made",
        "+ create user/eve",
        "Plan: 1 to create, 0 to update, 0 to delete, 4 held (2 to create, 1 to update, 1 to delete); 1 refused; 3 held back with what is refused",
    ] {
        assert!(page.contains(said), "{said}\n{page}");
    }
}

//! What a digest covers, and what it must not see.

use proptest::prelude::*;
use tenantry::guard::{Approvals, approve, judge};
use tenantry::model::rule::Effect;
use tenantry::model::{Performer, SecretRef, SecretSource, Value};
use tenantry::plan::*;

use super::*;

fn sealed(body: Body) -> Body {
    judge(Plan::unchecked(body), &policy()).body
}

fn digest(change: Change) -> String {
    sealed(body(vec![unit("acme", vec![change])])).digest
}

/// A change with something in every place.
fn full() -> Change {
    let change = with_field(change(Action::Update, "acme/user/ann"), "lastName", Some(Value::text("Smith")), Some(Value::text("Jones")));
    let change = with_field(change, "roles", None, Some(Value::texts(["a", "b"])));
    Change {
        previous: Some(address("acme/user/anne")),
        effects: vec![Effect::Email, Effect::Licence],
        depends_on: vec![address("acme/role/a"), address("acme/role/b")],
        carried_by: Some(address("acme/organization/acme")),
        ..change
    }
}

type Alteration = fn(&mut Change);

/// One thing about a change that a person would want to be asked about again.
fn alterations() -> Vec<(&'static str, Alteration)> {
    vec![
        ("address", |c| c.address = address("acme/user/bob")),
        ("kind", |c| c.address = address("acme/delegation/ann")),
        ("previous", |c| c.previous = None),
        ("key", |c| c.key = "bob@acme.example".into()),
        ("main action", |c| c.actions = vec![Action::Delete]),
        ("another action", |c| c.actions.push(Action::Resend)),
        ("no action", |c| c.actions.clear()),
        ("value before", |c| c.fields[0].before = None),
        ("value after", |c| c.fields[0].after = Some(Value::text("Johns"))),
        ("value taken away", |c| c.fields[0].after = None),
        ("type of a value", |c| c.fields[0].after = Some(Value::Bool(true))),
        ("item of a list", |c| c.fields[1].after = Some(Value::texts(["a"]))),
        ("which field", |c| c.fields[0].field = field(&c.address, "firstName")),
        ("a field fewer", |c| drop(c.fields.pop())),
        ("effect", |c| c.effects = vec![Effect::Email]),
        ("dependency", |c| drop(c.depends_on.pop())),
        ("carrier", |c| c.carried_by = None),
        ("performer", |c| c.performer = Performer::Technician),
        ("refusal", |c| c.findings.push(Finding::Protected)),
    ]
}

#[test]
fn everything_that_matters_changes_the_digest_and_each_in_its_own_way() {
    let mut digests = vec![digest(full())];
    for (what, alter) in alterations() {
        let mut altered = full();
        alter(&mut altered);
        let altered = digest(altered);
        assert!(!digests.contains(&altered), "{what} is not in the digest");
        digests.push(altered);
    }
}

proptest! {
    #[test]
    fn digests_differ_exactly_where_sets_of_changes_do(before in "[a-z\"\\\\é]{0,4}", after in "[a-z\"\\\\é]{0,4}", at in 0..3_usize, alike in any::<bool>()) {
        let fleet = |text: &str| {
            let changes = (0..3).map(|n| {
                let text = Value::text(if n == at { text } else { "same" });
                with_field(change(Action::Update, &format!("acme/user/u{n}")), "lastName", None, Some(text))
            });
            sealed(body(vec![unit("acme", changes.collect())])).digest
        };
        let after = if alike { &before } else { &after };
        prop_assert_eq!(fleet(&before) == fleet(after), before == *after);
    }

    #[test]
    fn the_order_in_which_things_are_named_is_not_in_the_digest(order in Just(vec![0, 1, 2, 3]).prop_shuffle()) {
        let pick = |items: &[Change]| order.iter().map(|at| items[*at].clone()).collect::<Vec<_>>();
        let changes = many(4, Action::Update, "acme", "user");
        let straight = sealed(body(vec![unit("acme", changes.clone())])).digest;
        prop_assert_eq!(sealed(body(vec![unit("acme", pick(&changes))])).digest, straight);

        let units = || (0..4).map(|n| unit(&format!("t{n}"), many(1, Action::Update, &format!("t{n}"), "user"))).collect::<Vec<_>>();
        let shuffled = order.iter().map(|at| units()[*at].clone()).collect();
        prop_assert_eq!(sealed(body(shuffled)).digest, sealed(body(units())).digest);
    }

    #[test]
    fn judging_twice_says_the_same(deleted in 0..14_u64, suspended in 0..14_u64, organization in any::<bool>()) {
        let mut changes = [many(deleted, Action::Delete, "acme", "group"), many(suspended, Action::Suspend, "acme", "user")].concat();
        changes.extend(organization.then(|| change(Action::Delete, "acme/organization/acme")));
        let once = sealed(body(vec![unit("acme", changes)]));
        prop_assert_eq!(sealed(once.clone()), once);
    }
}

#[test]
fn effects_dependencies_and_fields_have_no_order() {
    let mut turned = full();
    turned.effects.reverse();
    turned.depends_on.reverse();
    turned.fields.reverse();
    assert_eq!(digest(turned), digest(full()));
}

#[test]
fn what_says_nothing_about_the_change_is_not_in_the_digest() {
    let source = Source { file: "b.yaml".to_owned(), line: 7, column: 1, layer: "baseline/b".to_owned() };
    let reworded = Change {
        id: Some("another-id".into()),
        reason: "other words".to_owned(),
        source: Some(source),
        cause: Cause::Drift,
        resumes: Some("intent".into()),
        ..full()
    };
    assert_eq!(digest(reworded), digest(full()));

    let mut elsewhere = body(vec![unit("acme", vec![full()])]);
    elsewhere.now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    elsewhere.inputs = Inputs { commit: Some("abc".to_owned()), dirty: true, manifests_digest: "x".to_owned(), ledger_serial: 41 };
    elsewhere.units[0].tenant_id = Some("id".into());
    elsewhere.units[0].waiting.push(Waiting {
        address: address("acme/user/bob"),
        waits_for: "him".to_owned(),
        technician: false,
        failed: false,
    });
    assert_eq!(sealed(elsewhere).digest, digest(full()));
}

#[test]
fn the_wording_of_a_refusal_is_not_in_the_digest_and_its_numbers_are() {
    let owner = |owner: &str| digest(found("acme/user/ann", Finding::ForeignOwner { owner: owner.to_owned() }));
    assert_eq!(owner("one"), owner("other"));
    let under = |limit: u64| {
        let mut policy = policy();
        policy.portals.values_mut().for_each(|p| p.limits.max_deletes_per_kind = limit);
        judge(Plan::unchecked(body(vec![unit("acme", many(6, Action::Delete, "acme", "group"))])), &policy).body.digest
    };
    assert_eq!(under(5), under(5));
    assert_ne!(under(5), under(4));
    assert_ne!(under(5), under(6));
}

#[test]
fn a_secret_is_in_the_digest_by_its_field_and_where_it_is_kept() {
    let secret = |name: &str| {
        let reference = Value::Secret(Box::new(SecretRef { source: SecretSource::Env(name.into()) }));
        let mut change = change(Action::Update, "acme/organization/acme");
        change = with_field(change, "secrets", None, Some(Value::Map(vec![("video".into(), reference)])));
        change.fields[0].sensitive = true;
        change
    };
    assert_ne!(digest(secret("ONE")), digest(secret("OTHER")));
    let unmarked = |mut change: tenantry::plan::Change| {
        change.fields[0].sensitive = false;
        change
    };
    assert_eq!(digest(secret("ONE")), digest(unmarked(secret("ONE"))), "the kind's table says that it is secret, whatever a plan claims");
    assert_ne!(digest(secret("ONE")), digest(change(Action::Update, "acme/organization/acme")));
    let marked = |text: &str| {
        let mut change = with_field(change(Action::Update, "acme/organization/acme"), "notes", None, Some(Value::text(text)));
        change.fields[0].sensitive = true;
        change
    };
    assert_eq!(digest(marked("one")), digest(marked("other")));
}

#[test]
fn a_tenant_in_step_changes_nothing_and_one_that_is_refused_does() {
    let acme = || unit("acme", vec![full()]);
    let alone = sealed(body(vec![acme()])).digest;
    assert_eq!(sealed(body(vec![acme(), unit("idle", Vec::new())])).digest, alone);
    let refused = Unit { portal: name("unknown"), ..unit("idle", Vec::new()) };
    assert_ne!(sealed(body(vec![acme(), refused])).digest, alone);
}

#[test]
fn portal_and_tenant_are_in_the_digest() {
    let of = |portal: &str, tenant: &str| {
        let mut policy = policy();
        policy.portals.insert(name("other"), tenantry::guard::PortalPolicy::default());
        let unit = Unit { portal: name(portal), ..unit(tenant, vec![change(Action::Update, "acme/user/ann")]) };
        judge(Plan::unchecked(body(vec![unit])), &policy).body.units[0].digest.clone()
    };
    assert_ne!(of("main", "acme"), of("other", "acme"));
    assert_ne!(of("main", "acme"), of("main", "beta"));
}

#[test]
fn approving_does_not_change_what_was_approved() {
    let plan = judge(Plan::unchecked(body(vec![unit("acme", many(6, Action::Delete, "acme", "group"))])), &policy());
    let before = plan.body.clone();
    let approvals = Approvals { digests: vec![before.digest.clone()], allow: Vec::new() };
    let approved = approve(plan, &approvals).plan.body;
    assert_ne!(approved, before, "the refusal is marked as passed");
    let again = sealed(approved);
    assert_eq!(again, before);
}

#[test]
fn digests_stay_as_they_were_published() {
    let sealed = sealed(body(vec![unit("acme", vec![full()])]));
    insta::assert_snapshot!(sealed.units[0].digest, @"sha256:7a4645230f051652b702d1eb497c3b8ecf2fdec3c852ffeaad750abc8bd17d31");
    insta::assert_snapshot!(sealed.digest, @"sha256:216c46ad842c482770cfae98e5a026f23a036d093705d5efd14fe73401bf03a4");
    let nothing = self::sealed(body(Vec::new()));
    insta::assert_snapshot!(nothing.digest, @"sha256:1c7f4f9860a15e9039d31a62c4033da946ea28405dc7b766c90d64b87b5fe527");
}

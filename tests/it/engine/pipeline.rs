//! The golden case: desired, plan, judge, approve, apply and plan again, over days, on a portal that is unknown, partial, attested, pending, keyed
//! over the whole portal and making two things in one call, all at once.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use tenantry::model::kind::Kind;
use tenantry::model::ledger::Attestation;
use tenantry::model::live::KeyHolder;
use tenantry::model::portal_spec::AdoptionPolicy;
use tenantry::model::*;
use tenantry::plan::{Body, Change, Unit};
use tenantry::portal::PortalError;

use super::scripted::{Manners, Scripted, capable};
use super::stage::Stage;
use crate::support::bench::{Applied, result};
use crate::support::declared::*;
use crate::support::{address, name};

/// Groups are a technician's work, domains are unique over the portal, the first user comes with the organization.
fn hard() -> Capabilities {
    let mut capabilities = capable();
    let mut kind = |kind, change: fn(&mut KindCapability)| change(capabilities.kinds.get_mut(&kind).unwrap());
    kind(Kind::Group, |c| {
        c.read = Readability::Unreadable;
        (c.create, c.update, c.delete) = (Performer::Technician, Performer::Technician, Performer::Technician);
    });
    kind(Kind::Domain, |c| c.key_scope = KeyScope::Portal);
    kind(Kind::User, |c| c.carried_by = Some(Kind::Organization));
    capabilities.batch = 2;
    capabilities
}

fn fleet() -> Desired {
    desired([
        org("acme"),
        resource("acme/domain/acme-example").with("domain", "acme.example"),
        role("acme", "ops"),
        group("acme", "staff"),
        admin("acme", "ann").with("roles", vec!["ops"]),
        user("acme", "bob").with("groups", vec!["staff"]),
        org("beta").adopted(AdoptionPolicy::IfIdentical),
        resource("beta/domain/beta-example").with("domain", "beta.example"),
        resource("beta/gateway/gw").with("displayName", "gw"),
        shared("aws", &["acme", "beta"]),
    ])
}

#[tokio::test]
async fn the_hardest_portal_over_four_days() {
    let manners = Manners {
        pending: [Kind::Organization].into(),
        by_hand: [Kind::Group].into(),
        partial: [(Kind::Gateway, "page 2 timed out".to_owned())].into(),
        holders: [((Kind::Domain, "beta.example".into()), KeyHolder::Held { tenant: None, id: None })].into(),
        shows_created_by: true,
        invites: true,
        ..Manners::default()
    };
    let mut stage = Stage::new(hard(), manners);
    stage.portal.put(&org("beta"));
    stage.portal.put(&user("beta", "zoe"));
    let other = Arc::new(Scripted::new(
        capable(),
        Manners { down: Some(PortalError::Unavailable("502".to_owned())), ..Manners::default() },
        Arc::clone(&stage.bench.clock),
        Arc::clone(&stage.bench.fuse),
    ));
    let spec = PortalSpec { name: name("other"), organizations: Some(vec![name("beta")]), ..PortalSpec::embedded() };
    stage.bench.portals.push((spec, Arc::clone(&other) as _));

    let first = day(&stage, &other).await;
    insta::assert_snapshot!(first, @r#"
    R001 portal other cannot be read: unavailable: 502
    == main:acme
    acme/organization/acme create (Manifest: it is declared and does not exist)
    acme/domain/acme-example create (Manifest: it is declared and does not exist)
        after acme/organization/acme
    acme/role/ops create (Manifest: it is declared and does not exist)
        after acme/organization/acme
    acme/group/staff create (Manifest: it is declared and does not exist)
        effects Technician
        after acme/organization/acme
    acme/user/ann create (Manifest: it is declared and does not exist)
        effects Email
        after acme/organization/acme, acme/role/ops
        with acme/organization/acme
    acme/user/bob create (Manifest: it is declared and does not exist)
        effects Email
        after acme/organization/acme, acme/group/staff
    gain access: ann@acme.example, bob@acme.example
    e-mail to: ann@acme.example, bob@acme.example
    == main:beta
    beta/organization/beta adopt (Manifest: it exists already just as declared and is taken over)
    beta/domain/beta-example - (Manifest: )
        after beta/organization/beta
        found KeyTaken { by: "somebody we cannot see" }
        refused G019: the natural key `beta.example` of beta/domain/beta-example is taken: somebody we cannot see
    beta/gateway/gw - (Manifest: )
        after beta/organization/beta
        found ObservationIncomplete { why: "page 2 timed out" }
        refused G011: whether beta/gateway/gw exists is not known: page 2 timed out
    unmanaged User zoe@beta.example
    == main:msp
    msp/integration/aws create (Manifest: it is declared and does not exist)
        after acme/organization/acme, beta/organization/beta
    main:acme/domain/acme-example => skipped: acme/organization/acme was not done
    main:acme/group/staff => skipped: acme/organization/acme was not done
    main:acme/organization/acme => pending: the portal to finish it
    main:acme/role/ops => skipped: acme/organization/acme was not done
    main:acme/user/ann => pending: the portal to finish it
    main:acme/user/bob => skipped: acme/organization/acme was not done
    main:beta/domain/beta-example => held: G019
    main:beta/gateway/gw => held: G011
    main:beta/organization/beta => held: G011, G019
    main:msp/integration/aws => skipped: beta/organization/beta was not done
    calls: create acme/organization/acme + acme/user/ann
    empty afterwards: false
    "#);

    // Still pending; the key is free and the list is whole.
    stage.bench.clock.a_day_later();
    stage.portal.behave(|m| m.holders.clear());
    stage.portal.behave(|m| m.partial.clear());
    let second = day(&stage, &other).await;
    insta::assert_snapshot!(second, @r#"
    R001 portal other cannot be read: unavailable: 502
    == main:acme
    waits acme/organization/acme: the portal has not finished making it
    waits acme/domain/acme-example: it needs acme/organization/acme, which is not finished
    waits acme/role/ops: it needs acme/organization/acme, which is not finished
    waits acme/group/staff: it needs acme/organization/acme, which is not finished
    waits acme/user/ann: it needs acme/organization/acme, which is not finished
    waits acme/user/bob: it needs acme/organization/acme, which is not finished
    == main:beta
    beta/organization/beta adopt (Manifest: it exists already just as declared and is taken over)
    beta/domain/beta-example create (Manifest: it is declared and does not exist)
        after beta/organization/beta
    beta/gateway/gw create (Manifest: it is declared and does not exist)
        after beta/organization/beta
    unmanaged User zoe@beta.example
    == main:msp
    waits msp/integration/aws: it needs acme/organization/acme, which is not finished
    main:beta/domain/beta-example => done
    main:beta/gateway/gw => done
    main:beta/organization/beta => done
    calls: create beta/domain/beta-example; create beta/gateway/gw
    empty afterwards: false
    "#);

    // The portal has finished the organization, and the other one answers.
    stage.bench.clock.a_day_later();
    stage.portal.finish();
    other.behave(|m| m.down = None);
    let third = day(&stage, &other).await;
    insta::assert_snapshot!(third, @r#"
    == main:acme
    acme/organization/acme recover (Manifest: an interrupted run made it; it is taken over as ours)
    acme/domain/acme-example create (Manifest: it is declared and does not exist)
        after acme/organization/acme
    acme/role/ops create (Manifest: it is declared and does not exist)
        after acme/organization/acme
    acme/group/staff create (Manifest: it is declared and does not exist)
        effects Technician
        after acme/organization/acme
    acme/user/ann recover,update (Manifest: an interrupted run made it; it is taken over as ours)
        after acme/organization/acme, acme/role/ops
    acme/user/bob create (Manifest: it is declared and does not exist)
        effects Email
        after acme/organization/acme, acme/group/staff
    gain access: bob@acme.example
    e-mail to: bob@acme.example
    == main:beta
    unmanaged User zoe@beta.example
    == main:msp
    msp/integration/aws create (Manifest: it is declared and does not exist)
        after acme/organization/acme
    == other:beta
    beta/organization/beta create (Manifest: it is declared and does not exist)
    beta/domain/beta-example create (Manifest: it is declared and does not exist)
        after beta/organization/beta
    beta/gateway/gw create (Manifest: it is declared and does not exist)
        after beta/organization/beta
    == other:msp
    msp/integration/aws create (Manifest: it is declared and does not exist)
        after beta/organization/beta
    main:acme/domain/acme-example => done
    main:acme/group/staff => pending: a technician to create it
    main:acme/organization/acme => done
    main:acme/role/ops => done
    main:acme/user/ann => done
    main:acme/user/bob => skipped: acme/group/staff was not done
    main:msp/integration/aws => done
    other:beta/domain/beta-example => done
    other:beta/gateway/gw => done
    other:beta/organization/beta => done
    other:msp/integration/aws => done
    calls: create acme/domain/acme-example; create acme/role/ops; create acme/group/staff; create msp/integration/aws; update acme/user/ann; other: create beta/organization/beta; other: create beta/domain/beta-example; other: create beta/gateway/gw; other: create msp/integration/aws
    empty afterwards: true
    "#);

    // The technician confirms.
    stage.bench.clock.a_day_later();
    confirm(&stage, "acme/group/staff");
    let fourth = day(&stage, &other).await;
    insta::assert_snapshot!(fourth, @r#"
    == main:acme
    acme/group/staff recover (Manifest: a technician recorded that it is there)
    acme/user/bob create (Manifest: it is declared and does not exist)
        effects Email
        after acme/group/staff
    gain access: bob@acme.example
    e-mail to: bob@acme.example
    == main:beta
    unmanaged User zoe@beta.example
    main:acme/group/staff => done
    main:acme/user/bob => done
    calls: create acme/user/bob
    empty afterwards: true
    "#);

    stage.bench.clock.a_day_later();
    let fifth = day(&stage, &other).await;
    insta::assert_snapshot!(fifth, @r#"
    == main:beta
    unmanaged User zoe@beta.example
    calls: none
    empty afterwards: true
    "#);
    let once = ["ann@acme.example", "bob@acme.example"].map(|who| (who.to_owned(), 1));
    assert_eq!(stage.portal.all_invitations(), once.into(), "each was invited once");
    assert_eq!(stage.bench.ledger.open_intents(), 0);
}

/// A technician has done what the work order says.
fn confirm(stage: &Stage, at: &str) {
    let now = stage.bench.clock.now();
    let record = Attestation {
        address: address(at),
        present: true,
        fields: json!({"displayName": "staff"}),
        id: None,
        by: "tom".to_owned(),
        at: now,
        until: now + SignedDuration::from_hours(24 * 90),
    };
    stage.bench.ledger.edit("main", "acme", |l| drop(l.attestations.insert(address(at), record)));
}

/// One apply: what was planned, what became of it, what the portals were asked to do.
async fn day(stage: &Stage, other: &Scripted) -> String {
    let applied = stage.bench.apply(&fleet()).await;
    let mut out = plan(&applied.plan);
    outcomes(&applied, &mut out);
    let mut calls = stage.portal.took();
    calls.extend(other.took().into_iter().map(|call| format!("other: {call}")));
    writeln!(out, "calls: {}", if calls.is_empty() { "none".to_owned() } else { calls.join("; ") }).unwrap();
    write!(out, "empty afterwards: {:?}", applied.report.final_plan_empty).unwrap();
    out
}

fn plan(body: &Body) -> String {
    let mut out = String::new();
    for diagnostic in &body.diagnostics {
        writeln!(out, "{} {}", diagnostic.code, diagnostic.summary).unwrap();
    }
    for unit in &body.units {
        of_unit(unit, &mut out);
    }
    out
}

fn of_unit(unit: &Unit, out: &mut String) {
    writeln!(out, "== {}:{}", unit.portal, unit.tenant).unwrap();
    unit.changes.iter().for_each(|change| of_change(change, out));
    unit.drift.iter().for_each(|d| writeln!(out, "drift {} {:?}", d.address, d.what).unwrap());
    unit.unmanaged.iter().for_each(|o| writeln!(out, "unmanaged {} {}", o.kind, o.key).unwrap());
    unit.retained.iter().for_each(|r| writeln!(out, "kept {}: {}", r.address, r.why).unwrap());
    unit.waiting.iter().for_each(|w| writeln!(out, "waits {}: {}", w.address, w.waits_for).unwrap());
    let joined = |name: &str, list: &[String]| if list.is_empty() { String::new() } else { format!("{name}: {}\n", list.join(", ")) };
    let c = &unit.consequences;
    out.push_str(&joined("gain access", &c.gain_access));
    out.push_str(&joined("lose access", &c.lose_access));
    out.push_str(&joined("e-mail to", &c.emails));
}

fn of_change(change: &Change, out: &mut String) {
    let words: Vec<_> = change.actions.iter().map(|a| a.word()).collect();
    let words = if words.is_empty() { "-".to_owned() } else { words.join(",") };
    writeln!(out, "{} {words} ({:?}: {})", change.address, change.cause, change.reason).unwrap();
    let mut more = |name: &str, what: Vec<String>| {
        if !what.is_empty() {
            writeln!(out, "    {name} {}", what.join(", ")).unwrap();
        }
    };
    more("effects", change.effects.iter().map(|e| format!("{e:?}")).collect());
    more("after", change.depends_on.iter().map(ToString::to_string).collect());
    more("with", change.carried_by.iter().map(ToString::to_string).collect());
    more("found", change.findings.iter().map(|f| format!("{f:?}")).collect());
    more("refused", change.blocked_by.iter().map(|r| format!("{}: {}", r.code, r.message)).collect());
}

fn outcomes(applied: &Applied, out: &mut String) {
    let mut lines: Vec<_> =
        applied.report.outcomes.iter().map(|o| format!("{}:{} => {}", o.portal, o.address, result(&o.result))).collect();
    lines.sort();
    lines.iter().for_each(|line| writeln!(out, "{line}").unwrap());
}

//! Laws: what holds for every fleet, every portal and every mishap.
//!
//! A case is a fleet that was applied, hands that meddled since, and a fleet that is declared now. Shrunk cases are small: read them as a story.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use tenantry::engine::{Pattern, Scope};
use tenantry::guard::{GUARDS, Nature};
use tenantry::model::kind::Kind;
use tenantry::model::portal_spec::Limits;
use tenantry::model::*;
use tenantry::plan::Action;

use super::scripted::{Fault, Manners, Scripted, capable};
use super::stage::Stage;
use crate::support::address;
use crate::support::bench::changes;
use crate::support::declared::*;

/// Cases of each law: enough to find what was planted in every one of them, few enough for a gate that runs on every change.
const CASES: u32 = 96;

#[derive(Debug, Clone)]
struct Person {
    first_name: u8,
    roles: BTreeSet<u8>,
    admin: bool,
}

#[derive(Debug, Clone)]
struct Customer {
    name: u8,
    roles: BTreeMap<u8, u8>,
    users: BTreeMap<u8, Person>,
    gateways: BTreeSet<u8>,
}

#[derive(Debug, Clone)]
struct Fleet {
    customers: BTreeMap<u8, Customer>,
    shared: BTreeSet<u8>,
}

impl Fleet {
    fn resources(&self) -> Vec<Resource> {
        let mut all = Vec::new();
        for (n, customer) in &self.customers {
            let tenant = format!("t{n}");
            all.push(org(&tenant).with("displayName", format!("name {}", customer.name)));
            all.extend(customer.roles.iter().map(|(r, text)| role(&tenant, &format!("r{r}")).with("description", format!("text {text}"))));
            all.extend(customer.gateways.iter().map(|g| resource(&format!("{tenant}/gateway/g{g}")).with("displayName", "gw")));
            for (u, person) in &customer.users {
                let roles: Vec<_> = person.roles.iter().filter(|r| customer.roles.contains_key(r)).map(|r| format!("r{r}")).collect();
                let user = user(&tenant, &format!("u{u}")).with("firstName", format!("first {}", person.first_name));
                all.push(user.with("roles", roles).with("administrator", person.admin));
            }
        }
        let shared_with: Vec<_> = self.shared.iter().filter(|n| self.customers.contains_key(n)).map(|n| format!("t{n}")).collect();
        all.push(resource("msp/integration/aws").with("type", "aws").with("sharedWith", shared_with));
        all
    }

    fn desired(&self) -> Desired {
        desired(self.resources())
    }
}

fn customer() -> impl Strategy<Value = Customer> {
    let person =
        (0..2u8, btree_set(0..3u8, 0..3), any::<bool>()).prop_map(|(first_name, roles, admin)| Person { first_name, roles, admin });
    let parts = (0..2u8, btree_map(0..3u8, 0..2u8, 0..3), btree_map(0..4u8, person, 0..4), btree_set(0..3u8, 0..3));
    parts.prop_map(|(name, roles, users, gateways)| Customer { name, roles, users, gateways })
}

fn fleet() -> impl Strategy<Value = Fleet> {
    (btree_map(0..4u8, customer(), 1..4), btree_set(0..4u8, 0..3)).prop_map(|(customers, shared)| Fleet { customers, shared })
}

/// Somebody at the portal, by hand.
#[derive(Debug, Clone)]
enum Meddling {
    Rename(Index),
    Delete(Index),
    Stranger(u8, u8),
}

fn meddling() -> impl Strategy<Value = Vec<Meddling>> {
    let one = prop_oneof![
        any::<Index>().prop_map(Meddling::Rename),
        any::<Index>().prop_map(Meddling::Delete),
        (0..4u8, 0..2u8).prop_map(|(tenant, n)| Meddling::Stranger(tenant, n)),
    ];
    vec(one, 0..4)
}

fn meddle(portal: &Scripted, hands: &[Meddling]) {
    for hand in hands {
        let there = portal.has();
        // The tenant itself stays: its members would go with it.
        let members: Vec<_> = there.iter().map(|line| line.split(' ').collect::<Vec<_>>()).filter(|l| l[1] != "organization").collect();
        match hand {
            Meddling::Stranger(tenant, n) => drop(portal.put(&user(&format!("t{tenant}"), &format!("stranger{n}")))),
            Meddling::Rename(_) | Meddling::Delete(_) if members.is_empty() => {}
            Meddling::Rename(at) => {
                let line = at.get(&members);
                let kind = Kind::from_slug(line[1]).unwrap();
                let path = if kind == Kind::User { "firstName" } else { "displayName" };
                portal.set(line[0], kind, line[2], path, Value::text("by hand"));
            }
            Meddling::Delete(at) => {
                let line = at.get(&members);
                portal.delete(line[0], Kind::from_slug(line[1]).unwrap(), line[2]);
            }
        }
    }
}

/// What a portal may be like.
fn portal() -> impl Strategy<Value = (Capabilities, Manners)> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 1..4usize);
    flags.prop_map(|(idempotent, carrying, shows_created_by, keeps_marks, reads_back, batch)| {
        let mut capabilities = Capabilities { idempotent, batch, ..capable() };
        capabilities.kinds.get_mut(&Kind::User).unwrap().carried_by = carrying.then_some(Kind::Organization);
        (capabilities, Manners { shows_created_by, keeps_marks, reads_back, invites: true, ..Manners::default() })
    })
}

/// A stage on which the first fleet was applied, and hands meddled since.
async fn meddled(portal: &(Capabilities, Manners), first: &Fleet, hands: &[Meddling]) -> Stage {
    let stage = Stage::new(portal.0.clone(), portal.1.clone()).given(&first.desired()).await;
    meddle(&stage.portal, hands);
    stage
}

/// A person who means everything that a guard of judgement asks about.
fn approving(mut stage: Stage) -> Stage {
    let judgement = GUARDS.iter().filter(|g| g.nature == Nature::Judgement);
    stage.bench.approvals.allow = judgement.map(|g| (g.code.to_owned(), "meant".to_owned())).collect();
    stage
}

/// Runs a case; time stands still but for pauses, which take none.
fn case(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// What the portal has of one tenant.
fn of_tenant(picture: &[String], tenant: &str) -> Vec<String> {
    picture.iter().filter(|line| line.starts_with(&format!("{tenant} "))).cloned().collect()
}

fn strangers(portal: &Scripted) -> Vec<String> {
    portal.picture().into_iter().filter(|line| line.contains("stranger")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Apply, observe, plan: nothing is left, and the portal is as one that never knew anything else.
    #[test]
    fn one_apply_brings_everything_in_step(portal in portal(), first in fleet(), hands in meddling(), second in fleet()) {
        case(async {
            let stage = approving(meddled(&portal, &first, &hands).await);
            let unmanaged = strangers(&stage.portal);
            let applied = stage.bench.apply(&second.desired()).await;
            prop_assert!(applied.report.final_plan_empty, "{:?}", applied.outcomes());
            prop_assert_eq!(strangers(&stage.portal), unmanaged, "what nobody declared was touched");
            prop_assert_eq!(stage.bench.ledger.open_intents(), 0);
            let fresh = Stage::new(portal.0.clone(), portal.1.clone()).given(&second.desired()).await;
            let only_declared = |stage: &Stage, tenant: &str| {
                let lines = of_tenant(&stage.portal.picture(), tenant).into_iter();
                lines.filter(|l| !l.contains("stranger")).map(|l| l.replace("by hand", "")).collect::<Vec<_>>()
            };
            for n in second.customers.keys() {
                let tenant = format!("t{n}");
                let keys = |lines: Vec<String>| lines.iter().map(|l| l.splitn(4, ' ').take(3).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
                prop_assert_eq!(keys(only_declared(&stage, &tenant)), keys(only_declared(&fresh, &tenant)));
            }
            stage.portal.took();
            stage.bench.apply(&second.desired()).await;
            prop_assert_eq!(stage.portal.took(), Vec::<String>::new(), "a second apply calls nothing");
            Ok(())
        })?;
    }

    /// The same input gives the same bytes, and the order of resources and objects never shows.
    #[test]
    fn order_never_shows(portal in portal(), first in fleet(), hands in meddling(), second in fleet(), seed in any::<u64>()) {
        case(async {
            let stage = meddled(&portal, &first, &hands).await;
            let (mut one, two) = (stage.plan(&second.desired()).await, stage.plan(&second.desired()).await);
            prop_assert_eq!(&one, &two);
            let mut shuffled = second.resources();
            let len = shuffled.len();
            (0..len).for_each(|at| shuffled.swap(at, (seed as usize).wrapping_mul(at + 7) % len));
            stage.portal.behave(|m| m.reversed = true);
            let mut other = stage.plan(&desired(shuffled)).await;
            prop_assert_eq!(&one.digest, &other.digest);
            one.units.iter_mut().chain(&mut other.units).flat_map(|u| &mut u.changes).for_each(|c| c.source = None);
            prop_assert_eq!(one.units, other.units);
            Ok(())
        })?;
    }

    /// Stop after any effects, run again: the same end, and nobody is invited twice.
    #[test]
    fn a_run_killed_anywhere_and_run_again_comes_to_the_same_end(
        portal in portal(), first in fleet(), hands in meddling(), second in fleet(), kills in vec(1..30usize, 1..3),
    ) {
        case(async {
            let unbroken = approving(meddled(&portal, &first, &hands).await);
            unbroken.bench.apply(&second.desired()).await;
            let stage = approving(meddled(&portal, &first, &hands).await);
            for k in kills {
                stage.bench.apply_killed_after(k, &second.desired()).await;
            }
            let applied = stage.bench.apply(&second.desired()).await;
            prop_assert!(applied.report.final_plan_empty, "{:?}", applied.outcomes());
            prop_assert_eq!(stage.portal.picture(), unbroken.portal.picture());
            prop_assert_eq!(stage.portal.all_invitations(), unbroken.portal.all_invitations());
            Ok(())
        })?;
    }

    /// The same on a portal that shows its writes a minute late: nothing is made twice because it was not seen.
    #[test]
    fn a_portal_that_is_late_never_gets_anything_twice(
        portal in portal(), first in fleet(), hands in meddling(), second in fleet(), kills in vec((1..30usize, 0..90i64), 0..3),
    ) {
        case(async {
            let portal = (Capabilities { consistency_window: Duration::from_secs(60), ..portal.0 }, portal.1);
            let ready = async || {
                let stage = approving(meddled(&portal, &first, &[]).await);
                stage.bench.clock.forward(100);
                meddle(&stage.portal, &hands);
                stage.bench.clock.forward(100);
                stage
            };
            let (unbroken, stage) = (ready().await, ready().await);
            for (k, pause) in kills {
                stage.bench.apply_killed_after(k, &second.desired()).await;
                stage.bench.clock.forward(pause);
            }
            for stage in [&unbroken, &stage] {
                for _ in 0..4 {
                    stage.bench.apply(&second.desired()).await;
                    stage.bench.clock.forward(100);
                }
                let last = stage.bench.apply(&second.desired()).await;
                prop_assert_eq!(changes(&last.plan), Vec::<String>::new());
                // A tenant that is not declared is not read, so what was begun there stays open.
                let open = second.desired().tenants.keys().map(|t| stage.bench.ledger.of("main", t.as_str()).intents.len()).sum::<usize>();
                prop_assert_eq!(open, 0);
            }
            prop_assert_eq!(stage.portal.picture(), unbroken.portal.picture());
            prop_assert_eq!(stage.portal.all_invitations(), unbroken.portal.all_invitations());
            Ok(())
        })?;
    }

    /// Whatever goes wrong with single requests, running again converges and makes nothing twice.
    #[test]
    fn faults_anywhere_converge(
        portal in portal(), first in fleet(), hands in meddling(), second in fleet(), faults in vec((0..20usize, fault()), 1..5),
    ) {
        case(async {
            let unbroken = approving(meddled(&portal, &first, &hands).await);
            unbroken.bench.apply(&second.desired()).await;
            let stage = approving(meddled(&portal, &first, &hands).await);
            faults.iter().for_each(|(nth, fault)| stage.portal.fault(*nth, *fault));
            let mut last = stage.bench.apply(&second.desired()).await;
            for _ in 0..faults.len() {
                last = stage.bench.apply(&second.desired()).await;
            }
            prop_assert!(last.report.final_plan_empty, "{:?}", last.outcomes());
            prop_assert_eq!(stage.portal.picture(), unbroken.portal.picture());
            prop_assert_eq!(stage.portal.all_invitations(), unbroken.portal.all_invitations());
            Ok(())
        })?;
    }

    /// Nothing out of scope changes: not in the portal, not in the ledger.
    #[test]
    fn nothing_out_of_scope_changes(portal in portal(), first in fleet(), hands in meddling(), second in fleet(), scope in scope()) {
        case(async {
            let mut stage = approving(meddled(&portal, &first, &hands).await);
            let rows = |stage: &Stage, scope: &Scope| -> Vec<_> {
                stage.bench.ledger.rows().into_iter().filter(|r| !scope.address(&r.address)).collect()
            };
            let before = rows(&stage, &scope);
            stage.bench.scope = scope.clone();
            stage.bench.apply(&second.desired()).await;
            prop_assert_eq!(rows(&stage, &scope), before);
            for call in stage.portal.took() {
                for at in called(&call) {
                    prop_assert!(scope.address(&at), "{} is out of scope", call);
                }
            }
            Ok(())
        })?;
    }

    /// In a world in which everything is against us, what must never be called is not called.
    #[test]
    fn what_must_never_happen_does_not_happen(world in hostile(), first in fleet(), hands in meddling(), second in fleet()) {
        case(async {
            let limits = Limits { max_deletes_per_kind: world.limit, max_deletes_per_tenant: world.limit + 1, ..Limits::default() };
            let stage = meddled(&world.portal, &first, &hands).await.spec(|s| s.limits = limits);
            let stage = if world.approving { approving(stage) } else { stage };
            world.prepare(&stage);
            let rows: BTreeMap<_, _> = stage.bench.ledger.rows().into_iter().map(|r| (r.address.clone(), r)).collect();
            let untouchable = (strangers(&stage.portal), marked(&stage.portal));
            let applied = stage.bench.apply(&second.desired()).await;
            let deleting: BTreeSet<_> = applied.plan.units.iter().flat_map(|u| &u.changes).filter(|c| c.has(Action::Delete)).map(|c| &c.address).collect();
            let mut deleted: BTreeMap<(Name, Kind), u64> = BTreeMap::new();
            for call in stage.portal.took() {
                for at in called(&call) {
                    let made_or_taken = call.starts_with("create") || call.starts_with("delete");
                    prop_assert!(!(made_or_taken && world.partial.contains(&at.kind)), "{} though the list is short", call);
                    if call.starts_with("delete") {
                        let row = rows.get(&at);
                        prop_assert!(row.is_some_and(|r| &*r.owner == "us" && !r.protected && r.origin == Origin::Created), "{}: {:?}", call, row);
                        prop_assert!(deleting.contains(&at), "{} and the plan does not say so", call);
                        prop_assert!(second.customers.contains_key(&at.tenant.as_str()[1..].parse().unwrap()), "{} of an orphaned tenant", call);
                        *deleted.entry((at.tenant.clone(), at.kind)).or_default() += 1;
                    }
                }
            }
            prop_assert!(world.approving || deleted.values().all(|n| *n <= world.limit), "{:?} beyond {}", deleted, world.limit);
            prop_assert_eq!((strangers(&stage.portal), marked(&stage.portal)), untouchable);
            Ok(())
        })?;
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Retry(None)),
        Just(Fault::Retry(Some(Duration::from_secs(30)))),
        Just(Fault::Retry(Some(Duration::from_secs(3600)))),
        Just(Fault::UncertainBefore),
        Just(Fault::UncertainAfter),
        Just(Fault::Refused),
        Just(Fault::Denied),
        Just(Fault::PanicBefore),
        Just(Fault::PanicAfter),
        Just(Fault::NoAnswer),
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    let glob = |text: &str| Pattern::new(text).unwrap();
    prop_oneof![
        (0..4u8).prop_map(move |n| Scope { tenants: vec![glob(&format!("t{n}"))], ..Scope::default() }),
        Just(Scope { kinds: vec![Kind::User], ..Scope::default() }),
        Just(Scope { kinds: vec![Kind::Role, Kind::Organization], ..Scope::default() }),
        (0..4u8, 0..4u8).prop_map(move |(t, u)| Scope { targets: vec![glob(&format!("t{t}/user/u{u}"))], ..Scope::default() }),
        (0..4u8).prop_map(move |n| Scope { excludes: vec![glob(&format!("t{n}/*")), glob("*/role/r0")], ..Scope::default() }),
    ]
}

/// A portal and a ledger in which not everything is well.
#[derive(Debug, Clone)]
struct Hostile {
    portal: (Capabilities, Manners),
    partial: BTreeSet<Kind>,
    lost: BTreeSet<u8>,
    protected: Vec<Index>,
    adopted: Vec<Index>,
    others: Vec<Index>,
    marked: Vec<Index>,
    limit: u64,
    approving: bool,
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let kinds = proptest::sample::subsequence(vec![Kind::Role, Kind::User, Kind::Gateway], 0..3);
    let some = || vec(any::<Index>(), 0..3);
    let parts = (portal(), kinds, btree_set(0..4u8, 0..2), some(), some(), some(), some(), 0..3u64, any::<bool>());
    parts.prop_map(|(portal, partial, lost, protected, adopted, others, marked, limit, approving)| {
        let partial = partial.into_iter().collect();
        Hostile { portal, partial, lost, protected, adopted, others, marked, limit, approving }
    })
}

impl Hostile {
    fn prepare(&self, stage: &Stage) {
        let ledger = &stage.bench.ledger;
        self.lost.iter().for_each(|n| ledger.edit("main", &format!("t{n}"), |l| *l = LedgerState::default()));
        let rows: Vec<_> = ledger.rows().into_iter().map(|r| r.address.to_string()).collect();
        let pick = |at: &Index| at.get(&rows).clone();
        self.protected.iter().for_each(|at| ledger.edit_row("main", &pick(at), |r| r.protected = true));
        self.adopted.iter().for_each(|at| ledger.edit_row("main", &pick(at), |r| r.origin = Origin::Adopted));
        self.others.iter().for_each(|at| ledger.edit_row("main", &pick(at), |r| r.owner = "them".into()));
        let there = stage.portal.has();
        for at in &self.marked {
            let line: Vec<_> = at.get(&there).split(' ').collect();
            let kind = Kind::from_slug(line[1]).unwrap();
            stage.portal.alter(line[0], kind, line[2], |o| Some(LiveObject { owner: Some("them".into()), ..o }));
        }
        stage.portal.behave(|m| m.partial = self.partial.iter().map(|kind| (*kind, "cut short".to_owned())).collect());
    }
}

/// What another installation has marked, with all its fields.
fn marked(portal: &Scripted) -> Vec<String> {
    portal.picture_of(|o| o.owner.as_deref() == Some("them"))
}

/// The addresses that a call of the log is about.
fn called(call: &str) -> Vec<Address> {
    call.split(' ').skip(1).filter(|word| *word != "+").map(address).collect()
}

/// The stories above can be told at all: a law about nothing holds always.
#[tokio::test]
async fn the_cases_have_something_to_say() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut planned, mut deletes, mut updates) = (0, 0, 0);
    for _ in 0..32 {
        let (portal, first, hands, second) = (portal(), fleet(), meddling(), fleet()).new_tree(&mut runner).unwrap().current();
        let stage = meddled(&portal, &first, &hands).await;
        let lines = changes(&stage.plan(&second.desired()).await);
        planned += lines.len();
        deletes += lines.iter().filter(|l| l.ends_with("delete")).count();
        updates += lines.iter().filter(|l| l.contains("update")).count();
    }
    assert!(planned > 200 && deletes > 20 && updates > 30, "{planned} {deletes} {updates}");
}

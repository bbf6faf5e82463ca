//! Whatever is written, in whatever order: both stores have what a plain model has, and refuse what it refuses.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

type Unit = (PortalName, TenantName);

/// The ledger as one would explain it: a map, and what each write does to it.
#[derive(Clone, Default)]
struct Model {
    /// Without the items of work orders.
    states: BTreeMap<Unit, LedgerState>,
    /// In the order in which they were given out.
    items: Vec<(PortalName, WorkItem)>,
    trail: Vec<AuditRecord>,
    serial: u64,
}

impl Model {
    /// Carries out a commit, or answers `false` and is as it was.
    fn commit(&mut self, writes: &[Write]) -> bool {
        let mut next = self.clone();
        let done = writes.iter().all(|write| next.write(write.clone()));
        if done && !writes.is_empty() {
            next.serial += 1;
            *self = next;
        }
        done
    }

    fn at(&mut self, portal: &PortalName, tenant: &TenantName) -> &mut LedgerState {
        self.states.entry((portal.clone(), tenant.clone())).or_default()
    }

    fn write(&mut self, write: Write) -> bool {
        match write {
            Write::Intend(portal, intent) => {
                let intents = &mut self.at(&portal, &intent.address.tenant).intents;
                match intents.iter_mut().find(|i| i.id == intent.id) {
                    Some(known) => *known = intent,
                    None => intents.push(intent),
                }
            }
            Write::Settle(portal, tenant, id) => self.at(&portal, &tenant).intents.retain(|i| i.id != id),
            Write::MarkUnknown(portal, tenant, id) => match self.at(&portal, &tenant).intents.iter_mut().find(|i| i.id == id) {
                Some(intent) => intent.unknown = true,
                None => return false,
            },
            Write::Put(portal, row) => {
                self.at(&portal, &row.address.tenant).rows.insert(row.address.clone(), *row);
            }
            Write::Move(portal, from, to) => return self.relocate(&portal, &from, &to),
            Write::Remove(portal, address, tombstone) => {
                self.at(&portal, &address.tenant).rows.remove(&address);
                if let Some(tombstone) = tombstone {
                    self.at(&portal, &tombstone.address.tenant).tombstones.insert(0, tombstone);
                }
            }
            Write::Attest(portal, attestation) => {
                let known = &mut self.at(&portal, &attestation.address.tenant).attestations;
                if known.get(&attestation.address).is_none_or(|k| k.at <= attestation.at) {
                    known.insert(attestation.address.clone(), attestation);
                }
            }
            Write::Unattest(portal, address) => drop(self.at(&portal, &address.tenant).attestations.remove(&address)),
            Write::Work(portal, item) => {
                match self.items.iter_mut().find(|(p, i)| (p, unit_and_intent(i)) == (&portal, unit_and_intent(&item))) {
                    Some((_, known)) => *known = *item,
                    None => self.items.push((portal, *item)),
                }
            }
            Write::Observe(portal, tenant, name, seen) => {
                let known = &mut self.at(&portal, &tenant).observed;
                if known.get(&name).is_none_or(|k| k.at <= seen.at) {
                    known.insert(name, seen);
                }
            }
            Write::Audit(record) => self.trail.insert(0, record),
        }
        true
    }

    fn relocate(&mut self, portal: &PortalName, from: &Address, to: &Address) -> bool {
        if from == to || self.at(portal, &to.tenant).rows.contains_key(to) {
            return false;
        }
        let old = self.at(portal, &from.tenant);
        let Some(row) = old.rows.remove(from) else { return false };
        let attestation = old.attestations.remove(from);
        let moved: Vec<Intent> = old.intents.iter().filter(|i| i.address == *from).cloned().collect();
        if from.tenant == to.tenant {
            old.intents.iter_mut().filter(|i| i.address == *from).for_each(|i| i.address = to.clone());
        } else {
            old.intents.retain(|i| i.address != *from);
        }
        let new = self.at(portal, &to.tenant);
        if from.tenant != to.tenant && moved.iter().any(|m| new.intents.iter().any(|i| i.id == m.id)) {
            return false;
        }
        let taken: BTreeSet<_> =
            self.items.iter().filter(|(p, i)| p == portal && i.address.tenant == to.tenant).map(|(_, i)| i.intent.clone()).collect();
        let here = |(p, i): &&mut (PortalName, WorkItem)| p == portal && i.address == *from;
        for (_, item) in self.items.iter_mut().filter(here) {
            if from.tenant != to.tenant && taken.contains(&item.intent) {
                return false;
            }
            let [own, ..] = &mut item.records[..] else { panic!("an item has a record") };
            own.address = to.clone();
            own.row.iter_mut().for_each(|row| row.address = to.clone());
            item.address = to.clone();
        }
        let new = self.states.entry((portal.clone(), to.tenant.clone())).or_default();
        new.rows.insert(to.clone(), LedgerRow { address: to.clone(), ..row });
        new.attestations.remove(to);
        new.attestations.extend(attestation.map(|a| (to.clone(), Attestation { address: to.clone(), ..a })));
        if from.tenant != to.tenant {
            new.intents.extend(moved.into_iter().map(|i| Intent { address: to.clone(), ..i }));
        }
        true
    }

    /// What a reader sees: oldest intent and newest tombstone first.
    fn state(&self, unit: &Unit) -> LedgerState {
        let mut state = self.states.get(unit).cloned().unwrap_or_default();
        state.intents.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        state.tombstones.sort_by_key(|t| std::cmp::Reverse(t.at));
        let waits = |i: &WorkItem| {
            let follows = i.calls_follow && matches!(i.state, WorkState::Confirmed { .. });
            i.state.keeps_intent() || (follows && state.intents.iter().any(|open| open.id == i.intent))
        };
        let here = self.items.iter().filter(|(p, i)| (p, &i.address.tenant) == (&unit.0, &unit.1) && waits(i));
        state.work = here.map(|(_, i)| (i.intent.clone(), i.clone())).collect();
        state
    }
}

fn unit_and_intent(item: &WorkItem) -> (&TenantName, &str) {
    (&item.address.tenant, &item.intent)
}

fn an_item() -> impl Strategy<Value = WorkItem> {
    let state = prop::sample::select(vec![WorkState::Open, confirmed(), failed(), skipped()]);
    (an_intent_id(), an_address(), any::<bool>(), state, 0..3_i64).prop_map(|(id, address, calls_follow, state, given)| WorkItem {
        calls_follow,
        state,
        ..item(&id, &address.to_string(), given)
    })
}

fn an_address() -> impl Strategy<Value = Address> {
    let tenant = prop::sample::select(vec!["acme", "beta"]);
    let kind = prop::sample::select(vec!["user", "monitored-system"]);
    (tenant, kind, prop::sample::select(vec!["a", "b", "c"])).prop_map(|(t, k, n)| address(&format!("{t}/{k}/{n}")))
}

fn a_portal() -> impl Strategy<Value = PortalName> {
    prop::sample::select(vec!["main", "other"]).prop_map(name)
}

fn digests() -> impl Strategy<Value = Vec<(Box<str>, Digest)>> {
    prop::collection::btree_map("[a-z]{0,5}(\\.é)?", any::<[u8; 16]>(), 0..4)
        .prop_map(|m| m.into_iter().map(|(path, bytes)| (path.into(), Digest(bytes))).collect())
}

fn a_row() -> impl Strategy<Value = LedgerRow> {
    (an_address(), prop::option::of("[a-z0-9]{0,4}"), "\\PC{0,6}", any::<[bool; 3]>(), digests(), digests()).prop_map(
        |(address, id, key, [adopted, released, protected], applied, secrets)| LedgerRow {
            address,
            id: id.map(Into::into),
            key: key.into(),
            owner: "somebody".into(),
            origin: if adopted { Origin::Adopted } else { Origin::Created },
            released,
            protected,
            applied,
            secrets,
        },
    )
}

fn an_intent_id() -> impl Strategy<Value = Box<str>> {
    prop::sample::select(vec!["i-1", "i-2", "i-3"]).prop_map(Into::into)
}

fn a_write() -> impl Strategy<Value = Write> {
    // Few moments, so that there are ties; intents of one moment have no order of their own, hence each id its own.
    let began = |id: &str| 10 * i64::from(id.as_bytes()[2] - b'0');
    let intent = (a_portal(), an_intent_id(), an_address(), any::<bool>(), prop::option::of("[a-z]{1,3}"));
    prop_oneof![
        2 => intent.prop_map(move |(portal, id, address, unknown, object)| {
            let object = object.map(Into::into);
            Write::Intend(portal, Intent { unknown, object, ..self::intent(&id, &address.to_string(), began(&id)) })
        }),
        1 => (a_portal(), an_address(), an_intent_id()).prop_map(|(p, a, id)| Write::Settle(p, a.tenant, id)),
        1 => (a_portal(), an_address(), an_intent_id()).prop_map(|(p, a, id)| Write::MarkUnknown(p, a.tenant, id)),
        4 => (a_portal(), a_row()).prop_map(|(p, row)| Write::Put(p, row.into())),
        2 => (a_portal(), an_address(), an_address()).prop_map(|(p, from, to)| Write::Move(p, from, to)),
        1 => (a_portal(), an_address(), prop::option::of(0..3_i64))
            .prop_map(|(p, a, went)| Write::Remove(p, a.clone(), went.map(|t| tombstone(&a.to_string(), t)))),
        2 => (a_portal(), an_address(), any::<bool>(), 0..3_i64)
            .prop_map(|(p, a, present, t)| Write::Attest(p, attestation(&a.to_string(), present, t))),
        3 => (a_portal(), an_item()).prop_map(|(p, item)| Write::Work(p, item.into())),
        1 => (a_portal(), an_address(), prop::sample::select(vec!["users", "licences"]), 0..3_i64)
            .prop_map(|(p, a, name, seen)| Write::Observe(p, a.tenant, name.into(), observation(&seen.to_string(), seen))),
        1 => (an_address(), "[a-z]{0,4}").prop_map(|(a, result)| Write::Audit(audit(&a.to_string(), &result))),
    ]
}

async fn check_as_the_model(store: &Store, commits: &[Vec<Write>]) {
    let every: Vec<Unit> = ["main", "other"].iter().flat_map(|p| ["acme", "beta"].map(|t| (name(p), name(t)))).collect();
    let ledger = store.open().await;
    let lock = ledger.lock(&every, &Holder::current("apply"), at(0), LEASE).await.unwrap();
    let mut model = Model::default();
    for writes in commits {
        let done = ledger.commit(&lock, writes.clone()).await;
        assert_eq!(done.is_ok(), model.commit(writes), "{done:?}");
    }
    for unit in &every {
        let found = ledger.read(&unit.0, std::slice::from_ref(&unit.1)).await.unwrap().remove(0);
        assert_eq!(found, model.state(unit), "{unit:?}");
    }
    let mut items = model.items.clone();
    items.sort_by_key(|(_, item)| std::cmp::Reverse(item.given));
    assert_eq!(ledger.work(WorkWanted::All).await.unwrap(), items);
    assert_eq!(ledger.audit(usize::MAX).await.unwrap(), model.trail);
    assert_eq!(ledger.identity().await.unwrap().serial, model.serial);
    let known = |s: &LedgerState| !(s.rows.is_empty() && s.intents.is_empty() && s.attestations.is_empty());
    let tenants: Vec<Unit> = every.iter().filter(|u| known(&model.state(u))).cloned().collect();
    assert_eq!(ledger.tenants().await.unwrap(), tenants);
    let secrets = every.iter().any(|u| model.state(u).rows.values().any(|r| !r.secrets.is_empty()));
    assert_eq!(ledger.holds_secrets().await.unwrap(), secrets);
}

fn check_law<F: Future<Output = Store>>(cases: u32, new: impl Fn() -> F) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let commits = vec(vec(a_write(), 0..8), 1..8);
    let law = TestRunner::new(config).run(&commits, |commits| {
        runtime.block_on(async { check_as_the_model(&new().await, &commits).await });
        Ok(())
    });
    law.unwrap();
}

#[test]
fn sqlite_has_what_the_model_has() {
    check_law(64, Store::sqlite);
}

#[test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
fn postgres_has_what_the_model_has() {
    check_law(32, Store::postgres);
}

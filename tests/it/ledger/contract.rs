//! What all stores promise, word for word the same.

use tenantry::model::ledger::applied_digest;

use super::locks::*;
use super::work::*;
use super::*;

macro_rules! on_every_store {
    ($($promise:ident)*) => {
        mod sqlite_store {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(super::Store::sqlite().await).await;
            })*
        }
        mod postgres_store {
            $(#[tokio::test]
            #[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
            async fn $promise() {
                super::$promise(super::Store::postgres().await).await;
            })*
        }
        mod kubernetes_store {
            $(#[tokio::test]
            #[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
            async fn $promise() {
                super::$promise(super::Store::kubernetes().await).await;
            })*
        }
    };
}

on_every_store! {
    a_ledger_that_is_not_there_reads_as_empty
    a_reader_sees_what_is_committed_and_changes_nothing
    rows_are_put_changed_moved_and_removed
    a_move_takes_intents_and_attestation_along
    a_move_from_nowhere_or_onto_a_row_is_a_conflict_and_changes_nothing
    all_parts_of_a_row_survive_a_reopen
    protection_and_release_outlast_what_set_them
    a_row_without_an_owner_is_refused
    a_row_of_another_installation_keeps_its_owner
    intents_open_settle_and_become_unknown
    an_intent_begun_again_replaces_itself
    attestations_the_newest_wins
    tombstones_newest_first
    the_audit_trail_is_appended_newest_first
    the_serial_counts_commits_and_nothing_else
    the_installation_is_named_once_and_for_all
    a_commit_is_all_or_nothing
    a_commit_of_500_writes_is_one_commit
    no_writes_are_no_commit
    states_come_in_the_order_asked_for
    tenants_are_all_that_have_something
    secrets_are_known_to_be_recorded
    a_lock_keeps_others_out_until_it_is_let_go
    locks_are_all_or_none
    a_lock_is_taken_over_when_its_lease_is_over
    a_renewed_lock_is_not_taken_over
    a_lock_is_taken_over_from_a_dead_process
    a_lock_taken_over_is_lost_as_a_whole
    a_lock_is_broken_by_its_id_alone
    nothing_is_committed_under_a_lost_lock
    nothing_is_committed_outside_the_lock
    of_two_who_want_the_same_lock_one_gets_it
    two_who_open_a_new_ledger_agree_on_it
    commits_under_different_locks_all_count
    a_new_ledger_takes_the_place_of_a_lost_one
    a_ledger_that_has_anything_takes_nobodys_place
    only_an_installation_id_is_claimed
    an_item_is_kept_as_it_is_and_replaced_by_its_intent
    an_item_counts_while_it_keeps_its_intent
    items_come_newest_first_over_all_tenants_and_portals
    a_move_takes_items_along_and_what_they_will_record
    observations_the_newest_wins
    items_and_observations_need_the_lock
}

async fn a_ledger_that_is_not_there_reads_as_empty(store: Store) {
    let reader = store.reader().await;
    let identity = reader.identity().await.unwrap();
    assert_eq!((&*identity.installation, identity.serial), ("", 0));
    assert_eq!(reader.read(&portal(), &[name("acme"), name("beta")]).await.unwrap(), vec![LedgerState::default(); 2]);
    assert_eq!(reader.tenants().await.unwrap(), vec![]);
    assert_eq!(reader.locks().await.unwrap(), vec![]);
    assert_eq!(reader.audit(10).await.unwrap(), vec![]);
    assert_eq!(reader.work(WorkWanted::All).await.unwrap(), vec![]);
    assert!(!reader.holds_secrets().await.unwrap());
}

async fn a_reader_sees_what_is_committed_and_changes_nothing(store: Store) {
    let ledger = store.open().await;
    let lock = take(&*ledger, &["acme"]).await;
    let reader = store.reader().await;
    ledger.commit(&lock, vec![Write::Put(portal(), row("acme/user/alice").into())]).await.unwrap();
    assert_eq!(state(&*reader, "acme").await, state(&*ledger, "acme").await);
    assert_eq!(state(&*reader, "acme").await.rows.len(), 1);
    assert_eq!(reader.identity().await.unwrap(), ledger.identity().await.unwrap());
    assert_eq!(reader.locks().await.unwrap(), ledger.locks().await.unwrap());
}

async fn rows_are_put_changed_moved_and_removed(store: Store) {
    let ledger = store.open().await;
    let (alice, al) = (row("acme/user/alice"), row("acme/user/al"));
    commit(&*ledger, vec![Write::Put(portal(), alice.clone().into())]).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await.rows, [(alice.address.clone(), alice.clone())].into());

    let changed = LedgerRow { id: None, key: "other".into(), applied: vec![], ..alice.clone() };
    commit(&*ledger, vec![Write::Put(portal(), changed.clone().into())]).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await.rows, [(alice.address.clone(), changed.clone())].into());

    commit(&*ledger, vec![Write::Move(portal(), alice.address.clone(), al.address.clone())]).await.unwrap();
    let moved = LedgerRow { address: al.address.clone(), ..changed };
    assert_eq!(state(&*ledger, "acme").await.rows, [(al.address.clone(), moved)].into());

    let grave = tombstone("acme/user/al", 5);
    commit(&*ledger, vec![Write::Remove(portal(), al.address.clone(), Some(grave.clone()))]).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await, LedgerState { tombstones: vec![grave], ..LedgerState::default() });
}

async fn a_move_takes_intents_and_attestation_along(store: Store) {
    let ledger = store.open().await;
    let (from, to) = (address("acme/user/alice"), address("beta/user/al"));
    let mut writes = vec![Write::Put(portal(), row("acme/user/alice").into())];
    writes.push(Write::Intend(portal(), intent("i-1", "acme/user/alice", 1)));
    writes.push(Write::Intend(portal(), intent("i-2", "acme/user/bob", 2)));
    writes.push(Write::Attest(portal(), attestation("acme/user/alice", true, 1)));
    writes.push(Write::Attest(portal(), attestation("beta/user/al", false, 9)));
    writes.push(Write::Move(portal(), from, to.clone()));
    commit(&*ledger, writes).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await, LedgerState { intents: vec![intent("i-2", "acme/user/bob", 2)], ..LedgerState::default() });
    let expected = LedgerState {
        rows: [(to.clone(), row("beta/user/al"))].into(),
        intents: vec![intent("i-1", "beta/user/al", 1)],
        attestations: [(to, attestation("beta/user/al", true, 1))].into(),
        ..LedgerState::default()
    };
    assert_eq!(state(&*ledger, "beta").await, expected);
}

async fn a_move_from_nowhere_or_onto_a_row_is_a_conflict_and_changes_nothing(store: Store) {
    let ledger = store.open().await;
    let puts = ["acme/user/alice", "acme/user/bob"].map(|a| Write::Put(portal(), row(a).into()));
    commit(&*ledger, puts.into()).await.unwrap();
    let before = state(&*ledger, "acme").await;
    for (from, to, why) in [
        ("acme/user/carol", "acme/user/dora", "acme/user/carol cannot move: portal main has no row there"),
        ("acme/user/alice", "acme/user/bob", "acme/user/alice cannot move to acme/user/bob: portal main has a row there already"),
        ("acme/user/alice", "acme/user/alice", "acme/user/alice cannot move to itself"),
    ] {
        let done = commit(&*ledger, vec![Write::Move(portal(), address(from), address(to))]).await;
        assert_eq!(done, Err(LedgerError::Conflict(why.to_owned())));
    }
    assert_eq!(state(&*ledger, "acme").await, before);
    assert_eq!(ledger.identity().await.unwrap().serial, 1);
}

async fn all_parts_of_a_row_survive_a_reopen(store: Store) {
    let mut full = row("acme/monitored-system/db-1");
    full.origin = Origin::Adopted;
    full.released = true;
    full.protected = true;
    full.applied = (0..40).map(|n| (format!("labels.{n:02}").into(), Digest::of(&[n]))).collect();
    full.secrets = vec![("secrets.token".into(), Digest([0xff; 16]))];
    full.key = "schlüssel".into();
    {
        let ledger = store.open().await;
        commit(&*ledger, vec![Write::Put(portal(), full.clone().into())]).await.unwrap();
    }
    let found = state(&*store.open().await, "acme").await.rows;
    assert_eq!(found, [(full.address.clone(), full.clone())].into());
    assert_eq!(applied_digest(&found[&full.address].applied, "labels.07"), Some(Digest::of(&[7])));
}

async fn protection_and_release_outlast_what_set_them(store: Store) {
    let ledger = store.open().await;
    for (protected, released) in [(true, false), (true, true), (false, true), (false, false)] {
        let set = LedgerRow { protected, released, ..row("acme/user/alice") };
        commit(&*ledger, vec![Write::Put(portal(), set.into())]).await.unwrap();
        let found = state(&*store.reader().await, "acme").await.rows.remove(&address("acme/user/alice")).unwrap();
        assert_eq!((found.protected, found.released), (protected, released));
    }
}

async fn a_row_without_an_owner_is_refused(store: Store) {
    let ledger = store.open().await;
    let nobodys = LedgerRow { owner: "".into(), ..row("acme/user/alice") };
    let done = commit(&*ledger, vec![Write::Put(portal(), nobodys.into())]).await;
    let why = "acme/user/alice has no owner: an object without one would be anybody's";
    assert_eq!(done, Err(LedgerError::Conflict(why.to_owned())));
}

async fn a_row_of_another_installation_keeps_its_owner(store: Store) {
    let ledger = store.open().await;
    let ours = LedgerRow { owner: ledger.identity().await.unwrap().installation, ..row("acme/user/alice") };
    let theirs = LedgerRow { owner: "another".into(), ..row("acme/user/bob") };
    commit(&*ledger, [ours.clone(), theirs.clone()].map(|r| Write::Put(portal(), r.into())).into()).await.unwrap();
    let expected = [ours, theirs].map(|r| (r.address.clone(), r));
    assert_eq!(state(&*ledger, "acme").await.rows, expected.into());
}

async fn intents_open_settle_and_become_unknown(store: Store) {
    let ledger = store.open().await;
    // Begun in another order than recorded: the oldest comes first.
    let (first, second) = (intent("i-1", "acme/user/alice", 5), intent("i-2", "acme/user/bob", 3));
    commit(&*ledger, [first.clone(), second.clone()].map(|i| Write::Intend(portal(), i)).into()).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await.intents, vec![second.clone(), first.clone()]);

    commit(&*ledger, vec![Write::MarkUnknown(portal(), name("acme"), "i-2".into())]).await.unwrap();
    let unknown = Intent { unknown: true, ..second };
    assert_eq!(state(&*ledger, "acme").await.intents, vec![unknown.clone(), first]);

    commit(&*ledger, vec![Write::Settle(portal(), name("acme"), "i-1".into())]).await.unwrap();
    assert_eq!(state(&*store.reader().await, "acme").await.intents, vec![unknown]);

    let missing = commit(&*ledger, vec![Write::MarkUnknown(portal(), name("acme"), "i-1".into())]).await;
    assert_eq!(missing, Err(LedgerError::Conflict("acme in portal main has no open intent i-1".to_owned())));
    commit(&*ledger, vec![Write::Settle(portal(), name("acme"), "i-1".into())]).await.unwrap();
}

async fn an_intent_begun_again_replaces_itself(store: Store) {
    let ledger = store.open().await;
    let again = Intent { object: Some("id-7".into()), ..intent("i-1", "acme/user/alice", 9) };
    let unknown = Intent { unknown: true, ..intent("i-1", "acme/user/alice", 1) };
    commit(&*ledger, vec![Write::Intend(portal(), unknown), Write::Intend(portal(), again.clone())]).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await.intents, vec![again]);
}

async fn attestations_the_newest_wins(store: Store) {
    let ledger = store.open().await;
    let newest = attestation("acme/user/alice", true, 20);
    for recorded in [attestation("acme/user/alice", false, 10), newest.clone(), attestation("acme/user/alice", false, 15)] {
        commit(&*ledger, vec![Write::Attest(portal(), recorded)]).await.unwrap();
    }
    assert_eq!(state(&*ledger, "acme").await.attestations, [(newest.address.clone(), newest)].into());
    // A correction in the same second counts.
    let corrected = attestation("acme/user/alice", false, 20);
    commit(&*ledger, vec![Write::Attest(portal(), corrected.clone())]).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await.attestations, [(corrected.address.clone(), corrected)].into());
}

async fn tombstones_newest_first(store: Store) {
    let ledger = store.open().await;
    let graves = [("acme/user/alice", 1), ("acme/user/bob", 3), ("acme/user/carol", 2)].map(|(a, t)| tombstone(a, t));
    let removals = graves.clone().map(|grave| Write::Remove(portal(), grave.address.clone(), Some(grave)));
    commit(&*ledger, removals.into()).await.unwrap();
    let [alice, bob, carol] = graves;
    assert_eq!(state(&*ledger, "acme").await.tombstones, vec![bob, carol, alice]);
}

async fn the_audit_trail_is_appended_newest_first(store: Store) {
    let ledger = store.open().await;
    let records = ["first", "second", "third"].map(|result| audit("acme/user/alice", result));
    commit(&*ledger, records[..2].iter().cloned().map(Write::Audit).collect()).await.unwrap();
    commit(&*ledger, vec![Write::Audit(records[2].clone())]).await.unwrap();
    let [first, second, third] = records;
    assert_eq!(ledger.audit(2).await.unwrap(), vec![third.clone(), second.clone()]);
    assert_eq!(store.reader().await.audit(usize::MAX).await.unwrap(), vec![third, second, first]);
}

async fn the_serial_counts_commits_and_nothing_else(store: Store) {
    let ledger = store.open().await;
    let serial = async || ledger.identity().await.unwrap().serial;
    assert_eq!(serial().await, 0);
    let lock = take(&*ledger, &["acme"]).await;
    ledger.renew(&lock, at(1), LEASE).await.unwrap();
    assert_eq!(serial().await, 0);
    for expected in 1..=3 {
        ledger.commit(&lock, vec![Write::Audit(audit("acme/user/alice", "done"))]).await.unwrap();
        assert_eq!(serial().await, expected);
    }
    ledger.unlock(&lock).await.unwrap();
    assert_eq!(serial().await, 3);
}

async fn the_installation_is_named_once_and_for_all(store: Store) {
    let installation = store.open().await.identity().await.unwrap().installation;
    assert!(uuid::Uuid::parse_str(&installation).is_ok(), "{installation}");
    assert_eq!(store.open().await.identity().await.unwrap().installation, installation);
}

async fn a_commit_is_all_or_nothing(store: Store) {
    let ledger = store.open().await;
    let done = commit(
        &*ledger,
        vec![
            Write::Put(portal(), row("acme/user/alice").into()),
            Write::Intend(portal(), intent("i-1", "acme/user/alice", 1)),
            Write::Attest(portal(), attestation("acme/user/alice", true, 1)),
            Write::Audit(audit("acme/user/alice", "done")),
            Write::Remove(portal(), address("acme/user/bob"), Some(tombstone("acme/user/bob", 1))),
            Write::MarkUnknown(portal(), name("acme"), "nothing".into()),
        ],
    )
    .await;
    assert!(matches!(done, Err(LedgerError::Conflict(_))), "{done:?}");
    assert_eq!(state(&*ledger, "acme").await, LedgerState::default());
    assert_eq!(ledger.audit(9).await.unwrap(), vec![]);
    assert_eq!(ledger.identity().await.unwrap().serial, 0);
}

async fn a_commit_of_500_writes_is_one_commit(store: Store) {
    let ledger = store.open().await;
    let writes = (0..500).map(|n| Write::Put(portal(), row(&format!("acme/user/u-{n}")).into())).collect();
    commit(&*ledger, writes).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await.rows.len(), 500);
    assert_eq!(ledger.identity().await.unwrap().serial, 1);
}

async fn no_writes_are_no_commit(store: Store) {
    let ledger = store.open().await;
    commit(&*ledger, vec![]).await.unwrap();
    assert_eq!(ledger.identity().await.unwrap().serial, 0);
}

async fn states_come_in_the_order_asked_for(store: Store) {
    let ledger = store.open().await;
    let tenants: Vec<_> = (0..1200).map(|n| format!("t-{n}")).collect();
    let locked: Vec<&str> = tenants.iter().map(String::as_str).collect();
    let lock = take(&*ledger, &locked).await;
    let writes = tenants.iter().map(|t| Write::Put(portal(), row(&format!("{t}/user/alice")).into())).collect();
    ledger.commit(&lock, writes).await.unwrap();
    let mut asked: Vec<_> = tenants.iter().rev().map(|t| name(t)).collect();
    asked.push(name("nobody"));
    asked.push(name("t-7"));
    let states = ledger.read(&portal(), &asked).await.unwrap();
    let answered: Vec<_> = states.iter().map(|s| s.rows.keys().next().map(|a| a.tenant.to_string())).collect();
    let mut expected: Vec<_> = tenants.iter().rev().cloned().map(Some).collect();
    expected.extend([None, Some("t-7".to_owned())]);
    assert_eq!(answered, expected);
    assert_eq!(ledger.read(&name("other"), &[name("t-7")]).await.unwrap(), vec![LedgerState::default()]);
}

async fn tenants_are_all_that_have_something(store: Store) {
    let ledger = store.open().await;
    let other = name("other");
    let wanted = [units(&["b-1", "b", "c", "d", "e"]), vec![(other.clone(), name("a"))]].concat();
    let lock = ledger.lock(&wanted, &Holder::current("apply"), at(0), LEASE).await.unwrap();
    let writes = vec![
        Write::Put(portal(), row("b-1/user/alice").into()),
        Write::Put(portal(), row("b-1/user/bob").into()),
        Write::Put(portal(), row("b/user/alice").into()),
        Write::Intend(portal(), intent("i-1", "c/user/alice", 1)),
        Write::Attest(portal(), attestation("d/user/alice", true, 1)),
        Write::Remove(portal(), address("e/user/alice"), Some(tombstone("e/user/alice", 1))),
        Write::Put(other.clone(), row("a/user/alice").into()),
    ];
    ledger.commit(&lock, writes).await.unwrap();
    assert_eq!(ledger.tenants().await.unwrap(), [units(&["b", "b-1", "c", "d"]), vec![(other, name("a"))]].concat());
}

async fn secrets_are_known_to_be_recorded(store: Store) {
    let ledger = store.open().await;
    commit(&*ledger, vec![Write::Put(portal(), row("acme/user/alice").into())]).await.unwrap();
    assert!(!ledger.holds_secrets().await.unwrap());
    let secret = LedgerRow { secrets: vec![("secrets".into(), Digest([1; 16]))], ..row("acme/user/bob") };
    commit(&*ledger, vec![Write::Put(portal(), secret.into())]).await.unwrap();
    assert!(ledger.holds_secrets().await.unwrap());
}

async fn two_who_open_a_new_ledger_agree_on_it(store: Store) {
    let location = store.location.clone();
    let opened: Vec<_> =
        (0..6).map(|_| location.clone()).map(|l| tokio::spawn(async move { l.open().await.unwrap().identity().await })).collect();
    let mut installations = Vec::new();
    for one in opened {
        installations.push(one.await.unwrap().unwrap().installation);
    }
    installations.dedup();
    assert_eq!(installations.len(), 1);
}

async fn commits_under_different_locks_all_count(store: Store) {
    let mut running = Vec::new();
    for tenant in ["acme", "beta", "carl", "dora"] {
        let ledger = store.open().await;
        let lock = take(&*ledger, &[tenant]).await;
        running.push(tokio::spawn(async move {
            for n in 0..10 {
                ledger.commit(&lock, vec![Write::Put(portal(), row(&format!("{tenant}/user/u-{n}")).into())]).await.unwrap();
            }
        }));
    }
    for one in running {
        one.await.unwrap();
    }
    let ledger = store.reader().await;
    assert_eq!(ledger.identity().await.unwrap().serial, 40);
    for tenant in ["acme", "beta", "carl", "dora"] {
        assert_eq!(state(&*ledger, tenant).await.rows.len(), 10);
    }
}

const LOST: &str = "0b5f3c1e-8f5e-4f0a-9c55-3f2c6f1f7a10";

fn claimed() -> AuditRecord {
    AuditRecord { request: "ledger claim".to_owned(), ..audit("msp/portal/ledger", "done") }
}

async fn a_new_ledger_takes_the_place_of_a_lost_one(store: Store) {
    let ledger = store.open().await;
    ledger.claim(LOST, claimed()).await.unwrap();
    // Once more is not twice.
    ledger.claim(LOST, claimed()).await.unwrap();
    let identity = store.open().await.identity().await.unwrap();
    assert_eq!((&*identity.installation, identity.serial), (LOST, 1));
    assert_eq!(store.reader().await.audit(9).await.unwrap(), [claimed()]);
    let ours = LedgerRow { owner: LOST.into(), ..row("acme/user/alice") };
    commit(&*ledger, vec![Write::Put(portal(), ours.clone().into())]).await.unwrap();
    assert_eq!(state(&*store.reader().await, "acme").await.rows[&ours.address], ours);
}

async fn a_ledger_that_has_anything_takes_nobodys_place(store: Store) {
    let ledger = store.open().await;
    let before = ledger.identity().await.unwrap().installation;
    let refused = async || {
        let why = "the ledger is not empty: only a new one, with no row, intent, attestation or lock, can take another's place";
        assert_eq!(ledger.claim(LOST, claimed()).await, Err(LedgerError::Conflict(why.to_owned())));
        assert_eq!((ledger.identity().await.unwrap().installation, ledger.audit(9).await.unwrap()), (before.clone(), vec![]));
    };
    let at = address("acme/user/alice");
    commit(&*ledger, vec![Write::Put(portal(), row("acme/user/alice").into())]).await.unwrap();
    refused().await;
    let intend = Write::Intend(portal(), intent("i-1", "acme/user/alice", 1));
    commit(&*ledger, vec![Write::Remove(portal(), at, None), intend]).await.unwrap();
    refused().await;
    commit(&*ledger, vec![Write::Settle(portal(), name("acme"), "i-1".into())]).await.unwrap();
    let lock = take(&*ledger, &["acme"]).await;
    refused().await;
    ledger.commit(&lock, vec![Write::Attest(portal(), attestation("acme/user/alice", true, 1))]).await.unwrap();
    ledger.unlock(&lock).await.unwrap();
    refused().await;
}

async fn only_an_installation_id_is_claimed(store: Store) {
    let ledger = store.open().await;
    let before = ledger.identity().await.unwrap();
    for text in ["", "us", "0B5F3C1E-8F5E-4F0A-9C55-3F2C6F1F7A10", "0b5f3c1e-8f5e-4f0a-9c55-3f2c6f1f7a1"] {
        let why = format!("`{text}` is no installation id: give it as G010 or the lost ledger wrote it");
        assert_eq!(ledger.claim(text, claimed()).await, Err(LedgerError::Conflict(why)));
    }
    assert_eq!(ledger.identity().await.unwrap(), before);
}

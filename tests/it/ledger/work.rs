//! What both stores promise of work orders and observations; run by `contract`.

use super::*;

/// The intents of the items that the ledger has of a tenant, sorted.
async fn kept(ledger: &dyn Ledger, tenant: &str) -> Vec<String> {
    state(ledger, tenant).await.work.keys().map(ToString::to_string).collect()
}

pub(super) async fn an_item_is_kept_as_it_is_and_replaced_by_its_intent(store: Store) {
    let given = item("i-1", "acme/user/alice", 1);
    {
        let ledger = store.open().await;
        commit(&*ledger, vec![Write::Work(portal(), given.clone().into())]).await.unwrap();
    }
    let ledger = store.open().await;
    assert_eq!(state(&*ledger, "acme").await.work, [("i-1".into(), given.clone())].into());
    assert_eq!(state(&*ledger, "beta").await.work, [].into());
    let revised = WorkItem { reference: "99999999".into(), replaces: vec!["0a1b2c3d".into()], ..given };
    commit(&*ledger, vec![Write::Work(portal(), revised.clone().into())]).await.unwrap();
    assert_eq!(state(&*store.reader().await, "acme").await.work, [("i-1".into(), revised.clone())].into());
    assert_eq!(ledger.work(WorkWanted::All).await.unwrap(), vec![(portal(), revised)]);
}

pub(super) async fn an_item_counts_while_it_keeps_its_intent(store: Store) {
    let ledger = store.open().await;
    let one = |id: &str, calls_follow, state| WorkItem { calls_follow, state, ..item(id, "acme/user/alice", 1) };
    let items = [
        one("failed", false, failed()),
        one("open", false, WorkState::Open),
        one("confirmed", false, confirmed()),
        one("skipped", true, skipped()),
        one("to be called", true, confirmed()),
        one("called", true, confirmed()),
    ];
    let mut writes: Vec<_> = items.into_iter().map(|i| Write::Work(portal(), i.into())).collect();
    for id in ["confirmed", "skipped", "to be called"] {
        writes.push(Write::Intend(portal(), intent(id, "acme/user/alice", 1)));
    }
    commit(&*ledger, writes).await.unwrap();
    assert_eq!(kept(&*ledger, "acme").await, ["failed", "open", "to be called"]);
    let waiting = ledger.work(WorkWanted::Waiting).await.unwrap();
    assert_eq!(waiting.iter().map(|(_, i)| &*i.intent).collect::<Vec<_>>(), ["failed", "open", "to be called"]);
    commit(&*ledger, vec![Write::Settle(portal(), name("acme"), "to be called".into())]).await.unwrap();
    assert_eq!(kept(&*ledger, "acme").await, ["failed", "open"]);
    assert_eq!(ledger.work(WorkWanted::All).await.unwrap().len(), 6);
}

pub(super) async fn items_come_newest_first_over_all_tenants_and_portals(store: Store) {
    let ledger = store.open().await;
    let other = name("other");
    let wanted = [units(&["acme", "beta"]), vec![(other.clone(), name("acme"))]].concat();
    let lock = ledger.lock(&wanted, &Holder::current("apply"), at(0), LEASE).await.unwrap();
    let given = [
        (portal(), item("i-1", "acme/user/alice", 1)),
        (portal(), item("i-3", "beta/user/alice", 7)),
        (other, item("i-1", "acme/user/alice", 9)),
        (portal(), item("i-2", "acme/user/bob", 7)),
    ];
    ledger.commit(&lock, given.iter().cloned().map(|(p, i)| Write::Work(p, i.into())).collect()).await.unwrap();
    let [first, second, third, fourth] = given;
    assert_eq!(store.reader().await.work(WorkWanted::All).await.unwrap(), vec![third, second, fourth, first]);
}

pub(super) async fn a_move_takes_items_along_and_what_they_will_record(store: Store) {
    let ledger = store.open().await;
    let writes = vec![
        Write::Put(portal(), row("acme/user/alice").into()),
        Write::Work(portal(), item("i-1", "acme/user/alice", 1).into()),
        Write::Work(portal(), item("i-2", "acme/user/bob", 1).into()),
        Write::Move(portal(), address("acme/user/alice"), address("beta/user/al")),
    ];
    commit(&*ledger, writes).await.unwrap();
    assert_eq!(state(&*ledger, "acme").await.work, [("i-2".into(), item("i-2", "acme/user/bob", 1))].into());
    assert_eq!(state(&*ledger, "beta").await.work, [("i-1".into(), item("i-1", "beta/user/al", 1))].into());
}

pub(super) async fn observations_the_newest_wins(store: Store) {
    let ledger = store.open().await;
    let see = |name: &str, value: &str, seen| Write::Observe(portal(), self::name("acme"), name.into(), observation(value, seen));
    let seen = vec![see("users", "7", 5), see("users", "9", 3), see("licences", "1", 1), see("licences", "2", 1)];
    commit(&*ledger, seen).await.unwrap();
    let expected = [("licences".into(), observation("2", 1)), ("users".into(), observation("7", 5))];
    assert_eq!(state(&*ledger, "acme").await.observed, expected.into());
    assert_eq!(state(&*ledger, "beta").await.observed, [].into());
}

pub(super) async fn items_and_observations_need_the_lock(store: Store) {
    let ledger = store.open().await;
    let lock = take(&*ledger, &["beta"]).await;
    let seen = Write::Observe(portal(), name("acme"), "users".into(), observation("7", 5));
    for write in [Write::Work(portal(), item("i-1", "acme/user/alice", 1).into()), seen] {
        let why = "acme in portal main is not locked by this run: take its lock first";
        assert_eq!(ledger.commit(&lock, vec![write]).await, Err(LedgerError::Conflict(why.to_owned())));
    }
    assert_eq!(state(&*ledger, "acme").await, LedgerState::default());
}

/// Makes a ledger one of version 1, which has no work orders and no observations.
async fn make_old(store: &Store) {
    const DROP: &str = "DROP TABLE tenantry_work_names; DROP TABLE tenantry_work; DROP TABLE tenantry_observed; ALTER TABLE tenantry_intents DROP COLUMN fate;";
    match &store.location {
        LedgerLocation::Sqlite(path) => {
            let file = rusqlite::Connection::open(path).unwrap();
            file.execute_batch(DROP).unwrap();
            file.pragma_update(None, "user_version", 1).unwrap();
        }
        LedgerLocation::Postgres(url) => execute(url, &format!("{DROP} UPDATE tenantry_meta SET version = 1")).await,
    }
}

pub(super) async fn a_ledger_of_version_1_is_read_as_it_is_and_brought_up_by_the_first_writer(store: Store) {
    commit(&*store.open().await, vec![Write::Put(portal(), row("acme/user/alice").into())]).await.unwrap();
    let (before, installation) = {
        let ledger = store.open().await;
        (state(&*ledger, "acme").await, ledger.identity().await.unwrap())
    };
    make_old(&store).await;
    for _ in 0..2 {
        let reader = store.reader().await;
        assert_eq!(state(&*reader, "acme").await, before);
        assert_eq!(reader.work(WorkWanted::All).await.unwrap(), vec![]);
        assert_eq!(reader.identity().await.unwrap(), installation);
    }
    let ledger = store.open().await;
    commit(&*ledger, vec![Write::Work(portal(), item("i-1", "acme/user/alice", 1).into())]).await.unwrap();
    let found = state(&*store.reader().await, "acme").await;
    assert_eq!((found.rows, found.work.len()), (before.rows, 1));
    assert_eq!(ledger.identity().await.unwrap().installation, installation.installation);
}

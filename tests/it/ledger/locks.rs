//! What all stores promise about locks; `contract` runs it.

use std::sync::Arc;

use jiff::SignedDuration;
use tenantry::diagnostic::Diagnostic;

use super::*;

/// Who stands in the way of these tenants at this time, if anybody.
async fn blocked_by(ledger: &dyn Ledger, tenants: &[&str], now: Timestamp) -> Result<LockId, (LockId, String)> {
    match ledger.lock(&units(tenants), &Holder::current("apply"), now, LEASE).await {
        Ok(id) => Ok(id),
        Err(LedgerError::Locked(lock)) => Err((lock.id, lock.tenant.to_string())),
        Err(other) => panic!("{other}"),
    }
}

pub(super) async fn a_lock_keeps_others_out_until_it_is_let_go(store: Store) {
    let (mine, other) = (store.open().await, store.open().await);
    let holder = Holder::current("apply");
    let id = mine.lock(&units(&["beta", "acme"]), &holder, at(0), LEASE).await.unwrap();
    let locks = other.locks().await.unwrap();
    let lease = SignedDuration::try_from(LEASE).unwrap();
    let shown: Vec<_> =
        locks.iter().map(|l| (l.tenant.as_str(), l.id.clone(), l.holder.clone(), l.until.duration_since(l.since))).collect();
    assert_eq!(shown, ["acme", "beta"].map(|t| (t, id.clone(), holder.clone(), lease)));

    assert_eq!(blocked_by(&*mine, &["beta"], store.now()).await, Err((id.clone(), "beta".to_owned())));
    store.pass(40).await;
    assert_eq!(blocked_by(&*other, &["acme"], store.now()).await, Err((id.clone(), "acme".to_owned())));
    // Another portal's tenant of the same name is another.
    other.lock(&[(name("other"), name("acme"))], &holder, at(0), LEASE).await.unwrap();

    assert_eq!(mine.unlock(&id).await.unwrap(), 2);
    assert_eq!(mine.unlock(&id).await.unwrap(), 0);
    assert!(blocked_by(&*other, &["acme", "beta"], store.now()).await.is_ok());
}

pub(super) async fn locks_are_all_or_none(store: Store) {
    let (mine, other) = (store.open().await, store.open().await);
    let id = take(&*mine, &["beta"]).await;
    assert_eq!(blocked_by(&*other, &["acme", "beta", "carl"], at(1)).await, Err((id, "beta".to_owned())));
    let held: Vec<_> = mine.locks().await.unwrap().into_iter().map(|l| l.tenant.to_string()).collect();
    assert_eq!(held, ["beta"]);
}

pub(super) async fn a_lock_is_taken_over_when_its_lease_is_over(store: Store) {
    let (mine, other) = (store.open().await, store.open().await);
    let lost = take(&*mine, &["acme"]).await;
    store.pass(40).await;
    assert!(blocked_by(&*other, &["acme"], store.now()).await.is_err());
    store.pass(20).await;
    let taken = blocked_by(&*other, &["acme"], store.now()).await.unwrap();
    assert_ne!(taken, lost);
    assert_eq!(mine.renew(&lost, store.now(), LEASE).await, Err(LedgerError::LockLost(lost)));
}

pub(super) async fn a_renewed_lock_is_not_taken_over(store: Store) {
    let (mine, other) = (store.open().await, store.open().await);
    let id = take(&*mine, &["acme", "beta"]).await;
    store.pass(40).await;
    mine.renew(&id, store.now(), LEASE).await.unwrap();
    store.pass(40).await;
    assert_eq!(blocked_by(&*other, &["beta"], store.now()).await, Err((id, "beta".to_owned())));
    store.pass(20).await;
    assert!(blocked_by(&*other, &["beta"], store.now()).await.is_ok());
}

pub(super) async fn a_lock_is_taken_over_from_a_dead_process(store: Store) {
    let ledger = store.open().await;
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let dead = Holder { process: child.id(), ..Holder::current("apply") };
    let elsewhere = Holder { host: "elsewhere".to_owned(), ..dead.clone() };
    ledger.lock(&units(&["acme"]), &dead, at(0), LEASE).await.unwrap();
    let far = ledger.lock(&units(&["beta"]), &elsewhere, at(0), LEASE).await.unwrap();
    assert!(blocked_by(&*ledger, &["acme"], at(1)).await.is_ok());
    // Of a process on another host nothing is known: only the lease counts.
    assert_eq!(blocked_by(&*ledger, &["beta"], at(1)).await, Err((far, "beta".to_owned())));
}

pub(super) async fn a_lock_taken_over_is_lost_as_a_whole(store: Store) {
    let (mine, other) = (store.open().await, store.open().await);
    let lost = take(&*mine, &["acme", "beta"]).await;
    store.pass(60).await;
    blocked_by(&*other, &["acme"], store.now()).await.unwrap();
    let done = mine.commit(&lost, vec![Write::Put(portal(), row("beta/user/alice").into())]).await;
    assert_eq!(done, Err(LedgerError::LockLost(lost)));
    assert!(blocked_by(&*other, &["beta"], store.now()).await.is_ok());
}

pub(super) async fn a_lock_is_broken_by_its_id_alone(store: Store) {
    let (mine, other) = (store.open().await, store.open().await);
    let id = take(&*mine, &["acme"]).await;
    assert_eq!(other.unlock(&LockId("acme".into())).await.unwrap(), 0);
    assert!(blocked_by(&*other, &["acme"], at(1)).await.is_err());
    assert_eq!(other.unlock(&id).await.unwrap(), 1);
    assert!(blocked_by(&*other, &["acme"], at(1)).await.is_ok());
}

pub(super) async fn nothing_is_committed_under_a_lost_lock(store: Store) {
    let (mine, other) = (store.open().await, store.open().await);
    let id = take(&*mine, &["acme"]).await;
    other.unlock(&id).await.unwrap();
    let done = mine.commit(&id, vec![Write::Put(portal(), row("acme/user/alice").into())]).await;
    assert_eq!(done, Err(LedgerError::LockLost(id)));
    assert_eq!(state(&*mine, "acme").await, LedgerState::default());
}

pub(super) async fn nothing_is_committed_outside_the_lock(store: Store) {
    let ledger = store.open().await;
    let id = take(&*ledger, &["acme"]).await;
    let _beta = take(&*ledger, &["beta"]).await;
    let inside = Write::Put(portal(), row("acme/user/alice").into());
    for outside in [
        Write::Put(portal(), row("beta/user/alice").into()),
        Write::Move(portal(), address("acme/user/alice"), address("beta/user/alice")),
        Write::Remove(portal(), address("acme/user/alice"), Some(tombstone("beta/user/alice", 1))),
        Write::Intend(portal(), intent("i-1", "beta/user/alice", 1)),
        Write::Settle(portal(), name("beta"), "i-1".into()),
        Write::MarkUnknown(portal(), name("beta"), "i-1".into()),
        Write::Attest(portal(), attestation("beta/user/alice", true, 1)),
        Write::Audit(audit("beta/user/alice", "done")),
    ] {
        let done = ledger.commit(&id, vec![inside.clone(), outside]).await;
        let why = "beta in portal main is not locked by this run: take its lock first";
        assert_eq!(done, Err(LedgerError::Conflict(why.to_owned())));
    }
    assert_eq!(state(&*ledger, "acme").await, LedgerState::default());
}

pub(super) async fn of_two_who_want_the_same_lock_one_gets_it(store: Store) {
    let handles = [store.open().await, store.open().await];
    // Overlapping in one tenant, wanted in opposite order, over and over.
    let wanted = [["acme", "beta"], ["beta", "carl"]];
    for _ in 0..20 {
        let [a, b] = handles.each_ref().map(Arc::clone);
        let first = tokio::spawn(async move { blocked_by(&*a, &wanted[0], at(0)).await });
        let second = tokio::spawn(async move { blocked_by(&*b, &wanted[1], at(0)).await });
        let won: Vec<_> = [first.await.unwrap(), second.await.unwrap()].into_iter().filter_map(Result::ok).collect();
        assert_eq!(won.len(), 1);
        assert_eq!(handles[0].unlock(&won[0]).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_lease_is_over_at_its_last_moment_and_not_before() {
    let ledger = Store::sqlite().await.open().await;
    take(&*ledger, &["acme"]).await;
    assert!(blocked_by(&*ledger, &["acme"], at(59)).await.is_err());
    assert!(blocked_by(&*ledger, &["acme"], at(60)).await.is_ok());
}

#[tokio::test]
async fn who_is_locked_out_is_told_by_whom_and_what_would_break_it() {
    let store = Store::sqlite().await;
    let ledger = store.open().await;
    let holder = Holder { who: "tess@msp-1".into(), host: "msp-1".into(), process: 42, started: String::new(), operation: "apply".into() };
    let id = ledger.lock(&units(&["acme"]), &holder, at(0), LEASE).await.unwrap();
    let error = ledger.lock(&units(&["acme"]), &Holder::current("apply"), at(1), LEASE).await.unwrap_err();
    let told = Diagnostic::from(&error);
    assert_eq!(told.code, "L001");
    assert_eq!(told.summary, "acme of portal main is locked by tess@msp-1 (apply) until 2026-01-01T00:01:00Z");
    assert_eq!(told.detail, "held by process 42 on msp-1 since 2026-01-01T00:00:00Z");
    assert_eq!(told.help, format!("wait for it; only if that run is surely dead: `tenantry unlock {}`", id.0));
}

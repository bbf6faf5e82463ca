//! How the ledger lies in the cluster: sizes, names, what comes back from a backup.

use super::gate::Gate;
use super::*;

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn five_thousand_rows_lie_in_small_objects_and_read_back() {
    let namespace = namespace().await;
    let ledger = open(&namespace).await;
    let lock = hold(&ledger, &["acme"]).await;
    for from in (0..5000).step_by(500) {
        ledger.commit(&lock, rows("acme", from..from + 500, "a")).await.unwrap();
    }
    let sizes: Vec<usize> = all(&namespace).await.iter().map(|o| serde_json::to_string(o).unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size < 512 << 10) && sizes.len() > 10, "{sizes:?}");
    let read = state(&reader(&namespace).await, "acme").await;
    assert_eq!((read.rows.len(), keys(&ledger, "acme").await), (5000, vec!["a".to_owned()]));
    assert_eq!(read, state(&ledger, "acme").await);

    // One row more is one swap of the head.
    let parts = named(&namespace, "part.").await;
    ledger.commit(&lock, rows("acme", 2500..2501, "b")).await.unwrap();
    assert_eq!(named(&namespace, "part.").await, parts);
    assert_eq!(keys(&reader(&namespace).await, "acme").await, ["a", "b"]);
    // All of them gone leave no part.
    let gone = state(&ledger, "acme").await.rows.into_keys().map(|address| Write::Remove(portal(), address, None)).collect();
    ledger.commit(&lock, gone).await.unwrap();
    assert_eq!(state(&reader(&namespace).await, "acme").await, LedgerState::default());
    assert_eq!(named(&namespace, "part.").await, [] as [&str; 0]);
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_part_that_nobody_names_goes_when_parts_are_written_long_after_it() {
    let namespace = namespace().await;
    let gate = Gate::new(|_, _| false);
    let ledger = KubernetesLedger::new(gate.client(&Cluster::shared().client()), &namespace).await.unwrap();
    let lock = hold(&ledger, &["acme", "beta"]).await;
    ledger.commit(&lock, rows("acme", 0..400, "a")).await.unwrap();
    ledger.commit(&lock, rows("beta", 0..400, "a")).await.unwrap();
    let before = named(&namespace, "part.").await;
    // What a run leaves that was killed before it swapped the head.
    let mut orphan = shards(&namespace).get(&before[0]).await.unwrap();
    orphan.metadata = kube::api::ObjectMeta {
        name: Some("part.main.acme.0".to_owned()),
        labels: orphan.metadata.labels,
        ..kube::api::ObjectMeta::default()
    };
    shards(&namespace).create(&PostParams::default(), &orphan).await.unwrap();
    assert_eq!(keys(&reader(&namespace).await, "acme").await, ["a"]);
    ledger.commit(&lock, rows("acme", 0..400, "b")).await.unwrap();
    // While it is young it may be somebody's who is about to name it.
    assert!(named(&namespace, "part.").await.contains(&"part.main.acme.0".to_owned()));
    gate.later(3 * 3600);
    ledger.commit(&lock, rows("acme", 0..400, "c")).await.unwrap();
    let after = named(&namespace, "part.").await;
    assert!(!after.contains(&"part.main.acme.0".to_owned()), "{after:?}");
    let of_beta = |names: &[String]| names.iter().filter(|n| n.contains(".beta.")).cloned().collect::<Vec<_>>();
    assert_eq!(of_beta(&after), of_beta(&before));
    assert_eq!(keys(&reader(&namespace).await, "acme").await, ["c"]);
}

/// As a backup has it: without what the cluster gave it.
fn saved(object: DynamicObject) -> DynamicObject {
    let metadata = kube::api::ObjectMeta {
        name: object.metadata.name,
        labels: object.metadata.labels,
        annotations: object.metadata.annotations,
        ..kube::api::ObjectMeta::default()
    };
    DynamicObject { metadata, ..object }
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_ledger_that_comes_back_from_a_backup_is_the_one_that_was_saved() {
    let namespace = namespace().await;
    let ledger = open(&namespace).await;
    let lock = hold(&ledger, &["acme", "beta"]).await;
    ledger.commit(&lock, rows("acme", 0..400, "a")).await.unwrap();
    let some = vec![
        Write::Put(portal(), row("beta/user/alice").into()),
        Write::Intend(portal(), intent("i-1", "beta/user/alice", 1)),
        Write::Attest(portal(), attestation("acme/user/alice", true, 1)),
        Write::Work(portal(), item("i-1", "beta/user/alice", 1).into()),
        Write::Remove(portal(), address("acme/user/bob"), Some(tombstone("acme/user/bob", 1))),
        Write::Audit(audit("acme/user/alice", "done")),
    ];
    ledger.commit(&lock, some).await.unwrap();
    let told = async |ledger: &dyn LedgerRead| {
        let states = (state(ledger, "acme").await, state(ledger, "beta").await);
        let lists = (ledger.tenants().await.unwrap(), ledger.work(WorkWanted::All).await.unwrap(), ledger.audit(9).await.unwrap());
        (states, lists, ledger.identity().await.unwrap(), ledger.locks().await.unwrap())
    };
    let before = told(&ledger).await;
    let backup: Vec<_> = all(&namespace).await.into_iter().map(saved).collect();
    shards(&namespace).delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    assert_eq!(state(&reader(&namespace).await, "acme").await, LedgerState::default());
    for object in backup.iter().rev() {
        shards(&namespace).create(&PostParams::default(), object).await.unwrap();
    }
    assert_eq!(told(&reader(&namespace).await).await, before);
    // What was known of the heads is of before, and is found to be so; the lock came back, too.
    ledger.commit(&lock, rows("acme", 0..400, "b")).await.unwrap();
    assert_eq!(keys(&reader(&namespace).await, "acme").await, ["b"]);
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn the_newest_audit_records_of_each_tenant_are_kept() {
    let namespace = namespace().await;
    let ledger = open(&namespace).await;
    let lock = hold(&ledger, &["acme", "beta"]).await;
    let records = |from: usize, to: usize| (from..to).map(|n| Write::Audit(audit("acme/user/alice", &n.to_string()))).collect::<Vec<_>>();
    ledger.commit(&lock, vec![Write::Audit(audit("beta/user/alice", "first"))]).await.unwrap();
    ledger.commit(&lock, records(0, 490)).await.unwrap();
    ledger.commit(&lock, records(490, 520)).await.unwrap();
    let kept = reader(&namespace).await.audit(usize::MAX).await.unwrap();
    let results: Vec<_> = kept.iter().map(|record| record.result.as_str()).collect();
    assert_eq!((results.len(), results[0], results[499], results[500]), (501, "519", "20", "first"));
    assert_eq!(ledger.audit(1).await.unwrap()[0].result, "519");
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_ledger_of_a_newer_version_is_refused_and_a_damaged_one_is_said_to_be_so() {
    let namespace = namespace().await;
    let ledger = open(&namespace).await;
    commit(&ledger, rows("acme", 0..400, "a")).await.unwrap();
    let part = named(&namespace, "part.").await.remove(0);
    shards(&namespace).delete(&part, &DeleteParams::default()).await.unwrap();
    let damaged = reader(&namespace).await.read(&portal(), &[name("acme")]).await;
    let why = "a part of acme in portal main in the ledger is damaged: restore the ledger from a backup (docs/ledger.md)";
    assert_eq!(damaged, Err(LedgerError::Unavailable(why.to_owned())));

    let mut installation = shards(&namespace).get("installation").await.unwrap();
    installation.data["spec"]["version"] = 2.into();
    shards(&namespace).replace("installation", &PostParams::default(), &installation).await.unwrap();
    let newer = KubernetesReader::new(Cluster::shared().client(), &namespace).await.err();
    assert_eq!(newer, Some(LedgerError::TooNew { found: 2, known: 1 }));
}

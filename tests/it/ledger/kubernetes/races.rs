//! Two at once, and runs that end in the middle.

use k8s_openapi::api::coordination::v1::Lease;
use tenantry::ledger::leadership;

use super::gate::Gate;
use super::*;

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn of_two_who_write_in_turns_nobody_loses_a_write() {
    let namespace = namespace().await;
    let mut running = Vec::new();
    for who in ["first", "second"] {
        let ledger = open(&namespace).await;
        running.push(tokio::spawn(async move {
            let mut made = 0;
            while made < 8 {
                match ledger.lock(&units(&["acme", "beta"]), &Holder::current(who), at(0), LEASE).await {
                    Ok(lock) => {
                        // Each in one commit over two tenants, on top of what it read.
                        let before = state(&ledger, "acme").await.rows.len();
                        assert_eq!(state(&ledger, "beta").await.rows.len(), before);
                        let writes = [rows("acme", before..before + 1, who), rows("beta", before..before + 1, who)].concat();
                        ledger.commit(&lock, writes).await.unwrap();
                        assert_eq!(ledger.unlock(&lock).await.unwrap(), 2);
                        made += 1;
                    }
                    Err(LedgerError::Locked(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                    Err(other) => panic!("{other}"),
                }
            }
        }));
    }
    for one in running {
        one.await.unwrap();
    }
    let ledger = reader(&namespace).await;
    let (acme, beta) = (state(&ledger, "acme").await, state(&ledger, "beta").await);
    assert_eq!((acme.rows.len(), beta.rows.len(), ledger.identity().await.unwrap().serial), (16, 16, 16));
    assert_eq!(named(&namespace, "lock.").await, [] as [&str; 0]);
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn commits_of_one_run_on_one_tenant_at_once_are_all_made() {
    let namespace = namespace().await;
    let ledger = open(&namespace).await;
    let lock = hold(&ledger, &["acme", "beta"]).await;
    let mut running = Vec::new();
    for n in 0..12 {
        let (ledger, lock) = (ledger.clone(), lock.clone());
        running.push(tokio::spawn(async move {
            let mut writes = rows("acme", n..n + 1, "a");
            if n % 3 == 0 {
                writes.extend(rows("beta", n..n + 1, "a"));
            }
            ledger.commit(&lock, writes).await.unwrap();
        }));
    }
    for one in running {
        one.await.unwrap();
    }
    let ledger = reader(&namespace).await;
    assert_eq!((state(&ledger, "acme").await.rows.len(), state(&ledger, "beta").await.rows.len()), (12, 4));
    assert_eq!(ledger.identity().await.unwrap().serial, 12);
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn parts_that_somebody_is_about_to_name_are_not_taken_away() {
    let namespace = namespace().await;
    let behind = Cluster::shared().client();
    let clearing = Gate::new(|method, uri| method == "GET" && uri.contains("shard%3Dpart"));
    let swapping = Gate::new(|method, uri| method == "PUT" && uri.contains("/head."));
    let late = KubernetesLedger::new(clearing.client(&behind), &namespace).await.unwrap();
    let other = KubernetesLedger::new(swapping.client(&behind), &namespace).await.unwrap();
    let lock = hold(&late, &["acme"]).await;

    // The first has swapped the head, and is late with clearing up.
    let first = tokio::spawn({
        let (late, lock) = (late.clone(), lock.clone());
        async move { late.commit(&lock, rows("acme", 0..400, "a")).await }
    });
    clearing.came().await;
    // Another process, with the same lock, has written its parts, and not the head that names them.
    let second = tokio::spawn(async move { other.commit(&lock, rows("acme", 0..400, "b")).await });
    swapping.came().await;
    clearing.let_through();
    first.await.unwrap().unwrap();
    swapping.let_through();
    second.await.unwrap().unwrap();
    assert_eq!(keys(&reader(&namespace).await, "acme").await, ["b"]);
}

/// Commits that are dropped after ever longer leave each of them whole or not at all, and never a tenant without the other.
async fn check_dropped(tenants: &[&str], most: usize) {
    let namespace = namespace().await;
    let ledger = open(&namespace).await;
    let lock = hold(&ledger, tenants).await;
    let writes = |key: &str| tenants.iter().flat_map(|t| rows(t, 0..160, key)).collect::<Vec<_>>();
    ledger.commit(&lock, writes("0")).await.unwrap();
    let (mut known, mut done, mut cut) = ("0".to_owned(), 0, 0);
    for n in 1..=most {
        let key = n.to_string();
        let ended = dropped_after(Duration::from_millis(4 * n as u64), ledger.commit(&lock, writes(&key))).await;
        done += usize::from(ended.is_some());
        cut += usize::from(ended.is_none());
        ended.unwrap_or(Ok(())).unwrap();
        // A request that was under way may be answered yet; whatever is read meanwhile is whole.
        for _ in 0..2 {
            let states = reader(&namespace).await.read(&portal(), &tenants.iter().map(|t| name(t)).collect::<Vec<_>>()).await.unwrap();
            let mut read: Vec<_> = states.iter().flat_map(|s| s.rows.values().map(|row| row.key.to_string())).collect();
            assert_eq!(read.len(), 160 * tenants.len());
            read.dedup();
            assert!(read.len() == 1 && (read[0] == key || read[0] == known), "{read:?} after {known}, {key}");
            known = read.remove(0);
        }
        if done > 2 {
            break;
        }
    }
    assert!(done > 0 && cut > 0, "{done} made, {cut} dropped");
    ledger.commit(&lock, writes("last")).await.unwrap();
    for tenant in tenants {
        assert_eq!(keys(&reader(&namespace).await, tenant).await, ["last"]);
    }
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_commit_that_is_cut_anywhere_is_whole_or_never_was() {
    check_dropped(&["acme"], 400).await;
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_commit_over_two_tenants_that_is_cut_anywhere_is_whole_or_never_was() {
    check_dropped(&["acme", "beta"], 400).await;
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn what_was_made_under_a_lock_that_ran_out_is_carried_out_by_whoever_takes_it_over() {
    let namespace = namespace().await;
    let ledger = open(&namespace).await;
    let lock = take(&ledger, &["acme", "beta"]).await;
    let writes = [rows("acme", 0..2, "a"), rows("beta", 0..2, "a")].concat();
    ledger.commit(&lock, writes).await.unwrap();
    // As if the run had been killed between the swap of the lock and that of the heads.
    let mut head = shards(&namespace).get("head.main.beta").await.unwrap();
    let made: serde_json::Value = serde_json::from_str(head.data["spec"]["body"].as_str().unwrap()).unwrap();
    let pending = serde_json::json!({"lock": lock.0, "commit": made["commits"][0], "head": made});
    let before = serde_json::json!({"commits": [], "serial": 0, "parts": [], "changes": {}, "pending": pending});
    head.data["spec"]["body"] = before.to_string().into();
    let annotations = head.metadata.annotations.as_mut().unwrap();
    annotations.insert("tenantry.dev/summary".to_owned(), r#"{"pending": true}"#.to_owned());
    shards(&namespace).replace("head.main.beta", &PostParams::default(), &head).await.unwrap();
    let told = async || (keys(&reader(&namespace).await, "beta").await, reader(&namespace).await.tenants().await.unwrap());
    let expected = (vec!["a".to_owned()], units(&["acme", "beta"]));
    assert_eq!(told().await, expected);

    age(&namespace, 60).await;
    let other = open(&namespace).await;
    hold(&other, &["acme"]).await;
    assert_eq!(named(&namespace, "lock.").await.len(), 1);
    assert_eq!(told().await, expected);
    assert!(matches!(ledger.commit(&lock, rows("beta", 0..1, "b")).await, Err(LedgerError::LockLost(_))));
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn leadership_is_a_lease_that_cluster_tools_show() {
    let namespace = namespace().await;
    let (ledger, other) = (open(&namespace).await, open(&namespace).await);
    let leases = Api::<Lease>::namespaced(Cluster::shared().client(), &namespace);
    let lead = async |ledger: &KubernetesLedger, who: &str| {
        // Of another host, so that nothing is known of the process.
        let holder = Holder { who: who.to_owned(), host: "elsewhere".to_owned(), ..Holder::current("run") };
        ledger.lock(&[leadership()], &holder, at(0), Duration::from_secs(15)).await
    };
    let first = lead(&ledger, "one@a").await.unwrap();
    let lease = leases.get("tenantry-controller").await.unwrap().spec.unwrap();
    assert_eq!((lease.holder_identity.as_deref(), lease.lease_duration_seconds), (Some("one@a"), Some(15)));
    let Err(LedgerError::Locked(lock)) = lead(&other, "two@b").await else { panic!("two lead") };
    assert_eq!((&lock.id, lock.holder.who.as_str()), (&first, "one@a"));
    assert_eq!(other.locks().await.unwrap(), [*lock]);
    ledger.renew(&first, at(0), LEASE).await.unwrap();

    // Its end comes.
    let mut lease = leases.get("tenantry-controller").await.unwrap();
    let renewed = lease.spec.as_mut().unwrap().renew_time.as_mut().unwrap();
    renewed.0 = renewed.0.checked_sub(jiff::SignedDuration::from_secs(64)).unwrap();
    leases.replace("tenantry-controller", &PostParams::default(), &lease).await.unwrap();
    let second = lead(&other, "two@b").await.unwrap();
    assert_eq!(ledger.renew(&first, at(0), LEASE).await, Err(LedgerError::LockLost(first.clone())));
    assert_eq!((ledger.unlock(&first).await.unwrap(), other.unlock(&second).await.unwrap()), (0, 1));
    assert_eq!(other.locks().await.unwrap(), []);
    lead(&ledger, "one@a").await.unwrap();
    assert_eq!(leases.get("tenantry-controller").await.unwrap().spec.unwrap().lease_transitions, Some(3));
}

/// A client of which the first swap of a head is made and its answer lost, and the request after that denied.
fn losing(behind: &kube::Client) -> kube::Client {
    let (behind, step) = (behind.clone(), std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let pass = move |request: axum::extract::Request| {
        let (behind, step) = (behind.clone(), std::sync::Arc::clone(&step));
        async move {
            let order = std::sync::atomic::Ordering::SeqCst;
            let swaps = request.method() == "PUT" && request.uri().path().contains("/head.");
            let refusal = |code: u16| {
                let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "code": code});
                let answer = axum::response::Response::builder().status(code).header("content-type", "application/json");
                answer.body(axum::body::Body::from(status.to_string())).unwrap()
            };
            if step.compare_exchange(1, 2, order, order).is_ok() {
                return refusal(403);
            }
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let request = axum::extract::Request::from_parts(parts, kube::client::Body::from(body.to_vec()));
            let answer = behind.send(request).await.unwrap().map(axum::body::Body::new);
            if swaps && step.compare_exchange(0, 1, order, order).is_ok() { refusal(500) } else { answer }
        }
    };
    kube::Client::new(axum::Router::new().fallback(pass), "default")
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn commits_made_as_one_whose_answer_was_lost_are_not_made_again_one_by_one() {
    let namespace = namespace().await;
    let ledger = KubernetesLedger::new(losing(&Cluster::shared().client()), &namespace).await.unwrap();
    let lock = hold(&ledger, &["acme"]).await;
    let one = |who: &str| vec![Write::Audit(audit(&format!("acme/user/{who}"), "done"))];
    let (ann, bob) = tokio::join!(ledger.commit(&lock, one("ann")), ledger.commit(&lock, one("bob")));
    for told in [ann, bob] {
        assert!(matches!(&told, Err(LedgerError::Denied(_))), "{told:?}");
    }
    assert_eq!(reader(&namespace).await.audit(10).await.unwrap().len(), 2, "each is recorded once");
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_commit_that_ends_after_its_lock_was_let_go_is_in_nobodys_way() {
    let namespace = namespace().await;
    let gate = Gate::new(|method, uri| method == "PUT" && uri.contains("/head."));
    let ledger = KubernetesLedger::new(gate.client(&Cluster::shared().client()), &namespace).await.unwrap();
    let lock = hold(&ledger, &["acme"]).await;
    let late = tokio::spawn({
        let (ledger, lock) = (ledger.clone(), lock.clone());
        async move { ledger.commit(&lock, rows("acme", 0..1, "a")).await }
    });
    gate.came().await;
    late.abort();
    ledger.unlock(&lock).await.unwrap();
    gate.let_through();
    while keys(&ledger, "acme").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // It remembers the head once it has the answer.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let lock = hold(&ledger, &["acme"]).await;
    gate.let_through();
    ledger.commit(&lock, rows("acme", 0..1, "b")).await.unwrap();
    assert_eq!(keys(&ledger, "acme").await, ["b"]);
}

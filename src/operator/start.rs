//! How the operator begins and ends. Comes in: what a person said ([`Wanted`]). Goes out: the cluster, the ledger and the key, found; the server;
//! the operator, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::shown::Shown;
use super::{Settings, Webhook, run};
use crate::controller::cluster::{ClusterFace, NotStarted, Wanted};
use crate::controller::fence::Fence;
use crate::controller::health::{Answers, Server};
use crate::controller::metrics::Metrics;
use crate::ledger::kubernetes::Place;
use crate::ledger::{Holder, LedgerLocation};
use crate::portal::meter::Meter;

/// The operator, as `main` gives it to the command line.
pub struct InCluster;

#[async_trait]
impl ClusterFace for InCluster {
    async fn run(&self, wanted: Wanted) -> Result<(), NotStarted> {
        let Wanted {
            kubeconfig,
            context,
            namespace,
            watched,
            ledger,
            mac_key,
            profiles,
            state_dir,
            listen,
            webhook,
            with_tenant,
            drivers,
            stop,
        } = wanted;
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), with_tenant));
        let meter: Arc<dyn Meter> = Arc::clone(&metrics) as _;
        drivers.metered(&meter);
        let fence = Fence::closed();
        let shown = Arc::new(Shown::new(metrics, fence.clone()));
        let server = Server::bind(listen).await.map_err(|e| NotStarted::Listen(listen, e.to_string()))?;
        tracing::info!("listened at http://{}: /healthz, /readyz, /metrics", server.address());
        let webhook = webhook_at(webhook).await?;
        let (ended, end) = tokio::sync::watch::channel(false);
        let until = async move {
            let mut end = end;
            // Whoever would tell is gone: that is the end, too.
            let _told = end.wait_for(|is_so| *is_so).await;
        };
        let answers: Arc<dyn Answers> = Arc::clone(&shown) as _;
        let mut server = tokio::spawn(server.run(answers, until));

        let place = Place::of(namespace.as_deref(), context, kubeconfig).await?;
        let client = place.connect().await?;
        let home = place.namespace().to_owned();
        let location = ledger.unwrap_or(LedgerLocation::Kubernetes(place));
        let opened = location.open().await?;
        let key = location.mac_key(mac_key).find_or_make(opened.holds_secrets().await?).await?;
        tracing::info!(namespace = %home, ledger = %location, "began; what is declared is listed");
        let namespace = home.clone();
        let settings = Settings {
            client,
            ledger: opened,
            key,
            drivers,
            namespaces: watched,
            home,
            profiles,
            state_dir,
            holder: Holder::current("operator"),
            fence,
            stop: Arc::clone(&stop),
            shown,
            webhook,
        };
        let led = |leads: bool| match leads {
            true => tracing::info!(namespace, "began to lead"),
            false => tracing::info!(namespace, "ceased to lead"),
        };
        tokio::select! {
            () = run(settings, &led) => {}
            _ = &mut server => return Err(NotStarted::Broke("the server")),
        }
        ended.send_replace(true);
        if stop.requested() { Ok(()) } else { Err(NotStarted::Broke("the operator")) }
    }
}

async fn webhook_at(wanted: Option<(SocketAddr, PathBuf)>) -> Result<Option<Webhook>, NotStarted> {
    let Some((address, folder)) = wanted else { return Ok(None) };
    let webhook = Webhook::bind(address, &folder).await.map_err(NotStarted::Webhook)?;
    tracing::info!("admission reviews are answered at https://{}/validate", webhook.address());
    Ok(Some(webhook))
}

//! `operator`: the controller in a Kubernetes cluster. Comes in: arguments. Goes out: what the other face is told, and its end as an exit code.

use std::sync::Arc;

use crate::cli::Face;
use crate::cli::args::OperatorArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::stops::Stops;
use crate::controller::cluster::{NotStarted, Wanted};
use crate::ledger::{LedgerError, LedgerLocation};

/// Runs `operator`.
pub(super) async fn run(face: &Face<'_>, args: &OperatorArgs) -> Result<Exit, Failure> {
    let stops = Arc::new(Stops::default());
    stops.listen(None, |line| tracing::info!("{line}"));
    let ledger = args.ledger.clone().or_else(|| face.settings.ledger.clone());
    let ledger = ledger.map(|text| text.parse::<LedgerLocation>()).transpose().map_err(|e| Failure::usage(e.to_string()))?;
    if matches!(ledger, Some(LedgerLocation::Sqlite(_))) {
        return Err(Failure::usage("the operator's ledger cannot be a file: a pod that is moved would lose it")
            .help("leave --ledger away (it is kept in the cluster), or give a postgres:// URL"));
    }
    let wanted = Wanted {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespace: args.namespace.clone(),
        watched: args.watch_namespace.clone(),
        ledger,
        mac_key: face.settings.mac_key.clone(),
        profiles: args.profiles.clone(),
        state_dir: args.state_dir.clone().unwrap_or_else(|| ".tenantry".into()),
        listen: args.listen,
        webhook: args.webhook_listen.zip(args.webhook_cert_dir.clone()),
        with_tenant: !args.no_tenant_label,
        drivers: face.drivers.clone(),
        stop: Arc::clone(&stops.stop),
    };
    tokio::select! {
        ended = face.cluster.run(wanted) => ended.map(|()| Exit::Success).map_err(failure),
        () = stops.at_once.notified() => Err(Failure::new(Exit::Cancelled, "stopped at once: what became of the calls under way is not known")
            .help("start it again: what was begun is found out first")),
    }
}

fn failure(error: NotStarted) -> Failure {
    match error {
        // The ledger's own help speaks of a person at a desk.
        NotStarted::Ledger(error @ LedgerError::Unavailable(_)) => Failure::from(error)
            .help("check --kubeconfig, --context, --namespace and --ledger (docs/kubernetes/install.md); nothing was changed"),
        NotStarted::Ledger(error) => error.into(),
        NotStarted::MacKey(error) => error.into(),
        NotStarted::Listen(..) => Failure::new(Exit::Error, error.to_string()).help("give another address with --listen"),
        NotStarted::Webhook(_) => Failure::new(Exit::Error, error.to_string())
            .help("give another address with --webhook-listen, or a folder with tls.crt and tls.key with --webhook-cert-dir"),
        NotStarted::Broke(_) => Failure::new(Exit::Error, error.to_string()),
    }
}

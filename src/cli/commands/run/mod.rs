//! `run`: the controller beside a folder of manifests, until it is stopped.
//!
//! Comes in: the folder, as it changes; the approvals in the state directory; signals. Goes out: fleets, to the controller; log lines; what the
//! server shows. What is declared is taken in when it has settled and has no errors, else the last good fleet stays. Never drops work for a
//! reload, and never acts while another instance on the same ledger leads.
//!
//! Reading order: here, `folder` (what is declared), `portals` (kept open), `keeper` (what is taken in), `told` (what people are told of visits),
//! `shown` (what the server answers).

mod folder;
mod keeper;
mod portals;
mod shown;
mod told;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::apply::Stop;
use crate::cli::Face;
use crate::cli::args::RunArgs;
use crate::cli::commands::slips;
use crate::cli::consents::Consents;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::session::{self, Session};
use crate::cli::stops::Stops;
use crate::controller::fence::Fence;
use crate::controller::health::{Answers, Server};
use crate::controller::metrics::Metrics;
use crate::controller::{Controller, Tools, Why, lead};
use crate::engine::Scope;
use crate::ledger::Holder;
use crate::portal::meter::Meter;
use crate::secrets::LocalSecrets;
use folder::Folder;
use keeper::Keeper;
use portals::Portals;
use shown::Shown;
use told::Told;

/// Runs `run`.
pub(super) async fn run(face: &Face<'_>, args: &RunArgs) -> Result<Exit, Failure> {
    if session::roots(&args.places).iter().any(|root| root == Path::new("-")) {
        return Err(Failure::usage("`run` watches a folder, and standard input is none").help("give the folder with -f"));
    }
    let stops = Arc::new(Stops::default());
    stops.listen(None, |line| tracing::info!("{line}"));
    tokio::select! {
        ended = work(face, args, &stops.stop) => ended,
        () = stops.at_once.notified() => Err(Failure::new(Exit::Cancelled, "stopped at once: what became of the calls under way is not known")
            .help("start it again: what was begun is found out first")),
    }
}

/// What runs beside the loop that looks at the folder.
struct Beside {
    controller: tokio::task::JoinHandle<()>,
    leading: tokio::task::JoinHandle<()>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    woken: tokio::task::JoinSet<()>,
}

async fn work(face: &Face<'_>, args: &RunArgs, stop: &Arc<Stop>) -> Result<Exit, Failure> {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), !args.no_tenant_label));
    let meter: Arc<dyn Meter> = Arc::clone(&metrics) as _;
    face.drivers.metered(&meter);
    let fence = Fence::closed();
    let shown = Arc::new(Shown::new(Arc::clone(&metrics), fence.clone()));
    let server = listen(args).await?;
    tracing::info!("listened at http://{}: /healthz, /readyz, /metrics, /status", server.address());
    let answers: Arc<dyn Answers> = Arc::clone(&shown) as _;
    let (quiet, stopped) = tokio::sync::watch::channel(false);
    let server = tokio::spawn(server.run(answers, until(stopped.clone())));

    let mut folder = Folder::new(args.places.clone());
    let Some((first, trusted)) = keeper::first(&mut folder, &shown, stop).await? else { return Ok(Exit::Success) };
    // The last look before the ledger is written: a slip of the hand would make everybody a second time.
    let state_dir = session::state_dir(&args.places);
    let opened = Session::open(face, &args.places, &Scope::default()).await?;
    let ledger = opened.ledger_for_writing().await?;
    slips::ledger(&args.places, &opened, ledger.as_ref()).await?;
    let known = ledger.tenants().await?;
    slips::embedded(&quiet_face(face), &args.places, &opened, &known)?;
    if opened.desired.portals.is_empty() && known.is_empty() {
        tracing::info!("no Portal is declared: this is about the embedded portal, a file in {}", state_dir.display());
    }
    let consents = Consents::new(&state_dir);
    consents.prepare().map_err(|why| Failure::new(Exit::Error, why))?;
    let secrets = Arc::new(LocalSecrets::new(crate::cli::settings::variable, std::env::current_dir().unwrap_or_default()));
    let tools = Tools {
        ledger: Arc::clone(&ledger),
        secrets: Arc::clone(&secrets) as _,
        key: Arc::new(OnceLock::new()),
        who: Holder::current("run").who,
        fence: fence.clone(),
        stop: Arc::clone(stop),
    };
    let key = Arc::clone(&tools.key);
    let told = Arc::new(Told { metrics, consents: consents.clone(), said: std::sync::Mutex::default() });
    let controller = Controller::new(tools, told);
    shown.works(Arc::clone(&controller));
    let portals = Portals::new(face.drivers.clone(), secrets, state_dir);
    let mut keeper = Keeper::new(folder, portals, consents.clone(), Arc::clone(&controller), ledger, opened.key, key, shown);
    keeper.begin(first, trusted).await?;
    let beside = beside(&controller, keeper.ledger(), fence, stop, (quiet, stopped), consents, server);
    together(keeper, beside, stop).await
}

/// What is said to a person at a terminal, `run` says in its log.
fn quiet_face<'a>(face: &Face<'a>) -> Face<'a> {
    Face {
        drivers: face.drivers,
        cluster: face.cluster,
        settings: face.settings.clone(),
        output: Output::new(true, true, false),
        interactive: false,
    }
}

async fn listen(args: &RunArgs) -> Result<Server, Failure> {
    Server::bind(args.listen).await.map_err(|error| {
        Failure::new(Exit::Error, format!("cannot listen on {}: {error}", args.listen))
            .help("give another address with --listen; 127.0.0.1:0 takes a port that is free")
    })
}

async fn until(mut told: tokio::sync::watch::Receiver<bool>) {
    // Whoever would tell is gone: that is the end, too.
    let _told = told.wait_for(|is_so| *is_so).await;
}

type Quiet = (tokio::sync::watch::Sender<bool>, tokio::sync::watch::Receiver<bool>);

/// Starts the controller, and leads or stands by.
fn beside(
    controller: &Arc<Controller>,
    ledger: Arc<dyn crate::ledger::Ledger>,
    fence: Fence,
    stop: &Arc<Stop>,
    (quiet, stopped): Quiet,
    consents: Consents,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
) -> Beside {
    let running = {
        let controller = Arc::clone(controller);
        tokio::spawn(async move {
            controller.run().await;
            // Nothing is under way any more.
            quiet.send_replace(true);
        })
    };
    // Dropped with what is beside: nobody is woken after it.
    let mut woken = tokio::task::JoinSet::new();
    if let Some(words) = ledger.recorded() {
        woken.spawn(Arc::clone(controller).hear(words));
    }
    let leading = {
        let (controller, stop) = (Arc::clone(controller), Arc::clone(stop));
        tokio::spawn(async move {
            let told = |leads: bool| {
                if leads {
                    tracing::info!("began to lead");
                    // Somebody else may have acted meanwhile: what waits is written down anew.
                    consents.clear();
                    controller.wake_all(Why::Answered);
                } else {
                    tracing::info!("ceased to lead");
                }
            };
            lead::lead(ledger, Holder::current("run"), fence, stop, until(stopped), &told).await;
        })
    };
    Beside { controller: running, leading, server, woken }
}

/// Works until it is told to stop and nothing is under way any more.
async fn together(mut keeper: Keeper, beside: Beside, stop: &Arc<Stop>) -> Result<Exit, Failure> {
    let Beside { mut controller, leading, mut server, woken: _woken } = beside;
    let broke = |what: &str| Failure::new(Exit::Error, format!("{what} ended by itself, which is a bug; start it again"));
    let (early, what) = tokio::select! {
        () = keeper.keep(stop) => (None, ""),
        ended = &mut controller => (Some(ended), "the loop that looks at portals"),
        _ = &mut server => (None, "the server"),
    };
    // Told to stop, the loops may end in any order.
    if !stop.requested() {
        return Err(broke(what));
    }
    let ended = match early {
        Some(ended) => ended,
        None => controller.await,
    };
    // Leadership is given back before we go; where that fails it has been said, and the lease runs out.
    let given_back = leading.await;
    match (ended, given_back) {
        (Ok(()), Ok(())) => Ok(Exit::Success),
        _ => Err(broke("a loop")),
    }
}

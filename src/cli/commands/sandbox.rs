//! `sandbox`: plays a portal by its profile until it is stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::Face;
use crate::cli::args::{AccountArgs, SandboxArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, exit_of};
use crate::manifest::{self, Builtins};
use crate::model::PortalSpec;
use crate::model::portal_spec::Account;
use crate::portal::{PortalError, Profile, load_profile};
use crate::sandbox::faults::{Faults, Plan};
use crate::sandbox::{Addresses, Server, ServerError, World};

/// `sandbox`.
pub(super) async fn run(face: &Face<'_>, args: &SandboxArgs) -> Result<Exit, Failure> {
    let (profile, account) = played(args)?;
    let faults = faults(&args.fault)?;
    let state_dir = args.state_dir.clone().unwrap_or_else(|| PathBuf::from(".tenantry/sandbox"));
    let title = profile.title.clone();
    let opened = World::open(profile, account, &state_dir, Arc::new(Timestamp::now)).await;
    let world = opened.map_err(|e| unopened(&e, &state_dir))?;
    let server = Server::bind(Arc::new(world), args.listen).await.map_err(|e| stopped(&e))?.with_faults(faults);
    let addresses = server.addresses().await.map_err(|e| Failure::new(Exit::Error, e.to_string()))?;
    face.output.data(&if args.json { json(&addresses) } else { text(&title, &addresses) });
    face.output.note("Ctrl-C ends it. What was done is kept.");
    let stop = async {
        // Where no signal can be heard, nothing is waited for.
        let _unheard = tokio::signal::ctrl_c().await;
    };
    server.run(stop).await.map_err(|e| stopped(&e))?;
    Ok(Exit::Success)
}

/// What is played: a profile, and the MSP's own account in it. A flag stands above the Portal document.
fn played(args: &SandboxArgs) -> Result<(Arc<Profile>, Account), Failure> {
    // Without a trusted root, the path was typed by a person here.
    let root = args.portals.as_deref().unwrap_or(Path::new("."));
    let (named, documented) = match &args.portal {
        Some(portal) => {
            let spec = documented(args, portal)?;
            (Some(spec.profile), spec.account)
        }
        None => (None, Account::default()),
    };
    let Some(profile) = args.profile.clone().or(named) else {
        return Err(Failure::usage("nothing says what to play: write --portal NAME or --profile NAME"));
    };
    let profile = load_profile(&profile, Some(root)).map_err(|d| Failure::of_diagnostics(Exit::Invalid, d))?;
    let AccountArgs { account_name, account_domain, account_email, account_kind, account_add_on } = args.account.clone();
    let account = Account {
        name: account_name.or(documented.name),
        domain: account_domain.or(documented.domain),
        email: account_email.or(documented.email),
        kind: account_kind.or(documented.kind),
        add_ons: if account_add_on.is_empty() { documented.add_ons } else { account_add_on },
    };
    Ok((profile, account))
}

/// A Portal document, of the trusted root or among manifests.
fn documented(args: &SandboxArgs, portal: &str) -> Result<PortalSpec, Failure> {
    let here = [PathBuf::from(".")];
    let (roots, trusted): (&[PathBuf], _) = match (&args.portals, args.file.as_slice()) {
        (Some(root), _) => (&[], Some(root.as_path())),
        (None, []) => (&here, None),
        (None, files) => (files, None),
    };
    let request = manifest::Request { roots, stdin: None, portals_root: trusted, only: None, builtins: Builtins::Unknown };
    let loaded = manifest::load(&request);
    if loaded.has_errors() {
        return Err(Failure::of_diagnostics(Exit::Invalid, loaded.diagnostics));
    }
    let names: Vec<_> = loaded.desired.portals.iter().map(|spec| spec.name.to_string()).collect();
    let found = loaded.desired.portals.into_iter().find(|spec| *spec.name.as_str() == *portal);
    found.ok_or_else(|| {
        let place = trusted.map_or_else(|| "the manifests".to_owned(), |root| root.display().to_string());
        let failure = Failure::usage(format!("--portal {portal}: {place} has no such Portal document"));
        let told =
            if names.is_empty() { "name the folder with --portals DIR".to_owned() } else { format!("there is {}", names.join(", ")) };
        failure.help(told)
    })
}

/// Why the state folder cannot be used, and what to do about it.
fn unopened(error: &PortalError, state_dir: &Path) -> Failure {
    let failure = Failure::new(exit_of(error), format!("the sandbox cannot keep what it is told in {}: {error}", state_dir.display()));
    match error {
        PortalError::Unavailable(_) => failure.help("name a folder that you may write to, with --state-dir DIR"),
        _ => failure,
    }
}

/// The faults that flags ask for.
fn faults(flags: &[String]) -> Result<Faults, Failure> {
    let mut plan = Plan::default();
    let usage = |flag: &str, why: String| Failure::new(Exit::Usage, format!("--fault {flag}: {why}"));
    for flag in flags {
        plan.add_flag(flag).map_err(|why| usage(flag, why))?;
    }
    let faults = Faults::default();
    faults.set(plan).map_err(|why| usage(&flags.join(" --fault "), why))?;
    Ok(faults)
}

fn stopped(error: &ServerError) -> Failure {
    let exit = if matches!(error, ServerError::NotLoopback(_)) { Exit::Usage } else { Exit::Error };
    Failure::new(exit, error.to_string())
}

fn json(addresses: &Addresses) -> String {
    let tenants: serde_json::Map<_, _> = addresses.tenants.iter().map(|(name, token)| (name.clone(), token.clone().into())).collect();
    let all = serde_json::json!({
        "screens": addresses.screens, "api": addresses.api, "operator_token": addresses.operator, "tenant_tokens": tenants,
    });
    all.to_string()
}

fn text(title: &str, addresses: &Addresses) -> String {
    let mut lines = vec![
        format!("A sandbox that plays {title}. Nothing that is done here reaches the portal itself."),
        format!("Screens:        {}", addresses.screens),
        format!("API:            {}", addresses.api),
        format!("Operator token: {}", addresses.operator),
    ];
    lines.extend(addresses.tenants.iter().map(|(name, token)| format!("Token of {name}: {token}")));
    lines.join("\n")
}

//! `sandbox`: plays a portal by its profile until it is stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::Face;
use crate::cli::args::SandboxArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, exit_of};
use crate::model::portal_spec::Account;
use crate::portal::load_profile;
use crate::sandbox::faults::{Faults, Plan};
use crate::sandbox::{Addresses, Server, ServerError, World};

/// `sandbox`.
pub(super) async fn run(face: &Face<'_>, args: &SandboxArgs) -> Result<Exit, Failure> {
    // Without a trusted root, the path was typed by a person here.
    let root = args.portals.as_deref().unwrap_or(Path::new("."));
    let profile = load_profile(&args.profile, Some(root)).map_err(|d| Failure::of_diagnostics(Exit::Invalid, d))?;
    let faults = faults(&args.fault)?;
    let account = Account {
        name: args.account.account_name.clone(),
        domain: args.account.account_domain.clone(),
        email: args.account.account_email.clone(),
        kind: args.account.account_kind.clone(),
        add_ons: args.account.account_add_on.clone(),
    };
    let state_dir = args.state_dir.clone().unwrap_or_else(|| PathBuf::from(".tenantry/sandbox"));
    let title = profile.title.clone();
    let opened = World::open(profile, account, &state_dir, Arc::new(Timestamp::now)).await;
    let world = opened.map_err(|e| Failure::new(exit_of(&e), e.to_string()))?;
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

//! `approve`: says that a plan which waits may be applied. Writes one file into the state directory, which `run` looks at each second.

use crate::cli::Face;
use crate::cli::args::ApproveArgs;
use crate::cli::consents::Consents;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session;
use crate::ledger::{Holder, LedgerLocation};

/// Runs `approve`.
pub(super) fn run(face: &Face<'_>, args: &ApproveArgs) -> Result<Exit, Failure> {
    if let LedgerLocation::Kubernetes(place) = session::location(face, &args.places)? {
        return Err(in_a_cluster(place.namespace(), &args.digest));
    }
    let folder = session::state_dir(&args.places);
    let consents = Consents::new(&folder);
    let pending = consents.pending();
    let Some(meant) = pending.iter().find(|p| p.digest == args.digest) else {
        let why = format!("no plan with the digest {} waits in {}", args.digest, folder.join("pending").display());
        let items = pending.iter().map(|p| format!("{} ({} in portal {})", p.digest, p.unit.tenant, p.unit.portal)).collect();
        let help = if pending.is_empty() {
            "nothing waits there: give -f and --state-dir as `run` has them"
        } else {
            "these wait: read the plan in the file beside, and approve its digest"
        };
        return Err(Failure { items, ..Failure::new(Exit::Refused, why).help(help) });
    };
    let who = Holder::current("approve").who;
    consents.approve(meant, &who, args.ticket.as_deref()).map_err(|why| Failure::new(Exit::Error, why))?;
    face.output
        .data(&format!("Approved {} for {} in portal {}: `run` applies it once.", meant.digest, meant.unit.tenant, meant.unit.portal));
    Ok(Exit::Success)
}

/// Where an operator applies, consent stands on the custom resource: whoever may annotate that may approve.
fn in_a_cluster(namespace: &str, digest: &str) -> Failure {
    let why = format!("the ledger is in a cluster, in namespace {namespace}, where plans are approved on the organization itself");
    Failure::usage(why).help(format!(
        "kubectl -n NAMESPACE annotate organizations.tenantry.dev NAME tenantry.dev/approved-plan={digest}; \
         its `status.plans` shows what the plan does"
    ))
}

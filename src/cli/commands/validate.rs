//! `validate`: what is wrong with manifests. Needs no portal, no ledger and no network.

use crate::cli::Face;
use crate::cli::args::{Data, ValidateArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::counted;
use crate::cli::session;
use crate::engine::{Scope, offline, own_names};
use crate::manifest::Builtins;
use crate::model::PortalSpec;
use crate::report;

/// Runs `validate`.
pub(super) fn run(face: &Face<'_>, args: &ValidateArgs) -> Result<Exit, Failure> {
    let stdin = session::stdin(&args.places)?;
    let scope = Scope::default();
    let first = session::read(&args.places, &scope, stdin.as_deref(), Builtins::NONE);
    let specs = if first.desired.portals.is_empty() { vec![PortalSpec::embedded()] } else { first.desired.portals.clone() };
    let profiles = session::profiles(&specs, &args.places);
    let (mut diagnostics, count) = match &profiles {
        Err(failure) => {
            (first.diagnostics.into_iter().chain(failure.diagnostics.clone()).collect::<Vec<_>>(), first.desired.resources().count())
        }
        Ok(profiles) => {
            let names = |tenant: &_, kind| own_names::of_tenant(&specs, profiles, tenant, kind);
            let mut loaded = session::read(&args.places, &scope, stdin.as_deref(), Builtins::Known(&names));
            loaded.desired.builtins = own_names::of_any(profiles);
            let rules = specs.iter().filter_map(|spec| Some((spec, profiles.get(&spec.name)?)));
            let broken: Vec<_> =
                rules.flat_map(|(spec, profile)| offline::check(&loaded.desired, spec, profile.capabilities(), profile.as_ref())).collect();
            let count = loaded.desired.resources().count();
            let broken = if loaded.has_errors() { Vec::new() } else { broken };
            (loaded.diagnostics.into_iter().chain(broken).collect(), count)
        }
    };
    diagnostics.dedup();
    let wrong = diagnostics.iter().any(crate::diagnostic::Diagnostic::is_error);
    if args.output == Data::Json {
        face.output.data(&report::diagnostics::json(&diagnostics));
    } else {
        face.output.diagnostics(&diagnostics);
        if !wrong {
            face.output.note(&format!("Valid: {}.", counted(count, "resource")));
        }
    }
    Ok(if wrong { Exit::Invalid } else { Exit::Success })
}

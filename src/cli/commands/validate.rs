//! `validate`: what is wrong with manifests. Needs no portal, no ledger and no network.

use std::sync::Arc;

use crate::cli::Face;
use crate::cli::args::{Data, ValidateArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::counted;
use crate::cli::{forgotten, session};
use crate::diagnostic::{Diagnostic, codes};
use crate::engine::{Scope, offline, own_names, same_names};
use crate::manifest::Builtins;
use crate::model::{Address, Kind, Name, PortalSpec};
use crate::portal::Profile;
use crate::report;

/// Runs `validate`.
pub(super) fn run(face: &Face<'_>, args: &ValidateArgs) -> Result<Exit, Failure> {
    forgotten::trusted_root(&args.places)?;
    let stdin = session::stdin(&args.places)?;
    let scope = Scope::default();
    let first = session::read(&args.places, &scope, stdin.as_deref(), Builtins::NONE);
    let none_declared = first.desired.portals.is_empty();
    if let Some(failure) = forgotten::wrong_folder(&args.places, &first).filter(|_| args.output != Data::Json) {
        return Err(failure);
    }
    let specs = if none_declared { vec![PortalSpec::embedded()] } else { first.desired.portals.clone() };
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
            let of_portal = |(spec, profile): (&PortalSpec, &Arc<Profile>)| {
                let rules = offline::check(&loaded.desired, spec, profile.capabilities(), profile.as_ref());
                missing_credentials(spec, profile).into_iter().chain(rules)
            };
            let broken: Vec<_> = rules.clone().flat_map(of_portal).collect();
            let portals: Vec<_> = rules.map(|(spec, profile)| (spec, profile.capabilities())).collect();
            let broken: Vec<_> = same_names::of(&loaded.desired, &portals, &|_| true).into_iter().chain(broken).collect();
            let count = loaded.desired.resources().count();
            let broken = if loaded.has_errors() { Vec::new() } else { broken };
            (loaded.diagnostics.into_iter().chain(broken).collect(), count)
        }
    };
    diagnostics.dedup();
    if none_declared {
        forgotten::hint(&args.places, &mut diagnostics);
    }
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

/// What a profile signs in with, and a `Portal` does not have: no plan would get further.
fn missing_credentials(spec: &PortalSpec, profile: &Profile) -> Vec<Diagnostic> {
    let wanted = profile.http().map(|http| http.connection.auth.credentials()).unwrap_or_default();
    let missing = wanted.into_iter().filter(|name| !spec.credentials.iter().any(|(known, _)| &**known == *name));
    let wrong = |name: &str| {
        let what = format!("portal {}: its profile signs in with the credential `{name}`, which it does not have", spec.name);
        Diagnostic::error(codes::run::PORTAL_MISCONFIGURED, what)
            .about(Address::new(Name::msp(), Kind::Portal, spec.name.clone()))
            .help(format!("add `spec.credentials.{name}`, a reference such as `{{env: NAME}}`"))
    };
    missing.map(wrong).collect()
}

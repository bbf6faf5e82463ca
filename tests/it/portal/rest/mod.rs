//! The `rest` driver, against servers of made-up APIs that a profile describes.

mod carried;
mod changing;
mod coverage;
mod cut;
mod hostile;
mod lists;
mod narrow;
mod nested;
mod one_plan;
mod perform;
mod person;
mod profile;
mod read;
mod server;

use std::sync::Arc;
use std::time::Duration;

use tenantry::model::PortalSpec;
use tenantry::portal::rest::Rest;
use tenantry::portal::rest::transport::{Network, Patience};
use tenantry::portal::{Driver, Execute, Observe, OpenContext, Profile};

use super::kit::NoSecrets;

/// The head of every profile here; `http` and `kinds` follow.
const HEAD: &str = "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: made-up\ntitle: A made-up portal\ndriver: rest\n";

fn compiled(text: &str) -> Arc<Profile> {
    let profile = Profile::parse(&format!("{HEAD}{text}"), "made-up.yaml");
    Arc::new(profile.unwrap_or_else(|wrong| panic!("{:?}", wrong.iter().map(|d| &d.summary).collect::<Vec<_>>())))
}

fn opened<T>(url: &str, text: &str, attempts: u32, open: impl Fn(&Rest, &OpenContext<'_>) -> T) -> T {
    let mut spec = PortalSpec::embedded();
    spec.endpoint = Some(url.to_owned());
    let patience = Patience { attempts, deadline: Duration::from_secs(5), first_pause: Duration::from_millis(1) };
    let driver = Rest::over(Network::of_this_machine().unwrap(), patience);
    let state = tempfile::tempdir().unwrap();
    open(&driver, &OpenContext { spec: &spec, profile: compiled(text), state_dir: state.path(), secrets: &NoSecrets })
}

fn reader(url: &str, text: &str) -> Arc<dyn Observe> {
    opened(url, text, 1, |driver, ctx| driver.open_reader(ctx).unwrap())
}

fn writer(url: &str, text: &str) -> Arc<dyn Execute> {
    patient(url, text, 1)
}

/// A writer that sends so often what may be repeated.
fn patient(url: &str, text: &str, attempts: u32) -> Arc<dyn Execute> {
    opened(url, text, attempts, |driver, ctx| driver.open_writer(ctx).unwrap())
}

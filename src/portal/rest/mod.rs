//! The `rest` driver: performs what a profile's `http` parts describe, for any API that speaks JSON over HTTP. It knows no API.
//!
//! Comes in: a `Portal` document, its compiled profile and a reader of secrets. Goes out: live tenants, read by collection, and the outcome of
//! each call. Readers and writers of one `Portal` document share its client, and with it one budget of requests and one token. It keeps no other
//! state of its own, sends credentials to the endpoint's origin alone, and claims nothing that it did not see: a list that
//! was not read to its end is incomplete, a call whose answer was lost is uncertain.

mod began;
mod carried;
mod collect;
mod index;
mod narrow;
mod nested;
mod object;
mod perform;
mod person;
mod progress;
mod read;
mod request;
mod scope;
mod seen;
mod shared;
mod sorted;
mod steps;
pub mod transport;

use std::sync::{Arc, OnceLock};

use super::driver::{Driver, OpenContext};
use super::meter::Meter;
use super::profile::http::compiled::Http;
use super::{Execute, Observe, PortalError, Profile};
use crate::model::portal_spec::Account;
use narrow::Lengths;
use shared::Shared;
use transport::{Client, Network, Patience};

/// The driver.
#[derive(Clone, Default)]
pub struct Rest {
    over: Option<(Network, Patience)>,
    shared: Arc<Shared>,
    meter: Arc<OnceLock<Arc<dyn Meter>>>,
}

impl Rest {
    /// A driver over another network than this machine's, with another patience.
    pub fn over(network: Network, patience: Patience) -> Self {
        Self { over: Some((network, patience)), ..Self::default() }
    }

    fn open(&self, ctx: &OpenContext<'_>) -> Result<Portal, PortalError> {
        let described = ctx.profile.http().ok_or_else(|| {
            PortalError::Misconfigured(format!("profile {} names the driver rest, and has no `http` that says how", ctx.profile.name))
        })?;
        let client = self.shared.client(ctx.spec, &described.connection, ctx.secrets, || match &self.over {
            None => Client::open(ctx.spec, &described.connection, ctx.secrets),
            Some((network, patience)) => Client::open_over(network.clone(), *patience, ctx.spec, &described.connection, ctx.secrets),
        })?;
        if let Some(meter) = self.meter.get() {
            client.metered(meter);
        }
        let (account, parallelism) = (ctx.spec.account.clone(), ctx.spec.parallelism);
        let lengths = Lengths::of(described);
        Ok(Portal { client, lengths, profile: Arc::clone(&ctx.profile), account, parallelism })
    }
}

impl Driver for Rest {
    fn name(&self) -> &'static str {
        "rest"
    }

    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        Ok(Arc::new(read::Reader(Arc::new(self.open(ctx)?), None)))
    }

    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        Ok(Arc::new(perform::Writer(read::Reader(Arc::new(self.open(ctx)?), None))))
    }

    fn metered(&self, meter: &Arc<dyn Meter>) {
        // Said once: whoever says it again has the same meter.
        let _said = self.meter.set(Arc::clone(meter));
    }
}

/// An opened portal.
struct Portal {
    client: Client,
    profile: Arc<Profile>,
    account: Account,
    /// How many lists are read side by side: as many as the client sends at once.
    parallelism: usize,
    /// How long its lists are, as far as that was seen.
    lengths: Lengths,
}

impl Portal {
    /// What the profile describes. There is always something: opening checks it.
    fn http(&self) -> Option<&Http> {
        self.profile.http()
    }

    /// The id of a tenant in the API: for the MSP's own, what the profile says.
    fn tenant_id<'a>(&'a self, is_msp: bool, id: Option<&'a str>) -> Option<&'a str> {
        if is_msp { self.http().and_then(|http| http.msp.as_deref()) } else { id }
    }
}

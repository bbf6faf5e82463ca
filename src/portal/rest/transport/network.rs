//! The way to a portal. Comes in: whom TLS believes, and the proxy. Goes out: an HTTP client with one pool of connections. Never follows a
//! redirect, repeats a request or unpacks a body by itself: what it does is what the transport decides.

use std::time::Duration;

use reqwest::redirect::Policy;
use url::Url;

use super::base::Base;
use crate::portal::PortalError;
use crate::trust::Trust;

/// What stands in `User-Agent`.
pub(super) const USER_AGENT: &str = concat!("tenantry/", env!("CARGO_PKG_VERSION"));
/// Most headers of an answer: three times what a portal behind several gateways sends.
const MAX_HEADERS: usize = 100;

/// The way to a portal.
#[derive(Debug, Clone)]
pub struct Network {
    /// Whom TLS believes.
    pub trust: Trust,
    /// What stands in between.
    pub proxy: Proxy,
}

/// What stands between this machine and a portal. A portal on this machine is always asked directly.
#[derive(Debug, Clone)]
pub enum Proxy {
    /// What `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    OfThisMachine,
    /// This one, for everything.
    At(Url),
    /// Nothing.
    None,
}

impl Network {
    /// What this machine trusts, and its proxy.
    ///
    /// # Errors
    /// When the certificates to trust cannot be read.
    pub fn of_this_machine() -> Result<Self, PortalError> {
        let trust = Trust::of_this_machine().map_err(|why| PortalError::Misconfigured(why.to_owned()))?;
        Ok(Self { trust: trust.clone(), proxy: Proxy::OfThisMachine })
    }

    pub(super) fn client(&self, base: &Base, connect: Duration, request: Duration) -> Result<reqwest::Client, PortalError> {
        let wrong = |e: reqwest::Error| PortalError::Misconfigured(format!("no HTTP client can be made: {}", e.without_url()));
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.trust.config())
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .connect_timeout(connect)
            .timeout(request);
        let builder = match &self.proxy {
            _ if base.is_loopback() => builder.no_proxy(),
            Proxy::OfThisMachine => builder,
            Proxy::At(proxy) => builder.proxy(reqwest::Proxy::all(proxy.clone()).map_err(wrong)?),
            Proxy::None => builder.no_proxy(),
        };
        builder.build().map_err(wrong)
    }
}

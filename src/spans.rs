//! The spans of what the program does: all of them, with all that they say. Comes in: names of portals and tenants, kinds and words of closed
//! sets. Goes out: spans, which nobody hears unless a face sends them somewhere (`cli`).
//!
//! Never takes an address, a key, a URL, a header, a body or a message: those name people, or could hold a secret. That is why spans are made
//! here and nowhere else, and why what is passed in has types of its own.

use std::collections::BTreeMap;

use tracing::Span;
use tracing::field::Empty;

use crate::model::{Kind, PortalName, TenantName};

/// Under which target spans stand: by it they are told apart from log lines.
pub const TARGET: &str = "tenantry::spans";

/// A command.
pub fn command(name: &str) -> Span {
    let span = tracing::info_span!(
        target: TARGET, "command", otel.name = Empty, otel.status_code = Empty, tenantry.command = name, tenantry.exit_code = Empty,
    );
    span.record("otel.name", name);
    span
}

/// How a command ended.
pub fn command_ended(span: &Span, code: u8, well: bool) {
    span.record("tenantry.exit_code", code);
    fails(span, !well);
}

/// A controller looks at tenants of a portal.
pub fn look(portal: &PortalName, tenants: usize) -> Span {
    tracing::info_span!(target: TARGET, "look", tenantry.portal = %portal, tenantry.tenants = tenants)
}

/// A controller acts on tenants of a portal.
pub fn act(portal: &PortalName, tenants: usize) -> Span {
    tracing::info_span!(target: TARGET, "act", tenantry.portal = %portal, tenantry.tenants = tenants)
}

/// A controller's visits under way to tenants of one portal; empty where nobody hears of them.
#[derive(Debug, Default)]
pub struct Visits(BTreeMap<TenantName, Span>);

impl Visits {
    /// Begins one for each tenant.
    pub fn begin<'a>(portal: &PortalName, tenants: impl IntoIterator<Item = &'a TenantName>) -> Self {
        let visit = |tenant: &'a TenantName| {
            let span = tracing::info_span!(
                target: TARGET, "visit",
                otel.status_code = Empty, tenantry.portal = %portal, tenantry.tenant = %tenant, tenantry.end = Empty,
            );
            (!span.is_disabled()).then(|| (tenant.clone(), span))
        };
        Self(tenants.into_iter().filter_map(visit).collect())
    }

    /// Ends a tenant's.
    pub fn end(&mut self, tenant: &TenantName, end: &'static str, failed: bool) {
        if let Some(span) = self.0.remove(tenant) {
            span.record("tenantry.end", end);
            fails(&span, failed);
        }
    }
}

/// A portal is read for a plan.
pub fn read(portal: &PortalName, tenants: usize) -> Span {
    tracing::info_span!(
        target: TARGET, "read portal", otel.status_code = Empty, tenantry.portal = %portal, tenantry.tenants = tenants,
    )
}

/// How reading a portal ended.
pub fn read_ended(span: &Span, well: bool) {
    fails(span, !well);
}

/// A change is applied. Of its address, which may name a person, the tenant and the kind.
pub fn change(portal: &PortalName, tenant: &TenantName, kind: Kind, actions: impl IntoIterator<Item = &'static str>) -> Span {
    let span = tracing::info_span!(
        target: TARGET, "change",
        otel.status_code = Empty, tenantry.portal = %portal, tenantry.tenant = %tenant, tenantry.kind = kind.def().name,
        tenantry.action = Empty, tenantry.result = Empty,
    );
    if !span.is_disabled() {
        span.record("tenantry.action", actions.into_iter().collect::<Vec<_>>().join(",").as_str());
    }
    span
}

/// What became of a change.
pub fn change_ended(span: &Span, result: &'static str, failed: bool) {
    span.record("tenantry.result", result);
    fails(span, failed);
}

/// A request to a portal, named as OpenTelemetry's conventions for HTTP name one without a template of its path.
pub fn request(portal: &PortalName, method: &'static str) -> Span {
    tracing::info_span!(
        target: TARGET, "request",
        otel.name = method, otel.kind = "client", otel.status_code = Empty, tenantry.portal = %portal, http.request.method = method,
        http.response.status_code = Empty,
    )
}

/// The status that a request was answered with; `None`: it was not answered.
pub fn request_ended(span: &Span, status: Option<u16>) {
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    fails(span, status.is_none_or(|status| status >= 400));
}

fn fails(span: &Span, failed: bool) {
    if failed {
        span.record("otel.status_code", "ERROR");
    }
}

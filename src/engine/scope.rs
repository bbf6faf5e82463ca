//! What is selected. Comes in: globs and kinds from a face. Goes out: yes or no for a portal, a tenant, an address. Nothing out of scope changes.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};

use crate::model::{Address, Kind, PortalName, TenantName};

/// What a run is about; empty lists select everything.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `--portal`.
    pub portals: Vec<PortalName>,
    /// Exactly these tenants and no others, whatever globs say: each is declared for the portal, or its ledger knows it. `None`: as globs say. What a
    /// controller selects by.
    pub only: Option<BTreeSet<TenantName>>,
    /// `--tenant`, as globs.
    pub tenants: Vec<Pattern>,
    /// `--kind`.
    pub kinds: Vec<Kind>,
    /// `--target`, as globs over addresses.
    pub targets: Vec<Pattern>,
    /// `--exclude`, as globs over addresses.
    pub excludes: Vec<Pattern>,
}

/// A glob: `*` and `?` match within and over slashes alike, `[…]` and `{a,b}` as in a shell.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    /// Reads a glob.
    ///
    /// # Errors
    /// With the glob library's words when it is none.
    pub fn new(text: &str) -> Result<Self, String> {
        let glob = Glob::new(text).map_err(|e| e.to_string())?;
        Ok(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }

    /// False only if no address of a tenant can match: wildcards match over slashes, so what stands before the first one is all that is certain.
    fn may_match_below(&self, tenant: &str) -> bool {
        let certain = self.text.split(['*', '?', '[', '{', '\\']).next().unwrap_or_default();
        let below = format!("{tenant}/");
        certain.starts_with(&below) || (below.starts_with(certain) && certain.len() < self.text.len())
    }
}

impl Scope {
    /// True if nothing narrows it.
    pub fn is_whole(&self) -> bool {
        self.only.is_none()
            && self.portals.is_empty()
            && self.tenants.is_empty()
            && self.kinds.is_empty()
            && self.targets.is_empty()
            && self.excludes.is_empty()
    }

    /// Whether a portal is selected.
    pub fn portal(&self, portal: &PortalName) -> bool {
        self.portals.is_empty() || self.portals.contains(portal)
    }

    /// Whether a tenant may have something selected: by `--tenant`, and by targets that name it.
    pub fn tenant(&self, tenant: &TenantName) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(tenant)) && self.tenant_named(tenant.as_str())
    }

    /// The same for a text that may be no name.
    pub fn tenant_named(&self, tenant: &str) -> bool {
        let by_name = self.tenants.is_empty() || self.tenants.iter().any(|p| p.matches(tenant));
        by_name && (self.targets.is_empty() || self.targets.iter().any(|p| p.may_match_below(tenant)))
    }

    /// Whether an address is selected.
    pub fn address(&self, address: &Address) -> bool {
        if !self.only.as_ref().is_none_or(|only| only.contains(&address.tenant)) {
            return false;
        }
        let text = address.to_string();
        (self.kinds.is_empty() || self.kinds.contains(&address.kind))
            && (self.tenants.is_empty() || self.tenants.iter().any(|p| p.matches(address.tenant.as_str())))
            && (self.targets.is_empty() || self.targets.iter().any(|p| p.matches(&text)))
            && !self.excludes.iter().any(|p| p.matches(&text))
    }
}

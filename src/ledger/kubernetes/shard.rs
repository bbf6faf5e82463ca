//! The object that everything is kept in: kind `LedgerShard`, and how its instances are named.
//!
//! Comes in: a portal, a tenant, a text. Goes out: an object whose name says what it is for. Never counts on what a cluster gives an object, such as
//! its uid: one that comes back from a backup is as good as the one that was saved.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kube::Resource;
use kube::api::{ObjectMeta, TypeMeta};
use serde::{Deserialize, Serialize};

use crate::model::{PortalName, TenantName};

/// The version of what is in the bodies. A newer one is refused.
pub(super) const VERSION: i64 = 1;
/// The name of the object that says who we are.
pub(super) const INSTALLATION: &str = "installation";
/// What an object is for, as a label: `installation`, `head`, `part` or `lock`.
pub(super) const ROLE: &str = "tenantry.dev/shard";
const PORTAL: &str = "tenantry.dev/portal";
const TENANT: &str = "tenantry.dev/tenant";
/// The id of the lock under which a head is, if that lock is there: the one thing in a head that changes without its body.
pub(super) const LOCK: &str = "tenantry.dev/lock";
/// What a head holds, counted, for whoever need not read it.
pub(super) const SUMMARY: &str = "tenantry.dev/summary";

/// One object of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Shard {
    /// Which kind it is, as every object that is sent has to say.
    #[serde(flatten)]
    types: TypeMeta,
    #[serde(default)]
    pub(super) metadata: ObjectMeta,
    pub(super) spec: Spec,
}

/// What is in it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) version: i64,
    /// Empty where it is of no portal and tenant.
    #[serde(default)]
    pub(super) portal: String,
    #[serde(default)]
    pub(super) tenant: String,
    /// Which part it is, from 1; 0 for all that is not a part.
    #[serde(default)]
    pub(super) part: u32,
    /// How many parts there were when it was written.
    #[serde(default)]
    pub(super) of: u32,
    /// JSON.
    pub(super) body: String,
}

impl Resource for Shard {
    type DynamicType = ();
    type Scope = kube::core::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "LedgerShard".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "tenantry.dev".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "ledgershards".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What a name has in front, so that no two sorts of objects can have one name. Names of portals and tenants have no dot: two units never meet.
pub(super) fn head_name(portal: &PortalName, tenant: &TenantName) -> String {
    format!("head.{portal}.{tenant}")
}

/// A part's name; its id is new, so that a part is never written twice.
pub(super) fn part_name(portal: &PortalName, tenant: &TenantName, id: &str) -> String {
    format!("part.{portal}.{tenant}.{id}")
}

pub(super) fn lock_name(id: &str) -> String {
    format!("lock.{id}")
}

/// Tenants that one request names at most: their names together are some kilobytes, and a server takes far more.
const NAMED: usize = 200;

/// The selector of all objects for something, of a portal or of a portal's tenant.
pub(super) fn selector(role: &str, portal: Option<&PortalName>, tenant: Option<&TenantName>) -> String {
    let portal = portal.map(|p| format!(",{PORTAL}={p}")).unwrap_or_default();
    let tenant = tenant.map(|t| format!(",{TENANT}={t}")).unwrap_or_default();
    format!("{ROLE}={role}{portal}{tenant}")
}

/// The selector of the heads of a portal's tenants; of all, where they are too many for a request to name.
pub(super) fn heads_of(portal: &PortalName, tenants: &[TenantName]) -> String {
    let all = selector("head", Some(portal), None);
    if tenants.len() > NAMED {
        return all;
    }
    let names: Vec<&str> = tenants.iter().map(TenantName::as_str).collect();
    format!("{all},{TENANT} in ({})", names.join(","))
}

impl Shard {
    /// A new object, of no portal and tenant.
    pub(super) fn new(role: &str, name: String, body: String) -> Self {
        let labels =
            BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "tenantry".to_owned()), (ROLE.to_owned(), role.to_owned())]);
        let metadata = ObjectMeta { name: Some(name), labels: Some(labels), ..ObjectMeta::default() };
        Self { types: TypeMeta::resource::<Self>(), metadata, spec: Spec { version: VERSION, body, ..Spec::default() } }
    }

    /// The same, of a portal and tenant.
    pub(super) fn of(mut self, portal: &PortalName, tenant: &TenantName) -> Self {
        let labels = self.metadata.labels.get_or_insert_default();
        labels.insert(PORTAL.to_owned(), portal.to_string());
        labels.insert(TENANT.to_owned(), tenant.to_string());
        self.spec.portal = portal.to_string();
        self.spec.tenant = tenant.to_string();
        self
    }
}

/// The portal and tenant that a head's labels name; `None`: another program's object.
pub(super) fn unit(metadata: &ObjectMeta) -> Option<(PortalName, TenantName)> {
    let label = |key: &str| metadata.labels.as_ref()?.get(key).and_then(|text| PortalName::new(text).ok());
    Some((label(PORTAL)?, label(TENANT)?))
}

pub(super) fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

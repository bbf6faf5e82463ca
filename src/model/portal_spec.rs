//! The typed form of a `Portal` document: what the engine, the guards and the drivers ask it.

use super::control::{Control, Management};
use super::desired::SourceId;
use super::kinds::PORTAL;
use super::name::{Name, PortalName};
use super::secret::SecretRef;
use super::value::{Fields, Value};

/// What becomes of what is no longer declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// It stays in the portal.
    Orphan,
    /// It is deleted, within the limits.
    Delete,
}

/// What becomes of a declared object that exists already and that we do not own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdoptionPolicy {
    /// The plan is refused.
    Refuse,
    /// Adopted if no managed field differs.
    IfIdentical,
    /// Adopted if no other installation has marked it.
    IfUnowned,
    /// Adopted; a foreign mark still refuses.
    Always,
}

impl AdoptionPolicy {
    /// The word for it in manifests.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refuse => "Refuse",
            Self::IfIdentical => "IfIdentical",
            Self::IfUnowned => "IfUnowned",
            Self::Always => "Always",
        }
    }
}

/// What becomes of a declared field that the portal lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// An error.
    Error,
    /// A warning; the field is left out.
    Warning,
    /// The field is left out.
    Ignore,
}

/// How much a plan may do before somebody has to approve it. Flags tighten these and never widen them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most deletions of one kind in one tenant.
    pub max_deletes_per_kind: u64,
    /// Most deletions in one tenant.
    pub max_deletes_per_tenant: u64,
    /// Most deletions in one run.
    pub max_deletes_per_run: u64,
    /// Most deletions, in percent of what we own of a kind in a tenant.
    pub max_delete_percent: u64,
    /// So many deletions of a kind are never too large a share.
    pub delete_floor: u64,
    /// Administrators that each tenant keeps.
    pub min_administrators: u64,
}

impl Default for Limits {
    fn default() -> Self {
        // One person leaves a customer on most days, five at once is a story somebody can tell, ten is a mistake in a merge.
        Self {
            max_deletes_per_kind: 5,
            max_deletes_per_tenant: 10,
            max_deletes_per_run: 50,
            max_delete_percent: 30,
            delete_floor: 2,
            min_administrators: 1,
        }
    }
}

/// The MSP's own account in a portal: facts that rules and the own-account guard read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Its name there.
    pub name: Option<String>,
    /// The MSP's own domain there.
    pub domain: Option<String>,
    /// The user whose credentials these are.
    pub email: Option<String>,
    /// Kind of account, in the portal's own word.
    pub kind: Option<String>,
    /// Licensed add-ons.
    pub add_ons: Vec<String>,
}

/// How work orders are given out, and how long what comes back is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrders {
    /// The technician who gets them.
    pub assignee: Option<String>,
    /// The label of an organization that names its technician, in place of [`Self::assignee`].
    pub assignee_label: Option<String>,
    /// Days until one is due.
    pub due_after_days: u64,
    /// Days for which a technician's record is believed.
    pub believed_for_days: u64,
}

/// One portal of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalSpec {
    /// Its name.
    pub name: PortalName,
    /// Name or path of its profile.
    pub profile: String,
    /// Where it is.
    pub endpoint: Option<String>,
    /// Credentials by reference.
    pub credentials: Vec<(String, SecretRef)>,
    /// The organizations it serves, sorted; `None`: all.
    pub organizations: Option<Vec<Name>>,
    /// Whether it serves the MSP's own tenant: in a cluster those of other namespaces than the MSP's do not.
    pub serves_msp: bool,
    /// The MSP's own account there.
    pub account: Account,
    /// For organizations.
    pub delete_organizations: DeletionPolicy,
    /// For all else.
    pub delete_members: DeletionPolicy,
    /// For what exists already.
    pub adoption: AdoptionPolicy,
    /// For fields the portal lacks.
    pub unsupported: Unsupported,
    /// For what a technician does.
    pub work_orders: WorkOrders,
    /// How much a plan may do.
    pub limits: Limits,
    /// Most requests in a minute; 0: no limit.
    pub requests_per_minute: u64,
    /// Most requests at once.
    pub parallelism: usize,
    /// What may be done there.
    pub management: Management,
    /// How a controller treats it.
    pub control: Control,
    /// The document that declares it; `None` for the implicit embedded portal.
    pub source: Option<SourceId>,
}

impl PortalSpec {
    /// The portal of a run that declares none: the embedded one, serving everybody.
    pub fn embedded() -> Self {
        let mut spec = Self::from_fields(Name::slugify("embedded"), &Fields::new(), None);
        "embedded".clone_into(&mut spec.profile);
        spec
    }

    /// The typed form of a document's fields, which lowering has checked already.
    pub fn from_fields(name: PortalName, fields: &Fields, source: Option<SourceId>) -> Self {
        let get = |path: &str| PORTAL.field_named(path).and_then(|(id, _)| fields.get(id));
        let text = |path: &str| get(path).and_then(Value::as_text).map(str::to_owned);
        let count = |path: &str, default: u64| match get(path) {
            Some(Value::Integer(n)) => u64::try_from(*n).unwrap_or(default),
            _ => default,
        };
        let policy = |path: &str, default| match get(path).and_then(Value::as_text) {
            Some("Orphan") => DeletionPolicy::Orphan,
            Some("Delete") => DeletionPolicy::Delete,
            _ => default,
        };
        Self {
            name,
            profile: text("profile").unwrap_or_default(),
            endpoint: text("endpoint"),
            credentials: match get("credentials") {
                Some(Value::Map(m)) => m
                    .iter()
                    .filter_map(|(k, v)| match v {
                        Value::Secret(s) => Some((k.to_string(), (**s).clone())),
                        _ => None,
                    })
                    .collect(),
                _ => Vec::new(),
            },
            organizations: get("organizations")
                .and_then(Value::as_list)
                .map(|l| l.iter().filter_map(|v| Name::new(v.as_text()?).ok()).collect()),
            serves_msp: true,
            account: Account {
                name: text("account.name"),
                domain: text("account.domain"),
                email: text("account.email"),
                kind: text("account.kind"),
                add_ons: get("account.addOns")
                    .and_then(Value::as_list)
                    .map(|l| l.iter().filter_map(|v| v.as_text().map(str::to_owned)).collect())
                    .unwrap_or_default(),
            },
            delete_organizations: policy("deletionPolicy.organizations", DeletionPolicy::Orphan),
            delete_members: policy("deletionPolicy.members", DeletionPolicy::Delete),
            adoption: match get("adoptionPolicy").and_then(Value::as_text) {
                Some("IfIdentical") => AdoptionPolicy::IfIdentical,
                Some("IfUnowned") => AdoptionPolicy::IfUnowned,
                Some("Always") => AdoptionPolicy::Always,
                _ => AdoptionPolicy::Refuse,
            },
            unsupported: match get("unsupported").and_then(Value::as_text) {
                Some("Warning") => Unsupported::Warning,
                Some("Ignore") => Unsupported::Ignore,
                _ => Unsupported::Error,
            },
            work_orders: WorkOrders {
                assignee: text("workOrders.assignee"),
                assignee_label: text("workOrders.assigneeLabel"),
                due_after_days: count("workOrders.dueAfterDays", 7),
                // A quarter: as long as an MSP's own reviews of access are apart.
                believed_for_days: count("workOrders.believedForDays", 90),
            },
            limits: limits(&count),
            requests_per_minute: count("budget.requestsPerMinute", 0),
            parallelism: usize::try_from(count("budget.parallelism", 10)).unwrap_or(10).max(1),
            management: get("managementPolicies").map(Management::from_value).unwrap_or_default(),
            control: {
                let mut control = Control::default();
                fields.iter().for_each(|(id, value)| {
                    control.take(PORTAL.field(id).path, value);
                });
                control
            },
            source,
        }
    }

    /// Whether it serves an organization, or the MSP's own tenant.
    pub fn serves(&self, tenant: &Name) -> bool {
        if tenant.is_msp() { self.serves_msp } else { self.organizations.as_ref().is_none_or(|l| l.binary_search(tenant).is_ok()) }
    }
}

/// The limits that a document gives; where it gives none, the default ones. `count` is a field's number, or another where it has none.
fn limits(count: &dyn Fn(&str, u64) -> u64) -> Limits {
    let limits = Limits::default();
    Limits {
        max_deletes_per_kind: count("limits.maxDeletesPerKind", limits.max_deletes_per_kind),
        max_deletes_per_tenant: count("limits.maxDeletesPerTenant", limits.max_deletes_per_tenant),
        max_deletes_per_run: count("limits.maxDeletesPerRun", limits.max_deletes_per_run),
        max_delete_percent: count("limits.maxDeletePercent", limits.max_delete_percent),
        delete_floor: count("limits.deleteFloor", limits.delete_floor),
        min_administrators: count("limits.minAdministrators", limits.min_administrators),
    }
}

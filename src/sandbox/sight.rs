//! One tenant as the profile's expressions see it: for what a screen stands for, and for what is read off a screen.

use super::access::Caller;
use super::change::Refusal;
use super::names::{Known, declared, name_of, resource, title_of};
use super::world::World;
use crate::model::portal_spec::Account;
use crate::model::rule::Subject;
use crate::model::{Fields, IntentAction, Kind, LiveObject, LiveTenant, Name, Resource, Tenant};
use crate::portal::profile::cel::{CallScope, SubjectScope};

/// A tenant at one moment.
pub(super) struct Sight {
    pub(super) name: Name,
    pub(super) live: LiveTenant,
    pub(super) organizations: Vec<LiveObject>,
    declared: Tenant,
    account: Account,
}

impl Sight {
    /// Looks at a tenant, by its id or `msp`.
    pub(super) async fn of(world: &World, caller: &Caller, tenant: &str) -> Result<Self, Refusal> {
        let live = world.tenant(caller, tenant).await?;
        let organizations = world.organizations(caller).await?;
        let name = organizations.iter().find(|o| *o.id == *tenant).map_or_else(Name::msp, name_of);
        let declared = declared(&name, &Known::new(&live, &organizations));
        Ok(Self { name, live, organizations, declared, account: world.account().clone() })
    }

    /// A tenant that is about to be made.
    pub(super) async fn of_new(world: &World, caller: &Caller) -> Result<Self, Refusal> {
        let organizations = world.organizations(caller).await?;
        let account = world.account().clone();
        Ok(Self { name: Name::slugify("new"), live: LiveTenant::default(), organizations, declared: Tenant::default(), account })
    }

    pub(super) fn known(&self) -> Known<'_> {
        Known::new(&self.live, &self.organizations)
    }

    /// What people call the tenant.
    pub(super) fn title(&self) -> String {
        let own = self.live.objects(Kind::Organization).first().map(|o| title_of(o).to_owned());
        own.or_else(|| self.account.name.clone().filter(|_| self.name.is_msp())).unwrap_or_else(|| self.name.to_string())
    }

    /// An object of it by kind and id.
    pub(super) fn object(&self, kind: Kind, id: &str) -> Option<&LiveObject> {
        self.live.objects(kind).iter().find(|o| *o.id == *id)
    }

    /// An object as if it were declared.
    pub(super) fn resource(&self, object: &LiveObject) -> Resource {
        let fields = self.known().with_names(object.def(), &object.fields);
        resource(&self.name, object.kind, name_of(object), fields)
    }

    /// Fields of something that is not there yet, as if it were declared.
    pub(super) fn draft(&self, kind: Kind, fields: Fields) -> Resource {
        resource(&self.name, kind, Name::slugify("new"), fields)
    }

    /// Does something with the variables of the profile's texts, for one resource.
    pub(super) fn with<T>(&self, resource: &Resource, id: Option<&str>, action: IntentAction, work: impl FnOnce(&CallScope<'_>) -> T) -> T {
        let subject = Subject {
            tenant: &self.name,
            kind: resource.address.kind,
            action,
            declared: Some(resource),
            after: Some(&resource.fields),
            before: None,
            desired: Some(&self.declared),
            live: Some(&self.live),
            account: &self.account,
        };
        let title = self.title();
        work(&CallScope {
            subject: SubjectScope { subject: &subject },
            name: resource.address.name.as_str(),
            key: resource.natural_key(),
            id,
            organization: Some(&title),
            item: None,
        })
    }
}

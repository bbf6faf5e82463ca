//! A change and what is around it, as CEL sees it: views that make a value when an expression asks for it, and copy nothing else.
//!
//! Comes in: a [`Subject`]. Goes out: values that borrow it. Lists are paid for when they are made ([`super::Meter`]).

use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{self, CelBool, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, Type};
use cel::common::value::{CowVal, Val};

use super::{Meter, Scope};
use crate::model::kind::Placement;
use crate::model::live::ObjectState;
use crate::model::portal_spec::Account;
use crate::model::rule::Subject;
use crate::model::{Fields, Kind, KindDef, LiveObject, LiveTenant, Resource, Tenant, Value};

/// What an expression of a profile may name.
pub(in crate::portal::profile) const VARIABLES: [&str; 9] =
    ["self", "oldSelf", "name", "kind", "action", "tenant", "desired", "live", "account"];

/// Gives a rule its variables.
#[derive(Debug, Clone, Copy)]
pub struct SubjectScope<'a> {
    /// The change that is looked at.
    pub subject: &'a Subject<'a>,
}

impl Scope for SubjectScope<'_> {
    fn variable<'v>(&'v self, name: &str, meter: &'v Meter) -> Option<Box<dyn Val + 'v>> {
        let subject = self.subject;
        let def = subject.kind.def();
        let record = |fields| View::Record { def, fields, head: Head::None, prefix: "", meter }.boxed();
        Some(match name {
            "self" => subject.after.map_or_else(null, |fields| match subject.declared {
                Some(resource) => View::Record { def, fields, head: Head::Declared(resource), prefix: "", meter }.boxed(),
                None => record(fields),
            }),
            "oldSelf" => subject.before.map_or_else(null, record),
            "name" => subject.declared.map_or_else(null, |r| text(r.address.name.as_str())),
            "kind" => text(def.name),
            "action" => text(subject.action.word()),
            "tenant" => View::Tenant { subject, meter }.boxed(),
            "desired" => View::Desired { tenant: subject.desired, meter }.boxed(),
            "live" => subject.live.map_or_else(null, |tenant| View::Live { tenant, meter }.boxed()),
            "account" => View::Account(subject.account).boxed(),
            _ => return None,
        })
    }
}

/// The name of a kind's collection in `desired` and `live`: as in manifests.
pub(in crate::portal::profile) fn collection_name(kind: Kind) -> String {
    match kind.def().placement {
        Placement::Member { inline } => inline.to_owned(),
        Placement::Configuration | Placement::Tenant | Placement::MspOnly => {
            let mut name = kind.def().name.to_owned();
            name.get_mut(..1).map(str::make_ascii_lowercase);
            name.push('s');
            name
        }
    }
}

/// An object as the portal shows it, as `item`.
#[derive(Debug)]
pub(in crate::portal::profile) struct ItemScope<'a>(pub(in crate::portal::profile) &'a LiveObject);

impl Scope for ItemScope<'_> {
    fn variable<'v>(&'v self, name: &str, meter: &'v Meter) -> Option<Box<dyn Val + 'v>> {
        (name == "item").then(|| live_object(self.0, meter))
    }
}

/// What an object shows of itself beside its fields.
#[derive(Debug, Clone, Copy)]
enum Head<'v> {
    None,
    /// `name` and `key`.
    Declared(&'v Resource),
    /// `id`, `key` and `state`.
    Live(&'v LiveObject),
}

/// What `live` has beside collections: what the portal shows of the tenant, by the names of the profile's `observed`, as texts.
pub(in crate::portal::profile) const OBSERVED: &str = "observed";

/// The names that [`Head`] adds to a record; no kind has a field of that name (a test keeps that true).
pub(in crate::portal::profile) const HEAD_NAMES: [&str; 4] = ["name", "key", "id", "state"];

#[derive(Debug, Clone, Copy)]
enum View<'v> {
    /// An object, or a group of its fields such as `contact`: the fields below `prefix`.
    Record {
        def: &'static KindDef,
        fields: &'v Fields,
        head: Head<'v>,
        prefix: &'static str,
        meter: &'v Meter,
    },
    Tenant {
        subject: &'v Subject<'v>,
        meter: &'v Meter,
    },
    Desired {
        tenant: Option<&'v Tenant>,
        meter: &'v Meter,
    },
    Live {
        tenant: &'v LiveTenant,
        meter: &'v Meter,
    },
    /// What the portal shows of the tenant beside what is declared.
    Observed(&'v LiveTenant),
    Account(&'v Account),
}

impl<'v> View<'v> {
    fn boxed(self) -> Box<dyn Val + 'v> {
        Box::new(self)
    }

    fn lookup(&self, field: &str) -> Result<Box<dyn Val + 'v>, ExecutionError> {
        let found = match *self {
            Self::Record { def, fields, head, prefix, meter } => return record_field(def, fields, head, prefix, meter, field),
            Self::Tenant { subject, meter } => tenant_field(subject, meter, field)?,
            Self::Desired { tenant, meter } => match kind_of(field) {
                Some(kind) => Some(list(declared(tenant, kind).map(|r| object(r, meter)), meter)?),
                None => None,
            },
            Self::Live { tenant, meter: _ } if field == OBSERVED => Some(Self::Observed(tenant).boxed()),
            Self::Observed(tenant) => tenant.observed.get(field).map(|seen| text(&seen.value)),
            Self::Live { tenant, meter } => match kind_of(field) {
                Some(kind) => Some(list(tenant.objects(kind).iter().map(|o| live_object(o, meter)), meter)?),
                None => None,
            },
            Self::Account(account) => account_field(account, field),
        };
        found.ok_or_else(|| ExecutionError::no_such_key(field))
    }

    /// Tells two views of one object from views of two, without a way to look at the other as a `View`: CEL asks it by this name.
    fn identity(&self) -> Option<String> {
        match self {
            Self::Record { head: Head::Declared(r), prefix, .. } => Some(format!("declared {} {prefix}", r.address)),
            Self::Record { def, head: Head::Live(o), prefix, .. } => Some(format!("live {} {} {prefix}", def.slug, o.id)),
            _ => None,
        }
    }
}

const IDENTITY: &str = "@identity";

fn kind_of(collection: &str) -> Option<Kind> {
    Kind::reconciled().find(|k| match k.def().placement {
        Placement::Member { inline } => inline == collection,
        Placement::Configuration | Placement::Tenant | Placement::MspOnly => collection_name(*k) == collection,
    })
}

/// The resources of a kind: a run of the tenant's, which are sorted by kind.
fn declared(tenant: Option<&Tenant>, kind: Kind) -> impl Iterator<Item = &Resource> {
    let all = tenant.map_or(&[][..], |t| &t.resources);
    let from = all.partition_point(|r| r.address.kind < kind);
    all.get(from..).unwrap_or(&[]).iter().take_while(move |r| r.address.kind == kind)
}

fn object<'v>(resource: &'v Resource, meter: &'v Meter) -> Box<dyn Val + 'v> {
    View::Record { def: resource.def(), fields: &resource.fields, head: Head::Declared(resource), prefix: "", meter }.boxed()
}

fn live_object<'v>(object: &'v LiveObject, meter: &'v Meter) -> Box<dyn Val + 'v> {
    View::Record { def: object.def(), fields: &object.fields, head: Head::Live(object), prefix: "", meter }.boxed()
}

fn record_field<'v>(
    def: &'static KindDef,
    fields: &'v Fields,
    head: Head<'v>,
    prefix: &'static str,
    meter: &'v Meter,
    name: &str,
) -> Result<Box<dyn Val + 'v>, ExecutionError> {
    if prefix.is_empty() {
        match (head, name) {
            (Head::Declared(r), "name") => return Ok(text(r.address.name.as_str())),
            (Head::Declared(r), "key") => return Ok(text(r.natural_key())),
            (Head::Live(o), "id") => return Ok(text(&o.id)),
            (Head::Live(o), "key") => return Ok(text(&o.key)),
            (Head::Live(o), "state") => return Ok(text(state_name(o.state))),
            _ => {}
        }
    }
    for (id, field) in def.fields() {
        let below = if prefix.is_empty() { Some(field.path) } else { field.path.strip_prefix(prefix).and_then(|p| p.strip_prefix('.')) };
        let Some(rest) = below.and_then(|b| b.strip_prefix(name)) else { continue };
        if rest.is_empty() {
            return fields.get(id).map_or_else(|| Err(ExecutionError::no_such_key(name)), |v| value(v, meter));
        }
        if rest.starts_with('.') {
            // A group is always there: its fields are what may be absent.
            let prefix = field.path.get(..field.path.len() - rest.len()).unwrap_or_default();
            return Ok(View::Record { def, fields, head, prefix, meter }.boxed());
        }
    }
    Err(ExecutionError::no_such_key(name))
}

const fn state_name(state: ObjectState) -> &'static str {
    match state {
        ObjectState::Active => "active",
        ObjectState::Invited => "invited",
        ObjectState::InvitationExpired => "invitationExpired",
        ObjectState::Pending => "pending",
    }
}

fn tenant_field<'v>(subject: &'v Subject<'v>, meter: &'v Meter, field: &str) -> Result<Option<Box<dyn Val + 'v>>, ExecutionError> {
    let organization = subject.desired.and_then(Tenant::organization);
    Ok(Some(match field {
        "name" => text(subject.tenant.as_str()),
        "isMsp" => Box::new(CelBool::from(subject.tenant.is_msp())),
        "domains" => list(declared(subject.desired, Kind::Domain).map(|r| text(r.natural_key())), meter)?,
        "labels" => {
            let labels = organization.and_then(|o| o.def().field_named("labels").and_then(|(id, _)| o.fields.get(id)));
            labels.map_or_else(|| Ok(Box::new(CelMap::default()) as Box<dyn Val>), |v| value(v, meter))?
        }
        "organization" => organization.map_or_else(null, |o| object(o, meter)),
        _ => return Ok(None),
    }))
}

/// The fields of `tenant` and `account`, for the profile to check paths with.
pub(in crate::portal::profile) const TENANT_FIELDS: [&str; 5] = ["name", "isMsp", "labels", "domains", "organization"];
pub(in crate::portal::profile) const ACCOUNT_FIELDS: [&str; 5] = ["name", "domain", "email", "kind", "addOns"];

fn account_field<'v>(account: &'v Account, field: &str) -> Option<Box<dyn Val + 'v>> {
    match field {
        "name" => account.name.as_deref().map(text),
        "domain" => account.domain.as_deref().map(text),
        "email" => account.email.as_deref().map(text),
        "kind" => account.kind.as_deref().map(text),
        "addOns" => Some(Box::new(CelList::from(account.add_ons.iter().map(|a| text(a)).collect::<Vec<_>>()))),
        _ => None,
    }
}

pub(super) fn text(text: &str) -> Box<dyn Val + '_> {
    Box::new(CelString::from(text))
}

pub(super) fn null<'v>() -> Box<dyn Val + 'v> {
    Box::new(CelNull)
}

fn list<'v>(items: impl Iterator<Item = Box<dyn Val + 'v>>, meter: &Meter) -> Result<Box<dyn Val + 'v>, ExecutionError> {
    let items: Vec<_> = items.collect();
    meter.charge(1 + items.len() as u64)?;
    Ok(Box::new(CelList::from(items)))
}

/// A field's value. A secret shows neither itself nor where it is kept: only that it is set.
fn value<'v>(value_: &'v Value, meter: &'v Meter) -> Result<Box<dyn Val + 'v>, ExecutionError> {
    Ok(match value_ {
        Value::Bool(b) => Box::new(CelBool::from(*b)),
        Value::Integer(i) => Box::new(CelInt::from(*i)),
        Value::Text(t) => text(t),
        Value::Secret(_) => text("(sensitive)"),
        Value::List(items) => {
            let items = items.iter().map(|v| value(v, meter)).collect::<Result<Vec<_>, _>>()?;
            list(items.into_iter(), meter)?
        }
        Value::Map(entries) => {
            meter.charge(1 + 2 * entries.len() as u64)?;
            let entries = entries.iter().map(|(k, v)| Ok((CelMapKey::String(CelString::from(&**k)), value(v, meter)?)));
            Box::new(CelMap::from(entries.collect::<Result<std::collections::HashMap<_, _>, ExecutionError>>()?))
        }
    })
}

impl<'a> Val for View<'a> {
    fn get_type(&self) -> &Type {
        &types::MAP_TYPE
    }
    fn cel_type() -> &'static Type {
        &types::MAP_TYPE
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn equals(&self, other: &dyn Val) -> bool {
        let theirs = other.as_indexer().and_then(|i| i.get(&CelString::from(IDENTITY)).ok());
        let theirs = theirs.as_ref().and_then(|v| v.downcast_ref::<CelString>());
        self.identity().is_some_and(|ours| theirs.is_some_and(|t| t.inner() == ours))
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl<'a> Indexer for View<'a> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let field = index
            .downcast_ref::<CelString>()
            .ok_or_else(|| ExecutionError::UnexpectedType { got: index.get_type().name().to_owned(), want: "string".to_owned() })?;
        if field.inner() == IDENTITY {
            return self.identity().map(|i| CowVal::owned(CelString::from(i))).ok_or_else(|| ExecutionError::no_such_key(IDENTITY));
        }
        self.lookup(field.inner()).map(CowVal::Owned)
    }
    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

//! What people and rules call things: the sandbox's live state, which holds ids, as a declared tenant, which holds names; and back.
//!
//! Comes in: live tenants. Goes out: names for ids, ids for what a person typed, and the live state as if it were declared, for the profile's
//! rules speak of both.

use std::collections::HashMap;

use super::change::Refusal;
use crate::model::live::normalise_key;
use crate::model::{
    Address, FieldType, Fields, Kind, KindDef, LiveObject, LiveTenant, Mark, Name, Resource, SourceId, Tenant, TenantName, Value,
};
use crate::portal::embedded::BY_PORTAL;

/// The name that rules know an object by.
pub(super) fn name_of(object: &LiveObject) -> Name {
    Name::slugify(&object.key)
}

/// How the mark of an object begins that the portal has by itself; some id and its key as the profile writes it follow.
pub(super) fn builtin_mark(key: &str) -> String {
    format!("{BY_PORTAL}{BUILTIN}{}/{key}", uuid::Uuid::now_v7())
}

const BUILTIN: &str = "builtin/";

/// The row of the profile that says that the portal made an object by itself.
pub(super) fn made_by(object: &LiveObject) -> Option<&str> {
    object.created_by.as_deref()?.strip_prefix(BY_PORTAL)?.split_once('/').map(|(row, _)| row)
}

/// The key of an object that the portal has by itself, as the profile writes it: rules and people know it by that.
fn builtin_key(object: &LiveObject) -> Option<&str> {
    let (_, key) = object.created_by.as_deref()?.strip_prefix(BY_PORTAL)?.strip_prefix(BUILTIN)?.split_once('/')?;
    Some(key)
}

/// What a person calls an object: its display name, else its key.
pub(super) fn title_of(object: &LiveObject) -> &str {
    builtin_key(object).or_else(|| display_name(object.def(), &object.fields)).unwrap_or(&object.key)
}

/// The display name among fields.
pub(super) fn display_name<'a>(def: &'static KindDef, fields: &'a Fields) -> Option<&'a str> {
    let (id, _) = def.field_named("displayName")?;
    fields.get(id).and_then(Value::as_text)
}

/// Everything that a tenant's references can lead to: what is in it, and every organization.
pub(super) struct Known<'a> {
    tenant: &'a LiveTenant,
    organizations: &'a [LiveObject],
}

impl<'a> Known<'a> {
    pub(super) fn new(tenant: &'a LiveTenant, organizations: &'a [LiveObject]) -> Self {
        Self { tenant, organizations }
    }

    /// What a reference to a kind may lead to.
    pub(super) fn objects(&self, kind: Kind) -> &'a [LiveObject] {
        if kind == Kind::Organization { self.organizations } else { self.tenant.objects(kind) }
    }

    /// The object that a person means: by its id, else by its key, else by the one that is called so.
    ///
    /// # Errors
    /// When there is none, or more than one is called so.
    pub(super) fn find(&self, kind: Kind, text: &str) -> Result<&'a LiveObject, Refusal> {
        let objects = self.objects(kind);
        let key = normalise_key(text);
        if let Some(found) = objects.iter().find(|o| *o.id == *text).or_else(|| objects.iter().find(|o| o.key == key)) {
            return Ok(found);
        }
        let mut called = objects.iter().filter(|o| normalise_key(title_of(o)) == key);
        match (called.next(), called.next()) {
            (Some(found), None) => Ok(found),
            (Some(_), Some(_)) => Err(Refusal::Invalid(format!("more than one {} is called {text}", kind.def().noun))),
            (None, _) => Err(Refusal::Invalid(format!("there is no {} {text}", kind.def().noun))),
        }
    }

    /// Fields whose references hold ids.
    pub(super) fn with_ids(&self, def: &'static KindDef, fields: &Fields) -> Result<Fields, Refusal> {
        self.mapped(def, fields, |kind, text| self.find(kind, text).map(|o| Value::text(&o.id)))
    }

    /// Fields whose references hold names.
    pub(super) fn with_names(&self, def: &'static KindDef, fields: &Fields) -> Fields {
        let by_id = |kind: Kind, id: &str| self.objects(kind).iter().find(|o| *o.id == *id);
        let named = self.mapped(def, fields, |kind, id| {
            Ok(Value::text(
                by_id(kind, id).map_or_else(|| id.to_owned(), |o| builtin_key(o).map_or_else(|| name_of(o).to_string(), str::to_owned)),
            ))
        });
        named.unwrap_or_default()
    }

    fn mapped(
        &self,
        def: &'static KindDef,
        fields: &Fields,
        map: impl Fn(Kind, &str) -> Result<Value, Refusal>,
    ) -> Result<Fields, Refusal> {
        let mut out = Fields::new();
        for (id, value) in fields.iter() {
            let ty = &def.field(id).ty;
            let value = match (ty.refers_to(), value) {
                (None, value) => value.clone(),
                (Some(kind), Value::Text(text)) => map(kind, text)?,
                (Some(kind), Value::List(items)) => {
                    let items = items.iter().filter_map(Value::as_text).map(|t| map(kind, t)).collect::<Result<_, _>>()?;
                    sorted(ty, Value::List(items))
                }
                (Some(_), value) => value.clone(),
            };
            out.set(id, value);
        }
        Ok(out)
    }
}

fn sorted(ty: &FieldType, list: Value) -> Value {
    ty.normalise(list.clone()).unwrap_or(list)
}

/// A declared resource, as rules see it.
pub(super) fn resource(tenant: &TenantName, kind: Kind, name: Name, fields: Fields) -> Resource {
    let address = Address::new(tenant.clone(), kind, name);
    Resource { address, fields, marks: Box::default(), source: SourceId(0), mark: Mark::default(), meta: None }
}

/// The live state as if it were declared.
pub(super) fn declared(name: &TenantName, known: &Known<'_>) -> Tenant {
    let objects = known.tenant.collections.values().flat_map(|c| &c.objects);
    let resources = objects.map(|o| resource(name, o.kind, name_of(o), known.with_names(o.def(), &o.fields)));
    let mut tenant = Tenant { resources: resources.collect(), ..Tenant::default() };
    sort(&mut tenant);
    tenant
}

/// Puts resources in the order that a tenant keeps.
pub(super) fn sort(tenant: &mut Tenant) {
    tenant.resources.sort_by(|a, b| a.address.cmp(&b.address));
}

/// A name that nothing of these has: from what people call it, with a number where that is taken.
pub(super) fn free_name<'a>(called: &str, taken: impl Iterator<Item = &'a LiveObject>) -> Name {
    let taken: HashMap<&str, ()> = taken.map(|o| (&*o.key, ())).collect();
    let first = Name::slugify(called);
    // Room for the number within a name's length.
    let short: String = first.as_str().chars().take(Name::MAX - 13).collect();
    let others = (2_u64..).map(|n| Name::slugify(&format!("{short}-{n}")));
    std::iter::once(first.clone()).chain(others).find(|n| !taken.contains_key(n.as_str())).unwrap_or(first)
}

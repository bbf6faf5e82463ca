//! From what is asked for to the calls that do it, and to what rules look at. Nothing is written here.
//!
//! Comes in: changes of one tenant and its live state. Goes out: steps, each with its call, and the tenant as it would be afterwards. Ids of what
//! is made are chosen here, so that what is made together can refer to each other.

use secrecy::SecretString;

use super::change::{Change, Refusal};
use super::names::{Known, display_name, free_name, name_of, resource};
use super::values;
use crate::model::live::normalise_key;
use crate::model::{
    Address, Collection, Fate, FieldId, Fields, IntentAction, Kind, KindDef, LiveObject, LiveTenant, Name, ObjectState, Resource,
    SecretRef, SecretSource, TenantName, Value,
};
use crate::portal::Call;

/// One object that is about to change.
pub(super) struct Step {
    pub(super) call: Call,
    /// As declared, references by name; `None` for a deletion.
    pub(super) declared: Option<Resource>,
    /// As it is; `None` for a creation.
    pub(super) before: Option<Fields>,
}

/// A tenant while changes to it are prepared.
pub(super) struct Draft<'a> {
    pub(super) name: TenantName,
    /// Its id, `None` while it is being made and for the MSP.
    pub(super) id: Option<Box<str>>,
    /// As it would be with the steps so far.
    pub(super) live: LiveTenant,
    pub(super) organizations: &'a [LiveObject],
}

impl Draft<'_> {
    /// Prepares one change, and makes it in the draft.
    pub(super) fn step(&mut self, change: &Change, intent: Box<str>) -> Result<Step, Refusal> {
        match change.action {
            IntentAction::Create => self.create(change, intent),
            IntentAction::Update | IntentAction::Resend => self.update(change, intent),
            IntentAction::Delete => {
                let object = self.take(change.kind, change.object.as_deref())?;
                if object.portals_own {
                    return Err(Refusal::Forbidden(format!(
                        "the {} {} is the portal's own, and nobody takes it away",
                        change.kind.def().noun,
                        object.key
                    )));
                }
                let call = self.call(change, intent, &object, Vec::new(), Vec::new());
                Ok(Step { call: Call { desired: Fields::new(), ..call }, declared: None, before: Some(object.fields) })
            }
        }
    }

    /// Prepares a creation by the portal itself; `None` where the object is there already.
    pub(super) fn unless_there(&mut self, change: &Change, intent: Box<str>) -> Result<Option<Call>, Refusal> {
        let key = self.key(change, &change.fields)?;
        if self.live.objects(change.kind).iter().any(|o| o.key == key) {
            return Ok(None);
        }
        Ok(Some(self.create(change, intent)?.call))
    }

    fn create(&mut self, change: &Change, intent: Box<str>) -> Result<Step, Refusal> {
        let def = change.kind.def();
        let fields = self.checked(def, &change.fields)?;
        if let Some((_, missing)) = def.fields().find(|(id, field)| field.required && fields.get(*id).is_none_or(Value::is_empty)) {
            return Err(Refusal::Invalid(format!("{} needs {}", article(def.noun), missing.path)));
        }
        let key = self.key(change, &fields)?;
        let object = LiveObject {
            kind: change.kind,
            id: uuid::Uuid::now_v7().to_string().into(),
            key,
            fields,
            state: ObjectState::Active,
            owner: None,
            created_by: None,
            portals_own: false,
        };
        let changed = object.fields.iter().map(|(id, _)| id).collect();
        let call = self.call(change, intent, &object, changed, change.secrets.clone());
        let declared = self.declared(&object, &change.secrets);
        self.put(object);
        Ok(Step { call, declared: Some(declared), before: None })
    }

    fn update(&mut self, change: &Change, intent: Box<str>) -> Result<Step, Refusal> {
        let def = change.kind.def();
        let mut object = self.take(change.kind, change.object.as_deref())?;
        let before = object.fields.clone();
        let mut changed: Vec<FieldId> = change.secrets.iter().map(|(id, _, _)| *id).collect();
        for (id, value) in self.checked(def, &change.fields)?.iter() {
            object.fields.set(id, value.clone());
            changed.push(id);
        }
        for id in &change.cleared {
            object.fields.remove(*id);
            changed.push(*id);
        }
        changed.sort_unstable();
        changed.dedup();
        if let Some(key) = def.key_field().and_then(|id| object.fields.get(id)).and_then(Value::as_text) {
            object.key = normalise_key(key);
        }
        let call = self.call(change, intent, &object, changed, change.secrets.clone());
        let declared = self.declared(&object, &change.secrets);
        self.put(object);
        Ok(Step { call, declared: Some(declared), before: Some(before) })
    }

    /// Values that the portal takes, references by id.
    fn checked(&self, def: &'static KindDef, fields: &Fields) -> Result<Fields, Refusal> {
        if let Some(why) = fields.iter().find_map(|(id, value)| values::wrong(def.field(id), value)) {
            return Err(Refusal::Invalid(format!("{}: {why}", def.noun)));
        }
        self.known().with_ids(def, fields)
    }

    fn key(&self, change: &Change, fields: &Fields) -> Result<Box<str>, Refusal> {
        let def = change.kind.def();
        if let Some(id) = def.key_field() {
            let needs = || Refusal::Invalid(format!("{} needs {}", article(def.noun), def.field(id).path));
            return fields.get(id).and_then(Value::as_text).map(normalise_key).ok_or_else(needs);
        }
        if let Some(name) = &change.name {
            let name = Name::new(name).map_err(|e| Refusal::Invalid(e.to_string()))?;
            return Ok(name.as_str().into());
        }
        // A tenant's own object has the tenant's name already.
        if change.kind == Kind::Organization {
            return Ok(self.name.as_str().into());
        }
        let called = display_name(def, fields).unwrap_or(def.slug);
        Ok(free_name(called, self.live.objects(change.kind).iter()).as_str().into())
    }

    fn call(
        &self,
        change: &Change,
        intent: Box<str>,
        object: &LiveObject,
        changed: Vec<FieldId>,
        secrets: Vec<(FieldId, Box<str>, SecretString)>,
    ) -> Call {
        Call {
            intent,
            owner: "sandbox".into(),
            address: Address::new(self.name.clone(), change.kind, name_of(object)),
            tenant_id: self.id.clone(),
            action: change.action,
            object: Some(object.id.clone()),
            key: object.key.clone(),
            desired: object.fields.clone(),
            changed,
            secrets,
            carries: Vec::new(),
            before: Fields::new(),
            context: None,
            fate: Fate::fresh(None),
        }
    }

    fn declared(&self, object: &LiveObject, secrets: &[(FieldId, Box<str>, SecretString)]) -> Resource {
        let mut fields = self.known().with_names(object.def(), &object.fields);
        for (id, key, _) in secrets {
            // Rules see that a secret is given, and nothing of it.
            let given = Value::Secret(Box::new(SecretRef { source: SecretSource::Env("TYPED".into()) }));
            let mut entries = match fields.remove(*id) {
                Some(Value::Map(entries)) => entries,
                _ => Vec::new(),
            };
            entries.push((key.clone(), given));
            entries.sort();
            fields.set(*id, Value::Map(entries));
        }
        resource(&self.name, object.kind, name_of(object), fields)
    }

    pub(super) fn known(&self) -> Known<'_> {
        Known::new(&self.live, self.organizations)
    }

    /// Puts an object into the draft.
    pub(super) fn put(&mut self, object: LiveObject) {
        self.live.collections.entry(object.kind).or_insert_with(|| Collection::complete(Vec::new())).objects.push(object);
    }

    fn take(&mut self, kind: Kind, id: Option<&str>) -> Result<LiveObject, Refusal> {
        let objects = self.live.collections.get_mut(&kind).map(|c| &mut c.objects);
        let found = objects.and_then(|o| o.iter().position(|o| Some(&*o.id) == id).map(|at| o.remove(at)));
        found.ok_or_else(|| Refusal::NotFound(format!("there is no {} {} in this tenant", kind.def().noun, id.unwrap_or_default())))
    }
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

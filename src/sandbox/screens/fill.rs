//! What was typed becomes a change: the inverse of what a work order says to type.
//!
//! Comes in: a flow, the gestures that led to it and the texts of its fields. Goes out: a [`Change`]. A field that was left empty stays empty; one
//! that was emptied in a form that showed it is cleared.

use std::collections::BTreeMap;

use super::flow::{Flow, Gesture};
use super::session::{Draft, Session};
use crate::model::kind::Placement;
use crate::model::{FieldDef, FieldId, FieldSupport, FieldType, Fields, IntentAction, Kind, LiveObject, MSP, Value};
use crate::portal::profile::technician::{Input, Setting, Target};
use crate::sandbox::change::{Change, Refusal};
use crate::sandbox::sight::Sight;

/// What was typed for one object.
#[derive(Default)]
struct Part {
    fields: Fields,
    cleared: Vec<FieldId>,
    name: Option<Box<str>>,
    secrets: Vec<(FieldId, Box<str>, secrecy::SecretString)>,
}

/// What was typed, by kind; and what was picked that is no field.
#[derive(Default)]
struct Typed {
    parts: BTreeMap<Kind, Part>,
    /// The customer, where the form asks for one.
    customer: Option<String>,
    /// The item that the flow is gone through for.
    item: Option<String>,
}

/// The change that a flow asks for, now that its last button is pressed.
pub(super) async fn change(session: &Session, flow: &Flow<'_>, draft: &Draft) -> Result<Change, Refusal> {
    let world = &session.app.shared.world;
    let row = row_of(&draft.gestures, flow.kind);
    let current = match row {
        Some((tenant, id)) => Sight::of(world, &session.caller, tenant).await?.object(flow.kind, id).cloned(),
        None => None,
    };
    let mut typed = typed(flow, draft, current.as_ref())?;
    let mut own = typed.parts.remove(&flow.kind).unwrap_or_default();
    let tenant = tenant(session, flow, draft, &typed).await?;
    let sight = match flow.kind.def().placement {
        Placement::Tenant if current.is_none() => Sight::of_new(world, &session.caller).await?,
        _ => Sight::of(world, &session.caller, &tenant).await?,
    };
    implied(session, flow, &sight, &mut own.fields);
    let mut target = current.clone();
    if let Some(each) = flow.each {
        let item = typed.item.or_else(|| row_of(&draft.gestures, Kind::Organization).map(|(_, id)| id.to_owned()));
        target = gained(flow, each, &sight, target, &mut own.fields, item)?;
    } else if let (Some(from), IntentAction::Create, Some(_)) = (&current, flow.action, &typed.customer) {
        // Somebody of another customer comes to this one: a new membership of the same person.
        target = None;
        copy(from, &mut own.fields);
    }
    let action = match (flow.action, &target) {
        (IntentAction::Create | IntentAction::Update, Some(_)) => IntentAction::Update,
        (IntentAction::Create, None) => IntentAction::Create,
        (_, None) => return Err(Refusal::Invalid(format!("open the row of a {} first", flow.kind.def().noun))),
        (action, Some(_)) => action,
    };
    let with = typed.parts.into_iter().filter(|(_, part)| !part.fields.is_empty());
    let with = with.map(|(kind, part)| Change { secrets: part.secrets, name: part.name, ..Change::create(&tenant, kind, part.fields) });
    Ok(Change {
        action,
        object: target.map(|o| o.id),
        name: own.name,
        cleared: own.cleared,
        secrets: own.secrets,
        with: with.collect(),
        ..Change::create(&tenant, flow.kind, own.fields)
    })
}

/// The last row of a kind that was opened on the way: its tenant and id.
pub(super) fn row_of(gestures: &[Gesture], wanted: Kind) -> Option<(&str, &str)> {
    gestures.iter().rev().find_map(|g| match g {
        Gesture::Row { kind, tenant, id, .. } if *kind == wanted => Some((tenant.as_str(), id.as_str())),
        Gesture::Row { .. } | Gesture::Press(_) => None,
    })
}

/// The tenant that a flow is about: what was picked, what was opened, or what the screens are set to.
async fn tenant(session: &Session, flow: &Flow<'_>, draft: &Draft, typed: &Typed) -> Result<String, Refusal> {
    match flow.kind.def().placement {
        Placement::MspOnly => return Ok(MSP.to_owned()),
        Placement::Tenant => return Ok(row_of(&draft.gestures, flow.kind).map_or_else(String::new, |(tenant, _)| tenant.to_owned())),
        Placement::Member { .. } | Placement::Configuration => {}
    }
    if let Some(customer) = &typed.customer {
        let sight = Sight::of_new(&session.app.shared.world, &session.caller).await?;
        return sight.known().find(Kind::Organization, customer).map(|o| o.id.to_string());
    }
    let own = row_of(&draft.gestures, flow.kind).map(|(tenant, _)| tenant);
    let opened = row_of(&draft.gestures, Kind::Organization).map(|(_, id)| id).filter(|_| flow.each.is_none());
    Ok(own.or(opened).map_or_else(|| session.tenant(), str::to_owned))
}

fn typed(flow: &Flow<'_>, draft: &Draft, current: Option<&LiveObject>) -> Result<Typed, Refusal> {
    let mut all = Typed::default();
    let mut texts: BTreeMap<(Kind, String), &str> = BTreeMap::new();
    for (at, setting) in flow.settings() {
        if let (Some(secret), Some(Target::Entry(id, key))) = (draft.secrets.get(&at), &setting.target) {
            all.parts.entry(setting.of).or_default().secrets.push((*id, key.as_str().into(), secret.clone()));
            continue;
        }
        let Some(text) = draft.typed.get(&at).map(|t| t.trim()) else { continue };
        let Some(target) = &setting.target else {
            let picked = (!text.is_empty()).then(|| text.to_owned());
            *(if flow.each.is_some() { &mut all.item } else { &mut all.customer }) = picked;
            continue;
        };
        if matches!((target, flow.each), (Target::Field(id), Some(each)) if *id == each) {
            all.item = (!text.is_empty()).then(|| text.to_owned());
            continue;
        }
        if let Some(before) = texts.insert((setting.of, format!("{target:?}")), text).filter(|before| *before != text) {
            return Err(Refusal::Invalid(format!("{}: `{text}` is not the same as `{before}` above", setting.label)));
        }
        let part = all.parts.entry(setting.of).or_default();
        part.put(setting, target, text, current.filter(|o| o.kind == setting.of))?;
    }
    Ok(all)
}

impl Part {
    fn put(&mut self, setting: &Setting, target: &Target, text: &str, current: Option<&LiveObject>) -> Result<(), Refusal> {
        let def = setting.of.def();
        let there = |id: FieldId| current.is_some_and(|o| o.fields.get(id).is_some_and(|v| !v.is_empty()));
        match target {
            Target::Name => self.name = (!text.is_empty()).then(|| text.into()),
            // A box that is clear says nothing of something new.
            Target::Field(id) if setting.input == Input::Tick && text != "true" && !there(*id) => {}
            Target::Field(id) if text.is_empty() => self.cleared.extend(there(*id).then_some(*id)),
            Target::Field(id) => {
                for (id, text) in shared(setting, *id, text) {
                    self.fields.set(id, read(&setting.label, def.field(id), text)?);
                }
            }
            Target::Entry(_, _) if text.is_empty() => {}
            Target::Entry(id, key) => {
                let mut entries = match self.fields.remove(*id).or_else(|| current.and_then(|o| o.fields.get(*id).cloned())) {
                    Some(Value::Map(entries)) => entries,
                    _ => Vec::new(),
                };
                entries.retain(|(k, _)| **k != **key);
                entries.push((key.as_str().into(), Value::text(text)));
                entries.sort();
                self.fields.set(*id, Value::Map(entries));
            }
        }
        Ok(())
    }
}

/// One text that several fields make together, such as a person's name: the words, one for each field, what is left for the last.
fn shared<'t>(setting: &Setting, own: FieldId, text: &'t str) -> Vec<(FieldId, &'t str)> {
    let def = setting.of.def();
    let mut fields: Vec<FieldId> = setting.takes.iter().copied().filter(|id| matches!(def.field(*id).ty, FieldType::Text(_))).collect();
    if !fields.contains(&own) || fields.len() < 2 {
        return vec![(own, text)];
    }
    fields.sort_unstable();
    fields.dedup();
    let mut words = text.splitn(fields.len(), ' ').collect::<Vec<_>>();
    if words.len() < fields.len() {
        words = vec![text];
        fields = vec![own];
    }
    fields.into_iter().zip(words).collect()
}

/// The value of a text.
pub(super) fn read(label: &str, field: &FieldDef, text: &str) -> Result<Value, Refusal> {
    let wrong = || Refusal::Invalid(format!("{label}: `{text}` is not {}", field.ty));
    let value = parsed(&field.ty, text).ok_or_else(wrong)?;
    field.ty.normalise(value).ok_or_else(wrong)
}

fn parsed(ty: &FieldType, text: &str) -> Option<Value> {
    let items = |between: char| text.split(between).map(str::trim).filter(|t| !t.is_empty());
    Some(match ty {
        FieldType::Bool => Value::Bool(match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => true,
            "false" | "no" | "off" => false,
            _ => return None,
        }),
        FieldType::Integer(..) => Value::Integer(text.parse().ok()?),
        FieldType::Enum(words) => Value::text(words.iter().find(|w| w.eq_ignore_ascii_case(text))?),
        FieldType::Organizations => Value::texts(items(',')),
        FieldType::List(inner) | FieldType::Set(inner) => {
            let between = if matches!(inner, FieldType::Record(_)) { '\n' } else { ',' };
            Value::List(items(between).map(|t| parsed(inner, t)).collect::<Option<_>>()?)
        }
        FieldType::Record(fields) => entries(items(';'), |key| fields.iter().find(|f| *f.path == *key).map(|f| &f.ty))?,
        FieldType::Map(inner) => entries(items(','), |_| Some(*inner))?,
        FieldType::Secret => return None,
        _ => Value::text(text),
    })
}

fn entries<'t>(pairs: impl Iterator<Item = &'t str>, ty: impl Fn(&str) -> Option<&'static FieldType>) -> Option<Value> {
    let mut map = Vec::new();
    for pair in pairs {
        let (key, text) = pair.split_once(':')?;
        map.push((key.trim().into(), parsed(ty(key.trim())?, text.trim())?));
    }
    map.sort();
    Some(Value::Map(map))
}

/// What a screen stands for without asking: a word on which it depends whether the screen is visited at all.
fn implied(session: &Session, flow: &Flow<'_>, sight: &Sight, fields: &mut Fields) {
    let profile = session.app.shared.world.profile();
    let has = |id| profile.capabilities().kind(flow.kind).is_some_and(|c| c.field(id) != FieldSupport::Unsupported);
    for (id, field) in flow.kind.def().fields() {
        let FieldType::Enum(words) = field.ty else { continue };
        if flow.action != IntentAction::Create || fields.get(id).is_some() || !has(id) {
            continue;
        }
        let visited = |word: &&&str| {
            let mut with = fields.clone();
            with.set(id, Value::text(**word));
            let resource = sight.draft(flow.kind, with);
            sight.with(&resource, None, flow.action, |scope| flow.whens.iter().all(|when| when.holds(scope).unwrap_or(false)))
        };
        let (some, others): (Vec<&&str>, Vec<&&str>) = words.iter().partition(|word| visited(word));
        if let (Some(word), false) = (some.first(), others.is_empty()) {
            fields.set(id, Value::text(**word));
        }
    }
}

/// Adds an item to the list that a flow is gone through for: of the object that was opened, or of one that is the same in all else.
fn gained(
    flow: &Flow<'_>,
    each: FieldId,
    sight: &Sight,
    opened: Option<LiveObject>,
    fields: &mut Fields,
    item: Option<String>,
) -> Result<Option<LiveObject>, Refusal> {
    let def = flow.kind.def();
    let Some(item) = item else { return Err(Refusal::Invalid(format!("nothing is picked for {}", def.field(each).path))) };
    let ids = sight.known().with_ids(def, fields)?;
    let same = |o: &&LiveObject| ids.iter().all(|(id, value)| o.fields.get(id) == Some(value));
    let target = opened.or_else(|| sight.live.objects(flow.kind).iter().find(same).cloned());
    let mut items = target.as_ref().and_then(|o| o.fields.get(each)).and_then(Value::as_list).map(<[Value]>::to_vec).unwrap_or_default();
    items.push(Value::text(item));
    fields.set(each, Value::List(items));
    Ok(target)
}

/// What a person is called, whichever customer they are in.
fn copy(from: &LiveObject, into: &mut Fields) {
    let def = from.def();
    for (id, value) in from.fields.iter() {
        if matches!(def.field(id).ty, FieldType::Text(_) | FieldType::Email) && into.get(id).is_none() {
            into.set(id, value.clone());
        }
    }
}

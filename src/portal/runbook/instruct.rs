//! One call becomes instructions: its title, the screens, what no page documents, and what to bring back.
//!
//! Comes in: a profile and a call with what is around it. Goes out: [`Instructions`], the same for the same call, or why there are none: an
//! expression of the profile that has no value, for half an instruction is worse than none.

use std::collections::BTreeSet;

use super::cover::{Covered, Object};
use super::screens::{Part, visit};
use super::values::{item, organization};
use crate::model::rule::Subject;
use crate::model::work_order::{Act, EvidenceWanted, Instructions, Screen, Step};
use crate::model::{FieldId, FieldType, Fields, IntentAction, Kind, Readability, Value};
use crate::portal::profile::cel::{CallScope, EvalError, SubjectScope};
use crate::portal::profile::document::Action;
use crate::portal::profile::technician::{CompiledEvidence, CompiledScreens};
use crate::portal::{Around, Call, CallContext, CallError, Profile};

/// See the module.
///
/// # Errors
/// When an expression of the profile has no value for this call, or the call came without what is around it.
pub fn instructions(profile: &Profile, call: &Call) -> Result<Instructions, CallError> {
    let Some(context) = &call.context else {
        return Err(CallError::Refused("the call came without what is around it, which instructions need".to_owned()));
    };
    let refused =
        |error: EvalError| CallError::Refused(format!("no instructions can be written: {error}; correct profile {}", profile.name));
    let screens = profile.screens(call.address.kind, call.action.into());
    let known = organization(call, &context.around, &context.named, &context.named_before);
    let subjects: Vec<_> = std::iter::once(call).chain(&call.carries).map(|c| (c, subject(c, context))).collect();
    let mut parts: Vec<_> = subjects.iter().map(|(c, subject)| part(c, subject, context, known.as_deref())).collect();
    let mut visited = screens.map_or(Ok(Vec::new()), |s| visit(&s.screens, profile.menu(), &mut parts)).map_err(refused)?;
    let Some(own) = parts.first() else { return Err(CallError::Refused("the call is empty".to_owned())) };
    let whole = visited.is_empty();
    let menu_place = place(profile, &visited);
    look_first(profile, call, own, known.as_deref(), &mut visited);
    let then = settings(profile, call, &mut parts).map_err(refused)?;
    for (at, part) in parts.iter().enumerate() {
        // What is made with an organization is in it.
        let (whole, of) = if at == 0 { (whole, where_(call, known.as_deref())) } else { (!part.covered.touched, known.as_deref()) };
        let steps = part.object.uncovered(&part.covered, whole, of);
        if !steps.is_empty() {
            visited.push(Screen { menu: Vec::new(), steps });
        }
    }
    visited.extend(then);
    let Some(own) = parts.first() else { return Err(CallError::Refused("the call is empty".to_owned())) };
    let title = match screens.and_then(|s| s.title.as_ref()) {
        Some(title) => title.render(&own.scope).map_err(refused)?,
        None => title(&own.object, where_(call, known.as_deref())),
    };
    let mut evidence = evidence(screens, call, own, known.as_deref()).map_err(refused)?;
    evidence.extend(gained(profile, own));
    Ok(Instructions { title, menu_place, screens: visited, evidence })
}

/// What the screens of a creation leave out and those of a change have: it is set there, once the object exists.
fn settings(profile: &Profile, call: &Call, parts: &mut [Part<'_>]) -> Result<Vec<Screen>, EvalError> {
    let screens = profile.screens(call.address.kind, Action::Update).filter(|_| call.action == IntentAction::Create);
    let (Some(screens), Some(own)) = (screens, parts.first_mut()) else { return Ok(Vec::new()) };
    let left = own.object.left(&own.covered);
    let mut made = own.object.named.clone();
    left.iter().for_each(|field| drop(made.remove(*field)));
    let object = Object { action: IntentAction::Update, before: &made, changed: &left, ..own.object };
    let mut then = [Part { object, scope: CallScope { item: None, ..own.scope }, covered: Covered::default() }];
    let visited = visit(&screens.screens, profile.menu(), &mut then)?;
    let [Part { covered, .. }] = then;
    own.covered.absorb(covered);
    Ok(visited)
}

/// Where screens are visited item by item, the items are brought back: whoever picked another customer sees it there.
fn gained(profile: &Profile, own: &Part<'_>) -> Vec<EvidenceWanted> {
    let (kind, def) = (own.object.address.kind, own.object.address.kind.def());
    let visited = |field: &FieldId| item_by_item(profile, kind).contains(field) && !own.object.gains(*field).is_empty();
    let wanted = def.fields().map(|(field, _)| field).filter(visited).map(|field| {
        let all = own.object.named.get(field).and_then(Value::as_list).unwrap_or_default();
        let mut names: Vec<_> = all.iter().map(|one| item(def.field(field), one, own.object.around)).collect();
        names.sort_by_cached_key(|name| name.to_lowercase());
        EvidenceWanted {
            name: def.field(field).path.to_owned(),
            ask: ask_for_all(kind, field),
            expect: Some(names.join(", ")),
            optional: false,
            id: false,
        }
    });
    wanted.collect()
}

/// The fields of a kind for whose items screens are visited one by one.
pub fn item_by_item(profile: &Profile, kind: Kind) -> BTreeSet<FieldId> {
    let screens = [Action::Create, Action::Update].into_iter().filter_map(|action| profile.screens(kind, action));
    screens.flat_map(|s| &s.screens).filter_map(|screen| screen.each).collect()
}

/// How a technician is asked for all items of such a field.
pub fn ask_for_all(kind: Kind, field: FieldId) -> String {
    let def = kind.def();
    let what = match def.field(field).ty {
        FieldType::Organizations => "Every customer",
        _ => def.field(field).path,
    };
    format!("{what} that the {} is now shown with, in alphabetical order, with commas between", def.noun)
}

/// How a technician is asked for the name of something new, where the profile does not ask for anything.
pub fn ask_for_name(kind: Kind) -> String {
    format!("The name that the portal shows for the new {}", kind.def().noun)
}

/// The same for the customer that it is in.
pub const ASK_FOR_CUSTOMER: &str = "The customer's name, as the screen shows it";

/// What people call the place where it is done; an organization is in no other.
fn where_<'a>(call: &Call, known: Option<&'a str>) -> Option<&'a str> {
    known.filter(|_| call.address.kind != Kind::Organization)
}

/// The fields of a call with references by name.
fn named(call: &Call) -> &Fields {
    call.context.as_ref().map_or(&call.desired, |c| &c.named)
}

fn before(call: &Call) -> &Fields {
    call.context.as_ref().map_or(&call.before, |c| &c.named_before)
}

fn subject<'a>(call: &'a Call, context: &'a CallContext) -> Subject<'a> {
    let Around { tenant, organizations: _, account } = &*context.around;
    let gone = call.action == IntentAction::Delete;
    Subject {
        tenant: &call.address.tenant,
        kind: call.address.kind,
        action: call.action,
        declared: tenant.as_ref().and_then(|t| t.get(call.address.kind, &call.address.name)).filter(|_| !gone),
        after: (!gone).then(|| named(call)),
        before: (call.action != IntentAction::Create).then(|| before(call)),
        desired: tenant.as_ref(),
        live: None,
        account,
    }
}

fn part<'a>(call: &'a Call, subject: &'a Subject<'a>, context: &'a CallContext, organization: Option<&'a str>) -> Part<'a> {
    let (name, id) = (call.address.name.as_str(), call.object.as_deref());
    Part {
        object: Object {
            address: &call.address,
            action: call.action,
            key: &call.key,
            named: named(call),
            before: before(call),
            changed: &call.changed,
            around: &context.around,
        },
        scope: CallScope { subject: SubjectScope { subject }, name, key: &call.key, id, organization, item: None },
        covered: Covered::default(),
    }
}

/// The place of the first screen that is found through the menu; what has none comes after all that have.
fn place(profile: &Profile, visited: &[Screen]) -> u32 {
    let first = visited.iter().find_map(|screen| profile.menu().iter().position(|place| place.path == screen.menu));
    u32::try_from(first.unwrap_or(profile.menu().len())).unwrap_or(u32::MAX)
}

/// Where nothing can be read, a technician looks first whether the object is there already: nobody else can.
fn look_first(profile: &Profile, call: &Call, own: &Part<'_>, known: Option<&str>, visited: &mut Vec<Screen>) {
    let unreadable = profile.capabilities().kind(call.address.kind).is_some_and(|k| k.read == Readability::Unreadable);
    if call.action != IntentAction::Create || !unreadable {
        return;
    }
    let text = own.object.not_yet(where_(call, known));
    let lists = || profile.menu().iter().filter(|place| place.lists == Some(call.address.kind));
    let listing = lists().find(|place| visited.first().is_some_and(|first| first.menu == place.path)).or_else(|| lists().next());
    let source = listing.map(|place| place.source).or_else(|| visited.first()?.steps.first()?.source);
    let look = Step { act: Act::Look { text }, source };
    match (listing, visited.first_mut()) {
        (Some(place), Some(first)) if first.menu == place.path => first.steps.insert(0, look),
        (None, Some(first)) => {
            let at = where_listed(&first.steps);
            first.steps.insert(at, look);
        }
        (listing, _) => {
            let menu = listing.map(|place| place.path.clone()).unwrap_or_default();
            visited.insert(0, Screen { menu, steps: vec![look] });
        }
    }
}

/// Where no place of the menu lists a kind, its objects are seen once the rows and tabs on the way are open: before the last button, which
/// begins something new.
fn where_listed(steps: &[Step]) -> usize {
    let opens = |step: &Step| matches!(step.act, Act::Row { entry: None, .. });
    let on_the_way = |step: &&Step| opens(step) || matches!(step.act, Act::Press { .. });
    let way = steps.iter().take_while(on_the_way).count();
    if steps.first().is_some_and(opens) { way.saturating_sub(1).max(1) } else { 0 }
}

/// `Create user al@acme.example in Acme GmbH`.
fn title(object: &Object<'_>, of: Option<&str>) -> String {
    let what = object.words();
    let place = of.map(|of| format!(" in {of}")).unwrap_or_default();
    match object.action {
        IntentAction::Create => format!("Create {what}{place}"),
        IntentAction::Update => format!("Change {what}{place}"),
        IntentAction::Delete => format!("Delete {what}{place}"),
        IntentAction::Resend => format!("Send the invitation of {what} again{place}"),
    }
}

/// What the profile asks for. Where it asks for nothing, a creation asks for the name that the portal shows and for the customer's, so that a
/// customer that was picked wrongly is seen.
fn evidence(screens: Option<&CompiledScreens>, call: &Call, own: &Part<'_>, known: Option<&str>) -> Result<Vec<EvidenceWanted>, EvalError> {
    let asked = screens.map_or(&[][..], |s| &s.evidence);
    if !asked.is_empty() || call.action != IntentAction::Create {
        return asked.iter().map(|wanted| of_profile(wanted, own)).collect();
    }
    let one = |name: &str, ask: String, expect: Option<&str>| EvidenceWanted {
        name: name.to_owned(),
        ask,
        expect: expect.map(str::to_owned),
        optional: false,
        id: false,
    };
    let mut wanted = Vec::new();
    if call.address.kind == Kind::Organization {
        wanted.push(one("organization", ask_for_name(Kind::Organization), known));
        return Ok(wanted);
    }
    wanted.push(one("name", ask_for_name(call.address.kind), None));
    if let Some(known) = known.filter(|_| !call.address.tenant.is_msp()) {
        wanted.push(one("organization", ASK_FOR_CUSTOMER.to_owned(), Some(known)));
    }
    Ok(wanted)
}

fn of_profile(wanted: &CompiledEvidence, own: &Part<'_>) -> Result<EvidenceWanted, EvalError> {
    let CompiledEvidence { name, ask, expect, optional, id } = wanted;
    let expect = expect.as_ref().map(|e| e.render(&own.scope)).transpose()?;
    Ok(EvidenceWanted { name: name.clone(), ask: ask.clone(), expect, optional: *optional, id: *id })
}

//! One call becomes instructions: its title, the screens, what no page documents, and what to bring back.
//!
//! Comes in: a profile and a call with what is around it. Goes out: [`Instructions`], the same for the same call, or why there are none: an
//! expression of the profile that has no value, for half an instruction is worse than none.

use super::cover::{Covered, Object};
use super::evidence::evidence;
use super::screens::{Part, visit};
use super::values::organization;
use crate::model::kind::{Bearing, Placement};
use crate::model::rule::Subject;
use crate::model::work_order::{Act, Instructions, Screen, Step};
use crate::model::{Fields, IntentAction, Kind, Readability};
use crate::portal::profile::cel::{CallScope, EvalError, SubjectScope};
use crate::portal::profile::document::Action;
use crate::portal::{Around, Call, CallContext, CallError, Profile};

/// See the module.
///
/// # Errors
/// When an expression of the profile has no value for this call, or the call came without what is around it.
pub fn instructions(profile: &Profile, call: &Call) -> Result<Instructions, CallError> {
    let Some(context) = &call.context else {
        return Err(CallError::Refused(BARE.to_owned()));
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
    let evidence = evidence(profile, call, own, known.as_deref()).map_err(refused)?;
    Ok(Instructions { title, menu_place, screens: visited, evidence })
}

/// What the screens of a creation leave out and those of a change have: it is set there, once the object exists. Expressions see a change of
/// what was made: `action` is `update`, and `oldSelf` has what the creation set.
fn settings(profile: &Profile, call: &Call, parts: &mut [Part<'_>]) -> Result<Vec<Screen>, EvalError> {
    let screens = profile.screens(call.address.kind, Action::Update).filter(|_| call.action == IntentAction::Create);
    let (Some(screens), Some(own)) = (screens, parts.first_mut()) else { return Ok(Vec::new()) };
    let left = own.object.left(&own.covered);
    let mut made = own.object.named.clone();
    left.iter().for_each(|field| drop(made.remove(*field)));
    let object = Object { action: IntentAction::Update, before: &made, changed: &left, ..own.object };
    let subject = Subject { action: IntentAction::Update, before: Some(&made), ..*own.scope.subject.subject };
    let scope = CallScope { subject: SubjectScope { subject: &subject }, item: None, ..own.scope };
    let mut then = [Part { object, scope, covered: Covered::default() }];
    let visited = visit(&screens.screens, profile.menu(), &mut then)?;
    let [Part { covered, .. }] = then;
    own.covered.absorb(covered);
    Ok(visited)
}

/// All that is declared of a call's objects, as what is to be reached: for a person who is asked for something that no screen is known of.
///
/// # Errors
/// When the call came without what is around it.
pub fn declared(call: &Call) -> Result<Vec<Step>, CallError> {
    let Some(context) = &call.context else { return Err(CallError::Refused(BARE.to_owned())) };
    let known = organization(call, &context.around, &context.named, &context.named_before);
    let steps = std::iter::once(call).chain(&call.carries).enumerate().flat_map(|(at, one)| {
        let of = if at == 0 { where_(call, known.as_deref()) } else { known.as_deref() };
        object(one, context).uncovered(&Covered::default(), at > 0, of)
    });
    Ok(steps.collect())
}

/// Why a call alone is not enough.
const BARE: &str = "the call came without what is around it, which instructions need";

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
        object: object(call, context),
        scope: CallScope { subject: SubjectScope { subject }, name, key: &call.key, id, organization, item: None },
        covered: Covered::default(),
    }
}

fn object<'a>(call: &'a Call, context: &'a CallContext) -> Object<'a> {
    Object {
        address: &call.address,
        action: call.action,
        key: &call.key,
        named: named(call),
        before: before(call),
        changed: &call.changed,
        around: &context.around,
    }
}

/// The place of the first screen that is found through the menu; what has none comes after all that have.
fn place(profile: &Profile, visited: &[Screen]) -> u32 {
    let first = visited.iter().find_map(|screen| profile.menu().iter().position(|place| place.path == screen.menu));
    u32::try_from(first.unwrap_or(profile.menu().len())).unwrap_or(u32::MAX)
}

/// Where nothing can be read, a technician looks first whether the object is there already, or whether access that is to be taken away is still
/// there: nobody else can.
fn look_first(profile: &Profile, call: &Call, own: &Part<'_>, known: Option<&str>, visited: &mut Vec<Screen>) {
    let unreadable = profile.capabilities().kind(call.address.kind).is_some_and(|k| k.read == Readability::Unreadable);
    let of = where_(call, known);
    let text = match call.action {
        IntentAction::Create if unreadable => own.object.not_yet(of),
        IntentAction::Delete if unreadable && call.address.kind.def().bearing == Bearing::Access => own.object.still(of),
        IntentAction::Create | IntentAction::Delete | IntentAction::Update | IntentAction::Resend => return,
    };
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
        IntentAction::Delete => match (object.address.kind.def().bearing, object.address.kind.def().placement) {
            (Bearing::Access, Placement::Member { .. }) => format!("Take {what} out of {}", of.unwrap_or("the MSP")),
            (Bearing::Access, _) => format!("Withdraw {what}{place}"),
            (Bearing::Data | Bearing::Settings, _) => format!("Delete {what}{place}"),
        },
        IntentAction::Resend => format!("Send the invitation of {what} again{place}"),
    }
}

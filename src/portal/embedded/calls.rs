//! What each call means to a directory: create, update, delete, send an invitation again.
//!
//! Comes in: a call and the time, inside a savepoint. Goes out: what it brought about, or the refusal; the caller rolls back.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::objects::{self, BY_PORTAL, Failed, MSP, Stored, refused};
use super::played::Goes;
use crate::model::kind::Placement;
use crate::model::live::normalise_key;
use crate::model::{Capabilities, FieldDef, FieldId, FieldSupport, Fields, IntentAction, KindCapability, KindDef, Performer, Sense, Value};
use crate::portal::{Call, Done};

/// Days until an invitation expires, where the call does not say.
const INVITATION_DAYS: i64 = 30;

/// How the subject of a mail begins that asks somebody to accept.
pub(super) const INVITATION: &str = "Invitation";

/// Performs a call, with the mail that goes out.
pub(super) fn perform(db: &Connection, capabilities: &Capabilities, call: &Call, mail: &Goes, now: Timestamp) -> Result<Done, Failed> {
    if let Some(done) = repeated(db, call, now)? {
        return Ok(done);
    }
    let kind = call.address.kind;
    let Some(capability) = capabilities.kind(kind) else {
        return refused(format!("the directory has no {}", kind.def().nouns));
    };
    let performer = match call.action {
        IntentAction::Create => capability.create,
        IntentAction::Update => capability.update,
        IntentAction::Delete => capability.delete,
        IntentAction::Resend => capability.resend,
    };
    if performer != Performer::Call {
        return refused(format!("the directory does not {} {}", call.action.word(), kind.def().nouns));
    }
    if !call.carries.is_empty() {
        return refused("a call of the directory makes one object: it carries no other");
    }
    let (id, object) = match call.action {
        IntentAction::Create => shown(create(db, capability, call, mail, now)?, now),
        IntentAction::Update => shown(update(db, capability, call, now)?, now),
        IntentAction::Resend => shown(resend(db, call, mail, now)?, now),
        IntentAction::Delete => {
            delete(db, call)?;
            (call.object.clone(), None)
        }
    };
    record(db, call, Some(&call.intent), id.as_deref(), "done", now)?;
    Ok(Done::Now { id: if object.is_some() { id } else { None }, object, carried: Vec::new() })
}

type Shown = (Option<Box<str>>, Option<Box<crate::model::LiveObject>>);

fn shown(object: Stored, now: Timestamp) -> Shown {
    let object = object.shown(now);
    (Some(object.id.clone()), Some(Box::new(object)))
}

/// The answer of a call that was done already under this key: the same, with no second effect.
fn repeated(db: &Connection, call: &Call, now: Timestamp) -> Result<Option<Done>, Failed> {
    let mut statement = db.prepare_cached("SELECT address, action, object FROM audit WHERE intent = ?1")?;
    let row = |r: &rusqlite::Row<'_>| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?, r.get::<_, Option<String>>(2)?));
    let Some((address, action, object)) = statement.query_row([&call.intent], row).optional()? else { return Ok(None) };
    if address != call.address.to_string() || action != call.action.word() {
        return refused(format!("the idempotency key {} was used to {action} {address}", call.intent));
    }
    let found = match (&object, call.action) {
        (Some(id), IntentAction::Create | IntentAction::Update | IntentAction::Resend) => objects::find(db, id)?,
        (None, _) | (_, IntentAction::Delete) => None,
    };
    let id = if call.action == IntentAction::Delete { None } else { object.map(Into::into) };
    Ok(Some(Done::Now { id, object: found.map(|o| Box::new(o.shown(now))), carried: Vec::new() }))
}

/// Adds a line to the audit trail; `intent` is there if the call was done, and is then found by [`repeated`].
pub(super) fn record(
    db: &Connection,
    call: &Call,
    intent: Option<&str>,
    object: Option<&str>,
    result: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let def = call.address.kind.def();
    let fields: Vec<&str> = call.changed.iter().map(|id| def.field(*id).path).collect();
    let sql = "INSERT INTO audit (at, intent, owner, address, action, fields, object, result) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    db.prepare_cached(sql)?.execute(params![
        now.as_second(),
        intent,
        call.owner,
        call.address.to_string(),
        call.action.word(),
        fields.join(" "),
        object.or(call.object.as_deref()),
        result
    ])?;
    Ok(())
}

fn create(db: &Connection, capability: &KindCapability, call: &Call, goes: &Goes, now: Timestamp) -> Result<Stored, Failed> {
    let def = call.address.kind.def();
    // Whoever plays a portal names ids beforehand, so that what is made together can refer to each other.
    let id = call.object.as_deref().map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
    let tenant = match def.placement {
        Placement::Tenant if call.address.tenant.is_msp() => MSP.to_owned(),
        Placement::Tenant => id.clone(),
        Placement::Member { .. } | Placement::MspOnly | Placement::Configuration => tenant_of(db, call)?,
    };
    if def.placement == Placement::MspOnly && tenant != MSP {
        return refused(format!("{} belong to the MSP alone", def.nouns));
    }
    let mut fields = Fields::new();
    for (field, value) in call.desired.iter() {
        take(capability, def, field, value.clone(), &mut fields)?;
    }
    let mut object = Stored {
        tenant,
        kind: call.address.kind,
        id,
        key: normalise_key(&call.key).into(),
        fields,
        invited_until: None,
        owner: Some(call.owner.to_string()),
        created_by: Some(call.intent.to_string()),
    };
    complete(&object)?;
    // What the portal makes by itself and for itself is nobody whom a mail would reach.
    let asked = match goes {
        Goes::Invitation => true,
        Goes::Nothing => !notifies(def, &call.desired),
        Goes::Other(_) => false,
    };
    let invited = is_invited(def, &call.desired) && !call.intent.starts_with(BY_PORTAL) && asked;
    if invited {
        object.invited_until = Some(expiry(def, &call.desired, now)?);
    }
    objects::insert(db, &object, capability.key_scope)?;
    note_secrets(db, call, &object.id, now)?;
    if invited && notifies(def, &call.desired) {
        mail(db, &object, INVITATION, now)?;
    }
    if let Goes::Other(subject) = goes {
        mail(db, &object, subject, now)?;
    }
    Ok(object)
}

fn update(db: &Connection, capability: &KindCapability, call: &Call, now: Timestamp) -> Result<Stored, Failed> {
    let mut object = target(db, call)?;
    let def = object.def();
    for id in &call.changed {
        let field = def.field(*id);
        if field.sense == Sense::CreationOnly || field.ty.is_secret() {
            continue;
        }
        let after = call.desired.get(*id);
        if capability.field(*id) == FieldSupport::Immutable && after != object.fields.get(*id) {
            return refused(format!("{}: {} cannot change once it exists", object.title(), field.path));
        }
        match after {
            Some(value) => take(capability, def, *id, value.clone(), &mut object.fields)?,
            None => drop(object.fields.remove(*id)),
        }
    }
    complete(&object)?;
    object.key = normalise_key(&call.key).into();
    // An adopted object gets our mark; a mark that is there stays.
    object.owner.get_or_insert_with(|| call.owner.to_string());
    objects::update(db, &object, capability.key_scope)?;
    for field in call.changed.iter().filter(|id| def.field(**id).ty.is_secret()) {
        db.prepare_cached("DELETE FROM secret WHERE object = ?1 AND field = ?2")?.execute([object.id.as_str(), def.field(*field).path])?;
    }
    note_secrets(db, call, &object.id, now)?;
    Ok(object)
}

fn delete(db: &Connection, call: &Call) -> Result<(), Failed> {
    match &call.object {
        // It is gone already: what was wanted holds.
        Some(id) if objects::find(db, id)?.is_none() => Ok(()),
        _ => objects::delete(db, &target(db, call)?),
    }
}

fn resend(db: &Connection, call: &Call, goes: &Goes, now: Timestamp) -> Result<Stored, Failed> {
    let mut object = target(db, call)?;
    if object.invited_until.is_none() {
        return refused(format!("{} has no open invitation", object.title()));
    }
    object.invited_until = Some(expiry(object.def(), &call.desired, now)?);
    let sql = "UPDATE object SET invited_until = ?2 WHERE id = ?1";
    db.prepare_cached(sql)?.execute(params![object.id, object.invited_until])?;
    if *goes != Goes::Nothing {
        mail(db, &object, &format!("{INVITATION}, sent again"), now)?;
    }
    Ok(object)
}

/// The object that a call is about: of this kind, and in the tenant that the call is for.
fn target(db: &Connection, call: &Call) -> Result<Stored, Failed> {
    let def = call.address.kind.def();
    let Some(id) = &call.object else { return refused(format!("the call names no {}", def.noun)) };
    match objects::find(db, id)? {
        Some(object) if object.kind == call.address.kind => {
            if object.tenant == tenant_of(db, call)? {
                Ok(object)
            } else {
                refused(format!("{} is of another tenant", object.title()))
            }
        }
        Some(object) => refused(format!("{id} is no {} but {}", def.noun, object.title())),
        None => refused(format!("there is no {} {id}", def.noun)),
    }
}

fn tenant_of(db: &Connection, call: &Call) -> Result<String, Failed> {
    let tenant = &call.address.tenant;
    if tenant.is_msp() {
        return Ok(MSP.to_owned());
    }
    let found = match &call.tenant_id {
        Some(id) => objects::find(db, id)?.filter(|o| o.def().placement == Placement::Tenant).map(|o| o.tenant),
        None => objects::tenant_named(db, tenant.as_str())?,
    };
    found.map_or_else(|| refused(format!("there is no organization {tenant}")), Ok)
}

/// Puts a value into an object's fields, if the directory keeps it.
fn take(capability: &KindCapability, def: &KindDef, id: FieldId, value: Value, into: &mut Fields) -> Result<(), Failed> {
    let field = def.field(id);
    match capability.field(id) {
        FieldSupport::Unsupported => refused(format!("{} has no field {}", def.noun, field.path)),
        FieldSupport::WriteOnly => Ok(()),
        FieldSupport::Technician => refused(format!("{} of a {} is set by a technician", field.path, def.noun)),
        // Secrets come beside the fields, and are not kept.
        _ if field.ty.is_secret() => Ok(()),
        FieldSupport::Full | FieldSupport::Immutable => match field.ty.normalise(value) {
            Some(value) => {
                into.set(id, value);
                Ok(())
            }
            None => refused(format!("{} of a {} must be {}", field.path, def.noun, field.ty)),
        },
    }
}

fn complete(object: &Stored) -> Result<(), Failed> {
    let missing = object.def().fields().find(|(id, field)| field.required && object.fields.get(*id).is_none());
    missing.map_or(Ok(()), |(_, field)| refused(format!("{} needs {}", object.title(), field.path)))
}

/// Whether a kind's objects are invited: those that can notify are, unless they are a machine's.
fn is_invited(def: &'static KindDef, desired: &Fields) -> bool {
    let machine = def.field_named("serviceAccount").is_some_and(|(id, _)| desired.get(id).is_some_and(Value::is_true));
    def.with_sense(Sense::Notify).next().is_some() && !machine
}

fn notifies(def: &'static KindDef, desired: &Fields) -> bool {
    let silent = |(id, _): (FieldId, &FieldDef)| desired.get(id) == Some(&Value::Bool(false));
    !def.with_sense(Sense::Notify).any(silent)
}

fn expiry(def: &'static KindDef, desired: &Fields, now: Timestamp) -> Result<i64, Failed> {
    let days = match def.field_named("invitation.expiresAfterDays").and_then(|(id, _)| desired.get(id)) {
        Some(Value::Integer(days)) => *days,
        _ => INVITATION_DAYS,
    };
    let until = now.checked_add(SignedDuration::from_hours(24 * days.clamp(0, 3650)));
    until.map_or_else(|e| refused(format!("the invitation would expire out of time: {e}")), |t| Ok(t.as_second()))
}

fn mail(db: &Connection, user: &Stored, subject: &str, now: Timestamp) -> Result<(), Failed> {
    let sql = "INSERT INTO outbox (at, tenant, user, recipient, subject) VALUES (?1, ?2, ?3, ?4, ?5)";
    db.prepare_cached(sql)?.execute(params![now.as_second(), user.tenant, user.id, user.key, subject])?;
    Ok(())
}

/// Notes that secrets are set. The secrets themselves go nowhere: a directory has no use for them.
fn note_secrets(db: &Connection, call: &Call, object: &str, now: Timestamp) -> Result<(), Failed> {
    let def = call.address.kind.def();
    for (field, key, _) in &call.secrets {
        let sql = "INSERT OR REPLACE INTO secret (object, field, key, set_at) VALUES (?1, ?2, ?3, ?4)";
        db.prepare_cached(sql)?.execute(params![object, def.field(*field).path, key, now.as_second()])?;
    }
    Ok(())
}

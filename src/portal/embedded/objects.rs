//! Objects in the file: one row each, with what they refer to. Every function works inside the caller's transaction.
//!
//! Comes in: rows and ids. Goes out: rows, or why they may not be written: a reference that leads nowhere or into another tenant, a key that
//! is taken, an object that is in use.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::codec;
use crate::model::kind::Placement;
use crate::model::{Fields, KeyScope, Kind, KindDef, LiveObject, ObjectState, Value};
use crate::portal::CallError;

/// The MSP's own tenant, which is always there.
pub(super) const MSP: &str = crate::model::MSP;

/// What the idempotency key begins with where the portal makes an object by itself; the rest is the profile's row that says so.
pub const BY_PORTAL: &str = "portal:";

/// Why a step of a call failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// The directory says no.
    Call(CallError),
    /// The file does.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// The directory says no.
pub(super) fn refused<T>(why: impl Into<String>) -> Result<T, Failed> {
    Err(Failed::Call(CallError::Refused(why.into())))
}

/// One object as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Id of the tenant's organization, or [`MSP`].
    pub(super) tenant: String,
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) key: String,
    pub(super) fields: Fields,
    /// Until when it is invited, in seconds; `None`: it is active.
    pub(super) invited_until: Option<i64>,
    pub(super) owner: Option<String>,
    pub(super) created_by: Option<String>,
}

impl Stored {
    pub(super) fn def(&self) -> &'static KindDef {
        self.kind.def()
    }

    /// How people call it in a message.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.def().noun, self.key)
    }

    /// As the portal shows it.
    pub(super) fn shown(self, now: Timestamp) -> LiveObject {
        let state = match self.invited_until {
            None => ObjectState::Active,
            Some(until) if now.as_second() < until => ObjectState::Invited,
            Some(_) => ObjectState::InvitationExpired,
        };
        LiveObject {
            kind: self.kind,
            id: self.id.into(),
            key: self.key.into(),
            fields: self.fields,
            state,
            portals_own: self.created_by.as_deref().is_some_and(|by| by.starts_with(BY_PORTAL)),
            owner: self.owner.map(Into::into),
            created_by: self.created_by.map(Into::into),
        }
    }
}

/// The columns that [`from_row`] takes, in its order.
pub(super) const COLUMNS: &str = "tenant, kind, id, key, fields, invited_until, owner, created_by";

/// An object of a row; `None` if this program has no such kind.
pub(super) fn from_row(row: &SqlRow<'_>) -> rusqlite::Result<Option<Stored>> {
    let Some(kind) = Kind::from_slug(row.get_ref(1)?.as_str()?) else { return Ok(None) };
    let fields = codec::decode(kind.def(), row.get_ref(4)?.as_str()?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(e)))?;
    Ok(Some(Stored {
        tenant: row.get(0)?,
        kind,
        id: row.get(2)?,
        key: row.get(3)?,
        fields,
        invited_until: row.get(5)?,
        owner: row.get(6)?,
        created_by: row.get(7)?,
    }))
}

/// The object with an id.
pub(super) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Stored>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM object WHERE id = ?1"))?;
    Ok(statement.query_row([id], from_row).optional()?.flatten())
}

/// The id of the tenant with a name.
pub(super) fn tenant_named(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    if name == MSP {
        return Ok(Some(MSP.to_owned()));
    }
    let mut statement = connection.prepare_cached("SELECT tenant FROM object WHERE kind = ?1 AND key = ?2")?;
    statement.query_row([tenant_kind().def().slug, name], |row| row.get(0)).optional()
}

/// The kind whose objects are the tenants.
pub(super) fn tenant_kind() -> Kind {
    Kind::reconciled().find(|k| k.def().placement == Placement::Tenant).unwrap_or(Kind::Organization)
}

/// Writes a new object.
pub(super) fn insert(connection: &Connection, object: &Stored, scope: KeyScope) -> Result<(), Failed> {
    key_is_free(connection, object, scope)?;
    let sql = format!("INSERT INTO object ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    connection.prepare_cached(&sql)?.execute(params![
        object.tenant,
        object.def().slug,
        object.id,
        object.key,
        codec::encode(object.def(), &object.fields),
        object.invited_until,
        object.owner,
        object.created_by
    ])?;
    link(connection, object)
}

/// Writes an object anew.
pub(super) fn update(connection: &Connection, object: &Stored, scope: KeyScope) -> Result<(), Failed> {
    key_is_free(connection, object, scope)?;
    let sql = "UPDATE object SET key = ?2, fields = ?3, invited_until = ?4, owner = ?5 WHERE id = ?1";
    let fields = codec::encode(object.def(), &object.fields);
    connection.prepare_cached(sql)?.execute(params![object.id, object.key, fields, object.invited_until, object.owner])?;
    connection.prepare_cached("DELETE FROM reference WHERE source = ?1")?.execute([&object.id])?;
    link(connection, object)
}

fn key_is_free(connection: &Connection, object: &Stored, scope: KeyScope) -> Result<(), Failed> {
    let mut statement = connection.prepare_cached("SELECT tenant FROM object WHERE kind = ?1 AND key = ?2 AND id <> ?3")?;
    let mut rows = statement.query([object.def().slug, object.key.as_str(), object.id.as_str()])?;
    while let Some(row) = rows.next()? {
        let tenant: String = row.get(0)?;
        if tenant == object.tenant {
            return refused(format!("there is a {} already", object.title()));
        }
        if scope == KeyScope::Portal {
            return refused(format!("the {} is taken by another tenant", object.title()));
        }
    }
    Ok(())
}

/// Notes what an object refers to: objects of its own tenant, or organizations.
fn link(connection: &Connection, object: &Stored) -> Result<(), Failed> {
    for (id, value) in object.fields.iter() {
        let field = object.def().field(id);
        let Some(kind) = field.ty.refers_to() else { continue };
        for target in ids(value) {
            let mut statement = connection.prepare_cached("SELECT tenant, kind FROM object WHERE id = ?1")?;
            let found = statement.query_row([target], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).optional()?;
            let noun = kind.def().noun;
            match found {
                Some((_, slug)) if slug != kind.def().slug => {
                    return refused(format!("{}: {} names {target}, which is no {noun}", object.title(), field.path));
                }
                Some((tenant, _)) if kind.def().placement != Placement::Tenant && tenant != object.tenant => {
                    return refused(format!("{}: {} names a {noun} of another tenant", object.title(), field.path));
                }
                Some(_) => {}
                None => return refused(format!("{}: {} names the {noun} {target}, which does not exist", object.title(), field.path)),
            }
            let sql = "INSERT OR IGNORE INTO reference (target, source, field) VALUES (?1, ?2, ?3)";
            connection.prepare_cached(sql)?.execute([target, object.id.as_str(), field.path])?;
        }
    }
    Ok(())
}

fn ids(value: &Value) -> impl Iterator<Item = &str> {
    value.as_text().into_iter().chain(value.as_list().unwrap_or_default().iter().filter_map(Value::as_text))
}

/// Deletes an object; a tenant with all that is in it, after taking it out of whatever was shared with it.
pub(super) fn delete(connection: &Connection, object: &Stored) -> Result<(), Failed> {
    if object.def().placement == Placement::Tenant {
        if object.tenant == MSP {
            return refused("the MSP's own tenant is never deleted");
        }
        unshare(connection, object)?;
        connection.prepare_cached("DELETE FROM object WHERE tenant = ?1")?.execute([&object.tenant])?;
        return Ok(());
    }
    let sql = "SELECT o.kind, o.key FROM reference r JOIN object o ON o.id = r.source WHERE r.target = ?1 AND r.source <> ?1 LIMIT 3";
    let mut statement = connection.prepare_cached(sql)?;
    let users = statement.query_map([&object.id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let users: Vec<_> = users.collect::<Result<_, _>>()?;
    if !users.is_empty() {
        let users: Vec<_> =
            users.iter().map(|(slug, key)| format!("{} {key}", Kind::from_slug(slug).map_or(slug.as_str(), |k| k.def().noun))).collect();
        return refused(format!("{} is in use by {}", object.title(), users.join(", ")));
    }
    connection.prepare_cached("DELETE FROM object WHERE id = ?1")?.execute([&object.id])?;
    Ok(())
}

/// Takes a tenant out of the lists of other tenants' objects.
fn unshare(connection: &Connection, tenant: &Stored) -> Result<(), Failed> {
    let sql = "SELECT DISTINCT r.source FROM reference r JOIN object o ON o.id = r.source WHERE r.target = ?1 AND o.tenant <> ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let sources: Vec<String> = statement.query_map([&tenant.id, &tenant.tenant], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for source in sources {
        let Some(mut object) = find(connection, &source)? else { continue };
        let def = object.def();
        for (id, field) in def.fields().filter(|(_, f)| f.ty.refers_to() == Some(tenant.kind)) {
            match object.fields.get(id) {
                Some(Value::List(items)) => {
                    let left = items.iter().filter(|v| v.as_text() != Some(&tenant.id)).cloned().collect();
                    object.fields.set(id, Value::List(left));
                }
                Some(Value::Text(text)) if **text == *tenant.id && !field.required => drop(object.fields.remove(id)),
                _ => {}
            }
        }
        // The key does not change, so its scope does not matter.
        update(connection, &object, KeyScope::Tenant)?;
    }
    Ok(())
}

//! The side door of a directory: what people do in a portal while nobody reconciles it. For demonstrations and tests.
//!
//! Comes in: the file. Goes out: its outbox, its audit trail, and changes made behind our back. It keeps the directory's own rules (references,
//! keys) and leaves a line in the audit trail, under no installation's name.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use super::objects::{self, Failed, MSP, Stored};
use super::{Clock, store};
use crate::model::kind::Placement;
use crate::model::live::normalise_key;
use crate::model::{Fields, KeyScope, Kind, Value};
use crate::portal::{PortalError, load_profile};

/// A directory, opened by somebody else.
pub struct Directory {
    connection: Mutex<Connection>,
    clock: Clock,
}

/// Why something cannot be done through the side door.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DirectoryError(pub String);

/// A mail in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// When it was sent.
    pub at: Timestamp,
    /// Id of the user whom it is for.
    pub user: String,
    /// Its recipient's address.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
}

impl Mail {
    /// True if it asks its recipient to accept an invitation.
    pub fn invites(&self) -> bool {
        self.subject.starts_with(super::calls::INVITATION)
    }
}

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// The idempotency key of a call that was done.
    pub intent: Option<String>,
    /// The installation that asked; `None`: somebody behind our back.
    pub owner: Option<String>,
    /// What it was about.
    pub address: String,
    /// What was asked.
    pub action: String,
    /// What became of it.
    pub result: String,
}

impl Directory {
    /// Opens a directory, and makes it if it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened or is no directory.
    pub fn open(file: &Path, clock: Clock) -> Result<Self, PortalError> {
        Ok(Self { connection: Mutex::new(store::open_to_write(file)?), clock })
    }

    /// A person accepts an invitation.
    ///
    /// # Errors
    /// When there is none, or it has expired.
    pub fn accept_invitation(&self, user: &str) -> Result<(), DirectoryError> {
        self.change(user, "accept", |_, object, now| match object.invited_until {
            Some(until) if now.as_second() < until => {
                object.invited_until = None;
                Ok(())
            }
            Some(_) => objects::refused(format!("the invitation of {} has expired", object.key)),
            None => objects::refused(format!("{} has no open invitation", object.key)),
        })
    }

    /// An invitation expires now.
    ///
    /// # Errors
    /// When there is none.
    pub fn expire_invitation(&self, user: &str) -> Result<(), DirectoryError> {
        self.change(user, "expire", |_, object, now| match &mut object.invited_until {
            Some(until) => {
                *until = now.as_second();
                Ok(())
            }
            None => objects::refused(format!("{} has no open invitation", object.key)),
        })
    }

    /// Somebody sets a field by hand, or clears it.
    ///
    /// # Errors
    /// When there is no such object or field, or the value does not fit.
    pub fn set_field(&self, id: &str, path: &str, value: Option<Value>) -> Result<(), DirectoryError> {
        self.change(id, "set", |_, object, _| {
            let def = object.def();
            let Some((field, table)) = def.field_named(path) else { return objects::refused(format!("{} has no field {path}", def.noun)) };
            match value.map(|v| table.ty.normalise(v)) {
                None => drop(object.fields.remove(field)),
                Some(Some(value)) => {
                    if let (Some(text), true) = (value.as_text(), def.key_field() == Some(field)) {
                        object.key = normalise_key(text).into();
                    }
                    object.fields.set(field, value);
                }
                Some(None) => return objects::refused(format!("{path} must be {}", table.ty)),
            }
            Ok(())
        })
    }

    /// Somebody makes an object by hand, in a tenant by its id (`msp` for the MSP's own; of no meaning for an organization); its id.
    ///
    /// # Errors
    /// When its key is taken or its references lead nowhere.
    pub fn add_object(&self, tenant: &str, kind: Kind, key: &str, fields: Fields) -> Result<String, DirectoryError> {
        let id = uuid::Uuid::now_v7().to_string();
        let tenant = if kind.def().placement == Placement::Tenant { &id } else { tenant };
        let object = Stored {
            tenant: tenant.to_owned(),
            kind,
            id: id.clone(),
            key: normalise_key(key).into(),
            fields,
            invited_until: None,
            owner: None,
            created_by: None,
        };
        self.within(|db, now| {
            if tenant != MSP && tenant != id && objects::find(db, tenant)?.is_none() {
                return objects::refused(format!("there is no organization {tenant}"));
            }
            objects::insert(db, &object, scope(kind))?;
            audit(db, &object, "add", now)
        })?;
        Ok(id)
    }

    /// Somebody deletes an object by hand, an organization with all that is in it.
    ///
    /// # Errors
    /// When there is none, or it is in use.
    pub fn delete_object(&self, id: &str) -> Result<(), DirectoryError> {
        self.within(|db, now| {
            let Some(object) = objects::find(db, id)? else { return objects::refused(format!("there is no object {id}")) };
            objects::delete(db, &object)?;
            audit(db, &object, "delete", now)
        })
    }

    /// The mail that went out, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn outbox(&self) -> Result<Vec<Mail>, DirectoryError> {
        self.rows("SELECT at, user, recipient, subject FROM outbox ORDER BY seq", |row| {
            Ok(Mail { at: time(row.get(0)?), user: row.get(1)?, recipient: row.get(2)?, subject: row.get(3)? })
        })
    }

    /// The audit trail, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn audit(&self) -> Result<Vec<AuditLine>, DirectoryError> {
        self.rows("SELECT at, intent, owner, address, action, result FROM audit ORDER BY seq", |row| {
            Ok(AuditLine {
                at: time(row.get(0)?),
                intent: row.get(1)?,
                owner: row.get(2)?,
                address: row.get(3)?,
                action: row.get(4)?,
                result: row.get(5)?,
            })
        })
    }

    fn change(
        &self,
        id: &str,
        action: &str,
        change: impl FnOnce(&Connection, &mut Stored, Timestamp) -> Result<(), Failed>,
    ) -> Result<(), DirectoryError> {
        self.within(|db, now| {
            let Some(mut object) = objects::find(db, id)? else { return objects::refused(format!("there is no object {id}")) };
            change(db, &mut object, now)?;
            objects::update(db, &object, scope(object.kind))?;
            audit(db, &object, action, now)
        })
    }

    fn within<T>(&self, work: impl FnOnce(&Connection, Timestamp) -> Result<T, Failed>) -> Result<T, DirectoryError> {
        let sql = |e: rusqlite::Error| DirectoryError(e.to_string());
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let done = work(&transaction, (self.clock)()).map_err(|failed| match failed {
            Failed::Call(error) => DirectoryError(error.to_string()),
            Failed::Sql(error) => sql(error),
        })?;
        transaction.commit().map_err(sql)?;
        Ok(done)
    }

    fn rows<T>(&self, query: &str, row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, DirectoryError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = || connection.prepare(query)?.query_map([], row)?.collect::<rusqlite::Result<Vec<_>>>();
        rows().map_err(|e| DirectoryError(e.to_string()))
    }
}

/// Where a kind's keys are unique, as the shipped profile says.
fn scope(kind: Kind) -> KeyScope {
    load_profile("embedded", None).ok().and_then(|p| p.capabilities().kind(kind).map(|c| c.key_scope)).unwrap_or(KeyScope::Portal)
}

fn audit(db: &Connection, object: &Stored, action: &str, now: Timestamp) -> Result<(), Failed> {
    let sql = "INSERT INTO audit (at, address, action, fields, object, result) VALUES (?1, ?2, ?3, '', ?4, 'done')";
    db.prepare_cached(sql)?.execute(params![now.as_second(), object.title(), action, object.id])?;
    Ok(())
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

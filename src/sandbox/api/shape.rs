//! Objects as JSON, out and in.
//!
//! Out: `{"id", "key", "state", "portalsOwn", "createdBy", "fields": {…}}`, dotted paths nested, references by id, no secret ever. In: the same
//! `fields`, where a reference may also be a key, a secret is its own text, and in a change `null` clears a field.

use secrecy::SecretString;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::problem::Problem;
use crate::model::kind::Placement;
use crate::model::{FieldId, Fields, Kind, KindDef, LiveObject, ObjectState};
use crate::sandbox::Change;

/// Secrets of a body, by field and key within the field.
type Secrets = Vec<(FieldId, Box<str>, SecretString)>;

/// The kind of a collection: `users`, `monitoredSystems`.
pub(super) fn kind_of(collection: &str) -> Option<Kind> {
    Kind::reconciled().find(|kind| collection_of(*kind) == Some(collection))
}

/// The name of a kind's collection, as manifests have it; `None`: the tenants themselves.
fn collection_of(kind: Kind) -> Option<&'static str> {
    match kind.def().placement {
        Placement::Member { inline } => Some(inline),
        // The one kind that is not written inline; its plural is its collection.
        Placement::MspOnly => Some(kind.def().nouns),
        Placement::Tenant | Placement::Configuration => None,
    }
}

/// An object as it is shown.
pub(super) fn shown(object: &LiveObject) -> Json {
    let state = match object.state {
        ObjectState::Active => "active",
        ObjectState::Invited => "invited",
        ObjectState::InvitationExpired => "invitationExpired",
        ObjectState::Pending => "pending",
    };
    json!({
        "id": object.id,
        "key": object.key,
        "state": state,
        "portalsOwn": object.portals_own,
        "createdBy": object.created_by,
        "fields": object.fields.to_json(object.def()),
    })
}

/// An object as a listing shows it: with the id of its tenant.
pub(super) fn shown_in(tenant: &str, object: &LiveObject) -> Json {
    let mut json = shown(object);
    if let Some(json) = json.as_object_mut() {
        json.insert("tenant".to_owned(), tenant.into());
    }
    json
}

/// An object as it is shown among objects of several kinds.
pub(super) fn shown_with_kind(object: &LiveObject) -> Json {
    let mut json = shown(object);
    if let (Some(json), Some(collection)) = (json.as_object_mut(), collection_of(object.kind)) {
        json.insert("collection".to_owned(), collection.into());
    }
    json
}

/// The tag of an object's state: another state, another tag.
pub(super) fn etag(shown: &Json) -> String {
    let digest = Sha256::digest(shown.to_string().as_bytes());
    let hex: String = digest.iter().take(12).map(|b| format!("{b:02x}")).collect();
    format!("\"{hex}\"")
}

/// A body, which must be a JSON object.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Json>, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::malformed("the body must be a JSON object")),
        Err(error) => Err(Problem::malformed(format!("the body is no JSON: {error}"))),
    }
}

/// Puts `key` and `fields` of a creation into a change.
pub(super) fn creation(change: &mut Change, mut body: Map<String, Json>) -> Result<(), Problem> {
    let def = change.kind.def();
    match body.remove("key") {
        None | Some(Json::Null) => {}
        Some(Json::String(key)) if def.key.is_none() => change.name = Some(key.into()),
        Some(_) => {
            let key = def.key.map_or_else(
                || "`key` must be a text".to_owned(),
                |path| format!("the key of a {} is its {path}: leave `key` out", def.noun),
            );
            return Err(Problem::malformed(key));
        }
    }
    fields(change, body)
}

/// Puts `fields` of a body into a change; nothing else may be in it.
pub(super) fn fields(change: &mut Change, mut body: Map<String, Json>) -> Result<(), Problem> {
    let mut json = body.remove("fields").unwrap_or_else(|| json!({}));
    if let Some(name) = body.keys().next() {
        return Err(Problem::malformed(format!("the body has no place for `{name}`")));
    }
    if !json.is_object() {
        return Err(Problem::malformed("`fields` must be an object"));
    }
    let def = change.kind.def();
    change.cleared = def.fields().filter(|(_, f)| at(&mut json, f.path).is_some_and(|v| v.is_null())).map(|(id, _)| id).collect();
    change.secrets = secrets(def, &mut json)?;
    change.fields = Fields::from_json(def, &json).map_err(|errors| Problem::malformed(errors.join("; ")))?;
    Ok(())
}

/// Takes the secrets out of fields.
fn secrets(def: &'static KindDef, json: &mut Json) -> Result<Secrets, Problem> {
    let mut found = Vec::new();
    for (id, field) in def.fields().filter(|(_, f)| f.ty.is_secret()) {
        let Some(value) = at(json, field.path).map(Json::take) else { continue };
        let mut take = |key: &str, value: Json| match value {
            Json::String(text) => {
                found.push((id, key.into(), SecretString::from(text)));
                Ok(())
            }
            // What is wrong is not shown: it may be most of a secret.
            _ => Err(Problem::malformed(format!("{}.{}: a secret must be a text", def.name, field.path))),
        };
        match value {
            Json::Null => {}
            Json::Object(entries) => entries.into_iter().try_for_each(|(key, value)| take(&key, value))?,
            other => take("", other)?,
        }
    }
    Ok(found)
}

/// The value at a dotted path.
fn at<'a>(json: &'a mut Json, path: &str) -> Option<&'a mut Json> {
    path.split('.').try_fold(json, |json, name| json.get_mut(name))
}

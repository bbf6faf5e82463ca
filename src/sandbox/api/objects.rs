//! The calls on tenants and what is in them. Each finds out who asks, makes a [`Change`] or reads, and answers.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::Api;
use super::page::Asked as Page;
use super::problem::Problem;
use super::shape;
use super::write::Asked;
use crate::model::{Fields, IntentAction, Kind, LiveObject, MSP, ObjectState};
use crate::sandbox::{Caller, Change};

type Answered = Result<Response, Problem>;

/// `GET /tenants`: the customers that the caller sees.
pub(super) async fn tenants(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Answered {
    let caller = api.caller(&headers)?;
    let asked = Page::of(&uri)?;
    let all = api.world.every(&caller, Kind::Organization).await?;
    Ok(asked.page(uri.path(), all.into_iter().filter(|(tenant, _)| **tenant != *MSP).collect()))
}

/// `GET /{collection}`: what is in all tenants that the caller sees.
pub(super) async fn everywhere(State(api): State<Api>, Path(collection): Path<String>, uri: Uri, headers: HeaderMap) -> Answered {
    let caller = api.caller(&headers)?;
    let asked = Page::of(&uri)?;
    Ok(asked.page(uri.path(), api.world.every(&caller, api.kind(&collection)?).await?))
}

/// `POST /tenants`.
pub(super) async fn create_tenant(State(api): State<Api>, asked: Asked) -> Answered {
    make(&api, &asked, "", Kind::Organization).await
}

/// `GET /tenants/{tenant}`.
pub(super) async fn tenant(State(api): State<Api>, Path(tenant): Path<String>, headers: HeaderMap) -> Answered {
    let caller = api.caller(&headers)?;
    shown(&api.object(&caller, &tenant, Kind::Organization, &tenant).await?)
}

/// `PATCH /tenants/{tenant}`.
pub(super) async fn change_tenant(State(api): State<Api>, Path(tenant): Path<String>, asked: Asked) -> Answered {
    patch(&api, &asked, &tenant, Kind::Organization, &tenant).await
}

/// `DELETE /tenants/{tenant}`: with all that is in it.
pub(super) async fn delete_tenant(State(api): State<Api>, Path(tenant): Path<String>, asked: Asked) -> Answered {
    let caller = api.writer(&asked)?;
    api.object(&caller, &tenant, Kind::Organization, &tenant).await?;
    if caller != Caller::Msp {
        return Err(Problem::forbidden("only the MSP deletes a customer"));
    }
    plain(&api, &caller, &asked, &tenant, IntentAction::Delete, Kind::Organization, &tenant).await
}

/// `GET /tenants/{tenant}/{collection}`.
pub(super) async fn list(
    State(api): State<Api>,
    Path((tenant, collection)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Answered {
    let caller = api.caller(&headers)?;
    let asked = Page::of(&uri)?;
    let live = api.world.tenant(&caller, &tenant).await?;
    let kind = api.kind(&collection)?;
    Ok(asked.page(uri.path(), live.objects(kind).iter().map(|o| (tenant.as_str().into(), o.clone())).collect()))
}

/// `POST /tenants/{tenant}/{collection}`.
pub(super) async fn create(State(api): State<Api>, Path((tenant, collection)): Path<(String, String)>, asked: Asked) -> Answered {
    let kind = api.place(&asked, &tenant, &collection).await?;
    make(&api, &asked, &tenant, kind).await
}

type ObjectPath = Path<(String, String, String)>;

/// `GET /tenants/{tenant}/{collection}/{object}`.
pub(super) async fn show(State(api): State<Api>, Path((tenant, collection, id)): ObjectPath, headers: HeaderMap) -> Answered {
    let caller = api.caller(&headers)?;
    api.world.tenant(&caller, &tenant).await?;
    shown(&api.object(&caller, &tenant, api.kind(&collection)?, &id).await?)
}

/// `PATCH /tenants/{tenant}/{collection}/{object}`.
pub(super) async fn change(State(api): State<Api>, Path((tenant, collection, id)): ObjectPath, asked: Asked) -> Answered {
    let kind = api.place(&asked, &tenant, &collection).await?;
    patch(&api, &asked, &tenant, kind, &id).await
}

/// `DELETE /tenants/{tenant}/{collection}/{object}`.
pub(super) async fn delete(State(api): State<Api>, Path((tenant, collection, id)): ObjectPath, asked: Asked) -> Answered {
    let kind = api.place(&asked, &tenant, &collection).await?;
    plain(&api, &api.writer(&asked)?, &asked, &tenant, IntentAction::Delete, kind, &id).await
}

/// `POST /tenants/{tenant}/{collection}/{object}/resend`: the invitation goes out again.
pub(super) async fn resend(State(api): State<Api>, Path((tenant, collection, id)): ObjectPath, asked: Asked) -> Answered {
    let kind = api.place(&asked, &tenant, &collection).await?;
    plain(&api, &api.writer(&asked)?, &asked, &tenant, IntentAction::Resend, kind, &id).await
}

async fn make(api: &Api, asked: &Asked, tenant: &str, kind: Kind) -> Answered {
    let caller = api.writer(asked)?;
    let mut body = shape::object(&asked.body)?;
    let mut change = Change::create(tenant, kind, Fields::new());
    if let Some(with) = body.remove("with") {
        change.with = with_it(api, with)?;
    }
    shape::creation(&mut change, body)?;
    api.write(&caller, asked, change).await
}

/// What a creation makes besides, in the same tenant: `[{"collection", "key", "fields"}]`.
fn with_it(api: &Api, with: Value) -> Result<Vec<Change>, Problem> {
    let Value::Array(items) = with else { return Err(Problem::malformed("`with` must be a list")) };
    let one = |item: Value| {
        let Value::Object(mut item) = item else { return Err(Problem::malformed("each item of `with` must be an object")) };
        let Some(Value::String(collection)) = item.remove("collection") else {
            return Err(Problem::malformed("each item of `with` names its `collection`"));
        };
        let mut change = Change::create("", api.kind(&collection)?, Fields::new());
        shape::creation(&mut change, item)?;
        Ok(change)
    };
    items.into_iter().map(one).collect()
}

async fn patch(api: &Api, asked: &Asked, tenant: &str, kind: Kind, id: &str) -> Answered {
    let caller = api.writer(asked)?;
    let mut change = Change::to(tenant, IntentAction::Update, kind, id, Fields::new());
    shape::fields(&mut change, shape::object(&asked.body)?)?;
    api.write(&caller, asked, change).await
}

async fn plain(api: &Api, caller: &Caller, asked: &Asked, tenant: &str, action: IntentAction, kind: Kind, id: &str) -> Answered {
    api.write(caller, asked, Change::to(tenant, action, kind, id, Fields::new())).await
}

fn shown(object: &LiveObject) -> Answered {
    let json = shape::shown(object);
    Ok(([(header::ETAG, shape::etag(&json))], Json(json)).into_response())
}

impl Api {
    /// The kind of a collection, once the caller is known to see the tenant: what is there is not told to others.
    async fn place(&self, asked: &Asked, tenant: &str, collection: &str) -> Result<Kind, Problem> {
        self.world.tenant(&self.writer(asked)?, tenant).await?;
        self.kind(collection)
    }

    /// The kind of a collection that the played portal has.
    fn kind(&self, collection: &str) -> Result<Kind, Problem> {
        let kind = shape::kind_of(collection).filter(|k| self.world.profile().capabilities().kind(*k).is_some());
        kind.ok_or_else(|| Problem::not_found(format!("this portal has no {collection}")))
    }

    /// One object that the caller sees.
    pub(super) async fn object(&self, caller: &Caller, tenant: &str, kind: Kind, id: &str) -> Result<LiveObject, Problem> {
        let live = self.world.tenant(caller, tenant).await?;
        if kind == Kind::Organization && tenant == MSP {
            return Ok(msp());
        }
        let found = live.objects(kind).iter().find(|o| *o.id == *id).cloned();
        found.ok_or_else(|| Problem::not_found(format!("there is no {} {id} in this tenant", kind.def().noun)))
    }
}

/// The MSP's own tenant, which is always there and has nothing to it but what is in it.
fn msp() -> LiveObject {
    LiveObject {
        kind: Kind::Organization,
        id: MSP.into(),
        key: MSP.into(),
        fields: Fields::new(),
        state: ObjectState::Active,
        owner: None,
        created_by: None,
        portals_own: true,
    }
}

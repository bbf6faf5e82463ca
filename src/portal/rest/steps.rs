//! One call on its way through its steps: what is known so far, and what has happened.
//!
//! Comes in: a call and its steps, one by one. Goes out: requests, and errors that say how far it got. Secrets are placeholders here; what a
//! portal sends back is searched for them before anything is kept.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Map, Value as Json, json};
use tokio::time::Instant;

use super::began::Began;
use super::object::text_of;
use super::scope::{Placeholders, Values, of_call, of_update, scope};
use super::transport::{Answer, Content as Sent, Request, Response, SendError};
use super::{Portal, request};
use crate::model::kind::Placement;
use crate::model::{IntentAction, Next, TenantName};
use crate::portal::profile::cel::{EvalError, Expression};
use crate::portal::profile::http::compiled::{CallStep, Content, Each, Step, StepAct, WaitStep};
use crate::portal::profile::http::connection::Method;
use crate::portal::profile::http::document::UpdateStyle;
use crate::portal::{Call, CallError};

/// See the module.
pub(super) struct Run<'a> {
    portal: &'a Portal,
    pub(super) call: &'a Call,
    tenant_id: Option<&'a str>,
    /// What it set out to change, before the first of its steps.
    pub(super) began: Began,
    pub(super) values: Values,
    placeholders: Placeholders,
    /// True once this part of the call has brought something about.
    pub(super) wrote: bool,
    /// True while the ledger knows what is to be believed of the next step, should nobody hear of it again.
    pub(super) covered: bool,
    /// What is known of that step.
    pub(super) next: Next,
    /// Items of that step that are done.
    pub(super) done: Vec<Json>,
    /// The ids of what is carried, as far as they are known.
    pub(super) carried: Vec<Option<Box<str>>>,
}

/// Why a wait is over without what it waited for.
pub(super) enum Stop {
    /// The portal is not done yet: this is what it waits for.
    Waiting(String),
}

impl<'a> Run<'a> {
    /// Before the first step.
    ///
    /// # Errors
    /// When the call is about a tenant whose id nobody knows, and acts inside it.
    pub(super) fn begin(portal: &'a Portal, call: &'a Call) -> Result<Self, CallError> {
        let tenant_id = portal.tenant_id(call.address.tenant.is_msp(), call.tenant_id.as_deref());
        let (values, placeholders) = of_call(call, tenant_id, &portal.account);
        let carried = vec![None; call.carries.len()];
        let (wrote, covered, next, done) = (false, false, Next::Clear, Vec::new());
        let began = Began::now(call);
        Ok(Self { portal, call, tenant_id, began, values, placeholders, wrote, covered, next, done, carried })
    }

    pub(super) fn call(&self) -> &'a Call {
        self.call
    }

    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    pub(super) fn tenant_name(&self) -> &TenantName {
        &self.call.address.tenant
    }

    pub(super) fn tenant_id(&self) -> Option<&str> {
        self.tenant_id
    }

    /// The object's id, once it is known.
    pub(super) fn id(&self) -> Option<&str> {
        self.values.get("id").and_then(Json::as_str)
    }

    pub(super) fn portal(&self) -> &'a Portal {
        self.portal
    }

    /// True for an item of the step at hand that an earlier part of the call has done.
    pub(super) fn is_done(&self, item: &Json) -> bool {
        self.done.contains(item)
    }

    /// True for a text that stands for a secret.
    pub(super) fn holds_secret(&self, text: &str) -> bool {
        self.placeholders.iter().any(|(placeholder, _)| text.contains(placeholder.as_str()))
    }

    /// Whether a step is done; from here on `self` is what it is in this step: its `when` and its call must not see different things.
    ///
    /// # Errors
    /// When its condition cannot be evaluated.
    pub(super) fn applies(&mut self, step: &Step) -> Result<bool, CallError> {
        self.values.insert("self", self.seen_by(step));
        let Some(when) = &step.when else { return Ok(true) };
        when.holds(&scope(&self.values)).map_err(|e| self.broken("a step's `when`", &e))
    }

    /// `self` as a step sees it.
    pub(super) fn seen_by(&self, step: &Step) -> Json {
        let style = match &step.act {
            StepAct::Call(made) => made.update,
            StepAct::Person(_) | StepAct::Wait(_) => UpdateStyle::Replace,
        };
        of_update(self.call, &self.began.changed, style)
    }

    /// The items of `each`; one that is null where there is none.
    pub(super) fn items(&self, each: Option<Each>) -> Vec<Json> {
        each.map_or_else(|| vec![Json::Null], |each| self.began.items(self.call, each))
    }

    pub(super) fn with_item(&mut self, item: Json) {
        self.values.insert("item", item);
    }

    /// Whether this step makes the object: its key is the intent itself, which the portal may show as what the object was made with. Of a
    /// creation that is the call with the new `id`, or where none has one, the first that writes.
    pub(super) fn makes(&self, step: &CallStep, at: usize, steps: &[Step]) -> bool {
        let writes = steps.iter().enumerate().filter_map(|(at, step)| match &step.act {
            StepAct::Call(made) if made.ask.method != Method::Get => Some((at, made)),
            _ => None,
        });
        if self.call.action != IntentAction::Create || step.ask.method == Method::Get {
            return false;
        }
        if writes.clone().any(|(_, made)| made.id.is_some()) {
            step.id.is_some() && self.id().is_none()
        } else {
            writes.map(|(at, _)| at).next() == Some(at)
        }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// With how far it got.
    pub(super) async fn make(&mut self, step: &CallStep, each: Option<Each>, key: &str, if_lost: Next) -> Result<(), CallError> {
        // To find gone what is to be deleted or taken away is success.
        let gone_is_done = self.call.action == IntentAction::Delete || matches!(each, Some(Each::Removed(_)));
        let asked = match self.prepared(step, key, gone_is_done).await? {
            Some(prepared) => prepared,
            // What is to be deleted is gone.
            None => return Ok(()),
        };
        let response = match self.portal.client.send(&asked).await {
            Ok(response) => response,
            Err(SendError::Gone(_)) if gone_is_done => return Ok(()),
            Err(error) => return Err(failed(error, step, if_lost)),
        };
        self.wrote |= step.ask.method != Method::Get;
        self.learn(step, &response)
    }

    /// The request; `None`: what it is about is gone, and that was the aim.
    async fn prepared(&mut self, step: &CallStep, key: &str, gone_is_done: bool) -> Result<Option<Request>, CallError> {
        let connection = self.portal.http().map(|http| &http.connection);
        let header = connection.and_then(|c| c.idempotency_header.as_ref()).filter(|_| step.ask.method != Method::Get);
        if step.ask.names_tenant() && self.tenant_id.is_none() {
            return Err(self.gave_up("it names a tenant whose id is not known".to_owned()));
        }
        let mut version = None;
        if step.etag || step.update == UpdateStyle::ReadModifyWrite {
            let before = match self.read_before(step).await {
                Ok(response) => response,
                Err(SendError::Gone(_)) if gone_is_done => return Ok(None),
                Err(error) => return Err(looked_in_vain(error)),
            };
            version = before.header("etag").filter(|etag| request::is_version(etag)).map(str::to_owned);
            self.values.insert("current", before.body().clone());
            if step.etag && version.is_none() {
                return Err(self.gave_up("the profile wants `If-Match`, and the portal gives no ETag that names one version".to_owned()));
            }
        }
        let mut asked = request::request(&step.ask, &scope(&self.values)).map_err(|e| self.broken("a call", &e))?;
        if let (UpdateStyle::ReadModifyWrite, Content::Json(tree)) = (step.update, &step.ask.content) {
            let sent = tree.render(&scope(&self.values)).map_err(|e| self.broken("a body", &e))?;
            let mut whole = self.values.get("current").cloned().unwrap_or_default();
            request::put_over(&mut whole, sent);
            asked = asked.content(Sent::Json(whole));
        }
        if let Some(version) = version.filter(|_| step.etag) {
            asked = asked.header("If-Match", version);
        }
        if let Some(header) = header {
            asked = asked.header(header, key);
        }
        for (placeholder, secret) in self.placeholders.iter() {
            asked = asked.secret(placeholder, secret.clone());
        }
        if step.ask.method == Method::Get {
            asked = asked.only_reads();
        }
        Ok(Some(self.acting(asked, step.inside)?))
    }

    async fn read_before(&self, step: &CallStep) -> Result<Response, SendError> {
        let wrong = |e: EvalError| SendError::Unsendable(format!("the profile cannot be followed: {e}"));
        let asked = request::path(&step.ask, &scope(&self.values)).map_err(wrong)?;
        let asked = self.acting(Request::get(asked), step.inside).map_err(|e| SendError::Unsendable(e.to_string()))?;
        self.portal.client.send(&asked).await
    }

    /// The request, acting inside the tenant where the step does.
    ///
    /// # Errors
    /// When it should, and the tenant's id is not known.
    pub(super) fn acting(&self, asked: Request, inside: Option<bool>) -> Result<Request, CallError> {
        let can = self.portal.http().is_some_and(|http| http.connection.inside.is_some());
        let tenant_itself = self.call.address.kind.def().placement == Placement::Tenant;
        let wanted = inside.unwrap_or(!tenant_itself && !self.call.address.tenant.is_msp());
        let id = if tenant_itself { self.id() } else { self.tenant_id };
        match (can && wanted, id) {
            (false, _) => Ok(asked),
            (true, Some(id)) => Ok(asked.inside(id)),
            (true, None) => Err(self.gave_up("it acts inside a tenant whose id is not known".to_owned())),
        }
    }

    /// Takes from the answer what later steps need.
    fn learn(&mut self, step: &CallStep, response: &Response) -> Result<(), CallError> {
        let mut seen = self.values.clone();
        seen.insert("response", self.masked(response.json().clone()));
        if let Some(location) = self.location(response) {
            seen.insert("location", location.into());
        }
        if let Some(expression) = &step.id {
            let id = expression.json(&scope(&seen));
            // The lists show what was made.
            let id = id.map_err(|e| CallError::Uncertain(format!("the portal took it, and `id` of the profile has no value: {e}")))?;
            let id = id.as_ref().and_then(text_of).ok_or_else(|| {
                CallError::Uncertain("the portal took it, and its answer has no id where the profile looks for one".to_owned())
            })?;
            self.values.insert("id", id.into());
        }
        self.learn_carried(step, seen.clone())?;
        for (name, expression) in &step.take {
            let value = expression.json(&scope(&seen)).map_err(|e| self.broken(&format!("`take.{name}`"), &e))?;
            if let (Some(value), Some(steps)) = (value, self.values.get_mut("steps").and_then(Json::as_object_mut)) {
                steps.insert(name.to_string(), value);
            }
        }
        Ok(())
    }

    /// The last part of a `Location` at the endpoint's origin.
    fn location(&self, response: &Response) -> Option<String> {
        let url = self.portal.client.named(response.url(), response.header("location")?).ok()?;
        let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default().replace('+', "%2B");
        let decoded = url::form_urlencoded::parse(format!("x={last}").as_bytes()).next().map(|(_, value)| value.into_owned());
        decoded.filter(|id| !id.is_empty())
    }

    /// Secrets that a portal sends back are not kept.
    pub(super) fn masked(&self, json: Json) -> Json {
        match json {
            Json::String(text) => self
                .placeholders
                .iter()
                .fold(text, |text, (_, secret)| match secret.expose_secret() {
                    "" => text,
                    secret => text.replace(secret, "(sensitive)"),
                })
                .into(),
            Json::Array(items) => Json::Array(items.into_iter().map(|item| self.masked(item)).collect()),
            Json::Object(entries) => Json::Object(entries.into_iter().map(|(key, value)| (key, self.masked(value))).collect::<Map<_, _>>()),
            Json::Null | Json::Bool(_) | Json::Number(_) => json,
        }
    }

    /// Waits until the portal has done what it queued.
    ///
    /// # Errors
    /// When the portal says that it failed, or the profile cannot be followed.
    pub(super) async fn wait(&self, step: &WaitStep) -> Result<Result<(), Stop>, CallError> {
        let until = Instant::now() + step.at_most;
        loop {
            let asked = request::request(&step.ask, &scope(&self.values)).map_err(|e| self.broken("a `wait`", &e))?;
            let answer = match self.portal.client.send(&self.acting(asked, None)?).await {
                Ok(response) => Some(self.masked(response.json().clone())),
                Err(error) => told(&error),
            };
            if let Some(answer) = answer {
                if self.says(step.failed.as_ref(), &answer)? {
                    return Err(self.gave_up("the portal says that it failed".to_owned()));
                }
                if self.says(Some(&step.until), &answer)? {
                    return Ok(Ok(()));
                }
            }
            let pause = step.every.max(Duration::from_millis(1));
            if Instant::now() + pause > until {
                return Ok(Err(Stop::Waiting(format!("the portal has not finished it after {} seconds", step.at_most.as_secs()))));
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn says(&self, expression: Option<&Expression>, answer: &Json) -> Result<bool, CallError> {
        let Some(expression) = expression else { return Ok(false) };
        let mut seen = self.values.clone();
        seen.insert("response", answer.clone());
        let said = expression.json(&scope(&seen)).map_err(|e| self.broken("a `wait`", &e))?;
        Ok(said == Some(Json::Bool(true)))
    }

    /// An error of the profile or of what is declared.
    pub(super) fn broken(&self, what: &str, error: &EvalError) -> CallError {
        self.gave_up(format!("{what} of the profile has no value: {error}"))
    }

    /// It cannot go on. What this part of the call has done already is known to be done, and what it says is lost.
    fn gave_up(&self, why: String) -> CallError {
        if self.wrote {
            CallError::Lost { message: format!("the portal took it, and then: {why}"), after: None, next: Next::Unsure }
        } else {
            CallError::Refused(why)
        }
    }
}

/// What is said of a call that was not answered with success.
fn failed(error: SendError, step: &CallStep, if_lost: Next) -> CallError {
    let message = error.to_string();
    if step.ask.method == Method::Get {
        return looked_in_vain(error);
    }
    match (&error, if_lost) {
        // Somebody else has changed it since it was read.
        (_, _) if step.etag && error.status() == Some(412) => CallError::Retry { message, after: None },
        (SendError::NoAnswer(_) | SendError::Unclear(_) | SendError::Garbled(_), Next::Clear | Next::Shown) => {
            CallError::Uncertain(message)
        }
        (SendError::NoAnswer(_) | SendError::Unclear(_) | SendError::Garbled(_), next) => CallError::Lost { message, after: None, next },
        _ => error.into(),
    }
}

/// To look changes nothing.
fn looked_in_vain(error: SendError) -> CallError {
    match error {
        SendError::NoAnswer(_) | SendError::Unclear(_) => CallError::Retry { message: error.to_string(), after: None },
        SendError::Garbled(message) => CallError::Refused(message),
        error => error.into(),
    }
}

/// An answer other than success, as expressions see it.
fn told(error: &SendError) -> Option<Json> {
    let Answer { status, body, .. } = match error {
        SendError::Transient(a) | SendError::Unclear(a) | SendError::Denied(a) => &**a,
        SendError::Gone(a) | SendError::Conflict(a) | SendError::Refused(a) => &**a,
        SendError::Unsendable(_) | SendError::NotSent(_) | SendError::NoAnswer(_) | SendError::Garbled(_) | SendError::Throttled { .. } => {
            return None;
        }
    };
    Some(json!({"status": status, "headers": {}, "body": body}))
}

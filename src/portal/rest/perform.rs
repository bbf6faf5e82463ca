//! Performs calls: the steps that the profile gives for a kind and an action, one after another.
//!
//! Comes in: approved calls. Goes out: what became of each. One part of a call brings about one thing, which is made durable before the next part is
//! asked for. So a failure speaks of one step alone, and says exactly as much as is known: that nothing happened, that it may be made again, or that
//! nobody knows.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;

use super::Portal;
use super::object::{self, Raw, Unread};
use super::read::Reader;
use super::request;
use super::scope::scope;
use super::steps::{Run, Stop};
use crate::model::kind::Placement;
use crate::model::live::KeyHolder;
use crate::model::rule::Conduct;
use crate::model::{Capabilities, Digest, IntentAction, Kind, LiveObject, LiveTenant};
use crate::portal::profile::cel::JsonScope;
use crate::portal::profile::http::compiled::{CallStep, KindCalls, Step, StepAct};
use crate::portal::profile::http::connection::Method;
use crate::portal::{Call, CallError, Done, Execute, Observe, PortalError, TenantKey};

/// A portal opened to read and change.
pub(super) struct Writer(pub(super) Reader);

#[async_trait]
impl Observe for Writer {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.0.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.0.read(tenants).await
    }

    fn for_one_plan(&self) -> Option<Arc<dyn Observe>> {
        self.0.for_one_plan()
    }

    async fn look(&self, tenants: &[TenantKey], kinds: &[Kind]) -> Result<Vec<LiveTenant>, PortalError> {
        self.0.look(tenants, kinds).await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.0.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.0.holders(kind, keys).await
    }
}

#[async_trait]
impl Execute for Writer {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            answers.push(match self.0.0.performed(call).await {
                Ok(done) => Ok(self.0.with_carried(call, done).await),
                Err(error) => Err(error),
            });
        }
        answers
    }
}

impl Run<'_> {
    /// Makes the call of a step, for each of its items; what is done, if the call is to go on only once that is durable.
    async fn made(&mut self, made: &CallStep, step: &Step, at: usize, steps: &[Step]) -> Result<Option<Done>, CallError> {
        let writes = made.ask.method != Method::Get;
        let items = self.items(step.each);
        for item in items {
            if self.is_done(&item) {
                continue;
            }
            if writes && !self.covered {
                return Ok(self.partly(at, steps));
            }
            let key = self.key(made, at, steps, &item);
            self.with_item(item.clone());
            let if_lost = self.if_lost(made, step, at, steps);
            if !(writes && self.is_found(made, step).await?) {
                self.make(made, step.each, &key, if_lost).await?;
            }
            if writes {
                self.done.push(item);
                if let Some(done) = self.partly(at, steps) {
                    return Ok(Some(done));
                }
            }
        }
        self.done.clear();
        Ok(None)
    }

    /// The idempotency key of a step: the intent itself where it makes the object, which a portal may show as what made it.
    fn key(&self, made: &CallStep, at: usize, steps: &[Step], item: &Json) -> String {
        let intent = &self.call().intent;
        if self.makes(made, at, steps) {
            intent.to_string()
        } else if item.is_null() {
            format!("{intent}.{at}.0")
        } else {
            // Which item it is does not change with what is declared beside it.
            format!("{intent}.{at}.{}", Digest::of(item.to_string().as_bytes()).to_hex())
        }
    }
}

impl Portal {
    async fn performed(&self, call: &Call) -> Result<Done, CallError> {
        let kind = call.address.kind;
        let calls = self.http().and_then(|http| http.kinds.get(&kind));
        let Some(calls) = calls.filter(|c| !c.steps(call.action).is_empty()) else {
            return Err(CallError::Refused(format!("the profile does not say how this is done with a {}", kind.def().noun)));
        };
        // What no call here carries would be lost without a word.
        let carries = |made: &Call| self.profile.capabilities().kind(made.address.kind).is_some_and(|c| c.carried_by == Some(kind));
        if let Some(other) = call.carries.iter().find(|made| !carries(made)) {
            let (one, other) = (kind.def().noun, other.address.kind.def().noun);
            return Err(CallError::Refused(format!("a call that makes a {one} makes no {other} with it: the profile has no `carriedBy`")));
        }
        let mut run = Run::begin(self, call)?;
        let steps = calls.steps(call.action);
        let from = run.resume(call, steps)?;
        for (at, step) in steps.iter().enumerate().skip(from) {
            if !run.applies(step)? {
                continue;
            }
            match &step.act {
                StepAct::Call(made) => {
                    if let Some(done) = run.made(made, step, at, steps).await? {
                        return Ok(done);
                    }
                }
                StepAct::Wait(wait) => {
                    for item in run.items(step.each) {
                        run.with_item(item);
                        if let Err(Stop::Waiting(waits_for)) = run.wait(wait).await? {
                            return Ok(Done::Pending { waits_for, work: None });
                        }
                    }
                    run.covered = false;
                }
                StepAct::Person(person) => {
                    let work = run.ask(person, at, at + 1 < steps.len())?;
                    let waits_for = format!("a technician: {}", work.instructions.title);
                    return Ok(Done::Pending { waits_for, work: Some(Box::new(work)) });
                }
            }
        }
        let object = if call.action == IntentAction::Delete { None } else { self.read_back(kind, calls, &run).await };
        let id = run.id().map(Into::into).filter(|_| call.action != IntentAction::Delete);
        Ok(Done::Now { id, object: object.map(Box::new), carried: run.carried })
    }

    /// The object as the portal shows it now; `None`: it does not show it, not all of it, or not yet. Where there is no `get`, nothing is read: a list
    /// for each write would cost more than the plan after the run, which reads each list once.
    async fn read_back(&self, kind: Kind, calls: &KindCalls, run: &Run<'_>) -> Option<LiveObject> {
        let (get, item) = (calls.get.as_ref()?, calls.item.as_ref()?);
        // What other lists tell of an object is not read again, and half an object would look like drift.
        if calls.lists.iter().any(|l| l.join.is_some() || l.group.is_some()) {
            return None;
        }
        let asked = request::request(&get.ask, &scope(run.values())).ok()?;
        let response = self.client.send(&run.acting(asked, None).ok()?).await.ok()?;
        let shown = match &get.item {
            None => response.body().clone(),
            Some(expression) => expression.json(&JsonScope::new([("response", response.json())])).ok()??,
        };
        let tenant_itself = kind.def().placement == Placement::Tenant;
        let tenant = (run.tenant_name(), if tenant_itself { run.id() } else { run.tenant_id() });
        let joined = object::joined(&[], None);
        let raw = Raw { list: &get.list, rows: &[shown], joined, unread: &Unread::NOTHING, tenant, account: &self.account };
        let object = object::object(kind, item, &raw).ok()?;
        (run.id() == Some(&*object.id)).then_some(object)
    }
}

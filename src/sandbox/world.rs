//! The portal's side: its state, its rules, and what it does by itself.
//!
//! Comes in: a caller and what it asks for. Goes out: what there is, what was done, or the refusal. Everything that changes goes through
//! [`World::perform`]: the profile's rules first, then the directory, in one transaction, then nothing. One change at a time, so that no rule
//! looks at a state that somebody else is changing.

mod events;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::access::{Access, Caller};
use super::change::{Change, Performed, Refusal};
use super::names::{builtin_mark, declared, display_name, free_name, made_by, title_of};
use super::prepare::{Draft, Step};
use crate::model::kind::Placement;
use crate::model::portal_spec::Account;
use crate::model::rule::{Conduct as _, Effect, Subject, Verdict, Violation};
use crate::model::{FieldId, FieldSupport, Fields, IntentAction, KeyScope, Kind, LiveObject, LiveTenant, MSP, Name, Tenant, Value};
use crate::portal::embedded::{AuditLine, BY_PORTAL, Clock, Directory, Embedded, Goes, Mail, Played, PlayedCall};
use crate::portal::profile::plays::{Announced, Made};
use crate::portal::{Call, CallError, Done, PortalError, Profile, TenantKey};

pub use events::Happened;

/// A portal that is played.
pub struct World {
    profile: Arc<Profile>,
    account: Account,
    store: Played,
    directory: Arc<Directory>,
    access: Access,
    turn: Mutex<()>,
}

/// A customer, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The tenant's id.
    pub id: Box<str>,
    /// The tenant's name.
    pub name: Name,
    /// What people call it.
    pub title: String,
}

impl World {
    /// Opens a sandbox: its directory and its key lie in the state folder, by the profile's name.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub async fn open(profile: Arc<Profile>, account: Account, state_dir: &Path, clock: Clock) -> Result<Self, PortalError> {
        let file = state_dir.join(format!("sandbox-{}.db", profile.name));
        let store = Embedded::with_clock(Arc::clone(&clock)).play(file.clone(), Arc::clone(&profile))?;
        let directory = Arc::new(Directory::open(&file, clock)?);
        let key = state_dir.join(format!("sandbox-{}.key", profile.name));
        let access = Access::open(&key).map_err(|e| PortalError::Unavailable(format!("{}: {e}", key.display())))?;
        let world = Self { profile, account, store, directory, access, turn: Mutex::new(()) };
        world.furnish_msp().await.map_err(|e| PortalError::Misconfigured(e.to_string()))?;
        Ok(world)
    }

    /// The profile that is played.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// The MSP's own account in the portal.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Who may come in.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The organizations that a caller sees, sorted by name.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn organizations(&self, caller: &Caller) -> Result<Vec<LiveObject>, Refusal> {
        Ok(self.every(caller, Kind::Organization).await?.into_iter().map(|(_, o)| o).collect())
    }

    /// The same, as lists show them.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn customers(&self, caller: &Caller) -> Result<Vec<Customer>, Refusal> {
        let all = self.every(caller, Kind::Organization).await?;
        let customer =
            |(id, o): &(Box<str>, LiveObject)| Customer { id: id.clone(), name: Name::slugify(&o.key), title: title_of(o).to_owned() };
        Ok(all.iter().filter(|(tenant, _)| **tenant != *MSP).map(customer).collect())
    }

    /// Every object of a kind that a caller sees, each with its tenant's id (`msp`: the MSP's own), sorted by key.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn every(&self, caller: &Caller, kind: Kind) -> Result<Vec<(Box<str>, LiveObject)>, Refusal> {
        let mut all = self.store.every(kind).await.map_err(|e| storage(&e))?;
        all.retain(|(tenant, _)| caller.sees(tenant));
        all.iter_mut().for_each(|(_, object)| self.as_shown(object));
        Ok(all)
    }

    /// All that is in a tenant, by its id or `msp`.
    ///
    /// # Errors
    /// When the caller does not see it, or there is none.
    pub async fn tenant(&self, caller: &Caller, tenant: &str) -> Result<LiveTenant, Refusal> {
        let organizations = self.all_organizations().await?;
        let name = self.seen(caller, tenant, &organizations)?;
        self.live(&name, tenant).await
    }

    /// The mail that would have gone out, oldest first. The MSP's alone.
    ///
    /// # Errors
    /// When the caller may not see it, or the storage fails.
    pub async fn outbox(&self, caller: &Caller) -> Result<Vec<Mail>, Refusal> {
        if *caller != Caller::Msp {
            return Err(Refusal::Forbidden("the outbox is the operator's alone".to_owned()));
        }
        self.beside(|d| d.outbox().map_err(|e| Refusal::Storage(e.0))).await
    }

    /// What was asked of the portal and what became of it, oldest first. The MSP's alone.
    ///
    /// # Errors
    /// When the caller may not see it, or the storage fails.
    pub async fn audit(&self, caller: &Caller) -> Result<Vec<AuditLine>, Refusal> {
        if *caller != Caller::Msp {
            return Err(Refusal::Forbidden("the audit trail is the operator's alone".to_owned()));
        }
        self.beside(|d| d.audit().map_err(|e| Refusal::Storage(e.0))).await
    }

    /// The person of an invitation accepts it.
    ///
    /// # Errors
    /// When there is none that the caller sees, or it has expired.
    pub async fn accept(&self, caller: &Caller, user: &str) -> Result<(), Refusal> {
        if *caller != Caller::Msp {
            return Err(Refusal::Forbidden("invitations are accepted from the outbox, which is the operator's alone".to_owned()));
        }
        let _turn = self.turn.lock().await;
        let known = self.store.every(Kind::User).await.map_err(|e| storage(&e))?.iter().any(|(_, o)| *o.id == *user);
        if !known {
            return Err(Refusal::NotFound(format!("there is no user {user}")));
        }
        let user = user.to_owned();
        self.beside(move |d| d.accept_invitation(&user).map_err(|e| Refusal::Invalid(e.0))).await
    }

    /// Does what is asked, if the portal's rules allow it: all of it, or nothing.
    ///
    /// # Errors
    /// With the refusal.
    pub async fn perform(&self, caller: &Caller, change: Change) -> Result<Performed, Refusal> {
        let _turn = self.turn.lock().await;
        if let Some(done) = self.repeated(caller, &change).await? {
            return Ok(done);
        }
        let organizations = self.all_organizations().await?;
        let mut draft = self.draft(caller, &change, &organizations).await?;
        let before = draft.live.clone();
        let intent = change.intent.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string().into());
        let mut asked = vec![draft.step(&change, intent.clone())?];
        let mut calls = Vec::new();
        if makes_tenant(&change) {
            calls = furniture(&self.profile, &mut draft)?;
        }
        for (at, with) in change.with.iter().enumerate() {
            if with.action != IntentAction::Create || !with.with.is_empty() || makes_tenant(with) {
                return Err(Refusal::Invalid("one form makes objects of one tenant, and nothing else".to_owned()));
            }
            asked.push(draft.step(with, format!("{intent}/{at}").into())?);
        }
        let desired = declared(&draft.name, &draft.known());
        let warnings = self.judge(&asked, &draft, &before, &desired)?;
        let beside = self.made_beside(&asked, &mut draft, &before, &desired, &intent)?;
        self.keys_are_free(&asked, &before).await?;
        let goes: Vec<_> = asked.iter().map(|step| self.goes(step, &draft, &before, &desired)).collect();
        let (furnished, many) = (calls.len(), change.with.len());
        let mut steps = asked.into_iter().zip(goes).map(|(step, mail)| PlayedCall { call: step.call, mail });
        // The tenant first, then what it has by itself, then what refers to that.
        let mut all: Vec<PlayedCall> = steps.next().into_iter().chain(calls.into_iter().map(Into::into)).collect();
        all.extend(steps.chain(beside));
        let mut done = self.store.together(all).await.map_err(refusal)?.into_iter();
        let object = done.next().and_then(shown);
        let mut own: Vec<_> = done.by_ref().take(furnished).filter_map(shown).collect();
        let with = done.by_ref().take(many).filter_map(shown).collect();
        own.extend(done.filter_map(shown));
        Ok(Performed { object, with, beside: own, warnings })
    }

    /// A creation that was done already under this key.
    async fn repeated(&self, caller: &Caller, change: &Change) -> Result<Option<Performed>, Refusal> {
        let Some(intent) = change.intent.as_deref().filter(|_| change.action == IntentAction::Create) else { return Ok(None) };
        let found = self.every(caller, change.kind).await?.into_iter().find(|(_, o)| o.created_by.as_deref() == Some(intent));
        Ok(found.map(|(_, object)| Performed { object: Some(object), ..Performed::default() }))
    }

    async fn draft<'a>(&self, caller: &Caller, change: &Change, organizations: &'a [LiveObject]) -> Result<Draft<'a>, Refusal> {
        if self.profile.capabilities().kind(change.kind).is_none() {
            return Err(Refusal::Invalid(format!("the portal has no {}", change.kind.def().nouns)));
        }
        if makes_tenant(change) {
            if *caller != Caller::Msp {
                return Err(Refusal::Forbidden("only the MSP makes customers".to_owned()));
            }
            let called = display_name(change.kind.def(), &change.fields).unwrap_or_default();
            let name = match &change.name {
                Some(name) => Name::new(name).map_err(|e| Refusal::Invalid(e.to_string()))?,
                None => free_name(called, organizations.iter()),
            };
            if name.is_msp() {
                return Err(Refusal::Taken(format!("the name `{MSP}` is the MSP's own")));
            }
            return Ok(Draft { name, id: None, live: LiveTenant::default(), organizations });
        }
        let name = self.seen(caller, &change.tenant, organizations)?;
        let live = self.live(&name, &change.tenant).await?;
        Ok(Draft { id: (!name.is_msp()).then(|| change.tenant.clone()), name, live, organizations })
    }

    /// Holds each step against the portal's rules.
    fn judge(&self, asked: &[Step], draft: &Draft<'_>, before: &LiveTenant, desired: &Tenant) -> Result<Vec<Violation>, Refusal> {
        let mut warnings = Vec::new();
        for step in asked {
            for violation in self.profile.violations(&self.subject(step, draft, before, desired)) {
                match violation.verdict {
                    Verdict::Refuses => {
                        let message = violation.message + &self.where_account_is_told(&violation.rule);
                        return Err(Refusal::Rule { rule: violation.rule, message });
                    }
                    Verdict::Warns | Verdict::LeavesOut => warnings.push(violation),
                }
            }
        }
        Ok(warnings)
    }

    /// After the words of a rule that looks at the account: the Portal document, which they name, is not what a sandbox reads unless it is told to.
    fn where_account_is_told(&self, rule: &str) -> String {
        let flags: Vec<_> = self.profile.account_fields_of(rule).into_iter().map(flag_of).collect();
        if flags.is_empty() {
            return String::new();
        }
        format!(". A sandbox is told it by {}, or by its Portal document when it is started with `--portal NAME`", flags.join(" and "))
    }

    fn subject<'s>(&'s self, step: &'s Step, draft: &'s Draft<'_>, before: &'s LiveTenant, desired: &'s Tenant) -> Subject<'s> {
        Subject {
            tenant: &draft.name,
            kind: step.call.address.kind,
            action: step.call.action,
            declared: step.declared.as_ref(),
            after: step.declared.as_ref().map(|r| &r.fields),
            before: step.before.as_ref(),
            desired: Some(desired),
            live: Some(before),
            account: &self.account,
        }
    }

    /// The mail that goes out with a step: one that the profile announces, and no other.
    fn goes(&self, step: &Step, draft: &Draft<'_>, before: &LiveTenant, desired: &Tenant) -> Goes {
        let effects = self.profile.effects(&self.subject(step, draft, before, desired));
        if effects.contains(&Effect::Email) { Goes::Invitation } else { Goes::Nothing }
    }

    /// What the portal makes by itself beside what was asked for. What is there already is not made again.
    fn made_beside(
        &self,
        asked: &[Step],
        draft: &mut Draft<'_>,
        before: &LiveTenant,
        desired: &Tenant,
        intent: &str,
    ) -> Result<Vec<PlayedCall>, Refusal> {
        let mut made = Vec::new();
        for step in asked {
            let subject = self.subject(step, draft, before, desired);
            made.extend(self.profile.made_beside(&subject).map_err(|e| Refusal::Invalid(e.to_string()))?);
        }
        by_itself(made, draft, intent)
    }

    /// The portal's own answer where a key is taken; who holds it, it does not say.
    async fn keys_are_free(&self, asked: &[Step], before: &LiveTenant) -> Result<(), Refusal> {
        for Step { call, .. } in asked.iter().filter(|s| s.call.action != IntentAction::Delete) {
            let (kind, noun) = (call.address.kind, call.address.kind.def().noun);
            let other = |o: &LiveObject| o.key == call.key && call.object.as_ref() != Some(&o.id);
            if before.objects(kind).iter().any(other) {
                return Err(Refusal::Taken(format!("there is a {noun} {} already", call.key)));
            }
            if self.profile.capabilities().kind(kind).is_none_or(|c| c.key_scope == KeyScope::Tenant) && kind != Kind::Organization {
                continue;
            }
            let holders = self.store.every(kind).await.map_err(|e| storage(&e))?;
            if holders.iter().any(|(_, o)| other(o)) {
                return Err(Refusal::Taken(format!("the {noun} {} is taken", call.key)));
            }
        }
        Ok(())
    }

    /// Makes what the portal has by itself in the MSP's own tenant.
    async fn furnish_msp(&self) -> Result<(), Refusal> {
        let organizations = self.all_organizations().await?;
        let live = self.live(&Name::msp(), MSP).await?;
        let mut draft = Draft { name: Name::msp(), id: None, live, organizations: &organizations };
        let calls = furniture(&self.profile, &mut draft)?;
        self.store.together(calls.into_iter().map(Into::into).collect()).await.map_err(refusal).map(drop)
    }

    async fn all_organizations(&self) -> Result<Vec<LiveObject>, Refusal> {
        self.organizations(&Caller::Msp).await
    }

    /// The name of a tenant that the caller sees. What it does not see is not there.
    fn seen(&self, caller: &Caller, tenant: &str, organizations: &[LiveObject]) -> Result<Name, Refusal> {
        let found =
            if tenant == MSP { Some(Name::msp()) } else { organizations.iter().find(|o| *o.id == *tenant).map(super::names::name_of) };
        found.filter(|_| caller.sees(tenant)).ok_or_else(|| Refusal::NotFound(format!("there is no customer {tenant}")))
    }

    async fn live(&self, name: &Name, tenant: &str) -> Result<LiveTenant, Refusal> {
        let key = TenantKey { name: name.clone(), id: (!name.is_msp()).then(|| tenant.into()) };
        let mut live = self.store.reader().read(&[key]).await.map_err(|e| storage(&e))?.pop().unwrap_or_default();
        live.collections.values_mut().flat_map(|c| &mut c.objects).for_each(|object| self.as_shown(object));
        Ok(live)
    }

    /// What the profile shows of an object by itself; and what it calls the portal's own is, whoever made it.
    fn as_shown(&self, object: &mut LiveObject) {
        if let Some(shows) = made_by(object).and_then(|row| self.profile.shows(row, object.kind)).cloned() {
            shows.iter().for_each(|(id, value)| object.fields.set(id, value.clone()));
        }
        object.portals_own |= self.profile.is_portals_own(object);
    }

    async fn beside<T: Send + 'static>(&self, work: impl FnOnce(&Directory) -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
        let directory = Arc::clone(&self.directory);
        tokio::task::spawn_blocking(move || work(&directory)).await.unwrap_or_else(|e| Err(Refusal::Storage(e.to_string())))
    }
}

/// The calls by which the portal makes something by itself. What is there already is not made again.
fn by_itself(made: Vec<Made>, draft: &mut Draft<'_>, intent: &str) -> Result<Vec<PlayedCall>, Refusal> {
    let calls = made.into_iter().enumerate().map(|(at, made)| {
        let change = Change::create("", made.kind, made.fields);
        let by = if made.portals_own { BY_PORTAL } else { "" };
        let call = draft.unless_there(&change, format!("{by}{}/{intent}/{at}", made.row).into())?;
        Ok(call.map(|call| PlayedCall { call, mail: goes(made.mail) }))
    });
    calls.filter_map(Result::transpose).collect()
}

/// The mail to somebody whom the portal makes by itself.
fn goes(mail: Option<Announced>) -> Goes {
    match mail {
        None => Goes::Nothing,
        Some(Announced::Invitation) => Goes::Invitation,
        Some(Announced::Other(words)) => Goes::Other(sentence(&words)),
    }
}

/// Words as a subject has them.
fn sentence(words: &str) -> Box<str> {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default().into()
}

fn makes_tenant(change: &Change) -> bool {
    change.action == IntentAction::Create && change.kind.def().placement == Placement::Tenant
}

/// What the portal has by itself in every tenant, where it is not there yet: calls that make it.
fn furniture(profile: &Profile, draft: &mut Draft<'_>) -> Result<Vec<Call>, Refusal> {
    let mut calls = Vec::new();
    for (kind, capability) in &profile.capabilities().kinds {
        let def = kind.def();
        if def.placement == Placement::Tenant || (def.placement == Placement::MspOnly && !draft.name.is_msp()) {
            continue;
        }
        for key in &capability.builtin {
            let mut fields = Fields::new();
            let shown = |id: &FieldId| capability.field(*id) != FieldSupport::Unsupported;
            let label = def.key_field().or_else(|| def.field_named("displayName").map(|(id, _)| id).filter(shown));
            if let Some(id) = label {
                fields.set(id, Value::text(key));
            }
            let name = def.key_field().is_none().then(|| Name::slugify(key).as_str().into());
            let change = Change { name, ..Change::create("", *kind, fields) };
            calls.extend(draft.unless_there(&change, builtin_mark(key).into())?);
        }
    }
    Ok(calls)
}

fn shown(done: Done) -> Option<LiveObject> {
    match done {
        Done::Now { object, .. } => object.map(|o| *o),
        Done::Partly { .. } | Done::Pending { .. } => None,
    }
}

fn storage(error: &PortalError) -> Refusal {
    Refusal::Storage(error.to_string())
}

fn refusal(error: CallError) -> Refusal {
    match error {
        CallError::Refused(why) => Refusal::Invalid(why),
        CallError::Retry { message, after: _ } | CallError::Lost { message, after: _, next: _ } => Refusal::Storage(message),
        CallError::Uncertain(why) | CallError::Denied(why) => Refusal::Storage(why),
    }
}

/// The flag that tells a sandbox a field of the MSP's own account.
fn flag_of(field: &str) -> String {
    let word = if field == "addOns" { "add-on" } else { field };
    format!("`--account-{word}`")
}

//! What somebody outside does, played by hand: a guest writes a ticket, say. No manifest and no work order tells of it, and the portal makes
//! something of it by itself.
//!
//! Comes in: an event of the profile, and who does it. Goes out: the customer that the portal picks, and what it made there. Asks no rule: nobody
//! of the MSP does anything.

use super::{World, by_itself, refusal, shown};
use crate::model::rule::Subject;
use crate::model::{Fields, IntentAction, Kind, LiveObject, Name};
use crate::portal::profile::plays::Event;
use crate::sandbox::access::Caller;
use crate::sandbox::change::Refusal;
use crate::sandbox::names::{Known, declared, name_of, resource};
use crate::sandbox::prepare::Draft;
use crate::sandbox::values;

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// The customer that the portal picked, by its id.
    pub tenant: Box<str>,
    /// What it made there; empty: whoever it was is there already.
    pub made: Vec<LiveObject>,
}

impl World {
    /// What somebody outside may do.
    pub fn events(&self) -> Vec<Event<'_>> {
        self.profile.events()
    }

    /// Somebody outside does something. The MSP's alone to play.
    ///
    /// # Errors
    /// When the caller may not play it, the profile has no such event, or the portal makes nothing of it.
    pub async fn happens(&self, caller: &Caller, event: &str, who: Fields) -> Result<Happened, Refusal> {
        if *caller != Caller::Msp {
            return Err(Refusal::Forbidden("what somebody outside does is the operator's alone to play".to_owned()));
        }
        let none = || Refusal::NotFound(format!("{} has no event `{event}`", self.profile.title));
        let Event { kind, told, title, .. } = self.events().into_iter().find(|e| e.name == event).ok_or_else(none)?;
        check(kind, &told, &who)?;
        let _turn = self.turn.lock().await;
        let organizations = self.all_organizations().await?;
        for organization in &organizations {
            let (name, tenant) = (name_of(organization), organization.id.clone());
            let live = self.live(&name, &tenant).await?;
            let desired = declared(&name, &Known::new(&live, &organizations));
            let told = resource(&name, kind, Name::slugify("somebody"), who.clone());
            let subject = Subject {
                tenant: &name,
                kind,
                action: IntentAction::Create,
                declared: Some(&told),
                after: Some(&told.fields),
                before: None,
                desired: Some(&desired),
                live: Some(&live),
                account: &self.account,
            };
            let made = self.profile.made_of(event, &subject).map_err(|e| Refusal::Invalid(e.to_string()))?;
            if made.is_empty() {
                continue;
            }
            let mut draft = Draft { id: Some(tenant.clone()), name: name.clone(), live: live.clone(), organizations: &organizations };
            let calls = by_itself(made, &mut draft, &uuid::Uuid::now_v7().to_string())?;
            let done = self.store.together(calls).await.map_err(refusal)?;
            let mut made: Vec<_> = done.into_iter().filter_map(shown).collect();
            made.iter_mut().for_each(|object| self.as_shown(object));
            return Ok(Happened { tenant, made });
        }
        Err(Refusal::Invalid(format!("{title}: the portal makes nothing of it, for it belongs to no customer")))
    }
}

/// Whoever does something is told by the fields that the profile looks at, the first of them always.
fn check(kind: Kind, told: &[crate::model::FieldId], who: &Fields) -> Result<(), Refusal> {
    let def = kind.def();
    if let Some((id, _)) = who.iter().find(|(id, _)| !told.contains(id)) {
        let paths: Vec<_> = told.iter().map(|id| def.field(*id).path).collect();
        return Err(Refusal::Invalid(format!("the portal does not look at {}; it looks at {}", def.field(id).path, paths.join(", "))));
    }
    if let Some(first) = told.first().filter(|id| who.get(**id).is_none()) {
        return Err(Refusal::Invalid(format!("say who it is: {} is missing", def.field(*first).path)));
    }
    let wrong = who.iter().find_map(|(id, value)| values::wrong(def.field(id), value));
    wrong.map_or(Ok(()), |why| Err(Refusal::Invalid(why)))
}

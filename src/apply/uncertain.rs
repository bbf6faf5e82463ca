//! A call whose answer was lost: look before anything else. What is found is the answer; what cannot be found out stays uncertain.

use crate::model::{IntentAction, LiveObject, LiveTenant, ObjectState};
use crate::portal::{Call, CallError, Done, Execute, TenantKey, titled};

/// Reads the tenant and tells whether the call had its effect. `why` is what is said if that cannot be told.
pub(super) async fn find_out(driver: &dyn Execute, call: &Call, why: String) -> Result<Done, CallError> {
    let tenant = TenantKey { name: call.address.tenant.clone(), id: call.tenant_id.clone() };
    let declared = call.context.as_deref().and_then(|context| context.around.tenant.as_ref());
    let Ok(mut read) = titled::read(driver, &[(tenant, declared)]).await else { return Err(CallError::Uncertain(why)) };
    let Some(live) = read.pop() else { return Err(CallError::Uncertain(why)) };
    let kind = call.address.kind;
    match call.action {
        IntentAction::Create => match made(&live, call, call) {
            Some(object) => {
                let carried = call.carries.iter().map(|rider| made(&live, rider, call).map(|o| o.id.clone())).collect();
                Ok(Done::Now { id: Some(object.id.clone()), object: Some(Box::new(object.clone())), carried })
            }
            None => nothing_happened(driver, &live, call, why),
        },
        IntentAction::Delete => {
            let there = live.objects(kind).iter().any(|o| Some(&o.id) == call.object.as_ref());
            match (there, live.is_complete(kind)) {
                (false, true) => Ok(Done::Now { id: None, object: None, carried: Vec::new() }),
                (true, _) => Err(CallError::Retry { message: why, after: None }),
                (false, false) => Err(CallError::Uncertain(why)),
            }
        }
        IntentAction::Update => match object(&live, call) {
            Some(object) if call.changed.iter().all(|id| object.fields.get(*id) == call.desired.get(*id)) => {
                Ok(Done::Now { id: Some(object.id.clone()), object: Some(Box::new(object.clone())), carried: Vec::new() })
            }
            // Writing the same values once more changes nothing.
            Some(_) => Err(CallError::Retry { message: why, after: None }),
            None => Err(CallError::Uncertain(why)),
        },
        IntentAction::Resend => match object(&live, call).map(|o| o.state) {
            Some(ObjectState::InvitationExpired) if shown_at_once(driver) || driver.capabilities().idempotent => {
                Err(CallError::Retry { message: why, after: None })
            }
            // It may have gone out, and a second one goes to a person.
            Some(ObjectState::InvitationExpired) => Err(CallError::Uncertain(why)),
            Some(_) => Ok(Done::Now { id: call.object.clone(), object: None, carried: Vec::new() }),
            None => Err(CallError::Uncertain(why)),
        },
    }
}

/// Not there and proven so: the call may be made again, unless the portal shows its writes late.
fn nothing_happened(driver: &dyn Execute, live: &LiveTenant, call: &Call, why: String) -> Result<Done, CallError> {
    if live.is_complete(call.address.kind) && shown_at_once(driver) {
        Err(CallError::Retry { message: why, after: None })
    } else {
        Err(CallError::Uncertain(why))
    }
}

/// True if a portal shows what was written as soon as it was.
fn shown_at_once(driver: &dyn Execute) -> bool {
    driver.capabilities().consistency_window.is_zero()
}

fn object<'a>(live: &'a LiveTenant, call: &Call) -> Option<&'a LiveObject> {
    live.objects(call.address.kind).iter().find(|o| Some(&o.id) == call.object.as_ref())
}

/// What a creation made: the object with the call's key in the right tenant, unless the portal shows that another call made it.
fn made<'a>(live: &'a LiveTenant, call: &Call, carrier: &Call) -> Option<&'a LiveObject> {
    let ours = |o: &&LiveObject| o.created_by.as_ref().is_none_or(|by| *by == call.intent || *by == carrier.intent);
    live.objects(call.address.kind).iter().filter(|o| o.key == call.key).find(ours)
}

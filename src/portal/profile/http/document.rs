//! The `http` parts of a profile, as a person writes them: the API as a whole, and for each kind its lists, how an item becomes an object, and
//! the calls of each action. Shapes only; `docs/profiles.md` describes them.
//!
//! There are no loops and no branches but `when`, and one repetition: `each`, once for each item that a field gains or loses.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::connection::{AuthSection, ErrorsSection, InsideSection, Method, PagingSection, ThrottleSection, TimeoutsSection};
use crate::model::work_order::Provenance;

/// The API as a whole.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpSection {
    /// Where it is, unless the `Portal` names another `endpoint`.
    #[schemars(with = "Option<String>")]
    pub endpoint: Option<Spanned<String>>,
    /// What every path begins with, such as `/v3`.
    #[schemars(with = "Option<String>")]
    pub base: Option<Spanned<String>>,
    /// Headers of every call.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, Spanned<String>>,
    /// How one signs in; default: nobody does.
    #[schemars(with = "Option<AuthSection>")]
    pub auth: Option<Spanned<AuthSection>>,
    /// What makes a call act inside a tenant.
    #[schemars(with = "Option<InsideSection>")]
    pub inside: Option<Spanned<InsideSection>>,
    /// The id of the MSP's own tenant, where the API has one.
    pub msp: Option<String>,
    /// How one page of a list follows another, unless the list says otherwise; default: one answer has everything.
    #[schemars(with = "Option<PagingSection>")]
    pub paging: Option<Spanned<PagingSection>>,
    /// What answers other than success mean.
    #[serde(default)]
    pub errors: ErrorsSection,
    /// The headers by which the server says how fast one may call.
    #[serde(default)]
    pub throttle: ThrottleSection,
    /// The header that takes a call's idempotency key.
    #[schemars(with = "Option<String>")]
    pub idempotency_header: Option<Spanned<String>>,
    /// How long one waits.
    #[serde(default)]
    pub timeouts: TimeoutsSection,
}

/// One kind in the API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KindHttp {
    /// Where its objects are listed, by a name of one's own.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, ListSection>")]
    pub lists: BTreeMap<String, Spanned<ListSection>>,
    /// How an item of a list becomes an object.
    #[schemars(with = "Option<ItemSection>")]
    pub item: Option<Spanned<ItemSection>>,
    /// How one object is read again after a write; absent: it is not.
    #[schemars(with = "Option<GetSection>")]
    pub get: Option<Spanned<GetSection>>,
    /// The calls that make one.
    #[serde(default)]
    #[schemars(with = "Vec<CallSection>")]
    pub create: Vec<Spanned<CallSection>>,
    /// The calls that change one.
    #[serde(default)]
    #[schemars(with = "Vec<CallSection>")]
    pub update: Vec<Spanned<CallSection>>,
    /// The calls that delete one.
    #[serde(default)]
    #[schemars(with = "Vec<CallSection>")]
    pub delete: Vec<Spanned<CallSection>>,
    /// The calls that send its invitation again.
    #[serde(default)]
    #[schemars(with = "Vec<CallSection>")]
    pub resend: Vec<Spanned<CallSection>>,
}

impl KindHttp {
    /// True if a creation asks a person, who looks first, before each call that may not be made twice: under the same condition, or always.
    pub(in crate::portal::profile) fn looks_first(&self) -> bool {
        let condition = |step: &CallSection| step.when.as_ref().map(|when| when.value.clone());
        let looks = |ask: &AskSection| ask.steps.first().is_some_and(|step| step.value.look.is_some());
        let mut asked = Vec::new();
        for step in self.create.iter().map(|step| &step.value) {
            match &step.ask {
                Some(ask) if looks(&ask.value) => asked.push(condition(step)),
                Some(_) => return false,
                None => {
                    let makes = step.path.is_some() && step.method != Some(Method::Get) && !step.idempotent;
                    if makes && !asked.contains(&None) && !asked.contains(&condition(step)) {
                        return false;
                    }
                }
            }
        }
        !asked.is_empty()
    }

    /// True if a step asks a person, or looks for something by the name that people see of the organization.
    pub(in crate::portal::profile) fn by_name(&self) -> bool {
        let names = |text: &Spanned<String>| text.value.contains("organization.displayName");
        let steps = [&self.create, &self.update, &self.delete, &self.resend].into_iter().flatten().map(|step| &step.value);
        let looks_up = |step: &CallSection| step.method == Some(Method::Get) && step.path.iter().chain(step.query.values()).any(names);
        let lists = self.lists.values().map(|list| &list.value);
        steps.into_iter().any(|step| step.ask.is_some() || looks_up(step))
            || lists.into_iter().any(|list| list.path.iter().chain(list.query.values()).any(names))
    }

    /// True if a creation goes on once its object is there: what is found in a list is not done.
    pub(in crate::portal::profile) fn goes_on(&self) -> bool {
        let steps = || self.create.iter().map(|step| &step.value).enumerate();
        let writes = |step: &CallSection| step.path.is_some() && step.method != Some(Method::Get);
        let made = steps().find(|(_, step)| step.id.is_some()).or_else(|| steps().find(|(_, step)| writes(step))).map(|(at, _)| at);
        made.is_some_and(|made| steps().any(|(at, step)| at > made && (writes(step) || step.ask.is_some() || step.wait.is_some())))
    }
}

/// A list of the API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListSection {
    /// What it spans.
    pub within: Within,
    /// Its method; default `GET`.
    pub method: Option<Method>,
    /// Its path; `${…}` is CEL, and its values are percent-encoded. Needed but within `organizations`.
    #[schemars(with = "Option<String>")]
    pub path: Option<Spanned<String>>,
    /// Query parameters; one whose expression has no value is left out.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub query: BTreeMap<String, Spanned<String>>,
    /// Its JSON body.
    #[schemars(with = "Option<serde_json::Value>")]
    pub body: Option<Spanned<serde_json::Value>>,
    /// CEL over `response`: the page's items; default the body itself. Within `organizations`, CEL over `item`: an organization's.
    #[schemars(with = "Option<String>")]
    pub items: Option<Spanned<String>>,
    /// How one page follows another, if not as in `http.paging`.
    #[schemars(with = "Option<PagingSection>")]
    pub paging: Option<Spanned<PagingSection>>,
    /// How a list of the whole portal is read of one tenant, whose items it then has and of the same shape. It is read so where few tenants are
    /// wanted; default: it is read whole for any.
    #[schemars(with = "Option<OfTenantSection>")]
    pub of_tenant: Option<Spanned<OfTenantSection>>,
    /// CEL over `item`: which items count; default all.
    #[schemars(with = "Option<String>")]
    pub r#where: Option<Spanned<String>>,
    /// CEL over `item`, for a list of the whole portal: the id of the tenant whose it is.
    #[schemars(with = "Option<String>")]
    pub tenant: Option<Spanned<String>>,
    /// CEL over `item`: items of one value are one object, whose `rows` they are.
    #[schemars(with = "Option<String>")]
    pub group: Option<Spanned<String>>,
    /// CEL over `item`: the id of the object, from another list, that the item tells more about. Such items are no objects of their own: an
    /// object finds its own in `joined.NAME`.
    #[schemars(with = "Option<String>")]
    pub join: Option<Spanned<String>>,
    /// Another list of the kind: what that one has under the same id does not count here, such as an old invitation of a member.
    #[schemars(with = "Option<String>")]
    pub unless: Option<Spanned<String>>,
    /// The API shows at most so many items and does not say that there are more: a list as long as that may not be whole.
    pub cut_at: Option<u32>,
    /// True: where the API answers that the list is not there, it is empty. Default: then nobody knows.
    #[serde(default)]
    pub absent_is_empty: bool,
}

/// How a list of the whole portal is read of one tenant. What is absent is as in the list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OfTenantSection {
    /// Its path. It or the query names `tenant.id`.
    #[schemars(with = "Option<String>")]
    pub path: Option<Spanned<String>>,
    /// Query parameters, in place of all of the list's.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub query: Option<BTreeMap<String, Spanned<String>>>,
    /// CEL over `response`: the page's items.
    #[schemars(with = "Option<String>")]
    pub items: Option<Spanned<String>>,
    /// How one page follows another.
    #[schemars(with = "Option<PagingSection>")]
    pub paging: Option<Spanned<PagingSection>>,
}

/// What a list spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Within {
    /// One tenant: it is read for each.
    Tenant,
    /// The whole portal: it is read once.
    Portal,
    /// The MSP's own tenant: it is read once.
    Msp,
    /// The lists of organizations, whose items hold it: nothing more is asked. Of the MSP's own tenant it says nothing.
    Organizations,
}

/// How an item becomes an object: CEL over `item`, `rows`, `joined`, `list` (the name of its list), `tenant` and `account`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ItemSection {
    /// The portal's id of it.
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    /// Its natural key. Of a kind whose key is its name, a name is made of it. Absent: it has no name but the one that people see, its
    /// `displayName`.
    #[schemars(with = "Option<String>")]
    pub key: Option<Spanned<String>>,
    /// Its fields, by dotted path; references are ids. No value, or null: the portal does not show it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub fields: BTreeMap<String, Spanned<String>>,
    /// `active`, `invited`, `invitationExpired` or `pending`; default `active`.
    #[schemars(with = "Option<String>")]
    pub state: Option<Spanned<String>>,
    /// Until when an invitation holds: RFC 3339, or seconds since 1970. What is `invited` after that is `invitationExpired`.
    #[schemars(with = "Option<String>")]
    pub expires: Option<Spanned<String>>,
    /// The installation that marked it as its own.
    #[schemars(with = "Option<String>")]
    pub owner: Option<Spanned<String>>,
    /// The idempotency key that it was made with.
    #[schemars(with = "Option<String>")]
    pub created_by: Option<Spanned<String>>,
    /// Whether it is the portal's own: never drift, never pruned; default false.
    #[schemars(with = "Option<String>")]
    pub portals_own: Option<Spanned<String>>,
    /// Of an organization: what is shown of the tenant beside what is declared, by the names of the profile's `observed`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub observed: BTreeMap<String, Spanned<String>>,
}

/// How one object is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GetSection {
    /// Its path.
    #[schemars(with = "String")]
    pub path: Spanned<String>,
    /// Query parameters.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub query: BTreeMap<String, Spanned<String>>,
    /// CEL over `response`: the item, of the same shape as in the lists; default the body itself.
    #[schemars(with = "Option<String>")]
    pub item: Option<Spanned<String>>,
    /// The list that such an item could be of: what `list` is then. Needed where there are several.
    #[schemars(with = "Option<String>")]
    pub list: Option<Spanned<String>>,
}

/// One step of an action: a call (`path`), a person's turn (`ask`), or a wait (`wait`).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CallSection {
    /// CEL: whether it is done; default always.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// Once for each item that a set gains or loses; the item is `item`.
    #[schemars(with = "Option<EachSection>")]
    pub each: Option<Spanned<EachSection>>,
    /// Its method; default `POST`.
    pub method: Option<Method>,
    /// Its path; `${…}` is CEL, and its values are percent-encoded.
    #[schemars(with = "Option<String>")]
    pub path: Option<Spanned<String>>,
    /// Query parameters; one whose expression has no value is left out.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub query: BTreeMap<String, Spanned<String>>,
    /// Headers.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, Spanned<String>>,
    /// Its JSON body: texts may hold `${CEL}`; one that is nothing else keeps the type of its value; one that has no value is left out.
    #[schemars(with = "Option<serde_json::Value>")]
    pub body: Option<Spanned<serde_json::Value>>,
    /// Its form, in place of a body.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub form: Option<BTreeMap<String, Spanned<String>>>,
    /// What `self` holds in an update; default `merge`.
    pub update: Option<UpdateStyle>,
    /// True: the object is read right before, and `If-Match` says which version is meant.
    #[serde(default)]
    pub etag: bool,
    /// True: made twice, it has the effect of once, so it may be repeated.
    #[serde(default)]
    pub idempotent: bool,
    /// False: it acts for the MSP, though the object is inside a tenant.
    pub inside: Option<bool>,
    /// CEL over `response`: the new object's id.
    #[schemars(with = "Option<String>")]
    pub id: Option<Spanned<String>>,
    /// The ids of what is made in the same call (`carriedBy`), by kind: CEL over `response` and `item`, what is declared of the one in question.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub carried: BTreeMap<String, Spanned<String>>,
    /// Values for later steps, by name: `steps.NAME`. CEL over `response`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub take: BTreeMap<String, Spanned<String>>,
    /// How to tell whether it is done already, where its answer was lost and it may not be made twice.
    #[schemars(with = "Option<FindSection>")]
    pub find: Option<Spanned<FindSection>>,
    /// A person's turn.
    #[schemars(with = "Option<AskSection>")]
    pub ask: Option<Spanned<AskSection>>,
    /// Waits until the portal has done what it queued.
    #[schemars(with = "Option<WaitSection>")]
    pub wait: Option<Spanned<WaitSection>>,
}

/// How to tell whether a call was made already.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FindSection {
    /// What is asked, with `GET`.
    #[schemars(with = "String")]
    pub path: Spanned<String>,
    /// Query parameters.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub query: BTreeMap<String, Spanned<String>>,
    /// CEL over `response`, of whatever status that the portal answers with for good: whether the call was made.
    #[schemars(with = "String")]
    pub holds: Spanned<String>,
}

/// Which items a step is done for: exactly one of the two.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EachSection {
    /// What this field gains.
    #[schemars(with = "Option<String>")]
    pub added: Option<Spanned<String>>,
    /// What this field loses.
    #[schemars(with = "Option<String>")]
    pub removed: Option<Spanned<String>>,
}

/// What `self` holds in the calls of an update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UpdateStyle {
    /// What differs alone: the API leaves alone what is not sent.
    #[default]
    Merge,
    /// All that is declared: the API puts what is sent in the object's place.
    Replace,
    /// What differs alone, put over what the API shows right before: nothing that nobody declared is lost.
    ReadModifyWrite,
}

/// A person's turn: what they do, and what they bring back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskSection {
    /// What it is called; `${…}` is CEL.
    #[schemars(with = "String")]
    pub title: Spanned<String>,
    /// Which page documents it.
    pub source: Provenance,
    /// What they do, in order.
    #[schemars(with = "Vec<AskStep>")]
    pub steps: Vec<Spanned<AskStep>>,
    /// What they bring back: `evidence.NAME` in later steps.
    #[serde(default)]
    #[schemars(with = "Vec<super::super::screens::EvidenceSection>")]
    pub evidence: Vec<Spanned<super::super::screens::EvidenceSection>>,
}

/// One thing that a person does: exactly one of `visit`, `press`, `look` and `reach`; `${…}` is CEL.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskStep {
    /// Open this address.
    #[schemars(with = "Option<String>")]
    pub visit: Option<Spanned<String>>,
    /// Press the button of this label.
    #[schemars(with = "Option<String>")]
    pub press: Option<Spanned<String>>,
    /// Look whether this is so, and stop if it is not.
    #[schemars(with = "Option<String>")]
    pub look: Option<Spanned<String>>,
    /// See to it that this is so.
    #[schemars(with = "Option<String>")]
    pub reach: Option<Spanned<String>>,
    /// Which page documents it, if not that of the whole.
    pub source: Option<Provenance>,
}

/// Asks again until something holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WaitSection {
    /// What is asked, with `GET`.
    #[schemars(with = "String")]
    pub path: Spanned<String>,
    /// CEL over `response`, of whatever status: whether it is done.
    #[schemars(with = "String")]
    pub until: Spanned<String>,
    /// CEL over `response`: whether it has failed for good.
    #[schemars(with = "Option<String>")]
    pub failed: Option<Spanned<String>>,
    /// How long between two questions; default `2s`.
    #[schemars(with = "Option<String>")]
    pub every: Option<Spanned<String>>,
    /// How long in all; default `60s`, at most `10m`. After that the change is pending.
    #[schemars(with = "Option<String>")]
    pub at_most: Option<Spanned<String>>,
}

//! From the document to the view: each part turned into words. Folding is next door.

use super::fields::{Sides, rows};
use super::{ChangeView, ConsequenceView, Mark, ObservedView, RefusalView, TenantView, View, Waits, fold, headline, held, portals, said};
use crate::model::rule::Effect;
use crate::plan::document::{HeldBack, ObservedValue, PlanDocument, ResourceChange, ResourceDrift, TenantPlan, UnmanagedObject};
use crate::plan::{Action, Cause, Consequences, Refusal, Source};
use crate::report::escape::{cut, visible};

/// Names of one list that are given before the rest is only counted.
const NAMES: usize = 20;
/// Stands for an empty list of names.
pub(in crate::report) const NOBODY: &str = "nobody";
/// The same, where there may be names that nobody knows.
pub(in crate::report) const UNKNOWN: &str = "not known";
/// Unmanaged objects of one kind that are named.
const UNMANAGED: usize = 6;
/// Longest sentence or key of others that is shown, in characters.
const SENTENCE: usize = 500;

pub(super) fn view(document: &PlanDocument, held: &HeldBack<'_>, whole: bool) -> View {
    let shared = if whole { fold::Shared::none() } else { fold::Shared::find(&document.tenants) };
    let view = |(at, plan): (usize, &TenantPlan)| {
        let counts = held::counts(held, plan);
        held::back(held, plan, tenant_view(at, plan, counts, &shared, whole))
    };
    let mut tenants: Vec<_> = document.tenants.iter().enumerate().map(view).collect();
    let quiet = if whole { None } else { quiet(&tenants, &document.tenants) };
    if !whole {
        said::once(&mut tenants);
    }
    tenants.retain(|t| t.speaks() || (whole && !t.unmanaged.is_empty()));
    View {
        headline: headline(document),
        totals: said::totals(document, held),
        to_do: Waits::of(document).to_do(),
        digest: visible(&document.plan_digest).into_owned(),
        refusals: document.blocked_by.iter().map(refusal_view).collect(),
        shared: shared.views(&document.tenants, NAMES),
        tenants,
        quiet,
        portals: portals::portals(document, held),
    }
}

fn tenant_view(at: usize, plan: &TenantPlan, counts: String, shared: &fold::Shared, whole: bool) -> TenantView {
    let own: Vec<_> = plan.resource_changes.iter().enumerate().filter(|(n, _)| !shared.has(at, *n)).map(|(_, c)| c).collect();
    let said_elsewhere = plan.resource_changes.len() - own.len();
    let (changes, folded) = fold::by_shape(&own, whole, NAMES);
    TenantView {
        tenant: plan.tenant.to_string(),
        portal: plan.portal.to_string(),
        counts,
        consequences: consequences(&plan.consequences, whole),
        refusals: plan.blocked_by.iter().map(refusal_view).collect(),
        changes,
        folded,
        shared: said_elsewhere,
        drift: plan.resource_drift.iter().map(drift_view).collect(),
        waiting: plan.waiting.iter().map(|w| (w.address.to_string(), format!("waits: {}", sentence(&w.waits_for)))).collect(),
        retained: plan.retained.iter().map(|r| (r.address.to_string(), sentence(&r.reason))).collect(),
        left_out: plan.left_out.iter().map(|l| (l.address.to_string(), sentence(&format!("{}: {}", l.rule, l.reason)))).collect(),
        unmanaged: unmanaged(&plan.unmanaged, whole),
        observed: plan.observed.values().map(observed_view).collect(),
    }
}

fn observed_view(observed: &ObservedValue) -> ObservedView {
    let ObservedValue { title, value, at: _, by, age_days, old } = observed;
    ObservedView {
        title: sentence(title),
        value: sentence(value),
        seen: seen_words(*age_days, *old),
        by: by.as_ref().map(|by| sentence(by)),
    }
}

/// `seen 3 days ago`, and that it is old where it is.
pub fn seen_words(age_days: i64, old: bool) -> String {
    let ago = match age_days {
        ..=0 => "seen today".to_owned(),
        1 => "seen 1 day ago".to_owned(),
        days => format!("seen {days} days ago"),
    };
    if old { format!("old: {ago}") } else { ago }
}

pub(super) fn change_view(change: &ResourceChange, whole: bool) -> ChangeView {
    let first = change.change.actions.first().copied();
    let sides = match first {
        Some(Action::Create) => Sides::After,
        Some(Action::Delete | Action::Forget) => Sides::Before,
        _ => Sides::Both,
    };
    let key = (change.natural_key != change.address.name.as_str()).then(|| sentence(&change.natural_key));
    ChangeView {
        mark: Mark::of(first),
        refused: change.is_refused(),
        actions: change.change.actions.iter().map(|a| a.word()).collect::<Vec<_>>().join(", "),
        name: format!("{}/{}", change.address.kind.def().slug, change.address.name),
        address: change.address.to_string(),
        // The key is not said twice: a creation shows it among its fields.
        key: key.filter(|_| first != Some(Action::Create) || change.address.kind.def().key.is_none()),
        fields: rows(change.address.kind.def(), &change.change, sides, whole),
        effects: change.effects.iter().map(|e| effect_words(*e)).collect(),
        notes: notes(change, whole),
        place: change.source.as_ref().map(place),
        refusals: change.blocked_by.iter().map(refusal_view).collect(),
    }
}

fn drift_view(drift: &ResourceDrift) -> ChangeView {
    let first = drift.change.actions.first().copied();
    ChangeView {
        mark: Mark::of(first),
        refused: false,
        actions: if first == Some(Action::Delete) { "deleted" } else { "changed" }.to_owned(),
        name: format!("{}/{}", drift.address.kind.def().slug, drift.address.name),
        address: drift.address.to_string(),
        key: None,
        fields: rows(drift.address.kind.def(), &drift.change, Sides::After, true),
        effects: Vec::new(),
        notes: Vec::new(),
        place: None,
        refusals: Vec::new(),
    }
}

/// Why, and what else has to be known; what a symbol already says is left out.
fn notes(change: &ResourceChange, whole: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(previous) = &change.previous_address {
        notes.push(format!("was {previous}"));
    }
    // The engine's reason often is the cause in other words, and is not said twice.
    let said = |words: &str| change.action_reason.contains(words);
    match change.cause {
        Cause::Manifest => {}
        Cause::Drift | Cause::Both if said("in the portal") => {}
        Cause::Baseline if said("a baseline") => {}
        Cause::Expiry if said("expired") => {}
        Cause::Drift => notes.push("was changed in the portal".to_owned()),
        Cause::Both => notes.push("was changed in the portal and in the manifest".to_owned()),
        Cause::Baseline => notes.push("a baseline changed".to_owned()),
        Cause::Expiry => notes.push("something ran out".to_owned()),
    }
    let plain = change.cause == Cause::Manifest
        && matches!(change.change.actions.as_slice(), [Action::Create] | [Action::Update])
        // Of what an earlier run has begun, a person wants to know what is left.
        && !said("it goes on with");
    if !change.action_reason.is_empty() && (whole || !plain) {
        notes.push(sentence(&change.action_reason));
    }
    if let Some(carrier) = &change.carried_by {
        notes.push(format!("made by the same call as {carrier}"));
    }
    notes.extend(change.effects_said.iter().map(|said| sentence(said)));
    notes
}

fn place(source: &Source) -> String {
    let at = format!("{}:{}", sentence(&source.file), source.line);
    if source.layer.starts_with("baseline/") { format!("{}, {at}", sentence(&source.layer)) } else { at }
}

/// One refusal in words.
pub fn refusal_view(refusal: &Refusal) -> RefusalView {
    let Refusal { code, fact: _, message, help, have, limit, passed } = refusal;
    let numbers = match (have, limit) {
        (Some(have), Some(limit)) => format!(" ({have}, limit {limit})"),
        _ => String::new(),
    };
    RefusalView {
        code: sentence(code),
        message: format!("{}{numbers}", sentence(message)),
        help: sentence(help),
        passed: passed.as_ref().map(|p| sentence(p)),
    }
}

/// What a plan means to people; names beyond a few are counted unless `whole`, but never those who lose something.
pub fn consequences(consequences: &Consequences, whole: bool) -> Vec<ConsequenceView> {
    let Consequences { gain_access, lose_access, administrators_before, administrators_after, administrators_unknown, emails, licences } =
        consequences;
    let say = |what, grave, whom: Vec<String>| ConsequenceView { what, grave, whom, becomes: None };
    let names = |list: &[String]| list.iter().map(|n| sentence(n)).collect::<Vec<_>>();
    let short = |list: Vec<String>| if whole { list } else { shorten(list, NAMES) };
    let mut said = Vec::new();
    if !lose_access.is_empty() {
        said.push(say("lose access", true, names(lose_access)));
    }
    if administrators_before != administrators_after {
        let none = if *administrators_unknown { UNKNOWN } else { NOBODY };
        let or_nobody = |list: Vec<String>| if list.is_empty() { vec![none.to_owned()] } else { list };
        let grave = administrators_before.iter().any(|a| !administrators_after.contains(a));
        let after = Some(or_nobody(names(administrators_after)));
        said.push(ConsequenceView { becomes: after, ..say("administrators", grave, or_nobody(names(administrators_before))) });
    }
    if !gain_access.is_empty() {
        said.push(say("gain access", false, short(names(gain_access))));
    }
    if !emails.is_empty() {
        said.push(say("get an e-mail", false, short(counted(&names(emails)))));
    }
    let licences: Vec<_> = licences.iter().filter(|(_, n)| **n != 0).map(|(product, n)| format!("{n:+} {}", sentence(product))).collect();
    if !licences.is_empty() {
        said.push(say("licences", false, licences));
    }
    said
}

/// Equal neighbours become one, with how many they are.
fn counted(sorted: &[String]) -> Vec<String> {
    sorted
        .chunk_by(|a, b| a == b)
        .filter_map(|same| match same {
            [one] => Some(one.clone()),
            [one, ..] => Some(format!("{one} ({} times)", same.len())),
            [] => None,
        })
        .collect()
}

/// The first few, and how many more there are.
pub(super) fn shorten(mut names: Vec<String>, max: usize) -> Vec<String> {
    if names.len() > max {
        let more = names.len() - max;
        names.truncate(max);
        names.push(format!("and {more} more"));
    }
    names
}

fn unmanaged(objects: &[UnmanagedObject], whole: bool) -> Vec<(String, Vec<String>)> {
    let mut sorted: Vec<_> = objects.iter().collect();
    sorted.sort_by(|a, b| (a.kind, a.portals_own, &a.natural_key).cmp(&(b.kind, b.portals_own, &b.natural_key)));
    sorted
        .chunk_by(|a, b| (a.kind, a.portals_own) == (b.kind, b.portals_own))
        .filter_map(|same| {
            let first = same.first()?;
            let own = if first.portals_own { " of the portal's own" } else { "" };
            let names: Vec<_> = same.iter().map(|o| sentence(&o.natural_key)).collect();
            Some((format!("{}{own}", how_many(same.len(), first.kind)), if whole { names } else { shorten(names, UNMANAGED) }))
        })
        .collect()
}

/// `1 user`, `3 users`.
pub(super) fn how_many(n: usize, kind: crate::model::Kind) -> String {
    format!("{n} {}", if n == 1 { kind.def().noun } else { kind.def().nouns })
}

fn quiet(views: &[TenantView], plans: &[TenantPlan]) -> Option<String> {
    let silent = views.iter().zip(plans).filter(|(view, plan)| !view.speaks() && !plan.unmanaged.is_empty());
    let (tenants, objects) = silent.fold((0, 0), |(tenants, objects), (_, plan)| (tenants + 1, objects + plan.unmanaged.len()));
    let (s, o) = (if tenants == 1 { "" } else { "s" }, if objects == 1 { "" } else { "s" });
    (tenants > 0).then(|| {
        format!("Unmanaged and never touched: {objects} object{o} in {tenants} tenant{s} with nothing else to say (-v names them)")
    })
}

/// What an effect is called.
pub const fn effect_words(effect: Effect) -> &'static str {
    match effect {
        Effect::Email => "sends e-mail",
        Effect::Irreversible => "irreversible",
        Effect::Cascade => "changes other objects with it",
        Effect::DataLoss => "deletes data",
        Effect::Licence => "takes a licence",
        Effect::Technician => "needs a technician",
    }
}

/// A text of others: visible, and not longer than a sentence.
fn sentence(text: &str) -> String {
    cut(&visible(text), SENTENCE).into_owned()
}

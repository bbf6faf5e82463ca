//! What the tests of the portals share: a shipped profile, whole manifests as a technician reads them, and a portal that shows nothing.
//!
//! An [`Example`] breaks one rule: its plan has the finding, another manifest has it not, and with the rule taken out of the profile's text it is
//! gone. So each rule is held by the example of its row, and by nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value as Json;
use tenantry::diff::Purpose;
use tenantry::engine::offline;
use tenantry::manifest::{Builtins, Settings, SourceText, lower_sources};
use tenantry::model::ledger::Attestation;
use tenantry::model::live::{Collection, Completeness, KeyHolder, LiveTenant};
use tenantry::model::rule::Conduct;
use tenantry::model::work_order::Observation;
use tenantry::model::*;
use tenantry::plan::document::PlanDocument;
use tenantry::plan::{Body, Change, Finding, LeftOut, Plan, Unit};
use tenantry::portal::profile::document::Document;
use tenantry::portal::profile::{load_profile, shipped_text};
use tenantry::portal::{Call, CallError, Done, Execute, Observe, PortalError, Profile, TenantKey};
use tenantry::report::style::Style;

use crate::support::bench::Bench;

/// The portals of the mission.
pub(crate) const PORTALS: [&str; 5] = ["it-conductor", "wiv", "idemeum", "itarian", "pilixo"];

/// The compiled profile.
pub(crate) fn profile(name: &str) -> Arc<Profile> {
    load_profile(name, None).unwrap_or_else(|wrong| panic!("{name}: {wrong:#?}"))
}

/// The profile as it is written.
pub(crate) fn document(name: &str) -> Document {
    serde_saphyr::from_str(shipped_text(name).unwrap()).unwrap()
}

/// The profile as a tree.
pub(crate) fn tree(name: &str) -> Json {
    serde_saphyr::from_str(shipped_text(name).unwrap()).unwrap()
}

/// A profile made of an altered tree.
pub(crate) fn altered(name: &str, alter: impl FnOnce(&mut Json)) -> Arc<Profile> {
    let mut tree = tree(name);
    alter(&mut tree);
    Arc::new(Profile::parse(&tree.to_string(), name).unwrap_or_else(|wrong| panic!("{name}: {wrong:#?}")))
}

/// The profile without one rule.
pub(crate) fn without(name: &str, rule: &str) -> Arc<Profile> {
    altered(name, |tree| {
        let rules = tree["rules"].as_array_mut().unwrap();
        let all = rules.len();
        rules.retain(|r| r["id"] != rule);
        assert_eq!(rules.len() + 1, all, "{name} has the rule {rule} once");
    })
}

/// Manifests with the account that a `Portal` document gives: documents without the line that all have.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Side {
    /// `account:` of the Portal document, in YAML.
    pub(crate) account: &'static str,
    /// Documents, each from `kind:` on.
    pub(crate) manifests: &'static str,
}

/// Manifests under an account.
pub(crate) const fn side(account: &'static str, manifests: &'static str) -> Side {
    Side { account, manifests }
}

/// One rule, broken and kept.
pub(crate) struct Example {
    /// Its ID.
    pub(crate) rule: &'static str,
    /// What a technician recorded as being there before; nothing: empty.
    pub(crate) before: &'static str,
    /// What the portal shows of every tenant beside.
    pub(crate) observed: &'static [(&'static str, &'static str)],
    /// What breaks it.
    pub(crate) breaks: Side,
    /// What keeps it.
    pub(crate) keeps: Side,
    /// What is said: the resource, what becomes of the change, and the words.
    pub(crate) says: &'static str,
}

/// What is declared. A reference that leads nowhere is let through: rules stand by themselves, whatever the manifests' own checks find first.
pub(crate) fn desired(portal: &str, side: Side) -> Desired {
    let head = "apiVersion: tenantry.dev/v1alpha1\n";
    let document = format!("kind: Portal\nmetadata: {{name: {portal}}}\nspec: {{profile: {portal}, account: {{{}}}}}\n", side.account);
    let mut text = format!("{head}{document}");
    for part in side.manifests.split("\n---\n").filter(|part| !part.trim().is_empty()) {
        write!(text, "---\n{head}{}\n", part.trim_start()).unwrap();
    }
    let loaded = lower_sources(vec![SourceText::new("fleet.yaml", text)], Settings { only: None, builtins: Builtins::Unknown });
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    loaded.desired
}

/// What `tenantry validate` says, each as `ADDRESS SEVERITY SUMMARY`.
pub(crate) fn validated(profile: &Profile, desired: &Desired) -> Vec<String> {
    let found = offline::check(desired, &desired.portals[0], profile.capabilities(), profile);
    let line = |d: &tenantry::diagnostic::Diagnostic| {
        let severity = if d.is_error() { "error" } else { "warning" };
        let about = d.address.as_ref().map_or_else(String::new, |a| format!("{a} "));
        let detail = if d.detail.is_empty() { String::new() } else { format!(": {}", d.detail) };
        format!("{about}{severity} {}{detail}", d.summary)
    };
    found.iter().map(line).collect()
}

/// A portal that shows no object, as all that a technician works in.
pub(crate) struct Paper {
    profile: Arc<Profile>,
    observed: BTreeMap<Box<str>, Observation>,
}

impl Paper {
    /// One beside which nothing was observed.
    pub(crate) fn empty(profile: &Arc<Profile>) -> Self {
        Self { profile: Arc::clone(profile), observed: BTreeMap::new() }
    }
}

#[async_trait]
impl Observe for Paper {
    fn capabilities(&self) -> &Capabilities {
        self.profile.capabilities()
    }
    fn conduct(&self) -> &dyn Conduct {
        &*self.profile
    }
    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        // What a driver lists has nothing in it.
        let completeness = |read| if read == Readability::Listed { Completeness::Complete } else { Completeness::Unreadable };
        let nothing = |read| Collection { completeness: completeness(read), objects: Vec::new() };
        let collections = || self.capabilities().kinds.iter().map(|(kind, c)| (*kind, nothing(c.read))).collect();
        Ok(tenants
            .iter()
            .map(|_| LiveTenant { collections: collections(), observed: self.observed.clone(), ..LiveTenant::default() })
            .collect())
    }
    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        Ok(Vec::new())
    }
    async fn holders(&self, _: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        Ok(keys.iter().map(|_| KeyHolder::Free).collect())
    }
}

#[async_trait]
impl Execute for Paper {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        calls.iter().map(|_| Ok(Done::Pending { waits_for: "a technician".to_owned(), work: None })).collect()
    }
}

/// The plan of `after` where a technician recorded that `before` is there.
pub(crate) async fn plan(profile: &Arc<Profile>, observed: &[(&str, &str)], before: &Desired, after: &Desired) -> Body {
    let mut bench = bench(profile, observed, before).await;
    bench.portals[0].0 = after.portals[0].clone();
    bench.judged(after).await.body.clone()
}

/// The plan that takes away what a technician recorded.
pub(crate) async fn destruction(profile: &Arc<Profile>, there: &Desired) -> Body {
    let mut bench = bench(profile, &[], there).await;
    bench.purpose = Purpose::Destroy;
    bench.judged(there).await.body.clone()
}

/// A bench with the portal, in which a technician recorded what is there.
pub(crate) async fn bench(profile: &Arc<Profile>, observed: &[(&str, &str)], there: &Desired) -> Bench {
    let mut bench = Bench::new();
    let now = bench.clock.now();
    let seen = |value: &str| Observation { value: value.to_owned(), at: now, by: Some("tom".to_owned()) };
    let observed = observed.iter().map(|(name, value)| ((*name).into(), seen(value))).collect();
    let spec = there.portals[0].clone();
    bench.portals.push((spec.clone(), Arc::new(Paper { profile: Arc::clone(profile), observed })));
    bench.secrets.set("VIDEO", "swordfish");
    for resource in there.resources() {
        let record = recorded(profile, resource, now);
        bench.ledger.edit(spec.name.as_str(), resource.address.tenant.as_str(), |ledger| {
            ledger.intents.push(set_out_to_make(resource, now));
            ledger.attestations.insert(resource.address.clone(), record);
        });
    }
    if there.resources().next().is_some() {
        bench.apply(there).await;
    }
    bench
}

/// What tells that it was we who had it made.
fn set_out_to_make(resource: &Resource, now: jiff::Timestamp) -> Intent {
    Intent {
        id: format!("made-{}", resource.address).into(),
        address: resource.address.clone(),
        key: tenantry::model::live::normalise_key(resource.natural_key()),
        action: IntentAction::Create,
        object: None,
        at: now,
        plan: "earlier".into(),
        unknown: false,
        fate: tenantry::model::fate::Fate::default(),
    }
}

pub(crate) fn recorded(profile: &Profile, resource: &Resource, now: jiff::Timestamp) -> Attestation {
    let capability = profile.capabilities().kind(resource.address.kind).expect("the portal has what is there before");
    let mut fields = Fields::new();
    let shown = |id: FieldId| matches!(capability.field(id), FieldSupport::Full | FieldSupport::Immutable | FieldSupport::Technician);
    resource.fields.iter().filter(|(id, _)| shown(*id)).for_each(|(id, value)| fields.set(id, value.clone()));
    let until = now + SignedDuration::from_hours(24 * 90);
    let (address, by) = (resource.address.clone(), "tom".to_owned());
    Attestation { address, present: true, fields: fields.to_json(resource.def()), id: None, by, at: now, until }
}

/// What a plan finds by the portal's rules, each as `RULE ADDRESS VERDICT: WORDS`.
pub(crate) fn found(body: &Body) -> Vec<String> {
    let of = |change: &Change| {
        let line = |finding: &Finding| match finding {
            Finding::Rule { rule, message, refuses } => {
                let verdict = if *refuses { "refused" } else { "warned" };
                Some(format!("{rule} {} {verdict}: {message}", change.address))
            }
            _ => None,
        };
        change.findings.iter().filter_map(line).collect::<Vec<_>>()
    };
    let left = |l: &LeftOut| format!("{} {} left out: {}", l.rule, l.address, l.why);
    let of_unit = |u: &Unit| u.changes.iter().flat_map(of).chain(u.left_out.iter().map(left)).collect::<Vec<_>>();
    body.units.iter().flat_map(of_unit).collect()
}

/// One change of a plan.
#[track_caller]
pub(crate) fn change<'b>(body: &'b Body, at: &str) -> &'b Change {
    let mut changes = body.units.iter().flat_map(|u| &u.changes);
    changes.find(|c| c.address.to_string() == at).unwrap_or_else(|| panic!("the plan has a change of {at}"))
}

/// The plan of manifests where nothing is there yet.
pub(crate) async fn first_plan(portal: &str, side: Side) -> Body {
    let nothing = desired(portal, Side { manifests: "", ..side });
    plan(&profile(portal), &[], &nothing, &desired(portal, side)).await
}

/// Holds one rule of a portal against its example: broken it says its words, kept it says nothing, taken out it is gone.
pub(crate) async fn check(portal: &str, example: &Example) {
    let Example { rule, before, observed, breaks, keeps, says } = example;
    let before = desired(portal, Side { manifests: before, ..*breaks });
    let of_rule = async |profile: &Arc<Profile>, side: Side| {
        let body = plan(profile, observed, &before, &desired(portal, side)).await;
        let all = found(&body);
        all.into_iter().filter(|line| line.split(' ').next() == Some(rule)).collect::<Vec<_>>()
    };
    let shipped = profile(portal);
    assert_eq!(of_rule(&shipped, *breaks).await, [format!("{rule} {says}")], "{rule} is broken");
    assert_eq!(of_rule(&shipped, *keeps).await, [""; 0], "{rule} is kept");
    assert_eq!(of_rule(&without(portal, rule), *breaks).await, [""; 0], "{rule} is taken out");
}

/// What a technician does for an action, line by line: places of the menu, steps with what they set, each with its source, and what to bring back.
pub(crate) fn way(portal: &str, kind: &str, action: &str) -> Vec<String> {
    let entry = &tree(portal)["kinds"][kind]["screens"][action];
    let mut lines = Vec::new();
    for screen in entry["screens"].as_array().into_iter().flatten() {
        let source = screen["source"].as_str().unwrap();
        let menu: Vec<_> = screen["menu"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let each = screen["each"].as_str().map_or_else(String::new, |field| format!(" for each of {field}"));
        lines.push(format!("{}{each} ({source})", if menu.is_empty() { "no menu".to_owned() } else { menu.join(" > ") }));
        for step in screen["steps"].as_array().unwrap() {
            lines.push(format!("- {} ({})", words_of(step), step["source"].as_str().unwrap_or(source)));
        }
    }
    let evidence = entry["evidence"].as_array().into_iter().flatten();
    lines.extend(evidence.map(|e| {
        let expected = e["expect"].as_str().map_or_else(String::new, |expect| format!(" = {expect}"));
        format!("brings {}{expected}", e["name"].as_str().unwrap())
    }));
    lines
}

fn words_of(step: &Json) -> String {
    let text = |name: &str| step[name].as_str();
    let set = text("field").map_or_else(String::new, |field| match text("of") {
        Some(kind) => format!(": {kind} {field}"),
        None => format!(": {field}"),
    });
    let given = text("value").map_or_else(String::new, |value| format!(" = {value}"));
    for verb in ["press", "fill", "choose", "tick", "secret", "look"] {
        if let Some(label) = text(verb) {
            return format!("{verb} {label}{set}{given}");
        }
    }
    let entry = text("entry").map_or_else(String::new, |entry| format!(", entry {entry}"));
    format!("row {}{entry}", text("row").expect("a step has a verb"))
}

/// The names under `observed` that serve a row.
pub(crate) fn observed(portal: &str, row: &str) -> Vec<String> {
    document(portal).observed.into_iter().filter(|o| o.value.id == row).map(|o| o.value.name).collect()
}

/// The columns of a table, each with what it shows.
pub(crate) fn columns(portal: &str, table: &str) -> Vec<String> {
    let tree = tree(portal);
    let table = tree["tables"].as_array().unwrap().iter().find(|t| t["name"] == table).expect("the profile has the table");
    let shows = |column: &Json| {
        let (what, value) = column.as_object().unwrap().iter().next().unwrap();
        value.as_str().map_or_else(|| what.clone(), |value| format!("{what} {value}"))
    };
    table["columns"].as_object().unwrap().iter().map(|(title, column)| format!("{title}: {}", shows(column))).collect()
}

/// The fields that a change sets.
#[track_caller]
pub(crate) fn sets(body: &Body, at: &str) -> Vec<&'static str> {
    let change = change(body, at);
    change.fields.iter().map(|f| change.address.kind.def().field(f.field).path).collect()
}

/// The codes of the guards that refuse a change.
#[track_caller]
pub(crate) fn refused(body: &Body, at: &str) -> Vec<String> {
    change(body, at).blocked_by.iter().map(|r| r.code.clone()).collect()
}

/// What the portal does with a field.
pub(crate) fn support(portal: &str, kind: Kind, path: &str) -> FieldSupport {
    let (field, _) = kind.def().field_named(path).expect("the kind has the field");
    profile(portal).capabilities().kind(kind).expect("the portal has the kind").field(field)
}

/// A plan as a person reads it in a terminal.
pub(crate) fn in_text(body: &Body) -> String {
    let document = PlanDocument::from_plan(&Plan::unchecked(body.clone()), "0.1.0");
    tenantry::report::text::plan(&document, &Style { color: false, width: 100, verbose: false })
}

/// The block of one change in such a text: its title and the lines that are indented below it.
#[track_caller]
pub(crate) fn block<'t>(text: &'t str, title: &str) -> Vec<&'t str> {
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with(title));
    let first = lines.next().unwrap_or_else(|| panic!("`{title}` is in\n{text}"));
    std::iter::once(first).chain(lines.take_while(|line| line.starts_with("      "))).map(str::trim).collect()
}

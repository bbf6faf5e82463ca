//! A profile's text becomes a [`Profile`], or everything that is wrong with it.
//!
//! Comes in: text and what to call its file. Goes out: the compiled profile, or diagnostics with places. Serde stops at its first error; from
//! there on everything is looked at, and all expressions are compiled in one go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_saphyr::{Location, Spanned};

use super::cel::{CompileError, Expression, VARIABLES};
use super::document::{Action, Document, EffectSection, KindSection, Perform, Read, RuleSection, Severity};
use super::message::Template;
use super::{Applicable, EffectRule, Message, Profile, RUNBOOK, Rule, http, inherited, paths, plays, technician};
use crate::diagnostic::{Code, Diagnostic, Range, codes::portal as codes};
use crate::model::kind::Placement;
use crate::model::rule::{Effect, Verdict};
use crate::model::work_order::Provenance;
use crate::model::{Capabilities, FieldSupport, IntentAction, Kind, KindCapability, Name};

/// Most rules and effects of a profile: each change is held against those of its kind and action.
const MAX_RULES: usize = 500;
/// Largest batch: what one transaction or request can carry before a retry of it costs more than it saves.
const MAX_BATCH: usize = 10_000;

/// Under `fields` of a kind: all that have no entry of their own.
pub(super) const REMAINING: &str = "*";

const API_VERSION: &str = "tenantry.dev/v1alpha1";

/// See the module.
pub(super) fn compile(text: &str, file: &str) -> Result<Profile, Vec<Diagnostic>> {
    let mut problems = Problems { file, lines: text.lines().collect(), found: Vec::new() };
    let document: Document = match serde_saphyr::from_str_with_options(text, serde_saphyr::options! { with_snippet: false }) {
        Ok(document) => document,
        Err(error) => {
            let at = error.location();
            let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            let message = message.lines().next().unwrap_or("it is no YAML");
            // The diagnostic has the place already.
            let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
            problems.add(codes::PROFILE_SYNTAX, at.unwrap_or(Location::UNKNOWN), message);
            return Err(problems.found);
        }
    };
    head(&document, &mut problems);
    let mut drivers = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for (name, section) in &document.kinds {
        if let Some(kind) = reconciled(name, section.referenced, &mut problems) {
            kinds.insert(kind, capability(kind, &section.value, &mut problems));
            drivers.extend(section.value.drivers.iter().map(|(action, driver)| ((kind, *action), driver.value.as_str().into())));
            drivers.extend(by_hand(kind, section, &document.driver.value, &mut problems));
        }
    }
    carriers(&document, &kinds, &mut problems);
    let http = http::compile::compile(&document, &kinds, &mut problems);
    let Conducts { rules, effects, index } = conduct(&document, &kinds, &mut problems);
    let plays = plays::compile(&document, &mut problems);
    let inherited = inherited::compile(&document, &mut problems);
    let technician = technician::compile(&document, &kinds, &mut problems);
    let fields_by_hand = kinds.values().any(|k| k.fields.values().any(|support| *support == FieldSupport::Technician));
    let capabilities = Capabilities {
        kinds,
        idempotent: document.limits.idempotent,
        consistency_window: window(&document, &mut problems),
        batch: batch(&document, &mut problems),
        context: document.driver.value != "embedded" || !drivers.is_empty() || fields_by_hand,
    };
    if !problems.found.is_empty() {
        problems.found.sort_by(|a, b| a.range.cmp(&b.range));
        return Err(problems.found);
    }
    Ok(Profile {
        name: document.name.value.into(),
        title: document.title.into(),
        capabilities,
        driver: document.driver.value.into(),
        drivers,
        rules,
        effects,
        plays,
        inherited,
        index,
        technician,
        http,
    })
}

/// Gathers what is wrong.
pub(super) struct Problems<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    found: Vec<Diagnostic>,
}

impl Problems<'_> {
    pub(super) fn add(&mut self, code: Code, at: Location, summary: impl Into<String>) {
        let range = self.range(at);
        self.found.push(Diagnostic::error(code, summary).at(range));
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    fn range(&self, at: Location) -> Option<Range> {
        let line = u32::try_from(at.line()).ok().filter(|l| *l > 0)?;
        let text = self.lines.get(line as usize - 1).map(|l| l.chars().take(200).collect());
        let column = u32::try_from(at.column()).unwrap_or(1).max(1);
        Some(Range { file: self.file.to_owned(), line, column, length: 0, line_text: text })
    }
}

fn head(document: &Document, problems: &mut Problems<'_>) {
    if document.api_version.value != API_VERSION {
        let found = &document.api_version.value;
        problems.add(
            codes::PROFILE_SYNTAX,
            document.api_version.referenced,
            format!("apiVersion is `{found}` and must be `{API_VERSION}`"),
        );
    }
    if document.kind.value != "Profile" {
        problems.add(codes::PROFILE_SYNTAX, document.kind.referenced, format!("kind is `{}` and must be `Profile`", document.kind.value));
    }
    if let Err(error) = Name::new(&document.name.value) {
        problems.add(codes::PROFILE_SYNTAX, document.name.referenced, error.to_string());
    }
}

/// A kind by name that lives in portals.
pub(super) fn reconciled(name: &str, at: Location, problems: &mut Problems<'_>) -> Option<Kind> {
    let kind = Kind::from_name(name).filter(|k| k.def().placement != Placement::Configuration);
    if kind.is_none() {
        let names: Vec<_> = Kind::reconciled().map(|k| k.def().name).collect();
        problems.add(codes::PROFILE_NAME, at, format!("no portal has a kind `{name}`; there are {}", names.join(", ")));
    }
    kind
}

fn capability(kind: Kind, section: &KindSection, problems: &mut Problems<'_>) -> KindCapability {
    let mut fields = BTreeMap::new();
    for (path, support) in section.fields.iter().filter(|(path, _)| *path != REMAINING) {
        match kind.def().field_named(path) {
            Some((id, _)) => {
                fields.insert(id, support.value.into());
            }
            None => problems.add(codes::PROFILE_NAME, support.referenced, format!("{kind} has no field `{path}`")),
        }
    }
    if let Some(remaining) = section.fields.get(REMAINING) {
        // The natural key is what an object is found by: no portal is without it.
        for (id, _) in kind.def().fields().filter(|(id, _)| kind.def().key_field() != Some(*id)) {
            fields.entry(id).or_insert(remaining.value.into());
        }
    }
    for (action, driver) in &section.drivers {
        let performed = match action {
            Action::Read => section.read == Read::Listed,
            Action::Create => section.create == Perform::Call,
            Action::Update => section.update == Perform::Call,
            Action::Delete => section.delete == Perform::Call,
            Action::Resend => section.resend == Perform::Call,
        };
        if !performed {
            let what = format!("{kind}: a driver is named for an action that no driver performs");
            problems.add(codes::PROFILE_CONTRADICTION, driver.referenced, what);
        }
    }
    KindCapability {
        read: section.read.into(),
        create: section.create.into(),
        update: section.update.into(),
        delete: section.delete.into(),
        resend: section.resend.into(),
        key_scope: section.key_scope.into(),
        carried_by: section.carried_by.as_ref().and_then(|c| reconciled(&c.value, c.referenced, problems)),
        builtin: section.builtin.iter().cloned().collect(),
        fields,
        titled: section.http.as_ref().and_then(|http| http.value.item.as_ref()).is_some_and(|item| item.value.key.is_none()),
        goes_on: section.http.as_ref().is_some_and(|http| http.value.goes_on()),
        looks_first: section.http.as_ref().is_some_and(|http| http.value.looks_first()),
        by_name: section.http.as_ref().is_some_and(|http| http.value.by_name()),
    }
}

/// What goes to technicians: their actions, and reading what nobody can read. Whatever else ends at their driver is a contradiction.
fn by_hand(kind: Kind, section: &Spanned<KindSection>, default: &str, problems: &mut Problems<'_>) -> Vec<((Kind, Action), Box<str>)> {
    let KindSection { read, create, update, delete, resend, drivers, .. } = &section.value;
    let writes = [(Action::Create, create), (Action::Update, update), (Action::Delete, delete), (Action::Resend, resend)];
    let calls = writes.iter().filter(|(_, perform)| **perform == Perform::Call).map(|(action, _)| *action);
    for action in calls.chain((*read == Read::Listed).then_some(Action::Read)) {
        let named = drivers.get(&action);
        if named.map_or(default, |d| &d.value) == RUNBOOK {
            let what = format!("{kind}: the driver `{RUNBOOK}` reads nothing and calls nothing: write `technician` and `unreadable`");
            problems.add(codes::PROFILE_CONTRADICTION, named.map_or(section.referenced, |d| d.referenced), what);
        }
    }
    let technicians = writes.into_iter().filter(|(_, perform)| **perform == Perform::Technician).map(|(action, _)| action);
    let unread = (*read == Read::Unreadable).then_some(Action::Read);
    technicians.chain(unread).map(|action| ((kind, action), RUNBOOK.into())).collect()
}

/// What carries another must exist, be made by a call, and be another kind.
fn carriers(document: &Document, kinds: &BTreeMap<Kind, KindCapability>, problems: &mut Problems<'_>) {
    for (kind, capability) in kinds {
        let Some(carrier) = capability.carried_by else { continue };
        let at = document.kinds.get(kind.def().name).and_then(|s| s.value.carried_by.as_ref()).map_or(Location::UNKNOWN, |c| c.referenced);
        if carrier == *kind {
            problems.add(codes::PROFILE_CONTRADICTION, at, format!("{kind} cannot be carried by itself"));
        } else if !kinds.contains_key(&carrier) {
            problems.add(codes::PROFILE_CONTRADICTION, at, format!("{kind} is carried by {carrier}, which the portal does not have"));
        }
    }
}

fn window(document: &Document, problems: &mut Problems<'_>) -> Duration {
    let Some(text) = &document.limits.consistency_window else { return Duration::ZERO };
    let parsed = text.value.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
    parsed.unwrap_or_else(|| {
        problems.add(
            codes::PROFILE_SYNTAX,
            text.referenced,
            format!("`{}` is no length of time; write one such as `30s` or `5m`", text.value),
        );
        Duration::ZERO
    })
}

fn batch(document: &Document, problems: &mut Problems<'_>) -> usize {
    let Some(batch) = &document.limits.batch else { return 1 };
    if !(1..=MAX_BATCH).contains(&batch.value) {
        problems.add(codes::PROFILE_SYNTAX, batch.referenced, format!("batch is {} and must be from 1 to {MAX_BATCH}", batch.value));
    }
    batch.value
}

#[derive(Default)]
struct Conducts {
    rules: Vec<Rule>,
    effects: Vec<EffectRule>,
    index: HashMap<(Kind, IntentAction), Applicable>,
}

fn conduct(document: &Document, kinds: &BTreeMap<Kind, KindCapability>, problems: &mut Problems<'_>) -> Conducts {
    let mut conducts = Conducts::default();
    if document.rules.len() + document.effects.len() > MAX_RULES {
        let at = document.rules.first().map_or(Location::UNKNOWN, |r| r.referenced);
        problems.add(codes::PROFILE_BUDGET, at, format!("it has more than {MAX_RULES} rules and effects"));
        return conducts;
    }
    let mut compiled = Compiled::new(document);
    let mut seen = BTreeSet::new();
    for section in &document.rules {
        if !seen.insert(section.value.id.as_str()) {
            problems.add(codes::PROFILE_CONTRADICTION, section.referenced, format!("two rules have the ID {}", section.value.id));
        }
        let actions = section.value.actions.as_deref().unwrap_or(&[Action::Create, Action::Update]);
        let named = kinds_of(&section.value.kinds, kinds, section.referenced, problems);
        for at in pairs(&named, actions, section.referenced, problems) {
            conducts.index.entry(at).or_default().rules.push(conducts.rules.len());
        }
        // What did not compile is in `problems`, and then there is no profile.
        conducts.rules.extend(rule(section, &named, &mut compiled, problems));
    }
    for section in &document.effects {
        let EffectSection { kinds: named, actions, when, effects, to, mail, admits, says } = &section.value;
        let named = kinds_of(named, kinds, section.referenced, problems);
        for at in pairs(&named, actions, section.referenced, problems) {
            conducts.index.entry(at).or_default().effects.push(conducts.effects.len());
        }
        let when = when.as_ref().and_then(|w| compiled.take(w, &named, problems));
        for (given, what) in [(to, "`to` is whom an e-mail goes to"), (mail, "`mail` is what an e-mail is")] {
            if let Some(given) = given.as_ref().filter(|_| !effects.contains(&Effect::Email)) {
                problems.add(codes::PROFILE_CONTRADICTION, given.referenced, format!("{what}, and `effects` has no `email`"));
            }
        }
        if *admits && to.is_none() {
            problems.add(codes::PROFILE_CONTRADICTION, section.referenced, "`admits` lets in whom an e-mail goes to, and there is no `to`");
        }
        let to = to.as_ref().and_then(|to| compiled.take(to, &named, problems));
        let mail = mail.as_ref().map(|m| m.value.as_str().into());
        let says = says.as_deref().map(Box::from);
        conducts.effects.push(EffectRule { when, effects: effects.clone(), to, mail, admits: *admits, says });
    }
    conducts
}

fn rule(section: &Spanned<RuleSection>, named: &[Kind], compiled: &mut Compiled<'_>, problems: &mut Problems<'_>) -> Option<Rule> {
    let RuleSection { id, source, kinds: _, actions: _, when, expr, severity, message, message_expr } = &section.value;
    let when = when.as_ref().map(|w| compiled.take(w, named, problems));
    let expr = compiled.take(expr, named, problems);
    let message = match (message, message_expr) {
        (Some(text), None) => match Template::parse(&text.value, named) {
            Ok(template) => Some(Message::Template(template)),
            Err(why) => {
                problems.add(codes::PROFILE_NAME, text.referenced, format!("the message of {id}: {why}"));
                None
            }
        },
        (None, Some(text)) => compiled.take(text, named, problems).map(Message::Expression),
        (Some(_), Some(_)) | (None, None) => {
            problems.add(codes::PROFILE_CONTRADICTION, section.referenced, format!("{id} needs either `message` or `messageExpr`"));
            None
        }
    };
    let when = match when {
        Some(Some(when)) => Some(when),
        Some(None) => return None,
        None => None,
    };
    let verdict = match severity {
        Severity::Error => Verdict::Refuses,
        Severity::Warning => Verdict::Warns,
        Severity::LeaveOut => Verdict::LeavesOut,
    };
    let inferred = *source == Provenance::Inferred;
    Some(Rule { id: id.as_str().into(), verdict, inferred, when, expr: expr?, message: message? })
}

fn kinds_of(named: &[Spanned<String>], has: &BTreeMap<Kind, KindCapability>, at: Location, problems: &mut Problems<'_>) -> Vec<Kind> {
    if named.is_empty() {
        problems.add(codes::PROFILE_CONTRADICTION, at, "it names no kind and would never apply");
    }
    let mut kinds = Vec::new();
    for name in named {
        let Some(kind) = reconciled(&name.value, name.referenced, problems) else { continue };
        if !has.contains_key(&kind) {
            problems.add(codes::PROFILE_CONTRADICTION, name.referenced, format!("a rule is about {kind}, which the portal does not have"));
        }
        kinds.push(kind);
    }
    kinds
}

fn pairs(kinds: &[Kind], actions: &[Action], at: Location, problems: &mut Problems<'_>) -> Vec<(Kind, IntentAction)> {
    if actions.is_empty() {
        problems.add(codes::PROFILE_CONTRADICTION, at, "it names no action and would never apply");
    }
    let mut pairs = Vec::new();
    for action in actions {
        let action = match action {
            Action::Create => IntentAction::Create,
            Action::Update => IntentAction::Update,
            Action::Delete => IntentAction::Delete,
            Action::Resend => IntentAction::Resend,
            Action::Read => {
                problems.add(codes::PROFILE_CONTRADICTION, at, "rules and effects are about writes; `read` is none");
                continue;
            }
        };
        pairs.extend(kinds.iter().map(|k| (*k, action)));
    }
    pairs
}

/// All expressions of a profile, compiled together.
struct Compiled<'a> {
    expressions: HashMap<&'a str, Option<Result<Expression, CompileError>>>,
    /// What `live.observed` may have.
    observed: Vec<&'a str>,
}

impl<'a> Compiled<'a> {
    fn new(document: &'a Document) -> Self {
        let rules = document.rules.iter().flat_map(|r| {
            let r = &r.value;
            [Some(&r.expr), r.when.as_ref(), r.message_expr.as_ref()].into_iter().flatten()
        });
        let effects = document.effects.iter().flat_map(|e| [e.value.when.as_ref(), e.value.to.as_ref()].into_iter().flatten());
        let sources: Vec<&str> = rules.chain(effects).map(|s| s.value.as_str()).collect();
        let results = Expression::compile(&sources, &VARIABLES);
        let expressions = sources.into_iter().zip(results.into_iter().map(Some)).collect();
        Self { expressions, observed: document.observed.iter().map(|o| o.value.name.as_str()).collect() }
    }

    /// The expression of a text, its field paths checked against the kinds it is about.
    fn take(&mut self, source: &Spanned<String>, kinds: &[Kind], problems: &mut Problems<'_>) -> Option<Expression> {
        // Two sections may have the same text: the second compiles its own.
        let compiled = self.expressions.get_mut(source.value.as_str()).and_then(Option::take);
        let again = || Expression::compile(&[&source.value], &VARIABLES).pop();
        match compiled.or_else(again)? {
            Ok(expression) => {
                for problem in expression.paths().iter().filter_map(|p| paths::problem(p, kinds)) {
                    problems.add(codes::PROFILE_NAME, source.referenced, problem);
                }
                for name in expression.paths().iter().filter_map(paths::observed).filter(|name| !self.observed.contains(name)) {
                    problems.add(codes::PROFILE_NAME, source.referenced, format!("`observed` declares no `{name}`"));
                }
                Some(expression)
            }
            Err(CompileError::Wrong(why)) => {
                problems.add(codes::PROFILE_EXPRESSION, source.referenced, why);
                None
            }
            Err(CompileError::TooCostly(why)) => {
                problems.add(codes::PROFILE_BUDGET, source.referenced, why);
                None
            }
        }
    }
}

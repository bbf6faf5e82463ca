//! Profiles: what a portal can do, what it demands and who performs it, as data. `docs/profiles.md` describes the format.
//!
//! Comes in: the name of a profile shipped with the program, or the path of one below the trusted root. Goes out: a [`Profile`], which gives
//! diff, plan and guards their [`Capabilities`] and their [`Conduct`](crate::model::rule::Conduct), or everything that is wrong with it, at
//! once. A profile is data: it reads no file, no variable and no clock, and what it computes has a budget ([`cel`]).

pub mod cel;
mod compile;
mod conduct;
pub mod document;
pub mod http;
pub mod inherited;
mod message;
mod paths;
pub mod plays;
pub mod screens;
pub mod technician;
pub mod template;

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path};
use std::sync::{Arc, OnceLock};

use crate::diagnostic::{Diagnostic, codes::portal as codes, near::did_you_mean};
use crate::model::rule::{Effect, Verdict};
use crate::model::{Capabilities, FieldId, FieldSupport, IntentAction, Kind};
use document::Action;

/// Largest profile, in bytes: the shipped ones have some ten thousand.
const MAX_FILE: u64 = 1 << 20;

/// The driver of whatever a technician performs.
pub(super) const RUNBOOK: &str = "runbook";

/// The profiles shipped with the program, each with its text: the first is the default, the others by name.
const SHIPPED: [(&str, &str); 6] = [
    ("embedded", include_str!("../profiles/embedded.yaml")),
    ("idemeum", include_str!("../profiles/idemeum.yaml")),
    ("it-conductor", include_str!("../profiles/it-conductor.yaml")),
    ("itarian", include_str!("../profiles/itarian.yaml")),
    ("pilixo", include_str!("../profiles/pilixo.yaml")),
    ("wiv", include_str!("../profiles/wiv.yaml")),
];

/// One portal's profile, compiled.
#[derive(Debug)]
pub struct Profile {
    /// Its name.
    pub name: Box<str>,
    /// The portal in a few words.
    pub title: Box<str>,
    capabilities: Capabilities,
    driver: Box<str>,
    drivers: BTreeMap<(Kind, Action), Box<str>>,
    rules: Vec<Rule>,
    effects: Vec<EffectRule>,
    plays: Vec<plays::Play>,
    inherited: Vec<inherited::Inheritance>,
    /// Which rules and effects look at a kind and action, in the profile's order: a plan asks for every change.
    index: HashMap<(Kind, IntentAction), Applicable>,
    technician: technician::Technician,
    http: Option<http::compiled::Http>,
}

#[derive(Debug, Default)]
struct Applicable {
    rules: Vec<usize>,
    effects: Vec<usize>,
}

#[derive(Debug)]
struct Rule {
    id: Box<str>,
    verdict: Verdict,
    /// True: nobody documented it, and messages say so.
    inferred: bool,
    when: Option<cel::Expression>,
    expr: cel::Expression,
    message: Message,
}

#[derive(Debug)]
enum Message {
    Template(message::Template),
    Expression(cel::Expression),
}

#[derive(Debug)]
struct EffectRule {
    when: Option<cel::Expression>,
    effects: Vec<Effect>,
    /// Whom its e-mail goes to; `None`: whom the natural key names.
    to: Option<cel::Expression>,
    /// What its e-mail is.
    mail: Option<Box<str>>,
    /// True: the e-mail lets them in.
    admits: bool,
    /// What happens, in words.
    says: Option<Box<str>>,
}

impl Profile {
    /// Compiles a profile's text; `file` is what diagnostics call it.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Diagnostic>> {
        compile::compile(text, file)
    }

    /// What the portal can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The driver of a kind's action.
    pub fn driver(&self, kind: Kind, action: Action) -> &str {
        self.drivers.get(&(kind, action)).unwrap_or(&self.driver)
    }

    /// The driver of whatever names no other.
    pub fn default_driver(&self) -> &str {
        &self.driver
    }

    /// Every driver that it names, once, the default first.
    pub fn driver_names(&self) -> Vec<&str> {
        let mut names = vec![&*self.driver];
        for name in self.drivers.values() {
            if !names.contains(&&**name) {
                names.push(name);
            }
        }
        let by_hand = self.capabilities.kinds.values().any(|k| k.fields.values().any(|s| *s == FieldSupport::Technician));
        if by_hand && !names.contains(&RUNBOOK) {
            names.push(RUNBOOK);
        }
        names
    }

    /// The driver of a change: a technician's fields are set by hand, whoever performs the rest. A change of both is two.
    pub fn driver_of(&self, kind: Kind, action: Action, changed: &[FieldId]) -> &str {
        let by_hand = |field: &FieldId| self.capabilities.kind(kind).is_some_and(|c| c.field(*field) == FieldSupport::Technician);
        if action == Action::Update && !changed.is_empty() && changed.iter().all(by_hand) {
            return RUNBOOK;
        }
        self.driver(kind, action)
    }

    /// The API that it describes, for the driver `rest`.
    pub fn http(&self) -> Option<&http::compiled::Http> {
        self.http.as_ref()
    }

    /// The IDs of its rules, in its order.
    pub fn rule_ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|r| &*r.id)
    }
}

/// The names of the profiles shipped with the program.
pub fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// The text of a shipped profile: the starting point of one's own.
pub fn shipped_text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// The JSON Schema of the format, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(document::Document)
}

/// Loads a profile: a shipped one by name, or one of the MSP's own by its path below the trusted root.
///
/// # Errors
/// With everything that is wrong: no such profile, a path out of the root, or the problems of its text.
pub fn load_profile(name_or_path: &str, trusted_root: Option<&Path>) -> Result<Arc<Profile>, Vec<Diagnostic>> {
    if let Some(profile) = shipped_profile(name_or_path) {
        return profile;
    }
    let is_path = name_or_path.contains('/') || name_or_path.ends_with(".yaml") || name_or_path.ends_with(".yml");
    if !is_path {
        return Err(vec![unknown(name_or_path)]);
    }
    let text = read_below(name_or_path, trusted_root).map_err(|e| vec![*e])?;
    // The place of what is wrong is one that can be opened from here, as those of manifests are.
    let place = trusted_root.filter(|root| *root != Path::new(".")).map(|root| root.join(name_or_path).display().to_string());
    Profile::parse(&text, place.as_deref().unwrap_or(name_or_path)).map(Arc::new)
}

/// That no profile has a name, and which ones there are.
fn unknown(name: &str) -> Diagnostic {
    let names: Vec<_> = shipped().collect();
    let meant = did_you_mean(name, names.iter().copied(), "");
    let there = format!("There are: {}; one of your own is named by its path below the trusted root", names.join(", "));
    let help = if meant.is_empty() { there } else { format!("{meant} {there}") };
    Diagnostic::error(codes::PROFILE_UNKNOWN, format!("no profile is called `{name}`")).help(help)
}

/// A shipped profile; compiled when it is first asked for, once in the life of the process.
fn shipped_profile(name: &str) -> Option<Result<Arc<Profile>, Vec<Diagnostic>>> {
    static COMPILED: [OnceLock<Result<Arc<Profile>, Vec<Diagnostic>>>; SHIPPED.len()] = [const { OnceLock::new() }; SHIPPED.len()];
    let at = SHIPPED.iter().position(|(n, _)| *n == name)?;
    let ((name, text), compiled) = (SHIPPED.get(at)?, COMPILED.get(at)?);
    Some(compiled.get_or_init(|| Profile::parse(text, &format!("{name}.yaml (shipped)")).map(Arc::new)).clone())
}

/// Reads a file below the trusted root, links followed: where a link leads is what counts.
fn read_below(path: &str, trusted_root: Option<&Path>) -> Result<String, Box<Diagnostic>> {
    let outside = |why: &str, help: &str| {
        let what = format!("the profile {path} is not below the trusted root");
        Box::new(Diagnostic::error(codes::PROFILE_OUTSIDE, what).detail(why).help(help))
    };
    let unreadable =
        |why: String| Box::new(Diagnostic::error(codes::PROFILE_UNREADABLE, format!("the profile {path} cannot be read: {why}")));
    let Some(root) = trusted_root else {
        return Err(outside("no trusted root was given", "give the folder of portals and profiles with --portals"));
    };
    if !Path::new(path).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err(outside("it leads elsewhere", "write its path relative to the trusted root, without `..`"));
    }
    let root = root.canonicalize().map_err(|e| unreadable(e.to_string()))?;
    let file = root.join(path).canonicalize().map_err(|e| unreadable(e.to_string()))?;
    if !file.starts_with(&root) {
        return Err(outside("a link leads out of it", codes::PROFILE_OUTSIDE.help));
    }
    let size = std::fs::metadata(&file).map_err(|e| unreadable(e.to_string()))?.len();
    if size > MAX_FILE {
        return Err(unreadable(format!("it has {size} bytes; at most {MAX_FILE} are read")));
    }
    std::fs::read_to_string(&file).map_err(|e| unreadable(e.to_string()))
}

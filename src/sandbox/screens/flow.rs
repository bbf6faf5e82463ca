//! The ways through the portal's screens, as its profile documents them.
//!
//! Comes in: a profile. Goes out: flows, and what may be done next after some gestures. A *flow* is a run of screens from one place of the menu;
//! a *gesture* is a button that was pressed or a row that was opened on the way. From its first field on, a flow is one form after another.

use std::fmt;

use crate::model::{FieldId, IntentAction, Kind};
use crate::portal::Profile;
use crate::portal::profile::document::Action;
use crate::portal::profile::technician::{CompiledEvidence, CompiledStep, Condition, Setting, Verb};

/// One run of screens of an action.
pub(super) struct Flow<'p> {
    pub(super) kind: Kind,
    pub(super) action: IntentAction,
    /// Which run of the action it is.
    run: usize,
    /// Its place in the menu; `None`: no page says where it is.
    pub(super) place: Option<usize>,
    /// The field that it is gone through for, item by item.
    pub(super) each: Option<FieldId>,
    /// When its screens are visited.
    pub(super) whens: Vec<&'p Condition>,
    /// What is done: looking is left out.
    pub(super) steps: Vec<&'p CompiledStep>,
    /// Titles of dialogs, each with the number of steps after which it is open.
    dialogs: Vec<(usize, &'p str)>,
    pub(super) evidence: &'p [CompiledEvidence],
}

const ACTIONS: [(Action, IntentAction, &str); 4] = [
    (Action::Create, IntentAction::Create, "create"),
    (Action::Update, IntentAction::Update, "update"),
    (Action::Delete, IntentAction::Delete, "delete"),
    (Action::Resend, IntentAction::Resend, "resend"),
];

/// Every flow, in the order of kinds and actions.
pub(super) fn flows(profile: &Profile) -> Vec<Flow<'_>> {
    let mut flows = Vec::new();
    for kind in profile.capabilities().kinds.keys() {
        for (action, intent, _) in ACTIONS {
            let Some(screens) = profile.screens(*kind, action) else { continue };
            for (run, visited) in screens.screens.chunk_by(|_, next| next.menu.is_none()).enumerate() {
                let mut steps = Vec::new();
                let mut dialogs = Vec::new();
                for step in visited.iter().flat_map(|s| &s.steps) {
                    match &step.verb {
                        Verb::Look { text } => dialogs.extend(text.literal().and_then(dialog).map(|title| (steps.len(), title))),
                        Verb::Press { .. } | Verb::Row { .. } | Verb::Set(_) => steps.push(step),
                    }
                }
                flows.push(Flow {
                    kind: *kind,
                    action: intent,
                    run,
                    place: visited.first().and_then(|s| s.menu),
                    each: visited.iter().find_map(|s| s.each),
                    whens: visited.iter().filter_map(|s| s.when.as_ref()).collect(),
                    steps,
                    dialogs,
                    evidence: &screens.evidence,
                });
            }
        }
    }
    flows
}

/// The title of the dialog of which a look says that it is open.
fn dialog(look: &str) -> Option<&str> {
    look.strip_prefix("The dialog “")?.strip_suffix("” is open")
}

/// What a technician did on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gesture {
    /// Pressed a button.
    Press(String),
    /// Opened a row, or pressed an entry of its menu.
    Row { kind: Kind, tenant: String, id: String, entry: Option<String> },
}

impl fmt::Display for Gesture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Press(label) => write!(f, "p:{label}"),
            Self::Row { kind, tenant, id, entry: None } => write!(f, "r:{}:{tenant}:{id}", kind.def().slug),
            Self::Row { kind, tenant, id, entry: Some(entry) } => write!(f, "r:{}:{tenant}:{id}:{entry}", kind.def().slug),
        }
    }
}

impl Gesture {
    /// What [`fmt::Display`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(label) = text.strip_prefix("p:") {
            return Some(Self::Press(label.to_owned()));
        }
        let mut parts = text.strip_prefix("r:")?.splitn(4, ':');
        let kind = Kind::from_slug(parts.next()?)?;
        Some(Self::Row { kind, tenant: parts.next()?.to_owned(), id: parts.next()?.to_owned(), entry: parts.next().map(str::to_owned) })
    }

    fn is(&self, step: &CompiledStep) -> bool {
        match (self, &step.verb) {
            (Self::Press(pressed), Verb::Press { label }) => pressed == label,
            (Self::Row { entry: pressed, .. }, Verb::Row { entry, .. }) => pressed == entry,
            (Self::Press(_) | Self::Row { .. }, _) => false,
        }
    }
}

impl<'p> Flow<'p> {
    /// How a form names it.
    pub(super) fn id(&self) -> String {
        let word = ACTIONS.iter().find(|(_, intent, _)| *intent == self.action).map_or("", |(_, _, word)| word);
        format!("{}.{word}.{}", self.kind.def().slug, self.run)
    }

    /// Whether these gestures lead along it, and not past its end.
    pub(super) fn follows(&self, gestures: &[Gesture]) -> bool {
        gestures.len() <= self.steps.len() && gestures.iter().zip(&self.steps).all(|(g, s)| g.is(s))
    }

    /// The title of the dialog that is open after some steps.
    pub(super) fn dialog(&self, after: usize) -> Option<&'p str> {
        self.dialogs.iter().find(|(at, _)| *at == after).map(|(_, title)| *title)
    }

    /// The fields from a step on, up to the next button: each with the number of its step, and the button's label.
    pub(super) fn form(&self, from: usize) -> Form<'p> {
        let mut fields = Vec::new();
        let mut at = from;
        while let Some(step) = self.steps.get(at) {
            at += 1;
            match &step.verb {
                Verb::Set(setting) => fields.push((at - 1, setting)),
                Verb::Press { label } => return Form { fields, button: Some(label), next: at },
                // What is looked up between fields is on the same screen.
                Verb::Row { .. } | Verb::Look { .. } => {}
            }
        }
        Form { fields, button: None, next: at }
    }

    /// Every field of it, by step.
    pub(super) fn settings(&self) -> impl Iterator<Item = (usize, &'p Setting)> {
        self.steps.iter().enumerate().filter_map(|(at, step)| if let Verb::Set(setting) = &step.verb { Some((at, setting)) } else { None })
    }
}

/// One form of a flow.
pub(super) struct Form<'p> {
    /// Each with the number of its step.
    pub(super) fields: Vec<(usize, &'p Setting)>,
    /// The button that ends it; `None`: the profile names none.
    pub(super) button: Option<&'p str>,
    /// The step after it.
    pub(super) next: usize,
}

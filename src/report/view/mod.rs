//! A plan as a person reads it, before it is laid out. Comes in: the plan's document. Goes out: words, in order, folded, with everything
//! invisible made visible. What differs between text, Markdown and HTML is layout alone.

mod build;
mod fields;
mod fold;
mod held;
mod portals;
mod said;

pub(in crate::report) use build::{NOBODY, UNKNOWN};
pub use build::{consequences, effect_words, refusal_view, seen_words};
pub use fields::{FieldValues, FieldView, LineSign, plain};

use crate::plan::document::{ByAction, HeldBack, HeldChanges, PlanDocument, Summary};
use crate::plan::{Action, Mode};

/// A plan, decided down to the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// `Plan: 3 to create, 1 to update, 0 to delete, 2 held (2 to delete); 2 refused`, or that there are no changes.
    pub headline: String,
    /// The plan's digest.
    pub digest: String,
    /// What refuses the whole run.
    pub refusals: Vec<RefusalView>,
    /// Changes that are the same in several tenants, said once.
    pub shared: Vec<SharedView>,
    /// The tenants that have something to say, by portal and name.
    pub tenants: Vec<TenantView>,
    /// What is unmanaged in tenants that have nothing else to say: one line; `None`: nothing.
    pub quiet: Option<String>,
    /// Who gains or loses access and gets mail in a plan of several tenants, in one line.
    pub totals: Option<String>,
    /// What a person has to do before the portals are in step; `None`: nothing but to apply.
    pub to_do: Option<String>,
    /// Who does the work in each portal of a plan of several: its name, and `14 automatic, 2 by a technician`.
    pub portals: Vec<(String, String)>,
}

/// One tenant in one portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantView {
    /// The tenant's name.
    pub tenant: String,
    /// The portal's name.
    pub portal: String,
    /// `2 to create, 1 to delete, by a technician`.
    pub counts: String,
    /// What it means to people.
    pub consequences: Vec<ConsequenceView>,
    /// What refuses the tenant as a whole.
    pub refusals: Vec<RefusalView>,
    /// Changes one by one, in the order in which they are applied.
    pub changes: Vec<ChangeView>,
    /// Changes of one shape beyond the first few.
    pub folded: Vec<FoldView>,
    /// How many changes are said under [`View::shared`].
    pub shared: usize,
    /// What somebody changed in the portal.
    pub drift: Vec<ChangeView>,
    /// What waits: the resource, and for what.
    pub waiting: Vec<(String, String)>,
    /// What would be taken away and stays: the resource, and why.
    pub retained: Vec<(String, String)>,
    /// What is declared and not made: the resource, and why.
    pub left_out: Vec<(String, String)>,
    /// What is unmanaged: `3 users`, and their keys.
    pub unmanaged: Vec<(String, Vec<String>)>,
    /// What the portal shows of it beside what is declared.
    pub observed: Vec<ObservedView>,
}

impl TenantView {
    /// True if there is something to say of this tenant alone, beyond what is unmanaged.
    pub fn speaks(&self) -> bool {
        let Self {
            tenant: _,
            portal: _,
            counts: _,
            consequences,
            refusals,
            changes,
            folded,
            shared: _,
            drift,
            waiting,
            retained,
            left_out,
            unmanaged: _,
            observed: _,
        } = self;
        !(consequences.is_empty() && refusals.is_empty() && changes.is_empty() && folded.is_empty())
            || !(drift.is_empty() && waiting.is_empty() && retained.is_empty() && left_out.is_empty())
    }
}

/// One value that the portal shows of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedView {
    /// What it is called.
    pub title: String,
    /// The value.
    pub value: String,
    /// `seen 3 days ago`, and that it is old where it is.
    pub seen: String,
    /// Who read it off a screen. A name: said to those who run the program, never to all who read a pull request.
    pub by: Option<String>,
}

/// One consequence in business terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsequenceView {
    /// What happens: `lose access`.
    pub what: &'static str,
    /// Whether a reader should stop at it.
    pub grave: bool,
    /// To whom, or how much.
    pub whom: Vec<String>,
    /// For administrators: who they are afterwards.
    pub becomes: Option<Vec<String>>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeView {
    /// The main thing that is done.
    pub mark: Mark,
    /// True if it will not be made.
    pub refused: bool,
    /// `create`, or `update, share`; empty if there is no way to do it.
    pub actions: String,
    /// `user/alice`, below its tenant.
    pub name: String,
    /// Its whole address.
    pub address: String,
    /// Its natural key, where that says more than the name.
    pub key: Option<String>,
    /// Fields that differ.
    pub fields: Vec<FieldView>,
    /// What it brings about: `sends e-mail`.
    pub effects: Vec<&'static str>,
    /// Why, and what else has to be known.
    pub notes: Vec<String>,
    /// `acme.yaml:14`.
    pub place: Option<String>,
    /// What refuses it, or did until somebody passed it.
    pub refusals: Vec<RefusalView>,
}

/// Many changes of one shape in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldView {
    /// The main thing that is done.
    pub mark: Mark,
    /// `45 more users to create`.
    pub what: String,
    /// Their names; all of them where something is taken away.
    pub names: Vec<String>,
    /// What each brings about.
    pub effects: Vec<&'static str>,
}

/// One change in several tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedView {
    /// The change, as in the first of them.
    pub change: ChangeView,
    /// The portal.
    pub portal: String,
    /// In how many tenants.
    pub count: usize,
    /// The tenants; the last entry says how many more there are.
    pub tenants: Vec<String>,
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalView {
    /// The guard's code.
    pub code: String,
    /// What is refused and why.
    pub message: String,
    /// What to do.
    pub help: String,
    /// How it was passed; `None`: it stands.
    pub passed: Option<String>,
}

/// The main thing that a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Make.
    Create,
    /// Change.
    Update,
    /// Delete and make anew.
    Replace,
    /// Take away.
    Delete,
    /// Take over.
    Adopt,
    /// Only the ledger changes.
    Ledger,
    /// Send again.
    Resend,
    /// Nothing can be done.
    Nothing,
}

impl Mark {
    /// The mark of the main action.
    pub const fn of(action: Option<Action>) -> Self {
        match action {
            Some(Action::Create) => Self::Create,
            Some(Action::Update | Action::Suspend | Action::Share | Action::Unshare) => Self::Update,
            Some(Action::Replace) => Self::Replace,
            Some(Action::Delete) => Self::Delete,
            Some(Action::Adopt | Action::Recover) => Self::Adopt,
            Some(Action::Forget | Action::Move | Action::Protect | Action::Unprotect) => Self::Ledger,
            Some(Action::Resend) => Self::Resend,
            None => Self::Nothing,
        }
    }

    /// The symbol that stands before a change: `!` before everything that is refused.
    pub const fn symbol(self, refused: bool) -> &'static str {
        match self {
            _ if refused => "!",
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
            Self::Adopt => ">",
            Self::Ledger => "=",
            Self::Resend => "@",
            Self::Nothing => "!",
        }
    }
}

impl View {
    /// The view of a plan. `whole`: nothing is folded and every reason is given.
    pub fn of(document: &PlanDocument, whole: bool) -> Self {
        build::view(document, &HeldBack::of(document), whole)
    }

    /// The view of some of a document's changes: what holds them back may be in the rest of it.
    pub fn of_part(part: &PlanDocument, document: &PlanDocument) -> Self {
        build::view(part, &HeldBack::of(document), false)
    }
}

/// The first line of every report of a plan.
pub fn headline(document: &PlanDocument) -> String {
    let waits = Waits::of(document);
    let nothing = match document.mode {
        Mode::RefreshOnly if document.summary.drift > 0 => "Drift: portals differ from what was last applied",
        Mode::RefreshOnly => "No drift: the portals are as they were last left",
        Mode::Normal if waits.technicians > 0 => "No changes to make now, but not in step with the manifests",
        Mode::Normal => "No changes: the portals are in step with the manifests",
        Mode::Destroy => "No changes: there is nothing of ours to delete",
    };
    let mut line = if !document.is_empty() {
        format!("Plan: {}", counts(&document.summary, true))
    } else if document.errored {
        "No plan".to_owned()
    } else {
        nothing.to_owned()
    };
    let errors = document.diagnostics.iter().filter(|d| d.is_error()).count();
    let mut more = |n: u64, one: &str, many: &str| {
        if n > 0 {
            line.push_str(&format!("; {n} {}", if n == 1 { one } else { many }));
        }
    };
    more(document.summary.refused, "refused", "refused");
    let with_others = document.summary.held.changes.saturating_sub(document.summary.refused);
    more(with_others, "held back with what is refused", "held back with what is refused");
    more(u64::try_from(errors).unwrap_or(u64::MAX), "error", "errors");
    if document.mode == Mode::RefreshOnly {
        more(document.summary.drift, "resource drifted", "resources drifted");
    }
    more(waits.technicians, "waits for a technician", "wait for technicians");
    more(waits.failed, "of them could not be done", "of them could not be done");
    more(waits.otherwise, "waits", "wait");
    more(document.awaiting_acceptance, "invitation not accepted yet", "invitations not accepted yet");
    line
}

/// How much waits, and for whom.
struct Waits {
    technicians: u64,
    /// Those of technicians' that could not be done.
    failed: u64,
    otherwise: u64,
}

impl Waits {
    fn of(document: &PlanDocument) -> Self {
        let waiting = || document.tenants.iter().flat_map(|t| &t.waiting);
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            technicians: count(waiting().filter(|w| w.technician).count()),
            failed: count(waiting().filter(|w| w.failed).count()),
            otherwise: count(waiting().filter(|w| !w.technician).count()),
        }
    }

    /// What is to be done about it, where a person has to.
    fn to_do(&self) -> Option<String> {
        let show = "`tenantry runbook list` shows what waits";
        match (self.technicians, self.failed) {
            (0, _) => None,
            (_, 0) => Some(format!("{show}; `tenantry runbook confirm ITEM` records what was done")),
            _ => Some(format!(
                "{show}; what could not be done is given out again once the manifest says something else, or after `tenantry runbook skip ITEM`"
            )),
        }
    }
}

/// What is made and what is held: `1 to create, 0 to update, 0 to delete, 2 held (2 to delete)`; with `always`, the three that every reader
/// looks for are there even at 0.
pub fn counts(summary: &Summary, always: bool) -> String {
    let mut said = by_action(&summary.made(), always);
    let HeldChanges { changes, planned } = &summary.held;
    if *changes > 0 {
        let of_what = by_action(planned, false);
        let comma = if said.is_empty() { "" } else { ", " };
        let of_what = if of_what.is_empty() { of_what } else { format!(" ({of_what})") };
        said.push_str(&format!("{comma}{changes} held{of_what}"));
    }
    said
}

/// `3 to create, 1 to update, 0 to delete`.
fn by_action(counts: &ByAction, always: bool) -> String {
    let ByAction { create, update, replace, delete, adopt, forget, moved, resend, protect } = counts;
    let all = [
        (create, "to create", always),
        (update, "to update", always),
        (replace, "to replace", false),
        (delete, "to delete", always),
        (adopt, "to adopt", false),
        (forget, "to forget", false),
        (moved, "to move", false),
        (resend, "to resend", false),
        (protect, "to protect or release", false),
    ];
    let said: Vec<_> = all.iter().filter(|(n, _, shown)| **n > 0 || *shown).map(|(n, words, _)| format!("{n} {words}")).collect();
    said.join(", ")
}

//! What manifests tell a controller: how often it looks, what it may do by itself, what it waits for. The command line heeds
//! [`Management`] alone: it decides what a plan holds, and a plan is the same wherever it is made.

use std::time::Duration;

use super::ledger::IntentAction;
use super::value::{Value, duration};

/// The words of `managementPolicies`.
pub const MANAGEMENT: [&str; 5] = ["*", "Observe", "Create", "Update", "Delete"];
/// The words of `approval.mode`.
pub const APPROVAL: [&str; 3] = ["Auto", "Manual", "AutoUnlessDestructive"];
/// The words of `driftDetection.mode`.
pub const DRIFT: [&str; 3] = ["disabled", "warn", "enabled"];

/// What may be done to objects. Looking is always allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Management {
    /// They may be made.
    pub create: bool,
    /// They may be changed.
    pub update: bool,
    /// They may be taken away.
    pub delete: bool,
}

impl Default for Management {
    fn default() -> Self {
        Self { create: true, update: true, delete: true }
    }
}

impl Management {
    /// From the words of a manifest; one that is none allows nothing.
    pub fn from_words<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut found = Self { create: false, update: false, delete: false };
        for word in words {
            match word {
                "*" => found = Self::default(),
                "Create" => found.create = true,
                "Update" => found.update = true,
                "Delete" => found.delete = true,
                _ => {}
            }
        }
        found
    }

    /// From a field's value.
    pub fn from_value(value: &Value) -> Self {
        Self::from_words(value.as_list().into_iter().flatten().filter_map(Value::as_text))
    }

    /// The words for it, sorted as manifests keep sets.
    pub fn words(self) -> Vec<&'static str> {
        let Self { create, update, delete } = self;
        if create && update && delete {
            return vec!["*"];
        }
        [(create, "Create"), (delete, "Delete"), (true, "Observe"), (update, "Update")]
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, w)| *w)
            .collect()
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { create: self.create && other.create, update: self.update && other.update, delete: self.delete && other.delete }
    }

    /// Whether it allows a call. Sending an invitation again changes a user.
    pub const fn allows(self, action: IntentAction) -> bool {
        match action {
            IntentAction::Create => self.create,
            IntentAction::Update | IntentAction::Resend => self.update,
            IntentAction::Delete => self.delete,
        }
    }
}

/// When a controller applies a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApprovalMode {
    /// As soon as the guards let it.
    #[default]
    Auto,
    /// When its digest is approved.
    Manual,
    /// As [`Self::Auto`], unless it takes something away that does not come back: then as [`Self::Manual`].
    AutoUnlessDestructive,
}

/// What a controller does about what somebody changed in the portal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DriftMode {
    /// It looks only when something is declared anew.
    Disabled,
    /// It says so.
    Warn,
    /// It brings it back in step.
    #[default]
    Enabled,
}

/// How a controller treats a portal or a tenant; `None`: as the portal says, else by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Control {
    /// How often it looks at what is live when nothing was declared anew.
    pub interval: Option<Duration>,
    /// The first pause after a failure; each further one is longer.
    pub retry_interval: Option<Duration>,
    /// How long one visit may take.
    pub timeout: Option<Duration>,
    /// It does nothing at all.
    pub suspend: Option<bool>,
    /// When it applies.
    pub approval: Option<ApprovalMode>,
    /// What it does about drift.
    pub drift: Option<DriftMode>,
}

impl Control {
    /// Takes one field of a manifest, by its dotted path, and says whether it was one of these.
    pub fn take(&mut self, path: &str, value: &Value) -> bool {
        let span = || value.as_text().and_then(duration);
        match path {
            "interval" => self.interval = span(),
            "retryInterval" => self.retry_interval = span(),
            "timeout" => self.timeout = span(),
            "suspend" => self.suspend = Some(value.is_true()),
            "approval.mode" => {
                self.approval = Some(match value.as_text() {
                    Some("Auto") => ApprovalMode::Auto,
                    Some("AutoUnlessDestructive") => ApprovalMode::AutoUnlessDestructive,
                    _ => ApprovalMode::Manual,
                });
            }
            "driftDetection.mode" => {
                self.drift = Some(match value.as_text() {
                    Some("disabled") => DriftMode::Disabled,
                    Some("enabled") => DriftMode::Enabled,
                    _ => DriftMode::Warn,
                });
            }
            _ => return false,
        }
        true
    }

    /// Its fields as a manifest gives them, by dotted path.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let Self { interval, retry_interval, timeout, suspend, approval, drift } = self;
        let span = |path, span: &Option<Duration>| span.map(|s| (path, Value::text(format!("{}s", s.as_secs()))));
        let mode = approval.map(|mode| match mode {
            ApprovalMode::Auto => "Auto",
            ApprovalMode::Manual => "Manual",
            ApprovalMode::AutoUnlessDestructive => "AutoUnlessDestructive",
        });
        let about_drift = drift.map(|mode| match mode {
            DriftMode::Disabled => "disabled",
            DriftMode::Warn => "warn",
            DriftMode::Enabled => "enabled",
        });
        let all = [
            span("interval", interval),
            span("retryInterval", retry_interval),
            span("timeout", timeout),
            suspend.map(|s| ("suspend", Value::Bool(s))),
            mode.map(|m| ("approval.mode", Value::text(m))),
            about_drift.map(|m| ("driftDetection.mode", Value::text(m))),
        ];
        all.into_iter().flatten().collect()
    }

    /// What a tenant says, and where it says nothing its portal. Suspended is what either suspends.
    #[must_use]
    pub fn over(self, portal: Self) -> Self {
        Self {
            interval: self.interval.or(portal.interval),
            retry_interval: self.retry_interval.or(portal.retry_interval),
            timeout: self.timeout.or(portal.timeout),
            suspend: Some(self.suspend == Some(true) || portal.suspend == Some(true)),
            approval: self.approval.or(portal.approval),
            drift: self.drift.or(portal.drift),
        }
    }
}

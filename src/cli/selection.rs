//! What a saved plan says of the run that made it: what was selected, which limits flags set, whether a trusted root was used, and where state
//! is kept. Comes in: the flags of `plan --out`, or JSON that anybody may have edited. Goes out: JSON, or a [`Selection`] that was checked.
//! Never widens anything: what it says of limits tightens, and what it says of folders stays below the current one.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::args::{Places, Planning};
use super::exit::Exit;
use super::failure::Failure;
use super::session;
use crate::engine::{Pattern, Purpose, Scope};
use crate::guard::Tighten;
use crate::model::{Kind, PortalName};

/// The selection of a saved plan.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Selection {
    portals: Vec<PortalName>,
    tenants: Vec<String>,
    kinds: Vec<Kind>,
    targets: Vec<String>,
    excludes: Vec<String>,
    destroy: bool,
    state_dir: Option<PathBuf>,
    /// The trusted root that portals came from, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted_root: Option<String>,
    /// `--max-delete`, as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_delete: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_admins: Option<u64>,
}

impl Selection {
    /// What flags say, `--changed-since` worked out in the scope.
    pub(super) fn of(planning: &Planning, scope: &Scope) -> Self {
        // No flag selects exactly: that is a controller's way.
        let Scope { only: _, portals, tenants, kinds, targets, excludes } = scope;
        let texts = |patterns: &[Pattern]| patterns.iter().map(|p| p.as_str().to_owned()).collect();
        Self {
            portals: portals.clone(),
            tenants: texts(tenants),
            kinds: kinds.clone(),
            targets: texts(targets),
            excludes: texts(excludes),
            destroy: planning.destroy,
            state_dir: Some(session::state_dir(&planning.places)),
            trusted_root: planning.places.portals.as_ref().map(|root| root.display().to_string()),
            max_delete: planning.limits.max_delete.map(|limit| limit.to_string()),
            min_admins: planning.limits.min_admins,
        }
    }

    /// As it stands in a saved plan.
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads what a saved plan says; `file` is for messages.
    ///
    /// # Errors
    /// When it is of another form.
    pub(super) fn read(json: &serde_json::Value, file: &Path) -> Result<Self, Failure> {
        let selection: Option<Self> = serde_json::from_value(json.clone()).map_err(|_| damaged(file))?;
        Ok(selection.unwrap_or_default())
    }

    /// What was selected.
    ///
    /// # Errors
    /// When a glob is none.
    pub(super) fn scope(&self, file: &Path) -> Result<Scope, Failure> {
        let globs = |texts: &[String]| texts.iter().map(|t| Pattern::new(t).map_err(|_| damaged(file))).collect::<Result<_, _>>();
        Ok(Scope {
            only: None,
            portals: self.portals.clone(),
            tenants: globs(&self.tenants)?,
            kinds: self.kinds.clone(),
            targets: globs(&self.targets)?,
            excludes: globs(&self.excludes)?,
        })
    }

    /// What was wanted.
    pub(super) const fn purpose(&self) -> Purpose {
        if self.destroy { Purpose::Destroy } else { Purpose::Converge }
    }

    /// The limits that flags set: they hold beside those given with `apply`.
    ///
    /// # Errors
    /// When a limit is none.
    pub(super) fn tighten(&self, file: &Path) -> Result<Tighten, Failure> {
        let max_delete = self.max_delete.as_deref().map(|text| text.parse().map_err(|_| damaged(file))).transpose()?;
        Ok(Tighten { max_delete, min_admins: self.min_admins })
    }

    /// The places of a run that applies it. Portals come from the trusted root of this run; where one was used, none is no choice.
    ///
    /// # Errors
    /// When a trusted root is missing, or the file's state folder leads elsewhere.
    pub(super) fn places(&self, given: &Places, file: &Path) -> Result<Places, Failure> {
        if let (Some(root), None) = (&self.trusted_root, &given.portals) {
            let why = format!(
                "{} was planned with the trusted root {root}, and a plan file does not bring its own limits and portals",
                file.display()
            );
            return Err(Failure::usage(why).help(format!("apply it with the same root: `--portals {root}`")));
        }
        let mut places = given.clone();
        if let (Some(folder), None) = (&self.state_dir, &given.state_dir) {
            if !folder.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
                let why = format!("{} keeps its state in {}, which a plan file may not choose", file.display(), folder.display());
                return Err(Failure::usage(why).help("if that is the right folder, name it with `--state-dir`"));
            }
            places.state_dir = Some(folder.clone());
        }
        Ok(places)
    }
}

fn damaged(file: &Path) -> Failure {
    Failure::new(Exit::Error, format!("the selection in {} cannot be read", file.display())).help("plan again with `plan --out`")
}

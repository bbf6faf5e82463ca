//! Reads a saved plan. Comes in: text that anybody may have written. Goes out: a document and the desired state it was made from, or
//! everything that is wrong with it. Nothing in it is trusted: the guard judges again, and `apply` compares it with what it would do now.

use serde::Deserialize;
use serde_json::Value as Json;

use super::tally::Tally;
use super::{FORMAT_VERSION, HeldChanges, PlanDocument};
use crate::diagnostic::{Diagnostic, codes::run};
use crate::model::Desired;

/// The largest saved plan that is read: about a million resources with their places, at 1 KB each.
pub const MAX_SAVED_BYTES: usize = 1 << 30;

/// How many contradictions are named before the rest is only counted.
const NAMED: usize = 20;

/// A plan that was loaded: nobody has judged it.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedPlan {
    /// What it says; its `desired` and `selection` are taken out, so that it compares equal to the document of the plan that was saved.
    pub document: PlanDocument,
    /// The desired state of its scope.
    pub desired: Desired,
    /// What the run was narrowed to; `null`: nothing was said.
    pub selection: Json,
}

/// Reads a saved plan.
///
/// # Errors
/// When it is too large, no JSON, of another major version, without a desired state, or contradicts itself.
pub fn read_saved(json: &str) -> Result<SavedPlan, Vec<Diagnostic>> {
    if json.len() > MAX_SAVED_BYTES {
        return Err(damaged(format!("it has {} bytes; at most {MAX_SAVED_BYTES} are read", json.len())));
    }
    check_version(json)?;
    let mut document: PlanDocument = serde_json::from_str(json).map_err(|e| damaged(e.to_string()))?;
    let selection = document.selection.take().unwrap_or_default();
    let Some(desired) = document.desired.take() else {
        return Err(damaged("it has no desired state: it was printed with `-o json`, not saved with `--out`".to_owned()));
    };
    // The face refuses to apply such a plan without that root, and to one with a root it asks [`super::refused_references`] again.
    let customers = selection.get("trusted_root").is_some_and(|root| !root.is_null());
    let mut wrong = contradictions(&document);
    match super::desired::read_desired(desired, customers) {
        Ok(desired) if wrong.is_empty() => Ok(SavedPlan { document, desired, selection }),
        Ok(_) => Err(inconsistent(wrong)),
        Err(more) => {
            wrong.extend(more);
            Err(inconsistent(wrong))
        }
    }
}

/// Refuses another major version before the rest is looked at, because the rest may have another shape.
fn check_version(json: &str) -> Result<(), Vec<Diagnostic>> {
    #[derive(Deserialize)]
    struct Probe {
        format_version: String,
        #[serde(default)]
        tool_version: String,
    }
    let probe: Probe = serde_json::from_str(json).map_err(|e| damaged(e.to_string()))?;
    let major = |version: &str| version.split('.').next().and_then(|m| m.parse::<u32>().ok());
    if major(&probe.format_version).is_some() && major(&probe.format_version) == major(FORMAT_VERSION) {
        return Ok(());
    }
    let cut = |text: &str| text.chars().take(40).collect::<String>();
    let summary =
        format!("the saved plan is of format version {}; this program reads version {FORMAT_VERSION}", cut(&probe.format_version));
    let made_by =
        if probe.tool_version.is_empty() { String::new() } else { format!("it was made by version {}", cut(&probe.tool_version)) };
    Err(vec![Diagnostic::error(run::SAVED_PLAN_VERSION, summary).detail(made_by)])
}

/// What does not fit together: digests that are none, tenants out of order or twice, changes under another tenant, counts that don't add up.
fn contradictions(document: &PlanDocument) -> Vec<String> {
    let mut wrong = Vec::new();
    let digest = |text: &str| text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if !digest(&document.plan_digest) {
        wrong.push("plan_digest is no digest".to_owned());
    }
    for pair in document.tenants.windows(2) {
        if let [a, b] = pair
            && (&a.portal, &a.tenant) >= (&b.portal, &b.tenant)
        {
            wrong.push(format!("tenant {} of portal {} is out of order or there twice", b.tenant, b.portal));
        }
    }
    for tenant in &document.tenants {
        let at = format!("tenant {} of portal {}", tenant.tenant, tenant.portal);
        if !digest(&tenant.digest) {
            wrong.push(format!("{at}: digest is no digest"));
        }
        // One thing can be changed in two ways (its fields, its invitation), but in no way twice.
        let mut ways: Vec<_> = tenant.resource_changes.iter().map(|c| (&c.address, c.change.actions.first())).collect();
        ways.sort();
        for pair in ways.windows(2) {
            if let [a, b] = pair
                && a == b
            {
                wrong.push(format!("{at}: {} is changed twice in the same way", a.0));
            }
        }
        for change in &tenant.resource_changes {
            if change.address.tenant != tenant.tenant {
                wrong.push(format!("{at}: {} belongs to another tenant", change.address));
            }
            if change.kind != change.address.kind {
                wrong.push(format!("{at}: {} is no {}", change.address, change.kind));
            }
        }
    }
    let tally = Tally::of(document);
    // A plan that was saved before 1.2 does not count what is held: nothing is wrong with it.
    let counts_held = document.summary.held != HeldChanges::default() || minor(&document.format_version) >= Some(2);
    let Tally { tenants, total, applyable, complete } = if counts_held { tally } else { tally.without_held() };
    let counts = document.tenants.iter().map(|t| t.summary).eq(tenants) && document.summary == total;
    if !counts || (document.applyable, document.complete) != (applyable, complete) {
        wrong.push("its counts, or what they say of it, are not those of its changes".to_owned());
    }
    wrong
}

/// The second number of a version.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

fn damaged(why: String) -> Vec<Diagnostic> {
    vec![Diagnostic::error(run::SAVED_PLAN_DAMAGED, "the saved plan cannot be read").detail(why)]
}

fn inconsistent(wrong: Vec<String>) -> Vec<Diagnostic> {
    let more = wrong.len().saturating_sub(NAMED);
    let mut diagnostics: Vec<_> = wrong.into_iter().take(NAMED).map(|w| Diagnostic::error(run::SAVED_PLAN_INCONSISTENT, w)).collect();
    if more > 0 {
        diagnostics.push(Diagnostic::error(run::SAVED_PLAN_INCONSISTENT, format!("and {more} more contradictions")));
    }
    diagnostics
}

//! `docs/guards.md`, from the table of guards. Comes in: nothing. Goes out: Markdown; a test keeps the file the same.

use super::{Check, GUARDS, Guard, Nature};

const HEAD: &str = "\
# Guards

<!-- Generated from src/guard/rules by `TEST_UPDATE=1 cargo test --test it generated`; do not edit. -->

A plan is judged by every guard below before anything is written. A guard that looks at a change or at a tenant holds back that
tenant, in that portal, and no other; a guard that looks at the run holds back every tenant. What is held back is shown with its code and is
not applied.

**Passing.** A guard of *judgement* is passed in that very plan in one of two ways: `--approve-digest sha256:…` with the digest of the
tenant's part of the plan (or of the run, which passes all of it), or `--allow CODE=REASON`; the reason goes into the audit record. A guard of
*fact* is never passed: what it names has to be put right. Passing a guard never adds to a plan: what the plan says is done, and no more.

**Limits** are the `Portal`'s, under `spec.limits`. `--max-delete N|N%` and `--min-admins N` tighten them for one run and never widen
them: a count bounds deletions of a kind, of a tenant and of the run; a share bounds deletions of a kind.

A replacement counts as a deletion, because it deletes. So does a deletion that a technician makes by hand.
";

/// The page of all guards.
pub fn docs() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n| code | guard | looks at | may be passed |\n|---|---|---|---|\n");
    for guard in GUARDS {
        let may = if guard.nature == Nature::Judgement { "yes" } else { "never" };
        page.push_str(&format!("| [{0}](#{1}) | {2} | {3} | {may} |\n", guard.code, anchor(guard), guard.name, looks_at(guard)));
    }
    GUARDS.iter().for_each(|guard| page.push_str(&section(guard)));
    page
}

fn section(guard: &Guard) -> String {
    let Guard { code, name, nature, refuses, why, number, remedy, checks: _ } = guard;
    let number = number.map_or_else(String::new, |n| format!("**Number.** {n}\n\n"));
    let passing = match nature {
        Nature::Judgement => format!("if it is meant, pass `--approve-digest sha256:…` or `--allow {code}=REASON`."),
        Nature::Fact => "no approval passes this.".to_owned(),
    };
    let remedy = capitalised(remedy);
    format!("\n## {code}: {name}\n\n**Refuses.** {refuses}\n\n**Why.** {why}\n\n{number}**What to do.** {remedy}; {passing}\n")
}

fn looks_at(guard: &Guard) -> String {
    let level = |check: &Check| match check {
        Check::Finding(_) | Check::Change(_) => "change",
        Check::Tenant(_) => "tenant",
        Check::Run(_) => "run",
    };
    guard.checks.iter().map(level).collect::<Vec<_>>().join(", ")
}

/// The anchor that Markdown renderers make of a section's heading.
fn anchor(guard: &Guard) -> String {
    let heading = format!("{}-{}", guard.code, guard.name).to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

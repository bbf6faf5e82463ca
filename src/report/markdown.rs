//! A plan as pull-request comments. Comes in: the plan's document and, for a preview, the plan of the base branch. Goes out: one or more
//! comments, each whole by itself and below GitHub's limit, each found again by its first line.
//!
//! What people wrote stands in code spans or in fences that are longer than any run of backticks in them, so that it is never markup, a
//! mention, a link or an image.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::diagnostics;
use super::escape::{html, longest_run, markdown_code, markdown_prose};
use super::text::cause_words;
use super::view::{
    ChangeView, ConsequenceView, FieldValues, FoldView, LineSign, Mark, NOBODY, RefusalView, SharedView, TenantView, UNKNOWN, View,
    headline,
};
use crate::model::PortalName;
use crate::plan::document::{PlanDocument, ResourceChange};

/// GitHub refuses comments of 65,536 characters. Bytes are counted, of which there are never fewer.
pub const LIMIT: usize = 65_535;
/// Room for a comment's own first lines and its `n of m`.
const HEAD: usize = 1024;
/// Longest line of a diff, in bytes: several fit into one comment whatever they hold.
const LINE: usize = 4000;

/// The plan as comments. `root` tells previews of several roots in one repository apart. With `base`, the plan of the base branch, changes
/// that it has as well are said apart: this pull request is not their cause.
pub fn comments(document: &PlanDocument, root: &str, base: Option<&PlanDocument>) -> Vec<String> {
    let (own, before) = match base {
        Some(base) => apart(document, base),
        None => (document.clone(), None),
    };
    let view = View::of_part(&own, document);
    let mut blocks = overview(document, &view);
    blocks.extend(view.shared.iter().flat_map(shared));
    blocks.extend(view.tenants.iter().flat_map(|t| tenant(t, t.changes_heading())));
    if let Some(before) = before {
        blocks.push("### Already out of step on the base branch\n\nThis pull request is not the cause of these.\n\n".to_owned());
        let view = View::of_part(&before, document);
        blocks.extend(view.shared.iter().flat_map(shared));
        blocks.extend(
            view.tenants.iter().filter(|t| !t.changes.is_empty() || !t.folded.is_empty()).flat_map(|t| tenant(t, t.changes_heading())),
        );
    }
    blocks.extend(drift(&view));
    if let Some(quiet) = &view.quiet {
        blocks.push(format!("{}\n\n", markdown_prose(quiet)));
    }
    pack(blocks, &marker(root), &format!("**{}** · {}", headline(document), markdown_code(&view.digest)))
}

/// The line by which a comment is found again.
pub fn marker(root: &str) -> String {
    // `--` would end the comment early in some parsers; everything else that could is no part of a path we print.
    let safe: String = root.chars().take(200).map(|c| if c.is_ascii_alphanumeric() || "._/".contains(c) { c } else { '_' }).collect();
    format!("<!-- tenantry:plan:{safe} -->")
}

/// The changes of a plan that the base branch's plan has not, and those that it has as well.
fn apart(document: &PlanDocument, base: &PlanDocument) -> (PlanDocument, Option<PlanDocument>) {
    let key =
        |portal: &PortalName, c: &ResourceChange| serde_json::to_string(&(portal, &c.address, &c.change, &c.effects)).unwrap_or_default();
    let known: BTreeSet<_> = base.tenants.iter().flat_map(|t| t.resource_changes.iter().map(|c| key(&t.portal, c))).collect();
    let own = document.with_changes(|portal, c| !known.contains(&key(portal, c)));
    let mut before = document.with_changes(|portal, c| known.contains(&key(portal, c)));
    for tenant in &mut before.tenants {
        // These are said once, with what the pull request does.
        (tenant.waiting, tenant.retained, tenant.unmanaged) = Default::default();
        (tenant.left_out, tenant.observed) = Default::default();
    }
    let any = !before.is_empty();
    (own, any.then_some(before))
}

/// Diagnostics, refusals of the run and consequences.
fn overview(document: &PlanDocument, view: &View) -> Vec<String> {
    let mut blocks = Vec::new();
    let several = !view.portals.is_empty();
    blocks.extend(view.portals.iter().map(|(name, work)| format!("- {}: {work}\n", markdown_code(name))));
    blocks.extend(several.then(|| "\n".to_owned()));
    blocks.extend(view.refusals.iter().map(|r| refusal(r, None)));
    for tenant in &view.tenants {
        blocks.extend(tenant.refusals.iter().map(|r| refusal(r, Some(&whose(tenant, several)))));
    }
    if !document.diagnostics.is_empty() {
        let lines: Vec<_> = document.diagnostics.iter().map(diagnostics::line).collect();
        blocks.extend(details(&format!("{} to look at", diagnostics::tally(&document.diagnostics)), "", &lines));
    }
    let spoken: Vec<_> = view.tenants.iter().filter(|t| !t.consequences.is_empty()).collect();
    if !spoken.is_empty() {
        blocks.push("### Consequences\n\n".to_owned());
        for tenant in spoken {
            for (at, consequence) in tenant.consequences.iter().enumerate() {
                blocks.extend(bullet(&whose(tenant, several), at == 0, consequence));
            }
        }
        blocks.push("\n".to_owned());
    }
    blocks
}

/// A tenant, and its portal where that tells two apart.
fn whose(tenant: &TenantView, several: bool) -> String {
    let portal = if several { format!(" in portal {}", markdown_code(&tenant.portal)) } else { String::new() };
    format!("{}{portal}", markdown_code(&tenant.tenant))
}

/// One consequence of a tenant; a long list of names becomes several bullets.
fn bullet(tenant: &str, first: bool, consequence: &ConsequenceView) -> Vec<String> {
    let ConsequenceView { what, grave, whom, becomes } = consequence;
    let strong = if *grave { "**" } else { "" };
    let head = if first { format!("- {tenant}: ") } else { "  - ".to_owned() };
    let list = |names: &[String]| names.iter().map(|n| name(n)).collect::<Vec<_>>().join(", ");
    let mut bullets = Vec::new();
    for (at, names) in whom.chunks(50).enumerate() {
        let head = if at == 0 { &head } else { "  - " };
        bullets.push(format!("{head}{strong}{what}{strong}: {}\n", list(names)));
    }
    if let (Some(after), Some(last)) = (becomes, bullets.last_mut()) {
        let shown: Vec<_> = after.iter().take(50).cloned().collect();
        let more = if after.len() > 50 { format!(" and {} more", after.len() - 50) } else { String::new() };
        *last = format!("{} → {}{more}\n", last.trim_end(), list(&shown));
    }
    bullets
}

/// A name as code; our own words among names stay words.
fn name(name: &str) -> String {
    let counted = name.strip_prefix("and ").and_then(|n| n.strip_suffix(" more")).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    if counted || [NOBODY, UNKNOWN].contains(&name) { name.to_owned() } else { markdown_code(name) }
}

fn refusal(refusal: &RefusalView, tenant: Option<&str>) -> String {
    let RefusalView { code, message, help, passed } = refusal;
    let whose = tenant.map(|t| format!("{t}: ")).unwrap_or_default();
    match passed {
        Some(passed) => {
            format!("> **Allowed** {whose}{} ({}): {}\n\n", markdown_code(code), markdown_prose(passed), markdown_prose(message))
        }
        None => format!("> **Refused** {whose}{}: {} — {}\n\n", markdown_code(code), markdown_prose(message), markdown_prose(help)),
    }
}

fn shared(shared: &SharedView) -> Vec<String> {
    let SharedView { change, portal, count, tenants } = shared;
    let mut lines = vec![format!("# {}", tenants.join(", "))];
    lines.extend(change_lines(change));
    details(&format!("<b>{count} tenants</b> alike, portal <code>{}</code>", html(portal)), "diff", &lines)
}

impl TenantView {
    /// `<b>acme</b>, portal …: 2 to create`, as HTML.
    fn changes_heading(&self) -> String {
        let counts = if self.counts.is_empty() { String::new() } else { format!(": {}", html(&self.counts)) };
        format!("<b>{}</b>, portal <code>{}</code>{counts}", html(&self.tenant), html(&self.portal))
    }
}

fn tenant(tenant: &TenantView, heading: String) -> Vec<String> {
    let mut lines: Vec<_> = tenant.changes.iter().flat_map(change_lines).collect();
    lines.extend(tenant.folded.iter().flat_map(fold_lines));
    if tenant.shared > 0 {
        lines.push(format!("# and {} said above, for several tenants", tenant.shared));
    }
    lines.extend(tenant.waiting.iter().map(|(address, words)| format!("# {address} {words}")));
    lines.extend(tenant.retained.iter().map(|(address, why)| format!("# {address} stays: {why}")));
    lines.extend(tenant.left_out.iter().map(|(address, why)| format!("# {address} is left out: {why}")));
    lines.extend(tenant.unmanaged.iter().map(|(what, names)| format!("# unmanaged and never touched: {what}: {}", names.join(", "))));
    // Not who read it: a pull request has other readers than the ledger.
    lines.extend(tenant.observed.iter().map(|o| format!("# {}: {} ({})", o.title, o.value, o.seen)));
    if lines.is_empty() { Vec::new() } else { details(&heading, "diff", &lines) }
}

/// What somebody changed in the portals, apart from what this plan intends.
fn drift(view: &View) -> Vec<String> {
    let drifted: Vec<_> = view.tenants.iter().filter(|t| !t.drift.is_empty()).collect();
    let mut blocks = Vec::new();
    if !drifted.is_empty() {
        blocks.push("### Drift, changed in the portal since it was last applied\n\n".to_owned());
    }
    for tenant in drifted {
        let lines: Vec<_> = tenant.drift.iter().flat_map(change_lines).collect();
        let heading =
            format!("<b>{}</b>, portal <code>{}</code>: {} drifted", html(&tenant.tenant), html(&tenant.portal), tenant.drift.len());
        blocks.extend(details(&heading, "diff", &lines));
    }
    blocks
}

/// A change as lines of a diff: `+` and `-` where something comes or goes, `!` before what is refused, `#` before remarks.
fn change_lines(change: &ChangeView) -> Vec<String> {
    let ChangeView { mark, refused, actions, name, address: _, key, fields, effects, notes, place, refusals } = change;
    let key = key.as_ref().map(|k| format!(" ({k})")).unwrap_or_default();
    let place = place.as_ref().map(|p| format!("  {p}")).unwrap_or_default();
    // `-/+` means nothing to a diff, which looks at the first character alone.
    let symbol = if *mark == Mark::Replace && !refused { "-" } else { mark.symbol(*refused) };
    let mut lines = vec![format!("{symbol} {actions} {name}{key}{place}")];
    for field in fields {
        let cause = field.cause.map(|c| format!("  ({})", cause_words(c))).unwrap_or_default();
        let path = &field.path;
        match &field.values {
            FieldValues::Only(value) => lines.push(format!("{}     {path}: {value}{cause}", if symbol == "+" { "+" } else { " " })),
            FieldValues::Both(was, is) => {
                lines.push(format!("-     {path}: {was}"));
                lines.push(format!("+     {path}: {is}{cause}"));
            }
            FieldValues::Lines(diff) => {
                lines.push(format!("      {path}:{cause}"));
                lines.extend(diff.iter().map(|(sign, text)| match sign {
                    LineSign::Added => format!("+       {text}"),
                    LineSign::Removed => format!("-       {text}"),
                    LineSign::Same | LineSign::Skipped => format!("        {text}"),
                }));
            }
        }
    }
    if !effects.is_empty() {
        lines.push(format!("#     {}", effects.join(", ")));
    }
    lines.extend(notes.iter().map(|note| format!("#     {note}")));
    for RefusalView { code, message, help, passed } in refusals {
        lines.push(match passed {
            Some(passed) => format!("#     allowed {code} ({passed}): {message}"),
            None => format!("!     refused {code}: {message}; to do: {help}"),
        });
    }
    lines
}

fn fold_lines(fold: &FoldView) -> Vec<String> {
    let FoldView { mark, what, names, effects } = fold;
    let effects = if effects.is_empty() { String::new() } else { format!(" (each {})", effects.join(", ")) };
    let symbol = if matches!(mark.symbol(false), "-" | "-/+") { "-" } else { "#" };
    let mut lines = vec![format!("{symbol} {what}{effects}:")];
    lines.extend(names.chunks(10).map(|names| format!("{symbol}     {}", names.join(", "))));
    lines
}

/// Lines in a fence that folds away; in several where one would be too long for a comment.
fn details(summary: &str, language: &str, lines: &[String]) -> Vec<String> {
    let mut parts: Vec<Vec<&str>> = vec![Vec::new()];
    let mut size = 0;
    for line in lines {
        let line = cut_bytes(line);
        if size + line.len() + 1 > LIMIT / 2 {
            parts.push(Vec::new());
            size = 0;
        }
        size += line.len() + 1;
        if let Some(part) = parts.last_mut() {
            part.push(line);
        }
    }
    let of = parts.len();
    let mut blocks = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let nth = if of > 1 { format!(" ({} of {of})", at + 1) } else { String::new() };
        let body = part.join("\n");
        let fence = "`".repeat((longest_run(&body, '`') + 1).max(3));
        let mut block = format!("<details><summary>{summary}{nth}</summary>\n\n");
        // Writing to a string cannot fail.
        let _ = write!(block, "{fence}{language}\n{body}\n{fence}\n\n</details>\n\n");
        blocks.push(block);
    }
    blocks
}

fn cut_bytes(line: &str) -> &str {
    let mut end = line.len().min(LINE);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.get(..end).unwrap_or_default()
}

/// Fills comments with whole blocks, in order.
fn pack(blocks: Vec<String>, marker: &str, first_line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for block in blocks {
        let full = parts.last().is_some_and(|p| !p.is_empty() && p.len() + block.len() > LIMIT - HEAD);
        if full {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(&block);
        }
    }
    let of = parts.len();
    let head =
        |at: usize| if of > 1 { format!("{marker}\n{first_line} · {at} of {of}\n\n") } else { format!("{marker}\n{first_line}\n\n") };
    parts.into_iter().enumerate().map(|(at, part)| format!("{}{}\n", head(at + 1), part.trim_end())).collect()
}

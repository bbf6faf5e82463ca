//! A plan as one HTML page. Comes in: the plan's document. Goes out: a page that loads nothing, runs nothing (its content security policy says
//! so too) and in which everything that people wrote is escaped.

use std::fmt::Write as _;

use super::diagnostics;
use super::escape::html;
use super::text::cause_words;
use super::view::{
    ChangeView, ConsequenceView, FieldValues, FieldView, FoldView, LineSign, Mark, ObservedView, RefusalView, TenantView, View,
};
use crate::plan::document::PlanDocument;

const CSS: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\
code,pre,td{font-family:ui-monospace,monospace;font-size:13px}\
details{border:1px solid #8885;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}\
summary{cursor:pointer;font-weight:600}\
td{padding:0 1rem 0 0;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere}\
pre{margin:0;white-space:pre-wrap}\
.change{margin:.6rem 0 .6rem 1rem}\
.good{color:#1a7f37}.gone,.alarm{color:#cf222e}.alarm{font-weight:600}.dim{opacity:.7}.edit{color:#9a6700}\
@media(prefers-color-scheme:dark){.good{color:#3fb950}.gone,.alarm{color:#f85149}.edit{color:#d29922}}";

/// The plan as a page.
pub fn page(document: &PlanDocument) -> String {
    let view = View::of(document, false);
    let headline = html(&view.headline);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{headline}</title>\n<style>{CSS}</style>\n</head>\n<body>\n\
         <h1>{headline}</h1>\n<p class=\"dim\"><code>{}</code><br>made {} by tenantry {}</p>\n",
        html(&view.digest),
        document.timestamp,
        html(&document.tool_version),
    );
    if !view.portals.is_empty() {
        let work: Vec<_> = view.portals.iter().map(|(name, work)| format!("{}: {work}", html(name))).collect();
        let _ = writeln!(out, "<p>{}</p>", work.join("<br>"));
    }
    view.refusals.iter().for_each(|r| refusal(&mut out, r));
    if !document.diagnostics.is_empty() {
        let _ = writeln!(out, "<h2>{}</h2>\n<ul>", html(&diagnostics::tally(&document.diagnostics)));
        for diagnostic in &document.diagnostics {
            let _ = writeln!(out, "<li>{}</li>", html(&diagnostics::line(diagnostic)));
        }
        out.push_str("</ul>\n");
    }
    for shared in &view.shared {
        let (count, portal) = (shared.count, html(&shared.portal));
        let _ = writeln!(out, "<details open><summary>{count} tenants alike, portal {portal}</summary>\n<p>{}</p>", list(&shared.tenants));
        change(&mut out, &shared.change);
        out.push_str("</details>\n");
    }
    view.tenants.iter().for_each(|t| tenant(&mut out, t));
    if let Some(quiet) = &view.quiet {
        let _ = writeln!(out, "<p class=\"dim\">{}</p>", html(quiet));
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn tenant(out: &mut String, tenant: &TenantView) {
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        out,
        "<details open><summary>{}, portal {}: {}</summary>",
        html(&tenant.tenant),
        html(&tenant.portal),
        html(&tenant.counts)
    );
    if !tenant.consequences.is_empty() {
        out.push_str("<ul>\n");
        for ConsequenceView { what, grave, whom, becomes } in &tenant.consequences {
            let class = if *grave { " class=\"gone\"" } else { "" };
            let after = becomes.as_ref().map(|after| format!(" → {}", list(after))).unwrap_or_default();
            let _ = writeln!(out, "<li{class}>{what}: {}{after}</li>", list(whom));
        }
        out.push_str("</ul>\n");
    }
    tenant.refusals.iter().for_each(|r| refusal(out, r));
    tenant.changes.iter().for_each(|c| change(out, c));
    for FoldView { mark, what, names, effects } in &tenant.folded {
        let effects = if effects.is_empty() { String::new() } else { format!(" (each {})", effects.join(", ")) };
        let _ = writeln!(out, "<p class=\"change\"><code>{} {}{effects}</code>: {}</p>", html(mark.symbol(false)), html(what), list(names));
    }
    if tenant.shared > 0 {
        let _ = writeln!(out, "<p class=\"dim\">and {} said above, for several tenants</p>", tenant.shared);
    }
    if !tenant.drift.is_empty() {
        out.push_str("<h3>Drift, changed in the portal since it was last applied</h3>\n");
        tenant.drift.iter().for_each(|d| change(out, d));
    }
    let waiting = tenant.waiting.iter().map(|(address, words)| format!("{address} {words}"));
    let retained = tenant.retained.iter().map(|(address, why)| format!("{address} stays: {why}"));
    let unmanaged = tenant.unmanaged.iter().map(|(what, names)| format!("unmanaged and never touched: {what}: {}", names.join(", ")));
    let left_out = tenant.left_out.iter().map(|(address, why)| format!("{address} is left out: {why}"));
    let observed = tenant.observed.iter().map(|ObservedView { title, value, seen, by }| {
        let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{title}: {value} ({seen}{by})")
    });
    for aside in waiting.chain(retained).chain(left_out).chain(unmanaged).chain(observed) {
        let _ = writeln!(out, "<p class=\"dim\">{}</p>", html(&aside));
    }
    out.push_str("</details>\n");
}

fn change(out: &mut String, change: &ChangeView) {
    let ChangeView { mark, refused, actions, name, address: _, key, fields, effects, notes, place, refusals } = change;
    let key = key.as_ref().map(|k| format!(" ({})", html(k))).unwrap_or_default();
    let place = place.as_ref().map(|p| format!(" <span class=\"dim\">{}</span>", html(p))).unwrap_or_default();
    let class = class(*mark, *refused);
    let symbol = html(mark.symbol(*refused));
    let _ = writeln!(out, "<div class=\"change\"><code class=\"{class}\">{symbol} {actions} {}{key}</code>{place}", html(name));
    if !fields.is_empty() {
        out.push_str("<table>\n");
        fields.iter().for_each(|f| field(out, f));
        out.push_str("</table>\n");
    }
    if !effects.is_empty() {
        let _ = writeln!(out, "<div class=\"edit\">{}</div>", html(&effects.join(", ")));
    }
    for note in notes {
        let _ = writeln!(out, "<div class=\"dim\">{}</div>", html(note));
    }
    refusals.iter().for_each(|r| refusal(out, r));
    out.push_str("</div>\n");
}

fn field(out: &mut String, field: &FieldView) {
    let FieldView { path, values, cause } = field;
    let cause = cause.map(|c| format!(" <span class=\"dim\">({})</span>", cause_words(c))).unwrap_or_default();
    let value = match values {
        FieldValues::Only(value) => html(value),
        FieldValues::Both(was, is) => format!("<del class=\"gone\">{}</del> → <ins class=\"good\">{}</ins>", html(was), html(is)),
        FieldValues::Lines(lines) => {
            let mut rows = String::from("<pre>");
            for (sign, text) in lines {
                let (symbol, class) = match sign {
                    LineSign::Added => ('+', "good"),
                    LineSign::Removed => ('-', "gone"),
                    LineSign::Same | LineSign::Skipped => (' ', "dim"),
                };
                let _ = writeln!(rows, "<span class=\"{class}\">{symbol} {}</span>", html(text));
            }
            rows + "</pre>"
        }
    };
    let _ = writeln!(out, "<tr><td>{}</td><td>{value}{cause}</td></tr>", html(path));
}

fn refusal(out: &mut String, refusal: &RefusalView) {
    let RefusalView { code, message, help, passed } = refusal;
    let (code, message) = (html(code), html(message));
    let _ = match passed {
        Some(passed) => writeln!(out, "<div class=\"dim\">allowed {code} ({}): {message}</div>", html(passed)),
        None => writeln!(out, "<div><span class=\"alarm\">refused {code}: {message}</span><br>to do: {}</div>", html(help)),
    };
}

fn list(names: &[String]) -> String {
    html(&names.join(", "))
}

const fn class(mark: Mark, refused: bool) -> &'static str {
    match mark {
        _ if refused => "alarm",
        Mark::Create => "good",
        Mark::Update | Mark::Resend => "edit",
        Mark::Replace | Mark::Delete => "gone",
        Mark::Nothing => "alarm",
        Mark::Adopt | Mark::Ledger => "dim",
    }
}

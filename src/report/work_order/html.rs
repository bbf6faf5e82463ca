//! A work order as one HTML page, to follow beside the portal or on paper. Comes in: an order. Goes out: a page that loads nothing, sends
//! nothing and runs nothing but its own few lines, which its content security policy names by their hash. Ticks survive a reload: the browser
//! keeps them by the item's reference. Everything that people wrote is escaped.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::escape::{cut, visible};
use super::sentence::{Line, Part, lines};
use super::{ENDS, Order, SOURCES, beside, commands, facts, items_word, moment, of_portal, of_tenant};
use crate::model::work_order::{EvidenceWanted, WorkItem, WorkState};

const CSS: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
code,pre{font-family:ui-monospace,monospace;font-size:14px;background:#8882;border-radius:4px;padding:.1rem .3rem}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;padding:.4rem .6rem}\
section{border-top:1px solid #8885;margin-top:1.5rem}\
ol{list-style:none;padding:0}\
li{margin:.3rem 0}\
li:has(input:checked) label{opacity:.5}\
button{font:inherit;font-size:12px;margin-left:.3rem;cursor:pointer}\
dl{display:grid;grid-template-columns:max-content auto;gap:.1rem 1rem}\
dd{margin:0}\
.lines{display:block;white-space:pre-wrap}\
.dim{opacity:.7;font-size:13px}.alarm{color:#cf222e;font-weight:600;font-size:13px}.done{color:#1a7f37;font-weight:600;font-size:13px}\
@media(prefers-color-scheme:dark){.alarm{color:#f85149}.done{color:#3fb950}}\
@media print{button{display:none}section{break-inside:avoid}body{max-width:none;margin:0}}";

/// Keeps ticks and copies values. Its hash in [`POLICY`] is that of this very text (a test keeps that true).
const SCRIPT: &str = "\
'use strict';\
for(const box of document.querySelectorAll('input[data-key]')){\
const key='tenantry/'+box.dataset.key;\
try{box.checked=localStorage.getItem(key)==='1'}catch{}\
box.addEventListener('change',()=>{try{if(box.checked)localStorage.setItem(key,'1');else localStorage.removeItem(key)}catch{}})}\
for(const button of document.querySelectorAll('button[data-value]'))\
button.addEventListener('click',()=>navigator.clipboard.writeText(button.dataset.value).then(()=>{button.textContent='copied'}));";

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-6UC/RE/4S7CMuh4he1M92kuYqO1y57MvBvehX4lqj80='; base-uri 'none'; form-action 'none'";

/// So much of a value tells its button from another's.
const SHOWN: usize = 40;

/// The order as a page.
pub fn html(order: &Order<'_>) -> String {
    let heading = format!("Work order {}: {}", visible(order.order), visible(&of_portal(order)));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (heading) }
                style { (PreEscaped(CSS)) }
            }
            body {
                h1 { (heading) }
                dl { @for (name, value) in facts(order) { dt { (name) } dd { code { (visible(&value)) } } } }
                p.dim { (SOURCES) }
                @for (at, item) in order.items.iter().enumerate() { (section(item, at + 1, order)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn section(item: &WorkItem, number: usize, order: &Order<'_>) -> Markup {
    let commands = commands(item, order.places);
    let (whose, name) = of_tenant(item);
    html! {
        section id=(format!("item-{}", item.reference)) {
            h2 { (number) ". " code { (item.reference) } " " (visible(&item.instructions.title)) }
            p.dim { (whose) @if let Some(name) = name { code { (name) } } ", " code { (item.address) } }
            @if let Some(last) = item.replaces.last() { p { "This replaces " code { (last) } ", which nobody is to follow any more." } }
            @if !order.before(item).is_empty() { p { "After " (items_word(order.before(item))) " " @for first in order.before(item) { code { (first) } " " } } }
            (state(&item.state))
            ol { @for (at, line) in lines(&item.instructions).iter().enumerate() { (step(line, &format!("{}/{}", item.reference, at + 1))) } }
            @if !item.instructions.evidence.is_empty() {
                h3 { "Bring back" }
                ul { @for wanted in &item.instructions.evidence { (evidence(wanted)) } }
            }
            @if item.calls_follow { p { "Once this is confirmed, tenantry does the rest." } }
            @if !commands.is_empty() { p { (ENDS) } pre { (commands.join("\n")) } }
        }
    }
}

fn state(state: &WorkState) -> Markup {
    let said = |class: &str, what: &str, by: &str, at: &Timestamp, why: &str| {
        html! { p class=(class) { (what) ": " (visible(by)) ", " (moment(at)) @if !why.is_empty() { ": " (visible(why)) } } }
    };
    match state {
        WorkState::Open => html! {},
        WorkState::Confirmed { by, at, .. } => said("done", "Done", by, at, ""),
        WorkState::Failed { by, at, why } => said("alarm", "Could not be done", by, at, why),
        WorkState::Skipped { by, at, why } => said("alarm", "Not done", by, at, why),
    }
}

fn evidence(wanted: &EvidenceWanted) -> Markup {
    let EvidenceWanted { name, ask, expect, .. } = wanted;
    html! {
        li {
            code { (visible(name)) } ": " (visible(ask))
            @if let Some(expect) = expect { "; it must be " code { (visible(expect)) } }
            (beside(wanted))
        }
    }
}

fn step(line: &Line<'_>, key: &str) -> Markup {
    let values: Vec<_> = line.parts.iter().filter_map(|part| if let Part::Value(value) = part { Some(*value) } else { None }).collect();
    html! {
        li {
            label {
                input type="checkbox" data-key=(key);
                " "
                @for part in &line.parts {
                    @match part {
                        Part::Words(words) => (words),
                        Part::Label(label) => b { (visible(label)) },
                        Part::Path(path) => b { (visible(&path.join(" › "))) },
                        Part::Prose(prose) => (visible(prose)),
                        Part::Value(value) | Part::Shown(value) => (self::value(value)),
                    }
                }
            }
            @for value in &values { button type="button" data-value=(value) { "copy" @if values.len() > 1 { " " (visible(&cut(value, SHOWN))) } } }
            @if let Some(source) = line.source {
                " " span class=(if line.undocumented { "alarm" } else { "dim" }) { "(" (source) ")" }
            }
        }
    }
}

/// A value; one of several lines keeps them.
fn value(value: &str) -> Markup {
    if !value.contains('\n') {
        return html! { code { (visible(value)) } };
    }
    let shown: Vec<_> = value.split('\n').map(|line| visible(line).into_owned()).collect();
    html! { "this, line by line" code.lines { (shown.join("\n")) } }
}

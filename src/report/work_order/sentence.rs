//! One step as one sentence, in parts: words of ours, labels of the portal, values to copy. Comes in: instructions. Goes out: lines that every
//! renderer lays out in its own marks.
//!
//! | line | does |
//! |---|---|
//! | Open **Management › Organizations**. | goes to a place of the menu |
//! | Press **Create**. | presses a button, tab or link |
//! | In the row that shows `Acme` press **Invite**. | finds a row, opens its menu, presses the entry |
//! | Open the row that shows `Acme`. | finds a row and opens it |
//! | In **Name** type `Acme`. | types; `Empty **Name**.` types nothing |
//! | From **Role** choose `Admin`. | picks from a list |
//! | Tick **Notify**. / Clear **Notify**. | sets a check box |
//! | In **Password** type the secret that is kept as `env X` (…). | types a secret |
//! | Open the address `https://…`. | visits |
//! | Look, and stop if it is not so: … | checks |
//! | See to it, in whatever way the portal offers, that this is so: … | what no page documents |

use crate::model::work_order::{Act, Instructions, Provenance, Screen, Step};

/// A part of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Ours.
    Words(&'a str),
    /// The portal's own.
    Label(&'a str),
    /// A way through the menu.
    Path(&'a [String]),
    /// To be copied as it is.
    Value(&'a str),
    /// To be compared with what the screen shows, or the name under which somebody keeps a secret: nothing that is typed.
    Shown(&'a str),
    /// What a person wrote or the driver said, to be read.
    Prose(&'a str),
}

/// One line of the list.
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// Which page says so; `None`: nothing is to be said of it.
    pub(super) source: Option<&'static str>,
    /// True: no page that we know documents it.
    pub(super) undocumented: bool,
}

/// What stands before the name of a secret.
const KEPT_AS: &str = "the secret that is kept as ";

/// What a name of a secret is, and who has the secret.
const WHERE: &str = " (its name, and not the secret: whoever runs tenantry has that)";

/// The same at the end of a sentence.
const SECRET: &str = " (its name, and not the secret: whoever runs tenantry has that).";

/// What no page documents.
const UNDOCUMENTED: &str = "not in the manual";

/// All lines of an item, in order.
pub(super) fn lines(instructions: &Instructions) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for Screen { menu, steps } in &instructions.screens {
        if !menu.is_empty() {
            let parts = vec![Part::Words("Open "), Part::Path(menu), Part::Words(".")];
            lines.push(Line { parts, source: None, undocumented: false });
        }
        lines.extend(steps.iter().map(|step| Line {
            parts: parts(step),
            source: Some(source(step.source)),
            undocumented: step.source.is_none(),
        }));
    }
    lines
}

const fn source(source: Option<Provenance>) -> &'static str {
    match source {
        Some(Provenance::Manual) => "manual",
        Some(Provenance::Documentation) => "vendor's documentation",
        Some(Provenance::Inferred) => "inferred",
        None => UNDOCUMENTED,
    }
}

fn parts(step: &Step) -> Vec<Part<'_>> {
    use Part::{Label, Shown, Value, Words};
    match &step.act {
        Act::Press { label } => vec![Words("Press "), Label(label), Words(".")],
        Act::Row { shows, entry: Some(entry) } => {
            vec![Words("In the row that shows "), Value(shows), Words(" press "), Label(entry), Words(".")]
        }
        Act::Row { shows, entry: None } => vec![Words("Open the row that shows "), Value(shows), Words(".")],
        Act::Fill { label, value } if value.is_empty() => vec![Words("Empty "), Label(label), Words(".")],
        Act::Fill { label, value } => vec![Words("In "), Label(label), Words(" type "), Value(value), Words(".")],
        Act::Choose { label, value } => vec![Words("From "), Label(label), Words(" choose "), Value(value), Words(".")],
        Act::Tick { label, on: true } => vec![Words("Tick "), Label(label), Words(".")],
        Act::Tick { label, on: false } => vec![Words("Clear "), Label(label), Words(".")],
        Act::Secret { label, reference } => {
            vec![Words("In "), Label(label), Words(" type the secret that is kept as "), Shown(reference), Words(SECRET)]
        }
        Act::Visit { url } => vec![Words("Open the address "), Value(url), Words(".")],
        Act::Look { text } => told("Look, and stop if it is not so: ", text, Part::Shown),
        Act::Reach { text } => told("See to it, in whatever way the portal offers, that this is so: ", text, Part::Value),
    }
}

/// A sentence of the driver's or the profile's: what stands between “ and ” is a value, to be read and copied as it is.
fn told<'a>(begins: &'static str, text: &'a str, value: impl Fn(&'a str) -> Part<'a>) -> Vec<Part<'a>> {
    let mut parts = vec![Part::Words(begins)];
    let mut rest = text.trim_end_matches('.');
    while let Some((before, quoted, after)) = quoted(rest) {
        parts.extend((!before.is_empty()).then_some(Part::Prose(before)));
        let secret = before.ends_with(KEPT_AS);
        parts.push(if secret { Part::Shown(quoted) } else { value(quoted) });
        parts.extend(secret.then_some(Part::Words(WHERE)));
        rest = after;
    }
    parts.extend((!rest.is_empty()).then_some(Part::Prose(rest)));
    parts.push(Part::Words("."));
    parts
}

/// The first quotation: what is before it, what is in it, what is after it. A value may have quotations of its own.
fn quoted(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('“')?;
    let mut depth = 1_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '“' => depth += 1,
            '”' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (value, after) = rest.split_at_checked(at)?;
            return Some((before, value, after.strip_prefix('”')?));
        }
    }
    None
}

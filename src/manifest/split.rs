//! Where the documents of a text begin, so that one large file is read by several threads and other tenants' documents are passed over.
//!
//! A line that begins with `---` and a blank or the line's end always begins a document, in every scalar too (YAML 1.2, rule `c-forbidden`).
//! What makes cutting there unsafe is refused: directives, which belong to the document after them, and line breaks of another kind than ours.

/// A part of a text, and how many lines stand before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part<'t> {
    pub(crate) text: &'t str,
    pub(crate) base_line: u32,
}

/// Parts of a larger size than this are worth a thread's turn. A constant, so that the parts depend on the text alone.
const CHUNK: usize = 1 << 20;

/// The documents of a text, each with what stands before it; one part if cutting is not safe.
pub(crate) fn documents(text: &str) -> Vec<Part<'_>> {
    parts(text, 0)
}

/// The text in parts of whole documents of about [`CHUNK`] bytes.
pub(crate) fn chunks(text: &str) -> Vec<Part<'_>> {
    parts(text, CHUNK)
}

fn parts(text: &str, least: usize) -> Vec<Part<'_>> {
    let whole = vec![Part { text, base_line: 0 }];
    if text.len() <= least {
        return whole;
    }
    let mut parts = Vec::new();
    let (mut begun, mut base_line) = (0, 0);
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with('%') || has_lone_return(line) || (at > 0 && line.starts_with('\u{feff}')) {
            return whole;
        }
        if at - begun > least && begins_document(line) {
            parts.push(Part { text: text.get(begun..at).unwrap_or_default(), base_line });
            (begun, base_line) = (at, u32::try_from(number).unwrap_or(u32::MAX));
        }
        at += line.len();
    }
    parts.push(Part { text: text.get(begun..).unwrap_or_default(), base_line });
    parts
}

fn begins_document(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// A carriage return that no line feed follows is a line break of its own, after which `---` could stand.
fn has_lone_return(line: &str) -> bool {
    let body = line.strip_suffix('\n').map_or(line, |l| l.strip_suffix('\r').unwrap_or(l));
    body.as_bytes().contains(&b'\r')
}

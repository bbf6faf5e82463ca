//! A table that a technician exported or pasted: CSV, TSV or JSON, from text to rows.
//!
//! Comes in: bytes that anybody may have edited. Goes out: titles and rows of cells, or everything that is wrong with it, with row and column as
//! a spreadsheet counts them (the header is row 1). Guesses nothing about what a title means, and evaluates nothing: a formula is refused.

use std::collections::BTreeMap;

/// Largest table, in bytes: some hundred thousand rows.
pub const MAX_BYTES: usize = 10 << 20;
/// Most problems that are told; whoever mends these sees the next.
const MAX_TOLD: usize = 50;

/// Titles and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The header, each title trimmed.
    pub titles: Vec<String>,
    /// The rows, each as long as the header.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, the header being 1.
    pub number: usize,
    /// Its cells, trimmed.
    pub cells: Vec<String>,
}

/// Reads a table.
///
/// # Errors
/// With everything that is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Table, Vec<String>> {
    if bytes.len() > MAX_BYTES {
        return Err(vec![format!("it has more than {} MB: export fewer rows", MAX_BYTES >> 20)]);
    }
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        let line = 1 + bytes.iter().take(at).filter(|b| **b == b'\n').count();
        return Err(vec![format!("line {line} has a NUL byte: save the table as UTF-8 text")]);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes.iter().take(e.valid_up_to()).filter(|b| **b == b'\n').count();
        vec![format!("line {line} is no UTF-8: save the table as UTF-8 text")]
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // An object alone is JSON that somebody meant, and no title of a column.
    let table = if text.trim_start().starts_with(['[', '{']) { json(text)? } else { separated(text)? };
    check(table)
}

/// CSV or TSV. In TSV, as a browser's grid is pasted, a quote is a character like any other.
fn separated(text: &str) -> Result<Table, Vec<String>> {
    let header = text.lines().find(|l| !l.trim().is_empty()).ok_or_else(empty)?;
    let delimiter = delimiter(header);
    let quoting = delimiter != b'\t';
    if quoting && text.matches('"').count() % 2 == 1 {
        return Err(vec![
            "a quoted cell has no end: the table has an odd number of `\"`; within a quoted cell each is written twice".to_owned(),
        ]);
    }
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).quoting(quoting).flexible(true).has_headers(false).from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| vec![format!("it cannot be read: {e}")])?;
        if record.iter().any(|cell| !cell.trim().is_empty()) {
            records.push(record.iter().map(str::to_owned).collect::<Vec<_>>());
        }
    }
    let mut records = records.into_iter();
    let titles = records.next().ok_or_else(empty)?;
    let rows = records.enumerate().map(|(at, cells)| Row { number: at + 2, cells }).collect();
    Ok(Table { titles, rows })
}

/// Whatever separates the cells of the header most often, quoted text left out; a tab before all else.
fn delimiter(header: &str) -> u8 {
    let bare: String = header.split('"').step_by(2).collect();
    let count = |c: char| bare.matches(c).count();
    match (count('\t'), count(';'), count(',')) {
        (1.., _, _) => b'\t',
        (_, semicolons, commas) if semicolons > commas => b';',
        _ => b',',
    }
}

/// An array of objects: their keys are the titles.
fn json(text: &str) -> Result<Table, Vec<String>> {
    let objects: Vec<BTreeMap<String, serde_json::Value>> =
        serde_json::from_str(text).map_err(|e| vec![format!("it is no JSON array of objects: {e}")])?;
    let mut titles: Vec<String> = objects.iter().flat_map(BTreeMap::keys).cloned().collect();
    titles.sort();
    titles.dedup();
    let mut wrong = Vec::new();
    let mut rows = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        let cells = titles.iter().map(|title| {
            cell(object.get(title)).unwrap_or_else(|| {
                wrong.push(format!("row {}, column {title}: an object is no cell; export texts, numbers and lists of them", at + 2));
                String::new()
            })
        });
        let cells = cells.collect();
        rows.push(Row { number: at + 2, cells });
    }
    if wrong.is_empty() { Ok(Table { titles, rows }) } else { Err(told(wrong)) }
}

fn cell(value: Option<&serde_json::Value>) -> Option<String> {
    match value {
        None | Some(serde_json::Value::Null) => Some(String::new()),
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(value @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_))) => Some(value.to_string()),
        Some(serde_json::Value::Array(items)) => {
            let items: Option<Vec<_>> = items.iter().map(|item| cell(Some(item)).filter(|_| !item.is_array())).collect();
            items.map(|items| items.join(", "))
        }
        Some(serde_json::Value::Object(_)) => None,
    }
}

/// Trims, and refuses what would be read as something else than it is.
fn check(table: Table) -> Result<Table, Vec<String>> {
    let titles: Vec<_> = table.titles.iter().map(|t| t.trim().to_owned()).collect();
    let mut wrong = Vec::new();
    let mut rows = Vec::with_capacity(table.rows.len());
    for Row { number, mut cells } in table.rows {
        // A grid is often pasted with an empty column at its end.
        while cells.len() > titles.len() && cells.last().is_some_and(|c| c.trim().is_empty()) {
            cells.pop();
        }
        if cells.len() != titles.len() {
            wrong.push(format!("row {number} has {}, and the header has {}", counted(cells.len()), titles.len()));
            continue;
        }
        let mut clean = Vec::with_capacity(cells.len());
        for (title, cell) in titles.iter().zip(&cells) {
            match plain(cell) {
                Ok(text) => clean.push(text),
                Err(why) => wrong.push(format!("row {number}, column {title}: {why}")),
            }
        }
        rows.push(Row { number, cells: clean });
    }
    if wrong.is_empty() { Ok(Table { titles, rows }) } else { Err(told(wrong)) }
}

/// A cell as it was shown. Spreadsheets write a text that looks like a number as `="007"`, and one that looks like a formula with `'` before it.
fn plain(cell: &str) -> Result<String, &'static str> {
    let text = cell.trim();
    if let Some(inner) = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).filter(|inner| !inner.contains('"')) {
        return Ok(inner.trim().to_owned());
    }
    if text.starts_with('=') {
        return Err("it is a formula; export what it shows");
    }
    let text = text.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@'])).unwrap_or(text);
    if text.chars().any(char::is_control) {
        return Err("it has a line break or another control character; export it without");
    }
    Ok(text.to_owned())
}

fn empty() -> Vec<String> {
    vec!["it is empty: the first row has the titles of the columns".to_owned()]
}

fn counted(cells: usize) -> String {
    format!("{cells} cell{}", if cells == 1 { "" } else { "s" })
}

fn told(mut wrong: Vec<String>) -> Vec<String> {
    let more = wrong.len().saturating_sub(MAX_TOLD);
    wrong.truncate(MAX_TOLD);
    wrong.extend((more > 0).then(|| format!("and {more} more")));
    wrong
}

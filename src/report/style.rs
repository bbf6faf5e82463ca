//! How text is laid out: colour, width, how much. The caller decides all three; nothing here looks at a terminal.

use annotate_snippets::renderer::{AnsiColor, Effects, Style as Ansi};

/// How a report in text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Colours, by terminal escapes; none are written otherwise.
    pub color: bool,
    /// Columns to wrap lists of names at.
    pub width: usize,
    /// Everything: nothing is folded, and every reason is given.
    pub verbose: bool,
}

impl Style {
    /// No colour, 100 columns, folded.
    pub const PLAIN: Self = Self { color: false, width: 100, verbose: false };
}

/// What a piece of text means, from which its colour follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something is added.
    Good,
    /// Something changes.
    Change,
    /// Something is taken away.
    Gone,
    /// Something refuses or has failed.
    Alarm,
    /// A heading.
    Heading,
    /// Beside the point.
    Dim,
    /// As it is.
    Plain,
}

impl Style {
    /// The text in the colour of its tone, if colours were asked for.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let ansi = match tone {
            _ if !self.color => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Change => AnsiColor::Yellow.on_default(),
            Tone::Gone => AnsiColor::Red.on_default(),
            Tone::Alarm => AnsiColor::Red.on_default().effects(Effects::BOLD),
            Tone::Heading => Ansi::new().effects(Effects::BOLD),
            Tone::Dim => Ansi::new().effects(Effects::DIMMED),
        };
        format!("{ansi}{text}{ansi:#}")
    }

    /// Names joined by commas, wrapped at the width, with every line but the first indented.
    pub fn wrap(&self, first: usize, indent: usize, names: &[String]) -> String {
        let mut out = String::new();
        let mut column = first;
        for (at, name) in names.iter().enumerate() {
            let comma = if at + 1 < names.len() { "," } else { "" };
            let length = name.chars().count() + comma.len();
            if at > 0 && column + 1 + length > self.width.max(indent + 20) {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else if at > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(name);
            out.push_str(comma);
            column += length;
        }
        out
    }
}

/// Rows in columns, each as wide as its widest cell; empty columns are left out. Cells must be visible text already.
pub fn table(rows: &[Vec<String>], indent: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .filter(|(_, width)| **width > 0)
            .map(|(cell, width)| format!("{cell:<width$}", width = *width))
            .collect();
        out.push_str(&" ".repeat(indent));
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

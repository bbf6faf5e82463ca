//! The only printer: data to standard output, everything else to standard error. A closed pipe is no error: whoever reads has read enough.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::Exit;
use crate::diagnostic::Diagnostic;
use crate::report;
use crate::report::style::Style;

/// Where to print, and how.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// Style of standard output.
    pub(crate) data: Style,
    /// Style of standard error.
    pub(crate) notes: Style,
    /// Only what matters.
    pub(crate) quiet: bool,
    /// Something that was asked for could not be written.
    lost: Arc<AtomicBool>,
}

impl Output {
    /// Colour on terminals only, and only if nobody objects.
    pub(crate) fn new(no_color: bool, quiet: bool, verbose: bool) -> Self {
        let style = |terminal: bool| Style { color: terminal && !no_color, width: width(), verbose };
        Self { data: style(io::stdout().is_terminal()), notes: style(io::stderr().is_terminal()), quiet, lost: Arc::default() }
    }

    /// Prints data: what was asked for.
    pub(crate) fn data(&self, text: &str) {
        let mut out = io::stdout().lock();
        match write_whole(&mut out, text) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                if !self.lost.swap(true, Ordering::Relaxed) {
                    self.error(&format!("error: the result cannot be written: {error}"));
                }
            }
            // Whoever reads has read enough.
            Ok(()) | Err(_) => {}
        }
    }

    /// How a command ends, now that all is printed: a result that was lost is an error.
    pub(crate) fn end(&self, exit: Exit) -> Exit {
        Exit::first([exit].into_iter().chain(self.lost.load(Ordering::Relaxed).then_some(Exit::Error)))
    }

    /// Prints a note: what is worth knowing; not with `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.error(text);
        }
    }

    /// Prints what matters to standard error.
    pub(crate) fn error(&self, text: &str) {
        let mut out = io::stderr().lock();
        // Nobody is left to be told that nobody listens.
        let _unheard = write_whole(&mut out, text);
    }

    /// Prints diagnostics to standard error.
    pub(crate) fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        let shown: Vec<_> = diagnostics.iter().filter(|d| d.is_error() || !self.quiet).cloned().collect();
        if !shown.is_empty() {
            self.error(&report::diagnostics::render(&shown, &self.notes));
        }
    }
}

/// `1 lock`, `2 locks`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn write_whole(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') && !text.is_empty() {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Columns to fill: what the terminal says, as shells export it, else what fits a pull request and a printed page.
fn width() -> usize {
    100
}

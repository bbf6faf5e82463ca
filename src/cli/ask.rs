//! Asks a person. Only where one is there.

use std::io::BufRead;

use super::Face;

/// True if the person typed `yes`.
pub(super) fn yes(face: &Face<'_>, question: &str) -> bool {
    face.output.error(&format!("\n{question}\nOnly `yes` is taken as an answer:"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).is_ok() && line.trim() == "yes"
}

/// What the person typed, trimmed; `None`: nobody answers any more.
pub(super) fn line(face: &Face<'_>, question: &str) -> Option<String> {
    face.output.error(question);
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    matches!(read, Ok(1..)).then(|| line.trim().to_owned())
}

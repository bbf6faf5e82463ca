//! Asks a person. Only where one is there.

use std::io::BufRead;

use super::Face;

/// True if the person typed `yes`.
pub(super) fn yes(face: &Face<'_>, question: &str) -> bool {
    face.output.error(&format!("\n{question}\nOnly `yes` is taken as an answer:"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).is_ok() && line.trim() == "yes"
}

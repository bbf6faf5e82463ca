//! A file of answers, as a ticket system writes it. Comes in: JSON. Goes out: an answer, or what is wrong with it, for each item: one bad entry
//! keeps no other back.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::Given;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::engine::runbook::{Answer, Evidence, Refusal, Why, table};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    result: Outcome,
    #[serde(default)]
    evidence: Evidence,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Done,
    Failed,
    Skipped,
}

/// Reads the answers.
pub(super) fn read(file: &Path) -> Result<Vec<Given>, Failure> {
    let bytes = bytes(file)?;
    let entries: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes).map_err(|e| {
        Failure::usage(format!("{} has no answers: {e}", in_words(file)))
            .help(r#"write {"REFERENCE": {"result": "done", "evidence": {"NAME": "VALUE"}}}, or "failed" or "skipped" with "why""#)
    })?;
    Ok(entries.into_iter().map(|(reference, entry)| (reference, answer(entry))).collect())
}

/// A file as a person calls it.
pub(super) fn in_words(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

/// What a file has, or standard input, up to a size that no person's table passes.
pub(super) fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    let unread = |e: std::io::Error| Failure::new(Exit::Error, format!("{} cannot be read: {e}", in_words(file)));
    let source: Box<dyn Read> =
        if file == Path::new("-") { Box::new(std::io::stdin().lock()) } else { Box::new(std::fs::File::open(file).map_err(unread)?) };
    let mut bytes = Vec::new();
    // One byte more than is taken, so that what is too large is told from what just fits.
    source.take(table::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() > table::MAX_BYTES {
        return Err(Failure::usage(format!("{} has more than {} MB", in_words(file), table::MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

fn answer(entry: serde_json::Value) -> Result<Answer, Refusal> {
    let wrong = |what: String| Refusal { why: Why::Incomplete, lines: vec![what] };
    let Entry { result, evidence, why } = serde_json::from_value(entry).map_err(|e| wrong(format!("its answer cannot be read: {e}")))?;
    match result {
        Outcome::Done if !why.is_empty() => Err(wrong("`why` goes with failed and skipped: what was done needs none".to_owned())),
        Outcome::Done => Ok(Answer::Done(evidence)),
        Outcome::Failed | Outcome::Skipped if !evidence.is_empty() => Err(wrong("`evidence` goes with done alone".to_owned())),
        Outcome::Failed => Ok(Answer::Failed(why)),
        Outcome::Skipped => Ok(Answer::Skipped(why)),
    }
}

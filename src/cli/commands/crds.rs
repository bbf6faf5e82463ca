//! `crds`: the custom resource definitions, printed for `kubectl apply -f -`, or written as files.

use std::path::Path;

use super::plan;
use crate::cli::Face;
use crate::cli::args::CrdsArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::counted;
use crate::crds;

/// Runs `crds`.
pub(super) fn run(face: &Face<'_>, args: &CrdsArgs) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for definition in crds::definitions() {
        let text = definition.yaml().map_err(|e| Failure::new(Exit::Error, format!("{}: {e}", definition.name)))?;
        files.push((format!("{}.yaml", definition.name), text));
    }
    if args.into == Path::new("-") {
        let all: Vec<_> = files.into_iter().map(|(_, text)| text).collect();
        face.output.data(all.join("---\n").trim_end());
        return Ok(Exit::Success);
    }
    let failed = |e: std::io::Error| Failure::new(Exit::Error, format!("{} cannot be written: {e}", args.into.display()));
    std::fs::create_dir_all(&args.into).map_err(failed)?;
    for (name, text) in &files {
        plan::write(&args.into.join(name), text)?;
    }
    face.output.note(&format!("Wrote {} to {}.", counted(files.len(), "file"), args.into.display()));
    Ok(Exit::Success)
}

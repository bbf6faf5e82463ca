//! Measures whole processes on generated fleets, beside Terraform and octoDNS where `benches/peers/install.sh` has installed them.
//!
//! `cargo bench --bench fleet` prints a Markdown table. `-- --help` says what else there is. Nothing here is part of the program.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::expect_used, clippy::panic, clippy::exit)]

mod fleet;
mod measure;
mod peers;
mod rows;

use std::path::{Path, PathBuf};

const HELP: &str = "\
cargo bench --bench fleet -- [OPTIONS]

  --smoke             one small fleet, once: shows that the benchmark itself works
  --million           also a fleet of 1,000,000 resources (several minutes)
  --runs N            runs of each row, of which the median counts (5)
  --seed N            seed of the fleets (1)
  --only ours|peers   leave the others out
  --apply-seconds N   how long Terraform may apply its 10,000 resources before it is stopped (240)
  --write DIR N       only write a fleet of N resources to DIR
";

/// What to measure.
struct Options {
    smoke: bool,
    million: bool,
    runs: usize,
    seed: u64,
    ours: bool,
    peers: bool,
    apply_seconds: u64,
    write: Option<(PathBuf, usize)>,
}

fn options() -> Result<Options, String> {
    let mut options = Options { smoke: false, million: false, runs: 5, seed: 1, ours: true, peers: true, apply_seconds: 240, write: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
        match argument.as_str() {
            // Cargo itself hands this over.
            "--bench" => {}
            "--smoke" => options.smoke = true,
            "--million" => options.million = true,
            "--only" => match value()?.as_str() {
                "ours" => options.peers = false,
                "peers" => options.ours = false,
                other => return Err(format!("`--only {other}`: give `ours` or `peers`")),
            },
            "--runs" => options.runs = number(value()?)?.clamp(1, 1000) as usize,
            "--seed" => options.seed = number(value()?)?,
            "--apply-seconds" => options.apply_seconds = number(value()?)?,
            "--write" => options.write = Some((PathBuf::from(value()?), number(value()?)? as usize)),
            "--help" | "-h" => return Err(HELP.to_owned()),
            other => return Err(format!("unknown option `{other}`\n\n{HELP}")),
        }
    }
    Ok(options)
}

fn main() {
    let options = options().unwrap_or_else(|message| {
        eprintln!("{message}");
        std::process::exit(64);
    });
    if let Some((folder, resources)) = &options.write {
        let bytes = fleet::write(folder, *resources, options.seed);
        println!("{}: {resources} resources, {bytes} bytes", folder.display());
        return;
    }
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet");
    let mut rows = if options.ours { rows::ours(&work, &options) } else { Vec::new() };
    if options.peers && !options.smoke {
        rows.extend(peers::rows(&work, &options));
    }
    println!("\n{}", rows::table(&rows));
}

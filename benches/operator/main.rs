//! Measures the operator: the real program as a process, against a real API server, with the sandbox over HTTP as its portal.
//!
//! `cargo bench --bench operator` prints Markdown tables. `-- --help` says what else there is. Needs what `tests/servers/install` installs; without
//! it nothing is measured, which is an error only where `TEST_REQUIRE_SERVERS=1`. Nothing here is part of the program.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::expect_used, clippy::panic, clippy::exit, clippy::indexing_slicing)]

mod cluster;
#[path = "../fleet/fleet.rs"]
#[allow(dead_code)] // Files are written by the other benchmark.
mod fleet;
mod life;
mod programs;
mod resources;
mod rest;
mod servers;

const HELP: &str = "\
cargo bench --bench operator -- [OPTIONS]

  --smoke             ten customers, once, briefly: shows that the benchmark itself works
  --organizations N   customers, of 20 custom resources each (500)
  --interval SECONDS  how often the portal is polled (30)
  --rest SECONDS      how long it is watched at rest (120)
  --changes N         single changes of which the median counts (20)
  --seed N            seed of the fleet (1)
";

/// What to measure.
pub(crate) struct Options {
    organizations: usize,
    interval: u64,
    rest: u64,
    changes: usize,
    seed: u64,
}

fn options() -> Result<Options, String> {
    let mut options = Options { organizations: 500, interval: 30, rest: 120, changes: 20, seed: 1 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().ok_or_else(|| format!("`{argument}` needs a value"))?;
            value.parse::<u64>().map_err(|_| format!("`{value}` is no number"))
        };
        match argument.as_str() {
            // Cargo itself hands this over.
            "--bench" => {}
            "--smoke" => options = Options { organizations: 10, interval: 2, rest: 6, changes: 3, seed: 1 },
            "--organizations" => options.organizations = number()?.max(1) as usize,
            "--interval" => options.interval = number()?.max(1),
            "--rest" => options.rest = number()?.max(1),
            "--changes" => options.changes = number()?.max(1) as usize,
            "--seed" => options.seed = number()?,
            "--help" | "-h" => return Err(HELP.to_owned()),
            other => return Err(format!("unknown option `{other}`\n\n{HELP}")),
        }
    }
    Ok(options)
}

#[tokio::main]
async fn main() {
    let options = options().unwrap_or_else(|message| {
        eprintln!("{message}");
        std::process::exit(64);
    });
    if !cfg!(have_kubernetes) {
        eprintln!("nothing is measured: there is no kube-apiserver; run tests/servers/install");
        let required = std::env::var("TEST_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
        std::process::exit(i32::from(required));
    }
    println!("\n{}", life::measured(&options).await);
}

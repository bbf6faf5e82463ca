//! The peers' rows: the same number of things, declared one by one, with nothing to do. What is not installed is said and left out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Options;
use super::measure::{Cost, Program};
use super::rows::{Row, grouped};

const ITEMS: usize = 10_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program that `install.sh` installed.
fn installed(name: &str) -> Option<PathBuf> {
    let binary = root().join("target/peers/bin").join(name);
    binary.exists().then_some(binary)
}

/// Runs a generator of `benches/peers`.
fn generate(script: &str, folder: &Path, more: &[&str]) {
    let status = Command::new(root().join("benches/peers").join(script)).arg(folder).arg(ITEMS.to_string()).args(more).status();
    assert!(status.is_ok_and(|s| s.success()), "benches/peers/{script} failed");
}

/// Measures those that are there.
pub(crate) fn rows(work: &Path, options: &Options) -> Vec<Row> {
    let count = grouped(ITEMS);
    let missing = |what: &str| Row { what: what.to_owned(), target: "", cost: Err("not installed".to_owned()) };
    let mut rows = Vec::new();
    match installed("octodns-sync") {
        Some(binary) => rows.push(octodns(&binary, work, options.runs, format!("octoDNS: plan with nothing to do, {count} records"))),
        None => rows.push(missing("octoDNS")),
    }
    match installed("terraform") {
        Some(binary) => {
            for (form, what) in [("blocks", "a resource each"), ("count", "one resource with `count`")] {
                let what = format!("Terraform: plan with nothing to do, {count} `terraform_data`, {what}");
                rows.push(terraform_plan(&binary, work, options.runs.min(3), form, what));
            }
            rows.push(terraform_apply(&binary, work, options.apply_seconds));
        }
        None => rows.push(missing("Terraform")),
    }
    rows
}

fn octodns(binary: &Path, work: &Path, runs: usize, what: String) -> Row {
    eprintln!("{what} …");
    let folder = work.join("octodns");
    generate("octodns.sh", &folder, &[]);
    let arguments = ["--config-file", "config.yaml", "--quiet"].map(str::to_owned).to_vec();
    Row { what, target: "", cost: Ok(Program { binary, folder: &folder, arguments }.cost(runs)) }
}

fn terraform_plan(binary: &Path, work: &Path, runs: usize, form: &str, what: String) -> Row {
    eprintln!("{what} …");
    let folder = work.join(format!("terraform-{form}"));
    generate("terraform.sh", &folder, &[form]);
    let program = |arguments: &[&str]| Program { binary, folder: &folder, arguments: arguments.iter().map(|a| (*a).to_owned()).collect() };
    program(&["init", "-input=false"]).run();
    // With `-detailed-exitcode` a plan that has something to do fails, and with it the measurement.
    Row { what, target: "", cost: Ok(program(&["plan", "-input=false", "-lock=false", "-detailed-exitcode"]).cost(runs)) }
}

/// Applies from nothing, and stops it after a while: after four minutes it has come to a quarter.
fn terraform_apply(binary: &Path, work: &Path, seconds: u64) -> Row {
    let folder = work.join("terraform-apply");
    generate("terraform.sh", &folder, &["blocks", "nostate"]);
    Program { binary, folder: &folder, arguments: vec!["init".into(), "-input=false".into()] }.run();
    eprintln!("Terraform: apply, stopped after {seconds} s …");
    let start = std::time::Instant::now();
    let output = Command::new("timeout")
        .args(["-s", "INT", &seconds.to_string()])
        .arg(binary)
        .args(["apply", "-auto-approve", "-input=false", "-no-color", "-lock=false"])
        .current_dir(&folder)
        .env("CHECKPOINT_DISABLE", "1")
        .env_remove("TF_CLI_CONFIG_FILE")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let Ok(output) = output else {
        return Row { what: "Terraform: apply".into(), target: "", cost: Err("`timeout` is not installed".into()) };
    };
    let done = String::from_utf8_lossy(&output.stdout).matches(": Creation complete").count();
    let what = format!("Terraform: apply, {} of {} creates", grouped(done), grouped(ITEMS));
    Row { what, target: "", cost: Ok(Cost { time: start.elapsed(), memory: None }) }
}

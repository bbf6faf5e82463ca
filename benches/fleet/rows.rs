//! Our own rows of the table, and the table.

use std::path::{Path, PathBuf};

use super::Options;
use super::fleet;
use super::measure::{Cost, Program, median};

/// A row: what was measured, the number to reach, and what came out.
pub(crate) struct Row {
    /// What was measured, and on what.
    pub(crate) what: String,
    /// What is to be reached; empty for a peer.
    pub(crate) target: &'static str,
    /// What it cost; the text says why where it has no cost.
    pub(crate) cost: Result<Cost, String>,
}

/// A generated fleet with the state that its apply leaves.
struct Fleet {
    manifests: PathBuf,
    state: PathBuf,
}

impl Fleet {
    fn write(work: &Path, resources: usize, seed: u64) -> Self {
        let home = work.join(resources.to_string());
        let fleet = Self { manifests: home.join("customers"), state: home.join("state") };
        fleet::write(&fleet.manifests, resources, seed);
        fleet.forget();
        fleet
    }

    /// Back to before the first apply.
    fn forget(&self) {
        if self.state.exists() {
            std::fs::remove_dir_all(&self.state).expect("a state folder that can be emptied");
        }
    }

    fn program(&self, command: &[&str]) -> Program<'_> {
        let mut arguments: Vec<String> = command.iter().map(|a| (*a).to_owned()).collect();
        arguments.extend(["-f".into(), self.manifests.display().to_string(), "--state-dir".into(), self.state.display().to_string()]);
        arguments.extend(["--no-input".into(), "-q".into()]);
        Program { binary: tenantry(), folder: Path::new(env!("CARGO_TARGET_TMPDIR")), arguments }
    }

    fn apply(&self) -> Program<'_> {
        self.program(&["apply", "--auto-approve"])
    }
}

fn tenantry() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tenantry"))
}

/// Measures ours.
pub(crate) fn ours(work: &Path, options: &Options) -> Vec<Row> {
    if options.smoke {
        return of_fleet(work, 200, options, ["smoke", "smoke", "smoke"], 1);
    }
    let version = Program { binary: tenantry(), folder: Path::new("."), arguments: vec!["--version".into()] };
    let mut rows = vec![Row { what: "`tenantry --version`".into(), target: "10 ms", cost: Ok(version.cost(options.runs.max(20))) }];
    rows.extend(of_fleet(work, 10_000, options, ["0.25 s, 60 MB", "", "2 s"], options.runs));
    rows.extend(of_fleet(work, 100_000, options, ["2.5 s, 150 MB", "0.5 s", ""], options.runs));
    if options.million {
        rows.extend(of_fleet(work, 1_000_000, options, ["25 s, 1.5 GB", "", ""], 1));
    }
    rows
}

/// Applies a fleet, plans it whole with nothing to do, and plans one tenant of it. Targets in this order: plan, tenant, apply.
fn of_fleet(work: &Path, resources: usize, options: &Options, targets: [&'static str; 3], runs: usize) -> Vec<Row> {
    eprintln!("fleet of {resources} resources …");
    let fleet = Fleet::write(work, resources, options.seed);
    // A program that did nothing would be fast.
    fleet.program(&["plan", "--detailed-exitcode"]).exits(2);
    // An apply starts from nothing each time; the larger fleets are applied once, as what they are there for is the plan.
    let applies = if resources <= 10_000 { runs } else { 1 };
    let times = (0..applies).map(|_| {
        fleet.forget();
        fleet.apply().run()
    });
    let time = median(times.collect());
    let apply = Cost { time, memory: None };
    let plan = fleet.program(&["plan", "--expect-no-changes"]).cost(runs);
    let one = fleet::organization(resources / fleet::PER_ORGANIZATION / 2);
    let tenant = fleet.program(&["plan", "--expect-no-changes", "--tenant", &one]).cost(runs);
    let row = |what: String, target, cost| Row { what, target, cost: Ok(cost) };
    let [plan_target, tenant_target, apply_target] = targets;
    let count = grouped(resources);
    vec![
        row(format!("plan with nothing to do, {count} resources"), plan_target, plan),
        row(format!("the same with `--tenant` of one, {count} resources"), tenant_target, tenant),
        row(format!("apply, {count} creates"), apply_target, apply),
    ]
}

/// `10000` as `10,000`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    parts.join(",")
}

/// The Markdown table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from("| what | to reach | time | memory |\n|---|---|---|---|\n");
    for Row { what, target, cost } in rows {
        let (time, memory) = match cost {
            Ok(cost) => (seconds(cost.time), cost.memory.map_or("–".to_owned(), |bytes| format!("{} MB", bytes.div_ceil(1_000_000)))),
            Err(why) => (why.clone(), "–".to_owned()),
        };
        text.push_str(&format!("| {what} | {target} | {time} | {memory} |\n"));
    }
    text
}

fn seconds(time: std::time::Duration) -> String {
    if time.as_millis() < 1000 { format!("{:.1} ms", time.as_secs_f64() * 1000.0) } else { format!("{:.2} s", time.as_secs_f64()) }
}

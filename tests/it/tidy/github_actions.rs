//! The GitHub Actions example works as it stands: its steps are taken out of the file and run, in a repository of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::{copy, read, root};

const WORKFLOW: &str = "examples/github-actions/tenantry.yml";

/// A `run:` block: the job and the step it stands in, and its text.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    job: String,
    name: String,
    run: String,
}

/// The `run: |` blocks of a workflow, by indentation: jobs at two spaces below `jobs:`, steps at six.
fn steps(workflow: &str) -> Vec<Step> {
    let (mut in_jobs, mut job, mut name) = (false, String::new(), String::new());
    let mut found: Vec<Step> = Vec::new();
    let mut block: Option<usize> = None;
    for line in workflow.lines() {
        let indent = line.len() - line.trim_start().len();
        if let (Some(outer), Some(step)) = (block, found.last_mut()) {
            if line.trim().is_empty() || indent > outer {
                step.run.push_str(line.get(outer + 2..).unwrap_or_default());
                step.run.push('\n');
                continue;
            }
            block = None;
        }
        let text = line.trim();
        match indent {
            0 if !text.is_empty() => in_jobs = text == "jobs:",
            2 if in_jobs && text.ends_with(':') => text.trim_end_matches(':').clone_into(&mut job),
            6 if text.starts_with("- ") => text.strip_prefix("- name: ").unwrap_or_default().clone_into(&mut name),
            _ => {}
        }
        if in_jobs && text == "run: |" {
            found.push(Step { job: job.clone(), name: name.clone(), run: String::new() });
            block = Some(indent);
        }
    }
    found
}

/// A repository as the example expects it, with a runner's environment around it.
struct Runner {
    folder: tempfile::TempDir,
    steps: BTreeMap<(String, String), String>,
}

impl Runner {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let steps = steps(&read(WORKFLOW)).into_iter().map(|s| ((s.job, s.name), s.run)).collect();
        let runner = Self { folder, steps };
        std::fs::create_dir(runner.path("bin")).expect("a new folder");
        std::fs::create_dir(runner.path("repo")).expect("a new folder");
        std::os::unix::fs::symlink(super::PROGRAM, runner.path("bin/tenantry")).expect("a link to the program");
        runner.write("bin/gh", GH);
        runner.command("chmod +x ../bin/gh");
        runner
    }

    /// The customers and portals of the MSP example, committed, and the base branch's portals beside them.
    fn with_customers() -> Self {
        let runner = Self::new();
        let example = root().join("examples/msp");
        copy(&example.join("customers"), &runner.path("repo/customers"));
        copy(&example.join("portals"), &runner.path("repo/portals"));
        copy(&example.join("portals"), &runner.path("repo/base/portals"));
        let git =
            "git init -q -b main . && git add customers portals && git -c user.name=t -c user.email=t@t.example commit -q -m customers";
        assert!(runner.command(git).status.success(), "git");
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a writable file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn command(&self, script: &str) -> Output {
        self.shell(script, &[])
    }

    /// Runs a text as GitHub does: `bash -e`, in the repository.
    fn shell(&self, script: &str, env: &[(&str, &str)]) -> Output {
        let path = std::env::var("PATH").expect("a search path");
        let mut command = super::command("bash");
        command.args(["--noprofile", "--norc", "-e", "-c", script]).current_dir(self.path("repo"));
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("GITHUB_OUTPUT", self.path("output")).env("GITHUB_STEP_SUMMARY", self.path("summary"));
        command
            .env("CI", "true")
            .env("TENANT_SECRET_TICKETING_API_KEY", "demo")
            .env("GH_LOG", self.path("gh.log"))
            .env("GH_IDS", self.path("gh.ids"));
        command.envs(env.iter().copied()).output().expect("bash runs")
    }

    /// Runs a step; its exit code, and what it said.
    fn step(&self, job: &str, name: &str, env: &[(&str, &str)]) -> (i32, String) {
        let run = self.steps.get(&(job.into(), name.into())).unwrap_or_else(|| panic!("no step `{name}` in job `{job}`"));
        let output = self.shell(run, env);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().expect("an exit code"), String::from_utf8_lossy(&said).into_owned())
    }

    fn succeeds(&self, job: &str, name: &str, env: &[(&str, &str)]) {
        let (code, said) = self.step(job, name, env);
        assert_eq!(code, 0, "{job}/{name}: {said}");
    }
}

/// Stands in for GitHub's own program: answers the list of comments from a file and writes down every other call.
const GH: &str = r#"#!/usr/bin/env bash
if [[ " $* " == *" --paginate "* ]]; then
    cat "$GH_IDS"
    exit
fi
body=""
for argument; do [[ $argument == body=@* ]] && body=$(head -c 60 "${argument#body=@}" | tr '\n' '|'); done
echo "$4 $5 $body" >> "$GH_LOG"
"#;

const COMMENT: [(&str, &str); 3] = [("GH_TOKEN", "t"), ("REPOSITORY", "msp/customers"), ("PULL_REQUEST", "7")];

#[test]
fn every_run_block_is_known_here() {
    let names: Vec<_> = steps(&read(WORKFLOW)).into_iter().map(|s| format!("{}/{}", s.job, s.name)).collect();
    assert_eq!(
        names,
        [
            "preview/Install Tenantry",
            "preview/Validate",
            "preview/Plan",
            "preview/Comment",
            "preview/Judge",
            "apply/Install Tenantry",
            "apply/Plan and apply"
        ]
    );
}

#[test]
fn run_blocks_are_taken_out_whole() {
    let text = "on: push\njobs:\n  one:\n    steps:\n      - uses: x\n      - name: First\n        run: |\n          a\n            b\n\n          c\n      - name: Second\n        run: |\n          d\n";
    let step = |name: &str, run: &str| Step { job: "one".into(), name: name.into(), run: run.into() };
    assert_eq!(steps(text), [step("First", "a\n  b\n\nc\n"), step("Second", "d\n")]);
}

#[test]
fn a_pull_request_gets_no_right_to_write_to_a_portal() {
    let workflow = read(WORKFLOW);
    let code: String = workflow.lines().filter(|l| !l.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
    assert!(!code.contains("pull_request_target"), "a fork's code would run with the base branch's secrets");
    let preview = code.split("\n  apply:").next().expect("a first part");
    assert!(!preview.contains("LEDGER_WRITE_URL") && !preview.contains("tenantry apply"), "the preview may write");
    assert!(preview.contains("--portals base/portals"), "the preview's portals come from the base branch");
    let expressions = steps(&workflow).into_iter().filter(|s| s.run.contains("${{")).map(|s| s.name).collect::<Vec<_>>();
    super::none("an expression inside a script can be made to run anything: hand it over in `env`", &expressions);
}

#[test]
fn comments_are_added_then_brought_up_to_date_then_deleted() {
    let runner = Runner::new();
    let part = |n: u8| format!("<!-- tenantry:plan:customers -->\npart {n} of 2\n");
    runner.write("repo/plan.md", &(part(1) + &part(2)));
    runner.write("gh.ids", "");
    runner.succeeds("preview", "Comment", &COMMENT);
    let post = "POST repos/msp/customers/issues/7/comments <!-- tenantry:plan:customers -->|part";
    assert_eq!(runner.read("gh.log"), format!("{post} 1 of 2|\n{post} 2 of 2|\n"));

    runner.write("gh.log", "");
    runner.write("gh.ids", "11\n12\n13\n");
    runner.succeeds("preview", "Comment", &COMMENT);
    let patch = |id: u8, n: u8| format!("PATCH repos/msp/customers/issues/comments/{id} <!-- tenantry:plan:customers -->|part {n} of 2|\n");
    let delete = "DELETE repos/msp/customers/issues/comments/13 \n";
    assert_eq!(runner.read("gh.log"), patch(11, 1) + &patch(12, 2) + delete);
}

#[test]
fn the_preview_fails_where_a_person_has_to_look() {
    let runner = Runner::new();
    let judge = |code: &str| runner.step("preview", "Judge", &[("CODE", code)]).0;
    assert_eq!([judge("0"), judge("2"), judge("5"), judge("10"), judge("65")], [0, 0, 5, 10, 65]);
}

#[test]
fn a_pull_request_is_previewed_and_a_push_applied() {
    let runner = Runner::with_customers();
    runner.succeeds("preview", "Validate", &[("TENANTRY_LEDGER", ""), ("TENANTRY_MAC_KEY", "")]);
    runner.succeeds("preview", "Plan", &[]);
    assert_eq!(runner.read("output"), "code=2\n", "changes are planned");
    let markdown = runner.read("repo/plan.md");
    assert!(markdown.starts_with("<!-- tenantry:plan:"), "the marker comes first: {markdown:.200}");
    let view: serde_json::Value = serde_json::from_str(&runner.read("repo/plan.view.json")).expect("JSON");
    assert_eq!(view["applyable"], true, "{view:#}");
    assert!(!Path::new(&runner.path("repo/apply.md")).exists(), "a preview applies nothing");
    runner.write("gh.ids", "");
    runner.succeeds("preview", "Comment", &COMMENT);
    assert!(runner.read("gh.log").starts_with("POST repos/msp/customers/issues/7/comments <!-- tenantry:plan:"));

    runner.succeeds("apply", "Plan and apply", &[("TICKET", "abc"), ("APPROVE_DIGEST", "")]);
    let applied = runner.read("repo/apply.md");
    assert!(!applied.is_empty(), "the apply says what it did");

    std::fs::remove_file(runner.path("repo/apply.md")).expect("the report of the apply");
    runner.succeeds("apply", "Plan and apply", &[("TICKET", "abc"), ("APPROVE_DIGEST", "")]);
    assert!(!Path::new(&runner.path("repo/apply.md")).exists(), "the second time there is nothing to apply");
}

//! Command lines and what they say, as one text. What differs from run to run (times, ids, paths, who runs it) is replaced by its name.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use tempfile::TempDir;

use super::faulty;
use crate::support::program::{self, Ran, copy, root};

/// A copy of an example, in which command lines are run.
pub(super) struct Shell {
    folder: TempDir,
    faults: String,
}

impl Shell {
    /// In an empty folder.
    pub(super) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), faults: String::new() }
    }

    /// In a copy of an example.
    pub(super) fn of(example: &str) -> Self {
        let shell = Self::empty();
        copy(&root().join("examples").join(example), shell.path());
        shell
    }

    /// In a folder with one small customer: an organization with two administrators and a role.
    pub(super) fn small() -> Self {
        let shell = Self::empty();
        shell.write("acme.yaml", SMALL);
        shell
    }

    /// The same after its first apply.
    pub(super) fn applied() -> Self {
        let shell = Self::small();
        shell.run("apply --auto-approve").exits(0);
        shell
    }

    /// From here on the portal misbehaves.
    pub(super) fn faults(mut self, faults: &str) -> Self {
        self.faults = faults.to_owned();
        self
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let file = self.file(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(file, text).expect("a writable file");
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Replaces a text that stands in a file once.
    pub(super) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {name}: {text}");
        self.write(name, &text.replace(from, to));
    }

    /// Runs a command line (words at blanks; no quoting).
    pub(super) fn run(&self, line: &str) -> Ran {
        self.run_with(line, &[])
    }

    /// Runs a command line with these variables.
    pub(super) fn run_with(&self, line: &str, variables: &[(&str, &str)]) -> Ran {
        let args: Vec<&str> = line.split_whitespace().collect();
        if self.faults.is_empty() {
            return program::run_with(self.path(), &args, variables);
        }
        let mut child = faulty::child(self.path(), &self.faults, &args);
        faulty::ran(Ran::of(child.envs(variables.iter().copied()).output().expect("the child runs")))
    }

    /// Runs command lines and renders what a person sees: the line, standard output, standard error behind `!`, and the exit code.
    pub(super) fn transcript(&self, lines: &[&str]) -> String {
        let mut text = String::new();
        for line in lines {
            let ran = self.run(line);
            let _ = writeln!(text, "$ tenantry {line}");
            text.push_str(&ran.out);
            for said in ran.err.lines() {
                let _ = writeln!(text, "{}", format!("! {said}").trim_end());
            }
            let _ = writeln!(text, "exit {}", ran.code.map_or("by a signal".to_owned(), |c| c.to_string()));
        }
        normal(&text, self.path())
    }
}

const SMALL: &str = "\
apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata:
  name: acme
spec:
  displayName: ACME Tools
  roles:
    - name: staff
      permissions: [tickets.read]
  users:
    - name: alice
      email: alice@acme.example
      administrator: true
    - name: bob
      email: bob@acme.example
      administrator: true
      roles: [staff]
";

/// Replaces what differs from run to run.
pub(super) fn normal(text: &str, folder: &Path) -> String {
    static CHANGING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let rules = [
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
            (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
            (r"\b[\w.-]+@[\w.-]+ \(", "WHO ("),
            (r"process \d+", "process N"),
        ];
        rules.map(|(rule, name)| (Regex::new(rule).expect("a rule"), name)).into()
    });
    let text = text.replace(&folder.display().to_string(), "FOLDER");
    CHANGING.iter().fold(text, |text, (rule, name)| rule.replace_all(&text, *name).into_owned())
}

//! A desk at an MSP: a folder with manifests, a trusted root with a `Portal` and a profile of one's own, and the program.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::program::{self, Ran, root};

/// See the module.
pub(super) struct Desk {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Desk {
    /// A desk whose portal `portal` is at `endpoint` and has this profile, of `tests/profiles/`. `spec` is what else the `Portal` says.
    pub(super) fn new(profile: &str, endpoint: &str, spec: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        desk.write("portals/own.yaml", &std::fs::read_to_string(root().join("tests/profiles").join(profile)).unwrap());
        let head = "apiVersion: tenantry.dev/v1alpha1\nkind: Portal\nmetadata: {name: portal}\nspec:\n  profile: own.yaml\n";
        desk.write("portals/portal.yaml", &format!("{head}  endpoint: {endpoint}\n{spec}"));
        desk
    }

    /// The same with a variable in the environment of the program.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(n, _)| n != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let file = self.file(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Replaces a text that stands in a file once.
    #[track_caller]
    pub(super) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file(name)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {name}: {text}");
        self.write(name, &text.replace(from, to));
    }

    fn args(line: &str) -> Vec<&str> {
        let files = ["-f", "customers", "--portals", "portals", "--no-input"];
        line.split_whitespace().chain(files.into_iter().skip(if line.contains("-f ") { 2 } else { 0 })).collect()
    }

    /// Runs a command line (words at blanks) on the folder `customers`, trusting the folder `portals`.
    pub(super) fn run(&self, line: &str) -> Ran {
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        program::run_with(self.folder.path(), &Self::args(line), &variables)
    }

    /// Applies what is declared, with no question asked.
    #[track_caller]
    pub(super) fn apply(&self) -> Ran {
        self.run("apply --auto-approve").exits(0)
    }

    /// Fails unless the portal has all that is declared.
    #[track_caller]
    pub(super) fn in_step(&self) -> Ran {
        self.run("plan --expect-no-changes").exits(0)
    }

    /// All that is kept below a folder, as one text: nothing secret may be in it.
    pub(super) fn kept(&self, folder: &str) -> String {
        let mut text = String::new();
        program::walk(&self.file(folder), &mut |file: &Path| text.push_str(&String::from_utf8_lossy(&std::fs::read(file).unwrap())));
        text
    }
}

//! The program as its users meet it: a process with arguments, an environment of its own and a folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program itself.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tenantry");

/// A command without the program's own settings, and without those of the shell that runs the tests.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    let ours = |name: &std::ffi::OsString| ["TENANTRY_", "OTEL_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
    let set = std::env::vars_os().map(|(name, _)| name).filter(ours);
    set.for_each(|name| _ = command.env_remove(name));
    ["NO_COLOR", "RUST_LOG", "CI"].iter().for_each(|name| _ = command.env_remove(name));
    command
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Visits every file below a folder.
pub(crate) fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    walk(from, &mut |path| {
        let target: PathBuf = to.join(path.strip_prefix(from).expect("walked below it"));
        std::fs::create_dir_all(target.parent().expect("a file has a folder")).expect("a writable folder");
        std::fs::copy(path, target).expect("a writable file");
    });
}

/// What a process came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Ran {
    /// What a process came to.
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Both outputs.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// Fails unless it ended so.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.said());
        self
    }
}

/// Runs the program in a folder, with these variables.
pub(crate) fn run_with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let output = command(PROGRAM).args(args).current_dir(folder).envs(variables.iter().copied()).output();
    Ran::of(output.expect("the program runs"))
}

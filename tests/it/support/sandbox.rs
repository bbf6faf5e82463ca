//! A sandbox in a process of its own, as `tenantry sandbox` starts it. It ends with its value.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use super::program::{PROGRAM, command};

/// See the module.
pub(crate) struct Sandbox {
    process: Child,
    /// Where it is, such as `127.0.0.1:7700`.
    pub(crate) address: String,
    /// The MSP's token; of a sandbox that plays Wiv also its first API key.
    pub(crate) token: String,
}

impl Sandbox {
    /// Starts one in a folder, on a port that is free unless the words say another.
    pub(crate) fn start<'a>(words: impl IntoIterator<Item = &'a str>, folder: &Path) -> Self {
        let mut sandbox = command(PROGRAM);
        sandbox.arg("sandbox").args(words).arg("--json").current_dir(folder);
        let mut process = sandbox.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the sandbox runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("it speaks");
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |name: &str| said[name].as_str().expect("a text").to_owned();
        let address = text("screens").split('/').nth(2).expect("an address").to_owned();
        Self { process, address, token: text("operator_token") }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

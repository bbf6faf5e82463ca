//! What a person sees, and one transcript for each exit code.

use std::io::{BufRead, BufReader, Read};
use std::process::Command;

use tenantry::cli::exit::Exit;

use super::faulty;
use super::transcript::{Shell, normal};
use crate::support::program::{PROGRAM, Ran, command};

#[test]
fn probe() {
    let s = Shell::small();
    let mut t = s.transcript(&["validate", "plan", "apply --auto-approve", "plan --detailed-exitcode", "drift", "show acme", "access", "ledger list"]);
    for f in ["denied=acme/user/*", "refused=acme/user/alice", "pending=acme/user/alice", "uncertain=acme/user/alice", "unread=denied", "unread=down"] {
        t += f; t+="\n";
        t += &Shell::small().faults(f).transcript(&["apply --auto-approve -q"]);
    }
    std::fs::write("/tmp/probe.txt", t).unwrap();
}

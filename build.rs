//! Tells the tests which servers this machine has, so that a test that cannot run is shown as ignored, with the reason, and never as passed.
#![allow(clippy::print_stdout)] // How a build script speaks.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for variable in ["PATH", "TEST_POSTGRES_URL"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    println!("cargo::rustc-check-cfg=cfg(have_postgres)");
    println!("cargo::rustc-check-cfg=cfg(have_postgres_with_tls)");
    let programs = postgres();
    if programs.is_some() || std::env::var_os("TEST_POSTGRES_URL").is_some() {
        println!("cargo::rustc-cfg=have_postgres");
    }
    // Certificates are made for a server of our own.
    let openssl = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join("openssl").is_file());
    if programs.is_some() && openssl {
        println!("cargo::rustc-cfg=have_postgres_with_tls");
    }
    println!("cargo::rustc-env=TEST_POSTGRES_PROGRAMS={}", programs.unwrap_or_default().display());
}

/// The folder of PostgreSQL's programs: Debian and Red Hat keep `initdb` off the path, one folder a version; the newest is taken.
fn postgres() -> Option<PathBuf> {
    let versions = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"].into_iter().flat_map(|root| {
        let mut found: Vec<_> = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
        found.sort();
        found.into_iter().rev()
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .chain(std::env::split_paths(&path))
        .find(|folder| ["initdb", "postgres", "pg_isready"].iter().all(|program| folder.join(program).is_file()))
}

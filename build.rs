//! Tells the tests which servers this machine has, so that a test that cannot run is shown as ignored, with the reason, and never as passed.
#![allow(clippy::print_stdout)] // How a build script speaks.

use std::path::{Path, PathBuf};

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
    installed_servers();
    browser();
}

/// What `tests/servers/install` has put into `target/servers`, or where `TEST_SERVERS` says.
fn installed_servers() {
    println!("cargo::rerun-if-env-changed=TEST_SERVERS");
    let target = || PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).ancestors().nth(4).map(|t| t.join("servers"));
    let folder = std::env::var_os("TEST_SERVERS").map(PathBuf::from).or_else(target).unwrap_or_default();
    for (server, condition) in [
        ("keystone", "have_keystone"),
        ("better-auth", "have_better_auth"),
        ("helm", "have_helm"),
        ("promtool", "have_promtool"),
        ("glua", "have_glua"),
    ] {
        println!("cargo::rustc-check-cfg=cfg({condition})");
        let stamp = folder.join(server).join("stamp");
        if stamp.is_file() {
            // A file that is not there would count as changed each time: the installation touches this script instead.
            println!("cargo::rerun-if-changed={}", stamp.display());
            println!("cargo::rustc-cfg={condition}");
        }
    }
    println!("cargo::rustc-env=TEST_SERVERS={}", folder.display());
    kubernetes(&folder.join("kubernetes"));
}

/// A control plane of Kubernetes: where `KUBEBUILDER_ASSETS` says, as the field has it, or the one that was installed. The controller manager is a
/// condition of its own, because the field's downloads leave it out.
fn kubernetes(installed: &Path) {
    println!("cargo::rerun-if-env-changed=KUBEBUILDER_ASSETS");
    let folder = std::env::var_os("KUBEBUILDER_ASSETS").filter(|v| !v.is_empty()).map_or_else(|| installed.to_owned(), PathBuf::from);
    let has = |program: &str| folder.join(program).is_file();
    if installed.join("stamp").is_file() {
        println!("cargo::rerun-if-changed={}", installed.join("stamp").display());
    }
    println!("cargo::rustc-check-cfg=cfg(have_kubernetes)");
    println!("cargo::rustc-check-cfg=cfg(have_kubernetes_controllers)");
    if has("etcd") && has("kube-apiserver") {
        println!("cargo::rustc-cfg=have_kubernetes");
        if has("kube-controller-manager") {
            println!("cargo::rustc-cfg=have_kubernetes_controllers");
        }
    }
    println!("cargo::rustc-env=TEST_KUBERNETES_PROGRAMS={}", folder.display());
}

/// A browser without a window, and what drives it: for the tests that follow a work order as a technician would.
fn browser() {
    println!("cargo::rustc-check-cfg=cfg(have_chromium)");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if has("chromedriver") && has("chromium") {
        println!("cargo::rustc-cfg=have_chromium");
    }
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

//! Tells the tests which servers this machine has, so that a test that cannot run is shown as ignored, with the reason, and never as passed.
#![allow(clippy::print_stdout)] // How a build script speaks.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
    if programs.is_some() && on_the_path("openssl") {
        println!("cargo::rustc-cfg=have_postgres_with_tls");
    }
    println!("cargo::rustc-env=TEST_POSTGRES_PROGRAMS={}", programs.unwrap_or_default().display());
    installed_servers();
    browser();
    systemd();
    image();
}

/// What `tests/servers/install` has put into `target/servers`, or where `TEST_SERVERS` says.
fn installed_servers() {
    println!("cargo::rerun-if-env-changed=TEST_SERVERS");
    let folder = std::env::var_os("TEST_SERVERS").map(PathBuf::from).or_else(|| Some(target()?.join("servers"))).unwrap_or_default();
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
    if on_the_path("chromedriver") && on_the_path("chromium") {
        println!("cargo::rustc-cfg=have_chromium");
    }
}

/// What judges a unit for systemd, where or not systemd itself runs.
fn systemd() {
    println!("cargo::rustc-check-cfg=cfg(have_systemd)");
    if on_the_path("systemd-analyze") {
        println!("cargo::rustc-cfg=have_systemd");
    }
}

/// The image that `tests/image/build` made, if it is of the sources as they are; and what runs it as a node does, which takes root.
fn image() {
    println!("cargo::rustc-check-cfg=cfg(have_runc)");
    println!("cargo::rustc-check-cfg=cfg(have_image)");
    println!("cargo::rerun-if-env-changed=TEST_IMAGE");
    let folder = std::env::var_os("TEST_IMAGE").map(PathBuf::from).or_else(|| Some(target()?.join("image"))).unwrap_or_default();
    println!("cargo::rustc-env=TEST_IMAGE={}", folder.display());
    let stamp = folder.join("stamp");
    if !is_root() {
        return;
    }
    if on_the_path("runc") && on_the_path("ip") && Path::new("/usr/share/containers/seccomp.json").is_file() {
        println!("cargo::rustc-cfg=have_runc");
    }
    // Written last; the other one is as old as the sources that were taken.
    if stamp.is_file()
        && let Some(begun) = changed(&folder.join("begun"))
    {
        let sources = ["Cargo.lock", "Cargo.toml", "Dockerfile", "src"];
        for path in sources {
            println!("cargo::rerun-if-changed={path}");
        }
        println!("cargo::rerun-if-changed={}", stamp.display());
        if sources.iter().all(|path| newest(Path::new(path)).is_some_and(|at| at < begun)) {
            println!("cargo::rustc-cfg=have_image");
        }
    }
}

/// Whether this is run by root, who alone may make namespaces and files of other users.
fn is_root() -> bool {
    #[cfg(target_os = "linux")]
    return std::fs::metadata("/proc/self").is_ok_and(|own| std::os::linux::fs::MetadataExt::st_uid(&own) == 0);
    #[cfg(not(target_os = "linux"))]
    false
}

/// When a file was changed.
fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// When the last of all files below a path was changed.
fn newest(path: &Path) -> Option<SystemTime> {
    let below = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| newest(&entry.path()));
    // A folder changes when a file in it is taken away.
    below.fold(changed(path), |last, at| Some(last?.max(at?)))
}

/// The folder that cargo builds into.
fn target() -> Option<PathBuf> {
    PathBuf::from(std::env::var_os("OUT_DIR")?).ancestors().nth(4).map(Path::to_path_buf)
}

fn on_the_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
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

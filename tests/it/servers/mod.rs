//! Real servers for tests, started when the first test asks and stopped when the test program ends, however it ends. `build.rs` finds out which
//! of them this machine has; tests of the others are shown as ignored.

pub(crate) mod better_auth;
pub(crate) mod browser;
pub(crate) mod http;
pub(crate) mod keystone;
pub(crate) mod kubernetes;
pub(crate) mod postgres;
mod process;

pub(crate) use http::client;
pub(crate) use process::done;

/// In the gate nothing may be left out for want of a server.
#[test]
fn the_gate_has_every_server() {
    let required = std::env::var("TEST_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
    // Containers are root's to run.
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let has = [
        (cfg!(have_postgres), "PostgreSQL: install it (Debian: postgresql)"),
        (cfg!(have_keystone), "Keystone: run tests/servers/install"),
        (cfg!(have_better_auth), "Better Auth: run tests/servers/install"),
        (cfg!(have_kubernetes) && cfg!(have_kubernetes_controllers), "Kubernetes: run tests/servers/install, without KUBEBUILDER_ASSETS"),
        (cfg!(have_helm), "Helm: run tests/servers/install"),
        (cfg!(have_promtool), "promtool: run tests/servers/install"),
        (cfg!(have_glua), "the interpreter of Argo CD's scripts: run tests/servers/install"),
        (cfg!(have_chromium), "Chromium: install it (Debian: chromium, chromium-driver)"),
        (cfg!(have_systemd), "systemd-analyze: install it (Debian: systemd)"),
        (!root || cfg!(have_runc), "container runtime: install it (Debian: runc, iproute2, golang-github-containers-common)"),
        (!root || cfg!(have_image), "image of these sources: run tests/image/build"),
    ];
    let missing: Vec<_> = has.iter().filter(|(has, _)| required && !has).map(|(_, what)| *what).collect();
    assert!(missing.is_empty(), "TEST_REQUIRE_SERVERS=1, and there is no {missing:#?}");
}

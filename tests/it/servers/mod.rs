//! Real servers for tests, started when the first test asks and stopped when the test program ends, however it ends. `build.rs` finds out which
//! of them this machine has; tests of the others are shown as ignored.

pub(crate) mod postgres;

/// In the gate nothing may be left out for want of a server.
#[test]
fn the_gate_has_every_server() {
    let required = std::env::var("TEST_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
    assert!(!required || cfg!(have_postgres), "TEST_REQUIRE_SERVERS=1, and there is no PostgreSQL: install it (Debian: postgresql)");
}

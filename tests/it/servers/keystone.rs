//! Keystone, the identity service of OpenStack: an API that nobody here designed. Installed by `tests/servers/install`.

use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command};
use std::sync::OnceLock;

use super::http::answers;
use super::process::{done, place, ready, watched};

/// The password of its administrator; a canary: no output may hold it.
pub(crate) const PASSWORD: &str = "test-admin";

/// A running Keystone.
pub(crate) struct Keystone {
    /// Where its API begins, such as `http://127.0.0.1:5000/v3`.
    pub(crate) url: String,
    _alive: ChildStdin,
}

/// The one server of all tests: each test makes domains of its own.
pub(crate) fn server() -> &'static Keystone {
    static SERVER: OnceLock<Keystone> = OnceLock::new();
    SERVER.get_or_init(|| started(""))
}

/// A server of a test's own, with these lines at the end of its configuration: for what asks how many there are of something, or breaks things.
pub(crate) fn started(configuration: &str) -> Keystone {
    let installed = PathBuf::from(env!("TEST_SERVERS")).join("keystone");
    let (folder, port) = place("keystone");
    done(Command::new("cp").arg("-r").arg(installed.join("home/.")).arg(&folder));
    let usual = std::fs::read_to_string(installed.join("keystone.conf")).unwrap().replace("HOME", folder.to_str().unwrap());
    std::fs::write(folder.join("keystone.conf"), format!("{usual}\n{configuration}\n")).unwrap();
    keeps_foreign_keys(&folder.join("keystone.db"));
    let mut command = Command::new(installed.join("venv/bin/python"));
    command.arg(installed.join("serve.py")).arg(folder.join("keystone.conf")).arg(port.to_string());
    let alive = watched(&command, &folder, "TERM");
    ready("Keystone", &folder, || answers(port, "/v3"));
    Keystone { url: format!("http://127.0.0.1:{port}/v3"), _alive: alive }
}

/// Keystone leaves it to its database to take away with a row what refers to it, which SQLite does for those alone who ask for it on each
/// connection. A role that went would leave what it implied, and `/role_inferences` would be 500 from then on.
fn keeps_foreign_keys(database: &Path) {
    let database = rusqlite::Connection::open(database).unwrap();
    let sql = "SELECT 'CREATE TRIGGER cascade_' || t.name || '_' || f.id || ' AFTER DELETE ON \"' || f.\"table\" || '\" BEGIN DELETE FROM \"'
                  || t.name || '\" WHERE ' || group_concat('\"' || f.\"from\" || '\" = OLD.\"' || f.\"to\" || '\"', ' AND ') || '; END;'
               FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table' AND f.on_delete = 'CASCADE' GROUP BY t.name, f.id";
    let triggers: Vec<String> = database.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(triggers.iter().any(|t| t.contains("implied_role")), "{triggers:#?}");
    database.execute_batch(&triggers.concat()).unwrap();
}

#[cfg_attr(not(have_keystone), ignore = "needs Keystone: tests/servers/install")]
#[test]
fn keystone_answers_and_knows_its_administrator() {
    let user = serde_json::json!({"name": "admin", "domain": {"id": "default"}, "password": PASSWORD});
    let body = serde_json::json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}});
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(super::client().post(format!("{}/auth/tokens", server().url)).json(&body).send()).unwrap();
    assert!(answer.status() == 201 && answer.headers().contains_key("x-subject-token"), "{answer:?}");
}

//! Better Auth: an API that nobody here designed, in memory. Installed by `tests/servers/install`.

use std::path::PathBuf;
use std::process::{ChildStdin, Command};
use std::sync::OnceLock;

use super::http::answers;
use super::process::{place, ready, watched};

/// The password of the MSP's user; a canary: no output may hold it.
pub(crate) const PASSWORD: &str = "canary-b7e2-msp";
/// The MSP's user.
pub(crate) const EMAIL: &str = "tenantry@msp.example";

/// A running Better Auth.
pub(crate) struct BetterAuth {
    /// Where it is, such as `http://127.0.0.1:3000`.
    pub(crate) url: String,
    _alive: ChildStdin,
}

/// The one server of all tests: each test makes organizations of its own.
pub(crate) fn server() -> &'static BetterAuth {
    static SERVER: OnceLock<BetterAuth> = OnceLock::new();
    SERVER.get_or_init(|| start(&[]))
}

/// A server of one's own, with at most so many requests in ten seconds.
pub(crate) fn limited(requests: u32) -> BetterAuth {
    start(&[("RATE_LIMIT", requests)])
}

/// A server of one's own whose invitations hold so many seconds.
pub(crate) fn brief(seconds: u32) -> BetterAuth {
    start(&[("INVITATION_SECONDS", seconds)])
}

fn start(settings: &[(&str, u32)]) -> BetterAuth {
    let installed = PathBuf::from(env!("TEST_SERVERS")).join("better-auth");
    let (folder, port) = place("better-auth");
    let mut command = Command::new("node");
    command.arg(installed.join("server.mjs")).arg(port.to_string()).env("BETTER_AUTH_SECRET", uuid::Uuid::now_v7().to_string().repeat(2));
    command.envs(settings.iter().map(|(name, value)| (name, value.to_string())));
    let alive = watched(&command, &folder, "TERM");
    ready("Better Auth", &folder, || answers(port, "/outbox"));
    let url = format!("http://127.0.0.1:{port}");
    sign_up(&url, EMAIL, PASSWORD);
    BetterAuth { url, _alive: alive }
}

/// Makes a user, who then may sign in.
pub(crate) fn sign_up(url: &str, email: &str, password: &str) {
    let body = serde_json::json!({"email": email, "password": password, "name": email}).to_string();
    let status = std::thread::scope(|scope| scope.spawn(|| post(&format!("{url}/api/auth/sign-up/email"), body)).join().unwrap());
    assert_eq!(status, 200, "{email} could not sign up");
}

fn post(url: &str, body: String) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let request = super::client().post(url).header("content-type", "application/json").body(body);
        request.send().await.unwrap().status().as_u16()
    })
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn better_auth_answers_and_knows_the_msp() {
    let body = serde_json::json!({"email": EMAIL, "password": PASSWORD}).to_string();
    assert_eq!(post(&format!("{}/api/auth/sign-in/email", server().url), body), 200);
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn a_limited_better_auth_throttles() {
    let server = limited(2);
    let body = || serde_json::json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let statuses: Vec<_> = (0..6).map(|_| post(&format!("{}/api/auth/sign-in/email", server.url), body())).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
}

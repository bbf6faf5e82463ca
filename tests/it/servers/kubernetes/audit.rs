//! The API server's own account of who asked for what: tests of the operator end in "and nothing else was called".

use std::fmt;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{Cluster, get};

/// Everybody but the API server itself and the controllers. A watch is in the log when it begins, everything else when it ends.
pub(super) const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:apiserver", "system:kube-controller-manager"]
  - level: Metadata
"#;

/// What the barriers' requests have in their addresses.
const BARRIER: &str = "/version?barrier=";

/// A place in the log.
#[derive(Clone, Copy)]
pub(crate) struct Mark(u64);

/// One request, as the API server saw it. What it has not is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Such as `admin` or `system:serviceaccount:NAMESPACE:NAME`.
    pub(crate) user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub(crate) verb: String,
    /// As in a rule of RBAC, with its group: `secrets`, `leases.coordination.k8s.io`. Of a request for no resource, its path.
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The HTTP status of its answer.
    pub(crate) code: u16,
}

impl fmt::Display for Request {
    /// `patch tenants.tenantry.dev/status team/acme 200`, without the user: what a test compares.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user: _, verb, resource, subresource, namespace, name, code } = self;
        write!(f, "{verb} {resource}")?;
        let slash = |text: &str| if text.is_empty() { String::new() } else { format!("/{text}") };
        write!(f, "{}", slash(subresource))?;
        match (namespace.as_str(), name.as_str()) {
            ("", "") => {}
            ("", name) => write!(f, " {name}")?,
            (namespace, name) => write!(f, " {namespace}{}", slash(name))?,
        }
        write!(f, " {code}")
    }
}

impl Cluster {
    /// Here and now in the log: every request that was answered before is in front of it.
    pub(crate) async fn mark(&self) -> Mark {
        let barrier = format!("{BARRIER}{}", uuid::Uuid::now_v7());
        let before = self.log_length();
        self.client().request_text(get(&barrier)).await.unwrap();
        // A request is in the log before its answer is complete, as long as that is small; a large one's last bytes may be ahead of its line. The
        // answer to this one is behind them all, and so is its line.
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let text = self.log(before, u64::MAX);
            if let Some(line) = text.split_inclusive('\n').find(|line| line.contains(&barrier) && line.ends_with('\n')) {
                let end = line.as_ptr() as usize - text.as_ptr() as usize + line.len();
                return Mark(before + end as u64);
            }
            assert!(Instant::now() < deadline, "the audit log does not show {barrier}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What was asked since a mark, by everybody, in the order of the answers. The API server and the controllers are left out.
    pub(crate) async fn requests_since(&self, mark: Mark) -> Vec<Request> {
        let end = self.mark().await;
        self.log(mark.0, end.0).lines().filter_map(request).collect()
    }

    /// The same, of one user, each as a line: see [`Request`]'s `Display`.
    pub(crate) async fn requests_of(&self, user: &str, mark: Mark) -> Vec<String> {
        self.requests_since(mark).await.iter().filter(|request| request.user == user).map(Request::to_string).collect()
    }

    fn log_length(&self) -> u64 {
        std::fs::metadata(self.file("audit.log")).unwrap().len()
    }

    fn log(&self, from: u64, to: u64) -> String {
        let mut file = std::fs::File::open(self.file("audit.log")).unwrap();
        file.seek(SeekFrom::Start(from)).unwrap();
        let mut text = Vec::new();
        file.take(to.saturating_sub(from)).read_to_end(&mut text).unwrap();
        // Lines are written whole, while another one may be half there at the end.
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct User {
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    resource: String,
    api_group: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
}

/// The request of a line, if that is the one line that counts of it.
fn request(line: &str) -> Option<Request> {
    let event: Event = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}"));
    if event.request_uri.starts_with(BARRIER) {
        return None;
    }
    // Of a watch and of whom the API server does not know there is a line at the beginning of the answer; the watch's end has another one.
    let begins = event.stage == "ResponseStarted";
    if (event.verb == "watch" || event.response_status.code == 401) != begins {
        return None;
    }
    let ObjectRef { resource, api_group, subresource, namespace, name } = event.object_ref;
    let resource = match (resource.is_empty(), api_group.is_empty()) {
        (true, _) => event.request_uri.split('?').next().unwrap_or_default().to_owned(),
        (false, true) => resource,
        (false, false) => format!("{resource}.{api_group}"),
    };
    // The log names a namespace by itself, too.
    let namespace = if resource == "namespaces" { String::new() } else { namespace };
    Some(Request { user: event.user.username, verb: event.verb, resource, subresource, namespace, name, code: event.response_status.code })
}

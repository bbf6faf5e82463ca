//! What is stored, behind the API server's back: for tests of what a watch never tells.

use k8s_openapi::ByteString;
use serde_json::json;

use super::Cluster;

impl Cluster {
    /// Deletes an object by its key in etcd; the API server is stopped, and hears nothing of it.
    pub(crate) fn delete_stored(&self, key: &str) {
        let deleted = self.ask_etcd("deleterange", &json!({ "key": ByteString(key.into()) }));
        assert_eq!(deleted["deleted"], "1", "{key}: {deleted}");
    }

    /// Forgets everything but what is stored now: a watch that began earlier cannot go on (410).
    pub(crate) fn forget_what_was(&self) {
        let now = self.ask_etcd("range", &json!({ "key": ByteString(b"/".to_vec()) }));
        let revision = now["header"]["revision"].clone();
        self.ask_etcd("compaction", &json!({ "revision": revision, "physical": true }));
    }

    fn ask_etcd(&self, what: &str, body: &serde_json::Value) -> serde_json::Value {
        let body = body.to_string();
        let answer = super::apart(async {
            let url = format!("http://127.0.0.1:{}/v3/kv/{what}", self.etcd_port);
            crate::servers::http::client().post(url).body(body).send().await.unwrap().text().await.unwrap()
        });
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }
}

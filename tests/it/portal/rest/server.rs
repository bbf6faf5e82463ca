//! A server on this machine that answers as a test says, and remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::Value as Json;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// `METHOD /path?query`.
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) text: String,
}

impl Asked {
    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// An answer: status, headers, body.
pub(super) type Answer = (u16, Vec<(&'static str, String)>, Json);

/// An answer of success.
pub(super) fn ok(body: Json) -> Answer {
    (200, Vec::new(), body)
}

/// An answer of another status.
pub(super) fn status(status: u16, body: Json) -> Answer {
    (status, Vec::new(), body)
}

/// See the module. It ends with its value.
pub(super) struct Server {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(super) async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let handle = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap_or_default().to_owned()));
                let line = format!("{method} {}", uri.path_and_query().map_or("", |p| p.as_str()));
                let asked = Asked { line, headers: headers.collect(), text: String::from_utf8_lossy(&body).into_owned() };
                let (status, headers, body) = answer(&asked);
                log.lock().unwrap().push(asked);
                let mut answer = (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response();
                for (name, value) in headers {
                    answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
                }
                answer
            }
        };
        let app = axum::Router::new().fallback(handle);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, task }
    }

    /// What it was asked since it was last asked for this.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// The same, sorted, method and path alone.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.asked().into_iter().map(|a| a.line).collect();
        lines.sort();
        lines
    }
}

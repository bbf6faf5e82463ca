//! A collector of traces on this machine: it takes in what is exported to it, and remembers it. It ends with its value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message as _;

/// See the module.
pub(crate) struct Collector {
    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) url: String,
    taken: Arc<Mutex<Vec<Taken>>>,
    _runtime: tokio::runtime::Runtime,
}

struct Taken {
    headers: HeaderMap,
    body: Bytes,
}

impl Collector {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let take = |State(taken): State<Arc<Mutex<Vec<Taken>>>>, headers: HeaderMap, body: Bytes| async move {
            taken.lock().expect("nobody panicked").push(Taken { headers, body });
        };
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&taken));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, taken, _runtime: runtime }
    }

    /// The value of a header of each request.
    pub(crate) fn header(&self, name: &str) -> BTreeSet<String> {
        let taken = self.taken.lock().expect("nobody panicked");
        taken.iter().filter_map(|t| Some(t.headers.get(name)?.to_str().expect("a text").to_owned())).collect()
    }

    /// All bodies, as somebody would read them who looks for a text in them.
    pub(crate) fn raw(&self) -> String {
        let taken = self.taken.lock().expect("nobody panicked");
        taken.iter().map(|t| String::from_utf8_lossy(&t.body).into_owned()).collect()
    }

    /// What stands in the resource of every span.
    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        let of_all = self.exports().into_iter().flat_map(|e| e.resource_spans).filter_map(|r| r.resource);
        of_all.flat_map(|r| r.attributes).map(|pair| (pair.key.clone(), value(&pair))).collect()
    }

    /// The spans, one line each: what it is within, behind `<`; its name, its attributes, and `ERROR` if it failed. Sorted, each once.
    pub(crate) fn lines(&self) -> BTreeSet<String> {
        let scopes = self.exports().into_iter().flat_map(|e| e.resource_spans).flat_map(|r| r.scope_spans);
        let spans: Vec<Span> = scopes.flat_map(|s| s.spans).collect();
        assert!(spans.iter().all(|s| s.events.is_empty() && s.links.is_empty()), "log lines went along: {spans:?}");
        spans.iter().map(|span| line(span, &spans)).collect()
    }

    fn exports(&self) -> Vec<ExportTraceServiceRequest> {
        let taken = self.taken.lock().expect("nobody panicked");
        taken.iter().map(|t| ExportTraceServiceRequest::decode(t.body.clone()).expect("OTLP")).collect()
    }
}

fn line(span: &Span, all: &[Span]) -> String {
    let mut attributes: Vec<_> = span.attributes.iter().map(|pair| format!(" {}={}", pair.key, value(pair))).collect();
    attributes.sort();
    let within = match all.iter().find(|s| s.span_id == span.parent_span_id) {
        Some(parent) => format!(" < {}", parent.name),
        None if span.parent_span_id.is_empty() => String::new(),
        None => " < something that was not sent".to_owned(),
    };
    let failed = span.status.as_ref().is_some_and(|s| s.code == StatusCode::Error as i32);
    format!("{}{}{}{within}", span.name, attributes.concat(), if failed { " ERROR" } else { "" })
}

fn value(pair: &KeyValue) -> String {
    match pair.value.as_ref().and_then(|AnyValue { value }| value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

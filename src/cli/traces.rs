//! Where spans go: a collector of traces, by OTLP over HTTP. Comes in: what the environment says of one. Goes out: the spans of [`spans`], from a
//! thread of their own, and what is left of them when a command ends.
//!
//! A collector that is gone, slow or refuses never fails a command, holds it up for longer than [`LAST_WAIT`] or changes what it says: one log
//! line at `info` an outage. What the SDK reads of the environment by itself is listed in docs/observability.md.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, ResponseBodyTooLarge};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::redirect::Policy;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};
use url::{Host, Url};

use super::settings::Collector;
use crate::spans;
use crate::trust::Trust;

/// How long the end of a command waits for a collector: a healthy one takes milliseconds, and nobody waits for one that is not.
const LAST_WAIT: Duration = Duration::from_millis(2500);
/// How long a collector may take to be reached, and to answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// The longest answer that is read: a collector has next to nothing to say.
const MAX_ANSWER: usize = 64 * 1024;

/// Spans on their way. Dropped, it sends what is left.
pub(super) struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        // What could not be delivered in time is lost, and was said where it failed.
        let _delivered = self.0.shutdown_with_timeout(LAST_WAIT);
    }
}

impl Traces {
    /// Sends spans to a collector; nothing is sent yet.
    ///
    /// # Errors
    /// With what is wrong with the settings, in words without the address, which may hold a password.
    pub(super) fn to(collector: &Collector) -> Result<Self, String> {
        let http = Sender::to(collector)?;
        let exporter = SpanExporter::builder().with_http().with_http_client(http).with_protocol(Protocol::HttpBinary).build();
        let exporter = exporter.map_err(|_| "the settings of OTEL_EXPORTER_OTLP_… cannot be used together".to_owned())?;
        let mut resource = Resource::builder();
        if !collector.service_named {
            resource = resource.with_service_name("tenantry");
        }
        let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
        Ok(Self(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build()))
    }

    /// Takes our spans in, and nothing else: log lines and what other crates trace may name people.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let ours = filter_fn(|metadata| metadata.is_span() && metadata.target() == spans::TARGET);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("tenantry"))
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(ours.with_max_level_hint(LevelFilter::INFO))
            .boxed()
    }
}

/// The way to a collector, for the one thread that sends spans.
#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    /// That thread has none.
    runtime: tokio::runtime::Runtime,
    /// An outage that was told of.
    failing: AtomicBool,
}

impl Sender {
    fn to(collector: &Collector) -> Result<Self, String> {
        if let Some(other) = collector.protocol.as_ref().filter(|protocol| *protocol != "http/protobuf") {
            return Err(format!("OTEL_EXPORTER_OTLP_PROTOCOL is `{other}`, and http/protobuf alone is spoken"));
        }
        let url = Url::parse(&collector.endpoint).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let url = url.ok_or("OTEL_EXPORTER_OTLP_ENDPOINT is no http:// or https:// URL")?;
        let trust = match url.scheme() {
            "https" => Trust::of_this_machine().map_err(str::to_owned)?.clone(),
            _ => Trust::in_authorities([])?,
        };
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(trust.config())
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .connect_timeout(CONNECT)
            .timeout(ANSWER);
        let builder = if is_loopback(&url) { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|e| format!("no HTTP client can be made: {}", e.without_url()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("the runtime cannot be started: {e}"))?;
        Ok(Self { http, runtime, failing: AtomicBool::new(false) })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.http.execute(request.try_into()?).await?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(ResponseBodyTooLarge::new().into());
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.into());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }

    /// Says it once when spans cannot be delivered any more.
    fn note(&self, trouble: Option<String>) {
        match trouble {
            Some(why) if !self.failing.swap(true, Ordering::Relaxed) => {
                tracing::info!("spans are not delivered to the collector of traces: {why}; all else goes on without it");
            }
            Some(_) => {}
            None => self.failing.store(false, Ordering::Relaxed),
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.runtime.block_on(self.exchange(request));
        self.note(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status().as_u16())),
            Err(error) => Some(innermost(error.as_ref())),
        });
        answer
    }
}

/// The cause of an error: what is around it repeats it, and may name the address.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => "it did not answer in time".to_owned(),
        Some(_) => "it could not be asked".to_owned(),
        None => error.to_string(),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

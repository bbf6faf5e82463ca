//! Custom resource definitions: what `tenantry validate` takes, an API server takes under strict validation, and the other way round.
//!
//! One document is judged at a time. What only all documents together tell is left out by its code, in [`BETWEEN`].

mod documents;
mod earlier;
mod kept;
mod shape;
mod told;

use std::path::Path;

use kube::Client;
use tenantry::diagnostic::Diagnostic;
use tenantry::manifest::{Builtins, Settings, SourceText, lower_sources};
use tenantry::model::Kind;

use crate::servers::kubernetes::Cluster;

/// What is wrong between resources, and not with a document: references, keys that two of them have, former names.
const BETWEEN: [&str; 6] = ["M031", "M032", "M033", "M034", "M036", "M038"];

/// Why lowering refuses a document; nothing: it takes it.
fn lowering_refuses(document: &str) -> Vec<String> {
    let settings = Settings { only: None, builtins: Builtins::Unknown };
    let loaded = lower_sources(vec![SourceText::new("team/Kind/document", document)], settings);
    // The annotation and the field of one document are nobody else's.
    let between = |d: &Diagnostic| BETWEEN.contains(&d.code.as_str()) && !d.summary.contains("and the annotation");
    let alone = loaded.diagnostics.iter().filter(|d| d.is_error() && !between(d));
    alone.map(|d| format!("{} {}", d.code, d.summary)).collect()
}

/// An API server that knows the definitions, and a namespace to try documents in. Nothing is ever stored.
struct ApiServer {
    client: Client,
    namespace: String,
}

impl ApiServer {
    async fn with_definitions() -> Self {
        let cluster = Cluster::shared();
        cluster.apply_crds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await;
        Self { client: cluster.client(), namespace: cluster.namespace().await }
    }

    /// Why the API server refuses a document as it stands, YAML and all.
    async fn refuses(&self, kind: Kind, document: &str) -> Option<String> {
        let plural = format!("{}s", kind.def().name.to_lowercase());
        let path = format!("/apis/tenantry.dev/v1alpha1/namespaces/{}/{plural}?dryRun=All&fieldValidation=Strict", self.namespace);
        let request = axum::http::Request::post(path).header("content-type", "application/yaml");
        match self.client.request_text(request.body(document.as_bytes().to_vec()).unwrap()).await {
            Ok(_) => None,
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => Some(status.message.clone()),
            Err(other) => panic!("{other}\nof:\n{document}"),
        }
    }
}

/// The documents of a text that are of a kind of ours.
fn documents(text: &str) -> Vec<(Kind, String)> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        match (line == "---", parts.last_mut()) {
            (false, Some(part)) => *part += &format!("{line}\n"),
            _ => parts.push(String::new()),
        }
    }
    let kind = |part: &str| part.lines().find_map(|l| Kind::from_name(l.strip_prefix("kind: ")?.trim()));
    parts.into_iter().filter_map(|part| Some((kind(&part)?, part))).collect()
}

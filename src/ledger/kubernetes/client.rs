//! Asks the API server. Comes in: objects and names. Goes out: objects, or why not, sorted by what is done about it. Never repeats a write by itself:
//! whoever writes finds out first whether it happened.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use kube::api::{Api, DeleteParams, GetParams, ListParams, ObjectList, PartialObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::client::Body;
use kube::core::Status;
use kube::{Client, Resource};

use super::shard::{Shard, VERSION};
use crate::ledger::LedgerError;

/// Longest wait for an answer. A connection that is silent for longer is taken for broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Objects that are asked for at once: of the largest, some twenty megabytes.
const PAGE: u32 = 100;
/// How often a listing begins anew because it took longer than the API server keeps what it began with.
const LISTINGS: usize = 5;

/// Why the API server did not do it.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Somebody was faster: look again.
    Conflict,
    /// Nobody knows whether it happened: the answer never came, or the server failed in the middle.
    Unknown(LedgerError),
    /// It did not happen, and trying again does not help.
    Ledger(LedgerError),
    /// The same, because of what was to be written: something else may be.
    Refused(LedgerError),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<Failure> for LedgerError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict => Self::Unavailable("the ledger's objects were changed by others again and again: try again".to_owned()),
            Failure::Unknown(error) | Failure::Ledger(error) | Failure::Refused(error) => error,
        }
    }
}

pub(super) type Metadata = PartialObjectMeta<Shard>;

/// One page of a listing.
type Page<K> = for<'a> fn(&'a Shards, ListParams) -> BoxFuture<'a, Result<ObjectList<K>, kube::Error>>;

/// The ledger's objects in one namespace.
#[derive(Clone)]
pub(super) struct Shards {
    pub(super) client: Client,
    pub(super) namespace: String,
    api: Api<Shard>,
}

impl Shards {
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client.clone(), namespace), client, namespace: namespace.to_owned() }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Shard>, Failure> {
        self.found(self.wait(self.api.get(name)).await).and_then(|shard| shard.map(known).transpose())
    }

    /// Without its body.
    pub(super) async fn get_metadata(&self, name: &str) -> Result<Option<Metadata>, Failure> {
        self.found(self.wait(self.api.get_metadata(name)).await)
    }

    /// All that a selector names, as they were at one moment.
    pub(super) async fn list(&self, selector: &str) -> Result<Vec<Shard>, Failure> {
        let all = self.pages(selector, |shards, params| Box::pin(async move { shards.wait(shards.api.list(&params)).await })).await?;
        all.into_iter().map(known).collect()
    }

    /// The same, without their bodies.
    pub(super) async fn list_metadata(&self, selector: &str) -> Result<Vec<Metadata>, Failure> {
        self.pages(selector, |shards, params| Box::pin(async move { shards.wait(shards.api.list_metadata(&params)).await })).await
    }

    async fn pages<K: Clone>(&self, selector: &str, list: Page<K>) -> Result<Vec<K>, Failure> {
        let first = ListParams::default().labels(selector).limit(PAGE);
        'anew: for _ in 0..LISTINGS {
            let (mut all, mut params) = (Vec::new(), first.clone());
            loop {
                let page = match list(self, params).await {
                    Ok(page) => page,
                    // The moment that the listing began with is forgotten (410): half of it is worth nothing.
                    Err(kube::Error::Api(status)) if status.code == 410 => continue 'anew,
                    Err(error) => return Err(self.failure(error)),
                };
                all.extend(page.items);
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => params = first.clone().continue_token(&token),
                    None => return Ok(all),
                }
            }
        }
        Err(Failure::Conflict)
    }

    /// Makes an object; [`Failure::Conflict`] where there is one of this name.
    pub(super) async fn create(&self, shard: &Shard) -> Result<Shard, Failure> {
        self.wait(self.api.create(&PostParams::default(), shard)).await.map_err(|error| self.failure(error))
    }

    /// Replaces an object by what was made of it; [`Failure::Conflict`] where it is another one meanwhile, or gone.
    pub(super) async fn replace(&self, shard: &Shard) -> Result<Shard, Failure> {
        let name = shard.meta().name.as_deref().unwrap_or_default();
        let replaced = self.wait(self.api.replace(name, &PostParams::default(), shard)).await;
        replaced.map_err(|error| if gone(&error) { Failure::Conflict } else { self.failure(error) })
    }

    /// Sets an annotation of an object as it was seen; [`Failure::Conflict`] where it is another one meanwhile, or gone.
    pub(super) async fn annotate(&self, seen: &Metadata, key: &str, value: &str) -> Result<(), Failure> {
        let name = seen.metadata.name.as_deref().unwrap_or_default();
        let change = serde_json::json!({"metadata": {"resourceVersion": seen.metadata.resource_version, "annotations": {key: value}}});
        let change = Patch::Merge(change);
        let patched = self.wait(self.api.patch_metadata(name, &PatchParams::default(), &change)).await;
        patched.map(drop).map_err(|error| if gone(&error) { Failure::Conflict } else { self.failure(error) })
    }

    /// Deletes an object, if it is still at that version; whether it was there.
    pub(super) async fn delete(&self, name: &str, version: Option<String>) -> Result<bool, Failure> {
        let preconditions = version.map(|version| Preconditions { resource_version: Some(version), uid: None });
        let params = DeleteParams { preconditions, ..DeleteParams::default() };
        self.found(self.wait(self.api.delete(name, &params)).await).map(|answer| answer.is_some())
    }

    /// What time it is by the API server's clock, which is the same for everybody who asks it; to the second, rounded down.
    pub(super) async fn clock(&self) -> Result<Timestamp, Failure> {
        let request = kube::core::Request::new("/version").list(&ListParams::default()).map_err(kube::Error::BuildRequest);
        let request = request.map_err(|error| self.failure(error))?;
        let answer = self.wait(self.client.send(request.map(Body::from))).await.map_err(|error| self.failure(error))?;
        said_at(answer.headers().get("date").and_then(|date| date.to_str().ok()))
    }

    /// An object as it is, and what time it is by [`Self::clock`]: in one request, for whoever asks all the time.
    pub(super) async fn get_at<K>(&self, name: &str) -> Result<(Option<K>, Timestamp), Failure>
    where
        K: Resource<DynamicType = ()> + serde::de::DeserializeOwned,
    {
        let request = kube::core::Request::new(K::url_path(&(), Some(&self.namespace))).get(name, &GetParams::default());
        let request = request.map_err(kube::Error::BuildRequest).map_err(|error| self.failure(error))?;
        let call = async {
            let answer = self.client.send(request.map(Body::from)).await?;
            let (status, date) = (answer.status(), answer.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned));
            let bytes = answer.into_body().collect_bytes().await?;
            let object = match status.is_success() {
                true => serde_json::from_slice::<K>(&bytes).map_err(kube::Error::SerdeError),
                false => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let told =
                        serde_json::from_str::<Status>(&text).unwrap_or_else(|_| Status::failure(&text, "").with_code(status.as_u16()));
                    Err(kube::Error::Api(told.boxed()))
                }
            };
            Ok((object, date))
        };
        let (object, date) = self.wait(call).await.map_err(|error| self.failure(error))?;
        Ok((self.found(object)?, said_at(date.as_deref())?))
    }

    /// Waits for an answer, and no longer than it can take.
    pub(super) async fn wait<T>(&self, call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
        let late = |_| kube::Error::Service(format!("no answer within {} seconds", PATIENCE.as_secs()).into());
        tokio::time::timeout(PATIENCE, call).await.map_err(late)?
    }

    /// `None` where there is no such object.
    pub(super) fn found<T>(&self, answer: Result<T, kube::Error>) -> Result<Option<T>, Failure> {
        match answer {
            Ok(object) => Ok(Some(object)),
            Err(error) if gone(&error) => Ok(None),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// What an error of the client means, in words that say what to do.
    pub(super) fn failure(&self, error: kube::Error) -> Failure {
        let namespace = &self.namespace;
        let status = match error {
            kube::Error::Api(status) => status,
            // Who cannot even be asked: a kubeconfig's program that gives no credentials, say.
            kube::Error::Auth(error) => return Failure::Ledger(LedgerError::Denied(format!("namespace {namespace}: {error}"))),
            other => return Failure::Unknown(LedgerError::Unavailable(format!("the Kubernetes API server: {}", root(&other)))),
        };
        let message = status.message.trim();
        match status.code {
            409 => Failure::Conflict,
            401 => Failure::Ledger(LedgerError::Denied(format!("the Kubernetes API server does not know who asks: {message}"))),
            403 => {
                let rights = "get, list, create, update, patch and delete of ledgershards.tenantry.dev and leases.coordination.k8s.io";
                let remedy = format!("its role in namespace {namespace} needs {rights}");
                Failure::Ledger(LedgerError::Denied(format!("{message}: {remedy}")))
            }
            404 if message.contains("namespaces") => {
                Failure::Ledger(LedgerError::Unavailable(format!("{message}: create the namespace, or name another one")))
            }
            404 => {
                let missing = "the cluster has no kind LedgerShard (tenantry.dev/v1alpha1): install Tenantry's custom resource definitions";
                Failure::Ledger(LedgerError::Unavailable(missing.to_owned()))
            }
            400 | 413 | 422 => {
                Failure::Refused(LedgerError::Unavailable(format!("the cluster refuses an object of the ledger: {message}")))
            }
            code => Failure::Unknown(LedgerError::Unavailable(format!("the Kubernetes API server answers {code}: {message}"))),
        }
    }
}

/// What time an answer says it is.
fn said_at(date: Option<&str>) -> Result<Timestamp, Failure> {
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
    date.ok_or_else(|| Failure::Unknown(LedgerError::Unavailable("the Kubernetes API server does not say what time it is".to_owned())))
}

/// True of an answer that there is no such object. That there is no such kind, or no such namespace, is another one.
fn gone(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    status.code == 404 && status.details.as_ref().is_some_and(|d| !d.name.is_empty() && d.kind != "namespaces")
}

/// The innermost reason: those around it say only that a request failed.
pub(super) fn root(error: &kube::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

/// An object that this program can read.
fn known(shard: Shard) -> Result<Shard, Failure> {
    let found = shard.spec.version;
    if found > VERSION { Err(LedgerError::TooNew { found, known: VERSION }.into()) } else { Ok(shard) }
}

//! The key of the secrets' MACs, beside a ledger in a cluster: the Secret `tenantry-mac-key`, made once.
//!
//! Comes in: the namespace. Goes out: the key's text. Never changes a Secret that is there.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use secrecy::{ExposeSecret as _, SecretString};

use super::Place;
use crate::secrets::{KeepsMacKey, MacKeyError};

/// The Secret's name.
const NAME: &str = "tenantry-mac-key";
/// The key of its data.
const DATA: &str = "key";

/// The Secret of a namespace.
pub struct ClusterKey {
    namespace: String,
    from: From,
}

/// How the cluster is reached.
enum From {
    /// With a client that is there.
    Client(Client),
    /// With one that is made when the key is wanted.
    Place(Place),
}

impl ClusterKey {
    /// Through a client that is there already.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), from: From::Client(client) }
    }

    /// Of the ledger at a place.
    pub fn at(place: &Place) -> Self {
        Self { namespace: place.namespace().to_owned(), from: From::Place(place.clone()) }
    }

    async fn api(&self) -> Result<Api<Secret>, MacKeyError> {
        let client = match &self.from {
            From::Client(client) => client.clone(),
            From::Place(place) => place.connect().await.map_err(|e| MacKeyError::Unusable(e.to_string()))?,
        };
        Ok(Api::namespaced(client, &self.namespace))
    }

    fn unusable(&self, error: &kube::Error) -> MacKeyError {
        let why = match error {
            kube::Error::Api(status) => status.message.clone(),
            other => other.to_string(),
        };
        MacKeyError::Unusable(format!("{}: {why}", self.place()))
    }
}

#[async_trait]
impl KeepsMacKey for ClusterKey {
    fn place(&self) -> String {
        format!("Secret {}/{NAME}", self.namespace)
    }

    async fn read(&self) -> Result<Option<SecretString>, MacKeyError> {
        let secret = self.api().await?.get_opt(NAME).await.map_err(|e| self.unusable(&e))?;
        let Some(secret) = secret else { return Ok(None) };
        let text = secret.data.unwrap_or_default().remove(DATA).and_then(|bytes| String::from_utf8(bytes.0).ok());
        // One without the key is not one that may be filled: somebody has taken it away.
        text.map(|text| Some(SecretString::from(text))).ok_or_else(|| MacKeyError::Unusable(format!("{} has no `{DATA}`", self.place())))
    }

    async fn create(&self, key: &SecretString) -> Result<(), MacKeyError> {
        let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "tenantry".to_owned())]);
        let secret = Secret {
            metadata: ObjectMeta { name: Some(NAME.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
            data: Some(BTreeMap::from([(DATA.to_owned(), ByteString(key.expose_secret().as_bytes().to_vec()))])),
            immutable: Some(true),
            ..Secret::default()
        };
        match self.api().await?.create(&PostParams::default(), &secret).await {
            // Another run was faster: that run's key is the key.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            made => made.map(drop).map_err(|e| self.unusable(&e)),
        }
    }
}

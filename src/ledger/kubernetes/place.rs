//! Where a ledger in a cluster is: `kubernetes://NAMESPACE`, with `?context=NAME` and `?kubeconfig=FILE` where it is another cluster than kubectl's.
//!
//! Comes in: that text. Goes out: a client. Reads no variable itself: the client's library knows `KUBECONFIG` and a pod's own account, as kubectl does.

use std::fmt;
use std::path::PathBuf;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::{Client, config};
use url::Url;

use crate::ledger::LedgerError;
use crate::model::Name;

/// A namespace of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    namespace: Name,
    context: Option<String>,
    kubeconfig: Option<PathBuf>,
}

impl Place {
    /// Reads `kubernetes://NAMESPACE`.
    ///
    /// # Errors
    /// In words that say what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| e.to_string())?;
        let named = url.host_str().filter(|_| url.username().is_empty() && url.port().is_none() && ["", "/"].contains(&url.path()));
        let namespace = named.and_then(|name| Name::new(name).ok()).ok_or("it names no namespace: write kubernetes://NAMESPACE")?;
        let (mut context, mut kubeconfig) = (None, None);
        if url.fragment().is_some() {
            return Err("it has a part behind `#`, which means nothing: write a `#` in a name as %23".to_owned());
        }
        for (option, value) in url.query_pairs() {
            match &*option {
                _ if value.is_empty() => return Err(format!("`{option}` has no value")),
                "context" if context.is_some() => return Err("`context` is given twice".to_owned()),
                "kubeconfig" if kubeconfig.is_some() => return Err("`kubeconfig` is given twice".to_owned()),
                "context" => context = Some(value.into_owned()),
                "kubeconfig" => kubeconfig = Some(PathBuf::from(value.into_owned())),
                _ => {
                    return Err(format!(
                        "`{option}` is no option of it: write kubernetes://NAMESPACE?context=NAME&kubeconfig=FILE, either of the two or none"
                    ));
                }
            }
        }
        Ok(Self { namespace, context, kubeconfig })
    }

    /// A place by its parts. Where no namespace is named it is that of the account, or of the kubeconfig's context.
    ///
    /// # Errors
    /// When no cluster is known, or the namespace cannot be one.
    pub async fn of(namespace: Option<&str>, context: Option<String>, kubeconfig: Option<PathBuf>) -> Result<Self, LedgerError> {
        let unusable = |name: &str| LedgerError::Unavailable(format!("`{name}` cannot be a namespace"));
        let stand_in = Name::new("default").map_err(|_| unusable("default"))?;
        let mut place = Self { namespace: stand_in, context, kubeconfig };
        let named = match namespace {
            Some(name) => name.to_owned(),
            None => place.known_config().await?.default_namespace,
        };
        place.namespace = Name::new(&named).map_err(|_| unusable(&named))?;
        Ok(place)
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        self.namespace.as_str()
    }

    /// A client of the cluster.
    ///
    /// # Errors
    /// When no cluster is named, or the kubeconfig cannot be used.
    pub async fn connect(&self) -> Result<Client, LedgerError> {
        let mut config = self.known_config().await?;
        // `HTTPS_PROXY` is for portals: a cluster is asked without a detour. The client would refuse it, and quote its password.
        config.proxy_url = None;
        Client::try_from(config).map_err(|e| LedgerError::Unavailable(format!("the kubeconfig cannot be used: {e}")))
    }

    async fn known_config(&self) -> Result<Config, LedgerError> {
        self.config().await.map_err(|why| LedgerError::Unavailable(format!("no Kubernetes cluster is known: {why}")))
    }

    async fn config(&self) -> Result<Config, String> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let read = |e: config::KubeconfigError| e.to_string();
        match &self.kubeconfig {
            Some(file) => Config::from_custom_kubeconfig(Kubeconfig::read_from(file).map_err(read)?, &options).await.map_err(read),
            None if self.context.is_some() => Config::from_kubeconfig(&options).await.map_err(read),
            None => Config::infer().await.map_err(|e| e.to_string()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kubernetes://{}", self.namespace)?;
        let mut options = url::form_urlencoded::Serializer::new(String::new());
        options.extend_pairs(self.context.iter().map(|context| ("context", context.as_str())));
        options.extend_pairs(self.kubeconfig.iter().map(|file| ("kubeconfig", file.to_string_lossy())));
        match options.finish() {
            none if none.is_empty() => Ok(()),
            options => write!(f, "?{options}"),
        }
    }
}

//! Where the ledger is. Comes in: a path, a `postgres://` URL or `kubernetes://` and a namespace. Goes out: an open ledger. Never shows a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use secrecy::SecretString;

use super::kubernetes::{ClusterKey, KubernetesLedger, KubernetesReader, NamedSecrets, Place};
use super::postgres::{PostgresLedger, PostgresReader};
use super::sqlite::{SqliteLedger, SqliteReader};
use super::{Ledger, LedgerError, LedgerRead};
use crate::model::SecretRef;
use crate::secrets::{MacKeySource, SecretReader};

/// Where the ledger is.
#[derive(Clone, PartialEq, Eq)]
pub enum LedgerLocation {
    /// A SQLite file; the folder of its `mac.key`, too.
    Sqlite(PathBuf),
    /// A `postgres://` or `postgresql://` URL, with its password: only the connection sees it.
    Postgres(String),
    /// A namespace of a Kubernetes cluster; the Secret of its `tenantry-mac-key`, too.
    Kubernetes(Place),
}

/// Why a text is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// It is empty.
    #[error("the ledger's location is empty: give the path of a file, a postgres:// URL or kubernetes://NAMESPACE")]
    Empty,
    /// It is a URL of another scheme.
    #[error("the ledger's location has the scheme `{0}`: give the path of a file, a postgres:// URL or kubernetes://NAMESPACE")]
    Scheme(String),
    /// It is a PostgreSQL URL that cannot be used.
    #[error("the ledger's PostgreSQL URL cannot be used: {0}")]
    Url(String),
    /// It is a place in a Kubernetes cluster that cannot be used.
    #[error("the ledger's place in Kubernetes cannot be used: {0}")]
    Place(String),
}

impl LedgerLocation {
    /// Opens it for writing; makes it where there is none.
    ///
    /// # Errors
    /// When it cannot be reached, is damaged, is of a newer version, or may not be written.
    pub async fn open(&self) -> Result<Arc<dyn Ledger>, LedgerError> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteLedger::open(path).await?),
            Self::Postgres(url) => Arc::new(PostgresLedger::open(url).await?),
            Self::Kubernetes(place) => Arc::new(KubernetesLedger::open(place).await?),
        })
    }

    /// Where the key of its secrets' MACs is: the text that was given, else the file `mac.key` beside a SQLite ledger, or the
    /// Secret beside one in a cluster.
    pub fn mac_key(&self, given: Option<SecretString>) -> MacKeySource {
        match (given, self) {
            (Some(text), _) => MacKeySource::Given(Some(text)),
            (None, Self::Sqlite(path)) => MacKeySource::File(path.with_file_name("mac.key")),
            (None, Self::Postgres(_)) => MacKeySource::Given(None),
            (None, Self::Kubernetes(place)) => MacKeySource::Kept(Arc::new(ClusterKey::at(place))),
        }
    }

    /// Reads the Secrets of the cluster that these references name; `None`: it is in no cluster.
    ///
    /// # Errors
    /// When no cluster is known. One that cannot be read is told when it is asked for.
    pub async fn secrets(&self, named: Vec<&SecretRef>) -> Result<Option<Arc<dyn SecretReader>>, LedgerError> {
        Ok(match self {
            Self::Sqlite(_) | Self::Postgres(_) => None,
            Self::Kubernetes(place) => Some(Arc::new(NamedSecrets::of(place, named).await?)),
        })
    }

    /// Whether there is one. Of one that may be there and cannot be seen, opening it says why; a database is asked when it is opened.
    ///
    /// # Errors
    /// When a cluster cannot be reached, has no kind `LedgerShard`, or does not let us read.
    pub async fn is_there(&self) -> Result<bool, LedgerError> {
        Ok(match self {
            Self::Sqlite(path) => path.try_exists().unwrap_or(true),
            Self::Postgres(_) => true,
            Self::Kubernetes(place) => KubernetesReader::is_there(place).await?,
        })
    }

    /// Opens it for reading alone; one that does not exist reads as an empty ledger and is not made.
    ///
    /// # Errors
    /// When it cannot be reached, is damaged, is of a newer version, or may not be read.
    pub async fn open_read_only(&self) -> Result<Arc<dyn LedgerRead>, LedgerError> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteReader::open(path).await?),
            Self::Postgres(url) => Arc::new(PostgresReader::open(url).await?),
            Self::Kubernetes(place) => Arc::new(KubernetesReader::open(place).await?),
        })
    }
}

impl FromStr for LedgerLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        match text.split_once("://") {
            _ if text.trim().is_empty() => Err(LocationError::Empty),
            None => Ok(Self::Sqlite(PathBuf::from(text))),
            Some(("postgres" | "postgresql", _)) => {
                super::postgres::settings(text).map_err(LocationError::Url)?;
                Ok(Self::Postgres(text.to_owned()))
            }
            Some(("kubernetes", _)) => Place::parse(text).map(Self::Kubernetes).map_err(LocationError::Place),
            Some((scheme, _)) => Err(LocationError::Scheme(scheme.chars().take(20).collect())),
        }
    }
}

impl fmt::Display for LedgerLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => f.write_str(&super::postgres::shown(url)),
            Self::Kubernetes(place) => place.fmt(f),
        }
    }
}

impl fmt::Debug for LedgerLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(url) => f.debug_tuple("Postgres").field(&super::postgres::shown(url)).finish(),
            Self::Kubernetes(place) => f.debug_tuple("Kubernetes").field(place).finish(),
        }
    }
}

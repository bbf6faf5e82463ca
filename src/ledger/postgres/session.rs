//! One connection. Comes in: settings. Goes out: a [`Session`] on a ledger of our version. A session for reading makes and changes nothing.

use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, GenericClient, NoTls, Notification, Socket, Statement};

use super::tls;
use crate::ledger::{LedgerError, codec, locking};

/// The steps from nothing to the newest version; `tenantry_meta` says how many of them the tables have seen. A step is never changed once
/// released. A reader, which changes nothing, may meet tables that have not seen the last ones: [`Session::version`] tells it what is there.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql")];

/// The first version with work orders and observations.
const WITH_WORK: i64 = 2;

/// The first version whose intents say how far their calls have come.
const WITH_FATE: i64 = 3;

/// The first version with the names of items.
const WITH_NAMES: i64 = 3;

/// Longest wait for a server to take a connection, unless the URL says otherwise.
const CONNECT: Duration = Duration::from_secs(10);
/// After so long without an answer from the network a connection is given up, unless the URL says otherwise.
const SILENCE: Duration = Duration::from_secs(30);

/// What every session starts with. A commit waits no longer than this for another's; a session that fell silent in the middle of a transaction
/// gives its locks back; and a commit is on the server's disk when it returns, whatever the server's own setting is.
const MANNERS: &str = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Whether a session may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It reads; what does not exist is empty.
    Read,
    /// It writes; what does not exist is made.
    Write,
}

/// An open connection.
pub(super) struct Session {
    pub(super) client: Client,
    /// How new the tables are; 0: there are none, so the ledger is empty.
    version: i64,
    prepared: HashMap<&'static str, Statement>,
}

/// Why a piece of work was not done.
pub(super) struct Failure {
    pub(super) error: LedgerError,
    /// True: the connection broke, or the server asked to do it again. Whether a commit was made must be found out before it is repeated.
    pub(super) again: bool,
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self { error, again: false }
    }
}

impl From<Failure> for LedgerError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(e: tokio_postgres::Error) -> Self {
        let Some(db) = e.as_db_error() else {
            // Not the server's word: the connection's.
            let why = e.source().map_or_else(|| e.to_string(), |source| format!("{e}: {source}"));
            return Self { error: LedgerError::Unavailable(format!("the PostgreSQL server: {why}")), again: true };
        };
        Self { error: say(db), again: is_passing(db.code()) }
    }
}

fn is_passing(code: &SqlState) -> bool {
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ]
    .contains(code)
}

fn say(db: &DbError) -> LedgerError {
    let text = format!("the PostgreSQL server: {}", db.message());
    match db.code() {
        code if code.code().starts_with("28") || *code == SqlState::INSUFFICIENT_PRIVILEGE => LedgerError::Denied(text),
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => LedgerError::Denied(text),
        code if *code == SqlState::LOCK_NOT_AVAILABLE => {
            LedgerError::Unavailable(format!("{text}; another run has been committing for 30 s: look for it, then try again"))
        }
        _ => LedgerError::Unavailable(text),
    }
}

/// Reads a URL. The error never quotes it: a password with an unescaped character may stand in any of its parts.
pub(in crate::ledger) fn settings(url: &str) -> Result<Config, String> {
    const SSLMODE: &str =
        "`sslmode` is `disable`, `prefer` or `require`; where there is TLS the certificate and its host name are always verified";
    let mut settings: Config = url.parse().map_err(|e: tokio_postgres::Error| {
        let why = e.source().map(ToString::to_string).unwrap_or_default();
        match why.strip_prefix("invalid value for option ") {
            Some("`sslmode`") => SSLMODE.to_owned(),
            Some(option) => format!("the value of {option} is not valid"),
            None => {
                "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, and in a password %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #"
                    .to_owned()
            }
        }
    })?;
    if settings.get_hosts().is_empty() && settings.get_hostaddrs().is_empty() {
        return Err("it names no host".to_owned());
    }
    if settings.get_application_name().is_none() {
        settings.application_name("tenantry");
    }
    if settings.get_connect_timeout().is_none() {
        settings.connect_timeout(CONNECT);
    }
    if settings.get_tcp_user_timeout().is_none() {
        settings.tcp_user_timeout(SILENCE);
    }
    Ok(settings)
}

/// A URL as it may be shown: where, never who or how.
pub(in crate::ledger) fn shown(url: &str) -> String {
    let Ok(settings) = settings(url) else { return "postgres://…".to_owned() };
    let hosts: Vec<String> =
        settings.get_hosts().iter().zip(settings.get_ports().iter().chain(std::iter::repeat(&5432))).map(place).collect();
    format!("postgres://{}/{}", hosts.join(","), settings.get_dbname().unwrap_or_default())
}

fn place((host, port): (&Host, &u16)) -> String {
    match host {
        Host::Tcp(name) => format!("{name}:{port}"),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

async fn connect<T>(settings: &Config, tls: T, told: Option<UnboundedSender<Notification>>) -> Result<Client, Failure>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut connection) = settings.connect(tls).await.map_err(|e| match e.to_string() {
        // tokio-postgres does not say of what sort its errors are. What is refused once is refused again.
        text if text.starts_with("error performing TLS handshake") => {
            let why = e.source().map(ToString::to_string).unwrap_or_default();
            LedgerError::Unavailable(format!("TLS to the PostgreSQL server: {why}; {}", tls::remedy())).into()
        }
        _ => Failure::from(e),
    })?;
    // Ends with the client. What goes wrong in it is what the client's next call answers.
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let (AsyncMessage::Notification(notification), Some(told)) = (message, &told) {
                // Who does not listen any more drops the client as well.
                let _ = told.send(notification);
            }
        }
    });
    Ok(client)
}

impl Session {
    /// Connects, and makes the tables where they are missing and `access` allows it.
    pub(super) async fn open(settings: &Config, access: Access) -> Result<Self, Failure> {
        Self::with(settings, access, None).await
    }

    /// Connects to read, and to hear what the server tells.
    pub(super) async fn listening(settings: &Config) -> Result<(Self, UnboundedReceiver<Notification>), Failure> {
        let (tell, told) = unbounded_channel();
        Ok((Self::with(settings, Access::Read, Some(tell)).await?, told))
    }

    async fn with(settings: &Config, access: Access, told: Option<UnboundedSender<Notification>>) -> Result<Self, Failure> {
        let client = match settings.get_ssl_mode() {
            SslMode::Disable => connect(settings, NoTls, told).await?,
            _ => connect(settings, tls::connector()?, told).await?,
        };
        client.batch_execute(MANNERS).await?;
        let mut session = Self { client, version: newest(), prepared: HashMap::new() };
        match access {
            Access::Read => {
                session.client.batch_execute("SET default_transaction_read_only = on").await?;
                session.version = version(&session.client).await?;
            }
            Access::Write => session.make().await?,
        }
        Ok(session)
    }

    /// A statement, prepared once for each connection.
    pub(super) async fn prepare(&mut self, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }

    /// True where there are no tables.
    pub(super) const fn is_empty(&self) -> bool {
        self.version == 0
    }

    /// False: the tables are from before work orders, and there are none.
    pub(super) const fn has_work(&self) -> bool {
        self.version >= WITH_WORK
    }

    /// False: the tables do not say how far calls have come.
    pub(super) const fn has_fate(&self) -> bool {
        self.version >= WITH_FATE
    }

    /// False: the tables are from before the names of items were kept apart.
    pub(super) const fn has_names(&self) -> bool {
        self.version >= WITH_NAMES
    }

    async fn make(&mut self) -> Result<(), Failure> {
        if version(&self.client).await? == newest() {
            return Ok(());
        }
        let installation = locking::new_installation()?;
        let tx = self.client.transaction().await?;
        // Two runs that meet here would both find tables missing: the second waits, and then finds them.
        tx.batch_execute("SELECT pg_advisory_xact_lock(hashtext('tenantry schema'), hashtext(current_schema()))").await?;
        let found = version(&tx).await?;
        for missing in MIGRATIONS.get(usize::try_from(found).unwrap_or(0)..).unwrap_or_default() {
            tx.batch_execute(missing).await?;
        }
        if found == 0 {
            let sql = "INSERT INTO tenantry_meta (one, version, installation, serial) VALUES (1, $1, $2, 0)";
            tx.execute(sql, &[&newest(), &installation]).await?;
        } else {
            tx.execute("UPDATE tenantry_meta SET version = $1", &[&newest()]).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// How many migrations the tables have seen; 0: there are none.
async fn version(client: &impl GenericClient) -> Result<i64, Failure> {
    // Not `to_regclass`: within a transaction the server answers that from what it remembers of before it waited.
    let there = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'tenantry_meta')";
    let there: bool = client.query_one(there, &[]).await?.try_get(0)?;
    if !there {
        return Ok(0);
    }
    let row = client.query_opt("SELECT version FROM tenantry_meta", &[]).await?;
    let found: i64 = row.ok_or_else(|| codec::damaged("the version"))?.try_get(0)?;
    if found > newest() {
        return Err(LedgerError::TooNew { found, known: newest() }.into());
    }
    Ok(found)
}

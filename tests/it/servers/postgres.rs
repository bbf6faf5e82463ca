//! A PostgreSQL server: the one that `TEST_POSTGRES_URL` names, or one of our own below `target/`, on a free port of 127.0.0.1.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use tokio_postgres::NoTls;

use super::process::{done, place, ready, watched};

/// The password of our own server's user; a canary: no output may hold it.
pub(crate) const PASSWORD: &str = "canary-4f1b";

struct Server {
    url: String,
    /// The watchdog stops the server when this end of its pipe closes, as it does when this process ends.
    _alive: Option<ChildStdin>,
}

/// An empty schema, gone when this is dropped.
pub(crate) struct Schema {
    name: String,
    /// A URL whose current schema it is.
    pub(crate) url: String,
}

impl Schema {
    /// A new one.
    pub(crate) async fn new() -> Self {
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        execute(&server().url, &format!("CREATE SCHEMA {name}")).await;
        let join = if server().url.contains('?') { '&' } else { '?' };
        Self { url: format!("{}{join}options=-csearch_path%3D{name}", server().url), name }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA {} CASCADE", self.name);
        // A thread of its own: the test's runtime is busy dropping this.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&server().url, &sql));
        });
        assert!(dropped.join().is_ok() || std::thread::panicking());
    }
}

/// Runs SQL on a connection of its own.
pub(crate) async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let running = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    running.await.unwrap().unwrap();
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("TEST_POSTGRES_URL") {
        Ok(url) => Server { url, _alive: None },
        Err(_) => start(),
    })
}

/// A server that takes connections with TLS alone, with a certificate for `localhost` that was made for it.
pub(crate) struct TlsServer {
    _server: Server,
    port: u16,
    folder: PathBuf,
}

impl TlsServer {
    /// A URL that names the server so.
    pub(crate) fn url(&self, host: &str, sslmode: &str) -> String {
        format!("postgres://tenantry:{PASSWORD}@{host}:{}/postgres?sslmode={sslmode}", self.port)
    }

    /// The authority that signed its certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("authority.crt")
    }

    /// Another one, of the same name.
    pub(crate) fn other_authority(&self) -> PathBuf {
        self.folder.join("other.crt")
    }
}

/// The server with TLS; one for all tests.
pub(crate) fn tls_server() -> &'static TlsServer {
    static SERVER: OnceLock<TlsServer> = OnceLock::new();
    SERVER.get_or_init(|| {
        let (folder, port) = place("postgres");
        certificates(&folder);
        let file = |name: &str| folder.join(name).display().to_string();
        let only_tls = "hostssl all all all scram-sha-256\n";
        std::fs::write(folder.join("hba"), only_tls).unwrap();
        let settings = [
            format!("ssl_cert_file={}", file("server.crt")),
            format!("ssl_key_file={}", file("server.key")),
            format!("hba_file={}", file("hba")),
        ];
        let server = start_in(&folder, port, &["ssl=on".to_owned()].into_iter().chain(settings).collect::<Vec<_>>());
        TlsServer { _server: server, port, folder }
    })
}

/// An authority, another of the same name, and a server's certificate that the first has signed.
fn certificates(folder: &Path) {
    let openssl = |line: &str| done(Command::new("openssl").args(line.split_whitespace()).current_dir(folder).stderr(Stdio::piped()));
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["authority", "other"] {
        openssl(&format!("req -x509 {key} -days 2 -subj /CN=test-authority -keyout {name}.key -out {name}.crt"));
    }
    openssl(&format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"));
    std::fs::write(folder.join("extensions"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl("x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile extensions -out server.crt");
}

fn start() -> Server {
    let (folder, port) = place("postgres");
    start_in(&folder, port, &[])
}

fn start_in(folder: &Path, port: u16, settings: &[String]) -> Server {
    let programs = Path::new(env!("TEST_POSTGRES_PROGRAMS"));
    std::fs::write(folder.join("password"), PASSWORD).unwrap();
    let user = unprivileged();
    if let Some(user) = &user {
        done(Command::new("chown").args(["-R", user]).arg(folder));
    }
    let data = folder.join("data");
    let mut initdb = command(&user, &programs.join("initdb"));
    initdb.args(["--username=tenantry", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--pwfile"]);
    done(initdb.arg(folder.join("password")).arg("--pgdata").arg(&data));
    let mut postgres = command(&user, &programs.join("postgres"));
    // Without fsync: what is tested is what a killed client leaves behind; a server that loses its power is PostgreSQL's to test.
    postgres.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
    settings.iter().for_each(|setting| _ = postgres.args(["-c", setting]));
    postgres.args(["-c", "max_connections=200", "-p", &port.to_string(), "-D"]).arg(&data);
    let alive = watched(&postgres, folder, "INT");
    let asked = || Command::new(programs.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status().unwrap();
    ready("PostgreSQL", folder, || asked().success());
    Server { url: format!("postgres://tenantry:{PASSWORD}@127.0.0.1:{port}/postgres"), _alive: Some(alive) }
}

/// PostgreSQL refuses to run as root: the user to run it as, if that is who we are.
fn unprivileged() -> Option<String> {
    if std::fs::metadata("/proc/self").map(|m| m.uid()).unwrap_or(1) != 0 {
        return None;
    }
    let exists = |user: &&str| Command::new("id").arg(user).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success();
    Some(["postgres", "nobody"].into_iter().find(exists).expect("a user other than root").to_owned())
}

fn command(user: &Option<String>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--clear-groups", "--regid"]);
    let group = Command::new("id").args(["-g", user]).output().unwrap();
    command.arg(String::from_utf8(group.stdout).unwrap().trim()).arg(program).current_dir("/");
    command
}

//! The way to a portal: TLS that believes whom it should, the proxy of the machine, and a log that gives nothing away.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use secrecy::SecretString;
use serde_json::json;
use tenantry::portal::profile::http::connection::Method;
use tenantry::portal::rest::transport::{Client, Content, Network, Proxy, Request, SendError};
use tenantry::trust::Trust;

use super::kit::{EAGER, Secrets, Server, client_of, connection, get, json as reply, key, raw, secret, spec, write};

/// Names no machine has (RFC 6761), so that only a proxy can lead there.
const HOST: &str = "portal.invalid";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";

/// An authority, and a server's certificate of it for `names`.
struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    server: Arc<ServerConfig>,
}

fn authority(names: &[&str]) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    let server_key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let server = CertificateParams::new(names).unwrap().signed_by(&server_key, &Issuer::from_params(&params, &key)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], PrivateKeyDer::Pkcs8(server_key.serialize_der().into()))
        .unwrap();
    Authority { certificate: own.der().clone(), pem: own.pem(), server: Arc::new(config) }
}

/// Answers one request over TLS, and says what it was; `None`: the client went away.
fn answer_over_tls(config: &Arc<ServerConfig>, stream: TcpStream) -> Option<String> {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        stream.read_line(&mut head).ok().filter(|read| *read > 0)?;
    }
    let stream = stream.get_mut();
    stream.write_all(ANSWER.as_bytes()).and_then(|()| stream.flush()).ok()?;
    stream.conn.send_close_notify();
    let _ = stream.flush();
    Some(head)
}

/// A server with TLS on this machine.
fn tls_server(config: Arc<ServerConfig>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| drop(answer_over_tls(&config, stream.unwrap()))));
    address
}

/// A proxy that notes what it is asked for, and then is the server itself.
fn proxy(config: Arc<ServerConfig>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let address = raw(move |_, head, mut stream| {
        noted.lock().unwrap().push(head.to_owned());
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        noted.lock().unwrap().extend(answer_over_tls(&config, stream));
    });
    (address, asked)
}

fn open_over(trust: Trust, proxy: Proxy, endpoint: &str) -> Client {
    Client::open_over(Network { trust, proxy }, EAGER, &spec(endpoint), &Arc::new(connection(key())), &Secrets).unwrap()
}

#[tokio::test]
async fn a_server_is_believed_with_a_trusted_certificate_for_its_name_alone() {
    let (own, other, elsewhere) = (authority(&["localhost"]), authority(&["localhost"]), authority(&["other.invalid"]));
    let check = async |server: &Authority, trusted: &Authority| {
        let address = tls_server(Arc::clone(&server.server));
        let trust = Trust::in_authorities([trusted.certificate.clone()]).unwrap();
        let client = open_over(trust, Proxy::None, &format!("https://localhost:{}", address.port()));
        client.send(&Request::new(Method::Post, "users")).await.map(|response| response.status())
    };
    assert_eq!(check(&own, &own).await, Ok(200));
    for (server, trusted) in [(&own, &other), (&elsewhere, &elsewhere)] {
        let error = check(server, trusted).await.unwrap_err();
        assert!(
            matches!(&error, SendError::Unsendable(why) if why.contains("is not believed") && why.contains("SSL_CERT_FILE")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn https_never_becomes_http() {
    let clear = raw(|_, _, stream| write(stream, ANSWER));
    let client = open_over(Trust::in_authorities([]).unwrap(), Proxy::None, &format!("https://localhost:{}", clear.port()));
    assert!(matches!(client.send(&Request::new(Method::Post, "x")).await, Err(SendError::NotSent(_))));
}

#[tokio::test]
async fn a_proxy_sees_where_a_request_goes_and_nothing_of_it() {
    let authority = authority(&[HOST]);
    let (address, asked) = proxy(Arc::clone(&authority.server));
    let at = Proxy::At(format!("http://{address}").parse().unwrap());
    let client = open_over(Trust::in_authorities([authority.certificate]).unwrap(), at, &format!("https://{HOST}"));
    get(&client, "users").await.unwrap();
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with(&format!("CONNECT {HOST}:443 ")) && !asked[0].contains("secret-of"), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /users ") && asked[1].contains(&secret("KEY")), "{}", asked[1]);
}

#[tokio::test]
async fn a_proxy_that_refuses_had_no_request() {
    let address = raw(|_, _, stream| write(stream, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    let at = Proxy::At(format!("http://{address}").parse().unwrap());
    let client = open_over(Trust::in_authorities([]).unwrap(), at, &format!("https://{HOST}"));
    assert!(matches!(client.send(&Request::new(Method::Post, "x")).await, Err(SendError::NotSent(_))));
}

#[tokio::test]
async fn a_portal_on_this_machine_is_asked_directly() {
    let server = Server::start(|_, _| reply(200, "[]")).await;
    let trap = raw(|_, _, stream| write(stream, "HTTP/1.1 500 Trap\r\nContent-Length: 0\r\n\r\n"));
    let at = Proxy::At(format!("http://{trap}").parse().unwrap());
    get(&open_over(Trust::in_authorities([]).unwrap(), at, &server.url("")), "users").await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

/// The endpoint that this very test asks when it is run again, in an environment of its own.
const ENDPOINT: &str = "TRANSPORT_TEST_ENDPOINT";

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_proxy_and_the_authority() {
    if let Ok(endpoint) = std::env::var(ENDPOINT) {
        let client = Client::open(&spec(&endpoint), &Arc::new(connection(key())), &Secrets).unwrap();
        let outcome = client.send(&Request::new(Method::Post, "users")).await.map(|response| response.status());
        return eprintln!("outcome: {outcome:?}");
    }
    let authority = authority(&[HOST]);
    let (address, asked) = proxy(Arc::clone(&authority.server));
    let folder = tempfile::tempdir().unwrap();
    let (good, other) = (folder.path().join("good.pem"), folder.path().join("other.pem"));
    std::fs::write(&good, &authority.pem).unwrap();
    std::fs::write(&other, self::authority(&[HOST]).pem).unwrap();
    let here = Server::start(|_, _| reply(200, "[]")).await;
    let (portal, proxy) = (format!("https://{HOST}"), format!("http://{address}"));

    let through = run_again(&portal, &good, &[("HTTPS_PROXY", &proxy)]);
    assert!(through.contains("outcome: Ok(200)"), "{through}");
    assert_eq!(asked.lock().unwrap().len(), 2, "CONNECT and the request in it");
    let refused = run_again(&portal, &other, &[("HTTPS_PROXY", &proxy)]);
    assert!(refused.contains("is not believed"), "{refused}");
    let seen = asked.lock().unwrap().len();
    let past = run_again(&portal, &good, &[("HTTPS_PROXY", &proxy), ("NO_PROXY", ".invalid")]);
    assert!(past.contains("NotSent"), "{past}");
    let local = run_again(&here.url(""), &good, &[("HTTP_PROXY", &proxy), ("ALL_PROXY", &proxy)]);
    assert!(local.contains("outcome: Ok(200)"), "{local}");
    assert_eq!(asked.lock().unwrap().len(), seen, "neither came by");
}

fn run_again(endpoint: &str, authority: &Path, variables: &[(&str, &str)]) -> String {
    let name = "portal::transport::way::the_environment_names_the_proxy_and_the_authority";
    let mut command = Command::new(std::env::current_exe().unwrap());
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_DIR"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.args(["--exact", name, "--nocapture"]).env("SSL_CERT_FILE", authority).env(ENDPOINT, endpoint).envs(variables.iter().copied());
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_a_line_for_each_request_and_nothing_to_hide() {
    let server = Server::start(|_, number| match number {
        0 => reply(200, r#"{"name": "canary-answer"}"#).with("x-canary", "canary-header"),
        1 => reply(400, r#"{"message": "canary-message"}"#),
        _ => reply(500, r#"{"message": "canary-trouble"}"#),
    })
    .await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).with_ansi(false).finish();
    {
        let _logged = tracing::subscriber::set_default(subscriber);
        let client = client_of(server.address);
        let request = Request::new(Method::Post, "users")
            .query("filter", "canary-query")
            .header("X-Own", "canary-own")
            .secret("<s>", SecretString::from("canary-secret"));
        let request = request.content(Content::Json(json!({"a": "canary-body", "b": "<s>"})));
        client.send(&request).await.unwrap();
        client.send(&request).await.unwrap_err();
        get(&client, "users").await.unwrap_err();
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("answered")).collect();
    assert_eq!(lines.len(), 5, "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("sent again")).count(), 2, "{log}");
    for (line, status) in lines.iter().zip(["status=200", "status=400"]) {
        for part in ["DEBUG", "method=\"POST\"", "path=\"/users?filter\"", status, "took_ms="] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert!(!log.contains("canary") && !log.contains("secret-of"), "{log}");
}

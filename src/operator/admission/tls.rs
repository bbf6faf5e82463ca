//! The webhook's connections. Comes in: an address, and a folder with `tls.crt` and `tls.key`. Goes out: connections that speak TLS already.
//! The two files are read again when they change; a pair that does not fit together (one of them is written, the other not yet) changes nothing.
//! Never shows or logs a key. A peer that is slow, or says nothing, holds up nobody else.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How often the files are looked at: cert-manager renews weeks ahead, and whoever replaces a leaked key waits no longer than for the kubelet.
const LOOK: Duration = Duration::from_secs(5);
/// A handshake that takes longer is given up: API servers are near.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A connection on which nothing moves for so long is closed: longer than the 90 seconds for which an API server keeps one.
const IDLE: Duration = Duration::from_secs(120);
/// Connections at the same time: several API servers with 25 idle ones each, as Go keeps them.
const CONNECTIONS: usize = 128;

/// The certificate that is shown, and where it comes from.
pub(super) struct Certificates {
    folder: PathBuf,
    held: Mutex<Held>,
}

struct Held {
    /// SHA-256 of what was read last, whether it could be used or not.
    seen: [u8; 32],
    config: Arc<ServerConfig>,
}

impl Certificates {
    /// Reads the folder.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        let (certificate, key) = read(folder)?;
        let config = Arc::new(config(folder, &certificate, &key)?);
        Ok(Self { folder: folder.to_path_buf(), held: Mutex::new(Held { seen: digest(&certificate, &key), config }) })
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.held.lock().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the folder again; what it had stays where it has nothing better.
    fn look(&self) {
        let Ok((certificate, key)) = read(&self.folder) else { return };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = digest(&certificate, &key);
        if held.seen == now {
            return;
        }
        held.seen = now;
        match config(&self.folder, &certificate, &key) {
            Ok(config) => {
                held.config = Arc::new(config);
                tracing::info!("the webhook shows a new certificate");
            }
            Err(why) => tracing::warn!(%why, "the webhook's new certificate cannot be used; the one before it is shown"),
        }
    }
}

fn read(folder: &Path) -> Result<(Vec<u8>, Vec<u8>), String> {
    let file = |name: &str| std::fs::read(folder.join(name)).map_err(|e| format!("{} cannot be read: {e}", folder.join(name).display()));
    Ok((file("tls.crt")?, file("tls.key")?))
}

fn digest(certificate: &[u8], key: &[u8]) -> [u8; 32] {
    let mut both = Sha256::new();
    both.update((certificate.len() as u64).to_be_bytes());
    both.update(certificate);
    both.update(key);
    both.finalize().into()
}

fn config(folder: &Path, certificate: &[u8], key: &[u8]) -> Result<ServerConfig, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("{} is no certificate in PEM: {e}", folder.join("tls.crt").display()))?;
    // What is wrong with a key is not told in its own words.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| format!("{} is no key in PEM", folder.join("tls.key").display()))?;
    // Ring by name, as in `trust`: where another crate brings another provider, none is the default.
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| format!("tls.crt and tls.key in {} cannot be used together: {e}", folder.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Connections, once they speak TLS.
pub(super) struct Connections {
    address: SocketAddr,
    ready: mpsc::Receiver<(Connection, SocketAddr)>,
    // Dropped with this: nobody is let in any more.
    _tasks: JoinSet<()>,
}

impl Connections {
    /// Lets connections in.
    pub(super) fn new(listener: TcpListener, address: SocketAddr, certificates: Certificates) -> Self {
        let certificates = Arc::new(certificates);
        let (tell, ready) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(let_in(listener, Arc::clone(&certificates), tell));
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                certificates.look();
            }
        });
        Self { address, ready, _tasks: tasks }
    }
}

async fn let_in(listener: TcpListener, certificates: Arc<Certificates>, tell: mpsc::Sender<(Connection, SocketAddr)>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut handshakes = JoinSet::new();
    loop {
        // Whoever comes while all places are taken waits in the system's queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection to the webhook was lost before it began");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, tell) = (TlsAcceptor::from(certificates.config()), tell.clone());
        while handshakes.try_join_next().is_some() {}
        handshakes.spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                // Nobody listens any more: the server is ending.
                Ok(Ok(stream)) => _ = tell.send((Connection::new(stream, place), peer)).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a connection to the webhook does not speak TLS as we do"),
                Err(_) => tracing::debug!(%peer, "a connection to the webhook took too long to begin"),
            }
        });
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// A connection that is closed when nothing moves on it.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TlsStream<TcpStream>, place: OwnedSemaphorePermit) -> Self {
        Self { stream, idle: Box::pin(tokio::time::sleep(IDLE)), _place: place }
    }

    /// Begins to wait anew where something moved; ends the wait where nothing did for too long.
    fn timed<T>(&mut self, cx: &mut Context<'_>, moved: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.idle.as_mut().reset(Instant::now() + IDLE);
            return moved;
        }
        self.idle.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.timed(cx, read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.timed(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.timed(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.timed(cx, closed)
    }
}

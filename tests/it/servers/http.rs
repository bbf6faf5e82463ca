//! Plain HTTP on loopback: what tests ask servers of their own with.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Once;

/// A client that goes through no proxy.
pub(crate) fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| _ = rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Whether anything answers there, whatever it says.
pub(crate) fn answers(port: u16, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let mut begin = [0; 5];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut begin).is_ok() && &begin == b"HTTP/"
}

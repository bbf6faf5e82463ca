//! What stands between the program and a server on this machine: it passes requests on, remembers them, and lets one of them go wrong.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens, and no answer comes: whoever asked waits until they are killed, or lose patience.
    HeldBefore,
    /// The server does it, and no answer comes.
    HeldAfter,
}

/// See the module. It ends with its value.
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<State>,
    ended: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    asked: Mutex<Asked>,
    holds: Notify,
}

#[derive(Default)]
struct Asked {
    lines: Vec<String>,
    /// The request with this number, counted from 1, goes wrong so.
    fault: Option<(usize, Fault)>,
    /// The first with this method, whose path ends so, goes wrong so.
    first: Option<(&'static str, &'static str, Fault)>,
}

impl Proxy {
    /// In front of a server at `http://127.0.0.1:PORT`.
    pub(crate) fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, ended): (Arc<State>, Arc<AtomicBool>) = (Arc::default(), Arc::default());
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let (shared, over) = (Arc::clone(&state), Arc::clone(&ended));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, upstream) = (Arc::clone(&shared), upstream.clone());
                // A client that goes away in the middle is what some tests want.
                std::thread::spawn(move || _ = passed(client, &upstream, &shared));
            }
        });
        Self { url, state, ended }
    }

    /// From here on requests are counted anew, and this becomes of the n-th.
    pub(crate) fn at(&self, request: usize, fault: Fault) {
        *self.state.asked.lock().unwrap() = Asked { fault: Some((request, fault)), ..Asked::default() };
    }

    /// From here on this becomes of the first request with this method whose path ends so.
    pub(crate) fn at_first(&self, method: &'static str, path: &'static str, fault: Fault) {
        *self.state.asked.lock().unwrap() = Asked { first: Some((method, path, fault)), ..Asked::default() };
    }

    /// From here on requests are counted anew and passed on.
    pub(crate) fn passes(&self) {
        *self.state.asked.lock().unwrap() = Asked::default();
    }

    /// The requests since they are counted, such as `POST /api/users`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().lines.clone()
    }

    /// Waits until a request is held.
    pub(crate) async fn holds(&self) {
        self.state.holds.notified().await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // It listens until the next one comes.
        let _last = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

/// One request and its answer; connections are not kept.
fn passed(mut client: TcpStream, upstream: &str, state: &State) -> std::io::Result<()> {
    let Some((head, body)) = message(&mut client)? else { return Ok(()) };
    let ours = |line: &&str| !["connection:", "host:"].iter().any(|name| line.to_ascii_lowercase().starts_with(name));
    let host = format!("Host: {upstream}");
    let mut lines: Vec<&str> = head.lines().filter(ours).collect();
    lines.extend(["Connection: close", &host]);
    let fault = {
        let mut asked = state.asked.lock().unwrap();
        let path = lines[0].trim_end_matches(" HTTP/1.1").split('?').next().unwrap_or_default();
        asked.lines.push(path.to_owned());
        let number = asked.lines.len();
        let first = asked.first.take_if(|(method, end, _)| path.starts_with(*method) && path.ends_with(*end));
        asked.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault).or(first.map(|(_, _, fault)| fault))
    };
    let mut answer = Vec::new();
    if fault != Some(Fault::HeldBefore) {
        let mut server = TcpStream::connect(upstream)?;
        server.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes())?;
        server.write_all(&body)?;
        server.read_to_end(&mut answer)?;
    }
    if fault.is_some() {
        state.holds.notify_one();
        // Until whoever asked is gone.
        return client.read(&mut [0]).map(|_| ());
    }
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}

/// The head of a request, without the empty line, and its body; `None`: nobody asked anything.
fn message(stream: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut piece)? {
            0 => return Ok(None),
            n => read.extend_from_slice(&piece[..n]),
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = read.split_off(end + 4);
    while body.len() < length.unwrap_or(0) {
        match stream.read(&mut piece)? {
            0 => return Ok(None),
            n => body.extend_from_slice(&piece[..n]),
        }
    }
    Ok(Some((head, body)))
}

//! What stands between the program and a server: it passes on what it is asked, remembers it, and lets one request go wrong.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// 503, and the server never hears of it.
    Unavailable,
    /// 429 with `Retry-After`, and the server never hears of it.
    Throttled,
    /// The connection ends before the server hears of it.
    DroppedBefore,
    /// The server does it, and the connection ends without an answer.
    DroppedAfter,
    /// The server does it, and the answer ends in the middle of its body.
    Cut,
    /// The token is one that the server does not know (any more).
    Forgotten,
}

impl Fault {
    pub(super) const ALL: [Self; 6] =
        [Self::Unavailable, Self::Throttled, Self::DroppedBefore, Self::DroppedAfter, Self::Cut, Self::Forgotten];
}

/// See the module. It ends with the test program.
pub(super) struct Proxy {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    asked: Vec<String>,
    /// The request with this number goes wrong so.
    fault: Option<(usize, Fault)>,
}

impl Proxy {
    /// In front of a server on this machine: `127.0.0.1:PORT`.
    pub(super) fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (upstream, shared) = (upstream.to_owned(), Arc::clone(&state));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, shared) = (upstream.clone(), Arc::clone(&shared));
                // A client that goes away, because it was killed for example, ends its own connection and nothing else.
                std::thread::spawn(move || _ = passed_on(client, &upstream, &shared));
            }
        });
        Self { url, state }
    }

    /// Forgets what was asked; from here on the request with this number, counted from 0, goes wrong.
    pub(super) fn breaks(&self, number: usize, fault: Fault) {
        *self.state.lock().unwrap() = State { asked: Vec::new(), fault: Some((number, fault)) };
    }

    /// Forgets what was asked, and lets everything pass.
    pub(super) fn passes(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    /// What was asked: `METHOD /path?query`.
    pub(super) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

/// One request and its answer; connections are not kept.
fn passed_on(mut client: TcpStream, upstream: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let Some((head, body)) = message(&mut client)? else { return Ok(()) };
    let mut lines: Vec<&str> = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")).collect();
    lines.push("Connection: close");
    let fault = {
        let mut state = state.lock().unwrap();
        let number = state.asked.len();
        state.asked.push(lines[0].trim_end_matches(" HTTP/1.1").to_owned());
        state.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault)
    };
    match fault {
        Some(Fault::Unavailable) => return refused(&mut client, "503 Service Unavailable"),
        Some(Fault::Throttled) => return refused(&mut client, "429 Too Many Requests\r\nRetry-After: 0"),
        Some(Fault::DroppedBefore) => return client.shutdown(Shutdown::Both),
        Some(Fault::Forgotten) => lines.retain(|line| !line.to_ascii_lowercase().starts_with("x-auth-token:")),
        Some(Fault::DroppedAfter | Fault::Cut) | None => {}
    }
    let mut server = TcpStream::connect(upstream)?;
    server.set_read_timeout(Some(Duration::from_secs(60)))?;
    server.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    match fault {
        Some(Fault::DroppedAfter) => {}
        Some(Fault::Cut) => client.write_all(&answer[..cut(&answer)])?,
        _ => client.write_all(&answer)?,
    }
    client.shutdown(Shutdown::Both)
}

/// In the middle of the body, or before the end of the head where there is none.
fn cut(answer: &[u8]) -> usize {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
    if head == answer.len() { head.saturating_sub(6) } else { head + (answer.len() - head) / 2 }
}

fn refused(client: &mut TcpStream, status: &str) -> std::io::Result<()> {
    client.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())?;
    client.shutdown(Shutdown::Write)
}

/// The head of a request, without the empty line, and its body; `None`: nobody asked anything.
fn message(stream: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            let mut body = read.split_off(end + 4);
            let length: usize = length.unwrap_or(0);
            while body.len() < length {
                match stream.read(&mut buffer)? {
                    0 => return Ok(None),
                    n => body.extend_from_slice(&buffer[..n]),
                }
            }
            return Ok(Some((head, body)));
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            n => read.extend_from_slice(&buffer[..n]),
        }
    }
}

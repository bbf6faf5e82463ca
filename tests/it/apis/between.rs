//! What stands between the program and a server: passes requests on and counts them, and does to one of them what networks and servers do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// 503 in place of the effect.
    BusyBefore,
    /// The effect, and then 503.
    BusyAfter,
    /// The connection ends in place of the effect.
    LostBefore,
    /// The effect, and then the connection ends.
    LostAfter,
    /// 429 in place of the effect.
    Throttled,
    /// The effect, and then nothing: the answer never comes.
    HeldAfter,
}

/// All that a program may go on after.
pub(super) const FAULTS: [Fault; 5] = [Fault::BusyBefore, Fault::BusyAfter, Fault::LostBefore, Fault::LostAfter, Fault::Throttled];

/// What it does, and to which request, counted from 1; the lines of all requests.
#[derive(Default)]
struct State {
    fault: Option<(usize, Fault)>,
    seen: Vec<String>,
    holds: bool,
}

/// See the module. It ends with its value.
pub(super) struct Between {
    pub(super) url: String,
    state: Arc<(Mutex<State>, Condvar)>,
    ended: Arc<AtomicBool>,
}

impl Between {
    /// In front of a server at `http://127.0.0.1:PORT`.
    pub(super) fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, ended): (Arc<(Mutex<State>, Condvar)>, Arc<AtomicBool>) = (Arc::default(), Arc::default());
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let (shared, over) = (Arc::clone(&state), Arc::clone(&ended));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, upstream) = (Arc::clone(&shared), upstream.clone());
                // A client that goes away in the middle is what some tests want.
                std::thread::spawn(move || _ = passed(connection, &upstream, &shared));
            }
        });
        Self { url, state, ended }
    }

    /// From here on requests are counted anew, and this becomes of the n-th.
    pub(super) fn at(&self, request: usize, fault: Fault) {
        *self.state.0.lock().unwrap() = State { fault: Some((request, fault)), ..State::default() };
    }

    /// From here on requests are counted anew and passed on.
    pub(super) fn quiet(&self) {
        *self.state.0.lock().unwrap() = State::default();
    }

    /// The requests since they are counted, such as `POST /api/users`.
    pub(super) fn seen(&self) -> Vec<String> {
        self.state.0.lock().unwrap().seen.clone()
    }

    /// Waits until an answer is held back; false: none was within two minutes.
    pub(super) fn holds(&self) -> bool {
        let (state, changed) = &*self.state;
        let wait = std::time::Duration::from_secs(120);
        changed.wait_timeout_while(state.lock().unwrap(), wait, |state| !state.holds).unwrap().0.holds
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // It listens until the next one comes.
        let _last = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn passed(mut client: TcpStream, upstream: &str, shared: &(Mutex<State>, Condvar)) -> std::io::Result<()> {
    let Some(request) = request(&mut client)? else { return Ok(()) };
    let line: String = request.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let fault = {
        let mut state = shared.0.lock().unwrap();
        state.seen.push(line);
        let now = state.seen.len();
        state.fault.filter(|(at, _)| *at == now).map(|(_, fault)| fault)
    };
    let answered = || -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(upstream)?;
        // One request a connection: its end is the end of the answer.
        server.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let short = |status: &str, more: &str| {
        let body = r#"{"message":"not now"}"#;
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}Content-Length: {}", body.len());
        format!("{head}\r\nConnection: close\r\n\r\n{body}").into_bytes()
    };
    let answer = match fault {
        None => answered()?,
        Some(Fault::BusyBefore) => short("503 Service Unavailable", ""),
        Some(Fault::BusyAfter) => answered().map(|_| short("503 Service Unavailable", ""))?,
        Some(Fault::Throttled) => short("429 Too Many Requests", "Retry-After: 1\r\nX-Retry-After: 1\r\n"),
        Some(Fault::LostBefore) => return client.shutdown(Shutdown::Both),
        Some(Fault::LostAfter) => return answered().and_then(|_| client.shutdown(Shutdown::Both)),
        Some(Fault::HeldAfter) => {
            answered()?;
            shared.0.lock().unwrap().holds = true;
            shared.1.notify_all();
            // Until whoever asked is gone.
            return client.read(&mut [0]).map(|_| ());
        }
    };
    client.write_all(&answer)
}

/// A request whole, with a body as long as its head says; `None`: there was none.
fn request(client: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(Some(text.into_owned()));
            }
        }
        match client.read(&mut chunk)? {
            0 => return Ok(None),
            read => bytes.extend(chunk.iter().take(read)),
        }
    }
}

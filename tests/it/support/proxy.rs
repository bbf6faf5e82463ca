//! What stands between a client and a server on this machine: it passes requests on, remembers them, and lets one of them go wrong.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use tokio::sync::Notify;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 503 in place of the effect.
    BusyBefore,
    /// The effect, and then 503.
    BusyAfter,
    /// 429 in place of the effect; a second later it may be tried again.
    Throttled,
    /// A page of HTML in place of the effect, with status 200.
    Html,
    /// The connection ends in place of the effect.
    LostBefore,
    /// The effect, and then the connection ends.
    LostAfter,
    /// The effect, and an answer that ends in the middle of its body.
    Cut,
    /// The server does not know the token (any more).
    Forgotten,
    /// Nothing happens, and no answer comes: whoever asked waits until they are killed, or lose patience.
    HeldBefore,
    /// The server does it, and no answer comes.
    HeldAfter,
    /// The page of a list that was answered before, once more.
    Repeated,
    /// The page of a list lacks its first item, and counts one less where it counts; where nothing counts, it is empty.
    Shrunk,
}

/// See the module. It ends with its value.
pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<State>,
    ended: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    /// Nobody is passed on: connections end as they begin.
    away: AtomicBool,
    asked: Mutex<Asked>,
    holds: Notify,
}

#[derive(Default)]
struct Asked {
    lines: Vec<String>,
    /// The last answer to each of them, whatever its query.
    answers: BTreeMap<String, Vec<u8>>,
    /// The request with this number, counted from 1, goes wrong so.
    fault: Option<(usize, Fault)>,
    /// The first with this method, whose path ends so, goes wrong so.
    first: Option<(&'static str, &'static str, Fault)>,
}

impl Proxy {
    /// In front of a server at `http://127.0.0.1:PORT`; what follows that is passed over.
    pub(crate) fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, ended): (Arc<State>, Arc<AtomicBool>) = (Arc::default(), Arc::default());
        let upstream = upstream.split('/').nth(2).expect("an address").to_owned();
        let (shared, over) = (Arc::clone(&state), Arc::clone(&ended));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                if shared.away.load(Ordering::SeqCst) {
                    continue;
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
        self.asked_with_query().iter().map(|line| path_of(line).to_owned()).collect()
    }

    /// The same, such as `GET /api/users?page=2`.
    pub(crate) fn asked_with_query(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().lines.clone()
    }

    /// From here on nobody gets through; or everybody again.
    pub(crate) fn is_away(&self, is_away: bool) {
        self.state.away.store(is_away, Ordering::SeqCst);
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

fn path_of(line: &str) -> &str {
    line.split('?').next().unwrap_or_default()
}

/// One request and its answer; connections are not kept.
fn passed(mut client: TcpStream, upstream: &str, state: &State) -> std::io::Result<()> {
    let Some((head, body)) = message(&mut client)? else { return Ok(()) };
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let path = path_of(&line).to_owned();
    let (fault, before) = {
        let mut asked = state.asked.lock().unwrap();
        asked.lines.push(line);
        let number = asked.lines.len();
        let first = asked.first.take_if(|(method, end, _)| path.starts_with(*method) && path.ends_with(*end));
        let fault = asked.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault).or(first.map(|(_, _, fault)| fault));
        (fault, asked.answers.get(&path).cloned())
    };
    let instead = match fault {
        Some(Fault::BusyBefore) => Some(short("503 Service Unavailable", "application/json", r#"{"message":"not now"}"#)),
        Some(Fault::Throttled) => Some(short("429 Too Many Requests\r\nRetry-After: 1\r\nX-Retry-After: 1", "application/json", "{}")),
        Some(Fault::Html) => Some(short("200 OK", "text/html", "<!doctype html><title>Sign in</title>")),
        Some(Fault::LostBefore) => Some(Vec::new()),
        Some(Fault::Repeated) => before,
        _ => None,
    };
    let answer = match instead {
        Some(instead) => instead,
        None if fault == Some(Fault::HeldBefore) => Vec::new(),
        None => answered(upstream, &head, &body, fault)?,
    };
    let answer = match fault {
        Some(Fault::HeldBefore | Fault::HeldAfter) => {
            state.holds.notify_one();
            // Until whoever asked is gone.
            return client.read(&mut [0]).map(|_| ());
        }
        Some(Fault::BusyAfter) => short("503 Service Unavailable", "application/json", r#"{"message":"not now"}"#),
        Some(Fault::LostAfter) => Vec::new(),
        Some(Fault::Cut) => answer[..answer.len() - (answer.len() - end_of_head(&answer)).div_ceil(2).max(6)].to_vec(),
        Some(Fault::Shrunk) => shrunk(&answer),
        _ => answer,
    };
    state.asked.lock().unwrap().answers.insert(path, answer.clone());
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}

/// What the server answers to one request on a connection of its own: its end is the end of the answer.
fn answered(upstream: &str, head: &str, body: &[u8], fault: Option<Fault>) -> std::io::Result<Vec<u8>> {
    let forgotten: &[&str] = if fault == Some(Fault::Forgotten) { &["authorization:", "x-auth-token:"] } else { &[] };
    let gone = |line: &str| ["connection:", "host:"].iter().chain(forgotten).any(|name| line.to_ascii_lowercase().starts_with(name));
    let mut lines: Vec<&str> = head.lines().filter(|line| !gone(line)).collect();
    let host = format!("Host: {upstream}");
    lines.extend(["Connection: close", &host]);
    let mut head = lines.join("\r\n");
    if fault == Some(Fault::Shrunk) {
        // A body that is read here must come in one piece.
        head = head.replacen(" HTTP/1.1", " HTTP/1.0", 1);
    }
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(format!("{head}\r\n\r\n").as_bytes())?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn short(status: &str, media: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

fn end_of_head(answer: &[u8]) -> usize {
    answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4)
}

/// See [`Fault::Shrunk`].
fn shrunk(answer: &[u8]) -> Vec<u8> {
    let mut body: Json = serde_json::from_slice(&answer[end_of_head(answer)..]).unwrap();
    let total = body.get("total").and_then(Json::as_u64);
    let page = match &mut body {
        Json::Array(items) => Some(items),
        Json::Object(parts) => parts.values_mut().find_map(Json::as_array_mut),
        _ => None,
    };
    let page = page.expect("a list");
    match total {
        None => page.clear(),
        Some(total) => {
            page.remove(0);
            body["total"] = (total - 1).into();
        }
    }
    short("200 OK", "application/json", &body.to_string())
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

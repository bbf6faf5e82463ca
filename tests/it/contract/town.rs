//! An API whose creations take several calls: a person is made, gets a badge, and is then invited. What it sent goes into an outbox, which no list
//! shows. It may heed keys and hold their bodies against each other, and may show late what was written.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value as Json, json};

/// How it behaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manners {
    /// A request under a key that it knows is answered as the first was; with another body it is refused.
    pub(crate) heeds_keys: bool,
    /// So many times a list is read before it shows a new person.
    pub(crate) shows_late: u32,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, with nothing done.
    Fails,
    /// It is done, and fails after that.
    FailsAfter,
    /// It wants to be asked later.
    Busy,
    /// It is refused.
    Refuses,
}

impl Fault {
    pub(crate) const ALL: [Self; 4] = [Self::Fails, Self::FailsAfter, Self::Busy, Self::Refuses];
}

#[derive(Default)]
struct State {
    orgs: Vec<Json>,
    /// Each with how many lists have not shown it.
    people: Vec<(Json, u32)>,
    badges: Vec<String>,
    roles: Vec<Json>,
    /// Every write that must not be made twice, in words.
    deeds: Vec<String>,
    outbox: Vec<String>,
    /// By key: the body, and the answer.
    keys: Vec<(String, String, Json)>,
    asked: Vec<String>,
    /// From this request on, so many go wrong so.
    fault: Option<(usize, usize, Fault)>,
}

/// See the module. It ends with its value.
pub(crate) struct Town {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Town {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Town {
    pub(crate) async fn start(manners: Manners) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let handle = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let shared = Arc::clone(&shared);
            async move {
                let key = headers.get("Idempotency-Key").and_then(|k| k.to_str().ok()).filter(|_| manners.heeds_keys);
                let line = format!("{method} {}", uri.path().trim_start_matches("/api"));
                shared.lock().unwrap().answer(&line, key, &String::from_utf8_lossy(&body), manners)
            }
        };
        let app = axum::Router::new().fallback(handle);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state, task }
    }

    /// From the n-th request on, counted from 1 and from now, so many go wrong.
    pub(crate) fn fault(&self, at: usize, many: usize, fault: Fault) {
        let mut state = self.state.lock().unwrap();
        state.asked.clear();
        state.fault = Some((at, many, fault));
    }

    /// From here on nothing goes wrong, and requests are counted anew.
    pub(crate) fn mends(&self) {
        let mut state = self.state.lock().unwrap();
        state.asked.clear();
        state.fault = None;
    }

    /// The requests since they are counted.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Every mail that it ever sent, sorted.
    pub(crate) fn outbox(&self) -> Vec<String> {
        let mut sent = self.state.lock().unwrap().outbox.clone();
        sent.sort();
        sent
    }

    /// Everybody in it, sorted; with a star who has a badge.
    pub(crate) fn people(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let badge = |id: &Json| if state.badges.iter().any(|b| id == b.as_str()) { "*" } else { "" };
        let mut people: Vec<_> = state.people.iter().map(|(p, _)| format!("{}{}", p["mail"].as_str().unwrap(), badge(&p["id"]))).collect();
        people.sort();
        people
    }

    /// Every role in it with what its holders may do.
    pub(crate) fn roles(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.roles.iter().map(|r| format!("{} {} {}", r["slug"].as_str().unwrap(), r["title"].as_str().unwrap(), r["may"])).collect()
    }

    /// How everybody in it is called.
    pub(crate) fn names(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.people.iter().map(|(p, _)| format!("{} {} {}", p["id"], p["first"], p["last"]).replace('"', "")).collect()
    }

    /// Every write that must not be made twice, sorted.
    pub(crate) fn deeds(&self) -> Vec<String> {
        let mut deeds = self.state.lock().unwrap().deeds.clone();
        deeds.sort();
        deeds
    }

    pub(crate) fn orgs(&self) -> usize {
        self.state.lock().unwrap().orgs.len()
    }

    /// By and by it shows everything.
    pub(crate) fn shows_all(&self) {
        self.state.lock().unwrap().people.iter_mut().for_each(|(_, hidden)| *hidden = 0);
    }
}

fn said(status: u16, body: Json) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

impl State {
    fn answer(&mut self, line: &str, key: Option<&str>, body: &str, manners: Manners) -> Response {
        self.asked.push(line.to_owned());
        let at = self.asked.len();
        let fault = self.fault.filter(|(from, many, _)| (*from..from + many).contains(&at)).map(|(_, _, fault)| fault);
        match fault {
            Some(Fault::Fails) => return said(503, json!({})),
            Some(Fault::Busy) => return said(429, json!({})),
            Some(Fault::Refuses) => return said(403, json!({})),
            Some(Fault::FailsAfter) | None => {}
        }
        let known = key.filter(|_| !line.starts_with("GET ")).and_then(|key| self.keys.iter().find(|(k, _, _)| k == key).cloned());
        let answer = match known {
            Some((_, first, _)) if first != body => return said(422, json!({"message": "this key came with another body"})),
            Some((_, _, answer)) => answer,
            None => {
                if self.is_gone(line) {
                    return said(404, json!({}));
                }
                let Some(answer) = self.done(line, body, manners) else { return said(409, json!({})) };
                if let Some(key) = key.filter(|_| !line.starts_with("GET ")) {
                    self.keys.push((key.to_owned(), body.to_owned(), answer.clone()));
                }
                answer
            }
        };
        if fault == Some(Fault::FailsAfter) { said(503, json!({})) } else { said(200, answer) }
    }

    /// It is about somebody or something that is not there any more.
    fn is_gone(&self, line: &str) -> bool {
        let path: Vec<&str> = line.split('/').skip(1).collect();
        match path.as_slice() {
            ["users", id, ..] => !self.people.iter().any(|(p, _)| p["id"] == *id),
            ["roles", id, "may", name] => !self.roles.iter().any(|r| r["id"] == *id && r["may"].as_array().unwrap().contains(&json!(name))),
            ["roles", id, ..] => !self.roles.iter().any(|r| r["id"] == *id),
            _ => false,
        }
    }

    /// `None`: something else has its name.
    fn done(&mut self, line: &str, body: &str, manners: Manners) -> Option<Json> {
        let body: Json = serde_json::from_str(body).unwrap_or_default();
        let (method, path) = line.split_once(' ').unwrap();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let with = |id: String, more: &Json| {
            let mut made = more.clone();
            made["id"] = id.into();
            made
        };
        Some(match (method, parts.as_slice()) {
            ("GET", ["orgs"]) => {
                let mut shown = self.orgs.clone();
                for org in &mut shown {
                    let there = self.people.iter().filter(|(p, hidden)| p["org"] == org["id"] && *hidden == 0);
                    org["people"] = there.map(|(p, _)| p.clone()).collect();
                }
                json!({ "items": shown })
            }
            ("POST", ["orgs"]) => {
                if self.orgs.iter().any(|o| o["slug"] == body["slug"]) {
                    return None;
                }
                let made = with(format!("o{}", self.orgs.len() + 1), &body);
                self.orgs.push(made.clone());
                made
            }
            ("GET", ["orgs", org, "users"]) => {
                let mut shown = Vec::new();
                for (person, hidden) in self.people.iter_mut().filter(|(p, _)| p["org"] == *org) {
                    if *hidden == 0 {
                        shown.push(person.clone());
                    }
                    *hidden = hidden.saturating_sub(1);
                }
                json!({ "items": shown })
            }
            ("POST", ["orgs", org, "users"]) => {
                if self.people.iter().any(|(p, _)| p["mail"] == body["mail"]) {
                    return None;
                }
                let mut made = with(format!("u{}", self.people.len() + 1), &body);
                made["org"] = (*org).into();
                self.people.push((made.clone(), manners.shows_late));
                made
            }
            (_, ["orgs", _, "roles"] | ["roles", ..] | ["letters"] | ["users", _, "weddings"]) | ("DELETE", ["users", ..]) => {
                self.changed(line, &body)
            }
            ("PATCH", ["users", id]) => {
                let (person, _) = self.people.iter_mut().find(|(p, _)| p["id"] == *id)?;
                person["first"] = body["first"].clone();
                json!({})
            }
            ("PUT", ["users", id, "badge"]) => {
                self.badges.push((*id).to_owned());
                json!({})
            }
            ("GET", ["users", id, "job"]) => json!({"done": self.badges.iter().any(|b| b == id)}),
            ("POST", ["users", id, "invitations"]) => {
                self.outbox.push(format!("invitation {id}"));
                json!({})
            }
            ("GET", ["users", id, "invitations"]) => {
                json!({"sent": self.outbox.iter().filter(|sent| **sent == format!("invitation {id}")).count()})
            }
            _ => panic!("nobody asks for {line}"),
        })
    }

    /// What is changed, or goes, of what is there.
    fn changed(&mut self, line: &str, body: &Json) -> Json {
        let (method, path) = line.split_once(' ').unwrap();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let role = |roles: &mut Vec<Json>, id: &str| roles.iter().position(|r| r["id"] == id).unwrap();
        match (method, parts.as_slice()) {
            ("GET", ["orgs", org, "roles"]) => json!({"items": self.roles.iter().filter(|r| r["org"] == *org).collect::<Vec<_>>()}),
            ("POST", ["orgs", org, "roles"]) => {
                let mut made = body.clone();
                (made["org"], made["id"]) = ((*org).into(), format!("r{}", self.roles.len() + 1).into());
                self.roles.push(made.clone());
                made
            }
            ("PATCH", ["roles", id]) => {
                let at = role(&mut self.roles, id);
                self.roles[at]["title"] = body["title"].clone();
                json!({})
            }
            ("POST", ["roles", id, "may"]) => {
                let at = role(&mut self.roles, id);
                self.roles[at]["may"].as_array_mut().unwrap().push(body["name"].clone());
                self.deeds.push(format!("grant {id} {}", body["name"].as_str().unwrap()));
                json!({})
            }
            ("DELETE", ["roles", id, "may", name]) => {
                let at = role(&mut self.roles, id);
                self.roles[at]["may"].as_array_mut().unwrap().retain(|may| may != name);
                json!({})
            }
            ("DELETE", ["roles", id]) => {
                self.roles.retain(|r| r["id"] != *id);
                json!({})
            }
            ("POST", ["users", id, "weddings"]) => {
                let (person, _) = self.people.iter_mut().find(|(p, _)| p["id"] == *id).unwrap();
                person["last"] = body["last"].clone();
                self.deeds.push(format!("wedding {id} {}", body["last"].as_str().unwrap()));
                json!({})
            }
            ("DELETE", ["users", id, "badge"]) => {
                self.badges.retain(|b| b != id);
                json!({})
            }
            ("DELETE", ["users", id]) => {
                self.people.retain(|(p, _)| p["id"] != *id);
                json!({})
            }
            ("POST", ["letters"]) => {
                self.outbox.push(body["about"].as_str().unwrap_or("nothing").to_owned());
                json!({})
            }
            ("GET", ["letters"]) => json!({"items": self.outbox}),
            _ => panic!("nobody asks for {line}"),
        }
    }
}

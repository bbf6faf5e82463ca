//! What a server said is wrong, for a person. Comes in: an answer's body and the secrets of the request. Goes out: a short line. Never holds a
//! secret that the server sent back, a page of HTML or a character that moves a terminal's cursor.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;

use super::base::segment;

/// Longest message, in characters: what a person reads in a line or two.
const LONGEST: usize = 200;
/// What a secret shows as.
const MASKED: &str = "(sensitive)";
/// Where APIs say what is wrong, the plainest words first.
const SAID: [&str; 9] = [
    "/message",
    "/error/message",
    "/error_description",
    "/detail",
    "/errors/0/message",
    "/errors/0/detail",
    "/errors/0",
    "/error",
    "/title",
];
/// Where they give it a name.
const NAMED: [&str; 3] = ["/code", "/error/code", "/error"];

/// Secrets that must not be shown, in every form in which a server may send them back.
#[derive(Default)]
pub(super) struct Mask(Vec<Zeroizing<String>>);

impl Mask {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets {
            let plain = secret.expose_secret();
            if plain.is_empty() {
                continue;
            }
            let in_json = Json::from(plain).to_string();
            forms.push(in_json.trim_matches('"').to_owned());
            forms.extend(segment(plain));
            forms.push(url::form_urlencoded::byte_serialize(plain.as_bytes()).collect());
            forms.push(plain.to_owned());
        }
        // The longest first: one secret may be part of another.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self(forms.into_iter().map(Zeroizing::new).collect())
    }

    pub(super) fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| if text.contains(&**secret) { text.replace(&**secret, MASKED) } else { text })
    }

    /// Masks every text of a body, keys too.
    pub(super) fn json(&self, json: Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.text(&text)),
            Json::Array(items) => Json::Array(items.into_iter().map(|item| self.json(item)).collect()),
            Json::Object(entries) => Json::Object(entries.into_iter().map(|(key, value)| (self.text(&key), self.json(value))).collect()),
            Json::Null | Json::Bool(_) | Json::Number(_) => json,
        }
    }
}

/// What a body says by the names that APIs commonly use; `None` where it has none of them.
pub(super) fn of_json(body: &Json) -> Option<String> {
    let text = |path: &&str| body.pointer(path).and_then(Json::as_str).map(str::trim).filter(|t| !t.is_empty());
    let said = SAID.iter().find_map(text);
    let named = NAMED.iter().find_map(text);
    match (said, named) {
        (Some(said), Some(named)) if said != named => Some(format!("{said} ({named})")),
        (Some(said), _) | (None, Some(said)) => Some(said.to_owned()),
        (None, None) => body.as_str().map(str::to_owned),
    }
}

/// One line of at most [`LONGEST`] characters, with nothing in it that is not to be seen.
pub(super) fn line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_invisible(*c)).collect();
    let words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= LONGEST {
        return words;
    }
    words.chars().take(LONGEST - 1).chain("…".chars()).collect()
}

/// Characters that turn the direction of a text or have no width: a message could be made to read as another.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

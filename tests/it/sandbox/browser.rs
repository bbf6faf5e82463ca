//! A sandbox that listens, and somebody at its screens: a browser that keeps cookies, presses buttons by their labels and fills fields by theirs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tenantry::sandbox::{Addresses, Server, World};

use super::kit;

/// A sandbox that listens.
pub(super) struct Played {
    pub(super) world: Arc<World>,
    pub(super) addresses: Addresses,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Played {
    pub(super) async fn start(dir: &Path) -> Self {
        let world = Arc::new(kit::open(dir).await);
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(Arc::clone(&world), loopback).await.unwrap();
        let addresses = server.addresses().await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            server.run(async { drop(stopped.await) }).await.unwrap();
        });
        Self { world, addresses, stop: Some(stop), task }
    }

    pub(super) async fn end(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap();
    }

    pub(super) fn base(&self) -> String {
        self.addresses.screens.split("/?").next().unwrap().to_owned()
    }

    /// Somebody who came in with a token.
    pub(super) async fn enter(&self, token: &str) -> Browser {
        let mut browser = Browser { client: client(), base: self.base(), cookies: Vec::new(), status: 0, page: String::new() };
        browser.get(&format!("/?token={token}")).await;
        browser
    }

    pub(super) async fn operator(&self) -> Browser {
        let token = self.addresses.operator.clone();
        self.enter(&token).await
    }
}

/// A client that goes where it is sent only when we say so.
pub(super) fn client() -> reqwest::Client {
    // Another test may have been first; loopback needs no TLS, but the client asks for a provider.
    let _another = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// Somebody at the screens.
pub(super) struct Browser {
    client: reqwest::Client,
    base: String,
    cookies: Vec<(String, String)>,
    /// Of the page that is shown.
    pub(super) status: u16,
    pub(super) page: String,
}

impl Browser {
    pub(super) async fn get(&mut self, path: &str) {
        self.send(|client, base| client.get(format!("{base}{path}"))).await;
    }

    pub(super) async fn post(&mut self, path: &str, pairs: &[(String, String)]) {
        let pairs = pairs.to_vec();
        self.send(move |client, base| client.post(format!("{base}{path}")).form(&pairs)).await;
    }

    async fn send(&mut self, request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder) {
        let mut request = request(&self.client, &self.base);
        for _ in 0..5 {
            let cookies = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ");
            let answer = request.header("cookie", cookies).send().await.unwrap();
            for set in answer.headers().get_all("set-cookie") {
                let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
                self.cookies.retain(|(n, _)| n != name);
                self.cookies.push((name.to_owned(), rest.split(';').next().unwrap().to_owned()));
            }
            self.status = answer.status().as_u16();
            let location = answer.headers().get("location").map(|l| l.to_str().unwrap().to_owned());
            self.page = answer.text().await.unwrap();
            let Some(location) = location else { return };
            request = self.client.get(format!("{}{location}", self.base));
        }
        panic!("redirected in a circle");
    }

    /// Opens a place of the menu by its label.
    pub(super) async fn menu(&mut self, label: &str) {
        let path = self.link(label);
        self.get(&path).await;
    }

    /// Opens what a link of this text leads to.
    pub(super) async fn open(&mut self, text: &str) {
        let path = self.link(text);
        self.get(&path).await;
    }

    fn link(&self, text: &str) -> String {
        let at = self.page.find(&format!("\">{text}</a>")).unwrap_or_else(|| panic!("no link {text} in {}", self.page));
        unescape(self.page[..at].rsplit_once("href=\"").unwrap().1)
    }

    /// Presses the button of this label, with the fields above it filled by their labels. `row`: text of the table's row that it stands in.
    pub(super) async fn press(&mut self, label: &str, row: Option<&str>, fields: &[(&str, &str)]) {
        let form = self.form(label, row);
        let mut pairs: Vec<(String, String)> = Vec::new();
        for input in tags(&form, "<input").iter().chain(&tags(&form, "<textarea")).chain(&tags(&form, "<select")) {
            let name = attribute(input, "name").unwrap();
            let id = attribute(input, "id");
            let given = id.and_then(|id| {
                let named = |(label, _): &&(&str, &str)| label_of(&form, &id).as_deref() == Some(*label);
                fields.iter().find(named).map(|(_, value)| (*value).to_owned())
            });
            let tick = attribute(input, "type").as_deref() == Some("checkbox");
            let value = match given {
                Some(value) if input.starts_with("<select") => option(&form, &name, &value),
                Some(value) => value,
                None if tick => continue,
                None => attribute(input, "value").unwrap_or_default(),
            };
            pairs.push((name, value));
        }
        for (label, _) in fields {
            assert!(
                form.contains(&format!(">{label}</label>")) || form.contains(&format!("> {label}</label>")),
                "no field {label} in {form}"
            );
        }
        let action = attribute(&form, "action").unwrap();
        if attribute(&form, "method").as_deref() == Some("post") {
            self.post(&action, &pairs).await;
        } else {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            self.get(&format!("{action}?{query}")).await;
        }
    }

    /// The form with this button.
    fn form(&self, label: &str, row: Option<&str>) -> String {
        let page = match row {
            None => self.page.as_str(),
            Some(row) => {
                self.page.split("<tr>").find(|r| r.contains(&format!(">{row}<"))).unwrap_or_else(|| panic!("no row {row}: {}", self.page))
            }
        };
        let mut forms = page.split("<form").skip(1).map(|f| f.split("</form>").next().unwrap());
        let found = forms.find(|f| f.contains(&format!("<button>{label}</button>")));
        format!("<form{}", found.unwrap_or_else(|| panic!("no button {label} in {page}")))
    }

    /// What stands under a heading of a list, such as evidence.
    pub(super) fn reads(&self, ask: &str) -> String {
        let after = self.page.split_once(&format!("<dt>{ask}</dt>")).unwrap_or_else(|| panic!("no {ask} in {}", self.page)).1;
        unescape(after.trim_start().strip_prefix("<dd>").unwrap().split("</dd>").next().unwrap())
    }

    /// The customer at the top of the screen.
    pub(super) fn customer(&self) -> String {
        unescape(self.page.split_once("<strong id=\"customer\">").unwrap().1.split("</strong>").next().unwrap())
    }

    pub(super) fn shows(&self, text: &str) -> bool {
        self.page.contains(text)
    }
}

fn tags(html: &str, begin: &str) -> Vec<String> {
    html.match_indices(begin).map(|(at, _)| html[at..].split_inclusive('>').next().unwrap().to_owned()).collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next().unwrap();
    let after = tag.split_once(&format!(" {name}=\""))?.1;
    Some(unescape(after.split('"').next().unwrap()))
}

fn label_of(form: &str, id: &str) -> Option<String> {
    let after = form.split_once(&format!("<label for=\"{id}\">"))?.1;
    let inner = after.split("</label>").next().unwrap();
    Some(unescape(inner.rsplit('>').next().unwrap().trim()))
}

/// The value that picking this entry of a list sends.
fn option(form: &str, name: &str, shown: &str) -> String {
    let list = form.split_once(&format!("name=\"{name}\">")).unwrap().1.split("</select>").next().unwrap();
    let at = list.find(&format!(">{shown}</option>")).unwrap_or_else(|| panic!("no entry {shown} in {list}"));
    attribute(list[..=at].rsplit_once("<option").map(|(_, o)| o).unwrap(), "value").unwrap()
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

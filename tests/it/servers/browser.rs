//! A browser without a window, driven through WebDriver as a person's hands and eyes would: by what stands on the screen, never by what is behind it.

use std::process::{ChildStdin, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::answers;
use super::process::{place, ready, watched};

/// A browser window.
pub(crate) struct Browser {
    session: String,
    client: reqwest::Client,
}

struct Driver {
    url: String,
    _alive: ChildStdin,
}

/// Why something cannot be done on a screen: what a person would say.
#[derive(Debug)]
pub(crate) struct NotOnScreen(pub(crate) String);

/// How long a person waits for a screen to show something.
const PATIENCE: Duration = Duration::from_secs(5);

impl Browser {
    /// A new window.
    pub(crate) async fn open() -> Self {
        let client = super::client();
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"];
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": {"args": arguments}});
        let body = json!({"capabilities": {"alwaysMatch": wanted}});
        let url = format!("{}/session", driver().url);
        let answer: Value = client.post(&url).json(&body).send().await.unwrap().json().await.unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {answer}"));
        Self { session: format!("{url}/{id}"), client }
    }

    /// Goes to an address.
    pub(crate) async fn go(&self, url: &str) {
        self.ask("url", json!({"url": url})).await.unwrap();
    }

    /// All that can be read on the screen.
    pub(crate) async fn text(&self) -> String {
        let body = self.find("//body").await.unwrap();
        self.get(&format!("element/{body}/text")).await.as_str().unwrap_or_default().to_owned()
    }

    /// Presses the button, link or tab with a label. `within` is a row's path, or empty.
    pub(crate) async fn press(&self, within: &str, label: &str) -> Result<(), NotOnScreen> {
        let says = format!("normalize-space(.)={}", quoted(label));
        let path = format!(
            "{within}//*[(self::button or self::a or self::summary) and {says}] | {within}//input[@type='submit' and @value={}]",
            quoted(label)
        );
        let element = self.visible(&path).await.map_err(|_| NotOnScreen(format!("nothing to press is called `{label}`")))?;
        self.click_on(&element).await.map_err(|why| NotOnScreen(format!("`{label}`: {why}")))
    }

    /// Presses the first of what a path leads to, such as the link of a row.
    pub(crate) async fn click(&self, path: &str) -> Result<(), NotOnScreen> {
        let element = self.visible(path).await.map_err(|_| NotOnScreen(format!("there is no {path}")))?;
        self.click_on(&element).await.map_err(NotOnScreen)
    }

    /// Clicks, and waits as a person does until another page is there; where none comes, not for long.
    async fn click_on(&self, element: &str) -> Result<(), String> {
        let before = self.find("/html").await;
        self.ask(&format!("element/{element}/click"), json!({})).await?;
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline && self.find("/html").await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What can be read at a path, from top to bottom.
    pub(crate) async fn texts(&self, path: &str) -> Vec<String> {
        let found = self.ask("elements", json!({"using": "xpath", "value": path})).await.unwrap();
        let mut texts = Vec::new();
        for element in found.as_array().into_iter().flatten() {
            texts.push(self.get(&format!("element/{}/text", id_of(element))).await.as_str().unwrap_or_default().to_owned());
        }
        texts
    }

    /// The path of the one table row that shows a text in one of its cells.
    pub(crate) async fn row(&self, shows: &str) -> Result<String, NotOnScreen> {
        let path = format!("//tr[td[normalize-space(.)={0}] or td//*[normalize-space(.)={0}]]", quoted(shows));
        self.visible(&path).await.map_err(|_| NotOnScreen(format!("no row shows `{shows}`")))?;
        match self.count(&path).await {
            1 => Ok(path),
            many => Err(NotOnScreen(format!("{many} rows show `{shows}`"))),
        }
    }

    /// Types into the field with a label; what was in it goes.
    pub(crate) async fn fill(&self, label: &str, value: &str) -> Result<(), NotOnScreen> {
        let field = self.labelled(label).await?;
        self.ask(&format!("element/{field}/clear"), json!({})).await.map_err(|why| NotOnScreen(format!("`{label}`: {why}")))?;
        if !value.is_empty() {
            self.ask(&format!("element/{field}/value"), json!({"text": value}))
                .await
                .map_err(|why| NotOnScreen(format!("`{label}`: {why}")))?;
        }
        Ok(())
    }

    /// Picks an entry of the list with a label, or types it where suggestions are offered.
    pub(crate) async fn choose(&self, label: &str, value: &str) -> Result<(), NotOnScreen> {
        let list = self.labelled(label).await?;
        if self.get(&format!("element/{list}/name")).await != "select" {
            return self.fill(label, value).await;
        }
        let option = format!(".//option[normalize-space(.)={}]", quoted(value));
        let body = json!({"using": "xpath", "value": option});
        let found = self.ask(&format!("element/{list}/element"), body).await;
        let option = found.map_err(|_| NotOnScreen(format!("`{label}` has no entry `{value}`")))?;
        self.ask(&format!("element/{}/click", id_of(&option)), json!({})).await.map_err(NotOnScreen)?;
        Ok(())
    }

    /// Sets or clears the check box with a label.
    pub(crate) async fn tick(&self, label: &str, on: bool) -> Result<(), NotOnScreen> {
        let field = self.labelled(label).await?;
        if self.get(&format!("element/{field}/selected")).await != on {
            self.ask(&format!("element/{field}/click"), json!({})).await.map_err(NotOnScreen)?;
        }
        Ok(())
    }

    /// The form field that a label is for.
    async fn labelled(&self, label: &str) -> Result<String, NotOnScreen> {
        let path = format!(
            "//*[@id=//label[normalize-space(.)={0}]/@for] | //label[normalize-space(.)={0}]//*[self::input or self::select or self::textarea]",
            quoted(label)
        );
        let element = self.visible(&path).await.map_err(|_| NotOnScreen(format!("no field is called `{label}`")))?;
        match self.count(&path).await {
            1 => Ok(element),
            many => Err(NotOnScreen(format!("{many} fields are called `{label}`"))),
        }
    }

    /// Waits until something is on the screen.
    async fn visible(&self, path: &str) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.find(path).await {
                Ok(element) if self.get(&format!("element/{element}/displayed")).await == true => return Ok(element),
                _ if Instant::now() > deadline => return Err(format!("{path} is not on the screen")),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// How many things on the screen a path leads to.
    pub(crate) async fn count(&self, path: &str) -> usize {
        let found = self.ask("elements", json!({"using": "xpath", "value": path})).await.unwrap();
        found.as_array().map_or(0, Vec::len)
    }

    async fn find(&self, path: &str) -> Result<String, String> {
        self.ask("element", json!({"using": "xpath", "value": path})).await.map(|found| id_of(&found))
    }

    async fn get(&self, path: &str) -> Value {
        let answer: Value = self.client.get(format!("{}/{path}", self.session)).send().await.unwrap().json().await.unwrap();
        answer["value"].clone()
    }

    async fn ask(&self, path: &str, body: Value) -> Result<Value, String> {
        let sent = self.client.post(format!("{}/{path}", self.session)).json(&body).send().await.unwrap();
        let ok = sent.status().is_success();
        let answer: Value = sent.json().await.unwrap();
        if ok {
            Ok(answer["value"].clone())
        } else {
            Err(answer["value"]["message"].as_str().unwrap_or("refused").lines().next().unwrap_or_default().to_owned())
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let (client, session) = (self.client.clone(), self.session.clone());
        // A thread of its own: the test's runtime is busy dropping this. What stays open ends with the driver.
        let closing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            _ = runtime.block_on(client.delete(session).send());
        });
        _ = closing.join();
    }
}

/// The one driver of all tests.
fn driver() -> &'static Driver {
    static DRIVER: OnceLock<Driver> = OnceLock::new();
    DRIVER.get_or_init(|| {
        let (folder, port) = place("chromedriver");
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}"));
        let alive = watched(&command, &folder, "TERM");
        ready("chromedriver", &folder, || answers(port, "/status"));
        Driver { url: format!("http://127.0.0.1:{port}"), _alive: alive }
    })
}

/// The element's id in an answer: its only entry, under a name that the standard fixes.
fn id_of(found: &Value) -> String {
    found.as_object().and_then(|o| o.values().next()).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A text in XPath, which has no escapes.
pub(crate) fn quoted(text: &str) -> String {
    if !text.contains('\'') {
        return format!("'{text}'");
    }
    let parts: Vec<_> = text.split('\'').map(|part| format!("'{part}'")).collect();
    format!("concat({})", parts.join(", \"'\", "))
}

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_finds_things_by_what_stands_on_the_screen() {
    let browser = Browser::open().await;
    let page = "<table><tr><td>O'Neil</td><td><button onclick=\"document.title='pressed'\">Open</button></td></tr></table>\
                <label for=n>Name</label><input id=n><label><input type=checkbox> Make administrator</label>\
                <label for=c>Dashboard</label><select id=c><option>One<option>Two</select>\
                <label for=t>Twice</label><input id=t><label for=u>Twice</label><input id=u>";
    browser.go(&format!("data:text/html;charset=utf-8,{}", page.replace('#', "%23"))).await;
    let row = browser.row("O'Neil").await.unwrap();
    browser.press(&row, "Open").await.unwrap();
    browser.fill("Name", "Acme").await.unwrap();
    browser.tick("Make administrator", true).await.unwrap();
    browser.choose("Dashboard", "Two").await.unwrap();
    assert_eq!(browser.get("title").await, "pressed");
    assert!(browser.text().await.contains("Make administrator"));
    assert_eq!(browser.choose("Dashboard", "Three").await.unwrap_err().0, "`Dashboard` has no entry `Three`");
    assert_eq!(browser.fill("Twice", "x").await.unwrap_err().0, "2 fields are called `Twice`");
}

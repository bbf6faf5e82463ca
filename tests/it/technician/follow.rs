//! A technician who knows nothing but the text of a work order: each line is carried out by what stands on the screen, and a line that cannot be
//! is where they stop.

use std::collections::BTreeMap;

use tenantry::portal::runbook::ASK_FOR_CUSTOMER_BEFORE;

use super::paper::{Item, Line};
use super::reach;
use crate::servers::browser::{Browser, NotOnScreen, quoted};

/// At the screens of one portal.
pub(super) struct Technician {
    pub(super) browser: Browser,
    /// Where the references of secrets lead.
    pub(super) secrets: BTreeMap<&'static str, &'static str>,
    /// The place of the menu that was opened last.
    place: Option<String>,
    /// What the screens showed to read off, by what was asked.
    read: BTreeMap<String, String>,
    /// Who mixes up two customers: what the order says, and what is picked instead.
    pub(super) mistakes: Option<(&'static str, &'static str)>,
}

/// Where somebody stopped.
#[derive(Debug)]
pub(super) struct Stopped {
    /// The line that could not be carried out.
    pub(super) line: String,
    /// Why.
    pub(super) why: String,
    /// All that stood on the screen.
    pub(super) screen: String,
}

type Did = Result<(), NotOnScreen>;

pub(super) fn no(why: impl Into<String>) -> Did {
    Err(NotOnScreen(why.into()))
}

impl Technician {
    /// Comes in through the address that the sandbox printed.
    pub(super) async fn at(screens: &str, secrets: &[(&'static str, &'static str)]) -> Self {
        let browser = Browser::open().await;
        browser.go(screens).await;
        Self { browser, secrets: secrets.iter().copied().collect(), place: None, read: BTreeMap::new(), mistakes: None }
    }

    /// Does what an item says; what was to be brought back, by name.
    pub(super) async fn follow(&mut self, item: &Item) -> Result<BTreeMap<String, String>, Stopped> {
        self.place = None;
        self.read.clear();
        let mut at = 0;
        while at < item.lines.len() {
            let line = &item.lines[at];
            // Lines about one thing that no page documents are one visit.
            let together = reach::run(&item.lines[at..]);
            let did = if together > 0 { reach::reach(self, &item.lines[at..at + together]).await } else { self.step(line).await };
            if let Err(NotOnScreen(why)) = did {
                let screen = self.browser.text().await;
                return Err(Stopped { line: format!("{} {:?} {:?}", line.says, line.labels, line.values), why, screen });
            }
            at += together.max(1);
        }
        Ok(item.wanted.iter().filter_map(|(name, ask)| Some((name.clone(), self.read.get(ask)?.clone()))).collect())
    }

    async fn step(&mut self, line: &Line) -> Did {
        let label = || line.labels[0].as_str();
        let value = || line.values[0].as_str();
        match line.sentence() {
            "Open *" => self.open(label()).await,
            "Press *" => self.press("", label()).await,
            "Open the row that shows {}" => {
                let row = self.browser.row(self.picked(value())).await?;
                self.browser.click(&format!("{row}//a")).await?;
                self.opened().await;
                Ok(())
            }
            "In the row that shows {} press *" => {
                let row = self.browser.row(self.picked(value())).await?;
                self.press(&row, label()).await?;
                self.opened().await;
                Ok(())
            }
            "In * type {}" | "In * type this, line by line" => self.browser.fill(label(), value()).await,
            "Empty *" => self.browser.fill(label(), "").await,
            "From * choose {}" => self.browser.choose(label(), self.picked(value())).await,
            "Tick *" => self.browser.tick(label(), true).await,
            "Clear *" => self.browser.tick(label(), false).await,
            "In * type the secret that is kept as {} (its name, and not the secret: whoever runs tenantry has that)" => {
                let secret = self.secret(value())?;
                self.browser.fill(label(), secret).await
            }
            sentence => match sentence.strip_prefix("Look, and stop if it is not so: ") {
                Some(so) => self.look(so, &line.values).await,
                None => no("I do not know what this line asks for"),
            },
        }
    }

    /// What is picked where the order names a customer.
    pub(super) fn picked<'v>(&self, value: &'v str) -> &'v str {
        self.mistakes.filter(|(right, _)| *right == value).map_or(value, |(_, wrong)| wrong)
    }

    pub(super) fn secret(&self, reference: &str) -> Result<&'static str, NotOnScreen> {
        let known = reference.strip_prefix("env ").and_then(|name| self.secrets.get(name));
        known.copied().ok_or_else(|| NotOnScreen(format!("nobody keeps a secret under `{reference}`")))
    }

    pub(super) async fn open(&mut self, place: &str) -> Did {
        self.place = Some(place.to_owned());
        self.browser.press("", place).await
    }

    /// Presses, and reads what comes of it.
    pub(super) async fn press(&mut self, within: &str, label: &str) -> Did {
        self.browser.press(within, label).await?;
        let said = self.browser.texts("//*[@role='alert']").await;
        if let Some(refusal) = said.first() {
            return no(format!("the portal says: {refusal}"));
        }
        self.look_around().await;
        Ok(())
    }

    /// Reads what the screen shows to read off.
    async fn look_around(&mut self) {
        let asks = self.browser.texts("//*[@id='evidence']//dt").await;
        let values = self.browser.texts("//*[@id='evidence']//dd").await;
        self.read.extend(asks.into_iter().zip(values));
    }

    /// Something was opened: whose it is stands at the top of the screen, and nothing is changed yet.
    pub(super) async fn opened(&mut self) {
        if let Some(customer) = self.browser.texts("//*[@id='customer']").await.pop() {
            self.read.entry(ASK_FOR_CUSTOMER_BEFORE.to_owned()).or_insert(customer);
        }
    }

    /// Looks whether something is so.
    async fn look(&mut self, so: &str, values: &[String]) -> Did {
        let browser = &self.browser;
        let is = match (so, values) {
            (so, [name, of @ ..]) if so.starts_with("there is no ") && so.ends_with(" yet") => return self.not_yet(name, of.first()).await,
            (so, [name, of @ ..]) if so.ends_with(" is there; if it is not, nothing is left to do, and that is confirmed as done") => {
                return self.still(name, of.first()).await;
            }
            (so, [shown]) if so.starts_with("The ") && so.ends_with(" shows {}") => {
                self.again().await?;
                return self.browser.row(shown).await.map(drop);
            }
            (so, [gone]) if so.starts_with("The ") && so.ends_with(" does not show {} any more") => {
                self.again().await?;
                self.browser.count(&cells(gone)).await == 0
            }
            (so, [address]) if so.starts_with("The address of this ") => {
                let host = address.trim_start_matches("https://").split('/').next().unwrap();
                browser.text().await.contains(host)
            }
            (so, [title]) if so.starts_with("The dialog {} is open") => browser.texts("//h1").await.contains(title),
            (so, []) if so.starts_with("The wizard ") && so.contains(" is open") => {
                // No line says where it is: the sandbox has one page for all of those.
                browser.click("//nav//a").await?;
                browser.press("", "Screens of which no page says where they are in the menu").await?;
                browser.count("//form[@method='post']//label").await > 0
            }
            (so, []) if so.contains("mandatory fields of the form are filled") => browser.count("//*[@required][not(@value)]").await == 0,
            (so, [_]) if so.starts_with("The wizard does not say ") => browser.count("//*[@role='alert']").await == 0,
            (so, [name]) if so.contains(" {}, for it is a ") => {
                let word = so.rsplit(" a ").next().unwrap().split(' ').next().unwrap();
                let screen = browser.text().await;
                screen.contains(name) && screen.contains(word)
            }
            (so, [person]) if so.starts_with("{} is in the User Directory. ") => self.browser.count(&cells(person)).await > 0,
            (so, [customer, person]) if so.starts_with("{} is one of the customers of {}") => {
                self.again().await?;
                let path = format!("//tr[td[normalize-space(.)={}] and td[normalize-space(.)={}]]", quoted(customer), quoted(person));
                self.browser.count(&path).await == 1
            }
            (so, [customer]) if so.ends_with(" shows as attached to {}") => browser.text().await.contains(self.picked(customer)),
            _ => return no("I cannot tell whether that is so"),
        };
        if is { Ok(()) } else { no("it is not so") }
    }

    /// Goes back to the list from which the item began.
    async fn again(&mut self) -> Did {
        match self.place.clone() {
            Some(place) => self.open(&place).await,
            None => no("the order does not say where that list is"),
        }
    }

    /// Nothing of this name is shown here, in this customer.
    async fn not_yet(&mut self, name: &str, of: Option<&String>) -> Did {
        if self.shown(name, of).await? == 0 { Ok(()) } else { no(format!("`{name}` is there")) }
    }

    /// Something of this name is shown here, in this customer.
    async fn still(&mut self, name: &str, of: Option<&String>) -> Did {
        // Whoever mixes up two customers looks into the wrong one.
        let of = of.map(|of| self.picked(of).to_owned());
        if self.shown(name, of.as_ref()).await? > 0 { Ok(()) } else { no(format!("`{name}` is not there")) }
    }

    /// How often something of this name is shown here, in this customer.
    async fn shown(&mut self, name: &str, of: Option<&String>) -> Result<usize, NotOnScreen> {
        if let (None, Some(of)) = (&self.place, of) {
            // The order names the customer and no place: its own page shows what is in it.
            reach::customer(self, of).await?;
        }
        let in_it = |of: &String| format!("[not(ancestor::table//th[.='Customer']) or td[normalize-space(.)={}]]", quoted(of));
        let rows = format!("{}{}", cells(name), of.map(in_it).unwrap_or_default());
        let listed = format!("//li[normalize-space(.)={}]", quoted(name));
        Ok(self.browser.count(&rows).await + self.browser.count(&listed).await)
    }
}

/// Rows with a cell that shows a text.
fn cells(text: &str) -> String {
    format!("//tr[td[normalize-space(.)={}]]", quoted(text))
}

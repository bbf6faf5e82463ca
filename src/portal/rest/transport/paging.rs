//! Lists that come in pages. Comes in: the first request, how the profile says that one page follows another, and how items are found in an
//! answer. Goes out: the items page by page, and at the end whether that was all of them ([`Ended`]). Never takes a list for whole that only
//! stopped: what is missing from a whole list counts as deleted.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value as Json;
use url::Url;

use super::{Client, Request, Response, SendError};
use crate::portal::profile::cel::{EvalError, Expression, JsonScope};
use crate::portal::profile::http::connection::PagingStyle;
use crate::portal::profile::http::connection::compiled::Paging;

/// Finds the items in an answer; the error says in words why there are none to be found.
pub type Items<'a> = dyn Fn(&Response) -> Result<Vec<Json>, String> + Send + Sync + 'a;

/// How far a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Most pages.
    pub pages: usize,
    /// Most items.
    pub items: usize,
}

impl Default for Bound {
    fn default() -> Self {
        // A hundred thousand members in pages of ten; what never ends is ended.
        Self { pages: 10_000, items: 1_000_000 }
    }
}

/// How a list ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was read to its end.
    Complete,
    /// Nobody knows whether there is more.
    Unknown {
        /// Why, for a person.
        why: String,
    },
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The answer.
    pub response: Response,
    /// Its items.
    pub items: Vec<Json>,
}

/// A list that is read page by page.
pub struct Pages<'a> {
    client: &'a Client,
    request: Request,
    paging: Option<&'a Paging>,
    items: &'a Items<'a>,
    bound: Bound,
    next: Option<Next>,
    ended: Option<Ended>,
    pages: usize,
    read: usize,
    /// Where pages began: a place that comes again leads round in a circle.
    places: HashSet<u64>,
    /// The items of earlier pages.
    seen: HashSet<u64>,
    /// An item came on two pages: between them the list moved, and another may have slipped through.
    moved: bool,
    /// How many items the portal said there are, on the first page that says so.
    told: Option<u64>,
    /// Another page said otherwise.
    changed: bool,
}

/// Where the next page is.
enum Next {
    /// It begins here; `None`: the first, which may need no word of it.
    At(Option<String>),
    /// At this address.
    Address(Url),
}

/// What comes after a page.
enum Step {
    To(Next),
    End(Ended),
}

impl Client {
    /// Reads a list; `paging` is `None` where one answer has everything.
    pub fn pages<'a>(&'a self, request: Request, paging: Option<&'a Paging>, items: &'a Items<'a>) -> Pages<'a> {
        let first = paging.and_then(|paging| match paging.style {
            PagingStyle::Page | PagingStyle::Offset => Some(paging.first.to_string()),
            PagingStyle::None | PagingStyle::Cursor | PagingStyle::Link => None,
        });
        let size = paging.filter(|p| p.style != PagingStyle::None).and_then(|p| Some((p.size_parameter.clone()?, p.size.to_string())));
        let request = match size {
            Some((name, size)) => request.only_query(&name, size),
            None => request,
        };
        let next = Some(Next::At(first));
        Pages {
            client: self,
            request: request.wants_json(),
            paging,
            items,
            bound: Bound::default(),
            next,
            ended: None,
            pages: 0,
            read: 0,
            places: HashSet::new(),
            seen: HashSet::new(),
            moved: false,
            told: None,
            changed: false,
        }
    }
}

impl Pages<'_> {
    /// With another bound.
    #[must_use]
    pub fn within(mut self, bound: Bound) -> Self {
        self.bound = bound;
        self
    }

    /// How the list ended; before its end: that it was not read to it.
    pub fn ended(&self) -> Ended {
        self.ended.clone().unwrap_or_else(|| unknown("it was not read to its end"))
    }

    /// How many pages were read.
    pub fn count(&self) -> usize {
        self.pages
    }

    /// Whether one page said another number of items in all than one before it: somebody changes the list while it is read.
    pub fn is_changing(&self) -> bool {
        self.changed
    }

    /// The next page; `None` after the last, and [`Pages::ended`] says whether that was the end.
    ///
    /// # Errors
    /// When it cannot be had. The list then has an unknown end.
    pub async fn next(&mut self) -> Result<Option<Page>, SendError> {
        let Some(next) = self.next.take() else { return Ok(None) };
        let at = if let Next::At(Some(at)) = &next { at.parse::<u64>().ok() } else { None };
        let page = match self.fetched(next).await {
            Ok(page) => page,
            Err(error) => {
                self.ended = Some(unknown(error.to_string()));
                return Err(error);
            }
        };
        let items: HashSet<u64> = page.items.iter().map(|item| hash(&item.to_string())).collect();
        let again = items.iter().filter(|item| self.seen.contains(item)).count();
        if again > 0 && again == items.len() {
            self.ended = Some(unknown("the portal gave the same page again"));
            return Ok(None);
        }
        self.moved |= again > 0;
        self.seen.extend(items);
        self.pages += 1;
        self.read += page.items.len();
        match self.step(&page, at) {
            Step::End(Ended::Complete) if self.moved => {
                self.ended = Some(unknown("an item came on two pages: the list changed while it was read, or has no order"));
            }
            Step::End(ended) => self.ended = Some(ended),
            Step::To(_) if self.pages >= self.bound.pages || self.read >= self.bound.items => {
                let why = format!("it has more than {} items in {} pages, and no more are read", self.read, self.pages);
                self.ended = Some(unknown(why));
            }
            Step::To(next) => self.next = Some(next),
        }
        Ok(Some(page))
    }

    async fn fetched(&self, next: Next) -> Result<Page, SendError> {
        let response = match (next, self.paging) {
            (Next::At(Some(at)), Some(paging)) => self.client.send(&self.request.clone().only_query(&paging.parameter, at)).await?,
            (Next::At(_), _) => self.client.send(&self.request).await?,
            (Next::Address(url), _) => self.client.repeated(&self.request, &url, true).await?,
        };
        let items = (self.items)(&response).map_err(SendError::Garbled)?;
        Ok(Page { response, items })
    }

    fn step(&mut self, page: &Page, at: Option<u64>) -> Step {
        let Some(paging) = self.paging else { return Step::End(single(page, None)) };
        let scope = PageScope::new(page);
        let (more, total) = match (scope.more(paging), scope.total(paging)) {
            (Ok(more), Ok(total)) => (more, total),
            (Err(why), _) | (_, Err(why)) => return Step::End(unknown(why)),
        };
        if let Some(now) = total {
            let first = *self.told.get_or_insert(now);
            // What was taken away meanwhile has moved what follows it onto a page that was read already.
            if first != now {
                self.changed = true;
                return Step::End(unknown(format!("the portal said {first} items, and then {now}: the list changed while it was read")));
            }
        }
        // What one page said holds for those that say nothing.
        let total = self.told;
        match paging.style {
            PagingStyle::None => Step::End(self.counted(total, single(page, more))),
            PagingStyle::Page | PagingStyle::Offset => self.numbered(paging, page, at, more, total),
            PagingStyle::Cursor => match scope.next(paging) {
                Ok(next) => self.pointed(next.map(|next| (next.clone(), Next::At(Some(next)))), more, total),
                Err(why) => Step::End(unknown(why)),
            },
            PagingStyle::Link => match self.linked(paging, &scope, &page.response) {
                Ok(next) => self.pointed(next.map(|url| (url.to_string(), Next::Address(url))), more, total),
                Err(why) => Step::End(unknown(why)),
            },
        }
    }

    /// After a page that has a number: what the portal says of the end counts, and where it says nothing, an empty page alone. A page that is not
    /// full is no end: a server that gives fewer items than it was asked for gives only such pages.
    fn numbered(&self, paging: &Paging, page: &Page, at: Option<u64>, more: Option<bool>, total: Option<u64>) -> Step {
        let here = page.items.len();
        let whole = total.map(|total| self.read as u64 >= total);
        let goes_on = match (more, whole) {
            (Some(more), _) => more,
            (None, Some(whole)) => !whole,
            (None, None) => here > 0,
        };
        if !goes_on {
            return Step::End(self.counted(total, Ended::Complete));
        }
        if here == 0 {
            return Step::End(unknown(format!("the portal says that there is more after {} items, and gives an empty page", self.read)));
        }
        let step = if paging.style == PagingStyle::Page { 1 } else { here as u64 };
        match at.and_then(|at| at.checked_add(step)) {
            Some(next) => Step::To(Next::At(Some(next.to_string()))),
            None => Step::End(unknown("its pages have no number that follows")),
        }
    }

    /// After a page that says where the next one is, or that there is none.
    fn pointed(&mut self, next: Option<(String, Next)>, more: Option<bool>, total: Option<u64>) -> Step {
        match (next, more) {
            (None, Some(true)) => Step::End(unknown("the portal says that there is more, and not where")),
            (None, _) | (_, Some(false)) => Step::End(self.counted(total, Ended::Complete)),
            (Some((at, next)), _) => {
                if self.places.insert(hash(&at)) {
                    Step::To(next)
                } else {
                    Step::End(unknown("the portal names a next page that was read already"))
                }
            }
        }
    }

    fn linked(&self, paging: &Paging, scope: &PageScope<'_>, response: &Response) -> Result<Option<Url>, String> {
        let address = match &paging.next {
            Some(_) => scope.next(paging)?,
            None => response.header("link").and_then(next_in_link).map(str::to_owned),
        };
        address
            .map(|address| self.client.named(response.url(), &address).map_err(|e| format!("the next page is not read: {e}")))
            .transpose()
    }

    fn counted(&self, total: Option<u64>, ended: Ended) -> Ended {
        match total {
            Some(total) if total != self.read as u64 => unknown(format!("the portal says {total} items and gave {}", self.read)),
            _ => ended,
        }
    }
}

/// After the one answer that should have everything.
fn single(page: &Page, more: Option<bool>) -> Ended {
    if more == Some(true) {
        return unknown("the portal says that there is more, and the profile does not say how to get it");
    }
    match page.response.header("link").and_then(next_in_link) {
        Some(_) => unknown("the answer links to a next page, and the profile does not say that there are pages"),
        None => Ended::Complete,
    }
}

/// What the expressions of a page see.
struct PageScope<'a> {
    response: &'a Json,
    last: &'a Json,
}

impl<'a> PageScope<'a> {
    fn new(page: &'a Page) -> Self {
        Self { response: page.response.json(), last: page.items.last().unwrap_or(&Json::Null) }
    }

    /// What an expression says; absent and null are the same to it.
    fn value(&self, what: &str, expression: &Expression) -> Result<Option<Json>, String> {
        let scope = JsonScope::new([("response", self.response), ("last", self.last)]);
        let value = expression.json(&scope).map_err(|EvalError(why)| format!("the profile's `{what}` has no value for a page: {why}"))?;
        Ok(value.filter(|value| !value.is_null()))
    }

    fn next(&self, paging: &Paging) -> Result<Option<String>, String> {
        // After no item nothing begins: `last.id` of an empty page is no mistake of the profile's.
        let Some(expression) = &paging.next else { return Ok(None) };
        match self.value("next", expression) {
            Ok(Some(Json::String(text))) => Ok(Some(text).filter(|text| !text.is_empty())),
            Ok(Some(Json::Number(number))) => Ok(Some(number.to_string())),
            Ok(Some(Json::Bool(false)) | None) => Ok(None),
            Ok(Some(_)) => Err("the profile's `next` is neither a text nor a number".to_owned()),
            Err(_) if self.last.is_null() => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Whether another page follows; `None`: the answer does not say.
    fn more(&self, paging: &Paging) -> Result<Option<bool>, String> {
        let Some(expression) = &paging.more else { return Ok(None) };
        match self.value("more", expression)? {
            // Keystone's `truncated` is there only when it is true, and a server that stopped sending its word says nothing either.
            None => Ok(None),
            Some(Json::Bool(more)) => Ok(Some(more)),
            Some(_) => Err("the profile's `more` is neither true nor false".to_owned()),
        }
    }

    fn total(&self, paging: &Paging) -> Result<Option<u64>, String> {
        let Some(expression) = &paging.total else { return Ok(None) };
        match self.value("total", expression)? {
            None => Ok(None),
            Some(Json::Number(number)) => number.as_u64().map(Some).ok_or_else(|| "the profile's `total` is no count".to_owned()),
            Some(Json::String(text)) => text.trim().parse().map(Some).map_err(|_| "the profile's `total` is no count".to_owned()),
            Some(_) => Err("the profile's `total` is no count".to_owned()),
        }
    }
}

/// The address with `rel="next"` in a `Link` header (RFC 8288).
fn next_in_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, from)) = rest.split_once('<') {
        let (address, after) = from.split_once('>')?;
        // Its parameters end where the next address begins: a comma within them is inside quotes, and what follows that is no `<`.
        let parameters = after.split('<').next().unwrap_or_default();
        if parameters.split([';', ',']).any(is_next) {
            return Some(address);
        }
        rest = after;
    }
    None
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let relations = value.trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("rel") && relations.split_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn unknown(why: impl Into<String>) -> Ended {
    Ended::Unknown { why: why.into() }
}

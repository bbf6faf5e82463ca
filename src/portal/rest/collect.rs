//! One list, read to its end.
//!
//! Comes in: a list of the profile, how it is read, and the tenant that it is read in. Goes out: its items, and whether they are all of them. Whatever is not as
//! the profile says makes the list incomplete; nothing here is ever taken for an end that the portal did not give.

use serde_json::Value as Json;

use super::transport::{Ended, Request, Response, SendError};
use super::{Portal, request, scope};
use crate::model::TenantName;
use crate::portal::profile::cel::JsonScope;
use crate::portal::profile::http::compiled::{List, Reading};
use crate::portal::profile::http::connection::PagingStyle;

/// How often a list that somebody changes is read again: writes that last longer than that come from more than one hand.
const AGAIN: u32 = 3;

/// The items of a list.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// Those that count.
    pub(super) items: Vec<Json>,
    /// How many pages they came in.
    pub(super) pages: usize,
    /// Why they may not be all.
    pub(super) incomplete: Option<String>,
    /// What the portal answered in place of the first page.
    pub(super) error: Option<SendError>,
}

/// Where a list is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct In<'a> {
    /// The tenant.
    pub(super) tenant: &'a TenantName,
    /// Its id.
    pub(super) id: Option<&'a str>,
    /// Whether a call for it acts inside the tenant, where the API has such calls.
    pub(super) inside: bool,
}

impl Portal {
    /// Reads a list in one of its ways; what somebody changes meanwhile is read again from its start.
    pub(super) async fn list(&self, list: &List, reading: &Reading, at: In<'_>) -> Items {
        let In { tenant, id, inside } = at;
        let values = scope::of_tenant(tenant, id, &self.account);
        let request = match request::request(&reading.ask, &scope::scope(&values)) {
            Ok(request) => request.only_reads(),
            Err(why) => return failed(list, format!("it cannot be asked for: {why}")),
        };
        let acting = self.http().is_some_and(|http| http.connection.inside.is_some());
        let request = match id.filter(|_| inside && acting && !tenant.is_msp()) {
            Some(id) => request.inside(id),
            None => request,
        };
        let mut again = 0;
        loop {
            let (items, is_changing) = self.once(list, reading, request.clone(), again > 0).await;
            if !is_changing || again == AGAIN {
                return items;
            }
            drop(items);
            again += 1;
            tracing::debug!(list = &*list.name, again, "somebody changes the list: it is read again");
            self.client.breathe(again).await;
        }
    }

    /// Reads it from its start to its end, and says whether it changed in between. One that was there a moment ago is not empty by not being found.
    async fn once(&self, list: &List, reading: &Reading, request: Request, was_there: bool) -> (Items, bool) {
        let find = |response: &Response| found(reading, response);
        let paging = Some(&*reading.paging).filter(|p| p.style != PagingStyle::None || p.more.is_some() || p.total.is_some());
        let mut pages = self.client.pages(request, paging, &find);
        let mut items = Vec::new();
        let mut first = true;
        loop {
            match pages.next().await {
                Ok(Some(page)) => items.extend(page.items),
                Ok(None) => break,
                Err(SendError::Gone(_)) if first && reading.absent_is_empty && !was_there => return (Items::default(), false),
                Err(error) => {
                    let told = failed(list, error.to_string());
                    return (Items { items, error: first.then_some(error), ..told }, false);
                }
            }
            first = false;
        }
        let is_changing = pages.is_changing();
        let counted = items.len();
        if list.cut_at.is_some_and(|most| counted >= most) {
            let told = failed(list, format!("it has {counted} items, and the portal shows no more than that, whatever there is"));
            return (Items { items: filtered(list, items).unwrap_or_default(), ..told }, is_changing);
        }
        let read = match (pages.ended(), filtered(list, items)) {
            (Ended::Complete, Ok(items)) => Items { items, pages: pages.count(), ..Items::default() },
            (Ended::Unknown { why }, Ok(items)) => Items { items, ..failed(list, format!("{why} ({counted} items were read)")) },
            (_, Err(why)) => failed(list, why),
        };
        (read, is_changing)
    }
}

/// Nothing, and why.
fn failed(list: &List, why: String) -> Items {
    Items { incomplete: Some(format!("the list `{}`: {why}", list.name)), ..Items::default() }
}

/// A page's items.
fn found(reading: &Reading, response: &Response) -> Result<Vec<Json>, String> {
    let what = "the answer is not of the shape that the profile says:";
    let found = match &reading.items {
        None => Some(response.body().clone()),
        Some(expression) => {
            let scope = JsonScope::new([("response", response.json())]);
            expression.json(&scope).map_err(|e| format!("{what} `items` has no value: {e}"))?
        }
    };
    match found {
        Some(Json::Array(items)) => Ok(items),
        Some(_) => Err(format!("{what} `items` is no list")),
        None => Err(format!("{what} there is nothing where `items` looks")),
    }
}

fn filtered(list: &List, items: Vec<Json>) -> Result<Vec<Json>, String> {
    let Some(filter) = &list.filter else { return Ok(items) };
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if filter.holds(&JsonScope::new([("item", &item)])).map_err(|e| format!("`where` has no value for an item: {e}"))? {
            kept.push(item);
        }
    }
    Ok(kept)
}

//! One list, read to its end.
//!
//! Comes in: a list of the profile and the tenant that it is read in. Goes out: its items, and whether they are all of them. Whatever is not as
//! the profile says makes the list incomplete; nothing here is ever taken for an end that the portal did not give.

use serde_json::Value as Json;

use super::transport::{Ended, Response, SendError};
use super::{Portal, request, scope};
use crate::model::TenantName;
use crate::portal::profile::cel::JsonScope;
use crate::portal::profile::http::compiled::List;
use crate::portal::profile::http::connection::PagingStyle;

/// The items of a list.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// Those that count.
    pub(super) items: Vec<Json>,
    /// Why they may not be all.
    pub(super) incomplete: Option<String>,
    /// What the portal answered in place of the first page.
    pub(super) error: Option<SendError>,
}

impl Portal {
    /// Reads a list; `tenant` is the tenant that it is read in.
    pub(super) async fn list(&self, list: &List, tenant: &TenantName, id: Option<&str>, inside: bool) -> Items {
        let values = scope::of_tenant(tenant, id, &self.account);
        let failed = |why: String| Items { incomplete: Some(format!("the list `{}`: {why}", list.name)), ..Items::default() };
        let request = match request::request(&list.ask, &scope::scope(&values)) {
            Ok(request) => request.only_reads(),
            Err(why) => return failed(format!("it cannot be asked for: {why}")),
        };
        let acting = self.http().is_some_and(|http| http.connection.inside.is_some());
        let request = match id.filter(|_| inside && acting && !tenant.is_msp()) {
            Some(id) => request.inside(id),
            None => request,
        };
        let find = |response: &Response| found(list, response);
        let paging = Some(&*list.paging).filter(|p| p.style != PagingStyle::None || p.more.is_some() || p.total.is_some());
        let mut pages = self.client.pages(request, paging, &find);
        let mut items = Vec::new();
        let mut first = true;
        loop {
            match pages.next().await {
                Ok(Some(page)) => items.extend(page.items),
                Ok(None) => break,
                Err(SendError::Gone(_)) if first && list.absent_is_empty => return Items::default(),
                Err(error) => {
                    let told = failed(error.to_string());
                    return Items { items, error: first.then_some(error), ..told };
                }
            }
            first = false;
        }
        let counted = items.len();
        if list.cut_at.is_some_and(|most| counted >= most) {
            let told = failed(format!("it has {counted} items, and the portal shows no more than that, whatever there is"));
            return Items { items: filtered(list, items).unwrap_or_default(), ..told };
        }
        let kept = filtered(list, items);
        match (pages.ended(), kept) {
            (Ended::Complete, Ok(items)) => Items { items, ..Items::default() },
            (Ended::Unknown { why }, Ok(items)) => Items { items, ..failed(format!("{why} ({counted} items were read)")) },
            (_, Err(why)) => failed(why),
        }
    }
}

/// A page's items.
fn found(list: &List, response: &Response) -> Result<Vec<Json>, String> {
    let what = "the answer is not of the shape that the profile says:";
    let found = match &list.items {
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

//! Lists in pages: read to their end, and where that is not certain, said to be not.

use serde_json::{Value as Json, json};
use tenantry::portal::profile::http::connection::PagingStyle;
use tenantry::portal::profile::http::connection::compiled::Paging;
use tenantry::portal::rest::transport::{Bound, Ended, Request, Response};

use super::kit::{Reply, Seen, Server, expression, json as reply, key};

fn paging(style: PagingStyle) -> Paging {
    let parameter = match style {
        PagingStyle::Page => "page",
        PagingStyle::Offset => "offset",
        PagingStyle::Cursor => "marker",
        PagingStyle::None | PagingStyle::Link => "",
    };
    let first = u64::from(style == PagingStyle::Page);
    Paging { style, parameter: parameter.into(), first, size_parameter: Some("limit".into()), size: 2, next: None, more: None, total: None }
}

fn items(response: &Response) -> Result<Vec<Json>, String> {
    response.body()["items"].as_array().cloned().ok_or_else(|| "no `items`".to_owned())
}

/// What a list has read: ids, how it ended, and what the server was asked.
struct Read {
    ids: Vec<i64>,
    ended: Ended,
    asked: Vec<String>,
}

impl Read {
    fn check(&self, ids: &[i64], asked: &[&str]) {
        assert_eq!(self.ids, ids, "{:?}", self.asked);
        assert_eq!(self.asked, asked);
        assert_eq!(self.ended, Ended::Complete);
    }
    fn unknown(&self, says: &str) {
        assert!(matches!(&self.ended, Ended::Unknown { why } if why.contains(says)), "{says}: {:?} {:?}", self.ended, self.asked);
    }
}

async fn read(paging: Option<Paging>, script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Read {
    read_within(Bound::default(), paging, script).await
}

async fn read_within(bound: Bound, paging: Option<Paging>, script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Read {
    let server = Server::start(script).await;
    let client = server.client(key());
    // Elsewhere, as drivers do: the engine must be fit to be sent there.
    let (ids, ended) = tokio::spawn(async move {
        let mut pages = client.pages(Request::get("users").query("q", "x"), paging.as_ref(), &items).within(bound);
        let mut ids = Vec::new();
        assert!(matches!(pages.ended(), Ended::Unknown { .. }), "not before its end");
        while let Ok(Some(page)) = pages.next().await {
            ids.extend(page.items.iter().map(|item| item["id"].as_i64().unwrap()));
        }
        (ids, pages.ended())
    })
    .await
    .unwrap();
    Read { ids, ended, asked: server.lines() }
}

/// Pages of these ids, by the number of the request; after the last: empty ones.
fn pages(pages: &'static [&'static [i64]]) -> impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static {
    move |_, number| page(pages.get(number).unwrap_or(&&[][..]), json!({}))
}

fn page(ids: &[i64], more: Json) -> Reply {
    let items: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    let mut body = json!({"items": items});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    reply(200, &body.to_string())
}

#[tokio::test]
async fn one_answer_may_have_everything() {
    read(None, pages(&[&[1, 2, 3]])).await.check(&[1, 2, 3], &["GET /users?q=x"]);
    read(None, pages(&[])).await.check(&[], &["GET /users?q=x"]);
    let linked = read(None, |_, _| page(&[1], json!({})).with("link", "</users?page=2>; rel=next")).await;
    linked.unknown("links to a next page");
    let none = Paging { more: Some(expression("response.body.truncated")), ..paging(PagingStyle::None) };
    read(Some(none), |_, _| page(&[1], json!({"truncated": true}))).await.unknown("does not say how to get it");
    let none = Paging { total: Some(expression("response.body.total")), ..paging(PagingStyle::None) };
    read(Some(none), |_, _| page(&[1], json!({"total": 2}))).await.unknown("says 2 items and gave 1");
}

#[tokio::test]
async fn pages_have_numbers() {
    let asked = ["GET /users?q=x&limit=2&page=1", "GET /users?q=x&limit=2&page=2", "GET /users?q=x&limit=2&page=3"];
    read(Some(paging(PagingStyle::Page)), pages(&[&[1, 2], &[3]])).await.check(&[1, 2, 3], &asked);
    read(Some(paging(PagingStyle::Page)), pages(&[&[1, 2]])).await.check(&[1, 2], &asked[..2]);
    let unsized_ = Paging { size_parameter: None, ..paging(PagingStyle::Page) };
    read(Some(unsized_), pages(&[&[1], &[2]]))
        .await
        .check(&[1, 2], &["GET /users?q=x&page=1", "GET /users?q=x&page=2", "GET /users?q=x&page=3"]);
    let told = Paging { more: Some(expression("response.body.more")), ..paging(PagingStyle::Page) };
    let short = |_: &Seen, number: usize| page(&[number as i64], json!({"more": number < 2}));
    assert_eq!(read(Some(told), short).await.ids, [0, 1, 2], "a short page is no end where the server says that there is more");
}

#[tokio::test]
async fn a_page_shorter_than_was_asked_for_is_no_end() {
    // The server gives one item at most, whatever `limit` says. Only an empty page tells that there are no more.
    let one_at_most = |seen: &Seen, number: usize| {
        let next = if number < 2 { json!(number + 1) } else { Json::Null };
        assert!(seen.target.contains("limit=2"), "it is asked for more: {}", seen.target);
        page(&[7, 8, 9][number.min(3)..(number + 1).min(3)], json!({"next": next}))
    };
    let marker = Paging { next: Some(expression("last.id")), ..paging(PagingStyle::Cursor) };
    let cursor = Paging { next: Some(expression("response.body.next")), ..paging(PagingStyle::Cursor) };
    for (paging, requests) in [(paging(PagingStyle::Page), 4), (paging(PagingStyle::Offset), 4), (marker, 4), (cursor, 3)] {
        let style = paging.style;
        let list = read(Some(paging), one_at_most).await;
        assert_eq!((list.ids.as_slice(), list.asked.len(), &list.ended), (&[7, 8, 9][..], requests, &Ended::Complete), "{style:?}");
    }
}

#[tokio::test]
async fn what_a_page_says_of_the_end_holds_for_the_pages_that_say_nothing() {
    let total = || Paging { total: Some(expression("response.body.total")), ..paging(PagingStyle::Offset) };
    let once = |ids: &'static [&'static [i64]]| {
        move |_: &Seen, number: usize| page(ids.get(number).unwrap_or(&&[][..]), if number == 0 { json!({"total": 3}) } else { json!({}) })
    };
    assert_eq!(read(Some(total()), once(&[&[1, 2], &[3]])).await.ended, Ended::Complete);
    read(Some(total()), once(&[&[1, 2]])).await.unknown("there is more after 2 items, and gives an empty page");
    // Where the server stops saying whether there is more, it has not said that there is none.
    let more = || Paging { more: Some(expression("response.body.more")), ..paging(PagingStyle::Page) };
    let silent = |_: &Seen, number: usize| match number {
        0 => page(&[1, 2], json!({"more": true})),
        1 => page(&[3, 4], json!({})),
        2 => page(&[5], json!({"more": null})),
        _ => page(&[], json!({})),
    };
    let list = read(Some(more()), silent).await;
    assert_eq!((list.ids.as_slice(), list.asked.len(), &list.ended), (&[1, 2, 3, 4, 5][..], 4, &Ended::Complete));
}

#[tokio::test]
async fn pages_begin_after_so_many_items() {
    let asked = ["GET /users?q=x&limit=2&offset=0", "GET /users?q=x&limit=2&offset=2", "GET /users?q=x&limit=2&offset=3"];
    read(Some(paging(PagingStyle::Offset)), pages(&[&[1, 2], &[3]])).await.check(&[1, 2, 3], &asked);
    // A server that shortens its pages: the next one begins where this one really ended.
    let counted = || Paging { total: Some(expression("response.body.total")), ..paging(PagingStyle::Offset) };
    let shortened = read(Some(counted()), |_, number| page(&[[1], [2], [3]][number], json!({"total": 3}))).await;
    shortened.check(&[1, 2, 3], &[asked[0], "GET /users?q=x&limit=2&offset=1", asked[1]]);
    let early = read(Some(counted()), |_, number| page(if number == 0 { &[1, 2] } else { &[] }, json!({"total": 5}))).await;
    early.unknown("there is more after 2 items, and gives an empty page");
    let moved = read(Some(counted()), |_, n| page([&[1, 2][..], &[4]][n], json!({"total": 4 - n}))).await;
    moved.unknown("said 4 items, and then 3");
    read(Some(counted()), |_, _| page(&[1, 2], json!({"total": 1}))).await.unknown("says 1 items and gave 2");
    read(Some(counted()), |_, _| page(&[1, 2], json!({"total": "many"}))).await.unknown("`total` is no count");
}

#[tokio::test]
async fn a_cursor_says_where_the_next_page_begins() {
    let cursor = || Paging { next: Some(expression("response.body.cursor")), ..paging(PagingStyle::Cursor) };
    let script = |ends: Json| {
        move |_: &Seen, number: usize| match number {
            0 => page(&[1, 2], json!({"cursor": "a b"})),
            1 => page(&[3], json!({"cursor": 7})),
            _ => page(&[4], ends.clone()),
        }
    };
    let asked = ["GET /users?q=x&limit=2", "GET /users?q=x&limit=2&marker=a+b", "GET /users?q=x&limit=2&marker=7"];
    for ends in [json!({}), json!({"cursor": null}), json!({"cursor": ""})] {
        read(Some(cursor()), script(ends)).await.check(&[1, 2, 3, 4], &asked);
    }
    read(Some(cursor()), |_, number| page(&[number as i64], json!({"cursor": "same"}))).await.unknown("was read already");
    read(Some(cursor()), |_, number| page(&[1], json!({"cursor": number}))).await.unknown("the same page again");
    read(Some(cursor()), |_, _| page(&[1], json!({"cursor": {"a": 1}}))).await.unknown("neither a text nor a number");
    let counted = Paging { total: Some(expression("response.body.total")), ..cursor() };
    read(Some(counted), |_, _| page(&[1], json!({"total": 2}))).await.unknown("says 2 items and gave 1");
}

#[tokio::test]
async fn a_marker_is_the_last_item_of_a_page() {
    let marker = |more: bool| Paging {
        next: Some(expression("last.id")),
        more: more.then(|| expression("response.body.truncated")),
        ..paging(PagingStyle::Cursor)
    };
    let asked = ["GET /users?q=x&limit=2", "GET /users?q=x&limit=2&marker=2", "GET /users?q=x&limit=2&marker=3"];
    read(Some(marker(false)), pages(&[&[1, 2], &[3]])).await.check(&[1, 2, 3], &asked);
    // Keystone says `truncated` only where it is true.
    let truncated = |_: &Seen, number: usize| match number {
        0 => page(&[1, 2], json!({"truncated": true})),
        1 => page(&[3], json!({})),
        _ => page(&[], json!({})),
    };
    read(Some(marker(true)), truncated).await.check(&[1, 2, 3], &asked);
    let said = |_: &Seen, number: usize| page([&[1, 2][..], &[3]][number], json!({"truncated": number == 0}));
    read(Some(marker(true)), said).await.check(&[1, 2, 3], &asked[..2]);
    read(Some(marker(true)), |_, _| page(&[1, 2], json!({"truncated": true}))).await.unknown("the same page again");
    read(Some(marker(true)), |_, _| page(&[], json!({"truncated": true}))).await.unknown("there is more, and not where");
}

#[tokio::test]
async fn a_link_names_the_next_page() {
    let script = |_: &Seen, number: usize| match number {
        0 => page(&[1], json!({})).with("link", r#"</users?a=1,2>; rel="prev first", </v2/users?c=x;y>; title="a, b"; rel="next""#),
        _ => page(&[2], json!({})).with("link", "</users>; rel=prev"),
    };
    read(Some(paging(PagingStyle::Link)), script).await.check(&[1, 2], &["GET /users?q=x&limit=2", "GET /v2/users?c=x;y"]);
    let body = || Paging { next: Some(expression("response.body.next")), ..paging(PagingStyle::Link) };
    let script = |seen: &Seen, number: usize| {
        let next = format!("http://{}/users?from=2", seen.header("host"));
        page(&[number as i64], if number == 0 { json!({"next": next}) } else { json!({"next": null}) })
    };
    read(Some(body()), script).await.check(&[0, 1], &["GET /users?q=x&limit=2", "GET /users?from=2"]);
    read(Some(body()), |_, n| page(&[n as i64], json!({"next": "/users?again"}))).await.unknown("was read already");
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_read() {
    let trap = Server::start(|_, _| page(&[9], json!({}))).await;
    let next = trap.url("/users?page=2");
    let list = read(Some(paging(PagingStyle::Link)), move |_, _| page(&[1], json!({})).with("link", format!("<{next}>; rel=next"))).await;
    list.unknown("the next page is not read: the server names an address at");
    assert_eq!((list.ids, trap.seen().len()), (vec![1], 0));
}

#[tokio::test]
async fn a_page_that_comes_again_ends_the_list() {
    let again = read(Some(paging(PagingStyle::Page)), |_, _| page(&[1, 2], json!({}))).await;
    again.unknown("the same page again");
    assert_eq!((again.ids.as_slice(), again.asked.len()), (&[1, 2][..], 2));
}

#[tokio::test]
async fn a_list_that_moves_while_it_is_read_has_no_known_end() {
    // Somebody was added in front, and the last of a page is the first of the next; in a list without order anybody may come twice.
    for second in [[2, 3], [3, 1]] {
        let script = move |_: &Seen, number: usize| page([&[1, 2][..], &second, &[4], &[]][number], json!({}));
        let list = read(Some(paging(PagingStyle::Page)), script).await;
        list.unknown("an item came on two pages");
        assert_eq!(list.ids.last(), Some(&4), "it is read on: what is there is there");
    }
}

#[tokio::test]
async fn a_list_without_end_is_ended() {
    let endless = |_: &Seen, number: usize| page(&[number as i64 * 2, number as i64 * 2 + 1], json!({}));
    let list = read_within(Bound { pages: 3, items: 1000 }, Some(paging(PagingStyle::Page)), endless).await;
    list.unknown("more than 6 items in 3 pages");
    let list = read_within(Bound { pages: 1000, items: 4 }, Some(paging(PagingStyle::Page)), endless).await;
    assert_eq!((list.asked.len(), list.ids.len()), (2, 4));
    list.unknown("no more are read");
}

#[tokio::test]
async fn a_list_that_breaks_in_the_middle_has_no_known_end() {
    let list =
        read(Some(paging(PagingStyle::Page)), |_, number| if number == 0 { page(&[1, 2], json!({})) } else { reply(404, "{}") }).await;
    list.unknown("answers with 404");
    let list = read(Some(paging(PagingStyle::Page)), |_, n| if n == 0 { page(&[1, 2], json!({})) } else { reply(200, "{}") }).await;
    list.unknown("no `items`");
    assert_eq!(list.ids, [1, 2]);
}

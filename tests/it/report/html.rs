//! The plan as a page.

use tenantry::report::html;

use super::world::*;

#[test]
fn the_page_says_what_the_text_says() {
    let page = html::page(&document(vec![acme()]));
    for said in [
        "<title>Plan: 0 to create, 0 to update, 0 to delete, 3 held (1 to create, 1 to update, 1 to delete); 1 refused; 2 held back with what is refused</title>",
        "<li class=\"gone\">would lose access: bob@acme.example</li>",
        "administrators, if it were done: bob@acme.example → alice@acme.example",
        "+ would create user/alice",
        "<del class=\"gone\">+49 1</del> → <ins class=\"good\">+49 2</ins>",
        "refused G004: bob is the last administrator",
        "to do: add another administrator first",
    ] {
        assert!(page.contains(said), "{said} is not in\n{page}");
    }
}

#[test]
fn the_page_loads_and_runs_nothing() {
    let page = html::page(&document(vec![acme(), hostile()]));
    assert!(page.contains("default-src 'none'"));
    for bad in ["<script", "<img", "<link", "<iframe", "src=", "href=", "url(", "onload", "@import", "\u{1b}", "\u{202e}"] {
        assert!(!page.contains(bad), "{bad} is in the page");
    }
}

#[test]
fn what_people_wrote_opens_no_tag() {
    let page = html::page(&document(vec![hostile()]));
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), "{page}");
    assert_eq!(page.matches("<details").count(), page.matches("</details>").count());
    assert_eq!(page.matches("<div").count(), page.matches("</div>").count());
}

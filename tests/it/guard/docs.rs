//! `docs/guards.md` says what the table says.

#[test]
fn the_page_of_guards_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guards.md");
    let page = tenantry::guard::docs();
    if std::env::var_os("TENANTRY_UPDATE").is_some_and(|v| v == "1") {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/guards.md is stale: refresh it with `TENANTRY_UPDATE=1 cargo test --test it guard::docs`");
}

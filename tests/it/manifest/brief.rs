//! What is wrong with one tenant's declarations, in the one sentence that a status has room for.

use tenantry::diagnostic::brief;

use super::{acme, document, load};

fn bob(path: &str, spec: &str) -> (String, String) {
    (path.to_owned(), document("User", "bob", &format!("organization: acme\n{spec}")))
}

fn said(documents: &[(String, String)]) -> String {
    let organization = acme("");
    let mut texts = vec![("ours/Organization/acme", organization.as_str())];
    texts.extend(documents.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    brief(&load(&texts).diagnostics)
}

#[test]
fn it_says_the_code_the_resource_and_what_to_do() {
    let all = said(&[bob("ours/User/bob", "email: bob@acme.example\ncolour: red")]);
    assert!(all.starts_with("M015 acme/user/bob: a user has no field `colour`; its fields are"), "{all}");
    assert!(!all.contains("more)"), "{all}");
}

#[test]
fn it_counts_the_further_errors_and_is_bounded() {
    let all = said(&[bob("ours/User/bob", "email: bob@acme.example\ncolour: red\nsize: 5\nshape: round")]);
    assert!(all.ends_with("(and 2 more)") && all.chars().count() < 1000, "{all}");
}

#[test]
fn it_names_the_other_one_and_of_another_namespace_no_place() {
    let twice = |path: &str| said(&[bob("ours/User/bob", "email: bob@acme.example"), bob(path, "email: rob@acme.example")]);
    let here = twice("ours/User/robert");
    assert!(here.contains("M030 acme/user/bob: ") && here.contains("; the other is acme/user/bob, ours/User/bob:2; rename one"), "{here}");
    let elsewhere = twice("theirs/User/bob");
    assert!(elsewhere.contains("; the other is acme/user/bob; rename one") && !elsewhere.contains("ours/"), "{elsewhere}");
}

#[test]
fn it_says_nothing_of_the_organizations_that_there_are() {
    let text = document("User", "eve", "organization: acne\nemail: eve@acme.example");
    let all = said(&[("theirs/User/eve".to_owned(), text)]);
    assert!(all.contains("M032 acne/user/eve: the organization `acne` is not declared; declare it in a document"), "{all}");
    assert!(!all.contains("acme/") && !all.contains("`acme`"), "{all}");
}

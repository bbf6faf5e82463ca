//! `runbook observe`: what a technician exports or pastes is held against what is recorded. A short table proves nothing, and a hostile one is
//! read as nothing else than it is.

use serde_json::{Value, json};
use tenantry::engine::runbook::table;
use tenantry::ledger::Write;
use tenantry::model::ledger::Attestation;

use super::runbook::{ACME, Desk, row};
use crate::support::{address, name};

/// A desk whose customer and user are recorded.
fn desk() -> Desk {
    Desk::confirmed()
}

fn observe(desk: &Desk, file: &str, text: &str, more: &[&str]) -> (i32, String) {
    desk.shell.write(file, text);
    let mut args = vec!["observe", file];
    args.extend(more);
    let ran = desk.run(&args);
    (ran.code.unwrap(), ran.said())
}

fn json_of(desk: &Desk, file: &str, text: &str, more: &[&str]) -> Value {
    desk.shell.write(file, text);
    let mut args = vec!["observe", file, "-o", "json"];
    args.extend(more);
    serde_json::from_str(&desk.run(&args).out).unwrap()
}

const PEOPLE: [&str; 2] = ["--table", "people"];
const CUSTOMERS: [&str; 2] = ["--table", "customers"];

#[test]
fn a_table_in_step_renews_what_is_recorded_in_every_format() {
    let tables = [
        ("csv", "\u{feff}Customer,E-mail,First name,Administrator\r\nACME Tools,alice@acme.example,Alice,yes\r\n"),
        ("semicolons", "customer;e-mail;first name;administrator\nacme;Alice@Acme.example;Alice;true\n"),
        ("tsv", "Customer\tE-mail\t First name \tAdministrator\nACME Tools\talice@acme.example\tAlice\tx\t\n"),
        ("json", r#"[{"Customer": "ACME Tools", "E-mail": "alice@acme.example", "First name": "Alice", "Administrator": true}]"#),
    ];
    for (format, text) in tables {
        let desk = desk();
        let before = desk.state().attestations[&address("acme/user/alice")].clone();
        let (code, said) = observe(&desk, "people", text, &PEOPLE);
        assert_eq!((code, said.trim()), (0, "Seen: 1 as recorded, 0 otherwise; 0 not in the table, 0 rows not ours."), "{format}");
        let after = desk.state().attestations[&address("acme/user/alice")].clone();
        assert_eq!((&after.fields, after.present), (&before.fields, true), "{format}");
        assert!(after.until > before.until, "{format}: believed anew");
        desk.tenantry(&["plan", "--expect-no-changes"]).exits(0);
    }
}

#[test]
fn what_a_table_shows_otherwise_is_drift_and_the_next_plan_knows_it() {
    let desk = desk();
    let text = "Customer,E-mail,First name,Administrator\nACME Tools,alice@acme.example,Alicia,no\nACME Tools,eve@acme.example,Eve,no\nACME Tools,agent@board.example,Agent,no\n";
    desk.shell.write("people.csv", text);
    insta::assert_snapshot!(desk.said(&["observe", "people.csv", "--table", "people"]), @r##"
    Seen, and other than recorded:
      acme/user/alice  administrator  recorded yes    shown no
      acme/user/alice  firstName      recorded Alice  shown Alicia
    In the table, and not ours:
      row 3  eve@acme.example     acme  unmanaged
      row 4  agent@board.example  acme  the portal's own
    Seen: 0 as recorded, 1 otherwise; 0 not in the table, 2 rows not ours.
    exit 11
    "##);
    let plan = desk.tenantry(&["plan"]).said();
    assert!(plan.contains("firstName"), "{plan}");
}

#[test]
fn what_the_portal_shows_of_a_customer_is_kept_and_shown() {
    let desk = desk();
    let seen = json_of(&desk, "customers.csv", "Name,Number,Active users,Colour\nACME Tools,17,12,red\n", &CUSTOMERS);
    assert_eq!(seen["observed"], json!([{"tenant": "acme", "name": "activeUsers", "value": "12"}]));
    assert_eq!(seen["warnings"], json!(["the profile does not know the columns `Colour`: they were not looked at"]));
    assert_eq!(desk.state().observed["activeUsers"].value, "12");
    let shown = desk.tenantry(&["show", "acme"]).exits(0).out;
    assert!(shown.contains("Active users: 12"), "{shown}");
}

/// Twelve users that are recorded, beside the customer.
fn crowd(desk: &Desk) {
    let now = jiff::Timestamp::now();
    let mut writes = Vec::new();
    for n in 0..12 {
        let (at, mail) = (format!("acme/user/u{n}"), format!("u{n}@acme.example"));
        let fields = json!({ "email": mail });
        writes.push(Write::Put(name("board"), Box::new(row(&at, &mail, &fields))));
        let until = now + jiff::SignedDuration::from_hours(24);
        let record = Attestation { address: address(&at), present: true, fields, id: None, by: "ann".to_owned(), at: now, until };
        writes.push(Write::Attest(name("board"), record));
    }
    desk.write(writes);
}

fn table_of(users: impl Iterator<Item = usize>) -> String {
    users.fold("Customer,E-mail\nacme,alice@acme.example\n".to_owned(), |text, n| text + &format!("acme,u{n}@acme.example\n"))
}

#[test]
fn a_short_table_is_never_read_as_deletions() {
    let desk = desk();
    crowd(&desk);
    let seen = json_of(&desk, "people.csv", &table_of(0..3), &PEOPLE);
    assert_eq!((seen["missing"].as_array().unwrap().len(), seen["gone"].as_array().unwrap().len()), (9, 0));
    assert!(desk.state().attestations.values().all(|a| a.present));
}

#[test]
fn what_is_gone_from_the_screen_stays_in_the_ledger_until_a_plan_says_otherwise() {
    let desk = desk();
    crowd(&desk);
    let before = desk.state().rows;
    desk.shell.write("people.csv", &table_of(0..11));
    insta::assert_snapshot!(desk.said(&["observe", "people.csv", "--table", "people"]), @"
    Recorded, and not in the table, which proves nothing (--complete: the whole table was exported):
      acme/user/u11
    Seen: 12 as recorded, 0 otherwise; 1 not in the table, 0 rows not ours.
    exit 0
    ");
    insta::assert_snapshot!(desk.said(&["observe", "people.csv", "--table", "people", "--complete"]), @"
    Recorded, and not in the table: recorded as gone (the ledger keeps its row until a plan says what becomes of it):
      acme/user/u11
    Seen: 12 as recorded, 0 otherwise; 1 not in the table, 0 rows not ours.
    exit 11
    ");
    assert_eq!(desk.state().rows, before, "whose row goes is for a plan to say");
    let plan = desk.tenantry(&["plan"]).said();
    assert!(plan.contains("forget user/u11"), "{plan}");
}

#[test]
fn a_table_said_to_be_whole_takes_away_within_the_limits_alone() {
    let desk = desk();
    crowd(&desk);
    let before = desk.state();
    for (text, why) in [
        (table_of(0..3), "at most 5 may vanish at once"),
        (table_of(0..8), "at most 30 % may vanish at once"),
        ("Customer,E-mail\n".to_owned(), "an empty table is more likely a failed export"),
    ] {
        let (code, said) = observe(&desk, "people.csv", &text, &["--table", "people", "--complete"]);
        assert_eq!(code, 5, "{said}");
        assert!(said.contains(why), "{said}");
        assert_eq!(desk.state(), before, "nothing was recorded");
    }
    let (code, said) = observe(&desk, "people.csv", &table_of(0..11), &["--table", "people", "--complete"]);
    assert_eq!(code, 11, "{said}");
    let gone: Vec<_> = desk.state().attestations.values().filter(|a| !a.present).map(|a| a.address.to_string()).collect();
    assert_eq!(gone, ["acme/user/u11"]);
}

#[test]
fn what_cannot_be_told_apart_is_refused_and_nothing_is_recorded() {
    let desk = desk();
    desk.shell.write("customers/beta.yaml", &ACME.replace("acme", "beta"));
    let before = desk.state();
    for (table, text, why) in [
        (PEOPLE, "Customer,E-mail\nacme,alice@acme.example\nacme,ALICE@acme.example\n", "rows 2 and 3 are both acme/user/alice"),
        (CUSTOMERS, "Name\nACME Tools\n", "row 2 could be acme/organization/acme or beta/organization/beta"),
        (CUSTOMERS, "Name,Number\nACME Tools,99\nbeta,17\n", "row 2 could be"),
        (
            PEOPLE,
            "Customer,First name\nacme,Alice\n",
            "no column tells which user a row is: one of `E-mail` is wanted, in the first row, which has: Customer, First name",
        ),
        (CUSTOMERS, "{\"Name\": \"ACME Tools\"}", "it is no JSON array of objects"),
        (PEOPLE, "E-mail\nalice@acme.example\n", "`Customer` is wanted, or name the tenant with --tenant"),
        (PEOPLE, "Customer,E-mail\nACME Tools,alice@acme.example\n", "are both shown as ACME Tools"),
        (PEOPLE, "Customer,E-mail,E-mail\nacme,a,b\n", "two columns are called E-mail"),
        (
            PEOPLE,
            "Customer,E-mail,Administrator\nacme,alice@acme.example,maybe\n",
            "row 2, column Administrator: `maybe` is not true or false",
        ),
    ] {
        let (code, said) = observe(&desk, "t.csv", text, &table);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(why), "{why} in {said}");
        assert_eq!(desk.state(), before);
    }
}

#[test]
fn a_known_name_with_another_id_is_another_object_in_its_place() {
    let desk = desk();
    let (code, said) = observe(&desk, "t.csv", "Name,Number\nACME Tools,18\n", &CUSTOMERS);
    assert_eq!(code, 1);
    assert!(said.contains("has the id 18, and the ledger has 17"), "{said}");
}

#[test]
fn a_customer_that_is_named_is_the_only_one_looked_at() {
    let desk = desk();
    let seen = json_of(
        &desk,
        "t.csv",
        "Customer,E-mail\nOther,x@other.example\nacme,eve@acme.example\n",
        &["--table", "people", "--tenant", "acme"],
    );
    let unknown: Vec<_> = seen["unknown"].as_array().unwrap().iter().map(|u| (u["row"].as_u64(), u["tenant"].as_str())).collect();
    assert_eq!(unknown, [(Some(3), Some("acme"))]);
    let seen = json_of(&desk, "t.csv", "E-mail\nalice@acme.example\n", &["--table", "people", "--tenant", "acme"]);
    assert_eq!(seen["in_step"], json!(["acme/user/alice"]));
    desk.run(&["observe", "t.csv", "--table", "people", "--tenant", "nobody"]).exits(64);
    desk.run(&["observe", "t.csv"]).exits(64);
    desk.run(&["observe", "t.csv", "--portal", "other"]).exits(64);
}

#[test]
fn what_an_open_item_is_to_make_is_left_to_its_technician() {
    let desk = Desk::ordered();
    let seen = json_of(&desk, "t.csv", "Name,Number\nACME Tools,17\n", &CUSTOMERS);
    assert_eq!(seen["awaiting"], json!([{"address": "acme/organization/acme", "item": "0a0a0a0a"}]));
    assert!(desk.state().attestations.is_empty());
}

fn refused(bytes: &[u8], why: &str) {
    let wrong = table::parse(bytes).expect_err(why).join("\n");
    assert!(wrong.contains(why), "{why} in {wrong}");
}

#[test]
fn a_hostile_table_is_refused_with_row_and_column() {
    refused(b"", "it is empty");
    refused(b"A,B\n1\n", "row 2 has 1 cell, and the header has 2");
    refused(b"A,B\n1,2\n1,2,3\n", "row 3 has 3 cells, and the header has 2");
    refused(b"A,B\nx,\"=HYPERLINK(\"\"http://x\"\")\"\n", "row 2, column B: it is a formula");
    refused(b"A\n=cmd|' /C calc'!A0\n", "row 2, column A: it is a formula");
    refused(b"A,B\n\"x,y\n", "odd number of `\"`");
    refused(b"A\nx\x00y\n", "line 2 has a NUL byte");
    refused(b"\xff\xfeA\x00\n\x00", "NUL");
    refused(b"A\n\xff\n", "line 2 is no UTF-8");
    refused("A\n\u{1b}[31mred\n".as_bytes(), "row 2, column A: it has a line break or another control character");
    refused(b"A\n\"x\ny\"\n", "row 2, column A: it has a line break");
    refused(br#"[{"A": {"b": 1}}]"#, "row 2, column A: an object is no cell");
    refused(b"[1]", "it is no JSON array of objects");
    refused(&vec![b'x'; table::MAX_BYTES + 1], "it has more than 10 MB");
}

#[test]
fn what_spreadsheets_and_grids_do_to_texts_is_undone() {
    let cells = |text: &str| table::parse(text.as_bytes()).unwrap().rows.into_iter().map(|r| r.cells).collect::<Vec<_>>();
    assert_eq!(cells("A,B\n\"=\"\"007\"\"\",'+49 30 1\n"), [["007", "+49 30 1"]]);
    assert_eq!(cells("A;B\n 1,5 ;\"x;y \"\n\n"), [["1,5", "x;y"]]);
    assert_eq!(cells("A\tB\n\"Acme\" Tools\t'tis\t\n"), [["\"Acme\" Tools", "'tis"]]);
    assert_eq!(cells(r#"[{"A": 1, "B": ["x", "y"]}, {"B": null}]"#), [["1", "x, y"], ["", ""]]);
}

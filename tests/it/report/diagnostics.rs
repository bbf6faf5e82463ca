//! Diagnostics.

use insta::assert_snapshot;
use tenantry::diagnostic::{Diagnostic, Range, codes};
use tenantry::report::{diagnostics, style::Style};

use super::world::*;

fn range(line_text: &str, column: u32, length: u32) -> Option<Range> {
    Some(Range { file: "customers/acme.yaml".into(), line: 14, column, length, line_text: Some(line_text.into()) })
}

fn wrong() -> Diagnostic {
    Diagnostic::error(codes::manifest::YAML_SYNTAX, "`emial` is no field of User")
        .at(range("    emial: alice@acme.example", 5, 5))
        .about("acme/user/alice")
        .help("write `email`")
}

#[test]
fn the_place_is_underlined_and_the_remedy_follows() {
    assert_snapshot!(diagnostics::render(&[wrong()], &WIDE), @r#"
error[M003]: `emial` is no field of User
  --> customers/acme.yaml:14:5
   |
14 |     emial: alice@acme.example
   |     ^^^^^
   |
   = note: about acme/user/alice
   = help: write `email`

1 error
"#);
}

#[test]
fn without_a_line_the_place_is_named() {
    let mut diagnostic = wrong().detail("first\nsecond");
    diagnostic.range.as_mut().unwrap().line_text = None;
    let warning = Diagnostic::warning(codes::manifest::TOO_LARGE, "large");
    assert_snapshot!(diagnostics::render(&[diagnostic, warning], &WIDE), @r#"
    error[M003]: `emial` is no field of User
    --> customers/acme.yaml:14:5
     = note: about acme/user/alice
     = note: first
             second
     = help: write `email`

    warning[M004]: large
     = help: split the file

    1 error, 1 warning
    "#);
}

#[test]
fn the_underline_stays_right_behind_hidden_characters() {
    let diagnostic = wrong().at(range("a\u{202e}b: x", 3, 1));
    assert_snapshot!(diagnostics::render(&[diagnostic], &WIDE), @r#"
error[M003]: `emial` is no field of User
  --> customers/acme.yaml:14:10
   |
14 | a\u{202e}b: x
   |          ^
   |
   = note: about acme/user/alice
   = help: write `email`

1 error
"#);
}

#[test]
fn a_place_beyond_the_line_is_shown_and_not_a_panic() {
    for (column, length) in [(0, 0), (1, u32::MAX), (500, 3), (u32::MAX, u32::MAX)] {
        for line in ["", "short", "größe: 株"] {
            let shown = diagnostics::render(&[wrong().at(range(line, column, length))], &WIDE);
            assert!(shown.contains("customers/acme.yaml:14"), "{shown}");
        }
    }
}

#[test]
fn one_line_has_place_code_and_remedy() {
    assert_eq!(diagnostics::line(&wrong()), "customers/acme.yaml:14:5: error M003: `emial` is no field of User; to do: write `email`");
}

#[test]
fn nothing_reaches_the_terminal_that_it_would_obey() {
    let mut diagnostic =
        Diagnostic::error(codes::manifest::TOO_LARGE, HOSTILE).detail(HOSTILE).help(HOSTILE).about(HOSTILE).at(range(HOSTILE, 3, 9));
    diagnostic.range.as_mut().unwrap().file = HOSTILE.into();
    for shown in
        [diagnostics::render(&[diagnostic.clone()], &WIDE), diagnostics::line(&diagnostic), diagnostics::json(&[diagnostic.clone()])]
    {
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
    assert!(!diagnostics::render(&[diagnostic], &WIDE).contains(['\u{202e}', '\u{9b}', '\u{7}']));
}

#[test]
fn colour_only_if_asked_for() {
    assert!(diagnostics::render(&[wrong()], &Style { color: true, ..WIDE }).contains('\u{1b}'));
}

#[test]
fn the_json_counts_errors_and_warnings() {
    let json = diagnostics::json(&[wrong(), Diagnostic::warning(codes::manifest::TOO_LARGE, "large")]);
    assert_snapshot!(json, @r#"
{
  "format_version": "1.2",
  "valid": false,
  "error_count": 1,
  "warning_count": 1,
  "diagnostics": [
    {
      "code": "M003",
      "severity": "error",
      "summary": "`emial` is no field of User",
      "range": {
        "file": "customers/acme.yaml",
        "line": 14,
        "column": 5,
        "length": 5,
        "line_text": "    emial: alice@acme.example"
      },
      "address": "acme/user/alice",
      "help": "write `email`"
    },
    {
      "code": "M004",
      "severity": "warning",
      "summary": "large",
      "help": "split the file"
    }
  ]
}
"#);
}

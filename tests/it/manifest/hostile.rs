//! Input that means harm ends soon, with a diagnostic and without a crash.

use std::time::{Duration, Instant};

use tenantry::diagnostic::Diagnostic;
use tenantry::manifest::{Builtins, Loaded, Settings, SourceText, lower_sources};

use super::{acme, document, lines};

/// Generous: what is meant is seconds instead of hours, on a slow machine and without optimisation.
const SOON: Duration = Duration::from_secs(60);

fn soon(bytes: impl Into<Vec<u8>>) -> Loaded {
    let begun = Instant::now();
    let loaded = lower_sources(vec![SourceText::new("bad.yaml", bytes)], Settings { only: None, builtins: Builtins::NONE });
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    loaded
}

fn code_of(bytes: impl Into<Vec<u8>>) -> String {
    let loaded = soon(bytes);
    let codes: Vec<_> = loaded.diagnostics.iter().map(|d| d.code.clone()).collect();
    codes.first().cloned().unwrap_or_default()
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut bomb = "kind: X\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert_eq!(code_of(bomb), "M006");
    let text = "x".repeat(100_000);
    let long = acme(&format!("notes: &n {text}\nlabels: {{{}}}", (0..5000).map(|i| format!("k{i}: *n")).collect::<Vec<_>>().join(", ")));
    assert_eq!(code_of(long), "M006");
}

#[test]
fn an_alias_inside_of_its_own_anchor_is_refused() {
    assert_eq!(code_of(acme("labels: &l {a: *l}")), "M006");
    assert!(lines(&soon("&a [*a]\n")).contains("M006"));
}

#[test]
fn deep_nesting_is_refused() {
    assert_eq!(code_of("[".repeat(10_000)), "M004");
    assert_eq!(code_of("{a: ".repeat(10_000)), "M004");
    assert_eq!(code_of("- ".repeat(10_000)), "M004");
    assert_eq!(code_of((0..10_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>()), "M004");
    let below = format!("notes: {}x{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(code_of(acme(&below)), "M016", "what is deep and still allowed is only of the wrong type");
}

#[test]
fn long_lines_end_soon() {
    let long = "x".repeat(2_000_000);
    assert_eq!(code_of(acme(&format!("notes: {long}"))), "M017");
    assert_eq!(code_of(acme(&format!("notes: \"{long}"))), "M003");
    assert_eq!(code_of(format!("{long}: 1\n")), "M003");
    assert_eq!(code_of(acme(&format!("labels: {{{}}}", "a, ".repeat(100_000)))), "M008");
    assert_eq!(code_of(format!("# {long}\n")), "");
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    let loaded = soon(b"kind: Organization\nmetadata: {name: \xff}\n".to_vec());
    assert_eq!(lines(&loaded), "M002 bad.yaml:2:18+1 this byte is not UTF-8");
    assert_eq!(code_of(b"\xff\xfek\0i\0n\0d\0".to_vec()), "M002", "UTF-16");
    let hidden = acme("") + "\0" + &document("User", "evil", "organization: nobody\nemail: a@b.example");
    assert_eq!(code_of(hidden), "M002", "nothing hides behind a NUL");
    assert_eq!(code_of((0..=255).cycle().take(100_000).collect::<Vec<u8>>()), "M002");
}

#[test]
fn a_byte_order_mark_and_foreign_line_ends_are_harmless() {
    for text in [format!("\u{feff}{}", acme("")), acme("").replace('\n', "\r\n"), acme("").replace('\n', "\r")] {
        let loaded = soon(text);
        assert_eq!(lines(&loaded), "");
        assert_eq!(loaded.desired.resources().count(), 1);
    }
    let bad = acme("bad: 1").replace('\n', "\r\n");
    assert_eq!(lines(&soon(bad)), "M015 bad.yaml:7:3+3 an organization has no field `bad`");
}

#[test]
fn a_hundred_thousand_documents_end_soon_with_few_diagnostics() {
    let loaded = soon("---\nkind: Nope\n".repeat(100_000));
    assert_eq!(loaded.diagnostics.len(), 201);
    assert_eq!(loaded.diagnostics.last().unwrap().summary, "and 99800 more problems, of which 99800 are errors");
    let broken = soon("---\n[\n".repeat(20_000));
    assert_eq!((broken.diagnostics.len(), broken.diagnostics[0].code.as_str()), (201, "M003"));
}

#[test]
fn many_keys_end_soon() {
    let labels: String = (0..50_000).map(|i| format!("k{i}: v, ")).collect();
    assert_eq!(code_of(acme(&format!("labels: {{{labels}}}"))), "");
    let unknown: String = (0..20_000).map(|i| format!("  k{i}: v\n")).collect();
    assert_eq!(soon(acme("") + &unknown).diagnostics.len(), 201);
    let roles: String = (0..20_000).map(|i| format!("r{i}, ")).collect();
    assert_eq!(soon(acme(&format!("users: [{{name: a, email: a@acme.example, roles: [{roles}]}}]"))).diagnostics.len(), 201);
}

#[test]
fn odd_yaml_never_panics() {
    for text in [
        "",
        "\n",
        "---",
        "...",
        "--- |\n",
        "? a\n: b",
        "? [a]\n: b",
        "- - -",
        "%YAML 1.2\n---\na: b",
        "%YAML 2.0\n---\na",
        "%TAG ! x\n",
        "!!map [a]",
        "&a",
        "*a",
        "a: *b",
        "kind: !!int Organization",
        "? ? ? ?",
        "\t",
        "a:\n\t- b",
        "'",
        "\"",
        "\"\\u",
        "{,}",
        "[,]",
        "a: b: c",
        "@",
        "`",
        "kind: [Organization]",
        "kind: {}",
        "null",
        "~",
        "42",
        "kind: User\nspec: 1",
        "kind: User\nspec: ~\nmetadata: 3",
        "kind: User\nmetadata: {name: {}}",
        "kind: List\nitems: [1, ~, [], {}]",
    ] {
        soon(text);
        soon(format!("{}{text}\n", acme("")));
    }
}

#[test]
fn control_characters_never_reach_a_terminal() {
    let loaded = soon(acme("labels: {a: [1]} # \u{202e}\u{1b}[2J"));
    let shown = |d: &Diagnostic| format!("{}{}", d.summary, d.range.as_ref().and_then(|r| r.line_text.clone()).unwrap_or_default());
    let all: String = loaded.diagnostics.iter().map(shown).collect();
    assert!(loaded.has_errors() && !all.contains(['\u{1b}', '\u{202e}']), "{all}");
}

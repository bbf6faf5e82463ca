//! A small reader of Rust text: enough to see which paths, words and functions a file has, and blind to comments and strings.

/// Blanks comments, strings and character literals, keeping every line break, so that places stay what they were.
pub(super) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at).max(at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins here ends; the same place if none begins.
fn literal_end(chars: &[char], at: usize) -> usize {
    let get = |i: usize| chars.get(i).copied().unwrap_or('\0');
    match (get(at), get(at + 1)) {
        ('/', '/') => (at..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len()),
        ('/', '*') => block_comment_end(chars, at),
        ('"', _) => quoted_end(chars, at, '"'),
        // A lifetime has no second quote close by; a character literal has.
        ('\'', '\\') => quoted_end(chars, at, '\''),
        ('\'', _) if get(at + 2) == '\'' => at + 3,
        ('r', '"' | '#') if !(at > 0 && is_word(chars[at - 1]) && chars[at - 1] != 'b') => raw_string_end(chars, at),
        _ => at,
    }
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn quoted_end(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// The end of `r"…"` or `r#"…"#`; the start if this is no raw string (a raw identifier, say).
fn raw_string_end(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + 1 + hashes) != Some(&'"') {
        return start;
    }
    let closing: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = start + 2 + hashes;
    (body..chars.len()).find(|i| chars[*i..].starts_with(&closing)).map_or(chars.len(), |i| i + closing.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words and single signs of blanked text, each with its line.
pub(super) fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut word = String::new();
        for c in text.chars().chain([' ']) {
            if is_word(c) {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                tokens.push((line + 1, std::mem::take(&mut word)));
            }
            if !c.is_whitespace() {
                tokens.push((line + 1, c.to_string()));
            }
        }
    }
    tokens
}

/// Whether these tokens stand somewhere in a row, as `["env", "::", "var"]`; the lines where they do.
pub(super) fn lines_with(code: &str, pattern: &[&str]) -> Vec<usize> {
    let signs: Vec<String> = pattern.iter().flat_map(|p| tokens(p)).map(|(_, t)| t).collect();
    tokens(code).windows(signs.len()).filter(|w| w.iter().map(|(_, t)| t).eq(signs.iter())).map(|w| w[0].0).collect()
}

/// The modules of our own crate that a file names by `crate::` or by enough `super::`, each with its line and the part of it that is named
/// (`apply::outcome`); `*` for a glob at the root.
pub(super) fn modules_used(path: &str, text: &str) -> Vec<(usize, String)> {
    let tokens = tokens(&code_only(text));
    let words: Vec<&str> = tokens.iter().map(|(_, t)| t.as_str()).collect();
    let depth = module_path(path).len();
    let mut found = Vec::new();
    for at in 0..words.len() {
        let after_path = at >= 2 && words[at - 1] == ":" && words[at - 2] == ":";
        let rest = match words[at] {
            "crate" => at + 1,
            "super" if !after_path => {
                let supers = supers_in_a_row(&words, at);
                if supers < depth {
                    continue;
                }
                at + 3 * supers - 2
            }
            _ => continue,
        };
        if words.get(rest) == Some(&":") && words.get(rest + 1) == Some(&":") {
            // A module begins with a small letter; a type at the end of the path (as in a macro that is used deeper down) is none.
            let modules = heads(&words, rest + 2).into_iter().filter(|i| !words[*i].starts_with(char::is_uppercase));
            found.extend(modules.map(|i| (tokens[i].0, with_part(&words, i))));
        }
    }
    found
}

/// A module with the part of it that is named, `apply::outcome`; the module alone where a type or several parts follow.
fn with_part(words: &[&str], at: usize) -> String {
    match words.get(at + 1..at + 4) {
        Some([":", ":", part]) if part.starts_with(|c: char| c.is_lowercase()) => format!("{}::{part}", words[at]),
        _ => words[at].to_owned(),
    }
}

/// How many `super` stand joined by `::` from here on.
fn supers_in_a_row(words: &[&str], at: usize) -> usize {
    let next = |i: usize| words.get(at + 3 * i..at + 3 * i + 3) == Some(&["super", ":", ":"][..]);
    (0..).take_while(|i| next(*i)).count().max(1)
}

/// Where the first words after a `::` stand: one, or one for each branch of a `{…}`.
fn heads(words: &[&str], at: usize) -> Vec<usize> {
    if words.get(at) != Some(&"{") {
        return if at < words.len() { vec![at] } else { Vec::new() };
    }
    let (mut depth, mut expects, mut found) = (0, true, Vec::new());
    for (i, word) in words.iter().enumerate().skip(at) {
        match *word {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expects = true,
            "self" if depth == 1 => expects = false,
            _ if depth == 1 && expects => {
                found.push(i);
                expects = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// `src/model/kinds/user.rs` is `["model", "kinds", "user"]`; `src/lib.rs` and `src/main.rs` are the root.
pub(super) fn module_path(path: &str) -> Vec<&str> {
    let bare = path.trim_start_matches("src/").trim_end_matches(".rs");
    bare.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
}

/// Every function with a body: its first line, its name, and how many lines it has.
pub(super) fn functions(text: &str) -> Vec<(usize, String, usize)> {
    let tokens = tokens(&code_only(text));
    let word = |i: usize| tokens.get(i).map_or("", |(_, t)| t.as_str());
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if word(at) != "fn" || !word(at + 1).starts_with(|c: char| c.is_alphabetic() || c == '_') {
            continue;
        }
        let mut parens = 0;
        let body = (at..tokens.len()).find(|i| {
            match word(*i) {
                "(" | "[" => parens += 1,
                ")" | "]" => parens -= 1,
                _ => {}
            }
            parens == 0 && matches!(word(*i), "{" | ";")
        });
        let Some(body) = body.filter(|i| word(*i) == "{") else { continue };
        let mut depth = 0;
        let end = (body..tokens.len()).find(|i| {
            match word(*i) {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        if let Some(end) = end {
            found.push((tokens[at].0, word(at + 1).to_owned(), tokens[end].0 - tokens[at].0 + 1));
        }
    }
    found
}

fn uses(path: &str, text: &str) -> Vec<String> {
    modules_used(path, text).into_iter().map(|(_, m)| m).collect()
}

#[test]
fn comments_strings_and_characters_are_not_code() {
    let check = |text: &str, code: &str| assert_eq!(code_only(text).split_whitespace().collect::<Vec<_>>().join(" "), code, "{text}");
    check("a // crate::plan\nb", "a b");
    check("a /* x /* nested */ crate::plan */ b", "a b");
    check(r#"f("crate::plan \" still", 'x', '\'', "//") + c"#, "f( , , , ) + c");
    check(r##"let s = r#"crate::"plan"# + r"x\" + br"y" + z;"##, "let s = + + b + z;");
    check("fn f<'a>(x: &'a str) -> &'a str { x }", "fn f<'a>(x: &'a str) -> &'a str { x }");
    check("let r#type = bar;", "let r#type = bar;");
    assert_eq!(code_only("\"a\nb\"\nc").lines().count(), 3, "line breaks inside strings stay");
}

#[test]
fn every_way_to_name_a_module_of_ours_is_seen() {
    assert_eq!(uses("src/diff/mod.rs", "use crate::plan::Plan;"), ["plan"]);
    assert_eq!(uses("src/diff/mod.rs", "use crate::{model::{self, Name}, plan, guard::*};"), ["model", "plan", "guard"]);
    assert_eq!(uses("src/diff/mod.rs", "use crate::{apply::outcome::Outcome, plan::{link, Plan}};"), ["apply::outcome", "plan"]);
    assert_eq!(uses("src/diff/mod.rs", "fn f(x: crate :: engine::X) {}"), ["engine"]);
    assert_eq!(uses("src/diff/mod.rs", "use super::plan;"), ["plan"]);
    assert_eq!(uses("src/diff/keys.rs", "use super::super::plan::Plan;"), ["plan"]);
    assert_eq!(uses("src/diff/keys.rs", "use super::super::{plan, model::Name};"), ["plan", "model"]);
    assert_eq!(uses("src/diff/mod.rs", "use crate::*;"), ["*"]);
    assert_eq!(uses("src/engine.rs", "use super::cli::X;"), ["cli"]);
}

#[test]
fn what_is_no_use_is_not_seen() {
    assert_eq!(uses("src/diff/keys.rs", "use super::plan;"), Vec::<String>::new(), "diff::plan is diff's own");
    assert_eq!(uses("src/diff/codes.rs", "macro_rules! m { () => { super::super::Code } }"), Vec::<String>::new(), "expanded deeper down");
    assert_eq!(uses("src/diff/mod.rs", "pub(crate) fn f() {} // crate::plan\nconst S: &str = \"crate::plan\";"), Vec::<String>::new());
    assert_eq!(lines_with("let my_println = 1;", &["println", "!"]), Vec::<usize>::new());
    assert_eq!(lines_with("x\nstd::env::var(y)", &["env::var"]), [2]);
}

#[test]
fn functions_are_measured_from_their_name_to_their_last_brace() {
    let text = "trait T {\n    fn none();\n}\nfn a() -> [u8; 2] {\n    if x { y }\n    \"}\"\n}\nlet f: fn(u8);\nfn b() {}\n";
    assert_eq!(functions(text), [(4, "a".into(), 4), (9, "b".into(), 1)]);
}

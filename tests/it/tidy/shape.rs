//! How long files and functions grow, and what each file begins with.

use super::scan::{code_only, functions, lines_with};
use super::{File, files, none};

/// Where a reader tires is 400 lines; what is past this is split.
const FILE_LINES: usize = 450;
/// Where a reader tires is 60 lines; what is past this is split.
const FUNCTION_LINES: usize = 80;

/// What may be longer, `path` or `path::function`, with the reason.
const LONGER: &[(&str, &str)] = &[];

/// What in a file is too long: its name as in [`LONGER`], and how long it is.
fn too_long(file: &File) -> Vec<(String, usize)> {
    let lines = file.text.lines().count();
    let whole = (lines > FILE_LINES).then(|| (file.path.clone(), lines));
    let parts = functions(&file.text).into_iter().filter(|(.., lines)| *lines > FUNCTION_LINES);
    whole.into_iter().chain(parts.map(|(_, name, lines)| (format!("{}::{name}", file.path), lines))).collect()
}

fn begins_without_doc(file: &File) -> bool {
    !file.text.starts_with("//! ")
}

fn unsafe_lines(file: &File) -> Vec<usize> {
    lines_with(&code_only(&file.text), &["unsafe"])
}

#[test]
fn nothing_is_longer_than_a_reader_lasts() {
    let found: Vec<_> = files("src", ".rs").iter().flat_map(too_long).collect();
    let excused = |name: &String| LONGER.iter().any(|(path, reason)| path == name && !reason.is_empty());
    none("too long: split it", &found.iter().filter(|(n, _)| !excused(n)).map(|(n, l)| format!("{n}: {l} lines")).collect::<Vec<_>>());
    let stale = LONGER.iter().filter(|(path, _)| !found.iter().any(|(name, _)| name == path));
    none("excused and not too long any more", &stale.map(|(p, _)| (*p).to_owned()).collect::<Vec<_>>());
}

#[test]
fn every_module_begins_by_saying_what_it_is() {
    for folder in ["src", "tests", "benches"] {
        let broken = files(folder, ".rs").into_iter().filter(begins_without_doc).map(|f| f.path);
        none("the first line is no `//!` doc", &broken.collect::<Vec<_>>());
    }
}

#[test]
fn nothing_is_unsafe() {
    for folder in ["src", "tests", "benches"] {
        let broken = files(folder, ".rs").into_iter().flat_map(|f| unsafe_lines(&f).into_iter().map(move |l| format!("{}:{l}", f.path)));
        none("`unsafe`", &broken.collect::<Vec<_>>());
    }
}

#[test]
fn what_is_too_long_bare_or_unsafe_is_found() {
    let file = |text: String| File { path: "src/x.rs".into(), text };
    let function = |lines: usize| format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2));
    assert_eq!(too_long(&file(function(FUNCTION_LINES))), []);
    assert_eq!(too_long(&file(function(FUNCTION_LINES + 1))), [("src/x.rs::long".into(), FUNCTION_LINES + 1)]);
    assert_eq!(too_long(&file("const X: u8 = 1;\n".repeat(FILE_LINES + 1))), [("src/x.rs".into(), FILE_LINES + 1)]);
    assert!(begins_without_doc(&file("use std::fmt;\n//! late".into())));
    assert_eq!(unsafe_lines(&file("//! unsafe\n\nunsafe fn f() {}".into())), [3]);
}

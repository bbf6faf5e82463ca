//! The table of `docs/portals/README.md` is true: every row is there, what serves it is in the profile, its test exists, and its portal's page
//! has a place for it.

use std::collections::BTreeSet;
use std::path::Path;

use tenantry::model::{FieldSupport, KeyScope, Kind};

use super::kit::*;

const TABLE: &str = include_str!("../../../docs/portals/README.md");

/// The rows of each portal: its profile, the beginning of its IDs, and how many there are.
const ROWS: [(&str, &str, usize); 5] =
    [("it-conductor", "ITC", 12), ("wiv", "WIV", 7), ("idemeum", "IDM", 8), ("itarian", "ITA", 8), ("pilixo", "PLX", 9)];

struct Row {
    id: String,
    portal: &'static str,
    kinds: Vec<String>,
    sources: Vec<String>,
    served_by: Vec<String>,
    tests: Vec<String>,
}

fn rows() -> Vec<Row> {
    let rows = TABLE.lines().filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let (portal, ..) = ROWS.iter().find(|(_, prefix, _)| cells[0].starts_with(&format!("{prefix}-")))?;
        let [id, kinds, sources, _, served_by, tests] = cells.as_slice() else { panic!("a row has six cells: {line}") };
        let words = |cell: &str| cell.split(',').map(|w| w.trim().to_owned()).collect();
        let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let (kinds, sources, served_by, tests) = (words(kinds), words(sources), quoted(served_by), quoted(tests));
        Some(Row { id: (*id).to_owned(), portal, kinds, sources, served_by, tests })
    });
    rows.collect()
}

#[test]
fn every_row_is_there_with_its_kind_and_source() {
    let rows = rows();
    let expected: Vec<_> = ROWS.iter().flat_map(|(_, prefix, n)| (1..=*n).map(move |i| format!("{prefix}-{i}"))).collect();
    assert_eq!(rows.iter().map(|r| r.id.clone()).collect::<Vec<_>>(), expected);
    for Row { id, kinds, sources, served_by, tests, .. } in &rows {
        assert!(!kinds.is_empty() && kinds.iter().all(|k| ["F", "R", "S", "O"].contains(&k.as_str())), "{id} is {kinds:?}");
        assert!(!sources.is_empty() && sources.iter().all(|s| ["m", "d", "i"].contains(&s.as_str())), "{id} is from {sources:?}");
        assert!(!served_by.is_empty() && !tests.is_empty(), "{id} is served and tested");
    }
}

/// What is wrong with what a row says of the profile.
fn problem(row: &Row, claim: &str) -> Option<String> {
    let document = document(row.portal);
    let words: Vec<_> = claim.split(' ').collect();
    let kind = |name: &str| Kind::from_name(name).filter(|k| profile(row.portal).capabilities().kind(*k).is_some());
    let holds = match words.as_slice() {
        ["rule", id] => document.rules.iter().any(|r| r.value.id == *id && row_of(id) == row.id),
        ["field", path] => {
            let (name, field) = path.split_once('.')?;
            match Kind::from_name(name) {
                Some(Kind::Portal) => Kind::Portal.def().field_named(field).is_some(),
                _ => kind(name).is_some_and(|k| support(row.portal, k, field) != FieldSupport::Unsupported),
            }
        }
        ["key", name, scope] => {
            let wanted = if *scope == "portal" { KeyScope::Portal } else { KeyScope::Tenant };
            kind(name).is_some_and(|k| profile(row.portal).capabilities().kinds[&k].key_scope == wanted)
        }
        ["screens", name, action] => !way(row.portal, name, action).is_empty(),
        ["calls", name, action] => tree(row.portal)["kinds"][name]["http"][action].as_array().is_some_and(|steps| !steps.is_empty()),
        ["effect", name, action, effect] => tree(row.portal)["effects"].as_array().unwrap().iter().any(|e| {
            let has = |list: &str, word: &str| e[list].as_array().unwrap().iter().any(|w| w == word);
            has("kinds", name) && has("actions", action) && has("effects", effect)
        }),
        ["table", name] => document.tables.iter().any(|t| t.value.name == *name),
        ["observed", name] => observed(row.portal, &row.id).iter().any(|n| n == name),
        ["builtin", name] => kind(name).is_some_and(|k| !profile(row.portal).capabilities().kinds[&k].builtin.is_empty()),
        ["plays", id] => document.plays.iter().any(|p| p.value.id == *id && row_of(id) == row.id),
        ["inherited", id] => document.inherited.iter().any(|i| i.value.id == *id && row_of(id) == row.id),
        ["portalsOwn", name] => document.kinds[*name].value.portals_own.is_some(),
        _ => return Some(format!("{}: nobody knows what `{claim}` is", row.id)),
    };
    (!holds).then(|| format!("{}: `{claim}` is not in the profile {}", row.id, row.portal))
}

/// The row of a rule: its ID without the letter that tells several rules of one row apart.
fn row_of(rule: &str) -> &str {
    rule.trim_end_matches(|c: char| c.is_ascii_lowercase())
}

#[test]
fn what_serves_a_row_is_in_its_profile() {
    let wrong: Vec<_> = rows().iter().flat_map(|row| row.served_by.iter().filter_map(|claim| problem(row, claim))).collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn each_kind_of_row_is_served_in_its_own_way() {
    let served = |row: &Row, by: &[&str]| row.served_by.iter().any(|claim| by.contains(&claim.split(' ').next().unwrap()));
    for row in rows() {
        let ways: &[(&str, &[&str])] = &[
            ("F", &["field", "screens"]),
            ("R", &["rule", "key", "portalsOwn"]),
            ("S", &["effect"]),
            // What is inherited is reported by the rule that leaves its grant out.
            ("O", &["observed", "rule", "inherited"]),
        ];
        for (kind, by) in ways.iter().filter(|(kind, _)| row.kinds.iter().any(|k| k == kind)) {
            assert!(served(&row, by), "{} is {kind} and is served by none of {by:?}", row.id);
        }
    }
}

#[test]
fn every_rule_and_observed_value_belongs_to_a_row_and_has_its_source() {
    let rows = rows();
    for (portal, ..) in ROWS {
        let tree = tree(portal);
        let sections = ["rules", "observed"].map(|name| tree[name].as_array().unwrap().iter());
        for section in sections.into_iter().flatten() {
            let id = section["id"].as_str().unwrap();
            let row = rows.iter().find(|r| r.id == row_of(id)).unwrap_or_else(|| panic!("{id} belongs to no row"));
            let source = section["source"].as_str().unwrap();
            assert!(
                row.portal == portal && row.sources.iter().any(|s| s == source),
                "{id} is from {source}, its row from {:?}",
                row.sources
            );
        }
        let claimed: BTreeSet<_> = rows.iter().filter(|r| r.portal == portal).flat_map(|r| &r.served_by).collect();
        for rule in profile(portal).rule_ids() {
            assert!(claimed.contains(&format!("rule {rule}")), "{rule} is named by its row");
        }
    }
}

#[test]
fn each_row_has_tests_that_bear_its_id() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/portals");
    let files = std::fs::read_dir(folder).unwrap().map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap());
    let sources: String = files.collect();
    let mut claimed = BTreeSet::new();
    for Row { id, tests, .. } in rows() {
        let begin = format!("{}_", id.to_lowercase().replace('-', "_"));
        for test in tests {
            assert!(test.starts_with(&begin), "{test} bears the ID {id}");
            assert!(sources.contains(&format!("async fn {test}()")) || sources.contains(&format!("\nfn {test}()")), "{test} exists");
            claimed.insert(test);
        }
    }
    let named = |line: &str| Some(line.trim_start_matches("async ").strip_prefix("fn ")?.split('(').next()?.to_owned());
    let begins = ["itc_", "wiv_", "idm_", "ita_", "plx_"];
    let tests: BTreeSet<_> = sources.lines().filter_map(named).filter(|name| begins.iter().any(|b| name.starts_with(b))).collect();
    assert_eq!(tests, claimed, "the table names every test that bears an ID");
}

#[test]
fn each_portals_page_has_a_place_for_each_of_its_rows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/portals");
    for (portal, ..) in ROWS {
        let page = std::fs::read_to_string(folder.join(format!("{portal}.md"))).unwrap();
        let words: BTreeSet<_> = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
        for row in rows().iter().filter(|r| r.portal == portal) {
            assert!(words.contains(row.id.as_str()), "docs/portals/{portal}.md has a place for {}", row.id);
        }
    }
    assert_eq!(ROWS.map(|(portal, ..)| portal), PORTALS);
}

#[test]
fn a_screen_or_a_step_is_never_without_its_source() {
    for portal in PORTALS {
        for (kind, section) in tree(portal)["kinds"].as_object().unwrap() {
            for (action, _) in section["screens"].as_object().into_iter().flatten() {
                let lines = way(portal, kind, action);
                let steps = lines.iter().filter(|line| !line.starts_with("brings "));
                let sourced = |line: &&String| ["(m)", "(d)", "(i)"].iter().any(|s| line.ends_with(s));
                assert!(steps.clone().count() > 0 && steps.clone().all(|line| sourced(&line)), "{portal} {kind} {action}: {lines:#?}");
            }
        }
    }
}

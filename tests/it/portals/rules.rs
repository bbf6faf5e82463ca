//! All rules of all portals: each has an example that holds it, and what needs nothing live is said by `tenantry validate` already.

use super::kit::*;
use super::{idm, ita, itc_rules, plx, wiv};

fn examples() -> [(&'static str, &'static [Example]); 5] {
    [
        ("it-conductor", itc_rules::EXAMPLES),
        ("wiv", wiv::EXAMPLES),
        ("idemeum", idm::EXAMPLES),
        ("itarian", ita::EXAMPLES),
        ("pilixo", plx::EXAMPLES),
    ]
}

#[test]
fn each_rule_has_one_example() {
    for (portal, examples) in examples() {
        let held: Vec<_> = examples.iter().map(|e| e.rule).collect();
        let profile = profile(portal);
        assert_eq!(held, profile.rule_ids().collect::<Vec<_>>(), "{portal}");
    }
}

#[tokio::test]
async fn each_rule_is_broken_and_kept_by_its_example_and_gone_without_it() {
    for (portal, examples) in examples() {
        for example in examples {
            check(portal, example).await;
        }
    }
}

#[test]
fn what_needs_nothing_live_is_said_by_validate() {
    for (portal, examples) in examples() {
        let profile = profile(portal);
        for Example { rule, before, breaks, keeps, says, .. } in examples.iter().filter(|e| e.before.is_empty()) {
            assert!(before.is_empty());
            let said = |side: Side| {
                let lines = validated(&profile, &desired(portal, side));
                lines.into_iter().filter(|line| line.contains(&format!(": {rule}: "))).collect::<Vec<_>>()
            };
            let (address, words) = says.split_once(' ').unwrap();
            let words = ["refused: ", "warned: ", "left out: "].iter().find_map(|verdict| words.strip_prefix(verdict)).unwrap();
            let severity = if says.contains(" refused: ") { "error" } else { "warning" };
            assert_eq!(said(*breaks), [format!("{address} {severity} portal {portal}: {rule}: {words}")]);
            assert_eq!(said(*keeps), [""; 0], "{rule} is kept");
        }
    }
}

#[test]
fn no_rule_fails_to_be_evaluated_where_nothing_is_live() {
    for (portal, examples) in examples() {
        for side in examples.iter().flat_map(|e| [e.breaks, e.keeps, Side { manifests: e.before, ..e.breaks }]) {
            let failed: Vec<_> =
                validated(&profile(portal), &desired(portal, side)).into_iter().filter(|l| l.contains("could not be evaluated")).collect();
            assert_eq!(failed, [""; 0], "{portal}");
        }
    }
}

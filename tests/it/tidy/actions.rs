//! Who performs what in each portal of the mission, from the profiles: `docs/portals/actions.md`, written anew with
//! `TEST_UPDATE=1 cargo test --test it tidy::actions`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value as Json;
use tenantry::model::kind::Placement;
use tenantry::model::{IntentAction, Kind, Performer};

use super::{read, root};
use crate::portals::kit::{PORTALS, profile, tree};

const PAGE: &str = "docs/portals/actions.md";

const HEAD: &str = "# Who does what

Generated from the profiles: `TEST_UPDATE=1 cargo test --test it tidy::actions` writes it anew.

- **automatic**: a call of the portal's API.
- **technician**: an item of a work order. What follows says where its screens come from: the *manual*, another page of the *vendor's
  documentation*, or *inferred*.
  *Only for some*: the screens are for some of them, as the profile's `when` says, and the others are not in the manual.
- **technician, not in the manual**: no page that we know says how. The item says what to reach and invents no screen.
- **nobody**: the portal does not have it, or not for us.

**None of this was ever run against a vendor's own system.** It was run against [the sandbox](../sandbox.md), which plays the same profiles: that shows
that a work order can be followed on screens that are as the profile says, and not that the vendor's are.
";

/// Where the screens of an action come from, in words; `None`: there are none.
fn source(kind: &Json, action: &str) -> Option<String> {
    let screens = kind["screens"][action]["screens"].as_array()?;
    let mut sources = BTreeSet::new();
    for screen in screens {
        sources.extend(screen["source"].as_str());
        sources.extend(screen["steps"].as_array().into_iter().flatten().filter_map(|step| step["source"].as_str()));
    }
    let words = [("m", "manual"), ("d", "vendor's documentation"), ("i", "in part inferred")];
    let always = screens.iter().any(|screen| screen.get("when").is_none());
    let words: Vec<_> = words.iter().filter(|(letter, _)| sources.contains(letter)).map(|(_, words)| *words).collect();
    // Screens with a condition: where none holds, the item has none.
    Some(format!("{}{}", words.join(", "), if always { "" } else { "; only for some" }))
}

fn cell(portal: &str, kind: Kind, action: IntentAction, word: &str) -> String {
    let profile = profile(portal);
    let can = &profile.capabilities().kinds[&kind];
    let written = &tree(portal)["kinds"][kind.def().name];
    match can.performer(action) {
        Performer::Call => "automatic".to_owned(),
        Performer::Unsupported => "nobody".to_owned(),
        Performer::Technician => match (source(written, word), can.carried_by) {
            (Some(source), _) => format!("technician: {source}"),
            (None, Some(carrier)) if action == IntentAction::Create => {
                format!("technician: the first in the form of the {}, more not in the manual", carrier.def().noun)
            }
            (None, _) => "technician, **not in the manual**".to_owned(),
        },
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for portal in PORTALS {
        let title = tree(portal)["title"].as_str().expect("a title").to_owned();
        let _ = write!(page, "\n## {title}\n\n[Its page]({portal}.md), [an example](../../examples/{portal}/README.md).\n\n");
        page.push_str("| kind | create | change | delete |\n|---|---|---|---|\n");
        for kind in Kind::ALL.into_iter().filter(|kind| kind.def().placement != Placement::Configuration) {
            if !profile(portal).capabilities().kinds.contains_key(&kind) {
                continue;
            }
            let cells = [(IntentAction::Create, "create"), (IntentAction::Update, "update"), (IntentAction::Delete, "delete")];
            let cells = cells.map(|(action, word)| cell(portal, kind, action, word));
            let _ = writeln!(page, "| `{}` | {} |", kind.def().name, cells.join(" | "));
        }
    }
    page
}

#[test]
fn the_page_of_actions_says_what_the_profiles_say() {
    let fresh = page();
    if std::env::var_os("TEST_UPDATE").is_some_and(|v| v == "1") {
        std::fs::write(root().join(PAGE), &fresh).expect("a writable page");
    }
    assert!(read(PAGE) == fresh, "{PAGE} is stale: refresh it with `TEST_UPDATE=1 cargo test --test it tidy::actions`");
}

#[test]
fn every_portals_page_says_what_is_not_known_and_that_only_the_sandbox_played_it() {
    for portal in PORTALS {
        // Lines are wrapped wherever they happen to end.
        let page = read(&format!("docs/portals/{portal}.md")).split_whitespace().collect::<Vec<_>>().join(" ");
        for said in ["## Action by action", "## Not known", "None of this was ever run against", "sandbox"] {
            assert!(page.contains(said), "docs/portals/{portal}.md does not say `{said}`");
        }
    }
}

//! Work orders as people and programs read them: one step and one verb a line, values exact, nothing that people wrote is markup.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use tenantry::model::IntentAction;
use tenantry::model::ledger::Digest;
use tenantry::model::work_order::{Act, EvidenceWanted, Instructions, Provenance, Screen, Step, WorkItem, WorkState};
use tenantry::report::work_order::{Order, document, html, json_schema, markdown, order_items, text};

use super::world::address;

fn step(act: Act, source: Option<Provenance>) -> Step {
    Step { act, source }
}

fn manual(act: Act) -> Step {
    step(act, Some(Provenance::Manual))
}

fn item(reference: &str, of: &str, action: IntentAction, menu_place: u32, steps: Vec<Step>) -> WorkItem {
    let menu = vec!["Manage".to_owned(), format!("Place {menu_place}")];
    WorkItem {
        intent: format!("intent-{reference}").into(),
        reference: reference.into(),
        order: "wo-1".into(),
        address: address(of),
        action,
        assignee: Some("tess@msp.example".to_owned()),
        due: Some("2026-03-05".parse().unwrap()),
        given: "2026-03-01T12:00:00Z".parse().unwrap(),
        plan: "sha256:abc".into(),
        ticket: None,
        instructions: Instructions { title: format!("Do {of}"), menu_place, screens: vec![Screen { menu, steps }], evidence: Vec::new() },
        content: Digest::of(b"x"),
        records: Vec::new(),
        learnt: BTreeMap::new(),
        calls_follow: false,
        state: WorkState::Open,
        replaces: Vec::new(),
        former: Vec::new(),
        names: None,
        before: Vec::new(),
    }
}

fn order(items: Vec<&WorkItem>) -> Order<'_> {
    Order {
        order: "wo-1",
        portal: "paper",
        title: Some("The Paper Portal"),
        assignee: Some("tess@msp.example"),
        due: Some("2026-03-05".parse().unwrap()),
        given: "2026-03-01T12:00:00Z".parse().unwrap(),
        plan: "sha256:abc",
        ticket: Some("MSP-7"),
        items,
        places: "-f 'my customers' --portals portals",
        after: None,
    }
}

/// One step of each sort, and an item with everything beside.
fn every_sort() -> Vec<WorkItem> {
    let label = |text: &str| text.to_owned();
    let steps = vec![
        step(Act::Look { text: "there is no organization Acme GmbH yet".to_owned() }, Some(Provenance::Inferred)),
        manual(Act::Press { label: label("Create Tenant Organization") }),
        manual(Act::Fill { label: label("Name"), value: "Acme `GmbH`".to_owned() }),
        manual(Act::Fill { label: label("Notes"), value: "first\n```\n  last ".to_owned() }),
        manual(Act::Fill { label: label("Fax"), value: String::new() }),
        manual(Act::Fill { label: label("Code"), value: " 12 ".to_owned() }),
        step(Act::Choose { label: label("Default dashboard"), value: "Overview".to_owned() }, Some(Provenance::Documentation)),
        manual(Act::Tick { label: label("Make administrator"), on: true }),
        manual(Act::Tick { label: label("Notify"), on: false }),
        manual(Act::Secret { label: label("Video password"), reference: "env TENANT_SECRET_ACME".to_owned() }),
        manual(Act::Row { shows: "Acme GmbH".to_owned(), entry: Some(label("Invite")) }),
        manual(Act::Row { shows: "Acme GmbH".to_owned(), entry: None }),
        manual(Act::Visit { url: "https://x.example/?a=1&b=2".to_owned() }),
        step(Act::Reach { text: "notes of organization Acme GmbH is “a*b*”".to_owned() }, None),
    ];
    let mut all = item("a1b2c3d4", "acme/organization/acme", IntentAction::Create, 3, steps);
    all.instructions.title = "Create organization Acme GmbH".to_owned();
    let wanted = |name: &str, expect: Option<&str>, optional, id| EvidenceWanted {
        name: name.to_owned(),
        ask: "What the screen shows".to_owned(),
        expect: expect.map(str::to_owned),
        words: Vec::new(),
        optional,
        id,
        customer: false,
    };
    all.instructions.evidence = vec![
        wanted("organization", Some("Acme GmbH"), false, false),
        wanted("number", None, false, true),
        wanted("count", None, true, false),
    ];
    all.replaces = vec!["00000000".into(), "11111111".into()];
    let mut user = item("0badc0de", "acme/user/al", IntentAction::Create, 4, vec![manual(Act::Press { label: label("Invite") })]);
    user.calls_follow = true;
    user.state = WorkState::Failed { by: "tess".to_owned(), at: "2026-03-02T08:00:00Z".parse().unwrap(), why: "domain taken".to_owned() };
    vec![all, user]
}

#[test]
fn markdown_has_one_step_and_one_verb_a_line() {
    let items = every_sort();
    insta::assert_snapshot!(markdown(&order(items.iter().collect())), @r#"
    # Work order `wo-1`: The Paper Portal

    - Portal: `paper`
    - Technician: `tess@msp.example`
    - Due: `2026-03-05`
    - Given out: `2026-03-01 12:00 UTC`
    - Ticket: `MSP-7`
    - Plan: `sha256:abc`
    - Items: `2`

    Beside each step stands who says so: the portal's manual, other documentation of the vendor's, or nobody (inferred: it follows from what they say; not in the manual: how it is done is left to you).

    ## 1. `a1b2c3d4` Create organization Acme GmbH (customer `acme`)

    This replaces `11111111`, which nobody is to follow any more.

    - [ ] Open **Manage › Place 3**.
    - [ ] Look, and stop if it is not so: there is no organization Acme GmbH yet. *(inferred)*
    - [ ] Press **Create Tenant Organization**. *(manual)*
    - [ ] In **Name** type `` Acme `GmbH` ``. *(manual)*
    - [ ] In **Notes** type this, line by line. *(manual)*

      ````text
      first
      ```
        last 
      ````

    - [ ] Empty **Fax**. *(manual)*
    - [ ] In **Code** type `  12  `. *(manual)*
    - [ ] From **Default dashboard** choose `Overview`. *(vendor's documentation)*
    - [ ] Tick **Make administrator**. *(manual)*
    - [ ] Clear **Notify**. *(manual)*
    - [ ] In **Video password** type the secret that is kept as `env TENANT_SECRET_ACME` (its name, and not the secret: whoever runs tenantry has that). *(manual)*
    - [ ] In the row that shows `Acme GmbH` press **Invite**. *(manual)*
    - [ ] Open the row that shows `Acme GmbH`. *(manual)*
    - [ ] Open the address `https://x.example/?a=1&b=2`. *(manual)*
    - [ ] See to it, in whatever way the portal offers, that this is so: notes of organization Acme GmbH is `a*b*`. **(not in the manual)**

    Bring back:

    - `organization`: What the screen shows; it must be `Acme GmbH`
    - `number`: What the screen shows (the portal's id)
    - `count`: What the screen shows (may be left out)

    When it is done, or cannot be done, or is not to be done (what was read off, or why, goes in place of each …):

    ```sh
    tenantry runbook confirm a1b2c3d4 --evidence "organization=…" --evidence "number=…" -f 'my customers' --portals portals
    tenantry runbook fail a1b2c3d4 --why "…" -f 'my customers' --portals portals
    tenantry runbook skip a1b2c3d4 --why "…" -f 'my customers' --portals portals
    ```

    ## 2. `0badc0de` Do acme/user/al (customer `acme`)

    **Could not be done**: `tess` said at 2026-03-02 08:00 UTC: domain taken

    - [ ] Open **Manage › Place 4**.
    - [ ] Press **Invite**. *(manual)*

    Once this is confirmed, tenantry does the rest.

    When it is done, or cannot be done, or is not to be done (what was read off, or why, goes in place of each …):

    ```sh
    tenantry runbook confirm 0badc0de -f 'my customers' --portals portals
    tenantry runbook fail 0badc0de --why "…" -f 'my customers' --portals portals
    tenantry runbook skip 0badc0de --why "…" -f 'my customers' --portals portals
    ```
    "#);
}

#[test]
fn the_terminal_shows_the_same_sentences() {
    let items = every_sort();
    insta::assert_snapshot!(text(&order(items.iter().collect())), @r#"
    Work order wo-1: The Paper Portal
      Portal: paper
      Technician: tess@msp.example
      Due: 2026-03-05
      Given out: 2026-03-01 12:00 UTC
      Ticket: MSP-7
      Plan: sha256:abc
      Items: 2

    1. a1b2c3d4  Create organization Acme GmbH  (customer acme)
       It replaces 11111111, which nobody is to follow any more.
       [ ] Open Manage › Place 3.
       [ ] Look, and stop if it is not so: there is no organization Acme GmbH yet.  (inferred)
       [ ] Press [Create Tenant Organization].  (manual)
       [ ] In [Name] type "Acme `GmbH`".  (manual)
       [ ] In [Notes] type this, line by line.  (manual)
             | first
             | ```
             |   last 
       [ ] Empty [Fax].  (manual)
       [ ] In [Code] type " 12 ".  (manual)
       [ ] From [Default dashboard] choose "Overview".  (vendor's documentation)
       [ ] Tick [Make administrator].  (manual)
       [ ] Clear [Notify].  (manual)
       [ ] In [Video password] type the secret that is kept as "env TENANT_SECRET_ACME" (its name, and not the secret: whoever runs tenantry has that).  (manual)
       [ ] In the row that shows "Acme GmbH" press [Invite].  (manual)
       [ ] Open the row that shows "Acme GmbH".  (manual)
       [ ] Open the address "https://x.example/?a=1&b=2".  (manual)
       [ ] See to it, in whatever way the portal offers, that this is so: notes of organization Acme GmbH is "a*b*".  (not in the manual)
       Bring back organization: What the screen shows; it must be "Acme GmbH"
       Bring back number: What the screen shows (the portal's id)
       Bring back count: What the screen shows (may be left out)
       $ tenantry runbook confirm a1b2c3d4 --evidence "organization=…" --evidence "number=…" -f 'my customers' --portals portals
       $ tenantry runbook fail a1b2c3d4 --why "…" -f 'my customers' --portals portals
       $ tenantry runbook skip a1b2c3d4 --why "…" -f 'my customers' --portals portals

    2. 0badc0de  Do acme/user/al  (customer acme)
       Could not be done: tess said at 2026-03-02 08:00 UTC: domain taken
       [ ] Open Manage › Place 4.
       [ ] Press [Invite].  (manual)
       Once this is confirmed, tenantry does the rest.
       $ tenantry runbook confirm 0badc0de -f 'my customers' --portals portals
       $ tenantry runbook fail 0badc0de --why "…" -f 'my customers' --portals portals
       $ tenantry runbook skip 0badc0de --why "…" -f 'my customers' --portals portals
    "#);
}

#[test]
fn json_is_stable() {
    let items = every_sort();
    let mut one = document(&order(items.iter().skip(1).collect()));
    one.items[0].instructions.evidence = items[0].instructions.evidence[..1].to_vec();
    insta::assert_snapshot!(serde_json::to_string_pretty(&one).unwrap(), @r#"
    {
      "format_version": "1.1",
      "order": "wo-1",
      "portal": "paper",
      "title": "The Paper Portal",
      "assignee": "tess@msp.example",
      "due": "2026-03-05",
      "given": "2026-03-01T12:00:00Z",
      "plan": "sha256:abc",
      "ticket": "MSP-7",
      "items": [
        {
          "reference": "0badc0de",
          "address": "acme/user/al",
          "action": "create",
          "instructions": {
            "title": "Do acme/user/al",
            "menuPlace": 4,
            "screens": [
              {
                "menu": [
                  "Manage",
                  "Place 4"
                ],
                "steps": [
                  {
                    "act": "press",
                    "label": "Invite",
                    "source": "m"
                  }
                ]
              }
            ],
            "evidence": [
              {
                "name": "organization",
                "ask": "What the screen shows",
                "expect": "Acme GmbH",
                "customer": false,
                "optional": false,
                "id": false
              }
            ]
          },
          "calls_follow": true,
          "state": {
            "state": "failed",
            "by": "tess",
            "at": "2026-03-02T08:00:00Z",
            "why": "domain taken"
          },
          "replaces": [],
          "after": []
        }
      ]
    }
    "#);
    assert_eq!(json_schema()["$id"], "https://tenantry.dev/schema/work-order/v1.json");
}

const HOSTILE: &str = "</code><script>alert(1)</script>\" onload=\"x` **b** [l](https://evil.example) \u{202e}@all";

/// An item in which everything that people wrote is hostile.
fn hostile() -> WorkItem {
    let text = || HOSTILE.to_owned();
    let steps = vec![
        manual(Act::Press { label: text() }),
        manual(Act::Fill { label: text(), value: text() }),
        manual(Act::Fill { label: text(), value: format!("{HOSTILE}\n{HOSTILE}") }),
        manual(Act::Row { shows: text(), entry: Some(text()) }),
        manual(Act::Secret { label: text(), reference: text() }),
        manual(Act::Visit { url: text() }),
        manual(Act::Look { text: text() }),
        step(Act::Reach { text: text() }, None),
    ];
    let mut item = item("a1b2c3d4", "acme/user/al", IntentAction::Create, 0, steps);
    item.instructions.title = text();
    item.instructions.screens[0].menu = vec![text(), text()];
    item.instructions.evidence = vec![EvidenceWanted {
        name: text(),
        ask: text(),
        expect: Some(text()),
        words: Vec::new(),
        optional: false,
        id: false,
        customer: false,
    }];
    item.state = WorkState::Skipped { by: text(), at: "2026-03-02T08:00:00Z".parse().unwrap(), why: text() };
    item
}

#[test]
fn what_is_done_is_no_alarm_and_times_are_for_people() {
    let mut item = item("a1b2c3d4", "acme/user/al", IntentAction::Create, 0, Vec::new());
    let at = "2026-03-02T08:00:07.123456789Z".parse().unwrap();
    item.state = WorkState::Confirmed { by: "tess".to_owned(), at, evidence: BTreeMap::new() };
    let order = Order { title: None, ..order(vec![&item]) };
    let page = html(&order);
    assert!(page.contains(r#"<p class="done">Done: tess, 2026-03-02 08:00 UTC"#), "{page}");
    let says = [markdown(&order), text(&order), page];
    assert!(says.iter().all(|page| !page.contains(".123") && page.contains("2026-03-01 12:00 UTC")));
    assert!(says.iter().all(|page| page.contains("portal paper")), "without a profile its name is said to be that");
}

#[test]
fn nothing_that_people_wrote_is_markup() {
    let item = hostile();
    let order = Order {
        order: HOSTILE,
        portal: HOSTILE,
        title: Some(HOSTILE),
        assignee: Some(HOSTILE),
        ticket: Some(HOSTILE),
        ..order(vec![&item])
    };
    let page = html(&order);
    assert_eq!(page.matches("<script").count(), 1, "the page's own alone");
    assert!(!page.contains("\" onload") && page.contains("&quot; onload"), "an attribute stays one");
    let shown = page.lines().filter(|l| !l.contains("data-value")).collect::<String>();
    assert!(!shown.contains('\u{202e}') && page.contains("\\u{202e}"), "what cannot be seen is shown");
    let written = markdown(&order);
    // Outside code spans and fences everything is escaped.
    for (at, line) in written.lines().enumerate() {
        let prose: String = line.split('`').step_by(2).collect();
        assert!(line.starts_with("  ") || line.contains('`') || !prose.contains("<script"), "line {at}: {line}");
        assert!(!line.contains('\u{202e}'), "line {at}: {line}");
    }
    assert!(written.contains("&lt;script&gt;") && written.contains("\\*\\*b\\*\\*"));
    assert!(!text(&order).contains('\u{202e}'));
}

#[test]
fn the_page_loads_nothing_and_runs_its_own_lines_alone() {
    let items = every_sort();
    let page = html(&order(items.iter().collect()));
    let (_, script) = page.split_once("<script>").unwrap();
    let (script, _) = script.split_once("</script>").unwrap();
    let hash = base64(&Sha256::digest(script.as_bytes()));
    assert!(page.contains(&format!("script-src 'sha256-{hash}'")), "the policy names the script as it is: sha256-{hash}");
    assert!(page.contains("default-src 'none'") && script.contains("localStorage"));
    for loads in ["src=", "href=", "url(", "@import", "<link", "<img", "<iframe", "fetch("] {
        assert!(!page.contains(loads), "{loads}");
    }
    assert_eq!(page.matches("type=\"checkbox\"").count(), 14 + 1 + 2, "each line of both items has a box");
    assert!(page.contains("data-key=\"a1b2c3d4/1\"") && page.contains("data-key=\"0badc0de/2\""), "ticks are kept by the reference");
    assert!(page.contains("data-value=\"Acme `GmbH`\"") && page.contains("data-value=\"first\n```\n  last \""), "copies are exact");
    assert!(page.contains("<span class=\"alarm\">(not in the manual)</span>"));
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let letter = char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]);
            out.push(if at <= chunk.len() { letter } else { '=' });
        }
    }
    out
}

/// The order of items, said as `action address place`.
fn sorted(items: &[(IntentAction, &str, u32)]) -> Vec<String> {
    let items: Vec<_> =
        items.iter().enumerate().map(|(at, (action, of, place))| item(&format!("{at:08}"), of, *action, *place, Vec::new())).collect();
    let check = |list: Vec<&WorkItem>| -> Vec<String> {
        list.iter().map(|i| format!("{:?} {} {}", i.action, i.address, i.instructions.menu_place)).collect()
    };
    let sorted = check(order_items(items.iter().collect()));
    assert_eq!(sorted, check(order_items(items.iter().rev().collect())), "the order of what comes in never shows");
    sorted
}

#[test]
fn what_others_need_comes_first_and_each_place_is_opened_once_where_that_allows() {
    use IntentAction::{Create, Delete, Update};
    let given = [
        (Create, "beta/user/bo", 1),
        (Create, "acme/user/al", 1),
        (Update, "msp/delegation/ops", 0),
        (Create, "acme/organization/acme", 2),
        (Create, "beta/organization/beta", 2),
        (Create, "msp/user/tess", 1),
        (Delete, "gone/organization/gone", 2),
        (Delete, "gone/user/x", 1),
        (Delete, "acme/role/old", 1),
        (Create, "acme/role/new", 3),
    ];
    insta::assert_snapshot!(sorted(&given).join("\n"), @r"
    Delete gone/user/x 1
    Create msp/user/tess 1
    Create acme/organization/acme 2
    Create beta/organization/beta 2
    Delete gone/organization/gone 2
    Update msp/delegation/ops 0
    Create beta/user/bo 1
    Create acme/role/new 3
    Create acme/user/al 1
    Delete acme/role/old 1
    ");
    assert!(sorted(&[]).is_empty());
}

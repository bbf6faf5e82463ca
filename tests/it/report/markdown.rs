//! The plan as pull-request comments.

use insta::assert_snapshot;
use tenantry::plan::{Action, Drift, DriftKind};
use tenantry::report::markdown;

use super::world::*;

#[test]
fn a_small_plan_is_one_comment() {
    let parts = markdown::comments(&document(vec![acme()]), "customers", None);
    assert_eq!(parts.len(), 1);
    assert_snapshot!(parts[0], @r#"
    <!-- tenantry:plan:customers -->
    **Plan: 0 to create, 0 to update, 0 to delete, 3 held (1 to create, 1 to update, 1 to delete); 1 refused; 2 held back with what is refused** · `sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd`

    ### Consequences

    - `acme`: **would lose access**: `bob@acme.example`
      - **administrators, if it were done**: `bob@acme.example` → `alice@acme.example`
      - would gain access: `alice@acme.example`
      - would get an e-mail: `alice@acme.example (2 times)`
      - licences, if it were done: `+2 backup`

    <details><summary><b>acme</b>, portal <code>embedded</code>: 1 to create, 1 to update, 1 to delete, all held back</summary>

    ```diff
    + would create user/alice  customers/acme.yaml:15
    +     email: alice@acme.example
    +     roles: [admin, support]
    +     administrator: true
    #     sends e-mail, takes a licence
    ~ would update organization/acme  customers/acme.yaml:14
    -     displayName: (not set)
    +     displayName: Acme
    -     contact.phone: +49 1
    +     contact.phone: +49 2
    ! delete user/bob (bob@acme.example)
    #     irreversible
    #     no longer declared
    !     refused G004: bob is the last administrator; to do: add another administrator first
    ```

    </details>
    "#);
}

#[test]
fn no_changes_are_two_lines() {
    assert_snapshot!(markdown::comments(&document(Vec::new()), ".", None).concat(), @r#"
<!-- tenantry:plan:. -->
**No changes: the portals are in step with the manifests** · `sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd`
"#);
}

#[test]
fn what_was_out_of_step_before_is_said_apart() {
    let old = field(change(Action::Update, "acme/organization/acme", "acme"), "contact.phone", text("1"), text("2"));
    let new = field(change(Action::Create, "acme/user/alice", "alice@acme.example"), "email", None, text("alice@acme.example"));
    let mut head = unit("acme", vec![old.clone(), new]);
    head.drift = vec![Drift { address: address("acme/user/carol"), what: DriftKind::Deleted, fields: Vec::new() }];
    let base = document(vec![unit("acme", vec![old])]);
    assert_snapshot!(markdown::comments(&document(vec![head]), ".", Some(&base)).concat(), @r#"
<!-- tenantry:plan:. -->
**Plan: 1 to create, 1 to update, 0 to delete** · `sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd`

<details><summary><b>acme</b>, portal <code>embedded</code>: 1 to create</summary>

```diff
+ create user/alice  customers/acme.yaml:15
+     email: alice@acme.example
```

</details>

### Already out of step on the base branch

This pull request is not the cause of these.

<details><summary><b>acme</b>, portal <code>embedded</code>: 1 to update</summary>

```diff
~ update organization/acme  customers/acme.yaml:14
-     contact.phone: "1"
+     contact.phone: "2"
```

</details>

### Drift, changed in the portal since it was last applied

<details><summary><b>acme</b>, portal <code>embedded</code>: 1 drifted</summary>

```diff
- deleted user/carol
```

</details>
"#);
}

#[test]
fn what_is_refused_on_the_base_branch_holds_what_the_pull_request_adds() {
    let mut old = change(Action::Delete, "acme/user/bob", "bob@acme.example");
    old.blocked_by = vec![refusal("G004", "it is protected", "take the protection away first")];
    let new = change(Action::Create, "acme/user/alice", "alice@acme.example");
    let base = document(vec![unit("acme", vec![old.clone()])]);
    let comment = markdown::comments(&document(vec![unit("acme", vec![new, old])]), ".", Some(&base)).concat();
    let line =
        "Plan: 0 to create, 0 to update, 0 to delete, 2 held (1 to create, 1 to delete); 1 refused; 1 held back with what is refused";
    for said in [line, "<code>embedded</code>: 1 to create, all held back</summary>", "would create user/alice"] {
        assert!(comment.contains(said), "{said}\n{comment}");
    }
}

#[test]
fn what_people_wrote_calls_nobody_and_closes_nothing() {
    let comment = markdown::comments(&document(vec![hostile()]), "--><script>", None).concat();
    assert!(comment.starts_with("<!-- tenantry:plan:____script_ -->\n"), "{comment}");
    let prose = outside_code(&comment);
    for bad in ["@everyone", "@octocat", "<script", "![i]", "](http", "#1"] {
        assert!(!prose.contains(bad), "{bad} in\n{prose}");
    }
    assert!(!comment.contains('\u{1b}') && !comment.contains('\u{202e}'));
    check_balanced(&comment);
}

#[test]
fn a_fence_is_longer_than_any_run_of_backticks_inside() {
    let comment = markdown::comments(&document(vec![hostile()]), ".", None).concat();
    assert!(HOSTILE.contains(" ```` ") && comment.contains("\n`````diff\n") && comment.contains("\n`````\n"), "{comment}");
}

#[test]
fn a_name_that_looks_like_our_own_words_is_still_code() {
    let mut unit = acme();
    unit.consequences.gain_access = vec!["and <b>@everyone</b> more".into()];
    let comment = markdown::comments(&document(vec![unit]), ".", None).concat();
    assert!(comment.contains("gain access: `and <b>@everyone</b> more`"), "{comment}");
}

#[test]
fn a_large_plan_is_split_and_each_part_stands_alone() {
    let units: Vec<_> = (0..400)
        .map(|n| {
            let at = format!("t{n}/organization/t{n}");
            unit(
                &format!("t{n}"),
                vec![field(change(Action::Update, &at, &format!("t{n}")), "notes", None, text(&format!("{n} {}", "word ".repeat(60))))],
            )
        })
        .collect();
    let parts = markdown::comments(&document(units), "customers", None);
    assert!(parts.len() > 1);
    for (at, part) in parts.iter().enumerate() {
        assert!(part.len() < 65_536, "{}", part.len());
        let second = part.lines().nth(1).unwrap();
        assert!(part.starts_with("<!-- tenantry:plan:customers -->\n"), "{part}");
        assert!(second.ends_with(&format!("· {} of {}", at + 1, parts.len())), "{second}");
        check_balanced(part);
    }
    let all = parts.concat();
    assert!((0..400).all(|n| all.contains(&format!("organization/t{n} "))), "a tenant is missing");
}

#[test]
fn a_tenant_larger_than_a_comment_is_continued() {
    let changes = (0..300)
        .map(|n| {
            let mut change = change(Action::Update, &format!("acme/gateway/g{n}"), &format!("g{n}"));
            change = field(change, "description", None, text(&format!("{n}{}", "x".repeat(300))));
            blocked(change, "G001", "refused, so that it is not folded", "nothing")
        })
        .collect();
    let parts = markdown::comments(&document(vec![unit("acme", changes)]), ".", None);
    assert!(parts.len() > 1 && parts.iter().all(|p| p.len() < 65_536));
    parts.iter().for_each(|p| check_balanced(p));
    assert!(parts.concat().contains("(2 of "), "{}", parts[1]);
}

/// What a Markdown reader would not take as code.
fn outside_code(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<usize> = None;
    for line in text.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            Some(open) => {
                if ticks >= open && line.trim_end_matches('`').is_empty() {
                    fence = None;
                }
            }
            None if ticks >= 3 && !line[ticks..].contains('`') => fence = Some(ticks),
            None => out.push_str(&(outside_spans(line) + "\n")),
        }
    }
    assert_eq!(fence, None, "a fence is open at the end of\n{text}");
    out
}

/// A line without its code spans: a run of backticks up to the next run of the same length.
fn outside_spans(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        // An escaped backtick opens nothing.
        if rest[..at].ends_with('\\') {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        }
        out.push_str(&rest[..at]);
        let open = rest[at..].chars().take_while(|c| *c == '`').count();
        let inner = &rest[at + open..];
        let mut close = None;
        let mut from = 0;
        while let Some(next) = inner[from..].find('`').map(|n| n + from) {
            let run = inner[next..].chars().take_while(|c| *c == '`').count();
            if run == open {
                close = Some(next + run);
                break;
            }
            from = next + run;
        }
        rest = close.map_or("", |c| &inner[c..]);
        assert!(close.is_some(), "a code span is open at the end of {line}");
    }
    out + rest
}

/// Every fence and every `<details>` that is opened is closed, in order.
pub(super) fn check_balanced(text: &str) {
    let prose = outside_code(text);
    let mut depth = 0;
    for line in prose.lines() {
        depth += i32::try_from(line.matches("<details>").count()).unwrap();
        depth -= i32::try_from(line.matches("</details>").count()).unwrap();
        assert!((0..=1).contains(&depth), "{line}\n{text}");
    }
    assert_eq!(depth, 0, "{text}");
    assert_eq!(prose.matches("<summary>").count(), prose.matches("</summary>").count());
}

//! What only some portals have by themselves: a role that one of two portals brings along, and one that is declared and the other cannot have.

use super::transcript::Shell;
use crate::support::program::Ran;

/// A portal whose roles are its own.
const PROFILE: &str = r#"apiVersion: tenantry.dev/v1alpha1
kind: Profile
name: board
title: The Board
driver: runbook
kinds:
  Organization: {read: unreadable, create: technician, update: technician, delete: technician}
  Role: {read: unreadable, builtin: [Editor, Viewer]}
  User: {read: unreadable, create: technician, update: technician, delete: technician}
"#;

/// The directory makes roles, the board has its own; `directory` and `board` are more lines of their specs.
fn two_portals(directory: &str, board: &str, customer: &str) -> Shell {
    let shell = Shell::empty();
    let portal = |name: &str, profile: &str, more: &str| {
        format!("---\napiVersion: tenantry.dev/v1alpha1\nkind: Portal\nmetadata: {{name: {name}}}\nspec: {{profile: {profile}{more}}}\n")
    };
    shell.write("portals/own/board.profile", PROFILE);
    shell.write("portals/all.yaml", &(portal("directory", "embedded", directory) + &portal("board", "own/board.profile", board)));
    let head = "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: acme}\nspec:\n  displayName: ACME\n";
    shell.write("customers/acme.yaml", &format!("{head}{customer}"));
    shell
}

/// Ann has a role of either portal.
const BOTH: &str = "  roles: [{name: operator}]\n  users:\n    - {name: ann, email: ann@acme.example, roles: [operator, Editor]}\n";

fn run(shell: &Shell, command: &str, code: i32) -> Ran {
    shell.run(&format!("{command} -f customers --portals portals")).exits(code)
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(ran.said().contains(words), "{words}\n{}", ran.said());
    }
}

#[test]
fn each_portal_takes_the_roles_that_it_has_and_says_once_what_it_lacks() {
    let shell = two_portals(", unsupported: Warning", ", unsupported: Warning", BOTH);
    let planned = run(&shell, "plan", 0);
    says(
        &planned,
        &[
            "R005 portal directory lacks some of what is declared for it: no role `Editor`, which is named by acme/user/ann\n",
            "R005 portal board lacks some of what is declared for it: no roles: acme/role/operator; no role `operator`, which is named by acme/user/ann\n",
            "      roles: [Editor]\n",
            "      roles: [operator]\n",
        ],
    );
    assert_eq!(planned.said().matches("R005").count(), 2, "{}", planned.said());
    says(&run(&shell, "validate", 0), &["no role `Editor`, which is named by acme/user/ann"]);
    says(&run(&shell, "apply --auto-approve", 6), &["3 done, 2 pending"]);
    // What the directory took is in step: the next plan does nothing there.
    let again = run(&shell, "plan --portal directory", 0);
    says(&again, &["No changes: the portals are in step"]);
}

#[test]
fn a_role_that_a_portal_lacks_is_refused_there_unless_its_document_says_otherwise() {
    let shell = two_portals("", ", unsupported: Ignore", BOTH);
    let refused = "acme/user/ann cannot be as its manifest says: portal directory has no role `Editor`, which the field `roles` names";
    says(&run(&shell, "plan", 5), &["refused G016", refused, "take it out of the manifest; or"]);
    says(&run(&shell, "validate", 65), &["error[R007]", "no role `Editor`, which is named by acme/user/ann", "customers/acme.yaml:8"]);
    let quiet = two_portals(", unsupported: Ignore", ", unsupported: Ignore", BOTH);
    assert!(!run(&quiet, "plan", 0).said().contains("lacks"));
}

#[test]
fn a_role_that_no_portal_of_the_customer_has_leads_nowhere() {
    let only = "  users: [{name: ann, email: ann@acme.example, roles: [Editor]}]\n";
    let unserved = two_portals("", ", organizations: {names: [acme-two]}", only);
    unserved.write(
        "customers/two.yaml",
        "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: acme-two}\nspec: {displayName: ACME Two}\n",
    );
    for command in ["validate", "plan", "apply --auto-approve"] {
        says(
            &run(&unserved, command, 65),
            &["error[M031]: `roles`: there is no role `Editor` in acme", "declare the role `Editor` in `acme`"],
        );
    }
    let slip = two_portals("", "", &only.replace("Editor", "editor"));
    says(&run(&slip, "plan", 65), &["did you mean `Editor`?"]);
}

#[test]
fn a_role_that_is_taken_off_the_list_is_taken_away_where_the_rest_of_the_list_means_nothing() {
    let shell = two_portals(", unsupported: Ignore", ", unsupported: Ignore", BOTH);
    run(&shell, "apply --auto-approve", 6);
    shell.edit("customers/acme.yaml", "roles: [operator, Editor]", "roles: [Editor]");
    says(&run(&shell, "plan --portal directory", 0), &["~ update user/ann", "roles: [operator] -> []"]);
}

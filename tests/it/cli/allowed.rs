//! What a person lets through is said to be allowed, with the reason, and is refused no more.

use super::transcript::Shell;

const ADMINISTRATORS: &str = "      administrator: true\n";

#[test]
fn what_is_allowed_is_not_shown_as_refused() {
    let shell = Shell::applied();
    let without = shell.read("acme.yaml").replace(ADMINISTRATORS, "      administrator: false\n");
    shell.write("acme.yaml", &without);
    let plan = shell.run("plan").said();
    assert!(plan.contains("refused G007:") && plan.contains("; 2 refused"), "{plan}");
    let applied = shell.run("apply --auto-approve --allow G007=moving-out").exits(0).out;
    assert!(applied.contains("  allowed G007 (moving-out): acme would be left with 0 of 2 administrators"), "{applied}");
    assert!(!applied.contains("refused"), "{applied}");
}

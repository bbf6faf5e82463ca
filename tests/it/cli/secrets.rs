//! No secret in anything that is written: whatever the command, the format, the log level, and however it goes wrong.

use super::transcript::Shell;
use crate::support::program::{Ran, walk};

/// Secrets, as a variable, as a file, as a variable changed later, written inline by mistake, and as the password of a ledger.
const SECRETS: [&str; 5] = ["canary-env-7f3a", "canary-file-91bc", "canary-later-20d5", "canary-inline-6e6e", "canary-ledger-b7b7"];

const MANIFEST: &str = "\
apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata:
  name: acme
spec:
  displayName: ACME Tools
  secrets:
    apiKey:
      env: ACME_KEY
  users:
    - name: alice
      email: alice@acme.example
      administrator: true
  integrations:
    - name: backup
      type: s3
      secrets:
        accessKey:
          env: ACME_KEY
        token:
          file: token.txt
";

/// Nothing that a run said is secret; with the variable set, and as loud as can be.
#[track_caller]
fn says_nothing(shell: &Shell, line: &str, secret: &str) -> Ran {
    let ran = shell.run_with(line, &[("ACME_KEY", secret), ("TENANTRY_LOG", "trace")]);
    for canary in SECRETS {
        assert!(!ran.said().contains(canary), "{line} said {canary}: {}", ran.said());
    }
    ran
}

/// No file below the folder holds one, but for the file that is the secret.
#[track_caller]
fn no_file_holds_one(shell: &Shell) {
    let mut seen = 0;
    walk(shell.path(), &mut |path| {
        let bytes = std::fs::read(path).expect("a readable file");
        seen += 1;
        for canary in SECRETS {
            let own = path.ends_with("token.txt");
            assert!(own || !bytes.windows(canary.len()).any(|w| w == canary.as_bytes()), "{} holds {canary}", path.display());
        }
    });
    assert!(seen > 2, "there are files beside the two that were there");
}

fn customer() -> Shell {
    let shell = Shell::empty();
    shell.write("acme.yaml", MANIFEST);
    shell.write("token.txt", SECRETS[1]);
    shell
}

const FORMATS: [&str; 5] = ["text", "json", "markdown", "html", "gitlab"];

#[test]
fn no_command_and_no_format_says_one() {
    let shell = customer();
    let plans = || FORMATS.iter().map(|format| format!("plan -vvv -o {format} --json-into view-{format}.json"));
    let looks = [
        "validate -o json",
        "plan -vvv --json",
        "plan --out plan.json",
        "drift -vvv",
        "drift -o json",
        "access -o json",
        "show acme -o json",
    ];
    let all: Vec<String> =
        plans().chain(looks.map(str::to_owned)).chain(["access --live".into(), "show acme".into(), "import".into()]).collect();
    all.iter().for_each(|line| _ = says_nothing(&shell, line, SECRETS[0]));
    says_nothing(&shell, "apply plan.json -vvv", SECRETS[0]).exits(0);

    // The very same secret is no change; another one is, and neither is said.
    says_nothing(&shell, "plan --expect-no-changes", SECRETS[0]).exits(0);
    says_nothing(&shell, "plan --detailed-exitcode", SECRETS[2]).exits(2);
    all.iter().for_each(|line| _ = says_nothing(&shell, line, SECRETS[2]));
    says_nothing(&shell, "apply --auto-approve -o json", SECRETS[2]).exits(0);
    says_nothing(&shell, "plan --expect-no-changes", SECRETS[2]).exits(0);
    all.iter().for_each(|line| _ = says_nothing(&shell, line, SECRETS[2]));

    let row = says_nothing(&shell, "ledger show acme/integration/backup", SECRETS[2]).exits(0).out;
    assert!(row.contains("\"secrets.accessKey\"") || row.contains("\"secrets"), "secrets were sent and are recorded by name: {row}");
    for line in ["ledger list -o json", "ledger audit -o json", "ledger audit", "plan --destroy -o json", "apply --json --auto-approve"] {
        says_nothing(&shell, line, SECRETS[2]);
    }
    no_file_holds_one(&shell);
}

#[test]
fn no_failure_says_one() {
    for fault in
        ["refused=acme/integration/*", "denied=acme/integration/*", "pending=acme/integration/*", "unread=down", "panic=acme/integration/*"]
    {
        let shell = customer().faults(fault);
        for line in ["plan -vvv", "apply -vvv --auto-approve", "apply -vvv --auto-approve --json"] {
            says_nothing(&shell, line, SECRETS[0]);
        }
        no_file_holds_one(&shell);
    }
}

#[test]
fn a_driver_that_panics_tells_of_its_call_and_not_of_its_secrets() {
    let shell = customer().faults("panic=acme/integration/*");
    let ran = says_nothing(&shell, "apply --auto-approve", SECRETS[0]).exits(0);
    assert!(ran.err.contains("in the middle of Call"), "the panic was seen: {}", ran.err);
    says_nothing(&shell, "plan --expect-no-changes", SECRETS[0]).exits(0);
}

#[test]
fn a_secret_that_cannot_be_read_is_named_by_its_place() {
    let shell = customer();
    shell.edit("acme.yaml", "file: token.txt", "file: gone.txt");
    let ran = says_nothing(&shell, "plan", SECRETS[0]).exits(5);
    assert!(ran.out.contains("G013") && ran.out.contains("gone.txt"), "{}", ran.out);
}

#[test]
fn a_secret_written_inline_is_refused_and_not_repeated() {
    for value in ["canary-inline-6e6e", "{value: canary-inline-6e6e}", "[canary-inline-6e6e]", "'canary-inline-6e6e"] {
        let shell = customer();
        shell.edit("acme.yaml", "\n          file: token.txt", &format!(" {value}"));
        for line in ["validate", "validate -o json", "plan -vvv", "apply --auto-approve"] {
            says_nothing(&shell, line, SECRETS[0]).exits(65);
        }
    }
}

#[test]
fn the_password_of_a_ledger_is_not_repeated() {
    let shell = customer();
    let location = format!("postgres://tenantry:{}@127.0.0.1:1/ledger", SECRETS[4]);
    shell.write("location.txt", &location);
    for line in ["ledger list", "plan -vvv", "apply --auto-approve"] {
        let ran = shell.run_with(line, &[("TENANTRY_LEDGER_FILE", "location.txt"), ("ACME_KEY", SECRETS[0])]);
        assert!(ran.code != Some(0) && !ran.said().contains(SECRETS[4]), "{line}: {}", ran.said());
        let ran = shell.run_with(line, &[("TENANTRY_LEDGER", &location), ("ACME_KEY", SECRETS[0])]);
        assert!(ran.code != Some(0) && !ran.said().contains(SECRETS[4]), "{line}: {}", ran.said());
    }
    let ran = shell.run_with("plan", &[("TENANTRY_LEDGER", &format!("mysql://u:{}@h/d", SECRETS[4]))]);
    assert!(!ran.said().contains(SECRETS[4]), "{}", ran.said());
}

#[test]
fn a_key_of_the_macs_that_is_no_key_is_not_repeated() {
    let shell = customer();
    for line in ["plan", "apply --auto-approve"] {
        let ran = shell.run_with(line, &[("TENANTRY_MAC_KEY", "canary-inline-6e6e"), ("ACME_KEY", SECRETS[0])]);
        assert!(!ran.said().contains("canary"), "{line}: {}", ran.said());
    }
}

//! Documents, good and bad, each through lowering and through the API server.

use tenantry::model::Kind;

use super::{ApiServer, documents, lowering_refuses};

/// The least that a document of a kind says.
fn least(kind: &str) -> &'static str {
    match kind {
        "Organization" => "displayName: Acme",
        "Portal" => "profile: embedded",
        "Delegation" => "role: technician\n  customers: {names: [acme]}",
        "Domain" => "organization: acme\n  domain: acme.example",
        "User" => "organization: acme\n  email: alice@acme.example",
        "Integration" => "organization: acme\n  type: aws",
        "MonitoredSystem" => "organization: acme\n  type: SAP",
        "NotificationRule" => "organization: acme\n  events: [down]\n  target: {organization: true}",
        _ => "organization: acme",
    }
}

/// A document of a kind that says the least, and more.
pub(super) fn document(kind: &str, more: &str) -> String {
    format!("apiVersion: tenantry.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: it}}\nspec:\n  {}\n  {more}\n", least(kind))
}

/// A document of a kind that says exactly this.
fn bare(kind: &str, spec: &str) -> String {
    format!("apiVersion: tenantry.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: it}}\nspec: {spec}\n")
}

fn x(count: usize) -> String {
    "x".repeat(count)
}

/// Documents that are as large and as odd as they may be.
fn good() -> Vec<String> {
    let mut all: Vec<String> = Kind::ALL.iter().map(|kind| document(kind.def().name, "")).collect();
    let long_domain = format!("{}.{}.{}.{}", x(63), x(63), x(63), x(61));
    let of = |kind: &str, lines: &[String]| lines.iter().map(|l| document(kind, l)).collect::<Vec<_>>();
    all.extend(of(
        "Organization",
        &[
            format!("name: {}", x(63)),
            format!("notes: {}", "ü".repeat(4000)),
            "notes: \"a\\tb\\nc\\u00a0\"".into(),
            "contact: {website: 'https://acme.example:8443/a?b#c', email: A.B+c@ACME.example}".into(),
            "contact: {website: 'https://acme.example/a://b@c', email: \"o'x!#$%&*+/=?^_`{|}~-1@a-b.c_d\"}".into(),
            format!("contact: {{email: '{}@acme.example'}}", x(64)),
            format!("contact: {{website: 'https://acme.example/{}'}}", "ü".repeat(1979)),
            "doNotDisturb: [{days: [mon, sun], from: '00:00', to: '23:59'}]".into(),
            "licences: {a: 0, b: 1000000}".into(),
            "licences: {a: 5.0}".into(),
            "labels: {tier: gold, 'a b/c': ''}".into(),
            format!("labels: {{{}: a}}", "ü".repeat(200)),
            "secrets: {a: {env: ACME_KEY}, b: {file: keys/acme}, c: {secretKeyRef: {name: acme, key: api-key}}}".into(),
            "users: []".into(),
            "users: [{name: alice, email: alice@acme.example}, {name: bob, email: bob@acme.example, previously: [robert]}]".into(),
            "interval: 1h30m".into(),
            "interval: 999h".into(),
            "timeout: 1s\n  retryInterval: 3596400s".into(),
            "approval: {mode: Manual}\n  driftDetection: {mode: warn}\n  suspend: true".into(),
            "managementPolicies: [Observe, Create]".into(),
            format!("externalId: {}", x(500)),
            "notes: see https://acme.example:8443/a:b@c and mail a:b@c.example".into(),
            "notes: 'ftp://acme@host and https://u:@host'".into(),
            "offboard: true".into(),
        ],
    ));
    all.extend(of(
        "User",
        &[
            "roles: [admin, Built in role]\n  administrator: true".into(),
            "invitation: {deferUntil: '2028-02-29', expiresAfterDays: 365}".into(),
            "invitation: {deferUntil: 2028-02-29}".into(),
            "roles: []".into(),
        ],
    ));
    all.extend(of("Domain", &["primary: true".into()]));
    all.push(bare("Domain", &format!("{{organization: acme, domain: '{long_domain}.'}}")));
    all.push(bare("Domain", "{organization: acme, domain: _dmarc.ACME.example}"));
    all.extend(of(
        "Integration",
        &[
            "settings: {region: eu-1, tokenUrl: 'https://acme.example/token', passwordPolicy: strict, monkey: yes-it-is}".into(),
            "sharedWith: {selector: {matchLabels: {}}}".into(),
            "sharedWith: {names: [], selector: {matchLabels: {tier: gold}}}".into(),
        ],
    ));
    all.extend(of("Portal", &["limits: {maxDeletePercent: 100}\n  budget: {parallelism: 1}\n  organizations: {names: [a, b]}".into()]));
    let named = "apiVersion: tenantry.dev/v1alpha1\nkind: Role\nmetadata: {name: acme.it, labels: {a.example/b: '', c: d_e}, annotations: {A.example/b: 'c d'}}\nspec: {organization: msp, name: it}\n";
    all.push(named.to_owned());
    all
}

/// Documents with one thing wrong.
pub(super) fn bad() -> Vec<String> {
    let mut all = Vec::new();
    let mut of = |kind: &str, lines: &[&str]| all.extend(lines.iter().map(|l| document(kind, l)));
    let long = |field: &str, count: usize| format!("{field}: {}", x(count));
    of(
        "Organization",
        &[
            // Unknown fields, at each depth.
            "colour: red",
            "contact: {fax: '1'}",
            "organization: acme",
            "name: msp",
            "users: [{name: a, email: a@acme.example, colour: red}]",
            "users: [{name: a, email: a@acme.example, organization: acme}]",
            "users: [{name: a, email: a@acme.example, suspend: true}]",
            "doNotDisturb: [{days: [mon], from: '00:00', to: '01:00', zone: UTC}]",
            "approval: {mode: Auto, by: me}",
            "previously: [old]",
            "delegations: []",
            // Wrong types.
            "notes: 5",
            "notes: true",
            "notes: [a]",
            "notes: {a: b}",
            "offboard: 'true'",
            "offboard: 1",
            "contact: none",
            "accessPermissions: read",
            "accessPermissions: [1]",
            "accessPermissions: [~]",
            "licences: {a: '5'}",
            "licences: {a: 5.5}",
            "licences: [a]",
            "labels: {a: 1}",
            "users: {alice: {}}",
            "users: [alice]",
            "users: [~]",
            "doNotDisturb: {}",
            "approval: Manual",
            "interval: 10",
            // Out of bounds.
            "licences: {a: -1}",
            "licences: {a: 1000001}",
            "licences: {a: 99999999999999999999}",
            &long("notes", 4001),
            &long("defaultDashboard", 201),
            &long("externalId", 501),
            "externalId: ''",
            &format!("labels: {{{}: a}}", x(201)),
            "labels: {'': a}",
            "notes: \"a\\rb\"",
            "notes: \"a\\u0085b\"",
            "labels: {a: \"\\e\"}",
            "labels: {\"a\\eb\": a}",
            // Names.
            "name: Acme",
            "name: a.b",
            "name: -a",
            "name: a-",
            "name: ''",
            "name: 5",
            &long("name", 64),
            "users: [{name: A, email: a@acme.example}]",
            "users: [{email: a@acme.example}]",
            "roles: [{name: a, previously: [Old]}]",
            "integrations: [{name: a, type: aws, sharedWith: {names: [Acme]}}]",
            "roles: [{name: a, description: \"a\\rb\"}]",
            "roles: [{name: a, description: 'https://me:secret@acme.example'}]",
            "gateways: [{name: a, labels: {b: 'https://me:secret@acme.example'}}]",
            "integrations: [{name: a, type: aws, secrets: {b: {env: 'a b'}}}]",
            "integrations: [{name: a, type: aws, secrets: {b: {file: \"a\\nb\"}}}]",
            // Missing.
            "users: [{name: a}]",
            "doNotDisturb: [{days: [mon], from: '00:00'}]",
            "approval: {}",
            "notificationRules: [{name: a, events: [down]}]",
            "integrations: [{name: a}]",
            // Forms.
            "contact: {email: acme}",
            "contact: {email: a@b}",
            "contact: {email: a..b@acme.example}",
            "contact: {email: a@acme.example.}",
            "contact: {email: 'a b@acme.example'}",
            "contact: {email: 'a@b@acme.example'}",
            "contact: {email: '@acme.example'}",
            "contact: {email: 'ä@acme.example'}",
            "contact: {email: 'a@acme.exämple'}",
            "users: [{name: a, email: acme}]",
            "domains: [{name: a, domain: acme}]",
            &format!("contact: {{email: '{}@acme.example'}}", x(65)),
            &format!("contact: {{email: 'a@{}.{}.{}.{}'}}", x(63), x(63), x(63), x(63)),
            "contact: {website: acme.example}",
            "contact: {website: 'ftp://acme.example'}",
            "contact: {website: 'https://'}",
            "contact: {website: 'https:///a'}",
            "contact: {website: 'https://acme.example/a b'}",
            "contact: {website: \"https://acme.example/a\\u2003b\"}",
            "contact: {website: 'https://me@acme.example'}",
            "contact: {website: 'https://me:secret@acme.example'}",
            "contact: {website: 'https://acme.example/a://me:secret@b'}",
            "contact: {website: 'ftp://me:secret@acme.example'}",
            &format!("contact: {{website: 'https://acme.example/{}'}}", x(1980)),
            "doNotDisturb: [{days: [mon], from: '24:00', to: '01:00'}]",
            "doNotDisturb: [{days: [mon], from: '1:00', to: '01:00'}]",
            "doNotDisturb: [{days: [monday], from: '00:00', to: '01:00'}]",
            "relationship: friend",
            "deletionPolicy: orphan",
            "interval: 1d",
            "interval: 90",
            "interval: 0s",
            "interval: 1000h",
            "interval: 999h1s",
            "interval: 9999999h",
            "interval: 30m1h",
            "interval: 1.5h",
            "interval: ''",
            "interval: h",
            "interval: s",
            "approval: {mode: auto}",
            // Twice.
            "accessPermissions: [read, read]",
            "managementPolicies: [Create, Create]",
            "users: [{name: a, email: a@acme.example, roles: [r, r]}]",
            "users: [{name: a, email: a@acme.example}, {name: a, email: b@acme.example}]",
            "notes: a\n  notes: b",
            "labels: {a: b, a: c}",
            // Secrets.
            "secrets: {a: hunter2}",
            "secrets: {a: {}}",
            "secrets: {a: {value: hunter2}}",
            "secrets: {a: {env: A, file: b}}",
            "secrets: {a: {env: A, secretKeyRef: {name: a, key: b}}}",
            "secrets: {a: {env: 1A}}",
            "secrets: {a: {env: ''}}",
            "secrets: {a: {env: tenantry_ledger_key}}",
            "secrets: {a: {file: ''}}",
            "secrets: {a: {file: \"a\\nb\"}}",
            "secrets: {a: {secretKeyRef: {name: a}}}",
            "secrets: {a: {secretKeyRef: {name: a, key: b, optional: true}}}",
            "secrets: {a: {secretKeyRef: {name: 'a b', key: b}}}",
            "notes: 'https://me:secret@acme.example'",
            "notes: 'see a://b/c:d and x://u:p@h'",
            "labels: {a: 'https://me:secret@acme.example'}",
        ],
    );
    of(
        "User",
        &[
            "name: alice\n  roles: ['https://me:secret@acme.example']",
            "interval: 10m",
            "invitation: {expiresAfterDays: 0}",
            "invitation: {expiresAfterDays: 366}",
            "invitation: {deferUntil: 2025-02-29}",
            "invitation: {deferUntil: '2025-13-01'}",
            "invitation: {deferUntil: '2025-1-1'}",
            "invitation: {deferUntil: '2025-01-01T00:00:00Z'}",
            "invitation: {deferUntil: tomorrow}",
            "invitation: []",
        ],
    );
    of(
        "Integration",
        &[
            "sharedWith: {}",
            "sharedWith: [acme]",
            "sharedWith: {names: acme}",
            "sharedWith: {names: [Acme]}",
            "sharedWith: {names: [acme, acme]}",
            "sharedWith: {selector: {}}",
            "sharedWith: {selector: {matchExpressions: []}}",
            "sharedWith: {selector: {matchLabels: {a: 1}}}",
            "sharedWith: {all: true}",
            "settings: {password: hunter2}",
            "settings: {apiKey: hunter2}",
            "settings: {'client_secret': hunter2}",
            "settings: {SMTP_PASSWORD: hunter2}",
        ],
    );
    of("NotificationRule", &["channel: fax", "name: Rule"]);
    of(
        "Portal",
        &[
            "limits: {maxDeletePercent: 101}",
            "budget: {parallelism: 0}",
            "protected: true",
            "externalId: a",
            "organizations: {}",
            "credentials: {token: hunter2}",
            "adoptionPolicy: refuse",
        ],
    );
    all.extend([
        bare("Organization", "{}"),
        bare("Organization", "[]"),
        bare("Organization", "{displayName: MSP, name: msp, offboard: true}"),
        bare("User", "{organization: acme}"),
        bare("User", "{email: a@acme.example}"),
        bare("User", "{organization: Acme, email: a@acme.example}"),
        bare("Domain", "{organization: acme, domain: acme}"),
        bare("Domain", "{organization: acme, domain: 'acme..example'}"),
        bare("Domain", "{organization: acme, domain: '-acme.example'}"),
        bare("Domain", "{organization: acme, domain: 'müller.example'}"),
        bare("Domain", &format!("{{organization: acme, domain: '{}.{}.{}.{}'}}", x(63), x(63), x(63), x(62))),
        bare("Delegation", "{customers: {names: [acme]}}"),
        bare("Delegation", "{role: a, organization: msp, customers: {names: [acme]}}"),
        bare("NotificationRule", "{organization: acme, events: [down], target: {organization: true, colour: red}}"),
        bare("NotificationRule", "{organization: acme, events: [down]}"),
        bare("NotificationRule", "{organization: acme, events: [down], target: {roles: [], organization: false}}"),
    ]);
    let head = document("Organization", "");
    let edited = [
        ("v1alpha1", "v1"),
        ("metadata: {name: it}\n", ""),
        ("metadata: {name: it}", "metadata: {}"),
        ("metadata: {name: it}", "metadata: {name: It}"),
        ("metadata: {name: it}", "metadata: {name: a.b}"),
        ("metadata: {name: it}", "metadata: {name: 5}"),
        ("metadata: {name: it}", "metadata: {name: it, colour: red}"),
        ("metadata: {name: it}", "metadata: it"),
        ("metadata: {name: it}", "metadata: {name: it, labels: {a: 1}}"),
        ("metadata: {name: it}", "metadata: {name: it, labels: {a: b c}}"),
        ("metadata: {name: it}", "metadata: {name: it, labels: {a b: c}}"),
        ("metadata: {name: it}", "metadata: {name: it, labels: [a]}"),
        ("metadata: {name: it}", "metadata: {name: it, annotations: {a b: c}}"),
        ("metadata: {name: it}", "metadata: {name: it, annotations: {a: true}}"),
        ("metadata: {name: it}\nspec:\n", "metadata: {}\nspec:\n  name: it\n"),
        ("metadata: {name: it}\nspec:\n", "metadata: {name: a_b}\nspec:\n  name: it\n"),
        ("spec:\n", "colour: red\nspec:\n"),
    ];
    all.extend(edited.iter().map(|(from, to)| head.replace(from, to)));
    all.push(head.replace("metadata: {name: it}", &format!("metadata: {{name: {}}}", x(64))));
    all.push("apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: it}\n".to_owned());
    all
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn the_api_server_and_validate_take_the_same_documents() {
    let server = ApiServer::with_definitions().await;
    let mut wrong = Vec::new();
    let examples = crate::tidy::files("examples", ".yaml").into_iter().flat_map(|file| documents(&file.text)).collect::<Vec<_>>();
    assert!(examples.len() > 50, "the examples were not found");
    let own = |all: Vec<String>| all.iter().flat_map(|text| documents(text)).collect::<Vec<_>>();
    let all = examples.into_iter().chain(own(good())).map(|d| (d, true)).chain(own(bad()).into_iter().map(|d| (d, false)));
    for ((kind, document), good) in all {
        let (here, there) = (lowering_refuses(&document), server.refuses(kind, &document).await);
        if here.is_empty() != good || there.is_none() != good {
            let said = |taken: bool, why: String| if taken { "takes it".to_owned() } else { format!("refuses it: {why}") };
            let there = said(there.is_none(), there.unwrap_or_default().chars().take(600).collect());
            wrong.push(format!("{document}validate {}\nthe API server {there}", said(here.is_empty(), here.join("; "))));
        }
    }
    assert!(wrong.is_empty(), "{} documents:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Documents that only one of the two takes, as docs/kubernetes/crds.md lists them; `true`: lowering does.
fn differing() -> Vec<(bool, String)> {
    let organization = |line: &str| document("Organization", line);
    let many = |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<Vec<_>>().join(", ");
    let annotated =
        |id: &str| document("Role", "").replace("{name: it}", &format!("{{name: it, annotations: {{tenantry.dev/external-id: {id}}}}}"));
    vec![
        (false, organization("contact: {phone: }")),
        (true, organization("notes: yes")),
        (true, organization(&format!("accessPermissions: [{}]", many(1001, &|i| format!("p{i}"))))),
        (true, organization(&format!("labels: {{{}}}", many(51, &|i| format!("l{i}: x"))))),
        (true, organization(&format!("secrets: {{{}}}", many(17, &|i| format!("s{i}: {{env: S}}"))))),
        (true, organization(&format!("gateways: [{}]", many(501, &|i| format!("{{name: g{i}}}"))))),
        (true, organization(&format!("groups: [{}]", many(5001, &|i| format!("{{name: g{i}}}"))))),
        (false, annotated("''")),
        (false, annotated("a").replace("organization: acme", "organization: acme\n  externalId: b")),
        (false, organization("secrets: {a: {file: ../../../../a}}")),
        (true, organization("") + "status: {colour: red}\n"),
        (true, organization("").replace("{name: it}", "{name: it, ownerReferences: me}")),
    ]
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn where_the_two_differ_is_what_the_page_says() {
    let server = ApiServer::with_definitions().await;
    let mut wrong = Vec::new();
    for (here, text) in differing() {
        let (kind, document) = documents(&text).remove(0);
        let (lowering, api_server) = (lowering_refuses(&document), server.refuses(kind, &document).await);
        if lowering.is_empty() != here || api_server.is_none() == here {
            let cut: String = document.chars().take(400).collect();
            wrong.push(format!(
                "{cut}\nvalidate: {lowering:?}\nthe API server: {:?}",
                api_server.map(|t| t.chars().take(400).collect::<String>())
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is as large as a cluster takes, with each rule evaluated for each item: the API server bounds what rules really cost, too.
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn a_large_customer_is_within_the_budget() {
    let server = ApiServer::with_definitions().await;
    let many = |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<Vec<_>>().join(", ");
    let labels = many(10, &|i| format!("label-{i}: x"));
    let systems = many(500, &|i| format!("{{name: m{i}, type: SAP, labels: {{{labels}}}}}"));
    let users = many(5000, &|i| format!("{{name: u{i}, email: u{i}@acme.example, firstName: U, roles: [a, b]}}"));
    let large = document("Organization", &format!("users: [{users}]\n  monitoredSystems: [{systems}]"));
    assert_eq!(server.refuses(Kind::Organization, &large).await, None);
}

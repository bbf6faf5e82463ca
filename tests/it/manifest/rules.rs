//! Each rule by itself.

use std::collections::BTreeSet;

use tenantry::manifest::{Builtins, Settings, SourceText, lower_sources};
use tenantry::model::{Kind, TenantName};

use super::{acme, addresses, document, field, fine, load, load_with, refused, resource};

#[test]
fn inline_and_separate_documents_give_the_same_addresses() {
    let loaded = fine(
        &(acme("users: [{name: alice, email: alice@acme.example}]")
            + &document("User", "u2", "organization: acme\nname: bob\nemail: bob@acme.example")),
    );
    assert_eq!(addresses(&loaded), ["acme/organization/acme", "acme/user/alice", "acme/user/bob"]);
}

#[test]
fn the_msp_is_a_tenant_without_a_document() {
    let loaded = fine(
        &(acme("")
            + &document("User", "tech", "organization: msp\nemail: tech@msp.example")
            + &document("Delegation", "d", "technicians: [tech]\nrole: Administrator\ncustomers: {names: [acme]}")),
    );
    assert_eq!(addresses(&loaded), ["acme/organization/acme", "msp/user/tech", "msp/delegation/d"]);
}

#[test]
fn no_selector_picks_the_msp() {
    let selector = "role: Administrator\ncustomers: {selector: {matchLabels: {}}}";
    let tech = document("User", "tech", "organization: msp\nemail: tech@msp.example");
    let loaded = fine(&(acme("") + &tech + &document("Delegation", "d", selector)));
    assert_eq!(field(&loaded, "msp/delegation/d", "customers"), serde_json::json!(["acme"]));
}

#[test]
fn names_and_selector_are_a_union() {
    let other = |name: &str, tier: &str| document("Organization", name, &format!("displayName: X\nlabels: {{tier: {tier}}}"));
    let share = "organization: msp\ntype: aws\nsharedWith: {names: [silver], selector: {matchLabels: {tier: gold}}}";
    let loaded = fine(
        &(other("zeta", "gold")
            + &other("alpha", "gold")
            + &other("silver", "silver")
            + &other("none", "x")
            + &document("Integration", "i", share)),
    );
    assert_eq!(field(&loaded, "msp/integration/i", "sharedWith"), serde_json::json!(["alpha", "silver", "zeta"]));
}

#[test]
fn a_selector_that_picks_nobody_is_a_warning() {
    let text = acme("") + &document("Delegation", "d", "role: R\ncustomers: {selector: {matchLabels: {tier: gold}}}");
    refused(&text, &[("M035", "tier=gold")]);
    assert!(!load(&[("a.yaml", &text)]).has_errors());
}

#[test]
fn values_are_brought_to_one_form() {
    let loaded = fine(&acme("users: [{name: a, email: Alice@ACME.example, roles: []}]\ndomains: [{name: d, domain: ACME.Example.}]"));
    assert_eq!(field(&loaded, "acme/user/a", "email"), "alice@acme.example");
    assert_eq!(field(&loaded, "acme/user/a", "roles"), serde_json::json!([]));
    assert_eq!(field(&loaded, "acme/domain/d", "domain"), "acme.example");
    assert_eq!(field(&loaded, "acme/user/a", "groups"), serde_json::Value::Null, "an absent field is not managed");
}

#[test]
fn what_a_resource_says_about_managing_it_is_kept_apart_from_its_fields() {
    let spec = "externalId: u-1\npreviously: [al, alicia]\nprotected: true\ndeletionPolicy: Orphan\nadoptionPolicy: IfIdentical";
    let inline = fine(&acme(&format!("users:\n  - name: alice\n    email: a@acme.example\n    {}", spec.replace('\n', "\n    "))));
    let separate = fine(&(acme("") + &document("User", "alice", &format!("organization: acme\nemail: a@acme.example\n{spec}"))));
    let meta = resource(&inline, "acme/user/alice").meta.as_ref().unwrap();
    assert_eq!(meta.external_id.as_deref(), Some("u-1"));
    assert_eq!(meta.previously.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["al", "alicia"]);
    assert_eq!((meta.protected, meta.deletion.is_some(), meta.adoption.is_some()), (Some(true), true, true));
    assert_eq!(resource(&inline, "acme/user/alice").meta, resource(&separate, "acme/user/alice").meta);
}

#[test]
fn the_annotation_pins_an_id_and_may_not_contradict_the_spec() {
    let text = acme("").replace("{name: acme}", "{name: acme, annotations: {tenantry.dev/external-id: o-1}, labels: {x: y}, namespace: n}");
    assert_eq!(resource(&fine(&text), "acme/organization/acme").external_id(), Some("o-1"));
    refused(&(text + "  externalId: o-2\n"), &[("M038", "two ids")]);
}

#[test]
fn documents_that_are_no_manifests() {
    refused("hello\n", &[("M010", "a map")]);
    refused("a: 1\n", &[("M010", "no `kind`")]);
    refused("kind: Organization\nmetadata: {name: a}\nspec: {displayName: A}\n", &[("M011", "no `apiVersion`")]);
    refused(&acme("").replace("v1alpha1", "v1"), &[("M011", "tenantry.dev/v1")]);
    refused(&document("Organisation", "a", ""), &[("M012", "did you mean `Organization`?")]);
    refused(&document("Baseline", "a", ""), &[("M012", "not know the kind Baseline yet")]);
    refused(&(acme("") + "extra: 1\n"), &[("M015", "no field `extra`")]);
    fine("---\n---\n# nothing\n");
    fine(&document("Profile", "rest", "x: 1"));
}

#[test]
fn names_are_slugs() {
    refused(&document("Organization", "Acme_Inc", "displayName: A"), &[("M013", "for example `acme-inc`")]);
    refused(&document("Organization", "12", "displayName: A"), &[("M013", "in quotes")]);
    refused(&acme("").replace("name: acme", ""), &[("M013", "no `metadata.name`")]);
    refused(&acme("users: [{email: a@acme.example}]"), &[("M013", "this user has no `name`")]);
    fine(&document("Organization", "any.kubernetes-name", "name: acme\ndisplayName: A"));
    refused(&document("Organization", "Any_name", "name: acme\ndisplayName: A"), &[("M013", "an object in Kubernetes")]);
    refused(&document("Organization", "x", "name: acme\ndisplayName: A").replace("name: x", ""), &[("M013", "may be any other name")]);
}

#[test]
fn the_organization_stands_where_it_has_a_meaning() {
    refused(&document("User", "a", "email: a@acme.example"), &[("M014", "no organization")]);
    refused(&acme("organization: acme"), &[("M014", "has no `spec.organization`")]);
    refused(
        &acme("users: [{name: a, email: a@acme.example, organization: acme}]"),
        &[("M014", "belongs to the organization it stands in")],
    );
    refused(&(acme("") + &document("Delegation", "d", "organization: msp\nrole: R\ncustomers: {names: []}")), &[("M014", "MSP always")]);
    refused(&(acme("") + &document("User", "a", "organization: acmee\nemail: a@acme.example")), &[("M032", "did you mean `acme`?")]);
}

#[test]
fn types_ranges_and_formats() {
    for (spec, code, part) in [
        ("contact: {phone: 123}", "M016", "in quotes"),
        ("contact: hello", "M016", "`contact` must be a map"),
        ("contact: {telephone: x}", "M015", "contact.telephone"),
        ("relationship: manged", "M017", "did you mean `managed`?"),
        ("contact: {email: a@b}", "M017", "not a domain name"),
        ("contact: {email: 'a b@acme.example'}", "M017", "e-mail"),
        ("contact: {website: acme.example}", "M017", "https://"),
        ("contact: {website: 'https://u:p@acme.example'}", "M019", "password"),
        ("licences: {backup: 99999999999999999999}", "M016", "a number"),
        ("licences: {backup: 1000001}", "M017", "from 0 to 1000000"),
        ("licences: {365: 1}", "M007", "a text"),
        ("offboard: 'true'", "M016", "without quotes"),
        ("accessPermissions: read", "M016", "write a list"),
        ("accessPermissions:", "M016", "`[]` for none"),
        ("accessPermissions: [read, write, read]", "M017", "has `read` twice"),
        ("domains: [{name: a, domain: acme}]", "M017", "not a domain name"),
        ("domains: [{name: a, domain: müller.example}]", "M017", "xn--"),
        ("users: {alice: {}}", "M016", "must be a list of users"),
        ("users: [alice]", "M016", "must be a map"),
        ("users: [{name: a, email: a@acme.example, invitation: {deferUntil: 2026-02-29}}]", "M017", "day of the calendar"),
        ("users: [{name: a}]", "M018", "needs `email`"),
        ("doNotDisturb: [{days: [mon], from: '08:00'}]", "M018", "needs `to`"),
        ("notes: \"a\\u0007\"", "M017", "U+0007"),
        ("protected: 1", "M016", "true or false"),
        ("roles: [{name: a, previously: [Old]}]", "M013", "not a name"),
        ("previously: [former]", "M040", "change `displayName` instead"),
        ("externalId: ''", "M017", "not empty"),
    ] {
        refused(&acme(spec), &[(code, part)]);
    }
    refused(&document("Organization", "acme", &format!("displayName: {}", "é".repeat(201))), &[("M017", "201 characters")]);
    fine(&document("Organization", "acme", &format!("displayName: {}", "é".repeat(200))));
    fine(&acme("users: [{name: a, email: a@acme.example, invitation: {deferUntil: 2028-02-29}}]"));
}

#[test]
fn secrets_are_references() {
    fine(&acme("secrets: {a: {env: A}, b: {file: secrets/b}, c: {secretKeyRef: {name: n, key: k}}}"));
    refused(&acme("secrets: {a: hunter2}"), &[("M019", "written here")]);
    refused(&acme("secrets: {a: 1234}"), &[("M019", "written here")]);
    refused(&acme("secrets: {a: {env: A, file: b}}"), &[("M020", "no reference")]);
    refused(&acme("secrets: {a: {secretKeyRef: {name: n}}}"), &[("M020", "no reference")]);
    refused(&acme("secrets: {a: {env: 'A B'}}"), &[("M020", "environment variable")]);
    refused(&acme("secrets: {a: {file: ../../etc/passwd}}"), &[("M021", "leads out")]);
}

#[test]
fn a_reference_leads_to_something_of_the_same_tenant_or_to_a_builtin() {
    let user = |role: &str| acme(&format!("roles: [{{name: editors}}]\nusers: [{{name: a, email: a@acme.example, roles: [{role}]}}]"));
    fine(&user("editors"));
    refused(&user("editor"), &[("M031", "did you mean `editors`?")]);
    let own = BTreeSet::from(["Global Admin".to_owned()]);
    let of_acme = |tenant: &TenantName, kind| if (tenant.as_str(), kind) == ("acme", Kind::Role) { own.clone() } else { BTreeSet::new() };
    let says = |text: &str| load_with(&[("a.yaml", text)], None, Builtins::Known(&of_acme)).diagnostics.first().map(|d| d.help.clone());
    assert_eq!(says(&user("Global Admin")), None);
    assert_eq!(says(&user("Global Admim")).as_deref(), Some("did you mean `Global Admin`?"));
    let declare = "declare the role `ops` in `acme`, or correct the name: its portals have `Global Admin` by themselves";
    assert_eq!(says(&user("ops")).as_deref(), Some(declare));
    let elsewhere = user("Global Admin").replace("name: acme", "name: beta");
    assert_eq!(says(&elsewhere).as_deref(), Some("declare the role `Global Admin` in `beta`, or correct the name"));
    refused(
        &acme(
            "notificationRules: [{name: n, events: [down], target: {users: [A@acme.example]}}]\nusers: [{name: al, email: a@acme.example}]",
        ),
        &[("M031", "write `al`")],
    );
    refused(&(acme("") + &document("Delegation", "d", "role: R\ncustomers: {names: [acne]}")), &[("M031", "did you mean `acme`?")]);
}

#[test]
fn a_system_may_not_use_another_organizations_gateway() {
    let text = acme("gateways: [{name: gw}]")
        + &document("Organization", "beta", "displayName: B\nmonitoredSystems: [{name: erp, type: SAP, gateway: gw}]");
    refused(&text, &[("M031", "belongs to `acme`")]);
}

#[test]
fn the_place_of_a_dangling_reference_is_the_word_itself() {
    let loaded = load(&[("acme.yaml", &acme("users:\n  - name: a\n    email: a@acme.example\n    roles:\n      - nobody"))]);
    let range = loaded.diagnostics[0].range.as_ref().unwrap();
    assert_eq!((range.line, range.column, range.length), (11, 11, 6), "{range:?}");
    assert_eq!(range.line_text.as_deref(), Some("        - nobody"));
}

#[test]
fn nothing_is_called_missing_while_a_document_cannot_be_read() {
    let text = acme("users: [{name: a, email: a@acme.example, roles: [editors]}]") + "---\nkind: [\n";
    refused(&text, &[("M003", "not YAML")]);
}

#[test]
fn what_may_stand_only_once() {
    refused(
        &(acme("users: [{name: a, email: a@acme.example}]") + &document("User", "a", "organization: acme\nemail: b@acme.example")),
        &[("M030", "the other is acme/user/a, acme.yaml:7")],
    );
    refused(&acme("users: [{name: a, email: a@acme.example}, {name: b, email: A@acme.example}]"), &[("M033", "a@acme.example")]);
    refused(&acme("roles: [{name: a, externalId: x}, {name: b, externalId: x}]"), &[("M038", "pinned")]);
    refused(
        &acme("roles: [{name: a, previously: [b]}, {name: b, previously: [a]}]"),
        &[("M036", "`b`, which is declared"), ("M036", "`a`, which is declared")],
    );
    refused(&acme("roles: [{name: a, previously: [c]}, {name: b, previously: [c]}]"), &[("M036", "claimed twice")]);
    let domain = |name: &str| document("Organization", name, "displayName: X\ndomains: [{name: d, domain: same.example}]");
    refused(&(domain("a") + &domain("b")), &[("M034", "`a` and `b`")]);
    refused(&(acme("") + &acme("")), &[("M030", "declared twice")]);
}

#[test]
fn a_notification_rule_needs_a_target() {
    refused(&acme("notificationRules: [{name: n, events: [down]}]"), &[("M037", "no target")]);
    refused(&acme("notificationRules: [{name: n, events: [down], target: {organization: false, users: []}}]"), &[("M037", "no target")]);
    fine(&acme("notificationRules: [{name: n, events: [down], target: {organization: true}}]"));
}

#[test]
fn yaml_that_manifests_do_without_is_refused_clearly() {
    refused(&acme("labels: &l {a: b}\nlicences: {<<: *l}"), &[("M005", "merge keys")]);
    refused(&acme("notes: !env SECRET"), &[("M005", "`!env`")]);
    refused(&acme("notes: *missing"), &[("M006", "&missing")]);
    refused(&acme("notes: a\nnotes: b"), &[("M008", "`notes`")]);
    refused(&acme("labels: {[a]: b}"), &[("M007", "a list")]);
    refused(&acme("labels: {true: b}"), &[("M007", "true or false")]);
    let loaded = fine(&acme("accessPermissions: &p [read, write]\nroles: [{name: a, permissions: *p}]\nnotes: !!str 12"));
    assert_eq!(field(&loaded, "acme/role/a", "permissions"), serde_json::json!(["read", "write"]));
}

#[test]
fn plain_scalars_follow_yaml_1_2() {
    let loaded = fine(&acme("labels: {a: no, b: on, c: 2026-01-01, d: 1.2.3, e: 0b1, f: '12', g: 12h}"));
    let labels = serde_json::json!({"a": "no", "b": "on", "c": "2026-01-01", "d": "1.2.3", "e": "0b1", "f": "12", "g": "12h"});
    assert_eq!(field(&loaded, "acme/organization/acme", "labels"), labels);
    for number in ["12", "0x1F", "0o17", "1e3", "-1.5", ".5", ".inf", "+7", "~", "True"] {
        refused(&acme(&format!("labels: {{a: {number}}}")), &[("M016", "labels.a")]);
    }
}

#[test]
fn a_list_holds_manifests_and_json_is_yaml() {
    let json = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "tenantry.dev/v1alpha1", "kind": "Organization", "metadata": {"name": "acme"}, "spec": {"displayName": "A"}}]}"#;
    assert_eq!(addresses(&fine(json)), ["acme/organization/acme"]);
    refused("kind: List\n", &[("M016", "`items`")]);
    refused("kind: List\nitems: []\nother: 1\n", &[("M015", "`other`")]);
}

#[test]
fn a_portal_becomes_its_typed_form() {
    let spec =
        "profile: embedded\nlimits: {maxDeletesPerRun: 7}\ncredentials: {token: {env: T}}\norganizations: {selector: {matchLabels: {}}}";
    let loaded = fine(&(document("Portal", "main", spec) + &acme("")));
    let portal = &loaded.desired.portals[0];
    assert_eq!((portal.name.as_str(), portal.limits.max_deletes_per_run, portal.credentials.len()), ("main", 7, 1));
    assert!(portal.serves(&tenantry::model::Name::new("acme").unwrap()));
    assert!(!loaded.desired.tenants.contains_key(&tenantry::model::Name::msp()), "a portal belongs to no tenant");
    refused(&document("Portal", "p", "profile: embedded\nprotected: true"), &[("M015", "protected")]);
}

#[test]
fn references_lead_only_to_earlier_kinds_so_that_no_cycle_can_exist() {
    for kind in tenantry::model::Kind::reconciled() {
        for field in kind.def().fields {
            assert!(field.ty.refers_to().is_none_or(|target| target < kind), "{kind}.{}", field.path);
        }
    }
}

#[test]
fn the_msp_is_no_customer() {
    refused(&document("Organization", "msp", "displayName: Acme"), &[("M041", "`msp` is the MSP itself")]);
    refused(&document("Organization", "acme", "name: msp\ndisplayName: Acme"), &[("M041", "`msp` is the MSP itself")]);
    fine(&document("Organization", "msp", "name: acme\ndisplayName: Acme"));
}

#[test]
fn the_msp_is_no_customer_where_another_one_is_wanted() {
    let text = document("Organization", "msp", "displayName: Acme") + &acme("");
    let settings = Settings { only: Some(&|tenant| tenant == "acme"), builtins: Builtins::Unknown };
    let loaded = lower_sources(vec![SourceText::new("all.yaml", text)], settings);
    assert_eq!(loaded.diagnostics.iter().map(|d| d.code.as_str()).collect::<Vec<_>>(), ["M041"]);
}

#[test]
fn a_window_has_times_of_the_day() {
    let window = |from: &str, to: &str| acme(&format!("doNotDisturb:\n- days: [sat]\n  from: \"{from}\"\n  to: \"{to}\""));
    fine(&window("00:00", "23:59"));
    for wrong in ["24:00", "25:99", "7:30", "0730", "07:60", "ab:cd"] {
        refused(&window(wrong, "08:00"), &[("M017", "is no time of day")]);
    }
}

#[test]
fn what_still_reaches_an_offboarded_organization_is_said() {
    let integration = |with: &str| document("Integration", "mail", &format!("organization: msp\ntype: smtp\nsharedWith: {with}"));
    let acme = acme("offboard: true");
    refused(&format!("{acme}{}", integration("{names: [acme]}")), &[("M042", "msp/integration/mail still reaches it")]);
    fine(&format!("{acme}{}", integration("{names: []}")));
}

/// The diagnostics of an integration with these settings.
fn settings(settings: &str) -> tenantry::manifest::Loaded {
    load(&[("acme.yaml", &acme(&format!("integrations:\n- name: x\n  type: x\n  settings:\n    {}", settings.replace('\n', "\n    "))))])
}

#[test]
fn a_key_that_names_a_secret_holds_none() {
    let keys = "password PASSWD dbPassword api_key apiKey APIKey API_KEY access-key accessKey clientSecret private_key credential credentials oauth2Token";
    for key in keys.split(' ') {
        for text in [
            format!("{key}: hunter2"),
            format!("{{{key}: 'hunter2', url: x}}"),
            format!("{key}: |\n  hunter2"),
            format!("{key}: [hunter2]"),
        ] {
            let loaded = settings(&text);
            let said = format!("{:?}", loaded.diagnostics);
            assert_eq!(loaded.diagnostics.len(), 1, "{text}: {said}");
            assert!(loaded.diagnostics[0].code == "M019" && loaded.diagnostics[0].help.contains("under `secrets`"), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{text}: {said}");
        }
    }
    for key in ["tokenUrl", "passwordPolicy", "accessKeyId", "secretary", "tokenizer", "key", "url", "compass"] {
        assert_eq!(settings(&format!("{key}: x")).diagnostics, [], "{key}");
    }
}

#[test]
fn an_address_with_a_password_is_refused_in_every_text() {
    for text in ["https://bob:hunter2@x.example", "jdbc:postgresql://bob:hunter2@db/x", "see https://bob:hunter2@x.example/a"] {
        for loaded in [settings(&format!("url: {text}")), load(&[("acme.yaml", &acme(&format!("notes: {text}")))])] {
            let said = format!("{:?}", loaded.diagnostics);
            assert!(loaded.diagnostics.len() == 1 && loaded.diagnostics[0].code == "M019" && !said.contains("hunter2"), "{text}: {said}");
        }
    }
    for unread in [
        "notes: \"https://bob:hunter2@x.example",
        "nots: a\nroles: [{name: 'https://bob:hunter2@x.example'}]",
        "language: https://bob:hunter2@x",
    ] {
        let said = format!("{:?}", load(&[("acme.yaml", &acme(unread))]).diagnostics);
        assert!(said.contains("M0") && !said.contains("hunter2"), "{unread}: {said}");
    }
    for text in ["https://x.example/a@b:c", "https://bob@x.example", "mailto:bob@x.example", "http://[::1]:80/"] {
        assert_eq!(settings(&format!("url: \"{text}\"")).diagnostics, [], "{text}");
    }
}

/// The first diagnostic's summary, line shown and help.
fn told(text: &str) -> String {
    let loaded = load(&[("acme.yaml", text)]);
    let all = loaded.diagnostics.iter().map(|d| {
        let shown = d.range.as_ref().map(|r| format!("{}:{} {}", r.line, r.column, r.line_text.as_deref().unwrap_or("-")));
        format!("{} {} | {} | {}", d.code, shown.unwrap_or_default(), d.summary, d.help)
    });
    all.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_forgotten_mark_is_told_as_what_it_is() {
    let second = acme("users: [{name: a, email: a@acme.example}]")
        + document("User", "bob", "organization: acme\nemail: b@acme.example").strip_prefix("---\n").unwrap();
    insta::assert_snapshot!(told(&second), @r"M008 8:1 apiVersion: … | a second document begins here: is `---` missing above? | write `---` on a line of its own above the second document");
    let items = "users:\n- name: ann\n  email: ann@acme.example\n  groups: [staff]\n  email: bob@acme.example\n  groups: [staff]\ngroups: [{name: staff}]";
    insta::assert_snapshot!(told(&acme(items)), @r"M008 11:5     email: … | the key `email` stands twice in one map | is `- name:` missing above this line? If not, keep one of the two");
    insta::assert_snapshot!(told(&acme("users:\n- name: ann\n  email: ann@acme.example\n  name: bob\n  email: bob@acme.example")), @r"M008 10:5     name: … | the key `name` stands twice in one map | is `- ` missing before `name:`? If not, keep one of the two");
    refused(&acme("labels: {kind: a, kind: b}"), &[("M008", "`kind` stands twice")]);
}

#[test]
fn nothing_is_called_missing_where_a_mark_was_forgotten() {
    let role = document("Role", "lead", "organization: acme\npermissions: [read]").replacen("---\n", "", 1);
    refused(&(acme("users: [{name: a, email: a@acme.example, roles: [lead]}]") + &role), &[("M008", "second document")]);
}

#[test]
fn what_is_not_yaml_is_told_by_its_cause() {
    insta::assert_snapshot!(told(&acme("contact:\n\tphone: x")), @r"M003 8:3    phone: x | this is not YAML: line 8 begins with a tab | use spaces: YAML takes no tab for indentation");
    insta::assert_snapshot!(told(&acme("contact:\n  phone: x\n\temail: y")), @r"M003 9:3    email: y | this is not YAML: line 9 begins with a tab | use spaces: YAML takes no tab for indentation");
    insta::assert_snapshot!(told("kind: User\n\tspec: x\n"), @r"M003 2:1  spec: x | this is not YAML: line 2 begins with a tab | use spaces: YAML takes no tab for indentation");
    insta::assert_snapshot!(told(&acme("notes: Ring: twice")), @r"M003 7:14   notes: Ring: twice | this is not YAML: mapping values are not allowed in this context | put the value in quotes: it holds a colon and a blank");
    refused(&acme("notes: [a"), &[("M003", "correct the syntax")]);
}

#[test]
fn a_key_that_there_is_none_of_is_shown_and_its_value_is_not() {
    insta::assert_snapshot!(told(&acme("contact: {phon: hunter2, emial: hunter3}\nsekrets: {a: hunter2, b: c}")), @r"
    M015 7:13   contact: {phon: … | an organization has no field `contact.phon` | did you mean `phone`?
    M015 7:28   contact: {phon: …        emial: … | an organization has no field `contact.emial` | its fields are company, phone, address, website, email
    M015 8:3   sekrets: … | an organization has no field `sekrets` | did you mean `secrets`?
    ");
    insta::assert_snapshot!(told(&acme("secrets: {a: hunter2}\nusers: [{name: a, email: a@acme.example, invitation: {notfy: hunter2}}]")), @r"
    M019 7:16   secrets: (sensitive) | `secrets.a`: a secret is written here in the manifest | take it out, change the secret where it is used, and write a reference: `{env: NAME}`, `{file: PATH}` or `{secretKeyRef: {name: …, key: …}}`
    M015 8:57   users: [{name: a, email: a@acme.example, invitation: {notfy: … | a user has no field `invitation.notfy` | did you mean `notify`?
    ");
    insta::assert_snapshot!(told(&(acme("") + "pasword: hunter2\n")), @r"M015 7:1 pasword: … | a manifest has no field `pasword` | a manifest has apiVersion, kind, metadata and spec; fields go under spec");
}

#[test]
fn who_stands_twice_is_renamed_by_the_name_at_hand() {
    let user = document("User", "a", "organization: acme\nemail: b@acme.example");
    refused(&(acme("users: [{name: a, email: a@acme.example}]") + &user), &[("M030", "with `spec.name`,")]);
    refused(&acme("users:\n- name: a\n  email: a@acme.example\n- email: b@acme.example\n  name: a"), &[("M030", "with `name`,")]);
}

#[test]
fn annotations_and_labels_of_ours_that_nothing_reads_are_warned_of_and_refuse_nothing() {
    let document = |kind: &str, metadata: &str| {
        format!("apiVersion: tenantry.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: acme\n  {metadata}\nspec: {{displayName: Acme}}\n")
    };
    let warned = |metadata: &str, part: &str| {
        let text = document("Organization", metadata);
        refused(&text, &[("M043", part)]);
        assert!(!load(&[("acme.yaml", &text)]).has_errors(), "{metadata}");
    };
    warned("annotations: {tenantry.dev/aproved-plan: x}", "did you mean the annotation `tenantry.dev/approved-plan`?");
    warned("annotations: {tenantry.dev/paused: maybe}", "says `maybe`, which is read as `true`, so that it is left alone");
    warned("annotations: {tenantry.dev/approved-plan: 'yes'}", "says `yes`, which is no digest and approves nothing");
    warned("annotations: {tenantry.dev/allow-from: 'one, Two'}", "says `Two`, which is no name of a namespace");
    warned("labels: {tenantry.dev/paused: 'true'}", "write it as an annotation");
    let user = document("User", "annotations: {tenantry.dev/poll-interval: 5m}")
        .replace("displayName: Acme", "organization: msp, email: a@b.example");
    refused(&user, &[("M043", "is not read on a user")]);
    refused(&user, &[("M043", "write it on the Organization or the Portal")]);
    let digest = format!("sha256:{}", "0a".repeat(32));
    let fine = [
        format!("{{tenantry.dev/approved-plan: '{digest}, {digest}', tenantry.dev/paused: 'false', tenantry.dev/poll-interval: 1h30m}}"),
        "{tenantry.dev/allow-from: 'one, *', tenantry.dev/external-id: '7', example.com/aproved-plan: x, tenantry.example/paused: maybe}"
            .to_owned(),
    ];
    fine.iter().for_each(|fine| refused(&document("Organization", &format!("annotations: {fine}")), &[]));
}

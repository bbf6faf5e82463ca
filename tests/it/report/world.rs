//! Plans made by hand, in few words.

use std::collections::BTreeMap;

use tenantry::model::rule::Effect;
use tenantry::model::{Address, Fields, Kind, Name, Performer, Value};
use tenantry::plan::document::PlanDocument;
use tenantry::plan::{Action, Body, Cause, Change, Consequences, Facts, FieldChange, Inputs, Mode, Plan, Refusal, Source, Unchecked, Unit};
use tenantry::report::style::Style;

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A digest that says which one it is.
pub(super) fn digest(of: char) -> String {
    format!("sha256:{}", of.to_string().repeat(64))
}

pub(super) fn body(units: Vec<Unit>) -> Body {
    Body {
        awaiting_acceptance: 0,
        mode: Mode::Normal,
        now: "2026-03-01T12:00:00Z".parse().unwrap(),
        inputs: Inputs { commit: None, dirty: false, manifests_digest: "abc".into(), ledger_serial: 7 },
        units,
        diagnostics: Vec::new(),
        refusals: Vec::new(),
        digest: digest('d'),
    }
}

pub(super) fn plan(units: Vec<Unit>) -> Plan<Unchecked> {
    Plan::unchecked(body(units))
}

pub(super) fn document(units: Vec<Unit>) -> PlanDocument {
    PlanDocument::from_plan(&plan(units), "0.1.0")
}

pub(super) fn unit(tenant: &str, changes: Vec<Change>) -> Unit {
    Unit {
        settled: Vec::new(),
        observed: Vec::new(),
        portal: name("embedded"),
        tenant: name(tenant),
        tenant_id: None,
        changes,
        drift: Vec::new(),
        unmanaged: Vec::new(),
        retained: Vec::new(),
        left_out: Vec::new(),
        waiting: Vec::new(),
        consequences: Consequences::default(),
        facts: Facts::default(),
        refusals: Vec::new(),
        digest: digest('e'),
    }
}

/// A change that was declared in the manifest; `key` is its natural key.
pub(super) fn change(action: Action, at: &str, key: &str) -> Change {
    let address = address(at);
    let line = 10 + u32::try_from(address.name.as_str().len()).unwrap();
    Change {
        source: (action != Action::Delete).then(|| Source {
            file: format!("customers/{}.yaml", address.tenant),
            line,
            column: 3,
            layer: "organization".into(),
        }),
        address,
        previous: None,
        key: key.into(),
        id: (action != Action::Create).then(|| "id-1".into()),
        actions: vec![action],
        fields: Vec::new(),
        cause: Cause::Manifest,
        reason: match action {
            Action::Create => "declared, and proven absent",
            Action::Delete => "no longer declared",
            _ => "the manifest changed",
        }
        .into(),
        effects: Vec::new(),
        mail_to: Vec::new(),
        admits: Vec::new(),
        effects_said: Vec::new(),
        depends_on: Vec::new(),
        carried_by: None,
        performer: Performer::Call,
        findings: Vec::new(),
        blocked_by: Vec::new(),
        desired: Fields::new(),
        protect: None,
        resumes: None,
    }
}

/// Adds a field that differs.
pub(super) fn field(mut change: Change, path: &str, before: Option<Value>, after: Option<Value>) -> Change {
    let (id, def) = change.address.kind.def().field_named(path).unwrap();
    let sensitive = def.ty.is_secret();
    change.fields.push(FieldChange { field: id, before, after, sensitive, cause: change.cause });
    change.fields.sort_by_key(|f| f.field);
    change
}

pub(super) fn text(text: &str) -> Option<Value> {
    Some(Value::text(text))
}

pub(super) fn texts(items: &[&str]) -> Option<Value> {
    Some(Value::texts(items))
}

pub(super) fn effects(mut change: Change, effects: &[Effect]) -> Change {
    change.effects = effects.to_vec();
    change
}

pub(super) fn refusal(code: &str, message: &str, help: &str) -> Refusal {
    Refusal { code: code.into(), fact: false, message: message.into(), help: help.into(), have: None, limit: None, passed: None }
}

pub(super) fn blocked(mut change: Change, code: &str, message: &str, help: &str) -> Change {
    change.blocked_by.push(refusal(code, message, help));
    change
}

/// A plan with a bit of everything: what an onboarding and an offboarding in one merge look like.
pub(super) fn acme() -> Unit {
    let alice = field(change(Action::Create, "acme/user/alice", "alice@acme.example"), "email", None, text("alice@acme.example"));
    let alice = field(alice, "roles", None, texts(&["admin", "support"]));
    let alice = field(alice, "administrator", None, Some(Value::Bool(true)));
    let organization = field(change(Action::Update, "acme/organization/acme", "acme"), "contact.phone", text("+49 1"), text("+49 2"));
    let organization = field(organization, "displayName", None, text("Acme"));
    let bob = change(Action::Delete, "acme/user/bob", "bob@acme.example");
    let bob = blocked(effects(bob, &[Effect::Irreversible]), "G004", "bob is the last administrator", "add another administrator first");
    let mut unit = unit("acme", vec![effects(alice, &[Effect::Email, Effect::Licence]), organization, bob]);
    unit.consequences = Consequences {
        gain_access: vec!["alice@acme.example".into()],
        lose_access: vec!["bob@acme.example".into()],
        administrators_before: vec!["bob@acme.example".into()],
        administrators_after: vec!["alice@acme.example".into()],
        administrators_unknown: false,
        emails: vec!["alice@acme.example".into(), "alice@acme.example".into()],
        licences: BTreeMap::from([("backup".to_owned(), 2)]),
    };
    unit
}

/// The same role in so many tenants.
pub(super) fn fleet(tenants: usize) -> Vec<Unit> {
    (0..tenants)
        .map(|n| {
            let at = format!("customer-{n:03}/role/helpdesk");
            let role = field(change(Action::Create, &at, "helpdesk"), "permissions", None, texts(&["read", "write"]));
            unit(&format!("customer-{n:03}"), vec![role])
        })
        .collect()
}

/// A text that tries everything: terminal escapes, overrides, markup, mentions, fences.
pub(super) const HOSTILE: &str = "\u{1b}[31mred\u{202e}txt\u{9b}2J\u{7}@everyone #1 `code` ```` <script>alert('x')</script> ![i](https://evil.example/i.png) </details> -->";

pub(super) fn hostile() -> Unit {
    let organization = field(change(Action::Update, "evil/organization/evil", HOSTILE), "displayName", text("Evil"), text(HOSTILE));
    let organization = field(organization, "notes", text("one\ntwo"), text(&format!("one\n{HOSTILE}\n```\n</details>\n@octocat")));
    let mut organization = blocked(organization, "G001", HOSTILE, HOSTILE);
    organization.reason = HOSTILE.into();
    let mut unit = unit("evil", vec![organization]);
    unit.consequences.lose_access = vec![HOSTILE.into()];
    unit.retained.push(tenantry::plan::Retained { address: address("evil/user/x"), why: HOSTILE.into(), unseen: false });
    unit.waiting.push(tenantry::plan::Waiting {
        address: address("evil/user/y"),
        waits_for: HOSTILE.into(),
        technician: true,
        failed: false,
    });
    unit.unmanaged.push(tenantry::plan::Unmanaged { kind: Kind::User, key: HOSTILE.into(), id: HOSTILE.into(), portals_own: false });
    unit.refusals.push(refusal("G002", HOSTILE, HOSTILE));
    unit
}

pub(super) const WIDE: Style = Style { color: false, width: 100, verbose: false };

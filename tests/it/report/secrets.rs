//! No secret in any report: where it is kept, and never its text.

use tenantry::model::{Fields, Kind, LiveObject, LiveTenant, ObjectState, SecretRef, SecretSource, Value};
use tenantry::plan::{Action, Drift, DriftKind, FieldChange};
use tenantry::report::show::TenantState;
use tenantry::report::{gitlab, html, markdown, stream, style::Style, text};

use super::world::*;

const CANARY: &str = "canary-5c1e";
/// Where it is kept: whoever approves the plan reads this.
const KEPT: &str = "secrets/token.txt";

/// Secret fields as references, and as the plain texts that a careless driver might show.
fn leaky() -> tenantry::plan::Unit {
    let secret = Value::Secret(Box::new(SecretRef { source: SecretSource::File(KEPT.into()) }));
    let map = |v: Value| Some(Value::Map(vec![("token".into(), v)]));
    let (id, _) = Kind::Integration.def().field_named("secrets").unwrap();
    let mut changes = Vec::new();
    for (n, action) in [Action::Create, Action::Update, Action::Replace, Action::Delete].into_iter().enumerate() {
        let mut made = change(action, &format!("acme/integration/i{n}"), "aws");
        made = field(made, "secrets", map(Value::text(CANARY)), map(secret.clone()));
        // A field that is marked sensitive though its type is not, and one that holds a reference though its type is none.
        let (settings, _) = Kind::Integration.def().field_named("settings").unwrap();
        made.fields.push(FieldChange {
            field: settings,
            before: text_of(CANARY),
            after: text_of(CANARY),
            sensitive: true,
            cause: made.cause,
        });
        made = field(made, "displayName", None, Some(secret.clone()));
        made.desired.set(id, map(secret.clone()).unwrap());
        changes.push(made);
    }
    let mut unit = unit("acme", changes);
    unit.drift =
        vec![Drift { address: address("acme/integration/i9"), what: DriftKind::Changed, fields: vec![(id, map(Value::text(CANARY)))] }];
    unit
}

fn text_of(text: &str) -> Option<Value> {
    Some(Value::texts([text, "another\nline"]))
}

#[test]
fn no_report_of_a_plan_holds_one() {
    let document = document(vec![leaky()]);
    let at = "2026-03-01T12:00:00Z".parse().unwrap();
    let pages = [
        document.to_json(),
        text::plan(&document, &WIDE),
        text::plan(&document, &Style { color: true, width: 80, verbose: true }),
        markdown::comments(&document, ".", Some(&document)).concat(),
        html::page(&document),
        stream::plan(&document, at).concat(),
        gitlab::report(&document),
        format!("{:?}", tenantry::report::view::View::of(&document, true)),
    ];
    for page in &pages {
        assert!(!page.contains(CANARY), "{page}");
    }
    for page in &pages[..5] {
        assert!(page.contains("(sensitive") && page.contains(KEPT), "{page}");
    }
    assert!(pages[1].contains("secrets.token: (sensitive, from file secrets/token.txt)"), "{}", pages[1]);
}

#[test]
fn no_view_of_what_is_live_holds_one() {
    let (id, _) = Kind::Integration.def().field_named("secrets").unwrap();
    let mut fields = Fields::new();
    fields.set(id, Value::Map(vec![("token".into(), Value::text(CANARY))]));
    let object = LiveObject {
        kind: Kind::Integration,
        id: "1".into(),
        key: "aws".into(),
        fields,
        state: ObjectState::Active,
        owner: None,
        created_by: None,
        portals_own: false,
    };
    let mut live = LiveTenant::default();
    live.collections.insert(Kind::Integration, tenantry::model::Collection::complete(vec![object]));
    let state = TenantState::new(&name("embedded"), &name("acme"), None, Some(&live), None);
    for page in [state.json(), state.text(&Style { verbose: true, ..WIDE })] {
        assert!(page.contains("aws") && page.contains("(sensitive)") && !page.contains(CANARY), "{page}");
    }
}

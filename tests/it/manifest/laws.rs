//! What holds for every manifest.

use proptest::prelude::*;
use tenantry::manifest::{Builtins, Loaded, Settings, SourceText, lower_sources, write_tenant};
use tenantry::model::kind::{FieldType, Placement};
use tenantry::model::{Address, Fields, Kind, Mark, Meta, Name, Resource, SecretRef, SecretSource, SourceId, Value};

use super::{document, lines, load};

/// What a manifest says, without the places where it says it.
fn said(loaded: &Loaded) -> Vec<(Address, Fields, Option<Box<Meta>>)> {
    loaded.desired.resources().map(|r| (r.address.clone(), r.fields.clone(), r.meta.clone())).collect()
}

/// Texts of every nasty form: quotes, colons, numbers, line breaks, blanks at the ends.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,20}",
        "[ -~äöü€😀]{0,60}",
        "[ \n\ta#:'\"|>-]{0,30}",
        Just("yes".to_owned()),
        Just("0123".to_owned()),
        Just("1e3".to_owned()),
        Just("~".to_owned()),
        Just("---".to_owned()),
        Just("- a".to_owned()),
        Just("0x1F".to_owned()),
        Just("\u{feff}\u{85}\u{2028}x".replace('\u{85}', "")),
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,8}[a-z0-9]"
}

/// A value of a type, in its normal form.
fn value(ty: &'static FieldType) -> BoxedStrategy<Value> {
    let strategy: BoxedStrategy<Value> = match ty {
        FieldType::Text(max) => {
            let max = usize::from(*max);
            text().prop_map(move |t| Value::text(t.chars().take(max).collect::<String>())).boxed()
        }
        FieldType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldType::Integer(min, max) => (*min..=*max).prop_map(Value::Integer).boxed(),
        FieldType::Enum(words) => proptest::sample::select(words.to_vec()).prop_map(Value::text).boxed(),
        FieldType::Email => "[a-z0-9.+]{0,5}[a-z0-9]@[a-z]{1,8}\\.example"
            .prop_filter_map("dots", |t| (!t.starts_with('.') && !t.contains("..")).then(|| Value::text(t)))
            .boxed(),
        FieldType::DomainName => "[a-z]{1,8}\\.[a-z]{2,5}".prop_map(Value::text).boxed(),
        FieldType::Date => (2000..2100_i32, 1..=12_u8, 1..=28_u8).prop_map(|(y, m, d)| Value::text(format!("{y}-{m:02}-{d:02}"))).boxed(),
        FieldType::Time => Just(Value::text("07:30")).boxed(),
        FieldType::Duration => Just(Value::text("1h30m")).boxed(),
        FieldType::Url => "https://[a-z]{1,8}\\.example/[a-z?=#:&]{0,9}".prop_map(Value::text).boxed(),
        FieldType::Ref(_) => text().prop_map(Value::text).boxed(),
        FieldType::Organizations => proptest::collection::vec(name(), 0..3).prop_map(Value::texts).boxed(),
        FieldType::List(inner) | FieldType::Set(inner) => proptest::collection::vec(value(inner), 0..3).prop_map(Value::List).boxed(),
        FieldType::Record(fields) => fields
            .iter()
            .map(|f| value(&f.ty).prop_map(|v| (Box::<str>::from(f.path), v)))
            .collect::<Vec<_>>()
            .prop_map(|mut entries| {
                entries.sort();
                Value::Map(entries)
            })
            .boxed(),
        FieldType::Map(inner) => {
            proptest::collection::btree_map(text().prop_filter("key", |t| !t.is_empty() && t != "<<"), value(inner), 0..3)
                .prop_map(|map| Value::Map(map.into_iter().map(|(k, v)| (k.into_boxed_str(), v)).collect()))
                .boxed()
        }
        FieldType::Secret => prop_oneof![
            Just(SecretSource::Env("TOKEN".into())),
            Just(SecretSource::File("keys/a b".into())),
            Just(SecretSource::SecretKeyRef { namespace: None, name: "n".into(), key: "k".into() })
        ]
        .prop_map(|source| Value::Secret(Box::new(SecretRef { source })))
        .boxed(),
    };
    strategy.prop_map(|v| ty.normalise(v).unwrap()).boxed()
}

fn fields(kind: Kind) -> impl Strategy<Value = Fields> {
    let each: Vec<_> = kind
        .def()
        .fields()
        .map(|(id, f)| {
            if f.required { value(&f.ty).prop_map(Some).boxed() } else { proptest::option::weighted(0.4, value(&f.ty)).boxed() }
                .prop_map(move |v| (id, v))
        })
        .collect();
    each.prop_map(move |all| {
        let mut fields = Fields::new();
        for (id, value) in all {
            if let Some(value) = value {
                fields.set(id, value);
            }
        }
        if let (Kind::NotificationRule, Some((id, _))) = (kind, kind.def().field_named("target.organization")) {
            fields.set(id, Value::Bool(true));
        }
        fields
    })
}

fn meta() -> impl Strategy<Value = Option<Box<Meta>>> {
    let protected = proptest::option::of(any::<bool>());
    proptest::option::of((protected, "[ -~]{1,9}").prop_map(|(protected, id)| {
        Box::new(Meta { external_id: Some(id.into()), protected, previously: vec![Name::new("formerly").unwrap()], ..Meta::default() })
    }))
}

fn resource(tenant: &'static str, kind: Kind, name: &'static str) -> impl Strategy<Value = Resource> {
    (fields(kind), meta()).prop_map(move |(fields, mut meta)| {
        if kind.def().placement == Placement::Tenant {
            meta.iter_mut().for_each(|m| m.previously.clear());
        }
        Resource {
            address: Address::new(Name::new(tenant).unwrap(), kind, Name::new(name).unwrap()),
            fields,
            marks: Box::default(),
            source: SourceId(0),
            mark: Mark::default(),
            meta,
        }
    })
}

/// A tenant with one resource of each kind it can have.
fn tenant(name: &'static str) -> impl Strategy<Value = Vec<Resource>> {
    Kind::reconciled()
        .filter(|k| match k.def().placement {
            Placement::Tenant => name != "msp",
            Placement::MspOnly => name == "msp",
            _ => true,
        })
        .map(|k| resource(name, k, if k == Kind::Organization { name } else { "one" }))
        .collect::<Vec<_>>()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_loads_as_the_same_resources(tenant in prop_oneof![tenant("acme"), tenant("msp")]) {
        let owner = tenant[0].address.tenant.clone();
        let text = write_tenant(&owner, &tenant);
        let loaded = lower_sources(vec![SourceText::new("t.yaml", text.clone())], Settings { only: None, builtins: Builtins::Unknown });
        // References lead nowhere here, except to organizations, which cannot be builtins of a tenant; both are beside the point.
        prop_assert!(!loaded.has_errors(), "{}\n{text}", lines(&loaded));
        let mut expected: Vec<_> = tenant.iter().map(|r| (r.address.clone(), r.fields.clone(), r.meta.clone())).collect();
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        prop_assert_eq!(said(&loaded), expected, "{}", text);
    }

    #[test]
    fn the_order_of_documents_and_files_never_shows(seed in any::<u64>(), split in 0..8_usize) {
        let mut documents = fleet();
        let expected = load(&[("all.yaml", &documents.concat())]);
        prop_assert!(!expected.has_errors(), "{}", lines(&expected));
        let mut state = seed;
        documents.sort_by_key(|_| { state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407); state >> 33 });
        let (first, second) = documents.split_at(split);
        let loaded = load(&[("z.yaml", &first.concat()), ("a.yaml", &second.concat())]);
        prop_assert_eq!(said(&loaded), said(&expected));
        prop_assert_eq!(loaded.diagnostics.len(), expected.diagnostics.len());
    }

    #[test]
    fn any_text_gives_diagnostics_and_no_panic(text in "[ -~\n\t]{0,200}") {
        load(&[("x.yaml", &text), ("y.yaml", &super::acme(&text))]);
    }

    #[test]
    fn any_change_of_a_good_manifest_gives_diagnostics_and_no_panic(at in any::<prop::sample::Index>(), with in "[\\[\\]{}:&*!|>'\"%@`#,\n -]{1,4}") {
        let mut text = fleet().concat();
        text.insert_str(at.index(text.len()), &with);
        let full = load(&[("x.yaml", &text)]);
        super::load_with(&[("x.yaml", &text)], Some(&|t| t == "acme"), Builtins::NONE);
        prop_assert!(full.diagnostics.iter().all(|d| !d.code.is_empty()));
    }
}

/// A few tenants in separate documents and inline, all of it well.
fn fleet() -> Vec<String> {
    let mut all = vec![
        document("Organization", "acme", "displayName: Acme\nlabels: {tier: gold}\nroles: [{name: editors}]"),
        document("Organization", "beta", "displayName: Beta\nlabels: {tier: gold}"),
        document("User", "tech", "organization: msp\nemail: tech@msp.example"),
        document("Delegation", "all", "technicians: [tech]\nrole: R\ncustomers: {selector: {matchLabels: {tier: gold}}}"),
        document("Portal", "p", "profile: embedded\norganizations: {names: [beta, acme]}"),
    ];
    for i in 0..3 {
        all.push(document("User", &format!("u{i}"), &format!("organization: acme\nemail: u{i}@acme.example\nroles: [editors]")));
    }
    all
}

#[test]
fn inline_and_separate_forms_load_alike() {
    for kind in Kind::reconciled() {
        let Placement::Member { inline } = kind.def().placement else { continue };
        let spec = match kind {
            Kind::Domain => "domain: acme.example\nprimary: true",
            Kind::User => "email: a@acme.example\ninvitation: {notify: false}\nprotected: true",
            Kind::Integration => "type: aws\nsecrets: {k: {env: K}}\nsharedWith: {names: [acme]}",
            Kind::MonitoredSystem => "type: SAP\nlabels: {a: b}",
            Kind::NotificationRule => "events: [b, a]\ntarget: {organization: true}",
            _ => "displayName: X",
        };
        let separate = super::acme("") + &document(kind.def().name, "x", &format!("organization: acme\n{spec}"));
        let indented = spec.replace('\n', "\n    ");
        let within = super::acme(&format!("{inline}:\n  - name: x\n    {indented}"));
        let (separate, within) = (super::fine(&separate), super::fine(&within));
        assert_eq!(said(&separate), said(&within), "{kind}");
        assert_eq!(separate.desired.resources().count(), 2);
    }
}

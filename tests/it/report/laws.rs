//! Laws, with whatever people may have written.

use proptest::collection::vec;
use proptest::prelude::*;
use tenantry::model::control::{Control, Management};
use tenantry::model::desired::{Mark, Meta};
use tenantry::model::kind::{FieldType, Placement};
use tenantry::model::portal_spec::{AdoptionPolicy, DeletionPolicy};
use tenantry::model::rule::Effect;
use tenantry::model::{
    Address, Desired, Fields, Kind, KindDef, Name, PortalSpec, Resource, SecretRef, SecretSource, Sources, Tenant, Value,
};
use tenantry::plan::document::{PlanDocument, read_saved, write_desired};
use tenantry::plan::{Action, Cause, Change, Drift, DriftKind, FieldChange, Retained, Unit, Unmanaged, Waiting};
use tenantry::report::style::Style;
use tenantry::report::{html, markdown, text};

use super::markdown::check_balanced;
use super::world;

/// Texts as people and attackers write them.
fn wild() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "\n",
            "`",
            "```",
            "~~~",
            "</details>",
            "<details>",
            "<summary>",
            "@octocat",
            "\u{1b}[2J",
            "\u{202e}",
            "-->",
            "\\",
            "\r\n",
            "    ",
            "ä",
            "株",
        ])
        .prop_map(str::to_owned),
    ];
    vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn slug() -> impl Strategy<Value = Name> {
    prop::sample::select(vec!["a", "b", "acme", "globex", "x-1"]).prop_map(world::name)
}

/// A value in the one form of its type.
fn value(ty: &'static FieldType) -> BoxedStrategy<Value> {
    let strategy = match ty {
        FieldType::Text(_) | FieldType::Url | FieldType::Date | FieldType::Time | FieldType::Duration => {
            wild().prop_map(Value::text).boxed()
        }
        FieldType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldType::Integer(min, max) => (*min..=*max).prop_map(Value::Integer).boxed(),
        FieldType::Enum(words) => prop::sample::select(words.to_vec()).prop_map(Value::text).boxed(),
        FieldType::Email | FieldType::DomainName => slug().prop_map(|n| Value::text(format!("{n}.example"))).boxed(),
        FieldType::Ref(_) => slug().prop_map(|n| Value::text(n.as_str())).boxed(),
        FieldType::Organizations => vec(slug(), 0..3).prop_map(|names| Value::texts(names.iter().map(Name::as_str))).boxed(),
        FieldType::List(inner) | FieldType::Set(inner) => vec(value(inner), 0..4).prop_map(Value::List).boxed(),
        FieldType::Record(fields) => {
            let entries: Vec<_> = fields.iter().map(|f| value(&f.ty).prop_map(|v| (Box::from(f.path), v))).collect();
            entries
                .prop_map(|mut e| {
                    e.sort();
                    Value::Map(e)
                })
                .boxed()
        }
        FieldType::Map(inner) => prop::collection::btree_map(wild(), value(inner), 0..3)
            .prop_map(|m| Value::Map(m.into_iter().map(|(k, v)| (k.into(), v)).collect()))
            .boxed(),
        FieldType::Secret => wild().prop_map(|t| Value::Secret(Box::new(SecretRef { source: SecretSource::Env(t.into()) }))).boxed(),
    };
    strategy.prop_map(|v| ty.normalise(v).unwrap()).boxed()
}

fn fields(def: &'static KindDef) -> impl Strategy<Value = Fields> {
    let each: Vec<_> = def.fields().map(|(id, f)| proptest::option::weighted(0.4, value(&f.ty)).prop_map(move |v| (id, v))).collect();
    each.prop_map(|values| {
        let mut fields = Fields::new();
        values.into_iter().filter_map(|(id, v)| Some((id, v?))).for_each(|(id, v)| fields.set(id, v));
        fields
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.into_iter().filter(|k| k.def().placement != Placement::Configuration).collect::<Vec<_>>())
}

fn meta() -> impl Strategy<Value = Meta> {
    (proptest::option::of(wild()), vec(slug(), 0..2), any::<Option<bool>>(), any::<Option<bool>>()).prop_map(
        |(id, previously, protected, policy)| Meta {
            external_id: id.map(Into::into),
            previously,
            protected,
            deletion: policy.map(|p| if p { DeletionPolicy::Orphan } else { DeletionPolicy::Delete }),
            adoption: policy.map(|p| if p { AdoptionPolicy::IfIdentical } else { AdoptionPolicy::Always }),
            management: policy.map(|create| Management { create, ..Management::default() }),
            control: Control::default(),
        },
    )
}

fn resource(tenant: Name) -> impl Strategy<Value = Resource> {
    let place = (any::<u32>(), any::<u16>()).prop_map(|(line, column)| Mark { line, column });
    (kind(), slug(), proptest::option::of(meta()), place).prop_flat_map(move |(kind, name, meta, mark)| {
        let address = Address::new(tenant.clone(), kind, name);
        fields(kind.def()).prop_map(move |fields| Resource {
            marks: fields.iter().map(|(id, _)| Mark { line: u32::from(id.0), column: 1 }).collect(),
            address: address.clone(),
            fields,
            source: tenantry::model::SourceId(1),
            mark,
            meta: meta.clone().map(Box::new),
        })
    })
}

prop_compose! {
    fn desired()(
        tenants in vec(slug().prop_flat_map(|t| (Just(t.clone()), vec(resource(t), 0..4))), 0..3),
        portal in fields(Kind::Portal.def()),
        paths in vec(wild(), 2..4),
    ) -> Desired {
        let mut desired = Desired { manifests_digest: "abc".into(), ..Desired::default() };
        desired.sources = Sources::default();
        for path in &paths { desired.sources.add(path); }
        for (name, mut resources) in tenants {
            resources.sort_by(|a, b| a.address.cmp(&b.address));
            resources.dedup_by(|a, b| a.address == b.address);
            desired.tenants.insert(name, Tenant { resources, ..Tenant::default() });
        }
        desired.portals.push(PortalSpec::from_fields(world::name("portal"), &portal, None));
        desired
    }
}

fn change(tenant: Name) -> impl Strategy<Value = Change> {
    let action = prop::sample::select(vec![
        Action::Create,
        Action::Update,
        Action::Replace,
        Action::Delete,
        Action::Adopt,
        Action::Forget,
        Action::Move,
        Action::Resend,
        Action::Protect,
    ]);
    let words = (wild(), wild(), proptest::option::of(wild()));
    (kind(), slug(), action, words, any::<bool>()).prop_flat_map(move |(kind, name, action, (key, reason, refused), drifted)| {
        let address = Address::new(tenant.clone(), kind, name);
        (fields(kind.def()), fields(kind.def())).prop_map(move |(before, after)| {
            let mut change = world::change(action, &address.to_string(), &key);
            change.fields = kind
                .def()
                .fields()
                .filter(|(id, _)| before.get(*id).is_some() || after.get(*id).is_some())
                .map(|(id, f)| FieldChange {
                    field: id,
                    before: before.get(id).cloned(),
                    after: after.get(id).cloned(),
                    sensitive: f.ty.is_secret(),
                    cause: Cause::Manifest,
                })
                .collect();
            change.cause = if drifted { Cause::Drift } else { Cause::Manifest };
            change.reason = reason.clone();
            change.effects = if drifted { vec![Effect::Email] } else { Vec::new() };
            change.blocked_by.extend(refused.as_ref().map(|why| world::refusal("G001", why, why)));
            change
        })
    })
}

prop_compose! {
    fn unit(tenant: Name)(
        mut changes in vec(change(tenant.clone()), 0..5),
        words in vec(wild(), 0..4),
        live in fields(Kind::User.def()),
        tenant in Just(tenant),
    ) -> Unit {
        changes.sort_by(|a, b| a.address.cmp(&b.address));
        changes.dedup_by(|a, b| a.address == b.address);
        let mut unit = world::unit(tenant.as_str(), changes);
        let address = Address::new(tenant, Kind::User, world::name("x"));
        unit.consequences.lose_access = words.clone();
        unit.consequences.emails = words.clone();
        unit.retained = words.iter().map(|w| Retained { address: address.clone(), why: w.clone(), unseen: false }).collect();
        unit.waiting = words.iter().map(|w| Waiting { address: address.clone(), waits_for: w.clone(), technician: true, failed: false }).collect();
        unit.unmanaged = words.iter().map(|w| Unmanaged { kind: Kind::User, key: w.as_str().into(), id: "1".into(), portals_own: false }).collect();
        unit.drift = vec![Drift {
            address,
            what: DriftKind::Changed,
            fields: live.iter().map(|(id, v)| (id, Some(v.clone()))).collect(),
        }];
        unit
    }
}

fn plan() -> impl Strategy<Value = PlanDocument> {
    (unit(world::name("acme")), unit(world::name("globex")), unit(world::name("initech")))
        .prop_map(|(a, b, c)| world::document(vec![a, b, c]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn load_of_save_is_the_plan(document in plan(), desired in desired(), selection in wild()) {
        let mut saved = document.clone();
        saved.desired = Some(write_desired(&desired, |_| true));
        saved.selection = Some(serde_json::json!({ "tenant": [selection] }));
        let read = read_saved(&saved.to_json()).unwrap();
        prop_assert_eq!(read.document, document);
        prop_assert_eq!(read.desired, desired);
        prop_assert_eq!(Some(read.selection), saved.selection);
    }

    #[test]
    fn text_holds_no_escape_unless_colour_is_asked_for(document in plan(), verbose: bool, width in 0_usize..200) {
        let page = text::plan(&document, &Style { color: false, width, verbose });
        prop_assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{:?}", page);
    }

    #[test]
    fn comments_are_below_the_limit_and_balanced(document in plan(), base in plan(), root in wild()) {
        for part in markdown::comments(&document, &root, Some(&base)) {
            prop_assert!(part.len() < 65_536);
            check_balanced(&part);
        }
    }

    #[test]
    fn a_page_has_no_tag_that_it_did_not_write(document in plan()) {
        let page = html::page(&document);
        prop_assert_eq!(page.matches("<details").count(), page.matches("</details>").count());
        prop_assert_eq!(page.matches('<').count(), page.matches('>').count());
    }

    #[test]
    fn a_damaged_saved_plan_is_refused_and_never_a_panic(document in plan(), at in any::<prop::sample::Index>(), byte in any::<char>(), end: bool) {
        let mut saved = document;
        saved.desired = Some(write_desired(&Desired::default(), |_| true));
        let mut chars: Vec<char> = saved.to_json().chars().collect();
        let at = at.index(chars.len());
        if end { chars.truncate(at) } else { chars[at] = byte }
        let _ = read_saved(&chars.into_iter().collect::<String>());
    }
}

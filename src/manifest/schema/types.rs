//! The schema of one value, by the type of its field.

use serde_json::{Map, Value as Json, json};

use super::Reader;
use super::forms::{TEXT, with};
use crate::manifest::lower::{KEY_MAX, secret_key_patterns};
use crate::model::kind::FieldType;

/// Most items of a list, for an API server.
const ITEMS_MAX: usize = 1000;
/// Most keys of a free map, for an API server.
const KEYS_MAX: usize = 50;
/// Most secrets of a map: the rules of each cost more.
const SECRETS_MAX: usize = 16;

impl Reader {
    /// A value of a type.
    pub(super) fn type_schema(self, ty: &FieldType) -> Json {
        match ty {
            FieldType::Text(max) => self.text(usize::from(*max)),
            FieldType::Bool => json!({ "type": "boolean" }),
            FieldType::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
            FieldType::Enum(words) => json!({ "type": "string", "enum": words }),
            FieldType::Email => self.email(),
            FieldType::DomainName => self.domain(),
            FieldType::Time => self.time(),
            FieldType::Duration => self.duration(),
            FieldType::Date => self.date(),
            FieldType::Url => self.url(),
            FieldType::Ref(_) => self.text(200),
            FieldType::Organizations => self.organizations(),
            FieldType::List(inner) => self.list(self.each().type_schema(inner), "atomic"),
            FieldType::Set(inner) => self.list(self.each().type_schema(inner), "set"),
            FieldType::Record(inner) => {
                let (properties, required) = self.fields(&[], inner.iter().map(|f| (f.path, f)));
                self.object(properties, required)
            }
            FieldType::Map(inner) => self.map(inner),
            FieldType::Secret => self.secret(),
        }
    }

    /// A name.
    pub(super) fn name(self, doc: &str) -> Json {
        described(self.name_form(), doc)
    }

    /// A list; an API server compares lists as wholes (`atomic`) or by their items (`set`).
    pub(super) fn list(self, items: Json, kind: &str) -> Json {
        match self {
            Self::Editor if kind == "set" => json!({ "type": "array", "items": items, "uniqueItems": true }),
            Self::Editor => json!({ "type": "array", "items": items }),
            Self::ApiServer(_) => json!({ "type": "array", "items": items, "maxItems": ITEMS_MAX, "x-kubernetes-list-type": kind }),
        }
    }

    /// A closed object.
    pub(super) fn object(self, properties: Map<String, Json>, required: Vec<Json>) -> Json {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), properties.into());
        if self == Self::Editor {
            // An API server refuses unknown fields by itself.
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        schema.into()
    }

    fn map(self, inner: &FieldType) -> Json {
        let values = self.each().type_schema(inner);
        if self == Self::Editor {
            let keys = json!({ "minLength": 1, "maxLength": KEY_MAX, "pattern": TEXT });
            return json!({ "type": "object", "propertyNames": keys, "additionalProperties": values });
        }
        let most = if inner.is_secret() { SECRETS_MAX } else { KEYS_MAX };
        let schema = json!({ "type": "object", "additionalProperties": values, "maxProperties": most });
        let sized = format!("size(key) >= 1 && size(key) <= {KEY_MAX}");
        let schema = rule(
            schema,
            &format!("self.all(key, {sized} && key.matches(r'{TEXT}'))"),
            &format!("a key has 1 to {KEY_MAX} characters, and no control character"),
        );
        if !matches!(inner, FieldType::Text(_)) {
            return schema;
        }
        let (names, about) = secret_key_patterns();
        rule(
            schema,
            &format!("self.all(key, !key.matches(r'{names}') || key.matches(r'{about}'))"),
            "by the name of its key a secret is written here: take it out, change the secret where it is used, and put it under `secrets` by reference",
        )
    }

    fn organizations(self) -> Json {
        let labels = self.type_schema(&FieldType::Map(&FieldType::Text(200)));
        let selector = self.object(
            [(
                "matchLabels".to_owned(),
                described(labels, "The labels that an organization has to have, all of them; `{}` picks every organization."),
            )]
            .into_iter()
            .collect(),
            vec!["matchLabels".into()],
        );
        let names = described(self.list(self.each().name(""), "set"), "Organizations by their names.");
        let selector = described(selector, "Organizations by their labels, beside those that are named.");
        let schema = self.object([("names".to_owned(), names), ("selector".to_owned(), selector)].into_iter().collect(), Vec::new());
        match self {
            Self::Editor => with(schema, "minProperties", 1),
            Self::ApiServer(_) => rule(
                schema,
                "has(self.names) || has(self.selector)",
                "write `{names: [acme]}`, `{selector: {matchLabels: {tier: gold}}}`, or both",
            ),
        }
    }

    fn secret(self) -> Json {
        let part = self.part_of_secret();
        let key_ref = self.object(
            [
                ("name".to_owned(), described(self.secret_name(part.clone()), "The name of the Secret.")),
                ("key".to_owned(), described(part, "The key in the Secret's data.")),
            ]
            .into_iter()
            .collect(),
            vec!["name".into(), "key".into()],
        );
        let file = described(self.path(), "The path of a file that holds the secret, from the manifest's own folder on; not in a cluster.");
        let variable = described(self.variable_form(), "The name of an environment variable that holds the secret; not in a cluster.");
        let properties = [
            ("env".to_owned(), self.variable(variable)),
            ("file".to_owned(), file),
            ("secretKeyRef".to_owned(), described(key_ref, "A key of a Kubernetes Secret in the namespace of this document.")),
        ];
        let schema = self.object(properties.into_iter().collect(), Vec::new());
        match self {
            Self::Editor => with(with(schema, "minProperties", 1), "maxProperties", 1),
            Self::ApiServer(_) => rule(
                schema,
                "[has(self.env), has(self.file), has(self.secretKeyRef)].exists_one(given, given)",
                "write exactly one of `{env: NAME}`, `{file: PATH}` or `{secretKeyRef: {name: …, key: …}}`",
            ),
        }
    }

    fn secret_name(self, schema: Json) -> Json {
        let own = crate::model::secret::OWN_SECRET;
        match self {
            Self::Editor => schema,
            Self::ApiServer(_) => {
                let why = format!("Secret {own} is the key of the ledger's MACs, which no manifest may name: name another one");
                rule(schema, &format!("self != '{own}'"), &why)
            }
        }
    }

    fn variable(self, schema: Json) -> Json {
        let own = crate::model::secret::OWN_VARIABLES;
        match self {
            Self::Editor => schema,
            Self::ApiServer(_) => rule(
                schema,
                &format!("!self.upperAscii().startsWith('{own}')"),
                &format!("a variable whose name begins with {own} is a setting of tenantry, which no manifest may name: name another one"),
            ),
        }
    }
}

/// The schema with what it says to people.
pub(super) fn described(mut schema: Json, doc: &str) -> Json {
    if let (Json::Object(map), false) = (&mut schema, doc.is_empty()) {
        map.insert("description".to_owned(), doc.into());
    }
    schema
}

/// The schema with one more rule in CEL, and what to do where it is broken.
pub(crate) fn rule(schema: Json, rule: &str, remedy: &str) -> Json {
    with_rule(schema, json!({ "rule": rule, "message": remedy }))
}

/// The same where a secret may be what was written: the answer shows nothing of it.
pub(super) fn forbidden(schema: Json, rule: &str, remedy: &str) -> Json {
    with_rule(schema, json!({ "rule": rule, "message": remedy, "reason": "FieldValueForbidden" }))
}

fn with_rule(mut schema: Json, rule: Json) -> Json {
    if let Json::Object(map) = &mut schema
        && let Json::Array(rules) = map.entry("x-kubernetes-validations").or_insert_with(|| json!([]))
    {
        rules.push(rule);
    }
    schema
}

//! The schema of one value, by the type of its field.

use serde_json::{Map, Value as Json, json};

use super::{NAME, Reader};
use crate::manifest::lower::{DOMAIN_MAX, EMAIL_MAX, KEY_MAX, URL_MAX, secret_key_patterns};
use crate::model::Name;
use crate::model::kind::FieldType;

/// Line feeds and tabs are the only control characters of texts.
const TEXT: &str = r"^[^\x00-\x08\x0B-\x1F\x7F-\x9F]*$";
/// Paths of files have no control character at all.
const PATH: &str = r"^[^\x00-\x1F\x7F-\x9F]*$";
/// Of an address there is a host, and nothing in front of it; no blank of any kind.
const URL: &str = r"^https?://[^/?#@\x00-\x1F\x7F-\x9F\p{Z}]+([/?#][^\x00-\x1F\x7F-\x9F\p{Z}]*)?$";
const LABEL: &str = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const ATOM: &str = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";

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
            FieldType::Text(max) => text(usize::from(*max)),
            FieldType::Bool => json!({ "type": "boolean" }),
            FieldType::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
            FieldType::Enum(words) => json!({ "type": "string", "enum": words }),
            FieldType::Email => {
                let pattern = format!("^{ATOM}(\\.{ATOM})*@{LABEL}(\\.{LABEL})+$");
                json!({ "type": "string", "maxLength": EMAIL_MAX, "pattern": pattern, "allOf": [{ "pattern": "^[^@]{1,64}@" }] })
            }
            FieldType::DomainName => json!({
                "type": "string",
                "maxLength": DOMAIN_MAX + 1,
                "pattern": format!("^{LABEL}(\\.{LABEL})+\\.?$"),
                // The final dot does not count.
                "allOf": [{ "pattern": format!("^.{{1,{DOMAIN_MAX}}}\\.?$") }],
            }),
            FieldType::Time => json!({ "type": "string", "maxLength": 5, "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" }),
            FieldType::Duration => self.duration(),
            FieldType::Date => json!({ "type": "string", "format": "date", "maxLength": 10, "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
            FieldType::Url => json!({ "type": "string", "maxLength": URL_MAX, "pattern": URL }),
            FieldType::Ref(_) => text(200),
            FieldType::Organizations => self.organizations(),
            FieldType::List(inner) => self.list(self.type_schema(inner), "atomic"),
            FieldType::Set(inner) => self.list(self.type_schema(inner), "set"),
            FieldType::Record(inner) => {
                let (properties, required) = self.fields(inner.iter().map(|f| (f.path, f)));
                self.object(properties, required)
            }
            FieldType::Map(inner) => self.map(inner),
            FieldType::Secret => self.secret(),
        }
    }

    /// A name.
    pub(super) fn name(self, doc: &str) -> Json {
        described(json!({ "type": "string", "pattern": NAME, "maxLength": Name::MAX }), doc)
    }

    /// A list; an API server compares lists as wholes (`atomic`) or by their items (`set`).
    pub(super) fn list(self, items: Json, kind: &str) -> Json {
        match self {
            Self::Editor if kind == "set" => json!({ "type": "array", "items": items, "uniqueItems": true }),
            Self::Editor => json!({ "type": "array", "items": items }),
            Self::ApiServer => json!({ "type": "array", "items": items, "maxItems": ITEMS_MAX, "x-kubernetes-list-type": kind }),
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
        let values = self.type_schema(inner);
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

    fn duration(self) -> Json {
        let schema =
            json!({ "type": "string", "pattern": "^([0-9]{1,7}h)?([0-9]{1,7}m)?([0-9]{1,7}s)?$", "minLength": 2, "maxLength": 24 });
        match self {
            Self::Editor => schema,
            Self::ApiServer => rule(
                schema,
                "duration(self) >= duration('1s') && duration(self) <= duration('999h')",
                "write a span of time from 1s to 999h, such as 30s, 10m or 1h30m",
            ),
        }
    }

    fn organizations(self) -> Json {
        let labels = self.type_schema(&FieldType::Map(&FieldType::Text(200)));
        let selector = self.object([("matchLabels".to_owned(), labels)].into_iter().collect(), vec!["matchLabels".into()]);
        let names = described(self.list(self.name(""), "set"), "By name");
        let selector = described(selector, "By label; `matchLabels: {}` picks every organization");
        let schema = self.object([("names".to_owned(), names), ("selector".to_owned(), selector)].into_iter().collect(), Vec::new());
        match self {
            Self::Editor => with(schema, "minProperties", 1),
            Self::ApiServer => rule(
                schema,
                "has(self.names) || has(self.selector)",
                "write `{names: [acme]}`, `{selector: {matchLabels: {tier: gold}}}`, or both",
            ),
        }
    }

    fn secret(self) -> Json {
        let part = json!({ "type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[A-Za-z0-9._-]+$" });
        let key_ref = self.object(
            [("name".to_owned(), self.secret_name(part.clone())), ("key".to_owned(), part)].into_iter().collect(),
            vec!["name".into(), "key".into()],
        );
        let file = json!({ "type": "string", "minLength": 1, "maxLength": 4096, "pattern": PATH, "description": "A file" });
        let variable = json!({
            "type": "string", "maxLength": 200, "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": "An environment variable",
        });
        let properties = [
            ("env".to_owned(), self.variable(variable)),
            ("file".to_owned(), file),
            ("secretKeyRef".to_owned(), described(key_ref, "A key of a Kubernetes Secret")),
        ];
        let schema = self.object(properties.into_iter().collect(), Vec::new());
        match self {
            Self::Editor => with(with(schema, "minProperties", 1), "maxProperties", 1),
            Self::ApiServer => rule(
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
            Self::ApiServer => {
                let why = format!("Secret {own} is the key of the ledger's MACs, which no manifest may name: name another one");
                rule(schema, &format!("self != '{own}'"), &why)
            }
        }
    }

    fn variable(self, schema: Json) -> Json {
        let own = crate::model::secret::OWN_VARIABLES;
        match self {
            Self::Editor => schema,
            Self::ApiServer => rule(
                schema,
                &format!("!self.upperAscii().startsWith('{own}')"),
                &format!("a variable whose name begins with {own} is a setting of tenantry, which no manifest may name: name another one"),
            ),
        }
    }
}

fn text(max: usize) -> Json {
    json!({ "type": "string", "maxLength": max, "pattern": TEXT, "allOf": [{ "pattern": no_password() }] })
}

/// Texts in which no address carries a password, as lowering finds one: behind `://`, up to a blank or one of `/?#`, a colon, something, and an `@`.
///
/// Neither API servers nor editors can negate a pattern. So this one follows the text: outside of an address, behind colons, behind `:/`, and in what
/// comes behind `://`, in front of the first colon and behind it.
fn no_password() -> String {
    // In front of the first colon; anything; what may come behind the first one; that and no colon; ends that are not `/`.
    let [user, any, rest, last] = [r"[^: \t\n/?#]", r"[^ \t\n/?#]", r"[^@ \t\n/?#]", r"[^:@ \t\n/?#]"];
    let end = r"[ \t\n?#]";
    let slashes = format!("(:+/|/{user}*:({any}{rest}*:|:)?/)*");
    let out = format!(r"([^:/]|:+[^:/]|/{user}*([ \t\n/?#]|:({any}{rest}*)?{end}|:({user}|{any}{rest}*{last})/))");
    format!("^([^:]|:+[^:/]|:+/{slashes}{out})*(:*|:+/{slashes}(:*|/{user}*(:({any}{rest}*)?)?))$")
}

fn with(mut schema: Json, key: &str, value: usize) -> Json {
    if let Json::Object(map) = &mut schema {
        map.insert(key.to_owned(), value.into());
    }
    schema
}

/// The schema with what it says to people.
pub(super) fn described(mut schema: Json, doc: &str) -> Json {
    if let (Json::Object(map), false) = (&mut schema, doc.is_empty()) {
        map.insert("description".to_owned(), doc.into());
    }
    schema
}

/// The schema with one more rule in CEL, and what to do where it is broken.
pub(crate) fn rule(mut schema: Json, rule: &str, remedy: &str) -> Json {
    if let Json::Object(map) = &mut schema
        && let Json::Array(rules) = map.entry("x-kubernetes-validations").or_insert_with(|| json!([]))
    {
        rules.push(json!({ "rule": rule, "message": remedy }));
    }
    schema
}

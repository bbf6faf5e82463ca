//! The schema of a `spec`: the fields of a kind's table at their paths, what is said about managing, and under an organization the inline resources.

use serde_json::{Map, Value as Json, json};

use super::Reader;
use super::types::{described, rule};
use crate::manifest::lower::{COMMON, applies};
use crate::model::Kind;
use crate::model::kind::{FieldDef, FieldType, KindDef, Placement};

/// Most inline resources of a kind, for an API server. More of them come near to the largest object that a cluster keeps.
const INLINE_MAX: usize = 5000;
/// The same of kinds with free maps, whose rules cost more. What is more than that stands in documents of its own.
const INLINE_WITH_MAPS_MAX: usize = 500;

impl Reader {
    /// The `spec` of a kind's documents.
    pub(super) fn spec(self, def: &KindDef) -> Json {
        let (mut properties, mut required) = self.fields(def.sections, def.fields.iter().map(|f| (f.path, f)));
        properties.insert(
            "name".to_owned(),
            self.name("The name in the address, which is unique among its kind in its organization; default `metadata.name`."),
        );
        if let Placement::Member { .. } = def.placement {
            properties
                .insert("organization".to_owned(), self.name("The organization that it belongs to, by name; `msp` is the MSP itself."));
            required.push("organization".into());
        }
        if def.placement != Placement::Configuration {
            self.common(&mut properties, def.placement);
        }
        if def.placement == Placement::Tenant {
            for child in Kind::ALL.iter().map(|k| k.def()) {
                if let Placement::Member { inline } = child.placement {
                    properties.insert(inline.to_owned(), self.below().inline(child));
                }
            }
        }
        described(self.with_rules(def, self.object(properties, required)), &format!("What is declared of this {}.", def.noun))
    }

    fn inline(self, def: &KindDef) -> Json {
        let (mut properties, mut required) = self.fields(def.sections, def.fields.iter().map(|f| (f.path, f)));
        properties.insert("name".to_owned(), self.name("The name in the address, which is unique among its kind in the organization."));
        required.push("name".into());
        self.common(&mut properties, def.placement);
        let entry = self.with_rules(def, self.object(properties, required));
        let mut list = json!({ "type": "array", "description": format!("The {} of the organization, unless they are documents of their own; an empty list: none.", def.nouns), "items": entry });
        if let (Self::ApiServer(_), Json::Object(map)) = (self, &mut list) {
            map.insert("x-kubernetes-list-type".to_owned(), "map".into());
            map.insert("x-kubernetes-list-map-keys".to_owned(), json!(["name"]));
            let maps = def.fields.iter().any(|f| matches!(f.ty, FieldType::Map(_)));
            map.insert("maxItems".to_owned(), if maps { INLINE_WITH_MAPS_MAX } else { INLINE_MAX }.into());
        }
        list
    }

    /// What lowering demands of a kind beyond single fields.
    fn with_rules(self, def: &KindDef, schema: Json) -> Json {
        if self == Self::Editor || def.kind != Kind::NotificationRule {
            return schema;
        }
        let aims = def.fields.iter().filter_map(|f| {
            let field = f.path.strip_prefix("target.")?;
            let some =
                if matches!(f.ty, FieldType::Bool) { format!("self.target.{field}") } else { format!("size(self.target.{field}) > 0") };
            Some(format!("(has(self.target.{field}) && {some})"))
        });
        let aims = aims.collect::<Vec<_>>().join(" || ");
        let remedy = "this notification rule has no target: set target.organization to true, or name roles, groups or users";
        rule(schema, &format!("has(self.target) && ({aims})"), remedy)
    }

    fn common(self, properties: &mut Map<String, Json>, placement: Placement) {
        for (key, ty, doc) in COMMON.iter().filter(|(key, ..)| applies(key, placement)) {
            let schema = match *key {
                "previously" => self.list(self.each().name(""), "atomic"),
                "externalId" => self.pinned_id(ty),
                _ => self.type_schema(ty),
            };
            properties.insert((*key).to_owned(), described(schema, doc));
        }
    }

    fn pinned_id(self, ty: &FieldType) -> Json {
        let mut schema = self.type_schema(ty);
        if let Json::Object(map) = &mut schema {
            map.insert("minLength".to_owned(), 1.into());
        }
        schema
    }

    /// Fields by their paths, dots nested: what is required below makes its parent required.
    pub(super) fn fields<'f>(
        self,
        sections: &[(&str, &str)],
        all: impl Iterator<Item = (&'f str, &'f FieldDef)>,
    ) -> (Map<String, Json>, Vec<Json>) {
        let mut properties = Map::new();
        let mut required: Vec<Json> = Vec::new();
        let mut nested: Vec<(&str, Vec<(&str, &FieldDef)>)> = Vec::new();
        for (path, field) in all {
            match path.split_once('.') {
                None => {
                    properties.insert(path.to_owned(), described(self.type_schema(&field.ty), field.doc));
                    if field.required {
                        required.push(path.into());
                    }
                }
                Some((head, rest)) => match nested.iter_mut().find(|(known, _)| *known == head) {
                    Some((_, inner)) => inner.push((rest, field)),
                    None => nested.push((head, vec![(rest, field)])),
                },
            }
        }
        for (head, inner) in nested {
            let (inner, needed) = self.fields(&[], Box::new(inner.into_iter()) as Box<dyn Iterator<Item = _>>);
            if !needed.is_empty() {
                required.push(head.into());
            }
            let doc = sections.iter().find(|(name, _)| *name == head).map_or("", |(_, doc)| doc);
            properties.insert(head.to_owned(), described(self.object(inner, needed), doc));
        }
        (properties, required)
    }
}

//! The JSON Schema: made from the same tables as lowering.

use serde_json::{Value as Json, json};
use tenantry::manifest::{json_schema, json_schema_all};
use tenantry::model::Kind;
use tenantry::model::kind::Placement;

fn at<'j>(json: &'j Json, pointer: &str) -> &'j Json {
    json.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing in {json:#}"))
}

#[test]
fn every_field_of_every_kind_is_in_its_schema_with_its_words() {
    for kind in Kind::ALL {
        let schema = json_schema(kind);
        assert_eq!(at(&schema, "/properties/kind/const"), kind.def().name);
        for field in kind.def().fields {
            let pointer = format!("/properties/spec/properties/{}", field.path.replace('.', "/properties/"));
            assert_eq!(at(&schema, &format!("{pointer}/description")), field.doc, "{kind}.{}", field.path);
        }
        let common = at(&schema, "/properties/spec/properties").get("protected").is_some();
        assert_eq!(common, kind.def().placement != Placement::Configuration, "{kind}");
    }
}

#[test]
fn every_object_is_closed() {
    fn closed(json: &Json, path: &str) {
        match json {
            Json::Object(map) => {
                if map.contains_key("properties") && map.get("type") == Some(&json!("object")) {
                    assert_eq!(map.get("additionalProperties"), Some(&json!(false)), "{path}");
                }
                map.iter().for_each(|(k, v)| closed(v, &format!("{path}/{k}")));
            }
            Json::Array(items) => items.iter().for_each(|v| closed(v, path)),
            _ => {}
        }
    }
    closed(&json_schema_all(), "");
}

#[test]
fn an_organization_takes_its_members_inline_and_a_member_names_its_organization() {
    let organization = json_schema(Kind::Organization);
    let user = at(&organization, "/properties/spec/properties/users/items");
    assert_eq!(user["required"], json!(["email", "name"]));
    assert!(user["properties"].get("organization").is_none());
    assert_eq!(json_schema(Kind::User)["properties"]["spec"]["required"], json!(["email", "organization"]));
    assert!(json_schema(Kind::Delegation)["properties"]["spec"]["properties"].get("organization").is_none());
    assert_eq!(at(&organization, "/properties/spec/properties/relationship/enum"), &json!(["managed", "standalone"]));
}

#[test]
fn the_schema_of_all_refers_only_to_what_it_defines() {
    let schema = json_schema_all();
    let text = schema.to_string();
    let references: Vec<_> = text.split("\"$ref\":\"#/$defs/").skip(1).filter_map(|t| t.split('"').next()).collect();
    assert_eq!(references.len(), 2 * Kind::ALL.len());
    assert!(references.iter().all(|name| schema["$defs"].get(*name).is_some()));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

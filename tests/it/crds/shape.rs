//! Definitions as data: what an API server demands of them, and patterns that say what lowering says.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use serde_json::Value as Json;
use tenantry::model::Kind;

use super::lowering_refuses;

fn schema(kind: Kind) -> Json {
    let definitions = tenantry::crds::definitions();
    let one = definitions.iter().find(|d| d.json["spec"]["names"]["kind"] == kind.def().name).unwrap();
    one.json["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

#[test]
fn everything_has_a_largest_size_and_nothing_a_default() {
    fn look(json: &Json, path: &str, wrong: &mut Vec<String>) {
        let bounded = match json["type"].as_str() {
            Some("string") => json.get("maxLength").is_some() || json.get("enum").is_some(),
            Some("array") => json.get("maxItems").is_some(),
            Some("object") if json.get("additionalProperties").is_some() => json.get("maxProperties").is_some(),
            _ => true,
        };
        if !bounded || json.get("default").is_some() {
            wrong.push(path.to_owned());
        }
        let properties = json["properties"].as_object().into_iter().flatten();
        let below = ["items", "additionalProperties"].iter().filter_map(|key| Some((*key, json.get(*key)?)));
        for (key, inner) in properties.map(|(k, v)| (k.as_str(), v)).chain(below) {
            look(inner, &format!("{path}.{key}"), wrong);
        }
    }
    let mut wrong = Vec::new();
    for kind in Kind::ALL {
        look(&schema(kind)["properties"]["spec"], kind.def().name, &mut wrong);
        look(&schema(kind)["properties"]["status"], kind.def().name, &mut wrong);
    }
    assert_eq!(wrong, [] as [String; 0]);
}

/// What is wrong with what `kubectl explain` shows of a field.
fn badly_explained(json: &Json) -> Option<String> {
    let text = json["description"].as_str().unwrap_or_default();
    let sentence = text.ends_with('.') && text.starts_with(char::is_uppercase) && text.split_whitespace().count() > 3;
    let words = json["enum"].as_array().into_iter().flatten().filter_map(Json::as_str);
    // Words that mean a policy are told one by one; days of the week and channels tell of themselves.
    let policy = text.contains("What becomes") || text.contains("When a controller") || text.contains("does about");
    let told = !policy || words.clone().all(|word| text.contains(word));
    (!(sentence && told)).then(|| format!("{text:?}"))
}

#[test]
fn everything_is_explained_in_a_sentence() {
    fn look(json: &Json, path: &str, wrong: &mut Vec<String>) {
        for (key, inner) in json["properties"].as_object().into_iter().flatten() {
            // An API server has its own words for `metadata`, and takes no others.
            if path.contains('/') || key != "metadata" {
                wrong.extend(badly_explained(inner).map(|why| format!("{path}/{key}: {why}")));
                look(inner, &format!("{path}/{key}"), wrong);
            }
        }
        for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let Some(inner) = json.get(key) {
                look(inner, &format!("{path}{mark}"), wrong);
            }
        }
    }
    let mut wrong = Vec::new();
    for definition in tenantry::crds::definitions() {
        let schema = &definition.json["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        wrong.extend(badly_explained(schema).map(|why| format!("{}: {why}", definition.name)));
        look(schema, &definition.name, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} fields:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_has_a_default_or_a_unit_says_so() {
    let spec = schema(Kind::Portal)["properties"]["spec"].clone();
    let portal = tenantry::model::PortalSpec::embedded();
    let check = |path: &str, value: &str| {
        let field = path.split('.').fold(&spec, |json, key| &json["properties"][key]);
        let text = field["description"].as_str().unwrap();
        assert!(text.contains(&format!("default {value}")), "{path}: no default {value} in {text:?}");
    };
    let limits = portal.limits;
    check("limits.maxDeletesPerKind", &limits.max_deletes_per_kind.to_string());
    check("limits.maxDeletesPerTenant", &limits.max_deletes_per_tenant.to_string());
    check("limits.maxDeletesPerRun", &limits.max_deletes_per_run.to_string());
    check("limits.maxDeletePercent", &limits.max_delete_percent.to_string());
    check("limits.deleteFloor", &limits.delete_floor.to_string());
    check("limits.minAdministrators", &limits.min_administrators.to_string());
    check("workOrders.dueAfterDays", &portal.work_orders.due_after_days.to_string());
    check("workOrders.believedForDays", &portal.work_orders.believed_for_days.to_string());
    check("budget.requestsPerMinute", &portal.requests_per_minute.to_string());
    check("budget.parallelism", &portal.parallelism.to_string());
    check("adoptionPolicy", portal.adoption.word());
    check("deletionPolicy.organizations", &format!("{:?}", portal.delete_organizations));
    check("deletionPolicy.members", &format!("{:?}", portal.delete_members));
    check("unsupported", &format!("{:?}", portal.unsupported));
    for spans in ["interval", "retryInterval", "timeout"] {
        let text = spec["properties"][spans]["description"].as_str().unwrap();
        assert!(text.contains("as a span of time such as 30") && text.contains("default"), "{spans}: {text}");
    }
}

#[test]
fn short_names_are_each_kinds_own() {
    let mut names: Vec<_> = tenantry::crds::definitions().iter().map(|d| d.json["spec"]["names"]["shortNames"].to_string()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all), (Kind::ALL.len() + 1, Kind::ALL.len() + 1));
}

fn organization(spec: &Json) -> String {
    serde_json::json!({
        "apiVersion": "tenantry.dev/v1alpha1", "kind": "Organization", "metadata": {"name": "acme"}, "spec": spec,
    })
    .to_string()
}

/// What the keys' rule in the definition looks for, and what excuses it.
static KEYS: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    let rules = schema(Kind::Organization)["properties"]["spec"]["properties"]["labels"]["x-kubernetes-validations"].clone();
    let text = rules[1]["rule"].as_str().unwrap().to_owned();
    let patterns: Vec<_> = text.split("r'").skip(1).map(|p| Regex::new(p.split('\'').next().unwrap()).unwrap()).collect();
    patterns.try_into().unwrap()
});

/// What the pattern of inline texts asks for, and what the rule of all others looks for.
static TEXTS: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    let spec = schema(Kind::Organization)["properties"]["spec"]["properties"].clone();
    let pattern = spec["roles"]["items"]["properties"]["description"]["allOf"][0]["pattern"].clone();
    let rule = spec["notes"]["x-kubernetes-validations"][0]["rule"].as_str().unwrap().to_owned();
    let password = rule.split("r\"").nth(1).and_then(|p| p.split('"').next()).unwrap();
    [Regex::new(pattern.as_str().unwrap()).unwrap(), Regex::new(password).unwrap()]
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_rule_of_keys_finds_the_secrets_that_lowering_finds(
        key in "((api|Api|API|key|Key|KEY|token|Token|TOKEN|private|Private|secret|SECRET|url|Url|URL|id|ID|pass|word|s|S|x|Ab|[_ -]|[0-9]|ü|Ü){1,5})",
    ) {
        let document = organization(&serde_json::json!({"displayName": "Acme", "labels": {&key: "x"}}));
        let fits = !KEYS[0].is_match(&key) || KEYS[1].is_match(&key);
        prop_assert_eq!(lowering_refuses(&document).is_empty(), fits, "{}", key);
    }

    #[test]
    fn the_pattern_and_the_rule_of_texts_find_the_passwords_that_lowering_finds(text in "(://|:|/|@|a|b| |\\?|\n|\u{a0}){0,14}") {
        let fits = TEXTS[0].is_match(&text);
        prop_assert_eq!(!TEXTS[1].is_match(&text), fits, "{:?}", text);
        let document = organization(&serde_json::json!({"displayName": "Acme", "notes": &text}));
        prop_assert_eq!(lowering_refuses(&document).is_empty(), fits, "{:?}", text);
    }
}

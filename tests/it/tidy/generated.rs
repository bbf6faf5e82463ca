//! Generated files are in git and fresh. `TEST_UPDATE=1 cargo test --test it generated` writes them anew; read what changed.

use std::path::Path;

fn check(file: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("TEST_UPDATE").is_some_and(|v| v == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, fresh).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == fresh, "{file} is stale: refresh it with `TEST_UPDATE=1 cargo test --test it generated`");
}

fn schema(file: &str, schema: &serde_json::Value) {
    check(&format!("docs/schema/{file}"), &(serde_json::to_string_pretty(schema).unwrap() + "\n"));
}

#[test]
fn the_schema_of_manifests_is_as_published() {
    schema("manifest.json", &tenantry::manifest::json_schema_all());
}

#[test]
fn the_schema_of_the_plan_is_as_published() {
    schema("plan.json", &tenantry::plan::document::json_schema());
}

#[test]
fn the_schema_of_diagnostics_is_as_published() {
    schema("diagnostics.json", &tenantry::report::diagnostics::json_schema());
}

#[test]
fn the_schema_of_profiles_is_as_published() {
    schema("profile.json", tenantry::portal::profile::schema().as_value());
}

#[test]
fn the_schema_of_work_orders_is_as_published() {
    schema("work-order.json", &tenantry::report::work_order::json_schema());
}

#[test]
fn the_custom_resource_definitions_are_as_published() {
    let definitions = tenantry::crds::definitions();
    for definition in &definitions {
        check(&format!("crds/{}.yaml", definition.name), &definition.yaml().unwrap());
    }
    let gone = |file: &super::File| !definitions.iter().any(|d| file.path == format!("crds/{}.yaml", d.name));
    super::none("of no kind", &super::files("crds", "").into_iter().filter(gone).map(|f| f.path).collect::<Vec<_>>());
}

#[test]
fn the_page_of_guards_says_what_the_table_says() {
    check("docs/guards.md", &tenantry::guard::docs());
}

#[test]
fn the_page_of_diagnostics_says_what_the_tables_say() {
    check("docs/diagnostics.md", &tenantry::diagnostic::docs());
}

#[test]
fn no_two_diagnostics_share_a_code() {
    let mut codes: Vec<_> = tenantry::diagnostic::codes::all().map(|c| c.id).collect();
    let all = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all);
}

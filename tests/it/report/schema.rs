//! The published schemas, frozen. `UPDATE_SCHEMAS=1 cargo test --test it schema` writes them anew.

use std::path::Path;

fn check(file: &str, schema: &serde_json::Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(file);
    let fresh = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &fresh).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == fresh, "docs/schema/{file} is not what the types say; set UPDATE_SCHEMAS=1 to write it, and read what changed");
}

#[test]
fn the_schema_of_the_plan_is_as_published() {
    check("plan.json", &tenantry::plan::document::json_schema());
}

#[test]
fn the_schema_of_diagnostics_is_as_published() {
    check("diagnostics.json", &tenantry::report::diagnostics::json_schema());
}

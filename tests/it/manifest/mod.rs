//! The manifest stage: what people write becomes the desired state, and everything that is wrong is said at once.

mod brief;
mod files;
mod golden;
mod hostile;
mod laws;
mod rules;
mod scope;
mod shape;

use tenantry::manifest::{Builtins, Loaded, Settings, SourceText, lower_sources};
use tenantry::model::{Address, Resource};

/// Loads texts, each a file, with no builtins.
fn load(texts: &[(&str, &str)]) -> Loaded {
    load_with(texts, None, Builtins::NONE)
}

fn load_with(texts: &[(&str, &str)], only: Option<&(dyn Fn(&str) -> bool + Sync)>, builtins: Builtins<'_>) -> Loaded {
    let sources = texts.iter().map(|(path, text)| SourceText::new(*path, *text)).collect();
    lower_sources(sources, Settings { only, builtins })
}

/// A document of a kind, its spec given as indented lines.
fn document(kind: &str, name: &str, spec: &str) -> String {
    let spec: String = spec.lines().map(|l| format!("  {l}\n")).collect();
    format!("---\napiVersion: tenantry.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

fn acme(spec: &str) -> String {
    document("Organization", "acme", &format!("displayName: Acme\n{spec}"))
}

/// One line for each diagnostic.
fn lines(loaded: &Loaded) -> String {
    let line = |d: &tenantry::diagnostic::Diagnostic| {
        let place = d.range.as_ref().map_or("-".to_owned(), |r| format!("{}:{}:{}+{}", r.file, r.line, r.column, r.length));
        format!("{} {place} {}", d.code, d.summary)
    };
    loaded.diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The text loads without a word.
fn fine(text: &str) -> Loaded {
    let loaded = load(&[("acme.yaml", text)]);
    assert_eq!(lines(&loaded), "", "in:\n{text}");
    loaded
}

/// The text gives exactly these diagnostics: code, and a part of the summary or the help.
fn refused(text: &str, expected: &[(&str, &str)]) {
    let loaded = load(&[("acme.yaml", text)]);
    let all = lines(&loaded);
    assert_eq!(loaded.diagnostics.len(), expected.len(), "in:\n{text}\ngot:\n{all}");
    for (found, (code, part)) in loaded.diagnostics.iter().zip(expected) {
        let said = format!("{} {} {}", found.summary, found.detail, found.help);
        assert!(found.code == *code && said.contains(part), "expected {code} {part}\nin:\n{text}\ngot:\n{} {said}", found.code);
    }
}

fn resource<'l>(loaded: &'l Loaded, address: &str) -> &'l Resource {
    let address: Address = address.parse().unwrap();
    loaded.desired.get(&address).unwrap_or_else(|| panic!("{address} is not there: {:?}", addresses(loaded)))
}

fn addresses(loaded: &Loaded) -> Vec<String> {
    loaded.desired.resources().map(|r| r.address.to_string()).collect()
}

/// The JSON of a field, `null` if it is absent.
fn field(loaded: &Loaded, address: &str, path: &str) -> serde_json::Value {
    let resource = resource(loaded, address);
    let (id, _) = resource.def().field_named(path).unwrap();
    resource.fields.get(id).map_or(serde_json::Value::Null, tenantry::model::Value::to_json)
}

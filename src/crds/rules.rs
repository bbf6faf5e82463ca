//! The schema of a document as a whole: what is around its `spec`, and the rules that more than the `spec` is needed for.
//!
//! An API server asks these rules at every write, also of a status or a finalizer. So they are about names that are new: a document that was taken
//! before there was a rule can still be told of, and can go. Rules of a `spec` it leaves alone by itself where the `spec` stays as it is.

use serde_json::{Value as Json, json};

use crate::manifest::{NAME, rule};
use crate::model::kind::{KindDef, Placement};
use crate::model::{MSP, Name};

/// The name in the address, before and after a change.
const NAMED: &str = "(has(self.spec.name) ? self.spec.name : self.metadata.name)";
const WAS_NAMED: &str = "(has(oldSelf.spec.name) ? oldSelf.spec.name : oldSelf.metadata.name)";

/// The schema of a kind's documents.
pub(super) fn of_document(def: &KindDef, spec: Json, status: Json) -> Json {
    let schema = json!({
        "type": "object",
        "description": def.doc,
        "properties": {
            "apiVersion": { "type": "string", "description": "The version of the form of this document, `tenantry.dev/v1alpha1`." },
            "kind": { "type": "string", "description": "The kind of this document." },
            // Kubernetes' own bound, told here so that the cost of rules is known.
            "metadata": { "type": "object", "properties": { "name": { "type": "string", "maxLength": 253 } } },
            "spec": spec,
            "status": status,
        },
        "required": ["spec"],
    });
    let schema = of_new_names(
        schema,
        ".metadata.name",
        &format!("has(self.spec.name) || (size(self.metadata.name) <= {} && self.metadata.name.matches('{NAME}'))", Name::MAX),
        "metadata.name is no name of a resource, which has 1 to 63 lowercase letters, digits and hyphens: put another one into spec.name",
    );
    let schema = keeps_its_name(def, schema);
    is_a_customer(def, keeps_its_organization(def, schema))
}

/// A former name is what a portal, the ledger and other documents know a resource by.
fn keeps_its_name(def: &KindDef, schema: Json) -> Json {
    let kept = format!("{NAMED} == {WAS_NAMED}");
    match def.placement {
        Placement::Tenant | Placement::Configuration => {
            let remedy = format!("this {} keeps its name: make another document in place of this one", def.noun);
            at(".spec.name", rule(schema, &kept, &remedy))
        }
        Placement::Member { .. } | Placement::MspOnly => {
            let listed = format!("{kept} || (has(self.spec.previously) && {WAS_NAMED} in self.spec.previously)");
            let remedy = format!("this {} keeps its name: to rename it, put the former name into spec.previously", def.noun);
            at(".spec.name", rule(schema, &listed, &remedy))
        }
    }
}

fn keeps_its_organization(def: &KindDef, schema: Json) -> Json {
    let Placement::Member { .. } = def.placement else { return schema };
    let remedy = format!("this {} stays in its organization: delete it, and make one in the other organization", def.noun);
    at(".spec.organization", rule(schema, "self.spec.organization == oldSelf.spec.organization", &remedy))
}

/// A portal would make a customer of an organization with the MSP's own name.
fn is_a_customer(def: &KindDef, schema: Json) -> Json {
    if def.placement != Placement::Tenant {
        return schema;
    }
    let remedy = format!(
        "{MSP} is the MSP itself: give the customer another name; what is the MSP's own says `organization: {MSP}` and needs no {}",
        def.name
    );
    of_new_names(schema, ".metadata.name", &format!("{NAMED} != '{MSP}'"), &remedy)
}

/// A rule of the name in the address, which says nothing of one that is there already.
fn of_new_names(schema: Json, path: &str, what: &str, remedy: &str) -> Json {
    let before = WAS_NAMED.replace("oldSelf", "oldSelf.value()");
    let schema = rule(schema, &format!("({what}) || (oldSelf.hasValue() && {NAMED} == {before})"), remedy);
    with(at(path, schema), "optionalOldSelf", true.into())
}

/// Where the last rule of a schema says that something is wrong.
fn at(path: &str, schema: Json) -> Json {
    with(schema, "fieldPath", path.into())
}

fn with(mut schema: Json, key: &str, value: Json) -> Json {
    let rules = schema.get_mut("x-kubernetes-validations").and_then(Json::as_array_mut);
    if let Some(Json::Object(last)) = rules.and_then(|rules| rules.last_mut()) {
        last.insert(key.to_owned(), value);
    }
    schema
}

//! The schema of a document as a whole: what is around its `spec`, and the rules that more than the `spec` is needed for.

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
            "apiVersion": { "type": "string", "description": "The version of the form" },
            "kind": { "type": "string", "description": "The kind" },
            // Kubernetes' own bound, told here so that the cost of rules is known.
            "metadata": { "type": "object", "properties": { "name": { "type": "string", "maxLength": 253 } } },
            "spec": spec,
            "status": status,
        },
        "required": ["spec"],
    });
    let schema = rule(
        schema,
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
            rule(schema, &kept, &remedy)
        }
        Placement::Member { .. } | Placement::MspOnly => {
            let listed = format!("{kept} || (has(self.spec.previously) && {WAS_NAMED} in self.spec.previously)");
            let remedy = format!("this {} keeps its name: to rename it, put the former name into spec.previously", def.noun);
            rule(schema, &listed, &remedy)
        }
    }
}

fn keeps_its_organization(def: &KindDef, schema: Json) -> Json {
    let Placement::Member { .. } = def.placement else { return schema };
    let remedy = format!("this {} stays in its organization: delete it, and make one in the other organization", def.noun);
    rule(schema, "self.spec.organization == oldSelf.spec.organization", &remedy)
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
    rule(schema, &format!("{NAMED} != '{MSP}'"), &remedy)
}

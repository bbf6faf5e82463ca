//! Who of the MSP's own enters every customer without a grant in any: said in data, so that `access` can tell what no manifest grants.
//!
//! Comes in: a profile's `inherited`, then what the MSP declares of its own people. Goes out: who of them inherits what, by which row. Never
//! plans anything: a rule with `severity: leaveOut` does that.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::cel::{CompileError, Expression, SubjectScope, VARIABLES};
use super::compile::{Problems, reconciled};
use super::document::Document;
use super::{Profile, paths};
use crate::diagnostic::codes::portal as codes;
use crate::model::portal_spec::Account;
use crate::model::rule::Subject;
use crate::model::work_order::Provenance;
use crate::model::{Desired, IntentAction, Kind, Name, Resource};

/// Access to every customer that some of the MSP's own people have by inheritance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InheritedSection {
    /// Its row in `docs/portals/`, such as `IDM-5`.
    pub id: String,
    /// Which page says so.
    pub source: Provenance,
    /// The kind of those who inherit, in the MSP's own tenant.
    #[schemars(with = "String")]
    pub kind: Spanned<String>,
    /// CEL: which of them do; default all.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// What they are in every customer, for people.
    pub grants: String,
}

/// One of `inherited`, compiled.
#[derive(Debug)]
pub(super) struct Inheritance {
    id: Box<str>,
    kind: Kind,
    when: Option<Expression>,
    grants: Box<str>,
}

/// Somebody who inherits access to every customer.
#[derive(Debug, Clone, Copy)]
pub struct Heir<'a> {
    /// Who.
    pub resource: &'a Resource,
    /// The row that says so.
    pub row: &'a str,
    /// What they are in every customer.
    pub grants: &'a str,
}

impl Profile {
    /// Who of the MSP's own declared people enters every customer by inheritance.
    pub fn heirs<'a>(&'a self, desired: &'a Desired, account: &Account) -> Vec<Heir<'a>> {
        let msp = Name::msp();
        let Some(tenant) = desired.tenants.get(&msp) else { return Vec::new() };
        let inherits = |inheritance: &Inheritance, resource: &Resource| {
            let subject = Subject {
                tenant: &msp,
                kind: resource.address.kind,
                action: IntentAction::Create,
                declared: Some(resource),
                after: Some(&resource.fields),
                before: None,
                desired: Some(tenant),
                live: None,
                account,
            };
            // Access that cannot be ruled out is told.
            inheritance.when.as_ref().is_none_or(|when| when.holds(&SubjectScope { subject: &subject }).unwrap_or(true))
        };
        let mut heirs = Vec::new();
        for inheritance in &self.inherited {
            let of_kind = tenant.resources.iter().filter(|r| r.address.kind == inheritance.kind);
            let found = of_kind.filter(|r| inherits(inheritance, r));
            heirs.extend(found.map(|resource| Heir { resource, row: &inheritance.id, grants: &inheritance.grants }));
        }
        heirs
    }
}

/// Compiles `inherited`; what is wrong goes to `problems`.
pub(super) fn compile(document: &Document, problems: &mut Problems<'_>) -> Vec<Inheritance> {
    let mut compiled = Vec::new();
    for section in &document.inherited {
        let InheritedSection { id, source: _, kind, when, grants } = &section.value;
        let Some(of) = reconciled(&kind.value, kind.referenced, problems) else { continue };
        if !document.kinds.contains_key(of.def().name) {
            let what = format!("`inherited` is about {of}, which the portal does not have");
            problems.add(codes::PROFILE_CONTRADICTION, kind.referenced, what);
        }
        let when = match when.as_ref().and_then(|text| Some((text, Expression::compile(&[text.value.as_str()], &VARIABLES).pop()?))) {
            None => None,
            Some((text, Ok(expression))) => {
                for problem in expression.paths().iter().filter_map(|p| paths::problem(p, &[of])) {
                    problems.add(codes::PROFILE_NAME, text.referenced, problem);
                }
                Some(expression)
            }
            Some((text, Err(CompileError::Wrong(why)))) => {
                problems.add(codes::PROFILE_EXPRESSION, text.referenced, why);
                continue;
            }
            Some((text, Err(CompileError::TooCostly(why)))) => {
                problems.add(codes::PROFILE_BUDGET, text.referenced, why);
                continue;
            }
        };
        compiled.push(Inheritance { id: id.as_str().into(), kind: of, when, grants: grants.as_str().into() });
    }
    compiled
}

//! Names, and the fields that every reconciled kind has beside its own: how the resource is managed.

use super::super::problem::{Place, a, shown};
use super::super::tree::{Data, Entry};
use super::{Cx, Head, format, value};
use crate::diagnostic::codes::manifest as codes;
use crate::model::control::{self, Management};
use crate::model::kind::{FieldDef, FieldType, KindDef, Placement};
use crate::model::portal_spec::{AdoptionPolicy, DeletionPolicy};
use crate::model::{Meta, Name, Value};

/// A field that every reconciled kind has: its key, its type and what it says.
pub(crate) type Common = (&'static str, FieldType, &'static str);

const PREVIOUSLY: &str = "previously";

/// The fields that every reconciled kind has, beside `name` and `organization`.
pub(crate) static COMMON: [Common; 12] = [
    ("externalId", FieldType::Text(500), "The portal's id of the object, pinned: this object and no other."),
    (
        PREVIOUSLY,
        FieldType::List(&FieldType::Text(63)),
        "Its former names, newest first: what was known by one of them is this resource and is not made anew.",
    ),
    ("protected", FieldType::Bool, "True: it is never deleted, until it is set to false and that was applied; default false."),
    (
        "deletionPolicy",
        FieldType::Enum(&["Orphan", "Delete"]),
        "What becomes of the object when it is no longer declared: `Orphan` leaves it in the portal, `Delete` deletes it within the limits; default as the portal says.",
    ),
    (
        "adoptionPolicy",
        FieldType::Enum(&["Refuse", "IfIdentical", "IfUnowned", "Always"]),
        "What becomes of an object that exists already: `Refuse` refuses the plan, `IfIdentical` adopts it where no managed field differs, `IfUnowned` and `Always` adopt it unless another installation has marked it; default as the portal says.",
    ),
    (
        "managementPolicies",
        FieldType::Set(&FieldType::Enum(&control::MANAGEMENT)),
        "What may be done to the object: `Create`, `Update`, `Delete`, or `*` for all of them; `Observe` is always allowed; default everything.",
    ),
    (
        "interval",
        FieldType::Duration,
        "How often a controller looks at what is live, as a span of time such as 30m; default as the portal says.",
    ),
    (
        "retryInterval",
        FieldType::Duration,
        "A controller's first pause after a failure, as a span of time such as 30s, each further one longer; default as the portal says.",
    ),
    ("timeout", FieldType::Duration, "How long a controller's visit may take, as a span of time such as 30m; default as the portal says."),
    ("suspend", FieldType::Bool, "True: a controller leaves this tenant alone; default as the portal says."),
    (
        "approval",
        FieldType::Record(&APPROVAL),
        "Whether a controller waits for an approval before it applies a plan; default as the portal says.",
    ),
    (
        "driftDetection",
        FieldType::Record(&DRIFT),
        "What a controller does about drift, which is what somebody changed in the portal; default as the portal says.",
    ),
];

static APPROVAL: [FieldDef; 1] =
    [FieldDef::new("mode", FieldType::Enum(&control::APPROVAL), "When a controller applies a plan: `Auto` at once, `Manual` when its digest is approved, `AutoUnlessDestructive` at once unless something is taken away that does not come back.").required()];
static DRIFT: [FieldDef; 1] =
    [FieldDef::new("mode", FieldType::Enum(&control::DRIFT), "What a controller does about drift: `enabled` brings it back in step, `warn` says so, `disabled` looks only when something is declared anew.").required()];

/// What a controller is told of a tenant as a whole. Of a single user nobody is told to `suspend`: it would read as `suspended`.
const OF_TENANTS: [&str; 6] = ["interval", "retryInterval", "timeout", "suspend", "approval", "driftDetection"];

/// True where the managing field has a meaning: a tenant is what its ledger, its locks and its portals are kept by, so it has no former
/// names; and it is what a controller works by.
pub(crate) fn applies(key: &str, placement: Placement) -> bool {
    if placement == Placement::Tenant { key != PREVIOUSLY } else { !OF_TENANTS.contains(&key) }
}

/// Lowers a name.
pub(crate) fn name(cx: &mut Cx<'_, '_>, entry: &Entry<'_>, path: &str) -> Option<Name> {
    let Some(text) = entry.value.as_text() else {
        let problem = cx.problems.error(codes::BAD_NAME, entry.place(), format!("`{path}` must be a text, not {}", entry.value.describe()));
        if !matches!(entry.value.data, Data::Null | Data::List(_) | Data::Map(_)) {
            problem.help("put it in quotes, so that YAML reads it as a text");
        }
        return None;
    };
    if format::url_has_password(text) {
        cx.problems.hide(entry.value.place);
        cx.problems.error(codes::BAD_NAME, entry.place(), format!("`{path}` is an address with a password, and no name"));
        return None;
    }
    Name::new(text)
        .map_err(|_| {
            let summary = format!("`{path}`: `{}` is not a name", shown(text));
            let problem = cx.problems.error(codes::BAD_NAME, entry.place(), summary);
            let slug = Name::slugify(text);
            if slug.as_str() != "unnamed" {
                let rule = "a name has 1 to 63 lowercase letters, digits and hyphens, beginning and ending with a letter or digit";
                problem.help(format!("{rule}; for example `{slug}`"));
            }
        })
        .ok()
}

/// What a resource says about how it is managed, gathered entry by entry.
#[derive(Debug, Default)]
pub(crate) struct MetaDraft {
    meta: Meta,
}

impl MetaDraft {
    /// Takes one entry; `false`: it is not about managing.
    pub(crate) fn take(&mut self, cx: &mut Cx<'_, '_>, entry: &Entry<'_>, def: &KindDef) -> bool {
        let Some((key, ty, _)) = COMMON.iter().find(|(key, ..)| *key == entry.key) else { return false };
        if !applies(key, def.placement) && *key != PREVIOUSLY {
            return false;
        }
        if !applies(key, def.placement) {
            let summary = format!("{} has no `{key}`: a tenant keeps its name", a(def.noun));
            cx.problems.error(codes::TENANT_RENAMED, entry.key_place, summary);
            return true;
        }
        let Some(lowered) = value::entry(cx, ty, entry, key) else { return true };
        match (*key, lowered) {
            ("externalId", Value::Text(id)) => self.external_id(cx, id, entry.place()),
            (PREVIOUSLY, Value::List(names)) => {
                for text in names.iter().filter_map(Value::as_text) {
                    match Name::new(text) {
                        Ok(name) => self.meta.previously.push(name),
                        Err(error) => {
                            cx.problems.error(codes::BAD_NAME, entry.place(), format!("`previously`: {error}"));
                        }
                    }
                }
            }
            ("protected", Value::Bool(protected)) => self.meta.protected = Some(protected),
            ("deletionPolicy", policy) => {
                self.meta.deletion = Some(if policy.as_text() == Some("Delete") { DeletionPolicy::Delete } else { DeletionPolicy::Orphan });
            }
            ("adoptionPolicy", policy) => {
                self.meta.adoption = Some(match policy.as_text() {
                    Some("IfIdentical") => AdoptionPolicy::IfIdentical,
                    Some("IfUnowned") => AdoptionPolicy::IfUnowned,
                    Some("Always") => AdoptionPolicy::Always,
                    _ => AdoptionPolicy::Refuse,
                });
            }
            ("managementPolicies", words) => self.meta.management = Some(Management::from_value(&words)),
            ("approval" | "driftDetection", Value::Map(entries)) => {
                for (inner, value) in &entries {
                    self.meta.control.take(&format!("{key}.{inner}"), value);
                }
            }
            (key, value) => {
                self.meta.control.take(key, &value);
            }
        }
        true
    }

    fn external_id(&mut self, cx: &mut Cx<'_, '_>, id: Box<str>, place: Place) {
        if id.is_empty() {
            cx.problems.error(codes::BAD_VALUE, place, "a pinned id is not empty");
        } else if self.meta.external_id.as_ref().is_some_and(|other| *other != id) {
            cx.problems
                .error(codes::EXTERNAL_ID_CONFLICT, place, "`spec.externalId` and the annotation pin two ids")
                .help("keep one of the two");
        } else {
            self.meta.external_id = Some(id);
        }
    }

    /// Takes the annotation of a document's head.
    pub(crate) fn annotation(&mut self, cx: &mut Cx<'_, '_>, head: &Head<'_, '_>) {
        static ID: FieldType = FieldType::Text(500);
        let Some(entry) = head.external_id else { return };
        if let Some(Value::Text(id)) = value::entry(cx, &ID, entry, "annotation tenantry.dev/external-id") {
            self.external_id(cx, id, entry.place());
        }
    }

    /// What it came to; `None`: nothing was said.
    pub(crate) fn finish(self) -> Option<Box<Meta>> {
        (self.meta != Meta::default()).then(|| Box::new(self.meta))
    }
}

//! A `spec` becomes a resource: its fields by the kind's table, what it says about being managed, and under an organization the
//! resources that stand inline.

use super::super::problem::{Place, a, nearest, shown};
use super::super::tree::{Data, Entry};
use super::member::{COMMON, MetaDraft, applies};
use super::{Cx, Head, Pending, member, value};
use crate::diagnostic::codes::manifest as codes;
use crate::model::kind::{FieldType, KindDef, Placement};
use crate::model::{Address, FieldId, Fields, Kind, Mark, Name, Resource, TenantName, Value};

/// Lowers a document whose head is known, its inline resources included.
pub(crate) fn document(cx: &mut Cx<'_, '_>, head: &Head<'_, '_>) {
    let def = head.kind.def();
    let since = cx.problems.len();
    let mut draft = Draft::new(def, head.tenant.clone(), head.name.clone(), head.place);
    if def.placement != Placement::Configuration {
        draft.meta.annotation(cx, head);
    }
    let mut inline = Vec::new();
    for entry in head.spec {
        match inline_kind(def, &entry.key) {
            Some(kind) => inline.push((kind, entry)),
            None if matches!(&*entry.key, "name" | "organization") => {}
            None => draft.entry(cx, entry),
        }
    }
    draft.finish(cx, since);
    for (kind, entry) in inline {
        children(cx, kind, entry, &head.tenant);
    }
}

/// The kind whose resources stand inline under this key of a document of `def`.
pub(crate) fn inline_kind(def: &KindDef, key: &str) -> Option<Kind> {
    let fits = |k: &Kind| matches!(k.def().placement, Placement::Member { inline } if inline == key);
    if def.placement == Placement::Tenant { Kind::ALL.into_iter().find(fits) } else { None }
}

/// The labels of an organization of another tenant; what is no text there is that tenant's problem.
pub(crate) fn labels(spec: &[Entry<'_>]) -> Vec<(Box<str>, Box<str>)> {
    let entries = spec.iter().find(|e| e.key == "labels").and_then(|e| e.value.as_map()).unwrap_or_default();
    entries.iter().filter_map(|e| Some(((*e.key).into(), e.value.as_text()?.into()))).collect()
}

fn children(cx: &mut Cx<'_, '_>, kind: Kind, entry: &Entry<'_>, tenant: &TenantName) {
    let def = kind.def();
    let Data::List(items) = &entry.value.data else {
        let text = format!("`{}` must be a list of {}, not {}", entry.key, def.nouns, entry.value.describe());
        cx.problems.error(codes::WRONG_TYPE, entry.place(), text).help("write one item a line, each after `- `, or `[]` for none");
        return;
    };
    for item in items {
        let Data::Map(entries) = &item.data else {
            let text = format!("each of `{}` must be a map, not {}", entry.key, item.describe());
            let place = if matches!(item.data, Data::List(_)) { entry.key_place } else { item.place };
            cx.problems.error(codes::WRONG_TYPE, place, text).help("write `- name: …` and its fields below");
            continue;
        };
        let place = entries.first().map_or(entry.key_place, |e| e.key_place);
        let name = match entries.iter().find(|e| e.key == "name") {
            Some(e) => member::name(cx, e, "name"),
            None => {
                cx.problems.error(codes::BAD_NAME, place, format!("this {} has no `name`", def.noun)).help("add `name: …`");
                None
            }
        };
        let Some(name) = name else {
            cx.out.incomplete = true;
            continue;
        };
        let since = cx.problems.len();
        let mut draft = Draft::new(def, tenant.clone(), name, place);
        for field in entries {
            match &*field.key {
                "name" => {}
                "organization" => {
                    let text = format!("an inline {} belongs to the organization it stands in", def.noun);
                    cx.problems.error(codes::MISPLACED_ORGANIZATION, field.key_place, text).help("take the line out");
                }
                _ => draft.entry(cx, field),
            }
        }
        draft.finish(cx, since);
    }
}

/// A resource in the making.
struct Draft {
    def: &'static KindDef,
    address: Address,
    place: Place,
    fields: Vec<(FieldId, Value, Mark)>,
    /// Fields that are given, with problems or not: they are not missing.
    given: Vec<FieldId>,
    meta: MetaDraft,
}

impl Draft {
    fn new(def: &'static KindDef, tenant: TenantName, name: Name, place: Place) -> Self {
        let address = Address::new(tenant, def.kind, name);
        Self { def, address, place, fields: Vec::with_capacity(8), given: Vec::with_capacity(8), meta: MetaDraft::default() }
    }

    fn entry(&mut self, cx: &mut Cx<'_, '_>, entry: &Entry<'_>) {
        let managed = self.def.placement != Placement::Configuration;
        if !(managed && self.meta.take(cx, entry, self.def)) {
            self.field(cx, "", entry);
        }
    }

    /// Lowers an entry whose dotted path begins with `prefix`, which is empty or ends with a dot.
    fn field(&mut self, cx: &mut Cx<'_, '_>, prefix: &str, entry: &Entry<'_>) {
        let key = &*entry.key;
        let rest = |path: &'static str| path.strip_prefix(prefix).and_then(|p| p.strip_prefix(key));
        if let Some((id, field)) = self.def.fields().find(|(_, f)| rest(f.path) == Some("")) {
            self.given.push(id);
            let lowered = match field.ty {
                FieldType::Organizations => self.organizations(cx, id, entry, field.path),
                _ => value::entry(cx, &field.ty, entry, field.path),
            };
            if let Some(value) = lowered {
                self.fields.push((id, value, entry.key_place.mark()));
            }
            return;
        }
        if !self.def.fields.iter().any(|f| rest(f.path).is_some_and(|r| r.starts_with('.'))) {
            return self.unknown(cx, prefix, entry);
        }
        let path = format!("{prefix}{key}");
        match &entry.value.data {
            Data::Map(entries) => entries.iter().for_each(|e| self.field(cx, &format!("{path}."), e)),
            _ => {
                let text = format!("`{path}` must be a map, not {}", entry.value.describe());
                let below = format!("{path}.");
                let names: Vec<_> = self.def.fields.iter().filter_map(|f| f.path.strip_prefix(&below)).collect();
                cx.problems.error(codes::WRONG_TYPE, entry.place(), text).help(format!("its fields are {}", names.join(", ")));
            }
        }
    }

    fn organizations(&mut self, cx: &mut Cx<'_, '_>, id: FieldId, entry: &Entry<'_>, path: &str) -> Option<Value> {
        let selection = value::organizations(cx, entry, path)?;
        if let Some(labels) = selection.labels {
            let (source, mark) = (cx.origin.id, entry.key_place.mark());
            cx.out.pending.push(Pending { address: self.address.clone(), field: id, labels, source, mark });
        }
        FieldType::Organizations.normalise(Value::texts(selection.names.iter().map(Name::as_str)))
    }

    fn unknown(&mut self, cx: &mut Cx<'_, '_>, prefix: &str, entry: &Entry<'_>) {
        let at = |path: &'static str| path.strip_prefix(prefix).and_then(|p| p.split('.').next());
        let own = self.def.fields.iter().filter_map(|f| at(f.path));
        let placement = self.def.placement;
        let managed = prefix.is_empty() && placement != Placement::Configuration;
        let common = COMMON.iter().map(|(key, ..)| *key).filter(|key| managed && applies(key, placement));
        let inline = Kind::ALL.iter().filter_map(|k| match k.def().placement {
            Placement::Member { inline } if prefix.is_empty() && self.def.placement == Placement::Tenant => Some(inline),
            _ => None,
        });
        let mut known: Vec<_> = own.chain(common).chain(inline).collect();
        known.dedup();
        let near = nearest(&entry.key, known.iter().copied());
        // A field whose name is only misspelt is not missing as well.
        self.given.extend(near.and_then(|near| self.def.field_named(&format!("{prefix}{near}"))).map(|(id, _)| id));
        let help = near.map_or_else(|| format!("its fields are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        let text = format!("{} has no field `{prefix}{}`", a(self.def.noun), shown(&entry.key));
        cx.problems.unknown_field(entry, text).help(help);
    }

    fn finish(mut self, cx: &mut Cx<'_, '_>, since: usize) {
        for (_, field) in self.def.fields().filter(|(id, f)| f.required && !self.given.contains(id)) {
            let text = format!("this {} needs `{}`", self.def.noun, field.path);
            cx.problems.error(codes::MISSING_FIELD, self.place, text).help(format!("add `{}: …`, {}", field.path, field.ty));
        }
        cx.problems.about(since, &self.address);
        self.fields.sort_by_key(|(id, ..)| *id);
        let marks = self.fields.iter().map(|(_, _, mark)| *mark).collect();
        let mut fields = Fields::new();
        for (id, value, _) in self.fields {
            fields.set(id, value);
        }
        fields.shrink();
        let (source, mark) = (cx.origin.id, self.place.mark());
        let resource = Resource { address: self.address, fields, marks, source, mark, meta: self.meta.finish() };
        if self.def.placement == Placement::Configuration { cx.out.portals.push(resource) } else { cx.out.resources.push(resource) }
    }
}

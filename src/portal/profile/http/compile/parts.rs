//! The small parts that calls are made of: expressions, texts, bodies, paths, lengths of time. Each is compiled with the variables of its
//! place, and a problem names that place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value as Json;
use serde_saphyr::{Location, Spanned};

use super::super::compiled::Content;
use super::super::tree::Tree;
use crate::diagnostic::codes::portal as codes;
use crate::model::{FieldId, FieldType, Kind};
use crate::portal::profile::cel::{CompileError, Expression, Path};
use crate::portal::profile::compile::Problems;
use crate::portal::profile::paths;
use crate::portal::profile::template::Template;

/// Longest path or parameter of a call as written.
const MAX_TEXT: usize = 2000;

/// Compiles the parts of one kind's calls.
pub(super) struct Parts<'p, 'f> {
    pub(super) kind: Kind,
    /// The kinds that its creation makes as well.
    pub(super) carries: Vec<Kind>,
    pub(super) problems: &'p mut Problems<'f>,
    /// What earlier steps of the action have left to later ones.
    pub(super) known: Known,
}

/// What earlier steps have left to later ones.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Names of `steps`.
    pub(super) taken: BTreeSet<String>,
    /// Names of `evidence`.
    pub(super) evidence: BTreeSet<String>,
    /// Whether the new object's id is known.
    pub(super) id: bool,
}

/// A problem of an expression, told apart by whether it is wrong or could cost too much.
pub(super) fn complain(problems: &mut Problems<'_>, at: Location, error: CompileError) {
    match error {
        CompileError::Wrong(why) => problems.add(codes::PROFILE_EXPRESSION, at, why),
        CompileError::TooCostly(why) => problems.add(codes::PROFILE_BUDGET, at, why),
    }
}

/// An expression that may name these variables.
pub(super) fn expression(source: &Spanned<String>, variables: &[&str], problems: &mut Problems<'_>) -> Option<Expression> {
    match Expression::compile(&[&source.value], variables).pop()? {
        Ok(expression) => Some(expression),
        Err(error) => {
            complain(problems, source.referenced, error);
            None
        }
    }
}

/// A text with expressions that may name these variables.
pub(super) fn template(source: &Spanned<String>, variables: &[&str], problems: &mut Problems<'_>) -> Option<Template> {
    if source.value.len() > MAX_TEXT {
        problems.add(codes::PROFILE_BUDGET, source.referenced, format!("it has more than {MAX_TEXT} bytes"));
        return None;
    }
    Template::compile(&source.value, variables).map_err(|error| complain(problems, source.referenced, error)).ok()
}

/// A body whose texts may name these variables.
pub(super) fn tree(source: &Spanned<Json>, variables: &[&str], problems: &mut Problems<'_>) -> Option<Tree> {
    match Tree::compile(&source.value, variables) {
        Ok(tree) => Some(tree),
        Err(wrong) => {
            for (path, error) in wrong {
                let error = match error {
                    CompileError::Wrong(why) => CompileError::Wrong(format!("at `{path}` of the body: {why}")),
                    CompileError::TooCostly(why) => CompileError::TooCostly(format!("at `{path}` of the body: {why}")),
                };
                complain(problems, source.referenced, error);
            }
            None
        }
    }
}

/// A path: it begins with `/`, and says nothing of a host, a query or a way up.
pub(super) fn path(source: &Spanned<String>, problems: &mut Problems<'_>) -> bool {
    let literal = source.value.split("${").next().unwrap_or_default();
    let why = if !literal.starts_with('/') || literal.starts_with("//") {
        "must begin with one `/`"
    } else if literal.contains(['?', '#', '\\']) {
        "must hold no `?`, `#` or `\\`; parameters go into `query`"
    } else if literal.split('/').any(|segment| segment == "." || segment == "..") {
        "must hold no `.` or `..`"
    } else {
        return true;
    };
    problems.add(codes::PROFILE_SYNTAX, source.referenced, format!("the path `{}` {why}", source.value));
    false
}

/// The name of a header.
pub(super) fn header_name(name: &str, at: Location, problems: &mut Problems<'_>) {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        problems.add(codes::PROFILE_SYNTAX, at, format!("`{name}` is no name of a header"));
    }
}

/// A length of time between two others.
pub(super) fn duration(text: Option<&Spanned<String>>, default: Duration, most: Duration, problems: &mut Problems<'_>) -> Duration {
    let Some(text) = text else { return default };
    let parsed = text.value.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
    match parsed.filter(|d| !d.is_zero() && *d <= most) {
        Some(duration) => duration,
        None => {
            let what = format!("`{}` is no length of time from `1ms` to `{}s`", text.value, most.as_secs());
            problems.add(codes::PROFILE_SYNTAX, text.referenced, what);
            default
        }
    }
}

impl Parts<'_, '_> {
    pub(super) fn contradiction(&mut self, at: Location, what: &str) {
        self.problems.add(codes::PROFILE_CONTRADICTION, at, format!("{}: {what}", self.kind));
    }

    pub(super) fn expression(&mut self, source: &Spanned<String>, variables: &[&str]) -> Option<Expression> {
        let expression = expression(source, variables, self.problems)?;
        self.check_paths(expression.paths(), source.referenced);
        Some(expression)
    }

    pub(super) fn optional(&mut self, source: Option<&Spanned<String>>, variables: &[&str]) -> Option<Expression> {
        source.and_then(|source| self.expression(source, variables))
    }

    pub(super) fn template(&mut self, source: &Spanned<String>, variables: &[&str]) -> Option<Template> {
        let template = template(source, variables, self.problems)?;
        let paths: Vec<Path> = template.paths().cloned().collect();
        self.check_paths(&paths, source.referenced);
        Some(template)
    }

    pub(super) fn path(&mut self, source: &Spanned<String>, variables: &[&str]) -> Option<Template> {
        let good = path(source, self.problems);
        self.template(source, variables).filter(|_| good)
    }

    pub(super) fn templates(&mut self, sources: &BTreeMap<String, Spanned<String>>, variables: &[&str]) -> Vec<(String, Template)> {
        sources.iter().filter_map(|(name, source)| Some((name.clone(), self.template(source, variables)?))).collect()
    }

    pub(super) fn headers(&mut self, sources: &BTreeMap<String, Spanned<String>>, variables: &[&str]) -> Vec<(String, Template)> {
        for (name, source) in sources {
            header_name(name, source.referenced, self.problems);
        }
        self.templates(sources, variables)
    }

    pub(super) fn content(
        &mut self,
        body: Option<&Spanned<Json>>,
        form: Option<&BTreeMap<String, Spanned<String>>>,
        variables: &[&str],
    ) -> Content {
        match (body, form) {
            (None, None) => Content::None,
            (Some(body), None) => {
                let Some(tree) = tree(body, variables, self.problems) else { return Content::None };
                let paths: Vec<Path> = tree.templates().into_iter().flat_map(Template::paths).cloned().collect();
                self.check_paths(&paths, body.referenced);
                Content::Json(tree)
            }
            (None, Some(form)) => Content::Form(self.templates(form, variables)),
            (Some(body), Some(_)) => {
                self.contradiction(body.referenced, "a call has either a `body` or a `form`");
                Content::None
            }
        }
    }

    /// A field by its dotted path.
    pub(super) fn field(&mut self, path: &str, at: Location) -> Option<(FieldId, &'static FieldType)> {
        let found = self.kind.def().field_named(path);
        if found.is_none() {
            self.problems.add(codes::PROFILE_NAME, at, format!("{} has no field `{path}`", self.kind));
        }
        found.map(|(id, field)| (id, &field.ty))
    }

    /// Field paths of what is declared are checked; those of what the API answers cannot be.
    fn check_paths(&mut self, named: &[Path], at: Location) {
        for path in named {
            let first = path.fields.first().map(String::as_str);
            let left = match path.root.as_str() {
                "steps" => Some(&self.known.taken),
                "evidence" => Some(&self.known.evidence),
                _ => None,
            };
            if let (Some(left), Some(name)) = (left, first)
                && !left.contains(name)
            {
                let what = format!("`{}.{name}` is nothing that an earlier step leaves", path.root);
                self.problems.add(codes::PROFILE_NAME, at, what);
            }
            let checked = match path.root.as_str() {
                "self" | "named" | "before" => Path { root: "self".to_owned(), ..path.clone() },
                "tenant" if first == Some("id") => continue,
                "tenant" | "account" => path.clone(),
                _ => continue,
            };
            if let Some(problem) = paths::problem(&checked, &[self.kind]) {
                self.problems.add(codes::PROFILE_NAME, at, problem);
            }
        }
    }
}

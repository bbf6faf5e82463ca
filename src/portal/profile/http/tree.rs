//! A JSON body with expressions in it: a YAML tree whose texts may hold `${CEL}`.
//!
//! Comes in: the tree, once; then a scope. Goes out: JSON. A text that is one `${CEL}` and nothing else keeps the type of its value. A leaf
//! whose expression finds a field absent is left out, together with its key; every other error is one of the whole body.

use serde_json::{Map, Number, Value as Json};

use super::super::cel::{CompileError, EvalError, Scope};
use super::super::template::Template;

/// Deepest body: what serde's own limit for answers is, and far more than an API has.
const MAX_DEPTH: usize = 64;

/// A body, compiled.
#[derive(Debug, Clone)]
pub enum Tree {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text, perhaps with expressions.
    Text(Template),
    /// A list.
    List(Vec<Tree>),
    /// An object, in the order written.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// Compiles a tree; every text that does not compile is given with its path in the tree.
    ///
    /// # Errors
    /// With all of them.
    pub fn compile(json: &Json, variables: &[&str]) -> Result<Self, Vec<(String, CompileError)>> {
        let mut wrong = Vec::new();
        let tree = compile(json, variables, "", 0, &mut wrong);
        if wrong.is_empty() { Ok(tree) } else { Err(wrong) }
    }

    /// The body for a scope.
    ///
    /// # Errors
    /// When an expression fails for another reason than an absent field.
    pub fn render(&self, scope: &dyn Scope) -> Result<Json, EvalError> {
        Ok(self.leaf(scope)?.unwrap_or(Json::Null))
    }

    fn leaf(&self, scope: &dyn Scope) -> Result<Option<Json>, EvalError> {
        Ok(Some(match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Number(number) => Json::Number(number.clone()),
            Self::Text(template) => return template.json(scope),
            Self::List(items) => {
                let items = items.iter().map(|item| item.leaf(scope)).collect::<Result<Vec<_>, _>>()?;
                Json::Array(items.into_iter().flatten().collect())
            }
            Self::Object(entries) => {
                let mut object = Map::new();
                for (key, entry) in entries {
                    if let Some(value) = entry.leaf(scope)? {
                        object.insert(key.clone(), value);
                    }
                }
                Json::Object(object)
            }
        }))
    }

    /// Its texts.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => Vec::new(),
            Self::Text(template) => vec![template],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, entry)| entry.templates()).collect(),
        }
    }
}

fn compile(json: &Json, variables: &[&str], path: &str, depth: usize, wrong: &mut Vec<(String, CompileError)>) -> Tree {
    if depth > MAX_DEPTH {
        wrong.push((path.to_owned(), CompileError::TooCostly(format!("it is nested more than {MAX_DEPTH} levels deep"))));
        return Tree::Null;
    }
    match json {
        Json::Null => Tree::Null,
        Json::Bool(truth) => Tree::Bool(*truth),
        Json::Number(number) => Tree::Number(number.clone()),
        Json::String(text) => Template::compile(text, variables).map_or_else(
            |error| {
                wrong.push((path.to_owned(), error));
                Tree::Null
            },
            Tree::Text,
        ),
        Json::Array(items) => {
            let part = |(at, item)| compile(item, variables, &format!("{path}[{at}]"), depth + 1, wrong);
            Tree::List(items.iter().enumerate().map(part).collect())
        }
        Json::Object(entries) => {
            let part = |(key, entry): (&String, &Json)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                (key.clone(), compile(entry, variables, &path, depth + 1, wrong))
            };
            Tree::Object(entries.iter().map(part).collect())
        }
    }
}

//! Texts with expressions in them: `"https://${name}.portal.example"`. What stands in `${…}` is CEL; everything else is itself, and `$${` is `${`.
//!
//! Comes in: the text and the variables that it may name; then a scope. Goes out: a text, or why there is none. An expression that has no value
//! makes the whole text have none: half an address or half a name is never given out.

use super::cel::{CompileError, EvalError, Expression, Path, Scope};

/// A text, taken apart and compiled.
#[derive(Debug, Clone)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Expression(Expression),
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    /// When a `${` has no `}`, or an expression does not compile.
    pub fn compile(text: &str, variables: &[&str]) -> Result<Self, CompileError> {
        let raw = take_apart(text)?;
        let sources: Vec<&str> =
            raw.iter().filter_map(|part| if let Raw::Expression(source) = part { Some(*source) } else { None }).collect();
        // Together: each compilation has its own thread.
        let mut compiled = Expression::compile(&sources, variables).into_iter();
        let mut parts = Vec::with_capacity(raw.len());
        for part in raw {
            parts.push(match part {
                Raw::Text(text) => Part::Text(text),
                Raw::Expression(_) => {
                    Part::Expression(compiled.next().unwrap_or_else(|| Err(CompileError::Wrong("no expression".to_owned())))?)
                }
            });
        }
        Ok(Self(parts))
    }

    /// The text for a scope.
    ///
    /// # Errors
    /// When one of its expressions has no value there.
    pub fn render(&self, scope: &dyn Scope) -> Result<String, EvalError> {
        self.render_with(scope, |text| Ok(text.to_owned()))
    }

    /// The text for a scope, with what each expression makes put through `encode` first.
    ///
    /// # Errors
    /// When one of its expressions has no value there, or `encode` refuses it.
    pub fn render_with(&self, scope: &dyn Scope, encode: impl Fn(&str) -> Result<String, String>) -> Result<String, EvalError> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expression(expression) => out.push_str(&encode(&expression.shown(scope)?).map_err(EvalError)?),
            }
        }
        Ok(out)
    }

    /// What it makes as JSON: one `${…}` and nothing else keeps the type of its value, anything else is a text. `None`: it names a field that
    /// is absent.
    ///
    /// # Errors
    /// When one of its expressions has no value there for another reason.
    pub fn json(&self, scope: &dyn Scope) -> Result<Option<serde_json::Value>, EvalError> {
        if let Some(expression) = self.alone() {
            return expression.json(scope);
        }
        Ok(self.text(scope)?.map(Into::into))
    }

    /// The text for a scope; `None`: it names a field that is absent.
    ///
    /// # Errors
    /// When one of its expressions has no value there for another reason.
    pub fn text(&self, scope: &dyn Scope) -> Result<Option<String>, EvalError> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expression(expression) => match expression.shown_or_absent(scope)? {
                    Some(text) => out.push_str(&text),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(out))
    }

    /// The one expression that it is, if it is nothing else: its value has a type.
    pub fn alone(&self) -> Option<&Expression> {
        match self.0.as_slice() {
            [Part::Expression(expression)] => Some(expression),
            _ => None,
        }
    }

    /// Itself, if it has no expressions.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The field paths that it names.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().flat_map(|part| match part {
            Part::Text(_) => &[],
            Part::Expression(expression) => expression.paths(),
        })
    }
}

enum Raw<'a> {
    Text(String),
    Expression(&'a str),
}

fn take_apart(text: &str) -> Result<Vec<Raw<'_>>, CompileError> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut plain = String::new();
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        let inner = after.get(2..).unwrap_or_default();
        if let Some(literal) = before.strip_suffix('$') {
            plain.push_str(literal);
            plain.push_str("${");
            rest = inner;
            continue;
        }
        plain.push_str(before);
        let end = end_of_expression(inner).ok_or_else(|| CompileError::Wrong(format!("`${{` has no `}}` in `{text}`")))?;
        let (source, tail) = inner.split_at(end);
        if !plain.is_empty() {
            parts.push(Raw::Text(std::mem::take(&mut plain)));
        }
        parts.push(Raw::Expression(source.trim()));
        rest = tail.get(1..).unwrap_or_default();
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Raw::Text(plain));
    }
    Ok(parts)
}

/// Where the expression ends: at the first `}` that closes nothing of its own and stands in no text.
fn end_of_expression(source: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in source.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

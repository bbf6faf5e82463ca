//! Refuses an expression that could cost too much or names what is not there, and rewrites the rest so that loops and copies are metered.
//!
//! Comes in: a text, then its parsed form. Goes out: the form to evaluate, with the variables and field paths it names. Evaluates nothing.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, MapExpr, SelectExpr, operators};
use regex::{Regex, RegexBuilder};

use super::meter::{COPY, EACH, FUNCTIONS, MATCHES, RUN};
use super::{CompileError, MAX_BRACKETS, MAX_DEPTH, MAX_LOOPS, MAX_NESTED_LOOPS, MAX_NODES, MAX_OPERATORS, MAX_PATTERN, MAX_SOURCE, brief};

/// A field path that an expression names, such as `self.contact.phone`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The variable.
    pub root: String,
    /// The fields below it.
    pub fields: Vec<String>,
    /// True within `has(…)`.
    pub test: bool,
}

/// What [`check`] makes of an expression.
pub(super) struct Checked {
    pub(super) program: IdedExpr,
    pub(super) roots: BTreeSet<String>,
    pub(super) paths: Vec<Path>,
    pub(super) patterns: Vec<Regex>,
}

/// Looks at the text before it is parsed. Brackets and operators are counted in string literals too: cheaper than a second lexer that could
/// disagree with the first, and no rule comes near.
pub(super) fn check_text(source: &str) -> Result<(), CompileError> {
    let count = |set: &str| source.chars().filter(|c| set.contains(*c)).count();
    if source.len() > MAX_SOURCE {
        return too_costly(format!("it has {} bytes; at most {MAX_SOURCE} are allowed", source.len()));
    }
    if count("([{") > MAX_BRACKETS {
        return too_costly(format!("it has more than {MAX_BRACKETS} brackets"));
    }
    if count("!-+*/%<>=&|?:.") > MAX_OPERATORS {
        return too_costly(format!("it has more than {MAX_OPERATORS} operator characters"));
    }
    Ok(())
}

/// Checks and rewrites a parsed expression.
pub(super) fn check(parsed: IdedExpr, variables: &[&str]) -> Result<Checked, CompileError> {
    let mut walk = Walk { variables, ..Walk::default() };
    let program = walk.expr(parsed, 0)?;
    Ok(Checked { program, roots: walk.roots, paths: walk.paths, patterns: walk.patterns })
}

fn too_costly<T>(why: String) -> Result<T, CompileError> {
    Err(CompileError::TooCostly(why))
}

fn wrong<T>(why: String) -> Result<T, CompileError> {
    Err(CompileError::Wrong(why))
}

#[derive(Default)]
struct Walk<'a> {
    variables: &'a [&'a str],
    /// Names that loops have brought in.
    scope: Vec<String>,
    loops_around: usize,
    loops: usize,
    nodes: usize,
    roots: BTreeSet<String>,
    paths: Vec<Path>,
    /// The path that the walk is in is noted.
    noted: bool,
    patterns: Vec<Regex>,
}

impl Walk<'_> {
    fn expr(&mut self, node: IdedExpr, depth: usize) -> Result<IdedExpr, CompileError> {
        self.count(depth)?;
        let depth = depth + 1;
        if matches!(node.expr, Expr::Select(_)) {
            return Ok(IdedExpr { id: node.id, expr: self.select(node, depth, true)? });
        }
        let expr = match node.expr {
            literal @ Expr::Literal(_) => literal,
            Expr::Ident(name) => self.ident(name)?,
            Expr::Call(call) => self.call(call, depth)?,
            Expr::List(list) => {
                let elements = list.elements.into_iter().map(|e| self.copied(e, depth)).collect::<Result<_, _>>()?;
                Expr::List(ListExpr::new(elements))
            }
            Expr::Map(map) => self.map(map, depth)?,
            Expr::Comprehension(inner) => self.comprehension(*inner, depth)?,
            Expr::Struct(s) => return wrong(format!("there is no type `{}`", s.type_name)),
            Expr::Select(_) | Expr::Unspecified => return wrong("a part of it is empty".to_owned()),
        };
        Ok(IdedExpr { id: node.id, expr })
    }

    fn count(&mut self, depth: usize) -> Result<(), CompileError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return too_costly(format!("it has more than {MAX_NODES} parts"));
        }
        if depth > MAX_DEPTH {
            return too_costly(format!("it is nested more than {MAX_DEPTH} levels deep"));
        }
        Ok(())
    }

    fn ident(&mut self, name: String) -> Result<Expr, CompileError> {
        if name != "@result" && !self.scope.contains(&name) {
            if !self.variables.contains(&name.as_str()) {
                return wrong(format!("there is no `{name}`; there are {}", self.variables.join(", ")));
            }
            self.roots.insert(name.clone());
            // The whole of it, and not the root of a path that is noted already: what is taken of it is not seen from here.
            if !std::mem::take(&mut self.noted) {
                self.paths.push(Path { root: name.clone(), fields: Vec::new(), test: false });
            }
        }
        Ok(Expr::Ident(name))
    }

    /// `a.b.c` is noted as one path, if `a` is a variable and not a loop's.
    fn select(&mut self, node: IdedExpr, depth: usize, outermost: bool) -> Result<Expr, CompileError> {
        if outermost
            && let Some((root, fields, test)) = chain(&node)
            && self.variables.contains(&root)
        {
            self.noted = true;
            self.paths.push(Path { root: root.to_owned(), fields: fields.into_iter().rev().map(str::to_owned).collect(), test });
        }
        // The interpreter follows a name such as `a.b.c` in a loop, and recurses over fields of anything else.
        let step = usize::from(chain(&node).is_none());
        let Expr::Select(select) = node.expr else { return Ok(node.expr) };
        let id = select.operand.id;
        let operand = if matches!(select.operand.expr, Expr::Select(_)) {
            self.count(depth)?;
            IdedExpr { id, expr: self.select(*select.operand, depth + step, false)? }
        } else {
            self.expr(*select.operand, depth)?
        };
        Ok(Expr::Select(SelectExpr { operand: Box::new(operand), field: select.field, test: select.test }))
    }

    fn map(&mut self, map: MapExpr, depth: usize) -> Result<Expr, CompileError> {
        let mut entries = Vec::with_capacity(map.entries.len());
        for mut entry in map.entries {
            if let EntryExpr::MapEntry(inner) = &mut entry.expr {
                inner.key = self.copied(std::mem::take(&mut inner.key), depth)?;
                inner.value = self.copied(std::mem::take(&mut inner.value), depth)?;
            }
            entries.push(entry);
        }
        Ok(Expr::Map(MapExpr { entries }))
    }

    fn call(&mut self, call: CallExpr, depth: usize) -> Result<Expr, CompileError> {
        let CallExpr { func_name, target, args } = call;
        let plain = match func_name.as_str() {
            operators::CONDITIONAL
            | operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::NOT_STRICTLY_FALSE
            | operators::INDEX => true,
            operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::IN
            | operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE => false,
            "matches" => return self.matches(target, args, depth),
            name if FUNCTIONS.contains(&name) => false,
            name => return wrong(format!("there is no function `{name}`; there are matches, {}", FUNCTIONS.join(", "))),
        };
        let part = |walk: &mut Self, e: IdedExpr| if plain { walk.expr(e, depth) } else { walk.copied(e, depth) };
        let target = target.map(|t| part(self, *t)).transpose()?.map(Box::new);
        let args = args.into_iter().map(|a| part(self, a)).collect::<Result<_, _>>()?;
        Ok(Expr::Call(CallExpr { func_name, target, args }))
    }

    /// `text.matches("pattern")`: the pattern is compiled here, so it must stand in the expression itself.
    fn matches(&mut self, target: Option<Box<IdedExpr>>, args: Vec<IdedExpr>, depth: usize) -> Result<Expr, CompileError> {
        let mut parts = target.map(|t| *t).into_iter().chain(args);
        let (Some(text), Some(pattern), None) = (parts.next(), parts.next(), parts.next()) else {
            return wrong("`matches` takes a text and a pattern".to_owned());
        };
        let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
            return wrong("the pattern of `matches` must be written in the expression itself".to_owned());
        };
        let compiled = RegexBuilder::new(pattern.inner()).size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN).nest_limit(32).build();
        match compiled {
            Ok(regex) => self.patterns.push(regex),
            Err(regex::Error::CompiledTooBig(_)) => return too_costly(format!("its pattern takes more than {MAX_PATTERN} bytes")),
            Err(error) => return wrong(brief(&format!("its pattern is no regular expression: {error}"))),
        }
        let at = self.patterns.len() - 1;
        let text = self.expr(text, depth)?;
        Ok(function(MATCHES, vec![run(), int(at), text]))
    }

    fn comprehension(&mut self, loop_: ComprehensionExpr, depth: usize) -> Result<Expr, CompileError> {
        if self.variables.contains(&loop_.iter_var.as_str()) || self.scope.contains(&loop_.iter_var) {
            return wrong(format!("`{}` is a variable already: name the loop's otherwise", loop_.iter_var));
        }
        self.loops += 1;
        if self.loops > MAX_LOOPS {
            return too_costly(format!("it has more than {MAX_LOOPS} loops"));
        }
        let range = self.expr(loop_.iter_range, depth)?;
        self.loops_around += 1;
        if self.loops_around > MAX_NESTED_LOOPS {
            return too_costly(format!("more than {MAX_NESTED_LOOPS} loops stand within each other"));
        }
        self.scope.push(loop_.iter_var.clone());
        let before = self.nodes;
        let accu_init = self.expr(loop_.accu_init, depth)?;
        let loop_cond = self.expr(loop_.loop_cond, depth)?;
        let loop_step = self.expr(loop_.loop_step, depth)?;
        let result = self.expr(loop_.result, depth)?;
        let weight = self.nodes - before;
        self.scope.pop();
        self.loops_around -= 1;
        let iter_range = IdedExpr { id: 0, expr: function(EACH, vec![run(), int(weight), range]) };
        Ok(Expr::Comprehension(Box::new(ComprehensionExpr {
            iter_range,
            iter_var: loop_.iter_var,
            iter_var2: loop_.iter_var2,
            accu_var: loop_.accu_var,
            accu_init,
            loop_cond,
            loop_step,
            result,
        })))
    }

    /// A part whose value is copied or walked through: paid for, unless its size is bounded by the text or the record it stands in.
    fn copied(&mut self, node: IdedExpr, depth: usize) -> Result<IdedExpr, CompileError> {
        let bounded = match &node.expr {
            Expr::Literal(_) => true,
            // The interpreter appends to `@result` in place, and only if it finds it here as it was.
            Expr::Ident(name) => name == "@result" || self.variables.contains(&name.as_str()),
            // Lists that a `map` or `filter` appends: their elements are paid for one by one.
            Expr::List(_) => true,
            _ => chain(&node).is_some_and(|(root, ..)| self.variables.contains(&root)),
        };
        let node = self.expr(node, depth)?;
        Ok(if bounded { node } else { IdedExpr { id: 0, expr: function(COPY, vec![run(), node]) } })
    }
}

/// The root, the fields (last first) and whether it is a test, if an expression is `a.b.c` or `has(a.b.c)`.
fn chain(node: &IdedExpr) -> Option<(&str, Vec<&str>, bool)> {
    let (mut at, mut fields) = (node, Vec::new());
    let test = matches!(&node.expr, Expr::Select(s) if s.test);
    loop {
        match &at.expr {
            Expr::Ident(root) => return Some((root, fields, test)),
            Expr::Select(select) if fields.is_empty() || !select.test => {
                fields.push(select.field.as_str());
                at = &select.operand;
            }
            _ => return None,
        }
    }
}

fn function(name: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args })
}

fn run() -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Ident(RUN.to_owned()) }
}

fn int(value: usize) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::Int(i64::try_from(value).unwrap_or(i64::MAX).into())) }
}

//! Expressions of a profile, in CEL (<https://cel.dev>), with a budget: no rule hangs a plan or blows it up.
//!
//! Comes in: text, once; then a [`Scope`] for each evaluation. Goes out: a truth or a text. Never reads, writes or asks for the time.
//!
//! The budget has two halves. `check` refuses an expression that is too long, too deep or too nested before it is ever evaluated. And it
//! rewrites what it accepts, so that each loop and each copy is paid for from a [`Meter`], which stops the evaluation when it is spent. An
//! expression that fails for any reason has no value: its rule refuses (see [`super::Profile`]).

mod call;
mod check;
mod json;
mod meter;
mod views;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::types::{CelBool, CelInt, CelList, CelString};
use cel::common::value::Val;
use cel::parser::Parser;
use cel::{Context, IdedExpr};
use regex::Regex;

pub use call::CallScope;
pub(super) use call::{CALL_VARIABLES, VISIT_VARIABLES};
pub use check::Path;
pub use json::JsonScope;
pub use meter::Meter;
pub use views::SubjectScope;
pub(super) use views::{ACCOUNT_FIELDS, HEAD_NAMES, ItemScope, OBSERVED, TENANT_FIELDS, VARIABLES, collection_name};

/// Longest expression, in bytes. The longest shipped rule has 300.
pub const MAX_SOURCE: usize = 4096;
/// Most opening brackets, wherever they stand: bounds how deep the parser recurses.
pub const MAX_BRACKETS: usize = 128;
/// Most operator characters, wherever they stand: bounds chains such as `!!!!x` and `a.b.c.d`, over which the parser recurses too.
pub const MAX_OPERATORS: usize = 256;
/// Most nodes of the parsed expression, macros expanded.
pub const MAX_NODES: usize = 512;
/// Deepest nesting of the parsed expression. The interpreter takes up to 80 KB of stack for a level in a build without optimisation, and a
/// thread has 2 MB. Three loops within each other with a condition inside have nine levels.
pub const MAX_DEPTH: usize = 14;
/// Most loops (`all`, `exists`, `exists_one`, `map`, `filter`) within each other.
pub const MAX_NESTED_LOOPS: usize = 3;
/// Most loops in all.
pub const MAX_LOOPS: usize = 12;
/// Largest compiled regular expression, in bytes.
pub const MAX_PATTERN: usize = 1 << 16;
/// What one evaluation may spend: a step is one node of a loop's body, once, or one value copied. So many take some 25 ms.
pub const MAX_STEPS: u64 = 250_000;

/// Four times what the worst text within the bounds above takes in a build without optimisation (a test has such texts). Only what is used of it
/// is ever allocated.
const PARSER_STACK: usize = 64 << 20;

/// Why a text is no expression that may be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It is no CEL, or names something that is not there.
    #[error("{0}")]
    Wrong(String),
    /// It could cost too much.
    #[error("{0}")]
    TooCostly(String),
}

/// Why an expression has no value for a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

/// Gives an expression its variables.
pub trait Scope {
    /// The value of a variable, made when it is asked for; it pays for what it makes.
    fn variable<'v>(&'v self, name: &str, meter: &'v Meter) -> Option<Box<dyn Val + 'v>>;
}

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    source: Box<str>,
    program: IdedExpr,
    /// The variables it names.
    roots: BTreeSet<String>,
    /// The field paths it names, for the profile to check.
    paths: Vec<Path>,
    patterns: Arc<[Regex]>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({})", self.source)
    }
}

impl Expression {
    /// Compiles texts that may name these variables; one answer for each, in order.
    ///
    /// # Errors
    /// For each text by itself: when it is no CEL, names another variable or function, or could cost too much.
    pub fn compile(sources: &[&str], variables: &[&str]) -> Vec<Result<Self, CompileError>> {
        // The parser's recursion is bounded by the texts' bounds, but not by a stack whose size we don't know: it runs on one that we do.
        // A panic in it ends that thread and nothing else.
        std::thread::scope(|scope| {
            let work = || sources.iter().map(|s| contained(|| compile_one(s, variables))).collect::<Vec<_>>();
            let failed = |why: &str| sources.iter().map(|_| Err(CompileError::Wrong(why.to_owned()))).collect();
            match std::thread::Builder::new().name("cel".to_owned()).stack_size(PARSER_STACK).spawn_scoped(scope, work) {
                Ok(thread) => thread.join().unwrap_or_else(|_| failed("the CEL parser failed")),
                Err(error) => failed(&format!("no thread to parse on: {error}")),
            }
        })
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// When it cannot be evaluated within the budget, or is not a truth.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        self.evaluate(scope, |value| value.downcast_ref::<CelBool>().map(|b| *b.inner()), "true or false")
    }

    /// The text it makes.
    ///
    /// # Errors
    /// When it cannot be evaluated within the budget, or is not a text.
    pub fn text(&self, scope: &dyn Scope) -> Result<String, EvalError> {
        self.evaluate(scope, |value| value.downcast_ref::<CelString>().map(|s| s.inner().to_owned()), "a text")
    }

    /// Its value as a person would write it: a text as it is, a number, a truth, or a list of such with commas.
    ///
    /// # Errors
    /// When it cannot be evaluated within the budget, or has no such form.
    pub fn shown(&self, scope: &dyn Scope) -> Result<String, EvalError> {
        self.evaluate(scope, shown, "a text, a number or a truth")
    }

    /// The same; `None` where it names a field that is absent.
    ///
    /// # Errors
    /// When it cannot be evaluated for another reason, or has no such form.
    pub fn shown_or_absent(&self, scope: &dyn Scope) -> Result<Option<String>, EvalError> {
        self.evaluate_or_absent(scope, shown, "a text, a number or a truth")
    }

    /// Its value as JSON; `None` where it names a field that is absent.
    ///
    /// # Errors
    /// When it cannot be evaluated for another reason, or is nothing that JSON can say.
    pub fn json(&self, scope: &dyn Scope) -> Result<Option<serde_json::Value>, EvalError> {
        self.evaluate_or_absent(scope, json::to_json, "something that JSON can say")
    }

    /// The field paths it names.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    fn evaluate<T>(&self, scope: &dyn Scope, take: impl Fn(&dyn Val) -> Option<T>, want: &str) -> Result<T, EvalError> {
        self.run(scope, take, want).map_err(Failure::told)
    }

    fn evaluate_or_absent<T>(&self, scope: &dyn Scope, take: impl Fn(&dyn Val) -> Option<T>, want: &str) -> Result<Option<T>, EvalError> {
        match self.run(scope, take, want) {
            Ok(value) => Ok(Some(value)),
            Err(Failure::Absent(_)) => Ok(None),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    fn run<T>(&self, scope: &dyn Scope, take: impl Fn(&dyn Val) -> Option<T>, want: &str) -> Result<T, Failure> {
        let meter = Arc::new(Meter::new(MAX_STEPS));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::with_env(meter::env());
            context
                .add_variable_as_val(meter::RUN, Box::new(meter::Run { meter: Arc::clone(&meter), patterns: Arc::clone(&self.patterns) }));
            for name in &self.roots {
                if let Some(value) = scope.variable(name, &meter) {
                    context.add_variable_as_val(name.as_str(), value);
                }
            }
            let value = cel::Value::resolve_val(&self.program, &context).map_err(|e| Failure::of(&e))?;
            let wrong = || Failure::other(format!("it gives a value of type {} and not {want}", value.get_type().name()));
            take(value.as_ref()).ok_or_else(wrong)
        }));
        // Asked first: an operator such as `||` may have swallowed the error.
        if meter.spent() {
            return Err(Failure::other(format!("it takes more than {MAX_STEPS} steps")));
        }
        outcome.unwrap_or_else(|_| Err(Failure::other("the CEL interpreter failed".to_owned())))
    }
}

/// Why an evaluation has no value.
enum Failure {
    /// It names a field that is not there.
    Absent(EvalError),
    Other(EvalError),
}

impl Failure {
    fn of(error: &cel::ExecutionError) -> Self {
        let told = EvalError(brief(&error.to_string()));
        if matches!(error, cel::ExecutionError::NoSuchKey(_)) { Self::Absent(told) } else { Self::Other(told) }
    }

    fn other(why: String) -> Self {
        Self::Other(EvalError(why))
    }

    fn told(self) -> EvalError {
        match self {
            Self::Absent(error) | Self::Other(error) => error,
        }
    }
}

fn shown(value: &dyn Val) -> Option<String> {
    if let Some(text) = value.downcast_ref::<CelString>() {
        return Some(text.inner().to_owned());
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Some(truth.inner().to_string());
    }
    if let Some(number) = value.downcast_ref::<CelInt>() {
        return Some(number.inner().to_string());
    }
    let list = value.downcast_ref::<CelList>()?;
    list.inner().iter().map(|item| shown(item.as_ref())).collect::<Option<Vec<_>>>().map(|items| items.join(", "))
}

fn compile_one(source: &str, variables: &[&str]) -> Result<Expression, CompileError> {
    check::check_text(source)?;
    let parsed = Parser::new().parse(source).map_err(|errors| {
        let first = errors.errors.first().map(|e| (e.pos, e.msg.clone()));
        let ((line, column), message) = first.unwrap_or(((1, 1), "no expression".to_owned()));
        CompileError::Wrong(brief(&format!("at line {line}, column {column} of the expression: {message}")))
    })?;
    let checked = check::check(parsed, variables)?;
    Ok(Expression {
        source: source.into(),
        program: checked.program,
        roots: checked.roots,
        paths: checked.paths,
        patterns: checked.patterns.into(),
    })
}

fn contained<T>(work: impl FnOnce() -> Result<T, CompileError>) -> Result<T, CompileError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(CompileError::Wrong("the CEL parser failed".to_owned())))
}

/// CEL's errors show whole values; a person needs the beginning.
fn brief(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST { line } else { line.chars().take(MOST).chain(['…']).collect() }
}

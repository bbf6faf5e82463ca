//! What an evaluation costs, counted while it runs.
//!
//! [`super::check`] wraps what an expression loops over and copies in calls of the functions here; they charge a [`Meter`] and hand their
//! argument back. The interpreter calls plain functions only, so the meter travels as a value, under a name that no text can spell.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use cel::common::types::{self, CelBool, CelBytes, CelInt, CelList, CelMap, CelString, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError};
use regex::Regex;

/// The variable that carries the meter.
pub(super) const RUN: &str = "@run";
/// `@copy(@run, x)`: pays for copying `x`.
pub(super) const COPY: &str = "@copy";
/// `@each(@run, weight, list)`: pays for looping over `list` with a body of `weight` nodes.
pub(super) const EACH: &str = "@each";
/// `@matches(@run, n, text)`: whether the expression's n-th pattern matches.
pub(super) const MATCHES: &str = "@matches";

/// Counts steps down.
#[derive(Debug)]
pub struct Meter {
    left: AtomicU64,
    spent: std::sync::atomic::AtomicBool,
}

impl Meter {
    pub(super) fn new(steps: u64) -> Self {
        Self { left: AtomicU64::new(steps), spent: false.into() }
    }

    /// Pays, or fails if not enough is left; from then on everything fails.
    pub(super) fn charge(&self, steps: u64) -> Result<(), ExecutionError> {
        let left = self.left.load(Ordering::Relaxed);
        if left < steps || self.spent() {
            self.spent.store(true, Ordering::Relaxed);
            return Err(ExecutionError::function_error("budget", "the expression takes too many steps"));
        }
        self.left.store(left - steps, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }
}

/// The value behind [`RUN`].
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) meter: Arc<Meter>,
    pub(super) patterns: Arc<[Regex]>,
}

static RUN_TYPE: Type = Type::new_unspecified_type("@run");

impl Val for Run {
    fn get_type(&self) -> &Type {
        &RUN_TYPE
    }
    fn cel_type() -> &'static Type {
        &RUN_TYPE
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for Run {}

/// Functions of the standard library and the strings extension that an expression may call: each takes time in proportion to its arguments.
pub(super) const FUNCTIONS: [&str; 12] =
    ["size", "contains", "startsWith", "endsWith", "string", "int", "lowerAscii", "trim", "split", "indexOf", "substring", "charAt"];

/// The functions of every expression.
pub(super) fn env() -> Arc<Env> {
    static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::default().with_optional_support(false).with_stdlib();
        // These fail only where a name is taken; an expression would then find no such function, and refuse.
        let _ = env.add_extension(cel::extensions::strings);
        let _ = env.add_overload(COPY, "copy", vec![types::DYN_TYPE, types::DYN_TYPE], copy);
        let _ = env.add_overload(EACH, "each", vec![types::DYN_TYPE, types::INT_TYPE, types::DYN_TYPE], each);
        let _ = env.add_overload(MATCHES, "matches", vec![types::DYN_TYPE, types::INT_TYPE, types::STRING_TYPE], matches);
        Arc::new(env)
    });
    Arc::clone(&ENV)
}

fn copy<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = last(&mut args)?;
    run(&args)?.meter.charge(size_of(value.as_ref()))?;
    Ok(value)
}

fn each<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let list = last(&mut args)?;
    let run = run(&args)?;
    let items = list.as_sizer().map_or(0, |s| u64::try_from(*s.size().inner()).unwrap_or(0));
    let weight = number(&args)?.saturating_add(1);
    run.meter.charge(items.saturating_mul(weight).saturating_add(size_of(list.as_ref())))?;
    Ok(list)
}

fn matches<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = last(&mut args)?;
    let run = run(&args)?;
    let at = usize::try_from(number(&args)?).unwrap_or(usize::MAX);
    let pattern = run.patterns.get(at).ok_or_else(|| ExecutionError::undeclared_reference(MATCHES))?;
    let text = text.downcast_ref::<CelString>().ok_or_else(ExecutionError::missing_argument_or_target)?;
    // The engine takes time in proportion to text times pattern in the worst case; patterns are bounded.
    run.meter.charge(8 * (1 + text.inner().len() as u64))?;
    Ok(CowVal::owned(CelBool::from(pattern.is_match(text.inner()))))
}

fn last<'b, 'v>(args: &mut Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    args.pop().ok_or_else(ExecutionError::missing_argument_or_target)
}

fn run<'a>(args: &'a [CowVal<'_, '_>]) -> Result<&'a Run, ExecutionError> {
    args.first().and_then(|v| v.downcast_ref::<Run>()).ok_or_else(ExecutionError::missing_argument_or_target)
}

fn number(args: &[CowVal<'_, '_>]) -> Result<u64, ExecutionError> {
    let int = args.get(1).and_then(|v| v.downcast_ref::<CelInt>()).ok_or_else(ExecutionError::missing_argument_or_target)?;
    Ok(u64::try_from(*int.inner()).unwrap_or(0))
}

/// What copying a value costs: one step for each value in it, and for each 32 bytes of text. Views of records copy as one pointer.
fn size_of(value: &dyn Val) -> u64 {
    if let Some(text) = value.downcast_ref::<CelString>() {
        1 + text.inner().len() as u64 / 32
    } else if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        1 + bytes.inner().len() as u64 / 32
    } else if let Some(list) = value.downcast_ref::<CelList>() {
        list.inner().iter().fold(1, |sum, v| sum.saturating_add(size_of(v.as_ref())))
    } else if let Some(map) = value.downcast_ref::<CelMap>() {
        map.inner().values().fold(1, |sum, v| sum.saturating_add(2).saturating_add(size_of(v.as_ref())))
    } else {
        1
    }
}

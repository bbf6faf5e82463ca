//! What a server remembers of its faults: how often each was seen and struck, what lags, what waits in the queue.
//!
//! Comes in: a request's method and path. Goes out: what is to happen to it. Knows nothing of HTTP bodies.

use std::collections::BTreeMap;

use globset::GlobMatcher;
use serde_json::{Value, json};

use super::lag::Lags;
use super::plan::{Fault, Plan, Random, What};
use super::queue::Queue;

/// Everything a server remembers of its faults.
#[derive(Default)]
pub(super) struct Book {
    armed: Vec<Armed>,
    random: Option<Chance>,
    /// The items of the page of each listing that was answered last.
    pub(super) pages: BTreeMap<String, Vec<Value>>,
    pub(super) lags: Lags,
    pub(super) queue: Queue,
}

struct Armed {
    fault: Fault,
    path: Option<GlobMatcher>,
    /// Requests that matched.
    seen: u64,
    /// Requests that were struck.
    struck: u64,
}

struct Chance {
    random: Random,
    seen: BTreeMap<(String, String), u64>,
    struck: BTreeMap<&'static str, u64>,
}

/// One fault that is about to strike.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    pub(super) what: What,
    by: By,
}

#[derive(Debug, Clone, Copy)]
enum By {
    Fault(usize),
    Chance,
}

impl Book {
    /// A book for a plan; what lags and what waits stays as it is.
    pub(super) fn arm(&mut self, plan: Plan) -> Result<(), String> {
        let armed = plan.faults.into_iter().map(|fault| Ok(Armed { path: fault.on.matcher()?, fault, seen: 0, struck: 0 }));
        self.armed = armed.collect::<Result<_, String>>()?;
        self.random = plan.random.map(|random| Chance { random, seen: BTreeMap::new(), struck: BTreeMap::new() });
        self.pages.clear();
        Ok(())
    }

    /// What strikes this request: every delay that is due, and one other fault at most.
    pub(super) fn strike(&mut self, method: &str, path: &str) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        for (index, armed) in self.armed.iter_mut().enumerate() {
            if !armed.matches(method, path) {
                continue;
            }
            armed.seen += 1;
            let delay = |what: &What| matches!(what, What::Latency { .. });
            if armed.is_due() && (delay(&armed.fault.what) || hits.iter().all(|h| delay(&h.what))) {
                hits.push(Hit { what: armed.fault.what.clone(), by: By::Fault(index) });
            }
        }
        if let (true, Some(chance)) = (hits.is_empty(), &mut self.random) {
            let nth = chance.seen.entry((method.to_owned(), path.to_owned())).or_default();
            *nth += 1;
            hits.extend(chance.random.draw(method, path, *nth).map(|what| Hit { what: what.clone(), by: By::Chance }));
        }
        hits
    }

    /// True while a listing may have to be shown as it was, or shown again.
    pub(super) fn watches_listings(&self) -> bool {
        let repeats = |what: &What| *what == What::RepeatedPage;
        self.lags.len() > 0
            || self.armed.iter().any(|a| repeats(&a.fault.what))
            || self.random.as_ref().is_some_and(|c| c.random.among.iter().any(repeats))
    }

    /// A fault did strike.
    pub(super) fn count(&mut self, hit: &Hit) {
        match (hit.by, &mut self.random) {
            (By::Fault(index), _) => {
                if let Some(armed) = self.armed.get_mut(index) {
                    armed.struck += 1;
                }
            }
            (By::Chance, Some(chance)) => *chance.struck.entry(hit.what.kind()).or_default() += 1,
            // The plan was changed meanwhile.
            (By::Chance, None) => {}
        }
    }

    /// What became of the plan.
    pub(super) fn report(&self) -> Value {
        let line = |a: &Armed| json!({ "on": a.fault.on, "do": a.fault.what, "seen": a.seen, "struck": a.struck });
        let faults: Vec<Value> = self.armed.iter().map(line).collect();
        let by_chance = |c: &Chance| c.struck.values().sum::<u64>();
        let struck = self.armed.iter().map(|a| a.struck).sum::<u64>() + self.random.as_ref().map_or(0, by_chance);
        let random =
            self.random.as_ref().map(|c| json!({ "seed": c.random.seed, "probability": c.random.probability, "struck": c.struck }));
        json!({ "struck": struck, "faults": faults, "random": random, "lagging": self.lags.len(), "queued": self.queue.len() })
    }
}

impl Armed {
    fn matches(&self, method: &str, path: &str) -> bool {
        self.fault.on.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|p| p.is_match(path))
    }

    fn is_due(&self) -> bool {
        let on = &self.fault.on;
        self.seen >= on.nth && (on.times == 0 || self.seen < on.nth.saturating_add(on.times))
    }
}

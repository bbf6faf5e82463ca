//! What a test asks for: faults, each with the requests that it strikes, and a random mode for soak tests.
//!
//! Comes in: JSON of `PUT /sandbox/faults`, or the text of a `--fault` flag. Goes out: a [`Plan`] whose paths and numbers are checked.

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Faults to play.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// One after another; the first that is due strikes, and delays add up.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Strikes requests that no fault of the list does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<Random>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The requests it strikes; absent: the next one, whatever it is.
    #[serde(default)]
    pub on: On,
    /// What happens to them.
    #[serde(rename = "do")]
    pub what: What,
}

/// Which requests a fault strikes: of those that match, the `nth` and the ones after it, `times` in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct On {
    /// The method; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path, without the query: `*` is one segment, `**` any number; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The first that is struck, from 1.
    pub nth: u64,
    /// How many are struck; 0: all that follow.
    pub times: u64,
}

impl Default for On {
    fn default() -> Self {
        Self { method: None, path: None, nth: 1, times: 1 }
    }
}

/// When a fault strikes, as seen from the request's effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Nothing has happened.
    #[default]
    Before,
    /// It has happened, and the answer does not say so.
    After,
}

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CutAt {
    /// Nothing has happened.
    #[default]
    Before,
    /// It has happened, and no byte of the answer arrives.
    After,
    /// It has happened, and half of the answer's body arrives.
    Body,
}

/// How a 429 says when to come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Told {
    /// `Retry-After` in seconds.
    #[default]
    Seconds,
    /// `Retry-After` as an HTTP date.
    Date,
    /// `X-Retry-After` in seconds.
    XRetryAfter,
    /// Not at all.
    Nothing,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum What {
    /// It waits first. It is struck by other faults all the same.
    Latency {
        /// Milliseconds.
        millis: u64,
    },
    /// 429, without effect.
    RateLimit {
        /// When to come back.
        #[serde(default)]
        seconds: u64,
        /// How that is said.
        #[serde(default)]
        told: Told,
    },
    /// 5xx.
    Error {
        /// The status.
        status: u16,
        /// Before the effect or after it.
        #[serde(default)]
        when: When,
    },
    /// The connection is cut.
    Cut {
        /// Where.
        #[serde(default)]
        at: CutAt,
    },
    /// A page of a listing has half its items; its total says otherwise.
    ShortPage,
    /// A page of a listing has the items of the page before it.
    RepeatedPage,
    /// A page of a listing has lost its first item to the page before it, and its total is one less: something was deleted meanwhile.
    ShrinkingList,
    /// The write is done, and listings do not show it yet.
    Lag {
        /// For so many milliseconds.
        #[serde(default)]
        millis: u64,
        /// For so many requests of the listing.
        #[serde(default)]
        requests: u64,
    },
    /// 401: the token has expired. Without effect.
    ExpiredToken,
    /// 200 with a page of HTML, as a login page or a proxy answers. Without effect.
    Html,
    /// 202: the write is done later.
    Queued {
        /// After so many milliseconds.
        #[serde(default)]
        millis: u64,
        /// After so many further requests.
        #[serde(default)]
        requests: u64,
    },
}

/// Faults by chance: the same requests in the same number meet the same faults under the same seed, in whatever order they arrive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// Any number.
    pub seed: u64,
    /// How likely a request is struck, from 0 to 1.
    pub probability: f64,
    /// By one of these.
    #[serde(default = "transient")]
    pub among: Vec<What>,
}

/// Faults that a careful client survives.
fn transient() -> Vec<What> {
    vec![
        What::Latency { millis: 20 },
        What::RateLimit { seconds: 0, told: Told::Seconds },
        What::Error { status: 500, when: When::Before },
        What::Error { status: 503, when: When::After },
        What::Cut { at: CutAt::Before },
        What::Cut { at: CutAt::After },
        What::Cut { at: CutAt::Body },
        What::ShortPage,
        What::ExpiredToken,
        What::Html,
    ]
}

impl Plan {
    /// A plan from JSON: a list of faults, or an object with `faults` and `random`.
    ///
    /// # Errors
    /// With what is wrong and where.
    pub fn from_json(json: Value) -> Result<Self, String> {
        let whole = if json.is_array() { json!({ "faults": json }) } else { json };
        let plan: Self = serde_json::from_value(whole).map_err(|e| e.to_string())?;
        plan.faults.iter().try_for_each(Fault::check)?;
        plan.random.iter().try_for_each(Random::check)?;
        Ok(plan)
    }

    /// Adds what a `--fault` flag says: a kind and then `name=value`, such as `error status=503 when=after method=POST path=/api/v1/** nth=2`,
    /// or `random seed=7 probability=0.1`.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn add_flag(&mut self, text: &str) -> Result<(), String> {
        let mut words = text.split_whitespace();
        let kind = words.next().ok_or("a fault is empty: name its kind first, such as `cut at=after`")?;
        let (mut on, mut what) = (Map::new(), Map::new());
        for word in words {
            let (name, value) = word.split_once('=').ok_or_else(|| format!("fault {kind}: `{word}` is no name=value"))?;
            let part = if matches!(name, "method" | "path" | "nth" | "times") { &mut on } else { &mut what };
            part.insert(name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(value)));
        }
        let added = if kind == "random" {
            json!({ "random": what })
        } else {
            what.insert("kind".to_owned(), json!(kind));
            json!([{ "on": on, "do": what }])
        };
        let added = Self::from_json(added).map_err(|e| format!("fault {kind}: {e}"))?;
        self.faults.extend(added.faults);
        self.random = added.random.or(self.random.take());
        Ok(())
    }
}

impl Fault {
    fn check(&self) -> Result<(), String> {
        if self.on.nth == 0 {
            return Err("`nth` counts from 1".to_owned());
        }
        self.on.matcher().map(drop)?;
        self.what.check()
    }
}

impl On {
    /// What its path matches; `None`: everything.
    pub(super) fn matcher(&self) -> Result<Option<GlobMatcher>, String> {
        let compiled = self.path.as_deref().map(|p| GlobBuilder::new(p).literal_separator(true).build().map(|g| g.compile_matcher()));
        compiled.transpose().map_err(|e| format!("`path`: {e}"))
    }
}

impl What {
    /// Its name, as `kind` has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::RateLimit { .. } => "rateLimit",
            Self::Error { .. } => "error",
            Self::Cut { .. } => "cut",
            Self::ShortPage => "shortPage",
            Self::RepeatedPage => "repeatedPage",
            Self::ShrinkingList => "shrinkingList",
            Self::Lag { .. } => "lag",
            Self::ExpiredToken => "expiredToken",
            Self::Html => "html",
            Self::Queued { .. } => "queued",
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Error { status, .. } if !(500..=599).contains(status) => Err(format!("`status` {status} is not from 500 to 599")),
            Self::Lag { millis, requests } | Self::Queued { millis, requests } if (*millis == 0) == (*requests == 0) => {
                Err(format!("`{}` takes either `millis` or `requests`, above 0", self.kind()))
            }
            _ => Ok(()),
        }
    }
}

impl Random {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("`probability` {} is not from 0 to 1", self.probability));
        }
        if self.among.is_empty() {
            return Err("`among` is empty: leave it out for the usual faults".to_owned());
        }
        self.among.iter().try_for_each(What::check)
    }

    /// What strikes the `nth` request of this method and path, if anything.
    pub(super) fn draw(&self, method: &str, path: &str, nth: u64) -> Option<&What> {
        let mut dice = Dice::new(self.seed, method, path, nth);
        if dice.fraction() >= self.probability {
            return None;
        }
        let sides = u64::try_from(self.among.len()).ok()?;
        self.among.get(usize::try_from(dice.next() % sides).ok()?)
    }
}

/// Numbers by chance, from what they are for alone.
struct Dice(u64);

impl Dice {
    /// FNV-1a over what the dice are thrown for.
    fn new(seed: u64, method: &str, path: &str, nth: u64) -> Self {
        let bytes = seed.to_le_bytes().into_iter().chain(method.bytes()).chain(path.bytes()).chain(nth.to_le_bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    /// SplitMix64: short, and good in all its bits.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to 1, in steps of a 32nd power of two: exact in a float.
    fn fraction(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}

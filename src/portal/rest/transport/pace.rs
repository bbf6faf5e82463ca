//! When a server wants to be asked again. Comes in: the headers of an answer. Goes out: how long to wait, as the server says it. Decides nothing
//! about waiting.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap};

use crate::portal::profile::http::connection::Reset;
use crate::portal::profile::http::connection::compiled::Throttle;

/// Seconds from here on are a date, whatever is said of them: nobody waits thirty years.
const EPOCH: f64 = 1e9;
/// And from here on they are milliseconds.
const EPOCH_MILLIS: f64 = 1e12;
/// Longest wait that is believed. A portal that wants more is asked again after it.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long an answer that says "too many" wants to be left alone.
pub(super) fn after(headers: &HeaderMap, throttle: &Throttle, now: Timestamp) -> Option<Duration> {
    let now = now_there(headers, now);
    let wait = |name: &str, reset_is: Reset| headers.get(name).and_then(|v| v.to_str().ok()).and_then(|text| wait(text, reset_is, now));
    [&*throttle.retry_after, "retry-after", "x-retry-after"]
        .into_iter()
        .find_map(|name| wait(name, Reset::Seconds))
        .or_else(|| throttle.reset.as_deref().and_then(|name| wait(name, throttle.reset_is)))
        .or_else(|| ["ratelimit-reset", "x-ratelimit-reset"].into_iter().find_map(|name| wait(name, Reset::Seconds)))
}

/// How long to wait after an answer that says that it was the last one for now.
pub(super) fn pause(headers: &HeaderMap, throttle: &Throttle, now: Timestamp) -> Option<Duration> {
    let left = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).and_then(|text| text.trim().parse::<u64>().ok());
    let named = throttle.remaining.as_deref().and_then(left);
    let left = named.or_else(|| ["ratelimit-remaining", "x-ratelimit-remaining"].into_iter().find_map(left))?;
    if left == 0 { after(headers, throttle, now) } else { None }
}

/// The server's own time: its dates are meant by it, whatever the time is here.
fn now_there(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    headers.get(DATE).and_then(|v| v.to_str().ok()).and_then(date).unwrap_or(now)
}

fn wait(text: &str, reset_is: Reset, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let seconds = match text.parse::<f64>() {
        Ok(number) if !number.is_finite() || number < 0.0 => return None,
        Ok(number) if number >= EPOCH_MILLIS => until(number / 1000.0, now),
        Ok(number) if number >= EPOCH || reset_is == Reset::Epoch => until(number, now),
        Ok(number) => number,
        Err(_) => date(text)?.duration_since(now).as_secs_f64(),
    };
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST).min(LONGEST))
}

fn until(epoch: f64, now: Timestamp) -> f64 {
    epoch - now.as_duration().as_secs_f64()
}

/// A date as HTTP writes it (RFC 9110, section 5.6.7).
pub(super) fn date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

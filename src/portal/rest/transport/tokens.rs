//! The token that requests sign in with. Comes in: a way to get one. Goes out: one that has not expired. However many calls want one at once, one
//! of them gets it and all use it; where that fails, all who waited for it fail alike. Never shows a token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::auth::{Grant, Signature};
use super::error::SendError;

/// How long before its end a token is not used any more: longer than a request is on its way.
const MARGIN: Duration = Duration::from_secs(30);
/// And at most this share of its life, for tokens that live a minute.
const MARGIN_SHARE: u32 = 4;

/// See the module.
#[derive(Default)]
pub(super) struct Tokens {
    /// How often one was asked for.
    asked: AtomicU64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    failed: Option<SendError>,
}

/// A token that was given out.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) signature: Signature,
    /// Tells it from those before it.
    pub(super) serial: u64,
    fresh_until: Option<Instant>,
}

impl Tokens {
    /// A token other than the one that was refused, if one was; `get` asks for one.
    pub(super) async fn token<G>(&self, refused: Option<u64>, get: impl FnOnce() -> G) -> Result<Token, SendError>
    where
        G: Future<Output = Result<Grant, SendError>>,
    {
        let before = self.asked.load(Ordering::SeqCst);
        let mut held = self.held.lock().await;
        if let Some(token) = held.token.as_ref().filter(|t| refused != Some(t.serial) && t.fresh_until.is_none_or(|f| f > Instant::now())) {
            return Ok(token.clone());
        }
        // Somebody asked while this call waited, and in vain: asking again for each of fifty calls would lock an account.
        if let Some(failed) = held.failed.as_ref().filter(|_| self.asked.load(Ordering::SeqCst) != before) {
            return Err(failed.clone());
        }
        let asked_at = Instant::now();
        let answer = get().await;
        let serial = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        match answer {
            Ok(Grant { signature, lifetime }) => {
                let fresh = lifetime.map(|life| life.saturating_sub(MARGIN.min(life / MARGIN_SHARE)));
                // One that lives longer than clocks count lives until it is refused.
                let token = Token { signature, serial, fresh_until: fresh.and_then(|fresh| asked_at.checked_add(fresh)) };
                *held = Held { token: Some(token.clone()), failed: None };
                Ok(token)
            }
            Err(error) => {
                held.failed = Some(error.clone());
                Err(error)
            }
        }
    }
}

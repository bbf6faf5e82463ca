//! Ctrl-C and the clock. Comes in: signals and a limit of time. Goes out: the word that nothing new begins, and that nothing is waited for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::exit::Exit;
use crate::apply::Stop;

/// Why a run is to stop.
#[derive(Default)]
pub(super) struct Stops {
    /// What the run looks at before it begins anything.
    pub(super) stop: Arc<Stop>,
    /// Somebody asked twice: nothing is waited for.
    pub(super) at_once: Notify,
    cancelled: AtomicBool,
    timed_out: AtomicBool,
}

impl Stops {
    /// Listens for Ctrl-C, for an end asked for by the system, and for the clock. Whoever asks twice does not wait for calls under way.
    /// `say` tells a person that the first was heard.
    pub(super) fn listen(self: &Arc<Self>, timeout: Option<u64>, say: impl Fn(&str) + Send + 'static) {
        let this = Arc::clone(self);
        let mut interrupts = interrupts();
        tokio::spawn(async move {
            if interrupts.recv().await.is_none() {
                return;
            }
            this.cancelled.store(true, Ordering::SeqCst);
            this.stop.request();
            say("Stopping: calls under way finish and no new one begins. Ask again to stop at once.");
            if interrupts.recv().await.is_some() {
                this.at_once.notify_one();
            }
        });
        if let Some(seconds) = timeout {
            let this = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                this.timed_out.store(true, Ordering::SeqCst);
                this.stop.request();
            });
        }
    }

    /// The exit code of a run that was stopped.
    pub(super) fn exit(&self) -> Option<Exit> {
        if self.timed_out.load(Ordering::SeqCst) {
            return Some(Exit::TimedOut);
        }
        self.cancelled.load(Ordering::SeqCst).then_some(Exit::Cancelled)
    }
}

/// A message for each Ctrl-C and each end asked for by the system; none is lost between two looks.
fn interrupts() -> mpsc::UnboundedReceiver<()> {
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let Ok(mut heard) = Signals::listen() else { return };
        while heard.next().await.is_some() && tell.send(()).is_ok() {}
    });
    told
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) -> Option<()> {
        tokio::select! {
            heard = self.0.recv() => heard,
            heard = self.1.recv() => heard,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<()> {
        tokio::signal::ctrl_c().await.ok()
    }
}

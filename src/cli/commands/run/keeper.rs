//! What is taken in. Comes in: word of the folder, the approvals, the time that passes. Goes out: fleets, to the controller. What is broken is
//! said once for each change of it, and what was good stays.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::folder::{Folder, Found, SETTLED, Turn};
use super::portals::Portals;
use super::shown::Shown;
use crate::apply::Stop;
use crate::cli::consents::{Approval, Consents};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Declared;
use crate::controller::{Approved, Consent, Controller, Fleet, Why};
use crate::diagnostic::{Diagnostic, codes::manifest as codes};
use crate::ledger::Ledger;
use crate::model::Desired;
use crate::report::diagnostics;
use crate::secrets::{MacKey, MacKeySource};

/// How often the folder is looked at where nobody says that it was written: not every file system tells.
const SLOW: Duration = Duration::from_secs(60);
/// How often approvals are looked at.
const CONSENTS: Duration = Duration::from_secs(1);
/// What is written within so short a time is read together.
const GATHER: Duration = Duration::from_millis(300);
/// So many audit records are searched for an approval that was used before a crash: a thousand customers of ten resources.
const AUDIT: usize = 10_000;

/// See the module.
pub(super) struct Keeper {
    folder: Folder,
    portals: Portals,
    consents: Consents,
    controller: Arc<Controller>,
    ledger: Arc<dyn Ledger>,
    key_source: MacKeySource,
    key: Arc<OnceLock<MacKey>>,
    shown: Arc<Shown>,
    approvals: Vec<Approval>,
    /// Why what is declared could not be taken in.
    not_declared: Option<String>,
    /// Why approvals do not count.
    not_approved: Option<String>,
    /// What was said of both.
    said: Vec<String>,
}

/// Waits for the folder to settle for the first time; `None`: it was stopped before.
///
/// # Errors
/// With exit code 65 if the manifests have errors.
pub(super) async fn first(folder: &mut Folder, shown: &Shown, stop: &Stop) -> Result<Option<(Box<Declared>, String)>, Failure> {
    let mut said = false;
    loop {
        shown.turned();
        if let (Some(lock), false) = (folder.held_by_git(), said) {
            tracing::info!("waited for git: {} is there", lock.display());
            said = true;
        }
        match folder.turn(true).await {
            Turn::New(Found::Whole(declared, trusted)) => return Ok(Some((declared, trusted))),
            Turn::New(Found::Broken(failure)) => return Err(*failure),
            Turn::Same | Turn::Wait => {}
        }
        tokio::select! {
            () = sleep(SETTLED) => {}
            () = stop.asked() => return Ok(None),
        }
    }
}

impl Keeper {
    #[expect(clippy::too_many_arguments, reason = "it is put together once, and each part is another's")]
    pub(super) fn new(
        folder: Folder,
        portals: Portals,
        consents: Consents,
        controller: Arc<Controller>,
        ledger: Arc<dyn Ledger>,
        key_source: MacKeySource,
        key: Arc<OnceLock<MacKey>>,
        shown: Arc<Shown>,
    ) -> Self {
        let (approvals, said) = (Vec::new(), Vec::new());
        let (not_declared, not_approved) = (None, None);
        Self { folder, portals, consents, controller, ledger, key_source, key, shown, approvals, not_declared, not_approved, said }
    }

    pub(super) fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::clone(&self.ledger)
    }

    /// Takes in what is declared to begin with.
    ///
    /// # Errors
    /// When the ledger or the key of the secrets' MACs cannot be had.
    pub(super) async fn begin(&mut self, declared: Box<Declared>, trusted: String) -> Result<(), Failure> {
        self.take_away_used().await?;
        self.approvals = self.consents.approvals();
        self.take_in(declared, trusted).await
    }

    /// Looks at the folder and at the approvals until it is told to stop.
    pub(super) async fn keep(&mut self, stop: &Stop) {
        let written = Arc::new(Notify::new());
        let _watcher = self.watch(&written);
        let (mut looked, mut soon) = (Instant::now(), false);
        loop {
            self.shown.turned();
            let due = if soon { SETTLED } else { SLOW };
            let told = tokio::select! {
                () = written.notified() => true,
                () = sleep(CONSENTS.min(due.saturating_sub(looked.elapsed()))) => false,
                () = stop.asked() => return,
            };
            if told {
                sleep(GATHER).await;
            }
            // What is written while it settles is seen by the look that follows anyway.
            if told && !soon || looked.elapsed() >= due {
                let slow = looked.elapsed() >= SLOW;
                soon = self.look(told).await;
                looked = Instant::now();
                if slow {
                    self.refresh().await;
                }
            }
            self.look_at_approvals().await;
            self.say_troubles();
        }
    }

    /// Looks at the folder; true: look again soon.
    async fn look(&mut self, told: bool) -> bool {
        match self.folder.turn(told).await {
            Turn::Same => false,
            Turn::Wait => true,
            Turn::New(Found::Whole(declared, trusted)) => {
                let taken_in = self.take_in(declared, trusted).await;
                let failed = taken_in.err().map(|failure| format!("what is declared could not be taken in: {}", failure.message));
                if failed.is_some() {
                    self.folder.again();
                }
                self.not_declared = failed;
                self.not_declared.is_some()
            }
            Turn::New(Found::Broken(failure)) => {
                self.broke(*failure);
                false
            }
        }
    }

    /// The last good fleet stays.
    fn broke(&self, failure: Failure) {
        let Failure { message, help, diagnostics: mut found, .. } = failure;
        if !message.is_empty() {
            found.push(Diagnostic::error(codes::UNREADABLE_FILE, message).help(help));
        }
        let errors: Vec<_> = found.iter().filter(|d| d.is_error()).collect();
        tracing::error!("manifests have {} and were not taken in; the last good ones hold", diagnostics::tally(&found));
        // A folder that is wrong altogether need not be said file by file: /status has them all.
        errors.iter().take(20).for_each(|d| tracing::error!("{}", diagnostics::line(d)));
        self.shown.broken(found);
    }

    async fn take_in(&mut self, declared: Box<Declared>, trusted: String) -> Result<(), Failure> {
        let Declared { desired, warnings, specs, profiles } = *declared;
        self.find_key(&desired).await?;
        warnings.iter().for_each(|d| tracing::warn!("{}", diagnostics::line(d)));
        let anew = self.portals.declare(specs, &profiles, trusted);
        let (tenants, digest) = (desired.tenants.len(), desired.manifests_digest.clone());
        self.declare(desired).await?;
        anew.iter().for_each(|portal| self.controller.wake_portal(portal, Why::Changed));
        self.shown.declared();
        tracing::info!(tenants, manifests = %digest, "took in the manifests");
        Ok(())
    }

    async fn declare(&self, desired: Desired) -> Result<(), Failure> {
        let (portals, closed) = (self.portals.opened(), self.portals.closed().clone());
        let approved = approved(&self.approvals);
        let fleet = Fleet { edition: 0, desired, portals, closed, approved, invalid: BTreeMap::new(), leaving: BTreeSet::new() };
        Ok(self.controller.declare(fleet).await?)
    }

    /// The key of the secrets' MACs, once a secret is declared or recorded.
    async fn find_key(&self, desired: &Desired) -> Result<(), Failure> {
        if self.key.get().is_some() {
            return Ok(());
        }
        let declared = desired.resources().any(|r| r.fields.iter().any(|(id, _)| r.def().field(id).ty.is_secret()));
        let recorded = self.ledger.holds_secrets().await?;
        let found = match declared {
            true => Some(self.key_source.find_or_make(recorded).await?),
            false => self.key_source.find(recorded).await?,
        };
        if let Some(key) = found {
            // Nobody else sets it.
            let _set = self.key.set(key);
        }
        Ok(())
    }

    /// What could not be opened is tried again, and credentials that were replaced are taken up.
    async fn refresh(&mut self) {
        let closed = self.portals.closed().clone();
        let anew = self.portals.refresh();
        if anew.is_empty() && closed == *self.portals.closed() {
            return;
        }
        self.declare_again().await;
        anew.iter().for_each(|portal| self.controller.wake_portal(portal, Why::Changed));
    }

    async fn look_at_approvals(&mut self) {
        self.not_approved = self.consents.check().err();
        let approvals = self.consents.approvals();
        if approvals == self.approvals {
            return;
        }
        for new in approvals.iter().filter(|a| !self.approvals.contains(a)) {
            tracing::info!(digest = %new.digest, who = %new.who, "was given an approval");
        }
        self.approvals = approvals;
        self.declare_again().await;
    }

    /// Declares the same with other approvals or portals.
    async fn declare_again(&mut self) {
        let Some(fleet) = self.controller.fleet() else { return };
        if let Err(failure) = self.declare(fleet.desired.clone()).await {
            self.not_approved = Some(format!("approvals could not be taken in: {}", failure.message));
            self.approvals.clear();
        }
    }

    /// An approval that was used before this process began is no approval any more, though nobody was left to take it away.
    async fn take_away_used(&self) -> Result<(), Failure> {
        let approvals = self.consents.approvals();
        if approvals.is_empty() {
            return Ok(());
        }
        let audit = self.ledger.audit(AUDIT).await?;
        for approval in approvals {
            let used = audit.iter().any(|r| r.at >= approval.at && r.approval.contains(&approval.digest));
            if used && let Err(error) = self.consents.take_away(&approval.file) {
                return Err(Failure::new(Exit::Error, error));
            }
        }
        Ok(())
    }

    fn say_troubles(&mut self) {
        let mut troubles: Vec<_> = self.not_declared.iter().chain(&self.not_approved).cloned().collect();
        if self.folder.never_rests() {
            troubles.push("the folder is written to again and again: nothing is taken in until it rests for two seconds".to_owned());
        }
        if troubles != self.said {
            troubles.iter().filter(|trouble| !self.said.contains(trouble)).for_each(|trouble| tracing::warn!("{trouble}"));
            self.said.clone_from(&troubles);
        }
        // Git's hold is over in a moment: it is shown, and said by nobody.
        troubles.extend(self.folder.held_by_git().map(|lock| format!("nothing is loaded while git holds {}", lock.display())));
        self.shown.troubles(troubles);
    }

    /// Has `written` told when a manifest was written; `None` where the system does not tell.
    fn watch(&self, written: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
        let (written, roots) = (Arc::clone(written), self.folder.roots());
        let real: Vec<PathBuf> = roots.iter().flat_map(|root| [root.canonicalize().ok(), Some(root.clone())]).flatten().collect();
        let shown = move |path: &PathBuf| {
            let below = real.iter().find_map(|root| path.strip_prefix(root).ok()).unwrap_or(path);
            !below.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'))
        };
        let told = move |event: notify::Result<notify::Event>| {
            // An error says that something was missed: that is a reason to look.
            let is_ours = event.map_or(true, |e| !e.kind.is_access() && (e.paths.is_empty() || e.paths.iter().any(&shown)));
            if is_ours {
                written.notify_one();
            }
        };
        let watcher = notify::recommended_watcher(told).and_then(|mut watcher| {
            roots.iter().try_for_each(|root| watcher.watch(root, RecursiveMode::Recursive))?;
            Ok(watcher)
        });
        watcher.inspect_err(|error| tracing::warn!("the folder cannot be watched and is looked at each minute: {error}")).ok()
    }
}

/// What was approved, for a fleet.
fn approved(approvals: &[Approval]) -> Approved {
    let mut approved = Approved::default();
    for Approval { digest, unit, who, ticket, .. } in approvals {
        match unit {
            Some(unit) => drop(approved.units.entry(unit.clone()).or_default().insert(digest.clone())),
            None => drop(approved.everywhere.insert(digest.clone())),
        }
        approved.consents.insert(digest.clone(), Consent { who: who.clone(), ticket: ticket.clone() });
    }
    approved
}

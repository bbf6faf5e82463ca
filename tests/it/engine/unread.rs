//! A call whose answer is lost, on a portal whose lists then break off: what they do not tell is unknown. Nothing is taken for done, and nothing is
//! made again, before a list tells.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::*;
use tenantry::portal::*;

use super::scripted::{Fault, Manners, Scripted, capable};
use super::stage::*;
use crate::support::bench::changes;
use crate::support::declared::*;

/// What a list that breaks off lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lacks {
    /// The first names of users.
    Names,
    /// The users themselves.
    Users,
}

/// The scripted portal, whose lists of users break off once an answer was lost.
struct Cut {
    portal: Arc<Scripted>,
    lacks: Lacks,
    cut: AtomicBool,
}

fn first_name() -> FieldId {
    Kind::User.def().field_named("firstName").unwrap().0
}

#[async_trait]
impl Observe for Cut {
    fn capabilities(&self) -> &Capabilities {
        self.portal.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.portal.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        let mut live = self.portal.read(tenants).await?;
        for tenant in live.iter_mut().filter(|_| self.cut.load(Ordering::SeqCst)) {
            let users = tenant.collections.get_mut(&Kind::User).unwrap();
            if self.lacks == Lacks::Users {
                *users = Collection::incomplete("page 2 was cut", Vec::new());
            }
            for user in &mut users.objects {
                let mut told = Fields::new();
                user.fields.iter().filter(|(id, _)| *id != first_name()).for_each(|(id, value)| told.set(id, value.clone()));
                user.fields = told;
                tenant.unknown.insert((Kind::User, user.id.clone()), BTreeSet::from([first_name()]));
            }
        }
        Ok(live)
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.portal.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.portal.holders(kind, keys).await
    }
}

#[async_trait]
impl Execute for Cut {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let answers = self.portal.perform(calls).await;
        if answers.iter().any(Result::is_err) {
            self.cut.store(true, Ordering::SeqCst);
        }
        answers
    }
}

fn named(name: &str) -> Desired {
    desired([org("acme"), user("acme", "ann").with("firstName", name)])
}

/// With this in the portal; then an answer is lost so, and lists break off.
async fn with(given: &Desired, lacks: Lacks, fault: Fault) -> (Stage, Arc<Cut>) {
    let mut stage = Stage::new(capable(), Manners::default()).given(given).await;
    let cut = Arc::new(Cut { portal: Arc::clone(&stage.portal), lacks, cut: AtomicBool::new(false) });
    stage.bench.portals[0].1 = Arc::clone(&cut) as _;
    stage.portal.fault(0, fault);
    (stage, cut)
}

/// Whatever became of the call: it is made so often, and no more.
async fn is_written(fault: Fault, calls: &[&str], then: &[&str]) {
    let (stage, cut) = with(&named("Ann"), Lacks::Names, fault).await;
    let applied = stage.done(&named("Anna"), calls).await;
    assert_eq!(applied.outcome("acme/user/ann"), "uncertain: connection reset", "{fault:?}");
    for _ in 0..2 {
        let held = stage.done(&named("Anna"), &[]).await;
        assert!(!held.report.final_plan_empty && stage.bench.ledger.open_intents() == 1, "{fault:?}: {:?}", held.outcomes());
    }
    cut.cut.store(false, Ordering::SeqCst);
    let ends = stage.done(&named("Anna"), then).await;
    assert!(ends.report.final_plan_empty, "{:?}", ends.outcomes());
    assert_eq!((changes(&stage.plan(&named("Anna")).await), stage.bench.ledger.open_intents()), (Vec::new(), 0));
}

#[tokio::test]
async fn an_update_is_neither_done_nor_to_be_made_again_while_its_field_cannot_be_read() {
    is_written(Fault::UncertainAfter, &["update acme/user/ann"], &[]).await;
    is_written(Fault::UncertainBefore, &[], &["update acme/user/ann"]).await;
}

#[tokio::test]
async fn an_update_that_nobody_wants_any_more_stays_open_until_its_field_is_read() {
    let (stage, cut) = with(&named("Ann"), Lacks::Names, Fault::UncertainAfter).await;
    stage.done(&named("Anna"), &["update acme/user/ann"]).await;
    stage.done(&named("Ann"), &[]).await;
    assert_eq!(stage.bench.ledger.open_intents(), 1, "nobody has seen what that call wrote");
    cut.cut.store(false, Ordering::SeqCst);
    let ends = stage.done(&named("Ann"), &["update acme/user/ann"]).await;
    assert_eq!((ends.report.final_plan_empty, stage.bench.ledger.open_intents()), (true, 0));
}

#[tokio::test]
async fn what_was_made_is_found_and_what_nobody_can_tell_of_it_is_no_difference() {
    let (stage, _) = with(&desired([org("acme")]), Lacks::Names, Fault::UncertainAfter).await;
    let applied = stage.done(&named("Ann"), &["create acme/user/ann"]).await;
    assert_eq!(applied.outcome("acme/user/ann"), "done");
}

#[tokio::test]
async fn a_creation_is_not_proven_absent_by_a_list_that_breaks_off() {
    for fault in [Fault::UncertainAfter, Fault::UncertainBefore] {
        let (stage, _) = with(&desired([org("acme")]), Lacks::Users, fault).await;
        let applied = stage.bench.apply(&named("Ann")).await;
        assert_eq!(applied.outcome("acme/user/ann"), "uncertain: connection reset", "{fault:?}");
        assert!(stage.portal.took().len() <= 1, "{fault:?}");
        stage.bench.apply(&named("Ann")).await;
        assert_eq!(stage.portal.took(), [""; 0], "{fault:?}: not before a list tells");
        assert_eq!(stage.bench.ledger.open_intents(), 1);
    }
}

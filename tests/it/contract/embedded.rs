//! The `embedded` driver under faults at every call.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::json;
use tenantry::model::PortalSpec;
use tenantry::portal::embedded::{Directory, Embedded, file_of};
use tenantry::portal::{Driver as _, Execute, OpenContext, load_profile};

use super::between::{Between, Fault};
use super::desk::Desk;
use super::world::{Customs, Seen, Stage, objects};
use crate::portal::kit::{NoSecrets, create, done};
use crate::support::program::copy;

/// How many cases run side by side: most of the time each waits for its disk.
const SIDE_BY_SIDE: usize = 8;

fn open(folder: &Path) -> Arc<dyn Execute> {
    let (spec, profile) = (PortalSpec::embedded(), load_profile("embedded", None).unwrap());
    let ctx = OpenContext { spec: &spec, profile, state_dir: folder, secrets: &NoSecrets };
    Embedded::with_clock(Arc::new(Timestamp::now)).open_writer(&ctx).unwrap()
}

fn directory(folder: &Path) -> Directory {
    Directory::open(&file_of(&PortalSpec::embedded(), folder).unwrap(), Arc::new(Timestamp::now)).unwrap()
}

/// It has connections, which the MSP shares.
fn customs() -> Customs {
    Customs { shared: true, ..Customs::whole() }
}

/// A folder with what strangers have, and all that went before a stage.
async fn before(stage: Stage) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let portal = open(folder.path());
    done(&portal, create("other/organization/other", json!({"displayName": "Other"}))).await;
    done(&portal, create("other/user/olga", json!({"email": "olga@other.example"}))).await;
    if stage == Stage::Changed {
        let desk = Desk::at(folder.path());
        assert_eq!(ends(&desk, folder.path(), Stage::Made).await, [""; 0]);
    }
    folder
}

/// Runs it until the end; what is wrong then.
async fn ends(desk: &Desk, folder: &Path, stage: Stage) -> Vec<String> {
    let end = desk.converges(&open(folder), &stage.desired(&customs())).await;
    let mailed = directory(folder).outbox().unwrap().into_iter().map(|m| m.recipient).collect();
    let seen = Seen { objects: objects(&*open(folder)).await, mailed };
    stage.wrong(&customs(), &end.left, &seen).into_iter().map(|wrong| format!("{wrong}; {:?}", end.said)).collect()
}

/// One run in which call `at` goes wrong, and runs until the end; how many calls there were, and what is wrong then.
async fn run(template: &Path, stage: Stage, at: usize, fault: Fault) -> (usize, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    copy(template, folder.path());
    let desk = Desk::at(folder.path());
    let between = Between::new(open(folder.path()), at, fault);
    let spoilt: Arc<dyn Execute> = between.clone();
    if between.or_killed(desk.apply(&spoilt, &stage.desired(&customs()))).await.is_none() {
        desk.is_killed();
    }
    let wrong = ends(&desk, folder.path(), stage).await;
    (between.called(), wrong.into_iter().map(|w| format!("{stage:?}, call {at}, {fault:?}: {w}")).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_at_any_call_a_directory_ends_as_declared() {
    let mut all = Vec::new();
    for stage in [Stage::Made, Stage::Changed] {
        let template = before(stage).await;
        let (calls, spoilt) = run(template.path(), stage, usize::MAX, Fault::NotNow).await;
        all.extend(spoilt);
        assert!(calls > 4, "there is something to go wrong");
        let cases = (1..=calls).flat_map(|at| Fault::ALL.map(|fault| (at, fault)));
        let runs = cases.map(|(at, fault)| run(template.path(), stage, at, fault));
        let spoilt: Vec<String> = stream::iter(runs).buffer_unordered(SIDE_BY_SIDE).map(|(_, wrong)| wrong).concat().await;
        all.extend(spoilt);
    }
    assert_eq!(all, [""; 0]);
}

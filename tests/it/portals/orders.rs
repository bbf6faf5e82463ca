//! What a technician reads: the work order of a whole customer in each portal, from its manifests to the text.
//!
//! The portal's part is played by somebody who does at once what each item says, so that what depends on it is given out too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use tenantry::diff::Purpose;
use tenantry::model::live::{KeyHolder, LiveTenant};
use tenantry::model::rule::Conduct;
use tenantry::model::work_order::{Instructions, WorkItem, WorkState};
use tenantry::model::{Address, Capabilities, Digest, IntentAction, Kind};
use tenantry::portal::runbook::instructions;
use tenantry::portal::{Call, CallError, Done, Execute, Observe, PortalError, Profile, TenantKey};
use tenantry::report::work_order::{Order, order_items, text};

use super::kit::*;

/// A technician who writes down what the work order says and does it at once.
struct Technician {
    paper: Paper,
    profile: Arc<Profile>,
    read: Mutex<Vec<(Address, IntentAction, Instructions)>>,
}

#[async_trait]
impl Observe for Technician {
    fn capabilities(&self) -> &Capabilities {
        self.paper.capabilities()
    }
    fn conduct(&self) -> &dyn Conduct {
        self.paper.conduct()
    }
    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.paper.read(tenants).await
    }
    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.paper.tenants().await
    }
    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.paper.holders(kind, keys).await
    }
}

#[async_trait]
impl Execute for Technician {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let one = |call: &Call| {
            let read = instructions(&self.profile, call)?;
            self.read.lock().unwrap().push((call.address.clone(), call.action, read));
            let id = |call: &Call| Some(call.address.to_string().into());
            Ok(Done::Now { id: id(call), object: None, carried: call.carries.iter().map(id).collect() })
        };
        calls.iter().map(one).collect()
    }
}

fn item((address, action, instructions): (Address, IntentAction, Instructions)) -> WorkItem {
    WorkItem {
        intent: address.to_string().into(),
        reference: "0f0f0f0f".into(),
        order: "1".into(),
        address,
        action,
        assignee: None,
        due: None,
        given: Timestamp::UNIX_EPOCH,
        plan: "".into(),
        ticket: None,
        instructions,
        content: Digest([0; 16]),
        records: Vec::new(),
        learnt: BTreeMap::new(),
        calls_follow: false,
        state: WorkState::Open,
        replaces: Vec::new(),
    }
}

/// The items of the work order that manifests come to, without the lines that all orders have.
async fn order(portal: &str, side: Side, purpose: Purpose) -> String {
    let profile = profile(portal);
    let desired = desired(portal, side);
    let there = if purpose == Purpose::Destroy { desired.clone() } else { super::kit::desired(portal, Side { manifests: "", ..side }) };
    let mut bench = bench(&profile, &[], &there).await;
    bench.purpose = purpose;
    let technician = Technician { paper: Paper::empty(&profile), profile: Arc::clone(&profile), read: Mutex::default() };
    let technician = Arc::new(technician);
    bench.portals[0].1 = Arc::clone(&technician) as Arc<dyn Execute>;
    let applied = bench.apply(&desired).await;
    let items: Vec<_> = std::mem::take(&mut *technician.read.lock().unwrap()).into_iter().map(item).collect();
    assert!(!items.is_empty(), "{:?}", applied.outcomes());
    let order = Order {
        order: "1",
        portal,
        title: &profile.title,
        assignee: None,
        due: None,
        given: Timestamp::UNIX_EPOCH,
        plan: "",
        ticket: None,
        items: order_items(items.iter().collect()),
    };
    let whole = text(&order);
    let (_, of_items) = whole.split_once("\n\n").unwrap();
    of_items.lines().filter(|line| !line.starts_with("   $ ")).map(|line| format!("{}\n", line.replace("0f0f0f0f  ", ""))).collect()
}

#[tokio::test]
async fn x() {
    for (portal, side) in [
        ("it-conductor", super::itc::ACME),
        ("wiv", super::wiv::ACME),
        ("idemeum", super::idm::ACME),
        ("itarian", super::ita::SHOP),
        ("pilixo", super::plx::ACME),
    ] {
        println!("=== {portal}\n{}", order(portal, side, Purpose::Converge).await);
    }
}

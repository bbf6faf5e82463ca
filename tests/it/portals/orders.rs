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
use tenantry::model::{Address, Capabilities, Digest, FieldSupport, IntentAction, Kind, Performer};
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
            // What a driver calls is no technician's.
            let by_hand = |id| self.capabilities().kind(call.address.kind).is_some_and(|c| c.field(id) == FieldSupport::Technician);
            let performer = self.capabilities().kind(call.address.kind).map(|c| c.performer(call.action));
            let asked = performer == Some(Performer::Technician) || call.changed.iter().any(|id| by_hand(*id));
            if asked {
                let read = instructions(&self.profile, call)?;
                self.read.lock().unwrap().push((call.address.clone(), call.action, read));
            }
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
        former: Vec::new(),
        names: None,
        before: Vec::new(),
    }
}

/// The items of the work order that manifests come to, without the lines that all orders have.
async fn order(portal: &str, side: Side, purpose: Purpose) -> String {
    let there = if purpose == Purpose::Destroy { side } else { Side { manifests: "", ..side } };
    order_after(portal, there, side, purpose).await
}

/// The same where a technician recorded that something is there.
pub(super) async fn order_after(portal: &str, there: Side, side: Side, purpose: Purpose) -> String {
    let profile = profile(portal);
    let (desired, there) = (desired(portal, side), desired(portal, there));
    let mut bench = bench(&profile, &[], &there).await;
    bench.purpose = purpose;
    // Somebody has read that the data goes and that nothing brings it back.
    bench.approvals.allow = ["G006", "G007", "G014", "G015"].map(|code| (code.to_owned(), "the customer has left".to_owned())).into();
    let technician = Technician { paper: Paper::empty(&profile), profile: Arc::clone(&profile), read: Mutex::default() };
    let technician = Arc::new(technician);
    bench.portals[0].1 = Arc::clone(&technician) as Arc<dyn Execute>;
    let applied = bench.apply(&desired).await;
    let items: Vec<_> = std::mem::take(&mut *technician.read.lock().unwrap()).into_iter().map(item).collect();
    assert!(!items.is_empty(), "{:?}", applied.outcomes());
    let order = Order {
        order: "1",
        portal,
        title: Some(&profile.title),
        assignee: None,
        due: None,
        given: Timestamp::UNIX_EPOCH,
        plan: "",
        ticket: None,
        items: order_items(items.iter().collect()),
        places: "",
        after: None,
    };
    let whole = text(&order);
    let (_, of_items) = whole.split_once("\n\n").unwrap();
    of_items.lines().filter(|line| !line.starts_with("   $ ")).map(|line| format!("{}\n", line.replace("0f0f0f0f  ", ""))).collect()
}

/// Manifests of what the manuals document, and nothing beyond.
const DOCUMENTED: [(&str, Side); 5] = [
    (
        "it-conductor",
        side(
            "",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  defaultDashboard: SAP overview
  domains: [{name: main, domain: acme.example}]
  gateways: [{name: berlin, displayName: Berlin}]
  users:
    - {name: ann, email: ann@acme.example, firstName: Ann, lastName: Archer, administrator: true, invitation: {monitorCompletion: true}}
",
        ),
    ),
    (
        "wiv",
        side(
            "kind: MSP-Admin",
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, accessPermissions: [cost.read], users: [{name: ann, email: ann@acme.example, roles: [Editor]}]}
",
        ),
    ),
    (
        "idemeum",
        side(
            "domain: northwind.idemeum.com",
            "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME Tools, deletionPolicy: Delete}\n",
        ),
    ),
    (
        "itarian",
        side(
            "kind: Enterprise",
            "kind: Organization
metadata: {name: shop}
spec:
  displayName: Corner Shop
  relationship: standalone
  contact: {address: 1 High Street, phone: '+44 20 1', website: 'https://shop.example'}
  notes: Closed on Mondays
  domains: [{name: web, domain: shop.example}]
  users: [{name: ann, email: ann@shop.example}]
",
        ),
    ),
    (
        "pilixo",
        side(
            "domain: msp.example, addOns: [MSP Admin]",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  contact: {phone: '+49 30 1'}
  defaultAdmin: {email: kim@msp.example, firstName: Kim, lastName: Ito}
  secrets: {videoPassword: {env: VIDEO}}
",
        ),
    ),
];

async fn documented(portal: &str) -> String {
    let (_, side) = DOCUMENTED.iter().find(|(name, _)| *name == portal).unwrap();
    order(portal, *side, Purpose::Converge).await
}

#[tokio::test]
async fn what_the_manuals_document_is_done_by_their_screens_alone() {
    for portal in PORTALS {
        let order = documented(portal).await;
        assert!(!order.contains("not in the manual"), "{portal}: {order}");
        assert!(!order.contains("swordfish"), "a secret is named by where it is kept");
    }
}

#[tokio::test]
async fn a_customer_of_it_conductor_screen_by_screen() {
    insta::assert_snapshot!(documented("it-conductor").await, @r#"
    1. Create organization ACME Tools  (customer acme)
       [ ] Open Management › Resources › Organizations.
       [ ] Look, and stop if it is not so: there is no organization "ACME Tools" yet.  (manual)
       [ ] Press [Create Tenant Organization].  (manual)
       [ ] In [Name] type "ACME Tools".  (manual)
       [ ] In [E-mail domain] type "acme.example".  (manual)
       [ ] From [Default dashboard] choose "SAP overview".  (manual)
       [ ] Press [Finish].  (inferred)
       [ ] Look, and stop if it is not so: The wizard does not say that the domain is taken. If it does, somebody on this portal has it already: go no further, and report "domain taken".  (manual)
       [ ] Look, and stop if it is not so: The list of organizations shows "ACME Tools".  (manual)
       Bring back organization: The name of the new organization, as the list of organizations shows it; it must be "ACME Tools"

    2. Invite ann@acme.example to ACME Tools  (customer acme)
       [ ] Open Service Grid.
       [ ] Open the row that shows "ACME Tools".  (manual)
       [ ] Press [Users].  (manual)
       [ ] Look, and stop if it is not so: there is no user "ann@acme.example" in "ACME Tools" yet.  (manual)
       [ ] Press [Invite].  (manual)
       [ ] In [Person name] type "Ann Archer".  (manual)
       [ ] In [E-mail] type "ann@acme.example".  (manual)
       [ ] Tick [Make administrator].  (manual)
       [ ] Tick [Completion monitoring].  (manual)
       [ ] Press [Send].  (inferred)
       Bring back organization: The name of the organization under whose users the invitation is shown (for one of the MSP's own, write MSP); it must be "ACME Tools"
       Bring back invited: The e-mail address that the invitation is shown with; it must be "ann@acme.example"

    3. Create gateway Berlin of ACME Tools  (customer acme)
       [ ] Look, and stop if it is not so: there is no gateway "Berlin" in "ACME Tools" yet.  (inferred)
       [ ] Look, and stop if it is not so: The wizard that makes a gateway is open. No page that we know says where in the menu it is.  (inferred)
       [ ] In [Name] type "Berlin".  (inferred)
       [ ] From [Organization] choose "ACME Tools".  (manual)
       [ ] Press [Finish].  (inferred)
       Bring back organization: The name of the organization that the new gateway is shown under (for one of the MSP's own, write MSP); it must be "ACME Tools"
    "#);
}

#[tokio::test]
async fn a_customer_of_wiv_screen_by_screen() {
    insta::assert_snapshot!(documented("wiv").await, @r#"
    1. Change customer ACME Tools  (customer acme)
       [ ] Open Customers.
       [ ] Open the row that shows "ACME Tools".  (manual)
       [ ] From [Access permissions] choose "cost.read".  (manual)
       [ ] Press [Save].  (inferred)
       Bring back customer: The name of the customer that was changed, as the list of customers shows it; it must be "ACME Tools"

    2. Invite ann@acme.example to ACME Tools  (customer acme)
       [ ] Open Customers.
       [ ] Open the row that shows "ACME Tools".  (manual)
       [ ] Look, and stop if it is not so: there is no user "ann@acme.example" in "ACME Tools" yet.  (manual)
       [ ] Press [New User].  (manual)
       [ ] In [E-mail] type "ann@acme.example".  (manual)
       [ ] From [Role] choose "Editor".  (manual)
       [ ] Press [Invite].  (manual)
       Bring back customer: The name of the customer whose users now show the address (for one of the MSP's own, write MSP); it must be "ACME Tools"
       Bring back role: Every role that the new user is shown with, with commas between; it must be "Editor"
    "#);
}

#[tokio::test]
async fn a_customer_of_idemeum_screen_by_screen() {
    insta::assert_snapshot!(documented("idemeum").await, @r#"
    1. Create customer ACME Tools (acme)  (customer acme)
       [ ] Open Customers.
       [ ] Look, and stop if it is not so: there is no organization "ACME Tools" yet.  (manual)
       [ ] Look, and stop if it is not so: The address of this admin portal is "https://northwind.idemeum.com/adminportal".  (manual)
       [ ] Press [Add customer].  (manual)
       [ ] Press [Add manually].  (manual)
       [ ] In [Name] type "acme".  (manual)
       [ ] In [Display Name] type "ACME Tools".  (manual)
       [ ] Press [Save].  (inferred)
       [ ] Look, and stop if it is not so: The list of customers shows "ACME Tools".  (manual)
       Bring back address: The address of the new customer, as the list of customers shows it under its display name; it must be "https://acme-northwind.idemeum.com"
       Bring back userPortalIcon: Whether the MSP user portal shows an icon for the customer (yes or no) (may be left out)
       Bring back adminPortalLink: Whether the MSP admin portal shows a link to the customer (yes or no) (may be left out)
    "#);
}

#[tokio::test]
async fn a_customer_of_itarian_screen_by_screen() {
    insta::assert_snapshot!(documented("itarian").await, @r#"
    1. Create standalone customer Corner Shop  (customer shop)
       [ ] Open Staff Panel › Users › Customers.
       [ ] Look, and stop if it is not so: there is no organization "Corner Shop" yet.  (manual)
       [ ] Press [Add New Customer].  (manual)
       [ ] In [Name] type "Corner Shop".  (manual)
       [ ] In [Web domain] type "shop.example".  (manual)
       [ ] In [Address] type "1 High Street".  (manual)
       [ ] In [Phone] type "+44 20 1".  (manual)
       [ ] In [Website] type "https://shop.example".  (manual)
       [ ] In [Internal notes] type "Closed on Mondays".  (manual)
       [ ] Press [Save].  (inferred)
       [ ] Look, and stop if it is not so: Service Desk alone shows "Corner Shop", for it is a standalone customer.  (manual)
       Bring back customer: The name of the new customer, as the list of customers shows it; it must be "Corner Shop"
       Bring back systemUsers: The system users that the portal made in it (Monitor Agent and Patch Management Agent) (may be left out)

    2. Assign ann@shop.example to Corner Shop  (customer shop)
       [ ] Open Users › User Directory.
       [ ] Look, and stop if it is not so: there is no user "ann@shop.example" in "Corner Shop" yet.  (manual)
       [ ] Look, and stop if it is not so: "ann@shop.example" is in the User Directory. Who is not is put there first, and no page that we know says how.  (inferred)
       [ ] Open the row that shows "ann@shop.example".  (manual)
       [ ] Press [Add Customer].  (manual)
       [ ] From [Customer] choose "Corner Shop".  (inferred)
       [ ] Press [Continue].  (manual)
       [ ] Look, and stop if it is not so: "Corner Shop" is one of the customers of "ann@shop.example". Customers that the person had before are still there.  (manual)
       Bring back customer: The name of the customer that the user is now shown with (for one of the MSP's own, write MSP); it must be "Corner Shop"
    "#);
}

#[tokio::test]
async fn a_customer_of_pilixo_screen_by_screen() {
    insta::assert_snapshot!(documented("pilixo").await, @r#"
    1. Create sub-organization ACME Tools  (customer acme)
       [ ] Open MSP Admin › Dashboard.
       [ ] Look, and stop if it is not so: there is no organization "ACME Tools" yet.  (manual)
       [ ] Press [Create Sub-Organization].  (manual)
       [ ] Look, and stop if it is not so: The dialog "Add Child Organization" is open.  (manual)
       [ ] In [Company name] type "ACME Tools".  (manual)
       [ ] In [Phone] type "+49 30 1".  (manual)
       [ ] In [E-mail] type "kim@msp.example".  (manual)
       [ ] In [Confirm e-mail] type "kim@msp.example".  (inferred)
       [ ] In [First name] type "Kim".  (manual)
       [ ] In [Last name] type "Ito".  (manual)
       [ ] In [Video password] type the secret that is kept as "env VIDEO" (its name, and not the secret: whoever runs tenantry has that).  (manual)
       [ ] Press [Create].  (inferred)
       [ ] Look, and stop if it is not so: The grid of the dashboard shows "ACME Tools".  (manual)
       Bring back organization: The name of the new sub-organization, as the grid of the dashboard shows it; it must be "ACME Tools"
       Bring back defaultAdmin: The address that the portal sent the login credentials to; it must be "kim@msp.example"
    "#);
}

#[tokio::test]
async fn a_customer_of_idemeum_is_deleted_by_its_address() {
    let (_, side) = DOCUMENTED[2];
    insta::assert_snapshot!(order("idemeum", side, Purpose::Destroy).await, @r#"
    1. Delete customer acme and all its data  (customer acme)
       [ ] Open Customers.
       [ ] Look, and stop if it is not so: The list of customers shows "https://acme-northwind.idemeum.com".  (manual)
       [ ] In the row that shows "https://acme-northwind.idemeum.com" press [Delete].  (manual)
       [ ] Look, and stop if it is not so: The list of customers does not show "https://acme-northwind.idemeum.com" any more.  (manual)
       Bring back deleted: The address of the customer that was deleted; it must be "https://acme-northwind.idemeum.com"
    "#);
}

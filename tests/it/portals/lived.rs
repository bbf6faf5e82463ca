//! Rows played to their end: a customer is made by its work orders, the portal (a sandbox in a process of its own) does what it does by itself,
//! a technician pastes its screens, and the next plan is what it should be. And deferred invitations, whose day comes.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tenantry::engine::runbook::{Answer, Evidence, Voice, answer};
use tenantry::ledger::{Ledger as _, LedgerRead as _, WorkWanted};
use tenantry::model::portal_spec::Account;
use tenantry::model::{Desired, Fields, Kind, WorkItem};
use tenantry::plan::Body;
use tenantry::portal::Execute;
use tenantry::portal::driver::{Driver as _, OpenContext};
use tenantry::portal::runbook::Runbook;
use tenantry::sandbox::{Caller, Change, World};

use super::kit::*;
use crate::servers::client;
use crate::support::bench::{Bench, Secrets, changes};
use crate::support::program::{Ran, run_with};
use crate::support::sandbox::Sandbox;

/// An MSP with one customer in ITarian, whose technician does in the portal's API what the orders say.
struct Desk {
    folder: tempfile::TempDir,
    sandbox: Sandbox,
}

const HEAD: &str = "apiVersion: tenantry.dev/v1alpha1\n";
const SHOP: &str = "kind: Organization
metadata: {name: shop}
spec:
  displayName: Corner Shop
  relationship: standalone
  domains: [{name: web, domain: shop.example}]
  users:
    - {name: ann, email: ann@shop.example, firstName: Ann}
    - {name: bob, email: bob@shop.example, firstName: Bob}
";

impl Desk {
    /// The customer is made, by work orders and in the portal.
    async fn of_the_shop(profile: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("portals")).unwrap();
        std::fs::write(folder.path().join("portals/own.profile.yaml"), profile).unwrap();
        let portal =
            format!("{HEAD}kind: Portal\nmetadata: {{name: desk}}\nspec: {{profile: own.profile.yaml, account: {{kind: Enterprise}}}}\n");
        std::fs::write(folder.path().join("portals/desk.yaml"), portal).unwrap();
        let words = ["--profile", "own.profile.yaml", "--portals", "portals", "--account-kind", "Enterprise", "--state-dir", "played"];
        let sandbox = Sandbox::start(words, folder.path());
        let desk = Self { folder, sandbox };
        desk.declare(SHOP);
        desk.run(&["apply", "--auto-approve"]).exits(6);
        let fields = json!({"displayName": "Corner Shop", "relationship": "standalone"});
        let made = desk
            .ask("POST", "/tenants", json!({"fields": fields, "with": [{"collection": "domains", "fields": {"domain": "shop.example"}}]}))
            .await;
        for (email, first) in [("ann@shop.example", "Ann"), ("bob@shop.example", "Bob")] {
            let users = format!("/tenants/{}/users", made["id"].as_str().unwrap());
            desk.ask("POST", &users, json!({"fields": {"email": email, "firstName": first}})).await;
        }
        desk.confirm_all();
        desk.run(&["plan", "--expect-no-changes"]).exits(0);
        desk
    }

    fn declare(&self, text: &str) {
        let customers = self.folder.path().join("customers");
        std::fs::create_dir_all(&customers).unwrap();
        std::fs::write(customers.join("shop.yaml"), format!("{HEAD}{text}")).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        let places = [("TENANTRY_FILE", "customers"), ("TENANTRY_PORTALS", "portals"), ("TENANTRY_STATE_DIR", "state")];
        run_with(self.folder.path(), args, &places)
    }

    fn json(&self, args: &[&str]) -> Json {
        let ran = self.run(args);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.said()))
    }

    /// Every open item was done, and what it asks for is brought back.
    fn confirm_all(&self) {
        for order in self.json(&["runbook", "list", "-o", "json"])["orders"].as_array().unwrap() {
            let shown = self.json(&["runbook", "show", order["order"].as_str().unwrap(), "-o", "json"]);
            for item in shown["items"].as_array().unwrap() {
                let wanted = item["instructions"]["evidence"].as_array().unwrap().iter().filter(|w| w["optional"] != true);
                let given = wanted.map(|w| format!("{}={}", w["name"].as_str().unwrap(), w["expect"].as_str().unwrap_or("seen")));
                let given: Vec<_> = given.flat_map(|given| ["--evidence".to_owned(), given]).collect();
                let words = ["runbook", "confirm", item["reference"].as_str().unwrap()].into_iter();
                self.run(&words.chain(given.iter().map(String::as_str)).collect::<Vec<_>>()).exits(0);
            }
        }
    }

    async fn ask(&self, method: &str, path: &str, body: Json) -> Json {
        let base = if path.starts_with("/sandbox/") { "" } else { "/api/v1" };
        let url = format!("http://{}{base}{path}", self.sandbox.address);
        let request = client().request(method.parse().unwrap(), url).bearer_auth(&self.sandbox.token).json(&body);
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A table of the screens as a technician pastes it, held against what is recorded.
    async fn observe(&self, place: usize, words: &[&str]) -> Ran {
        let url = format!("http://{}/screens/place/{place}", self.sandbox.address);
        let page = client().get(url).bearer_auth(&self.sandbox.token).send().await.unwrap().text().await.unwrap();
        std::fs::write(self.folder.path().join("seen.tsv"), pasted(&page)).unwrap();
        self.run(&[&["runbook", "observe", "seen.tsv"], words].concat())
    }

    async fn somebody_writes(&self, email: &str) -> Json {
        self.ask("POST", "/sandbox/events/ticket", json!({"email": email})).await
    }
}

/// The first table of a page, as a browser puts it into the clipboard.
fn pasted(page: &str) -> String {
    let table = page.split_once("<table>").unwrap_or_else(|| panic!("a table in {page}")).1.split("</table>").next().unwrap();
    let cell = |html: &str| {
        let text = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<String>();
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    };
    let row = |html: &str| {
        let cells = html.split("</th>").flat_map(|part| part.split("</td>")).filter_map(|part| Some(part.split_once("<t")?.1));
        cells
            .filter(|part| part.starts_with('d') || part.starts_with('h'))
            .map(|part| cell(part.split_once('>').unwrap().1))
            .collect::<Vec<_>>()
    };
    table.split("<tr>").skip(1).map(|html| row(html).join("\t") + "\n").collect()
}

/// The rows of an observation that are nobody's that we know.
fn strangers(ran: &Ran) -> Vec<String> {
    let lines = ran.out.lines().skip_while(|line| !line.starts_with("In the table, and not ours")).skip(1);
    let told = lines.take_while(|line| line.starts_with("  row"));
    told.map(|line| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")).collect()
}

const SYSTEM_USERS: [&str; 2] =
    ["monitor.agent@shop.example shop the portal's own", "patch.management.agent@shop.example shop the portal's own"];

#[tokio::test(flavor = "multi_thread")]
async fn ita_4_a_pasted_table_with_the_system_users_is_no_drift_and_nobody_prunes_them() {
    let desk = Desk::of_the_shop(&tree("itarian").to_string()).await;
    let seen = desk.observe(2, &["--table", "users", "--tenant", "shop"]).await.exits(0);
    assert_eq!(strangers(&seen), SYSTEM_USERS);
    assert!(seen.out.contains("Seen: 2 as recorded, 0 otherwise; 0 not in the table, 2 rows not ours."), "{}", seen.said());
    desk.run(&["plan", "--expect-no-changes"]).exits(0);
    desk.run(&["drift"]).exits(0);
    // Whoever is ours and no longer declared goes; who was never ours stays.
    desk.declare(&SHOP.replace("    - {name: bob, email: bob@shop.example, firstName: Bob}\n", ""));
    assert_eq!(deleted(&desk), ["shop/user/bob"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ita_5_a_guest_who_writes_a_ticket_is_in_the_customer_is_told_and_stays() {
    let desk = Desk::of_the_shop(&tree("itarian").to_string()).await;
    let came = desk.somebody_writes("walk-in@shop.example").await;
    assert_eq!(came["made"][0]["fields"], json!({"email": "walk-in@shop.example", "roles": ["Guest"]}));
    assert_eq!(came["made"][0]["portalsOwn"], true);
    for known in ["walk-in@shop.example", "ann@shop.example"] {
        assert_eq!(desk.somebody_writes(known).await["made"], json!([]), "who is there already is made no second time");
    }
    assert_eq!(desk.ask("GET", "/sandbox/outbox", Json::Null).await.as_array().unwrap().len(), 0, "nobody invites a guest");

    let seen = desk.observe(2, &["--table", "users", "--tenant", "shop"]).await.exits(0);
    assert_eq!(strangers(&seen), [&SYSTEM_USERS[..], &["walk-in@shop.example shop the portal's own"]].concat());
    desk.observe(1, &["--table", "customers"]).await.exits(0);
    let shown = desk.run(&["show", "shop"]).exits(0).out;
    assert!(shown.contains("Guests whom the portal assigned by their address: 1"), "{shown}");

    desk.run(&["plan", "--expect-no-changes"]).exits(0);
    desk.run(&["drift"]).exits(0);
    desk.declare(&SHOP[..SHOP.find("  users:").unwrap()]);
    assert_eq!(deleted(&desk), ["shop/user/ann", "shop/user/bob"], "with no user declared, ours go and the guest stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn ita_5_is_what_the_profile_plays_and_shows() {
    let mut silent = tree("itarian");
    silent["plays"].as_array_mut().unwrap().retain(|play| play["id"] != "ITA-5");
    let desk = Desk::of_the_shop(&silent.to_string()).await;
    assert_eq!(desk.ask("GET", "/sandbox/events", Json::Null).await, json!({"events": []}));
    let mut plain = tree("itarian");
    plain["plays"].as_array_mut().unwrap().iter_mut().for_each(|play| {
        if play["id"] == "ITA-5" {
            play["makes"][0]["shows"] = json!({});
        }
    });
    let desk = Desk::of_the_shop(&plain.to_string()).await;
    desk.somebody_writes("walk-in@shop.example").await;
    let seen = desk.observe(2, &["--table", "users", "--tenant", "shop"]).await;
    assert!(strangers(&seen).contains(&"walk-in@shop.example shop unmanaged".to_owned()), "a guest is told by what the table shows");
}

/// What the plan takes away; it does nothing else.
fn deleted(desk: &Desk) -> Vec<String> {
    let plan = desk.json(&["plan", "-o", "json"]);
    let tenant = plan["tenants"].as_array().unwrap().iter().find(|t| t["tenant"] == "shop").unwrap();
    assert_eq!(tenant["resource_drift"], json!([]));
    let changes = tenant["resource_changes"].as_array().unwrap().iter();
    changes
        .map(|c| {
            assert_eq!(c["change"]["actions"], json!(["delete"]), "{c}");
            c["address"].as_str().unwrap().to_owned()
        })
        .collect()
}

const MANAGER: Side = side(
    "domain: msp.example, addOns: [MSP Admin]",
    "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  defaultAdmin: {email: kim@msp.example, firstName: Kim, lastName: Ito}
  secrets: {videoPassword: {env: VIDEO}}
  users: [{name: ann, email: ann@acme.example, administrator: true, invitation: {deferUntil: 2026-03-04}}]
",
);

/// The real driver of work orders, and the portal in which a technician does them.
struct Office {
    bench: Bench,
    world: World,
    desired: Desired,
}

impl Office {
    async fn open(folder: &Path) -> Self {
        let profile = profile("pilixo");
        let desired = desired("pilixo", MANAGER);
        let mut bench = Bench::new();
        bench.secrets.set("VIDEO", "swordfish");
        let spec = desired.portals[0].clone();
        let no_secrets = Secrets::default();
        let ctx = OpenContext { spec: &spec, profile: Arc::clone(&profile), state_dir: folder, secrets: &no_secrets };
        let driver: Arc<dyn Execute> = Runbook.open_writer(&ctx).unwrap();
        bench.portals.push((spec, driver));
        let account = Account { domain: Some("msp.example".to_owned()), add_ons: vec!["MSP Admin".to_owned()], ..Account::default() };
        let clock = Arc::clone(&bench.clock);
        let world = World::open(profile, account, folder, Arc::new(move || clock.now())).await.unwrap();
        Self { bench, world, desired }
    }

    async fn plan(&self) -> Body {
        self.bench.judged(&self.desired).await.body.clone()
    }

    /// Applies, and the items that are open then.
    async fn ordered(&self) -> Vec<WorkItem> {
        self.bench.apply(&self.desired).await;
        self.bench.ledger.work(WorkWanted::Waiting).await.unwrap().into_iter().map(|(_, item)| item).collect()
    }

    /// An item was done as it says.
    async fn confirm(&self, item: &WorkItem) {
        let lock = self.bench.lock(&self.desired).await;
        let wanted = item.instructions.evidence.iter().filter(|e| !e.optional);
        let evidence: Evidence = wanted.map(|e| (e.name.clone(), e.expect.clone().unwrap_or_else(|| "seen".to_owned()))).collect();
        let voice = Voice { by: "tess".to_owned(), now: self.bench.clock.now(), believed_for_days: 90, note: None };
        answer(&self.bench.ledger, &lock, &item.reference, &Answer::Done(evidence), &voice).await.unwrap();
        self.bench.ledger.unlock(&lock).await.unwrap();
    }

    async fn done(&self, change: Change) -> String {
        self.world.perform(&Caller::Msp, change).await.unwrap().object.unwrap().id.into()
    }

    async fn mails(&self) -> Vec<String> {
        self.world.outbox(&Caller::Msp).await.unwrap().iter().map(|m| format!("{}: {}", m.recipient, m.subject)).collect()
    }
}

fn new(tenant: &str, kind: Kind, fields: &Json) -> Change {
    Change::create(tenant, kind, Fields::from_json(kind.def(), fields).unwrap())
}

fn waits(body: &Body) -> Vec<String> {
    body.units.iter().flat_map(|u| &u.waiting).filter(|w| !w.technician).map(|w| format!("{}: {}", w.address, w.waits_for)).collect()
}

#[tokio::test]
async fn plx_3_the_manager_is_added_on_the_day_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open(folder.path()).await;
    assert_eq!(changes(&office.plan().await), ["acme/organization/acme create"], "the default admin is the MSP's own");
    let items = office.ordered().await;
    assert_eq!(items.iter().map(|i| i.address.to_string()).collect::<Vec<_>>(), ["acme/organization/acme"]);
    let admin = json!({"displayName": "ACME Tools", "defaultAdmin": {"email": "kim@msp.example", "firstName": "Kim", "lastName": "Ito"}});
    let mut customer = new("", Kind::Organization, &admin);
    let secret = Kind::Organization.def().field_named("secrets").unwrap().0;
    customer.secrets.push((secret, "videoPassword".into(), "swordfish".to_owned().into()));
    let acme = office.done(customer).await;
    office.confirm(&items[0]).await;
    for _ in 0..2 {
        let plan = office.plan().await;
        assert_eq!((changes(&plan), waits(&plan)), (vec![], vec!["acme/user/ann: it is deferred until 2026-03-04".to_owned()]));
        assert_eq!(office.ordered().await, [], "nobody is asked to invite her");
        assert_eq!(office.mails().await, ["kim@msp.example: Login credentials"]);
        if office.bench.clock.now() < "2026-03-03T00:00:00Z".parse().unwrap() {
            office.bench.clock.a_day_later();
        }
    }

    office.bench.clock.a_day_later();
    let plan = office.plan().await;
    assert_eq!((changes(&plan), waits(&plan)), (vec!["acme/user/ann create".to_owned()], vec![]), "her day has come");
    let items = office.ordered().await;
    assert_eq!(items.iter().map(|i| i.address.to_string()).collect::<Vec<_>>(), ["acme/user/ann"]);
    office.done(new(&acme, Kind::User, &json!({"email": "ann@acme.example", "administrator": true}))).await;
    office.confirm(&items[0]).await;
    assert_eq!(changes(&office.plan().await), [""; 0]);
    assert_eq!(office.ordered().await, []);
    let mails = office.mails().await;
    // No page says that who is added later gets a mail, so that the profile announces none and the sandbox sends none.
    assert_eq!(mails, ["kim@msp.example: Login credentials"]);
}

const DESK: Side = side(
    "addOns: [MSP Admin]",
    "kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example, administrator: true}
---
kind: Delegation
metadata: {name: desk}
spec: {technicians: [kim], role: admin, customers: {names: []}}
",
);

#[test]
fn plx_8_of_a_grant_that_is_left_out_nothing_is_missed() {
    let with_groups = DESK.manifests.replace("technicians: [kim]", "technicians: [kim], groups: [night]");
    let group = "---\nkind: Group\nmetadata: {name: night}\nspec: {organization: msp}\n";
    let said = validated(&profile("pilixo"), &desired("pilixo", side(DESK.account, (with_groups + group).leak())));
    let of_the_grant: Vec<_> = said.iter().filter(|line| line.contains("desk")).collect();
    assert!(matches!(of_the_grant.as_slice(), [one] if one.contains(" warning portal pilixo: PLX-8: ")), "{said:#?}");
}

#[tokio::test]
async fn plx_8_an_inherited_grant_is_left_out_while_its_technician_is_still_to_be_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office { desired: desired("pilixo", DESK), ..Office::open(folder.path()).await };
    let left_out =
        |body: &Body| body.units.iter().flat_map(|u| &u.left_out).map(|l| format!("{} {}", l.rule, l.address)).collect::<Vec<_>>();
    assert_eq!(left_out(&office.plan().await), ["PLX-8 msp/delegation/desk"], "at once");
    let items = office.ordered().await;
    assert_eq!(items.iter().map(|i| i.address.to_string()).collect::<Vec<_>>(), ["msp/user/kim"]);
    let plan = office.plan().await;
    assert_eq!((left_out(&plan), waits(&plan)), (vec!["PLX-8 msp/delegation/desk".to_owned()], vec![]), "while kim is asked for");
    office.confirm(&items[0]).await;
    let plan = office.plan().await;
    assert_eq!((left_out(&plan), waits(&plan)), (vec!["PLX-8 msp/delegation/desk".to_owned()], vec![]), "and then");
}

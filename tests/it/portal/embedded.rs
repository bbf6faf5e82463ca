//! The embedded directory beyond the contract: what lies in its file, what survives a kill, who is told, and what people do behind our back.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use tenantry::model::{IntentAction, Kind, ObjectState, PortalSpec, Value};
use tenantry::portal::embedded::{Embedded, file_of};
use tenantry::portal::{CallError, Done, Driver, Execute, OpenContext, PortalError, load_profile};

use super::kit::{CallExt, NoSecrets, World, call, create, done, field, files, keys, objects, organization, perform, refused, tenant_key};

#[tokio::test]
async fn what_was_written_is_there_when_it_is_opened_again() {
    let world = World::new();
    let portal = world.writer();
    organization(&portal, "acme").await;
    let role = done(&portal, create("acme/role/operator", json!({"permissions": ["b", "a"]}))).await;
    let before = portal.read(&[tenant_key("acme")]).await.unwrap();
    drop(portal);
    assert_eq!(world.files(), ["portal-embedded.db"], "closed, it is one file");
    assert_eq!(world.reader().read(&[tenant_key("acme")]).await.unwrap(), before);
    let live = objects(&*world.reader(), "acme", Kind::Role).await.remove(0);
    assert_eq!((&*live.id, &*live.key, live.state), (role.as_str(), "operator", ObjectState::Active));
    assert_eq!((live.owner.as_deref(), live.created_by.as_deref()), (Some("installation-1"), Some("Create acme/role/operator")));
}

#[tokio::test]
async fn reading_creates_nothing_and_leaves_no_trace() {
    let world = World::new();
    let reader = world.reader();
    assert_eq!(reader.tenants().await.unwrap().len(), 1, "the MSP is always there");
    assert!(reader.read(&[tenant_key("acme")]).await.unwrap()[0].is_complete(Kind::User));
    assert!(world.files().is_empty(), "no file was made: {:?}", world.files());
    organization(&world.writer(), "acme").await;
    let file = world.dir.path().join("portal-embedded.db");
    let before = std::fs::read(&file).unwrap();
    // A reader that was opened before the file was there finds it.
    assert_eq!(objects(&*reader, "acme", Kind::Organization).await.len(), 1);
    drop(reader);
    assert_eq!(world.files(), ["portal-embedded.db"]);
    assert_eq!(std::fs::read(&file).unwrap(), before, "not a byte of it changed");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    organization(&world.writer(), "acme").await;
    let mode = std::fs::metadata(world.dir.path().join("portal-embedded.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_file_lies_in_the_state_folder_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = |endpoint: Option<&str>| {
        let mut spec = PortalSpec::embedded();
        spec.endpoint = endpoint.map(str::to_owned);
        file_of(&spec, dir.path()).map(|f| f.strip_prefix(dir.path()).unwrap().to_string_lossy().into_owned())
    };
    assert_eq!(file(None).unwrap(), "portal-embedded.db");
    assert_eq!(file(Some("customers.db")).unwrap(), "customers.db");
    for endpoint in ["../x.db", "/etc/x.db", "a/x.db", "..", ".", "", "x.db/", "./x.db"] {
        assert!(matches!(file(Some(endpoint)), Err(PortalError::Misconfigured(_))), "{endpoint:?} is refused");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/tmp/elsewhere.db", dir.path().join("link.db")).unwrap();
        assert!(matches!(file(Some("link.db")), Err(PortalError::Misconfigured(_))), "a link is refused");
    }
}

#[test]
fn a_file_that_is_no_directory_of_ours_is_left_alone() {
    let world = World::with_endpoint("other.db");
    let file = world.dir.path().join("other.db");
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE t (a); PRAGMA user_version = 3").unwrap();
    let refusal = |world: &World| world.try_writer().err().unwrap().to_string();
    assert!(refusal(&world).contains("is no tenant directory"), "{}", refusal(&world));
    drop(other);
    std::fs::write(&file, "hello, I am a text and no database, and long enough to be read as a header".repeat(20)).unwrap();
    assert!(refusal(&world).contains("is no SQLite file"), "{}", refusal(&world));
    std::fs::remove_file(&file).unwrap();
    drop(world.writer());
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(refusal(&world).contains("is of version 99; this program knows versions up to 1"), "{}", refusal(&world));
}

#[tokio::test]
async fn an_invitation_is_sent_expires_and_is_sent_again_until_it_is_accepted() {
    let world = World::new();
    let portal = world.writer();
    let directory = world.directory();
    organization(&portal, "acme").await;
    let al = done(&portal, create("acme/user/al", json!({"email": "Al@Acme.example", "invitation": {"expiresAfterDays": 7}}))).await;
    let state = || async { objects(&*world.reader(), "acme", Kind::User).await.remove(0).state };
    let mails = || directory.outbox().unwrap().iter().map(|m| format!("{} {}", m.recipient, m.subject)).collect::<Vec<_>>();
    assert_eq!(state().await, ObjectState::Invited);
    assert_eq!(mails(), ["al@acme.example Invitation"]);
    world.days_pass(6);
    assert_eq!(state().await, ObjectState::Invited);
    world.days_pass(1);
    assert_eq!(state().await, ObjectState::InvitationExpired);
    assert!(directory.accept_invitation(&al).is_err(), "too late");
    let resend = |n: &str| call(IntentAction::Resend, "acme/user/al", json!({"email": "al@acme.example"})).object(&al).intent(n);
    done(&portal, resend("r1")).await;
    done(&portal, resend("r1")).await;
    assert_eq!(mails(), ["al@acme.example Invitation", "al@acme.example Invitation, sent again"], "the same key sends once");
    assert_eq!(state().await, ObjectState::Invited);
    world.days_pass(29);
    assert_eq!(state().await, ObjectState::Invited, "30 days where nothing is said");
    directory.accept_invitation(&al).unwrap();
    world.days_pass(100);
    assert_eq!(state().await, ObjectState::Active);
    assert_eq!(refused(&portal, resend("r2")).await, "user al@acme.example has no open invitation");
    assert_eq!(mails().len(), 2);
}

#[tokio::test]
async fn nobody_is_told_who_should_not_be() {
    let world = World::new();
    let portal = world.writer();
    organization(&portal, "acme").await;
    done(&portal, create("acme/user/quiet", json!({"email": "quiet@acme.example", "invitation": {"notify": false}}))).await;
    done(&portal, create("acme/user/robot", json!({"email": "robot@acme.example", "serviceAccount": true}))).await;
    refused(&portal, create("acme/user/bad", json!({"email": "bad@acme.example", "roles": ["no-such-id"]}))).await;
    assert_eq!(world.directory().outbox().unwrap(), []);
    let mut states: Vec<_> = objects(&*portal, "acme", Kind::User).await.into_iter().map(|o| (o.key, o.state)).collect();
    states.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(states, [("quiet@acme.example".into(), ObjectState::Invited), ("robot@acme.example".into(), ObjectState::Active)]);
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted_and_a_customer_takes_everything_along() {
    let world = World::new();
    let portal = world.writer();
    let acme = organization(&portal, "acme").await;
    let globex = organization(&portal, "globex").await;
    let role = done(&portal, create("acme/role/operator", json!({}))).await;
    done(&portal, create("acme/user/al", json!({"email": "al@acme.example", "roles": [role]}))).await;
    let shared = done(&portal, create("msp/integration/aws", json!({"type": "aws", "sharedWith": [acme, globex]}))).await;
    let delete = |address: &str, id: &str| call(IntentAction::Delete, address, json!({})).object(id);
    let why = refused(&portal, delete("acme/role/operator", &role)).await;
    assert_eq!(why, "role operator is in use by user al@acme.example");
    assert!(perform(&portal, delete("acme/organization/acme", &acme)).await.is_ok());
    for kind in Kind::reconciled() {
        assert!(objects(&*portal, "acme", kind).await.is_empty(), "{kind} of acme went with it");
    }
    let live = objects(&*portal, "msp", Kind::Integration).await.remove(0);
    assert_eq!((&*live.id, live.fields.get(field(Kind::Integration, "sharedWith"))), (shared.as_str(), Some(&Value::texts([&globex]))));
    assert_eq!(objects(&*portal, "globex", Kind::Organization).await.len(), 1);
    assert_eq!(world.directory().outbox().unwrap().len(), 1, "mail that was sent stays sent");
    let msp = done(&portal, create("msp/organization/msp", json!({"displayName": "Us"}))).await;
    assert_eq!(refused(&portal, delete("msp/organization/msp", &msp)).await, "the MSP's own tenant is never deleted");
}

#[tokio::test]
async fn tenants_are_kept_apart() {
    let world = World::new();
    let portal = world.writer();
    organization(&portal, "acme").await;
    organization(&portal, "globex").await;
    let theirs = done(&portal, create("globex/gateway/berlin", json!({}))).await;
    let ours = create("acme/monitored-system/erp", json!({"type": "SAP", "gateway": theirs}));
    assert_eq!(refused(&portal, ours).await, "monitored system erp: gateway names a gateway of another tenant");
    let wrong_kind = create("acme/monitored-system/erp", json!({"type": "SAP", "gateway": organization(&portal, "initech").await}));
    assert!(refused(&portal, wrong_kind).await.ends_with("which is no gateway"));
    for action in [IntentAction::Update, IntentAction::Delete] {
        let reach = call(action, "acme/gateway/berlin", json!({"site": "ours now"})).object(&theirs);
        assert_eq!(refused(&portal, reach).await, "gateway berlin is of another tenant");
    }
    let mut delegation = create("msp/delegation/desk", json!({"role": "admin", "customers": []}));
    delegation.address.tenant = super::kit::name("acme");
    assert_eq!(refused(&portal, delegation).await, "delegations belong to the MSP alone");
}

#[tokio::test]
async fn what_may_not_change_does_not_and_what_is_missing_is_said() {
    let world = World::new();
    let portal = world.writer();
    organization(&portal, "acme").await;
    let aws = done(&portal, create("acme/integration/aws", json!({"type": "aws", "enabled": true}))).await;
    let update = |json, n: &str| call(IntentAction::Update, "acme/integration/aws", json).object(&aws).intent(n);
    assert_eq!(refused(&portal, update(json!({"type": "azure"}), "1")).await, "integration aws: type cannot change once it exists");
    // A field that changed and is no longer declared is taken away.
    let mut cleared = update(json!({"type": "aws"}), "2");
    cleared.changed = vec![field(Kind::Integration, "enabled")];
    done(&portal, cleared).await;
    let live = objects(&*portal, "acme", Kind::Integration).await.remove(0);
    assert_eq!(live.fields.to_json(Kind::Integration.def()), json!({"type": "aws"}));
    assert_eq!(refused(&portal, create("acme/integration/bare", json!({}))).await, "integration bare needs type");
    assert_eq!(refused(&portal, create("acme/portal/x", json!({"profile": "embedded"}))).await, "the directory has no portals");
    // A rename keeps the id.
    let renamed = update(json!({"type": "aws"}), "3").key("amazon");
    assert_eq!(done(&portal, renamed).await, aws);
    assert_eq!(keys(&*portal, "acme", Kind::Integration).await, ["amazon"]);
}

#[tokio::test]
async fn an_adopted_object_gets_our_mark_and_a_foreign_mark_stays() {
    let world = World::new();
    let portal = world.writer();
    let acme = organization(&portal, "acme").await;
    let found = world.directory().add_object(&acme, Kind::Role, "Operator", super::kit::fields(Kind::Role, json!({}))).unwrap();
    assert_eq!(objects(&*portal, "acme", Kind::Role).await.remove(0).owner, None);
    let update = |n: &str| call(IntentAction::Update, "acme/role/operator", json!({"description": n})).object(&found).intent(n);
    done(&portal, update("1")).await;
    let mut other = update("2");
    other.owner = "installation-2".into();
    done(&portal, other).await;
    assert_eq!(objects(&*portal, "acme", Kind::Role).await.remove(0).owner.as_deref(), Some("installation-1"));
}

#[tokio::test]
async fn a_secret_goes_nowhere() {
    const CANARY: &str = "canary-5c1e07";
    let world = World::new();
    let portal = world.writer();
    organization(&portal, "acme").await;
    let secrets = field(Kind::Integration, "secrets");
    let mut aws = create("acme/integration/aws", json!({"type": "aws", "secrets": {"token": {"env": "TOKEN"}}}));
    aws.secrets = vec![(secrets, "token".into(), SecretString::from(CANARY))];
    let Ok(Done::Now { object: Some(live), .. }) = perform(&portal, aws).await else { panic!("it is created") };
    assert_eq!(live.fields.get(secrets), None, "a secret is not shown, nor where it is kept");
    let file = world.dir.path().join("portal-embedded.db");
    let noted = "SELECT field || ' ' || key FROM secret";
    let noted: String = rusqlite::Connection::open(&file).unwrap().query_row(noted, [], |row| row.get(0)).unwrap();
    assert_eq!(noted, "secrets token", "that it is set is noted");
    drop(portal);
    for name in world.files() {
        let bytes = std::fs::read(world.dir.path().join(&name)).unwrap();
        assert!(!bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes()), "{name} holds the secret");
    }
}

#[tokio::test]
async fn every_call_leaves_a_line_that_nobody_can_change() {
    let world = World::new();
    let portal = world.writer();
    let acme = organization(&portal, "acme").await;
    refused(&portal, create("acme/group/g", json!({"roles": ["no-such-id"]}))).await;
    world.directory().set_field(&acme, "notes", Some(Value::text("by hand"))).unwrap();
    let line = |a: &tenantry::portal::embedded::AuditLine| {
        format!(
            "{} {} {} [{}] {}",
            a.owner.as_deref().unwrap_or("somebody"),
            a.action,
            a.address,
            a.intent.as_deref().unwrap_or("-"),
            a.result
        )
    };
    let lines: Vec<_> = world.directory().audit().unwrap().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "installation-1 create acme/organization/acme [Create acme/organization/acme] done",
            "installation-1 create acme/group/g [-] refused by the portal: group g: roles names the role no-such-id, which does not exist",
            "somebody set organization acme [-] done",
        ]
    );
    let raw = rusqlite::Connection::open(world.dir.path().join("portal-embedded.db")).unwrap();
    for tamper in ["DELETE FROM audit", "UPDATE audit SET result = 'done'"] {
        assert!(raw.execute(tamper, []).unwrap_err().to_string().contains("append-only"), "{tamper}");
    }
}

#[tokio::test]
async fn what_people_do_behind_our_back_is_seen() {
    let world = World::new();
    let portal = world.writer();
    let directory = world.directory();
    let acme = organization(&portal, "acme").await;
    let role = directory.add_object(&acme, Kind::Role, "by-hand", super::kit::fields(Kind::Role, json!({}))).unwrap();
    let al = done(&portal, create("acme/user/al", json!({"email": "al@acme.example", "roles": [role]}))).await;
    directory.set_field(&al, "administrator", Some(Value::Bool(true))).unwrap();
    directory.set_field(&al, "email", Some(Value::text("New@Acme.example"))).unwrap();
    directory.expire_invitation(&al).unwrap();
    let live = objects(&*portal, "acme", Kind::User).await.remove(0);
    assert_eq!((&*live.key, live.state), ("new@acme.example", ObjectState::InvitationExpired));
    assert_eq!(live.fields.to_json(Kind::User.def()), json!({"email": "new@acme.example", "administrator": true, "roles": [role]}));
    assert!(directory.set_field(&al, "nonsense", None).is_err());
    assert!(directory.set_field(&al, "roles", Some(Value::texts(["no-such-id"]))).is_err());
    assert!(directory.delete_object(&role).is_err(), "it is in use for everybody");
    directory.delete_object(&al).unwrap();
    directory.delete_object(&role).unwrap();
    assert!(keys(&*portal, "acme", Kind::Role).await.is_empty());
    assert!(directory.add_object("no-such-tenant", Kind::Role, "r", super::kit::fields(Kind::Role, json!({}))).is_err());
    let twice = super::kit::fields(Kind::Organization, json!({"displayName": "Acme"}));
    assert!(directory.add_object("", Kind::Organization, "acme", twice).is_err(), "a tenant's name is taken once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_at_once_lose_nothing() {
    let world = World::new();
    organization(&world.writer(), "acme").await;
    // Two writers with a connection each meet in the file as two processes do.
    let writers = [world.writer(), world.writer()];
    let tasks = writers.into_iter().enumerate().map(|(w, portal)| {
        tokio::spawn(async move {
            for batch in 0..10 {
                let calls: Vec<_> = (0..20).map(|i| create(&format!("acme/role/w{w}-b{batch}-{i}"), json!({}))).collect();
                assert!(portal.perform(&calls).await.iter().all(Result::is_ok));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(objects(&*world.reader(), "acme", Kind::Role).await.len(), 400);
}

#[tokio::test]
async fn a_file_that_somebody_holds_is_asked_for_again_later() {
    let world = World::new();
    let portal = world.writer();
    let holder = rusqlite::Connection::open(world.dir.path().join("portal-embedded.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = perform(&portal, create("acme/organization/acme", json!({"displayName": "Acme"}))).await;
    assert!(matches!(answer, Err(CallError::Retry { .. })), "{answer:?}");
    holder.execute_batch("ROLLBACK").unwrap();
    organization(&portal, "acme").await;
}

/// The test starts itself as a process that stops in the middle of a transaction, and kills it there.
#[test]
fn a_process_killed_in_the_middle_of_a_batch_leaves_all_of_it_or_nothing() {
    const CHILD: &str = "KILLED_IN_THIS_FOLDER";
    if let Some(folder) = std::env::var_os(CHILD) {
        return child(std::path::Path::new(&folder));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "portal::embedded::a_process_killed_in_the_middle_of_a_batch_leaves_all_of_it_or_nothing", "--nocapture"])
        .env(CHILD, dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("in the middle")), "the child got into its second batch");
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(files(dir.path()).contains(&"portal-embedded.db-wal".to_owned()), "it was killed with the file open");
    let world = World::at(dir);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(objects(&*world.reader(), "acme", Kind::Role).await.len(), 50, "the first batch is there, and nothing of the second");
        assert_eq!(world.directory().audit().unwrap().len(), 51);
        // The run that comes after it makes the same calls, and ends where the first would have.
        let portal = world.writer();
        for batch in [batch("a"), batch("b")] {
            assert!(portal.perform(&batch).await.iter().all(Result::is_ok));
        }
        assert_eq!(objects(&*portal, "acme", Kind::Role).await.len(), 100);
    });
}

fn batch(name: &str) -> Vec<tenantry::portal::Call> {
    (0..50).map(|i| create(&format!("acme/role/{name}-{i}"), json!({}))).collect()
}

fn child(folder: &std::path::Path) {
    // The directory asks for the time once in each call: after the organization and 50 roles, the 25th call of the second batch never ends.
    let calls = Arc::new(AtomicUsize::new(0));
    let clock = move || {
        if calls.fetch_add(1, Ordering::Relaxed) == 1 + 50 + 25 {
            eprintln!("in the middle");
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        Timestamp::UNIX_EPOCH
    };
    let spec = PortalSpec::embedded();
    let profile = load_profile("embedded", None).unwrap();
    let ctx = OpenContext { spec: &spec, profile, state_dir: folder, secrets: &NoSecrets };
    let portal: Arc<dyn Execute> = Embedded::with_clock(Arc::new(clock)).open_writer(&ctx).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        organization(&portal, "acme").await;
        portal.perform(&batch("a")).await;
        portal.perform(&batch("b")).await;
    });
}

#[tokio::test]
async fn ten_thousand_objects_are_read_at_once() {
    let world = World::new();
    let portal = world.writer();
    let tenants: Vec<String> = (0..20).map(|t| format!("customer-{t:02}")).collect();
    for tenant in &tenants {
        organization(&portal, tenant).await;
        let user = |i: u32| {
            create(
                &format!("{tenant}/user/u{i}"),
                json!({"email": format!("u{i}@{tenant}.example"), "firstName": "A", "invitation": {"notify": false}}),
            )
        };
        for from in (0..500).step_by(200) {
            let calls: Vec<_> = (from..(from + 200).min(500)).map(user).collect();
            assert!(portal.perform(&calls).await.iter().all(Result::is_ok));
        }
    }
    let all: Vec<_> = tenants.iter().map(|t| tenant_key(t)).collect();
    let reader = world.reader();
    let began = Instant::now();
    let live = reader.read(&all).await.unwrap();
    // 50 ms with optimisation; a loop that asked once for each object would take far longer than this.
    assert!(began.elapsed().as_millis() < 2000, "reading took {:?}", began.elapsed());
    assert_eq!(live.iter().map(|t| t.objects(Kind::User).len()).sum::<usize>(), 10_000);
}

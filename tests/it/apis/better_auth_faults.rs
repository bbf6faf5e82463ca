//! Better Auth behind a network that fails: nobody is invited twice, nothing is lost, and running it again is all that anybody has to do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::better_auth::{Person, customer, desk, invitations};
use super::between::{Between, FAULTS, Fault};
use super::desk::Desk;
use crate::servers::better_auth::{self, BetterAuth, PASSWORD};
use crate::support::program::Ran;

/// How many desks work side by side.
const SIDE_BY_SIDE: usize = 6;

/// An MSP with an account and a customer of its own, behind something that fails.
struct Case {
    slug: String,
    between: Between,
    desk: Desk,
}

impl Case {
    fn new(slug: &str) -> Self {
        let server = better_auth::server();
        let account = format!("{slug}@msp.example");
        better_auth::sign_up(&server.url, &account, PASSWORD);
        let between = Between::before(&server.url);
        let desk = desk(&between.url, &account);
        desk.write("customers/one.yaml", &customer(slug));
        Self { slug: slug.to_owned(), between, desk }
    }

    /// Runs it until nothing is left to do, and looks at what there is then.
    fn converges(&self, what: &str) {
        let mut said = String::new();
        for _ in 0..3 {
            let Ran { code, out, err } = self.desk.run("apply --auto-approve");
            said = format!("{said}\n--- {code:?}\n{out}{err}");
            let plan = self.desk.run("plan --expect-no-changes");
            said = format!("{said}\n--- {:?}\n{}", plan.code, plan.said());
            if code == Some(0) && plan.code == Some(0) {
                break;
            }
        }
        assert!(said.trim_end().rsplit("--- ").next().is_some_and(|last| last.starts_with("Some(0)")), "{what}: {said}");
        assert!(!said.contains("canary"), "{what}: a secret is shown: {said}");
        let url = &better_auth::server().url;
        for person in ["alice", "bob"] {
            let mails = invitations(url, &format!("{person}@{}.example", self.slug));
            assert_eq!(mails.len(), 1, "{what}: mails to {person}: {said}");
        }
        let msp = Person::known(url, &format!("{}@msp.example", self.slug));
        assert_eq!(msp.get("/organization/list").as_array().unwrap().len(), 1, "{what}: {said}");
        assert_eq!(msp.get("/sso/providers")["providers"].as_array().unwrap().len(), 1, "{what}: {said}");
    }
}

/// Does something for each number, side by side.
fn each(cases: usize, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(case) = Some(next.fetch_add(1, Ordering::SeqCst)).filter(|case| *case < cases) {
                    check(case);
                }
            });
        }
    });
}

/// How many requests the first apply makes.
fn requests(slug: &str) -> usize {
    let whole = Case::new(slug);
    whole.desk.apply();
    let seen = whole.between.seen();
    assert_eq!(seen.iter().filter(|line| line.ends_with("/invite-member")).count(), 2, "{seen:#?}");
    seen.len()
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn nobody_is_invited_twice_whatever_request_fails_in_whatever_way() {
    let requests = requests("whole");
    each(requests * FAULTS.len(), |case| {
        let (request, fault) = (1 + case / FAULTS.len(), FAULTS[case % FAULTS.len()]);
        let world = Case::new(&format!("fault-{case}"));
        world.between.at(request, fault);
        world.converges(&format!("request {request}, {fault:?}"));
    });
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn nobody_is_invited_twice_whenever_the_program_is_killed() {
    let requests = requests("unkilled");
    let killed = AtomicUsize::new(0);
    each(requests, |case| {
        let world = Case::new(&format!("kill-{case}"));
        world.between.at(case + 1, Fault::HeldAfter);
        let mut apply = world.desk.start("apply --auto-approve");
        assert!(world.between.holds(), "request {}: it is never made", case + 1);
        apply.kill().unwrap();
        killed.fetch_add(usize::from(apply.wait().unwrap().code().is_none()), Ordering::SeqCst);
        world.between.quiet();
        world.converges(&format!("killed at request {}", case + 1));
    });
    assert_eq!(killed.into_inner(), requests, "some ended before they were killed");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn a_server_that_throttles_is_waited_for() {
    let server: BetterAuth = better_auth::limited(2);
    let between = Between::before(&server.url);
    let desk = desk(&between.url, better_auth::EMAIL);
    let users: String = (0..4).map(|n| format!("    - {{name: u{n}, email: u{n}@slow.example, roles: [member]}}\n")).collect();
    let head = "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: slow}\nspec:\n  displayName: Slow\n  users:\n";
    desk.write("customers/one.yaml", &format!("{head}{users}"));
    desk.apply();
    for n in 0..4 {
        assert_eq!(invitations(&server.url, &format!("u{n}@slow.example")).len(), 1);
    }
    let invited = between.seen().iter().filter(|line| line.ends_with("/invite-member")).count();
    assert!(invited > 4, "it was never throttled: {invited} requests");
}

#[cfg_attr(not(have_better_auth), ignore = "needs Better Auth: tests/servers/install")]
#[test]
fn an_invitation_that_ran_out_is_sent_again_where_that_is_declared() {
    let server = better_auth::brief(2);
    let desk = desk(&server.url, better_auth::EMAIL);
    let users = "    - {name: once, email: once@brief.example, roles: [member]}\n    - {name: again, email: again@brief.example, roles: [member], \
                 invitation: {resendWhenExpired: true}}\n";
    let head = "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: brief}\nspec:\n  displayName: Brief\n  users:\n";
    desk.write("customers/one.yaml", &format!("{head}{users}"));
    desk.apply();
    std::thread::sleep(Duration::from_secs(3));
    let plan = desk.run("plan").exits(0);
    assert!(plan.said().contains("resend user/again") && !plan.said().contains("resend user/once"), "{}", plan.said());
    desk.run("apply --auto-approve");
    assert_eq!(invitations(&server.url, "again@brief.example").len(), 2);
    assert_eq!(invitations(&server.url, "once@brief.example").len(), 1);
    let msp = Person::known(&server.url, better_auth::EMAIL);
    let id = msp.get("/organization/list")[0]["id"].as_str().unwrap().to_owned();
    let listed = msp.get(&format!("/organization/list-invitations?organizationId={id}"));
    let open = listed.as_array().unwrap().iter().filter(|i| i["email"] == "again@brief.example" && i["status"] == "pending");
    assert_eq!(open.count(), 1, "the old one is cancelled: {listed}");
}

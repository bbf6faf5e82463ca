//! The budget of expressions: no rule hangs a plan or blows it up, and one that fails refuses.

use std::time::{Duration, Instant};

use serde_json::json;
use tenantry::model::portal_spec::Account;
use tenantry::model::rule::{Conduct, Subject, Verdict, Violation};
use tenantry::model::work_order::Observation;
use tenantry::model::{IntentAction, Kind, LiveTenant, Tenant};
use tenantry::portal::Profile;

use super::kit::{name, resource, tenant};

/// A profile with one rule about users.
fn profile(expr: &str) -> Result<Profile, Vec<tenantry::diagnostic::Diagnostic>> {
    let expr = serde_json::to_string(expr).unwrap();
    let text = format!(
        "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: test\ntitle: Test\ndriver: embedded\n\
         kinds: {{User: {{read: listed, create: call}}}}\n\
         rules: [{{id: T-1, source: m, kinds: [User], expr: {expr}, message: broken}}]\n\
         observed: [{{id: T-2, source: m, name: users, title: Users}}]\n"
    );
    Profile::parse(&text, "test.yaml")
}

/// What is wrong with an expression: the code and the summary of the one diagnostic.
fn refusal(expr: &str) -> (String, String) {
    let began = Instant::now();
    let wrong = profile(expr).expect_err("the expression is refused");
    assert!(began.elapsed() < Duration::from_secs(5), "refusing took {:?}", began.elapsed());
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0].range.as_ref().map(|r| r.line), Some(7), "it says where");
    (wrong[0].code.clone(), wrong[0].summary.clone())
}

fn too_costly(expr: &str) -> String {
    let (code, summary) = refusal(expr);
    assert_eq!(code, "P008", "{summary}");
    summary
}

/// A tenant with this many users.
fn users(count: usize) -> Tenant {
    let user = |i| resource(&format!("acme/user/u{i}"), json!({"email": format!("u{i}@acme.example"), "firstName": "x".repeat(150)}));
    tenant((0..count).map(user).collect())
}

fn judge(expr: &str, tenant: &Tenant) -> Vec<Violation> {
    let profile = profile(expr).unwrap_or_else(|wrong| panic!("{expr}: {wrong:?}"));
    let first = tenant.resources.iter().find(|r| r.address.kind == Kind::User).unwrap();
    let began = Instant::now();
    let violations = profile.violations(&Subject {
        tenant: &name("acme"),
        kind: Kind::User,
        action: IntentAction::Create,
        declared: Some(first),
        after: Some(&first.fields),
        before: None,
        desired: Some(tenant),
        live: None,
        account: &Account { name: Some("our-msp".to_owned()), add_ons: vec!["msp-admin".to_owned()], ..Account::default() },
    });
    assert!(began.elapsed() < Duration::from_secs(10), "judging took {:?}", began.elapsed());
    violations
}

/// The rule cannot be evaluated, and therefore refuses, saying why.
fn fails_closed(expr: &str, tenant: &Tenant, why: &str) {
    let violations = judge(expr, tenant);
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].verdict, Verdict::Refuses, "a rule that fails refuses");
    let message = &violations[0].message;
    assert!(message.starts_with("rule T-1 could not be evaluated") && message.contains(why), "{message}");
    assert!(message.chars().count() < 600, "the message is short: {message}");
}

fn holds(expr: &str, tenant: &Tenant) {
    assert_eq!(judge(expr, tenant), [], "{expr}");
}

fn broken(expr: &str, tenant: &Tenant) {
    let violations = judge(expr, tenant);
    assert_eq!(violations.iter().map(|v| v.message.as_str()).collect::<Vec<_>>(), ["broken"], "{expr}");
}

#[test]
fn a_rule_sees_the_change_and_what_is_around_it() {
    let tenant = users(3);
    holds("self.email == 'u0@acme.example' && name == 'u0' && kind == 'User' && action == 'create'", &tenant);
    holds("oldSelf == null && live == null", &tenant);
    holds("tenant.name == 'acme' && !tenant.isMsp && tenant.domains == [] && tenant.organization == null", &tenant);
    holds("desired.users.size() == 3 && desired.users.exists_one(u, u.name == 'u2' && u.key == 'u2@acme.example')", &tenant);
    holds("desired.users.exists_one(u, u == desired.users[1]) && desired.users[0] != desired.users[1]", &tenant);
    holds("account.name == 'our-msp' && 'msp-admin' in account.addOns && !has(account.domain)", &tenant);
    holds("!has(self.lastName) && !has(self.invitation.notify)", &tenant);
    holds("self.email.matches('^[a-z0-9]+@acme[.]example$') && self.email.split('@')[1] == 'acme.example'", &tenant);
    broken("self.email.endsWith('@other.example')", &tenant);
    broken("desired.users.map(u, u.email).filter(e, e.startsWith('u1')).size() == 0", &tenant);
}

#[test]
fn a_rule_reads_live_objects_by_id_and_state() {
    use tenantry::model::{Collection, LiveObject, LiveTenant, ObjectState};
    let profile = profile("live.users.all(u, u.state != 'invitationExpired' || u.id == 'id-2') && oldSelf.firstName == 'Al'").unwrap();
    let object = |id: &str, state| LiveObject {
        kind: Kind::User,
        id: id.into(),
        key: "a@acme.example".into(),
        fields: super::kit::fields(Kind::User, json!({"email": "a@acme.example", "firstName": "Al"})),
        state,
        owner: None,
        created_by: None,
        portals_own: false,
    };
    let judge = |live: &LiveTenant| {
        let before = live.objects(Kind::User)[0].fields.clone();
        let subject = Subject {
            tenant: &name("acme"),
            kind: Kind::User,
            action: IntentAction::Update,
            declared: None,
            after: Some(&before),
            before: Some(&before),
            desired: None,
            live: Some(live),
            account: &Account::default(),
        };
        profile.violations(&subject).len()
    };
    let live = |objects| LiveTenant { collections: [(Kind::User, Collection::complete(objects))].into(), ..LiveTenant::default() };
    assert_eq!(judge(&live(vec![object("id-1", ObjectState::Invited), object("id-2", ObjectState::InvitationExpired)])), 0);
    assert_eq!(judge(&live(vec![object("id-1", ObjectState::InvitationExpired)])), 1);
}

#[test]
fn what_could_cost_too_much_is_refused_before_it_runs() {
    too_costly(&format!("{}true{}", "(".repeat(1000), ")".repeat(1000)));
    too_costly(&"[".repeat(129));
    too_costly(&format!("{}true", "!".repeat(3000)));
    too_costly(&format!("self{} == 1", ".a".repeat(1500)));
    too_costly(&format!("{}1 == 1", "1 + ".repeat(300)));
    too_costly(&vec!["true ? true : true"; 200].join(" ? "));
    too_costly(&format!("'{}' == self.email", "x".repeat(5000)));
    too_costly("[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))");
    too_costly(&format!("['x']{}.size() == 1", ".map(a, a + a)".repeat(17)));
    too_costly("self.email.matches('(a{1000}){1000}')");
    assert_eq!(
        too_costly(&format!("self.email in [{}]", vec!["1"; 600].join(", "))),
        "it has more than 512 parts",
        "the reason is said in words"
    );
}

#[test]
fn the_worst_text_that_reaches_the_parser_is_answered() {
    // As many brackets and operators as the look at the text lets pass, in every shape over which a parser recurses.
    for text in [
        "(".repeat(128),
        format!("{}true{}", "(".repeat(128), ")".repeat(128)),
        format!("{}1{}", "[".repeat(128), "]".repeat(128)),
        format!("{}1{}", "{1:".repeat(128), "}".repeat(128)),
        format!("{}true", "!".repeat(256)),
        format!("{}1 == 1", "-".repeat(250)),
        format!("self{}", ".a".repeat(256)),
        format!("self{}", ".a()".repeat(128)),
        format!("self{}", "[0]".repeat(128)),
        format!("{}true", "true?true:".repeat(128)),
        format!("{}true", "true?".repeat(256)),
        format!("1{}", "+1".repeat(256)),
        format!("true{}", "||true".repeat(128)),
        format!("{}true{}", "[1].all(x,".repeat(60), ")".repeat(60)),
        format!("size{}{}", "(size".repeat(128), ")".repeat(128)),
    ] {
        let began = Instant::now();
        let code = profile(&text).err().map(|wrong| wrong[0].code.clone());
        assert!(matches!(code.as_deref(), None | Some("P005" | "P007" | "P008")), "{text}: {code:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{text} took {:?}", began.elapsed());
    }
}

#[test]
fn the_deepest_expression_that_is_allowed_runs_in_three_quarters_of_a_thread() {
    let deepest = |make: &dyn Fn(usize) -> String| (1..40).map(make).take_while(|e| profile(e).is_ok()).last().unwrap();
    let expressions = [
        deepest(&|n| format!("{}true{}", "!(".repeat(n), ")".repeat(n))),
        deepest(&|n| format!("({}'') + '' != self.email", "self.email + ".repeat(n))),
        deepest(&|n| format!("{}1{}.size() == 1", "[".repeat(n), "]".repeat(n))),
        deepest(&|n| format!("{}true{}", "true ? (".repeat(n), ") : false".repeat(n))),
        deepest(&|n| format!("self.email{} == self.email", ".trim()".repeat(n))),
        "desired.users.all(a, desired.users.all(b, desired.users.exists(c, c.email == a.email && b.email == a.email)))".to_owned(),
    ];
    let thread = std::thread::Builder::new().stack_size(3 << 19).spawn(move || {
        for expr in expressions {
            assert!(judge(&expr, &users(1)).iter().all(|v| v.message == "broken"), "{expr} has a value");
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn loops_within_loops_are_stopped() {
    let many = users(2000);
    fails_closed(
        "desired.users.all(a, desired.users.all(b, desired.users.all(c, a.email != '' && b.email != '' && c.email != '')))",
        &many,
        "steps",
    );
    fails_closed("desired.users.all(a, desired.users[0].email != '')", &many, "steps");
    fails_closed("desired.users.all(a, a in desired.users)", &many, "steps");
    fails_closed("desired.users.all(a, desired.users.map(u, u.email).size() > 0)", &many, "steps");
    // One loop over all of them is well within.
    holds("desired.users.filter(u, u.email == self.email).size() == 1", &many);
}

#[test]
fn a_spent_budget_is_not_swallowed_by_an_operator() {
    fails_closed("desired.users.all(a, desired.users.all(b, a.email != b.email || a.email == b.email)) || true", &users(2000), "steps");
}

#[test]
fn values_that_double_are_stopped() {
    for (first, step) in [
        ("self.firstName", ".map(a, ((a+a)+(a+a))+((a+a)+(a+a)))"),
        ("[self.firstName]", ".map(a, ((a+a)+(a+a))+((a+a)+(a+a)))"),
        ("[self.firstName]", ".map(a, [a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a])"),
        ("self.firstName", ".map(a, {'a':[a,a,a,a,a],'b':[a,a,a,a,a]})"),
    ] {
        // As often as the checks let it: far more than memory would bear.
        let repeated = |times: usize| format!("[{first}]{}.size() > 0", step.repeat(times));
        let expr = (1..20).map(repeated).take_while(|e| profile(e).is_ok()).last().unwrap();
        fails_closed(&expr, &users(1), "steps");
    }
}

#[test]
fn what_is_wrong_is_said_with_what_there_is() {
    let wrong = |expr: &str| {
        let (code, summary) = refusal(expr);
        format!("{code} {summary}")
    };
    insta::assert_snapshot!(
        [
            wrong("self.emial == ''"),
            wrong("has(self.invitation)"),
            wrong("self.email.host == ''"),
            wrong("desired.domain.size() == 0"),
            wrong("tenant.region == ''"),
            wrong("user.email == ''"),
            wrong("self.email.frobnicate()"),
            wrong("desired.users.all(self, true)"),
            wrong("self.email.matches(name)"),
            wrong("self.email.matches('(')"),
            wrong("1 +"),
            wrong("timestamp('2020') > 1"),
            wrong("Foo{a: 1} == 1"),
        ]
        .join("\n"),
        @r"
    P005 User has no field `emial`
    P005 `invitation` of User is a group of fields and always there: ask `has` for one of its fields
    P005 `email` of User is an e-mail address and has no `host`
    P005 `desired` has no `domain`; it has organizations, domains, roles, groups, users, integrations, delegations, gateways, monitoredSystems, notificationRules
    P005 `tenant` has no `region`; it has name, isMsp, labels, domains, organization
    P007 there is no `user`; there are self, oldSelf, name, kind, action, tenant, desired, live, account
    P007 there is no function `frobnicate`; there are matches, size, contains, startsWith, endsWith, string, int, lowerAscii, trim, split, indexOf, substring, charAt
    P007 `self` is a variable already: name the loop's otherwise
    P007 the pattern of `matches` must be written in the expression itself
    P007 its pattern is no regular expression: regex parse error: ( ^ error: unclosed group
    P007 at line 1, column 4 of the expression: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}
    P007 there is no function `timestamp`; there are matches, size, contains, startsWith, endsWith, string, int, lowerAscii, trim, split, indexOf, substring, charAt
    P007 there is no type `Foo`
    "
    );
}

#[test]
fn a_rule_that_fails_refuses_and_says_why() {
    let one = users(1);
    fails_closed("self.administrator", &one, "No such key: administrator");
    fails_closed("self.email", &one, "it gives a value of type string and not true or false");
    fails_closed("self.email.size()", &one, "type int");
    fails_closed("1 / 0 == 1", &one, "zero");
    fails_closed("9223372036854775807 + 1 > 0", &one, "verflow");
    fails_closed("[1][5] == 1", &one, "bounds");
    fails_closed("self.email > 5", &one, "overload");
    fails_closed("desired.users.all(u, u.email > desired.users)", &users(50), "overload");
}

#[test]
fn a_secret_is_never_seen() {
    let text = "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: test\ntitle: Test\ndriver: embedded\n\
         kinds: {Integration: {read: listed, create: call}}\n\
         rules: [{id: T-1, source: m, kinds: [Integration], expr: \"self.secrets.all(k, self.secrets[k] != '(sensitive)')\", message: '{secrets}'}]\n";
    let profile = Profile::parse(text, "test.yaml").unwrap();
    let tenant = tenant(vec![resource("acme/integration/aws", json!({"type": "aws", "secrets": {"token": {"env": "CANARY"}}}))]);
    let violations = profile.violations(&Subject {
        tenant: &name("acme"),
        kind: Kind::Integration,
        action: IntentAction::Create,
        declared: tenant.resources.first(),
        after: tenant.resources.first().map(|r| &r.fields),
        before: None,
        desired: Some(&tenant),
        live: None,
        account: &Account::default(),
    });
    assert_eq!(violations.iter().map(|v| v.message.as_str()).collect::<Vec<_>>(), ["token: (sensitive)"]);
}

#[test]
fn a_rule_reads_what_the_portal_shows_beside_what_is_declared() {
    let profile = profile("!has(live.observed.users) || int(live.observed.users) < 10").unwrap();
    let tenant = users(1);
    let (name, account) = (name("acme"), Account::default());
    let judge = |seen: Option<&str>| {
        let seen = seen.map(|value| Observation { value: value.to_owned(), at: jiff::Timestamp::UNIX_EPOCH, by: None });
        let live = LiveTenant { observed: seen.map(|s| ("users".into(), s)).into_iter().collect(), ..LiveTenant::default() };
        let subject = Subject {
            tenant: &name,
            kind: Kind::User,
            action: IntentAction::Create,
            declared: tenant.resources.first(),
            after: tenant.resources.first().map(|r| &r.fields),
            before: None,
            desired: Some(&tenant),
            live: Some(&live),
            account: &account,
        };
        profile.violations(&subject).len()
    };
    assert_eq!((judge(None), judge(Some("9")), judge(Some("10"))), (0, 0, 1));
    let (code, why) = refusal("live.observed.users.count == 1");
    assert_eq!((&*code, why.contains("which have no `count`")), ("P005", true), "{why}");
}

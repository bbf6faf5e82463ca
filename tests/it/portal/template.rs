//! Texts with expressions in them.

use tenantry::portal::profile::cel::{CompileError, SubjectScope};
use tenantry::portal::profile::template::Template;

use super::kit::{name, tenant};
use tenantry::model::portal_spec::Account;
use tenantry::model::rule::Subject;
use tenantry::model::{IntentAction, Kind};

fn render(text: &str) -> Result<String, String> {
    let template = Template::compile(text, &["kind", "action", "tenant"]).map_err(|e| match e {
        CompileError::Wrong(why) | CompileError::TooCostly(why) => why,
    })?;
    let subject = Subject {
        tenant: &name("acme"),
        kind: Kind::User,
        action: IntentAction::Create,
        declared: None,
        after: None,
        before: None,
        desired: Some(&tenant(Vec::new())),
        live: None,
        account: &Account::default(),
    };
    template.render(&SubjectScope { subject: &subject }).map_err(|e| e.0)
}

#[test]
fn what_stands_in_braces_is_an_expression_and_all_else_is_itself() {
    let check = |text: &str, expected: &str| assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    check("", "");
    check("plain } $ { text", "plain } $ { text");
    check("${kind}", "User");
    check("a ${kind} of ${ tenant.name }!", "a User of acme!");
    check("${kind}${action}", "Usercreate");
    check("$${kind} ${'}'} ${\"${\"}", "${kind} } ${");
    check("${{'a': '}'}['a']}", "}");
    check("${tenant.isMsp ? 'x' : 'y'} ${1 + 1} ${['a', 'b']}", "y 2 a, b");
}

#[test]
fn half_a_text_is_never_given_out() {
    let check = |text: &str, told: &str| {
        let why = render(text).expect_err(text);
        assert!(why.contains(told), "{text}: {why}");
    };
    check("a ${kind", "`${` has no `}` in `a ${kind`");
    check("a ${nobody}", "there is no `nobody`");
    check("a ${}", "expression");
    check("a ${tenant.organization} b", "not a text, a number or a truth");
    check("ok ${kind} then ${tenant.nothing}", "nothing");
}

//! What is wrong with the `http` parts of a profile is said with its place, all at once.

use tenantry::portal::Profile;

use super::HEAD;

fn told(text: &str) -> String {
    let wrong = Profile::parse(&format!("{HEAD}{text}"), "made-up.yaml").expect_err("the profile is refused");
    let one = |d: &tenantry::diagnostic::Diagnostic| {
        let range = d.range.as_ref();
        format!("{}:{} {} {}", range.map_or(0, |r| r.line), range.map_or(0, |r| r.column), d.code, d.summary)
    };
    wrong.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_connection_is_checked() {
    insta::assert_snapshot!(told(r#"
kinds: {}
http:
  endpoint: https://user:canary@portal.example
  base: v1
  auth: {bearer: token, header: {name: X-Key, credential: key}}
  inside: {}
  idempotencyHeader: "no header"
  paging: {style: cursor, parameter: after}
  errors:
    conflict: [{}]
    gone: [{status: [200]}]
    throttled: [{when: reponse.status == 1}]
  timeouts: {request: never}
"#), @r#"
    9:13 P004 the endpoint is no address: write http or https, a host and a path, and nothing else
    10:9 P004 the path `v1` must begin with one `/`
    11:9 P006 `auth` needs exactly one of `header`, `bearer`, `basic`, `oauth2` and `login`
    12:11 P006 `inside` needs either `header` or `query`
    13:22 P004 `no header` is no name of a header
    13:22 P006 `idempotencyHeader` takes the key of every call, and `limits.idempotent` does not say that the portal heeds it
    14:11 P006 paging by `cursor` needs `next`: where the next page begins
    16:16 P006 an error needs `status`, `when` or both: this one would be every answer
    17:12 P004 the status of an error is from 300 to 599
    18:24 P007 there is no `reponse`; there are response
    19:23 P004 `never` is no length of time from `1ms` to `600s`
    "#);
}

#[test]
fn lists_and_items_are_checked() {
    insta::assert_snapshot!(told(r#"
http: {}
kinds:
  Organization:
    read: listed
    http:
      lists: {all: {within: tenant, path: "orgs", items: "response.body.["}}
  User:
    read: listed
    http:
      lists: {all: {within: portal, path: /users}}
      item: {id: item.id, key: item.mail, fields: {mail: item.mail}, observed: {people: item.n}}
  Integration:
    read: listed
    http:
      lists: {all: {within: tenant, path: "/i/${tenant.nmae}"}}
      item: {id: itm.id, key: item.name, fields: {secrets: item.secrets}}
  Role: {read: listed}
  Group: {read: unreadable, http: {lists: {all: {within: tenant, path: /groups}}, item: {id: item.id, key: item.id}}}
"#), @r#"
    12:7 P006 Organization is the tenant itself: its list must be `within: portal`
    12:20 P006 Organization: it is listed, and no `item` says how an item becomes an object
    12:43 P004 the path `orgs` must begin with one `/`
    12:58 P007 at line 1, column 15 of the expression: Syntax error: no viable alternative at input '.['
    16:20 P006 User: a list of the whole portal needs `tenant`: whose an item is
    17:58 P005 User has no field `mail`
    17:89 P006 User: only an organization shows something of its tenant
    17:89 P005 `observed` of the profile has no `people`
    21:43 P005 `tenant` has no `nmae`; it has name, isMsp, labels, domains, organization
    22:18 P007 there is no `itm`; there are item, rows, joined, list, tenant, account
    22:60 P006 Integration: `secrets` holds secrets, which are never read
    23:9 P006 Role: `read` is a driver's, and `http` does not say how
    24:35 P006 Group: `http` says how to read one, and nobody asks the driver `rest` to
    "#);
}

#[test]
fn what_is_asked_of_one_tenant_is_checked() {
    insta::assert_snapshot!(told(r#"
http: {}
kinds:
  Organization:
    read: listed
    http:
      lists: {all: {within: portal, path: /orgs, ofTenant: {items: "[response.body]"}}}
      item: {id: item.id, key: item.name, fields: {displayName: item.name}}
  User:
    read: listed
    http:
      lists:
        a: {within: tenant, path: "/a/${tenant.id}", ofTenant: {path: "/b/${tenant.id}"}}
        b: {within: portal, path: /b, tenant: item.of, ofTenant: {query: {of: "${tenant.name}"}, items: "response.["}}
        c: {within: portal, path: /c, tenant: item.of, ofTenant: {path: "c?x=${tenant.id}"}}
        d: {within: organizations, items: item.users, ofTenant: {path: "/d/${tenant.id}"}}
        e: {within: portal, path: /e, join: item.of, ofTenant: {query: {of: "${tenant.name}"}}}
      item: {id: item.id, key: item.mail, fields: {email: item.mail}}
  Delegation:
    read: listed
    http:
      lists: {all: {within: portal, path: /d, ofTenant: {path: "/d/${tenant.id}"}}}
      item: {id: item.id, key: item.id}
"#), @r#"
    12:60 P006 Organization: `ofTenant` needs a `path`, a `query` or both: what is asked of one tenant
    18:64 P006 User: `ofTenant` is for a list `within: portal` alone: take it out
    19:66 P006 User: `ofTenant` asks for the same of every tenant: put `${tenant.id}` into its path or its query
    19:105 P007 at line 1, column 10 of the expression: Syntax error: no viable alternative at input '.['
    20:73 P004 the path `c?x=${tenant.id}` must begin with one `/`
    21:65 P006 User: `ofTenant` is for a list `within: portal` alone: take it out
    22:64 P006 User: `ofTenant` asks for the same of every tenant: put `${tenant.id}` into its path or its query
    27:57 P006 Delegation: what it lists is the MSP's own, and no other tenant has any: take `ofTenant` out
    "#);
}

#[test]
fn steps_are_checked() {
    insta::assert_snapshot!(told(r#"
http: {}
kinds:
  User:
    read: unreadable
    create: call
    update: call
    delete: call
    http:
      create:
        - {path: "/users?x=1", body: {mail: "${self.mail}", deep: {er: ["${1 +}"]}}}
        - {path: /h, body: {}, form: {a: b}}
        - {path: /a, wait: {path: /b, until: "true"}}
        - {each: {added: email}, path: /c}
        - {each: {}, path: /d}
        - {path: "/e/${steps.nothing}", update: replace}
        - ask: {title: Ask, source: d, steps: [{}], evidence: []}
      update: [{path: /f, id: response.body.id, headers: {"bad name": x}}]
      resend: [{path: /g}]
"#), @r#"
    15:7 P006 User: `delete` is a driver's, and `http` does not say how
    15:7 P006 User: `http` says how to resend one, and nobody asks the driver `rest` to
    16:11 P006 User: no step of `create` says what the new object's `id` is
    16:18 P004 the path `/users?x=1` must hold no `?`, `#` or `\`; parameters go into `query`
    16:38 P007 at `deep.er[0]` of the body: at line 1, column 4 of the expression: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}
    17:28 P006 User: a call has either a `body` or a `form`
    18:11 P006 User: a step has exactly one of `path`, `ask` and `wait`
    19:26 P006 User: `email` is an e-mail address, and `each` goes over a set
    20:18 P006 User: `each` needs either `added` or `removed`
    21:18 P006 User: `update` says what a call of an update sends: this is none
    21:18 P005 `steps.nothing` is nothing that an earlier step leaves
    22:16 P006 User: a person is asked, and there is nothing to do
    22:48 P006 User: a person's step has exactly one of `visit`, `press`, `look` and `reach`
    23:31 P006 User: only a creation makes a new id
    23:71 P004 `bad name` is no name of a header
    "#);
}

/// A profile that promises idempotency so, with one writing call.
fn promising(limits: &str, http: &str, step: &str) -> String {
    let text = format!(
        "{HEAD}limits: {{{limits}}}\nhttp: {{{http}}}\nkinds:\n  User:\n    read: unreadable\n    delete: call\n    http:\n      delete:\n        - \
         {{method: GET, path: /look}}\n        - {{method: DELETE, path: \"/users/${{id}}\"{step}}}\n"
    );
    match Profile::parse(&text, "made-up.yaml") {
        Ok(_) => String::new(),
        Err(wrong) => {
            let one = |d: &tenantry::diagnostic::Diagnostic| {
                let at = d.range.as_ref().map_or((0, 0), |r| (r.line, r.column));
                format!("{}:{} {} {}", at.0, at.1, d.code, d.summary)
            };
            wrong.iter().map(one).collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn idempotency_is_promised_and_kept_or_neither() {
    let (promise, header, own) = ("idempotent: true", "idempotencyHeader: Idempotency-Key", ", idempotent: true");
    for (limits, http, step) in [("", "", ""), ("", "", own), (promise, header, ""), (promise, "", own), (promise, header, own)] {
        assert_eq!(promising(limits, http, step), "", "{limits} {http} {step}");
    }
    insta::assert_snapshot!(promising("", header, ""), @"7:27 P006 `idempotencyHeader` takes the key of every call, and `limits.idempotent` does not say that the portal heeds it");
    // The other way round: the call alone is named, and not the `GET` before it.
    insta::assert_snapshot!(promising(promise, "", ""), @"15:11 P006 `limits.idempotent` says that every call may be repeated: say `idempotent` of this one, or name an `idempotencyHeader`");
}

#[test]
fn tokens_are_asked_for_below_the_endpoint_and_nowhere_else() {
    for path in ["https://elsewhere.example/token", "//elsewhere.example/token", "/../token"] {
        let said = told(&format!("kinds: {{}}\nhttp: {{auth: {{oauth2: {{tokenPath: \"{path}\", clientId: a, clientSecret: b}}}}}}\n"));
        assert!(said.contains("P004 the path"), "{path}: {said}");
    }
}

#[test]
fn a_profile_whose_calls_go_over_http_says_where() {
    insta::assert_snapshot!(told("kinds:\n  User: {read: listed}\n"), @r#"
    5:9 P006 its calls go over HTTP, and there is no `http` that says where and how
    "#);
}

#[test]
fn the_example_of_the_docs_is_a_whole_profile() {
    let page = include_str!("../../../../docs/profiles.md");
    let (_, from) = page.split_once("```yaml http profile\n").expect("the page has an example");
    let profile = Profile::parse(from.split_once("```").unwrap().0, "docs/profiles.md").unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    assert_eq!((profile.default_driver(), profile.http().map(|http| http.kinds.len())), ("rest", Some(2)));
}

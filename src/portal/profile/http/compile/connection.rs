//! The connection: sign-in, errors, headers and times, checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_saphyr::{Location, Spanned};

use super::super::connection::compiled::{Auth, Connection, ErrorRule, Errors, Inside, Login, LoginContent, Meaning, Paging, Throttle};
use super::super::connection::{AuthSection, ErrorsSection, InsideSection, LoginSection, PagingSection, PagingStyle};
use super::super::document::HttpSection;
use super::parts::{duration, expression, header_name, path, template, tree};
use crate::diagnostic::codes::portal as codes;
use crate::portal::profile::compile::Problems;
use crate::portal::profile::template::Template;

/// Most items of a page: what an answer of the largest size holds.
const MAX_PAGE: u64 = 10_000;
const RESPONSE: [&str; 1] = ["response"];
const PAGE: [&str; 2] = ["response", "last"];
const CREDENTIALS: [&str; 1] = ["credentials"];

/// See the module.
pub(super) fn compile(section: &HttpSection, at: Location, problems: &mut Problems<'_>) -> Option<Connection> {
    if let Some(endpoint) = &section.endpoint
        && let Some(why) = url::Url::parse(&endpoint.value).err().map(|e| e.to_string()).or_else(|| no_endpoint(&endpoint.value))
    {
        problems.add(codes::PROFILE_SYNTAX, endpoint.referenced, format!("the endpoint is no address: {why}"));
    }
    let base = section.base.as_ref().filter(|base| path(base, problems));
    for (name, value) in &section.headers {
        header_name(name, value.referenced, problems);
    }
    if let Some(name) = &section.idempotency_header {
        header_name(&name.value, name.referenced, problems);
    }
    let auth = section.auth.as_ref().map_or(Some(Auth::None), |auth| sign_in(auth, problems));
    let most = Duration::from_secs(600);
    let inside = section.inside.as_ref().and_then(|i| inside(i, problems));
    let errors = errors(&section.errors, at, problems);
    let connect_timeout = duration(section.timeouts.connect.as_ref(), Duration::from_secs(10), most, problems);
    let request_timeout = duration(section.timeouts.request.as_ref(), Duration::from_secs(30), most, problems);
    Some(Connection {
        endpoint: section.endpoint.as_ref().map(|e| e.value.clone()),
        base: base.map(|b| b.value.trim_end_matches('/').to_owned()).unwrap_or_default(),
        headers: section.headers.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect(),
        auth: auth?,
        inside,
        errors,
        throttle: Throttle {
            retry_after: section.throttle.retry_after.clone().unwrap_or_else(|| "Retry-After".to_owned()),
            remaining: section.throttle.remaining.clone(),
            reset: section.throttle.reset.clone(),
            reset_is: section.throttle.reset_is,
        },
        idempotency_header: section.idempotency_header.as_ref().map(|h| h.value.clone()),
        connect_timeout,
        request_timeout,
    })
}

fn no_endpoint(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let wrong =
        !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty();
    wrong.then(|| "write http or https, a host and a path, and nothing else".to_owned())
}

fn sign_in(section: &Spanned<AuthSection>, problems: &mut Problems<'_>) -> Option<Auth> {
    let AuthSection { header, bearer, basic, oauth2, login } = &section.value;
    let given = [header.is_some(), bearer.is_some(), basic.is_some(), oauth2.is_some(), login.is_some()];
    if given.iter().filter(|g| **g).count() != 1 {
        let what = "`auth` needs exactly one of `header`, `bearer`, `basic`, `oauth2` and `login`";
        problems.add(codes::PROFILE_CONTRADICTION, section.referenced, what);
        return None;
    }
    let authorization = || "Authorization".to_owned();
    if let Some(auth) = header {
        header_name(&auth.name.value, auth.name.referenced, problems);
        return Some(Auth::Header { name: auth.name.value.clone(), credential: auth.credential.clone(), prefix: auth.prefix.clone() });
    }
    if let Some(credential) = bearer {
        return Some(Auth::Header { name: authorization(), credential: credential.value.clone(), prefix: "Bearer ".to_owned() });
    }
    if let Some(auth) = basic {
        return Some(Auth::Basic { user: auth.user.clone(), password: auth.password.clone() });
    }
    if let Some(auth) = oauth2 {
        let good = path(&auth.token_path, problems);
        let scope = auth.scope.iter().map(|scope| ("scope".to_owned(), scope.clone()));
        let form = scope.chain(auth.form.iter().map(|(k, v)| (k.clone(), v.clone()))).collect();
        return good.then(|| Auth::ClientCredentials {
            token_path: auth.token_path.value.clone(),
            client_id: auth.client_id.clone(),
            client_secret: auth.client_secret.clone(),
            form,
            secret_in_form: auth.secret_in_form,
        });
    }
    login.as_ref().and_then(|section| log_in(section, problems)).map(|login| Auth::Login(Box::new(login)))
}

fn log_in(section: &Spanned<LoginSection>, problems: &mut Problems<'_>) -> Option<Login> {
    let LoginSection { method, path: at, headers, body, form, token, expires, header, prefix } = &section.value;
    let good = path(at, problems);
    for (name, value) in headers {
        header_name(name, value.referenced, problems);
    }
    let content = match (body, form) {
        (None, None) => Some(LoginContent::None),
        (Some(body), None) => tree(body, &CREDENTIALS, problems).map(LoginContent::Json),
        (None, Some(form)) => Some(LoginContent::Form(templates(form, problems))),
        (Some(body), Some(_)) => {
            problems.add(codes::PROFILE_CONTRADICTION, body.referenced, "a login has either a `body` or a `form`");
            None
        }
    };
    let header_of = header.as_ref().map_or("Authorization", |h| h.value.as_str());
    if let Some(header) = header {
        header_name(&header.value, header.referenced, problems);
    }
    let prefix_of = if header_of.eq_ignore_ascii_case("Authorization") { "Bearer " } else { "" };
    let headers = templates(headers, problems);
    let token = expression(token, &RESPONSE, problems);
    let expires = expires.as_ref().and_then(|e| expression(e, &RESPONSE, problems));
    Some(Login {
        method: *method,
        path: good.then(|| at.value.clone())?,
        headers,
        content: content?,
        token: token?,
        expires,
        header: header_of.to_owned(),
        prefix: prefix.clone().unwrap_or_else(|| prefix_of.to_owned()),
    })
}

fn templates(sources: &BTreeMap<String, Spanned<String>>, problems: &mut Problems<'_>) -> Vec<(String, Template)> {
    sources.iter().filter_map(|(name, text)| Some((name.clone(), template(text, &CREDENTIALS, problems)?))).collect()
}

fn inside(section: &Spanned<InsideSection>, problems: &mut Problems<'_>) -> Option<Inside> {
    match (&section.value.header, &section.value.query) {
        (Some(header), None) => {
            header_name(&header.value, header.referenced, problems);
            Some(Inside::Header(header.value.clone()))
        }
        (None, Some(query)) => Some(Inside::Query(query.value.clone())),
        (None, None) | (Some(_), Some(_)) => {
            problems.add(codes::PROFILE_CONTRADICTION, section.referenced, "`inside` needs either `header` or `query`");
            None
        }
    }
}

fn errors(section: &ErrorsSection, at: Location, problems: &mut Problems<'_>) -> Errors {
    let ErrorsSection { conflict, gone, forbidden, throttled, transient, refused, message } = section;
    let by_meaning = [
        (Meaning::Throttled, throttled),
        (Meaning::Transient, transient),
        (Meaning::Conflict, conflict),
        (Meaning::Gone, gone),
        (Meaning::Forbidden, forbidden),
        (Meaning::Refused, refused),
    ];
    let mut rules = Vec::new();
    for (meaning, section) in by_meaning.into_iter().flat_map(|(meaning, all)| all.iter().map(move |s| (meaning, s))) {
        let range = if section.referenced == Location::UNKNOWN { at } else { section.referenced };
        if section.value.status.iter().any(|s| !(300..600).contains(s)) {
            problems.add(codes::PROFILE_SYNTAX, range, "the status of an error is from 300 to 599");
        }
        let when = section.value.when.as_ref().map(|when| expression(when, &RESPONSE, problems));
        match when {
            Some(None) => {}
            Some(Some(when)) => rules.push(ErrorRule { meaning, status: section.value.status.clone(), when: Some(when) }),
            None if section.value.status.is_empty() => {
                problems.add(
                    codes::PROFILE_CONTRADICTION,
                    range,
                    "an error needs `status`, `when` or both: this one would be every answer",
                );
            }
            None => rules.push(ErrorRule { meaning, status: section.value.status.clone(), when: None }),
        }
    }
    Errors { rules, message: message.as_ref().and_then(|m| expression(m, &RESPONSE, problems)) }
}

/// One answer has everything.
const UNPAGED: Paging = Paging {
    style: PagingStyle::None,
    parameter: String::new(),
    first: 0,
    size_parameter: None,
    size: 0,
    next: None,
    more: None,
    total: None,
};

/// How pages follow each other.
pub(super) fn paging(section: Option<&Spanned<PagingSection>>, problems: &mut Problems<'_>) -> Arc<Paging> {
    let Some(section) = section else { return Arc::new(UNPAGED) };
    let PagingSection { style, parameter, first, size_parameter, size, next, more, total } = &section.value;
    let needs_parameter = matches!(style, PagingStyle::Page | PagingStyle::Offset | PagingStyle::Cursor);
    let mut contradiction = |what: &str| problems.add(codes::PROFILE_CONTRADICTION, section.referenced, what);
    if needs_parameter && parameter.is_none() {
        contradiction("this style of paging needs `parameter`: the query parameter that says where a page begins");
    }
    if *style == PagingStyle::Cursor && next.is_none() {
        contradiction("paging by `cursor` needs `next`: where the next page begins");
    }
    if let Some(size) = size.as_ref().filter(|s| !(1..=MAX_PAGE).contains(&s.value)) {
        problems.add(codes::PROFILE_SYNTAX, size.referenced, format!("size is {} and must be from 1 to {MAX_PAGE}", size.value));
    }
    let mut compiled =
        |source: &Option<Spanned<String>>, variables: &[&str]| source.as_ref().and_then(|s| expression(s, variables, problems));
    Arc::new(Paging {
        style: *style,
        parameter: parameter.as_ref().map(|p| p.value.clone()).unwrap_or_default(),
        first: first.unwrap_or(u64::from(*style == PagingStyle::Page)),
        size_parameter: size_parameter.clone(),
        size: size.as_ref().map_or(100, |s| s.value),
        next: compiled(next, &PAGE),
        more: compiled(more, &PAGE),
        total: compiled(total, &RESPONSE),
    })
}

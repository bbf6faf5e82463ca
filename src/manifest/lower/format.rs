//! The forms of texts: e-mail addresses, domain names, dates, addresses. Each answers what is wrong, or nothing.

use super::super::problem::shown;

/// Longest URL; browsers and servers agree on little more.
pub(crate) const URL_MAX: usize = 2000;
/// Longest e-mail address (RFC 5321, section 4.5.3.1.3).
pub(crate) const EMAIL_MAX: usize = 254;
/// Longest domain name in text form (RFC 1035, section 2.3.4).
pub(crate) const DOMAIN_MAX: usize = 253;

/// Texts take line breaks and tabs, and no other control character.
pub(crate) fn control_character(text: &str) -> Option<String> {
    let found = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'))?;
    Some(format!("holds the control character U+{:04X}", u32::from(found)))
}

/// An e-mail address: a dot-atom (RFC 5322, section 3.4.1), `@`, and a domain name.
pub(crate) fn email(text: &str) -> Option<String> {
    let Some((local, domain)) = text.rsplit_once('@') else { return Some(format!("`{}` is not an e-mail address", shown(text))) };
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&b);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if local.is_empty() || local.len() > 64 || dots || !local.bytes().all(atom) || text.len() > EMAIL_MAX || domain.ends_with('.') {
        return Some(format!("`{}` is not an e-mail address", shown(text)));
    }
    domain_name(domain).map(|why| format!("`{}` is not an e-mail address: {why}", shown(text)))
}

/// A DNS name of two labels or more; a final dot is allowed.
pub(crate) fn domain_name(text: &str) -> Option<String> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    let label = |l: &str| {
        let inner = l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (1..=63).contains(&l.len()) && inner && !l.starts_with('-') && !l.ends_with('-')
    };
    if !text.is_ascii() {
        return Some(format!("`{}` is not a domain name: write it in its ASCII form (`xn--…`)", shown(text)));
    }
    let fine = bare.len() <= DOMAIN_MAX && bare.contains('.') && bare.split('.').all(label);
    (!fine).then(|| format!("`{}` is not a domain name", shown(text)))
}

/// A day of the calendar, `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<String> {
    let number = |range: std::ops::Range<usize>| text.get(range).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse::<i16>().ok();
    let dashes = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let day = dashes.then(|| {
        let (month, day) = (i8::try_from(number(5..7)?).ok()?, i8::try_from(number(8..10)?).ok()?);
        jiff::civil::Date::new(number(0..4)?, month, day).ok()
    });
    day.flatten().is_none().then(|| format!("`{}` is not a day of the calendar in the form YYYY-MM-DD", shown(text)))
}

/// A time of day, `HH:MM`, from 00:00 to 23:59.
pub(crate) fn time(text: &str) -> Option<String> {
    let number = |t: &str| (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u8>().ok()).flatten();
    let fine = text.split_once(':').is_some_and(|(h, m)| number(h).is_some_and(|h| h < 24) && number(m).is_some_and(|m| m < 60));
    (!fine).then(|| format!("`{}` is no time of day in the form HH:MM, from 00:00 to 23:59", shown(text)))
}

/// A span of time as [`crate::model::value::duration`] reads it.
pub(crate) fn duration(text: &str) -> Option<String> {
    crate::model::value::duration(text).is_none().then(|| format!("`{}` is no span of time of at most 999 hours", shown(text)))
}

/// An `http://` or `https://` address with a host, and without credentials.
pub(crate) fn url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return Some(format!("`{}` does not begin with https:// or http://", shown(text))) };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if text.chars().count() > URL_MAX || host.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some(format!("`{}` is not an address", shown(text)));
    }
    None
}

/// True for an address that carries a user name or a password.
pub(crate) fn url_has_credentials(text: &str) -> bool {
    let host = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    host.is_some_and(|h| h.contains('@'))
}

/// True for a text with an address that carries a password: `https://user:password@host`.
pub(crate) fn url_has_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let rest = text.get(at + mark.len()..).unwrap_or_default();
        let authority = rest.split([' ', '\t', '\n', '/', '?', '#']).next().unwrap_or_default();
        let userinfo = authority.rsplit_once('@').map(|(userinfo, _)| userinfo);
        userinfo.and_then(|u| u.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
    })
}

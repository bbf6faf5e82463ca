//! What a text has to look like, and how whoever wrote another one is told.
//!
//! An editor is given patterns. An API server answers a pattern with the pattern itself, so it is given rules in CEL, which answer with a sentence; and
//! where a secret may be what was written, with that sentence alone. A rule has a cost, which an API server works out before it takes a definition: for
//! as many texts, as long as they may be. What would cost too much stays a pattern, and the words stand in that.

use serde_json::{Value as Json, json};

use super::types::{forbidden, rule};
use super::{NAME, Reader, Standing};
use crate::manifest::lower::{DOMAIN_MAX, EMAIL_MAX, URL_MAX};
use crate::model::Name;

/// Line feeds and tabs are the only control characters of texts.
pub(super) const TEXT: &str = r"^[^\x00-\x08\x0B-\x1F\x7F-\x9F]*$";
/// The same of a rule, which finds them.
const CONTROL: &str = r"[^\P{Cc}\t\n]";
/// Paths of files have no control character at all.
const PATH: &str = r"^[^\x00-\x1F\x7F-\x9F]*$";
/// Of an address there is a host, and nothing in front of it; no blank of any kind.
const URL: &str = r"^https?://[^/?#@\x00-\x1F\x7F-\x9F\p{Z}]+([/?#][^\x00-\x1F\x7F-\x9F\p{Z}]*)?$";
const LABEL: &str = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const ATOM: &str = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
/// The same two for rules, whose cost is by their length.
const SHORT_LABEL: &str = r"\w([\w-]{0,61}\w)?";
const SHORT_ATOM: &str = r"[\w!#$%&'*+/=?^`{|}~-]+";
/// An address with a password, anywhere in a text: behind `://`, up to a blank or one of `/?#`, a colon, something, and an `@`.
const PASSWORD: &str = r"://[^: \t\n/?#]*:[^ \t\n/?#]+@";
/// An address that begins with a user.
const USER: &str = "^https?://[^/?#]*@";

const NAMED_SO: &str =
    "this is no name: write one of lowercase letters, digits and hyphens that begins and ends with a letter or a digit, such as acme-it";
const NO_PASSWORD: &str = "an address carries a password: write the address without it, change the password where it is used, and put it under `secrets` by reference";
const NO_CONTROL: &str = "a control character stands here: line feeds and tabs are the only ones that a text may have, so write it anew";

impl Reader {
    /// A name.
    pub(super) fn name_form(self) -> Json {
        let schema = json!({ "type": "string", "maxLength": Name::MAX });
        match self {
            Self::ApiServer(Standing::Document | Standing::Inline) => matching(schema, NAME, NAMED_SO),
            _ => self.pattern(schema, NAME, "a name has lowercase letters, digits and hyphens alone"),
        }
    }

    /// A text of at most so many characters. The long ones of thousands of resources would cost too much.
    pub(super) fn text(self, max: usize) -> Json {
        let schema = json!({ "type": "string", "maxLength": max });
        if self == Self::ApiServer(Standing::Document) {
            let schema = forbidden(schema, &format!("!self.matches(r\"{PASSWORD}\")"), NO_PASSWORD);
            return rule(schema, &format!("!self.matches(r\"{CONTROL}\")"), NO_CONTROL);
        }
        let mut schema = self.pattern(schema, TEXT, "no control character but line feeds and tabs");
        if let Json::Object(map) = &mut schema {
            let password = self.pattern(json!({}), &no_password(), "no address with a password");
            map.insert("allOf".to_owned(), json!([password]));
        }
        schema
    }

    pub(super) fn email(self) -> Json {
        let schema = json!({ "type": "string", "maxLength": EMAIL_MAX });
        if self == Self::Editor {
            let pattern = format!("^{ATOM}(\\.{ATOM})*@{LABEL}(\\.{LABEL})+$");
            return all_of(self.pattern(schema, &pattern, ""), "^[^@]{1,64}@");
        }
        let schema = rule(
            schema,
            &format!("self.matches(r\"^{SHORT_ATOM}(\\.{SHORT_ATOM})*@\") && self.indexOf('@') <= 64"),
            "this is not an e-mail address: write one such as anna@acme.example, with 1 to 64 letters, digits and signs in front of the @",
        );
        rule(
            schema,
            &format!("!self.contains('@') || self.matches(r\"^[^@]*@{SHORT_LABEL}(\\.{SHORT_LABEL})+$\")"),
            "this is not an e-mail address: what is behind the @ is no domain name; write one with a dot and in ASCII, such as acme.example",
        )
    }

    pub(super) fn domain(self) -> Json {
        // The final dot does not count.
        let schema = json!({ "type": "string", "maxLength": DOMAIN_MAX + 1 });
        if self == Self::Editor {
            return all_of(self.pattern(schema, &format!("^{LABEL}(\\.{LABEL})+\\.?$"), ""), &format!("^.{{1,{DOMAIN_MAX}}}\\.?$"));
        }
        rule(
            schema,
            &format!("self.matches(r\"^{SHORT_LABEL}(\\.{SHORT_LABEL})+\\.?$\") && (size(self) <= {DOMAIN_MAX} || self.endsWith('.'))"),
            "this is not a domain name: write one such as acme.example, with a dot in it, no blanks, and other letters in their ASCII form (xn--…)",
        )
    }

    pub(super) fn url(self) -> Json {
        let schema = json!({ "type": "string", "maxLength": URL_MAX });
        if self == Self::Editor {
            return all_of(self.pattern(schema, URL, ""), &no_password());
        }
        let secret = format!("self.matches(r\"{PASSWORD}\") || self.matches(r\"{USER}\")");
        let schema = forbidden(
            schema,
            &format!("!({secret})"),
            "an address carries a user name or a password: write the address without them; a password that stood here is to be changed where it is used",
        );
        // What is refused for a secret in it is not shown for another reason.
        rule(
            schema,
            &format!("{secret} || self.matches(r\"{URL}\")"),
            "this is not an address: write one that begins with https:// or http://, has a host and no blanks, such as https://acme.example/help",
        )
    }

    pub(super) fn time(self) -> Json {
        let schema = json!({ "type": "string", "maxLength": 5 });
        let pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
        if self == Self::Editor {
            return self.pattern(schema, pattern, "");
        }
        matching(schema, pattern, "this is no time of day: write one from 00:00 to 23:59 in quotes, such as '07:30'")
    }

    pub(super) fn date(self) -> Json {
        let schema = json!({ "type": "string", "format": "date", "maxLength": 10 });
        // An API server says what a date is by itself.
        if self == Self::Editor { self.pattern(schema, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "") } else { schema }
    }

    pub(super) fn duration(self) -> Json {
        let schema = json!({ "type": "string", "maxLength": 24 });
        let pattern = "^([0-9]{1,7}h)?([0-9]{1,7}m)?([0-9]{1,7}s)?$";
        if self == Self::Editor {
            return with(self.pattern(schema, pattern, ""), "minLength", 2);
        }
        rule(
            schema,
            &format!(
                "size(self) > 1 && self.matches(r\"{pattern}\") && duration(self) >= duration('1s') && duration(self) <= duration('999h')"
            ),
            "this is no span of time: write one from 1s to 999h, such as 30s, 10m or 1h30m",
        )
    }

    /// The name of a Secret, or a key in it. Whoever pastes the secret itself here is not to read it again in an answer.
    pub(super) fn part_of_secret(self) -> Json {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 253 });
        if self == Self::Editor {
            return self.pattern(schema, "^[A-Za-z0-9._-]+$", "");
        }
        let remedy =
            "this names no Secret and no key of one: write letters, digits, dots, hyphens and underscores, and never the secret itself";
        forbidden(schema, r#"self.matches(r"^[\w.-]+$")"#, remedy)
    }

    /// The name of an environment variable.
    pub(super) fn variable_form(self) -> Json {
        let schema = json!({ "type": "string", "maxLength": 200 });
        if self == Self::Editor {
            return self.pattern(schema, "^[A-Za-z_][A-Za-z0-9_]*$", "");
        }
        let remedy = "this is not the name of an environment variable: write one such as ACME_API_KEY, and never the secret itself";
        forbidden(schema, r#"self.matches(r"^[A-Za-z_]\w*$")"#, remedy)
    }

    /// The path of a file.
    pub(super) fn path(self) -> Json {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 4096 });
        match self {
            Self::ApiServer(Standing::Document) => {
                forbidden(schema, r#"!self.matches(r"\p{Cc}")"#, "this is no path of a file: a control character stands in it")
            }
            _ => self.pattern(schema, PATH, "a path has no control character"),
        }
    }

    /// A pattern, and for an API server what it means: its answer is the pattern, so the words stand in it, as a group that is there no times.
    fn pattern(self, mut schema: Json, pattern: &str, words: &str) -> Json {
        if let Json::Object(map) = &mut schema {
            let pattern = match pattern.strip_prefix('^') {
                Some(rest) if self != Self::Editor => format!("^({words}){{0}}{rest}"),
                _ => pattern.to_owned(),
            };
            map.insert("pattern".to_owned(), pattern.into());
        }
        schema
    }
}

fn matching(schema: Json, pattern: &str, remedy: &str) -> Json {
    rule(schema, &format!("self.matches(r\"{pattern}\")"), remedy)
}

fn all_of(mut schema: Json, pattern: &str) -> Json {
    if let Json::Object(map) = &mut schema {
        map.insert("allOf".to_owned(), json!([{ "pattern": pattern }]));
    }
    schema
}

pub(super) fn with(mut schema: Json, key: &str, value: usize) -> Json {
    if let Json::Object(map) = &mut schema {
        map.insert(key.to_owned(), value.into());
    }
    schema
}

/// Texts in which no address carries a password, as lowering finds one: behind `://`, up to a blank or one of `/?#`, a colon, something, and an `@`.
///
/// Neither API servers nor editors can negate a pattern. So this one follows the text: outside of an address, behind colons, behind `:/`, and in what
/// comes behind `://`, in front of the first colon and behind it.
fn no_password() -> String {
    // In front of the first colon; anything; what may come behind the first one; that and no colon; ends that are not `/`.
    let [user, any, rest, last] = [r"[^: \t\n/?#]", r"[^ \t\n/?#]", r"[^@ \t\n/?#]", r"[^:@ \t\n/?#]"];
    let end = r"[ \t\n?#]";
    let slashes = format!("(:+/|/{user}*:({any}{rest}*:|:)?/)*");
    let out = format!(r"([^:/]|:+[^:/]|/{user}*([ \t\n/?#]|:({any}{rest}*)?{end}|:({user}|{any}{rest}*{last})/))");
    format!("^([^:]|:+[^:/]|:+/{slashes}{out})*(:*|:+/{slashes}(:*|/{user}*(:({any}{rest}*)?)?))$")
}

//! What an answer means. Comes in: an answer whole, and the profile's word on what answers mean. Goes out: success, or a [`SendError`]. Never
//! says that a write had no effect where neither the status nor the profile says so.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::error::{Answer, SendError};
use super::message::{self, Mask, line};
use super::request::Request;
use super::response::{Raw, Response};
use super::{Client, Failed, pace};
use crate::portal::profile::cel::JsonScope;
use crate::portal::profile::http::connection::compiled::{ErrorRule, Meaning};

impl Client {
    pub(super) fn judged(&self, request: &Request, raw: Raw, mask: &Mask) -> Result<Response, Failed> {
        let rules = &self.0.connection.errors.rules;
        let status = raw.status.as_u16();
        // Some APIs say 200 and mean no, and then their profile says so.
        if raw.status.is_success() && !rules.iter().any(|rule| rule.status.contains(&status)) {
            return Ok(raw.response(request.wants_json)?);
        }
        let fits = |rule: &&ErrorRule, response: &Json| {
            let named = if rule.status.is_empty() { !raw.status.is_success() } else { rule.status.contains(&status) };
            // An expression that has no value does not hold.
            named && rule.when.as_ref().is_none_or(|when| when.holds(&JsonScope::new([("response", response)])).unwrap_or(false))
        };
        let response = raw.as_json(raw.told());
        let meaning = rules.iter().find(|rule| fits(rule, &response)).map(|rule| rule.meaning);
        let meaning = match meaning {
            None if raw.status.is_success() => return Ok(raw.response(request.wants_json)?),
            // A redirect after a write may be its success (303), and is not followed.
            None if raw.status.is_redirection() && !request.reads => Meaning::Unclear,
            None => Meaning::of_status(status),
            Some(meaning) => meaning,
        };
        let after = pace::after(&raw.headers, &self.0.connection.throttle, Timestamp::now());
        let message = self.said(&raw, &response, mask);
        let body = response.get("body").cloned().map(|body| mask.json(body)).unwrap_or_default();
        let answer = Box::new(Answer { status, message, body });
        let error = match meaning {
            Meaning::Throttled => {
                if let Some(after) = after {
                    self.0.gate.close_for(after);
                }
                SendError::Throttled { message: answer.to_string(), after }
            }
            Meaning::Transient => SendError::Transient(answer),
            Meaning::Unclear => SendError::Unclear(answer),
            Meaning::Forbidden => SendError::Denied(answer),
            Meaning::Gone => SendError::Gone(answer),
            Meaning::Conflict => SendError::Conflict(answer),
            Meaning::Refused => SendError::Refused(answer),
        };
        Err(Failed { error, after })
    }

    fn said(&self, raw: &Raw, response: &Json, mask: &Mask) -> String {
        if raw.is_html() {
            return "a page of HTML".to_owned();
        }
        let scope = JsonScope::new([("response", response)]);
        let own = self.0.connection.errors.message.as_ref().and_then(|e| e.shown_or_absent(&scope).ok().flatten());
        let body = response.get("body").unwrap_or(&Json::Null);
        let found = own.filter(|text| !text.trim().is_empty()).or_else(|| message::of_json(body));
        // An object that says nothing by the usual names is data, and data is not for a message.
        let found = found.or_else(|| raw.text().filter(|_| body.is_null()).map(str::to_owned));
        line(&mask.text(&found.unwrap_or_default()))
    }
}

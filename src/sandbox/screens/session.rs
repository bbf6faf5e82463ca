//! Who is at the screens, and what they have begun.
//!
//! Comes in: cookies and posted forms. Goes out: a [`Session`], a [`Posted`] form that was surely ours, and drafts of wizards. Drafts are kept in
//! memory alone: what somebody typed and did not finish goes with the process, and a secret is never written into a page.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;

use super::flow::Gesture;
use super::{App, page};
use crate::sandbox::access::Caller;

/// Somebody who came in with a token.
pub(super) struct Session {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) token: String,
    /// The id of the customer that the screens are set to.
    pub(super) customer: Option<String>,
}

impl Session {
    /// What a form must carry.
    pub(super) fn form_proof(&self) -> String {
        self.app.shared.world.access().form(&self.token)
    }

    /// The tenant that a screen without another is about.
    pub(super) fn tenant(&self) -> String {
        match &self.caller {
            Caller::Tenant(own) => own.to_string(),
            Caller::Msp => self.customer.clone().unwrap_or_else(|| crate::model::MSP.to_owned()),
        }
    }
}

/// The cookie of a sandbox: browsers keep cookies by host and not by port, and there may be several.
pub(super) fn cookie_name(what: &str, app: &App) -> String {
    format!("tenantry-{what}-{}", app.shared.address.port())
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|h| h.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().split_once('=').filter(|(k, _)| *k == name).map(|(_, v)| v.to_owned()))
}

impl FromRequestParts<App> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok()).and_then(|h| h.strip_prefix("Bearer "));
        let token = bearer.map(str::to_owned).or_else(|| cookie(&parts.headers, &cookie_name("token", app)));
        let known = token.and_then(|token| Some((app.shared.world.access().caller(&token)?, token)));
        let Some((caller, token)) = known else { return Err(page::sign_in(app, None)) };
        let customer = cookie(&parts.headers, &cookie_name("customer", app)).filter(|c| !c.is_empty());
        Ok(Self { app: app.clone(), caller, token, customer })
    }
}

/// A form that came from one of our pages.
pub(super) struct Posted {
    pub(super) session: Session,
    pairs: Vec<(String, String)>,
}

impl Posted {
    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// All values of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

impl FromRequest<App> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let session = Session::from_request_parts(&mut parts, app).await?;
        let request = Request::from_parts(parts, body);
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, app).await.map_err(|e| e.into_response())?;
        // Browsers end the lines of a text with both characters.
        let pairs = pairs.into_iter().map(|(name, value)| (name, value.replace("\r\n", "\n"))).collect();
        let posted = Self { session, pairs };
        let proof = posted.get("proof").unwrap_or_default();
        if posted.session.app.shared.world.access().is_form(&posted.session.token, proof) {
            Ok(posted)
        } else {
            Err((StatusCode::FORBIDDEN, "This form did not come from this sandbox's own pages. Open the page again.\n").into_response())
        }
    }
}

/// A wizard that somebody has begun.
#[derive(Clone, Default)]
pub(super) struct Draft {
    /// Whose it is.
    pub(super) token: String,
    /// [`super::flow::Flow::id`].
    pub(super) flow: String,
    pub(super) place: usize,
    pub(super) gestures: Vec<Gesture>,
    /// The step that comes next.
    pub(super) next: usize,
    /// What was typed, by step.
    pub(super) typed: BTreeMap<usize, String>,
    /// Secrets that were typed, by step.
    pub(super) secrets: BTreeMap<usize, SecretString>,
    /// What became of it: the page's own lines.
    pub(super) done: Option<Done>,
}

/// What a flow that is finished shows.
#[derive(Clone, Default)]
pub(super) struct Done {
    pub(super) says: String,
    pub(super) warnings: Vec<String>,
    /// What to read off: asked for, and there to be read.
    pub(super) evidence: Vec<(String, String)>,
    /// The object's kind, tenant and id; `None`: it is gone.
    pub(super) object: Option<(crate::model::Kind, String, String)>,
}

/// Most drafts at once: more than people and tests begin, few enough to forget about.
const DRAFTS: usize = 500;

/// What has been begun, the oldest first.
#[derive(Clone, Default)]
pub(super) struct Drafts(Arc<Mutex<VecDeque<(String, Draft)>>>);

impl Drafts {
    /// Keeps a draft; under the name that it has, if it has one.
    pub(super) fn keep(&self, id: Option<&str>, draft: Draft) -> String {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = id.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
        all.retain(|(name, _)| *name != id);
        all.push_back((id.clone(), draft));
        while all.len() > DRAFTS {
            all.pop_front();
        }
        id
    }

    /// A draft of whoever holds this token.
    pub(super) fn get(&self, id: &str, token: &str) -> Option<Draft> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(name, draft)| name == id && draft.token == token).map(|(_, draft)| draft.clone())
    }
}

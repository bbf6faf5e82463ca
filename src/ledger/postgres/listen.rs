//! Word of what is recorded, whoever records it: the server's notifications, on a connection of their own.
//!
//! Comes in: settings. Goes out: which portal and tenant is other than it was. Never ends by itself: a connection that is lost is made anew, and then
//! there is word of everybody who is recorded, for nobody knows what was told meanwhile. Behind a pooler that shares connections out by transaction
//! no word comes.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::{Config, Notification};

use super::read;
use super::session::{Failure, Session};
use crate::ledger::{LedgerError, Recorded};
use crate::model::Name;

/// Says within a commit which portals (`$1`) and tenants (`$2`) it is about: the word goes out if the commit is made, and when it is. Ledgers of other
/// schemas are told apart by what is in it.
pub(super) const TELL: &str = "SELECT pg_notify('tenantry_recorded', json_build_array(current_schema(), portal, tenant)::text)
    FROM unnest($1::text[], $2::text[]) AS recorded (portal, tenant)";
const LISTEN: &str = "LISTEN tenantry_recorded";

/// A connection that is silent for as long is asked whether it lives.
const SILENCE: Duration = Duration::from_secs(60);
/// How long it may take to say so.
const ANSWER: Duration = Duration::from_secs(10);
/// The first pause before a lost connection is made anew, and the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// What is recorded from now on, after word of everybody who is recorded.
pub(super) fn recorded(settings: Config) -> BoxStream<'static, Recorded> {
    let words = Words { settings, line: None, due: VecDeque::new(), pause: FIRST };
    stream::unfold(words, |mut words| async move { Some((words.next().await, words)) }).boxed()
}

struct Words {
    settings: Config,
    line: Option<Line>,
    /// What is still to be told.
    due: VecDeque<Recorded>,
    pause: Duration,
}

/// A connection on which the server tells.
struct Line {
    session: Session,
    told: UnboundedReceiver<Notification>,
    schema: String,
}

impl Words {
    async fn next(&mut self) -> Recorded {
        loop {
            if let Some(word) = self.due.pop_front() {
                return word;
            }
            let Some(line) = &mut self.line else {
                match Line::open(&self.settings).await {
                    Ok((line, known)) => {
                        self.due.extend(known);
                        self.line = Some(line);
                        self.pause = FIRST;
                    }
                    Err(failure) => {
                        let error = LedgerError::from(failure);
                        tracing::warn!(%error, "nobody tells what is recorded in the ledger; it is listened again");
                        tokio::time::sleep(self.pause).await;
                        self.pause = (self.pause * 2).min(LONGEST);
                    }
                }
                continue;
            };
            match line.hear().await {
                Some(word) => self.due.extend(word),
                None => self.line = None,
            }
        }
    }
}

impl Line {
    /// Listens, and only then asks who is recorded: what is recorded in between is told twice, and never not at all.
    async fn open(settings: &Config) -> Result<(Self, Vec<Recorded>), Failure> {
        let (mut session, told) = Session::listening(settings).await?;
        session.client.batch_execute(LISTEN).await?;
        let row = session.client.query_one("SELECT current_schema()::text", &[]).await?;
        let schema = row.try_get(0)?;
        let known = read::tenants(&mut session).await?;
        let known = known.into_iter().map(|(portal, tenant)| Recorded { portal, tenant }).collect();
        Ok((Self { session, told, schema }, known))
    }

    /// Waits for something that is told; `Some(None)`: it is about another ledger, or nothing was told for long; `None`: the connection is lost.
    async fn hear(&mut self) -> Option<Option<Recorded>> {
        match tokio::time::timeout(SILENCE, self.told.recv()).await {
            Ok(notification) => Some(word(notification?.payload(), &self.schema)),
            Err(_) => match tokio::time::timeout(ANSWER, self.session.client.check_connection()).await {
                Ok(Ok(())) => Some(None),
                _ => None,
            },
        }
    }
}

/// What a notification says of a ledger in a schema.
fn word(payload: &str, schema: &str) -> Option<Recorded> {
    let (of, portal, tenant): (String, String, String) = serde_json::from_str(payload).ok()?;
    (of == schema).then_some(Recorded { portal: Name::new(&portal).ok()?, tenant: Name::new(&tenant).ok()? })
}

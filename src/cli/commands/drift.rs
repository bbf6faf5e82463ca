//! `drift`: what differs from what was last applied. Opens everything for reading alone.

use super::{plan, slips};
use crate::cli::Face;
use crate::cli::args::{DriftArgs, LimitArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, exit_of};
use crate::cli::session::Session;
use crate::engine::Purpose;

/// Runs `drift`.
pub(super) async fn run(face: &Face<'_>, args: &DriftArgs) -> Result<Exit, Failure> {
    let scope = plan::scope(&args.select, &args.places)?;
    let session = Session::open(face, &args.places, &scope).await?;
    slips::portals(&session, &scope)?;
    let ledger = session.ledger().await?;
    slips::selection(&args.select, &session, &scope, ledger.as_ref()).await?;
    let limits = LimitArgs { max_delete: None, min_admins: None };
    let planned = plan::plan(&session, ledger.as_ref(), &scope, Purpose::Look, None, &limits).await?;
    let document = plan::document(&planned.plan);
    plan::show(face, &args.show, &document, "default", None)?;
    let drifted = planned.plan.body.units.iter().any(|u| !u.drift.is_empty());
    let unread = planned.unreachable.iter().map(|(_, error)| exit_of(error));
    Ok(Exit::first(unread.chain(drifted.then_some(Exit::Drift))))
}

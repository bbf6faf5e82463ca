//! A work order as JSON. Comes in: an order. Goes out: a document whose shape is published and stays: additions raise the minor version.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use super::Order;
use crate::model::Address;
use crate::model::ledger::IntentAction;
use crate::model::work_order::{Instructions, WorkItem, WorkState};

const FORMAT: &str = "1.1";

/// A work order. Its instructions are written as the ledger keeps them; secrets are named by where they are kept.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "Work order")]
pub struct WorkOrderDocument {
    /// `1.1`. A larger minor version adds; another major version is another format.
    pub format_version: String,
    /// Its name.
    pub order: String,
    /// The portal's name.
    pub portal: String,
    /// The portal in a few words; its name, where no profile of it is at hand.
    pub title: String,
    /// Who is to do it.
    pub assignee: Option<String>,
    /// Until when.
    #[schemars(with = "Option<String>")]
    pub due: Option<Date>,
    /// When it was given out.
    #[schemars(with = "String")]
    pub given: Timestamp,
    /// Digest of the plan that gave it out.
    pub plan: String,
    /// `--ticket`.
    pub ticket: Option<String>,
    /// What is to be done, in order.
    pub items: Vec<ItemDocument>,
}

/// One change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ItemDocument {
    /// How a person names it.
    pub reference: String,
    /// What it is about.
    #[schemars(with = "String")]
    pub address: Address,
    /// `create`, `update`, `delete` or `resend`.
    #[schemars(with = "String")]
    pub action: IntentAction,
    /// What to do.
    pub instructions: Instructions,
    /// True: calls follow once it is confirmed.
    pub calls_follow: bool,
    /// What became of it.
    pub state: WorkState,
    /// References of earlier revisions, oldest first.
    pub replaces: Vec<String>,
    /// References of the items that come first.
    pub after: Vec<String>,
}

/// The order as a document.
pub fn document(order: &Order<'_>) -> WorkOrderDocument {
    let Order { order: name, portal, title, assignee, due, given, plan, ticket, items, places: _, after: _ } = order;
    WorkOrderDocument {
        format_version: FORMAT.to_owned(),
        order: (*name).to_owned(),
        portal: (*portal).to_owned(),
        title: title.unwrap_or(portal).to_owned(),
        assignee: assignee.map(str::to_owned),
        due: *due,
        given: *given,
        plan: (*plan).to_owned(),
        ticket: ticket.map(str::to_owned),
        items: items.iter().map(|item| item_document(item, order)).collect(),
    }
}

fn item_document(item: &WorkItem, order: &Order<'_>) -> ItemDocument {
    ItemDocument {
        reference: item.reference.to_string(),
        address: item.address.clone(),
        action: item.action,
        instructions: item.instructions.clone(),
        calls_follow: item.calls_follow,
        state: item.state.clone(),
        replaces: item.replaces.iter().map(ToString::to_string).collect(),
        after: order.before(item).iter().map(ToString::to_string).collect(),
    }
}

/// The published schema of [`document`].
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(WorkOrderDocument);
    schema.insert("$id".to_owned(), "https://tenantry.dev/schema/work-order/v1.json".into());
    schema.to_value()
}

//! The kinds, one file each. To add one: a file here, a variant in [`super::kind::Kind`], an entry in the embedded profile.

mod delegation;
mod domain;
mod gateway;
mod group;
mod integration;
mod monitored_system;
mod notification_rule;
mod organization;
mod portal;
mod role;
mod user;

pub use delegation::DELEGATION;
pub use domain::DOMAIN;
pub use gateway::GATEWAY;
pub use group::GROUP;
pub use integration::INTEGRATION;
pub use monitored_system::MONITORED_SYSTEM;
pub use notification_rule::NOTIFICATION_RULE;
pub use organization::ORGANIZATION;
pub use portal::PORTAL;
pub use role::ROLE;
pub use user::USER;

use super::kind::FieldType;

/// A line of text: names, phone numbers.
const LINE: FieldType = FieldType::Text(200);
/// A paragraph: notes, addresses.
const PARAGRAPH: FieldType = FieldType::Text(4000);

//! What things are. Pure values: nothing in here reads, writes, waits or asks for the time.
//!
//! Reading order: [`name`] and [`value`] (the atoms), [`kind`] (what can be declared, as one table a kind),
//! [`desired`], [`live`] and [`ledger`] (the three states that a diff compares), [`fate`] (what became of a call), [`capability`] and [`rule`]
//! (what a portal can do and what it demands, as data that diff, plan and guard read without knowing which portal).

pub mod capability;
pub mod control;
pub mod desired;
pub mod fate;
pub mod kind;
pub mod kinds;
pub mod ledger;
pub mod live;
pub mod name;
pub mod portal_spec;
pub mod rule;
pub mod secret;
pub mod value;
pub mod work_order;

pub use capability::{Capabilities, FieldSupport, KeyScope, KindCapability, Performer, Readability};
pub use control::{ApprovalMode, Control, DriftMode, Management};
pub use desired::{Desired, Mark, Meta, Resource, SourceId, Sources, Tenant};
pub use fate::{Decision, Fate, Next, Reached};
pub use kind::{FieldDef, FieldId, FieldType, Kind, KindDef, Sense};
pub use ledger::{Digest, Intent, IntentAction, LedgerRow, LedgerState, Origin};
pub use live::{Collection, Completeness, LiveObject, LiveTenant, ObjectState};
pub use name::{Address, MSP, Name, NameError, PortalName, TenantName};
pub use portal_spec::PortalSpec;
pub use secret::{CUSTOMERS_VARIABLES, SecretRef, SecretSource};
pub use value::{Fields, Value};
pub use work_order::{Observation, WorkItem, WorkState};

//! The technician test: somebody in a browser follows nothing but the text of a work order through a portal's screens, types its values and brings
//! back its evidence. What the portal has then is what the manifests declare, and the plan is empty. Where an order is unclear the test fails.
//!
//! [`paper`] reads the order, [`follow`] and [`reach`] do what it says, [`office`] is the MSP with its portal, [`equal`] holds the portal against
//! the manifests.

mod equal;
mod follow;
mod office;
mod paper;
mod portals;
mod reach;
mod wrong;

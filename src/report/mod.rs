//! What people and programs read: plans, diagnostics, outcomes, access. Values in, strings out; nothing here reads, writes, waits or judges.
//!
//! A plan is turned into its document (`plan::document`), where secrets are masked, and the document into a [`view`], where words, order and
//! folding are decided and control characters made visible. [`text`], [`markdown`] and [`html`] only lay the view out, so that they cannot
//! disagree with each other or with the JSON; [`stream`] and [`gitlab`] read the document.

pub mod access;
pub mod diagnostics;
pub mod escape;
pub mod gitlab;
pub mod html;
pub mod markdown;
pub mod outcome;
pub mod show;
pub mod stream;
pub mod style;
pub mod text;
pub mod view;
pub mod work_order;

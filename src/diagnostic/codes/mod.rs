//! Every diagnostic code, one table an area; `docs/diagnostics.md` is generated from them.

use super::Code;

macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal, $help:literal;)*) => {
        $(#[doc = $title] pub const $name: super::super::Code = super::super::Code { id: $id, title: $title, help: $help };)*
        /// All of this area, in the order of the docs.
        pub const ALL: &[super::super::Code] = &[$($name),*];
    };
}

pub mod ledger;
pub mod manifest;
pub mod portal;
pub mod run;

/// All codes, in the order of the docs.
pub fn all() -> impl Iterator<Item = &'static Code> {
    manifest::ALL.iter().chain(portal::ALL).chain(ledger::ALL).chain(run::ALL)
}

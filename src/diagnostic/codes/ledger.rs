//! `L…`: the ledger.

codes! {}

//! `R…`: planning and applying a run.

codes! {}

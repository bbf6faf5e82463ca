//! Tests of reports and of the JSON plan: small plans made by hand, through every renderer.

mod access;
mod diagnostics;
mod document;
mod html;
mod laws;
mod markdown;
mod observed;
mod outcome;
mod saved;
mod secrets;
mod show;
mod stream;
mod text;
mod work_order;
mod world;

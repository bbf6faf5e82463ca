//! Any text as a saved plan: no panic, no hang, and what is read and written again is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry::plan::document::{read_saved, stale, write_desired};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(saved) = read_saved(text) else { return };
    assert!(stale(&saved.document, &saved.document).is_empty());
    let mut document = saved.document.clone();
    document.desired = Some(write_desired(&saved.desired, |_| true));
    document.selection = Some(saved.selection.clone());
    let again = read_saved(&document.to_json());
    assert_eq!(again.ok(), Some(saved));
});

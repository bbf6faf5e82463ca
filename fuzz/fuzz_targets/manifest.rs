//! Any bytes as a manifest: no panic, no hang, and what loads is written and loads as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry::manifest::{Builtins, Loaded, Settings, SourceText, lower_sources, write_tenant};
use tenantry::model::{Address, Fields, Meta};

fuzz_target!(|bytes: &[u8]| {
    let loaded = load(bytes.to_vec(), None);
    load(bytes.to_vec(), Some(&|tenant| tenant == "acme"));
    if loaded.has_errors() {
        return;
    }
    for (name, tenant) in &loaded.desired.tenants {
        // References to other tenants have nothing to lead to when one tenant is loaded by itself; those tenants are left out.
        let again = load(write_tenant(name, &tenant.resources).into_bytes(), None);
        if !again.has_errors() {
            assert_eq!(said(&again), tenant.resources.iter().map(parts).collect::<Vec<_>>());
        }
    }
});

fn load(bytes: Vec<u8>, only: Option<&(dyn Fn(&str) -> bool + Sync)>) -> Loaded {
    lower_sources(vec![SourceText::new("fuzz.yaml", bytes)], Settings { only, builtins: Builtins::Unknown })
}

fn said(loaded: &Loaded) -> Vec<(Address, Fields, Option<Box<Meta>>)> {
    loaded.desired.resources().map(parts).collect()
}

fn parts(resource: &tenantry::model::Resource) -> (Address, Fields, Option<Box<Meta>>) {
    (resource.address.clone(), resource.fields.clone(), resource.meta.clone())
}

//! The runtime's own profile of system calls, which Kubernetes calls `RuntimeDefault`: the one that Debian ships for its runtimes, as a runtime reads it
//! for a container without capabilities.

use serde_json::{Value as Json, json};

/// Where Debian has it (package golang-github-containers-common).
const PROFILE: &str = "/usr/share/containers/seccomp.json";

/// The profile as `linux.seccomp` of a container's configuration.
pub(super) fn runtime_default() -> Json {
    let profile: Json = serde_json::from_str(&std::fs::read_to_string(PROFILE).unwrap()).unwrap();
    of(&profile, if cfg!(target_arch = "x86_64") { ("amd64", "SCMP_ARCH_X86_64") } else { ("arm64", "SCMP_ARCH_AARCH64") })
}

/// What is left of a profile on one architecture, which two worlds have two names for.
fn of(profile: &Json, (name, constant): (&str, &str)) -> Json {
    let maps = profile["archMap"].as_array().unwrap();
    let map = maps.iter().find(|map| map["architecture"] == constant).unwrap();
    let architectures: Vec<_> = [&json!(constant)].into_iter().chain(map["subArchitectures"].as_array().unwrap()).cloned().collect();
    let rules: Vec<_> = profile["syscalls"].as_array().unwrap().iter().filter(|rule| holds(rule, name)).map(stripped).collect();
    json!({
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": architectures,
        "syscalls": rules,
    })
}

/// Whether a rule is for a container on this architecture which has no capability.
fn holds(rule: &Json, architecture: &str) -> bool {
    let names = |when: &str, what: &str| rule[when][what].as_array().filter(|names| !names.is_empty());
    let named = |when: &str| names(when, "arches").map(|all| all.contains(&json!(architecture)));
    names("includes", "caps").is_none() && named("includes") != Some(false) && named("excludes") != Some(true)
}

/// A rule without what says when it holds.
fn stripped(rule: &Json) -> Json {
    let mut rule = rule.clone();
    let fields = rule.as_object_mut().unwrap();
    fields.retain(|field, value| ["names", "action", "args", "errnoRet"].contains(&field.as_str()) && !value.is_null());
    rule
}

#[test]
fn what_wants_a_capability_is_left_out_of_the_profile() {
    let rule = |name: &str, includes: Json, excludes: Json| json!({"names": [name], "action": "A", "args": null, "comment": "", "includes": includes, "excludes": excludes});
    let profile = json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [
            rule("read", json!({}), json!({})),
            rule("mount", json!({"caps": ["CAP_SYS_ADMIN"]}), json!({})),
            rule("bpf", json!({}), json!({"caps": ["CAP_SYS_ADMIN"]})),
            rule("arch_prctl", json!({"arches": ["amd64"]}), json!({})),
            rule("s390_runtime_instr", json!({"arches": ["s390"]}), json!({})),
        ],
    });
    let kept = of(&profile, ("amd64", "SCMP_ARCH_X86_64"));
    let names: Vec<_> = kept["syscalls"].as_array().unwrap().iter().map(|rule| rule["names"][0].as_str().unwrap()).collect();
    assert_eq!(names, ["read", "bpf", "arch_prctl"]);
    assert_eq!(kept["syscalls"][0], json!({"names": ["read"], "action": "A"}));
    assert_eq!(kept["architectures"], json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]));
}

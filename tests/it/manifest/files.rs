//! Files and folders: what is read, what is passed over, what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tenantry::manifest::{Builtins, Loaded, Request, load};

use super::{acme, addresses, document, resource};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn load_from(roots: &[PathBuf], portals_root: Option<&Path>) -> Loaded {
    load(&Request { roots, stdin: None, portals_root, only: None, builtins: Builtins::NONE })
}

fn codes(loaded: &Loaded) -> Vec<&str> {
    loaded.diagnostics.iter().map(|d| d.code.as_str()).collect()
}

fn organization(name: &str) -> String {
    document("Organization", name, "displayName: X")
}

#[test]
fn folders_are_read_to_the_bottom_and_hidden_files_are_passed_over() {
    let dir = folder(&[
        ("a.yaml", &organization("a")),
        ("deep/er/b.yml", &organization("b")),
        ("c.json", r#"{"apiVersion":"tenantry.dev/v1alpha1","kind":"Organization","metadata":{"name":"c"},"spec":{"displayName":"C"}}"#),
        (".git/x.yaml", "not: one"),
        (".tenantry/x.yaml", "not: one"),
        (".hidden.yaml", "not: one"),
        ("README.md", "# hello"),
    ]);
    let loaded = load_from(&[dir.path().to_path_buf()], None);
    assert_eq!(codes(&loaded), Vec::<&str>::new());
    assert_eq!(addresses(&loaded), ["a/organization/a", "b/organization/b", "c/organization/c"]);
}

#[test]
fn a_file_named_twice_is_read_once_and_roots_have_no_order() {
    let dir = folder(&[("a.yaml", &organization("a")), ("b/b.yaml", &organization("b"))]);
    let roots = [dir.path().to_path_buf(), dir.path().join("b"), dir.path().join("a.yaml")];
    let loaded = load_from(&roots, None);
    assert_eq!((codes(&loaded), addresses(&loaded).len()), (vec![], 2));
    let mut reversed = roots.to_vec();
    reversed.reverse();
    assert_eq!(load_from(&reversed, None).desired, loaded.desired);
}

#[test]
fn the_digest_follows_what_was_read_and_not_where_it_lies() {
    let digest = |text: &str| load_from(&[folder(&[("a.yaml", text)]).path().to_path_buf()], None).desired.manifests_digest;
    assert_eq!(digest(&organization("a")), digest(&organization("a")));
    assert_ne!(digest(&organization("a")), digest(&(organization("a") + "# changed\n")));
    assert_eq!(digest("").len(), 64);
}

#[test]
fn what_cannot_be_read_is_said() {
    let dir = folder(&[("x/readme.md", "")]);
    assert_eq!(codes(&load_from(&[dir.path().join("gone.yaml")], None)), ["M001"]);
    assert_eq!(codes(&load_from(&[PathBuf::from("-")], None)), ["M001"]);
}

#[test]
fn standard_input_is_a_source() {
    let text = organization("a");
    let loaded =
        load(&Request { roots: &["-".into()], stdin: Some(text.as_bytes()), portals_root: None, only: None, builtins: Builtins::NONE });
    assert_eq!(addresses(&loaded), ["a/organization/a"]);
    assert_eq!(loaded.desired.sources.path(resource(&loaded, "a/organization/a").source), "-");
}

#[cfg(unix)]
#[test]
fn links_stay_within_the_root_and_loops_end() {
    use std::os::unix::fs::symlink;
    let outside = folder(&[("secret.yaml", &organization("stolen"))]);
    let dir = folder(&[("..data/a.yaml", &organization("a")), ("sub/b.yaml", &organization("b"))]);
    // As Kubernetes mounts a ConfigMap: the file is a link into a hidden folder.
    symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
    symlink("..", dir.path().join("sub/loop")).unwrap();
    symlink(outside.path().join("secret.yaml"), dir.path().join("c.yaml")).unwrap();
    symlink(outside.path(), dir.path().join("d")).unwrap();
    let loaded = load_from(&[dir.path().to_path_buf()], None);
    assert_eq!(codes(&loaded), ["M009", "M009"]);
    assert_eq!(addresses(&loaded), ["a/organization/a", "b/organization/b"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_never_opened() {
    let dir = folder(&[("a.yaml", &organization("a"))]);
    let fifo = dir.path().join("pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert_eq!(codes(&load_from(&[dir.path().to_path_buf()], None)), ["M001"]);
    assert_eq!(codes(&load_from(&[fifo], None)), ["M001"]);
    assert_eq!(codes(&load_from(&["/dev/zero".into()], None)), ["M001"]);
}

#[test]
fn portals_come_from_the_trusted_folder_alone() {
    let portal = |name: &str| document("Portal", name, "profile: embedded");
    let trusted = folder(&[("p.yaml", &(portal("good") + &organization("elsewhere")))]);
    let fork = folder(&[("a.yaml", &(portal("evil") + &organization("a")))]);
    let loaded = load_from(&[fork.path().to_path_buf()], Some(trusted.path()));
    assert_eq!(codes(&loaded), ["M022"]);
    assert_eq!(loaded.desired.portals.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["good"]);
    assert_eq!(addresses(&loaded), ["a/organization/a"]);
    assert!(!loaded.has_errors());

    let both = folder(&[("portals/p.yaml", &portal("good")), ("a.yaml", &organization("a"))]);
    let loaded = load_from(&[both.path().to_path_buf()], Some(&both.path().join("portals")));
    assert_eq!((codes(&loaded), loaded.desired.portals.len()), (vec![], 1));
}

#[test]
fn files_of_secrets_are_found_beside_the_manifest_and_stay_below_the_root() {
    let text = |file: &str| acme(&format!("secrets: {{a: {{file: {file}}}}}"));
    let dir = folder(&[("acme/acme.yaml", &text("../keys/./a")), ("keys/a", "s")]);
    let loaded = load_from(&[dir.path().to_path_buf()], None);
    let expected = dir.path().join("keys/a").display().to_string();
    assert_eq!(super::field(&loaded, "acme/organization/acme", "secrets"), serde_json::json!({"a": {"file": expected}}));

    let dir = folder(&[("acme/acme.yaml", &text("../../keys"))]);
    assert_eq!(codes(&load_from(&[dir.path().to_path_buf()], None)), ["M021"]);
    let dir = folder(&[("acme.yaml", &text("/etc/passwd"))]);
    assert_eq!(codes(&load_from(&[dir.path().to_path_buf()], None)), Vec::<&str>::new(), "without another, this root is the trusted one");
    assert_eq!(codes(&load_from(&[dir.path().to_path_buf()], Some(folder(&[]).path()))), ["M021"]);
}

#[cfg(unix)]
#[test]
fn a_link_is_no_way_to_a_secret_outside() {
    let dir = folder(&[("acme.yaml", &acme("secrets: {a: {file: key}}"))]);
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("key")).unwrap();
    let loaded = load_from(&[dir.path().to_path_buf()], None);
    assert_eq!(codes(&loaded), ["M021"]);
    assert_eq!(loaded.diagnostics[0].range.as_ref().unwrap().line, 7);
}

#[test]
fn a_large_file_is_read_in_parts_and_nothing_shows_of_it() {
    // Comments make it large and cost little.
    let comment = format!("# {}\n", "n".repeat(4000));
    let user = |i: usize| document("User", &format!("u{i}"), &format!("organization: acme\nemail: u{i}@acme.example")) + &comment;
    let text: String = std::iter::once(acme("")).chain((0..2_200).map(user)).collect();
    assert!(text.len() > 8 << 20, "{}", text.len());
    let last = document("User", "last", "organization: acme\nemail: nobody");
    let dir = folder(&[("all.yaml", &(text.clone() + &last))]);
    let loaded = load_from(&[dir.path().to_path_buf()], None);
    assert_eq!(loaded.desired.resources().count(), 2_202);
    let place = loaded.diagnostics[0].range.as_ref().unwrap();
    assert_eq!((codes(&loaded), place.line as usize), (vec!["M017"], text.lines().count() + 7));
}

#[test]
fn no_manifest_at_all_is_an_error_and_one_empty_folder_among_several_a_warning() {
    let empty = folder(&[("x/readme.md", "")]);
    let blank = folder(&[("a.yaml", "# all gone\n")]);
    let full = folder(&[("a.yaml", &organization("a"))]);
    let paths = |dirs: &[&tempfile::TempDir]| dirs.iter().map(|d| d.path().to_path_buf()).collect::<Vec<_>>();
    for roots in [paths(&[&empty]), paths(&[&blank]), paths(&[&empty, &blank])] {
        let loaded = load_from(&roots, None);
        assert!(codes(&loaded) == ["M039"] && loaded.has_errors(), "{:?}", loaded.diagnostics);
    }
    let loaded = load_from(&paths(&[&empty, &full]), None);
    assert!(codes(&loaded) == ["M039"] && !loaded.has_errors(), "{:?}", loaded.diagnostics);
    let only = |tenant: &str| tenant == "other";
    let narrowed = load(&Request { roots: &paths(&[&full]), stdin: None, portals_root: None, only: Some(&only), builtins: Builtins::NONE });
    assert_eq!(codes(&narrowed), [] as [&str; 0]);
}

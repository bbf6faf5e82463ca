//! What is in the image, and what it says of itself.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::json;

use super::Image;
use crate::support::program::PROGRAM;

/// All that is below a folder, sorted: `755 0:0 /usr/local/bin/tenantry`; folders end with a slash.
pub(super) fn listed(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    list(folder, folder, &mut found);
    found.sort_by(|a, b| a.rsplit(' ').next().cmp(&b.rsplit(' ').next()));
    found
}

fn list(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = path.symlink_metadata().unwrap();
        let slash = if about.is_dir() { "/" } else { "" };
        let shown = path.strip_prefix(root).unwrap().display();
        found.push(format!("{:o} {}:{} /{shown}{slash}", about.mode() & 0o7777, about.uid(), about.gid()));
        if about.is_dir() {
            list(root, &path, found);
        }
    }
}

/// Whether a program of 64 bits asks for another one that loads it: a static one does not.
fn is_loaded_by_another(program: &Path) -> bool {
    const INTERPRETER: u32 = 3;
    let bytes = std::fs::read(program).unwrap();
    assert_eq!(bytes[..5], *b"\x7fELF\x02", "{}", program.display());
    let number = |at: usize, length: usize| bytes[at..at + length].iter().rev().fold(0_usize, |n, byte| n << 8 | usize::from(*byte));
    let (start, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    (0..count).any(|header| number(start + header * size, 4) == INTERPRETER as usize)
}

#[test]
#[cfg_attr(not(have_image), ignore = "needs root, and an image of these sources: run tests/image/build")]
fn one_static_program_is_all_that_can_be_run() {
    let folder = tempfile::tempdir().unwrap();
    Image::built().unpack(folder.path());
    let expected = [
        "755 0:0 /etc/",
        "644 0:0 /etc/group",
        "644 0:0 /etc/passwd",
        "755 0:0 /etc/ssl/",
        "755 0:0 /etc/ssl/certs/",
        "644 0:0 /etc/ssl/certs/ca-certificates.crt",
        "755 0:0 /usr/",
        "755 0:0 /usr/local/",
        "755 0:0 /usr/local/bin/",
        "755 0:0 /usr/local/bin/tenantry",
        "755 0:0 /var/",
        "755 0:0 /var/lib/",
        "755 65532:65532 /var/lib/tenantry/",
    ];
    assert_eq!(listed(folder.path()), expected);
    assert!(!is_loaded_by_another(&folder.path().join("usr/local/bin/tenantry")));
    assert!(is_loaded_by_another(Path::new(PROGRAM)), "the one beside the tests needs a C library");
    let certificates = std::fs::read_to_string(folder.path().join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(certificates.matches("-----BEGIN CERTIFICATE-----").count() > 50);
}

#[test]
#[cfg_attr(not(have_image), ignore = "needs root, and an image of these sources: run tests/image/build")]
fn it_says_as_whom_and_how_it_is_run() {
    let image = Image::built();
    assert_eq!(image.config["User"], "65532:65532");
    assert_eq!(image.config["WorkingDir"], "/var/lib/tenantry");
    assert_eq!(image.words("Entrypoint"), ["/usr/local/bin/tenantry"]);
    assert_eq!(image.words("Cmd"), ["operator"]);
    let ours = image.words("Env").into_iter().filter(|variable| !variable.starts_with("PATH="));
    assert_eq!(ours.collect::<Vec<_>>(), [] as [&str; 0]);
    assert_eq!(image.config["Labels"]["org.opencontainers.image.title"], json!("tenantry"));
}

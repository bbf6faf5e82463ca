//! Secrets of this machine, and the key of their MACs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use tenantry::ledger::LedgerLocation;
use tenantry::model::{SecretRef, SecretSource};
use tenantry::secrets::{LocalSecrets, MacKey, MacKeyError, MacKeySource, SecretReader as _};

const CANARY: &str = "canary-77aa";

fn secrets(base: &Path) -> LocalSecrets {
    let variable = |name: &str| match name {
        "TOKEN" => Some(CANARY.to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    LocalSecrets::new(variable, base)
}

fn read(base: &Path, source: SecretSource) -> Result<String, String> {
    let read = secrets(base).read(&SecretRef { source });
    read.map(|s| s.expose_secret().to_owned()).map_err(|e| e.to_string())
}

fn env(name: &str) -> SecretSource {
    SecretSource::Env(name.into())
}

fn file(path: impl AsRef<Path>) -> SecretSource {
    SecretSource::File(path.as_ref().to_str().unwrap().into())
}

#[test]
fn a_variable_is_read_and_an_unset_or_empty_one_is_not() {
    let here = Path::new(".");
    assert_eq!(read(here, env("TOKEN")), Ok(CANARY.to_owned()));
    assert_eq!(read(here, env("NONE")), Err("the secret in environment variable NONE cannot be read: the variable is not set".to_owned()));
    assert_eq!(read(here, env("EMPTY")), Err("the secret in environment variable EMPTY cannot be read: it is empty".to_owned()));
}

#[test]
fn a_file_is_read_without_its_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    for (written, expected) in [("s", "s"), ("s\n", "s"), ("s\r\n", "s"), ("s\n\n", "s\n"), (" s \r", " s \r")] {
        std::fs::write(folder.path().join("token"), written).unwrap();
        assert_eq!(read(folder.path(), file("token")).as_deref(), Ok(expected));
        assert_eq!(read(Path::new("/"), file(folder.path().join("token"))).as_deref(), Ok(expected), "by its whole path");
    }
}

#[test]
fn what_is_no_secret_file_is_refused_by_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("root");
    std::fs::create_dir_all(base.join("folder")).unwrap();
    std::fs::write(folder.path().join("outside"), CANARY).unwrap();
    std::os::unix::fs::symlink("../outside", base.join("link")).unwrap();
    std::fs::write(base.join("newline"), "\n").unwrap();
    std::fs::write(base.join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(base.join("largest"), vec![b'a'; 1 << 20]).unwrap();
    std::fs::write(base.join("larger"), vec![b'a'; (1 << 20) + 1]).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(base.join("pipe")).status().unwrap().success());
    assert_eq!(read(&base, file("largest")).map(|s| s.len()), Ok(1 << 20));
    for (path, why) in [
        ("missing", "No such file or directory (os error 2)"),
        ("folder", "it is a folder"),
        ("pipe", "it is no regular file"),
        ("newline", "it is empty"),
        ("binary", "it is not UTF-8"),
        ("larger", "it is larger than 1048576 bytes"),
        ("../outside", "a relative path may not leave the folder of the manifests"),
        ("link", "a relative path may not leave the folder of the manifests"),
    ] {
        assert_eq!(read(&base, file(path)), Err(format!("the secret in file {path} cannot be read: {why}")));
    }
}

#[test]
fn a_kubernetes_secret_is_refused_where_there_is_no_cluster() {
    let source = SecretSource::SecretKeyRef { namespace: None, name: "portal".into(), key: "token".into() };
    let error = read(Path::new("."), source).unwrap_err();
    assert!(error.ends_with("give --ledger kubernetes://NAMESPACE, or use `env` or `file` here"), "{error}");
}

fn key(byte: &str) -> MacKey {
    MacKey::from_text(&SecretString::from(byte.repeat(32)), "the test").unwrap()
}

fn mac(key: &MacKey, parts: &[(&str, &str)]) -> String {
    let secrets: Vec<_> = parts.iter().map(|(name, secret)| (*name, SecretString::from(*secret))).collect();
    key.mac(&secrets.iter().map(|(name, secret)| (*name, secret)).collect::<Vec<_>>()).to_hex()
}

#[test]
fn a_mac_is_hmac_sha_256_over_counted_and_measured_parts() {
    // Frozen: ledgers hold it. Worked out with Python's hmac module.
    assert_eq!(mac(&key("0a"), &[("token", "s3cret"), ("user", "é")]), "38ea288a65d5a8ad1156d5592a6d9d29");
}

#[test]
fn a_mac_tells_keys_names_and_secrets_apart_and_not_their_order() {
    let key = key("0a");
    let both = mac(&key, &[("a", "1"), ("b", "2")]);
    assert_eq!(mac(&key, &[("b", "2"), ("a", "1")]), both);
    for other in [&[("a", "2"), ("b", "1")][..], &[("a", "1")], &[("a", "1b2")], &[("a1", ""), ("b", "2")], &[]] {
        assert_ne!(mac(&key, other), both);
    }
    assert_ne!(mac(&self::key("0b"), &[("a", "1"), ("b", "2")]), both);
}

#[test]
fn a_key_is_64_hex_digits_and_is_never_quoted() {
    let digits = "0a".repeat(32);
    assert!(MacKey::from_text(&SecretString::from(format!(" {}\n", digits.to_uppercase())), "it").is_ok());
    for text in ["", "0a", &digits[1..], &format!("{digits}0a"), &digits.replace("0a", "+a"), CANARY] {
        let error = MacKey::from_text(&SecretString::from(text), "TENANTRY_MAC_KEY").unwrap_err();
        assert_eq!(error.to_string(), "the key of the secrets' MACs cannot be used: TENANTRY_MAC_KEY does not hold 64 hex digits");
    }
    assert_eq!(format!("{:?}", key("0a")), "MacKey(…)");
}

/// A SQLite ledger's key, in a folder of its own.
fn beside_sqlite(folder: &Path) -> MacKeySource {
    LedgerLocation::Sqlite(folder.join("ledger.db")).mac_key(None)
}

#[tokio::test]
async fn a_key_is_made_once_when_it_is_needed_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let source = beside_sqlite(folder.path());
    assert!(source.find(false).await.unwrap().is_none());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "looking for it makes nothing");

    let made = mac(&source.find_or_make(false).await.unwrap(), &[("a", "1")]);
    let again =
        [source.find(true).await.unwrap().unwrap(), source.find_or_make(true).await.unwrap(), source.find_or_make(false).await.unwrap()];
    assert!(again.iter().all(|k| mac(k, &[("a", "1")]) == made));
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap()).collect();
    assert_eq!(files.iter().map(|f| f.file_name()).collect::<Vec<_>>(), ["mac.key"]);
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

/// Runs what waits for nothing but files.
fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn of_many_who_make_a_key_at_once_all_have_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let source = beside_sqlite(folder.path());
    let mut made: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..8).map(|_| scope.spawn(|| mac(&now(source.find_or_make(false)).unwrap(), &[("a", "1")]))).collect();
        running.into_iter().map(|r| r.join().unwrap()).collect()
    });
    made.dedup();
    assert_eq!(made.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_lost_or_damaged_is_never_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let source = beside_sqlite(folder.path());
    assert!(matches!(source.find(true).await, Err(MacKeyError::Lost(why)) if why.ends_with("mac.key is not there")));
    assert!(matches!(source.find_or_make(true).await, Err(MacKeyError::Lost(_))));
    std::fs::write(folder.path().join("mac.key"), "half").unwrap();
    for found in [source.find(false).await.err(), source.find_or_make(false).await.err()] {
        assert!(matches!(found, Some(MacKeyError::Unusable(why)) if why.ends_with("mac.key does not hold 64 hex digits")));
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("mac.key")).unwrap(), "half");
}

#[tokio::test]
async fn postgresql_has_no_key_but_the_one_that_is_given() {
    let location: LedgerLocation = "postgres://h/db".parse().unwrap();
    let none = location.mac_key(None);
    assert!(none.find(false).await.unwrap().is_none());
    assert!(matches!(none.find(true).await, Err(MacKeyError::Lost(_))));
    assert!(matches!(none.find_or_make(false).await, Err(MacKeyError::NotGiven(why)) if why.contains("TENANTRY_MAC_KEY")));
    let given = location.mac_key(Some(SecretString::from("0a".repeat(32))));
    assert_eq!(mac(&given.find_or_make(true).await.unwrap(), &[]), mac(&key("0a"), &[]));
}

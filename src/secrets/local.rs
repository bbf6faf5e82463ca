//! Secrets of this machine: environment variables and files. Comes in: a reference. Goes out: the secret, or why not. Never reads the
//! environment by itself: whoever makes a [`LocalSecrets`] says how to look a variable up.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::{SecretError, SecretReader};
use crate::model::{SecretRef, SecretSource};

/// Largest secret: as large as the largest Kubernetes Secret.
const MAX: u64 = 1 << 20;

/// How a variable is looked up.
type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads `env` and `file` references.
pub struct LocalSecrets {
    variable: Lookup,
    base: PathBuf,
}

impl LocalSecrets {
    /// A reader of variables through `variable`, and of files: relative paths are below `base` and may not leave it.
    pub fn new(variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static, base: impl Into<PathBuf>) -> Self {
        Self { variable: Box::new(variable), base: base.into() }
    }

    fn text(&self, source: &SecretSource) -> Result<String, String> {
        let text = match source {
            SecretSource::Env(name) => (self.variable)(name).ok_or("the variable is not set")?,
            SecretSource::File(path) => self.file(Path::new(&**path))?,
            SecretSource::SecretKeyRef { .. } => {
                let remedy = "give --ledger kubernetes://NAMESPACE, or use `env` or `file` here";
                return Err(format!("a Kubernetes Secret can be read only where the ledger is in its cluster: {remedy}"));
            }
        };
        // An empty variable is how a pipeline says that it has no such secret; an empty password is nobody's wish.
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text) }
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        let path = self.place(path)?;
        let said = |e: std::io::Error| e.to_string();
        let about = path.metadata().map_err(said)?;
        // Asked before it is opened: opening a pipe would wait for a writer.
        match about.is_file() {
            false if about.is_dir() => return Err("it is a folder".to_owned()),
            false => return Err("it is no regular file".to_owned()),
            true => {}
        }
        let mut bytes = Vec::new();
        File::open(&path).map_err(said)?.take(MAX + 1).read_to_end(&mut bytes).map_err(said)?;
        if bytes.len() as u64 > MAX {
            return Err(format!("it is larger than {MAX} bytes"));
        }
        let mut text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }

    /// Where the file is. A relative path, links in it followed, stays below the base: a manifest may not point elsewhere by `..`.
    fn place(&self, path: &Path) -> Result<PathBuf, String> {
        let place = self.base.join(path).canonicalize().map_err(|e| e.to_string())?;
        if path.is_relative() {
            let base = self.base.canonicalize().map_err(|e| e.to_string())?;
            if !place.starts_with(&base) {
                return Err("a relative path may not leave the folder of the manifests".to_owned());
            }
        }
        Ok(place)
    }
}

impl SecretReader for LocalSecrets {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        match self.text(&reference.source) {
            Ok(text) => Ok(SecretString::from(text)),
            Err(why) => Err(SecretError { reference: reference.to_string(), why, missing: false }),
        }
    }
}

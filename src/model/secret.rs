//! References to secrets. A secret's own text is never a model value: it lives in `secrecy::SecretString` between the reader and the portal call.

use std::fmt;

/// How variables begin that customers' manifests may name where a trusted root stands apart from them.
pub const CUSTOMERS_VARIABLES: &str = "TENANT_SECRET_";
/// How the program's own variables begin, which no manifest may name: one of them is the key of the ledger's MACs.
pub(crate) const OWN_VARIABLES: &str = "TENANTRY_";
/// The Secret in a cluster that no manifest may name: it has the key of the ledger's MACs.
pub const OWN_SECRET: &str = "tenantry-mac-key";

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretSource {
    /// An environment variable of the run: `{env: NAME}`.
    Env(Box<str>),
    /// A file, its trailing newline dropped: `{file: PATH}`. Relative paths are resolved against the manifest's folder and may not leave the root.
    File(Box<str>),
    /// A key of a Kubernetes Secret in the resource's namespace: `{secretKeyRef: {name, key}}`.
    SecretKeyRef {
        /// The namespace of the document that names it, where that is known: never written in a reference, so that no document names a Secret of
        /// another's namespace.
        namespace: Option<Box<str>>,
        /// Name of the Secret.
        name: Box<str>,
        /// Key in its data.
        key: Box<str>,
    },
}

impl SecretSource {
    /// Whether a manifest may name it; `customers`: there is a trusted root, and the manifest is not below it. Of variables alone: where a
    /// relative path leads is for the manifest's folder to say.
    ///
    /// # Errors
    /// With the reason, which names no secret.
    pub fn may_be_named(&self, customers: bool) -> Result<(), String> {
        match self {
            Self::Env(name) if name.to_ascii_uppercase().starts_with(OWN_VARIABLES) => {
                Err(format!("variable {name} is a setting of tenantry, which no manifest may name"))
            }
            Self::Env(name) if customers && !name.starts_with(CUSTOMERS_VARIABLES) => {
                Err(format!("variable {name} does not begin with {CUSTOMERS_VARIABLES}, as those of customers do where --portals is given"))
            }
            Self::SecretKeyRef { name, .. } if &**name == OWN_SECRET => {
                Err(format!("Secret {name} is the key of the ledger's MACs, which no manifest may name"))
            }
            Self::Env(_) | Self::File(_) | Self::SecretKeyRef { .. } => Ok(()),
        }
    }
}

/// A reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef {
    /// Where it is kept.
    pub source: SecretSource,
}

impl SecretRef {
    /// The JSON form, as in a manifest; the namespace of a Secret with it, where that is known.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = self.as_written();
        let inner = json.get_mut("secretKeyRef").and_then(serde_json::Value::as_object_mut);
        if let (SecretSource::SecretKeyRef { namespace: Some(namespace), .. }, Some(inner)) = (&self.source, inner) {
            inner.insert("namespace".to_owned(), (**namespace).into());
        }
        json
    }

    /// The JSON form, exactly as a manifest says it, wherever that manifest stands.
    pub fn as_written(&self) -> serde_json::Value {
        match &self.source {
            SecretSource::Env(name) => serde_json::json!({ "env": name }),
            SecretSource::File(path) => serde_json::json!({ "file": path }),
            SecretSource::SecretKeyRef { namespace: _, name, key } => serde_json::json!({ "secretKeyRef": { "name": name, "key": key } }),
        }
    }

    /// Reads the JSON form from a map value: exactly one of `env`, `file`, `secretKeyRef`.
    pub fn from_value(value: &super::value::Value) -> Option<Self> {
        use super::value::Value;
        if let Value::Secret(s) = value {
            return Some((**s).clone());
        }
        let Value::Map(entries) = value else { return None };
        let [(key, inner)] = entries.as_slice() else { return None };
        let source = match (&**key, inner) {
            ("env", Value::Text(name)) => SecretSource::Env(name.clone()),
            ("file", Value::Text(path)) => SecretSource::File(path.clone()),
            ("secretKeyRef", Value::Map(inner)) => key_ref(inner)?,
            _ => return None,
        };
        Some(Self { source })
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            SecretSource::Env(name) => write!(f, "environment variable {name}"),
            SecretSource::File(path) => write!(f, "file {path}"),
            // Without the namespace, so that it reads alike wherever the manifest stands.
            SecretSource::SecretKeyRef { namespace: _, name, key } => write!(f, "key {key} of Secret {name}"),
        }
    }
}

/// The inside of a `secretKeyRef`, sorted by key.
fn key_ref(inner: &[(Box<str>, super::value::Value)]) -> Option<SecretSource> {
    use super::value::Value::Text;
    let (namespace, key, name) = match inner {
        [(k, Text(key)), (n, Text(name))] if &**k == "key" && &**n == "name" => (None, key, name),
        [(k, Text(key)), (n, Text(name)), (ns, Text(namespace))] if &**k == "key" && &**n == "name" && &**ns == "namespace" => {
            (Some(namespace.clone()), key, name)
        }
        _ => return None,
    };
    Some(SecretSource::SecretKeyRef { namespace, name: name.clone(), key: key.clone() })
}

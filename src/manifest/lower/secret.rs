//! References to secrets. A secret that is written out is refused and never shown; a file is found below the folder that may name it.

use super::super::problem::{Place, shown};
use super::super::tree::{Data, Entry, Node};
use super::{Cx, Origin, SecretFile, Trust};
use crate::diagnostic::codes::manifest as codes;
use crate::model::{SecretRef, SecretSource, Value};

/// Lowers a reference: exactly one of `env`, `file`, `secretKeyRef`.
pub(crate) fn reference(cx: &mut Cx<'_, '_>, node: &Node<'_>, place: Place, path: &str) -> Option<Value> {
    let Data::Map(entries) = &node.data else {
        cx.problems.hide(node.place);
        let inline = matches!(node.data, Data::Text(_) | Data::Integer(_) | Data::Number | Data::Bool(_));
        let (code, what) = if inline {
            (codes::INLINE_SECRET, "a secret is written here in the manifest")
        } else {
            (codes::BAD_SECRET_REFERENCE, "this is no reference to a secret")
        };
        cx.problems.error(code, place, format!("`{path}`: {what}"));
        return None;
    };
    let source = match entries.as_slice() {
        [one] => match &*one.key {
            "env" => env(cx, one, path),
            "file" => file(cx, one, path),
            "secretKeyRef" => key_ref(cx, one, path),
            _ => Err(Fault::Form),
        },
        _ => Err(Fault::Form),
    };
    match source {
        Ok(source) => Some(Value::Secret(Box::new(SecretRef { source }))),
        Err(Fault::Told) => None,
        Err(Fault::Form) => {
            // Whatever stands here may be the secret itself.
            for entry in entries {
                cx.problems.hide(entry.value.place);
            }
            cx.problems.error(codes::BAD_SECRET_REFERENCE, place, format!("`{path}` is no reference to a secret"));
            None
        }
    }
}

/// Why a reference is refused.
enum Fault {
    /// It is not of the form of a reference.
    Form,
    /// The problem is noted already.
    Told,
}

fn env(cx: &mut Cx<'_, '_>, entry: &Entry<'_>, path: &str) -> Result<SecretSource, Fault> {
    let name = entry.value.as_text().ok_or(Fault::Form)?;
    let fine = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !fine {
        // A secret pasted here by mistake must not be shown either.
        cx.problems.hide(entry.value.place);
        let text = format!("`{path}.env` is not the name of an environment variable");
        cx.problems.error(codes::BAD_SECRET_REFERENCE, entry.place(), text).help("write the name of a variable, such as ACME_API_KEY");
        return Err(Fault::Told);
    }
    let source = SecretSource::Env(name.into());
    if let Err(why) = source.may_be_named(cx.origin.trust == Trust::Customers) {
        cx.problems.error(codes::SECRET_VARIABLE_REFUSED, entry.place(), format!("`{path}.env`: {why}"));
        return Err(Fault::Told);
    }
    Ok(source)
}

fn file(cx: &mut Cx<'_, '_>, entry: &Entry<'_>, path: &str) -> Result<SecretSource, Fault> {
    let fine = |t: &&str| !t.is_empty() && t.chars().count() <= 4096 && !t.chars().any(char::is_control);
    let text = entry.value.as_text().filter(fine).ok_or(Fault::Form)?;
    match resolve_file(cx.origin, text) {
        Some(resolved) => {
            if !text.starts_with('/') {
                let path = resolved.clone().into();
                cx.out.secret_files.push(SecretFile {
                    path,
                    root: cx.origin.root.clone(),
                    source: cx.origin.id,
                    mark: entry.place().mark(),
                });
            }
            Ok(SecretSource::File(resolved.into()))
        }
        None => {
            let text = format!("`{path}.file`: `{}` leads out of the folder that may name it", shown(text));
            cx.problems.error(codes::SECRET_FILE_OUTSIDE, entry.place(), text);
            Err(Fault::Told)
        }
    }
}

/// The path of a secret's file: a relative one below the manifest's own folder, never above the root; an absolute one only where the root is trusted.
fn resolve_file(origin: &Origin, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return (origin.trust != Trust::Customers).then(|| path.to_owned());
    }
    let mut parts: Vec<&str> = origin.below.split('/').filter(|p| !p.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let below = parts.join("/");
    Some(match &*origin.root {
        "" => below,
        root if root.ends_with('/') => format!("{root}{below}"),
        root => format!("{root}/{below}"),
    })
}

fn key_ref(cx: &mut Cx<'_, '_>, entry: &Entry<'_>, path: &str) -> Result<SecretSource, Fault> {
    let (name, key) = named(entry).ok_or(Fault::Form)?;
    let source = SecretSource::SecretKeyRef { namespace: cx.namespace.clone(), name, key };
    if let Err(why) = source.may_be_named(cx.origin.trust == Trust::Customers) {
        cx.problems.error(codes::BAD_SECRET_REFERENCE, entry.place(), format!("`{path}.secretKeyRef`: {why}"));
        return Err(Fault::Told);
    }
    Ok(source)
}

/// The Secret's name and the key.
fn named(entry: &Entry<'_>) -> Option<(Box<str>, Box<str>)> {
    let map = entry.value.as_map()?;
    let part = |key: &str| {
        let text = entry.value.get(key)?.value.as_text()?;
        (!text.is_empty() && text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))).then_some(text)
    };
    let (name, key) = (part("name")?, part("key")?);
    (map.len() == 2).then(|| (name.into(), key.into()))
}

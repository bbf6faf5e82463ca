//! The secrets of a field are read together, and every one that cannot be read is named.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tenantry::apply::secret_fields::read;
use tenantry::model::{Kind, SecretRef};
use tenantry::secrets::{SecretError, SecretReader};

use super::kit::{field, fields};

/// Knows one variable.
struct Knows(&'static str);

impl SecretReader for Knows {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        if reference.to_string().contains(self.0) {
            return Ok("hunter2".into());
        }
        Err(SecretError { reference: reference.to_string(), why: "it is not set".to_owned(), missing: false })
    }
}

#[test]
fn every_unreadable_secret_of_a_field_is_named() {
    let json = json!({"type": "x", "secrets": {"a": {"env": "FIRST"}, "b": {"env": "SECOND"}, "c": {"env": "THIRD"}}});
    let integration = fields(Kind::Integration, json);
    let value = integration.get(field(Kind::Integration, "secrets")).unwrap();
    let said = read(&Knows("SECOND"), value).unwrap_err().to_string();
    assert!(said.contains("FIRST") && said.contains("THIRD") && !said.contains("SECOND") && !said.contains("hunter2"), "{said}");
    let all: Vec<_> = read(&Knows(""), value).unwrap().iter().map(|(key, s)| format!("{key} {}", s.expose_secret())).collect();
    assert_eq!(all, ["a hunter2", "b hunter2", "c hunter2"]);
}

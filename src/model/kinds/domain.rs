//! `Domain`: an e-mail or web domain.

use crate::model::kind::{Bearing, FieldDef, FieldType, Kind, KindDef, Placement};

/// The table of `Domain`.
pub static DOMAIN: KindDef = KindDef {
    kind: Kind::Domain,
    name: "Domain",
    slug: "domain",
    short: "tdom",
    noun: "domain",
    nouns: "domains",
    doc: "An e-mail or web domain of one organization.",
    placement: Placement::Member { inline: "domains" },
    bearing: Bearing::Settings,
    key: Some("domain"),
    fields: &[
        FieldDef::new("domain", FieldType::DomainName, "The domain itself, such as acme.example, which is its natural key.").required(),
        FieldDef::new("primary", FieldType::Bool, "Whether it is the organization's first domain."),
    ],
    sections: &[],
};

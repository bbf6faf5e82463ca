//! An authority of a cluster's own, what it signs, and the key of service accounts' tokens: made anew for each cluster.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// Who has a certificate: the file's name, the user and the group that the API server reads in it.
const USERS: &[(&str, &str, &str)] =
    &[("admin", super::access::ADMIN, "system:masters"), ("controllers", "system:kube-controller-manager", "system:masters")];

/// Writes `authority.crt`, a certificate and a key for the server and for each user, and the pair of `tokens.key` and `tokens.pub`.
pub(super) fn make(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut authority = named("test-authority", None);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(folder.join("authority.crt"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::from_params(&authority, &key);

    // The last is what pods know it by.
    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
    let mut server = CertificateParams::new(names).unwrap();
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    sign(folder, "server", &server, &issuer);
    for (file, user, group) in USERS {
        let mut params = named(user, Some(group));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        sign(folder, file, &params, &issuer);
    }
    let tokens = KeyPair::generate().unwrap();
    std::fs::write(folder.join("tokens.key"), tokens.serialize_pem()).unwrap();
    std::fs::write(folder.join("tokens.pub"), tokens.public_key_pem()).unwrap();
}

fn named(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}

fn sign(folder: &Path, name: &str, params: &CertificateParams, issuer: &Issuer<'_, &KeyPair>) {
    let key = KeyPair::generate().unwrap();
    std::fs::write(folder.join(format!("{name}.crt")), params.signed_by(&key, issuer).unwrap().pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

//! An authority of the bench's own that both relays trust, so that they verify the callback URL as they verify API Gateway.
//!
//! The real relay trusts the public authorities alone, built in. A copy of its executable gets the bench's key in place of one of
//! theirs: nothing else in it differs, so it is the same program doing the same work. Node.js is told in its environment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::string::PrintableString;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::TrustAnchor;
use rustls::{RootCertStore, ServerConfig, crypto::ring};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use crate::Outcome;

/// The authority whose place is taken. Its key is on P-256, so that one that is made in no time is as long.
const ROOT: &str = "Amazon Root CA 3";
const ROOT_NAME: [(DnType, &str); 3] =
    [(DnType::CountryName, "US"), (DnType::OrganizationName, "Amazon"), (DnType::CommonName, ROOT)];

/// Where the callback URL is, and what its certificate says.
pub(super) const HOST: &str = "127.0.0.1";

pub(super) struct Trust {
    /// Speaks TLS with a certificate of the authority.
    pub(super) acceptor: TlsAcceptor,
    /// The copy of the relay's executable.
    pub(super) relay: PathBuf,
    /// The authority's certificate, as Node.js reads it.
    pub(super) authority: PathBuf,
    _directory: TempDir,
}

impl Trust {
    pub(super) fn new(relay: &Path) -> Outcome<Self> {
        let key = KeyPair::generate()?;
        let params = authority()?;
        let certificate = params.self_signed(&key)?;
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("authority.pem");
        std::fs::write(&path, certificate.pem())?;
        Ok(Self {
            acceptor: acceptor(&Issuer::new(params, key))?,
            relay: altered(relay, &certificate, &directory)?,
            authority: path,
            _directory: directory,
        })
    }
}

/// What the authority's certificate says: the root's name, letter by letter.
fn authority() -> Outcome<CertificateParams> {
    let mut params = CertificateParams::new([])?;
    params.distinguished_name = DistinguishedName::new();
    for (part, value) in ROOT_NAME {
        params.distinguished_name.push(part, DnValue::PrintableString(PrintableString::try_from(value)?));
    }
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

fn acceptor(issuer: &Issuer<'_, KeyPair>) -> Outcome<TlsAcceptor> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([HOST.to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Node.js knows two authorities of this name now: only this tells it which one to take.
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, issuer)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key.into())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Copies the executable, with the authority's key in place of the root's.
fn altered(relay: &Path, authority: &Certificate, directory: &TempDir) -> Outcome<PathBuf> {
    let root = root()?;
    let mut store = RootCertStore::empty();
    store.add(authority.der().clone())?;
    let [own] = store.roots.as_slice() else { return Err("one certificate is not one authority".into()) };
    let (old, new) = (root.subject_public_key_info.as_ref(), own.subject_public_key_info.as_ref());
    if own.subject != root.subject || new.len() != old.len() {
        return Err(format!("the bench's authority cannot stand in for {ROOT}").into());
    }
    let mut program = std::fs::read(relay)?;
    let places: Vec<usize> =
        program.windows(old.len()).enumerate().filter(|(_, bytes)| *bytes == old).map(|(place, _)| place).collect();
    let [place] = places[..] else {
        return Err(format!("{} has the key of {ROOT} {} times, not once", relay.display(), places.len()).into());
    };
    program[place..place + new.len()].copy_from_slice(new);
    let path = directory.path().join("bootstrap");
    // The copy may be run as the original may, and keeps that when it is written to.
    std::fs::copy(relay, &path)?;
    std::fs::write(&path, program)?;
    Ok(path)
}

/// The root as it is built into the relay.
fn root() -> Outcome<&'static TrustAnchor<'static>> {
    let is_named = |root: &&TrustAnchor<'_>| root.subject.ends_with(ROOT.as_bytes());
    Ok(webpki_roots::TLS_SERVER_ROOTS
        .iter()
        .find(is_named)
        .ok_or_else(|| format!("{ROOT} is no public root any more"))?)
}

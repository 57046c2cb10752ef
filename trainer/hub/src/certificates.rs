//! Certificates that HTTPS trusts: Mozilla's list, which is built in, or those of a file, as a company's mirror or
//! proxy needs them.

use std::path::Path;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::HubError;

/// Variables that name such a file, the first that is given: OpenSSL's, and those of Python's requests.
pub(crate) const VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Certificates of authorities.
#[derive(Clone, Debug, Default)]
pub struct Certificates(Option<RootCerts>);

impl Certificates {
    /// Those of a file in PEM, in the place of Mozilla's. `variable` is what names the file.
    ///
    /// # Errors
    /// It cannot be read, or holds none.
    pub(crate) fn of_file(path: &Path, variable: &'static str) -> Result<Self, HubError> {
        let fail = |problem: String| HubError::Certificates { variable, path: path.to_owned(), problem };
        let pem = std::fs::read(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
        let certificate = |item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        };
        let certificates: Vec<Certificate<'static>> = parse_pem(&pem).filter_map(certificate).collect();
        if certificates.is_empty() {
            return Err(fail("holds no certificates in PEM".to_owned()));
        }
        Ok(Self(Some(RootCerts::new_with_certs(&certificates))))
    }

    pub(crate) fn tls(&self) -> TlsConfig {
        TlsConfig::builder().root_certs(self.0.clone().unwrap_or(RootCerts::WebPki)).build()
    }
}

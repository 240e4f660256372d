//! The checksums that a client sends along, verified. The SDK sends CRC32 by default (AWS-FACTS E4).

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::{Result, bad_request, unsupported};

const CHECKSUM_PREFIX: &str = "x-amz-checksum-";

/// Compares every checksum among the headers with the body. Gives those of the `x-amz-checksum-*` kind.
pub(super) fn verify(headers: &HeaderMap, body: &[u8]) -> Result<BTreeMap<&'static str, String>> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if value("content-md5").is_some_and(|sent| sent != BASE64_STANDARD.encode(Md5::digest(body))) {
        return Err(bad_request("BadDigest", "The Content-MD5 you specified did not match what we received."));
    }
    let mut checksums = BTreeMap::new();
    for name in headers.keys().map(http::HeaderName::as_str) {
        let (known, computed) = match name {
            "x-amz-checksum-crc32" => {
                ("x-amz-checksum-crc32", BASE64_STANDARD.encode(crc32fast::hash(body).to_be_bytes()))
            }
            "x-amz-checksum-sha256" => ("x-amz-checksum-sha256", BASE64_STANDARD.encode(Sha256::digest(body))),
            // About answers, not about this body.
            "x-amz-checksum-mode" | "x-amz-checksum-type" | "x-amz-checksum-algorithm" => continue,
            other if other.starts_with(CHECKSUM_PREFIX) => return Err(unsupported(&format!("The header {other}"))),
            _ => continue,
        };
        if value(name) != Some(&computed) {
            let algorithm = known.trim_start_matches(CHECKSUM_PREFIX).to_ascii_uppercase();
            let message = format!("The {algorithm} you specified did not match the calculated checksum.");
            return Err(bad_request("BadDigest", &message));
        }
        checksums.insert(known, computed);
    }
    Ok(checksums)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn checksums_of_the_body_are_kept_and_others_refused() {
        // Of `123456789`, as the algorithms' own descriptions give them.
        let right = [
            ("x-amz-checksum-crc32", "y/Q5Jg=="),
            ("x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ];
        for (name, value) in right {
            let headers = headers(name, value);
            assert_eq!(verify(&headers, b"123456789").unwrap(), BTreeMap::from([(name, value.to_owned())]));
            assert_eq!(verify(&headers, b"12345678").unwrap_err().code, "BadDigest");
        }
        let md5 = headers("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==");
        assert!(verify(&md5, b"123456789").unwrap().is_empty());
        assert_eq!(verify(&md5, b"12345678").unwrap_err().code, "BadDigest");
        assert_eq!(verify(&headers("x-amz-checksum-crc64nvme", "x"), b"").unwrap_err().code, "NotImplemented");
    }
}

//! Keeps web pages away from the control plane. Its keys are known to everybody, so a page that somebody opens in a browser on
//! this machine could sign calls, and a deployed function is a program that runs here. Two roads are closed: a page of any
//! origin, the deployed one included, and a foreign name that was pointed at this address (DNS rebinding).

use std::net::{Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, StatusCode, header};

use super::answer::AwsError;

/// Headers that browsers add to what scripts send, and SDKs never do.
const SENT_BY_BROWSERS: [header::HeaderName; 2] = [header::ORIGIN, header::HeaderName::from_static("sec-fetch-site")];

/// Refuses a signed call that a browser made, or that came in under a name which is not this machine's own.
pub(in crate::local) fn refuse(headers: &HeaderMap) -> Result<(), AwsError> {
    if SENT_BY_BROWSERS.iter().any(|name| headers.contains_key(name)) {
        return Err(denied("The local AWS takes no signed calls from web pages."));
    }
    match headers.get(header::HOST) {
        Some(host) if !host.to_str().is_ok_and(is_own_name) => {
            Err(denied("The local AWS takes signed calls only under an IP address or a localhost name."))
        }
        // Browsers never leave it out.
        Some(_) | None => Ok(()),
    }
}

fn denied(message: &str) -> AwsError {
    AwsError::new(StatusCode::FORBIDDEN, "AccessDenied", message)
}

/// Names below `localhost` never leave the machine; an address cannot be pointed anywhere else.
fn is_own_name(host: &str) -> bool {
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split(']').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(pairs: &[(&'static str, &str)]) -> bool {
        let headers = pairs.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
        refuse(&headers.collect()).is_err()
    }

    #[test]
    fn addresses_and_localhost_names_are_ours() {
        for host in ["127.0.0.1:4580", "localhost:4580", "bucket.s3.localhost:4580", "[::1]:4580", "192.168.1.5:4580"] {
            assert!(!is_refused(&[("host", host)]), "{host}");
        }
    }

    #[test]
    fn a_name_pointed_here_by_its_owner_is_refused() {
        for host in ["evil.example:4580", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]", ""] {
            assert!(is_refused(&[("host", host)]), "{host}");
        }
    }

    #[test]
    fn a_page_is_refused_even_one_of_this_machine() {
        assert!(is_refused(&[("host", "127.0.0.1:4580"), ("origin", "http://127.0.0.1:4580")]));
        assert!(is_refused(&[("host", "127.0.0.1:4580"), ("sec-fetch-site", "same-origin")]));
    }
}

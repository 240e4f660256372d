//! Who sent a request: Signature Version 4 in the `Authorization` header, recomputed and compared.
//!
//! Presigned URLs are not accepted: nothing in the product makes one.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, request};
use sha2::{Digest, Sha256};

use super::answer::AwsError;
use super::call::{Principal, Service};
use super::chunked::{Framing, Payload};
use super::iam;
use super::world::World;

/// Access key id of the account's own key.
pub const DEPLOYER_ACCESS_KEY_ID: &str = "local";
/// Secret of the account's own key. It guards nothing: the local AWS listens on loopback and holds nothing of worth.
pub const DEPLOYER_SECRET_ACCESS_KEY: &str = "local";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const MAXIMUM_SKEW: Duration = Duration::from_secs(15 * 60);

/// An `Authorization` header, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    pub(crate) region: &'a str,
    /// The service of the credential scope: what routes a request.
    pub(crate) service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// None where the header is no Signature Version 4.
    pub(crate) fn parse(header: &'a str) -> Option<Self> {
        let parameters = header.strip_prefix(ALGORITHM)?;
        let parameter = |name: &str| {
            parameters
                .split(',')
                .find_map(|parameter| parameter.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix('=')))
        };
        let mut scope = parameter("Credential")?.rsplit('/');
        if scope.next() != Some("aws4_request") {
            return None;
        }
        let (service, region, date) = (scope.next()?, scope.next()?, scope.next()?);
        Some(Self {
            access_key_id: scope.next()?,
            date,
            region,
            service,
            signed_headers: parameter("SignedHeaders")?.split(';').collect(),
            signature: parameter("Signature")?,
        })
    }
}

/// What authentication yields: the caller, and the payload without framing.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) principal: Principal,
    pub(crate) body: Bytes,
    /// Headers that came behind the payload.
    pub(crate) trailers: HeaderMap,
}

/// Verifies that a known key signed exactly this request for this service, region and time.
pub(crate) fn authenticate(
    world: &World,
    service: Service,
    authorization: &Authorization<'_>,
    request: &request::Parts,
    body: Bytes,
) -> Result<Authenticated, AwsError> {
    check_region(world, service, authorization.region)?;
    let time = signing_time(service, authorization, &request.headers)?;
    let (credentials, principal) = find_key(world, authorization.access_key_id)
        .filter(|(credentials, _)| match credentials.session_token() {
            Some(token) => request.headers.get("x-amz-security-token").is_some_and(|sent| sent == token),
            None => true,
        })
        .ok_or_else(|| unknown_key(service))?;

    let payload_hash = payload_hash(service, &request.headers, &body)?;
    // The token, where there is one, stands among the signed headers already.
    let identity = Credentials::from_keys(credentials.access_key_id(), credentials.secret_access_key(), None).into();
    let expected = signing_parameters(service, authorization, &identity, time)
        .and_then(|parameters| expected_signature(authorization, request, &payload_hash, parameters));
    // Nothing secret is guarded here, so the comparison need not take constant time.
    if expected.as_deref() != Some(authorization.signature) {
        return Err(wrong_signature(service, WRONG_SIGNATURE));
    }
    let Some(framing) = Framing::of(&payload_hash) else {
        return Ok(Authenticated { principal, body, trailers: HeaderMap::new() });
    };
    let payload = Payload::decode(&request.headers, &body)?;
    if let Framing::Signed { trailer } = framing
        && !signing_parameters(service, authorization, &identity, time)
            .is_some_and(|parameters| payload.is_signed(authorization.signature, trailer, &parameters))
    {
        return Err(wrong_signature(service, WRONG_SIGNATURE));
    }
    let (body, trailers) = payload.into_parts();
    Ok(Authenticated { principal, body, trailers })
}

fn find_key(world: &World, access_key_id: &str) -> Option<(Credentials, Principal)> {
    if access_key_id == DEPLOYER_ACCESS_KEY_ID {
        let arn = format!("arn:aws:iam::{}:user/local", world.options.account);
        let credentials = Credentials::from_keys(DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, None);
        return Some((credentials, Principal::Deployer { arn }));
    }
    let (session, principal) = iam::find_session(world, access_key_id)?;
    let credentials =
        Credentials::from_keys(session.access_key_id, session.secret_access_key, Some(session.session_token));
    Some((credentials, principal))
}

/// IAM is global and signs with us-east-1 (AWS-FACTS D); every other service answers for its own region alone.
fn check_region(world: &World, service: Service, region: &str) -> Result<(), AwsError> {
    let expected = match service {
        Service::Iam => "us-east-1",
        _ => &world.options.region,
    };
    if region == expected {
        return Ok(());
    }
    if service == Service::S3 {
        let message =
            format!("The authorization header is malformed; the region '{region}' is wrong; expecting '{expected}'");
        return Err(
            AwsError::new(StatusCode::BAD_REQUEST, "AuthorizationHeaderMalformed", message).with("Region", expected)
        );
    }
    Err(wrong_signature(service, &format!("Credential should be scoped to a valid region, not '{region}'.")))
}

/// The time of `x-amz-date`, if it fits the credential scope and the clock.
fn signing_time(
    service: Service,
    authorization: &Authorization<'_>,
    headers: &HeaderMap,
) -> Result<SystemTime, AwsError> {
    let sent = headers.get("x-amz-date").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", sent)
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
        .map(|time| SystemTime::from(time.timestamp()))
        .map_err(|_| incomplete(service, "The header X-Amz-Date must be present and look like 20130524T000000Z."))?;
    let now = SystemTime::now();
    let skew = now.duration_since(time).unwrap_or_else(|future| future.duration());
    if skew > MAXIMUM_SKEW {
        return Err(match service {
            Service::S3 => AwsError::new(
                StatusCode::FORBIDDEN,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            _ => wrong_signature(service, &format!("Signature expired: {sent} is more than 15 minutes off.")),
        });
    }
    if !sent.starts_with(authorization.date) {
        return Err(wrong_signature(service, "Date in Credential scope does not match YYYYMMDD from X-Amz-Date."));
    }
    Ok(time)
}

/// The payload's hash as the canonical request has it.
fn payload_hash(service: Service, headers: &HeaderMap, body: &[u8]) -> Result<String, AwsError> {
    let actual = hex::encode(Sha256::digest(body));
    if service != Service::S3 {
        return Ok(actual);
    }
    let declared = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok()).ok_or_else(|| {
        let message = "Missing required header for this request: x-amz-content-sha256";
        AwsError::new(StatusCode::BAD_REQUEST, "InvalidRequest", message)
    })?;
    if declared == "UNSIGNED-PAYLOAD" || Framing::of(declared).is_some() || declared == actual {
        Ok(declared.to_owned())
    } else if declared.starts_with("STREAMING-") {
        let message = format!("The local AWS does not read payloads of the kind {declared}.");
        Err(AwsError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message))
    } else {
        Err(AwsError::new(
            StatusCode::BAD_REQUEST,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ))
    }
}

fn signing_parameters<'a>(
    service: Service,
    authorization: &Authorization<'a>,
    identity: &'a Identity,
    time: SystemTime,
) -> Option<v4::SigningParams<'a, SigningSettings>> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::Headers;
    // Exactly the headers that the client says it signed.
    settings.excluded_headers = None;
    if service == Service::S3 {
        // S3 signs the path as sent; every other service encodes it a second time (AWS-FACTS A6).
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    v4::SigningParams::builder()
        .identity(identity)
        .region(authorization.region)
        .name(authorization.service)
        .time(time)
        .settings(settings)
        .build()
        .ok()
}

/// The signature that the key's holder would have made; none where the request cannot be signed.
fn expected_signature(
    authorization: &Authorization<'_>,
    request: &request::Parts,
    payload_hash: &str,
    parameters: v4::SigningParams<'_, SigningSettings>,
) -> Option<String> {
    if !["host", "x-amz-date"].iter().all(|required| authorization.signed_headers.contains(required)) {
        return None;
    }
    let mut headers = Vec::new();
    for name in &authorization.signed_headers {
        for value in request.headers.get_all(*name) {
            headers.push((*name, value.to_str().ok()?));
        }
    }
    let host = request.headers.get(header::HOST)?.to_str().ok()?;
    let url = format!("http://{host}{}", request.uri.path_and_query().map_or("/", |path| path.as_str()));
    let body = SignableBody::Precomputed(payload_hash.to_owned());
    let signable = SignableRequest::new(request.method.as_str(), url, headers.into_iter(), body).ok()?;
    Some(sign(signable, &parameters.into()).ok()?.signature().to_owned())
}

const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                               Secret Access Key and signing method.";

/// The refusal of a request without a readable signature.
pub(crate) fn incomplete(service: Service, message: &str) -> AwsError {
    let code = match service {
        Service::S3 => "AuthorizationHeaderMalformed",
        Service::Iam | Service::Sts => "IncompleteSignature",
        _ => "IncompleteSignatureException",
    };
    AwsError::new(StatusCode::BAD_REQUEST, code, message)
}

fn wrong_signature(service: Service, message: &str) -> AwsError {
    match service {
        Service::S3 | Service::Iam | Service::Sts => {
            AwsError::new(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message)
        }
        _ => AwsError::new(json_status(service), "InvalidSignatureException", message),
    }
}

fn unknown_key(service: Service) -> AwsError {
    let message = "The security token included in the request is invalid.";
    match service {
        Service::S3 => AwsError::new(
            StatusCode::FORBIDDEN,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        Service::Iam | Service::Sts => AwsError::new(StatusCode::FORBIDDEN, "InvalidClientTokenId", message),
        _ => AwsError::new(json_status(service), "UnrecognizedClientException", message),
    }
}

/// awsJson reports every client error as 400.
fn json_status(service: Service) -> StatusCode {
    if service.is_aws_json() { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorization_header_is_taken_apart_with_and_without_spaces() {
        for separator in [", ", ","] {
            let header = [
                "AWS4-HMAC-SHA256 Credential=AKID/20130524/eu-west-1/s3/aws4_request",
                "SignedHeaders=host;x-amz-date",
                "Signature=0123",
            ]
            .join(separator);
            let authorization = Authorization::parse(&header).unwrap();
            assert_eq!(authorization.access_key_id, "AKID");
            assert_eq!((authorization.region, authorization.service), ("eu-west-1", "s3"));
            assert_eq!(authorization.signed_headers, ["host", "x-amz-date"]);
            assert_eq!(authorization.signature, "0123");
        }
    }

    #[test]
    fn what_is_no_signature_is_not_taken_for_one() {
        for header in ["", "Basic bG9jYWw6bG9jYWw=", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b, Signature=c"]
        {
            assert_eq!(Authorization::parse(header), None, "{header}");
        }
    }
}

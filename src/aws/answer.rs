//! Whether what came back is an answer of AWS at all: between this machine and AWS stand proxies, VPNs and sign-in pages, and a
//! connection may bring half of an answer.
//!
//! The SDK reads an empty JSON body as one without members, a cut-off XML list as its end, and does not look at the body of an
//! answer that has none. Taken for what they seem, such answers say "there is no API" or "done". So every answer is looked at
//! here, before the code that asked sees it: is it a web page, is it whole, and does it have what AWS never leaves out?

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

/// What a successful answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// Nothing that is read.
    Nothing,
    /// Not even a body where something is wrong: the answer to HEAD.
    HeadersOnly,
    /// A document, of which nothing is certain.
    Document,
    /// A JSON object with this member.
    Json(&'static str),
    /// An XML document with this element.
    Xml(&'static str),
}

/// What AWS never leaves out, by operation: an empty list, too, is there. An operation that is not listed is not asked for more
/// than a whole body.
const HOLDS: [(&str, Holds); 44] = [
    ("GetApis", Holds::Json("items")),
    ("GetIntegrations", Holds::Json("items")),
    ("GetRoutes", Holds::Json("items")),
    ("GetRouteResponses", Holds::Json("items")),
    ("GetDeployments", Holds::Json("items")),
    ("GetStages", Holds::Json("items")),
    ("GetDeployment", Holds::Json("deploymentId")),
    ("CreateApi", Holds::Json("apiId")),
    ("CreateIntegration", Holds::Json("integrationId")),
    ("CreateRoute", Holds::Json("routeId")),
    ("CreateRouteResponse", Holds::Json("routeResponseId")),
    ("CreateDeployment", Holds::Json("deploymentId")),
    ("CreateStage", Holds::Json("stageName")),
    ("GetFunction", Holds::Json("Configuration")),
    ("GetPolicy", Holds::Json("Policy")),
    ("CreateFunction", Holds::Json("FunctionName")),
    ("UpdateFunctionCode", Holds::Json("FunctionName")),
    ("UpdateFunctionConfiguration", Holds::Json("FunctionName")),
    ("AddPermission", Holds::Json("Statement")),
    ("GetAccountSettings", Holds::Json("AccountLimit")),
    ("SimulatePrincipalPolicy", Holds::Xml("EvaluationResults")),
    ("DescribeLogGroups", Holds::Json("logGroups")),
    ("FilterLogEvents", Holds::Json("events")),
    ("ListTagsForResource", Holds::Document),
    ("DescribeSignalingChannel", Holds::Json("ChannelInfo")),
    ("CreateSignalingChannel", Holds::Json("ChannelARN")),
    ("GetCallerIdentity", Holds::Xml("Account")),
    ("GetRole", Holds::Xml("Role")),
    ("CreateRole", Holds::Xml("Role")),
    ("GetRolePolicy", Holds::Xml("PolicyDocument")),
    ("ListRolePolicies", Holds::Xml("PolicyNames")),
    ("ListAttachedRolePolicies", Holds::Xml("IsTruncated")),
    ("ListInstanceProfilesForRole", Holds::Xml("IsTruncated")),
    ("HeadBucket", Holds::HeadersOnly),
    ("HeadObject", Holds::HeadersOnly),
    ("CreateBucket", Holds::Nothing),
    ("GetBucketTagging", Holds::Xml("TagSet")),
    ("GetPublicAccessBlock", Holds::Xml("PublicAccessBlockConfiguration")),
    ("GetBucketPolicy", Holds::Json("Statement")),
    ("GetBucketEncryption", Holds::Xml("Rule")),
    ("ListObjectsV2", Holds::Xml("IsTruncated")),
    ("ListObjectVersions", Holds::Xml("IsTruncated")),
    ("ListMultipartUploads", Holds::Xml("IsTruncated")),
    ("DeleteObjects", Holds::Xml("DeleteResult")),
];

/// Whether it is written down what a successful answer to this operation holds.
#[cfg(test)]
pub(crate) fn is_listed(operation: &str) -> bool {
    HOLDS.iter().any(|(known, _)| *known == operation)
}

/// Why an answer cannot be AWS's, or not the whole of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("something between this machine and AWS answered with a web page (HTTP status {status})")]
    WebPage { status: u16 },
    #[error("something that is not AWS answered (HTTP status {status}, without a request id)")]
    Stranger { status: u16 },
    #[error("the answer (HTTP status {status}) is empty")]
    Empty { status: u16 },
    #[error("the answer (HTTP status {status}) is cut off or garbled: {reason}")]
    Broken { status: u16, reason: String },
    #[error("the answer (HTTP status {status}) lacks its '{member}'")]
    Lacks { status: u16, member: &'static str },
}

/// Looks at every answer of the client that it is built into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookAtAnswers;

impl Intercept for LookAtAnswers {
    fn name(&self) -> &'static str {
        "LookAtAnswers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(operation) = settings.load::<Metadata>() else { return Ok(()) };
        Ok(look(operation, context.response())?)
    }
}

fn look(operation: &Metadata, response: &HttpResponse) -> Result<(), Unreadable> {
    let (name, status) = (operation.name(), response.status().as_u16());
    // A body that is read in pieces is none of ours.
    let Some(body) = response.body().bytes() else { return Ok(()) };
    let holds = HOLDS.iter().find(|(known, _)| *known == name).map(|(_, holds)| *holds);
    let is_page = response.headers().get("content-type").is_some_and(|kind| kind.contains("text/html"));
    // An object that is looked at by HEAD may well be a page.
    if is_html(body) || (is_page && holds != Some(Holds::HeadersOnly)) {
        return Err(Unreadable::WebPage { status });
    }
    // The only word of AWS in many of S3's answers.
    if operation.service() == "S3" && response.headers().get("x-amz-request-id").is_none() {
        return Err(Unreadable::Stranger { status });
    }
    if !response.status().is_success() {
        return look_at_error(operation, response, body);
    }
    match holds {
        Some(Holds::HeadersOnly) => Ok(()),
        Some(Holds::Nothing) | None if body.is_empty() => Ok(()),
        _ if body.is_empty() => Err(Unreadable::Empty { status }),
        Some(Holds::Json(member)) => lacks(json(body, status)?.get(member).is_none(), status, member),
        Some(Holds::Xml(element)) => lacks(!has_element(body, element, status)?, status, element),
        Some(Holds::Document | Holds::Nothing) | None => either(body, status),
    }
}

/// An error must be whole as well, and say what it is: by code and text alone "not found" is told from "not permitted" and "not
/// now".
fn look_at_error(operation: &Metadata, response: &HttpResponse, body: &[u8]) -> Result<(), Unreadable> {
    let status = response.status().as_u16();
    let may_be_silent = operation.name().starts_with("Head") || response.status().is_server_error() || status == 429;
    if body.is_empty() {
        return if may_be_silent { Ok(()) } else { Err(Unreadable::Empty { status }) };
    }
    if body.trim_ascii_start().starts_with(b"<") {
        return lacks(!has_element(body, "Code", status)?, status, "Code");
    }
    let error = json(body, status)?;
    let says = |name: &str| error.get(name).is_some_and(|text| text.is_string() || text.is_null());
    let says_something = ["message", "Message", "errorMessage", "__type", "code"].into_iter().any(says);
    lacks(!says_something, status, "message")
}

fn is_html(body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&body[..body.len().min(256)]).to_ascii_lowercase();
    let start = start.trim_start_matches(|first: char| first.is_whitespace() || first == '\u{feff}');
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

fn lacks(it_does: bool, status: u16, member: &'static str) -> Result<(), Unreadable> {
    if it_does { Err(Unreadable::Lacks { status, member }) } else { Ok(()) }
}

/// A whole document of one format or the other: there is no third.
fn either(body: &[u8], status: u16) -> Result<(), Unreadable> {
    if body.trim_ascii_start().starts_with(b"<") {
        has_element(body, "", status).map(drop)
    } else {
        json(body, status).map(drop)
    }
}

fn json(body: &[u8], status: u16) -> Result<Value, Unreadable> {
    let broken = |error: serde_json::Error| Unreadable::Broken { status, reason: error.to_string() };
    serde_json::from_slice(body).map_err(broken)
}

/// Reads the document to its end.
fn has_element(body: &[u8], wanted: &str, status: u16) -> Result<bool, Unreadable> {
    let broken = |reason: String| Unreadable::Broken { status, reason };
    let (mut reader, mut depth, mut elements, mut found) = (Reader::from_reader(body), 0_usize, 0_usize, false);
    loop {
        match reader.read_event().map_err(|error| broken(error.to_string()))? {
            Event::Start(start) => {
                depth += 1;
                elements += 1;
                found |= start.local_name().as_ref() == wanted;
            }
            Event::Empty(start) => {
                elements += 1;
                found |= start.local_name().as_ref() == wanted;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof if depth > 0 => return Err(broken("the document ends before its last element".to_owned())),
            Event::Eof if elements == 0 => return Err(broken("this is no document".to_owned())),
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use proptest::prelude::*;

    fn seen(
        service: &'static str,
        operation: &'static str,
        status: u16,
        header: Option<(&'static str, &'static str)>,
        body: &[u8],
    ) -> Result<(), Unreadable> {
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.to_vec()));
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        look(&Metadata::new(operation, service), &response)
    }

    #[test]
    fn a_sign_in_page_is_no_answer_whatever_its_status() {
        let page = b"\n<!doctype HTML><title>Sign in</title>";
        for status in [200, 403, 404, 503] {
            for (service, operation) in [("Lambda", "GetFunction"), ("IAM", "GetRole"), ("S3", "PutBucketPolicy")] {
                assert_eq!(seen(service, operation, status, None, page), Err(Unreadable::WebPage { status }));
            }
            assert_eq!(seen("S3", "HeadBucket", status, None, b""), Err(Unreadable::Stranger { status }));
        }
    }

    #[test]
    fn a_page_of_ours_may_be_looked_at() {
        let mut response = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::empty());
        response.headers_mut().insert("content-type", "text/html; charset=utf-8");
        response.headers_mut().insert("x-amz-request-id", "1");
        assert_eq!(look(&Metadata::new("HeadObject", "S3"), &response), Ok(()));
    }

    #[test]
    fn nothing_is_no_empty_list() {
        let id = Some(("x-amz-request-id", "1"));
        assert_eq!(seen("ApiGatewayV2", "GetApis", 200, None, b""), Err(Unreadable::Empty { status: 200 }));
        assert_eq!(
            seen("ApiGatewayV2", "GetApis", 200, None, b"{}"),
            Err(Unreadable::Lacks { status: 200, member: "items" })
        );
        assert_eq!(seen("ApiGatewayV2", "GetApis", 200, None, br#"{"items":[]}"#), Ok(()));
        let list = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        assert_eq!(seen("S3", "ListObjectsV2", 200, id, list), Ok(()));
        let missing = seen("S3", "ListObjectsV2", 200, id, b"<ListBucketResult/>");
        assert_eq!(missing, Err(Unreadable::Lacks { status: 200, member: "IsTruncated" }));
        assert_eq!(seen("Lambda", "DeleteFunction", 204, None, b""), Ok(()));
        assert_eq!(seen("CloudWatch Logs", "CreateLogGroup", 200, None, b""), Ok(()));
    }

    #[test]
    fn half_an_answer_is_none() {
        let id = Some(("x-amz-request-id", "1"));
        let list =
            b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>";
        for end in 1..list.len() {
            let cut = seen("S3", "ListObjectsV2", 200, id, &list[..end]);
            assert!(cut.is_err(), "{}", String::from_utf8_lossy(&list[..end]));
        }
        assert_eq!(seen("S3", "ListObjectsV2", 200, id, list), Ok(()));
    }

    #[test]
    fn not_found_must_be_said_by_aws() {
        let not_found = br#"{"message":"Invalid API identifier specified"}"#;
        assert_eq!(seen("ApiGatewayV2", "GetRoutes", 404, None, not_found), Ok(()));
        for body in [&b""[..], b"not found", b"<html>", &not_found[..20], b"{}", br#"{"message":7}"#, b"<Error/>"] {
            assert!(seen("ApiGatewayV2", "GetRoutes", 404, None, body).is_err());
            // The header alone does not tell a role that is not there yet from a mistake.
            assert!(seen("Lambda", "CreateFunction", 400, Some(("x-amzn-errortype", "Exception")), body).is_err());
        }
        assert_eq!(seen("ApiGatewayV2", "GetRoutes", 503, None, b""), Ok(()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(body in prop::collection::vec(any::<u8>(), 0..200), status in 200u16..600, row in 0..HOLDS.len()) {
            for service in ["S3", "Lambda"] {
                let _ = seen(service, HOLDS[row].0, status, Some(("x-amz-request-id", "1")), &body);
            }
        }
    }
}

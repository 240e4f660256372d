//! Whether the deployer may make a call: the policy that the local AWS was given, evaluated as AWS does. And whether a function may:
//! what its role's policies say.
//!
//! What each operation needs is in [`needs`]: AWS's Service Authorization Reference for the operations of the local AWS. It knows
//! nothing of the product's own table of permissions, or the one could not prove the other.

mod needs;

use std::str::FromStr;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{self, Answer, AwsError};
use super::call::{Call, Principal, Service};
use super::iam::policy::{self, PolicyKind};
use super::iam::{self, Context, Decision};
use super::world::World;
use super::{dispatch, xml};

/// An IAM policy, checked as IAM checks one when it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyDocument(Value);

impl PolicyDocument {
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}

/// Why a text is no policy.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPolicy(String);

impl FromStr for PolicyDocument {
    type Err = InvalidPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        policy::parse(text, PolicyKind::Identity).map(Self).map_err(|error| InvalidPolicy(error.message))
    }
}

/// What a call needs: leave to do one action on one resource.
#[derive(Clone, Debug, PartialEq)]
struct Need {
    action: String,
    resource: String,
    context: Context,
}

/// A need that the policy does not meet, as AWS words it.
struct Denial {
    need: Need,
    decision: Decision,
}

impl Denial {
    /// Of the needs, the first that the policy does not meet.
    fn first(document: &Value, needs: impl IntoIterator<Item = Need>) -> Option<Self> {
        needs.into_iter().find_map(|need| match decide(document, &need) {
            Decision::Allowed => None,
            decision => Some(Self { need, decision }),
        })
    }

    fn message(&self, call: &Call) -> String {
        let (user, Need { action, resource, .. }) = (call.principal.arn(), &self.need);
        // S3 alone puts the resource into quotes (AWS-FACTS E1).
        let quote = if call.service == Service::S3 { "\"" } else { "" };
        let because = match self.decision {
            Decision::ExplicitDeny => "with an explicit deny in an identity-based policy".to_owned(),
            _ => format!("because no identity-based policy allows the {action} action"),
        };
        format!("User: {user} is not authorized to perform: {action} on resource: {quote}{resource}{quote} {because}")
    }

    fn error(&self, call: &Call, operation: &str) -> AwsError {
        let (status, code) = match call.service {
            Service::S3 | Service::Iam | Service::Sts => (StatusCode::FORBIDDEN, "AccessDenied"),
            service if service.is_aws_json() => (StatusCode::BAD_REQUEST, "AccessDeniedException"),
            _ => (StatusCode::FORBIDDEN, "AccessDeniedException"),
        };
        // CloudWatch Logs has words of its own for this one.
        let message = if operation == "CreateLogGroup" && self.need.action == "logs:TagResource" {
            let account = call.principal.arn().split(':').nth(4).unwrap_or_default();
            format!(
                "User with accountId: {account} is not authorized to perform CreateLogGroup with Tags. An additional \
                 permission \"logs:TagResource\" is required."
            )
        } else {
            self.message(call)
        };
        AwsError::new(status, code, message)
    }
}

fn decide(document: &Value, need: &Need) -> Decision {
    policy::evaluate_in(&[document], &need.action, &need.resource, &need.context)
}

/// The refusal of a call that the deployer's policy does not allow. Nothing is refused where there is no policy.
pub(super) fn refuse(world: &World, call: &Call) -> Option<Answer> {
    if matches!(call.principal, Principal::RoleSession { .. }) {
        return refuse_function(world, call);
    }
    let document = applicable(world, call)?;
    let operation = dispatch::operation(call)?.name;
    let Some(needs) = needs::of(world, call, operation) else {
        let message = format!(
            "The local AWS does not know what {}:{operation} needs, so no policy allows it.",
            call.service.signing_name()
        );
        let error = AwsError::new(StatusCode::FORBIDDEN, "AccessDenied", message);
        return Some(answer::error(call.service, &error, &call.request_id));
    };
    let denial = Denial::first(document.value(), needs)?;
    Some(match operation {
        // The keys are refused one by one, in a 200 (AWS-FACTS E5). One refusal refuses all here: stricter.
        "DeleteObjects" => refused_keys(call, &denial),
        _ if call.service == Service::S3 && call.method == Method::HEAD => answer::empty(StatusCode::FORBIDDEN),
        _ => answer::error(call.service, &denial.error(call, operation), &call.request_id),
    })
}

/// The refusal of a call that a function's role does not allow. Who may post to a connection is decided where it is known.
fn refuse_function(world: &World, call: &Call) -> Option<Answer> {
    if matches!(call.service, Service::ExecuteApi | Service::Sts) {
        return None;
    }
    let operation = dispatch::operation(call)?.name;
    let denial = needs::of(world, call, operation)?.into_iter().find_map(|need| {
        match iam::is_allowed(world, &world.state(), &call.principal, &need.action, &need.resource) {
            Decision::Allowed => None,
            decision => Some(Denial { need, decision }),
        }
    })?;
    Some(answer::error(call.service, &denial.error(call, operation), &call.request_id))
}

/// What of an answer the deployer may not see. GetFunction leaves the tags out for callers without `lambda:ListTags`.
pub(super) fn redacted(world: &World, call: &Call, answer: Answer) -> Answer {
    let Some(document) = applicable(world, call) else { return answer };
    if dispatch::operation(call).is_none_or(|operation| operation.name != "GetFunction")
        || !answer.status().is_success()
    {
        return answer;
    }
    let denial = Denial::first(document.value(), needs::of_shown_tags(world, call));
    let (Some(denial), Ok(mut body)) = (denial, serde_json::from_slice::<Value>(answer.body())) else { return answer };
    if let Some(fields) = body.as_object_mut() {
        fields.remove("Tags");
        let error = json!({ "ErrorCode": "AccessDeniedException", "Message": denial.message(call) });
        fields.insert("TagsError".to_owned(), error);
    }
    answer::json(answer.status(), &body)
}

/// The policy, if this call is one that it is about.
fn applicable(world: &World, call: &Call) -> Option<PolicyDocument> {
    matches!(call.principal, Principal::Deployer { .. }).then(|| world.deployer_policy().clone())?
}

fn refused_keys(call: &Call, denial: &Denial) -> Answer {
    let errors = xml::list("Error", needs::keys_to_delete(call), |(key, version)| {
        xml::text("Key", key)
            + &xml::optional("VersionId", version)
            + &xml::text("Code", "AccessDenied")
            + &xml::text("Message", denial.message(call))
    });
    let body = format!("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{errors}</DeleteResult>");
    answer::xml(StatusCode::OK, "application/xml", &body)
}

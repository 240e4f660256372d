//! What a refused call lacked.

use super::table::{LEFT_OUT, TABLE};
use crate::aws::failure::AwsFailure;

/// What would let a refused call through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// By likelihood; more than one where AWS did not say.
    pub(crate) actions: Vec<String>,
    /// As AWS named it.
    pub(crate) resource: Option<String>,
}

/// What AWS says is missing; else what the table says that the call needs; else the operation's own name.
pub(crate) fn missing(failure: &AwsFailure) -> Missing {
    if let Some(stated) = stated(&failure.message) {
        return stated;
    }
    let call = format!("{}:{}", failure.service, failure.operation);
    let mut actions: Vec<String> = Vec::new();
    for permission in TABLE.iter().filter(|permission| permission.calls.contains(&call.as_str())) {
        if !actions.iter().any(|action| action == permission.action) {
            actions.push(permission.action.to_owned());
        }
    }
    if actions.is_empty() {
        actions.push(call);
    }
    Missing { actions, resource: None }
}

/// Reads `… is not authorized to perform: ACTION on resource: RESOURCE because …`, and what CloudWatch Logs says of tags.
fn stated(message: &str) -> Option<Missing> {
    if message.contains("CreateLogGroup with Tags") {
        return Some(Missing { actions: vec!["logs:TagResource".to_owned()], resource: None });
    }
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let action = rest.split([' ', ',']).next().filter(|action| action.contains(':'))?.to_owned();
    let resource = rest.split_once(" on resource: ").map(|(_, rest)| {
        let end = [" because ", " with an explicit deny"].iter().filter_map(|end| rest.find(end)).min();
        rest[..end.unwrap_or(rest.len())].trim().trim_matches('"').to_owned()
    });
    Some(Missing { actions: vec![action], resource })
}

impl Missing {
    /// What to ask an administrator for, and how to see all of it.
    pub(crate) fn hint(&self) -> String {
        let on = self.resource.as_ref().map(|resource| format!(" on {resource}")).unwrap_or_default();
        let actions = self.actions.join(" or ");
        let mut hint = format!(
            "these credentials need {actions}{on}; 'webrtc-aws policy' prints all that they need (a permissions boundary or an \
             organization policy may also forbid it)"
        );
        if self.actions.iter().any(|action| action == "iam:CreateRole") {
            hint.push_str(
                "; if the account demands a permissions boundary on every role, pass --permissions-boundary ARN",
            );
        }
        if let Some((_, why)) = LEFT_OUT.iter().find(|(call, _)| self.actions.iter().any(|action| action == call)) {
            hint.push_str("; that policy leaves it out: ");
            hint.push_str(why);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::failure::FailureClass;

    fn refused(service: &'static str, operation: &'static str, message: &str) -> Missing {
        missing(&AwsFailure {
            service,
            operation,
            code: Some("AccessDenied".to_owned()),
            message: message.to_owned(),
            request_id: None,
            status: Some(403),
            class: FailureClass::AccessDenied,
        })
    }

    fn action(action: &str, resource: Option<&str>) -> Missing {
        Missing { actions: vec![action.to_owned()], resource: resource.map(str::to_owned) }
    }

    #[test]
    fn what_aws_says_wins_over_the_operation() {
        let user = "User: arn:aws:iam::1:user/x is not authorized to perform: ";
        let role = format!(
            "{user}iam:PassRole on resource: arn:aws:iam::1:role/r because no identity-based policy allows the iam:PassRole action"
        );
        assert_eq!(refused("lambda", "CreateFunction", &role), action("iam:PassRole", Some("arn:aws:iam::1:role/r")));
        let bucket = format!(
            "{user}s3:TagResource on resource: \"arn:aws:s3:::b\" with an explicit deny in a service control policy"
        );
        assert_eq!(refused("s3", "CreateBucket", &bucket), action("s3:TagResource", Some("arn:aws:s3:::b")));
        let named = format!(
            "{user}iam:GetRole on resource: role my-role because no identity-based policy allows the iam:GetRole action"
        );
        assert_eq!(refused("iam", "GetRole", &named), action("iam:GetRole", Some("role my-role")));
        assert_eq!(refused("iam", "GetRole", &format!("{user}iam:GetRole")), action("iam:GetRole", None));
        let tags = "User with accountId: 1 is not authorized to perform CreateLogGroup with Tags";
        assert_eq!(refused("logs", "CreateLogGroup", tags), action("logs:TagResource", None));
    }

    #[test]
    fn where_aws_says_nothing_the_table_does() {
        assert_eq!(refused("s3", "HeadBucket", "HTTP status 403 without a message"), action("s3:ListBucket", None));
        assert_eq!(
            refused("s3", "GetBucketEncryption", "Access Denied"),
            action("s3:GetEncryptionConfiguration", None)
        );
        assert_eq!(refused("apigateway", "CreateIntegration", "Forbidden"), action("apigateway:POST", None));
        assert_eq!(refused("sqs", "Unheard", "no"), action("sqs:Unheard", None));
        let both = refused("s3", "CreateBucket", "Access Denied").actions;
        assert_eq!(both, ["s3:CreateBucket", "s3:TagResource"]);
    }

    #[test]
    fn a_refused_create_role_may_lack_a_boundary() {
        assert!(refused("iam", "CreateRole", "no").hint().contains("--permissions-boundary"));
        assert!(!refused("iam", "GetRole", "no").hint().contains("--permissions-boundary"));
        assert!(refused("iam", "RemoveRoleFromInstanceProfile", "no").hint().contains("leaves it out"));
    }
}

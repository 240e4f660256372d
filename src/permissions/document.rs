//! IAM documents, made from the table.

use serde::Serialize;
use serde_json::{Value, json};

use super::table::TABLE;
use super::{Permission, Purpose, Scope, When};
use crate::naming::{OWNER_TAG, Patterns};
use crate::resources::bucket::over_tls_alone;

/// What IAM allows a managed policy, white space aside.
pub(crate) const MANAGED_POLICY_LIMIT: usize = 6_144;

/// An IAM document, in the order in which people read one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Statement {
    /// Unique within a policy, so that what is added to one that others write has none.
    #[serde(skip_serializing_if = "str::is_empty")]
    sid: &'static str,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Value>,
    action: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

impl Document {
    pub(super) fn of(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// The size as IAM counts it.
    pub(crate) fn characters(&self) -> usize {
        let text = serde_json::to_string(self).unwrap_or_default();
        text.chars().filter(|c| !c.is_whitespace()).count()
    }
}

impl Statement {
    pub(super) fn allowing(sid: &'static str, action: Vec<&'static str>, resource: String) -> Self {
        Self { sid, effect: "Allow", principal: None, action, resource: vec![resource], condition: None }
    }
}

/// Whether actions are allowed, each on each resource, in a context.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) actions: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) context: Vec<(String, String)>,
}

impl Document {
    /// What IAM can be asked to find out whether somebody may do all this: one question a statement.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let question = |statement: &Statement| {
            let tests =
                statement.condition.iter().filter_map(Value::as_object).flat_map(|operators| operators.values());
            let values = tests.filter_map(Value::as_object).flatten();
            let context = values.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
            Question {
                actions: statement.action.iter().map(|action| (*action).to_owned()).collect(),
                resources: statement.resource.clone(),
                context: context.collect(),
            }
        };
        self.statement.iter().map(question).collect()
    }
}

/// The least that these purposes need; one statement for each scope.
pub(crate) fn policy(purposes: &[Purpose], of: &Patterns, boundary: Option<&str>) -> Document {
    let is_needed = |permission: &&Permission| {
        let wanted = match permission.when {
            When::Always => true,
            When::WithBoundary => boundary.is_some(),
            When::WithOwnRole => of.existing_role.is_none(),
            When::WithExistingRole => of.existing_role.is_some(),
            When::WithSignalingChannel => of.has_signaling_channel,
            When::WithOwnBucket => of.existing_bucket.is_none(),
            When::WithExistingBucket => of.existing_bucket.is_some(),
        };
        wanted && permission.purposes.iter().any(|needed| purposes.iter().any(|purpose| purpose.includes(*needed)))
    };
    let mut statements: Vec<(Scope, Statement)> = Vec::new();
    for permission in TABLE.iter().filter(is_needed) {
        let Permission { scope, action, .. } = *permission;
        match statements.iter_mut().find(|(known, _)| *known == scope) {
            Some((_, statement)) => statement.action.push(action),
            None => {
                let statement = Statement {
                    sid: scope.sid(),
                    effect: "Allow",
                    principal: None,
                    action: vec![action],
                    resource: scope.resources(of),
                    condition: condition(scope, of, boundary),
                };
                statements.push((scope, statement));
            }
        }
    }
    Document::of(statements.into_iter().map(|(_, statement)| statement).collect())
}

fn condition(scope: Scope, of: &Patterns, boundary: Option<&str>) -> Option<Value> {
    let string = if of.stacks.is_open() { "StringLike" } else { "StringEquals" };
    let tag = |of_what: &str| json!({ string: { format!("aws:{of_what}/{OWNER_TAG}"): of.stacks.as_str() } });
    match scope {
        Scope::PassedRole => Some(json!({ "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } })),
        Scope::RoleRights => boundary.map(|arn| json!({ "StringEquals": { "iam:PermissionsBoundary": arn } })),
        Scope::NewApi => Some(tag("RequestTag")),
        // What is no name of the stack's own is not to be listed. Which uploads are listed no key can limit.
        Scope::ExistingBucket => Some(json!({ string: { "s3:prefix": of.page_prefix() } })),
        // Parts of an API carry no tags of their own, and inherit none in the v2 API as far as is documented.
        Scope::Api => Some(tag("ResourceTag")),
        _ => None,
    }
}

/// What the owner of a bucket has to add to its policy, for each stack with a page in it: everybody may read the page, over https, and list nothing.
pub(crate) fn public_page(of: &Patterns) -> Document {
    Document::of(vec![Statement {
        sid: "",
        effect: "Allow",
        principal: Some(json!("*")),
        action: vec!["s3:GetObject"],
        resource: vec![of.page_objects()],
        condition: Some(over_tls_alone()),
    }])
}

/// Lets workflows of one GitHub repository take a role. `subject` is the part of the token's subject after the repository, such as
/// `pull_request`, `ref:refs/heads/main` or `environment:production`; `*` for any.
pub(crate) fn github_trust(of: &Patterns, repository: &str, subject: &str) -> Document {
    let claim = |name: &str| format!("token.actions.githubusercontent.com:{name}");
    let wanted = format!("repo:{repository}:{subject}");
    let mut condition = json!({ "StringEquals": { claim("aud"): "sts.amazonaws.com" } });
    let operator = if subject.contains(['*', '?']) { "StringLike" } else { "StringEquals" };
    condition[operator][claim("sub")] = wanted.into();
    Document::of(vec![Statement {
        sid: "GitHubActions",
        effect: "Allow",
        principal: Some(json!({ "Federated": of.github_provider() })),
        action: vec!["sts:AssumeRoleWithWebIdentity"],
        resource: Vec::new(),
        condition: Some(condition),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::PolicyDocument;
    use crate::naming::{AccountId, Partition, Region};

    fn patterns(stacks: &str, region: &str) -> Patterns {
        Patterns {
            stacks: stacks.parse().unwrap(),
            partition: Partition::of_region(region),
            account: AccountId("123456789012".into()),
            region: Region(region.into()),
            role_path: "/team/of/people/".parse().unwrap(),
            existing_role: None,
            has_signaling_channel: false,
            existing_bucket: None,
        }
    }

    #[test]
    fn every_document_is_valid_and_fits_a_managed_policy() {
        let all = [Purpose::Up, Purpose::Teardown, Purpose::ReadOnly, Purpose::List, Purpose::Sweep];
        let boundary = format!("arn:aws-us-gov:iam::123456789012:policy/{}", "b".repeat(128));
        for purposes in [&all[..], &all[..1], &all[1..2], &all[2..3], &all[3..4], &all[4..]] {
            for stacks in ["demo", "pr-*", &"x".repeat(28)] {
                let of = patterns(stacks, "us-gov-west-1");
                let document = policy(purposes, &of, Some(&boundary));
                let text = serde_json::to_string(&document).unwrap();
                assert!(text.parse::<PolicyDocument>().is_ok(), "{text}");
                assert!(document.characters() <= MANAGED_POLICY_LIMIT, "{purposes:?} {}", document.characters());
            }
        }
    }

    #[test]
    fn with_an_existing_role_nothing_may_write_roles_and_only_that_one_is_passed() {
        let arn = "arn:aws:iam::123456789012:role/team/relay";
        let of = Patterns { existing_role: Some(arn.parse().unwrap()), ..patterns("demo", "eu-west-1") };
        let document = policy(&[Purpose::Up, Purpose::Teardown, Purpose::ReadOnly], &of, None);
        let about_roles = |statement: &&Statement| statement.action.iter().any(|action| action.starts_with("iam:"));
        for statement in document.statement.iter().filter(about_roles) {
            let reads = ["iam:GetRole", "iam:ListRoles", "s3:ListAllMyBuckets"];
            let passes = statement.action == ["iam:PassRole"] && statement.resource == [arn];
            assert!(passes || statement.action.iter().all(|action| reads.contains(action)), "{statement:?}");
        }
        assert!(document.statement.iter().any(|statement| statement.action == ["iam:PassRole"]));
    }

    #[test]
    fn with_an_existing_bucket_nothing_reaches_beyond_the_prefix_or_makes_a_bucket() {
        let of = Patterns { existing_bucket: Some("team-pages".parse().unwrap()), ..patterns("demo", "eu-west-1") };
        let document = policy(&[Purpose::Up, Purpose::Teardown, Purpose::ReadOnly], &of, None);
        let (bucket, below) = ("arn:aws:s3:::team-pages", "arn:aws:s3:::team-pages/webrtc-aws/demo/*");
        let about_buckets =
            |statement: &&Statement| statement.resource.iter().any(|resource| resource.contains(":s3:::"));
        for statement in document.statement.iter().filter(about_buckets) {
            match statement.resource[0].as_str() {
                resource if resource == below => {
                    assert!(statement.action.iter().all(|it| it.contains("Object") || it.contains("Upload")))
                }
                resource if resource == bucket && statement.sid == "ListExistingBucket" => {
                    assert_eq!(
                        statement.condition,
                        Some(json!({ "StringEquals": { "s3:prefix": "webrtc-aws/demo/" } }))
                    );
                }
                resource if resource == bucket => assert_eq!(statement.action, ["s3:ListBucketMultipartUploads"]),
                // Whether there is one of the stack's own, from before.
                _ => assert_eq!(statement.action, ["s3:ListBucket", "s3:GetBucketTagging"], "{statement:?}"),
            }
        }
        assert!(document.characters() < MANAGED_POLICY_LIMIT);
        let page = public_page(&of).statement.remove(0);
        assert_eq!((page.resource, page.action), (vec![below.to_owned()], vec!["s3:GetObject"]));
    }

    #[test]
    fn a_read_only_policy_allows_no_write() {
        let document = policy(&[Purpose::ReadOnly, Purpose::List], &patterns("demo", "eu-west-1"), None);
        let actions: Vec<_> = document.statement.iter().flat_map(|statement| &statement.action).collect();
        let reads = |action: &&&'static str| {
            let verb = action.split(':').nth(1).unwrap();
            ["Get", "List", "Describe", "GET", "Filter", "Simulate"].iter().any(|read| verb.starts_with(read))
        };
        assert!(actions.len() > 10 && actions.iter().all(reads), "{actions:?}");
    }

    #[test]
    fn the_tag_rights_reach_every_form_that_aws_was_seen_to_ask_for() {
        use crate::naming::wildcard_match;
        let pattern = Scope::ApiTags.resources(&patterns("demo", "eu-west-1")).remove(0);
        for resource in ["/tags", "/tags/", "/tags/arn%3Aaws%3Aapigateway", "arn:aws:apigateway:eu-west-1::/tags/"] {
            assert!(wildcard_match(&pattern, &format!("arn:aws:apigateway:eu-west-1::{resource}")), "{resource}");
        }
    }

    #[test]
    fn github_is_trusted_for_one_repository_and_one_audience() {
        let of = patterns("demo", "eu-west-1");
        let condition = |subject| github_trust(&of, "owner/name", subject).statement.remove(0).condition.unwrap();
        let any = condition("*");
        assert_eq!(any["StringEquals"]["token.actions.githubusercontent.com:aud"], "sts.amazonaws.com");
        assert_eq!(any["StringLike"]["token.actions.githubusercontent.com:sub"], "repo:owner/name:*");
        let one = condition("pull_request");
        assert_eq!(one["StringEquals"]["token.actions.githubusercontent.com:sub"], "repo:owner/name:pull_request");
        assert!(one.get("StringLike").is_none());
    }
}

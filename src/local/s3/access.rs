//! Who may read a bucket: the public access block and the bucket policy (AWS-FACTS E1).

use http::StatusCode;
use serde_json::Value;

use super::super::answer::{self, Answer, AwsError};
use super::super::call::Call;
use super::super::iam::policy::{self, Decision, PolicyKind};
use super::super::world::World;
use super::super::xml;
use super::route::Target;
use super::store::{Bucket, PublicAccessBlock};
use super::{Result, bad_request, document, input};

const MAXIMUM_POLICY: usize = 20 * 1024;

pub(super) fn get_public_access_block(bucket: &Bucket) -> Result<Answer> {
    let Some(block) = bucket.public_access_block else {
        return Err(AwsError::new(
            StatusCode::NOT_FOUND,
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ));
    };
    let settings = [
        xml::text("BlockPublicAcls", block.block_public_acls),
        xml::text("IgnorePublicAcls", block.ignore_public_acls),
        xml::text("BlockPublicPolicy", block.block_public_policy),
        xml::text("RestrictPublicBuckets", block.restrict_public_buckets),
    ];
    Ok(document("PublicAccessBlockConfiguration", &settings.concat()))
}

pub(super) fn put_public_access_block(world: &World, bucket: &mut Bucket, call: &Call) -> Result<Answer> {
    let block = input(call)?;
    set_public_access_block(world, bucket, Some(block));
    Ok(answer::empty(StatusCode::OK))
}

pub(super) fn set_public_access_block(world: &World, bucket: &mut Bucket, block: Option<PublicAccessBlock>) {
    let blocks = |block: Option<PublicAccessBlock>| block.is_some_and(|block| block.block_public_policy);
    // Only a setting that was on before needs time to be off everywhere.
    if blocks(bucket.public_access_block) && !blocks(block) {
        bucket.public_policy_refused_until = Some(world.now() + world.options.manners.public_access_block_propagation);
    }
    bucket.public_access_block = block;
}

pub(super) fn get_policy(bucket: &Bucket) -> Result<Answer> {
    let policy = bucket.policy.as_ref().ok_or_else(no_such_policy)?;
    Ok(answer::json(StatusCode::OK, policy))
}

pub(super) fn put_policy(world: &World, bucket: &mut Bucket, name: &str, call: &Call) -> Result<Answer> {
    let policy = parse_policy(&call.body, name)?;
    let is_blocked = bucket.public_access_block.is_some_and(|block| block.block_public_policy)
        || bucket.public_policy_refused_until.is_some_and(|until| world.now() < until);
    if is_public(&policy) && is_blocked {
        let user = call.principal.arn();
        let message = format!(
            "User: {user} is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::{name}\" because public \
             policies are blocked by the BlockPublicPolicy block public access setting."
        );
        return Err(AwsError::new(StatusCode::FORBIDDEN, "AccessDenied", message));
    }
    bucket.policy = Some(policy);
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) fn get_policy_status(bucket: &Bucket) -> Result<Answer> {
    let policy = bucket.policy.as_ref().ok_or_else(no_such_policy)?;
    Ok(document("PolicyStatus", &xml::text("IsPublic", is_public(policy))))
}

/// Whether somebody without credentials may do `action` on `resource`.
pub(super) fn allows_everyone(bucket: &Bucket, action: &str, resource: &str) -> bool {
    let is_restricted = bucket.public_access_block.is_some_and(|block| block.restrict_public_buckets);
    !is_restricted
        && bucket
            .policy
            .as_ref()
            .is_some_and(|policy| policy::evaluate_anonymous(policy, action, resource) == policy::Decision::Allowed)
}

/// The action that a call needs, as policies spell it; DeleteObjects is checked key by key (AWS-FACTS D).
fn action(operation: &str, call: &Call) -> Option<String> {
    let version = call.query("versionId");
    Some(match operation {
        "DeleteObjects" => return None,
        "HeadBucket" | "ListObjectsV2" => "s3:ListBucket".to_owned(),
        "ListObjectVersions" => "s3:ListBucketVersions".to_owned(),
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads".to_owned(),
        "GetBucketEncryption" => "s3:GetEncryptionConfiguration".to_owned(),
        "PutBucketEncryption" => "s3:PutEncryptionConfiguration".to_owned(),
        "GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock".to_owned(),
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => "s3:PutBucketPublicAccessBlock".to_owned(),
        "DeleteBucketTagging" => "s3:PutBucketTagging".to_owned(),
        "GetObject" | "HeadObject" if version.is_some() => "s3:GetObjectVersion".to_owned(),
        "HeadObject" => "s3:GetObject".to_owned(),
        "DeleteObject" => delete_action(version).to_owned(),
        "CreateMultipartUpload" | "UploadPart" => "s3:PutObject".to_owned(),
        other => format!("s3:{other}"),
    })
}

pub(super) fn delete_action(version: Option<&str>) -> &'static str {
    if version.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" }
}

/// Refuses what the bucket's policy denies, to the bucket's owner as well.
pub(super) fn check_call(world: &World, bucket: &Bucket, call: &Call, operation: &str, target: &Target) -> Result<()> {
    let Some(action) = action(operation, call) else { return Ok(()) };
    let resource = match target.key.as_str() {
        "" => target.bucket.clone(),
        key => format!("{}/{key}", target.bucket),
    };
    check(world, bucket, call, &action, &resource)
}

pub(super) fn check(world: &World, bucket: &Bucket, call: &Call, action: &str, resource: &str) -> Result<()> {
    let account = &world.options.account;
    let caller = call.principal.arn();
    let names_caller = |statement: &Value| policy::names_account(statement, account, caller);
    let resource = format!("arn:aws:s3:::{resource}");
    match &bucket.policy {
        Some(policy) if policy::evaluate_for(policy, names_caller, action, &resource) == Decision::ExplicitDeny => {
            let message = format!(
                "User: {caller} is not authorized to perform: {action} on resource: \"{resource}\" with an explicit deny in a \
                 resource-based policy"
            );
            Err(AwsError::new(StatusCode::FORBIDDEN, "AccessDenied", message))
        }
        _ => Ok(()),
    }
}

fn parse_policy(body: &[u8], bucket: &str) -> Result<Value> {
    let malformed = |message: &str| bad_request("MalformedPolicy", message);
    let text = str::from_utf8(body)
        .ok()
        .filter(|text| text.starts_with('{'))
        .ok_or_else(|| malformed("Policies must be valid JSON and the first byte must be '{'"))?;
    if text.len() > MAXIMUM_POLICY {
        return Err(bad_request("PolicyTooLarge", "The bucket policy is larger than 20 KB."));
    }
    let policy = policy::parse(text, PolicyKind::Resource).map_err(|error| malformed(&error.message))?;
    let arn = format!("arn:aws:s3:::{bucket}");
    let concerns_bucket = |resource: &str| {
        resource.strip_prefix(&arn).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*']))
    };
    for resource in policy::statements(&policy).iter().flat_map(policy::resources) {
        if !concerns_bucket(resource) {
            return Err(malformed("Policy has invalid resource"));
        }
    }
    Ok(policy)
}

/// Whether a policy lets everyone in. A condition may narrow that on AWS; here it does not: stricter.
fn is_public(policy: &Value) -> bool {
    policy::statements(policy).iter().any(|statement| {
        statement["Effect"] == "Allow" && (policy::names_everyone(statement) || statement.get("NotPrincipal").is_some())
    })
}

fn no_such_policy() -> AwsError {
    AwsError::new(StatusCode::NOT_FOUND, "NoSuchBucketPolicy", "The bucket policy does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(principal: &str, resource: &str) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"{resource}"}}]}}"#
        )
    }

    #[test]
    fn a_bucket_policy_must_be_about_its_own_bucket() {
        let code = |text: &str| parse_policy(text.as_bytes(), "demo").map(drop).map_err(|error| error.code);
        assert_eq!(code(&policy("\"*\"", "arn:aws:s3:::demo/*")), Ok(()));
        assert_eq!(code(&policy("\"*\"", "arn:aws:s3:::demo")), Ok(()));
        for broken in [&policy("\"*\"", "arn:aws:s3:::demo2/*"), &policy("\"*\"", "*"), "", "[]", "{", "{}"] {
            assert_eq!(code(broken), Err("MalformedPolicy".to_owned()), "{broken}");
        }
    }

    #[test]
    fn only_a_policy_for_everyone_is_public() {
        let public =
            |principal| is_public(&parse_policy(policy(principal, "arn:aws:s3:::demo/*").as_bytes(), "demo").unwrap());
        assert!(public("\"*\""));
        assert!(public(r#"{"AWS":"*"}"#));
        assert!(!public(r#"{"AWS":"arn:aws:iam::123456789012:root"}"#));
    }
}

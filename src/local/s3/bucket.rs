//! Buckets: names, creation, tags, encryption (AWS-FACTS E1, E3, E4).

use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use super::super::answer::{self, Answer, AwsError};
use super::super::call::Call;
use super::super::tags::{self, Tags};
use super::super::world::World;
use super::super::xml;
use super::store::{Bucket, Encryption, Store};
use super::{Result, bad_request, document, input, unsupported};

/// The region whose buckets have no location constraint, and whose CreateBucket answers 200 for a bucket one owns already.
const CLASSIC_REGION: &str = "us-east-1";

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
struct CreateBucketConfiguration {
    #[serde(rename = "@xmlns")]
    _namespace: String,
    location_constraint: Option<String>,
    tags: TagSet,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
struct TagSet {
    tag: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

impl TagSet {
    fn collect(self) -> Result<Tags> {
        tags::collect(self.tag.into_iter().map(|tag| (tag.key, tag.value)))
            .map_err(|message| bad_request("InvalidTag", &message))
    }
}

pub(super) fn create(world: &World, store: &mut Store, name: &str, call: &Call) -> Result<Answer> {
    check_name(name)?;
    check_headers(call)?;
    let configuration: CreateBucketConfiguration =
        if call.body.is_empty() { CreateBucketConfiguration::default() } else { input(call)? };
    check_location(&world.options.region, configuration.location_constraint.as_deref())?;
    let tags = configuration.tags.collect()?;
    if store.foreign.contains(name) {
        let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
                       Please select a different name and try again.";
        return Err(AwsError::new(StatusCode::CONFLICT, "BucketAlreadyExists", message));
    }
    if store.released_at.get(name).is_some_and(|released| world.now() < *released) {
        return Err(conflicting_operation());
    }
    if !store.buckets.contains_key(name) && !store.elsewhere.contains_key(name) {
        store.buckets.insert(name.to_owned(), Bucket::new(tags));
    } else if world.options.region != CLASSIC_REGION {
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(AwsError::new(StatusCode::CONFLICT, "BucketAlreadyOwnedByYou", message));
    }
    let mut answer = answer::empty(StatusCode::OK);
    for (header, value) in [("location", format!("/{name}")), ("x-amz-bucket-arn", format!("arn:aws:s3:::{name}"))] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(header, value);
        }
    }
    Ok(answer)
}

pub(super) fn delete(world: &World, store: &mut Store, name: &str) -> Result<Answer> {
    if store.buckets.get(name).is_some_and(|bucket| !bucket.is_empty()) {
        let message = "The bucket you tried to delete is not empty";
        return Err(AwsError::new(StatusCode::CONFLICT, "BucketNotEmpty", message));
    }
    store.buckets.remove(name);
    store.released_at.insert(name.to_owned(), world.now() + world.options.manners.bucket_name_release);
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// A name that is not free yet, and two settings of one bucket at once, read alike (AWS-FACTS E3).
pub(super) fn conflicting_operation() -> AwsError {
    let message =
        "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    AwsError::new(StatusCode::CONFLICT, "OperationAborted", message)
}

/// AWS-FACTS E3.
fn check_name(name: &str) -> Result<()> {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let legal = (3..=63).contains(&name.len())
        && name.chars().all(|c| is_alphanumeric(c) || c == '.' || c == '-')
        && name.starts_with(is_alphanumeric)
        && name.ends_with(is_alphanumeric)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3"].iter().any(|suffix| name.ends_with(suffix));
    if legal {
        Ok(())
    } else {
        Err(bad_request("InvalidBucketName", "The specified bucket is not valid.").with("BucketName", name))
    }
}

/// New buckets have no ACLs, whatever one asks for (AWS-FACTS E1).
fn check_headers(call: &Call) -> Result<()> {
    for name in call.headers.keys().map(http::HeaderName::as_str) {
        if name == "x-amz-acl" || name.starts_with("x-amz-grant-") {
            return Err(bad_request(
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            ));
        }
        if name.starts_with("x-amz-bucket-") {
            return Err(unsupported(&format!("The header {name}")));
        }
    }
    match call.header("x-amz-object-ownership") {
        None | Some("BucketOwnerEnforced") => Ok(()),
        Some(other) => Err(unsupported(&format!("The object ownership {other}"))),
    }
}

/// AWS-FACTS E1: none in us-east-1, elsewhere required and the region itself.
fn check_location(region: &str, constraint: Option<&str>) -> Result<()> {
    match constraint {
        None if region == CLASSIC_REGION => Ok(()),
        Some(CLASSIC_REGION) => {
            Err(bad_request("InvalidLocationConstraint", "The specified location-constraint is not valid"))
        }
        Some(constraint) if constraint == region => Ok(()),
        other => {
            let message = format!(
                "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
                other.unwrap_or("unspecified")
            );
            Err(bad_request("IllegalLocationConstraintException", &message))
        }
    }
}

pub(super) fn location(world: &World) -> Answer {
    let region = &world.options.region;
    document("LocationConstraint", if region == CLASSIC_REGION { "" } else { region })
}

pub(super) fn ownership_controls() -> Answer {
    document("OwnershipControls", &xml::element("Rule", &xml::text("ObjectOwnership", "BucketOwnerEnforced")))
}

pub(super) fn get_tagging(bucket: &Bucket) -> Result<Answer> {
    if bucket.tags.is_empty() {
        return Err(AwsError::new(StatusCode::NOT_FOUND, "NoSuchTagSet", "The TagSet does not exist"));
    }
    let tags = xml::list("Tag", &bucket.tags, |(key, value)| xml::text("Key", key) + &xml::text("Value", value));
    Ok(document("Tagging", &xml::element("TagSet", &tags)))
}

/// Replaces the whole set (AWS-FACTS E4).
pub(super) fn put_tagging(bucket: &mut Bucket, call: &Call) -> Result<Answer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Tagging {
        tag_set: TagSet,
    }
    bucket.tags = input::<Tagging>(call)?.tag_set.collect()?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) fn get_encryption(bucket: &Bucket) -> Answer {
    let by_default =
        xml::element("ApplyServerSideEncryptionByDefault", &xml::text("SSEAlgorithm", bucket.encryption.algorithm()));
    let rule = by_default + &xml::text("BucketKeyEnabled", bucket.bucket_key);
    document("ServerSideEncryptionConfiguration", &xml::element("Rule", &rule))
}

pub(super) fn put_encryption(bucket: &mut Bucket, call: &Call) -> Result<Answer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        rule: Rule,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Rule {
        apply_server_side_encryption_by_default: ByDefault,
        #[serde(default)]
        bucket_key_enabled: bool,
    }
    #[derive(Deserialize)]
    struct ByDefault {
        #[serde(rename = "SSEAlgorithm")]
        algorithm: String,
    }
    let Configuration { rule } = input(call)?;
    let algorithm = rule.apply_server_side_encryption_by_default.algorithm;
    bucket.encryption =
        Encryption::parse(&algorithm).ok_or_else(|| unsupported(&format!("The encryption {algorithm}")))?;
    bucket.bucket_key = rule.bucket_key_enabled;
    Ok(answer::empty(StatusCode::OK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules_of_the_global_namespace() {
        for name in ["abc", "a.b-c", "0-9", &"a".repeat(63)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            ".ab",
            "a..b",
            "10.0.0.1",
            "xn--abc",
            "sthree-a",
            "abc--x-s3",
            "abc-s3alias",
            "äbc",
        ] {
            assert_eq!(check_name(name).unwrap_err().code, "InvalidBucketName", "{name}");
        }
    }

    #[test]
    fn a_location_constraint_is_forbidden_in_us_east_1_and_required_elsewhere() {
        let code = |region, constraint| check_location(region, constraint).map_err(|error| error.code);
        assert_eq!(code("us-east-1", None), Ok(()));
        assert_eq!(code("us-east-1", Some("us-east-1")), Err("InvalidLocationConstraint".to_owned()));
        assert_eq!(code("us-east-1", Some("eu-west-1")), Err("IllegalLocationConstraintException".to_owned()));
        assert_eq!(code("eu-west-1", None), Err("IllegalLocationConstraintException".to_owned()));
        assert_eq!(code("eu-west-1", Some("eu-west-1")), Ok(()));
    }
}

//! The page's bucket: public by policy, never by ACL (the only way that works on new buckets, AWS-FACTS E1).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tagging::{self, Tags};
use super::{BUCKET, Doing, OBJECTS, policy_document};
use crate::aws::failure::{AwsFailure, FailureClass};
use crate::aws::retry::Look;
use crate::config::Tagging as Wanted;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Known, Operation};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{Names, Reach};

/// How long the tags of a new bucket may take to show (AWS-FACTS E3).
const TAGS_SHOWN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) names: Arc<Names>,
    pub(crate) tagging: Wanted,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    public_access_block: PublicAccessBlock,
    /// `null`: none.
    policy: Value,
    encryption: Option<String>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// The two ACL flags stay on, which costs nothing; the two policy flags must be off for a public policy (AWS-FACTS E1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PublicAccessBlock {
    block_public_acls: bool,
    ignore_public_acls: bool,
    block_public_policy: bool,
    restrict_public_buckets: bool,
}

impl Bucket {
    fn name(&self) -> String {
        self.names.bucket()
    }

    /// `None`: there is no bucket (any more). One without tags has none.
    async fn tags(&self, context: &Context) -> Result<Option<Vec<Tag>>, AwsFailure> {
        let (name, owner) = (self.name(), context.names.account.as_str());
        let answer = context
            .call(Operation::repeatable("s3", "GetBucketTagging"), || {
                context.clients.s3.get_bucket_tagging().bucket(&name).expected_bucket_owner(owner).send()
            })
            .await;
        match answer {
            Err(failure) if failure.code.as_deref() == Some("NoSuchBucket") => Ok(None),
            answer => Ok(Some(answer.absent_as_none()?.map(|answer| answer.tag_set).unwrap_or_default())),
        }
    }

    /// Replaces all tags of the bucket (AWS-FACTS E4): whoever adds some puts those that are there with them.
    async fn put_tags(&self, context: &Context, tags: Vec<Tag>) -> Result<(), Diagnostic> {
        let (name, owner) = (self.name(), context.names.account.as_str());
        let tagging = Tagging::builder()
            .set_tag_set(Some(tags))
            .build()
            .map_err(|error| context.mistake("the bucket's tags", &error))?;
        context
            .call(Operation::repeatable("s3", "PutBucketTagging"), || {
                let put = context.clients.s3.put_bucket_tagging().bucket(&name).expected_bucket_owner(owner);
                put.tagging(tagging.clone()).send()
            })
            .await
            .map(drop)
            .doing(|| format!("tag the bucket {name}"))
    }

    /// Never puts tags without the owner's: an answer that leaves it out, of a bucket that was just seen with it, is not to be
    /// believed, and neither is what else it leaves out.
    async fn add_tags(&self, context: &Context, more: HashMap<String, String>) -> Result<(), Diagnostic> {
        let name = self.name();
        let shown = context.until(Look::Call, "the bucket's tags do not show", TAGS_SHOWN, || async {
            let found = self.tags(context).await.doing(|| format!("read the tags of the bucket {name}"))?;
            let is_ours = |tags: &Vec<Tag>| context.ownership(tags.iter().map(|tag| (tag.key(), tag.value()))).is_ok();
            Ok(found.filter(is_ours))
        });
        let Some(mut tags) = shown.await? else {
            return Err(Diagnostic::new(
                Code::Disturbed,
                format!("something took the tags of the bucket {name} away while this run was working"),
                "run the same command again: it says whose the bucket is now",
            ));
        };
        tags.retain(|tag| !more.contains_key(tag.key()));
        tags.extend(as_tags(context, more)?);
        self.put_tags(context, tags).await
    }

    async fn put_public_access_block(&self, context: &Context, wanted: &PublicAccessBlock) -> Result<(), Diagnostic> {
        let (name, owner) = (self.name(), context.names.account.as_str());
        let configuration = PublicAccessBlockConfiguration::builder()
            .block_public_acls(wanted.block_public_acls)
            .ignore_public_acls(wanted.ignore_public_acls)
            .block_public_policy(wanted.block_public_policy)
            .restrict_public_buckets(wanted.restrict_public_buckets)
            .build();
        context
            .call(Operation::repeatable("s3", "PutPublicAccessBlock"), || {
                context
                    .clients
                    .s3
                    .put_public_access_block()
                    .bucket(&name)
                    .expected_bucket_owner(owner)
                    .public_access_block_configuration(configuration.clone())
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("set the public access block of the bucket {name}"))
    }

    async fn put_policy(&self, context: &Context, policy: &Value) -> Result<(), Diagnostic> {
        let (name, owner) = (self.name(), context.names.account.as_str());
        context
            .call(Operation::repeatable("s3", "PutBucketPolicy"), || {
                context
                    .clients
                    .s3
                    .put_bucket_policy()
                    .bucket(&name)
                    .expected_bucket_owner(owner)
                    .policy(policy.to_string())
                    .send()
            })
            .await
            .map(drop)
            .map_err(|failure| {
                let refused = failure.class == FailureClass::NotReady;
                let mut problem = Diagnostic::from_aws(&format!("make the bucket {name} public for reading"), failure);
                if refused {
                    problem.hint = "this account or its organization blocks public buckets (S3 console, 'Block Public Access \
                                    settings for this account'); ask its administrator for an exception, or use another account"
                        .to_owned();
                }
                problem
            })
    }

    /// An account default of KMS would make every public read fail (AWS-FACTS E4), so the algorithm is set, not hoped for.
    async fn put_encryption(&self, context: &Context, algorithm: &str) -> Result<(), Diagnostic> {
        let (name, owner) = (self.name(), context.names.account.as_str());
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::from(algorithm))
            .build()
            .map_err(|error| context.mistake("the bucket's encryption", &error))?;
        let configuration = ServerSideEncryptionConfiguration::builder()
            .rules(ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build())
            .build()
            .map_err(|error| context.mistake("the bucket's encryption", &error))?;
        context
            .call(Operation::repeatable("s3", "PutBucketEncryption"), || {
                context
                    .clients
                    .s3
                    .put_bucket_encryption()
                    .bucket(&name)
                    .expected_bucket_owner(owner)
                    .server_side_encryption_configuration(configuration.clone())
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("set the encryption of the bucket {name}"))
    }
}

/// The condition under which S3 serves nothing over http://.
pub(crate) fn over_tls_alone() -> Value {
    json!({ "Bool": { "aws:SecureTransport": "true" } })
}

fn as_tags(context: &Context, tags: HashMap<String, String>) -> Result<Vec<Tag>, Diagnostic> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    tags.into_iter().map(|pair| tag(pair).map_err(|error| context.mistake("a bucket tag", &error))).collect()
}

#[async_trait]
impl Kind for Bucket {
    type Spec = Spec;

    fn address(&self) -> Address {
        BUCKET
    }

    fn deleted_after(&self) -> Vec<Address> {
        vec![OBJECTS]
    }

    fn desired(&self, known: &Known) -> Spec {
        let mut read = json!({
            "Sid": "PublicRead",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": format!("{}/*", self.names.bucket_arn()),
        });
        // S3 serves http:// too, where browsers give no camera (AWS-FACTS E2) and anybody on the way could change the page.
        // Other endpoints speak what they speak.
        if self.names.reach == Reach::Aws {
            read["Condition"] = over_tls_alone();
        }
        Spec {
            public_access_block: PublicAccessBlock {
                block_public_acls: true,
                ignore_public_acls: true,
                block_public_policy: false,
                restrict_public_buckets: false,
            },
            policy: policy_document::wanted(json!({
                "Version": "2012-10-17",
                "Statement": [read],
            })),
            encryption: Some(ServerSideEncryption::Aes256.as_str().to_owned()),
            tags: self.tagging.wanted(known),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let (name, owner) = (self.name(), context.names.account.as_str());
        let s3 = &context.clients.s3;
        let looking = || format!("look at the bucket {name}");
        // us-east-1 answers 200 to creating a bucket that one owns already: look before creating (AWS-FACTS E3). Side by side with
        // the tags: what is in the bucket waits for both.
        let (head, tags) = tokio::join!(
            context.call(Operation::repeatable("s3", "HeadBucket"), || {
                s3.head_bucket().bucket(&name).expected_bucket_owner(owner).send()
            }),
            self.tags(context),
        );
        match head {
            Ok(_) => {}
            Err(failure) if failure.class == FailureClass::NotFound => return Ok(Observed::Absent),
            // A HEAD has no body, and S3 says 403 for a stranger's bucket as well as without s3:ListBucket. A GET tells them apart.
            Err(failure) if failure.class == FailureClass::AccessDenied => match tags {
                Err(second)
                    if second.class == FailureClass::AccessDenied && !second.message.contains("identity-based") =>
                {
                    return Ok(Observed::Foreign(format!(
                        "the bucket {name} belongs to another account, or these credentials may not read it (s3:ListBucket, \
                         s3:GetBucketTagging)"
                    )));
                }
                Err(second) if second.class == FailureClass::AccessDenied => return Err(second).doing(looking),
                _ => return Err(failure).doing(looking),
            },
            Err(failure) => return Err(failure).doing(looking),
        }
        // It may have gone between the two looks, and is then nobody else's.
        let Some(tags) = tags.doing(looking)? else { return Ok(Observed::Absent) };
        if let Err(why) = context.ownership(tags.iter().map(|tag| (tag.key(), tag.value()))) {
            return Ok(Observed::Foreign(format!("the bucket {name} {why}")));
        }
        let tags = self.tagging.seen(tags.iter().map(|tag| (tag.key(), tag.value())), &context.known);
        let (block, policy, encryption) = tokio::join!(
            context.call(Operation::repeatable("s3", "GetPublicAccessBlock"), || {
                s3.get_public_access_block().bucket(&name).expected_bucket_owner(owner).send()
            }),
            context.call(Operation::repeatable("s3", "GetBucketPolicy"), || {
                s3.get_bucket_policy().bucket(&name).expected_bucket_owner(owner).send()
            }),
            context.call(Operation::repeatable("s3", "GetBucketEncryption"), || {
                s3.get_bucket_encryption().bucket(&name).expected_bucket_owner(owner).send()
            }),
        );
        let block = block.absent_as_none().doing(looking)?.and_then(|answer| answer.public_access_block_configuration);
        let flag =
            |read: fn(&PublicAccessBlockConfiguration) -> Option<bool>| block.as_ref().and_then(read) == Some(true);
        let policy = policy.absent_as_none().doing(looking)?.and_then(|answer| answer.policy);
        let encryption = encryption
            .absent_as_none()
            .doing(looking)?
            .and_then(|answer| answer.server_side_encryption_configuration)
            .and_then(|configuration| {
                let rule = configuration.rules().first()?;
                Some(rule.apply_server_side_encryption_by_default()?.sse_algorithm().as_str().to_owned())
            });
        Ok(Observed::Owned(Spec {
            public_access_block: PublicAccessBlock {
                block_public_acls: flag(|block| block.block_public_acls),
                ignore_public_acls: flag(|block| block.ignore_public_acls),
                block_public_policy: flag(|block| block.block_public_policy),
                restrict_public_buckets: flag(|block| block.restrict_public_buckets),
            },
            policy: policy.map_or(Value::Null, |policy| policy_document::parse(&policy)),
            encryption,
            tags,
        }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let (name, region) = (self.name(), context.names.region.as_str());
        let tags = as_tags(context, context.tags(&desired.tags))?;
        let mut configuration = CreateBucketConfiguration::builder().set_tags(Some(tags.clone()));
        // us-east-1 is the one region that must not be named (AWS-FACTS E1).
        if region != "us-east-1" {
            configuration = configuration.location_constraint(BucketLocationConstraint::from(region));
        }
        let configuration = configuration.build();
        context
            .call(Operation::once("s3", "CreateBucket"), || {
                context
                    .clients
                    .s3
                    .create_bucket()
                    .bucket(&name)
                    .create_bucket_configuration(configuration.clone())
                    .send()
            })
            .await
            .doing(|| format!("create the bucket {name}"))?;
        // Endpoints that do not know tags in the create call drop them in silence, and then the bucket would not be ours. AWS
        // only shows them late now and then, as it does the bucket.
        let shown_within = if self.names.reach == Reach::Aws { TAGS_SHOWN } else { Duration::ZERO };
        let tagged = context.until(Look::Call, "the bucket's tags do not show yet", shown_within, || async {
            let found = self.tags(context).await.doing(|| format!("read the tags of the bucket {name}"))?;
            let found = found.unwrap_or_default();
            Ok(context.ownership(found.iter().map(|tag| (tag.key(), tag.value()))).ok())
        });
        if tagged.await?.is_none() {
            // Everywhere else a second create is refused (AWS-FACTS E3).
            if self.names.reach == Reach::Aws && region == "us-east-1" {
                return Err(Diagnostic::new(
                    Code::NotOurs,
                    format!("{BUCKET}: the bucket {name} does not carry the tags that this run creates it with"),
                    "run 'up' again; if it is refused then, somebody made the bucket meanwhile: choose another stack name",
                ));
            }
            self.put_tags(context, tags).await?;
        }
        // One after the other: S3 answers OperationAborted to two settings of one bucket at once (AWS-FACTS E3).
        self.put_public_access_block(context, &desired.public_access_block).await?;
        if let Some(algorithm) = &desired.encryption {
            self.put_encryption(context, algorithm).await?;
        }
        self.put_policy(context, &desired.policy).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let missing = tagging::missing(&observed.tags, &desired.tags);
        if !missing.is_empty() {
            self.add_tags(context, missing).await?;
        }
        if observed.public_access_block != desired.public_access_block {
            self.put_public_access_block(context, &desired.public_access_block).await?;
        }
        if let Some(algorithm) = desired.encryption.as_ref().filter(|_| observed.encryption != desired.encryption) {
            self.put_encryption(context, algorithm).await?;
        }
        if observed.policy != desired.policy {
            self.put_policy(context, &desired.policy).await?;
        }
        Ok(())
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        let (name, owner) = (self.name(), context.names.account.as_str());
        context
            .call(Operation::repeatable("s3", "DeleteBucket"), || {
                context.clients.s3.delete_bucket().bucket(&name).expected_bucket_owner(owner).send()
            })
            .await
            .absent_as_none()
            .map(drop)
            .map_err(|failure| {
                let was_filled = failure.code.as_deref() == Some("BucketNotEmpty");
                let mut problem = Diagnostic::from_aws(&format!("delete the bucket {name}"), failure);
                if was_filled {
                    problem.code = Code::Leftover;
                    problem.hint =
                        "something was put into it meanwhile: run 'teardown' again once nobody writes to it".to_owned();
                }
                problem
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::{AccountId, Partition, Region, StageName};

    #[test]
    fn on_aws_the_page_is_public_over_tls_alone() {
        let policy = |reach| {
            let names = Names {
                stack: "demo".parse().unwrap(),
                stage: StageName::default(),
                partition: Partition("aws".into()),
                account: AccountId("123456789012".into()),
                region: Region("us-east-1".into()),
                reach,
                role_path: Default::default(),
                existing_bucket: None,
            };
            Bucket { names: Arc::new(names), tagging: Wanted::default() }.desired(&Known::default()).policy
        };
        let condition = json!({ "Bool": { "aws:SecureTransport": "true" } });
        assert_eq!(policy(Reach::Aws)["Statement"]["Condition"], condition);
        let endpoint = Reach::Endpoint { url: "http://127.0.0.1:4580".parse().unwrap(), gateway: None };
        assert_eq!(policy(endpoint)["Statement"].get("Condition"), None);
    }
}

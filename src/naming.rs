//! Every name, ARN, tag and URL of a stack. Nothing else formats names, so that `up`, `teardown` and a reader of the AWS
//! console always agree on what belongs to whom.

mod account;
mod existing_bucket;
mod existing_role;
mod partition;
mod patterns;
mod relay_services;
mod role_path;
mod stack_name;
mod stage_name;
mod tags;
mod territory;
mod wildcard;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use url::Url;

pub(crate) use account::Principal;
pub use existing_bucket::ExistingBucket;
pub use existing_role::ExistingRole;
pub use patterns::StackPattern;
pub(crate) use patterns::{ANY, Patterns};
pub use role_path::RolePath;
pub use stack_name::StackName;
pub use stage_name::StageName;
pub use tags::UserTag;
pub(crate) use tags::{DEPLOYED_AT_TAG, DEPLOYED_BY_TAG, EXPIRY_TAG, Memory, OWNER_TAG, VERSION_TAG, is_legal_in_tags};
pub(crate) use territory::Territory;
pub(crate) use wildcard::{wildcard_match, wildcard_match_of_action};

/// How the names of everything of ours begin.
const PREFIX: &str = "webrtc-aws-";

/// Object metadata cannot carry `:` (it becomes a header name), so objects are marked with this key instead.
pub(crate) const OWNER_METADATA: &str = "webrtc-aws-stack";

/// The page's entry point: S3's REST endpoint has no index document, so it is part of the URL (AWS-FACTS E2).
pub(crate) const INDEX_DOCUMENT: &str = "index.html";

/// The generated object that tells a page where its relay is.
pub(crate) const CONFIG_OBJECT: &str = "config.js";

/// What `verify` tries to put into the bucket without credentials, in vain.
pub(crate) const PROBE_OBJECT: &str = "webrtc-aws-verify-may-be-deleted.txt";

/// The only route of the API, and the only legal route response key.
pub(crate) const DEFAULT_KEY: &str = "$default";

/// The route of those who want to connect.
pub(crate) const CONNECT_KEY: &str = "$connect";

/// Why a name was refused, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidName(String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(crate) String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// An AWS account: 12 digits.
    AccountId
);
id!(
    /// An AWS region, e.g. `eu-central-1`.
    Region
);
id!(
    /// An ARN partition: `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc` …
    Partition
);
id!(
    /// An API Gateway API: 10 lower-case alphanumerics.
    ApiId
);
id!(
    /// An integration of an API.
    IntegrationId
);
id!(
    /// A route of an API.
    RouteId
);
id!(
    /// What tells a role from an earlier one of the same name.
    RoleId
);

/// Where the public endpoints of a stack are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// AWS itself.
    Aws,
    /// A local AWS or another emulator: S3 by path, the gateway below `/_aws/execute-api/` unless told otherwise.
    Endpoint { url: Url, gateway: Option<GatewayTemplate> },
}

/// Where another emulator puts its WebSocket APIs: a `ws://` or `wss://` URL with `{api}` and `{stage}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayTemplate(String);

impl FromStr for GatewayTemplate {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sample = text.replace("{api}", "api").replace("{stage}", "stage");
        let scheme_fits = text.starts_with("ws://") || text.starts_with("wss://");
        // A URL's parser drops line ends and more; this text goes to browsers and to the relay as it is.
        let as_it_is =
            Url::parse(&sample).is_ok() && text.chars().all(|c| c.is_ascii_graphic() && !"<>\"'\\^`".contains(c));
        if !scheme_fits || !as_it_is || !text.contains("{api}") || !text.contains("{stage}") {
            return Err(InvalidName(format!(
                "{text:?} is no gateway URL; it is a ws:// or wss:// URL with {{api}} and {{stage}} in it, e.g. \
                 'ws://127.0.0.1:4580/_aws/execute-api/{{api}}/{{stage}}'"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// All names of one stack in one account and region.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) stack: StackName,
    pub(crate) stage: StageName,
    pub(crate) partition: Partition,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) reach: Reach,
    pub(crate) role_path: RolePath,
    /// The bucket that somebody else made for the page, if it is not in one of the stack's own.
    pub(crate) existing_bucket: Option<ExistingBucket>,
}

impl Names {
    /// The bucket. Bucket names are global: a hash over account and region keeps two people's `demo` apart, and unlike the
    /// account id itself it tells visitors of the page nothing.
    pub(crate) fn bucket(&self) -> String {
        let seed = format!("{}/{}/{}/{}", self.partition, self.account, self.region, self.stack);
        let digest = hex::encode(Sha256::digest(seed.as_bytes()));
        format!("webrtc-aws-{}-{}", self.stack, &digest[..12])
    }

    /// The bucket that the page is in.
    pub(crate) fn page_bucket(&self) -> String {
        self.existing_bucket.as_ref().map_or_else(|| self.bucket(), |bucket| bucket.name().to_owned())
    }

    /// How the keys of the page's files begin in its bucket.
    pub(crate) fn page_prefix(&self) -> String {
        self.existing_bucket.as_ref().map(|bucket| bucket.prefix_of(&self.stack)).unwrap_or_default()
    }

    /// How the names of this stack's buckets begin, in whatever account and region; those of other stacks may begin so as well.
    pub(crate) fn bucket_prefix(&self) -> String {
        format!("webrtc-aws-{}-", self.stack)
    }

    /// The same stack with its page in that bucket.
    pub(crate) fn with_page_in(&self, bucket: ExistingBucket) -> Self {
        Self { existing_bucket: Some(bucket), ..self.clone() }
    }

    /// The same stack in another region.
    pub(crate) fn in_region(&self, region: Region) -> Self {
        Self { region, ..self.clone() }
    }

    /// The region whose relay a role of this name would serve, if it is one of this stack's names. The role of a stack that is
    /// called like this one and a bit more may look the same: only its tag tells.
    pub(crate) fn region_of_role(&self, role: &str) -> Option<Region> {
        let region = role.strip_prefix(&format!("webrtc-aws-{}-", self.stack))?;
        let (place, number) = region.rsplit_once('-')?;
        let is_region = place.contains('-')
            && place.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit());
        is_region.then(|| Region(region.to_owned()))
    }

    /// The relay's function. Also the name of the API, which AWS does not require to be unique.
    pub(crate) fn function(&self) -> String {
        format!("webrtc-aws-{}", self.stack)
    }

    /// The API's display name; it is found by tag, never by this.
    pub(crate) fn api(&self) -> String {
        format!("webrtc-aws-{}", self.stack)
    }

    /// The relay's role. IAM is global, so the region is part of the name.
    pub(crate) fn role(&self) -> String {
        format!("webrtc-aws-{}-{}", self.stack, self.region)
    }

    /// The channel that TURN servers are for.
    pub(crate) fn signaling_channel(&self) -> String {
        format!("webrtc-aws-{}", self.stack)
    }

    /// The role's inline policy.
    pub(crate) fn role_policy(&self) -> &'static str {
        "relay"
    }

    /// The statement in the function's resource policy that lets API Gateway call it.
    pub(crate) fn permission_statement(&self) -> &'static str {
        "webrtc-aws-api-gateway"
    }

    /// The relay's log group; Lambda prescribes the name.
    pub(crate) fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.function())
    }

    pub(crate) fn bucket_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket())
    }

    pub(crate) fn role_arn(&self) -> String {
        format!("arn:{}:iam::{}:role{}{}", self.partition, self.account, self.role_path, self.role())
    }

    /// Without an account id (AWS-FACTS B2).
    pub(crate) fn api_arn(&self, api: &ApiId) -> String {
        format!("arn:{}:apigateway:{}::/apis/{api}", self.partition, self.region)
    }

    pub(crate) fn stage_arn(&self, api: &ApiId) -> String {
        format!("{}/stages/{}", self.api_arn(api), self.stage)
    }

    pub(crate) fn function_arn(&self) -> String {
        format!("arn:{}:lambda:{}:{}:function:{}", self.partition, self.region, self.account, self.function())
    }

    pub(crate) fn log_group_arn(&self) -> String {
        format!("arn:{}:logs:{}:{}:log-group:{}", self.partition, self.region, self.account, self.log_group())
    }

    /// What a WebSocket integration calls: the path form, not the bare function ARN of HTTP APIs (AWS-FACTS B1).
    pub(crate) fn integration_uri(&self) -> String {
        format!(
            "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{}/invocations",
            self.partition,
            self.region,
            self.function_arn()
        )
    }

    /// Which calls of API Gateway may reach the function: every route of this API (AWS-FACTS C5).
    pub(crate) fn invoke_source_arn(&self, api: &ApiId) -> String {
        format!("arn:{}:execute-api:{}:{}:{api}/*", self.partition, self.region, self.account)
    }

    /// What the relay may post to: connections of this stage only (AWS-FACTS A6).
    pub(crate) fn connections_arn(&self, api: &ApiId) -> String {
        format!("arn:{}:execute-api:{}:{}:{api}/{}/POST/*", self.partition, self.region, self.account, self.stage)
    }

    /// The page's URL. Regional and virtual-hosted on AWS: the website endpoint has no https, hence no camera, and the path
    /// style would share its origin with every other bucket (AWS-FACTS E2).
    pub(crate) fn site_url(&self) -> String {
        let (bucket, prefix) = (self.page_bucket(), self.page_prefix());
        match &self.reach {
            Reach::Aws => {
                format!("https://{bucket}.s3.{}.{}/{prefix}{INDEX_DOCUMENT}", self.region, self.partition.dns_suffix())
            }
            Reach::Endpoint { url, .. } => {
                format!("{}/{bucket}/{prefix}{INDEX_DOCUMENT}", url.as_str().trim_end_matches('/'))
            }
        }
    }

    /// What a browser calls the page's origin.
    pub(crate) fn page_origin(&self) -> String {
        let url = self.site_url();
        // What `site_url` makes is a URL; and what is none is nobody's origin.
        Url::parse(&url).map_or(url, |url| url.origin().ascii_serialization())
    }

    /// The URL that browsers open their socket to, without a trailing slash (AWS-FACTS A1).
    pub(crate) fn websocket_url(&self, api: &ApiId) -> String {
        match &self.reach {
            Reach::Aws => {
                format!("wss://{api}.execute-api.{}.{}/{}", self.region, self.partition.dns_suffix(), self.stage)
            }
            Reach::Endpoint { url, gateway: None } => {
                let base = url.as_str().trim_end_matches('/').replacen("http", "ws", 1);
                format!("{base}/_aws/execute-api/{api}/{}", self.stage)
            }
            Reach::Endpoint { gateway: Some(GatewayTemplate(template)), .. } => {
                template.replace("{api}", api.as_str()).replace("{stage}", self.stage.as_str())
            }
        }
    }

    /// Where the relay posts to connections: the same place over https. Built from our own ids, never from an event's
    /// `domainName`, which is whatever host the client used (AWS-FACTS A6).
    pub(crate) fn connections_endpoint(&self, api: &ApiId) -> String {
        self.websocket_url(api).replacen("ws", "http", 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(stack: &str, region: &str) -> Names {
        Names {
            stack: stack.parse().unwrap(),
            stage: StageName::default(),
            partition: Partition("aws".into()),
            account: AccountId("123456789012".into()),
            region: Region(region.into()),
            reach: Reach::Aws,
            role_path: RolePath::default(),
            existing_bucket: None,
        }
    }

    proptest! {
        #[test]
        fn every_legal_stack_name_gives_legal_aws_names(
            stack in "[a-z]([a-z0-9]|-[a-z0-9]){0,13}",
            region in prop::sample::select(vec!["us-east-1", "ap-northeast-1", "us-gov-west-1", "eusc-de-east-1"]),
        ) {
            let names = names(&stack, region);
            let bucket = names.bucket();
            prop_assert!((3..=63).contains(&bucket.len()), "{bucket}");
            prop_assert!(bucket.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            prop_assert!(bucket.ends_with(|c: char| c.is_ascii_alphanumeric()));
            prop_assert!(names.role().len() <= 64);
            prop_assert!(names.function().len() <= 64);
        }

        #[test]
        fn distinct_stacks_have_distinct_names(a in "[a-z][a-z0-9]{0,12}", b in "[a-z][a-z0-9]{0,12}") {
            prop_assume!(a != b);
            let (a, b) = (names(&a, "us-east-1"), names(&b, "us-east-1"));
            prop_assert_ne!(a.bucket(), b.bucket());
            prop_assert_ne!(a.role(), b.role());
            prop_assert_ne!(a.function(), b.function());
        }

        #[test]
        fn any_stage_name_and_gateway_url_give_legal_urls(
            stage in prop_oneof![".{0,140}", "[a-zA-Z0-9_$-]{1,140}"],
            gateway in prop_oneof![".*", "(ws|wss|WS|http)://[a-z0-9.:<%\\\\ \n]{0,12}/\\{api\\}[/?#\t]?\\{stage\\}['\" ]?"],
        ) {
            let mut names = names("demo", "us-east-1");
            if let Ok(stage) = stage.parse::<StageName>() {
                prop_assert!(stage.as_str().bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-'));
                names.stage = stage;
            }
            if let Ok(gateway) = gateway.parse::<GatewayTemplate>() {
                names.reach = Reach::Endpoint { url: Url::parse("http://h:1").unwrap(), gateway: Some(gateway) };
            }
            let api = ApiId("abcdefghij".into());
            for (url, schemes) in
                [(names.websocket_url(&api), ["ws", "wss"]), (names.connections_endpoint(&api), ["http", "https"])]
            {
                let parsed = Url::parse(&url);
                prop_assert!(parsed.is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host()), "{url:?}");
                prop_assert!(url.chars().all(|c| c.is_ascii_graphic() && !"<>\"'".contains(c)), "{url:?}");
            }
        }

        #[test]
        fn any_text_is_a_stack_name_or_refused_with_a_reason(text in ".*") {
            if let Err(refusal) = text.parse::<StackName>() {
                prop_assert!(refusal.to_string().contains("a stack name is"));
            }
        }
    }

    #[test]
    fn one_stack_name_in_two_regions_or_accounts_never_meets_itself() {
        let here = names("demo", "us-east-1");
        let there = names("demo", "eu-west-1");
        assert_ne!(here.bucket(), there.bucket());
        assert_ne!(here.role(), there.role());
        let other = Names { account: AccountId("210987654321".into()), ..here.clone() };
        assert_ne!(here.bucket(), other.bucket());
    }

    #[test]
    fn a_roles_name_tells_its_region() {
        for region in ["us-east-1", "ap-northeast-3", "us-gov-west-1", "eusc-de-east-1"] {
            let found = names("demo", "eu-west-1").region_of_role(&names("demo", region).role());
            assert_eq!(found, Some(Region(region.to_owned())));
        }
        let demo = names("demo", "eu-west-1");
        for other in ["webrtc-aws-demo-two", "webrtc-aws-dem-us-east-1", "webrtc-aws-demo-1", "webrtc-aws-demo-east-"] {
            assert_eq!(demo.region_of_role(other), None, "{other}");
        }
    }

    #[test]
    fn in_an_existing_bucket_the_page_has_a_prefix_in_its_url_and_none_in_its_origin() {
        let demo = Names { existing_bucket: Some("team-pages".parse().unwrap()), ..names("demo", "eu-west-1") };
        assert_eq!(demo.site_url(), "https://team-pages.s3.eu-west-1.amazonaws.com/webrtc-aws/demo/index.html");
        assert_eq!(demo.page_origin(), "https://team-pages.s3.eu-west-1.amazonaws.com");
        let calls = Names { existing_bucket: Some("team-pages/calls".parse().unwrap()), ..demo.clone() };
        assert_eq!(calls.site_url(), "https://team-pages.s3.eu-west-1.amazonaws.com/calls/webrtc-aws/demo/index.html");
        assert_eq!(calls.page_origin(), demo.page_origin());
        let url = Url::parse("http://127.0.0.1:4580").unwrap();
        let local = Names { reach: Reach::Endpoint { url, gateway: None }, ..demo };
        assert_eq!(local.site_url(), "http://127.0.0.1:4580/team-pages/webrtc-aws/demo/index.html");
    }

    #[test]
    fn urls_follow_the_partition_and_the_endpoint() {
        let api = ApiId("abcdefghij".into());
        let aws = names("demo", "eu-west-1");
        assert_eq!(aws.websocket_url(&api), "wss://abcdefghij.execute-api.eu-west-1.amazonaws.com/prod");
        assert_eq!(aws.connections_endpoint(&api), "https://abcdefghij.execute-api.eu-west-1.amazonaws.com/prod");
        assert!(aws.site_url().starts_with("https://webrtc-aws-demo-"));
        assert!(aws.site_url().ends_with(".s3.eu-west-1.amazonaws.com/index.html"));
        let china = Names { partition: Partition("aws-cn".into()), region: Region("cn-north-1".into()), ..aws.clone() };
        assert!(china.site_url().ends_with(".s3.cn-north-1.amazonaws.com.cn/index.html"));
        let local = Names {
            reach: Reach::Endpoint { url: Url::parse("http://127.0.0.1:4580").unwrap(), gateway: None },
            ..aws.clone()
        };
        assert_eq!(local.websocket_url(&api), "ws://127.0.0.1:4580/_aws/execute-api/abcdefghij/prod");
        assert_eq!(local.connections_endpoint(&api), "http://127.0.0.1:4580/_aws/execute-api/abcdefghij/prod");
        assert_eq!(local.site_url(), format!("http://127.0.0.1:4580/{}/index.html", local.bucket()));
        let template = "wss://gateway.test/{api}/at/{stage}".parse().unwrap();
        let other =
            Names { reach: Reach::Endpoint { url: Url::parse("http://h:1").unwrap(), gateway: Some(template) }, ..aws };
        assert_eq!(other.connections_endpoint(&api), "https://gateway.test/abcdefghij/at/prod");
    }

    #[test]
    fn refused_stack_names_say_why() {
        for (name, why) in [
            ("", "empty"),
            ("Demo", "'D' is not allowed"),
            ("-a", "start with a letter"),
            ("1a", "start with a letter"),
            ("a-", "'-' stands"),
            ("a--b", "'-' stands"),
            ("a_b", "'_' is not allowed"),
            ("abcdefghijklmnopqrstuvwxyzabc", "29 characters"),
        ] {
            let refusal = name.parse::<StackName>().unwrap_err().to_string();
            assert!(refusal.contains(why), "{name}: {refusal}");
        }
    }
}

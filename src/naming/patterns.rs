//! The names of a stack, or of all stacks of a pattern, as the resources of an IAM policy: `*` stands for any text, `?` for one
//! character.

use std::fmt;
use std::str::FromStr;

use super::{
    AccountId, ExistingBucket, ExistingRole, InvalidName, Names, Partition, Reach, Region, RolePath, StackName,
    StageName, wildcard_match,
};

/// What stands for an account or a region that is left open.
pub(crate) const ANY: &str = "*";

/// A stack's name, or a pattern such as `pr-*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackPattern(String);

impl StackPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a stack of this name is one of them.
    pub(crate) fn matches(&self, stack: &StackName) -> bool {
        wildcard_match(&self.0, stack.as_str())
    }

    /// Whether it stands for more than one stack.
    pub(crate) fn is_open(&self) -> bool {
        self.0.contains(['*', '?'])
    }
}

impl From<StackName> for StackPattern {
    fn from(name: StackName) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl FromStr for StackPattern {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-*?".contains(c);
        if text.is_empty() || text.len() > StackName::MAX_LENGTH || !text.chars().all(legal) {
            return Err(InvalidName(format!(
                "{text:?} is no pattern of stack names; it is 1 to {} of a-z, 0-9, '-', '*' (any text) and '?' (one character), \
                 e.g. 'pr-*'",
                StackName::MAX_LENGTH
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for StackPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which stacks' resources: where an account or region is [`ANY`], those of all.
#[derive(Clone, Debug)]
pub(crate) struct Patterns {
    pub(crate) stacks: StackPattern,
    pub(crate) partition: Partition,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) role_path: RolePath,
    /// The role that the relay runs under, if it is none of the stacks' own.
    pub(crate) existing_role: Option<ExistingRole>,
    /// Their TURN servers are those of a signalling channel.
    pub(crate) has_signaling_channel: bool,
    /// The bucket that the pages are in, if they are not in ones of the stacks' own.
    pub(crate) existing_bucket: Option<ExistingBucket>,
}

impl Patterns {
    /// The one bucket, or the form of its name: twelve digits of a hash come last.
    pub(crate) fn bucket(&self) -> String {
        let bucket = match self.exact() {
            Some(names) => names.bucket(),
            None => format!("webrtc-aws-{}-????????????", self.stacks),
        };
        format!("arn:{}:s3:::{bucket}", self.partition)
    }

    /// The bucket that the page is in.
    pub(crate) fn page_bucket(&self) -> String {
        let existing = self.existing_bucket.as_ref();
        existing.map_or_else(|| self.bucket(), |bucket| format!("arn:{}:s3:::{}", self.partition, bucket.name()))
    }

    /// How the keys of the page's files begin in it.
    pub(crate) fn page_prefix(&self) -> String {
        self.existing_bucket.as_ref().map(|bucket| bucket.prefix_of(&self.stacks)).unwrap_or_default()
    }

    /// The page's files.
    pub(crate) fn page_objects(&self) -> String {
        format!("{}/{}{ANY}", self.page_bucket(), self.page_prefix())
    }

    /// The role under its path.
    pub(crate) fn role(&self) -> String {
        self.role_below(&self.role_path)
    }

    /// The role that the relay runs under.
    pub(crate) fn relay_role(&self) -> String {
        let existing = self.existing_role.as_ref();
        existing.map_or_else(|| self.role(), |role| role.arn_in(&self.partition, &self.account))
    }

    /// The connections of a stage of any API.
    pub(crate) fn connections(&self, stage: &StageName) -> String {
        format!("{}:{ANY}/{stage}/POST/{ANY}", self.regional("execute-api"))
    }

    /// The role for who has its name alone: IAM takes one that is not there to have no path.
    pub(crate) fn role_by_name(&self) -> Vec<String> {
        let mut arns = vec![self.role()];
        if self.role_path != RolePath::default() {
            arns.push(self.role_below(&RolePath::default()));
        }
        arns
    }

    /// The role that the stack has wherever its relay may run.
    pub(crate) fn role_in_any_region(&self) -> Vec<String> {
        Self { region: Region(ANY.to_owned()), ..self.clone() }.role_by_name()
    }

    /// The same of a role that is there.
    pub(crate) fn listed_role(&self) -> String {
        Self { region: Region(ANY.to_owned()), ..self.clone() }.role()
    }

    fn role_below(&self, path: &RolePath) -> String {
        let (partition, account) = (&self.partition, &self.account);
        format!("arn:{partition}:iam::{account}:role{path}webrtc-aws-{}-{}", self.stacks, self.region)
    }

    /// Any user or role of the account.
    pub(crate) fn anybody(&self) -> String {
        format!("arn:{}:iam::{}:*", self.partition, self.account)
    }

    pub(crate) fn function(&self) -> String {
        format!("{}:function:webrtc-aws-{}", self.regional("lambda"), self.stacks)
    }

    /// The channels of this name, whenever they were made.
    pub(crate) fn signaling_channels(&self) -> String {
        format!("{}:channel/webrtc-aws-{}/{ANY}", self.regional("kinesisvideo"), self.stacks)
    }

    pub(crate) fn log_group(&self) -> String {
        format!("{}:/aws/lambda/webrtc-aws-{}", self.log_groups(), self.stacks)
    }

    /// All log groups: a search has no narrower resource.
    pub(crate) fn log_groups(&self) -> String {
        format!("{}:log-group", self.regional("logs"))
    }

    /// A path of API Gateway's control plane, whose ARNs have no account.
    pub(crate) fn api_gateway(&self, path: &str) -> String {
        format!("arn:{}:apigateway:{}::{path}", self.partition, self.region)
    }

    /// GitHub's identity provider, as every guide registers it.
    pub(crate) fn github_provider(&self) -> String {
        format!("arn:{}:iam::{}:oidc-provider/token.actions.githubusercontent.com", self.partition, self.account)
    }

    fn regional(&self, service: &str) -> String {
        format!("arn:{}:{service}:{}:{}", self.partition, self.region, self.account)
    }

    fn exact(&self) -> Option<Names> {
        let stack = self.stacks.as_str().parse().ok()?;
        (self.account.as_str() != ANY && self.region.as_str() != ANY).then(|| Names {
            stack,
            stage: StageName::default(),
            partition: self.partition.clone(),
            account: self.account.clone(),
            region: self.region.clone(),
            reach: Reach::Aws,
            role_path: self.role_path.clone(),
            existing_bucket: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn patterns_cover_the_names_of_their_stacks(
            stack in "[a-z]([a-z0-9]|-[a-z0-9]){0,13}",
            path in "(/[a-z]{1,4}){0,2}/",
            is_open in any::<bool>(),
        ) {
            let names = Names {
                stack: stack.parse().unwrap(),
                stage: StageName::default(),
                partition: Partition("aws".into()),
                account: AccountId("123456789012".into()),
                region: Region("eu-west-1".into()),
                reach: Reach::Aws,
                role_path: path.parse().unwrap(),
                existing_bucket: Some("team-pages/calls".parse().unwrap()),
            };
            let stacks = if is_open { format!("{}*", &stack[..1]) } else { stack };
            let open = |text: &str| if is_open { ANY.to_owned() } else { text.to_owned() };
            let patterns = Patterns {
                stacks: stacks.parse().unwrap(),
                partition: names.partition.clone(),
                account: AccountId(open("123456789012")),
                region: Region(open("eu-west-1")),
                role_path: names.role_path.clone(),
                existing_role: None,
                has_signaling_channel: false,
                existing_bucket: names.existing_bucket.clone(),
            };
            let object = format!("arn:{}:s3:::{}/{}a/b.js", names.partition, names.page_bucket(), names.page_prefix());
            prop_assert!(wildcard_match(&patterns.page_prefix(), &names.page_prefix()));
            prop_assert!(wildcard_match(&patterns.page_objects(), &object));
            for (pattern, name) in [
                (patterns.bucket(), names.bucket_arn()),
                (patterns.role(), names.role_arn()),
                (patterns.function(), names.function_arn()),
                (patterns.signaling_channels(), names.signaling_channel_arns()),
                (patterns.log_group(), names.log_group_arn()),
                (patterns.relay_role(), names.role_arn()),
            ] {
                prop_assert!(wildcard_match(&pattern, &name), "{pattern} {name}");
                prop_assert!(is_open || pattern == name, "{pattern} {name}");
            }
        }
    }

    #[test]
    fn a_stack_pattern_is_a_stack_name_with_wildcards() {
        for good in ["demo", "pr-*", "*", "pr-?"] {
            assert!(good.parse::<StackPattern>().is_ok(), "{good}");
        }
        for bad in ["", "PR-*", "pr_*", "a/b", &"x".repeat(29)] {
            assert!(bad.parse::<StackPattern>().is_err(), "{bad}");
        }
    }
}

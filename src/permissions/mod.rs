//! What the program needs to be allowed to do: one table, from which `policy` prints documents and a refusal says what is missing.

mod denial;
mod document;
mod relay;
mod table;

pub(crate) use denial::missing;
pub(crate) use document::{Document, MANAGED_POLICY_LIMIT, Question, github_trust, policy, public_page};
pub(crate) use relay::{relay, relay_statements, turn_servers_statement};
#[cfg(test)]
pub(crate) use table::{LEFT_OUT, TABLE};

use clap::ValueEnum;

use crate::naming::{ANY, Patterns};

/// What somebody wants to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Purpose {
    /// 'up', and everything that looks first
    Up,
    /// 'teardown'
    Teardown,
    /// 'plan', 'status', 'verify' and 'logs'
    ReadOnly,
    /// 'logs' alone
    Logs,
    /// 'list'
    List,
    /// 'sweep': 'list' and 'teardown'
    Sweep,
    /// What only 'doctor' asks for; without it, 'doctor' says what it could not ask
    Doctor,
    /// Not a command but the relay: what a role for --existing-role has to be allowed
    Relay,
    /// Not a command but everybody: what the policy of a bucket for --existing-bucket has to allow
    Bucket,
}

impl Purpose {
    /// Whether what `other` needs is needed for this.
    fn includes(self, other: Self) -> bool {
        self == other || self == Self::Sweep && matches!(other, Self::List | Self::Teardown)
    }
}

/// One action on the resources of one scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permission {
    scope: Scope,
    /// As IAM spells it.
    action: &'static str,
    purposes: &'static [Purpose],
    /// The operations, by service, that need it.
    pub(crate) calls: &'static [&'static str],
    when: When,
}

/// Whether a permission depends on the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    WithBoundary,
    /// The relay runs under a role of the stack's own.
    WithOwnRole,
    WithExistingRole,
    WithSignalingChannel,
    /// The page is in a bucket of the stack's own.
    WithOwnBucket,
    WithExistingBucket,
}

/// A set of resources, with the conditions under which actions on them are allowed: one statement of a document each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Bucket,
    Objects,
    /// The bucket that somebody else made, as far as lists go of what is the stack's in it.
    ExistingBucket,
    /// The same bucket, for lists that no condition can limit.
    ExistingBucketUploads,
    /// What is below the stack's prefix in it.
    ExistingBucketObjects,
    Role,
    /// The role, also while it is not there.
    RoleByName,
    /// The role, as far as an action could give it more rights than a permissions boundary allows.
    RoleRights,
    /// The role that somebody else made.
    ExistingRole,
    /// The role, as something that Lambda is given.
    PassedRole,
    /// The channel that TURN servers are for, whenever it was made.
    SignalingChannel,
    Function,
    /// All functions: a list has no narrower resource.
    Functions,
    /// The log group's own ARN, as calls about its tags name it.
    LogGroupTags,
    /// The log group as all other calls name it: with what is in it.
    LogGroup,
    LogGroups,
    /// All APIs: an API is found by its tag among them.
    Apis,
    /// The list of them, which has their tags in it.
    ApiList,
    NewApi,
    /// The tags of what is created with tags (AWS-FACTS D).
    ApiTags,
    /// The action that API Gateway asks for when tags are in a create call; its reference does not list it.
    ApiTagging,
    NewApiParts,
    ApiParts,
    /// What `up` takes out of an API: parts that it did not put there or needs no more.
    SuperfluousApiParts,
    /// APIs and stages that carry the tag of the stack.
    Api,
    /// Lists of the whole account, which tell that the stack stands in another region. Without them commands say that they did not
    /// look.
    OtherRegions,
    /// What the account is set to, for 'doctor'.
    AccountSettings,
    /// Whoever calls, whose rights 'doctor' asks about.
    Caller,
    /// The stack's role, wherever its relay runs; a role of a stack that is called like it and a bit more may look the same.
    RoleInAnyRegion,
    /// The same of a role that a list has shown, so that it is there.
    ListedRole,
}

impl Scope {
    fn sid(self) -> &'static str {
        match self {
            Self::Bucket => "Bucket",
            Self::Objects => "Objects",
            Self::ExistingBucket => "ListExistingBucket",
            Self::ExistingBucketUploads => "ListExistingBucketUploads",
            Self::ExistingBucketObjects => "ObjectsInExistingBucket",
            Self::Role => "Role",
            Self::RoleByName => "FindRole",
            Self::RoleRights => "RoleRights",
            Self::ExistingRole => "ReadExistingRole",
            Self::PassedRole => "PassRoleToLambda",
            Self::SignalingChannel => "SignalingChannel",
            Self::Function => "Function",
            Self::Functions => "ListFunctions",
            Self::LogGroupTags => "LogGroupTags",
            Self::LogGroup => "LogGroup",
            Self::LogGroups => "FindLogGroup",
            Self::Apis => "FindApi",
            Self::ApiList => "ListApis",
            Self::NewApi => "CreateTaggedApi",
            Self::ApiTags => "TagsOfNewApi",
            Self::ApiTagging => "TagNewApi",
            Self::NewApiParts => "CreateApiParts",
            Self::ApiParts => "UpdateApiParts",
            Self::SuperfluousApiParts => "DeleteApiParts",
            Self::Api => "TaggedApi",
            Self::OtherRegions => "FindStackInOtherRegions",
            Self::AccountSettings => "ReadAccountSettings",
            Self::Caller => "AskAboutCaller",
            Self::RoleInAnyRegion => "FindRoleInAnyRegion",
            Self::ListedRole => "ReadRoleInAnyRegion",
        }
    }

    fn resources(self, of: &Patterns) -> Vec<String> {
        let paths = |paths: &[&str]| paths.iter().map(|path| of.api_gateway(path)).collect();
        match self {
            Self::Bucket => vec![of.bucket()],
            Self::Objects => vec![format!("{}/*", of.bucket())],
            Self::ExistingBucket | Self::ExistingBucketUploads => vec![of.page_bucket()],
            Self::ExistingBucketObjects => vec![of.page_objects()],
            Self::Role | Self::RoleRights => vec![of.role()],
            Self::PassedRole | Self::ExistingRole => vec![of.relay_role()],
            Self::RoleByName => of.role_by_name(),
            Self::SignalingChannel => vec![of.signaling_channels()],
            Self::Function => vec![of.function()],
            Self::LogGroupTags => vec![of.log_group()],
            Self::LogGroup => vec![format!("{}:*", of.log_group())],
            Self::LogGroups => vec![format!("{}:*", of.log_groups())],
            Self::Apis => paths(&["/apis", "/apis/*"]),
            Self::NewApi | Self::ApiList => paths(&["/apis"]),
            // `/tags`, `/tags/ARN`, and the ARN within the ARN that people were refused.
            Self::ApiTags => paths(&["*/tags*"]),
            Self::ApiTagging => paths(&["/apis", "/apis/*"]),
            Self::NewApiParts => paths(&[
                "/apis/*/integrations",
                "/apis/*/routes",
                "/apis/*/routeresponses",
                "/apis/*/deployments",
                "/apis/*/stages",
            ]),
            Self::ApiParts => paths(&["/apis/*/integrations/*", "/apis/*/routes/*"]),
            Self::SuperfluousApiParts => paths(&[
                "/apis/*/integrations/*",
                "/apis/*/routes/*",
                "/apis/*/routesettings/*",
                "/apis/*/deployments/*",
            ]),
            Self::Api => paths(&["/apis/*"]),
            Self::OtherRegions | Self::Functions | Self::AccountSettings => vec![ANY.to_owned()],
            Self::Caller => vec![of.anybody()],
            Self::RoleInAnyRegion => of.role_in_any_region(),
            Self::ListedRole => vec![of.listed_role()],
        }
    }
}

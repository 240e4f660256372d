//! The table. Each row is proved twice by `commands/tests/permissions.rs`: with all rows every command does its work, and without
//! any single one some command fails and names the action, or, in `OtherRegions`, says what it did not look at.

use super::Scope::{
    self, AccountSettings, Api, ApiList, ApiParts, ApiTagging, ApiTags, Apis, Bucket, Caller, ExistingBucket,
    ExistingBucketObjects, ExistingBucketUploads, ExistingRole, Function, Functions, ListedRole, LogGroup,
    LogGroupTags, LogGroups, NewApi, NewApiParts, Objects, OtherRegions, PassedRole, Role, RoleByName, RoleInAnyRegion,
    RoleRights, SignalingChannel, SuperfluousApiParts,
};
use super::{Permission, Purpose, When};

const EVERYBODY: &[Purpose] = &[Purpose::ReadOnly, Purpose::Up, Purpose::Teardown];
/// Whoever looks for what went wrong.
const READERS: &[Purpose] = &[Purpose::ReadOnly, Purpose::Logs];
const EVERYBODY_AND_LIST: &[Purpose] = &[Purpose::ReadOnly, Purpose::Up, Purpose::Teardown, Purpose::List];
const LIST: &[Purpose] = &[Purpose::List];
/// `status` and `teardown`, where they found nothing, and `list`.
const SEARCHERS: &[Purpose] = &[Purpose::ReadOnly, Purpose::Teardown];
const SEARCHERS_AND_LIST: &[Purpose] = &[Purpose::ReadOnly, Purpose::Teardown, Purpose::List];
const DOCTOR: &[Purpose] = &[Purpose::Doctor];
const UP: &[Purpose] = &[Purpose::Up];
const TEARDOWN: &[Purpose] = &[Purpose::Teardown];
const WRITERS: &[Purpose] = &[Purpose::Up, Purpose::Teardown];

/// What sets tags in API Gateway.
const TAGGING: &[&str] = &["apigateway:CreateApi", "apigateway:CreateStage", "apigateway:TagResource"];

const fn row(
    scope: Scope,
    action: &'static str,
    purposes: &'static [Purpose],
    calls: &'static [&'static str],
) -> Permission {
    Permission { scope, action, purposes, calls, when: When::Always }
}

/// About the stack's own role, once it stands or is to stand.
const fn own_role(
    scope: Scope,
    action: &'static str,
    purposes: &'static [Purpose],
    calls: &'static [&'static str],
) -> Permission {
    Permission { when: When::WithOwnRole, ..row(scope, action, purposes, calls) }
}

/// About a stack's signalling channel.
const fn channel(action: &'static str, purposes: &'static [Purpose], calls: &'static [&'static str]) -> Permission {
    Permission { when: When::WithSignalingChannel, ..row(SignalingChannel, action, purposes, calls) }
}

/// About the stack's own bucket, once it stands or is to stand.
const fn own_bucket(
    scope: Scope,
    action: &'static str,
    purposes: &'static [Purpose],
    calls: &'static [&'static str],
) -> Permission {
    Permission { when: When::WithOwnBucket, ..row(scope, action, purposes, calls) }
}

/// About what the stack has in a bucket that somebody else made.
const fn existing_bucket(
    scope: Scope,
    action: &'static str,
    purposes: &'static [Purpose],
    calls: &'static [&'static str],
) -> Permission {
    Permission { when: When::WithExistingBucket, ..row(scope, action, purposes, calls) }
}

/// Everything that the product may have to do, by scope.
pub(crate) const TABLE: &[Permission] = &[
    row(Bucket, "s3:ListBucket", EVERYBODY, &["s3:HeadBucket", "s3:ListObjectsV2"]),
    row(Bucket, "s3:GetBucketTagging", EVERYBODY_AND_LIST, &["s3:GetBucketTagging"]),
    own_bucket(Bucket, "s3:GetBucketPublicAccessBlock", EVERYBODY, &["s3:GetPublicAccessBlock"]),
    own_bucket(Bucket, "s3:GetBucketPolicy", EVERYBODY, &["s3:GetBucketPolicy"]),
    own_bucket(Bucket, "s3:GetEncryptionConfiguration", EVERYBODY, &["s3:GetBucketEncryption"]),
    own_bucket(Bucket, "s3:CreateBucket", UP, &["s3:CreateBucket"]),
    // For the tags in the create call.
    own_bucket(Bucket, "s3:TagResource", UP, &["s3:CreateBucket"]),
    // Only where the tags that are wanted have changed.
    own_bucket(Bucket, "s3:PutBucketTagging", UP, &["s3:PutBucketTagging"]),
    own_bucket(Bucket, "s3:PutBucketPublicAccessBlock", UP, &["s3:PutPublicAccessBlock"]),
    own_bucket(Bucket, "s3:PutEncryptionConfiguration", UP, &["s3:PutBucketEncryption"]),
    own_bucket(Bucket, "s3:PutBucketPolicy", UP, &["s3:PutBucketPolicy"]),
    own_bucket(Bucket, "s3:ListBucketVersions", TEARDOWN, &["s3:ListObjectVersions"]),
    own_bucket(Bucket, "s3:ListBucketMultipartUploads", TEARDOWN, &["s3:ListMultipartUploads"]),
    own_bucket(Bucket, "s3:DeleteBucket", TEARDOWN, &["s3:DeleteBucket"]),
    own_bucket(Objects, "s3:GetObject", EVERYBODY, &["s3:HeadObject"]),
    // Only of a bucket with versions: what is in the older ones may be somebody else's.
    own_bucket(Objects, "s3:GetObjectVersion", TEARDOWN, &["s3:HeadObject"]),
    own_bucket(Objects, "s3:PutObject", UP, &["s3:PutObject"]),
    own_bucket(Objects, "s3:DeleteObject", WRITERS, &["s3:DeleteObjects", "s3:DeleteObject"]),
    own_bucket(Objects, "s3:DeleteObjectVersion", TEARDOWN, &["s3:DeleteObjects", "s3:DeleteObject"]),
    // Only where somebody's upload to the bucket was never finished.
    own_bucket(Objects, "s3:AbortMultipartUpload", TEARDOWN, &["s3:AbortMultipartUpload"]),
    existing_bucket(ExistingBucket, "s3:ListBucket", EVERYBODY, &["s3:ListObjectsV2"]),
    existing_bucket(ExistingBucket, "s3:ListBucketVersions", TEARDOWN, &["s3:ListObjectVersions"]),
    existing_bucket(ExistingBucketUploads, "s3:ListBucketMultipartUploads", TEARDOWN, &["s3:ListMultipartUploads"]),
    existing_bucket(ExistingBucketObjects, "s3:GetObject", EVERYBODY, &["s3:HeadObject"]),
    existing_bucket(ExistingBucketObjects, "s3:GetObjectVersion", TEARDOWN, &["s3:HeadObject"]),
    existing_bucket(ExistingBucketObjects, "s3:PutObject", UP, &["s3:PutObject"]),
    existing_bucket(ExistingBucketObjects, "s3:DeleteObject", WRITERS, &["s3:DeleteObjects", "s3:DeleteObject"]),
    existing_bucket(
        ExistingBucketObjects,
        "s3:DeleteObjectVersion",
        TEARDOWN,
        &["s3:DeleteObjects", "s3:DeleteObject"],
    ),
    existing_bucket(ExistingBucketObjects, "s3:AbortMultipartUpload", TEARDOWN, &["s3:AbortMultipartUpload"]),
    row(RoleByName, "iam:GetRole", UP, &["iam:GetRole"]),
    row(RoleInAnyRegion, "iam:GetRole", SEARCHERS, &["iam:GetRole"]),
    row(ListedRole, "iam:GetRole", LIST, &["iam:GetRole"]),
    Permission {
        when: When::WithExistingRole,
        ..row(ExistingRole, "iam:GetRole", &[Purpose::ReadOnly, Purpose::Up], &["iam:GetRole"])
    },
    own_role(Role, "iam:GetRolePolicy", EVERYBODY, &["iam:GetRolePolicy"]),
    own_role(Role, "iam:ListRolePolicies", EVERYBODY, &["iam:ListRolePolicies"]),
    own_role(Role, "iam:ListAttachedRolePolicies", EVERYBODY, &["iam:ListAttachedRolePolicies"]),
    own_role(Role, "iam:TagRole", UP, &["iam:CreateRole", "iam:TagRole"]),
    own_role(Role, "iam:UpdateAssumeRolePolicy", UP, &["iam:UpdateAssumeRolePolicy"]),
    // In `up`, only where somebody gave the role more than it needs.
    own_role(Role, "iam:DeleteRolePolicy", WRITERS, &["iam:DeleteRolePolicy"]),
    own_role(Role, "iam:DetachRolePolicy", WRITERS, &["iam:DetachRolePolicy"]),
    own_role(Role, "iam:ListInstanceProfilesForRole", TEARDOWN, &["iam:ListInstanceProfilesForRole"]),
    own_role(Role, "iam:DeleteRole", TEARDOWN, &["iam:DeleteRole"]),
    own_role(RoleRights, "iam:CreateRole", UP, &["iam:CreateRole"]),
    own_role(RoleRights, "iam:PutRolePolicy", UP, &["iam:PutRolePolicy"]),
    Permission {
        when: When::WithBoundary,
        ..row(RoleRights, "iam:PutRolePermissionsBoundary", UP, &["iam:PutRolePermissionsBoundary"])
    },
    row(PassedRole, "iam:PassRole", UP, &["lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"]),
    channel("kinesisvideo:DescribeSignalingChannel", EVERYBODY, &["kinesisvideo:DescribeSignalingChannel"]),
    channel("kinesisvideo:ListTagsForResource", EVERYBODY, &["kinesisvideo:ListTagsForResource"]),
    channel("kinesisvideo:CreateSignalingChannel", UP, &["kinesisvideo:CreateSignalingChannel"]),
    channel("kinesisvideo:TagResource", UP, &["kinesisvideo:CreateSignalingChannel", "kinesisvideo:TagResource"]),
    // In `up`, only where the settings ask for it no more.
    channel("kinesisvideo:DeleteSignalingChannel", WRITERS, &["kinesisvideo:DeleteSignalingChannel"]),
    row(Function, "lambda:GetFunction", EVERYBODY, &["lambda:GetFunction"]),
    // Without it GetFunction leaves the tags out.
    row(Function, "lambda:ListTags", EVERYBODY_AND_LIST, &["lambda:GetFunction", "lambda:ListTags"]),
    row(Functions, "lambda:ListFunctions", LIST, &["lambda:ListFunctions"]),
    row(Function, "lambda:GetPolicy", EVERYBODY, &["lambda:GetPolicy"]),
    row(Function, "lambda:CreateFunction", UP, &["lambda:CreateFunction"]),
    row(Function, "lambda:TagResource", UP, &["lambda:CreateFunction", "lambda:TagResource"]),
    row(Function, "lambda:UpdateFunctionCode", UP, &["lambda:UpdateFunctionCode"]),
    row(Function, "lambda:UpdateFunctionConfiguration", UP, &["lambda:UpdateFunctionConfiguration"]),
    row(Function, "lambda:AddPermission", UP, &["lambda:AddPermission"]),
    // Only where somebody changed the statement, or the API was made anew.
    row(Function, "lambda:RemovePermission", UP, &["lambda:RemovePermission"]),
    // Only where somebody reserved concurrency, none at worst.
    row(Function, "lambda:DeleteFunctionConcurrency", UP, &["lambda:DeleteFunctionConcurrency"]),
    row(Function, "lambda:DeleteFunction", TEARDOWN, &["lambda:DeleteFunction"]),
    row(LogGroups, "logs:DescribeLogGroups", EVERYBODY_AND_LIST, &["logs:DescribeLogGroups"]),
    row(LogGroupTags, "logs:ListTagsForResource", EVERYBODY_AND_LIST, &["logs:ListTagsForResource"]),
    // On which of the two the tags of a create call are authorised is not documented.
    row(LogGroupTags, "logs:TagResource", UP, &["logs:CreateLogGroup", "logs:TagResource"]),
    row(LogGroup, "logs:FilterLogEvents", READERS, &["logs:FilterLogEvents"]),
    row(LogGroup, "logs:CreateLogGroup", UP, &["logs:CreateLogGroup"]),
    row(LogGroup, "logs:TagResource", UP, &["logs:CreateLogGroup"]),
    row(LogGroup, "logs:PutRetentionPolicy", UP, &["logs:PutRetentionPolicy"]),
    row(LogGroup, "logs:DeleteLogGroup", TEARDOWN, &["logs:DeleteLogGroup"]),
    row(ApiList, "apigateway:GET", LIST, &["apigateway:GetApis"]),
    row(
        Apis,
        "apigateway:GET",
        EVERYBODY,
        &[
            "apigateway:GetApis",
            "apigateway:GetIntegrations",
            "apigateway:GetRoutes",
            "apigateway:GetRouteResponses",
            "apigateway:GetDeployments",
            "apigateway:GetDeployment",
            "apigateway:GetStages",
            "apigateway:GetStage",
        ],
    ),
    row(NewApi, "apigateway:POST", UP, &["apigateway:CreateApi"]),
    row(ApiTags, "apigateway:POST", UP, TAGGING),
    row(ApiTagging, "apigateway:TagResource", UP, TAGGING),
    row(
        NewApiParts,
        "apigateway:POST",
        UP,
        &[
            "apigateway:CreateIntegration",
            "apigateway:CreateRoute",
            "apigateway:CreateRouteResponse",
            "apigateway:CreateDeployment",
            "apigateway:CreateStage",
        ],
    ),
    row(ApiParts, "apigateway:PATCH", UP, &["apigateway:UpdateIntegration", "apigateway:UpdateRoute"]),
    row(
        SuperfluousApiParts,
        "apigateway:DELETE",
        UP,
        &[
            "apigateway:DeleteIntegration",
            "apigateway:DeleteRoute",
            "apigateway:DeleteRouteSettings",
            "apigateway:DeleteDeployment",
        ],
    ),
    row(Api, "apigateway:PATCH", UP, &["apigateway:UpdateApi", "apigateway:UpdateStage"]),
    // In `up`, only where another run made a second API at the same time, or the stage's name changed.
    row(Api, "apigateway:DELETE", WRITERS, &["apigateway:DeleteApi", "apigateway:DeleteStage"]),
    row(OtherRegions, "s3:ListAllMyBuckets", SEARCHERS_AND_LIST, &["s3:ListBuckets"]),
    row(OtherRegions, "iam:ListRoles", SEARCHERS_AND_LIST, &["iam:ListRoles"]),
    row(AccountSettings, "s3:GetAccountPublicAccessBlock", DOCTOR, &["s3control:GetPublicAccessBlock"]),
    row(AccountSettings, "lambda:GetAccountSettings", DOCTOR, &["lambda:GetAccountSettings"]),
    row(Caller, "iam:SimulatePrincipalPolicy", DOCTOR, &["iam:SimulatePrincipalPolicy"]),
];

/// Calls of the product that the policy leaves out, and why.
pub(crate) const LEFT_OUT: &[(&str, &str)] = &[
    ("sts:GetCallerIdentity", "everyone may"),
    (
        "iam:RemoveRoleFromInstanceProfile",
        "it could be allowed on whole instance profiles only, whatever role they hold; whoever put the relay's role into one takes \
         it out again",
    ),
];

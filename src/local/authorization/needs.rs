//! What each operation needs, from the Service Authorization Reference: actions, resources and condition keys. Where sources
//! disagree or are silent, everything that any of them names is needed: stricter.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use super::super::apigateway;
use super::super::call::{Call, Service};
use super::super::iam::Context;
use super::super::secrets;
use super::super::world::World;
use super::Need;

/// What the operation needs; none if it is not known here. Nothing for GetCallerIdentity, which everyone may call.
pub(super) fn of(world: &World, call: &Call, operation: &str) -> Option<Vec<Need>> {
    let account = Account { region: &world.options.region, id: &world.options.account };
    match call.service {
        Service::Sts => Some(Vec::new()),
        Service::S3 => s3(call, operation),
        Service::Iam => iam(world, account, call, operation),
        Service::Lambda => Some(lambda(account, call, operation)),
        Service::Logs => Some(logs(account, call, operation)),
        Service::Ssm => {
            let name = json_body(call)["Name"].as_str().unwrap_or_default().to_owned();
            Some(vec![need(format!("ssm:{operation}"), secrets::parameter_arn(account.region, account.id, &name))])
        }
        Service::SecretsManager => Some(secrets_manager(world, account, call, operation)),
        Service::KinesisVideo => Some(kinesis_video(world, account, call, operation)),
        Service::ApiGateway => Some(api_gateway(world, account, call, operation)),
        Service::ExecuteApi => {
            let path = call.path.trim_start_matches("/_aws/execute-api/").replacen("/@connections", "", 1);
            let (stage, id) = path.rsplit_once('/')?;
            let resource =
                format!("{}:{stage}/{}/@connections/{}", account.arn("execute-api"), call.method, decoded(id));
            Some(vec![need("execute-api:ManageConnections", resource)])
        }
    }
}

#[derive(Clone, Copy)]
struct Account<'a> {
    region: &'a str,
    id: &'a str,
}

impl Account<'_> {
    fn arn(self, service: &str) -> String {
        format!("arn:aws:{service}:{}:{}", self.region, self.id)
    }
}

fn need(action: impl Into<String>, resource: impl Into<String>) -> Need {
    Need { action: action.into(), resource: resource.into(), context: Context::default() }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn json_body(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap_or_default()
}

fn has_members(value: &Value) -> bool {
    value.as_object().is_some_and(|members| !members.is_empty())
}

/// `aws:RequestTag/…` and `aws:TagKeys`.
fn with_request_tags<'a>(context: Context, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Context {
    tags.into_iter().fold(context, |context, (key, value)| {
        context.with(&format!("aws:RequestTag/{key}"), value).with("aws:TagKeys", key)
    })
}

/// Actions are mostly named like operations; "Required permissions for Amazon S3 API operations" lists where they are not.
fn s3(call: &Call, operation: &str) -> Option<Vec<Need>> {
    let path = decoded(call.path.trim_start_matches('/'));
    let bucket = format!("arn:aws:s3:::{}", path.split('/').next().unwrap_or_default());
    let object = format!("arn:aws:s3:::{path}");
    let versioned = |action: &str| match call.query("versionId") {
        Some(_) => format!("s3:{action}Version"),
        None => format!("s3:{action}"),
    };
    let (action, resource) = match operation {
        "GetAccountPublicAccessBlock" => ("s3:GetAccountPublicAccessBlock".to_owned(), "*".to_owned()),
        "ListBuckets" => ("s3:ListAllMyBuckets".to_owned(), "*".to_owned()),
        "HeadBucket" | "ListObjectsV2" => ("s3:ListBucket".to_owned(), bucket.clone()),
        "ListObjectVersions" => ("s3:ListBucketVersions".to_owned(), bucket.clone()),
        "ListMultipartUploads" => ("s3:ListBucketMultipartUploads".to_owned(), bucket.clone()),
        "DeleteBucketTagging" => ("s3:PutBucketTagging".to_owned(), bucket.clone()),
        "GetBucketEncryption" => ("s3:GetEncryptionConfiguration".to_owned(), bucket.clone()),
        "PutBucketEncryption" => ("s3:PutEncryptionConfiguration".to_owned(), bucket.clone()),
        "PutBucketLifecycleConfiguration" => ("s3:PutLifecycleConfiguration".to_owned(), bucket.clone()),
        "PutBucketReplication" => ("s3:PutReplicationConfiguration".to_owned(), bucket.clone()),
        "PutObjectLockConfiguration" => ("s3:PutBucketObjectLockConfiguration".to_owned(), bucket.clone()),
        "GetPublicAccessBlock" => ("s3:GetBucketPublicAccessBlock".to_owned(), bucket.clone()),
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => {
            ("s3:PutBucketPublicAccessBlock".to_owned(), bucket.clone())
        }
        "CreateBucket"
        | "DeleteBucket"
        | "GetBucketLocation"
        | "GetBucketVersioning"
        | "PutBucketVersioning"
        | "PutBucketRequestPayment"
        | "GetBucketOwnershipControls"
        | "GetBucketTagging"
        | "PutBucketTagging"
        | "GetBucketPolicy"
        | "PutBucketPolicy"
        | "DeleteBucketPolicy"
        | "GetBucketPolicyStatus" => (format!("s3:{operation}"), bucket.clone()),
        "GetObject" | "HeadObject" => (versioned("GetObject"), object),
        "DeleteObject" => (versioned("DeleteObject"), object),
        "PutObject" | "PutObjectLegalHold" | "AbortMultipartUpload" => (format!("s3:{operation}"), object),
        "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => ("s3:PutObject".to_owned(), object),
        "ListParts" => ("s3:ListMultipartUploadParts".to_owned(), object),
        "DeleteObjects" => return Some(keys_to_delete(call).flat_map(|key| deletion(&bucket, key)).collect()),
        _ => return None,
    };
    let mut needs = vec![need(action, resource)];
    // Of all lists only these two have the key, says the reference; HeadBucket asks for no prefix.
    if let ("ListObjectsV2" | "ListObjectVersions", Some(prefix)) = (operation, call.query("prefix")) {
        needs = needs.into_iter().map(|it| Need { context: it.context.with("s3:prefix", prefix), ..it }).collect();
    }
    if operation == "CreateBucket" && String::from_utf8_lossy(&call.body).contains("<Tag>") {
        needs.push(need("s3:TagResource", bucket));
    }
    Some(needs)
}

/// By key. The version `null` of a bucket without versions may count as a version or not; no source says, so both are needed.
fn deletion(bucket: &str, (key, version): (String, Option<String>)) -> Vec<Need> {
    let object = format!("{bucket}/{key}");
    let (plain, of_version) = (need("s3:DeleteObject", object.clone()), need("s3:DeleteObjectVersion", object));
    match version.as_deref() {
        None | Some("") => vec![plain],
        Some("null") => vec![plain, of_version],
        Some(_) => vec![of_version],
    }
}

/// The keys of a DeleteObjects call, and their versions.
pub(super) fn keys_to_delete(call: &Call) -> impl Iterator<Item = (String, Option<String>)> + use<> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Delete {
        #[serde(default)]
        object: Vec<Identifier>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Identifier {
        key: String,
        version_id: Option<String>,
    }
    let delete = str::from_utf8(&call.body).ok().and_then(|text| quick_xml::de::from_str::<Delete>(text).ok());
    delete.into_iter().flat_map(|delete| delete.object).map(|object| (object.key, object.version_id))
}

fn iam(world: &World, account: Account<'_>, call: &Call, operation: &str) -> Option<Vec<Need>> {
    let form: Vec<(String, String)> = form_urlencoded::parse(&call.body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let action = format!("iam:{operation}");
    let name = field("RoleName").unwrap_or_default();
    let role = |path: &str| format!("arn:aws:iam::{}:role{path}{name}", account.id);
    let tag = |index: usize, part: &str| field(&format!("Tags.member.{index}.{part}"));
    let tags: Vec<(&str, &str)> = (1..).map_while(|index| Some((tag(index, "Key")?, tag(index, "Value")?))).collect();
    let state = world.state();
    let standing = state.iam.role(name);
    // A role that is not there has no path.
    let resource = standing.map_or_else(|| role("/"), |standing| standing.arn.clone());
    let within = |context: Context, boundary: Option<&str>| match boundary {
        Some(arn) => context.with("iam:PermissionsBoundary", arn),
        None => context,
    };
    let current = standing.and_then(|standing| standing.permissions_boundary.as_deref());
    let plain = Context::default();
    let context = match operation {
        "SimulatePrincipalPolicy" => return Some(vec![need(action, field("PolicySourceArn").unwrap_or_default())]),
        "ListRoles" => return Some(vec![need(action, format!("arn:aws:iam::{}:role/", account.id))]),
        "CreateInstanceProfile"
        | "DeleteInstanceProfile"
        | "AddRoleToInstanceProfile"
        | "RemoveRoleFromInstanceProfile" => {
            let profile = field("InstanceProfileName").unwrap_or_default();
            let on_profile = need(action, format!("arn:aws:iam::{}:instance-profile/{profile}", account.id));
            let passing = (operation == "AddRoleToInstanceProfile").then(|| need("iam:PassRole", resource));
            return Some([Some(on_profile), passing].into_iter().flatten().collect());
        }
        "CreateRole" => {
            let resource = role(field("Path").unwrap_or("/"));
            let context = with_request_tags(within(plain, field("PermissionsBoundary")), tags.iter().copied());
            let create = Need { action, resource: resource.clone(), context };
            let tagging = (!tags.is_empty()).then(|| need("iam:TagRole", resource));
            return Some([Some(create), tagging].into_iter().flatten().collect());
        }
        "PutRolePermissionsBoundary" => within(plain, field("PermissionsBoundary")),
        "PutRolePolicy"
        | "DeleteRolePolicy"
        | "AttachRolePolicy"
        | "DetachRolePolicy"
        | "DeleteRolePermissionsBoundary" => within(plain, current),
        "TagRole" => with_request_tags(plain, tags.iter().copied()),
        "GetRole"
        | "DeleteRole"
        | "UpdateAssumeRolePolicy"
        | "UntagRole"
        | "ListRoleTags"
        | "GetRolePolicy"
        | "ListRolePolicies"
        | "ListAttachedRolePolicies"
        | "ListInstanceProfilesForRole" => plain,
        _ => return None,
    };
    Some(vec![Need { action, resource, context }])
}

fn function_arn(account: Account<'_>, name: &str) -> String {
    format!("{}:function:{}", account.arn("lambda"), name.rsplit(':').next().unwrap_or_default())
}

fn function_in_path(account: Account<'_>, call: &Call) -> String {
    let segments = call.segments();
    function_arn(account, segments.get(2).map(String::as_str).unwrap_or_default())
}

fn lambda(account: Account<'_>, call: &Call, operation: &str) -> Vec<Need> {
    let body = json_body(call);
    let name = body["FunctionName"].as_str().filter(|_| operation == "CreateFunction");
    let function = name.map_or_else(|| function_in_path(account, call), |name| function_arn(account, name));
    let mut needs = vec![match operation {
        "ListFunctions" | "GetAccountSettings" => need(format!("lambda:{operation}"), "*"),
        "Invoke" => need("lambda:InvokeFunction", function.clone()),
        _ => need(format!("lambda:{operation}"), function.clone()),
    }];
    if let ("CreateFunction" | "UpdateFunctionConfiguration", Some(role)) = (operation, body["Role"].as_str()) {
        let context = Context::default()
            .with("iam:PassedToService", "lambda.amazonaws.com")
            .with("iam:AssociatedResourceArn", function.clone());
        needs.push(Need { action: "iam:PassRole".to_owned(), resource: role.to_owned(), context });
    }
    if operation == "CreateFunction" && has_members(&body["Tags"]) {
        needs.push(need("lambda:TagResource", function));
    }
    needs
}

/// "Lambda returns tag data only if you have explicit allow permissions for lambda:ListTags" (GetFunction's reference).
pub(super) fn of_shown_tags(world: &World, call: &Call) -> [Need; 1] {
    let account = Account { region: &world.options.region, id: &world.options.account };
    [need("lambda:ListTags", function_in_path(account, call))]
}

/// Actions on a group are authorised on `…:log-group:NAME:log-stream:`, as denials show; those on tags take the bare ARN.
fn logs(account: Account<'_>, call: &Call, operation: &str) -> Vec<Need> {
    let body = json_body(call);
    let action = format!("logs:{operation}");
    let group = format!("{}:log-group:{}", account.arn("logs"), body["logGroupName"].as_str().unwrap_or_default());
    match operation {
        "DescribeLogGroups" => vec![need(action, format!("{}:log-group::log-stream:", account.arn("logs")))],
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            vec![need(action, body["resourceArn"].as_str().unwrap_or_default().trim_end_matches(":*"))]
        }
        "CreateLogGroup" if has_members(&body["tags"]) => vec![
            need(action, format!("{group}:log-stream:")),
            // On which of the two is not documented.
            need("logs:TagResource", group.clone()),
            need("logs:TagResource", format!("{group}:log-stream:")),
        ],
        _ => vec![need(action, format!("{group}:log-stream:"))],
    }
}

/// Authorised on the full ARN. What is not there has no suffix, so that no policy for one with a suffix allows it.
fn secrets_manager(world: &World, account: Account<'_>, call: &Call, operation: &str) -> Vec<Need> {
    let body = json_body(call);
    let name = body["SecretId"].as_str().or(body["Name"].as_str()).unwrap_or_default();
    let arn = match world.state().secrets.secret_arn(name) {
        Some(arn) => arn.to_owned(),
        None if name.starts_with("arn:") => name.to_owned(),
        None => format!("{}:secret:{name}", account.arn("secretsmanager")),
    };
    vec![need(format!("secretsmanager:{operation}"), arn)]
}

/// Authorised on the channel's ARN, which ends in the time of its creation. What is not there has none, so that only a policy for any
/// time allows it.
fn kinesis_video(world: &World, account: Account<'_>, call: &Call, operation: &str) -> Vec<Need> {
    let body = json_body(call);
    let given = body["ChannelARN"].as_str().or(body["ResourceARN"].as_str());
    let name = body["ChannelName"].as_str().unwrap_or_default();
    let standing = world.state().kinesis_video.channel_arn(name).map(str::to_owned);
    let arn = match given {
        Some(arn) => arn.to_owned(),
        None => standing.unwrap_or_else(|| format!("{}:channel/{name}/0", account.arn("kinesisvideo"))),
    };
    let mut needs = vec![need(format!("kinesisvideo:{operation}"), arn.clone())];
    if operation == "CreateSignalingChannel" && body["Tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
        needs.push(need("kinesisvideo:TagResource", arn));
    }
    needs
}

/// Actions are HTTP methods, resources are paths (AWS-FACTS D).
fn api_gateway(world: &World, account: Account<'_>, call: &Call, operation: &str) -> Vec<Need> {
    let service = format!("arn:aws:apigateway:{}::", account.region);
    let path = call.path.trim_start_matches("/v2");
    let action = format!("apigateway:{}", call.method);
    let body = json_body(call);
    let tags: Vec<(&str, &str)> = body["tags"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect();
    let requested = with_request_tags(Context::default(), tags.iter().copied());
    // Tags count on what carries them. No inheritance is documented for the v2 API, so parts of an API have none.
    let standing = apigateway::tags_by_path(&world.state(), &decoded(path));
    let context = standing.iter().fold(requested.clone(), |context, (key, value)| {
        context.with(&format!("aws:ResourceTag/{key}"), value.as_str())
    });
    let mut needs = vec![Need { action, resource: format!("{service}{path}"), context }];
    let tagging =
        |resource: String| Need { action: "apigateway:TagResource".to_owned(), resource, context: requested.clone() };
    match operation {
        // Creating with tags is authorised on `/tags/…` too, and as TagResource on the collection (AWS-FACTS D).
        "CreateApi" | "CreateStage" if !tags.is_empty() => {
            let created = match operation {
                "CreateStage" => format!("{service}{path}/{}", body["stageName"].as_str().unwrap_or_default()),
                _ => format!("{service}{path}/new"),
            };
            let encoded = utf8_percent_encode(&created, NON_ALPHANUMERIC).to_string();
            let post = need("apigateway:POST", format!("{service}/tags/{encoded}"));
            needs.extend([post, tagging(format!("{service}{path}")), tagging(created)]);
        }
        "TagResource" | "UntagResource" => {
            let arn = decoded(path.trim_start_matches("/tags/"));
            needs.push(Need { action: format!("apigateway:{operation}"), ..tagging(arn) });
        }
        _ => {}
    }
    needs
}

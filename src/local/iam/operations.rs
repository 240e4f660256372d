//! IAM's operations on roles. Each gives the content of its `…Result` element.

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::super::answer::{self, Answer, AwsError};
use super::super::call::Operation;
use super::super::tags::{self, Tags};
use super::super::world::World;
use super::super::xml;
use super::form::{Form, invalid_tags, validation};
use super::instance_profiles;
use super::model::{Role, Store};
use super::policy::{self, PolicyKind};
use super::session::unique_id;

const ROLE_NAME_LENGTH: usize = 64;
const POLICY_NAME_LENGTH: usize = 128;

/// Wraps an operation's result as the query protocol does.
pub(super) fn answer(action: &str, result: &str, request_id: &str) -> Answer {
    let result = if result.is_empty() { String::new() } else { xml::element(&format!("{action}Result"), result) };
    let body = format!(
        "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">{result}\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    );
    answer::xml(StatusCode::OK, "text/xml", &body)
}

pub(super) fn run(world: &World, operation: Operation, form: &Form) -> Result<String, AwsError> {
    let (manners, now) = (&world.options.manners, world.now());
    let mut state = world.state();
    if operation.is_write {
        return on(world, state.iam.change(now, manners.memory()), form);
    }
    // A copy, because the operations are written for both.
    on(world, &mut state.iam.seen(now, manners.iam_lag).clone(), form)
}

fn on(world: &World, store: &mut Store, form: &Form) -> Result<String, AwsError> {
    match form.action() {
        "CreateRole" => create_role(world, store, form),
        "ListRoles" => list_roles(world, store, form),
        "DeleteRole" => delete_role(store, form),
        "CreateInstanceProfile" => instance_profiles::create(world, store, form),
        "DeleteInstanceProfile" => instance_profiles::delete(store, form),
        "AddRoleToInstanceProfile" => instance_profiles::add_role(store, form),
        "RemoveRoleFromInstanceProfile" => instance_profiles::remove_role(store, form),
        "ListInstanceProfilesForRole" => {
            role_mut(store, form)?;
            instance_profiles::list_for_role(world, store, form)
        }
        action => {
            let role = role_mut(store, form)?;
            match action {
                "GetRole" => Ok(role_element(role)),
                "UpdateAssumeRolePolicy" => {
                    role.assume_role_policy = policy::parse(form.required("PolicyDocument")?, PolicyKind::Trust)?;
                    Ok(String::new())
                }
                "TagRole" => {
                    let more = form.tags()?;
                    // A key in other letters is the same key: its tag is replaced.
                    let is_replaced = |key: &String| more.keys().any(|new| new.to_lowercase() == key.to_lowercase());
                    let mut tags = role.tags.clone();
                    tags.retain(|key, _| !is_replaced(key));
                    tags::add(&mut tags, more).map_err(invalid_tags)?;
                    role.tags = tags;
                    Ok(String::new())
                }
                "UntagRole" => {
                    form.list("TagKeys").for_each(|key| drop(role.tags.remove(key)));
                    Ok(String::new())
                }
                "ListRoleTags" => {
                    let (page, rest) = form.page(world, by_name(&role.tags))?;
                    let members = xml::list("member", page, |(key, value)| tag(key, value));
                    Ok(xml::element("Tags", &members) + &rest)
                }
                "PutRolePolicy" => put_role_policy(role, form),
                "GetRolePolicy" => get_role_policy(role, form),
                "ListRolePolicies" => {
                    let (page, rest) = form.page(world, by_name(&role.inline_policies))?;
                    Ok(xml::element(
                        "PolicyNames",
                        &page.iter().map(|(name, _)| xml::text("member", name)).collect::<String>(),
                    ) + &rest)
                }
                "DeleteRolePolicy" => {
                    let name = form.name("PolicyName", POLICY_NAME_LENGTH)?;
                    role.inline_policies.remove(name).ok_or_else(|| no_such_policy(name)).map(|_| String::new())
                }
                "AttachRolePolicy" => {
                    let (name, arn) = managed_policy(form)?;
                    role.attached_policies.insert(name, arn);
                    Ok(String::new())
                }
                "DetachRolePolicy" => {
                    let (name, arn) = managed_policy(form)?;
                    role.attached_policies
                        .remove(&name)
                        .ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))
                        .map(|_| String::new())
                }
                "ListAttachedRolePolicies" => {
                    let (page, rest) = form.page(world, by_name(&role.attached_policies))?;
                    let members = xml::list("member", page, |(name, arn)| {
                        xml::text("PolicyName", name) + &xml::text("PolicyArn", arn)
                    });
                    Ok(xml::element("AttachedPolicies", &members) + &rest)
                }
                "PutRolePermissionsBoundary" => {
                    role.permissions_boundary = Some(boundary(form.required("PermissionsBoundary")?)?);
                    Ok(String::new())
                }
                "DeleteRolePermissionsBoundary" => {
                    let gone = format!("The role with name {} has no permissions boundary.", role.name);
                    role.permissions_boundary.take().ok_or_else(|| no_such_entity(gone)).map(|_| String::new())
                }
                // `super::OPERATIONS` lets nothing else through.
                other => Err(AwsError::new(StatusCode::BAD_REQUEST, "InvalidAction", format!("No action {other}."))),
            }
        }
    }
}

fn create_role(world: &World, store: &mut Store, form: &Form) -> Result<String, AwsError> {
    let name = form.name("RoleName", ROLE_NAME_LENGTH)?;
    let path = form.get("Path").unwrap_or("/");
    if !(path.starts_with('/')
        && path.ends_with('/')
        && path.len() <= 512
        && path.chars().all(|c| c.is_ascii_graphic()))
    {
        return Err(validation(format!(
            "The specified value for path is invalid: '{path}' must begin and end with /."
        )));
    }
    let max_session_duration = match form.get("MaxSessionDuration").map(str::parse) {
        None => 3600,
        Some(Ok(seconds @ 3600..=43200)) => seconds,
        Some(_) => return Err(validation("maxSessionDuration must be a number from 3600 to 43200.".to_owned())),
    };
    let permissions_boundary = form.get("PermissionsBoundary").map(boundary).transpose()?;
    let assume_role_policy = policy::parse(form.required("AssumeRolePolicyDocument")?, PolicyKind::Trust)?;
    let tags = form.tags()?;
    // Role names are compared without regard to case.
    if store.roles.keys().any(|existing| existing.eq_ignore_ascii_case(name)) {
        let message = format!("Role with name {name} already exists.");
        return Err(AwsError::new(StatusCode::CONFLICT, "EntityAlreadyExists", message));
    }
    let role = Role {
        name: name.to_owned(),
        path: path.to_owned(),
        arn: format!("arn:aws:iam::{}:role{path}{name}", world.options.account),
        id: format!("AROA{}", unique_id()),
        description: form.get("Description").map(str::to_owned),
        max_session_duration,
        permissions_boundary,
        tags,
        assume_role_policy,
        inline_policies: Default::default(),
        attached_policies: Default::default(),
        created_at: world.now(),
        refusals: 0,
        created: jiff::Timestamp::now(),
    };
    let element = role_element(&role);
    store.roles.insert(name.to_owned(), role);
    Ok(element)
}

fn list_roles(world: &World, store: &Store, form: &Form) -> Result<String, AwsError> {
    let prefix = form.get("PathPrefix").unwrap_or("/");
    let roles = by_name(&store.roles).into_iter().filter(|(_, role)| role.path.starts_with(prefix)).collect();
    let (page, rest) = form.page(world, roles)?;
    // A listing leaves out tags, description's companions and boundary: only GetRole has them.
    let members = xml::list("member", page, |(_, role)| role_summary(role));
    Ok(xml::element("Roles", &members) + &rest)
}

fn delete_role(store: &mut Store, form: &Form) -> Result<String, AwsError> {
    let role = role_mut(store, form)?;
    let conflict = |message| Err(AwsError::new(StatusCode::CONFLICT, "DeleteConflict", message));
    if !role.inline_policies.is_empty() {
        return conflict("Cannot delete entity, must delete policies first.");
    }
    if !role.attached_policies.is_empty() {
        return conflict("Cannot delete entity, must detach all policies first.");
    }
    let name = role.name.clone();
    if instance_profiles::holds(store, &name) {
        return conflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    store.roles.remove(&name);
    Ok(String::new())
}

fn put_role_policy(role: &mut Role, form: &Form) -> Result<String, AwsError> {
    /// All inline policies of a role together, white space aside (AWS-FACTS D).
    const MAXIMUM: usize = 10_240;
    let name = form.name("PolicyName", POLICY_NAME_LENGTH)?;
    let document = policy::parse(form.required("PolicyDocument")?, PolicyKind::Identity)?;
    let others = role.inline_policies.iter().filter(|(other, _)| *other != name).map(|(_, other)| other);
    if others.chain([&document]).map(|document| document.to_string().len()).sum::<usize>() > MAXIMUM {
        let message = format!("Maximum policy size of {MAXIMUM} bytes exceeded for role {}", role.name);
        return Err(AwsError::new(StatusCode::CONFLICT, "LimitExceeded", message));
    }
    role.inline_policies.insert(name.to_owned(), document);
    Ok(String::new())
}

fn get_role_policy(role: &Role, form: &Form) -> Result<String, AwsError> {
    let name = form.name("PolicyName", POLICY_NAME_LENGTH)?;
    let document = role.inline_policies.get(name).ok_or_else(|| no_such_policy(name))?;
    Ok(xml::text("RoleName", &role.name)
        + &xml::text("PolicyName", name)
        + &xml::text("PolicyDocument", encoded(document)))
}

fn role_mut<'a>(store: &'a mut Store, form: &Form) -> Result<&'a mut Role, AwsError> {
    let name = form.name("RoleName", ROLE_NAME_LENGTH)?;
    store.roles.get_mut(name).ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
}

fn managed_policy(form: &Form) -> Result<(String, String), AwsError> {
    let arn = form.required("PolicyArn")?;
    match arn.rsplit_once('/') {
        Some((_, name)) if is_policy_arn(arn) => Ok((name.to_owned(), arn.to_owned())),
        _ => Err(AwsError::new(StatusCode::BAD_REQUEST, "InvalidInput", format!("ARN {arn} is not valid."))),
    }
}

fn boundary(arn: &str) -> Result<String, AwsError> {
    let invalid = "ARN of the permissions boundary is not valid.";
    is_policy_arn(arn)
        .then(|| arn.to_owned())
        .ok_or_else(|| AwsError::new(StatusCode::BAD_REQUEST, "InvalidInput", invalid))
}

fn is_policy_arn(arn: &str) -> bool {
    arn.starts_with("arn:") && arn.contains(":policy/")
}

fn no_such_policy(name: &str) -> AwsError {
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}

fn no_such_entity(message: String) -> AwsError {
    AwsError::new(StatusCode::NOT_FOUND, "NoSuchEntity", message)
}

fn role_summary(role: &Role) -> String {
    [
        xml::text("Path", &role.path),
        xml::text("RoleName", &role.name),
        xml::text("RoleId", &role.id),
        xml::text("Arn", &role.arn),
        xml::text("CreateDate", role.created.strftime("%Y-%m-%dT%H:%M:%SZ")),
        xml::text("AssumeRolePolicyDocument", encoded(&role.assume_role_policy)),
        xml::optional("Description", role.description.as_ref()),
        xml::text("MaxSessionDuration", role.max_session_duration),
    ]
    .concat()
}

fn role_element(role: &Role) -> String {
    let boundary = role.permissions_boundary.as_ref().map(|arn| {
        let kind = xml::text("PermissionsBoundaryType", "Policy");
        xml::element("PermissionsBoundary", &(kind + &xml::text("PermissionsBoundaryArn", arn)))
    });
    let tags = match role.tags.is_empty() {
        true => String::new(),
        false => xml::element("Tags", &tag_members(&role.tags)),
    };
    xml::element("Role", &(role_summary(role) + &boundary.unwrap_or_default() + &tags))
}

fn tag_members(tags: &Tags) -> String {
    xml::list("member", tags, |(key, value)| tag(key, value))
}

fn tag(key: &str, value: &str) -> String {
    xml::text("Key", key) + &xml::text("Value", value)
}

fn by_name<T>(items: &std::collections::BTreeMap<String, T>) -> Vec<(&str, &T)> {
    items.iter().map(|(name, item)| (name.as_str(), item)).collect()
}

/// Documents come back URL-encoded (AWS-FACTS D).
fn encoded(document: &Value) -> String {
    utf8_percent_encode(&document.to_string(), NON_ALPHANUMERIC).to_string()
}

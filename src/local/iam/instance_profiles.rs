//! Instance profiles, as far as somebody can put a role into one: it cannot be deleted while it is in any (AWS-FACTS D).

use http::StatusCode;

use super::super::answer::AwsError;
use super::super::world::World;
use super::super::xml;
use super::form::Form;
use super::model::Store;

const NAME_LENGTH: usize = 128;

pub(super) fn create(world: &World, store: &mut Store, form: &Form) -> Result<String, AwsError> {
    let name = form.name("InstanceProfileName", NAME_LENGTH)?;
    if store.instance_profiles.contains_key(name) {
        return Err(conflict("EntityAlreadyExists", format!("Instance Profile {name} already exists.")));
    }
    store.instance_profiles.insert(name.to_owned(), None);
    Ok(xml::element("InstanceProfile", &element(world, name)))
}

pub(super) fn delete(store: &mut Store, form: &Form) -> Result<String, AwsError> {
    let name = form.name("InstanceProfileName", NAME_LENGTH)?;
    if profile(store, name)?.is_some() {
        return Err(conflict(
            "DeleteConflict",
            "Cannot delete entity, must remove roles from instance profile first.".into(),
        ));
    }
    store.instance_profiles.remove(name);
    Ok(String::new())
}

/// A profile takes one role.
pub(super) fn add_role(store: &mut Store, form: &Form) -> Result<String, AwsError> {
    let (name, role) = (form.name("InstanceProfileName", NAME_LENGTH)?, form.required("RoleName")?);
    if store.role(role).is_none() {
        return Err(no_such_entity(format!("The role with name {role} cannot be found.")));
    }
    let place = profile(store, name)?;
    if place.is_some() {
        return Err(conflict("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1".into()));
    }
    *place = Some(role.to_owned());
    Ok(String::new())
}

pub(super) fn remove_role(store: &mut Store, form: &Form) -> Result<String, AwsError> {
    let (name, role) = (form.name("InstanceProfileName", NAME_LENGTH)?, form.required("RoleName")?);
    let place = profile(store, name)?;
    if place.as_deref() != Some(role) {
        return Err(no_such_entity(format!("Role {role} is not in instance profile {name}.")));
    }
    *place = None;
    Ok(String::new())
}

pub(super) fn list_for_role(world: &World, store: &Store, form: &Form) -> Result<String, AwsError> {
    let role = form.required("RoleName")?;
    let of_role = store.instance_profiles.iter().filter(|(_, holds)| holds.as_deref() == Some(role));
    let (page, rest) = form.page(world, of_role.map(|(name, holds)| (name.as_str(), holds)).collect())?;
    let members = xml::list("member", page, |(name, _)| element(world, name));
    Ok(xml::element("InstanceProfiles", &members) + &rest)
}

pub(super) fn holds(store: &Store, role: &str) -> bool {
    store.instance_profiles.values().any(|holds| holds.as_deref() == Some(role))
}

fn profile<'a>(store: &'a mut Store, name: &str) -> Result<&'a mut Option<String>, AwsError> {
    let missing = || no_such_entity(format!("Instance Profile {name} cannot be found."));
    store.instance_profiles.get_mut(name).ok_or_else(missing)
}

fn element(world: &World, name: &str) -> String {
    [
        xml::text("Path", "/"),
        xml::text("InstanceProfileName", name),
        xml::text("InstanceProfileId", "AIPA00000000000000000"),
        xml::text("Arn", format!("arn:aws:iam::{}:instance-profile/{name}", world.options.account)),
        xml::text("CreateDate", "2026-01-01T00:00:00Z"),
        "<Roles/>".to_owned(),
    ]
    .concat()
}

fn conflict(code: &str, message: String) -> AwsError {
    AwsError::new(StatusCode::CONFLICT, code, message)
}

fn no_such_entity(message: String) -> AwsError {
    AwsError::new(StatusCode::NOT_FOUND, "NoSuchEntity", message)
}

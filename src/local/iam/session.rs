//! Temporary credentials for a role: what the local Lambda service hands to a function.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rand::RngExt;
use rand::distr::{Alphanumeric, SampleString};

use super::super::call::Principal;
use super::super::world::World;

/// Credentials as a function finds them in its environment.
#[derive(Clone)]
pub(crate) struct SessionCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
}

impl std::fmt::Debug for SessionCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SessionCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Session {
    credentials: SessionCredentials,
    role_name: String,
    role_id: String,
    principal_arn: String,
}

/// All sessions ever issued, by access key id.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

/// Issues credentials for a role; none if the role does not exist.
pub(crate) fn issue_session(world: &World, role_arn: &str, session_name: &str) -> Option<SessionCredentials> {
    let (role_name, role_id) = {
        let state = world.state();
        let role = state.iam.role_by_arn(role_arn)?;
        (role.name.clone(), role.id.clone())
    };
    let credentials = SessionCredentials {
        access_key_id: format!("ASIA{}", unique_id()),
        secret_access_key: Alphanumeric.sample_string(&mut rand::rng(), 40),
        session_token: Alphanumeric.sample_string(&mut rand::rng(), 64),
    };
    let principal_arn = format!("arn:aws:sts::{}:assumed-role/{role_name}/{session_name}", world.options.account);
    let session = Session { credentials: credentials.clone(), role_name, role_id, principal_arn };
    world.sessions.0.lock().unwrap_or_else(PoisonError::into_inner).insert(credentials.access_key_id.clone(), session);
    Some(credentials)
}

/// The credentials and the principal behind an access key id. None once the role is gone: a new role of the same name has a new
/// id and does not revive old sessions.
pub(crate) fn find_session(world: &World, access_key_id: &str) -> Option<(SessionCredentials, Principal)> {
    let sessions = world.sessions.0.lock().unwrap_or_else(PoisonError::into_inner);
    let session = sessions.get(access_key_id)?;
    let state = world.state();
    state.iam.role(&session.role_name).filter(|role| role.id == session.role_id)?;
    let principal = Principal::RoleSession { role_name: session.role_name.clone(), arn: session.principal_arn.clone() };
    Some((session.credentials.clone(), principal))
}

/// Sixteen characters of the alphabet that AWS uses for unique ids.
pub(super) fn unique_id() -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut random = rand::rng();
    (0..16).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

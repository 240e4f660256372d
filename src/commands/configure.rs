//! From options to [`Config`].

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cli::{
    AdmissionOptions, ContentOptions, LifeOptions, PlaceOptions, RoleOptions, StackOptions, StunChoice, TagOptions,
    TurnOptions, TurnService, TurnServiceOptions,
};
use crate::config::{
    Admission, AllowedOrigin, Config, IceServer, PageSource, RelaySettings, RoleSettings, Tagging, Target, Throttling,
    Turn, TurnServers, default_ice_servers,
};
use crate::diagnostics::{Code, Diagnostic};
use crate::naming::{RolePath, StackName, StageName, UserTag};

/// The settings of a command that knows what is wanted.
pub(super) fn config(
    stack: &StackOptions,
    content: &ContentOptions,
    life: Option<&LifeOptions>,
) -> Result<Config, Diagnostic> {
    let expires = life.and_then(|life| life.expires).map(|lifetime| lifetime.from(Timestamp::now()));
    Ok(Config {
        tagging: Tagging { user: tags(&content.tags)?, expires, ..Tagging::default() },
        page: content.client.clone().map_or(PageSource::BuiltIn, PageSource::Directory),
        existing_bucket: content.bucket.existing_bucket.clone(),
        relay: RelaySettings {
            artifact: content.relay.clone(),
            architecture: content.arch,
            memory_mb: content.memory,
            timeout_s: content.timeout,
            log_retention_days: content.log_retention,
        },
        role: role(&content.role)?,
        ice_servers: ice_servers(&content.stun),
        turn: turn(&content.turn)?,
        admission: admission(&content.admission)?,
        throttling: Throttling { rate: content.throttle_rate, burst: content.throttle_burst },
        ..bare(stack)
    })
}

/// What a resource can hold beside our own tags (AWS-FACTS D): the owner, the expiry, the record of the last deploy, and what the
/// stack remembers, with room for more of it.
const MOST_TAGS: usize = 40;

fn tags(options: &TagOptions) -> Result<BTreeMap<String, String>, Diagnostic> {
    let refuse = |what: String| {
        Err(Diagnostic::new(
            Code::InvalidInput,
            what,
            "pass each key once; AWS takes 50 tags on a resource, ours among them",
        ))
    };
    let mut tags = BTreeMap::new();
    for UserTag { key, value } in &options.tags {
        // IAM tells them apart without regard to case.
        if let Some(other) = tags.keys().find(|other: &&String| other.to_lowercase() == key.to_lowercase()) {
            return refuse(format!("--tag gives the key '{key}' twice, the first time as '{other}'"));
        }
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > MOST_TAGS { refuse(format!("{} tags are too many", tags.len())) } else { Ok(tags) }
}

/// The settings of a command that wants nothing to be there.
pub(super) fn bare(stack: &StackOptions) -> Config {
    Config { stage: stack.stage.clone(), ..bare_at(stack.name.clone(), target(&stack.place)) }
}

/// The same for a stack that was found: its stage goes with its API, whatever it is called.
pub(super) fn bare_at(stack: StackName, target: Target) -> Config {
    Config {
        stack,
        stage: StageName::default(),
        target,
        page: PageSource::BuiltIn,
        existing_bucket: None,
        relay: RelaySettings::default(),
        role: RoleSettings::default(),
        ice_servers: default_ice_servers(),
        turn: None,
        admission: Admission::default(),
        throttling: Throttling::default(),
        tagging: Tagging::default(),
    }
}

/// On the command line the one excludes the others; in the environment and in a file nothing does.
pub(super) fn role(role: &RoleOptions) -> Result<RoleSettings, Diagnostic> {
    let RoleOptions { existing_role, permissions_boundary, role_path } = role.clone();
    let demand = match (&permissions_boundary, &role_path) {
        (Some(_), _) => Some("a permissions boundary"),
        (None, path) => (*path != RolePath::default()).then_some("a path"),
    };
    match demand {
        Some(demand) if existing_role.is_some() => Err(Diagnostic::new(
            Code::InvalidInput,
            format!("an existing role is set, and {demand} for a role of the stack's own"),
            "set --existing-role alone, or without it --permissions-boundary and --role-path; 'webrtc-aws config' shows what is set \
             where",
        )),
        _ => Ok(RoleSettings { existing: existing_role, path: role_path, permissions_boundary }),
    }
}

pub(super) fn target(place: &PlaceOptions) -> Target {
    let PlaceOptions { region, access } = place;
    if access.local {
        Target::Local { port: access.port, region: region.clone() }
    } else {
        Target::Aws {
            region: region.clone(),
            profile: access.profile.clone(),
            endpoint_url: access.endpoint_url.clone(),
            gateway: access.gateway_url.clone(),
        }
    }
}

/// Whose TURN servers a stack uses without running one.
pub(super) fn turn_service(options: &TurnServiceOptions) -> Option<Turn> {
    options.turn.map(|TurnService::Kvs| Turn::SignalingChannel)
}

/// On the command line each asks for the other or excludes it; in the environment and in a file nothing does.
fn turn(options: &TurnOptions) -> Result<Option<Turn>, Diagnostic> {
    let refused = |what: &str, way_out: &str| {
        let hint = format!("{way_out}; 'webrtc-aws config' shows what is set where");
        Err(Diagnostic::new(Code::InvalidInput, what, hint))
    };
    let together = "set --turn-url and --turn-secret-from together, or neither";
    let urls = options.turn_url.clone();
    match (turn_service(&options.service), options.turn_secret_from.clone(), urls.is_empty()) {
        (service, None, true) => Ok(service),
        (None, Some(secret), false) => {
            Ok(Some(Turn::OwnServers(TurnServers { urls, secret, life_s: options.turn_life })))
        }
        (None, Some(_), true) => refused("a secret for TURN servers is set, and no TURN server", together),
        (None, None, false) => refused("TURN servers are set, and nothing that says where their secret is", together),
        (Some(_), ..) => refused(
            "the TURN servers of a service are set, and some of one's own",
            "set --turn alone, or --turn-url and --turn-secret-from",
        ),
    }
}

/// What a function's environment has room for (AWS-FACTS C3), beside everything else in it.
const LONGEST_ORIGINS: usize = 2_500;

fn admission(options: &AdmissionOptions) -> Result<Admission, Diagnostic> {
    let AdmissionOptions { allowed_origins, join_token_from } = options;
    let length = |origin: &AllowedOrigin| match origin {
        AllowedOrigin::OwnPage => 100,
        AllowedOrigin::Of(origin) => origin.len() + 1,
    };
    if allowed_origins.iter().map(length).sum::<usize>() > LONGEST_ORIGINS {
        return Err(Diagnostic::new(
            Code::InvalidInput,
            format!("{} allowed origins are too many", allowed_origins.len()),
            "the relay is told them in its environment, which has no room for more; serve the pages from fewer hosts",
        ));
    }
    Ok(Admission { origins: allowed_origins.clone(), token: join_token_from.clone() })
}

fn ice_servers(choices: &[StunChoice]) -> Vec<IceServer> {
    let urls: Vec<String> = choices
        .iter()
        .filter_map(|choice| match choice {
            StunChoice::None => None,
            StunChoice::Url(url) => Some(url.clone()),
        })
        .collect();
    if urls.is_empty() { Vec::new() } else { vec![IceServer { urls }] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stun_servers_are_none_or_the_given() {
        let url = |text: &str| text.parse::<StunChoice>().unwrap();
        assert_eq!(ice_servers(&[url("none")]), []);
        let given = ice_servers(&[url("stun:a.test"), url("stuns:b.test:5349")]);
        assert_eq!(given, [IceServer { urls: vec!["stun:a.test".into(), "stuns:b.test:5349".into()] }]);
    }

    #[test]
    fn an_existing_role_is_limited_and_placed_by_its_owner() {
        let options = |existing: Option<&str>, boundary: Option<&str>, path: &str| RoleOptions {
            existing_role: existing.map(|role| role.parse().unwrap()),
            permissions_boundary: boundary.map(str::to_owned),
            role_path: path.parse().unwrap(),
        };
        let limit = Some("arn:aws:iam::123456789012:policy/limit");
        assert!(role(&options(None, limit, "/team/")).unwrap().existing.is_none());
        assert!(role(&options(Some("relay"), None, "/")).unwrap().existing.is_some());
        assert_eq!(role(&options(Some("relay"), limit, "/")).unwrap_err().code, Code::InvalidInput);
        assert_eq!(role(&options(Some("relay"), None, "/team/")).unwrap_err().code, Code::InvalidInput);
    }

    #[test]
    fn more_origins_than_the_relay_can_be_told_are_refused() {
        let with = |count: usize| {
            let origins = (0..count).map(|number| format!("https://page-{number}.example.org").parse().unwrap());
            admission(&AdmissionOptions { allowed_origins: origins.collect(), join_token_from: None })
        };
        assert!(with(0).unwrap().is_open());
        assert_eq!(with(50).unwrap().origins.len(), 50);
        assert_eq!(with(200).unwrap_err().code, Code::InvalidInput);
    }

    #[test]
    fn turn_servers_come_with_the_place_of_their_secret_or_not_at_all() {
        let options = |url: Option<&str>, secret: Option<&str>| TurnOptions {
            service: TurnServiceOptions { turn: None },
            turn_url: url.map(|url| url.parse().unwrap()).into_iter().collect(),
            turn_secret_from: secret.map(|secret| secret.parse().unwrap()),
            turn_life: 600,
        };
        let (url, secret) = (Some("turn:turn.test"), Some("ssm:/turn/secret"));
        assert!(turn(&options(None, None)).unwrap().is_none());
        assert!(turn(&options(url, secret)).unwrap().is_some());
        assert_eq!(turn(&options(url, None)).unwrap_err().code, Code::InvalidInput);
        assert_eq!(turn(&options(None, secret)).unwrap_err().code, Code::InvalidInput);
        let of_aws = |options| TurnOptions { service: TurnServiceOptions { turn: Some(TurnService::Kvs) }, ..options };
        assert_eq!(turn(&of_aws(options(None, None))).unwrap(), Some(Turn::SignalingChannel));
        for own in [options(url, secret), options(url, None), options(None, secret)] {
            assert_eq!(turn(&of_aws(own)).unwrap_err().code, Code::InvalidInput);
        }
    }
}

//! From options to [`Config`].

use crate::cli::{ContentOptions, PlaceOptions, RoleOptions, StackOptions, StunChoice, TurnOptions};
use crate::config::{
    Config, IceServer, PageSource, RelaySettings, RoleSettings, Target, Throttling, TurnServers, default_ice_servers,
};

/// The settings of a command that knows what is wanted.
pub(super) fn config(stack: &StackOptions, content: &ContentOptions) -> Config {
    Config {
        page: content.client.clone().map_or(PageSource::BuiltIn, PageSource::Directory),
        relay: RelaySettings {
            artifact: content.relay.clone(),
            architecture: content.arch,
            memory_mb: content.memory,
            timeout_s: content.timeout,
            log_retention_days: content.log_retention,
        },
        role: role(&content.role),
        ice_servers: ice_servers(&content.stun),
        turn: turn(&content.turn),
        throttling: Throttling { rate: content.throttle_rate, burst: content.throttle_burst },
        ..bare(stack)
    }
}

/// The settings of a command that wants nothing to be there.
pub(super) fn bare(stack: &StackOptions) -> Config {
    Config {
        stack: stack.name.clone(),
        stage: stack.stage.clone(),
        target: target(&stack.place),
        page: PageSource::BuiltIn,
        relay: RelaySettings::default(),
        role: RoleSettings::default(),
        ice_servers: default_ice_servers(),
        turn: None,
        throttling: Throttling::default(),
    }
}

pub(super) fn role(role: &RoleOptions) -> RoleSettings {
    RoleSettings { path: role.role_path.clone(), permissions_boundary: role.permissions_boundary.clone() }
}

fn target(place: &PlaceOptions) -> Target {
    if place.local {
        Target::Local { port: place.port, region: place.region.clone() }
    } else {
        Target::Aws {
            region: place.region.clone(),
            profile: place.profile.clone(),
            endpoint_url: place.endpoint_url.clone(),
            gateway: place.gateway_url.clone(),
        }
    }
}

fn turn(options: &TurnOptions) -> Option<TurnServers> {
    let secret = options.turn_secret_from.clone()?;
    Some(TurnServers { urls: options.turn_url.clone(), secret, life_s: options.turn_life })
}

fn ice_servers(choices: &[StunChoice]) -> Vec<IceServer> {
    if choices.is_empty() {
        return default_ice_servers();
    }
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
    fn stun_servers_are_the_default_none_or_the_given() {
        let url = |text: &str| text.parse::<StunChoice>().unwrap();
        assert_eq!(ice_servers(&[]), default_ice_servers());
        assert_eq!(ice_servers(&[url("none")]), []);
        let given = ice_servers(&[url("stun:a.test"), url("stuns:b.test:5349")]);
        assert_eq!(given, [IceServer { urls: vec!["stun:a.test".into(), "stuns:b.test:5349".into()] }]);
    }
}

//! What is deployed: read this to know a stack.

use std::sync::Arc;

use crate::artifact::Artifact;
use crate::config::{Config, Tagging, Turn};
use crate::engine::graph::Graph;
use crate::engine::resource::Resource;
use crate::naming::{Memory, Names};
use crate::page::Page;
use crate::resources::bucket::Bucket;
use crate::resources::existing_bucket::ObjectsInExistingBucket;
use crate::resources::function::Function;
use crate::resources::integration::Integration;
use crate::resources::log_group::LogGroup;
use crate::resources::objects::Objects;
use crate::resources::page_files::{ForeignObjects, PageFiles};
use crate::resources::permission::Permission;
use crate::resources::role::Role;
use crate::resources::role_policy::RolePolicy;
use crate::resources::route::Route;
use crate::resources::sightings::Sightings;
use crate::resources::signaling_channel::SignalingChannel;
use crate::resources::stage::Stage;
use crate::resources::websocket_api::WebsocketApi;
use crate::resources::{BUCKET, OBJECTS, OBJECTS_IN_EXISTING_BUCKET, ROLE, ROLE_POLICY, SIGNALING_CHANNEL};

/// What goes into a stack besides its settings. Commands that deploy nothing have none of it.
#[derive(Debug)]
pub(crate) struct Ingredients {
    pub(crate) page: Page,
    /// `None` where no relay is at hand: the code that is deployed then counts as the wanted one.
    pub(crate) relay: Option<Artifact>,
    pub(crate) foreign_objects: ForeignObjects,
    /// The same for where these settings do not want the page, and an earlier run put it.
    pub(crate) foreign_where_unwanted: ForeignObjects,
}

impl Ingredients {
    /// For `teardown`, which wants nothing to be there.
    pub(crate) fn none(foreign_objects: ForeignObjects) -> Self {
        Self { page: Page::none(), relay: None, foreign_objects, foreign_where_unwanted: foreign_objects }
    }
}

/// The 1:1 stack.
pub(crate) fn graph(config: &Config, names: &Arc<Names>, ingredients: Ingredients) -> Graph {
    let names = || Arc::clone(names);
    let has_channel = config.turn == Some(Turn::SignalingChannel);
    let tagging = || remembering(config);
    let wants_page = ingredients.foreign_objects == ForeignObjects::Ignore;
    let files = Arc::new(PageFiles {
        names: names(),
        page: ingredients.page,
        ice_servers: config.ice_servers.clone(),
        ice_servers_on_demand: config.turn.is_some(),
        admission: config.admission.clone(),
        sightings: Sightings::default(),
    });
    let api: Arc<dyn Resource> = Arc::new(WebsocketApi { names: names(), tagging: tagging() });
    let integration: Arc<dyn Resource> = Arc::new(Integration { names: names() });
    let route: Arc<dyn Resource> = Arc::new(Route { admission: config.admission.clone() });
    let graph = Graph::new(vec![
        Arc::new(Bucket { names: names(), tagging: tagging() }),
        Arc::new(Objects {
            files: files.clone(),
            foreign: match config.existing_bucket {
                Some(_) => ingredients.foreign_where_unwanted,
                None => ingredients.foreign_objects,
            },
        }),
        Arc::new(ObjectsInExistingBucket {
            files,
            wanted: config.existing_bucket.clone().filter(|_| wants_page),
            told: config.existing_bucket.clone().filter(|_| !wants_page),
            foreign: ingredients.foreign_where_unwanted,
        }),
        Arc::new(LogGroup { retention_days: config.relay.log_retention_days, tagging: tagging() }),
        Arc::new(Role { settings: config.role.clone(), tagging: tagging() }),
        api.clone(),
        Arc::new(SignalingChannel { is_wanted: has_channel, tagging: tagging() }),
        Arc::new(RolePolicy { names: names(), turn: config.turn.clone(), admission: config.admission.clone() }),
        Arc::new(Function {
            names: names(),
            settings: config.relay.clone(),
            turn: config.turn.clone(),
            admission: config.admission.clone(),
            code: ingredients.relay,
            tagging: tagging(),
        }),
        Arc::new(Permission { names: names() }),
        integration.clone(),
        route.clone(),
        Arc::new(Stage {
            names: names(),
            deploys: vec![api, integration, route],
            throttling: config.throttling,
            tagging: tagging(),
        }),
    ]);
    let own_role = config.role.existing.is_some().then_some([ROLE, ROLE_POLICY]);
    let channel = (!has_channel).then_some(SIGNALING_CHANNEL);
    let page_elsewhere: &[_] = match config.existing_bucket {
        Some(_) => &[BUCKET, OBJECTS],
        None => &[OBJECTS_IN_EXISTING_BUCKET],
    };
    graph.without(own_role.into_iter().flatten().chain(channel).chain(page_elsewhere.iter().copied()))
}

/// What the stack's tags are to tell a run that is told nothing.
fn remembering(config: &Config) -> Tagging {
    let mut tagging = config.tagging.clone();
    if config.turn == Some(Turn::SignalingChannel) {
        tagging.remembers.insert(Memory::Turn, "kvs".to_owned());
    }
    tagging.remembers.extend(config.existing_bucket.iter().map(|bucket| (Memory::Bucket, bucket.to_string())));
    tagging
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{
        Admission, PageSource, RelaySettings, RoleSettings, Target, Throttling, TurnServers, default_ice_servers,
    };
    use crate::engine::context::Known;
    use crate::engine::resource::Address;
    use crate::engine::walk::{Order, Visit, walk};
    use crate::naming::{AccountId, Partition, Reach, Region, RolePath, StageName};

    fn sample() -> Graph {
        sample_with(None, Admission::default())
    }

    fn sample_with(turn: Option<Turn>, admission: Admission) -> Graph {
        sample_of(|config| (config.turn, config.admission) = (turn, admission))
    }

    fn sample_of(set: impl FnOnce(&mut Config)) -> Graph {
        let mut config = Config {
            stack: "demo".parse().unwrap(),
            stage: StageName::default(),
            target: Target::Local { port: 0, region: None },
            page: PageSource::BuiltIn,
            existing_bucket: None,
            relay: RelaySettings::default(),
            role: RoleSettings::default(),
            ice_servers: default_ice_servers(),
            turn: None,
            admission: Admission::default(),
            throttling: Throttling::default(),
            tagging: Tagging::default(),
        };
        set(&mut config);
        let names = Arc::new(Names {
            stack: config.stack.clone(),
            stage: config.stage.clone(),
            partition: Partition("aws".into()),
            account: AccountId("123456789012".into()),
            region: Region("us-east-1".into()),
            reach: Reach::Aws,
            role_path: RolePath::default(),
            existing_bucket: config.existing_bucket.clone(),
        });
        let relay = Artifact {
            zip: b"zip".as_slice().into(),
            sha256_base64: "hash".into(),
            architecture: crate::artifact::Architecture::X86_64,
            path: None,
        };
        let ingredients = Ingredients {
            page: Page::wanted(&config).unwrap(),
            relay: Some(relay),
            foreign_objects: ForeignObjects::Ignore,
            foreign_where_unwanted: ForeignObjects::Keep,
        };
        graph(&config, &names, ingredients)
    }

    async fn order_of(order: &Order, graph: &Graph) -> Vec<Address> {
        let log = std::sync::Mutex::new(Vec::new());
        let visits = walk(order, 8, &tokio_util::sync::CancellationToken::new(), |node| {
            log.lock().unwrap().push(graph.resources()[node].address());
            async { Ok::<(), ()>(()) }
        })
        .await;
        assert!(visits.iter().all(|visit| *visit == Visit::Done(())), "an order has a cycle: {visits:?}");
        log.into_inner().unwrap()
    }

    #[tokio::test]
    async fn no_order_has_a_cycle_and_the_stage_moves_last() {
        let graph = sample();
        order_of(&graph.observe_order(), &graph).await;
        let mut applied = order_of(&graph.apply_order(), &graph).await;
        applied.retain(|address| graph.is_wanted(*address));
        assert_eq!(applied.last(), Some(&crate::resources::STAGE));
        let deleted = order_of(&graph.delete_order(), &graph).await;
        let place = |address| deleted.iter().position(|other| *other == address).unwrap();
        use crate::resources::{BUCKET, FUNCTION, LOG_GROUP, OBJECTS, WEBSOCKET_API};
        assert!(place(WEBSOCKET_API) < place(FUNCTION), "callers go before what they call");
        assert!(place(FUNCTION) < place(LOG_GROUP) && place(FUNCTION) < place(ROLE_POLICY));
        assert!(place(ROLE_POLICY) < place(ROLE) && place(OBJECTS) < place(BUCKET));
    }

    #[test]
    fn every_address_is_unique_and_every_need_exists() {
        let graph = sample();
        let addresses: BTreeSet<_> = graph.resources().iter().map(|resource| resource.address()).collect();
        assert_eq!(addresses.len(), graph.resources().len());
        for resource in graph.resources() {
            let named = resource.needs().into_iter().chain(resource.contained_in()).chain(resource.deleted_after());
            for address in named {
                assert!(addresses.contains(&address), "{} names {address}", resource.address());
            }
        }
    }

    /// Action and resource of each statement in the role's policy.
    fn granted(graph: &Graph) -> Vec<(String, String)> {
        let known = Known::default();
        known.api.set(crate::naming::ApiId("abcdefghij".into()));
        let policy = graph.resources().iter().find(|r| r.address() == ROLE_POLICY).unwrap();
        let document = policy.desired(&known).unwrap();
        let statements = document["document"]["Statement"].as_array().unwrap();
        statements.iter().map(|s| (s["Action"].to_string(), s["Resource"].to_string())).collect()
    }

    #[test]
    fn with_turn_servers_the_role_may_read_their_secret_and_no_other() {
        let arn = "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:turn-AbCdEf";
        for (source, action, resource) in [
            ("ssm:/turn/secret", "ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/turn/secret"),
            ("ssm:turn", "ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/turn"),
            (
                "secretsmanager:turn",
                "secretsmanager:GetSecretValue",
                "arn:aws:secretsmanager:us-east-1:123456789012:secret:turn-??????",
            ),
            (arn, "secretsmanager:GetSecretValue", &arn["secretsmanager:".len()..]),
        ] {
            let urls = vec!["turn:turn.test".parse().unwrap()];
            let turn = TurnServers { urls, secret: source.parse().unwrap(), life_s: 600 };
            let granted = granted(&sample_with(Some(Turn::OwnServers(turn)), Admission::default()));
            let added = granted.iter().find(|it| !super::tests::granted(&sample()).contains(it)).unwrap();
            assert_eq!(granted.len(), 3);
            assert_eq!(added, &(format!("\"{action}\""), format!("\"{resource}\"")));
        }
    }

    #[test]
    fn with_a_signalling_channel_the_role_may_ask_for_its_turn_servers_and_the_function_is_told_of_it() {
        let graph = sample_with(Some(Turn::SignalingChannel), Admission::default());
        let granted = granted(&graph);
        let added = granted.iter().filter(|it| !super::tests::granted(&sample()).contains(it)).collect::<Vec<_>>();
        let actions = "[\"kinesisvideo:GetIceServerConfig\",\"kinesisvideo:GetSignalingChannelEndpoint\"]";
        let channel = "\"arn:aws:kinesisvideo:us-east-1:123456789012:channel/webrtc-aws-demo/*\"";
        assert_eq!(added, [&(actions.to_owned(), channel.to_owned())]);
        let function = graph.resources().iter().find(|it| it.address() == crate::resources::FUNCTION).unwrap();
        let known = Known::default();
        let arn = "arn:aws:kinesisvideo:us-east-1:123456789012:channel/webrtc-aws-demo/1700000000000";
        known.signaling_channel.set(arn.to_owned());
        let environment = function.desired(&known).unwrap()["environment"].clone();
        assert_eq!(environment["TURN_CHANNEL_ARN"], arn);
        assert_eq!(environment["TURN_CHANNEL_ENDPOINT"], "https://kinesisvideo.us-east-1.amazonaws.com");
    }

    #[tokio::test]
    async fn a_channel_goes_before_all_that_remember_it_and_an_unwanted_one_when_nothing_uses_it() {
        use crate::resources::{BUCKET, FUNCTION, LOG_GROUP, STAGE, WEBSOCKET_API};
        let place = |order: &[Address], address| order.iter().position(|other| *other == address).unwrap();
        let with = sample_with(Some(Turn::SignalingChannel), Admission::default());
        for graph in [&sample(), &with] {
            let deleted = order_of(&graph.delete_order(), graph).await;
            for address in [BUCKET, LOG_GROUP, ROLE, WEBSOCKET_API, FUNCTION, STAGE] {
                assert!(place(&deleted, SIGNALING_CHANNEL) < place(&deleted, address), "{address}: {deleted:?}");
            }
        }
        let applied = order_of(&with.apply_order(), &with).await;
        assert!(place(&applied, SIGNALING_CHANNEL) < place(&applied, FUNCTION));
        let applied = order_of(&sample().apply_order(), &sample()).await;
        assert!(place(&applied, SIGNALING_CHANNEL) > place(&applied, FUNCTION));
    }

    /// Whose tags these are.
    fn service(address: Address) -> &'static str {
        use crate::resources::{FUNCTION, LOG_GROUP, STAGE, WEBSOCKET_API};
        match address {
            BUCKET => "s3",
            LOG_GROUP => "logs",
            ROLE => "iam",
            FUNCTION => "lambda",
            WEBSOCKET_API | STAGE => "apigateway",
            _ => panic!("{address} has no tags that could remember anything"),
        }
    }

    /// What must stand before this is made.
    fn all_before(graph: &Graph, address: Address) -> BTreeSet<Address> {
        let mut all = BTreeSet::new();
        let mut next = vec![address];
        while let Some(address) = next.pop() {
            let resource = graph.resources().iter().find(|resource| resource.address() == address).unwrap();
            let before = resource.needs().into_iter().chain(resource.contained_in());
            next.extend(before.filter(|address| graph.is_wanted(*address) && all.insert(*address)));
        }
        all
    }

    /// Nothing else leads to it. A person may take away what has one of the tags, and of those of one service a run right after one that
    /// failed may see nothing yet.
    #[test]
    fn what_is_found_through_tags_of_others_is_not_made_before_two_services_remember_it() {
        // With neither a bucket nor a role of its own the fewest can.
        let graph = sample_of(|config| {
            config.turn = Some(Turn::SignalingChannel);
            config.existing_bucket = Some("team-pages".parse().unwrap());
            config.role.existing = Some("arn:aws:iam::123456789012:role/relay".parse().unwrap());
        });
        let is_remembered = |resource: &&Arc<dyn Resource>| !resource.remembered_by().is_empty();
        let remembered: Vec<_> = graph.resources().iter().filter(is_remembered).collect();
        assert!(!remembered.is_empty());
        for resource in remembered {
            let address = resource.address();
            assert!(graph.is_wanted(address), "{address} is not in this graph: nothing is shown of it");
            let before = all_before(&graph, address);
            let those = resource.remembered_by().into_iter().filter(|it| before.contains(it));
            let services: BTreeSet<_> = those.map(service).collect();
            assert!(services.len() >= 2, "before {address} is made, only {services:?} remembers it");
        }
    }

    #[test]
    fn with_a_join_token_the_role_may_read_it_and_the_function_is_told_where_it_is() {
        let admission = |origins: &[&str], token: Option<&str>| Admission {
            origins: origins.iter().map(|origin| origin.parse().unwrap()).collect(),
            token: token.map(|source| source.parse().unwrap()),
        };
        let spec = |graph: &Graph, address| {
            let resource = graph.resources().iter().find(|resource| resource.address() == address).unwrap();
            resource.desired(&Known::default()).unwrap()
        };
        let closed = sample_with(None, admission(&["self", "https://app.test"], Some("ssm:/join")));
        let resource = "arn:aws:ssm:us-east-1:123456789012:parameter/join";
        let statement = ("\"ssm:GetParameter\"".to_owned(), format!("\"{resource}\""));
        assert!(granted(&closed).contains(&statement));
        let environment = spec(&closed, crate::resources::FUNCTION)["environment"].clone();
        assert_eq!(environment["JOIN_TOKEN_FROM"], "ssm:/join");
        assert_eq!(environment["JOIN_TOKEN_ENDPOINT"], "https://ssm.us-east-1.amazonaws.com");
        let own = "https://webrtc-aws-demo-512a9a62fdf0.s3.us-east-1.amazonaws.com";
        assert_eq!(environment["ALLOWED_ORIGINS"], format!("{own} https://app.test"));

        let by_origin = sample_with(None, admission(&["self"], None));
        assert_eq!(granted(&by_origin), granted(&sample()), "an origin is no secret");
        for (graph, has_route) in [(&closed, true), (&by_origin, true), (&sample(), false)] {
            assert_eq!(spec(graph, crate::resources::ROUTE).get("connect").is_some(), has_route);
        }
    }

    #[test]
    fn the_role_may_post_to_this_stage_and_write_its_own_log_and_nothing_else() {
        assert_eq!(
            granted(&sample()),
            [
                (
                    "\"execute-api:ManageConnections\"".to_owned(),
                    "\"arn:aws:execute-api:us-east-1:123456789012:abcdefghij/prod/POST/*\"".to_owned()
                ),
                (
                    "[\"logs:CreateLogStream\",\"logs:PutLogEvents\"]".to_owned(),
                    "\"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/webrtc-aws-demo:*\"".to_owned()
                ),
            ]
        );
    }
}

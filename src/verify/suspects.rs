//! Which resources may be at fault for what a visitor saw.

use super::symptom::{Opening, Symptom};
use crate::engine::resource::Address;
use crate::engine::status::{ResourceStatus, State};
use crate::resources::{
    BUCKET, FUNCTION, INTEGRATION, OBJECTS, OBJECTS_IN_EXISTING_BUCKET, PERMISSION, ROLE, ROLE_POLICY, ROUTE, STAGE,
};

/// A resource that causes a symptom when it is missing, or when one of these fields differs.
pub(super) struct Suspect {
    address: Address,
    missing: &'static str,
    drifted: &'static [(&'static str, &'static str)],
}

const CLOSED_BUCKET: &[Suspect] = &[
    Suspect {
        address: BUCKET,
        missing: "the bucket is not there",
        drifted: &[
            (
                "public_access_block.restrict_public_buckets",
                "the bucket's public access block has RestrictPublicBuckets on, which keeps everyone out",
            ),
            ("policy", "the bucket's policy does not let everyone read its objects"),
            (
                "public_access_block.block_public_policy",
                "the bucket's public access block has BlockPublicPolicy on, which refuses a policy that would",
            ),
        ],
    },
    Suspect { address: OBJECTS, missing: "the page's files are not in the bucket", drifted: &[] },
    Suspect { address: OBJECTS_IN_EXISTING_BUCKET, missing: "the page's files are not in the bucket", drifted: &[] },
];

const OPEN_BUCKET: &[Suspect] = &[Suspect {
    address: BUCKET,
    missing: "the bucket is not this stack's",
    drifted: &[
        ("policy", "the bucket's policy permits more than reading the page over https"),
        ("public_access_block.block_public_acls", "the bucket takes public ACLs"),
        ("public_access_block.ignore_public_acls", "the bucket honours public ACLs"),
    ],
}];

const CONFIGURATION: &[Suspect] = &[config_in(OBJECTS), config_in(OBJECTS_IN_EXISTING_BUCKET)];

const fn config_in(address: Address) -> Suspect {
    Suspect {
        address,
        missing: "the page's files are not in the bucket",
        drifted: &[("files[\"config.js\"]", "config.js is not the one that was generated for this stack")],
    }
}

const STAGE_DEPLOYMENT: (&str, &str) =
    ("deployment", "the stage serves no deployment of this stack's, or an older one, or none at all");

const NO_STAGE: &[Suspect] = &[Suspect {
    address: STAGE,
    missing: "the API has no stage of this name",
    drifted: &[
        ("name", "the API has no stage of this name"),
        STAGE_DEPLOYMENT,
        ("throttling_rate", "the stage's throttling differs from the wanted one"),
        ("throttling_burst", "the stage's throttling differs from the wanted one"),
    ],
}];

const NO_ROUTE: &[Suspect] = &[
    Suspect {
        address: ROUTE,
        missing: "the API has no $default route",
        drifted: &[("target", "the $default route does not lead to the relay's integration")],
    },
    Suspect { address: STAGE, missing: "the API has no stage of this name", drifted: &[STAGE_DEPLOYMENT] },
];

const NO_RELAY: &[Suspect] = &[
    Suspect {
        address: FUNCTION,
        missing: "the relay's function is not there",
        drifted: &[
            ("state", "the relay's function is not ready for calls"),
            ("role", "the relay's function runs under another role"),
            ("environment.CONNECTIONS_ENDPOINT", "the relay's environment is not as it should be"),
            ("runtime", "the relay's function has another runtime"),
            ("architecture", "the relay's function runs on another processor than it was built for"),
        ],
    },
    Suspect {
        address: PERMISSION,
        missing: "the function's policy has no statement that lets this API call it (lambda:InvokeFunction)",
        drifted: &[(
            "",
            "the statement that should let this API call the function (lambda:InvokeFunction) is another one",
        )],
    },
    Suspect {
        address: INTEGRATION,
        missing: "the API has no integration with the relay's function",
        drifted: &[("", "the API's integration does not lead to the relay's function")],
    },
    Suspect {
        address: ROLE,
        missing: "the relay's role is not there",
        drifted: &[("", "Lambda may not assume the relay's role")],
    },
];

const NO_ANSWER: &[Suspect] = &[
    Suspect {
        address: ROUTE,
        missing: "the API has no $default route",
        drifted: &[
            ("route_response", "the $default route has no route response, so what the relay answers is dropped"),
            (
                "route_response_selection_expression",
                "the $default route selects no route response, so what the relay answers is dropped",
            ),
        ],
    },
    Suspect { address: STAGE, missing: "the API has no stage of this name", drifted: &[STAGE_DEPLOYMENT] },
];

const NOT_PERMITTED: &[Suspect] = &[
    Suspect {
        address: ROLE_POLICY,
        missing: "the relay's role has no inline policy that permits execute-api:ManageConnections on this stage",
        drifted: &[(
            "",
            "the inline policy of the relay's role is not the one that permits execute-api:ManageConnections",
        )],
    },
    Suspect { address: ROLE, missing: "the relay's role is not there", drifted: &[] },
    Suspect {
        address: FUNCTION,
        missing: "the relay's function is not there",
        drifted: &[
            ("role", "the relay's function runs under another role"),
            ("environment.CONNECTIONS_ENDPOINT", "the relay posts to another API or stage than this one"),
        ],
    },
];

/// With which options the stack was deployed is not known here, so that what differs from the plain ones tells nothing.
const NO_TURN: &[Suspect] = &[Suspect {
    address: ROLE_POLICY,
    missing: "the relay's role has no inline policy that permits getting credentials for the TURN servers",
    drifted: &[],
}];

/// What may cause a symptom, the likeliest first, and the file that it is about.
pub(super) fn suspects(symptom: &Symptom) -> (&'static [Suspect], Option<&str>) {
    match symptom {
        Symptom::NotServed { file, .. } | Symptom::BrokenLink { file, .. } => (CLOSED_BUCKET, Some(file)),
        Symptom::WrongConfig(_) => (CONFIGURATION, None),
        // The $connect route's function fails, or cannot be called (AWS-FACTS A4).
        Symptom::HandshakeRefused(500 | 502) => (NO_RELAY, None),
        Symptom::HandshakeRefused(_) => (NO_STAGE, None),
        Symptom::Service(message) if message == "Forbidden" => (NO_ROUTE, None),
        Symptom::Service(_) => (NO_RELAY, None),
        Symptom::NoAnswer(_) => (NO_ANSWER, None),
        Symptom::RelayError(code) if code == "not_permitted" => (NOT_PERMITTED, None),
        Symptom::NoTurn(_) => (NO_TURN, None),
        Symptom::TooOpen(Opening::Door(_)) => (&[], None),
        Symptom::TooOpen(_) => (OPEN_BUCKET, None),
        Symptom::Unreachable { .. }
        | Symptom::WrongType { .. }
        | Symptom::TooManyFiles(_)
        | Symptom::NotDelivered(_)
        | Symptom::RelayError(_)
        | Symptom::NoError(_)
        | Symptom::WrongAnswer { .. }
        | Symptom::Closed(_) => (&[], None),
    }
}

impl Suspect {
    /// What speaks against it.
    pub(super) fn charges(&self, resources: &[ResourceStatus]) -> Vec<String> {
        let Some(resource) = resources.iter().find(|resource| resource.address == self.address) else {
            return Vec::new();
        };
        match resource.state {
            State::Present | State::Unwanted => Vec::new(),
            State::Missing => vec![self.missing.to_owned()],
            State::Foreign | State::Ambiguous => {
                vec![format!("{}: {}", self.address, resource.found.as_deref().unwrap_or("not this stack's"))]
            }
            State::Drifted => {
                let differs = |field: &str| resource.changes.iter().any(|change| change.field.starts_with(field));
                let charges = self.drifted.iter().filter(|(field, _)| differs(field));
                charges.map(|(_, charge)| (*charge).to_owned()).collect()
            }
        }
    }
}

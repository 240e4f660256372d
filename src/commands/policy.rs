//! `policy`: prints the IAM policy that the other commands need. Nobody needs a permission, and with account and region given not
//! even credentials, to find out which to ask for.

use super::{Ending, Run, configure};
use crate::aws::account::{self, Account};
use crate::aws::clients::{self, Access, Clients};
use crate::cli::{PolicyOptions, TurnService};
use crate::config::RoleSettings;
use crate::diagnostics::{Code, Diagnostic};
use crate::events::{EndpointSource, Event, Phase, PolicyKind};
use crate::naming::{ANY, AccountId, Partition, Patterns, Region};
use crate::permissions::{self, MANAGED_POLICY_LIMIT, Purpose};

pub(super) async fn run(options: &PolicyOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let role = configure::role(&options.role)?;
    let of = run.unless_interrupted(patterns(options, role, run)).await?;
    if let Some(role) = &of.existing_role
        && of.account.as_str() != ANY
        && let Some(other) = role.account_other_than(&of.partition, &of.account)
    {
        return Err(Diagnostic::new(
            Code::InvalidInput,
            format!("{role} is a role of the account {other}, and the policy is for {}", of.account),
            "a function runs under a role of its own account: name one that is there with --existing-role, or pass --account",
        ));
    }
    let boundary = options.role.permissions_boundary.as_deref();
    let (kind, document) = match (&options.github, options.purposes.as_slice()) {
        (Some(repository), _) => (PolicyKind::Trust, permissions::github_trust(&of, repository, &options.subject)),
        (None, [Purpose::Relay]) => (PolicyKind::Relay, permissions::relay(&of, &options.stage)),
        (None, [Purpose::Bucket]) if of.existing_bucket.is_some() => {
            (PolicyKind::Bucket, permissions::public_page(&of))
        }
        (None, [Purpose::Bucket]) => {
            return Err(Diagnostic::new(
                Code::InvalidInput,
                "a bucket of the stack's own has the policy that 'up' gives it",
                "say with --existing-bucket for which other bucket the policy is to be",
            ));
        }
        (None, purposes) if purposes.iter().any(|it| matches!(it, Purpose::Relay | Purpose::Bucket)) => {
            return Err(Diagnostic::new(
                Code::InvalidInput,
                "what the relay, everybody and the deployers have to be allowed are policies of their own",
                "make one with --for relay alone, for the relay's role, one with --for bucket alone, for the page's bucket, and one \
                 without",
            ));
        }
        (None, purposes) => (PolicyKind::Permissions, permissions::policy(purposes, &of, boundary)),
    };
    let characters = document.characters();
    if kind == PolicyKind::Permissions && characters > MANAGED_POLICY_LIMIT {
        run.events.warn(format!(
            "a managed policy has at most {MANAGED_POLICY_LIMIT} characters, and this has {characters}: make one for each of \
             --for up and --for teardown"
        ));
    }
    run.events.emit(Event::Policy { kind, characters, document });
    Ok(Ending::default())
}

/// Whose resources the policy is about.
async fn patterns(options: &PolicyOptions, role: RoleSettings, run: &Run) -> Result<Patterns, Diagnostic> {
    let stacks = options.stacks.clone().unwrap_or_else(|| options.name.clone().into());
    let RoleSettings { path: role_path, existing: existing_role, .. } = role;
    let has_signaling_channel = options.turn.turn == Some(TurnService::Kvs);
    let existing_bucket = options.bucket.existing_bucket.clone();
    let given = options.region.clone().map(Region);
    let access = Access {
        region: options.region.clone().filter(|region| region != ANY),
        profile: options.profile.clone(),
        ..Access::default()
    };
    if let Some(account) = &options.account {
        let region = match given {
            Some(region) => region,
            // Who may take a role is no matter of regions.
            None if options.github.is_some() => Region(ANY.to_owned()),
            None => configured_region(&access).await?,
        };
        let partition = Partition::of_region(region.as_str());
        let account = AccountId(account.clone());
        return Ok(Patterns {
            stacks,
            partition,
            account,
            region,
            role_path,
            existing_role,
            existing_bucket,
            has_signaling_channel,
        });
    }
    run.events.emit(Event::Phase { phase: Phase::Identifying });
    let sdk = clients::load(&access).await?;
    let Account { id, partition, region, caller } = account::identify(&sdk, &Clients::new(&sdk)).await?;
    let endpoint = sdk.endpoint_url().map(str::to_owned);
    run.events.emit(Event::Target {
        account: id.to_string(),
        region: region.to_string(),
        caller,
        endpoint_from: endpoint.as_ref().map(|_| EndpointSource::Environment),
        endpoint,
        decided: run.settings.decided(),
    });
    let region = given.unwrap_or(region);
    Ok(Patterns {
        stacks,
        partition,
        account: id,
        region,
        role_path,
        existing_role,
        existing_bucket,
        has_signaling_channel,
    })
}

async fn configured_region(access: &Access) -> Result<Region, Diagnostic> {
    let sdk = clients::load(access).await?;
    sdk.region().map(|region| Region(region.to_string())).ok_or_else(|| {
        Diagnostic::new(
            Code::NoRegion,
            "no AWS region is set",
            "pass --region, e.g. --region eu-central-1, or --region '*' for a policy that is good in every region",
        )
    })
}

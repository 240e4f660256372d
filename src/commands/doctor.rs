//! `doctor`: whether this machine and this account have what `up` needs. Reads only, and whatever cannot be found out leaves the rest
//! to be found.

use std::sync::Arc;
use std::time::SystemTime;

use aws_config::SdkConfig;

use super::configure;
use super::place::{self, Place};
use super::{Ending, Run};
use crate::artifact::{self, BuildRequest, Readiness};
use crate::aws::account::{self, Account};
use crate::aws::clients::{self, Clients};
use crate::aws::proxy::Proxy;
use crate::cli::{DoctorOptions, TurnService};
use crate::config::{RoleSettings, Target};
use crate::diagnostics::{Code, Diagnostic};
use crate::doctor::{self, Finding, Subject, Verdict};
use crate::engine::context::Context;
use crate::engine::resource::Address;
use crate::events::{EndpointSource, Event, Phase};
use crate::lifetime::LastDeploy;
use crate::naming::{ExistingBucket, Names, Patterns, Reach, Region, StackName, StageName};
use crate::permissions::{self, Purpose};
use crate::resources::existing_bucket;
use jiff::Timestamp;

/// Waits outside of any stack are the account's.
const ACCOUNT: Address = Address::new("account", "all");

/// What is asked for whom.
pub(super) struct Patient {
    pub(super) stack: StackName,
    pub(super) role: RoleSettings,
    pub(super) turn: Option<TurnService>,
    pub(super) bucket: Option<ExistingBucket>,
    /// As the command line has it.
    pub(super) region: Option<String>,
}

pub(super) async fn run(options: &DoctorOptions, run: &Run) -> Result<Ending, Diagnostic> {
    run.events.emit(Event::Phase { phase: Phase::Identifying });
    let target = configure::target(&options.place);
    let patient = Patient {
        stack: options.name.clone(),
        role: configure::role(&options.role)?,
        turn: options.turn.turn,
        bucket: options.bucket.existing_bucket.clone(),
        region: options.place.region.clone(),
    };
    let mut report = Report { run, problems: Vec::new() };
    match place::existing(&target, run).await {
        Ok(place) => {
            let sdk = run.unless_interrupted(clients::load(&place.access)).await?;
            run.unless_interrupted(async {
                examine(&sdk, &place, &patient, &mut report).await;
                Ok(())
            })
            .await?;
        }
        Err(problem) if problem.code == Code::Interrupted => return Err(problem),
        Err(problem) => {
            report.tell(Finding::problem(Subject::Endpoint, problem.summary, problem.hint));
            report.unasked(&AT_AWS, "there is nobody to ask", "see above");
        }
    }
    let request = BuildRequest {
        target: match target {
            Target::Local { .. } => artifact::Target::Host,
            Target::Aws { .. } => artifact::Target::Linux(options.arch),
        },
        relay: options.relay.clone(),
    };
    let relay = run.unless_interrupted(async { Ok(relay(&request).await) }).await?;
    report.tell(relay);
    Ok(report.ending())
}

/// What only AWS can tell.
const AT_AWS: [Subject; 4] = [Subject::Account, Subject::PublicAccess, Subject::Concurrency, Subject::Permissions];

/// The findings so far.
pub(super) struct Report<'run> {
    pub(super) run: &'run Run,
    problems: Vec<Subject>,
}

impl<'run> Report<'run> {
    #[cfg(test)]
    pub(super) fn new(run: &'run Run) -> Self {
        Self { run, problems: Vec::new() }
    }

    fn tell(&mut self, finding: Finding) {
        if matches!(finding.verdict, Verdict::Problem { .. }) && !self.problems.contains(&finding.subject) {
            self.problems.push(finding.subject);
        }
        self.run.events.emit(Event::Finding(finding));
    }

    fn unasked(&mut self, subjects: &[Subject], why: &str, remedy: &str) {
        for subject in subjects {
            self.tell(Finding::unknown(*subject, why, remedy));
        }
    }

    pub(super) fn ending(self) -> Ending {
        if self.problems.is_empty() {
            self.run.events.note("no problem found");
            return Ending::default();
        }
        let subjects: Vec<_> = self.problems.iter().map(ToString::to_string).collect();
        let (it, has) = if subjects.len() == 1 { ("a problem", "it has its") } else { ("problems", "each has its") };
        let problem = Diagnostic::new(
            Code::NotReady,
            format!("'up' would have {it} here: {}", subjects.join(", ")),
            format!("{has} remedy above; then run 'webrtc-aws doctor' again"),
        );
        problem.into()
    }
}

/// Everything but the relay.
pub(super) async fn examine(sdk: &SdkConfig, place: &Place, patient: &Patient, report: &mut Report<'_>) {
    let is_local = place.source == Some(EndpointSource::Local);
    let overridden = clients::overridden_services(&place.access);
    // One that cannot be used was refused when the clients were made.
    let proxy = Proxy::of_environment().ok().flatten();
    doctor::endpoints(sdk.endpoint_url(), place.source, &overridden, proxy.as_ref())
        .into_iter()
        .for_each(|finding| report.tell(finding));
    let credentials = account::credentials(sdk).await;
    report.tell(match &credentials {
        Ok(found) => doctor::credentials(found, SystemTime::now(), is_local),
        Err(problem) => Finding::problem(Subject::Credentials, problem.to_string(), problem.hint.clone()),
    });
    let region = sdk.region().map(ToString::to_string);
    let variable = |name: &str| std::env::var(name).ok();
    report.tell(doctor::region(region.as_deref(), patient.region.as_deref(), is_local, variable));
    report.tell(clock(sdk, region.as_deref()).await);
    if credentials.is_err() || region.is_none() {
        return report.unasked(&AT_AWS, "not asked without credentials and a region", "see above");
    }
    let clients = Clients::new(sdk);
    let account = match account::identify(sdk, &clients).await {
        Ok(account) => account,
        Err(problem) => {
            report.tell(Finding::problem(Subject::Account, problem.to_string(), problem.hint));
            return report.unasked(&AT_AWS[1..], "not asked without an account", "see above");
        }
    };
    ask_the_account(sdk, clients, account, patient, report).await;
}

async fn ask_the_account(
    sdk: &SdkConfig,
    clients: Clients,
    account: Account,
    patient: &Patient,
    report: &mut Report<'_>,
) {
    let Account { id, partition, region, caller } = account;
    report.tell(Finding::ok(Subject::Account, format!("{id}, as {caller}")));
    let (role_path, events) = (patient.role.path.clone(), report.run.events.clone());
    let reach = match sdk.endpoint_url().map(str::parse) {
        None => Reach::Aws,
        Some(Ok(url)) => Reach::Endpoint { url, gateway: None },
        Some(Err(error)) => {
            report.tell(Finding::problem(
                Subject::Endpoint,
                format!("it is no URL: {error}"),
                "correct AWS_ENDPOINT_URL",
            ));
            return report.unasked(&AT_AWS[1..], "there is nobody to ask", "see above");
        }
    };
    let of = Patterns {
        stacks: patient.stack.clone().into(),
        partition: partition.clone(),
        account: id.clone(),
        region: region.clone(),
        role_path: role_path.clone(),
        existing_role: patient.role.existing.clone(),
        has_signaling_channel: patient.turn == Some(TurnService::Kvs),
        existing_bucket: patient.bucket.clone(),
    };
    let (stack, stage) = (patient.stack.clone(), StageName::default());
    let existing_bucket = patient.bucket.clone();
    let names = Arc::new(Names { stack, stage, partition, account: id, region, reach, role_path, existing_bucket });
    let cancel = report.run.cancel.clone();
    let deploy = Arc::new(LastDeploy::by(&caller, Timestamp::now()));
    let context = Context { clients, names, known: Arc::default(), deploy, events, cancel, address: ACCOUNT };
    report.tell(doctor::public_access(&context).await);
    if let Some(bucket) = &patient.bucket {
        report.tell(match existing_bucket::check(&context, bucket).await {
            Ok(()) => Finding::ok(Subject::Bucket, format!("{bucket} is there, and may be looked at")),
            Err(problem) if problem.code == Code::InvalidInput => {
                Finding::problem(Subject::Bucket, problem.summary, problem.hint)
            }
            Err(problem) => Finding::unknown(Subject::Bucket, problem.summary, problem.hint),
        });
    }
    report.tell(doctor::concurrency(&context).await);
    let boundary = patient.role.permissions_boundary.as_deref();
    let wanted = permissions::policy(&[Purpose::Up], &of, boundary);
    let role = patient.role.existing.as_ref().map(|role| format!(" --existing-role {role}")).unwrap_or_default();
    let turn = patient.turn.map(|TurnService::Kvs| " --turn kvs").unwrap_or_default();
    let bucket = patient.bucket.as_ref().map(|bucket| format!(" --existing-bucket {bucket}")).unwrap_or_default();
    let hint = format!("webrtc-aws policy {} --for up{role}{bucket}{turn}", patient.stack);
    report.tell(doctor::permissions(&context, &caller, &wanted, &hint).await);
}

/// Needs no credentials: whoever answers, and be it with a refusal, says what time it is.
async fn clock(sdk: &SdkConfig, region: Option<&str>) -> Finding {
    let url = match (sdk.endpoint_url(), region) {
        (Some(url), _) => url.to_owned(),
        (None, Some(region)) => Region(region.to_owned()).sts_url(),
        (None, None) => return Finding::unknown(Subject::Clock, "not compared without a region", "see above"),
    };
    let compared = match url.parse() {
        Ok(url) => doctor::server_time(&url).await,
        Err(error) => Err(error.to_string()),
    };
    match compared {
        Ok(server) => doctor::clock(server, SystemTime::now()),
        Err(error) => Finding::unknown(
            Subject::Clock,
            format!("not compared: {url}: {error}"),
            "check the network, the region's spelling and any AWS_ENDPOINT_URL",
        ),
    }
}

async fn relay(request: &BuildRequest) -> Finding {
    match artifact::readiness(request).await {
        Ok(Readiness::AtHand(artifact)) => {
            let source = match (&request.relay, &artifact.path) {
                (Some(_), _) => "given",
                (None, Some(_)) => "built already",
                (None, None) => "in this program",
            };
            Finding::ok(Subject::Relay, format!("{source}, for {}", artifact.architecture))
        }
        Ok(Readiness::Buildable { triple }) => {
            Finding::ok(Subject::Relay, format!("not built yet; the toolchain for {triple} is here"))
        }
        Err(error) => Finding::problem(Subject::Relay, error.to_string(), error.hint()),
    }
}

//! The command line: clap types only. What they mean is decided in [`crate::commands`].

mod access;
mod admission;
mod build;
mod cost;
mod demands;
mod doctor;
mod fleet;
mod life;
mod logs;
mod open;
mod output;
mod settings;
mod shell;
mod turn;
mod values;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::artifact::Architecture;
use crate::config::{DEFAULT_STUN_SERVERS, RelaySettings, Throttling};
use crate::local::FaultRule;
use crate::naming::{StackName, StackPattern, StageName};
use crate::permissions::Purpose;

pub(crate) use access::AccessOptions;
pub(crate) use admission::AdmissionOptions;
pub(crate) use build::BuildOptions;
pub(crate) use cost::CostOptions;
pub(crate) use demands::{BucketOptions, RoleOptions};
pub(crate) use doctor::DoctorOptions;
pub(crate) use fleet::{AccountOptions, ListOptions, SweepOptions};
pub(crate) use life::{LifeOptions, TagOptions};
pub(crate) use logs::{LogsOptions, Since};
pub(crate) use open::{CodeOptions, OpenOptions};
pub(crate) use output::{OutputFormat, OutputOptions};
pub(crate) use settings::{ConfigOptions, SettingsOptions};
pub(crate) use shell::{CompletionsOptions, ManOptions};
pub(crate) use turn::{TurnOptions, TurnService, TurnServiceOptions};
pub(crate) use values::StunChoice;

/// The port of the local AWS, unless told otherwise.
pub(crate) const LOCAL_PORT: u16 = 4580;

/// Serverless WebRTC signalling and a 1:1 video call on AWS, deployed by direct API calls.
///
/// 'up' makes an S3 page, a WebSocket API and a relay function, and prints the page's URL: open it in two browsers and call.
/// 'teardown' removes all of it. There is no state file: what is deployed is found again by name and tag.
///
/// Without an AWS account: 'webrtc-aws up --local' does the same on this machine.
#[derive(Debug, Parser)]
#[command(name = "webrtc-aws", version, long_version = env!("WEBRTC_AWS_LONG_VERSION"), max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) output: OutputOptions,

    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
}

/// The whole command line.
pub(crate) fn command() -> clap::Command {
    Cli::command().mut_subcommands(settings::explained)
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed; 2 not a valid command, value or page, or a confirmation is missing;
3 credentials, region, network or permissions, or a problem that 'doctor' found; 4 a resource of that name is not ours;
5 'plan --exit-code' found changes; 6 a check of the deployed stack failed; 129, 130, 143 ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploy or update a stack, and print its URLs
    ///
    /// Deploys the page, the WebSocket API and the relay, or brings them up to date; what is as it should be is left alone.
    /// A run that failed or was interrupted is continued by running it again. Nothing that this program did not make is ever
    /// changed: if one of the names is taken by something else, the run ends before its first write.
    ///
    /// With --local, a local AWS is started on this machine if none is running; it stays until Ctrl-C, which is a normal end
    /// (exit code 0) and takes everything in it away.
    Up(UpOptions),

    /// Show what 'up' would change, and change nothing
    Plan(PlanOptions),

    /// Show what of a stack is there, and whether it is as it should be
    ///
    /// Each resource is present, missing, drifted (it differs from these options), foreign (it has our name but is not ours),
    /// ambiguous (more than one carries our tag) or unwanted (ours, and these options do without it). The relay's code is compared only where it costs no build: with --relay, or
    /// when it was built before.
    Status(StatusOptions),

    /// Try a deployed stack out: its page, its relay, and what nobody may do
    ///
    /// Opens the page and follows whatever it loads, passes messages between two connections and measures them, and tries to list
    /// the bucket and to write to it without credentials. Each check is one line; one that fails names cause and remedy, and the
    /// exit code is 6. Changes nothing, and costs about thirty messages of the relay's.
    Verify(VerifyOptions),

    /// Show the relay's log: who sent to whom, and what became of it
    ///
    /// One line for each message, from CloudWatch, by time and over all of its log streams: local time, level, outcome, connection ids,
    /// duration, the request id of the run; never what was said. Lambda's own lines are shown where they tell of a start or a failure, all of them with
    /// --verbose. With --follow it goes on until Ctrl-C, which is a normal end (exit code 0).
    Logs(LogsOptions),
    /// List the stacks of an account and region
    ///
    /// Finds them by tag and name: also those of which only a bucket, a role, a function or a log group is left. The age is the time
    /// since the last deploy, or since the newest part was made. Changes nothing.
    List(ListOptions),

    /// Remove a stack, and prove that nothing of it is left
    ///
    /// Finds everything by name and tag, from any directory and any machine. Shows what will be removed and asks; without a
    /// terminal it needs --yes.
    Teardown(TeardownOptions),

    /// Remove the stacks whose time has come
    ///
    /// Shows which stacks are too old or have expired, and why; with --yes it removes each of them as 'teardown' does. One that cannot
    /// be removed stops no other, and makes the exit code that of its problem. Never touches what has no tag of webrtc-aws.
    Sweep(SweepOptions),

    /// Run a local AWS in the foreground: an empty account on this machine
    ///
    /// It answers the calls that this program makes, S3 to Lambda, as strictly as AWS, and carries the deployed page, WebSocket
    /// API and relay. Deploy to it from another terminal with 'webrtc-aws up --local'; the AWS CLI works against it too.
    /// Everything in it is gone when it ends.
    Local(LocalOptions),

    /// Print the IAM policy that these commands need, and nothing more than that
    ///
    /// The document goes to stdout, for a file or 'aws iam create-policy'. With --account and --region it needs no credentials and
    /// no network; otherwise it is made for the account and region of the credentials that are there. With --github it is the
    /// trust policy of a role for the pipelines of a GitHub repository instead.
    Policy(PolicyOptions),

    /// Find out whether this machine and this account have what 'up' needs
    ///
    /// Looks at endpoint, credentials, region, clock, the account's public access block, its limit of parallel runs, permissions and the
    /// relay's toolchain; each finding is one line, with a remedy where it is not as it should be. What cannot be found out is said, and
    /// leaves the rest to be found. Changes nothing. The exit code is 3 if 'up' would fail, or make something that does not work.
    Doctor(DoctorOptions),

    /// Show what a stack costs: per call, per month, per million messages
    ///
    /// Multiplies list prices with what you assume, and shows how. Needs no account and no network.
    Cost(CostOptions),

    /// Build the relay's zip for Lambda, and print where it is
    ///
    /// 'up' does this by itself. Use it to build on one machine and deploy from another: 'up --relay FILE' takes the result. A released
    /// program carries the zips and has nothing to build.
    Build(BuildOptions),

    /// Show every setting: its value, and where that comes from
    ///
    /// An option that is given comes first, then the environment, then webrtc-aws.toml in the current directory, then the default.
    /// Takes the options of 'up', asks nobody and changes nothing.
    Config(ConfigOptions),

    /// Open the page of a deployed stack in the browser
    ///
    /// Prints the page's URL, and where there is a screen, opens it. With --qr it shows a code for a phone instead.
    Open(OpenOptions),

    /// Print what a shell needs to complete this program's command lines
    ///
    /// For bash: 'webrtc-aws completions bash > ~/.local/share/bash-completion/completions/webrtc-aws'.
    Completions(CompletionsOptions),

    /// Write the manual pages, one for each command, into a directory
    ///
    /// 'man webrtc-aws-up' finds them in ~/.local/share/man/man1.
    Man(ManOptions),
}

#[derive(Debug, Args)]
pub(crate) struct UpOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,
    #[command(flatten)]
    pub(crate) content: ContentOptions,
    #[command(flatten)]
    pub(crate) life: LifeOptions,
    #[command(flatten)]
    pub(crate) checks: CheckOptions,
    #[command(flatten)]
    pub(crate) code: CodeOptions,
}

/// Whether the stack is tried out at the end.
#[derive(Debug, Args)]
#[command(next_help_heading = "Checks")]
pub(crate) struct CheckOptions {
    /// Try the stack out even if nothing was changed, as 'verify' does
    #[arg(long, overrides_with = "no_verify")]
    pub(crate) verify: bool,

    /// Do not try the stack out; otherwise it is, after a run that changed something
    #[arg(long, overrides_with = "verify")]
    pub(crate) no_verify: bool,

    #[command(flatten)]
    pub(crate) token: TokenOptions,
}

/// What whoever connects must have, for the checks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Checks")]
pub(crate) struct TokenOptions {
    /// Try a relay that wants a join token with the one in this file
    ///
    /// Otherwise only those checks of such a relay are made that need none.
    #[arg(long, value_name = "FILE")]
    pub(crate) join_token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,
    #[command(flatten)]
    pub(crate) content: ContentOptions,
    #[command(flatten)]
    pub(crate) life: LifeOptions,

    /// End with exit code 5 if 'up' would change something
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,
    #[command(flatten)]
    pub(crate) content: ContentOptions,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,

    /// How long to wait for what is not right yet, over all checks
    ///
    /// Default: 60 for a stack that was deployed in the last five minutes, because AWS needs a while until everything is in effect
    /// everywhere; otherwise 10.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=3600), help_heading = "Checks")]
    pub(crate) patience: Option<u64>,

    #[command(flatten)]
    pub(crate) token: TokenOptions,
}

#[derive(Debug, Args)]
pub(crate) struct TeardownOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,

    /// Do not ask; needed where there is no terminal
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Also delete objects in the stack's bucket that something else put there; otherwise teardown stops at them
    #[arg(long)]
    pub(crate) delete_foreign_objects: bool,

    #[command(flatten)]
    pub(crate) turn: TurnServiceOptions,

    #[command(flatten)]
    pub(crate) bucket: BucketOptions,
}

/// Which stack, and where.
#[derive(Debug, Args)]
pub(crate) struct StackOptions {
    /// The stack's name: 1 to 28 of a-z, 0-9 and '-', starting with a letter, e.g. 'demo' or 'pr-42'
    ///
    /// One account and region can hold many stacks; each has its own page, API and relay. No '-' at the end and no '--'.
    #[arg(id = "stack", value_name = "STACK", default_value = "demo")]
    pub(crate) name: StackName,

    /// The stage of the WebSocket API, the last part of its URL: 1 to 128 of A-Z, a-z, 0-9, '_' and '-'
    #[arg(long, value_name = "NAME", default_value = "prod")]
    pub(crate) stage: StageName,

    #[command(flatten)]
    pub(crate) place: PlaceOptions,
}

/// Where a run works, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct PlaceOptions {
    /// The AWS region, e.g. eu-central-1; otherwise AWS_REGION or the profile's
    #[arg(long, value_name = "REGION", value_parser = values::region)]
    pub(crate) region: Option<String>,

    #[command(flatten)]
    pub(crate) access: AccessOptions,
}

/// What is deployed.
#[derive(Debug, Args)]
#[command(next_help_heading = "What")]
pub(crate) struct ContentOptions {
    /// Deploy the page in this directory, which has an index.html, instead of the built-in one
    ///
    /// All files below it are deployed, and a generated config.js beside them tells the page where its relay is.
    #[arg(long, value_name = "DIR")]
    pub(crate) client: Option<PathBuf>,

    /// STUN server that helps two browsers to find a path, e.g. stun:stun.example.org:3478; may be repeated; 'none' for none
    ///
    /// The operators of the default ones, Cloudflare and Google, see the addresses of callers.
    #[arg(long, value_name = "URL|none", default_values = DEFAULT_STUN_SERVERS)]
    pub(crate) stun: Vec<StunChoice>,

    #[command(flatten)]
    pub(crate) turn: TurnOptions,

    #[command(flatten)]
    pub(crate) admission: AdmissionOptions,

    /// A finished relay, a zip or a Linux binary, instead of building one
    #[arg(long, value_name = "PATH")]
    pub(crate) relay: Option<PathBuf>,

    /// The processor that the relay runs on; on the local AWS always this machine's
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Architecture::preferred(), conflicts_with = "local")]
    pub(crate) arch: Architecture,

    /// The relay's memory in MB, 128 to 10240; processor time grows with it
    #[arg(long, value_name = "MB", default_value_t = RelaySettings::default().memory_mb,
          value_parser = clap::value_parser!(i32).range(128..=10_240))]
    pub(crate) memory: i32,

    /// The relay's longest run for one message in seconds, 1 to 29
    #[arg(long, value_name = "SECONDS", default_value_t = RelaySettings::default().timeout_s,
          value_parser = clap::value_parser!(i32).range(1..=29))]
    pub(crate) timeout: i32,

    /// How long CloudWatch keeps the relay's log, in days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or longer
    #[arg(long, value_name = "DAYS", default_value_t = RelaySettings::default().log_retention_days,
          value_parser = values::log_retention)]
    pub(crate) log_retention: i32,

    #[command(flatten)]
    pub(crate) bucket: BucketOptions,

    #[command(flatten)]
    pub(crate) role: RoleOptions,

    /// How many messages a second the stage lets through, over all its connections: 1 to 10000
    ///
    /// The account's own limit counts too, and is shared by all its APIs: 10000 in most regions, 2500 in newer ones.
    #[arg(long, value_name = "PER_SECOND", default_value_t = Throttling::default().rate,
          value_parser = values::throttle_rate)]
    pub(crate) throttle_rate: f64,

    /// How many messages the stage lets through at once before the rate counts: 1 to 5000
    #[arg(long, value_name = "MESSAGES", default_value_t = Throttling::default().burst,
          value_parser = values::throttle_burst)]
    pub(crate) throttle_burst: i32,

    #[command(flatten)]
    pub(crate) tags: TagOptions,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyOptions {
    /// The stack's name, as for 'up'
    #[arg(id = "stack", value_name = "STACK", default_value = "demo")]
    pub(crate) name: StackName,

    /// All stacks of a pattern instead of one: 'pr-*' for the previews of pull requests
    #[arg(long, value_name = "PATTERN")]
    pub(crate) stacks: Option<StackPattern>,

    /// What the policy is for; may be repeated
    #[arg(long = "for", value_enum, value_name = "PURPOSE", default_values_t = [Purpose::Up, Purpose::Teardown])]
    pub(crate) purposes: Vec<Purpose>,

    /// The account, 12 digits, or '*' for any; otherwise that of the credentials
    #[arg(long, value_name = "ID", value_parser = values::account_or_any)]
    pub(crate) account: Option<String>,

    /// The region, or '*' for any; otherwise AWS_REGION or the profile's
    #[arg(long, value_name = "REGION", value_parser = values::region_or_any)]
    pub(crate) region: Option<String>,

    /// The profile whose credentials tell the account; otherwise AWS_PROFILE, or the default chain of credentials
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) profile: Option<String>,

    /// The stage of the WebSocket API, as for 'up': it counts in what the relay may do
    #[arg(long, value_name = "NAME", default_value = "prod")]
    pub(crate) stage: StageName,

    #[command(flatten)]
    pub(crate) bucket: BucketOptions,

    #[command(flatten)]
    pub(crate) role: RoleOptions,

    #[command(flatten)]
    pub(crate) turn: TurnServiceOptions,

    /// Print who may take the role instead: the GitHub Actions of this repository, by OpenID Connect
    #[arg(long, value_name = "OWNER/NAME", value_parser = values::repository)]
    pub(crate) github: Option<String>,

    /// Which of its runs: e.g. pull_request, ref:refs/heads/main, environment:production; '*' for all
    #[arg(long, value_name = "SUBJECT", default_value = "*", requires = "github", value_parser = values::subject)]
    pub(crate) subject: String,
}

/// `--manners`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MannersChoice {
    None,
    Mild,
    Worst,
}

#[derive(Debug, Args)]
pub(crate) struct LocalOptions {
    /// The port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = LOCAL_PORT)]
    pub(crate) port: u16,

    /// The address to listen on; anything but loopback lets others on the network in, who then can run programs here
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) address: IpAddr,

    /// The region that it answers for
    #[arg(id = "answers_for", long = "region", value_name = "REGION", default_value = "us-east-1", value_parser = values::region)]
    pub(crate) region: String,

    /// The account id that it answers for: 12 digits
    #[arg(long, value_name = "ID", default_value = "000000000000", value_parser = values::account)]
    pub(crate) account: String,

    /// Allow the deployer only what this IAM policy allows, as AWS would; 'webrtc-aws policy' prints one
    #[arg(long, value_name = "FILE")]
    pub(crate) deployer_policy: Option<PathBuf>,

    /// Answer every call this much later, e.g. 40ms or 2s
    #[arg(long, value_name = "TIME", value_parser = values::latency)]
    pub(crate) latency: Option<FaultRule>,

    /// How AWS behaves: like a textbook, a little slow, or as badly as it can
    ///
    /// 'worst' has everything at once: roles that cannot be assumed yet, reads that show what was before, functions that are pending
    /// and go slowly, windows of 5 and 30 seconds for some calls, one item a page, new stages that refuse connections.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = MannersChoice::Mild)]
    pub(crate) manners: MannersChoice,

    /// Make calls go wrong: SERVICE:OPERATION[#N]=FAULT, e.g. 'lambda:CreateFunction#1=throttle'; may be repeated
    ///
    /// '*' stands for any service or operation, '#N' for the N-th such call. The faults: latency:40ms, throttle,
    /// fail:STATUS:CODE[:MESSAGE], lost (done, but the answer is lost), hang, hang-after (done, never answered), kill,
    /// garbled:HOW (done, but the answer is spoilt: empty, truncated, reset, html:STATUS and more).
    #[arg(long, value_name = "SPEC")]
    pub(crate) fault: Vec<FaultRule>,
}

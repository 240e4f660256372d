//! What a resource works with: clients, names, the ids that AWS assigns, and the event stream of its own step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::observe::interrupted;
use super::resource::Address;
use crate::aws::clients::Clients;
use crate::aws::failure::{AwsFailure, FailureClass};
use crate::aws::retry::{self, Look, Repeat, Waiting};
use crate::diagnostics::{Code, Diagnostic};
use crate::events::{Event, Events};
use crate::lifetime::{Expiry, LastDeploy};
use crate::naming::{ApiId, ExistingBucket, IntegrationId, Memory, Names, OWNER_TAG, RoleId, RouteId};

/// A cell for one id that only AWS can assign.
#[derive(Debug)]
pub(crate) struct Slot<Id>(Mutex<Option<Id>>);

impl<Id> Default for Slot<Id> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<Id: Clone> Slot<Id> {
    pub(crate) fn get(&self) -> Option<Id> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, id: Id) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    }

    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Sets it, unless it is greater already.
    pub(crate) fn raise(&self, id: Id)
    where
        Id: Ord,
    {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = slot.take().max(Some(id));
    }
}

/// The role that the function is to run under.
#[derive(Clone, Debug)]
pub(crate) struct RelayRole {
    pub(crate) arn: String,
    pub(crate) id: RoleId,
}

/// What the tags of a stack's resources remember, all of it together. It only ever grows: two resources may remember two values,
/// after a run that was killed while it wrote another one.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<BTreeSet<(Memory, String)>>);

impl Remembered {
    pub(crate) fn add(&self, memory: Memory, value: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((memory, value.to_owned()));
    }

    /// The same for a look that is to find everything again but to forget nothing.
    pub(crate) fn taken_along(&self) -> Self {
        Self(Mutex::new(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    /// Every value of it, in order.
    pub(crate) fn values(&self, memory: Memory) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(which, _)| *which == memory).map(|(_, value)| value.clone()).collect()
    }
}

/// What only a look at AWS can tell: the ids that it assigns, and which code runs. Everything else about a stack follows from its names.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) role: Slot<RelayRole>,
    /// The limit that somebody may have set on the role.
    pub(crate) permissions_boundary: Slot<String>,
    pub(crate) api: Slot<ApiId>,
    pub(crate) integration: Slot<IntegrationId>,
    pub(crate) route: Slot<RouteId>,
    /// The `$connect` route, where one is wanted.
    pub(crate) connect_route: Slot<RouteId>,
    /// Architecture and `CodeSha256` of the function that is there.
    pub(crate) code: Slot<(String, String)>,
    /// The latest expiry that any part of the stack carries.
    pub(crate) expires: Slot<Expiry>,
    /// The ARN of the signalling channel.
    pub(crate) signaling_channel: Slot<String>,
    pub(crate) deployed: Slot<LastDeploy>,
    pub(crate) remembered: Remembered,
    /// Where the page was found, if that is neither a bucket of the stack's own nor the one that is wanted.
    pub(crate) page_bucket: Slot<ExistingBucket>,
}

/// What a plan shows where an id is not known yet. It never reaches AWS: a step runs only after what it needs.
pub(crate) const UNKNOWN_ID: &str = "(known after apply)";

impl Known {
    pub(crate) fn api_or_placeholder(&self) -> ApiId {
        self.api.get().unwrap_or_else(|| ApiId(UNKNOWN_ID.to_owned()))
    }

    /// What of the stack is another one by a later look than by this one, in words. What either look does not know says nothing.
    pub(crate) fn replaced_in<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = &'static str> + 'a {
        fn differ<Id: PartialEq>(before: Option<Id>, after: Option<Id>) -> bool {
            before.zip(after).is_some_and(|(before, after)| before != after)
        }
        let role_id = |known: &Self| known.role.get().map(|role| role.id);
        [
            ("role", differ(role_id(self), role_id(later))),
            ("API", differ(self.api.get(), later.api.get())),
            ("integration", differ(self.integration.get(), later.integration.get())),
            ("$default route", differ(self.route.get(), later.route.get())),
            ("$connect route", differ(self.connect_route.get(), later.connect_route.get())),
        ]
        .into_iter()
        .filter_map(|(what, is_another)| is_another.then_some(what))
    }
}

/// One AWS operation, and whether it may be repeated when its answer was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) repeat: Repeat,
}

impl Operation {
    /// A read, a delete or a put: repeating it ends in the same state.
    pub(crate) const fn repeatable(service: &'static str, name: &'static str) -> Self {
        Self { service, name, repeat: Repeat::Safe }
    }

    /// A create: after a lost answer the engine looks before it acts again.
    pub(crate) const fn once(service: &'static str, name: &'static str) -> Self {
        Self { service, name, repeat: Repeat::OnlyIfNotSent }
    }
}

/// AWS shows a write to every reader within seconds (AWS-FACTS D, E1); nobody waits longer for that.
pub(crate) const SHOWN: Duration = Duration::from_secs(30);

/// Whose waits are those outside of any resource's step.
pub(crate) const WHOLE_STACK: Address = Address::new("stack", "all");

/// The surroundings of one resource during observe and apply.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) clients: Clients,
    pub(crate) names: Arc<Names>,
    pub(crate) known: Arc<Known>,
    /// What the stack will say of this run, if it has something to do.
    pub(crate) deploy: Arc<LastDeploy>,
    pub(crate) events: Events,
    /// Cancelled by the first signal.
    pub(crate) cancel: CancellationToken,
    /// Whose step this is: names the resource in waiting events.
    pub(crate) address: Address,
}

impl Context {
    /// The same surroundings for another resource.
    pub(crate) fn of(&self, address: Address) -> Self {
        Self { address, ..self.clone() }
    }

    /// Makes one AWS call in this resource's name.
    pub(crate) async fn call<T, E, Call, Answer>(&self, operation: Operation, call: Call) -> Result<T, AwsFailure>
    where
        Call: FnMut() -> Answer,
        Answer: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: Error + ProvideErrorMetadata + 'static,
    {
        self::call(&self.events, &self.cancel, self.address, operation, call).await
    }

    /// Waits before a look at what may not show yet, longer each time: reads lag behind writes by up to seconds (AWS-FACTS D).
    pub(crate) async fn before_looking_again(&self, look: u32, reason: String) -> Result<(), Diagnostic> {
        let delay = retry::before_look(look);
        self.announce(&Waiting { reason: &reason, attempt: look, delay });
        retry::unless_cancelled(&self.cancel, delay).await.ok_or_else(interrupted)
    }

    /// Waits until then, visibly.
    pub(crate) async fn rest_until(&self, then: Instant, reason: &str) -> Result<(), Diagnostic> {
        let delay = then.saturating_duration_since(Instant::now());
        if delay.is_zero() {
            return Ok(());
        }
        self.announce(&Waiting { reason: &reason, attempt: 1, delay });
        retry::unless_cancelled(&self.cancel, delay).await.ok_or_else(interrupted)
    }

    /// Looks until something is over, each wait visible as an event. `look` answers `None` for "not yet"; `None` comes back when
    /// the deadline passes.
    pub(crate) async fn until<T, Looking, Answer>(
        &self,
        kind: Look,
        what: &str,
        deadline: Duration,
        look: Looking,
    ) -> Result<Option<T>, Diagnostic>
    where
        Looking: FnMut() -> Answer,
        Answer: Future<Output = Result<Option<T>, Diagnostic>>,
    {
        retry::polling(kind, deadline, &self.cancel, what, |waiting| self.announce(&waiting), look).await
    }

    fn announce(&self, waiting: &Waiting<'_>) {
        announce(&self.events, self.address, waiting);
    }

    /// The API's id; known to every step that needs the API.
    pub(crate) fn api(&self) -> Result<ApiId, Diagnostic> {
        self.known.api.get().ok_or_else(|| self.unknown("the API's id"))
    }

    /// The integration's id; known to every step that needs the integration.
    pub(crate) fn integration(&self) -> Result<IntegrationId, Diagnostic> {
        self.known.integration.get().ok_or_else(|| self.unknown("the integration's id"))
    }

    /// The route's id; known to every step that needs the route.
    pub(crate) fn route(&self) -> Result<RouteId, Diagnostic> {
        self.known.route.get().ok_or_else(|| self.unknown("the route's id"))
    }

    fn unknown(&self, what: &str) -> Diagnostic {
        Diagnostic::new(
            Code::LocalFailure,
            format!("{}: {what} is not known here", self.address),
            "run the command again; if it happens twice, this is a mistake in webrtc-aws: please report it",
        )
    }

    /// The tags that every taggable resource of the stack carries from its create call on: the owner tag, and those that are wanted
    /// beside it.
    pub(crate) fn tags(&self, wanted: &BTreeMap<String, String>) -> HashMap<String, String> {
        let owner = (OWNER_TAG.to_owned(), self.names.stack.to_string());
        wanted.clone().into_iter().chain([owner]).collect()
    }

    /// A request of ours that could not even be built: cannot happen with the values that `naming` makes.
    pub(crate) fn mistake(&self, what: &str, error: &dyn Error) -> Diagnostic {
        Diagnostic::new(
            Code::LocalFailure,
            format!("{}: {what} could not be built: {error}", self.address),
            "this is a mistake in webrtc-aws: please report it",
        )
    }

    /// Whether these tags make a resource ours; otherwise why not, in words that complete "the bucket X …".
    pub(crate) fn ownership<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
        match tags.into_iter().find(|(key, _)| *key == OWNER_TAG) {
            Some((_, value)) if value == self.names.stack.as_str() => Ok(()),
            Some((_, value)) => Err(format!("belongs to the stack '{value}' (tag {OWNER_TAG})")),
            None => Err(format!("has no tag {OWNER_TAG}, so webrtc-aws did not make it")),
        }
    }
}

/// Makes one AWS call, waiting and repeating by class, each wait visible as an event. Once the run is interrupted, no call and no
/// wait begins any more.
pub(crate) async fn call<T, E, Call, Answer>(
    events: &Events,
    cancel: &CancellationToken,
    address: Address,
    operation: Operation,
    mut call: Call,
) -> Result<T, AwsFailure>
where
    Call: FnMut() -> Answer,
    Answer: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: Error + ProvideErrorMetadata + 'static,
{
    let Operation { service, name, .. } = operation;
    retry::repeating(
        operation.repeat,
        cancel,
        |waiting| announce(events, address, &waiting),
        || {
            let answer = (!cancel.is_cancelled()).then(&mut call);
            async move {
                let Some(answer) = answer else {
                    return Err(AwsFailure::interrupted(service, name, "not called any more"));
                };
                match retry::in_grace(cancel, answer).await {
                    Some(answer) => answer.map_err(|error| AwsFailure::from_sdk(service, name, error)),
                    None => Err(AwsFailure::interrupted(service, name, "no answer within 4 s of the interruption")),
                }
            }
        },
    )
    .await
}

fn announce(events: &Events, address: Address, waiting: &Waiting<'_>) {
    events.emit(Event::StepWaiting {
        address,
        reason: waiting.reason.to_string(),
        attempt: waiting.attempt,
        delay_ms: u64::try_from(waiting.delay.as_millis()).unwrap_or(u64::MAX),
    });
}

/// One page of a list, and the token of the next.
pub(crate) type PageOf<Item> = (Vec<Item>, Option<String>);

/// All items of a paginated list. `fetch` gets the token of the page to read.
pub(crate) async fn all_pages<Item, Fetch, Answer>(mut fetch: Fetch) -> Result<Vec<Item>, AwsFailure>
where
    Fetch: FnMut(Option<String>) -> Answer,
    Answer: Future<Output = Result<PageOf<Item>, AwsFailure>>,
{
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let (page, next) = fetch(token).await?;
        items.extend(page);
        // Some emulators answer an empty token for "no more".
        token = next.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(items);
        }
    }
}

/// Turns "does not exist" into `None`.
pub(crate) trait Absence<T> {
    fn absent_as_none(self) -> Result<Option<T>, AwsFailure>;
}

impl<T> Absence<T> for Result<T, AwsFailure> {
    fn absent_as_none(self) -> Result<Option<T>, AwsFailure> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(failure) if failure.class == FailureClass::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

//! What a kind of resource must say about itself ([`Kind`]), and the erased form that the engine works with ([`Resource`]).

use std::fmt;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::context::{Context, Known};
use super::diff::Change;
use crate::diagnostics::{Code, Diagnostic};

/// `kind.name`: how events, plans and people name a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The kind, e.g. `route`.
    pub kind: &'static str,
    /// The name within the stack, e.g. `default`.
    pub name: &'static str,
}

impl Address {
    /// An address.
    pub const fn new(kind: &'static str, name: &'static str) -> Self {
        Self { kind, name }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.name)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What was found where a resource should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Observed<Spec> {
    /// Nothing.
    Absent,
    /// Ours.
    Owned(Spec),
    /// Something of that name that is not ours; the text names it and says whose it seems to be.
    Foreign(String),
    /// More than one that carries our tag, by id. `up` refuses to pick one; `teardown` removes them all.
    Several(Vec<String>),
}

/// One AWS kind, typed. `Spec` is one struct for what is wanted and what is there, so that the diff is generic; hence
/// `observe` must normalise: decode, sort, drop AWS's defaults.
#[async_trait]
pub(crate) trait Kind: Send + Sync + 'static {
    type Spec: Serialize + DeserializeOwned + Send + Sync;

    fn address(&self) -> Address;

    /// What must stand before this can be created or updated.
    fn needs(&self) -> Vec<Address> {
        Vec::new()
    }

    /// What this lives in: it is found through it, and AWS deletes it together with it.
    fn contained_in(&self) -> Option<Address> {
        None
    }

    /// What must be gone before this is deleted.
    fn deleted_after(&self) -> Vec<Address> {
        Vec::new()
    }

    /// Whose tags may be all that tells of it: it is looked for after them, and deleted before any of them.
    fn remembered_by(&self) -> Vec<Address> {
        Vec::new()
    }

    /// Whether one look that does not find it is not enough before what remembers it is deleted: AWS may not show it yet, and nobody
    /// could find it afterwards.
    fn may_stand_unseen(&self, _known: &Known) -> bool {
        false
    }

    /// What is wanted. Ids that AWS has yet to assign come from `known`.
    fn desired(&self, known: &Known) -> Self::Spec;

    /// What is there. Reads only; writes down ids in `context.known`.
    async fn observe(&self, context: &Context) -> Result<Observed<Self::Spec>, Diagnostic>;

    async fn create(&self, context: &Context, desired: &Self::Spec) -> Result<(), Diagnostic>;

    /// Brings what is there to what is wanted. `changes` is never empty.
    async fn update(
        &self,
        context: &Context,
        observed: &Self::Spec,
        desired: &Self::Spec,
        changes: &[Change],
    ) -> Result<(), Diagnostic>;

    /// Removes it. Already gone is success.
    async fn delete(&self, context: &Context) -> Result<(), Diagnostic>;
}

/// A [`Kind`] with its `Spec` as JSON: what the engine sees.
#[async_trait]
pub(crate) trait Resource: Send + Sync {
    fn address(&self) -> Address;
    fn needs(&self) -> Vec<Address>;
    fn contained_in(&self) -> Option<Address>;
    fn deleted_after(&self) -> Vec<Address>;
    fn remembered_by(&self) -> Vec<Address>;
    fn may_stand_unseen(&self, known: &Known) -> bool;
    fn desired(&self, known: &Known) -> Result<Value, Diagnostic>;
    async fn observe(&self, context: &Context) -> Result<Observed<Value>, Diagnostic>;
    async fn create(&self, context: &Context, desired: &Value) -> Result<(), Diagnostic>;
    async fn update(
        &self,
        context: &Context,
        observed: &Value,
        desired: &Value,
        changes: &[Change],
    ) -> Result<(), Diagnostic>;
    async fn delete(&self, context: &Context) -> Result<(), Diagnostic>;

    /// The specification, typed and back.
    #[cfg(test)]
    fn through_its_type(&self, spec: &Value) -> Result<Value, Diagnostic>;
}

#[async_trait]
impl<K: Kind> Resource for K {
    fn address(&self) -> Address {
        Kind::address(self)
    }

    fn needs(&self) -> Vec<Address> {
        Kind::needs(self)
    }

    fn contained_in(&self) -> Option<Address> {
        Kind::contained_in(self)
    }

    fn deleted_after(&self) -> Vec<Address> {
        Kind::deleted_after(self)
    }

    fn remembered_by(&self) -> Vec<Address> {
        Kind::remembered_by(self)
    }

    fn may_stand_unseen(&self, known: &Known) -> bool {
        Kind::may_stand_unseen(self, known)
    }

    fn desired(&self, known: &Known) -> Result<Value, Diagnostic> {
        to_json(Kind::address(self), &Kind::desired(self, known))
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Value>, Diagnostic> {
        let address = Kind::address(self);
        match Kind::observe(self, context).await? {
            Observed::Owned(spec) => Ok(Observed::Owned(to_json(address, &spec)?)),
            Observed::Absent => Ok(Observed::Absent),
            Observed::Foreign(what) => Ok(Observed::Foreign(what)),
            Observed::Several(ids) => Ok(Observed::Several(ids)),
        }
    }

    async fn create(&self, context: &Context, desired: &Value) -> Result<(), Diagnostic> {
        Kind::create(self, context, &from_json(Kind::address(self), desired)?).await
    }

    async fn update(
        &self,
        context: &Context,
        observed: &Value,
        desired: &Value,
        changes: &[Change],
    ) -> Result<(), Diagnostic> {
        let address = Kind::address(self);
        Kind::update(self, context, &from_json(address, observed)?, &from_json(address, desired)?, changes).await
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        Kind::delete(self, context).await
    }

    #[cfg(test)]
    fn through_its_type(&self, spec: &Value) -> Result<Value, Diagnostic> {
        let address = Kind::address(self);
        to_json(address, &from_json::<K::Spec>(address, spec)?)
    }
}

fn to_json(address: Address, spec: &impl Serialize) -> Result<Value, Diagnostic> {
    serde_json::to_value(spec).map_err(|error| broken_spec(address, &error))
}

fn from_json<Spec: DeserializeOwned>(address: Address, value: &Value) -> Result<Spec, Diagnostic> {
    Spec::deserialize(value).map_err(|error| broken_spec(address, &error))
}

/// Cannot happen with the kinds as they are; the contract test turns every kind's into its type and back.
fn broken_spec(address: Address, error: &serde_json::Error) -> Diagnostic {
    Diagnostic::new(
        Code::LocalFailure,
        format!("the specification of {address} does not survive JSON: {error}"),
        "this is a mistake in webrtc-aws: please report it",
    )
}

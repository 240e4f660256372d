//! The resources of a stack and their order: who is built after whom, found through whom, deleted after whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::resource::{Address, Resource};
use super::walk::Order;

/// The resources of one stack.
#[derive(Clone)]
pub(crate) struct Graph {
    resources: Vec<Arc<dyn Resource>>,
    /// Those that other settings make, and these do not want: `up` removes what stands of them.
    unwanted: BTreeSet<Address>,
}

impl Graph {
    pub(crate) fn new(resources: Vec<Arc<dyn Resource>>) -> Self {
        Self { resources, unwanted: BTreeSet::new() }
    }

    pub(crate) fn without(self, unwanted: impl IntoIterator<Item = Address>) -> Self {
        Self { unwanted: unwanted.into_iter().collect(), ..self }
    }

    /// Whether a whole stack has it.
    pub(crate) fn is_wanted(&self, address: Address) -> bool {
        !self.unwanted.contains(&address)
    }

    pub(crate) fn resources(&self) -> &[Arc<dyn Resource>] {
        &self.resources
    }

    fn position(&self, address: Address) -> Option<usize> {
        self.resources.iter().position(|resource| resource.address() == address)
    }

    fn order(&self, before: impl Fn(&dyn Resource) -> Vec<Address>) -> Order {
        Order::new(
            self.resources
                .iter()
                .map(|resource| {
                    before(resource.as_ref()).into_iter().filter_map(|address| self.position(address)).collect()
                })
                .collect(),
        )
    }

    /// Found through its container, or after what remembers it.
    pub(crate) fn observe_order(&self) -> Order {
        self.order(|resource| resource.remembered_by().into_iter().chain(resource.contained_in()).collect())
    }

    /// Built after its container and its needs. What is wanted no more goes last, when nothing uses it any longer and what takes its
    /// place stands.
    pub(crate) fn apply_order(&self) -> Order {
        self.order(|resource| {
            if !self.is_wanted(resource.address()) {
                let wanted = self.resources.iter().map(|other| other.address()).filter(|it| self.is_wanted(*it));
                let users = self.users_of(resource.address());
                return self.before_its_end(resource).into_iter().chain(users).chain(wanted).collect();
            }
            let before = resource.needs().into_iter().chain(resource.contained_in());
            before.filter(|address| self.is_wanted(*address)).collect()
        })
    }

    /// Deleted after whatever it names and whatever it remembers, and, where AWS deletes it with its container, after that.
    pub(crate) fn delete_order(&self) -> Order {
        self.order(|resource| self.before_its_end(resource))
    }

    fn users_of(&self, address: Address) -> impl Iterator<Item = Address> {
        let those = self.resources.iter().filter(move |resource| resource.needs().contains(&address));
        those.map(|resource| resource.address())
    }

    fn before_its_end(&self, resource: &dyn Resource) -> Vec<Address> {
        let with_container = resource.contained_in().filter(|_| self.goes_with_its_container(resource));
        let remembered = self.remembered_of(resource.address());
        resource.deleted_after().into_iter().chain(remembered).chain(with_container).collect()
    }

    fn remembered_of(&self, address: Address) -> impl Iterator<Item = Address> {
        let those = self.resources.iter().filter(move |resource| resource.remembered_by().contains(&address));
        those.map(|resource| resource.address())
    }

    /// Whether AWS deletes it together with its container: unless the container says that it must be gone before.
    pub(crate) fn goes_with_its_container(&self, resource: &dyn Resource) -> bool {
        let container = resource.contained_in().and_then(|address| self.position(address));
        container
            .and_then(|position| self.resources.get(position))
            .is_some_and(|container| !container.deleted_after().contains(&resource.address()))
    }
}

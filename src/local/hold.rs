//! What one write holds while it lasts, so that another that comes meanwhile conflicts (AWS-FACTS B3, C5, E3).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::world::World;

/// What is held right now, by names such as an ARN.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<BTreeSet<String>>);

/// Holds something for the length of one write.
pub(crate) struct Hold<'a> {
    world: &'a World,
    what: String,
}

impl<'a> Hold<'a> {
    /// `None` if another write holds it. A write takes its time on AWS, and that is what makes parallel writes collide: so it
    /// does here. One that takes none holds nothing.
    pub(crate) async fn take(world: &'a World, what: String, lasts: Duration) -> Option<Self> {
        if !world.held.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what.clone()) {
            return None;
        }
        let hold = Self { world, what };
        pause(lasts).await;
        Some(hold)
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.world.held.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.what);
    }
}

#[expect(clippy::disallowed_methods, reason = "this wait is AWS's, not a retry")]
async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

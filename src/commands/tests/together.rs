//! Two runs at once.

use super::rig::{Rig, paused};
use super::shape;

#[test]
fn two_first_ups_at_once_leave_one_api() {
    paused(async {
        let rig = Rig::new().await;
        // One of them may lose a race elsewhere and say so; neither may leave a second URL behind.
        let _ = tokio::join!(rig.up(), rig.up());
        assert_eq!(shape::apis(&rig.snapshot()).len(), 1);
    });
}

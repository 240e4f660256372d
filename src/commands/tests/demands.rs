//! What an account demands of every role: a limit and a place.

use super::permissions::{Account, BOUNDARY, ROLE, policy, restrict};
use super::rig::{Rig, paused};
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::permissions::Purpose;

#[test]
fn a_demanding_account_is_met_by_boundary_and_path() {
    paused(async {
        let mut rig = Rig::new().await;
        restrict(&rig, &policy(Purpose::Up, Account::Demanding));
        let problem = rig.up().await.unwrap_err();
        assert_eq!(problem.code, Code::AccessDenied, "{problem}");
        assert!(problem.hint.contains("--permissions-boundary"), "{}", problem.hint);
        rig.config.role.path = "/team/".parse().unwrap();
        rig.config.role.permissions_boundary = Some(BOUNDARY.to_owned());
        rig.up().await.unwrap();
        let role = rig.snapshot()["iam"]["roles"][ROLE].clone();
        assert_eq!(role["arn"], format!("arn:aws:iam::000000000000:role/team/{ROLE}"));
        assert_eq!(role["permissions_boundary"], BOUNDARY);
        assert!(!rig.up().await.unwrap().changed);
    });
}

#[test]
fn a_boundary_that_somebody_set_stays_until_another_one_is_asked_for() {
    paused(async {
        let mut rig = Rig::new().await;
        rig.up().await.unwrap();
        let iam = Clients::new(&rig.sdk).iam;
        iam.put_role_permissions_boundary().role_name(ROLE).permissions_boundary(BOUNDARY).send().await.unwrap();
        rig.want_something_else();
        rig.up().await.unwrap();
        assert_eq!(rig.snapshot()["iam"]["roles"][ROLE]["permissions_boundary"], BOUNDARY);
        let another = BOUNDARY.to_owned() + "-of-ours";
        rig.config.role.permissions_boundary = Some(another.clone());
        rig.up().await.unwrap();
        assert_eq!(rig.snapshot()["iam"]["roles"][ROLE]["permissions_boundary"], another);
        rig.config.role.permissions_boundary = None;
        assert!(!rig.up().await.unwrap().changed);
    });
}

#[test]
fn a_role_under_another_path_is_left_there_with_the_way_out_and_teardown_finds_it() {
    paused(async {
        let mut rig = Rig::new().await;
        let empty = rig.snapshot();
        rig.config.role.path = "/team/".parse().unwrap();
        rig.up().await.unwrap();
        rig.config.role.path = "/".parse().unwrap();
        let problem = rig.up().await.unwrap_err();
        assert_eq!(problem.code, Code::InvalidInput);
        assert!(problem.hint.contains("--role-path /team/"), "{}", problem.hint);
        rig.teardown().await.unwrap();
        assert_eq!(rig.snapshot(), empty);
    });
}

//! A resource of our name that is not ours ends the run before its first write.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};

use crate::deployed::{architecture, puppet};
use crate::{Stack, World};

#[derive(Clone, Copy, Debug)]
enum Taken {
    BucketOfAnotherAccount,
    Bucket,
    Role,
    Function,
    LogGroup,
}

impl Taken {
    async fn seed(self, world: &World, stack: &Stack) -> String {
        let account = &world.account;
        match self {
            Self::BucketOfAnotherAccount => {
                account.aws.seed_foreign_bucket(&stack.bucket);
                stack.bucket.clone()
            }
            Self::Bucket => {
                account.s3.create_bucket().bucket(&stack.bucket).send().await.unwrap();
                stack.bucket.clone()
            }
            Self::Role => {
                account.role(&stack.role).await;
                stack.role.clone()
            }
            Self::Function => {
                let role = account.role("mine").await;
                let create = account.lambda.create_function().function_name(&stack.function).role(role);
                let create = create.runtime(Runtime::from("provided.al2023")).handler("bootstrap");
                let code = FunctionCode::builder().zip_file(Blob::new(puppet())).build();
                // The role is not assumable at once; whoever makes one waits.
                while create.clone().architectures(architecture()).code(code.clone()).send().await.is_err() {
                    tokio::task::yield_now().await;
                }
                stack.function.clone()
            }
            Self::LogGroup => {
                let name = format!("/aws/lambda/{}", stack.function);
                account.logs.create_log_group().log_group_name(&name).send().await.unwrap();
                name
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_ends_the_run_before_its_first_write() {
    let (_, stack) = World::with_demo().await;
    for taken in [Taken::BucketOfAnotherAccount, Taken::Bucket, Taken::Role, Taken::Function, Taken::LogGroup] {
        let world = World::new().await;
        let name = taken.seed(&world, &stack).await;
        let before = world.bytes();
        for command in [&["up", "demo"][..], &["plan", "demo"], &["teardown", "demo", "--yes"]] {
            world.account.aws.clear_calls();
            let run = world.machine.run(command).await;
            assert_eq!((run.code, run.problem()["code"].as_str()), (Some(4), Some("not_ours")), "{taken:?}: {run}");
            assert!(run.problem()["summary"].as_str().unwrap().contains(&name), "{taken:?}: {run}");
            assert!(run.problem()["hint"].as_str().unwrap().contains("choose another stack name"), "{taken:?}: {run}");
            assert_eq!((world.writes(), run.finished()["changed"].as_bool()), (Vec::new(), Some(false)), "{taken:?}");
        }
        // Whatever of the stack stands beside it goes, and it stays.
        assert_eq!(world.bytes(), before, "{taken:?}");
        // Another name is a way out.
        world.machine.succeed(&["up", "elsewhere"]).await;
    }
}

/// Two steps that have nothing to do with each other fail: nobody should have to run it again to learn of the second.
#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_a_run_is_told() {
    let world = World::new().await;
    for fault in ["s3:PutBucketEncryption=fail:400:InvalidArgument:no", "iam:CreateRole=fail:409:LimitExceeded:full"] {
        world.account.aws.faults().add(fault.parse().unwrap());
    }
    let up = world.machine.run(&["up", "demo"]).await;
    assert_eq!((up.code, &up.problem()["aws"]["operation"]), (Some(1), &"PutBucketEncryption".into()), "{up}");
    let further = up.finished()["further_problems"].as_array().unwrap();
    assert_eq!((further.len(), &further[0]["aws"]["operation"]), (1, &"CreateRole".into()), "{up}");
    world.account.aws.faults().clear();
    let denied = ["s3:CreateBucket", "logs:CreateLogGroup", "apigateway:CreateApi", "iam:CreateRole"];
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    for call in denied {
        world.account.aws.faults().add(format!("{call}=fail:403:AccessDenied:no").parse().unwrap());
    }
    let up = world.machine.run(&["up", "demo"]).await;
    assert_eq!((up.code, &up.finished()["further_problems"]), (Some(3), &serde_json::Value::Null), "{up}");
    let told = format!("{} {}", up.problem()["hint"], up.problem()["also"]);
    assert!(denied.iter().all(|call| told.contains(call)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_in_another_region_is_offered_with_its_command() {
    let (world, stack) = World::with_demo().await;
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    let there = stack.role.replace("us-east-1", "eu-west-1");
    world.account.role(&there).await;
    let tag = aws_sdk_iam::types::Tag::builder().key("webrtc-aws:stack").value("demo").build().unwrap();
    world.account.iam.tag_role().role_name(&there).tags(tag).send().await.unwrap();
    let teardown = world.machine.run(&["teardown", "demo", "--yes"]).await;
    assert_eq!((teardown.code, teardown.problem()["code"].as_str()), (Some(1), Some("elsewhere")), "{teardown}");
    let hint = teardown.problem()["hint"].as_str().unwrap();
    assert!(hint.contains("'webrtc-aws teardown demo --region eu-west-1 --endpoint-url http://127.0.0.1:"), "{hint}");
    // A pipeline's sweep of the other name is no business of this one.
    world.machine.succeed(&["teardown", "never-deployed", "--yes"]).await;
}

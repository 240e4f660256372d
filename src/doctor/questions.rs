//! What is asked of AWS: reads only. What may not be asked is said, with the action that is missing.

use std::time::SystemTime;

use jiff::fmt::rfc2822;
use url::Url;

use super::{Finding, Subject};
use crate::aws::failure::{AwsFailure, FailureClass};
use crate::aws::visitor::Visitor;
use crate::engine::context::{Absence, Context, Operation};
use crate::permissions;

/// So many runs at once are soon used up by a few callers: each candidate is one.
const FEW: i32 = 100;

/// What the clock of whoever answers there says.
pub(crate) async fn server_time(url: &Url) -> Result<SystemTime, String> {
    let answer = Visitor::new().get(url).await.map_err(|error| error.to_string())?;
    let date = answer.date.ok_or_else(|| "the answer has no date".to_owned())?;
    let parsed = rfc2822::parse(&date).map_err(|error| error.to_string())?;
    Ok(SystemTime::from(parsed.timestamp()))
}

/// Could not be asked: with the action that would have been needed, where that is why.
pub(super) fn unasked(subject: Subject, failure: &AwsFailure) -> Finding {
    let remedy = match failure.class {
        FailureClass::AccessDenied => {
            format!(
                "allow {} to have it asked: 'webrtc-aws policy --for doctor'",
                permissions::missing(failure).actions.join(", ")
            )
        }
        _ => "run 'webrtc-aws doctor' again".to_owned(),
    };
    Finding::unknown(subject, format!("could not be asked: {failure}"), remedy)
}

/// Whether the account lets pages be public. S3 Control answers that, in S3's own words and signature, on a host of its own: the
/// client of S3 asks it, and a whole other client stays out of the program (AWS-FACTS E1).
pub(crate) async fn public_access(context: &Context) -> Finding {
    let subject = Subject::PublicAccess;
    let (url, account) = (context.names.account_access_url(), context.names.account.to_string());
    let asked = context.call(Operation::repeatable("s3control", "GetPublicAccessBlock"), || {
        let (url, account) = (url.clone(), account.clone());
        let get = context.clients.s3.get_public_access_block().bucket("account").customize();
        get.mutate_request(move |request| {
            // Both are made of parts that are checked before; a request that went astray would be refused.
            let _ = request.set_uri(url.as_str());
            request.headers_mut().insert("x-amz-account-id", account.clone());
        })
        .send()
    });
    let block = match asked.await.absent_as_none() {
        Ok(answer) => answer.and_then(|answer| answer.public_access_block_configuration),
        Err(failure) => return unasked(subject, &failure),
    };
    let Some(block) = block else {
        return Finding::ok(subject, "the account does not forbid public pages");
    };
    let in_force =
        [("BlockPublicPolicy", block.block_public_policy), ("RestrictPublicBuckets", block.restrict_public_buckets)];
    let in_force: Vec<_> =
        in_force.into_iter().filter(|(_, is_on)| *is_on == Some(true)).map(|(name, _)| name).collect();
    if in_force.is_empty() {
        return Finding::ok(subject, "the account does not forbid public pages");
    }
    let forbids = format!("the account forbids public pages in all its buckets ({})", in_force.join(", "));
    if let Some(bucket) = &context.names.existing_bucket {
        return Finding::warning(
            subject,
            forbids,
            format!(
                "the page opens only if the owner of the bucket {} serves it in another way, such as CloudFront",
                bucket.name()
            ),
        );
    }
    Finding::problem(
        subject,
        forbids,
        "ask who administers the account to turn these off (S3 console, 'Block Public Access settings for this account'), or use an \
         account of its own; webrtc-aws never changes them",
    )
}

/// How many runs of functions the account has.
pub(crate) async fn concurrency(context: &Context) -> Finding {
    let subject = Subject::Concurrency;
    let asked = context.call(Operation::repeatable("lambda", "GetAccountSettings"), || {
        context.clients.lambda.get_account_settings().send()
    });
    let limit = match asked.await {
        Ok(answer) => answer.account_limit.unwrap_or_else(|| aws_sdk_lambda::types::AccountLimit::builder().build()),
        Err(failure) => return unasked(subject, &failure),
    };
    let (all, free) = (limit.concurrent_executions, limit.unreserved_concurrent_executions.unwrap_or_default());
    judged(all, free)
}

fn judged(all: i32, free: i32) -> Finding {
    let (subject, seen) =
        (Subject::Concurrency, format!("{all} runs of functions at once, {free} of them not reserved"));
    let more = "ask for more in the Service Quotas console (AWS Lambda, 'Concurrent executions')";
    match free {
        ..=0 => Finding::problem(subject, seen, format!("reserve less for other functions, or {more}")),
        1..FEW => Finding::warning(
            subject,
            format!("{seen}: a busy moment of a few calls would be throttled"),
            format!("{more}; new accounts begin with 10"),
        ),
        _ => Finding::ok(subject, seen),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn runs_are_enough_few_or_none() {
        assert_eq!(judged(1_000, 900).verdict, Verdict::Ok);
        assert!(matches!(judged(10, 10).verdict, Verdict::Warning { .. }));
        assert!(matches!(judged(1_000, 0).verdict, Verdict::Problem { .. }));
    }
}

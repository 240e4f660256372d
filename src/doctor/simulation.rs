//! What the credentials may do, as IAM says when it is asked what it would say. It knows the caller's policies and what the
//! organization forbids, but not what a session was limited to.

use std::collections::BTreeSet;

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};

use super::questions::unasked;
use super::{Finding, Subject};
use crate::aws::failure::AwsFailure;
use crate::engine::context::{Context, Operation, all_pages};
use crate::naming::Principal;
use crate::permissions::{Document, Question};

/// Whether the caller may do all that a policy allows.
pub(crate) async fn permissions(context: &Context, caller: &str, wanted: &Document, hint: &str) -> Finding {
    let subject = Subject::Permissions;
    let principal = match Principal::of(caller) {
        Principal::Named(arn) => arn,
        Principal::Root => {
            return Finding::warning(
                subject,
                "the account's root user may do everything",
                "deploy as a user or role with less: 'webrtc-aws policy' prints what it needs",
            );
        }
        Principal::Unknown => {
            return Finding::unknown(
                subject,
                format!("IAM cannot be asked about {caller}"),
                format!("'{hint}' prints what 'up' needs"),
            );
        }
    };
    let mut missing = BTreeSet::new();
    for question in wanted.questions() {
        match ask(context, &principal, &question).await {
            Ok(refused) => missing.extend(refused),
            Err(failure) => return unasked(subject, &failure),
        }
    }
    if missing.is_empty() {
        return Finding::ok(subject, "all that 'up' needs, as far as IAM can tell");
    }
    let missing: Vec<_> = missing.into_iter().collect();
    Finding::problem(
        subject,
        format!("{} of the actions that 'up' needs are not allowed: {}", missing.len(), missing.join(", ")),
        format!("have these credentials given what '{hint}' prints"),
    )
}

/// The actions of one statement that are refused on one of its resources.
async fn ask(context: &Context, principal: &str, question: &Question) -> Result<Vec<String>, AwsFailure> {
    let iam = &context.clients.iam;
    let entries: Vec<ContextEntry> = question.context.iter().map(|(key, value)| entry(key, value)).collect();
    let results = all_pages(async |marker: Option<String>| {
        let page = context
            .call(Operation::repeatable("iam", "SimulatePrincipalPolicy"), || {
                let simulate = iam.simulate_principal_policy().policy_source_arn(principal).max_items(1000);
                let simulate = simulate.set_action_names(Some(question.actions.clone()));
                let simulate = simulate.set_resource_arns(Some(question.resources.clone()));
                simulate.set_context_entries(Some(entries.clone())).set_marker(marker.clone()).send()
            })
            .await?;
        Ok((page.evaluation_results.unwrap_or_default(), page.marker))
    })
    .await?;
    Ok(results.into_iter().filter(is_refused).map(|result| result.eval_action_name).collect())
}

fn is_refused(result: &EvaluationResult) -> bool {
    result.eval_decision != PolicyEvaluationDecisionType::Allowed
        || result.organizations_decision_detail.as_ref().is_some_and(|detail| !detail.allowed_by_organizations)
}

fn entry(key: &str, value: &str) -> ContextEntry {
    let entry = ContextEntry::builder().context_key_name(key).context_key_values(value);
    entry.context_key_type(ContextKeyTypeEnum::String).build()
}

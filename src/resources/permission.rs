//! The statement in the function's resource policy that lets this API call it. A wrong one fails only at run time, as
//! "Internal server error" on every message; one for an API that is gone counts as wrong (AWS-FACTS C5).

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Doing, FUNCTION, PERMISSION, WEBSOCKET_API, policy_document};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Known, Operation};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::Names;

#[derive(Debug)]
pub(crate) struct Permission {
    pub(crate) names: Arc<Names>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    principal: String,
    action: String,
    source_arn: String,
}

impl Spec {
    fn of(statement: &Value) -> Self {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self {
            principal: text(&statement["Principal"]["Service"]),
            action: text(&statement["Action"]),
            source_arn: text(&statement["Condition"]["ArnLike"]["AWS:SourceArn"]),
        }
    }
}

impl Permission {
    async fn add(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let function = context.names.function();
        context
            .call(Operation::once("lambda", "AddPermission"), || {
                context
                    .clients
                    .lambda
                    .add_permission()
                    .function_name(&function)
                    .statement_id(context.names.permission_statement())
                    .action(&desired.action)
                    .principal(&desired.principal)
                    .source_arn(&desired.source_arn)
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("let API Gateway call the function {function}"))
    }
}

#[async_trait]
impl Kind for Permission {
    type Spec = Spec;

    fn address(&self) -> Address {
        PERMISSION
    }

    fn needs(&self) -> Vec<Address> {
        vec![FUNCTION, WEBSOCKET_API]
    }

    fn contained_in(&self) -> Option<Address> {
        Some(FUNCTION)
    }

    fn desired(&self, known: &Known) -> Spec {
        Spec {
            principal: "apigateway.amazonaws.com".to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            source_arn: self.names.invoke_source_arn(&known.api_or_placeholder()),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let function = context.names.function();
        let answer = context
            .call(Operation::repeatable("lambda", "GetPolicy"), || {
                context.clients.lambda.get_policy().function_name(&function).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("read the resource policy of the function {function}"))?;
        let Some(policy) = answer.and_then(|answer| answer.policy) else { return Ok(Observed::Absent) };
        let policy = policy_document::parse(&policy);
        let statements = match &policy["Statement"] {
            Value::Array(statements) => statements.iter().collect(),
            Value::Null => Vec::new(),
            only => vec![only],
        };
        let ours = statements.into_iter().find(|statement| statement["Sid"] == context.names.permission_statement());
        Ok(ours.map_or(Observed::Absent, |statement| Observed::Owned(Spec::of(statement))))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        self.add(context, desired).await
    }

    async fn update(&self, context: &Context, _: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let function = context.names.function();
        context
            .call(Operation::repeatable("lambda", "RemovePermission"), || {
                context
                    .clients
                    .lambda
                    .remove_permission()
                    .function_name(&function)
                    .statement_id(context.names.permission_statement())
                    .send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("replace the permission of API Gateway on the function {function}"))?;
        self.add(context, desired).await
    }

    /// Never alone: it goes with its function.
    async fn delete(&self, _: &Context) -> Result<(), Diagnostic> {
        Ok(())
    }
}

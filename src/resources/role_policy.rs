//! What the relay may do: post to connections of this stage, write to its own log group, ask for TURN servers or read the secret of
//! some, and read the token of those who may connect, if there are any. Nothing else.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use std::sync::Arc;

use super::{Doing, FUNCTION, ROLE, ROLE_POLICY, WEBSOCKET_API, policy_document};
use crate::config::{Admission, SecretSource, Turn};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Known, Operation};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::Names;
use crate::permissions;

#[derive(Debug)]
pub(crate) struct RolePolicy {
    pub(crate) names: Arc<Names>,
    pub(crate) turn: Option<Turn>,
    pub(crate) admission: Admission,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    document: Value,
}

impl RolePolicy {
    /// No kms:Decrypt: the AWS-managed key of either service lets every role of the account decrypt through the service.
    fn reading(&self, id: &str, secret: &SecretSource) -> Value {
        json!({
            "Sid": id,
            "Effect": "Allow",
            "Action": match secret {
                SecretSource::Parameter(_) => "ssm:GetParameter",
                SecretSource::Secret(_) => "secretsmanager:GetSecretValue",
            },
            "Resource": self.names.secret_arn(secret),
        })
    }

    async fn put(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let role = context.names.role();
        context
            .call(Operation::repeatable("iam", "PutRolePolicy"), || {
                context
                    .clients
                    .iam
                    .put_role_policy()
                    .role_name(&role)
                    .policy_name(context.names.role_policy())
                    .policy_document(desired.document.to_string())
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("put the inline policy of the role {role}"))
    }
}

#[async_trait]
impl Kind for RolePolicy {
    type Spec = Spec;

    fn address(&self) -> Address {
        ROLE_POLICY
    }

    fn needs(&self) -> Vec<Address> {
        vec![ROLE, WEBSOCKET_API]
    }

    fn contained_in(&self) -> Option<Address> {
        Some(ROLE)
    }

    fn deleted_after(&self) -> Vec<Address> {
        vec![FUNCTION]
    }

    fn desired(&self, known: &Known) -> Spec {
        let connections = self.names.connections_arn(&known.api_or_placeholder());
        let relay = permissions::relay_statements(connections, &self.names.log_group_arn());
        let mut statements: Vec<Value> = relay.iter().map(|statement| json!(statement)).collect();
        if self.turn == Some(Turn::SignalingChannel) {
            let turn_servers = permissions::turn_servers_statement(self.names.signaling_channel_arns());
            statements.push(json!(turn_servers));
        }
        let turn_secret = self.turn.as_ref().and_then(Turn::secret).map(|secret| ("ReadTurnSecret", secret));
        let join_token = self.admission.token.as_ref().map(|token| ("ReadJoinToken", token));
        statements.extend(turn_secret.into_iter().chain(join_token).map(|(id, secret)| self.reading(id, secret)));
        let document = json!({ "Version": "2012-10-17", "Statement": statements });
        Spec { document: policy_document::wanted(document) }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let role = context.names.role();
        let answer = context
            .call(Operation::repeatable("iam", "GetRolePolicy"), || {
                context.clients.iam.get_role_policy().role_name(&role).policy_name(context.names.role_policy()).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("read the inline policy of the role {role}"))?;
        Ok(match answer {
            Some(policy) => {
                Observed::Owned(Spec { document: policy_document::parse_encoded(policy.policy_document()) })
            }
            None => Observed::Absent,
        })
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        self.put(context, desired).await
    }

    async fn update(&self, context: &Context, _: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        self.put(context, desired).await
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        let role = context.names.role();
        context
            .call(Operation::repeatable("iam", "DeleteRolePolicy"), || {
                context
                    .clients
                    .iam
                    .delete_role_policy()
                    .role_name(&role)
                    .policy_name(context.names.role_policy())
                    .send()
            })
            .await
            .absent_as_none()
            .map(drop)
            .doing(|| format!("delete the inline policy of the role {role}"))
    }
}

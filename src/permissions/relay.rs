//! What the relay may do: post to connections of its stage and write its own log.

use super::Document;
use super::document::Statement;
use crate::naming::{Patterns, StageName};

/// On these connections, and this log group.
pub(crate) fn relay_statements(connections: String, log_group: &str) -> Vec<Statement> {
    vec![
        Statement::allowing("PostToConnections", vec!["execute-api:ManageConnections"], connections),
        // No logs:CreateLogGroup: a late line must not bring the group back after a teardown.
        Statement::allowing("WriteOwnLog", vec!["logs:CreateLogStream", "logs:PutLogEvents"], format!("{log_group}:*")),
    ]
}

/// For a role that is made before the stack, when nobody knows the id of its API yet.
pub(crate) fn relay(of: &Patterns, stage: &StageName) -> Document {
    Document::of(relay_statements(of.connections(stage), &of.log_group()))
}

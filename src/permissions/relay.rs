//! What the relay may do: post to connections of its stage, write its own log, and ask for TURN servers where it has a channel.

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

/// To ask for the TURN servers of its signalling channel.
pub(crate) fn turn_servers_statement(channel: String) -> Statement {
    let actions = vec!["kinesisvideo:GetSignalingChannelEndpoint", "kinesisvideo:GetIceServerConfig"];
    Statement::allowing("AskForTurnServers", actions, channel)
}

/// For a role that is made before the stack, when nobody knows the id of its API yet.
pub(crate) fn relay(of: &Patterns, stage: &StageName) -> Document {
    let mut statements = relay_statements(of.connections(stage), &of.log_group());
    statements.extend(of.has_signaling_channel.then(|| turn_servers_statement(of.signaling_channels())));
    Document::of(statements)
}

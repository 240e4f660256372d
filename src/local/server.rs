//! The listener of the local AWS.

/// A running local AWS.
#[derive(Debug)]
pub struct LocalAws {}

/// Why a local AWS could not start.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

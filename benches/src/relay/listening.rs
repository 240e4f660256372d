//! A server on a free port of this machine, until it is dropped.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::relay::trust::HOST;

pub(super) struct Listening {
    pub(super) address: SocketAddr,
    /// Ends what it accepted, too.
    _accepting: JoinSet<()>,
}

impl Listening {
    pub(super) async fn start<Served>(serve: impl Fn(TcpStream) -> Served + Send + 'static) -> Outcome<Self>
    where
        Served: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((HOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // Without it small answers wait for acknowledgements; where it cannot be set, they do.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream));
            }
        });
        Ok(Self { address, _accepting: accepting })
    }
}

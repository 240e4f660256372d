//! A connection that breaks under a request: its bytes arrive, nobody reads them, and the sender's end is reset. So it looks to a
//! function that was frozen for so long that the other end forgot the connection, and the word of that was lost.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Set for the next bytes that come, whichever connection they come on.
#[derive(Clone, Default)]
pub(super) struct Trap {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_set: AtomicBool,
    sprung: AtomicUsize,
}

impl Trap {
    pub(super) fn set(&self) {
        self.state.is_set.store(true, Ordering::SeqCst);
    }

    /// How often bytes came that nobody read.
    pub(super) fn sprung(&self) -> usize {
        self.state.sprung.load(Ordering::SeqCst)
    }
}

/// A connection with the trap below TLS.
pub(super) struct Trapped {
    stream: TcpStream,
    trap: Trap,
}

impl Trapped {
    pub(super) fn new(stream: TcpStream, trap: Trap) -> Self {
        Self { stream, trap }
    }
}

impl AsyncRead for Trapped {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, trap } = self.get_mut();
        if trap.state.is_set.load(Ordering::SeqCst) {
            let is_more = ready!(stream.poll_peek(context, &mut ReadBuf::new(&mut [0])))? > 0;
            if is_more && trap.state.is_set.swap(false, Ordering::SeqCst) {
                trap.state.sprung.fetch_add(1, Ordering::SeqCst);
                // The system resets a connection that is closed with bytes unread.
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
        }
        Pin::new(stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Trapped {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

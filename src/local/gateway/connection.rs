//! One live WebSocket connection: its limits, its closes, and the messages in both directions (AWS-FACTS A5).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::ids::ConnectionId;
use super::messages;
use crate::local::world::World;

const LARGEST_FRAME: usize = 32 * 1024;

/// Each connection keeps one. Nearly all messages fit; a larger frame is read in several pieces.
const READ_BUFFER: usize = 4 * 1024;
pub(super) const LARGEST_MESSAGE: usize = 128 * 1024;

/// Messages that wait for a slow client; more are refused with 429 (AWS-FACTS A6).
const OUTGOING: usize = 64;

/// How long a client may take to answer a close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Who is connected to what.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) id: ConnectionId,
    pub(super) api: String,
    pub(super) stage: String,
    pub(super) connected_at: jiff::Timestamp,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
    pub(super) domain_name: String,
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// DELETE @connections: code and reason are not the caller's to choose.
    Deleted,
    /// Idle too long, alive too long, or its stage is gone.
    GoingAway,
    /// The local AWS stops: no `$disconnect` any more.
    Stopping,
    Binary,
    TooBig,
    NotUtf8,
    Protocol,
    /// The client closed, with a code and a reason of its own or without.
    ByClient(Option<(u16, String)>),
    /// The socket ended without a close frame.
    Abnormal,
}

impl Ending {
    /// The close frame that the client gets; none if it is gone already.
    fn frame(&self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Deleted => (CloseCode::Normal, "Connection Closed Normally"),
            Self::GoingAway | Self::Stopping => (CloseCode::Away, "Going away"),
            Self::Binary => (CloseCode::Unsupported, "Binary messages are not supported"),
            Self::TooBig => (CloseCode::Size, "Message too long"),
            Self::NotUtf8 => (CloseCode::Invalid, "Text is not UTF-8"),
            Self::Protocol => (CloseCode::Protocol, "Protocol error"),
            Self::ByClient(_) | Self::Abnormal => return None,
        };
        Some(CloseFrame { code, reason: reason.into() })
    }

    /// What `$disconnect` is told.
    pub(super) fn told(&self) -> (u16, String) {
        match (self, self.frame()) {
            (_, Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            (Self::ByClient(Some((1000, reason))), None) if reason.is_empty() => {
                (1000, "Connection Closed Normally".to_owned())
            }
            (Self::ByClient(Some((code, reason))), None) => (*code, reason.clone()),
            (Self::ByClient(None), None) => (1005, "Client-side close frame status not set".to_owned()),
            (_, None) => (1006, "Connection closed abnormally".to_owned()),
        }
    }

    fn of_error(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::TooBig,
            Error::Utf8(_) => Self::NotUtf8,
            Error::Protocol(tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
                Self::Abnormal
            }
            Error::Protocol(_) => Self::Protocol,
            _ => Self::Abnormal,
        }
    }
}

/// The side of a connection that the rest of the gateway holds.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    outgoing: mpsc::Sender<String>,
    ending: watch::Sender<Option<Ending>>,
    last_active: Mutex<jiff::Timestamp>,
}

/// The other side: what the socket's task reads from.
#[derive(Debug)]
pub(super) struct Inbox {
    outgoing: mpsc::Receiver<String>,
    ending: watch::Receiver<Option<Ending>>,
}

/// Why a message was not queued.
#[derive(Debug)]
pub(super) enum NotQueued {
    /// The client does not read fast enough.
    BufferFull,
    /// The socket is closed, and about to be forgotten.
    Gone,
}

impl Connection {
    pub(super) fn new(peer: Peer) -> (Arc<Self>, Inbox) {
        let (outgoing, queue) = mpsc::channel(OUTGOING);
        let (ending, ended) = watch::channel(None);
        let last_active = Mutex::new(peer.connected_at);
        (Arc::new(Self { peer, outgoing, ending, last_active }), Inbox { outgoing: queue, ending: ended })
    }

    /// Queues a message unless the client's buffer is full.
    pub(super) fn push(&self, text: String) -> Result<(), NotQueued> {
        self.outgoing.try_send(text).map_err(|error| match error {
            TrySendError::Full(_) => NotQueued::BufferFull,
            TrySendError::Closed(_) => NotQueued::Gone,
        })
    }

    /// Queues a message, waiting for room.
    pub(super) async fn send(&self, text: String) {
        // A connection that is gone needs no answer any more.
        let _ = self.outgoing.send(text).await;
    }

    /// Asks the socket's task to close. The first reason counts.
    pub(super) fn close(&self, reason: Ending) {
        self.ending.send_if_modified(|ending| {
            let first = ending.is_none();
            if first {
                *ending = Some(reason);
            }
            first
        });
    }

    pub(super) fn last_active(&self) -> jiff::Timestamp {
        *self.last_active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        *self.last_active.lock().unwrap_or_else(PoisonError::into_inner) = jiff::Timestamp::now();
    }
}

/// Carries a connection from its upgrade to its end; says why it ended.
pub(super) async fn serve(
    world: &Arc<World>,
    connection: &Arc<Connection>,
    mut inbox: Inbox,
    upgraded: Upgraded,
) -> Ending {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_frame_size(Some(LARGEST_FRAME))
        .max_message_size(Some(LARGEST_MESSAGE));
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (messages, dispatcher) = messages::dispatcher(Arc::clone(world), Arc::clone(connection));
    let ending = converse(world, connection, &mut inbox, &mut socket, &messages).await;
    // Messages that came before the close are still served, as on AWS, but nobody waits for them here.
    drop(messages);
    drop(dispatcher);
    // Nobody shall wait for room in a queue that is no longer read.
    inbox.outgoing.close();
    // A client that is slow to answer the close loses its socket.
    let _ = timeout(CLOSE_PATIENCE, part(&mut socket, ending.frame())).await;
    ending
}

async fn converse(
    world: &World,
    connection: &Connection,
    inbox: &mut Inbox,
    socket: &mut Socket,
    messages: &mpsc::Sender<String>,
) -> Ending {
    let manners = &world.options.manners;
    let end_of_life = Instant::now() + manners.connection_life;
    let mut idle_since = Instant::now();
    // A message that finds too many under way. Until it gets its turn nothing more is read, but answers still go out.
    let mut waiting: Option<String> = None;
    loop {
        let deadline = end_of_life.min(idle_since + manners.connection_idle);
        let step = async {
            tokio::select! {
                Some(text) = inbox.outgoing.recv() => {
                    let sent = socket.send(Message::text(text)).await;
                    sent.map_err(|error| Ending::of_error(&error))
                }
                turn = messages.reserve(), if waiting.is_some() => {
                    if let (Ok(turn), Some(text)) = (turn, waiting.take()) {
                        turn.send(text);
                    }
                    return Ok(Activity::None);
                }
                message = socket.next(), if waiting.is_none() => match message {
                    Some(Ok(Message::Text(text))) => {
                        waiting = Some(text.to_string());
                        Ok(())
                    }
                    Some(Ok(Message::Binary(_))) => Err(Ending::Binary),
                    Some(Ok(Message::Close(frame))) => {
                        Err(Ending::ByClient(frame.map(|frame| (frame.code.into(), frame.reason.to_string()))))
                    }
                    // Answered by the library. A ping is no activity: AWS counts application messages only (AWS-FACTS A5).
                    Some(Ok(_)) => {
                        return Ok(Activity::None);
                    }
                    Some(Err(error)) => Err(Ending::of_error(&error)),
                    None => Err(Ending::Abnormal),
                }
            }
            .map(|()| Activity::Data)
        };
        tokio::select! {
            biased;
            ending = inbox.ending.wait_for(Option::is_some) => {
                return ending.ok().and_then(|ending| ending.clone()).unwrap_or(Ending::Stopping);
            }
            step = timeout_or(deadline, step) => match step {
                Ok(Activity::Data) => {
                    idle_since = Instant::now();
                    connection.touch();
                }
                Ok(Activity::None) => {}
                Err(ending) => return ending,
            },
        }
    }
}

enum Activity {
    Data,
    None,
}

/// A step that is not done by the deadline ends the connection.
async fn timeout_or(
    deadline: Instant,
    step: impl Future<Output = Result<Activity, Ending>>,
) -> Result<Activity, Ending> {
    tokio::time::timeout_at(deadline, step).await.unwrap_or(Err(Ending::GoingAway))
}

/// Closes: says why, waits for the client's close, and reads what is still on its way. Without that last, a client in the middle
/// of a long message would see a reset instead of the close frame.
async fn part(socket: &mut Socket, frame: Option<CloseFrame>) {
    if frame.is_some() {
        if socket.close(frame).await.is_err() {
            return;
        }
        while let Some(Ok(_)) = socket.next().await {}
        let mut rest = [0u8; 4096];
        while let Ok(1..) = socket.get_mut().read(&mut rest).await {}
    } else {
        // Flushes the answer to the client's close.
        while let Some(Ok(_)) = socket.next().await {}
    }
}

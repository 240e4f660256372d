//! The kept connection to the callback URL is cut in every way in which it is cut: each message is posted once, in order, or its
//! sender is told that it may not have been.

use tokio_rustls::TlsAcceptor;

use crate::Outcome;
use crate::relay::callback_url::Ending;
use crate::relay::sandbox::{Program, Sandbox};

const MESSAGES: usize = 1_000;
/// The connection is cut before each so-manieth message.
const CUT_EVERY: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Closed, as a server does it with an idle one.
    Closed,
    /// Lost while the relay is frozen: that and the next message are the first that it sees again.
    LostWhileFrozen,
    /// Lost, but nothing says so until bytes of the next request are written. These may have arrived, for all that a relay can know:
    /// it must not send them again, and must say so.
    BrokenUnderRequest,
}

const CUTS: [Cut; 3] = [Cut::Closed, Cut::LostWhileFrozen, Cut::BrokenUnderRequest];

/// Which cut comes before a message.
fn cut_before(message: usize) -> Option<Cut> {
    let is_cut = message % CUT_EVERY == CUT_EVERY - 1;
    is_cut.then(|| CUTS[message / CUT_EVERY % CUTS.len()])
}

pub(super) async fn withstand(program: Program<'_>, acceptor: &TlsAcceptor) -> Outcome {
    let sandbox = Sandbox::start(program, acceptor).await?;
    let (mut posted, mut broken) = (Vec::new(), 0);
    for message in 0..MESSAGES {
        let cut = cut_before(message);
        match cut {
            None => sandbox.send(message)?,
            Some(Cut::Closed) => {
                sandbox.callback.end(Ending::Closed).await?;
                sandbox.send(message)?;
            }
            Some(Cut::LostWhileFrozen) => {
                sandbox.freeze()?;
                sandbox.callback.end(Ending::Lost).await?;
                sandbox.send(message)?;
                sandbox.thaw()?;
            }
            Some(Cut::BrokenUnderRequest) => {
                sandbox.callback.break_under_next();
                sandbox.send(message)?;
            }
        }
        let error = sandbox.error().await?;
        let expected = match cut {
            Some(Cut::BrokenUnderRequest) => {
                broken += 1;
                Some("unexpected")
            }
            _ => {
                posted.push(message);
                None
            }
        };
        if error.as_deref() != expected {
            return Err(format!("message {message}: its sender is told {error:?}, not {expected:?}").into());
        }
    }
    let callback = &sandbox.callback;
    if broken == 0 || callback.broken() != broken {
        return Err(format!("the connection was to break under {broken} requests: {}", callback.broken()).into());
    }
    let came = callback.posted()?;
    if came != posted {
        return Err(format!("of {} messages over a connection that is cut, these came: {came:?}", posted.len()).into());
    }
    Ok(())
}

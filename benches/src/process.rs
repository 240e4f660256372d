//! How soon the program gets to work, and how large it is.

use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::Outcome;
use crate::figure::{Figure, median};
use crate::program::Programs;

const STARTS: usize = 20;

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let megabytes = |path| Ok::<_, std::io::Error>(std::fs::metadata(path)?.len() as f64 / 1e6);
    Ok(vec![
        Figure::new("program: from start to the first byte on the wire", first_byte(programs).await?, "ms")
            .at_most(20.0),
        Figure::new("program: size, without relays in it", megabytes(&programs.webrtc_aws)?, "MB").at_most(20.0),
    ])
}

/// Milliseconds until AWS would have read something.
async fn first_byte(programs: &Programs) -> Outcome<f64> {
    let home = tempfile::tempdir()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let mut process = programs.command(&home, &["status", "bench", "--endpoint-url", &endpoint]).spawn()?;
        let (mut stream, _) = listener.accept().await?;
        stream.read_exact(&mut [0]).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        process.kill().await?;
    }
    Ok(median(times))
}

//! A server of Arith and Zoo that makes itself known, until it is told to end: `fleet-server ADDRESS REGISTRY.. [every=MILLISECONDS]`.

use std::time::Duration;

use ferrywire::{Code, Error, Limits, Result};
use ferrywire_interop::zoo;
use ferrywire_registry::Announcer;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let usage =
        || Error::new(Code::InvalidArgument, "usage: fleet-server ADDRESS REGISTRY.. [every=MILLISECONDS]");
    let address = words.next().ok_or_else(usage)?;
    let (mut every, mut announcer) = (Duration::from_secs(10), None);
    for word in words {
        if let Some(millis) = word.strip_prefix("every=") {
            every = Duration::from_millis(millis.parse().map_err(|_| usage())?);
            continue;
        }
        announcer = Some(match announcer {
            None => Announcer::to(&word)?,
            Some(announcer) => Announcer::also(announcer, &word)?,
        });
    }
    let mut limits = Limits::default();
    limits.drain_delay = Duration::from_millis(500);
    let mut builder = zoo::server().limits(limits);
    if let Some(announcer) = announcer {
        builder = builder.announce(announcer.every(every));
    }
    let server = builder.bind(address).await?;
    println!("listening on {}", server.address());
    let mut told = signal(SignalKind::terminate()).expect("signals can be listened to");
    server
        .run_until(async move {
            told.recv().await;
        })
        .await
}

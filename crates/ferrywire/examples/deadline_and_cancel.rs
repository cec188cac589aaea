//! Three servers in a row: each method calls the next one, and the last one takes its time.
//!
//! Dropping the first call stops the third method, and a deadline given to the first call holds for the
//! third, though nobody passes anything: `cargo run --release --example deadline_and_cancel`.

use std::time::{Duration, Instant};

use ferrywire::{Context, Result, Server, ServerHandle, service};
use tokio::sync::mpsc;

/// One link of the chain.
#[service]
pub trait Hop {
    /// Calls the next link, or is the last one and works for `millis`.
    async fn pass(&self, context: &Context, millis: u64) -> Result<String>;
}

struct Link {
    name: &'static str,
    next: Option<HopClient>,
    news: mpsc::UnboundedSender<String>,
}

/// Says when a method ends before its time.
struct Watch<'l> {
    link: &'l Link,
    is_done: bool,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = self.link.news.send(format!("{}: stopped", self.link.name));
        }
    }
}

impl Hop for Link {
    async fn pass(&self, context: &Context, millis: u64) -> Result<String> {
        let _ = self.news.send(format!("{}: began, {:?} left", self.name, context.remaining()));
        let mut watch = Watch { link: self, is_done: false };
        let passed = match &self.next {
            Some(next) => next.pass(millis).await,
            None => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Ok("done".to_owned())
            }
        };
        watch.is_done = true;
        passed
    }
}

async fn serve(link: Link) -> Result<(HopClient, ServerHandle)> {
    let server = Server::builder().register(HopServer::new(link)).bind("tcp://127.0.0.1:0").await?;
    let (address, handle) = (server.address(), server.handle());
    tokio::spawn(server.run());
    Ok((HopClient::connect(address).await?, handle))
}

#[tokio::main]
async fn main() -> Result<()> {
    let (news, mut told) = mpsc::unbounded_channel();
    let (third, last) = serve(Link { name: "third", next: None, news: news.clone() }).await?;
    let (second, _) = serve(Link { name: "second", next: Some(third), news: news.clone() }).await?;
    let (first, _) = serve(Link { name: "first", next: Some(second), news }).await?;

    println!("a call is dropped while the third method runs:");
    let call = tokio::time::timeout(Duration::from_millis(100), first.pass(60_000)).await;
    println!("  the caller gave up: {}", call.is_err());
    for _ in 0..6 {
        println!("  {}", told.recv().await.expect("every method says when it ends"));
    }
    println!("  calls that still run on the third server: {}", last.running());

    println!("a call has 200 ms in all:");
    let began = Instant::now();
    let error = first.pass(60_000).timeout(Duration::from_millis(200)).await.expect_err("it takes a minute");
    println!("  after {:?}: {error}", began.elapsed());
    Ok(())
}

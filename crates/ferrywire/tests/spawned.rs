//! Methods that hold up their connection: they are found out, run as tasks, and let the others pass.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is the report")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ferrywire::protocol::NetRpc;
use ferrywire::transport::Memory;
use ferrywire::{Client, Code, Context, Result, Server, ServerHandle, service};

/// Methods that compute without waiting, as Go's often do.
#[service]
trait Work {
    /// Holds its thread for so many milliseconds.
    fn grind(&self, millis: u64) -> u64;

    /// The same, with a context.
    async fn grind_on(&self, context: &Context, millis: u64) -> Result<u64>;

    /// Answers at once.
    fn echo(&self, number: u64) -> u64;

    /// Panics after a while.
    fn burst(&self, millis: u64) -> u64;
}

#[derive(Default)]
struct Worker {
    ended: Arc<AtomicUsize>,
}

impl Work for Worker {
    fn grind(&self, millis: u64) -> u64 {
        std::thread::sleep(Duration::from_millis(millis));
        self.ended.fetch_add(1, Ordering::SeqCst);
        millis
    }

    async fn grind_on(&self, _context: &Context, millis: u64) -> Result<u64> {
        Ok(self.grind(millis))
    }

    fn echo(&self, number: u64) -> u64 {
        number
    }

    fn burst(&self, millis: u64) -> u64 {
        std::thread::sleep(Duration::from_millis(millis));
        panic!("asked to")
    }
}

async fn workshop() -> (WorkClient, ServerHandle, Arc<AtomicUsize>) {
    let (memory, worker) = (Memory::new(), Worker::default());
    let ended = worker.ended.clone();
    let builder = Server::builder().memory(&memory).register(WorkServer::new(worker));
    let server = builder.bind("memory://work").await.unwrap();
    let handle = server.handle();
    tokio::spawn(server.run());
    let client = Client::builder().protocol(NetRpc).memory(&memory).connect("memory://work").await.unwrap();
    (WorkClient::new(client), handle, ended)
}

/// Waits until `is_so`, for as long as a busy machine may take.
async fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "it did not come about");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn quick_calls_pass_one_that_computes() {
    let (work, _handle, ended) = workshop().await;
    work.grind(30).await.unwrap();

    let slow = tokio::spawn({
        let work = work.clone();
        async move { work.grind(1000).await }
    });
    until(|| _handle.running() == 1).await;
    for number in 0..100 {
        assert_eq!(work.echo(number).await.unwrap(), number);
    }

    assert_eq!(ended.load(Ordering::SeqCst), 1, "the slow call is still running");
    assert_eq!(slow.await.unwrap().unwrap(), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_panic_in_a_task_is_its_callers_error_only() {
    let (work, handle, _ended) = workshop().await;

    for _ in 0..3 {
        let error = work.burst(3).await.unwrap_err();
        assert!(error.message().contains("panicked"), "{error}");
    }

    assert_eq!(work.echo(7).await.unwrap(), 7);
    until(|| handle.running() == 0).await;
}

/// Row C8: a call that was given up on keeps its place until its method has really ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_withdrawn_call_that_computes_keeps_its_place_until_it_ends() {
    let (work, handle, ended) = workshop().await;
    work.grind_on(30).await.unwrap();

    let call = work.grind_on(300).timeout(Duration::from_millis(50)).await;

    assert_eq!(call.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!((handle.running(), ended.load(Ordering::SeqCst)), (1, 1));
    until(|| handle.running() == 0).await;
    assert_eq!(ended.load(Ordering::SeqCst), 2);
    assert_eq!(work.echo(7).await.unwrap(), 7);
}

//! A process without a descriptor left goes on accepting as soon as it has one. Alone in its file, because
//! the limit is the process's.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ferrywire::Limits;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use support::{Rig, in_time, settle};

mod support;

/// Runs one test at a time, its runtime included, in a process that has few descriptors.
fn with_128_descriptors(test: impl Future<Output = ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(128);
    setrlimit(Resource::Nofile, limit).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

/// Defect 6, row A11: the accept loop ended on its first error.
#[test]
fn accepting_goes_on_after_descriptors_ran_out() {
    with_128_descriptors(async {
        let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
        let bystander = rig.bystander().await;
        let place = rig.address.to_string().replacen("tcp://", "", 1);

        for round in 0..3 {
            // What the round before has closed is given back before the rest is taken.
            rig.connections(1).await;
            settle().await;
            let mut files: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
            assert!(files.len() > 50, "{} files are all that was left", files.len());
            // The caller takes the last descriptor: nothing is left to accept it with but the reserve.
            files.pop();
            let mut caller = TcpStream::connect(place.as_str()).await.unwrap();
            let came = in_time("the caller is turned away", caller.read(&mut [0; 16])).await;
            assert!(matches!(came, Ok(0) | Err(_)), "round {round}: {came:?}");
            bystander.is_unaffected().await;

            let freed = Instant::now();
            drop((files, caller));
            in_time("the server accepts again", async { rig.bystander().await.is_unaffected().await }).await;

            assert!(freed.elapsed() < Duration::from_secs(1), "accepted only after {:?}", freed.elapsed());
        }
        bystander.is_unaffected().await;
    });
}

/// Row A10: above half of the descriptors a connection is closed at once, whatever the limits allow.
#[test]
fn half_of_the_descriptors_are_not_for_connections() {
    with_128_descriptors(async {
        let rig = Rig::with(Limits::trusted_network()).await;
        let bystander = rig.bystander().await;

        // Over memory a connection takes no descriptor: it is the count that holds.
        let mut flood = Vec::new();
        for _ in 0..200 {
            flood.push(rig.raw().await);
            settle().await;
        }

        assert_eq!(rig.handle.connections(), 64);
        bystander.is_unaffected().await;
        drop(flood);
        rig.connections(1).await;
        rig.bystander().await.is_unaffected().await;
    });
}

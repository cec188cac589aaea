//! How much memory a peer can make us ask for: 64 KiB and eight bytes for each that it sent, whatever it
//! claims. Alone in its file, because the allocator counts for the whole process.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferrywire::message::Read;
use ferrywire::protocol::netrpc::{Replies, Requests};
use ferrywire::protocol::tunnel::{self, Paths};
use ferrywire::protocol::{NetRpc, Protocol, ReadReplies, ReadRequests, Terms};
use ferrywire::transport::Address;
use ferrywire::{Limits, Server};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use support::gob::{INT, OWN, define_slice, define_struct, uint, value};
use support::{Bench, ProbeServer, RawClient, pipe, settle};

mod support;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test at a time: what another one asks for would be counted too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many bytes `work` asks the allocator for, those that it gives back included.
fn asked_for(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.bytes_allocated + usize::try_from(change.bytes_reallocated).unwrap_or(0)
}

fn most_for(len: usize) -> usize {
    64 * 1024 + 8 * len
}

/// Streams that claim much and bring little.
fn claims() -> Vec<(&'static str, Vec<u8>)> {
    let first = RawClient::over(pipe(1).0).request(1, "Probe.Len", &serde_bytes::ByteBuf::new());
    let definition = &first[..1 + usize::from(first[0])];
    let behind_a_header = |body: &[u8]| [&first[..first.len() - 4], body].concat();
    let count = uint(1 << 50);
    let list = define_slice(OWN, INT);
    vec![
        ("a message of nearly 4 MiB", [definition, b"\xfd\x3f\xff\xff"].concat()),
        ("a message of 2^63 bytes", [definition, b"\xf8\x80\x00\x00\x00\x00\x00\x00\x00"].concat()),
        ("a body of nearly 4 MiB", behind_a_header(b"\xfd\x3f\xff\xff\x0a\x00")),
        ("bytes of nearly 4 MiB", behind_a_header(&value(5, &[0, 0xfd, 0x3f, 0xff, 0x00]))),
        ("a list of 2^50", behind_a_header(&[&list[..], &value(OWN, &[&[0], &count[..]].concat())].concat())),
        (
            "a struct of 2^50 fields",
            behind_a_header(&{
                let mut definition = define_struct(OWN, "Wide", &[]);
                let at = definition.len() - 3;
                definition.splice(at..at + 1, count.iter().copied());
                definition[0] = definition.len() as u8 - 1;
                definition
            }),
        ),
    ]
}

/// Defect 23, rows A6, B1: a length from the wire was allocated as it stood.
#[test]
fn a_claimed_length_allocates_nothing() {
    let _alone = alone();
    for (what, bytes) in claims() {
        let mut requests = Requests::new(&Terms::new(&Limits::default()));
        let mut replies = Replies::new(&Terms::new(&Limits::default()));

        let asked = asked_for(|| {
            let mut at = 0;
            while let Ok(Read::Message { used, .. } | Read::More { used }) = requests.read(&bytes[at..]) {
                at += used;
                if used == 0 {
                    break;
                }
            }
            let _ = replies.read(&bytes);
        });

        assert!(asked <= most_for(2 * bytes.len()), "{what}: {asked} bytes for {}", bytes.len());
    }
}

/// Row A2: a buffer grows with what has come, not with what was promised.
#[test]
fn a_connection_grows_with_what_has_come() {
    let _alone = alone();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    for (what, bytes) in claims() {
        let server = Server::builder().register(ProbeServer::new(Bench::new())).build().unwrap();
        let warm_up = |bytes: Vec<u8>| {
            let (ours, theirs) = pipe(4096);
            runtime.block_on(async {
                let serving = tokio::spawn(server.serve(theirs));
                let mut raw = RawClient::over(ours);
                let _ = raw.try_send(&bytes).await;
                settle().await;
                let _ = raw.try_half_close().await;
                tokio::time::timeout(Duration::from_secs(60), serving).await.unwrap().unwrap();
            });
        };
        // What a thread and a type cost once is not this peer's.
        warm_up(bytes.clone());

        let asked = asked_for(|| warm_up(bytes.clone()));

        // The pipe itself is the test's.
        assert!(asked <= most_for(bytes.len()) + 2 * 4096, "{what}: {asked} bytes for {}", bytes.len());
    }
}

/// Row H7: a head is looked at as often as bytes come, and each look costs the same little.
#[test]
fn a_head_that_does_not_end_allocates_little() {
    let _alone = alone();
    let limits = Limits::default();
    let tunnels = vec!["/_goRPC_".to_owned()];
    let paths = Paths { tunnels, pages: vec!["/debug/rpc"], ..Paths::default() };
    let tunnel = NetRpc::TUNNEL.expect("net/rpc has a tunnel");
    let head = [b"CONNECT /_goRPC_ HTTP/1.0\r\nX: ", &[b'x'; 9000][..]].concat();
    let reply = [b"HTTP/1.0 200 Connected\r\nX: ", &[b'x'; 9000][..]].concat();

    let asked = asked_for(|| {
        let _ = tunnel::read_request(&head, &paths, &limits);
        let _ = tunnel::read_reply(&reply, &tunnel, &limits);
    });

    assert!(asked <= most_for(head.len() + reply.len()), "{asked} bytes");
}

#[test]
fn an_address_of_a_megabyte_is_refused_in_a_few_words() {
    let _alone = alone();
    let text = "x".repeat(1 << 20);
    let mut refusal = String::new();

    let asked = asked_for(|| refusal = text.parse::<Address>().unwrap_err().to_string());

    assert!(asked < 64 * 1024 && refusal.len() < 400, "{asked} bytes for {refusal}");
}

/// The pages that the process holds, in KiB.
#[cfg(target_os = "linux")]
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Rows A8, R7 in small: peers that ask for much and read nothing hold so much and no more.
#[cfg(target_os = "linux")]
#[test]
fn peers_that_never_read_hold_no_more_than_their_share() {
    let _alone = alone();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let server = Server::builder().register(ProbeServer::new(Bench::new())).build().unwrap();
    runtime.block_on(async {
        let before = resident_kib();
        let mut greedy = Vec::new();
        for _ in 0..20 {
            let (ours, theirs) = pipe(4096);
            tokio::spawn(server.serve(theirs));
            let mut raw = RawClient::over(ours);
            // Forty times 256 KiB are asked for; a mebibyte and one message may wait.
            for id in 0..40 {
                let request = raw.request(id, "Probe.Fill", &262_144_u64);
                let _ = tokio::time::timeout(Duration::from_millis(1), raw.try_send(&request)).await;
            }
            greedy.push(raw);
        }
        settle().await;

        let grown = resident_kib().saturating_sub(before);

        // A buffer that grows by doubling may be twice what it holds.
        assert!(grown < 20 * 2 * (1024 + 256 + 64), "{grown} KiB for 20 peers");
        assert_eq!(server.handle().connections(), 20);
    });
}

/// A call that goes to one of many servers allocates no more than one that has no choice, whoever chooses.
#[test]
fn choosing_a_server_allocates_nothing() {
    use ferrywire::balance::{ConsistentHash, Random, RoundRobin, WeightedRoundRobin};
    use support::fleet::{Fleet, NodeClient, address, told};

    const CALLS: usize = 200;
    let _alone = alone();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let fleet = Fleet::of(3).await;
        let clients = [
            ("one address", fleet.builder().connect(address(0)).await.unwrap()),
            ("least loaded", discovered(&fleet, fleet.builder()).await),
            ("random", discovered(&fleet, fleet.builder().balance(Random)).await),
            ("round robin", discovered(&fleet, fleet.builder().balance(RoundRobin)).await),
            ("weighted", discovered(&fleet, fleet.builder().balance(WeightedRoundRobin)).await),
            ("consistent hash", discovered(&fleet, fleet.builder().balance(ConsistentHash)).await),
        ];
        let mut without_a_choice = None;
        for (balance, client) in clients {
            let node = NodeClient::new(client);
            let mut least = usize::MAX;
            // The first rounds connect, and grow what is kept.
            for _ in 0..5 {
                let region = Region::new(ALLOCATOR);
                for number in 0..CALLS as i64 {
                    assert_eq!(node.double(number).await.unwrap(), 2 * number);
                }
                let change = region.change();
                least = least.min(change.allocations + change.reallocations);
            }
            let most = *without_a_choice.get_or_insert(least);
            assert!(
                least <= most,
                "{balance}: {least} allocations for {CALLS} calls, and {most} without a choice"
            );
        }
    });

    async fn discovered(fleet: &Fleet, builder: ferrywire::client::Builder) -> ferrywire::Client {
        let (teller, source) = told();
        let (client, ()) = tokio::join!(builder.discover_from(source), teller.says(fleet.endpoints()));
        client.unwrap()
    }
}

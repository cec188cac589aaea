//! What becomes of checksums where the server demands them.

use ferrywire::protocol::Native;
use ferrywire::{Client, Server};

use crate::desk::{doubled, twice};
use crate::frames::{Frame, Wire, flag, greeting, kind, preface_of, summed};
use crate::support::{Bench, ProbeClient, ProbeServer, in_time, pipe};

/// A server that demands checksums, for as many streams as there are pipes.
fn demanding() -> Server {
    Server::builder().register(ProbeServer::new(Bench::new())).checksum().build().unwrap()
}

/// It is found out in time: what is sent before the server's preface has come has a checksum anyhow.
#[tokio::test(start_paused = true)]
async fn a_client_need_not_know_that_its_server_demands_checksums() {
    let server = demanding();
    for client in [Client::builder(), Client::builder().checksum()] {
        let (ours, theirs) = pipe(1 << 16);
        tokio::spawn(server.serve(theirs));

        let probe = ProbeClient::new(client.protocol(Native).over(ours));

        for number in 0..3 {
            assert_eq!(in_time("the call is answered", probe.twice(number)).await.unwrap(), 2 * number);
        }
        assert_eq!(probe.len(&vec![7; 3 << 20]).await.unwrap(), 3 << 20);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_demands_checksums_gives_them() {
    let (ours, theirs) = pipe(1 << 16);
    tokio::spawn(demanding().serve(theirs));
    let mut wire = Wire::over(ours);
    let hello = Frame::new(kind::HELLO, 0, 0, crate::frames::hello_body(&[]));

    wire.send(&[preface_of(1, 1, 0), summed(&hello)].concat()).await;
    wire.send(&summed(&twice(1, 21))).await;

    assert_eq!(wire.next().await, doubled(1, 21));
    assert_eq!(wire.summed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_frame_without_a_checksum_ends_the_connection_where_they_are_demanded() {
    let server = demanding();
    let hello = Frame::new(kind::HELLO, 0, 0, crate::frames::hello_body(&[]));
    let mut damaged = summed(&twice(1, 21));
    *damaged.last_mut().unwrap() ^= 1;
    let greeted = |bytes: Vec<u8>| [preface_of(1, 1, 0), summed(&hello), bytes].concat();
    for bytes in [greeting(), greeted(twice(1, 21).bytes()), greeted(damaged)] {
        let (ours, theirs) = pipe(1 << 16);
        tokio::spawn(server.serve(theirs));
        let mut wire = Wire::over(ours);

        wire.send(&bytes).await;

        let farewell = wire.farewell().await;
        assert_eq!(farewell.method, 15, "{farewell:?}");
        assert_eq!(wire.summed, 2);
        assert_eq!(farewell.flags & flag::CHECKSUM, 0, "the reader has checked it and taken it off");
    }
}

/// Nobody pays for what nobody demands.
#[tokio::test(start_paused = true)]
async fn checksums_end_with_the_hello_of_a_server_that_does_not_demand_them() {
    let (ours, theirs) = pipe(1 << 16);
    let client = Client::builder().protocol(Native).over(ours);
    let mut wire = Wire::over(theirs);
    let early = client.start::<_, i64>("Probe.Twice", &1_i64);
    let first = wire.next().await;
    assert_eq!(wire.summed, 2);

    wire.send(&greeting()).await;
    wire.put(&Frame::new(kind::RESPONSE, 0, first.id, [4])).await;
    assert_eq!(early.await.unwrap(), 2);
    let late = client.start::<_, i64>("Probe.Twice", &1_i64);
    wire.next().await;

    assert_eq!(wire.summed, 2);
    drop(late);
}

//! Compressed bodies: who sends them, who reads them, and what becomes of those that are bombs.
//!
//! Blocks of LZ4 are put together by hand here, so that most of this holds whatever the library is built with.

use ferrywire::codec::Format;
use ferrywire::protocol::Native;
use ferrywire::{Client, Code, Compression, Limits, Server};

use crate::desk::{Clerk, DeskClient, DeskServer, doubled, twice};
use crate::frames::{Frame, Wire, flag, greeting, hello_body, kind, preface_of};
use crate::support::{Bench, ProbeClient, ProbeServer, in_time, limits, pipe};

fn built() -> impl Iterator<Item = Compression> {
    Compression::ALL.into_iter().filter(|algorithm| algorithm.is_built())
}

fn number_of(algorithm: Compression) -> u8 {
    match algorithm {
        Compression::Lz4 => 1,
        _ => 2,
    }
}

fn served(compression: Option<Compression>, limits: Limits) -> Server {
    let builder = Server::builder().register(ProbeServer::new(Bench::new())).limits(limits);
    let builder = builder.register(DeskServer::new(Clerk::default()));
    match compression {
        Some(compression) => builder.compression(compression),
        None => builder,
    }
    .build()
    .unwrap()
}

/// A server, and a wire on which both sides have introduced themselves.
async fn wire_to(compression: Option<Compression>, limits: Limits) -> Wire {
    let (ours, theirs) = pipe(1 << 20);
    tokio::spawn(served(compression, limits).serve(theirs));
    let mut wire = Wire::over(ours);
    wire.send(&greeting()).await;
    assert_eq!(wire.hear().await.unwrap().kind(), kind::HELLO);
    wire
}

/// An LZ4 block of nothing but literals.
fn literals(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    match bytes.len() {
        short @ ..15 => block.push((short as u8) << 4),
        long => {
            block.push(0xf0);
            block.extend(std::iter::repeat_n(255, (long - 15) / 255));
            block.push(((long - 15) % 255) as u8);
        }
    }
    block.extend_from_slice(bytes);
    block
}

/// A request of a method in postcard whose body is compressed, as its sender says.
fn packed(id: u64, method: &str, algorithm: u8, len: u32, body: &[u8]) -> Frame {
    let part = [&[algorithm][..], &len.to_le_bytes()].concat();
    Frame::named(id, method, flag::COMPRESSED, &part, body)
}

/// The postcard form of bytes.
fn postcard(bytes: &[u8]) -> Vec<u8> {
    postcard::to_allocvec(&serde_bytes::Bytes::new(bytes)).unwrap()
}

/// Text with as much order as the bodies of calls have.
fn text(len: usize) -> Vec<u8> {
    (0_u32..)
        .flat_map(|number| format!("{{\"number\":{},", number.wrapping_mul(2_654_435_761)).into_bytes())
        .take(len)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn bodies_travel_compressed_between_sides_that_chose_so() {
    for algorithm in built() {
        for format in [Format::Postcard, Format::Gob, Format::Json] {
            let (ours, theirs) = pipe(1 << 16);
            tokio::spawn(served(Some(algorithm), Limits::default()).serve(theirs));
            let client = Client::builder().protocol(Native).codec(format).compression(algorithm).over(ours);
            let (desk, probe) = (DeskClient::new(client.clone()), ProbeClient::new(client));

            for len in [10, 1000, 2000, 60_000, 1_000_000, 3_000_000] {
                let bytes = serde_bytes::ByteBuf::from(text(len));
                let call = desk.mirror(bytes.clone()).metadata("who", "me");
                assert_eq!(
                    in_time("the call is answered", call).await.unwrap(),
                    bytes,
                    "{algorithm:?} {len}"
                );
            }
            assert_eq!(probe.twice(21).await.unwrap(), 42);
            assert_eq!(probe.fill(2 << 20).await.unwrap().len(), 2 << 20);
        }
    }
}

/// Each side writes what it has chosen, and reads all that it was built with.
#[tokio::test(start_paused = true)]
async fn the_two_sides_may_choose_differently() {
    let all: Vec<_> = built().collect();
    let [first, .., last] = all[..] else { return };
    let (ours, theirs) = pipe(1 << 16);
    tokio::spawn(served(Some(first), Limits::default()).serve(theirs));
    let desk = DeskClient::new(Client::builder().protocol(Native).compression(last).over(ours));

    for _ in 0..2 {
        let bytes = serde_bytes::ByteBuf::from(text(5000));
        assert_eq!(desk.mirror(bytes.clone()).await.unwrap(), bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_compresses_what_its_server_reads_and_what_becomes_shorter() {
    for algorithm in built() {
        let (ours, theirs) = pipe(1 << 20);
        let client = Client::builder().protocol(Native).compression(algorithm).over(ours);
        let mut wire = Wire::over(theirs);
        let mut noise = vec![0; 4000];
        fastrand_fill(&mut noise);
        let features = 1 << number_of(algorithm);
        let hello = Frame::new(kind::HELLO, 0, 0, hello_body(&[])).bytes();

        let early = client.start::<_, i64>("Probe.Len", &serde_bytes::ByteBuf::from(text(4000)));
        assert_eq!(wire.next().await.flags & flag::COMPRESSED, 0, "nothing is agreed");
        wire.send(&[preface_of(1, 1, features), hello].concat()).await;
        wire.put(&Frame::new(kind::RESPONSE, 0, 1, [2])).await;
        assert_eq!(early.await.unwrap(), 1);

        for (bytes, is_packed) in
            [(text(4000), true), (text(1000), false), (noise, false), (vec![7; 1 << 20], false)]
        {
            let body = postcard(&bytes);
            let call = client.start::<_, i64>("Probe.Len", &serde_bytes::ByteBuf::from(bytes));
            let request = wire.next().await;
            assert_eq!(request.flags & flag::COMPRESSED != 0, is_packed, "{algorithm:?} {}", body.len());
            if is_packed {
                let part = &request.payload[1 + "Probe.Len".len() + 8..];
                assert_eq!(
                    (part[0], &part[1..5]),
                    (number_of(algorithm), &(body.len() as u32).to_le_bytes()[..])
                );
                assert!(request.payload.len() < body.len() * 3 / 4);
            }
            drop(call);
        }
    }
}

fn fastrand_fill(bytes: &mut [u8]) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for byte in bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = state as u8;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_compresses_what_its_client_reads() {
    for algorithm in built() {
        for (features, is_packed) in [(0, false), (1 << number_of(algorithm), true)] {
            let (ours, theirs) = pipe(1 << 20);
            tokio::spawn(served(Some(algorithm), Limits::default()).serve(theirs));
            let mut wire = Wire::over(ours);
            let hello = Frame::new(kind::HELLO, 0, 0, hello_body(&[])).bytes();
            wire.send(&[preface_of(1, 1, features), hello].concat()).await;

            let body = postcard(&text(4000));
            wire.put(&Frame::named(1, "Desk.Mirror", 0, &[], &body)).await;

            let response = wire.next().await;
            assert_eq!(response.flags & flag::COMPRESSED != 0, is_packed, "{algorithm:?}");
            if is_packed {
                assert_eq!(response.payload[0], number_of(algorithm));
                assert_eq!(response.payload[1..5], (body.len() as u32).to_le_bytes());
            } else {
                assert_eq!(response.payload, body);
            }
        }
    }
}

/// Off unless asked for: whoever sends such a body nevertheless is told, and only that call fails.
#[tokio::test(start_paused = true)]
async fn a_compressed_body_fails_alone_where_that_is_off() {
    let mut wire = wire_to(None, Limits::default()).await;
    for (id, algorithm, code, what) in [
        (1, 1, 12, "compressed with lz4, which is not read here"),
        (2, 2, 12, "zstd"),
        (3, 9, 3, "the number 9"),
    ] {
        wire.put(&packed(id, "Probe.Len", algorithm, 4, &literals(b"\x03abc"))).await;

        let error = wire.next().await;
        assert_eq!((error.kind(), error.method), (kind::ERROR, code));
        assert_eq!(error.flags & flag::NOT_EXECUTED, flag::NOT_EXECUTED);
        assert!(error.error().0.contains(what), "{error:?}");
    }
    wire.put(&twice(4, 21)).await;
    assert_eq!(wire.next().await, doubled(4, 21));
}

#[tokio::test(start_paused = true)]
async fn a_compressed_argument_reaches_its_method() {
    if !Compression::Lz4.is_built() {
        return;
    }
    let mut wire = wire_to(Some(Compression::Lz4), Limits::default()).await;
    let body = postcard(&text(40_000));

    wire.put(&packed(1, "Probe.Len", 1, body.len() as u32, &literals(&body))).await;

    // 40,000 as a varint.
    assert_eq!(wire.next().await, Frame::new(kind::RESPONSE, 0, 1, [0xc0, 0xb8, 0x02]));
}

/// Row B12: refused by what they claim, and each alone.
#[tokio::test(start_paused = true)]
async fn bombs_fail_alone_and_before_they_go_off() {
    if !Compression::Lz4.is_built() {
        return;
    }
    let mut wire = wire_to(Some(Compression::Lz4), limits(|limits| limits.frame_len_max = 1 << 20)).await;
    let body = postcard(&[7; 2000]);
    let block = literals(&body);
    let len = body.len() as u32;
    // A match of 14,000,000 bytes: what 55,000 bytes become.
    let endless = [&[0x1f, 7, 1, 0][..], &[255; 55_000], &[0]].concat();
    for (id, claimed, block, code, what) in [
        (1, u32::MAX, &block, 8, "over the limit of 1048576"),
        (2, (1 << 20) + 1, &endless, 8, "over the limit of 1048576"),
        (3, len * 101, &block, 8, "over the limit of 100 times"),
        (4, 1 << 20, &endless, 15, "cannot be read as lz4"),
        (5, len - 1, &block, 15, "cannot be read as lz4"),
        (6, len + 1, &block, 15, "where it says"),
        (7, len, &block[..block.len() - 1].to_vec(), 15, ""),
        (8, 9, &Vec::new(), 8, "over the limit of 100 times"),
    ] {
        wire.put(&packed(id, "Probe.Len", 1, claimed, block)).await;

        let error = wire.next().await;
        assert_eq!((error.id, error.kind(), error.method), (id, kind::ERROR, code), "{:?}", error.error());
        assert_eq!(error.flags & flag::NOT_EXECUTED, flag::NOT_EXECUTED);
        assert!(error.error().0.contains(what), "{error:?}");
    }
    wire.put(&twice(9, 21)).await;
    assert_eq!(wire.next().await, doubled(9, 21));
}

/// The same at the other bank: a reply that is a bomb hurts its own caller.
#[tokio::test(start_paused = true)]
async fn a_reply_that_is_a_bomb_fails_alone() {
    if !Compression::Lz4.is_built() {
        return;
    }
    let (ours, theirs) = pipe(1 << 20);
    let client = Client::builder().protocol(Native).compression(Compression::Lz4).over(ours);
    let mut wire = Wire::over(theirs);
    wire.send(&greeting()).await;
    for (claimed, block, code) in [
        (u32::MAX, literals(&[2]), Some(Code::ResourceExhausted)),
        (201, literals(&[2]), Some(Code::ResourceExhausted)),
        (2, literals(&[2]), Some(Code::DataLoss)),
        (1, vec![0xff; 9], Some(Code::DataLoss)),
        (1, literals(&[2]), None),
    ] {
        let call = client.start::<_, i64>("Probe.Twice", &1_i64);
        let id = wire.next().await.id;
        let part = [&[1][..], &u32::to_le_bytes(claimed), &block].concat();
        wire.put(&Frame::new(kind::RESPONSE | flag::COMPRESSED, 0, id, part)).await;

        match (in_time("the call ends", call).await, code) {
            (Ok(reply), None) => assert_eq!(reply, 1),
            (Err(error), Some(code)) => {
                assert_eq!((error.code(), error.may_have_run()), (code, true), "{error}");
            }
            (ended, code) => panic!("{ended:?}, where it should be {code:?}"),
        }
    }
}

/// Each body of a connection is unpacked for itself: 16 in a row that cannot be are too many, as of other bodies.
#[tokio::test(start_paused = true)]
async fn a_flood_of_bombs_ends_its_connection() {
    let mut wire = wire_to(None, Limits::default()).await;
    for id in 1..=16 {
        wire.put(&packed(id, "Probe.Len", 1, u32::MAX, &[0])).await;
    }

    let heard = wire.rest().await;
    assert!(heard.iter().filter(|frame| frame.kind() == kind::ERROR).count() == 16, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_built_cannot_be_chosen() {
    for algorithm in Compression::ALL.into_iter().filter(|algorithm| !algorithm.is_built()) {
        let client = Client::builder().protocol(Native).compression(algorithm).lazy("memory://nowhere");
        let server = Server::builder().compression(algorithm).build();

        for error in [client.map(drop).unwrap_err(), server.map(drop).unwrap_err()] {
            assert_eq!(error.code(), Code::Unimplemented);
            assert!(
                error.message().contains(&format!("switch the feature `{}` on", algorithm.name())),
                "{error}"
            );
        }
    }
}

//! How much memory bytes can make a codec ask for: 64 KiB and eight bytes for each of them, whatever they claim; and
//! that borrowed values ask for none. Alone in its file, because the allocator counts for the whole process.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a failure here is the test's own report; types are only read"
)]

use std::alloc::System;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrywire::codec::{Format, Shape};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

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

/// The least that `work` asks for, of several times: the program that runs the tests asks for memory too, when it pleases.
fn asked_for_at_least(mut work: impl FnMut()) -> usize {
    (0..5).map(|_| asked_for(&mut work)).min().unwrap_or_default()
}

#[derive(Deserialize)]
struct Wide([u64; 16]);

/// Reads `bytes` as types that could take much.
fn read_all(format: Format, bytes: &[u8]) {
    let _ = format.decode::<String>(bytes, None);
    let _ = format.decode::<ByteBuf>(bytes, None);
    let _ = format.decode::<Vec<u8>>(bytes, None);
    let _ = format.decode::<Vec<Wide>>(bytes, None);
    let _ = format.decode::<Vec<Vec<Vec<Wide>>>>(bytes, None);
    let _ = format.decode::<BTreeMap<u64, Wide>>(bytes, None);
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let _alone = alone();
    let claims: &[(Format, &[u8])] = &[
        (Format::Postcard, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        (Format::Postcard, b"\xff\xff\xff\xff\x7f"),
        (Format::MessagePack, b"\xdd\xff\xff\xff\xff"),
        (Format::MessagePack, b"\xdf\xff\xff\xff\xff"),
        (Format::MessagePack, b"\xc6\xff\xff\xff\xff"),
        (Format::MessagePack, b"\xdb\xff\xff\xff\xff"),
    ];
    for (format, claim) in claims {
        for len in [0, 100, 3000, 100_000] {
            // Behind the claim come as many further claims as there is room for.
            let bytes: Vec<u8> = claim.iter().copied().cycle().take(claim.len() + len).collect();

            let asked = asked_for(|| read_all(*format, &bytes));

            let most = 6 * (64 * 1024 + 8 * bytes.len());
            assert!(
                asked <= most,
                "{format:?} {claim:x?} {len}: {asked} bytes were asked for, {most} are allowed"
            );
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Lent<'b> {
    id: u64,
    name: &'b str,
    #[serde(with = "serde_bytes")]
    blob: &'b [u8],
    ratio: Option<f64>,
}

static LENT: Shape = Shape::of::<Lent<'static>>();
static BYTES: Shape = Shape::of::<&'static Bytes>();

#[test]
fn borrowed_values_are_written_and_read_without_allocating() {
    let _alone = alone();
    let value = Lent { id: 1 << 60, name: "six", blob: &[7; 64], ratio: Some(0.5) };
    for format in [Format::Postcard, Format::MessagePack] {
        let mut out = Vec::with_capacity(256);

        let asked = asked_for_at_least(|| {
            out.clear();
            format.encode(&value, &LENT, &mut out).unwrap();
            let read: Lent<'_> = format.decode(&out, None).unwrap();
            assert_eq!((read.id, read.name, read.blob.len()), (1 << 60, "six", 64));
        });

        assert_eq!(asked, 0, "{format:?}");
    }
    let mut out = Vec::with_capacity(256);
    let asked = asked_for_at_least(|| {
        out.clear();
        Format::Raw.encode(&Bytes::new(&[7; 64]), &BYTES, &mut out).unwrap();
        let read: &Bytes = Format::Raw.decode(&out, None).unwrap();
        assert_eq!(read.len(), 64);
    });
    assert_eq!(asked, 0, "raw");
}

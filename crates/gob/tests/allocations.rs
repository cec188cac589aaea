//! Once types are known, encoding allocates nothing, and decoding nothing but the value's own.
#![allow(missing_docs, clippy::unwrap_used)]

use ferrywire_gob::{Limits, Messages, Next, Plan};
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[derive(Serialize, Deserialize)]
struct Call<'a> {
    method: &'a str,
    #[serde(with = "serde_bytes")]
    body: &'a [u8],
    seq: u64,
    deadline: Option<std::time::Duration>,
    pair: [i64; 2],
}

fn blocks() -> u64 {
    dhat::HeapStats::get().total_blocks
}

#[test]
fn a_known_type_is_written_and_read_without_allocating() {
    let seconds = std::time::Duration::from_secs(6);
    let call = Call { method: "Arith.Add", body: b"body", seq: 7, deadline: Some(seconds), pair: [6, 7] };
    let plan = Plan::of::<Call<'_>>().unwrap();
    let mut out = Vec::with_capacity(1024);
    plan.encode_with_definitions(&call, &mut out).unwrap();
    let first = out.clone();
    let mut messages = Messages::new(Limits::default());
    let Next::Value { start, end, .. } = messages.next(&first).unwrap() else { panic!("a whole value") };
    let value = &first[start..end];
    messages.types().decode::<Call<'_>>(value).unwrap();
    let profiler = dhat::Profiler::builder().testing().build();

    let before = blocks();
    for _ in 0..100 {
        out.clear();
        plan.encode(&call, &mut out).unwrap();
    }
    let encoded = blocks();
    for _ in 0..100 {
        let Next::Value { start, end, .. } = messages.next(value).unwrap() else { panic!("a whole value") };
        assert_eq!(messages.types().decode::<Call<'_>>(&value[start..end]).unwrap().seq, 7);
    }
    let decoded = blocks();
    drop(profiler);

    assert_eq!((encoded - before, decoded - encoded), (0, 0));
}

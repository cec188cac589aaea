//! A connection of a client, whose server is the input; what it holds of that is counted.
#![no_main]

use std::alloc::System;

use ferrywire_fuzz::connections;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut before = None;
    connections::native_client(bytes, |len| {
        let before = *before.get_or_insert_with(held);
        let more = held().saturating_sub(before);
        // What went over the wire is kept here too, both ways; a few large replies may wait to be sent.
        assert!(more <= 2 * 1024 * 1024 + 24 * len, "{more} bytes are held for {len}");
    });
});

//! A connection of a client, whose server is the input; what it holds of that is counted.
#![no_main]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[path = "../connections.rs"]
mod connections;
#[path = "../native.rs"]
mod native;
#[path = "../promises.rs"]
mod promises;

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
        // Both directions are kept here too; the thread's buffers are made once.
        assert!(more <= 512 * 1024 + 24 * len, "{more} bytes are held for {len}");
    });
});

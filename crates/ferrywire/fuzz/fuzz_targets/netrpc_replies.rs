//! Any bytes, as a stream of servers' messages; what finding them asks of the allocator is counted too.
#![no_main]

use std::alloc::System;

use ferrywire_fuzz::promises;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let region = Region::new(ALLOCATOR);
    promises::find_messages(bytes);
    let asked = region.change().bytes_allocated;
    assert!(asked <= 64 * 1024 + 8 * bytes.len(), "{asked} bytes for {}", bytes.len());
    promises::netrpc_replies(bytes);
});

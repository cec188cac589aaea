//! Any bytes, as a gomorpc client's greeting and requests; what finding them asks of the allocator is counted too.
#![no_main]

use std::alloc::System;

use ferrywire_fuzz::gomorpc;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let region = Region::new(ALLOCATOR);
    gomorpc::find_messages(bytes);
    let asked = region.change().bytes_allocated;
    assert!(asked <= 64 * 1024 + 8 * bytes.len(), "{asked} bytes for {}", bytes.len());
    gomorpc::gomorpc_requests(bytes);
});

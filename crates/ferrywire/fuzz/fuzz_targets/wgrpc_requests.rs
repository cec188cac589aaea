//! Any bytes, as a WgRPC or GeeRPC client's Option and requests; what finding them asks of the allocator is counted too.
#![no_main]

use std::alloc::System;

use ferrywire_fuzz::wgrpc;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let region = Region::new(ALLOCATOR);
    wgrpc::find_messages(bytes);
    let asked = region.change().bytes_allocated;
    assert!(asked <= 64 * 1024 + 8 * bytes.len(), "{asked} bytes for {}", bytes.len());
    wgrpc::wgrpc_requests(bytes);
});

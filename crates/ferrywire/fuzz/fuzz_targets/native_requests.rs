//! Any bytes, as a stream of callers' frames; what finding them asks of the allocator is counted too.
#![no_main]

use std::alloc::System;

use ferrywire_fuzz::native;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (all, mut region) = (Region::new(ALLOCATOR), Region::new(ALLOCATOR));
    native::find_messages(bytes, |len| {
        let asked = region.change_and_reset().bytes_allocated;
        assert!(asked <= 64 * 1024 + 8 * len, "{asked} bytes for a message of {len}");
        let all = all.change();
        let held = all.bytes_allocated.saturating_sub(all.bytes_deallocated);
        assert!(held <= 64 * 1024 + 8 * (256 + bytes.len()), "{held} bytes are held of {}", bytes.len());
    });
    native::native_requests(bytes);
});

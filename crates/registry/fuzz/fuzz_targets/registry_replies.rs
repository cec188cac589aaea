//! Any bytes, as what a registry says of its servers.
#![no_main]

use ferrywire_registry_fuzz::replies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| replies::registry_replies(bytes));

//! What our side allocates: this program with an allocator that counts, so that nothing else pays for the counting.
//!
//! `counted gob` prints allocations and bytes per operation of the codec, `counted balance COUNT` the allocations of so many choices of a
//! server, a line for each way of choosing; `counted ours ..` does what that command does, and
//! says at the end what it has allocated in all.

use std::alloc::System;

use ferrywire_benches::balance;
use ferrywire_benches::codec::{OPERATIONS, Step, VALUES, Values};
use ferrywire_benches::ours;
use peer_support::Result;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["gob"] => gob(),
        ["balance", count] => balance(count.parse()?),
        ["ours", ref words @ ..] => {
            ours::run(words)?;
            let Stats { allocations, reallocations, bytes_allocated, .. } = ALLOCATOR.stats();
            eprintln!("allocations: {}, bytes: {bytes_allocated}", allocations + reallocations);
            Ok(())
        }
        _ => Err("usage: counted gob | counted balance COUNT | counted ours PROTOCOL COMMAND".into()),
    }
}

fn gob() -> Result<()> {
    const COUNT: u64 = 100;
    let mut values = Values::default();
    for (name, value) in VALUES {
        let loops = values.get(name)?;
        let (first, later) = loops.encoded()?;
        loops.load(first, later)?;
        for (name, description) in OPERATIONS {
            let mut operation = loops.operation(name)?;
            operation(Step::Repeat(COUNT))?;
            let region = Region::new(ALLOCATOR);
            operation(Step::Repeat(COUNT))?;
            println!("{value}, {description}: {}", per_operation(region.change(), COUNT));
        }
    }
    Ok(())
}

fn balance(count: u64) -> Result<()> {
    let counts = balance::allocated(count, |choosing| {
        let region = Region::new(ALLOCATOR);
        choosing();
        let change = region.change();
        change.allocations + change.reallocations
    });
    counts?.iter().for_each(|count| println!("{count}"));
    Ok(())
}

/// `ALLOCATIONS BYTES`; a buffer that grows counts once more each time.
fn per_operation(stats: Stats, count: u64) -> String {
    let allocations = (stats.allocations + stats.reallocations) as f64 / count as f64;
    format!("{allocations} {}", stats.bytes_allocated as f64 / count as f64)
}

//! The peers with an allocator that counts: `alone PAYLOAD_LEN DEPTH CALLS` and `gob`, as counts per operation.
//!
//! A program of its own, so that nothing else pays for the counting.

use std::alloc::System;
use std::cell::RefCell;

use ferrywire_benches::peer::Result;
use ferrywire_benches::peer::codec::{OPERATIONS, Step, VALUES, Values};
use ferrywire_benches::peer::echo::Load;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["alone", payload_len, depth, calls] => {
            let load = Load { payload_len: payload_len.parse()?, depth: depth.parse()? };
            alone(load, calls.parse()?)
        }
        ["gob"] => gob(),
        _ => Err("usage: counted alone PAYLOAD_LEN DEPTH CALLS | counted gob".into()),
    }
}

/// Two stretches of different length, subtracted: what the callers' tasks themselves cost does not count.
fn alone(load: Load, calls: u64) -> Result<()> {
    let counted = |calls: u64| -> Result<Stats> {
        let region = RefCell::new(Region::new(ALLOCATOR));
        let counted = RefCell::new(Stats::default());
        load.run_alone_between(calls, || {
            *counted.borrow_mut() = region.borrow_mut().change_and_reset();
        })?;
        Ok(counted.into_inner())
    };
    let few = calls / 6;
    let (many, few_stats) = (counted(calls)?, counted(few)?);
    println!("{}", per_operation(many - few_stats, calls - few));
    Ok(())
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

/// `ALLOCATIONS BYTES`; a buffer that grows counts once more each time.
fn per_operation(stats: Stats, count: u64) -> String {
    let allocations = (stats.allocations + stats.reallocations) as f64 / count as f64;
    format!("{allocations} {}", stats.bytes_allocated as f64 / count as f64)
}

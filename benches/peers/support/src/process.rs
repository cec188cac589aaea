//! The process itself: what it has used, what it holds, what it runs on.

use malloc_info::info::{SystemType, TotalType};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};

use crate::Result;

/// What this process has used so far, user and system, in nanoseconds.
pub fn cpu_ns() -> u64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as u64 * 1_000_000_000 + used.tv_nsec as u64
}

/// What malloc has handed out and not got back, in bytes.
pub fn heap_bytes() -> Result<usize> {
    let info = malloc_info::malloc_info()?;
    let taken = info.system.iter().filter(|part| part.r#type == SystemType::Current).map(|part| part.size);
    let total =
        |sort: TotalType| info.total.iter().filter(move |part| part.r#type == sort).map(|part| part.size);
    let free = total(TotalType::Fast).chain(total(TotalType::Rest));
    Ok(taken.chain(total(TotalType::Mmap)).sum::<usize>() - free.sum::<usize>())
}

/// One thread: tokio's `current_thread`. More: its work-stealing runtime, as `#[tokio::main]` makes it.
pub fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    Ok(builder.enable_all().build()?)
}

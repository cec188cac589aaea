//! Which runs a test makes.

use std::ops::RangeInclusive;

/// Makes a run for each seed: 1 to 10, or as `FERRYWIRE_SEEDS` says, by a count such as `50` or a range such as `7-7`. A run that fails is
/// named.
///
/// # Panics
///
/// If the variable says something else, and if a run does.
pub fn for_each_seed(mut run: impl FnMut(u64)) {
    for seed in asked() {
        let running = Running(seed);
        run(seed);
        drop(running);
    }
}

fn asked() -> RangeInclusive<u64> {
    const USUAL: u64 = 10;
    let Ok(text) = std::env::var("FERRYWIRE_SEEDS") else {
        return 1..=USUAL;
    };
    let range = match text.split_once('-') {
        Some((from, to)) => from.parse().ok().zip(to.parse().ok()),
        None => text.parse().ok().map(|count| (1, count)),
    };
    let (from, to) = range.expect("FERRYWIRE_SEEDS is a count, such as 50, or a range, such as 7-7");
    from..=to
}

/// Says which run it was that panicked.
struct Running(u64);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with seed {0}; again with FERRYWIRE_SEEDS={0}-{0}", self.0);
        }
    }
}

//! The machine under the measurement: what it is, and whether a block was disturbed.

use std::fs::read_to_string;
use std::hint::black_box;

use peer_support::cpu_ns;
use serde::Serialize;

use crate::peers::{go_version, rustc_version};
use crate::ratio::median;

/// What stands above every table.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub cpu: String,
    pub cpus: usize,
    pub kernel: String,
    pub go: String,
    pub rustc: String,
}

impl Machine {
    pub fn here() -> Self {
        let info = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = info
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
        let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: cpu.unwrap_or("unknown CPU").to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.split('-').next().unwrap_or_default().trim().to_owned(),
            go: go_version().unwrap_or_else(|| "no Go".to_owned()),
            rustc: rustc_version().unwrap_or_else(|| "unknown rustc".to_owned()),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpu, cpus, kernel, go, rustc } = self;
        write!(f, "{cpu}, {cpus} CPUs, Linux {kernel}, {rustc}, {go}")
    }
}

/// The rules by which a block is left out; fixed before anything is measured.
const STEAL_MAX: f64 = 0.01;
const CALIBRATOR_OFF_MAX: f64 = 0.10;
pub const RULES: &str = "a block is dropped if over 1 % of the CPU time went to other machines, or a fixed loop took \
                         10 % more or less than its median";

/// What could be seen of the machine beside one block.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Conditions {
    pub steal: f64,
    pub calibrator_ns: u64,
}

/// Watches the machine during a block.
#[derive(Debug)]
pub struct Watch {
    before: Ticks,
    calibrator_ns: u64,
}

impl Watch {
    pub fn begin() -> Self {
        Self { calibrator_ns: calibrate(), before: Ticks::now() }
    }

    pub fn end(self) -> Conditions {
        let now = Ticks::now();
        let all = (now.all - self.before.all).max(1);
        Conditions {
            steal: (now.stolen - self.before.stolen) as f64 / all as f64,
            calibrator_ns: self.calibrator_ns,
        }
    }
}

/// Which blocks count.
pub fn undisturbed(conditions: &[Conditions]) -> Vec<bool> {
    if conditions.is_empty() {
        return Vec::new();
    }
    let usual = median(conditions.iter().map(|block| block.calibrator_ns as f64).collect());
    let is_usual =
        |block: &Conditions| (block.calibrator_ns as f64 / usual - 1.0).abs() <= CALIBRATOR_OFF_MAX;
    conditions.iter().map(|block| block.steal <= STEAL_MAX && is_usual(block)).collect()
}

/// The first line of /proc/stat: what all CPUs did, in ticks.
#[derive(Debug)]
struct Ticks {
    all: u64,
    stolen: u64,
}

impl Ticks {
    fn now() -> Self {
        let text = read_to_string("/proc/stat").unwrap_or_default();
        let ticks = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
        let ticks: Vec<u64> = ticks.map_while(|word| word.parse().ok()).collect();
        // The ninth and tenth, guests, are contained in the first two.
        Self { all: ticks.iter().take(8).sum(), stolen: ticks.get(7).copied().unwrap_or_default() }
    }
}

/// The CPU time that a fixed piece of arithmetic takes, the least of five.
fn calibrate() -> u64 {
    let once = || {
        let before = cpu_ns();
        let mut state = 1u64;
        for _ in 0..2_000_000 {
            state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        cpu_ns() - before
    };
    (0..5).map(|_| once()).min().unwrap_or_default()
}

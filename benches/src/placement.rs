//! Where the two sides of a measurement run.

use serde::Serialize;

/// Which CPUs the peers of a table may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Placement {
    /// Both sides on one thread of one process.
    A,
    /// Both processes on one CPU.
    B,
    /// Both processes on the same two CPUs.
    C,
}

impl Placement {
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placement| name.eq_ignore_ascii_case(&format!("{placement:?}")))
    }

    pub fn threads(self) -> usize {
        match self {
            Self::A | Self::B => 1,
            Self::C => 2,
        }
    }

    pub fn cpus(self) -> &'static str {
        match self {
            Self::A | Self::B => "0",
            Self::C => "0,1",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Self::A => "A: client and server on one thread of one process, GOMAXPROCS=1: what the work costs",
            Self::B => "B: two processes on one CPU, tokio's current_thread runtime, GOMAXPROCS=1",
            Self::C => "C: two processes on two CPUs, tokio's default runtime with 2 workers, GOMAXPROCS=2",
        }
    }
}

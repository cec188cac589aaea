//! How much is measured.

/// How long everybody works at a time, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Blocks of every table; each block yields one ratio.
    pub blocks: usize,
    /// How long one peer calls at a time, how long before that counts, and how long before the first block.
    pub call_slice_ms: u64,
    pub warm_up_ms: u64,
    pub first_ms: u64,
    /// How long one operation of the codec is repeated at a time.
    pub value_slice_ms: u64,
    /// Whether only the workloads are measured to which goals and headlines refer.
    pub is_quick: bool,
}

impl Effort {
    pub const DEFAULT: Self = Self {
        blocks: 12,
        call_slice_ms: 400,
        warm_up_ms: 30,
        first_ms: 250,
        value_slice_ms: 100,
        is_quick: false,
    };
    pub const QUICK: Self = Self {
        blocks: 4,
        call_slice_ms: 60,
        warm_up_ms: 8,
        first_ms: 30,
        value_slice_ms: 60,
        is_quick: true,
    };
}

//! From slices to claims: one log ratio per block, their median, and how far it can be trusted.

use serde::Serialize;

/// What so many operations cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice {
    pub operations: u64,
    pub cpu_ns: u64,
}

impl Slice {
    /// Two slices of one block as one.
    pub fn and(self, other: Self) -> Self {
        Self { operations: self.operations + other.operations, cpu_ns: self.cpu_ns + other.cpu_ns }
    }

    pub fn ns_per_operation(self) -> f64 {
        self.cpu_ns as f64 / self.operations as f64
    }
}

/// What we cost beside what Go costs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    pub median: f64,
    /// Ends of the 95 % interval of the median.
    pub low: f64,
    pub high: f64,
    pub blocks: usize,
    /// Medians of what is divided, in nanoseconds of CPU per operation.
    pub ours_ns: f64,
    pub theirs_ns: f64,
}

/// With fewer blocks nothing is claimed.
const BLOCKS_MIN: usize = 3;
const RESAMPLES: usize = 10_000;

impl Ratio {
    /// Of pairs of ours and theirs, one pair for every block.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        if pairs.len() < BLOCKS_MIN {
            return None;
        }
        let logs: Vec<f64> = pairs.iter().map(|(ours, theirs)| (ours / theirs).ln()).collect();
        // The same numbers give the same interval, whoever computes it.
        let mut random = fastrand::Rng::with_seed(27);
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| median((0..logs.len()).map(|_| logs[random.usize(..logs.len())]).collect()))
            .collect();
        medians.sort_by(f64::total_cmp);
        Some(Self {
            median: median(logs).exp(),
            low: medians[RESAMPLES * 25 / 1000].exp(),
            high: medians[RESAMPLES * 975 / 1000 - 1].exp(),
            blocks: pairs.len(),
            ours_ns: median(pairs.iter().map(|(ours, _)| *ours).collect()),
            theirs_ns: median(pairs.iter().map(|(_, theirs)| *theirs).collect()),
        })
    }

    /// What the table says of a goal: met or missed only where the whole interval says so.
    pub fn verdict(&self, goal: f64) -> String {
        match (self.high <= goal, self.low > goal) {
            (true, _) => format!("≤ {goal}: met"),
            (_, true) => format!("≤ {goal}: missed, {:.2}×", self.median / goal),
            _ => format!("≤ {goal}: undecided"),
        }
    }
}

/// The middle one, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median_and_one_wild_block_does_not_move_it() {
        let mut pairs = vec![(30.0, 100.0), (31.0, 100.0), (29.0, 100.0), (30.5, 100.0), (29.5, 100.0)];
        pairs.push((3000.0, 100.0));

        let ratio = Ratio::of(&pairs).expect("six blocks are enough");

        assert!(ratio.low <= ratio.median && ratio.median <= ratio.high);
        assert!((0.29..0.32).contains(&ratio.median));
    }

    #[test]
    fn two_blocks_claim_nothing() {
        assert!(Ratio::of(&[(1.0, 2.0), (1.0, 2.0)]).is_none());
    }

    #[test]
    fn a_goal_inside_the_interval_is_undecided() {
        let ratio = Ratio { median: 0.4, low: 0.38, high: 0.42, blocks: 12, ours_ns: 4.0, theirs_ns: 10.0 };

        assert_eq!(ratio.verdict(0.41), "≤ 0.41: undecided");
        assert_eq!(ratio.verdict(0.5), "≤ 0.5: met");
        assert_eq!(ratio.verdict(0.2), "≤ 0.2: missed, 2.00×");
    }
}

//! From slices to claims: one log ratio per block, their median, and how far it can be trusted.

use std::fmt::{Display, Formatter};

use serde::Serialize;

/// One cost over another, from blocks in which both were measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    pub median: f64,
    /// Ends of the 95 % interval of the median.
    pub low: f64,
    pub high: f64,
    pub blocks: usize,
    /// Medians of what is divided.
    pub over: f64,
    pub under: f64,
}

/// With fewer blocks nothing is claimed.
const BLOCKS_MIN: usize = 3;
const RESAMPLES: usize = 10_000;

impl Ratio {
    /// Of pairs of what is divided and by what, one pair for every block.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        if pairs.len() < BLOCKS_MIN {
            return None;
        }
        let logs: Vec<f64> = pairs.iter().map(|(over, under)| (over / under).ln()).collect();
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
            over: median(pairs.iter().map(|(over, _)| *over).collect()),
            under: median(pairs.iter().map(|(_, under)| *under).collect()),
        })
    }

    /// Holds the ratio against a goal: met or missed only where the whole interval says so.
    pub fn against(&self, bound: Bound) -> Verdict {
        let (met, missed) = match bound {
            Bound::AtMost(most) => (self.high <= most, self.low > most),
            Bound::AtLeast(least) => (self.low >= least, self.high < least),
        };
        match (met, missed) {
            (true, _) => Verdict::Met,
            (_, true) => Verdict::Missed,
            _ => Verdict::Undecided,
        }
    }
}

/// A goal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    /// Holds a number that has no interval against the goal.
    pub fn verdict(self, found: f64) -> Verdict {
        let is_met = match self {
            Self::AtMost(most) => found <= most,
            Self::AtLeast(least) => found >= least,
        };
        if is_met { Verdict::Met } else { Verdict::Missed }
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::AtLeast(least) => write!(f, "≥ {least}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Met,
    Missed,
    Undecided,
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Missed => "**missed**",
            Self::Undecided => "undecided",
        })
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
        let ratio = Ratio { median: 0.4, low: 0.38, high: 0.42, blocks: 12, over: 4.0, under: 10.0 };

        assert_eq!(ratio.against(Bound::AtMost(0.41)), Verdict::Undecided);
        assert_eq!(ratio.against(Bound::AtMost(0.5)), Verdict::Met);
        assert_eq!(ratio.against(Bound::AtMost(0.2)), Verdict::Missed);
        assert_eq!(ratio.against(Bound::AtLeast(0.2)), Verdict::Met);
        assert_eq!(ratio.against(Bound::AtLeast(0.5)), Verdict::Missed);
    }
}

//! Rounds of one measurement: the median, with the lowest and the highest beside it.

use serde::Serialize;

/// The median of some rounds, and how far they lie apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number of rounds the mean of the two in the middle.
    pub median: f64,
    /// The lowest round.
    pub lowest: f64,
    /// The highest round.
    pub highest: f64,
}

impl Spread {
    /// Of so many rounds; all zero when there is none.
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Spread {
        let mut sorted: Vec<f64> = rounds.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(&lowest), Some(&highest)) = (sorted.first(), sorted.last()) else {
            return Spread::default();
        };
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Spread { median, lowest, highest }
    }

    /// Everything in another unit.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Spread {
        Spread { median: self.median * factor, lowest: self.lowest * factor, highest: self.highest * factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, lowest: 1.0, highest: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0]), Spread { median: 2.5, lowest: 1.0, highest: 4.0 });
        assert_eq!(Spread::of([]), Spread::default());
    }
}

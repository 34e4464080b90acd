//! The people of one till: which holders come to it, and how often each.

use std::sync::Arc;

use super::PlanScope;
use crate::random::Random;
use crate::zipf::Zipf;

/// The holders `till, till + tills, till + 2 * tills, ...` of the campus, in a shuffled order of popularity.
#[derive(Clone, Debug)]
pub(crate) struct Patrons {
    zipf: Arc<Zipf>,
    tills: u64,
    till: u64,
    /// Rank r is the person at place `(r * stride + offset) % count`: an order of popularity that doesn't
    /// follow account numbers, without a table for each till.
    stride: u64,
    offset: u64,
}

/// The stream numbers of one till's random streams, apart from each other.
pub(crate) const STREAM_PATRONS: u64 = 1 << 40;

fn holders_at(scope: PlanScope, till: u32) -> usize {
    let whole = scope.holders / scope.tills;
    let extra = u32::from(till < scope.holders % scope.tills);
    (whole + extra) as usize
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Patrons {
    /// The tables that the tills share.
    pub(crate) fn tables(scope: PlanScope, exponent: f64) -> Vec<Arc<Zipf>> {
        let mut sizes = vec![holders_at(scope, 0), holders_at(scope, scope.tills - 1)];
        sizes.dedup();
        sizes.into_iter().map(|size| Arc::new(Zipf::new(size, exponent))).collect()
    }

    pub(crate) fn of_till(scope: PlanScope, till: u32, tables: &[Arc<Zipf>]) -> Patrons {
        let size = holders_at(scope, till).max(1);
        let zipf = tables
            .iter()
            .find(|table| table.count() == size)
            .map_or_else(|| Arc::new(Zipf::new(size, 0.0)), Arc::clone);
        let mut random = Random::new(scope.seed, STREAM_PATRONS + u64::from(till));
        let count = size as u64;
        let mut stride = random.between(1, count);
        while greatest_common_divisor(stride, count) != 1 {
            stride = stride % count + 1;
        }
        Patrons {
            zipf,
            tills: u64::from(scope.tills),
            till: u64::from(till),
            stride,
            offset: random.below(count),
        }
    }

    /// How many holders come to this till.
    pub(crate) fn count(&self) -> u64 {
        self.zipf.count() as u64
    }

    /// The holder at a rank of popularity.
    pub(crate) fn holder(&self, rank: u64) -> u32 {
        let place = (rank % self.count() * self.stride + self.offset) % self.count();
        (self.till + place * self.tills) as u32
    }

    /// Draws who comes next.
    pub(crate) fn draw(&self, random: &mut Random) -> u32 {
        self.holder(self.zipf.sample(random) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_belongs_to_one_till() {
        let scope = PlanScope { seed: 3, tills: 7, holders: 100 };
        let tables = Patrons::tables(scope, 1.0);
        assert_eq!(tables.len(), 2);
        let mut seen = vec![0; 100];
        for till in 0..7 {
            let patrons = Patrons::of_till(scope, till, &tables);
            for rank in 0..patrons.count() {
                seen[patrons.holder(rank) as usize] += 1;
            }
        }
        assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
    }
}

//! Who comes how often: ranks drawn with probability proportional to `1 / (rank + 1)^exponent`.

use crate::random::Random;

/// A sampler over ranks `0..count`. Built once, shared by all tills with as many holders.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// `cumulative[i]` is the probability of a rank `<= i`; the last is 1.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// A sampler over `count` ranks (at least one); exponent 0 is uniform.
    pub fn new(count: usize, exponent: f64) -> Zipf {
        let mut cumulative = Vec::with_capacity(count.max(1));
        let mut sum = 0.0;
        for rank in 0..count.max(1) {
            sum += ((rank + 1) as f64).powf(-exponent);
            cumulative.push(sum);
        }
        for value in &mut cumulative {
            *value /= sum;
        }
        Zipf { cumulative }
    }

    /// Number of ranks.
    pub fn count(&self) -> usize {
        self.cumulative.len()
    }

    /// Draws a rank.
    pub fn sample(&self, random: &mut Random) -> usize {
        let point = random.unit();
        self.cumulative.partition_point(|&below| below <= point).min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(count: usize, exponent: f64, draws: u32) -> Vec<u32> {
        let zipf = Zipf::new(count, exponent);
        let mut random = Random::new(7, 0);
        let mut seen = vec![0; count];
        for _ in 0..draws {
            seen[zipf.sample(&mut random)] += 1;
        }
        seen
    }

    #[test]
    fn the_shape_is_zipf() {
        let seen = histogram(100, 1.0, 200_000);
        // The harmonic number of 100 is 5.187: rank 0 gets 19.3 %, and rank r a (r + 1)-th of that.
        let first = f64::from(seen[0]);
        assert!((0.185..0.200).contains(&(first / 200_000.0)), "{first}");
        for rank in [1, 3, 9] {
            let ratio = first / f64::from(seen[rank]);
            let wanted = (rank + 1) as f64;
            assert!((ratio / wanted - 1.0).abs() < 0.1, "rank {rank}: {ratio} instead of {wanted}");
        }
    }

    #[test]
    fn exponent_zero_is_uniform() {
        for count in histogram(10, 0.0, 100_000) {
            assert!((9_500..10_500).contains(&count), "{count}");
        }
    }

    #[test]
    fn one_rank_is_always_drawn() {
        assert_eq!(histogram(1, 1.2, 10), [10]);
    }
}

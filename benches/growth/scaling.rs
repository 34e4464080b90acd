//! The Universal Scalability Law: what `n` of something do together, from what one does alone.
//!
//! ```text
//!                  λ n
//! X(n) = ──────────────────────────       λ  one alone        σ  share that is serial (queueing)
//!        1 + σ (n − 1) + κ n (n − 1)                          κ  cost of agreeing, pair by pair
//! ```

/// Something measured: how many worked, and what they did a second.
pub type Point = (f64, f64);

/// A fitted law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// What one does a second.
    pub lambda: f64,
    /// The serial share.
    pub sigma: f64,
    /// The cost of agreeing.
    pub kappa: f64,
}

impl Scaling {
    /// Least squares over `n / X = (1 + σ (n − 1) + κ n (n − 1)) / λ`, each point's error relative to itself, for rates span
    /// magnitudes. A share that comes out negative is left out, and the best of what is left is taken. With two points κ is 0.
    ///
    /// None without two points of different `n` and rates above zero.
    pub fn fit(points: &[Point]) -> Option<Scaling> {
        let points: Vec<Point> = points.iter().copied().filter(|&(n, rate)| n >= 1.0 && rate > 0.0).collect();
        let distinct = points.iter().filter(|&&(n, _)| n != points[0].0).count();
        if points.is_empty() || distinct == 0 {
            return None;
        }
        let all: &[&[usize]] =
            if points.len() > 2 { &[&[0, 1, 2], &[0, 1], &[0, 2], &[0]] } else { &[&[0, 1], &[0]] };
        let laws = all.iter().filter_map(|terms| {
            let [a, b, c] = least_squares(&points, terms)?;
            let law = Scaling { lambda: 1.0 / a, sigma: b / a, kappa: c / a };
            (a > 0.0 && law.sigma >= 0.0 && law.kappa >= 0.0).then_some(law)
        });
        laws.min_by(|a, b| a.error(&points).total_cmp(&b.error(&points)))
    }

    /// The sum of what `n / X` is off by, each relative to itself and squared.
    fn error(&self, points: &[Point]) -> f64 {
        points.iter().map(|&(n, rate)| (rate / self.rate(n) - 1.0).powi(2)).sum()
    }

    /// What so many do a second by this law.
    pub fn rate(&self, n: f64) -> f64 {
        self.lambda * n / (1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0))
    }

    /// How many do the most; none when more always do more.
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0).then(|| ((1.0 - self.sigma).max(0.0) / self.kappa).sqrt())
    }
}

/// The coefficients of 1, n − 1 and n (n − 1), those not among `terms` being 0.
fn least_squares(points: &[Point], terms: &[usize]) -> Option<[f64; 3]> {
    let mut system = [[0.0; 4]; 3];
    for &(n, rate) in points {
        let wanted = n / rate;
        let row = [1.0, n - 1.0, n * (n - 1.0)].map(|term| term / wanted);
        for &i in terms {
            for &j in terms {
                system[i][j] += row[i] * row[j];
            }
            system[i][3] += row[i];
        }
    }
    // Gauss's elimination among the terms asked for.
    for (done, &pivot) in terms.iter().enumerate() {
        let best = *terms[done..]
            .iter()
            .max_by(|&&a, &&b| system[a][pivot].abs().total_cmp(&system[b][pivot].abs()))?;
        system.swap(pivot, best);
        if system[pivot][pivot].abs() < f64::MIN_POSITIVE {
            return None;
        }
        for &other in terms.iter().filter(|&&other| other != pivot) {
            let factor = system[other][pivot] / system[pivot][pivot];
            let pivot_row = system[pivot];
            for (value, from) in system[other].iter_mut().zip(pivot_row) {
                *value -= factor * from;
            }
        }
    }
    let mut found = [0.0; 3];
    for &term in terms {
        found[term] = system[term][3] / system[term][term];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [f64; 7] = [1.0, 2.0, 4.0, 16.0, 64.0, 256.0, 1_000.0];

    fn check(law: Scaling) {
        let points: Vec<Point> = SIZES.iter().map(|&n| (n, law.rate(n))).collect();
        let found = Scaling::fit(&points).expect("points enough");
        for (found, true_value) in
            [(found.lambda, law.lambda), (found.sigma, law.sigma), (found.kappa, law.kappa)]
        {
            assert!(
                (found - true_value).abs() <= 1e-6 * true_value.abs().max(1e-3),
                "{found} for {true_value}"
            );
        }
    }

    #[test]
    fn a_law_is_found_again_from_its_own_points() {
        check(Scaling { lambda: 4_600.0, sigma: 0.08, kappa: 1e-6 });
        check(Scaling { lambda: 4_600.0, sigma: 0.08, kappa: 0.0 });
        check(Scaling { lambda: 1_000.0, sigma: 0.0, kappa: 0.0 });
        check(Scaling { lambda: 1.0, sigma: 0.0, kappa: 0.003 });
    }

    #[test]
    fn two_points_give_the_serial_share_alone() {
        let law = Scaling::fit(&[(1.0, 100.0), (2.0, 160.0)]).expect("points enough");
        assert!((law.sigma - 0.25).abs() < 1e-9 && law.kappa == 0.0, "{law:?}");
        assert!((law.rate(16.0) - 1_600.0 / 4.75).abs() < 1e-6);
        assert_eq!(law.peak(), None);
    }

    #[test]
    fn more_than_linear_growth_has_no_serial_share() {
        let law = Scaling::fit(&[(1.0, 100.0), (2.0, 240.0)]).expect("points enough");
        assert!(law.sigma == 0.0 && law.kappa == 0.0, "{law:?}");
    }

    #[test]
    fn the_peak_lies_where_agreeing_costs_more_than_one_more_does() {
        let law = Scaling { lambda: 10.0, sigma: 0.19, kappa: 0.01 };
        assert_eq!(law.peak(), Some(9.0));
        assert!(law.rate(9.0) > law.rate(8.0) && law.rate(9.0) > law.rate(10.0));
    }

    #[test]
    fn too_few_points_fit_nothing() {
        assert_eq!(Scaling::fit(&[]), None);
        assert_eq!(Scaling::fit(&[(4.0, 10.0)]), None);
        assert_eq!(Scaling::fit(&[(4.0, 10.0), (4.0, 11.0)]), None);
        assert_eq!(Scaling::fit(&[(0.5, 1.0), (2.0, -3.0)]), None);
    }
}

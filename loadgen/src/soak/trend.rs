//! A straight line through points, by least squares.

use serde::Serialize;

/// `y = intercept + slope * x`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trend {
    /// How much y grows while x grows by one.
    pub slope: f64,
    /// y where x is 0.
    pub intercept: f64,
}

impl Trend {
    /// The line with the least sum of squared distances in y; `None` without two different x.
    pub fn of(points: &[(f64, f64)]) -> Option<Trend> {
        let count = points.len() as f64;
        let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
        let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
        let (mut covariance, mut variance) = (0.0, 0.0);
        for &(x, y) in points {
            covariance += (x - mean_x) * (y - mean_y);
            variance += (x - mean_x) * (x - mean_x);
        }
        if variance > 0.0 {
            let slope = covariance / variance;
            Some(Trend { slope, intercept: mean_y - slope * mean_x })
        } else {
            None
        }
    }

    /// The line's y.
    pub fn at(self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_give_the_line() {
        let points: Vec<(f64, f64)> = (0..50).map(|x| (f64::from(x), 7.0 - 0.25 * f64::from(x))).collect();
        let trend = Trend::of(&points).expect("many x");
        assert!((trend.slope + 0.25).abs() < 1e-12 && (trend.at(0.0) - 7.0).abs() < 1e-9, "{trend:?}");
    }

    #[test]
    fn the_squares_are_the_least() {
        // By hand: mean x 2, mean y 3; covariance 5, variance 5.
        let trend = Trend::of(&[(0.5, 1.0), (1.0, 3.0), (2.5, 3.0), (4.0, 5.0)]).expect("many x");
        let expected = (1.5 * 2.0 + 1.0 * 0.0 + 0.5 * 0.0 + 2.0 * 2.0) / (2.25 + 1.0 + 0.25 + 4.0);
        assert!((trend.slope - expected).abs() < 1e-12, "{trend:?}");
    }

    #[test]
    fn too_few_points_have_no_trend() {
        assert_eq!(Trend::of(&[]), None);
        assert_eq!(Trend::of(&[(3.0, 1.0)]), None);
        assert_eq!(Trend::of(&[(3.0, 1.0), (3.0, 2.0)]), None);
    }
}

//! Service level objectives: a quantile of the latency and its limit, as in `p99.9=10ms`.

use std::fmt;
use std::str::FromStr;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Units of a limit, longest name first where one ends another.
const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6)];
const SECOND_UNIT: (&str, f64) = ("s", 1e9);

/// One objective: this share of the sales is answered within the limit, counted from the intended start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Objective {
    /// In percent: above 0, at most 100. 100 is the slowest of all.
    pub percentile: f64,
    /// The limit, inclusive.
    pub limit_ns: u64,
}

/// Why a text isn't an objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectiveError {
    /// There is no `=`.
    #[error("{0:?} isn't PERCENTILE=LIMIT, as in p99.9=10ms")]
    Form(String),
    /// The part before `=`.
    #[error("percentile {0:?} isn't p and a number above 0 and at most 100 (or max), as in p99.9")]
    Percentile(String),
    /// The part after `=`.
    #[error("limit {0:?} isn't a time of 1us to 60s with its unit (ns, us, ms, s), as in 10ms")]
    Limit(String),
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Objective, ObjectiveError> {
        let (percentile, limit) =
            text.split_once('=').ok_or_else(|| ObjectiveError::Form(text.to_owned()))?;
        let (percentile, limit) = (percentile.trim(), limit.trim());
        Ok(Objective {
            percentile: parse_percentile(percentile)
                .ok_or_else(|| ObjectiveError::Percentile(percentile.to_owned()))?,
            limit_ns: parse_limit_ns(limit).ok_or_else(|| ObjectiveError::Limit(limit.to_owned()))?,
        })
    }
}

fn parse_percentile(text: &str) -> Option<f64> {
    if text == "max" {
        return Some(100.0);
    }
    let percentile: f64 = parse_plain(text.strip_prefix('p')?)?;
    (percentile > 0.0 && percentile <= 100.0).then_some(percentile)
}

fn parse_limit_ns(text: &str) -> Option<u64> {
    let (name, unit_ns) =
        UNITS.iter().chain([&SECOND_UNIT]).find(|(name, _)| text.ends_with(name)).copied()?;
    let limit_ns = parse_plain(text.strip_suffix(name)?.trim_end())? * unit_ns;
    (1e3..=60e9).contains(&limit_ns).then_some(limit_ns.round() as u64)
}

/// Digits and at most one point: neither "inf" nor "1e3".
fn parse_plain(text: &str) -> Option<f64> {
    text.chars().all(|c| c.is_ascii_digit() || c == '.').then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit_ms = self.limit_ns as f64 / 1e6;
        if self.percentile >= 100.0 {
            write!(f, "max ≤ {limit_ms} ms")
        } else {
            write!(f, "p{} ≤ {limit_ms} ms", self.percentile)
        }
    }
}

impl Objective {
    /// What a histogram of nanoseconds has at the percentile.
    pub fn measured_ns(&self, latencies: &Histogram<u64>) -> u64 {
        latencies.value_at_quantile(self.percentile / 100.0).min(latencies.max())
    }

    /// True when the histogram has values, and keeps the limit.
    pub fn holds(&self, latencies: &Histogram<u64>) -> bool {
        !latencies.is_empty() && self.measured_ns(latencies) <= self.limit_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::new_histogram;

    #[test]
    fn objectives_are_read() {
        for (text, percentile, limit_ns) in [
            ("p99.9=10ms", 99.9, 10_000_000),
            ("p50=250us", 50.0, 250_000),
            ("p99.99 = 1.5 s", 99.99, 1_500_000_000),
            ("max=20ms", 100.0, 20_000_000),
            ("p100=2000ns", 100.0, 2_000),
        ] {
            assert_eq!(text.parse(), Ok(Objective { percentile, limit_ns }), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expect) in [
            ("p99.9", "\"p99.9\" isn't PERCENTILE=LIMIT, as in p99.9=10ms"),
            ("99.9=10ms", "percentile \"99.9\" isn't"),
            ("p0=10ms", "percentile \"p0\" isn't"),
            ("p100.1=10ms", "percentile \"p100.1\" isn't"),
            ("pinf=10ms", "percentile \"pinf\" isn't"),
            ("p99=10", "limit \"10\" isn't a time"),
            ("p99=-1ms", "limit \"-1ms\" isn't"),
            ("p99=0.5us", "limit \"0.5us\" isn't"),
            ("p99=61s", "limit \"61s\" isn't"),
            ("p99=ms", "limit \"ms\" isn't"),
        ] {
            let error = text.parse::<Objective>().expect_err(text).to_string();
            assert!(error.starts_with(expect), "{text}: {error}");
        }
    }

    #[test]
    fn the_limit_is_inclusive_and_nothing_measured_is_nothing_held() {
        let objective: Objective = "p90=5ms".parse().expect("an objective");
        let mut latencies = new_histogram();
        assert!(!objective.holds(&latencies));
        latencies.record_n(5_000_000, 90).expect("in range");
        latencies.record_n(50_000_000, 10).expect("in range");
        // A histogram tells values to three digits: the limit's own bucket may end above it.
        assert!(objective.measured_ns(&latencies) <= 5_004_000, "{}", objective.measured_ns(&latencies));
        latencies.record_n(50_000_000, 10).expect("in range");
        assert!(!objective.holds(&latencies));
        assert_eq!(objective.to_string(), "p90 ≤ 5 ms");
    }
}

//! Scales: where a value stands along an axis, from 0 to 1, and which values are marked.

/// An axis's scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Even steps.
    Linear {
        /// At the beginning.
        min: f64,
        /// At the end.
        max: f64,
    },
    /// Even factors. Values below the beginning stand at it.
    Log {
        /// At the beginning; above 0.
        min: f64,
        /// At the end.
        max: f64,
    },
    /// Shares below 1, each nine as wide as the one before: 0.9, 0.99, 0.999. As HdrHistogram's plots have it.
    Nines {
        /// Nines at the end: 4 for 0.9999.
        nines: f64,
    },
}

/// A marked value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Where, 0 to 1.
    pub(super) place: f64,
    /// How it is written; empty for a line without a number.
    pub(super) label: String,
}

impl Scale {
    /// Even steps from 0 to a round number that holds all values.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>) -> Scale {
        let highest = highest(values);
        let step = round_step(highest / 5.0);
        Scale::Linear { min: 0.0, max: (highest / step).ceil().max(1.0) * step }
    }

    /// Even factors between round numbers around all values above 0.
    pub(super) fn log(values: impl IntoIterator<Item = f64>) -> Scale {
        let positive: Vec<f64> =
            values.into_iter().filter(|value| *value > 0.0 && value.is_finite()).collect();
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in positive {
            (low, high) = (low.min(value), high.max(value));
        }
        if high == 0.0 {
            (low, high) = (1.0, 10.0);
        }
        let (min, max) = (round_down(low), round_up(high));
        Scale::Log { min, max: if max > min { max } else { min * 10.0 } }
    }

    /// Nines for a histogram of so many values: its slowest stands at the end.
    pub(super) fn nines(count: u64) -> Scale {
        Scale::Nines { nines: (count.max(10) as f64).log10() }
    }

    /// Where a value stands, 0 to 1.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Scale::Linear { min, max } => (value - min) / (max - min),
            Scale::Log { min, max } => (value.max(min) / min).log10() / (max / min).log10(),
            Scale::Nines { nines } if value < 1.0 => -(1.0 - value).log10() / nines,
            Scale::Nines { .. } => 1.0,
        };
        place.clamp(0.0, 1.0)
    }

    /// The marked values, ascending.
    pub(super) fn ticks(self) -> Vec<Tick> {
        let tick = |value: f64, label: String| Tick { place: self.place(value), label };
        match self {
            Scale::Linear { min, max } => {
                let step = round_step((max - min) / 5.0);
                let count = ((max - min) / step).round() as u32;
                (0..=count).map(|n| min + f64::from(n) * step).map(|at| tick(at, short(at))).collect()
            }
            Scale::Log { min, max } => {
                let few = (max / min).log10() < 2.5;
                let mut ticks = Vec::new();
                let mut decade = 10.0_f64.powf(min.log10().floor());
                while decade <= max * 1.000_001 {
                    for factor in 1..10 {
                        let value = decade * f64::from(factor);
                        if value < min * 0.999_999 || value > max * 1.000_001 {
                            continue;
                        }
                        let labelled = factor == 1 || few && matches!(factor, 2 | 5);
                        ticks.push(tick(value, if labelled { short(value) } else { String::new() }));
                    }
                    decade *= 10.0;
                }
                ticks
            }
            Scale::Nines { nines } => {
                let mut ticks = vec![tick(0.0, "0 %".to_owned()), tick(0.5, "50 %".to_owned())];
                for count in 1..=nines.floor() as usize {
                    let share = 1.0 - 0.1_f64.powi(count as i32);
                    let decimals = count.saturating_sub(2);
                    ticks.push(tick(share, format!("{:.decimals$} %", 100.0 * share)));
                }
                ticks
            }
        }
    }
}

/// A number of at most four characters or so: 0.25, 12, 1.5k, 64k, 2M.
pub(super) fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        1e6.. => (value / 1e6, "M"),
        1e3.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = match scaled.abs() {
        100.0.. => format!("{scaled:.0}"),
        10.0.. => format!("{scaled:.1}"),
        1.0.. => format!("{scaled:.2}"),
        _ => format!("{scaled:.4}"),
    };
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text.as_str() };
    format!("{text}{unit}")
}

fn highest(values: impl IntoIterator<Item = f64>) -> f64 {
    let highest = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
    if highest > 0.0 { highest } else { 1.0 }
}

/// 1, 2 or 5 times a power of ten, at least this.
fn round_up(value: f64) -> f64 {
    let decade = 10.0_f64.powf(value.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    factors
        .map(|factor| factor * decade)
        .into_iter()
        .find(|round| *round >= value * 0.999_999)
        .unwrap_or(value)
}

/// 1, 2 or 5 times a power of ten, at most this.
fn round_down(value: f64) -> f64 {
    let decade = 10.0_f64.powf(value.log10().floor());
    let factors = [5.0, 2.0, 1.0];
    factors
        .map(|factor| factor * decade)
        .into_iter()
        .find(|round| *round <= value * 1.000_001)
        .unwrap_or(value)
}

fn round_step(about: f64) -> f64 {
    round_up(about.max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn each_nine_is_as_wide_as_the_one_before() {
        let scale = Scale::nines(100_000);
        assert_eq!(labels(scale), ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"]);
        for (share, place) in [(0.0, 0.0), (0.9, 0.2), (0.99, 0.4), (0.999, 0.6), (1.0, 1.0)] {
            assert!((scale.place(share) - place).abs() < 1e-9, "{share}: {}", scale.place(share));
        }
        // More nines than the histogram has values stand at its slowest.
        assert_eq!(scale.place(0.999_999_999), 1.0);
    }

    #[test]
    fn linear_ends_at_a_round_number() {
        let scale = Scale::linear([3.0, 47.0, f64::NAN]);
        assert_eq!(scale, Scale::Linear { min: 0.0, max: 50.0 });
        assert_eq!(labels(scale), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(scale.place(25.0), 0.5);
        assert_eq!(Scale::linear([]), Scale::Linear { min: 0.0, max: 1.0 });
        assert_eq!(labels(Scale::linear([120_000.0])), ["0", "50k", "100k", "150k"]);
    }

    #[test]
    fn log_has_every_factor_and_labels_round_ones() {
        let scale = Scale::log([0.3, 12.0, 0.0]);
        assert_eq!(scale, Scale::Log { min: 0.2, max: 20.0 });
        assert_eq!(labels(scale), ["0.2", "0.5", "1", "2", "5", "10", "20"]);
        assert!((scale.place(2.0) - 0.5).abs() < 1e-9);
        assert_eq!(scale.place(0.0), 0.0);
        assert_eq!(labels(Scale::log([0.1, 1_000.0])), ["0.1", "1", "10", "100", "1k"]);
        assert_eq!(Scale::log([]), Scale::Log { min: 1.0, max: 10.0 });
    }
}

//! Which rate is tried next: a ladder that doubles, then bisection, then a confirmation. Pure: measuring is a function
//! passed in.
//!
//! ```text
//! rate │            ✗ ladder: doubled until it doesn't hold
//!      │         ✗ ✗
//!      │       ✓  ✓✓ bisection between the last that held and the first that didn't, to the precision
//!      │   ✓           ✓✓✓✓✓ confirmation: the found rate again and again; lower if most don't hold
//!      │ ✓
//!      └──────────────────────▶ steps
//! ```
//!
//! A step on which something is decided is decided by a majority: a ladder step that doesn't hold, and every step of
//! the bisection. A ladder step that holds isn't repeated, for the next one, twice as high, says more.

use serde::Serialize;

/// How one step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every objective was kept.
    Held,
    /// An objective was missed, or something failed.
    Missed,
    /// The generator couldn't play the rate: says nothing about the server.
    Void,
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Doubling.
    Ladder,
    /// Between a rate that held and one that didn't.
    Bisection,
    /// The found rate once more.
    Confirmation,
}

impl Phase {
    /// The name as it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Ladder => "ladder",
            Phase::Bisection => "bisection",
            Phase::Confirmation => "confirmation",
        }
    }
}

/// The search's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SearchConfig {
    /// The ladder's first rate, requests a second.
    pub rate_min: f64,
    /// The highest rate that is tried.
    pub rate_max: f64,
    /// The bisection ends when the gap is at most this share of the rate that held.
    pub precision: f64,
    /// Most runs of a decisive step; the majority decides, so an odd number.
    pub repeats: u32,
    /// Runs of the confirmation.
    pub confirmations: u32,
}

/// What keeps the rate from being higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The server misses an objective above it.
    Server,
    /// The generator can't play more: the server may be able to.
    Generator,
    /// It wasn't to be tried higher.
    RateMax,
}

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Found {
    /// The highest rate that holds, confirmed.
    Rate {
        /// Requests a second.
        rate_per_s: f64,
        /// What is above it.
        bound: Bound,
    },
    /// Not even the lowest rate holds.
    Never {
        /// The lowest rate that was tried.
        rate_per_s: f64,
    },
    /// The generator can't play the lowest rate.
    GeneratorBound {
        /// The lowest rate that was tried.
        rate_per_s: f64,
    },
}

/// Confirmations that may fail, each followed by one at a rate lower by the precision, before the search says never.
const LOWERED_MAX: u32 = 8;

/// Searches. `measure` plays a rate and says how it ended.
///
/// # Errors
/// Those of `measure`; the search ends with the first.
pub fn search<E>(
    config: &SearchConfig,
    mut measure: impl FnMut(Phase, f64) -> Result<Verdict, E>,
) -> Result<Found, E> {
    let mut rate_per_s = config.rate_min;
    let mut held: Option<f64> = None;
    let mut missed: Option<(f64, Bound)> = None;
    while missed.is_none() {
        let mut verdict = measure(Phase::Ladder, rate_per_s)?;
        if verdict != Verdict::Held {
            verdict = majority(config.repeats, Some(verdict), || measure(Phase::Ladder, rate_per_s))?;
        }
        match bound_of(verdict) {
            Some(bound) => missed = Some((rate_per_s, bound)),
            None => {
                held = Some(rate_per_s);
                if rate_per_s >= config.rate_max {
                    break;
                }
                rate_per_s = (rate_per_s * 2.0).min(config.rate_max);
            }
        }
    }
    let Some(mut low) = held else {
        return Ok(never(config.rate_min, missed.map_or(Bound::Server, |missed| missed.1)));
    };
    let mut bound = Bound::RateMax;
    if let Some((mut high, mut above)) = missed {
        while high - low > low * config.precision && high - low > 1.0 {
            let middle = ((low + high) / 2.0).round();
            let verdict = majority(config.repeats, None, || measure(Phase::Bisection, middle))?;
            match bound_of(verdict) {
                Some(bound) => (high, above) = (middle, bound),
                None => low = middle,
            }
        }
        bound = above;
    }
    for _ in 0..LOWERED_MAX {
        let verdict = confirm(config.confirmations, || measure(Phase::Confirmation, low))?;
        match bound_of(verdict) {
            None => return Ok(Found::Rate { rate_per_s: low, bound }),
            Some(above) => {
                bound = above;
                low = (low * (1.0 - config.precision)).round();
                if low < config.rate_min {
                    break;
                }
            }
        }
    }
    Ok(never(low.max(config.rate_min), bound))
}

fn never(rate_per_s: f64, bound: Bound) -> Found {
    match bound {
        Bound::Generator => Found::GeneratorBound { rate_per_s },
        Bound::Server | Bound::RateMax => Found::Never { rate_per_s },
    }
}

fn bound_of(verdict: Verdict) -> Option<Bound> {
    match verdict {
        Verdict::Held => None,
        Verdict::Missed => Some(Bound::Server),
        Verdict::Void => Some(Bound::Generator),
    }
}

/// What most of the runs say; no more are made than that takes.
fn majority<E>(
    repeats: u32,
    first: Option<Verdict>,
    mut measure: impl FnMut() -> Result<Verdict, E>,
) -> Result<Verdict, E> {
    let (mut held, mut missed, mut void) = (0, 0, 0);
    let mut next = first;
    loop {
        match next.take().map_or_else(&mut measure, Ok)? {
            Verdict::Held => held += 1,
            Verdict::Missed => missed += 1,
            Verdict::Void => void += 1,
        }
        if held * 2 > repeats {
            return Ok(Verdict::Held);
        }
        if (missed + void) * 2 > repeats || held + missed + void >= repeats {
            return Ok(if void >= missed { Verdict::Void } else { Verdict::Missed });
        }
    }
}

/// As [`majority`], but every run is made: their spread is wanted.
fn confirm<E>(runs: u32, mut measure: impl FnMut() -> Result<Verdict, E>) -> Result<Verdict, E> {
    let mut verdicts = Vec::new();
    for _ in 0..runs {
        verdicts.push(measure()?);
    }
    let mut verdicts = verdicts.into_iter();
    majority(runs, None, || Ok(verdicts.next().unwrap_or(Verdict::Missed)))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const CONFIG: SearchConfig =
        SearchConfig { rate_min: 1_000.0, rate_max: 1e6, precision: 0.05, repeats: 3, confirmations: 5 };

    /// Searches with a measuring that gets the number of the run, and gives what was found and each step.
    fn run(
        config: &SearchConfig,
        measure: impl Fn(usize, Phase, f64) -> Verdict,
    ) -> (Found, Vec<(Phase, f64)>) {
        let mut steps = Vec::new();
        let found = search(config, |phase, rate_per_s| {
            steps.push((phase, rate_per_s));
            Ok::<_, Infallible>(measure(steps.len() - 1, phase, rate_per_s))
        });
        let Ok(found) = found;
        (found, steps)
    }

    fn knee(at: f64) -> impl Fn(usize, Phase, f64) -> Verdict {
        move |_, _, rate_per_s| if rate_per_s <= at { Verdict::Held } else { Verdict::Missed }
    }

    #[test]
    fn a_knee_is_found_to_the_precision() {
        for at in [1_000.0, 1_700.0, 23_456.0, 64_000.0, 999_000.0] {
            let (found, steps) = run(&CONFIG, knee(at));
            let Found::Rate { rate_per_s, bound: Bound::Server } = found else { panic!("{at}: {found:?}") };
            assert!(rate_per_s <= at && rate_per_s >= at / 1.05 - 1.0, "{at}: {rate_per_s}");
            let confirmations = steps.iter().filter(|step| step.0 == Phase::Confirmation);
            assert_eq!(confirmations.clone().count(), 5);
            assert!(confirmations.clone().all(|step| step.1 == rate_per_s));
        }
    }

    #[test]
    fn the_ladder_doubles_and_repeats_only_what_decides() {
        let (_, steps) = run(&CONFIG, knee(5_000.0));
        let rates: Vec<f64> = steps.iter().map(|step| step.1).collect();
        // 8,000 twice: two of three agree. Then 6,000 (missed twice), 5,000 (held twice), 5,500, 5,250.
        assert_eq!(rates[..12], [1e3, 2e3, 4e3, 8e3, 8e3, 6e3, 6e3, 5e3, 5e3, 5_500.0, 5_500.0, 5_250.0]);
    }

    #[test]
    fn one_bad_run_of_three_decides_nothing() {
        // The first at 8,000 and the first at 32,000 are bad.
        let (found, _) = run(&CONFIG, |index, _, rate_per_s| {
            if index == 3 || index == 7 {
                Verdict::Missed
            } else {
                knee(32_000.0)(index, Phase::Ladder, rate_per_s)
            }
        });
        assert_eq!(found, Found::Rate { rate_per_s: 32_000.0, bound: Bound::Server });
    }

    #[test]
    fn an_objective_that_no_rate_meets() {
        let (found, steps) = run(&CONFIG, |_, _, _| Verdict::Missed);
        assert_eq!(found, Found::Never { rate_per_s: 1_000.0 });
        assert_eq!(steps, [(Phase::Ladder, 1_000.0); 2]);
    }

    #[test]
    fn what_the_generator_cannot_play_is_not_the_servers_limit() {
        let void_above = |at: f64| {
            move |_: usize, _: Phase, rate_per_s: f64| {
                if rate_per_s > at { Verdict::Void } else { Verdict::Held }
            }
        };
        let (found, _) = run(&CONFIG, void_above(50_000.0));
        let Found::Rate { rate_per_s, bound: Bound::Generator } = found else { panic!("{found:?}") };
        assert!((47_500.0..=50_000.0).contains(&rate_per_s), "{rate_per_s}");
        let (found, _) = run(&CONFIG, void_above(10.0));
        assert_eq!(found, Found::GeneratorBound { rate_per_s: 1_000.0 });
    }

    #[test]
    fn the_highest_allowed_rate_may_hold() {
        let (found, steps) = run(&SearchConfig { rate_max: 3_000.0, ..CONFIG }, knee(1e9));
        assert_eq!(found, Found::Rate { rate_per_s: 3_000.0, bound: Bound::RateMax });
        assert_eq!(steps[..3], [1e3, 2e3, 3e3].map(|rate| (Phase::Ladder, rate)));
        assert_eq!(steps.len(), 3 + 5);
    }

    #[test]
    fn a_rate_that_does_not_hold_again_is_lowered_until_one_does() {
        // Held when searched, and then only below 15,500.
        let (found, _) = run(&CONFIG, |index, phase, rate_per_s| {
            let at = if phase == Phase::Confirmation { 15_500.0 } else { 16_500.0 };
            knee(at)(index, phase, rate_per_s)
        });
        let Found::Rate { rate_per_s, .. } = found else { panic!("{found:?}") };
        assert!((15_500.0 * 0.9..=15_500.0).contains(&rate_per_s), "{rate_per_s}");
        let (found, _) = run(&CONFIG, |index, phase, rate_per_s| {
            if phase == Phase::Confirmation {
                Verdict::Missed
            } else {
                knee(1_500.0)(index, phase, rate_per_s)
            }
        });
        assert_eq!(found, Found::Never { rate_per_s: 1_000.0 });
    }

    #[test]
    fn an_error_ends_the_search() {
        let mut runs = 0;
        let result = search(&CONFIG, |_, _| {
            runs += 1;
            if runs == 3 { Err("gone") } else { Ok(Verdict::Held) }
        });
        assert_eq!((result, runs), (Err("gone"), 3));
    }
}

//! `loadgen capacity`: the highest rate at which a server keeps its objectives.
//!
//! ```text
//! search (pure) ──rate──▶ step: baseline ─▶ open loop ─▶ exactly-once check ─▶ verdict ──▶ search
//!                                            │    │
//!                                  hiccup meter   the server's metrics, before and after
//! ```
//!
//! A step holds when every objective is kept from the intended start on, nothing failed, and the check finds every
//! acknowledged sale exactly once. What the generator couldn't play is void: it says nothing about the server. All
//! steps play the same people, whose cards and codes go on from step to step.

pub mod objective;
mod report;
pub mod search;
mod step;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

pub use objective::{Objective, ObjectiveError};
pub use report::{CAPACITY_JSON_NAME, CapacityReport, FoundReport, Spread, read_found_rate};
pub use search::{Bound, Found, Phase, SearchConfig, Verdict};
pub use step::{ObjectiveReport, StepReport};
pub(crate) use step::{failures, milliseconds, percentiles};

use crate::campus::Campus;
use crate::check::{CheckScope, check_part, read_baseline};
use crate::config::{ProgressLine, RunConfig, SECOND_NS};
use crate::drive::run_with_people;
use crate::error::LoadError;
use crate::outcome_log::OutcomeLog;
use crate::people::People;
use crate::profile::{LunchConfig, PoissonConfig, ProfileConfig, SalesMix};
use crate::progress::RunControl;
use crate::runtime::{blank_cards_from_clock, card_counter_from_clock, unix_now_ns};
use crate::server_metrics::ServerMetrics;

/// What a check after a step asks for again: as many as a server remembers for each till, and some older ones.
pub const STEP_CHECK: CheckScope = CheckScope { newest_per_till: 1_000, older: 500 };

/// What the steps play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepProfile {
    /// A Poisson process: sales by card and code, some balance queries.
    Poisson,
    /// Waves as at a lunch, with the rate as their mean; without the lunch's lost answers and offline tills.
    Lunch,
}

impl StepProfile {
    /// The profile at a rate.
    pub fn at(self, rate_per_s: f64, duration_ns: u64, holders: usize) -> ProfileConfig {
        let sales = SalesMix::default();
        match self {
            StepProfile::Poisson => ProfileConfig::Poisson(PoissonConfig { rate_per_s, duration_ns, sales }),
            StepProfile::Lunch => {
                let lunch = LunchConfig::default();
                let people = rate_per_s * duration_ns as f64 / SECOND_NS as f64 / (1.0 + lunch.query_share);
                ProfileConfig::Lunch(LunchConfig {
                    duration_ns,
                    canteen_duration_ns: lunch.canteen_duration_ns.max(duration_ns),
                    meals_per_holder: people / holders.max(1) as f64,
                    price_min_fen: sales.price_min_fen,
                    price_max_fen: sales.price_max_fen,
                    answer_lost_share: 0.0,
                    reversal_share: 0.0,
                    offline_share: 0.0,
                    ..lunch
                })
            }
        }
    }
}

/// A capacity search.
#[derive(Clone, Debug, Serialize)]
pub struct CapacityConfig {
    /// What is to be kept; at least one.
    pub objectives: Vec<Objective>,
    /// Which rates are tried.
    pub search: SearchConfig,
    /// How long a step is measured.
    pub measure_ns: u64,
    /// How long a step runs before.
    pub settle_ns: u64,
    /// What it plays.
    pub profile: StepProfile,
    /// How many of the campus's tills take part; `None` means all.
    pub tills: Option<u32>,
    /// The first step's seed; each later one has the next.
    pub seed: u64,
    /// A step that misses an objective from the intended start on and keeps it from the sending on is void when the
    /// 99.9th percentile of the generator's own lag is above this.
    pub lag_max_ns: u64,
    /// Where the server tells its metrics.
    pub metrics: Option<SocketAddr>,
    /// The commit under test; stands in the report.
    pub commit: Option<String>,
    /// The live line of each step.
    pub progress: ProgressLine,
}

impl CapacityConfig {
    /// Defaults around the objectives: 1,000 to 1,000,000 requests a second, to 5 %, 8 s a step after 2 s, three runs
    /// for each decision and five to confirm, and a quarter of the tightest limit for the generator's lag.
    pub fn new(objectives: Vec<Objective>, seed: u64) -> CapacityConfig {
        let tightest_ns = objectives.iter().map(|objective| objective.limit_ns).min().unwrap_or(0);
        CapacityConfig {
            objectives,
            search: SearchConfig {
                rate_min: 1_000.0,
                rate_max: 1_000_000.0,
                precision: 0.05,
                repeats: 3,
                confirmations: 5,
            },
            measure_ns: 8 * SECOND_NS,
            settle_ns: 2 * SECOND_NS,
            profile: StepProfile::Poisson,
            tills: None,
            seed,
            lag_max_ns: tightest_ns / 4,
            metrics: None,
            commit: None,
            progress: ProgressLine::Auto,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), LoadError> {
        let SearchConfig { rate_min, rate_max, precision, repeats, confirmations } = self.search;
        if self.objectives.is_empty() {
            return Err(LoadError::setting("slo", "at least one is needed, as in p99.9=10ms"));
        }
        if !(1.0..=10_000_000.0).contains(&rate_min) {
            return Err(LoadError::setting("rate-min", format!("{rate_min} isn't 1 to 10,000,000 a second")));
        }
        if !(rate_max >= rate_min && rate_max <= 10_000_000.0) {
            return Err(LoadError::setting(
                "rate-max",
                format!("{rate_max} isn't between the lowest rate and 10,000,000 a second"),
            ));
        }
        if !(0.001..=0.5).contains(&precision) {
            return Err(LoadError::setting("precision", format!("{precision} isn't 0.001 to 0.5")));
        }
        if repeats % 2 == 0 || repeats > 99 {
            return Err(LoadError::setting("repeats", format!("{repeats} isn't an odd number below 100")));
        }
        if confirmations == 0 || confirmations > 99 {
            return Err(LoadError::setting("confirm", format!("{confirmations} isn't 1 to 99")));
        }
        if self.measure_ns < SECOND_NS / 10 {
            return Err(LoadError::setting("step", "must be at least 0.1 s"));
        }
        Ok(())
    }
}

/// Searches; `on_step` sees every step when it has ended. Takes place in the caller's thread.
///
/// # Errors
/// A setting or the campus is wrong, the server doesn't answer its metrics, or the tills can't sign in. An objective
/// that no rate meets isn't an error.
pub fn capacity(
    campus: &Campus,
    config: &CapacityConfig,
    mut on_step: impl FnMut(&StepReport),
) -> Result<CapacityReport, LoadError> {
    config.validate()?;
    campus.validate()?;
    let started_unix_ns = unix_now_ns();
    // Said at once, not after the first step.
    let metrics_error = config.metrics.and_then(|address| ServerMetrics::fetch(address).err());
    let mut bench = Bench {
        campus,
        config,
        metrics: config.metrics.filter(|_| metrics_error.is_none()),
        people: People::new(
            campus,
            card_counter_from_clock(started_unix_ns),
            0,
            blank_cards_from_clock(started_unix_ns),
        ),
        played: 0,
    };
    let mut steps = Vec::new();
    let found = search::search(&config.search, |phase, rate_per_s| {
        let step = bench.step(phase, rate_per_s)?;
        on_step(&step);
        let verdict = step.verdict;
        steps.push(step);
        Ok::<Verdict, LoadError>(verdict)
    })?;
    Ok(CapacityReport::new(campus, config, started_unix_ns, metrics_error, found, steps))
}

/// What the steps of a search share.
struct Bench<'a> {
    campus: &'a Campus,
    config: &'a CapacityConfig,
    metrics: Option<SocketAddr>,
    people: People,
    played: u64,
}

impl Bench<'_> {
    fn step(&mut self, phase: Phase, rate_per_s: f64) -> Result<StepReport, LoadError> {
        let CapacityConfig { measure_ns, settle_ns, profile, .. } = *self.config;
        let profile = profile.at(rate_per_s, settle_ns + measure_ns, self.campus.holders.len());
        let config = RunConfig {
            tills: self.config.tills,
            settle_ns,
            progress: self.config.progress,
            ..RunConfig::new(profile, self.config.seed + self.played)
        };
        self.played += 1;
        let baseline = read_baseline(self.campus)?;
        let mut log = OutcomeLog::new();
        let (run, server) = self.run(&config, &mut log)?;
        let check = check_part(self.campus, &log, &baseline, STEP_CHECK)?;
        let judge = step::Judge { objectives: &self.config.objectives, lag_max_ns: self.config.lag_max_ns };
        Ok(StepReport::of(phase, rate_per_s, &judge, run, check, server))
    }

    /// Plays, with the server's metrics read beside it.
    fn run(
        &mut self,
        config: &RunConfig,
        log: &mut OutcomeLog,
    ) -> Result<(crate::report::RunReport, Option<ServerMetrics>), LoadError> {
        let (control, over) = (RunControl::new(), AtomicBool::new(false));
        let (campus, people) = (self.campus, &mut self.people);
        std::thread::scope(|scope| {
            let watcher = self.metrics.map(|address| {
                let (control, over, settle_ns) = (control.clone(), &over, config.settle_ns);
                scope.spawn(move || step::watch_server(address, &control, settle_ns, over))
            });
            let run = run_with_people(campus, config, &control, log, people);
            over.store(true, Ordering::Relaxed);
            let server = match watcher.map(std::thread::ScopedJoinHandle::join) {
                Some(Ok(server)) => server?,
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                None => None,
            };
            Ok((run?, server))
        })
    }
}

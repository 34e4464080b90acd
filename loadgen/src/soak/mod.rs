//! `loadgen soak`: minutes at one rate, second by second, and a verdict: memory flat, no stall that isn't the
//! machine's, every acknowledged sale there exactly once.
//!
//! ```text
//! open loop ──second──▶ watcher ──▶ line, verdict, page
//!                          ▲
//!             the server's metrics, once a second
//! ```
//!
//! The tills' notes stay in memory until the check: some 200 bytes a sale at its end.

mod trend;
mod verdict;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

pub use trend::Trend;
pub(crate) use verdict::mib;
pub use verdict::{MEMORY_GROWTH_SHARE_MAX, MemoryVerdict, StallVerdict};

use crate::campus::Campus;
use crate::capacity::{StepProfile, failures};
use crate::check::{CheckReport, CheckScope, check_part, read_baseline};
use crate::config::{ProgressLine, RunConfig, SECOND_NS};
use crate::drive;
use crate::error::LoadError;
use crate::hiccup::HiccupSummary;
use crate::machine::Machine;
use crate::outcome_log::OutcomeLog;
use crate::progress::RunControl;
use crate::report::{LatencySummary, RunCounts};
use crate::second::SecondReport;
use crate::server_metrics::{MetricsError, ServerMetrics};

/// The report's name in the output directory.
pub const SOAK_JSON_NAME: &str = "soak.json";
/// What the check afterwards asks for again: as many as a server remembers for each till, and some older ones.
pub const SOAK_CHECK: CheckScope = CheckScope { newest_per_till: 1_000, older: 500 };
/// Between two looks for a second that is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The stage whose worst time a stall is measured against.
const SYNC_STAGE: &str = "sync";

/// A soak.
#[derive(Clone, Debug, Serialize)]
pub struct SoakConfig {
    /// Requests a second.
    pub rate_per_s: f64,
    /// How long.
    pub duration_ns: u64,
    /// What is played.
    pub profile: StepProfile,
    /// How many of the campus's tills take part; `None` means all.
    pub tills: Option<u32>,
    /// The traffic's seed.
    pub seed: u64,
    /// Where the server tells its metrics: memory and syncs can't be judged without.
    pub metrics: SocketAddr,
    /// The commit under test; stands in the report.
    pub commit: Option<String>,
}

/// One second of a soak: the run's, and the server's beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SoakSecond {
    /// What the generator saw.
    #[serde(flatten)]
    pub second: SecondReport,
    /// The server's memory at the second's end.
    pub resident_bytes: Option<u64>,
    /// The longest that a request was in the server's sync stage.
    pub sync_max_ns: Option<u64>,
}

/// What a soak found.
#[derive(Clone, Debug, Serialize)]
pub struct SoakReport {
    /// When it started: nanoseconds since 1970 UTC.
    pub started_unix_ns: u64,
    /// Where generator and, unless the address says else, server ran.
    pub machine: Machine,
    /// How the server's log is written.
    pub back_end: String,
    /// Tills that took part.
    pub tills: u32,
    /// Holders of the campus.
    pub holders: u32,
    /// The settings.
    pub config: SoakConfig,
    /// From the start to the last answer.
    pub elapsed_ns: u64,
    /// Approved sales a second.
    pub debits_per_s: f64,
    /// The counts.
    pub counts: RunCounts,
    /// Approved sales: from the intended start to the answer.
    pub latency: LatencySummary,
    /// The generator's own lag.
    pub lag: LatencySummary,
    /// The machine's own stalls.
    pub hiccups: HiccupSummary,
    /// Whether the memory stayed flat.
    pub memory: MemoryVerdict,
    /// Whether stalls are the machine's.
    pub stalls: StallVerdict,
    /// What the exactly-once check found.
    pub check: CheckReport,
    /// Why it isn't passed; empty when it is.
    pub failures: Vec<String>,
    /// Second by second.
    pub seconds: Vec<SoakSecond>,
    /// `(share of the sales, latency in nanoseconds)`.
    pub percentiles: Vec<(f64, u64)>,
}

impl SoakReport {
    /// Writes `soak.json`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, dir: &Path) -> Result<(), LoadError> {
        let path = dir.join(SOAK_JSON_NAME);
        let json = serde_json::to_vec(self).map_err(|error| LoadError::Report(error.to_string()))?;
        std::fs::write(&path, json).map_err(|source| LoadError::file(&path, source))
    }
}

/// Soaks; `on_second` sees every second when it is over, on a thread of its own.
///
/// # Errors
/// A setting or the campus is wrong, the server tells no metrics, or the tills can't sign in. What the soak found is
/// in [`SoakReport::failures`].
pub fn soak(
    campus: &Campus,
    config: &SoakConfig,
    on_second: impl FnMut(&SoakSecond) + Send,
) -> Result<SoakReport, LoadError> {
    let first = ServerMetrics::fetch(config.metrics)?;
    let profile = config.profile.at(config.rate_per_s, config.duration_ns, campus.holders.len());
    let run_config = RunConfig {
        tills: config.tills,
        progress: ProgressLine::Never,
        ..RunConfig::new(profile, config.seed)
    };
    run_config.validate()?;
    let baseline = read_baseline(campus)?;
    let mut log = OutcomeLog::new();
    let (control, over) = (RunControl::new(), AtomicBool::new(false));
    let back_end = first.back_end.clone();
    let (run, seconds) = std::thread::scope(|scope| {
        let (watched, over) = (control.clone(), &over);
        let watcher = scope.spawn(move || watch(config.metrics, first, &watched, over, on_second));
        let run = drive::run(campus, &run_config, &control, &mut log);
        over.store(true, Ordering::Relaxed);
        let seconds = watcher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (run, seconds)
    });
    let (run, seconds) = (run?, seconds?);
    let check = check_part(campus, &log, &baseline, SOAK_CHECK)?;
    let (memory, stalls) = (MemoryVerdict::of(&seconds), StallVerdict::of(&seconds));
    let mut failed = failures(&run.counts, &check);
    if run.dropped_share() > crate::config::DROPPED_SHARE_MAX {
        failed.push(format!("{} of {} requests couldn't be sent", run.counts.dropped, run.counts.intended));
    }
    if run.counts.refused > 0 {
        failed.push(format!("{} sales were refused", run.counts.refused));
    }
    failed.extend(memory.failure());
    failed.extend(stalls.failure());
    Ok(SoakReport {
        started_unix_ns: run.started_unix_ns,
        machine: run.machine,
        back_end,
        tills: run.tills,
        holders: run.holders,
        config: config.clone(),
        elapsed_ns: run.elapsed_ns,
        debits_per_s: run.debits_per_s,
        counts: run.counts,
        latency: run.latency,
        lag: run.lag,
        hiccups: run.hiccups,
        memory,
        stalls,
        check,
        failures: failed,
        seconds,
        percentiles: crate::capacity::percentiles(&run.approved_histogram),
    })
}

/// Reads the server's metrics after each second of the run, until the run is over.
fn watch(
    address: SocketAddr,
    first: ServerMetrics,
    control: &RunControl,
    over: &AtomicBool,
    mut on_second: impl FnMut(&SoakSecond),
) -> Result<Vec<SoakSecond>, MetricsError> {
    let mut seconds: Vec<SoakSecond> = Vec::new();
    let mut before = first;
    loop {
        // Asked first: a second published before the run was over is still seen.
        let last = over.load(Ordering::Relaxed);
        let new = control.seconds_from(seconds.len());
        if !new.is_empty() {
            let now = ServerMetrics::fetch(address)?;
            let difference = now.since(&before);
            let sync_max_ns = difference.as_ref().and_then(|metrics| {
                metrics.stage(SYNC_STAGE).map(crate::server_metrics::SparseHistogram::max)
            });
            // After a pause several are over at once; they share the reading.
            for second in new {
                let second = SoakSecond { second, resident_bytes: Some(now.resident_bytes), sync_max_ns };
                on_second(&second);
                seconds.push(second);
            }
            before = now;
        }
        if last {
            return Ok(seconds);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

impl SoakConfig {
    /// Ten minutes of a Poisson process at a rate.
    pub fn new(rate_per_s: f64, seed: u64, metrics: SocketAddr) -> SoakConfig {
        SoakConfig {
            rate_per_s,
            duration_ns: 600 * SECOND_NS,
            profile: StepProfile::Poisson,
            tills: None,
            seed,
            metrics,
            commit: None,
        }
    }
}

//! What a capacity search found: plain data, written as JSON.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::search::{Bound, Found, Phase};
use super::step::StepReport;
use super::{CapacityConfig, milliseconds};
use crate::campus::Campus;
use crate::error::LoadError;
use crate::machine::Machine;
use crate::server_metrics::MetricsError;

/// The report's name in the output directory.
pub const CAPACITY_JSON_NAME: &str = "capacity.json";

/// Median and spread of the same figure in several runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Spread {
    /// Of these values; zero of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return Spread::default() };
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Spread { median, min, max }
    }
}

/// The found rate in its confirmation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundReport {
    /// Requests a second: the capacity.
    pub rate_per_s: f64,
    /// What is above it.
    pub bound: Bound,
    /// Runs of the confirmation.
    pub runs: u32,
    /// Of these, how many held.
    pub held: u32,
    /// Approved sales a second.
    pub debits_per_s: Spread,
    /// Nanoseconds.
    pub p50_ns: Spread,
    /// Nanoseconds.
    pub p99_ns: Spread,
    /// Nanoseconds.
    pub p999_ns: Spread,
    /// Nanoseconds.
    pub max_ns: Spread,
    /// The worst hiccup of the machine in each run, nanoseconds.
    pub hiccup_max_ns: Spread,
}

/// A capacity search.
#[derive(Clone, Debug, Serialize)]
pub struct CapacityReport {
    /// When it started: nanoseconds since 1970 UTC.
    pub started_unix_ns: u64,
    /// Where generator and, unless the address says else, server ran.
    pub machine: Machine,
    /// The commit under test, when it was told.
    pub commit: Option<String>,
    /// How the server's log is written, when its metrics say so.
    pub back_end: Option<String>,
    /// Why stages and batches weren't fetched.
    pub metrics_error: Option<String>,
    /// Tills that took part.
    pub tills: u32,
    /// Holders of the campus.
    pub holders: u32,
    /// The settings.
    pub config: CapacityConfig,
    /// How the search ended.
    pub outcome: Found,
    /// The found rate, confirmed.
    pub found: Option<FoundReport>,
    /// Every step in the order played.
    pub steps: Vec<StepReport>,
}

impl CapacityReport {
    pub(super) fn new(
        campus: &Campus,
        config: &CapacityConfig,
        started_unix_ns: u64,
        metrics_error: Option<MetricsError>,
        outcome: Found,
        steps: Vec<StepReport>,
    ) -> CapacityReport {
        CapacityReport {
            started_unix_ns,
            machine: Machine::here(None),
            commit: config.commit.clone(),
            back_end: steps
                .iter()
                .find_map(|step| step.server.as_ref().map(|server| server.back_end.clone())),
            metrics_error: match (&config.metrics, metrics_error) {
                (_, Some(error)) => Some(error.to_string()),
                (None, None) => Some("no --metrics ADDRESS was given".to_owned()),
                (Some(_), None) => None,
            },
            tills: config.tills.unwrap_or(campus.tills.len() as u32),
            holders: campus.holders.len() as u32,
            config: config.clone(),
            outcome,
            found: found_report(outcome, &steps),
            steps,
        }
    }

    /// Why the search doesn't count as passed; empty when it does.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let objectives = self.objectives_text();
        match self.outcome {
            Found::Rate { .. } => {}
            Found::Never { rate_per_s } => failures.push(format!(
                "no rate holds {objectives}: the lowest tried, {rate_per_s:.0}/s, {}",
                self.measured_at(rate_per_s)
            )),
            Found::GeneratorBound { rate_per_s } => failures.push(format!(
                "the generator can't play the lowest rate, {rate_per_s:.0}/s; nothing is known about the server: {}",
                self.measured_at(rate_per_s)
            )),
        }
        let broken = self.steps.iter().filter(|step| !step.check.passed()).count();
        if broken > 0 {
            failures.push(format!("the exactly-once check found something after {broken} steps"));
        }
        failures
    }

    /// The objectives in words.
    pub fn objectives_text(&self) -> String {
        let objectives: Vec<String> = self.config.objectives.iter().map(ToString::to_string).collect();
        objectives.join(" and ")
    }

    /// What was measured at a rate: the last step there.
    fn measured_at(&self, rate_per_s: f64) -> String {
        let Some(step) = self.steps.iter().rfind(|step| step.offered_per_s == rate_per_s) else {
            return "wasn't measured".to_owned();
        };
        format!(
            "measured p50 {}, p99 {}, p99.9 {}, max {} at {:.0} debits/s ({})",
            milliseconds(step.latency.p50_ns),
            milliseconds(step.latency.p99_ns),
            milliseconds(step.latency.p999_ns),
            milliseconds(step.latency.max_ns),
            step.debits_per_s,
            step.reasons.join("; ")
        )
    }

    /// Writes `capacity.json`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, dir: &Path) -> Result<(), LoadError> {
        let path = dir.join(CAPACITY_JSON_NAME);
        let json = serde_json::to_vec(self).map_err(|error| LoadError::Report(error.to_string()))?;
        std::fs::write(&path, json).map_err(|source| LoadError::file(&path, source))
    }
}

fn found_report(outcome: Found, steps: &[StepReport]) -> Option<FoundReport> {
    let Found::Rate { rate_per_s, bound } = outcome else { return None };
    let runs: Vec<&StepReport> = steps
        .iter()
        .filter(|step| step.phase == Phase::Confirmation && step.offered_per_s == rate_per_s)
        .collect();
    let spread = |figure: &dyn Fn(&StepReport) -> f64| Spread::of(runs.iter().map(|&run| figure(run)));
    Some(FoundReport {
        rate_per_s,
        bound,
        runs: runs.len() as u32,
        held: runs.iter().filter(|run| run.reasons.is_empty()).count() as u32,
        debits_per_s: spread(&|run| run.debits_per_s),
        p50_ns: spread(&|run| run.latency.p50_ns as f64),
        p99_ns: spread(&|run| run.latency.p99_ns as f64),
        p999_ns: spread(&|run| run.latency.p999_ns as f64),
        max_ns: spread(&|run| run.latency.max_ns as f64),
        hiccup_max_ns: spread(&|run| run.hiccups.late.max_ns as f64),
    })
}

/// The found rate of an earlier search's `capacity.json`.
///
/// # Errors
/// The file can't be read, or the search found no rate.
pub fn read_found_rate(path: &Path) -> Result<f64, LoadError> {
    #[derive(Deserialize)]
    struct File {
        found: Option<FoundRate>,
    }
    #[derive(Deserialize)]
    struct FoundRate {
        rate_per_s: f64,
    }
    let bytes = std::fs::read(path).map_err(|source| LoadError::file(path, source))?;
    let file: File = serde_json::from_slice(&bytes)
        .map_err(|error| LoadError::Report(format!("{}: not a capacity report: {error}", path.display())))?;
    let found = file.found.ok_or_else(|| {
        LoadError::Report(format!("{}: that search found no rate that holds", path.display()))
    })?;
    Ok(found.rate_per_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Spread::of([5.0, 1.0, 3.0]), Spread { median: 3.0, min: 1.0, max: 5.0 });
        assert_eq!(Spread::of([5.0, 1.0, 3.0, 4.0]), Spread { median: 3.5, min: 1.0, max: 5.0 });
        assert_eq!(Spread::of([]), Spread::default());
    }
}

//! What a run of the harness found: plain data with names that don't change, as JSON.

use std::collections::BTreeMap;
use std::process::ExitCode;

use engine::limits::report::Latency;
use engine::limits::spread::Spread;
use loadgen::machine::Machine;
use loadgen::report::LatencySummary;
use serde::Serialize;

use crate::contenders::{Contender, Part};
use crate::measure::Measure;
use crate::ratio::{self, Ratio};
use crate::rounds::Runs;
use crate::system::{ClosedRun, OpenRun, SystemId};
use crate::void::Void;

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct PeersReport {
    /// Where.
    pub machine: Machine,
    /// Rounds.
    pub rounds: u32,
    /// Seconds that each closed run was measured.
    pub closed_seconds: f64,
    /// Seconds of each open run.
    pub open_seconds: f64,
    /// Accounts in every system's books.
    pub accounts: u32,
    /// Who took part.
    pub systems: Vec<SystemLine>,
    /// Closed runs.
    pub closed: Vec<ClosedLine>,
    /// Open runs.
    pub open: Vec<OpenLine>,
    /// The bare disk.
    pub disk: Vec<DiskLine>,
    /// The goals.
    pub ratios: Vec<Ratio>,
    /// Why figures are void; empty when all stand.
    pub void: Vec<Void>,
}

/// A system.
#[derive(Clone, Debug, Serialize)]
pub struct SystemLine {
    /// Which.
    pub system: SystemId,
    /// What its makers call this version.
    pub version: String,
    /// How it took part.
    pub part: Part,
}

/// Percentiles over rounds, microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    /// Half are at or below.
    pub p50_us: Spread,
    /// 99 %.
    pub p99_us: Spread,
    /// 99.9 %.
    pub p999_us: Spread,
}

impl Percentiles {
    fn of<'r>(rounds: impl Iterator<Item = &'r LatencySummary>) -> Percentiles {
        let rounds: Vec<&LatencySummary> = rounds.collect();
        let at = |figure: fn(&LatencySummary) -> u64| {
            Spread::of(rounds.iter().map(|round| figure(round) as f64 / 1e3))
        };
        Percentiles {
            p50_us: at(|round| round.p50_ns),
            p99_us: at(|round| round.p99_ns),
            p999_us: at(|round| round.p999_ns),
        }
    }
}

/// One system's closed runs with one number of tills.
#[derive(Clone, Debug, Serialize)]
pub struct ClosedLine {
    /// Tills.
    pub tills: u32,
    /// Which system.
    pub system: SystemId,
    /// Acknowledged durable debits (or echoes) a second.
    pub per_s: Spread,
    /// From sending to answer.
    pub latency: Percentiles,
    /// User and system time of the server for each, microseconds.
    pub processor_us: Spread,
    /// Debits acknowledged, all rounds, settling included.
    pub acknowledged: u64,
    /// Entries found in the journal after the runs; nothing for an echo server.
    pub journaled: Option<u64>,
    /// Debits refused.
    pub refused: u64,
    /// Connections that broke.
    pub failed: u64,
}

/// One system's open runs of one measure.
#[derive(Clone, Debug, Serialize)]
pub struct OpenLine {
    /// Which measure.
    pub measure: Measure,
    /// Tills.
    pub tills: u32,
    /// Which system.
    pub system: SystemId,
    /// Intended debits a second.
    pub offered_per_s: f64,
    /// From the intended moment to the answer.
    pub latency: Percentiles,
    /// The generator's own lag.
    pub lag: Percentiles,
    /// Debits intended, all rounds.
    pub intended: u64,
    /// Debits acknowledged.
    pub acknowledged: u64,
    /// Entries found in the journal after the runs; nothing for an echo server.
    pub journaled: Option<u64>,
    /// Debits refused.
    pub refused: u64,
    /// Debits never sent.
    pub dropped: u64,
}

/// The bare disk beside a measure.
#[derive(Clone, Debug, Serialize)]
pub struct DiskLine {
    /// Which measure.
    pub measure: Measure,
    /// One durable 4 KiB page after another, written as Yika's log is.
    pub latency: Latency,
}

fn sum<R>(rounds: &BTreeMap<u32, R>, count: impl Fn(&R) -> u64) -> u64 {
    rounds.values().map(count).sum()
}

/// Everything in the journals, unless the system keeps none.
fn journaled<R>(rounds: &BTreeMap<u32, R>, count: impl Fn(&R) -> Option<u64>) -> Option<u64> {
    rounds.values().map(count).sum()
}

impl PeersReport {
    /// What the runs come to; the settings of the run are filled in by the caller.
    pub fn of(
        machine: Machine,
        accounts: u32,
        pace: &crate::rounds::Pace,
        contenders: &BTreeMap<SystemId, Contender>,
        runs: &Runs,
    ) -> PeersReport {
        let systems = contenders.iter().map(|(&system, contender)| SystemLine {
            system,
            version: contender.version.clone(),
            part: contender.part.clone(),
        });
        let disk = runs.disk.iter().map(|(&measure, rounds)| DiskLine {
            measure,
            latency: Latency::of(&rounds.values().cloned().collect::<Vec<_>>()),
        });
        PeersReport {
            machine,
            rounds: pace.rounds,
            closed_seconds: pace.closed.as_secs_f64(),
            open_seconds: pace.open.as_secs_f64(),
            accounts,
            systems: systems.collect(),
            closed: runs.closed.iter().map(|(key, rounds)| closed_line(*key, rounds)).collect(),
            open: runs.open.iter().map(|(key, rounds)| open_line(*key, rounds, runs)).collect(),
            disk: disk.collect(),
            ratios: ratio::of(runs),
            void: runs.void.clone(),
        }
    }

    /// Success when every figure stands and every peer that is installed was measured.
    pub fn exit_code(&self) -> ExitCode {
        if self.systems.iter().any(|line| matches!(line.part, Part::Failed(_))) {
            return ExitCode::FAILURE;
        }
        Void::exit_code(&self.void)
    }
}

fn closed_line((measure, system): (Measure, SystemId), rounds: &BTreeMap<u32, ClosedRun>) -> ClosedLine {
    ClosedLine {
        tills: measure.tills(),
        system,
        per_s: Spread::of(rounds.values().map(|run| run.per_s)),
        latency: Percentiles::of(rounds.values().map(|run| &run.latency)),
        processor_us: Spread::of(rounds.values().map(|run| run.processor_us)),
        acknowledged: sum(rounds, |run| run.acknowledged),
        journaled: journaled(rounds, |run| run.journaled),
        refused: sum(rounds, |run| run.refused),
        failed: sum(rounds, |run| run.failed),
    }
}

fn open_line(
    (measure, system): (Measure, SystemId),
    rounds: &BTreeMap<u32, OpenRun>,
    runs: &Runs,
) -> OpenLine {
    OpenLine {
        measure,
        tills: measure.tills(),
        system,
        offered_per_s: runs.offered_per_s.get(&measure).copied().unwrap_or_default(),
        latency: Percentiles::of(rounds.values().map(|run| &run.latency)),
        lag: Percentiles::of(rounds.values().map(|run| &run.lag)),
        intended: sum(rounds, |run| run.intended),
        acknowledged: sum(rounds, |run| run.acknowledged),
        journaled: journaled(rounds, |run| run.journaled),
        refused: sum(rounds, |run| run.refused),
        dropped: sum(rounds, |run| run.dropped),
    }
}

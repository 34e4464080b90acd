//! The rounds: every measure's systems in turns, one after another, never two at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::limits::disk::Disk;
use engine::limits::spread::Spread;
use hdrhistogram::Histogram;

use crate::contenders::Contender;
use crate::error::PeersError;
use crate::measure::{Measure, Sending};
use crate::system::{ClosedLoad, ClosedRun, OpenLoad, OpenRun, SystemId, Traffic};
use crate::void::Void;

/// Debits a second of a lunch, on average: far beyond any campus's, and at the height of its waves about what PostgreSQL
/// completes.
const LUNCH_MEAN_PER_S: f64 = 5_000.0;

/// How long things last, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Rounds.
    pub rounds: u32,
    /// Before a closed run is measured.
    pub settle: Duration,
    /// A closed run, measured.
    pub closed: Duration,
    /// An open run.
    pub open: Duration,
    /// The bare disk.
    pub disk: Duration,
}

/// What was run, by round.
#[derive(Default)]
pub struct Runs {
    /// Closed runs.
    pub closed: BTreeMap<(Measure, SystemId), BTreeMap<u32, ClosedRun>>,
    /// Open runs.
    pub open: BTreeMap<(Measure, SystemId), BTreeMap<u32, OpenRun>>,
    /// What an open measure offered, debits a second.
    pub offered_per_s: BTreeMap<Measure, f64>,
    /// The bare disk beside a measure: one durable page after another.
    pub disk: BTreeMap<Measure, BTreeMap<u32, Histogram<u64>>>,
    /// What makes figures void, said where it happened.
    pub void: Vec<Void>,
}

impl Runs {
    /// The closed rate of a system with so many tills, if it was run.
    pub fn closed_rate(&self, system: SystemId, tills: u32) -> Option<f64> {
        let mut runs =
            self.closed.iter().filter(|((measure, id), _)| *id == system && measure.tills() == tills);
        let (_, rounds) = runs.next()?;
        Some(Spread::of(rounds.values().map(|run| run.per_s)).median)
    }
}

/// Runs the measures. A peer that breaks is left out from then on.
///
/// # Errors
/// Yika, an echo server, or the disk breaks.
pub fn run(
    measures: &[Measure],
    pace: &Pace,
    contenders: &mut BTreeMap<SystemId, Contender>,
    disk: &mut Disk,
) -> Result<Runs, PeersError> {
    let mut rounds = Rounds { pace, contenders, disk, runs: Runs::default() };
    for is_open in [false, true] {
        for round in 0..pace.rounds {
            for &measure in
                measures.iter().filter(|measure| (measure.sending() != Sending::Closed) == is_open)
            {
                rounds.measure(measure, round)?;
            }
        }
    }
    Ok(rounds.runs)
}

struct Rounds<'a> {
    pace: &'a Pace,
    contenders: &'a mut BTreeMap<SystemId, Contender>,
    disk: &'a mut Disk,
    runs: Runs,
}

impl Rounds<'_> {
    fn measure(&mut self, measure: Measure, round: u32) -> Result<(), PeersError> {
        let traffic = match measure.sending() {
            Sending::Closed => None,
            Sending::Lunch => Some(Traffic::Lunch(LUNCH_MEAN_PER_S)),
            Sending::HalfOf(system) => match self.half_of(measure, system)? {
                Some(half_per_s) => Some(Traffic::Poisson(half_per_s)),
                // Nobody's half: the measure falls with its system.
                None => return Ok(()),
            },
        };
        if let Some(traffic) = traffic {
            self.runs.offered_per_s.insert(measure, traffic.mean_per_s());
        }
        let mut turns: Vec<Option<SystemId>> = measure.systems().iter().copied().map(Some).collect();
        if measure.with_disk() {
            turns.push(None);
        }
        let first = round as usize % turns.len();
        turns.rotate_left(first);
        for turn in turns {
            match (turn, traffic) {
                (None, _) => {
                    let pages = self.disk.write_pages(self.pace.disk)?;
                    self.runs.disk.entry(measure).or_default().insert(round, pages);
                }
                (Some(system), None) => self.closed(measure, system, round)?,
                (Some(system), Some(traffic)) => self.open(measure, system, traffic, round)?,
            }
        }
        Ok(())
    }

    /// Half of what the system completes with as many tills, the same in every round. A closed run is made for it when
    /// there was none.
    fn half_of(&mut self, measure: Measure, system: SystemId) -> Result<Option<f64>, PeersError> {
        if let Some(&rate_per_s) = self.runs.offered_per_s.get(&measure) {
            return Ok(Some(rate_per_s));
        }
        let rate_per_s = match self.runs.closed_rate(system, measure.tills()) {
            Some(rate_per_s) => rate_per_s,
            None => {
                let load = self.closed_load(measure.tills(), 0);
                match self.attempt(system, |contender| contender.closed(&load))? {
                    Some(run) => {
                        self.note_void(measure, system, 0, &run.void);
                        run.per_s
                    }
                    None => return Ok(None),
                }
            }
        };
        Ok(Some((rate_per_s / 2.0).max(1.0)))
    }

    fn closed_load(&self, connections: u32, round: u32) -> ClosedLoad {
        ClosedLoad { connections, settle: self.pace.settle, measure: self.pace.closed, round }
    }

    fn closed(&mut self, measure: Measure, system: SystemId, round: u32) -> Result<(), PeersError> {
        let load = self.closed_load(measure.tills(), round);
        let Some(run) = self.attempt(system, |contender| contender.closed(&load))? else { return Ok(()) };
        say(&format!(
            "round {}, {} tills, {}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {:.1} µs of processor each",
            round + 1,
            load.connections,
            system.name(),
            run.per_s,
            run.latency.p50_ns as f64 / 1e6,
            run.latency.p99_ns as f64 / 1e6,
            run.processor_us
        ));
        self.note_void(measure, system, round, &run.void);
        self.runs.closed.entry((measure, system)).or_default().insert(round, run);
        Ok(())
    }

    fn open(
        &mut self,
        measure: Measure,
        system: SystemId,
        traffic: Traffic,
        round: u32,
    ) -> Result<(), PeersError> {
        let load = OpenLoad { tills: measure.tills(), traffic, measure: self.pace.open, round };
        let Some(run) = self.attempt(system, |contender| contender.open(&load))? else { return Ok(()) };
        say(&format!(
            "round {}, {}, {:.0}/s on {} tills, {}: p50 {:.2} ms, p99 {:.2}, p99.9 {:.2}; lag p99 {:.2}",
            round + 1,
            measure.name(),
            traffic.mean_per_s(),
            load.tills,
            system.name(),
            run.latency.p50_ns as f64 / 1e6,
            run.latency.p99_ns as f64 / 1e6,
            run.latency.p999_ns as f64 / 1e6,
            run.lag.p99_ns as f64 / 1e6
        ));
        self.note_void(measure, system, round, &run.void);
        self.runs.open.entry((measure, system)).or_default().insert(round, run);
        Ok(())
    }

    fn note_void(&mut self, measure: Measure, system: SystemId, round: u32, reasons: &[Void]) {
        let place = format!("{}, {}, round {}", measure.name(), system.name(), round + 1);
        for reason in reasons {
            let void = reason.at(&place);
            say(&format!("VOID: {void}"));
            self.runs.void.push(void);
        }
    }

    /// Nothing when the system takes no part, or breaks and is a peer.
    fn attempt<T>(
        &mut self,
        system: SystemId,
        run: impl FnOnce(&mut dyn crate::system::System) -> Result<T, PeersError>,
    ) -> Result<Option<T>, PeersError> {
        let Some(contender) = self.contenders.get_mut(&system) else { return Ok(None) };
        let Some(ready) = contender.system() else { return Ok(None) };
        match run(ready.as_mut()) {
            Ok(run) => Ok(Some(run)),
            Err(error) if system.is_peer() => {
                say(&format!("{} takes no part any more: {error}", system.name()));
                contender.give_up(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Progress, on standard error.
pub fn say(what: &str) {
    eprintln!("peers: {what}");
}

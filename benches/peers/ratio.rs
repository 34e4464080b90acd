//! The ratios that the goals are about. Each is taken within a round, and then the median of the rounds.
//!
//! "Echo" is, for each figure, the best of the tokio echo servers at that figure: the one with the highest median rate,
//! or with the lowest median time.

use std::collections::BTreeMap;

use engine::limits::spread::Spread;
use serde::Serialize;

use crate::measure::Measure;
use crate::rounds::Runs;
use crate::system::{ClosedRun, OpenRun, SystemId};

/// What a ratio is to reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
}

impl Goal {
    /// Whether a figure reaches it.
    pub fn is_met(self, figure: f64) -> bool {
        match self {
            Goal::AtLeast(bound) => figure >= bound,
            Goal::AtMost(bound) => figure <= bound,
        }
    }
}

/// One line of the table of goals.
#[derive(Clone, Debug, Serialize)]
pub struct Ratio {
    /// A name that doesn't change.
    pub key: &'static str,
    /// What is divided by what.
    pub what: &'static str,
    /// Tills.
    pub tills: u32,
    /// The ratio; for bytes, the bytes. Nothing when a side is missing.
    pub figure: Option<Spread>,
    /// To reach.
    pub goal: Goal,
    /// Better still.
    pub aim: f64,
    /// Whether the median reaches the goal.
    pub met: Option<bool>,
    /// True when a run behind it is void: the figure says nothing.
    pub void: bool,
    /// Which echo server is meant, and what stands beside the figure.
    pub note: String,
}

/// What a ratio is made of: a figure of each round, and whether a run was void.
#[derive(Clone, Debug, Default)]
struct Series {
    rounds: BTreeMap<u32, f64>,
    void: bool,
    note: String,
}

impl Series {
    fn median(&self) -> f64 {
        Spread::of(self.rounds.values().copied()).median
    }

    /// Combines round by round; rounds that one of the two lacks are left out.
    fn with(&self, other: &Series, combine: impl Fn(f64, f64) -> f64) -> Series {
        let paired = self.rounds.iter().filter_map(|(round, &mine)| {
            other.rounds.get(round).map(|&theirs| (*round, combine(mine, theirs)))
        });
        let notes = [self.note.as_str(), other.note.as_str()];
        let note = notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ");
        Series { rounds: paired.collect(), void: self.void || other.void, note }
    }

    fn over(&self, other: &Series) -> Series {
        self.with(other, |mine, theirs| mine / theirs.max(f64::MIN_POSITIVE))
    }
}

struct Figures<'a> {
    runs: &'a Runs,
}

type OfClosed = fn(&ClosedRun) -> f64;
type OfOpen = fn(&OpenRun) -> f64;

const PER_S: OfClosed = |run| run.per_s;
const PROCESSOR_US: OfClosed = |run| run.processor_us;
const P50_US: OfClosed = |run| run.latency.p50_ns as f64 / 1e3;
const P99_US: OfClosed = |run| run.latency.p99_ns as f64 / 1e3;
const OPEN_P99_US: OfOpen = |run| run.latency.p99_ns as f64 / 1e3;
const OPEN_P999_US: OfOpen = |run| run.latency.p999_ns as f64 / 1e3;

impl Figures<'_> {
    fn closed(&self, measure: Measure, system: SystemId, figure: OfClosed) -> Series {
        let Some(runs) = self.runs.closed.get(&(measure, system)) else { return Series::default() };
        Series {
            rounds: runs.iter().map(|(round, run)| (*round, figure(run))).collect(),
            void: runs.values().any(|run| !run.void.is_empty()),
            note: String::new(),
        }
    }

    fn open(&self, measure: Measure, system: SystemId, figure: OfOpen) -> Series {
        let Some(runs) = self.runs.open.get(&(measure, system)) else { return Series::default() };
        Series {
            rounds: runs.iter().map(|(round, run)| (*round, figure(run))).collect(),
            void: runs.values().any(|run| !run.void.is_empty()),
            note: String::new(),
        }
    }

    fn disk(&self, measure: Measure, quantile: f64) -> Series {
        let Some(runs) = self.runs.disk.get(&measure) else { return Series::default() };
        let us = |pages: &hdrhistogram::Histogram<u64>| pages.value_at_quantile(quantile) as f64 / 1e3;
        Series {
            rounds: runs.iter().map(|(round, pages)| (*round, us(pages))).collect(),
            ..Series::default()
        }
    }

    fn closed_echo(&self, measure: Measure, figure: OfClosed, highest: bool) -> Series {
        best(SystemId::TOKIO_ECHOES.map(|echo| (echo, self.closed(measure, echo, figure))), highest)
    }

    fn open_echo(&self, measure: Measure, figure: OfOpen) -> Series {
        best(SystemId::TOKIO_ECHOES.map(|echo| (echo, self.open(measure, echo, figure))), false)
    }
}

fn best(echoes: [(SystemId, Series); 3], highest: bool) -> Series {
    let better = |a: &(SystemId, Series), b: &(SystemId, Series)| {
        let order = a.1.median().total_cmp(&b.1.median());
        if highest { order.reverse() } else { order }
    };
    let run = echoes.into_iter().filter(|(_, series)| !series.rounds.is_empty());
    run.min_by(better)
        .map_or_else(Series::default, |(echo, series)| Series { note: echo.name().to_owned(), ..series })
}

/// What a line of the table says whatever was measured.
struct Kind {
    key: &'static str,
    what: &'static str,
    goal: Goal,
    aim: f64,
}

impl Kind {
    fn of(&self, measure: Measure, series: Series) -> Ratio {
        let figure = (!series.rounds.is_empty()).then(|| Spread::of(series.rounds.values().copied()));
        Ratio {
            key: self.key,
            what: self.what,
            tills: measure.tills(),
            figure,
            goal: self.goal,
            aim: self.aim,
            met: figure.filter(|_| !series.void).map(|figure| self.goal.is_met(figure.median)),
            void: series.void,
            note: series.note,
        }
    }
}

/// Every ratio that some of the runs speak about.
pub fn of(runs: &Runs) -> Vec<Ratio> {
    let figures = Figures { runs };
    let mut lines = Vec::new();
    lines.extend(figures.to_echo());
    lines.extend(figures.to_peers());
    lines.extend([figures.half_load(), figures.half_load_to_durable_echo()]);
    lines.extend([figures.alone(), figures.redis_half()]);
    lines.extend(figures.log_bytes());
    lines.retain(|line| line.figure.is_some());
    lines
}

impl Figures<'_> {
    /// At saturation: rate, processor time and p99 against echo's.
    fn to_echo(&self) -> Vec<Ratio> {
        let mut lines = Vec::new();
        for (measure, aim) in [(Measure::Closed256, 0.9), (Measure::Closed1000, 1.0)] {
            let what = "durable debits/s ÷ echo frames/s";
            let kind = Kind { key: "rate-to-echo", what, goal: Goal::AtLeast(0.8), aim };
            let yika = self.closed(measure, SystemId::Yika, PER_S);
            lines.push(kind.of(measure, yika.over(&self.closed_echo(measure, PER_S, true))));
        }
        let what = "server's processor time a debit ÷ echo's a frame";
        let processor = Kind { key: "processor-to-echo", what, goal: Goal::AtMost(1.25), aim: 1.1 };
        let what = "p99, closed loop ÷ echo's";
        let p99 = Kind { key: "p99-to-echo", what, goal: Goal::AtMost(1.5), aim: 1.2 };
        for (kind, measure, figure) in [
            (&processor, Measure::Closed256, PROCESSOR_US),
            (&processor, Measure::Closed1000, PROCESSOR_US),
            (&p99, Measure::Closed1000, P99_US),
        ] {
            let yika = self.closed(measure, SystemId::Yika, figure);
            lines.push(kind.of(measure, yika.over(&self.closed_echo(measure, figure, false))));
        }
        lines
    }

    /// At saturation: rate against Redis's and PostgreSQL's.
    fn to_peers(&self) -> Vec<Ratio> {
        let what = "durable debits/s ÷ Redis's";
        let redis = Kind { key: "rate-to-redis", what, goal: Goal::AtLeast(2.5), aim: 3.0 };
        let what = "durable debits/s ÷ PostgreSQL's behind PgBouncer";
        let pgbouncer = Kind { key: "rate-to-pgbouncer", what, goal: Goal::AtLeast(6.0), aim: 10.0 };
        let mut lines = Vec::new();
        for (kind, measure, peer) in [
            (&redis, Measure::Closed200, SystemId::Redis),
            (&redis, Measure::Closed1000, SystemId::Redis),
            (&pgbouncer, Measure::Closed200, SystemId::Pgbouncer),
        ] {
            let yika = self.closed(measure, SystemId::Yika, PER_S);
            lines.push(kind.of(measure, yika.over(&self.closed(measure, peer, PER_S))));
        }
        lines
    }

    fn half_load(&self) -> Ratio {
        let measure = Measure::HalfLoad;
        let what = "p99.9 at half load ÷ (echo's + 2 × sync's p99.9)";
        let kind = Kind { key: "half-load-p999", what, goal: Goal::AtMost(1.25), aim: 1.0 };
        let echo = self.open_echo(measure, OPEN_P999_US);
        let bound = echo.with(&self.disk(measure, 0.999), |echo, sync| echo + 2.0 * sync);
        kind.of(measure, self.open(measure, SystemId::Yika, OPEN_P999_US).over(&bound))
    }

    /// The durable echo is what a server with no work at all has of this machine when it makes its answers durable.
    fn half_load_to_durable_echo(&self) -> Ratio {
        let measure = Measure::HalfLoad;
        let what = "p99.9 at half load ÷ a durable echo's";
        let kind = Kind { key: "half-load-p999-to-durable-echo", what, goal: Goal::AtMost(1.25), aim: 1.0 };
        let echo = self.open(measure, SystemId::EchoDurable, OPEN_P999_US);
        kind.of(measure, self.open(measure, SystemId::Yika, OPEN_P999_US).over(&echo))
    }

    fn alone(&self) -> Ratio {
        let measure = Measure::Closed1;
        let what = "one till alone: p50 ÷ (echo's + sync's p50)";
        let kind = Kind { key: "alone-p50", what, goal: Goal::AtMost(1.0), aim: 0.8 };
        let echo = self.closed_echo(measure, P50_US, false);
        let bound = echo.with(&self.disk(measure, 0.5), |echo, sync| echo + sync);
        kind.of(measure, self.closed(measure, SystemId::Yika, P50_US).over(&bound))
    }

    fn redis_half(&self) -> Ratio {
        let measure = Measure::RedisHalf;
        let what = "(Redis's p99 − echo's) ÷ (p99 − echo's), at half of Redis's rate";
        let kind = Kind { key: "redis-half-p99", what, goal: Goal::AtLeast(3.0), aim: 5.0 };
        let echo = self.open_echo(measure, OPEN_P99_US);
        // A difference below what the histograms tell apart is taken for that.
        let above_echo = |system| {
            let p99 = self.open(measure, system, OPEN_P99_US);
            p99.with(&echo, |system, echo| (system - echo).max(1.0))
        };
        let series = above_echo(SystemId::Redis).over(&above_echo(SystemId::Yika));
        kind.of(measure, Series { note: echo.note.clone(), ..series })
    }

    fn log_bytes(&self) -> Vec<Ratio> {
        let what = "log bytes a debit, without padding";
        let kind = Kind { key: "log-bytes", what, goal: Goal::AtMost(128.0), aim: 96.0 };
        let line = |measure| {
            let bytes: OfClosed = |run| run.log.map_or(0.0, |log| log.bytes_per_debit);
            let padding: OfClosed = |run| run.log.map_or(0.0, |log| log.padding_per_debit);
            let padding = self.closed(measure, SystemId::Yika, padding).median();
            let note = format!("padding {padding:.0} more");
            kind.of(measure, Series { note, ..self.closed(measure, SystemId::Yika, bytes) })
        };
        [Measure::Closed1, Measure::Closed100, Measure::Closed1000].map(line).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::LogUse;
    use crate::void::Void;
    use loadgen::report::LatencySummary;

    fn closed(per_s: f64, p99_ns: u64, void: bool) -> ClosedRun {
        ClosedRun {
            per_s,
            latency: LatencySummary { p50_ns: p99_ns / 2, p99_ns, ..LatencySummary::default() },
            processor_us: 1e6 / per_s,
            refused: 0,
            failed: 0,
            acknowledged: 1,
            journaled: Some(1),
            log: Some(LogUse { bytes_per_debit: 96.0, padding_per_debit: 30.0 }),
            void: if void { vec![Void::Unplayed("late".to_owned())] } else { Vec::new() },
        }
    }

    fn open(p99_ns: u64, p999_ns: u64) -> OpenRun {
        OpenRun {
            latency: LatencySummary { p99_ns, p999_ns, ..LatencySummary::default() },
            lag: LatencySummary::default(),
            intended: 1,
            acknowledged: 1,
            refused: 0,
            dropped: 0,
            journaled: None,
            void: Vec::new(),
        }
    }

    fn find(lines: &[Ratio], key: &str, tills: u32) -> Ratio {
        lines.iter().find(|line| (line.key, line.tills) == (key, tills)).expect("the line").clone()
    }

    #[test]
    fn a_ratio_is_taken_in_each_round_against_the_echo_with_the_best_median() {
        let mut runs = Runs::default();
        let measure = Measure::Closed1000;
        // Per core has the best single round, one thread the best median.
        for (system, rates) in [
            (SystemId::Yika, [80.0, 90.0, 60.0]),
            (SystemId::EchoPerCore, [50.0, 300.0, 60.0]),
            (SystemId::EchoOneThread, [100.0, 120.0, 60.0]),
            (SystemId::EchoEpoll, [900.0, 900.0, 900.0]),
        ] {
            for (round, rate) in (0..).zip(rates) {
                let run = closed(rate, 1_000_000, false);
                runs.closed.entry((measure, system)).or_default().insert(round, run);
            }
        }
        let lines = of(&runs);
        let rate = find(&lines, "rate-to-echo", 1_000);
        assert_eq!(rate.figure, Some(Spread { median: 0.8, lowest: 0.75, highest: 1.0 }));
        assert_eq!((rate.met, rate.void, rate.note.as_str()), (Some(true), false, "echo, tokio one thread"));
        assert_eq!(find(&lines, "p99-to-echo", 1_000).met, Some(true));
        let bytes = find(&lines, "log-bytes", 1_000);
        assert_eq!((bytes.met, bytes.note.as_str()), (Some(true), "padding 30 more"));
        // Nobody ran with 256 tills, and Redis not at all.
        assert!(!lines.iter().any(|line| line.tills == 256 || line.key.contains("redis")));
    }

    #[test]
    fn a_void_run_takes_its_ratio_with_it() {
        let mut runs = Runs::default();
        for (round, void) in [(0, false), (1, true)] {
            for system in [SystemId::Yika, SystemId::Redis] {
                let run = closed(100.0, 1, void && system == SystemId::Redis);
                runs.closed.entry((Measure::Closed200, system)).or_default().insert(round, run);
            }
        }
        let rate = find(&of(&runs), "rate-to-redis", 200);
        assert_eq!((rate.met, rate.void), (None, true));
    }

    #[test]
    fn latencies_are_held_against_echo_and_disk() {
        let mut runs = Runs::default();
        let pages = |ns: u64| {
            let mut pages = loadgen::measurement::new_histogram();
            pages.saturating_record(ns);
            pages
        };
        for (system, p999_ns) in [
            (SystemId::Yika, 5_000_000),
            (SystemId::EchoMultiThread, 90_000_000),
            (SystemId::EchoOneThread, 3_000_000),
            (SystemId::EchoDurable, 4_000_000),
        ] {
            let run = open(p999_ns, p999_ns);
            runs.open.entry((Measure::HalfLoad, system)).or_default().insert(0, run);
        }
        runs.disk.entry(Measure::HalfLoad).or_default().insert(0, pages(500_000));
        for (system, p99_ns) in
            [(SystemId::Yika, 2_000_000), (SystemId::Redis, 9_000_000), (SystemId::EchoPerCore, 1_000_000)]
        {
            runs.open.entry((Measure::RedisHalf, system)).or_default().insert(0, open(p99_ns, 0));
        }
        let lines = of(&runs);
        let half = find(&lines, "half-load-p999", 256);
        let figure = half.figure.expect("all sides were run").median;
        assert!((figure - 5.0 / 4.0).abs() < 0.001, "{figure}");
        let durable = find(&lines, "half-load-p999-to-durable-echo", 256);
        assert_eq!((durable.figure.map(|figure| figure.median), durable.met), (Some(1.25), Some(true)));
        let redis = find(&lines, "redis-half-p99", 1_000);
        assert_eq!(redis.figure.map(|figure| figure.median), Some(8.0));
        assert_eq!(redis.note, "echo, tokio per core");
    }
}

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

fn line(
    key: &'static str,
    what: &'static str,
    measure: Measure,
    series: Series,
    goal: Goal,
    aim: f64,
) -> Ratio {
    let figure = (!series.rounds.is_empty()).then(|| Spread::of(series.rounds.values().copied()));
    Ratio {
        key,
        what,
        tills: measure.tills(),
        figure,
        goal,
        aim,
        met: figure.filter(|_| !series.void).map(|figure| goal.is_met(figure.median)),
        void: series.void,
        note: series.note,
    }
}

/// Every ratio that some of the runs speak about.
pub fn of(runs: &Runs) -> Vec<Ratio> {
    let figures = Figures { runs };
    let mut lines = Vec::new();
    for (measure, aim) in [(Measure::Closed256, 0.9), (Measure::Closed1000, 1.0)] {
        let yika = figures.closed(measure, SystemId::Yika, PER_S);
        let series = yika.over(&figures.closed_echo(measure, PER_S, true));
        lines.push(line(
            "rate-to-echo",
            "durable debits/s ÷ echo frames/s",
            measure,
            series,
            Goal::AtLeast(0.8),
            aim,
        ));
    }
    for measure in [Measure::Closed200, Measure::Closed1000] {
        let yika = figures.closed(measure, SystemId::Yika, PER_S);
        let series = yika.over(&figures.closed(measure, SystemId::Redis, PER_S));
        lines.push(line(
            "rate-to-redis",
            "durable debits/s ÷ Redis's",
            measure,
            series,
            Goal::AtLeast(2.5),
            3.0,
        ));
    }
    let measure = Measure::Closed200;
    let yika = figures.closed(measure, SystemId::Yika, PER_S);
    let series = yika.over(&figures.closed(measure, SystemId::Pgbouncer, PER_S));
    lines.push(line(
        "rate-to-pgbouncer",
        "durable debits/s ÷ PostgreSQL's behind PgBouncer",
        measure,
        series,
        Goal::AtLeast(6.0),
        10.0,
    ));
    for measure in [Measure::Closed256, Measure::Closed1000] {
        let yika = figures.closed(measure, SystemId::Yika, PROCESSOR_US);
        let series = yika.over(&figures.closed_echo(measure, PROCESSOR_US, false));
        lines.push(line(
            "processor-to-echo",
            "server's processor time a debit ÷ echo's a frame",
            measure,
            series,
            Goal::AtMost(1.25),
            1.1,
        ));
    }
    let measure = Measure::Closed1000;
    let yika = figures.closed(measure, SystemId::Yika, P99_US);
    let series = yika.over(&figures.closed_echo(measure, P99_US, false));
    lines.push(line("p99-to-echo", "p99, closed loop ÷ echo's", measure, series, Goal::AtMost(1.5), 1.2));

    let measure = Measure::HalfLoad;
    let disk = figures.disk(measure, 0.999);
    let bound = figures.open_echo(measure, OPEN_P999_US).with(&disk, |echo, sync| echo + 2.0 * sync);
    let series = figures.open(measure, SystemId::Yika, OPEN_P999_US).over(&bound);
    lines.push(line(
        "half-load-p999",
        "p99.9 at half load ÷ (echo's + 2 × sync's p99.9)",
        measure,
        series,
        Goal::AtMost(1.25),
        1.0,
    ));

    let measure = Measure::Closed1;
    let bound = figures
        .closed_echo(measure, P50_US, false)
        .with(&figures.disk(measure, 0.5), |echo, sync| echo + sync);
    let series = figures.closed(measure, SystemId::Yika, P50_US).over(&bound);
    lines.push(line(
        "alone-p50",
        "one till alone: p50 ÷ (echo's + sync's p50)",
        measure,
        series,
        Goal::AtMost(1.0),
        0.8,
    ));

    let measure = Measure::RedisHalf;
    let echo = figures.open_echo(measure, OPEN_P99_US);
    // A difference below what the histograms tell apart is taken for that.
    let above_echo = |system| {
        figures.open(measure, system, OPEN_P99_US).with(&echo, |system, echo| (system - echo).max(1.0))
    };
    let mut series = above_echo(SystemId::Redis).over(&above_echo(SystemId::Yika));
    series.note.clone_from(&echo.note);
    lines.push(line(
        "redis-half-p99",
        "(Redis's p99 − echo's) ÷ (p99 − echo's), at half of Redis's rate",
        measure,
        series,
        Goal::AtLeast(3.0),
        5.0,
    ));

    for measure in [Measure::Closed1, Measure::Closed100, Measure::Closed1000] {
        let bytes: OfClosed = |run| run.log.map_or(0.0, |log| log.bytes_per_debit);
        let padding: OfClosed = |run| run.log.map_or(0.0, |log| log.padding_per_debit);
        let mut series = figures.closed(measure, SystemId::Yika, bytes);
        let padding = figures.closed(measure, SystemId::Yika, padding).median();
        series.note = format!("padding {padding:.0} more");
        lines.push(line(
            "log-bytes",
            "log bytes a debit, without padding",
            measure,
            series,
            Goal::AtMost(128.0),
            96.0,
        ));
    }
    lines.retain(|line| line.figure.is_some());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::LogUse;
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
            void: if void { vec!["void".to_owned()] } else { Vec::new() },
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
        let redis = find(&lines, "redis-half-p99", 1_000);
        assert_eq!(redis.figure.map(|figure| figure.median), Some(8.0));
        assert_eq!(redis.note, "echo, tokio per core");
    }
}

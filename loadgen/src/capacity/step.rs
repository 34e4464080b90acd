//! One step: a rate is played, checked and judged.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::objective::Objective;
use super::search::{Phase, Verdict};
use crate::check::CheckReport;
use crate::config::{DROPPED_SHARE_MAX, SECOND_NS};
use crate::hiccup::HiccupSummary;
use crate::progress::RunControl;
use crate::report::{LatencySummary, RunCounts, RunReport};
use crate::second::SecondReport;
use crate::server_metrics::{MetricsError, ServerMetrics};

/// Between two looks at how far the run has come.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Points of the percentile distribution for each halving of the distance to 100 %.
const PERCENTILE_STEPS_PER_HALF: u32 = 4;

/// An objective beside what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ObjectiveReport {
    /// The objective.
    #[serde(flatten)]
    pub objective: Objective,
    /// The latency at its percentile.
    pub measured_ns: u64,
    /// Whether the limit was kept.
    pub held: bool,
}

/// One step of a capacity search.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// What it was for.
    pub phase: Phase,
    /// Requests a second that were to be sent.
    pub offered_per_s: f64,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it isn't held; empty when it is.
    pub reasons: Vec<String>,
    /// The traffic's seed.
    pub seed: u64,
    /// When it started: nanoseconds since 1970 UTC.
    pub started_unix_ns: u64,
    /// From the start to the last answer.
    pub elapsed_ns: u64,
    /// Approved sales a second, of those due after it had settled, until the last answer.
    pub debits_per_s: f64,
    /// Counts of the whole step, its first part included.
    pub counts: RunCounts,
    /// The objectives.
    pub objectives: Vec<ObjectiveReport>,
    /// Approved sales: from the intended start to the answer.
    pub latency: LatencySummary,
    /// From the sending to the answer.
    pub service: LatencySummary,
    /// The generator's own lag.
    pub lag: LatencySummary,
    /// The machine's own stalls.
    pub hiccups: HiccupSummary,
    /// What the exactly-once check found.
    pub check: CheckReport,
    /// What the server counted after the step had settled, until the last request was due.
    pub server: Option<ServerMetrics>,
    /// Second by second.
    pub seconds: Vec<SecondReport>,
    /// `(share of the sales, latency in nanoseconds)`.
    pub percentiles: Vec<(f64, u64)>,
    /// [`StepReport::latency`], whole, for merging.
    #[serde(skip)]
    pub histogram: Histogram<u64>,
    /// [`StepReport::lag`], whole, for merging.
    #[serde(skip)]
    pub lag_histogram: Histogram<u64>,
}

/// What a step is judged by.
#[derive(Clone, Debug)]
pub(super) struct Judge<'a> {
    pub(super) objectives: &'a [Objective],
    pub(super) lag_max_ns: u64,
}

impl Judge<'_> {
    /// The verdict, and why it isn't held.
    fn verdict(&self, run: &RunReport, check: &CheckReport) -> (Verdict, Vec<String>) {
        let failures = failures(&run.counts, check);
        if !failures.is_empty() {
            return (Verdict::Missed, failures);
        }
        let void = self.generator_limits(run);
        if !void.is_empty() {
            return (Verdict::Void, void);
        }
        let latencies = &run.approved_histogram;
        let missed: Vec<Objective> =
            self.objectives.iter().copied().filter(|objective| !objective.holds(latencies)).collect();
        if missed.is_empty() {
            return (Verdict::Held, Vec::new());
        }
        let mut reasons: Vec<String> = missed
            .iter()
            .map(|objective| format!("{objective} is {}", milliseconds(objective.measured_ns(latencies))))
            .collect();
        // Latency counts from the intended start and so has the lag in it. If it would have been kept from the sending
        // on, and the generator sent late, the miss is the generator's doing.
        let lag_ns = run.lag.p999_ns;
        let in_time = missed.iter().all(|objective| objective.holds(&run.service_histogram));
        if in_time && lag_ns > self.lag_max_ns {
            reasons.push(format!(
                "kept from the sending on: the generator sent late, p99.9 of its own lag is {}, above {}",
                milliseconds(lag_ns),
                milliseconds(self.lag_max_ns)
            ));
            return (Verdict::Void, reasons);
        }
        let hiccup_ns = run.hiccups.late.p999_ns;
        if missed.iter().any(|objective| hiccup_ns > objective.limit_ns / 2) {
            reasons.push(format!("the machine's own hiccups have p99.9 {}", milliseconds(hiccup_ns)));
        }
        (Verdict::Missed, reasons)
    }

    fn generator_limits(&self, run: &RunReport) -> Vec<String> {
        let mut limits = Vec::new();
        if run.dropped_share() > DROPPED_SHARE_MAX {
            limits.push(format!(
                "{} of {} requests couldn't be sent ({:.2} %)",
                run.counts.dropped,
                run.counts.intended,
                100.0 * run.dropped_share()
            ));
        }
        if run.counts.refused > 0 {
            let codes: Vec<&str> = run.refused_by_code.iter().map(|code| code.name).collect();
            limits.push(format!(
                "{} sales were refused ({}): this campus can't play it",
                run.counts.refused,
                codes.join(", ")
            ));
        }
        if run.counts.impossible > 0 {
            limits.push(format!("{} sales couldn't be made with card or code", run.counts.impossible));
        }
        limits
    }
}

/// What no run under measurement may have.
pub(crate) fn failures(counts: &RunCounts, check: &CheckReport) -> Vec<String> {
    let mut failures: Vec<String> = [
        (counts.answers_lost, "answers didn't come in time"),
        (counts.given_up, "sales were given up, for the server kept answering that it couldn't"),
        (counts.reversed, "sales were reversed"),
        (counts.unknown, "sales have an unknown outcome"),
        (counts.queries_failed, "questions failed"),
        (counts.answers_wrong, "answers contradict the protocol"),
        (counts.disconnects, "connections broke"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    failures.extend(check.failures());
    failures
}

pub(crate) fn milliseconds(value_ns: u64) -> String {
    let value_ms = value_ns as f64 / 1e6;
    match value_ms {
        ..1.0 => format!("{value_ms:.3} ms"),
        1.0..100.0 => format!("{value_ms:.2} ms"),
        _ => format!("{value_ms:.0} ms"),
    }
}

impl StepReport {
    /// Puts the report together and judges it.
    pub(super) fn of(
        phase: Phase,
        offered_per_s: f64,
        judge: &Judge<'_>,
        run: RunReport,
        check: CheckReport,
        server: Option<ServerMetrics>,
    ) -> StepReport {
        let (verdict, reasons) = judge.verdict(&run, &check);
        let latencies = &run.approved_histogram;
        let measured_ns = run.elapsed_ns.saturating_sub(run.config.settle_ns).max(1);
        StepReport {
            phase,
            offered_per_s,
            verdict,
            reasons,
            seed: run.config.seed,
            started_unix_ns: run.started_unix_ns,
            elapsed_ns: run.elapsed_ns,
            debits_per_s: run.latency.count as f64 * SECOND_NS as f64 / measured_ns as f64,
            counts: run.counts,
            objectives: judge
                .objectives
                .iter()
                .map(|objective| ObjectiveReport {
                    objective: *objective,
                    measured_ns: objective.measured_ns(latencies),
                    held: objective.holds(latencies),
                })
                .collect(),
            latency: run.latency,
            service: run.service,
            lag: run.lag,
            hiccups: run.hiccups,
            check,
            server,
            seconds: run.seconds,
            percentiles: percentiles(latencies),
            histogram: run.approved_histogram,
            lag_histogram: run.lag_histogram,
        }
    }
}

/// The percentile distribution: points close together towards the tail, up to the slowest.
pub(crate) fn percentiles(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    let points = histogram.iter_quantiles(PERCENTILE_STEPS_PER_HALF);
    points
        .map(|point| (point.quantile_iterated_to(), point.value_iterated_to().min(histogram.max())))
        .collect()
}

/// Reads the server's metrics twice, when the run has settled and when its last request is due, and gives the
/// difference. Returns as soon as `over` is set. For a thread beside the run's.
pub(super) fn watch_server(
    address: SocketAddr,
    control: &RunControl,
    settle_ns: u64,
    over: &AtomicBool,
) -> Result<Option<ServerMetrics>, MetricsError> {
    let wait_until = |is_there: &dyn Fn() -> bool| {
        while !is_there() && !over.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK_EVERY);
        }
    };
    let elapsed_ns = || control.progress().elapsed_ns;
    wait_until(&|| elapsed_ns() > settle_ns);
    let before = ServerMetrics::fetch(address)?;
    wait_until(&|| elapsed_ns() >= control.progress().planned_ns);
    Ok(ServerMetrics::fetch(address)?.since(&before))
}

//! Histograms and counts of a run. Merged or added, never averaged; refusals apart from successes.

use hdrhistogram::Histogram;
use protocol::result_code::ResultCode;

use crate::report::{CodeCount, LatencySummary, RunCounts};

/// Smallest value told apart: 1 µs.
pub const LATENCY_MIN_NS: u64 = 1_000;
/// Largest value; a longer one counts as this: 60 s.
pub const LATENCY_MAX_NS: u64 = 60_000_000_000;
/// Significant decimal digits.
pub const LATENCY_DIGITS: u8 = 3;

/// A histogram of nanoseconds, 1 µs to 60 s, three digits.
///
/// # Panics
/// Never: the bounds are constants that fit.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LATENCY_MIN_NS, LATENCY_MAX_NS, LATENCY_DIGITS)
        .expect("constant bounds that fit")
}

impl LatencySummary {
    /// The percentiles of a histogram.
    pub fn of(histogram: &Histogram<u64>) -> LatencySummary {
        if histogram.is_empty() {
            return LatencySummary::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
        LatencySummary {
            count: histogram.len(),
            mean_ns: histogram.mean(),
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            p9999_ns: at(0.9999),
            max_ns: histogram.max(),
        }
    }
}

/// Counts by result code.
#[derive(Clone, Debug)]
pub struct CodeCounts {
    counts: Vec<u64>,
}

impl Default for CodeCounts {
    fn default() -> CodeCounts {
        let largest = ResultCode::ALL.last().map_or(0, |code| code.number());
        CodeCounts { counts: vec![0; usize::from(largest) + 1] }
    }
}

impl CodeCounts {
    /// One more.
    pub fn add(&mut self, code: ResultCode) {
        self.counts[usize::from(code.number())] += 1;
    }

    /// All of another's.
    pub fn merge(&mut self, other: &CodeCounts) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// Those above zero, highest first.
    pub fn list(&self) -> Vec<CodeCount> {
        let mut list: Vec<CodeCount> = ResultCode::ALL
            .iter()
            .map(|code| CodeCount {
                code: code.number(),
                name: code.name(),
                count: self.counts[usize::from(code.number())],
            })
            .filter(|entry| entry.count > 0)
            .collect();
        list.sort_by_key(|entry| std::cmp::Reverse(entry.count));
        list
    }
}

/// An approved or refused sale, at the moment its final answer came. Times in nanoseconds of the run's clock.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// When it was to be sent.
    pub intended_ns: u64,
    /// When it was last sent.
    pub sent_ns: u64,
    /// When its answer came.
    pub answered_ns: u64,
    /// True when the till had lost an answer or its connection since it last had nothing left to do.
    pub disturbed: bool,
}

/// Everything that a run measures. Histograms leave out what was to be sent before [`Measurement::measure_from_ns`].
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The counts.
    pub counts: RunCounts,
    /// Final refusals.
    pub refused_by_code: CodeCounts,
    /// Answers after which the till tried again.
    pub transient_by_code: CodeCounts,
    /// Approved, from the intended start.
    pub approved: Histogram<u64>,
    /// Those of them that weren't disturbed.
    pub undisturbed: Histogram<u64>,
    /// Refused, from the intended start.
    pub refused: Histogram<u64>,
    /// Balance queries, from the intended start.
    pub query: Histogram<u64>,
    /// Approved, from the last sending.
    pub service: Histogram<u64>,
    /// Upload frames, from the sending.
    pub upload_batch: Histogram<u64>,
    /// The generator's own lag.
    pub lag: Histogram<u64>,
    /// The generator's own worst lag since the interval log was last written.
    pub interval_lag_max_ns: u64,
    /// Approved, from the intended start, since the interval log was last written.
    pub interval: Histogram<u64>,
    /// The run has settled: 0, or a moment of the run's clock. Counts and the interval's own figures don't wait for it.
    pub measure_from_ns: u64,
}

impl Default for Measurement {
    fn default() -> Measurement {
        Measurement {
            counts: RunCounts::default(),
            refused_by_code: CodeCounts::default(),
            transient_by_code: CodeCounts::default(),
            approved: new_histogram(),
            undisturbed: new_histogram(),
            refused: new_histogram(),
            query: new_histogram(),
            service: new_histogram(),
            upload_batch: new_histogram(),
            lag: new_histogram(),
            interval_lag_max_ns: 0,
            interval: new_histogram(),
            measure_from_ns: 0,
        }
    }
}

impl Measurement {
    /// An approved sale.
    pub fn record_approved(&mut self, completion: Completion) {
        let latency_ns = completion.answered_ns.saturating_sub(completion.intended_ns);
        self.counts.approved += 1;
        self.interval.saturating_record(latency_ns);
        if completion.intended_ns < self.measure_from_ns {
            return;
        }
        self.approved.saturating_record(latency_ns);
        if !completion.disturbed {
            self.undisturbed.saturating_record(latency_ns);
        }
        self.service.saturating_record(completion.answered_ns.saturating_sub(completion.sent_ns));
    }

    /// A refused sale.
    pub fn record_refused(&mut self, code: ResultCode, completion: Completion) {
        self.counts.refused += 1;
        self.refused_by_code.add(code);
        if completion.intended_ns >= self.measure_from_ns {
            self.refused.saturating_record(completion.answered_ns.saturating_sub(completion.intended_ns));
        }
    }

    /// A live request's first sending: when it was due with its till free, and when it left.
    pub fn record_lag(&mut self, due_ns: u64, sent_ns: u64) {
        let lag_ns = sent_ns.saturating_sub(due_ns);
        self.interval_lag_max_ns = self.interval_lag_max_ns.max(lag_ns);
        if due_ns >= self.measure_from_ns {
            self.lag.saturating_record(lag_ns);
        }
    }
}

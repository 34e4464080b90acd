//! Histograms and counts of a run. Merged or added, never averaged; refusals apart from successes.

use hdrhistogram::Histogram;
use protocol::command_table::Kind;
use protocol::result_code::ResultCode;

use crate::guide::SALES;
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

/// What became of the requests of one kind of message.
#[derive(Clone, Debug)]
pub struct MessageMeasurement {
    /// How many were approved.
    pub approved: u64,
    /// How many were refused.
    pub refused: u64,
    /// How many were given up, or ended with an answer that nothing follows from.
    pub unanswered: u64,
    /// The refusals.
    pub refused_by_code: CodeCounts,
    /// Of the approved.
    pub latency: Histogram<u64>,
    /// Of the refused.
    pub latency_refused: Histogram<u64>,
}

impl MessageMeasurement {
    fn new() -> MessageMeasurement {
        MessageMeasurement {
            approved: 0,
            refused: 0,
            unanswered: 0,
            refused_by_code: CodeCounts::default(),
            latency: new_histogram(),
            latency_refused: new_histogram(),
        }
    }

    /// An approved request; `counts` tells whether its latency counts.
    pub fn approve(&mut self, latency_ns: u64, counts: bool) {
        self.approved += 1;
        if counts {
            self.latency.saturating_record(latency_ns);
        }
    }

    /// A refused request; `counts` tells whether its latency counts.
    pub fn refuse(&mut self, code: ResultCode, latency_ns: u64, counts: bool) {
        self.refused += 1;
        self.refused_by_code.add(code);
        if counts {
            self.latency_refused.saturating_record(latency_ns);
        }
    }
}

/// What became of the requests of each kind of message; room for a kind is made when the first of it ends.
#[derive(Clone, Debug)]
pub struct ByMessage {
    /// By the number of the request's kind, below 128.
    messages: Vec<Option<Box<MessageMeasurement>>>,
}

impl Default for ByMessage {
    fn default() -> ByMessage {
        ByMessage { messages: vec![None; 128] }
    }
}

impl ByMessage {
    /// The measurement of a kind of request.
    pub fn of(&mut self, kind: Kind) -> &mut MessageMeasurement {
        self.messages[usize::from(kind.number())].get_or_insert_with(|| Box::new(MessageMeasurement::new()))
    }

    /// The measurement of a kind of request; `None` when none has ended yet.
    pub fn get(&self, kind: Kind) -> Option<&MessageMeasurement> {
        self.messages[usize::from(kind.number())].as_deref()
    }

    /// The latencies of the approved, or of the refused, of several kinds, merged.
    fn merged(
        &self,
        kinds: &[Kind],
        histogram: impl Fn(&MessageMeasurement) -> &Histogram<u64>,
    ) -> Histogram<u64> {
        let mut merged = new_histogram();
        for measured in kinds.iter().filter_map(|&kind| self.get(kind)) {
            merged.add(histogram(measured)).expect("histograms of the same bounds");
        }
        merged
    }
}

/// A request at the moment its final answer came. Times in nanoseconds of the run's clock.
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

impl Completion {
    fn latency_ns(&self) -> u64 {
        self.answered_ns.saturating_sub(self.intended_ns)
    }
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
    /// What became of the requests of each kind; an upload counts its records, and has the latencies of its frames.
    pub by_message: ByMessage,
    /// Approved sales that weren't disturbed, from the intended start.
    pub undisturbed: Histogram<u64>,
    /// Approved sales, from the last sending.
    pub service: Histogram<u64>,
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
            by_message: ByMessage::default(),
            undisturbed: new_histogram(),
            service: new_histogram(),
            lag: new_histogram(),
            interval_lag_max_ns: 0,
            interval: new_histogram(),
            measure_from_ns: 0,
        }
    }
}

impl Measurement {
    /// Approved sales, from the intended start.
    pub fn sales_approved(&self) -> Histogram<u64> {
        self.by_message.merged(&SALES, |measured| &measured.latency)
    }

    /// Refused sales, from the intended start.
    pub fn sales_refused(&self) -> Histogram<u64> {
        self.by_message.merged(&SALES, |measured| &measured.latency_refused)
    }

    /// An approved request that isn't a sale.
    pub fn record_done(&mut self, kind: Kind, completion: Completion) {
        let counts = self.counts_from(completion.intended_ns);
        self.by_message.of(kind).approve(completion.latency_ns(), counts);
    }

    /// A refused request that isn't a sale.
    pub fn record_not_done(&mut self, kind: Kind, code: ResultCode, completion: Completion) {
        let counts = self.counts_from(completion.intended_ns);
        self.by_message.of(kind).refuse(code, completion.latency_ns(), counts);
    }

    /// An approved sale.
    pub fn record_approved(&mut self, kind: Kind, completion: Completion) {
        let latency_ns = completion.latency_ns();
        self.counts.approved += 1;
        self.interval.saturating_record(latency_ns);
        let counts = self.counts_from(completion.intended_ns);
        self.by_message.of(kind).approve(latency_ns, counts);
        if !counts {
            return;
        }
        if !completion.disturbed {
            self.undisturbed.saturating_record(latency_ns);
        }
        self.service.saturating_record(completion.answered_ns.saturating_sub(completion.sent_ns));
    }

    /// A refused sale.
    pub fn record_refused(&mut self, kind: Kind, code: ResultCode, completion: Completion) {
        self.counts.refused += 1;
        self.refused_by_code.add(code);
        self.record_not_done(kind, code, completion);
    }

    /// True when the run has settled by this moment.
    fn counts_from(&self, moment_ns: u64) -> bool {
        moment_ns >= self.measure_from_ns
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

//! Where a live request's time goes inside the server, stage by stage.
//!
//! ```text
//! bytes in the socket ─read─▶ in the buffer ─verify─▶ checked ─queue─▶ its batch begins ─apply─▶ staged
//!   ─stage─▶ its block is taken ─sync─▶ durable ─answer─▶ handed to the socket
//! ```
//!
//! One worker owns one set and nobody else writes it; the log's two stages are counted block by block by
//! [`super::block_clocks`]. Sets are added up when somebody asks: they only ever grow, so that the difference of two
//! looks is what happened between them.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Highest value told apart (60 s in nanoseconds, and more than a block has groups or bytes); greater ones count as this.
const VALUE_MAX: u64 = 60_000_000_000;

/// One stage of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The system call that read its bytes; one request in [`SAMPLE_EVERY`] is clocked.
    Read,
    /// Length, MAC, counter and fields; one request in [`SAMPLE_EVERY`] is clocked.
    Verify,
    /// From checked until its batch begins.
    Queue,
    /// Take hold, decide, append, apply: the whole batch's time, since its answers wait for the last of it.
    Apply,
    /// From staged until a writer takes its block: the wait for the block in flight, as its first group waited.
    Stage,
    /// Checksum, link and durable write of its block.
    Sync,
    /// From durable until the whole batch of answers was sealed and handed to the sockets.
    Answer,
}

/// Of so many reads one is clocked: two more looks at the clock for each request would be a hundredth of its cost. A
/// prime, so that it keeps no step with how reads come.
pub const SAMPLE_EVERY: u32 = 17;

/// How many stages there are.
const STAGES: usize = 7;

impl Stage {
    /// Every stage, in the order of the way.
    pub const ALL: [Stage; STAGES] =
        [Stage::Read, Stage::Verify, Stage::Queue, Stage::Apply, Stage::Stage, Stage::Sync, Stage::Answer];

    /// Name as it stands in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Read => "read",
            Stage::Verify => "verify",
            Stage::Queue => "queue",
            Stage::Apply => "apply",
            Stage::Stage => "stage",
            Stage::Sync => "sync",
            Stage::Answer => "answer",
        }
    }
}

/// A histogram as this module keeps them: two significant digits.
pub(super) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_max(VALUE_MAX, 2).expect("bounds of a histogram are constants")
}

/// Histograms of the stages, nanoseconds.
#[derive(Clone, Debug)]
pub struct StageClocks {
    histograms: [Histogram<u64>; STAGES],
}

/// What one stage took, microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct StageSummary {
    /// Stage name.
    pub stage: &'static str,
    /// Requests counted.
    pub count: u64,
    /// Mean, microseconds.
    pub mean_us: f64,
    /// Median, microseconds.
    pub p50_us: f64,
    /// 99th percentile, microseconds.
    pub p99_us: f64,
    /// 99.9th percentile, microseconds.
    pub p999_us: f64,
}

impl Default for StageClocks {
    fn default() -> StageClocks {
        StageClocks { histograms: std::array::from_fn(|_| new_histogram()) }
    }
}

impl StageClocks {
    /// Counts `count` requests that spent `time_ns` in `stage`.
    pub fn record(&mut self, stage: Stage, time_ns: u64, count: u64) {
        self.histograms[stage as usize].saturating_record_n(time_ns.max(1), count);
    }

    /// Adds another set's counts.
    pub fn merge(&mut self, other: &StageClocks) {
        for (mine, theirs) in self.histograms.iter_mut().zip(&other.histograms) {
            mine.add(theirs).expect("all sets have the same bounds");
        }
    }

    /// The stages in order, each with its histogram.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, &Histogram<u64>)> {
        Stage::ALL.into_iter().zip(&self.histograms)
    }

    /// The stages in order, each in a few figures.
    pub fn summary(&self) -> Vec<StageSummary> {
        let us = |ns: u64| ns as f64 / 1_000.0;
        self.stages()
            .map(|(stage, h)| StageSummary {
                stage: stage.name(),
                count: h.len(),
                mean_us: h.mean() / 1_000.0,
                p50_us: us(h.value_at_quantile(0.5)),
                p99_us: us(h.value_at_quantile(0.99)),
                p999_us: us(h.value_at_quantile(0.999)),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_counted_apart_and_merged() {
        let (mut a, mut b) = (StageClocks::default(), StageClocks::default());
        a.record(Stage::Queue, 10_000, 3);
        b.record(Stage::Sync, 200_000, 1);
        b.record(Stage::Queue, 10_000, 1);
        a.merge(&b);
        let summary = a.summary();
        assert_eq!(summary.iter().map(|s| s.count).collect::<Vec<_>>(), [0, 0, 4, 0, 0, 1, 0]);
        assert!((summary[5].p50_us - 200.0).abs() < 4.0);
    }

    #[test]
    fn a_stage_s_place_is_its_number() {
        for (place, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, place, "{}", stage.name());
        }
    }
}

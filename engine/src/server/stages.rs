//! Where a live request's time goes inside the server, stage by stage.
//!
//! ```text
//! bytes readable ─queue─▶ decision ─apply─▶ staged ─sync─▶ durable ─answer─▶ handed to the socket
//! ```
//!
//! One worker owns one set and nobody else writes it; sets are merged when the server stops.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Highest time told apart, nanoseconds (60 s); longer ones count as this.
const TIME_NS_MAX: u64 = 60_000_000_000;

/// One stage of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the bytes being readable until its decision starts: read, verify, wait for the batch.
    Queue,
    /// Decide, stage and apply: the whole batch's time, since its answers wait for the last of it.
    Apply,
    /// From staged until durable: wait for the block in flight, then this one's write.
    Sync,
    /// From durable until the answer's bytes were handed to the socket.
    Answer,
}

impl Stage {
    /// Every stage, in the order of the way.
    pub const ALL: [Stage; 4] = [Stage::Queue, Stage::Apply, Stage::Sync, Stage::Answer];

    /// Name as it stands in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Queue => "queue",
            Stage::Apply => "apply",
            Stage::Sync => "sync",
            Stage::Answer => "answer",
        }
    }
}

/// Histograms of the four stages.
#[derive(Debug)]
pub struct StageClocks {
    histograms: [Histogram<u64>; 4],
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
        let empty = || Histogram::new_with_max(TIME_NS_MAX, 2).expect("bounds of a histogram are constants");
        StageClocks { histograms: std::array::from_fn(|_| empty()) }
    }
}

impl StageClocks {
    /// Counts `count` requests that spent `time_ns` in `stage`.
    pub fn record(&mut self, stage: Stage, time_ns: u64, count: u64) {
        self.histograms[stage as usize].saturating_record_n(time_ns.max(1), count);
    }

    /// Adds another worker's counts.
    pub fn merge(&mut self, other: &StageClocks) {
        for (mine, theirs) in self.histograms.iter_mut().zip(&other.histograms) {
            mine.add(theirs).expect("all sets have the same bounds");
        }
    }

    /// The four stages in order.
    pub fn summary(&self) -> Vec<StageSummary> {
        let us = |ns: u64| ns as f64 / 1_000.0;
        Stage::ALL
            .iter()
            .zip(&self.histograms)
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
        assert_eq!(summary.iter().map(|s| s.count).collect::<Vec<_>>(), [4, 0, 1, 0]);
        assert!((summary[2].p50_us - 200.0).abs() < 4.0);
    }
}

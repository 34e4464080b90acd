//! The log's part of a request's way: how long blocks waited and were written, and how large they were.
//!
//! Called once for each block, on the thread that wrote it, whoever that was.

use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use wal::BlockReport;

use super::stages::{Stage, StageClocks, new_histogram};

/// What blocks took. Shared by the threads that write them and those who ask.
#[derive(Debug, Default)]
pub struct BlockClocks {
    figures: Mutex<BlockFigures>,
    durable_ns: AtomicU64,
}

/// Histograms of blocks.
#[derive(Clone, Debug)]
pub struct BlockFigures {
    /// Only [`Stage::Stage`] and [`Stage::Sync`] are counted in here, once for each group.
    pub stages: StageClocks,
    /// Record groups in a block.
    pub groups: Histogram<u64>,
    /// Bytes of a block, padding included.
    pub bytes: Histogram<u64>,
}

impl Default for BlockFigures {
    fn default() -> BlockFigures {
        BlockFigures { stages: StageClocks::default(), groups: new_histogram(), bytes: new_histogram() }
    }
}

impl BlockClocks {
    /// Counts a block.
    pub fn take(&self, block: &BlockReport) {
        let groups = u64::from(block.groups);
        let mut figures = self.figures.lock();
        figures.stages.record(Stage::Stage, block.taken_ns.saturating_sub(block.begun_ns), groups);
        figures.stages.record(Stage::Sync, block.durable_ns.saturating_sub(block.taken_ns), groups);
        figures.groups.saturating_record(groups);
        figures.bytes.saturating_record(block.bytes.into());
        self.durable_ns.store(block.durable_ns, Ordering::Release);
    }

    /// When the last block became durable, on the monotonic clock; 0 before the first.
    pub fn durable_ns(&self) -> u64 {
        self.durable_ns.load(Ordering::Acquire)
    }

    /// A copy of all that was counted.
    pub fn figures(&self) -> BlockFigures {
        self.figures.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_counts_once_for_each_group_and_once_for_its_size() {
        let clocks = BlockClocks::default();
        let block = BlockReport {
            last_number: 9,
            groups: 4,
            records: 6,
            bytes: 8_192,
            begun_ns: 1_000_000,
            taken_ns: 1_100_000,
            durable_ns: 1_400_000,
        };
        clocks.take(&block);
        let figures = clocks.figures();
        let summary = figures.stages.summary();
        let of = |stage: Stage| &summary[stage as usize];
        assert_eq!((of(Stage::Stage).count, of(Stage::Sync).count, of(Stage::Queue).count), (4, 4, 0));
        assert!(
            (of(Stage::Stage).p50_us - 100.0).abs() < 2.0 && (of(Stage::Sync).p50_us - 300.0).abs() < 4.0
        );
        assert_eq!((figures.groups.len(), figures.groups.max()), (1, 4));
        assert_eq!(figures.bytes.len(), 1);
        assert_eq!(clocks.durable_ns(), 1_400_000);
    }
}

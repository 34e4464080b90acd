//! The settings of a log and their ranges.

use crate::error::WalError;
use crate::page::{BLOCK_PAGES_MAX, PAGE_BYTES};

/// Identity of one log: random bytes that the creator passes in. Seeds every page checksum, so that a page of
/// another log never passes for one of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogId(pub [u8; 16]);

/// Settings of a [`Log`](crate::Log). Only `log_id_if_new` and the sizes of new segments reach the medium: all
/// others may change from one start to the next, and so may `segment_bytes`.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// The identity that a *new* log gets; an existing one keeps its own.
    pub log_id_if_new: LogId,
    /// Size of a new segment file: a multiple of 64 KiB, 128 KiB to 1 GiB. Default 64 MiB.
    pub segment_bytes: u32,
    /// Largest block: a multiple of 4 KiB, 4 KiB to 256 KiB. Default 256 KiB.
    pub block_bytes_max: u32,
    /// Bound on the memory that staged records take, in whole blocks: at least two blocks, at most half a
    /// segment's size or 64 MiB. Default 4 MiB.
    pub staging_bytes_max: u32,
    /// Bound on all segment files together; `None` leaves it to the file system. Beyond it appends are refused
    /// as [`Full`](crate::AppendError::Full).
    pub log_bytes_max: Option<u64>,
    /// Kept back for [`Priority::Reserved`](crate::Priority): at most half a segment. Default 1 MiB. The last
    /// block before a segment's end may waste up to one block of it.
    pub reserve_bytes: u64,
    /// How far the wall clock may move against the monotonic clock between two samples, besides a drift of one
    /// part in 1,024, before logged time freezes at monotonic pace. Default 2 s.
    pub wall_jump_max_ns: u64,
}

impl LogConfig {
    /// The default settings.
    pub fn new(log_id_if_new: LogId) -> Self {
        Self {
            log_id_if_new,
            segment_bytes: 64 << 20,
            block_bytes_max: 256 << 10,
            staging_bytes_max: 4 << 20,
            log_bytes_max: None,
            reserve_bytes: 1 << 20,
            wall_jump_max_ns: 2_000_000_000,
        }
    }

    /// The smallest sensible log (128 KiB segments, 64 KiB staging): for tests and simulations.
    pub fn small(log_id_if_new: LogId) -> Self {
        Self {
            segment_bytes: 128 << 10,
            block_bytes_max: 16 << 10,
            staging_bytes_max: 64 << 10,
            reserve_bytes: 16 << 10,
            ..Self::new(log_id_if_new)
        }
    }

    /// Pages of a new segment, its header included.
    pub(crate) fn segment_pages(&self) -> u32 {
        self.segment_bytes / PAGE_BYTES as u32
    }

    /// Most pages of one block.
    pub(crate) fn block_pages_max(&self) -> u32 {
        self.block_bytes_max / PAGE_BYTES as u32
    }

    /// Checks every range.
    pub(crate) fn validate(&self) -> Result<(), WalError> {
        let check = |holds: bool, setting: &'static str, reason: &'static str| {
            if holds { Ok(()) } else { Err(WalError::InvalidConfig { setting, reason }) }
        };
        let block_bytes = self.block_bytes_max as usize;
        check(
            self.segment_bytes.is_multiple_of(64 << 10)
                && (128 << 10..=1 << 30).contains(&self.segment_bytes),
            "segment_bytes",
            "must be a multiple of 64 KiB from 128 KiB to 1 GiB",
        )?;
        check(
            block_bytes.is_multiple_of(PAGE_BYTES)
                && (PAGE_BYTES..=BLOCK_PAGES_MAX * PAGE_BYTES).contains(&block_bytes),
            "block_bytes_max",
            "must be a multiple of 4 KiB from 4 KiB to 256 KiB",
        )?;
        check(
            self.staging_bytes_max >= 2 * self.block_bytes_max
                && self.staging_bytes_max <= (self.segment_bytes / 2).min(64 << 20),
            "staging_bytes_max",
            "must be from two blocks to half a segment, and at most 64 MiB",
        )?;
        check(
            self.reserve_bytes <= u64::from(self.segment_bytes / 2),
            "reserve_bytes",
            "must be at most half a segment",
        )?;
        check(
            self.log_bytes_max.is_none_or(|bytes| bytes >= u64::from(self.segment_bytes)),
            "log_bytes_max",
            "must be at least one segment",
        )
    }
}

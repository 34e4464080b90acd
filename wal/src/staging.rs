//! The one staging buffer: groups are formatted straight into the pages of the block that they will be written in, and
//! every block knows its place on the medium from its first byte, so that what is staged is sure to fit.

use crate::block::{BlockBuffer, Place, pages_alone, record_bytes};
use crate::config::LogConfig;
use crate::error::AppendError;
use crate::log::Log;
use crate::record::{PAYLOAD_BYTES_MAX, Priority, Record};
use crate::storage::SegmentFile;
use crate::time::LoggedTime;
use parking_lot::MutexGuard;
use std::collections::VecDeque;
use std::sync::Arc;

/// Between two tries to get a spare from a full medium, in logged time.
const FULL_RETRY_NS: u64 = 1_000_000_000;

/// What the staging lock protects.
pub(crate) struct Staging {
    /// Blocks that take no more groups, oldest first. Its capacity is never exceeded.
    closed: VecDeque<BlockBuffer>,
    /// The block that groups go into.
    open: Option<BlockBuffer>,
    free: Vec<BlockBuffer>,
    pub(crate) space: Space,
    next_number: u64,
    pub(crate) time: LoggedTime,
    pub(crate) sealed: bool,
    block_pages_max: usize,
}

/// Where the next block goes, and what room is left behind it.
pub(crate) struct Space {
    /// Where the open block starts, or else the next one.
    segment_id: u32,
    page_next: u32,
    /// The segment's end for records: its last page is kept for a seal.
    page_end: u32,
    spares: VecDeque<(u32, Arc<dyn SegmentFile>)>,
    segment_id_next: u32,
    segment_id_end: u32,
    pub(crate) segment_pages: u32,
    segment_bytes: u64,
    /// All segment files that are there.
    bytes_total: u64,
    bytes_max: Option<u64>,
    reserve_pages: u64,
    /// The medium had no room for the last spare.
    pub(crate) medium_full: bool,
    retry_at_ns: u64,
    /// Somebody should make a spare.
    spare_wanted: bool,
}

/// Where a log ends, as recovery found it or made it.
pub(crate) struct End {
    pub(crate) segment_id: u32,
    pub(crate) page_next: u32,
    pub(crate) page_count: u32,
    pub(crate) spares: VecDeque<(u32, Arc<dyn SegmentFile>)>,
    pub(crate) segment_id_next: u32,
    pub(crate) bytes_total: u64,
}

/// Pages for records in a whole segment: its header and its last page are not.
fn record_pages(page_count: u32) -> u64 {
    u64::from(page_count).saturating_sub(2)
}

impl Space {
    fn new(config: &LogConfig, end: End, segment_id_end: u32) -> Self {
        Self {
            segment_id: end.segment_id,
            page_next: end.page_next,
            page_end: end.page_count - 1,
            spares: end.spares,
            segment_id_next: end.segment_id_next,
            segment_id_end,
            segment_pages: config.segment_pages(),
            segment_bytes: u64::from(config.segment_bytes),
            bytes_total: end.bytes_total,
            bytes_max: config.log_bytes_max,
            reserve_pages: config.reserve_bytes.div_ceil(crate::page::PAGE_BYTES as u64),
            medium_full: false,
            retry_at_ns: 0,
            spare_wanted: false,
        }
    }

    /// Segments that the settings still allow.
    fn segments_allowed(&self) -> u64 {
        let by_id = u64::from(self.segment_id_end.saturating_sub(self.segment_id_next));
        match self.bytes_max {
            Some(bytes_max) => by_id.min(bytes_max.saturating_sub(self.bytes_total) / self.segment_bytes),
            None => by_id,
        }
    }

    /// Whether a spare is missing and allowed.
    pub(crate) fn lacks_spare(&self) -> bool {
        self.spares.is_empty() && self.segments_allowed() > 0
    }

    /// The id and size of the spare to make, if one is to be made.
    pub(crate) fn spare_to_make(&self) -> Option<(u32, u32)> {
        self.lacks_spare().then_some((self.segment_id_next, self.segment_pages))
    }

    /// The share of the segment in use that is used.
    pub(crate) fn used_share(&self) -> f64 {
        f64::from(self.page_next) / f64::from(self.page_end)
    }

    /// Takes in a spare that was made.
    pub(crate) fn add_spare(&mut self, file: Arc<dyn SegmentFile>) {
        self.spares.push_back((self.segment_id_next, file));
        self.segment_id_next += 1;
        self.bytes_total += self.segment_bytes;
        self.medium_full = false;
    }

    fn pages_to_come(&self) -> u64 {
        if self.medium_full { 0 } else { self.segments_allowed() * record_pages(self.segment_pages) }
    }

    /// Whether `pages_left` and what may yet be made keep the reserve.
    fn keeps_reserve(&self, pages_left: u64, priority: Priority) -> bool {
        priority == Priority::Reserved || pages_left + self.pages_to_come() >= self.reserve_pages
    }

    fn spare_pages(&self) -> u64 {
        self.spares.iter().map(|(_, file)| record_pages(file.page_count())).sum()
    }

    /// Whether the block that starts at `page_next` may have `page_count` pages.
    fn admits(&self, page_count: usize, priority: Priority) -> bool {
        let page_after = u64::from(self.page_next) + page_count as u64;
        let left = u64::from(self.page_end).saturating_sub(page_after) + self.spare_pages();
        self.keeps_reserve(left, priority)
    }

    /// Finds the place of a new block whose first group takes `page_count` pages.
    fn place(
        &mut self,
        page_count: usize,
        block_pages_max: usize,
        priority: Priority,
        now_ns: u64,
    ) -> Result<Place, AppendError> {
        let mut claim = None;
        if self.page_next + page_count as u32 > self.page_end {
            let Some((_, spare)) = self.spares.front() else { return Err(self.no_spare(now_ns)) };
            let left = self.spare_pages().saturating_sub(page_count as u64);
            if page_count as u64 > record_pages(spare.page_count()) || !self.keeps_reserve(left, priority) {
                return Err(self.full(now_ns));
            }
            if let Some((id, file)) = self.spares.pop_front() {
                self.segment_id = id;
                self.page_next = 1;
                self.page_end = file.page_count() - 1;
                self.spare_wanted |= self.lacks_spare();
                claim = Some(file);
            }
        } else if !self.admits(page_count, priority) {
            return Err(self.full(now_ns));
        }
        let page_limit = block_pages_max.min((self.page_end - self.page_next) as usize);
        Ok(Place { segment_id: self.segment_id, page: self.page_next, page_limit, claim })
    }

    fn no_spare(&mut self, now_ns: u64) -> AppendError {
        if self.segments_allowed() == 0 || self.medium_full {
            return self.full(now_ns);
        }
        self.spare_wanted = true;
        AppendError::StagingFull
    }

    /// Refuses, and has the medium asked again now and then, for somebody may have made room.
    fn full(&mut self, now_ns: u64) -> AppendError {
        if self.medium_full && self.lacks_spare() && now_ns >= self.retry_at_ns {
            self.retry_at_ns = now_ns.saturating_add(FULL_RETRY_NS);
            self.spare_wanted = true;
        }
        AppendError::Full
    }
}

impl Staging {
    pub(crate) fn new(
        config: &LogConfig,
        end: End,
        next_number: u64,
        time: LoggedTime,
        segments_max: u32,
    ) -> Self {
        let block_pages_max = config.block_pages_max() as usize;
        let blocks = (config.staging_bytes_max / config.block_bytes_max) as usize;
        Self {
            closed: VecDeque::with_capacity(blocks),
            open: None,
            free: (0..blocks).map(|_| BlockBuffer::new(block_pages_max)).collect(),
            space: Space::new(config, end, segments_max),
            next_number,
            time,
            sealed: false,
            block_pages_max,
        }
    }

    /// Whether anything is staged that nobody has taken.
    pub(crate) fn has_blocks(&self) -> bool {
        self.open.is_some() || !self.closed.is_empty()
    }

    /// Takes the oldest block, closing it if it is open.
    pub(crate) fn take(&mut self) -> Option<BlockBuffer> {
        if self.closed.is_empty() {
            self.close();
        }
        self.closed.pop_front()
    }

    /// Gives a block's memory back.
    pub(crate) fn give_back(&mut self, mut block: BlockBuffer) {
        block.place.claim = None;
        self.free.push(block);
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.space.page_next += open.page_count() as u32;
            self.closed.push_back(open);
        }
    }

    fn append(&mut self, group: &[Record<'_>], priority: Priority) -> Result<u64, AppendError> {
        if self.sealed {
            return Err(AppendError::Sealed);
        }
        let group_bytes = group_bytes(group)?;
        let number = self.next_number;
        let time_ns = self.time.last_ns();
        match &mut self.open {
            Some(open) if open.page_has_room(group_bytes) => open.add(group, number, time_ns),
            _ => self.append_on_new_page(group, priority, time_ns)?,
        }
        self.next_number += group.len() as u64;
        Ok(number)
    }

    fn append_on_new_page(
        &mut self,
        group: &[Record<'_>],
        priority: Priority,
        time_ns: u64,
    ) -> Result<(), AppendError> {
        let pages_alone = pages_alone(group);
        if pages_alone > self.block_pages_max {
            return Err(AppendError::GroupTooLarge);
        }
        if let Some(open) = &mut self.open {
            let page_count = open.pages_with(group);
            if page_count <= open.place.page_limit {
                if !self.space.admits(page_count, priority) {
                    return Err(self.space.full(time_ns));
                }
                open.add(group, self.next_number, time_ns);
                return Ok(());
            }
        }
        if self.free.is_empty() {
            return Err(AppendError::StagingFull);
        }
        // Closing the open block changes nothing that its readers could see, should there be no place for a new one.
        self.close();
        let place = self.space.place(pages_alone, self.block_pages_max, priority, time_ns)?;
        if let Some(mut block) = self.free.pop() {
            block.begin(place, self.next_number);
            block.begun_ns = self.time.sampled_monotonic_ns();
            block.add(group, self.next_number, time_ns);
            self.open = Some(block);
        }
        Ok(())
    }
}

/// Bytes that a well-formed group takes, without padding.
fn group_bytes(group: &[Record<'_>]) -> Result<usize, AppendError> {
    if group.is_empty() {
        return Err(AppendError::InvalidRecord);
    }
    let mut bytes = 0;
    for record in group {
        if record.kind == 0
            || !record.payload.len().is_multiple_of(8)
            || record.payload.len() > PAYLOAD_BYTES_MAX
        {
            return Err(AppendError::InvalidRecord);
        }
        bytes += record_bytes(record);
    }
    if group.len() > usize::from(u16::MAX) { Err(AppendError::GroupTooLarge) } else { Ok(bytes) }
}

/// The staging buffer, held. Groups appended under one `Stage` have one logged time and stand next to each other.
pub struct Stage<'a> {
    log: &'a Log,
    staging: MutexGuard<'a, Staging>,
    groups: u64,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(log: &'a Log, staging: MutexGuard<'a, Staging>) -> Self {
        Self { log, staging, groups: 0 }
    }

    /// The number that the next appended record gets.
    pub fn next_number(&self) -> u64 {
        self.staging.next_number
    }

    /// The logged time that groups appended under this guard carry: nanoseconds since 1970-01-01 UTC.
    pub fn time_ns(&self) -> u64 {
        self.staging.time.last_ns()
    }

    /// Full blocks that nobody has begun to write.
    pub fn full_blocks_waiting(&self) -> usize {
        self.staging.closed.len()
    }

    /// Stages one record group: all of it or nothing. Gives the number of its first record; the others follow densely.
    ///
    /// # Errors
    /// See [`AppendError`].
    #[inline]
    pub fn append(&mut self, group: &[Record<'_>], priority: Priority) -> Result<u64, AppendError> {
        if self.log.poisoned() {
            return Err(AppendError::Poisoned);
        }
        let number = self.staging.append(group, priority)?;
        self.groups += 1;
        Ok(number)
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        // Still under the lock, so that the figures are there before a committer can take the block.
        if self.groups > 0 {
            self.log.note_staged(self.staging.next_number - 1, self.groups);
        }
        if std::mem::take(&mut self.staging.space.spare_wanted) {
            self.log.wake_keeper();
        }
    }
}

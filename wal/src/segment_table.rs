//! All segments in use, and the way from a record number to its page.
//!
//! Two levels of once-written cells, so that segments can be added while readers hold references, without a lock and
//! without moving anything.

use crate::error::WalError;
use crate::page::{self, PAGE_BYTES, PageHeader};
use crate::segment_header::SegmentHeader;
use crate::storage::{Page, SegmentFile};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// One index entry covers this many pages.
const INDEX_STRIDE: u32 = 64;
const CHUNK_SEGMENTS: usize = 1024;
const CHUNKS_MAX: usize = 1024;

/// One segment in use.
pub(crate) struct Entry {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn SegmentFile>,
    seed: u32,
    lookup: OnceLock<Lookup>,
}

/// What readers have learned of a segment so far.
struct Lookup {
    /// The first record number of every 64th page; 0 where nobody has looked yet.
    numbers: Box<[AtomicU64]>,
    /// One bit a page: it has passed its checksum in this process.
    checked: Box<[AtomicU64]>,
}

impl Entry {
    pub(crate) fn new(header: SegmentHeader, file: Arc<dyn SegmentFile>) -> Self {
        let seed = page::seed(&header.log_id, header.segment_id);
        Self { header, file, seed, lookup: OnceLock::new() }
    }

    fn lookup(&self) -> &Lookup {
        self.lookup.get_or_init(|| {
            let words = self.file.page_count().div_ceil(INDEX_STRIDE);
            let zeros = || (0..words).map(|_| AtomicU64::new(0)).collect();
            Lookup { numbers: zeros(), checked: zeros() }
        })
    }

    /// What doesn't fit, as an error.
    pub(crate) fn damaged(&self, page: u32, what: &'static str) -> WalError {
        damaged(self.header.segment_id, page, what)
    }

    /// Lends a settled page; its checksum is verified once in the life of this process.
    pub(crate) fn page(&self, page: u32) -> Result<&Page, WalError> {
        let word = &self.lookup().checked[(page / INDEX_STRIDE) as usize];
        let bit = 1_u64 << (page % INDEX_STRIDE);
        let bytes = self.file.page(page);
        if word.load(Ordering::Relaxed) & bit == 0 {
            if !page::is_intact(bytes, self.seed) {
                return Err(self.damaged(page, "the page fails its checksum"));
            }
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(bytes)
    }

    fn first_number_of(&self, page: u32) -> Result<u64, WalError> {
        Ok(PageHeader::of(self.page(page)?).first_number.get())
    }

    fn indexed_number_of(&self, stride: u32) -> Result<u64, WalError> {
        let cell = &self.lookup().numbers[stride as usize];
        match cell.load(Ordering::Relaxed) {
            0 => {
                let number = self.first_number_of(1 + stride * INDEX_STRIDE)?;
                cell.store(number, Ordering::Relaxed);
                Ok(number)
            }
            number => Ok(number),
        }
    }

    /// The last page whose first number is at most `number`: the one that holds it, if this segment does. At most
    /// log2(pages / 64) index entries and 6 pages are looked at.
    pub(crate) fn page_of(&self, number: u64) -> Result<Option<u32>, WalError> {
        let pages = self.file.settled().saturating_sub(1);
        let strides = pages.div_ceil(INDEX_STRIDE);
        let stride = partition_point(0, strides, |stride| Ok(self.indexed_number_of(stride)? <= number))?;
        if stride == 0 {
            return Ok(None);
        }
        let start = 1 + (stride - 1) * INDEX_STRIDE;
        let end = (start + INDEX_STRIDE).min(1 + pages);
        let after = partition_point(start + 1, end, |page| Ok(self.first_number_of(page)? <= number))?;
        Ok(Some(after - 1))
    }
}

/// The first of `low..high` for which `holds` is false, if it is true before and false after.
fn partition_point(
    mut low: u32,
    mut high: u32,
    holds: impl Fn(u32) -> Result<bool, WalError>,
) -> Result<u32, WalError> {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// What doesn't fit, as an error.
pub(crate) fn damaged(segment: u32, page: u32, what: &'static str) -> WalError {
    WalError::Damaged { segment, offset: u64::from(page) * PAGE_BYTES as u64, page, what }
}

type Chunk = Box<[OnceLock<Entry>]>;

/// The segments in use, by id. Only grows.
pub(crate) struct SegmentTable {
    chunks: Box<[OnceLock<Chunk>]>,
    count: AtomicU32,
}

impl SegmentTable {
    /// Most segments a log can have.
    pub(crate) const SEGMENTS_MAX: u32 = (CHUNK_SEGMENTS * CHUNKS_MAX) as u32;

    pub(crate) fn new() -> Self {
        Self { chunks: (0..CHUNKS_MAX).map(|_| OnceLock::new()).collect(), count: AtomicU32::new(0) }
    }

    /// Adds the next segment. Only one thread at a time does so.
    pub(crate) fn push(&self, entry: Entry) {
        let position = self.count.load(Ordering::Relaxed);
        assert_eq!(entry.header.segment_id, position, "segments come in order");
        let chunk = self.chunks[position as usize / CHUNK_SEGMENTS]
            .get_or_init(|| (0..CHUNK_SEGMENTS).map(|_| OnceLock::new()).collect());
        let vacant = chunk[position as usize % CHUNK_SEGMENTS].set(entry).is_ok();
        assert!(vacant, "one thread at a time adds segments");
        self.count.store(position + 1, Ordering::Release);
    }

    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, segment_id: u32) -> Option<&Entry> {
        self.chunks
            .get(segment_id as usize / CHUNK_SEGMENTS)?
            .get()?
            .get(segment_id as usize % CHUNK_SEGMENTS)?
            .get()
    }

    /// The last segment whose first number is at most `number`.
    pub(crate) fn find(&self, number: u64) -> Option<&Entry> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle)?.header.first_number <= number {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.get(low.checked_sub(1)?)
    }
}

//! The seam between the log and the medium. Three back ends stand behind it: [`Through`](crate::Through),
//! [`Map`](crate::Map) and [`Simulated`](crate::Simulated).

use crate::page::PAGE_BYTES;
use std::io;
use std::sync::Arc;

/// One page of a segment.
pub type Page = [u8; PAGE_BYTES];

/// Whether a segment is opened to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For the one process that holds the directory's lock.
    ReadWrite,
    /// For any other process. Creates and changes nothing.
    ReadOnly,
}

/// How fast a segment is made. Asked before each piece of zeros with the number of pages that are done; may wait.
pub type Pace<'p> = dyn FnMut(u32) -> PaceStep + 'p;

/// How the making of a segment goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaceStep {
    /// With zeros for at most so many pages (at least 1).
    Zeros(u32),
    /// No more zeros: the segment is wanted now. The rest is allocated and reads as zeros, but a durable write to it costs
    /// the file system's journal too.
    LeaveRest,
    /// Not at all; nothing is left behind.
    GiveUp,
}

/// Pages of a piece when nobody waits for the medium meanwhile: 1 MiB.
const PIECE_PAGES_MAX: u32 = 256;

/// The pace of one who has nothing else to do with the medium.
pub fn at_once(_pages_done: u32) -> PaceStep {
    PaceStep::Zeros(PIECE_PAGES_MAX)
}

/// A place that keeps segments. Segments are numbered from 0 without a hole and are never shortened.
pub trait Storage: Send + Sync + 'static {
    /// The name of the back end, for start-up messages and benchmark tables.
    fn name(&self) -> &'static str;

    /// The ids of the segments that are there, ascending. A segment whose creation didn't end isn't there.
    fn list(&self) -> io::Result<Vec<u32>>;

    /// Makes a segment of zero bytes. When this returns, all its blocks are allocated, those before what the pace left
    /// are written, and it is found again after a crash. A full medium is told as `StorageFull` (or `QuotaExceeded`) and
    /// leaves nothing behind, and so does `Interrupted`: the pace gave up.
    fn create(
        &self,
        segment_id: u32,
        page_count: u32,
        pace: &mut Pace<'_>,
    ) -> io::Result<Arc<dyn SegmentFile>>;

    /// Opens a segment that is there. No page of it is settled.
    fn open(&self, segment_id: u32, access: Access) -> io::Result<Arc<dyn SegmentFile>>;

    /// Makes the directory entries durable that may so far be known to the running system only.
    fn sync_directory(&self) -> io::Result<()>;
}

/// One segment: a fixed number of pages, of which a growing prefix is *settled*. A settled page is never written again,
/// and only a settled page is lent.
pub trait SegmentFile: Send + Sync {
    /// The pages of the segment, header included.
    fn page_count(&self) -> u32;

    /// Copies whole pages, settled or not, from `page` on. Only before [`retire`](SegmentFile::retire).
    fn read(&self, page: u32, into: &mut [u8]) -> io::Result<()>;

    /// Writes whole pages from `page` on; they are durable when this returns `Ok`. After an `Err` nothing is known
    /// about them, and nobody may try again.
    ///
    /// # Panics
    /// If a page is settled, or beyond the segment.
    fn write(&self, page: u32, from: &[u8]) -> io::Result<()>;

    /// Declares the pages below `page_end` settled. Never shrinks.
    fn settle(&self, page_end: u32);

    /// The end of the settled pages.
    fn settled(&self) -> u32;

    /// Lends a settled page.
    ///
    /// # Panics
    /// If the page is not settled.
    fn page(&self, page: u32) -> &Page;

    /// Says that no page is read by copy or written any more: file descriptors can be given back. Settled pages
    /// stay readable.
    fn retire(&self);
}

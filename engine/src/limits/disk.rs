//! The bare disk: one durable page after another, through the back end that writes the log.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use loadgen::measurement::new_histogram;
use wal::{Map, PAGE_BYTES, SegmentFile, Storage, Through};

use super::LimitsError;
use crate::opened_books::LogBackEnd;

/// Pages of the file that is written to: as many as a segment of the log has.
const PAGES: u32 = (64 << 20) / PAGE_BYTES as u32;

/// Files made ready like segments of the log, written page by page.
pub struct Disk {
    storage: Arc<dyn Storage>,
    next_segment: u32,
}

impl Disk {
    /// In a directory of its own.
    pub fn new(dir: &Path, back_end: LogBackEnd) -> Disk {
        let storage: Arc<dyn Storage> = match back_end {
            LogBackEnd::Through => Arc::new(Through::new(dir)),
            LogBackEnd::Map => Arc::new(Map::new(dir)),
        };
        Disk { storage, next_segment: 0 }
    }

    /// Writes pages one by one for so long, at most one segment full. Gives the time of each, nanoseconds.
    ///
    /// # Errors
    /// The medium's.
    pub fn write_pages(&mut self, measure: Duration) -> Result<Histogram<u64>, LimitsError> {
        let error = LimitsError::io("a page to the disk");
        self.write(measure).map_err(error)
    }

    /// Pages to be written one by one, over and over: nothing is made ready while they are.
    ///
    /// # Errors
    /// The medium's.
    pub fn endless_pages(&mut self) -> std::io::Result<EndlessPages> {
        Ok(EndlessPages { segment: self.new_segment()?, written: 0 })
    }

    fn new_segment(&mut self) -> std::io::Result<Arc<dyn SegmentFile>> {
        let segment = self.storage.create(self.next_segment, PAGES, &mut wal::at_once)?;
        self.next_segment += 1;
        Ok(segment)
    }

    fn write(&mut self, measure: Duration) -> std::io::Result<Histogram<u64>> {
        let segment = self.new_segment()?;
        let mut histogram = new_histogram();
        let mut page = vec![0_u8; PAGE_BYTES];
        let begun = Instant::now();
        for number in 1..PAGES {
            page.fill(number as u8);
            let sent = Instant::now();
            segment.write(number, &page)?;
            histogram.saturating_record(sent.elapsed().as_nanos() as u64);
            if begun.elapsed() >= measure {
                break;
            }
        }
        Ok(histogram)
    }
}

/// One segment's pages, for somebody who needs nothing but the time that a durable page takes.
pub struct EndlessPages {
    segment: Arc<dyn SegmentFile>,
    written: u32,
}

impl EndlessPages {
    /// Writes one page durably.
    ///
    /// # Errors
    /// The medium's.
    pub fn write(&mut self) -> std::io::Result<()> {
        let page = [self.written as u8; PAGE_BYTES];
        self.segment.write(1 + self.written % (PAGES - 1), &page)?;
        self.written = self.written.wrapping_add(1);
        Ok(())
    }
}

//! The bare disk: one durable page after another, through the back end that writes the log.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use loadgen::measurement::new_histogram;
use wal::{Map, PAGE_BYTES, Storage, Through};

use super::LimitsError;
use crate::opened_books::LogBackEnd;

/// Pages of the file that is written to: as many as a segment of the log has.
const PAGES: u32 = (64 << 20) / PAGE_BYTES as u32;

/// A file made ready like a segment of the log, written page by page.
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

    fn write(&mut self, measure: Duration) -> std::io::Result<Histogram<u64>> {
        let segment = self.storage.create(self.next_segment, PAGES, &mut wal::at_once)?;
        self.next_segment += 1;
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

//! A medium that is infinitely fast and forgets everything: what is left is the log's own work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wal::{Access, Pace, Page, SegmentFile, Storage};

/// Takes every write and keeps none.
#[derive(Debug, Default)]
pub struct Discard;

impl Storage for Discard {
    fn name(&self) -> &'static str {
        "discard"
    }

    fn list(&self) -> io::Result<Vec<u32>> {
        Ok(Vec::new())
    }

    fn create(&self, _: u32, page_count: u32, _: &mut Pace<'_>) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(Forgotten { page_count, settled: AtomicU32::new(0) }))
    }

    fn open(&self, _: u32, _: Access) -> io::Result<Arc<dyn SegmentFile>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Forgotten {
    page_count: u32,
    settled: AtomicU32,
}

impl SegmentFile for Forgotten {
    fn page_count(&self) -> u32 {
        self.page_count
    }

    fn read(&self, _: u32, into: &mut [u8]) -> io::Result<()> {
        into.fill(0);
        Ok(())
    }

    fn write(&self, _: u32, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn settle(&self, page_end: u32) {
        self.settled.fetch_max(page_end, Ordering::Relaxed);
    }

    fn settled(&self) -> u32 {
        self.settled.load(Ordering::Relaxed)
    }

    fn page(&self, page: u32) -> &Page {
        unreachable!("page {page} was forgotten: nobody reads in these benches")
    }

    fn retire(&self) {}
}

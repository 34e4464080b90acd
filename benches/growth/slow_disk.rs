//! A disk whose every write takes longer: files in memory, and a wait before each write returns.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wal::{Access, Pace, Page, SegmentFile, Storage, Through};

/// Segments in a directory, which is as fast as its file system; writes return `delay` later.
pub struct SlowDisk {
    files: Through,
    delay: Duration,
}

impl SlowDisk {
    /// In the books' directory.
    pub fn new(dir: &Path, delay: Duration) -> SlowDisk {
        SlowDisk { files: Through::new(dir), delay }
    }

    fn slow(&self, file: Arc<dyn SegmentFile>) -> Arc<dyn SegmentFile> {
        Arc::new(SlowSegment { file, delay: self.delay })
    }
}

impl Storage for SlowDisk {
    fn name(&self) -> &'static str {
        "slow disk"
    }

    fn list(&self) -> io::Result<Vec<u32>> {
        self.files.list()
    }

    fn create(
        &self,
        segment_id: u32,
        page_count: u32,
        pace: &mut Pace<'_>,
    ) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(self.slow(self.files.create(segment_id, page_count, pace)?))
    }

    fn open(&self, segment_id: u32, access: Access) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(self.slow(self.files.open(segment_id, access)?))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.files.sync_directory()
    }
}

struct SlowSegment {
    file: Arc<dyn SegmentFile>,
    delay: Duration,
}

impl SegmentFile for SlowSegment {
    fn page_count(&self) -> u32 {
        self.file.page_count()
    }

    fn read(&self, page: u32, into: &mut [u8]) -> io::Result<()> {
        self.file.read(page, into)
    }

    fn write(&self, page: u32, from: &[u8]) -> io::Result<()> {
        if !self.delay.is_zero() {
            // Asleep, as a thread that waits for a disk is: others have the processor meanwhile.
            thread::sleep(self.delay);
        }
        self.file.write(page, from)
    }

    fn settle(&self, page_end: u32) {
        self.file.settle(page_end);
    }

    fn settled(&self) -> u32 {
        self.file.settled()
    }

    fn page(&self, page: u32) -> &Page {
        self.file.page(page)
    }

    fn retire(&self) {
        self.file.retire();
    }
}

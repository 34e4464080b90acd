//! Segments as files.

use crate::storage::{Access, SegmentFile, Storage};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Writes through: `pwritev2` with `RWF_DSYNC`, one system call a block; mapped for reading.
pub struct Through {
    _private: (),
}

impl Through {
    /// The log of a data directory; its segments are `<data_dir>/log/00000000.seg` and so on.
    pub fn new(data_dir: &Path) -> Self {
        let _ = data_dir;
        todo!()
    }
}

impl Storage for Through {
    fn name(&self) -> &'static str {
        "through"
    }
    fn list(&self) -> io::Result<Vec<u32>> {
        todo!()
    }
    fn create(&self, _segment_id: u32, _page_count: u32) -> io::Result<Arc<dyn SegmentFile>> {
        todo!()
    }
    fn open(&self, _segment_id: u32, _access: Access) -> io::Result<Arc<dyn SegmentFile>> {
        todo!()
    }
    fn sync_directory(&self) -> io::Result<()> {
        todo!()
    }
}

/// Stores to the map and syncs it (`msync`).
pub struct Map {
    _private: (),
}

impl Map {
    /// The log of a data directory; its segments are `<data_dir>/log/00000000.seg` and so on.
    pub fn new(data_dir: &Path) -> Self {
        let _ = data_dir;
        todo!()
    }
}

impl Storage for Map {
    fn name(&self) -> &'static str {
        "map"
    }
    fn list(&self) -> io::Result<Vec<u32>> {
        todo!()
    }
    fn create(&self, _segment_id: u32, _page_count: u32) -> io::Result<Arc<dyn SegmentFile>> {
        todo!()
    }
    fn open(&self, _segment_id: u32, _access: Access) -> io::Result<Arc<dyn SegmentFile>> {
        todo!()
    }
    fn sync_directory(&self) -> io::Result<()> {
        todo!()
    }
}

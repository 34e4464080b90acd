//! A medium in memory that crashes, tears, fails and fills up as told. Deterministic: every choice comes from a seed.

use crate::storage::{Access, SegmentFile, Storage};
use std::io;
use std::sync::Arc;

/// The simulated medium. Clones share it.
#[derive(Clone)]
pub struct Simulated {
    _private: (),
}

impl Simulated {
    /// An empty medium without faults.
    pub fn new() -> Self {
        todo!()
    }

    /// Mutating operations (create, write) so far.
    pub fn operations(&self) -> u64 {
        todo!()
    }

    /// The process dies in the `operation`-th mutating operation from the beginning of this medium (1 is the first): that
    /// one is left half done, it and all later ones return an error.
    pub fn stop_at_operation(&self, operation: u64) {
        let _ = operation;
        todo!()
    }

    /// The `operation`-th mutating operation fails with an I/O error, having reached the medium in part or not at
    /// all.
    pub fn fail_at_operation(&self, operation: u64) {
        let _ = operation;
        todo!()
    }

    /// Bounds the bytes of all segments together; a create beyond it is told that the medium is full.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        let _ = capacity_bytes;
        todo!()
    }

    /// The medium as the next process finds it after this one was killed: the page cache lives on, and still isn't
    /// durable.
    pub fn kill(&self) -> Simulated {
        todo!()
    }

    /// The medium as it is after a power failure: of all that was not synced, every sector is there or not, as the seed
    /// says.
    pub fn crash(&self, seed: u64) -> Simulated {
        let _ = seed;
        todo!()
    }

    /// The bytes of a segment, as a process would read them.
    pub fn image(&self, segment_id: u32) -> Option<Vec<u8>> {
        let _ = segment_id;
        todo!()
    }

    /// Replaces the bytes of a segment (durably), or removes it.
    pub fn set_image(&self, segment_id: u32, image: Option<Vec<u8>>) {
        let _ = (segment_id, image);
        todo!()
    }
}

impl Default for Simulated {
    fn default() -> Self {
        Self::new()
    }
}

impl Storage for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
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

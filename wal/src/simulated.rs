//! A medium in memory that crashes, tears, fails and fills up as told. Deterministic: the same calls and seeds give the
//! same bytes.
//!
//! # Fault model
//! - A durable image, and above it a page cache of 512-byte sectors that were written but not synced.
//! - A `write` that ends has synced its own pages and no others.
//! - **Stop** ([`stop_at_operation`](Simulated::stop_at_operation)): the process dies inside one create or write. A write
//!   leaves the first few of its pages in the page cache; a create leaves the whole segment or none.
//! - **Kill** ([`kill`](Simulated::kill)): the next process sees the page cache, though none of it is durable.
//! - **Crash** ([`crash`](Simulated::crash)): the power fails. Each unsynced sector is on the medium or not, independently
//!   of all others, so writes are lost, torn and reordered. A sector is never mixed. A segment whose directory entry
//!   wasn't synced is there or not.
//! - **Fail** ([`fail_at_operation`](Simulated::fail_at_operation)): one create or write returns an I/O error. The write's
//!   sectors stay in the page cache, and nobody may trust them; a create leaves nothing.
//! - **Full** ([`set_capacity_bytes`](Simulated::set_capacity_bytes)): a create beyond the capacity is told
//!   `StorageFull` and leaves nothing.
//! - Not modelled: a durable sector that changes by itself (use [`set_image`](Simulated::set_image)), and a medium that
//!   loses what it has synced.

use crate::page::{PAGE_BYTES, SECTOR_BYTES};
use crate::storage::{Access, Pace, PaceStep, Page, SegmentFile, Storage};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// The simulated medium. Clones share it.
#[derive(Clone, Default)]
pub struct Simulated {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Default)]
struct State {
    files: BTreeMap<u32, FileState>,
    operations: u64,
    stop_at: Option<u64>,
    fail_at: Option<u64>,
    stopped: bool,
    capacity_bytes: Option<u64>,
}

#[derive(Clone)]
struct FileState {
    length: usize,
    /// Whether the directory entry is durable.
    linked: bool,
    /// Durable sectors; one that is absent is zero.
    durable: BTreeMap<u32, [u8; SECTOR_BYTES]>,
    /// Sectors in the page cache that were not synced.
    unsynced: BTreeMap<u32, [u8; SECTOR_BYTES]>,
}

/// What is to become of a mutating operation.
enum Fate {
    Done,
    Stops,
    Fails,
}

impl State {
    fn next_fate(&mut self) -> io::Result<Fate> {
        if self.stopped {
            return Err(stopped());
        }
        self.operations += 1;
        if self.stop_at == Some(self.operations) {
            self.stopped = true;
            Ok(Fate::Stops)
        } else if self.fail_at == Some(self.operations) {
            Ok(Fate::Fails)
        } else {
            Ok(Fate::Done)
        }
    }

    fn file(&self, segment_id: u32) -> io::Result<&FileState> {
        self.files.get(&segment_id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The medium for the next process: no faults planned, operations counted anew.
    fn successor(&self) -> State {
        State { files: self.files.clone(), capacity_bytes: self.capacity_bytes, ..State::default() }
    }
}

impl FileState {
    fn empty(length: usize, linked: bool) -> Self {
        Self { length, linked, durable: BTreeMap::new(), unsynced: BTreeMap::new() }
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        if offset + into.len() > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (index, sector) in into.chunks_mut(SECTOR_BYTES).enumerate() {
            let number = (offset / SECTOR_BYTES + index) as u32;
            match self.unsynced.get(&number).or_else(|| self.durable.get(&number)) {
                Some(bytes) => sector.copy_from_slice(&bytes[..sector.len()]),
                None => sector.fill(0),
            }
        }
        Ok(())
    }
}

impl Simulated {
    /// An empty medium without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mutating operations (create, write) so far.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// The process dies in the `operation`-th mutating operation from the beginning of this medium (1 is the first): that
    /// one is left half done, it and all later ones return an error.
    pub fn stop_at_operation(&self, operation: u64) {
        self.state.lock().stop_at = Some(operation);
    }

    /// The `operation`-th mutating operation fails with an I/O error, having reached the medium in part or not at
    /// all.
    pub fn fail_at_operation(&self, operation: u64) {
        self.state.lock().fail_at = Some(operation);
    }

    /// Bounds the bytes of all segments together; a create beyond it is told that the medium is full.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.state.lock().capacity_bytes = capacity_bytes;
    }

    /// The medium as the next process finds it after this one was killed: the page cache lives on, and still isn't
    /// durable.
    pub fn kill(&self) -> Simulated {
        let state = self.state.lock().successor();
        Simulated { state: Arc::new(Mutex::new(state)) }
    }

    /// The medium as it is after a power failure: of all that was not synced, every sector is there or not, as the seed
    /// says.
    pub fn crash(&self, seed: u64) -> Simulated {
        let mut state = self.state.lock().successor();
        let mut draws = seed;
        // One crash in four keeps nearly all and one keeps nearly nothing, so that whole and absent blocks come up as
        // often as torn ones.
        let kept_of_8 = [1, 4, 4, 7][(draw(&mut draws) % 4) as usize];
        state.files.retain(|_, file| file.linked || draw(&mut draws) % 8 < kept_of_8);
        for file in state.files.values_mut() {
            file.linked = true;
            for (number, bytes) in std::mem::take(&mut file.unsynced) {
                if draw(&mut draws) % 8 < kept_of_8 {
                    file.durable.insert(number, bytes);
                }
            }
        }
        Simulated { state: Arc::new(Mutex::new(state)) }
    }

    /// The bytes of a segment, as a process would read them.
    pub fn image(&self, segment_id: u32) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let file = state.files.get(&segment_id)?;
        let mut bytes = vec![0; file.length];
        file.read(0, &mut bytes).ok()?;
        Some(bytes)
    }

    /// Replaces the bytes of a segment (durably), or removes it.
    pub fn set_image(&self, segment_id: u32, image: Option<Vec<u8>>) {
        let mut state = self.state.lock();
        let Some(image) = image else {
            state.files.remove(&segment_id);
            return;
        };
        let mut file = FileState::empty(image.len(), true);
        for (number, bytes) in image.chunks(SECTOR_BYTES).enumerate() {
            if bytes.iter().any(|byte| *byte != 0) {
                let mut sector = [0; SECTOR_BYTES];
                sector[..bytes.len()].copy_from_slice(bytes);
                file.durable.insert(number as u32, sector);
            }
        }
        state.files.insert(segment_id, file);
    }

    fn handle(&self, segment_id: u32, page_count: u32) -> Arc<dyn SegmentFile> {
        Arc::new(SimulatedSegment {
            storage: self.clone(),
            segment_id,
            page_count,
            settled: AtomicU32::new(0),
            lent: (0..page_count).map(|_| OnceLock::new()).collect(),
        })
    }
}

impl Storage for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn list(&self) -> io::Result<Vec<u32>> {
        Ok(self.state.lock().files.keys().copied().collect())
    }

    fn create(
        &self,
        segment_id: u32,
        page_count: u32,
        pace: &mut Pace<'_>,
    ) -> io::Result<Arc<dyn SegmentFile>> {
        let mut pages_done = 0;
        while pages_done < page_count {
            match pace(pages_done) {
                PaceStep::Zeros(pages) => pages_done += pages,
                PaceStep::LeaveRest => break,
                PaceStep::GiveUp => return Err(io::ErrorKind::Interrupted.into()),
            }
        }
        let length = page_count as usize * PAGE_BYTES;
        let mut state = self.state.lock();
        match state.next_fate()? {
            Fate::Fails => return Err(failed()),
            Fate::Stops => {
                let mut draws = state.operations;
                if draw(&mut draws).is_multiple_of(2) {
                    state.files.insert(segment_id, FileState::empty(length, false));
                }
                return Err(stopped());
            }
            Fate::Done => {}
        }
        let used_bytes: u64 = state.files.values().map(|file| file.length as u64).sum();
        if state.capacity_bytes.is_some_and(|capacity| used_bytes + length as u64 > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.files.insert(segment_id, FileState::empty(length, true));
        drop(state);
        Ok(self.handle(segment_id, page_count))
    }

    fn open(&self, segment_id: u32, _access: Access) -> io::Result<Arc<dyn SegmentFile>> {
        let length = self.state.lock().file(segment_id)?.length;
        if length == 0 || !length.is_multiple_of(PAGE_BYTES) {
            let text = format!("the file has {length} bytes, which is not a whole number of pages");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(self.handle(segment_id, (length / PAGE_BYTES) as u32))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.stopped {
            return Err(stopped());
        }
        for file in state.files.values_mut() {
            file.linked = true;
        }
        Ok(())
    }
}

struct SimulatedSegment {
    storage: Simulated,
    segment_id: u32,
    page_count: u32,
    settled: AtomicU32,
    /// Settled pages, each copied when it is first lent; a settled page doesn't change any more.
    lent: Box<[OnceLock<Box<Page>>]>,
}

impl SegmentFile for SimulatedSegment {
    fn page_count(&self) -> u32 {
        self.page_count
    }

    fn read(&self, page: u32, into: &mut [u8]) -> io::Result<()> {
        self.storage.state.lock().file(self.segment_id)?.read(page as usize * PAGE_BYTES, into)
    }

    fn write(&self, page: u32, from: &[u8]) -> io::Result<()> {
        let mut state = self.storage.state.lock();
        let page_end = page as usize + from.len() / PAGE_BYTES;
        assert!(from.len().is_multiple_of(PAGE_BYTES), "whole pages only");
        assert!(page_end <= self.page_count as usize, "write beyond the segment");
        assert!(page >= self.settled(), "page {page} is settled");
        let fate = state.next_fate()?;
        let mut draws = state.operations;
        let cached_bytes = match fate {
            Fate::Stops => (draw(&mut draws) as usize % (from.len() / PAGE_BYTES + 1)) * PAGE_BYTES,
            Fate::Fails | Fate::Done => from.len(),
        };
        let file = state.files.get_mut(&self.segment_id).ok_or(io::ErrorKind::NotFound)?;
        let first_sector = page * (PAGE_BYTES / SECTOR_BYTES) as u32;
        let (sectors, _) = from[..cached_bytes].as_chunks::<SECTOR_BYTES>();
        for (number, sector) in (first_sector..).zip(sectors) {
            if matches!(fate, Fate::Done) {
                file.unsynced.remove(&number);
                file.durable.insert(number, *sector);
            } else {
                file.unsynced.insert(number, *sector);
            }
        }
        match fate {
            Fate::Done => Ok(()),
            Fate::Stops => Err(stopped()),
            Fate::Fails => Err(failed()),
        }
    }

    fn settle(&self, page_end: u32) {
        assert!(page_end <= self.page_count, "settled beyond the segment");
        let _writing = self.storage.state.lock();
        self.settled.fetch_max(page_end, Ordering::Release);
    }

    fn settled(&self) -> u32 {
        self.settled.load(Ordering::Acquire)
    }

    fn page(&self, page: u32) -> &Page {
        assert!(page < self.settled(), "page {page} is not settled");
        self.lent[page as usize].get_or_init(|| {
            let mut copy = Box::new([0; PAGE_BYTES]);
            self.read(page, &mut copy[..]).expect("a settled page of a simulated segment can be read");
            copy
        })
    }

    fn retire(&self) {}
}

fn stopped() -> io::Error {
    io::Error::other("simulated: the process has stopped")
}

fn failed() -> io::Error {
    io::Error::other("simulated: the medium failed")
}

/// The next of a stream of draws (SplitMix64).
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

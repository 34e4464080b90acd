//! The one file that touches mapped memory.
//!
//! Invariant: a byte that has been lent as a slice never changes any more while the mapping lives. It holds because only
//! settled pages are lent, only unsettled pages are written, and both are decided under one lock; that nobody else
//! writes or shortens the file is what the data directory's lock is for.

use crate::page::PAGE_BYTES;
use crate::storage::Page;
use memmap2::{MmapOptions, MmapRaw};
use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// A segment file in memory, with the end of what may be lent.
pub(crate) struct Mapping {
    map: MmapRaw,
    page_count: u32,
    writable: bool,
    settled: AtomicU32,
    /// Held by whoever writes pages or moves `settled`. `None` once the file is no longer needed.
    file: Mutex<Option<File>>,
}

impl Mapping {
    /// Maps a whole file of whole pages.
    pub(crate) fn new(file: File, page_count: u32, writable: bool) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        options.len(page_count as usize * PAGE_BYTES);
        let map = if writable { options.map_raw(&file)? } else { options.map_raw_read_only(&file)? };
        Ok(Self { map, page_count, writable, settled: AtomicU32::new(0), file: Mutex::new(Some(file)) })
    }

    pub(crate) fn page_count(&self) -> u32 {
        self.page_count
    }

    pub(crate) fn settled(&self) -> u32 {
        self.settled.load(Ordering::Acquire)
    }

    pub(crate) fn settle(&self, page_end: u32) {
        assert!(page_end <= self.page_count, "settled beyond the segment");
        let _writing = self.file.lock();
        self.settled.fetch_max(page_end, Ordering::Release);
    }

    pub(crate) fn page(&self, page: u32) -> &Page {
        assert!(page < self.settled(), "page {page} is not settled");
        // SAFETY: the page lies within the map (`settled` is at most `page_count`), a `Page` has no alignment, and a
        // settled page is not written any more for as long as the map lives, which `&self` outlives.
        unsafe { &*self.map.as_ptr().add(page as usize * PAGE_BYTES).cast::<Page>() }
    }

    /// Runs `write` on the file while no page can become settled, having checked that the pages may be written.
    pub(crate) fn with_file<T>(
        &self,
        page: u32,
        bytes: usize,
        write: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        let file = self.file.lock();
        self.check_writable(page, bytes);
        write(file.as_ref().ok_or_else(retired)?)
    }

    /// Runs `read` on the file.
    pub(crate) fn with_file_unchecked<T>(&self, read: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let file = self.file.lock();
        read(file.as_ref().ok_or_else(retired)?)
    }

    /// Copies pages into a writable map and syncs them.
    pub(crate) fn store(&self, page: u32, from: &[u8]) -> io::Result<()> {
        let _writing = self.file.lock();
        self.check_writable(page, from.len());
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let at = page as usize * PAGE_BYTES;
        // SAFETY: the range lies within the map, which is writable; `from` can't overlap it, because no unsettled page is ever lent; the
        // lock keeps other writers out and the pages from being settled meanwhile.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), self.map.as_mut_ptr().add(at), from.len()) };
        self.map.flush_range(at, from.len())
    }

    /// Closes the file; the map stays.
    pub(crate) fn retire(&self) {
        *self.file.lock() = None;
    }

    fn check_writable(&self, page: u32, bytes: usize) {
        assert!(bytes.is_multiple_of(PAGE_BYTES), "whole pages only");
        let page_end = u64::from(page) + (bytes / PAGE_BYTES) as u64;
        assert!(page_end <= u64::from(self.page_count), "write beyond the segment");
        assert!(page >= self.settled.load(Ordering::Acquire), "page {page} is settled");
    }
}

fn retired() -> io::Error {
    io::Error::other("the segment is retired")
}

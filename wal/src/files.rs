//! Segments as files: `<data_dir>/log/00000000.seg`, `00000001.seg`, … A segment in the making is called
//! `00000002.new` and counts for nothing; the next creation overwrites it.

use crate::mapping::Mapping;
use crate::page::PAGE_BYTES;
use crate::storage::{Access, Pace, PaceStep, Page, SegmentFile, Storage};
use rustix::fs::{FallocateFlags, fallocate, fdatasync};
use rustix::io::{Errno, ReadWriteFlags, pwritev2};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The largest piece that is written at once.
const ZEROS_BYTES: usize = 1 << 20;

/// The directory that both back ends share.
struct Directory {
    path: PathBuf,
}

impl Directory {
    fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join("log") }
    }

    fn segment_path(&self, segment_id: u32) -> PathBuf {
        self.path.join(format!("{segment_id:08}.seg"))
    }

    fn list(&self) -> io::Result<Vec<u32>> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".seg"));
            if let Some(id) = stem.filter(|stem| stem.len() == 8).and_then(|stem| stem.parse().ok()) {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn create(&self, segment_id: u32, page_count: u32, pace: &mut Pace<'_>) -> io::Result<Mapping> {
        std::fs::create_dir_all(&self.path)?;
        let unfinished = self.path.join(format!("{segment_id:08}.new"));
        let made = self.fill(&unfinished, page_count, pace).and_then(|file| {
            std::fs::rename(&unfinished, self.segment_path(segment_id))?;
            self.sync()?;
            Mapping::new(file, page_count, true)
        });
        if made.is_err() {
            // The first error is the one to tell. A file that stays behind is overwritten by the next creation.
            let _ = std::fs::remove_file(&unfinished);
        }
        made
    }

    /// Allocates the blocks, then writes them as far as the pace goes: a write into an allocated but unwritten extent
    /// changes metadata, and then each durable write has to sync the file system's journal too.
    fn fill(&self, path: &Path, page_count: u32, pace: &mut Pace<'_>) -> io::Result<File> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        let bytes_total = page_count as usize * PAGE_BYTES;
        let allocated = match fallocate(&file, FallocateFlags::empty(), 0, bytes_total as u64) {
            Ok(()) => true,
            // Not every file system can; writing the zeros allocates too, so none is left out then.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => false,
            Err(error) => return Err(error.into()),
        };
        let zeros = vec![0_u8; ZEROS_BYTES.min(bytes_total)];
        let mut written = 0;
        while written < bytes_total {
            let pages_done = (written / PAGE_BYTES) as u32;
            let bytes_max = match pace(pages_done) {
                PaceStep::Zeros(pages) => pages as usize * PAGE_BYTES,
                PaceStep::LeaveRest if allocated => break,
                PaceStep::LeaveRest => ZEROS_BYTES,
                PaceStep::GiveUp => return Err(io::ErrorKind::Interrupted.into()),
            };
            let step = zeros.len().min(bytes_total - written).min(bytes_max);
            file.write_all(&zeros[..step])?;
            // Synced piece by piece: a whole segment handed to the disk at once would keep the log's own writes
            // waiting behind it for tens of milliseconds.
            fdatasync(&file)?;
            written += step;
        }
        file.sync_all()?;
        Ok(file)
    }

    fn open(&self, segment_id: u32, access: Access) -> io::Result<Mapping> {
        let writable = access == Access::ReadWrite;
        let file = OpenOptions::new().read(true).write(writable).open(self.segment_path(segment_id))?;
        let bytes = file.metadata()?.len();
        let page_count = bytes / PAGE_BYTES as u64;
        if page_count == 0 || page_count * PAGE_BYTES as u64 != bytes {
            let text = format!("the file has {bytes} bytes, which is not a whole number of pages");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let page_count = u32::try_from(page_count).map_err(io::Error::other)?;
        Mapping::new(file, page_count, writable)
    }

    /// Makes the entries of the directory durable, and the directory's own entry.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }
}

/// Writes through: `pwritev2` with `RWF_DSYNC`, one system call a block; mapped for reading. On a kernel or file system
/// without that flag, `pwrite` and `fdatasync`.
pub struct Through {
    directory: Directory,
}

impl Through {
    /// The log of a data directory. Touches nothing yet.
    pub fn new(data_dir: &Path) -> Self {
        Self { directory: Directory::new(data_dir) }
    }
}

impl Storage for Through {
    fn name(&self) -> &'static str {
        "through"
    }

    fn list(&self) -> io::Result<Vec<u32>> {
        self.directory.list()
    }

    fn create(
        &self,
        segment_id: u32,
        page_count: u32,
        pace: &mut Pace<'_>,
    ) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(ThroughSegment::new(self.directory.create(segment_id, page_count, pace)?)))
    }

    fn open(&self, segment_id: u32, access: Access) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(ThroughSegment::new(self.directory.open(segment_id, access)?)))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.directory.sync()
    }
}

struct ThroughSegment {
    mapping: Mapping,
    /// Set once the system has said that it doesn't know `RWF_DSYNC`.
    two_calls: AtomicBool,
}

impl ThroughSegment {
    fn new(mapping: Mapping) -> Self {
        Self { mapping, two_calls: AtomicBool::new(false) }
    }

    fn write_durably(&self, file: &File, mut offset: u64, mut from: &[u8]) -> io::Result<()> {
        while !from.is_empty() && !self.two_calls.load(Ordering::Relaxed) {
            match pwritev2(file, &[IoSlice::new(from)], offset, ReadWriteFlags::DSYNC) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    from = &from[written..];
                }
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.two_calls.store(true, Ordering::Relaxed),
                Err(error) => return Err(error.into()),
            }
        }
        if !from.is_empty() {
            file.write_all_at(from, offset)?;
            fdatasync(file)?;
        }
        Ok(())
    }
}

impl SegmentFile for ThroughSegment {
    fn page_count(&self) -> u32 {
        self.mapping.page_count()
    }

    fn read(&self, page: u32, into: &mut [u8]) -> io::Result<()> {
        self.mapping.with_file_unchecked(|file| file.read_exact_at(into, u64::from(page) * PAGE_BYTES as u64))
    }

    fn write(&self, page: u32, from: &[u8]) -> io::Result<()> {
        self.mapping.with_file(page, from.len(), |file| {
            self.write_durably(file, u64::from(page) * PAGE_BYTES as u64, from)
        })
    }

    fn settle(&self, page_end: u32) {
        self.mapping.settle(page_end);
    }

    fn settled(&self) -> u32 {
        self.mapping.settled()
    }

    fn page(&self, page: u32) -> &Page {
        self.mapping.page(page)
    }

    fn retire(&self) {
        self.mapping.retire();
    }
}

/// Stores to the map and syncs it (`msync`).
pub struct Map {
    directory: Directory,
}

impl Map {
    /// The log of a data directory. Touches nothing yet.
    pub fn new(data_dir: &Path) -> Self {
        Self { directory: Directory::new(data_dir) }
    }
}

impl Storage for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    fn list(&self) -> io::Result<Vec<u32>> {
        self.directory.list()
    }

    fn create(
        &self,
        segment_id: u32,
        page_count: u32,
        pace: &mut Pace<'_>,
    ) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(MapSegment(self.directory.create(segment_id, page_count, pace)?)))
    }

    fn open(&self, segment_id: u32, access: Access) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(MapSegment(self.directory.open(segment_id, access)?)))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.directory.sync()
    }
}

struct MapSegment(Mapping);

impl SegmentFile for MapSegment {
    fn page_count(&self) -> u32 {
        self.0.page_count()
    }

    fn read(&self, page: u32, into: &mut [u8]) -> io::Result<()> {
        self.0.with_file_unchecked(|file| file.read_exact_at(into, u64::from(page) * PAGE_BYTES as u64))
    }

    fn write(&self, page: u32, from: &[u8]) -> io::Result<()> {
        self.0.store(page, from)
    }

    fn settle(&self, page_end: u32) {
        self.0.settle(page_end);
    }

    fn settled(&self) -> u32 {
        self.0.settled()
    }

    fn page(&self, page: u32) -> &Page {
        self.0.page(page)
    }

    fn retire(&self) {
        self.0.retire();
    }
}

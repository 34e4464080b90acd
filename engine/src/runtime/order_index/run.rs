//! A run: the orders of a range of the log's records, sorted, in one file.
//!
//! `orders/<first record, 20 digits>-<last record, 20 digits>.run`, little-endian:
//!
//! ```text
//!  page 0      1                                n            end - 32   end
//!  +----------+--------+--------+- - - -+--------+------------+
//!  | header   | rows   | rows   |       | rows   | BLAKE3 of  |     a page: 4,096 bytes
//!  |          |        |        |       |        | all before |
//!  +----------+--------+--------+- - - -+--------+------------+
//!
//!  header   0          8        12       16               32           40          48         56      64
//!           +----------+--------+--------+----------------+------------+-----------+----------+-------+
//!           | YKORDERS | version| pages  | log id,        | first      | last      | rows u64 | 0     | zeros
//!           |          | 1 u32  | n u32  | 16 bytes       | record u64 | record u64|          |       |
//!           +----------+--------+--------+----------------+------------+-----------+----------+-------+
//!
//!  rows     0          8          10   12        16                                                    4096
//!           +----------+----------+----+---------+-----------------------------------------+- - - -+-----+
//!           | checksum | rows u16 | 0  | page u32| digest u64 | check u64 | record u64     | ≤ 170 | 0s  |
//!           +----------+----------+----+---------+-----------------------------------------+- - - -+-----+
//!
//!  checksum = the first 8 bytes of BLAKE3 of the page's other 4,088
//! ```
//!
//! Rows rise by digest, then check. Every page but the last is full. In memory stay each page's first key (16 bytes for 170
//! orders) and a [`Filter`]; a look-up reads one page, and checks it. The whole file is read and checked when it is opened.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use wal::LogId;

use super::filter::Filter;
use crate::ledger::orders::OrderKey;

const MAGIC: [u8; 8] = *b"YKORDERS";
const VERSION: u32 = 1;
const PAGE_BYTES: usize = 4_096;
const PAGE_HEAD_BYTES: usize = 16;
const ROW_BYTES: usize = 24;
/// Rows of a full page.
pub(super) const PAGE_ROWS: usize = (PAGE_BYTES - PAGE_HEAD_BYTES) / ROW_BYTES;

type Page = [u8; PAGE_BYTES];

/// An order, and the record that credited it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OrderRow {
    pub(super) key: OrderKey,
    pub(super) record: u64,
}

/// Why a run can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its bytes aren't those that were written.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What doesn't fit.
        reason: &'static str,
    },
}

/// What a run holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// First record of the range; every order that one of its records credited is in the run.
    pub(super) first: u64,
    /// Last record of the range.
    pub(super) last: u64,
    /// Orders in it.
    pub(super) rows: u64,
}

/// A run that was written here, or read and found whole.
pub(super) struct Run {
    extent: Extent,
    path: PathBuf,
    bytes: Bytes,
    fences: Vec<OrderKey>,
    filter: Filter,
}

/// Where the bytes are.
enum Bytes {
    File(File),
    Memory(Vec<u8>),
}

/// Where runs are kept.
pub(super) enum Place {
    /// Files of a directory.
    Directory(PathBuf),
    /// Memory: for logs in memory.
    Memory,
}

impl Extent {
    fn file_name(&self) -> String {
        format!("{:020}-{:020}.run", self.first, self.last)
    }

    fn pages(&self) -> u64 {
        self.rows.div_ceil(PAGE_ROWS as u64)
    }

    fn header(&self, log_id: LogId) -> Page {
        let mut page = [0; PAGE_BYTES];
        page[..8].copy_from_slice(&MAGIC);
        page[8..12].copy_from_slice(&VERSION.to_le_bytes());
        page[12..16].copy_from_slice(&(self.pages() as u32).to_le_bytes());
        page[16..32].copy_from_slice(&log_id.0);
        page[32..40].copy_from_slice(&self.first.to_le_bytes());
        page[40..48].copy_from_slice(&self.last.to_le_bytes());
        page[48..56].copy_from_slice(&self.rows.to_le_bytes());
        page
    }
}

impl Run {
    /// Writes a run of `rows`, which rise, and opens it. A file isn't synced: one that a power failure damages is found
    /// out and made anew.
    pub(super) fn write(
        place: &Place,
        log_id: LogId,
        extent: Extent,
        rows: impl Iterator<Item = Result<OrderRow, RunError>>,
    ) -> Result<Run, RunError> {
        match place {
            Place::Memory => {
                let path = PathBuf::from(extent.file_name());
                let mut bytes = Vec::new();
                let (fences, filter) = write_all(&mut bytes, &path, log_id, extent, rows)?;
                Ok(Run { extent, path, bytes: Bytes::Memory(bytes), fences, filter })
            }
            Place::Directory(dir) => {
                let path = dir.join(extent.file_name());
                let temporary = path.with_extension("new");
                let io = |source| RunError::Io { path: path.clone(), source };
                let written = || {
                    let file = File::create(&temporary).map_err(io)?;
                    let mut out = io::BufWriter::with_capacity(1 << 16, file);
                    let (fences, filter) = write_all(&mut out, &path, log_id, extent, rows)?;
                    drop(out.into_inner().map_err(|error| io(error.into_error()))?);
                    std::fs::rename(&temporary, &path).map_err(io)?;
                    Ok((File::open(&path).map_err(io)?, fences, filter))
                };
                let (file, fences, filter) = written().inspect_err(|_| {
                    // On a full disk a part of it would only take the log's space. It may not be there at all.
                    let _ = std::fs::remove_file(&temporary);
                })?;
                Ok(Run { extent, path, bytes: Bytes::File(file), fences, filter })
            }
        }
    }

    /// Reads a file and checks every byte of it.
    ///
    /// # Errors
    /// It can't be read, or isn't a whole run of this log.
    pub(super) fn open(path: &Path, log_id: LogId) -> Result<Run, RunError> {
        let io = |source| RunError::Io { path: path.to_owned(), source };
        let damaged = |reason| RunError::Damaged { path: path.to_owned(), reason };
        let file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        let mut input = io::BufReader::with_capacity(1 << 16, &file);
        let mut hasher = blake3::Hasher::new();
        let mut page = [0; PAGE_BYTES];
        let whole = (PAGE_BYTES + blake3::OUT_LEN) as u64;
        if file_bytes < whole {
            return Err(damaged("shorter than a header"));
        }
        input.read_exact(&mut page).map_err(io)?;
        hasher.update(&page);
        let word = |at: usize| u64::from_le_bytes(page[at..at + 8].try_into().expect("eight bytes"));
        let extent = Extent { first: word(32), last: word(40), rows: word(48) };
        // Compared whole: magic, version, log and the zeros are as they must be or this isn't a run.
        if extent.rows > file_bytes || page != extent.header(log_id) {
            return Err(damaged("not a run of this log"));
        }
        if file_bytes != whole + extent.pages() * PAGE_BYTES as u64 {
            return Err(damaged("its length isn't what its header says"));
        }
        let mut fences = Vec::with_capacity(extent.pages() as usize);
        let mut filter = Filter::new(extent.rows);
        let mut newest = None;
        for at in 0..extent.pages() {
            input.read_exact(&mut page).map_err(io)?;
            hasher.update(&page);
            let rows = rows_of(&page, &extent, at).map_err(damaged)?;
            fences.extend(rows.clone().next().map(|row| row.key));
            for row in rows {
                if newest.is_some_and(|newest| newest >= row.key) {
                    return Err(damaged("its rows don't rise"));
                }
                newest = Some(row.key);
                filter.insert(row.key);
            }
        }
        let mut hash = [0; blake3::OUT_LEN];
        input.read_exact(&mut hash).map_err(io)?;
        if hasher.finalize() != hash {
            return Err(damaged("its digest is wrong"));
        }
        Ok(Run { extent, path: path.to_owned(), bytes: Bytes::File(file), fences, filter })
    }

    pub(super) const fn extent(&self) -> Extent {
        self.extent
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the filter lets the order through.
    pub(super) fn may_hold(&self, key: OrderKey) -> bool {
        self.filter.may_hold(key)
    }

    /// Memory that it takes while it is open, bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        let held = match &self.bytes {
            Bytes::File(_) => 0,
            Bytes::Memory(bytes) => bytes.len(),
        };
        self.filter.bytes() + (self.fences.len() * size_of::<OrderKey>() + held) as u64
    }

    /// The record that credited an order, when one of this run did. Reads one page.
    ///
    /// # Errors
    /// The page can't be read, or isn't what was written.
    pub(super) fn find(&self, key: OrderKey) -> Result<Option<u64>, RunError> {
        let after = self.fences.partition_point(|fence| *fence <= key);
        let Some(at) = after.checked_sub(1) else { return Ok(None) };
        let page = self.page(at as u64)?;
        let mut rows = rows_of(&page, &self.extent, at as u64).map_err(|reason| self.damaged(reason))?;
        Ok(rows.find(|row| row.key == key).map(|row| row.record))
    }

    /// Every row, rising.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<OrderRow, RunError>> {
        (0..self.extent.pages()).flat_map(move |at| {
            let rows = self.page(at).and_then(|page| {
                let rows = rows_of(&page, &self.extent, at).map_err(|reason| self.damaged(reason))?;
                Ok(rows.collect::<Vec<_>>())
            });
            let (rows, error) = match rows {
                Ok(rows) => (rows, None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            rows.into_iter().map(Ok).chain(error)
        })
    }

    fn page(&self, at: u64) -> Result<Page, RunError> {
        let mut page = [0; PAGE_BYTES];
        let offset = (at + 1) * PAGE_BYTES as u64;
        match &self.bytes {
            Bytes::File(file) => {
                file.read_exact_at(&mut page, offset).map_err(|_| self.damaged("a page can't be read"))?;
            }
            Bytes::Memory(bytes) => {
                let offset = offset as usize;
                page.copy_from_slice(&bytes[offset..offset + PAGE_BYTES]);
            }
        }
        Ok(page)
    }

    fn damaged(&self, reason: &'static str) -> RunError {
        RunError::Damaged { path: self.path.clone(), reason }
    }
}

/// Writes header, pages and digest. Gives what stays in memory.
fn write_all(
    out: &mut dyn Write,
    path: &Path,
    log_id: LogId,
    extent: Extent,
    rows: impl Iterator<Item = Result<OrderRow, RunError>>,
) -> Result<(Vec<OrderKey>, Filter), RunError> {
    let io = |source| RunError::Io { path: path.to_owned(), source };
    let mut hasher = blake3::Hasher::new();
    let mut fences = Vec::with_capacity(extent.pages() as usize);
    let mut filter = Filter::new(extent.rows);
    let mut put = |page: &Page| {
        hasher.update(page);
        out.write_all(page)
    };
    put(&extent.header(log_id)).map_err(io)?;
    let mut gathered = Vec::with_capacity(PAGE_ROWS);
    let mut written = 0;
    for row in rows {
        let row = row?;
        filter.insert(row.key);
        gathered.push(row);
        written += 1;
        if gathered.len() == PAGE_ROWS || written == extent.rows {
            put(&page_of(&gathered, fences.len() as u32)).map_err(io)?;
            fences.push(gathered[0].key);
            gathered.clear();
        }
    }
    assert_eq!(written, extent.rows, "a run is written with as many rows as its header says");
    let hash = hasher.finalize();
    out.write_all(hash.as_bytes()).and_then(|()| out.flush()).map_err(io)?;
    Ok((fences, filter))
}

fn page_of(rows: &[OrderRow], at: u32) -> Page {
    let mut page = [0; PAGE_BYTES];
    // At most PAGE_ROWS, which fits.
    page[8..10].copy_from_slice(&(rows.len() as u16).to_le_bytes());
    page[12..16].copy_from_slice(&at.to_le_bytes());
    for (row, place) in rows.iter().zip(page[PAGE_HEAD_BYTES..].chunks_exact_mut(ROW_BYTES)) {
        place[..8].copy_from_slice(&row.key.digest.to_le_bytes());
        place[8..16].copy_from_slice(&row.key.check.to_le_bytes());
        place[16..].copy_from_slice(&row.record.to_le_bytes());
    }
    let checksum = checksum(&page);
    page[..8].copy_from_slice(&checksum);
    page
}

fn checksum(page: &Page) -> [u8; 8] {
    let hash = blake3::hash(&page[8..]);
    *hash.as_bytes().first_chunk().expect("a digest is longer")
}

/// The rows of a page, after it was checked.
fn rows_of(
    page: &Page,
    extent: &Extent,
    at: u64,
) -> Result<impl Iterator<Item = OrderRow> + Clone, &'static str> {
    if checksum(page) != page[..8] {
        return Err("a page's checksum is wrong");
    }
    let count = (extent.rows - at * PAGE_ROWS as u64).min(PAGE_ROWS as u64);
    let said = (
        u64::from(u16::from_le_bytes([page[8], page[9]])),
        u32::from_le_bytes([page[12], page[13], page[14], page[15]]),
    );
    if said != (count, at as u32) {
        return Err("a page isn't where it belongs");
    }
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    Ok(page[PAGE_HEAD_BYTES..].chunks_exact(ROW_BYTES).take(count as usize).map(move |row| OrderRow {
        key: OrderKey { digest: word(&row[..8]), check: word(&row[8..16]) },
        record: word(&row[16..]),
    }))
}

//! Reading a log.

use crate::config::LogId;
use crate::error::WalError;
use crate::record::RecordRef;
use crate::storage::Storage;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

/// One block, as it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// Dense, from 1; seals count.
    pub sequence: u64,
    /// The segment it is in.
    pub segment: u32,
    /// Its first page there.
    pub page: u32,
    /// 1 to 16.
    pub page_count: u32,
    /// The number of its first record; for a seal, of the next record.
    pub first_number: u64,
    /// Its records; 0 for a seal.
    pub record_count: u32,
    /// Its groups; 0 for a seal.
    pub group_count: u32,
    /// Bytes of its records, headers included, without padding.
    pub record_bytes: u32,
    /// Its link in the hash chain; a seal repeats the one before.
    pub link: [u8; 32],
    /// Whether it is a seal.
    pub seal: bool,
}

/// What a whole log adds up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The log's identity.
    pub log_id: LogId,
    /// Segments in use.
    pub segments: u32,
    /// Blocks, seals included.
    pub blocks: u64,
    /// Records.
    pub records: u64,
    /// The head of the hash chain at the last trusted block.
    pub link: [u8; 32],
}

/// Reads records by number, forwards and backwards, up to the last one that can be trusted. Cheap to clone.
#[derive(Clone)]
pub struct LogReader {
    _private: (),
}

impl LogReader {
    /// Opens the log in a data directory that another process may be writing at this moment. A block is trusted only
    /// when a valid successor or a seal follows it, so the very last block of a running or killed log is left out.
    /// Changes nothing.
    ///
    /// # Errors
    /// As [`Log::open`](crate::Log::open); a torn end is no error.
    pub fn open_offline(data_dir: &Path) -> Result<LogReader, WalError> {
        let _ = data_dir;
        todo!()
    }

    /// The same on any storage.
    ///
    /// # Errors
    /// As [`open_offline`](LogReader::open_offline).
    pub fn open_offline_with(storage: Arc<dyn Storage>) -> Result<LogReader, WalError> {
        let _ = storage;
        todo!()
    }

    /// The last record that this reader gives at this moment; 0 if there is none.
    pub fn last_number(&self) -> u64 {
        todo!()
    }

    /// One record by its number; `None` if there is no such record, or none that is durable.
    ///
    /// # Errors
    /// [`WalError::Damaged`] if its page fails its checksum.
    pub fn record(&self, number: u64) -> Result<Option<RecordRef<'_>>, WalError> {
        let _ = number;
        todo!()
    }

    /// The records from `from` (0 and 1 both mean the first) to the last one at the time of the call, ascending. After an
    /// error it ends.
    pub fn scan(&self, from: u64) -> Scan<'_> {
        let _ = from;
        todo!()
    }

    /// The records from `from` down to the first, descending; begins at the last one if `from` is beyond.
    pub fn scan_back(&self, from: u64) -> ScanBack<'_> {
        let _ = from;
        todo!()
    }

    /// The blocks in order.
    pub fn blocks(&self) -> Blocks<'_> {
        todo!()
    }

    /// Reads the whole log and verifies checksums, numbers, group boundaries, times and the hash chain.
    ///
    /// # Errors
    /// [`WalError::Damaged`] at the first thing that doesn't fit.
    pub fn verify(&self) -> Result<VerifyReport, WalError> {
        todo!()
    }
}

/// See [`LogReader::scan`].
pub struct Scan<'a> {
    _reader: PhantomData<&'a LogReader>,
}

impl<'a> Iterator for Scan<'a> {
    type Item = Result<RecordRef<'a>, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// See [`LogReader::scan_back`].
pub struct ScanBack<'a> {
    _reader: PhantomData<&'a LogReader>,
}

impl<'a> Iterator for ScanBack<'a> {
    type Item = Result<RecordRef<'a>, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// See [`LogReader::blocks`].
pub struct Blocks<'a> {
    _reader: PhantomData<&'a LogReader>,
}

impl Iterator for Blocks<'_> {
    type Item = Result<BlockInfo, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

//! Reading a log.

use crate::block::{self, BlockInfo, Chain, Followed};
use crate::config::LogId;
use crate::error::WalError;
use crate::files::Through;
use crate::page::{BlockHeader, PageHeader};
use crate::record::{RecordRef, Records};
use crate::recovery;
use crate::segment_table::{Entry, SegmentTable};
use crate::storage::{Page, Storage};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most records of one page: 4,064 bytes of records with no payload.
const PAGE_RECORDS_MAX: usize = 254;

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
    table: Arc<SegmentTable>,
    last_number: Arc<AtomicU64>,
    log_id: LogId,
}

impl LogReader {
    /// A reader that follows `last_number`.
    pub(crate) fn new(table: Arc<SegmentTable>, last_number: Arc<AtomicU64>, log_id: LogId) -> Self {
        Self { table, last_number, log_id }
    }

    /// Opens the log in a data directory that another process may be writing at this moment. A block is trusted only
    /// when a valid successor or a seal follows it, so the very last block of a running or killed log is left out.
    /// Changes nothing, and doesn't follow what is written afterwards.
    ///
    /// # Errors
    /// As [`Log::open`](crate::Log::open); an end that is torn or being written is no error. [`WalError::MissingSegment`]
    /// names segment 0 if there is no log at all.
    pub fn open_offline(data_dir: &Path) -> Result<LogReader, WalError> {
        Self::open_offline_with(&Through::new(data_dir))
    }

    /// The same on any storage.
    ///
    /// # Errors
    /// As [`open_offline`](LogReader::open_offline).
    pub fn open_offline_with(storage: &dyn Storage) -> Result<LogReader, WalError> {
        let (table, last_number, log_id) = recovery::open_offline(storage)?;
        Ok(Self::new(Arc::new(table), Arc::new(AtomicU64::new(last_number)), log_id))
    }

    /// The last record that this reader gives at this moment; 0 if there is none.
    pub fn last_number(&self) -> u64 {
        self.last_number.load(Ordering::Acquire)
    }

    /// The log's identity.
    pub fn log_id(&self) -> LogId {
        self.log_id
    }

    /// One record by its number; `None` if there is no such record, or none that is durable.
    ///
    /// # Errors
    /// [`WalError::Damaged`] if its page fails its checksum.
    pub fn record(&self, number: u64) -> Result<Option<RecordRef<'_>>, WalError> {
        if number == 0 || number > self.last_number() {
            return Ok(None);
        }
        let (entry, page) = self.locate(number)?;
        let bytes = entry.page(page)?;
        let first_number = PageHeader::of(bytes).first_number.get();
        match block::records(bytes, first_number).nth((number - first_number) as usize) {
            Some(record) => Ok(Some(record)),
            None => Err(entry.damaged(page, "the record isn't where its number says")),
        }
    }

    /// The records from `from` (0 and 1 both mean the first) to the last one at the time of the call, ascending. After an
    /// error it ends.
    pub fn scan(&self, from: u64) -> Scan<'_> {
        Scan { reader: self, number: from.max(1), last_number: self.last_number(), page: None }
    }

    /// The records from `from` down to the first, descending; begins at the last one if `from` is beyond. After an error
    /// it ends.
    pub fn scan_back(&self, from: u64) -> ScanBack<'_> {
        let number = from.min(self.last_number());
        ScanBack { reader: self, number, page: None, offsets: [0; PAGE_RECORDS_MAX], first_number: 0 }
    }

    /// The blocks in order, seals included. After an error it ends.
    pub fn blocks(&self) -> Blocks<'_> {
        Blocks { reader: self, segment: 0, page: 1 }
    }

    /// Reads the whole log and verifies checksums, numbers, group boundaries, times and the hash chain.
    ///
    /// # Errors
    /// [`WalError::Damaged`] at the first thing that doesn't fit.
    pub fn verify(&self) -> Result<VerifyReport, WalError> {
        self.verify_each(&mut |_| {})
    }

    /// The same, handing out every record of each block once the block is verified.
    ///
    /// # Errors
    /// As [`verify`](LogReader::verify).
    pub fn verify_each(&self, each: &mut dyn FnMut(RecordRef<'_>)) -> Result<VerifyReport, WalError> {
        let mut chain = Chain::GENESIS;
        let mut gathered = Vec::new();
        let segments = self.table.count();
        for entry in (0..segments).map_while(|id| self.table.get(id)) {
            recovery::check_header(&entry.header, &chain)?;
            let page_end = entry.file.settled();
            let mut page = 1;
            while page < page_end {
                let page_count = u32::from(PageHeader::of(entry.page(page)?).page_count).max(1);
                if page + page_count > page_end {
                    return Err(entry.damaged(page, "the block is cut"));
                }
                for index in 1..page_count {
                    entry.page(page + index)?;
                }
                let page_of = |index: usize| &entry.file.page(page + index as u32)[..];
                gathered.clear();
                let Followed { info, records } = chain
                    .follow(entry.header.segment_id, page, page_of, &mut gathered)
                    .map_err(|what| entry.damaged(page, what))?;
                Records::new(&gathered[records], info.first_number).for_each(&mut *each);
                page += page_count;
            }
        }
        Ok(VerifyReport {
            log_id: self.log_id,
            segments,
            blocks: chain.sequence_next - 1,
            records: chain.number_next - 1,
            link: chain.link,
        })
    }

    /// The segment and page that hold a record which is there.
    fn locate(&self, number: u64) -> Result<(&Entry, u32), WalError> {
        let entry = self.table.find(number).ok_or(WalError::MissingSegment { segment: 0 })?;
        match entry.page_of(number)? {
            Some(page) => Ok((entry, page)),
            None => Err(entry.damaged(1, "the record isn't where its number says")),
        }
    }
}

/// See [`LogReader::scan`].
pub struct Scan<'a> {
    reader: &'a LogReader,
    /// The next record.
    number: u64,
    last_number: u64,
    page: Option<PageCursor<'a>>,
}

/// The unread rest of a page.
struct PageCursor<'a> {
    entry: &'a Entry,
    page: u32,
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    fn step(&mut self) -> Result<RecordRef<'a>, WalError> {
        let mut cursor = match self.page.take() {
            Some(cursor) if !cursor.rest.is_empty() => cursor,
            Some(cursor) => self.next_page(&cursor)?,
            None => {
                let (entry, page) = self.reader.locate(self.number)?;
                let mut cursor = PageCursor { entry, page, rest: rest_of(entry.page(page)?) };
                let mut number = PageHeader::of(entry.page(page)?).first_number.get();
                while number < self.number {
                    cursor.take(number)?;
                    number += 1;
                }
                cursor
            }
        };
        let record = cursor.take(self.number)?;
        self.page = Some(cursor);
        self.number += 1;
        Ok(record)
    }

    /// The page with the next record: the one after, unless that is a seal or beyond its segment.
    fn next_page(&self, cursor: &PageCursor<'a>) -> Result<PageCursor<'a>, WalError> {
        let page = cursor.page + 1;
        if page < cursor.entry.file.settled() {
            let bytes = cursor.entry.page(page)?;
            let header = PageHeader::of(bytes);
            if !header.is_seal() && header.first_number.get() == self.number {
                return Ok(PageCursor { entry: cursor.entry, page, rest: rest_of(bytes) });
            }
        }
        let (entry, page) = self.reader.locate(self.number)?;
        let bytes = entry.page(page)?;
        if PageHeader::of(bytes).first_number.get() != self.number {
            return Err(entry.damaged(page, "the page's first number doesn't follow"));
        }
        Ok(PageCursor { entry, page, rest: rest_of(bytes) })
    }
}

impl<'a> PageCursor<'a> {
    fn take(&mut self, number: u64) -> Result<RecordRef<'a>, WalError> {
        let (record, len) = crate::record::parse(self.rest, number)
            .ok_or_else(|| self.entry.damaged(self.page, "a record is malformed"))?;
        self.rest = &self.rest[len..];
        Ok(record)
    }
}

/// The records of a page, as bytes.
fn rest_of(page: &Page) -> &[u8] {
    let header = PageHeader::of(page);
    page.get(header.records_at()..usize::from(header.used_bytes.get())).unwrap_or_default()
}

impl<'a> Iterator for Scan<'a> {
    type Item = Result<RecordRef<'a>, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.number > self.last_number {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.last_number = 0;
        }
        Some(step)
    }
}

/// See [`LogReader::scan_back`].
pub struct ScanBack<'a> {
    reader: &'a LogReader,
    /// The next record; 0 at the end.
    number: u64,
    page: Option<PageCursor<'a>>,
    /// Where each record of the page starts in `page.rest`.
    offsets: [u16; PAGE_RECORDS_MAX],
    /// The number of the page's first record.
    first_number: u64,
}

impl<'a> ScanBack<'a> {
    fn step(&mut self) -> Result<RecordRef<'a>, WalError> {
        if self.page.is_none() || self.number < self.first_number {
            let (entry, page) = self.reader.locate(self.number)?;
            let bytes = entry.page(page)?;
            self.first_number = PageHeader::of(bytes).first_number.get();
            let rest = rest_of(bytes);
            let mut cursor = PageCursor { entry, page, rest };
            for number in self.first_number..=self.number {
                let at = rest.len() - cursor.rest.len();
                let slot = self.offsets.get_mut((number - self.first_number) as usize);
                *slot.ok_or_else(|| entry.damaged(page, "the record isn't where its number says"))? =
                    at as u16;
                cursor.take(number)?;
            }
            self.page = Some(PageCursor { entry, page, rest });
        }
        let Some(cursor) = &self.page else { return Err(WalError::MissingSegment { segment: 0 }) };
        let at = usize::from(self.offsets[(self.number - self.first_number) as usize]);
        let mut at_record = PageCursor { entry: cursor.entry, page: cursor.page, rest: &cursor.rest[at..] };
        let record = at_record.take(self.number)?;
        self.number -= 1;
        Ok(record)
    }
}

impl<'a> Iterator for ScanBack<'a> {
    type Item = Result<RecordRef<'a>, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.number == 0 {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.number = 0;
        }
        Some(step)
    }
}

/// See [`LogReader::blocks`].
pub struct Blocks<'a> {
    reader: &'a LogReader,
    segment: u32,
    page: u32,
}

impl Blocks<'_> {
    fn info(entry: &Entry, page: u32) -> Result<BlockInfo, WalError> {
        let bytes = entry.page(page)?;
        let header = PageHeader::of(bytes);
        let block = BlockHeader::of(bytes);
        if header.page_index != 0 || header.page_count == 0 {
            return Err(entry.damaged(page, "the page doesn't start a block"));
        }
        Ok(BlockInfo {
            sequence: header.block_sequence.get(),
            segment: entry.header.segment_id,
            page,
            page_count: u32::from(header.page_count),
            first_number: header.first_number.get(),
            record_count: block.record_count.get(),
            group_count: block.group_count.get(),
            record_bytes: block.record_bytes.get(),
            link: block.link,
            seal: header.is_seal(),
        })
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<BlockInfo, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // The count is read first: a segment that isn't the last one has got its last block before the next one was
            // added.
            let count = self.reader.table.count();
            let entry = self.reader.table.get(self.segment)?;
            if self.page < entry.file.settled() {
                let info = Self::info(entry, self.page);
                match &info {
                    Ok(info) => self.page += info.page_count,
                    Err(_) => (self.segment, self.page) = (u32::MAX, 1),
                }
                return Some(info);
            }
            if self.segment + 1 >= count {
                return None;
            }
            (self.segment, self.page) = (self.segment + 1, 1);
        }
    }
}

//! What is done with the bytes that the last process left. `README.md` has the case table that this file carries out.

use crate::belt::{self, Belt};
use crate::block::{BlockInfo, Chain, Linker};
use crate::config::{LogConfig, LogId};
use crate::error::WalError;
use crate::log::{Writer, is_full};
use crate::page::{self, BLOCK_PAGES_MAX, PAGE_BYTES, PageHeader, PageState};
use crate::record::Records;
use crate::segment_header::SegmentHeader;
use crate::segment_table::{Entry, SegmentTable, damaged};
use crate::staging::End;
use crate::storage::{Access, SegmentFile, Storage, at_once};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Pages read at once.
const WINDOW_PAGES: u32 = 256;

/// How the log ended before it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// There was no log; a new one was made.
    New,
    /// A seal: the last process stopped cleanly.
    Sealed,
    /// A whole block without a seal: the last process was stopped.
    Unsealed,
    /// A block that was being written when the machine stopped; it was never acknowledged and is gone.
    Torn {
        /// The segment it was in.
        segment: u32,
        /// Its first page there.
        page: u32,
    },
}

/// What [`Log::open`](crate::Log::open) found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The log's identity.
    pub log_id: LogId,
    /// How the log ended.
    pub tail: Tail,
    /// Segments in use, spares not counted.
    pub segments: u32,
    /// Segments that were read and verified.
    pub segments_read: u32,
    /// Blocks read, seals included.
    pub blocks_read: u64,
    /// Bytes of these blocks, padding included.
    pub bytes_read: u64,
    /// Records given to the caller.
    pub records_replayed: u64,
    /// The last record of the log; 0 if there is none.
    pub last_number: u64,
    /// Its logged time; 0 if there is none.
    pub last_time_ns: u64,
    /// The link of the last block: the head of the hash chain.
    pub link: [u8; 32],
}

/// A log that is ready to serve.
pub(crate) struct Recovered {
    pub(crate) report: RecoveryReport,
    pub(crate) table: SegmentTable,
    pub(crate) writer: Writer,
    pub(crate) end: End,
}

fn io_error(operation: &'static str, segment: u32) -> impl FnOnce(io::Error) -> WalError {
    move |source| WalError::Io { operation, segment, source }
}

/// The segments by their header pages, before any block is read.
struct Survey {
    /// Those in use, by id from 0.
    headers: Vec<SegmentHeader>,
    /// The spares behind them.
    spares: VecDeque<(u32, Arc<dyn SegmentFile>)>,
    /// Bytes of all segment files.
    bytes_total: u64,
}

impl Survey {
    fn of(storage: &dyn Storage, access: Access) -> Result<Self, WalError> {
        let ids = storage.list().map_err(io_error("list segments", 0))?;
        let mut survey = Self { headers: Vec::new(), spares: VecDeque::new(), bytes_total: 0 };
        let mut page = vec![0; PAGE_BYTES];
        for (expected, id) in (0..).zip(ids) {
            if id != expected {
                return Err(WalError::MissingSegment { segment: expected });
            }
            let file = storage.open(id, access).map_err(io_error("open segment", id))?;
            file.read(0, &mut page).map_err(io_error("read segment header", id))?;
            survey.bytes_total += u64::from(file.page_count()) * PAGE_BYTES as u64;
            match SegmentHeader::parse(&page, id)? {
                Some(header) => survey.add(header, &*file)?,
                None => {
                    // The process that is writing may have just taken it into use, which isn't for a mere reader to judge.
                    if access == Access::ReadWrite {
                        check_spare(id, &*file)?;
                    }
                    survey.spares.push_back((id, file));
                }
            }
        }
        if survey.headers.len() > SegmentTable::SEGMENTS_MAX as usize {
            return Err(damaged(
                SegmentTable::SEGMENTS_MAX,
                0,
                "there are more segments than a log can have",
            ));
        }
        Ok(survey)
    }

    fn add(&mut self, header: SegmentHeader, file: &dyn SegmentFile) -> Result<(), WalError> {
        if let Some((id, _)) = self.spares.front() {
            return Err(damaged(*id, 0, "the segment header is zero, but a later segment is in use"));
        }
        match self.headers.first() {
            Some(first) if first.log_id != header.log_id => {
                return Err(WalError::ForeignSegment { segment: header.segment_id });
            }
            Some(_) => {}
            None => check_header(&header, &Chain::GENESIS)?,
        }
        if header.page_count != file.page_count() {
            return Err(damaged(
                header.segment_id,
                0,
                "the segment file hasn't the length that its header says",
            ));
        }
        self.headers.push(header);
        Ok(())
    }
}

/// A spare is written to only after its header is durable.
fn check_spare(segment: u32, file: &dyn SegmentFile) -> Result<(), WalError> {
    let page_count = file.page_count().min(1 + BLOCK_PAGES_MAX as u32);
    if page_count < 3 {
        return Err(damaged(segment, 0, "the segment file is too short"));
    }
    let mut pages = vec![0; page_count as usize * PAGE_BYTES];
    file.read(0, &mut pages).map_err(io_error("read segment", segment))?;
    if page::is_zero(&pages) {
        return Ok(());
    }
    Err(damaged(segment, 0, "the segment header is zero, but the segment is in use"))
}

/// Whether a segment starts where the chain stands.
pub(crate) fn check_header(header: &SegmentHeader, chain: &Chain) -> Result<(), WalError> {
    if chain_at(header) == *chain {
        return Ok(());
    }
    Err(damaged(header.segment_id, 0, "the segment doesn't start where the log before it ends"))
}

/// The pages of a segment, read in large steps.
struct Window<'a> {
    file: &'a dyn SegmentFile,
    segment: u32,
    bytes: Vec<u8>,
    start: u32,
    end: u32,
}

impl<'a> Window<'a> {
    fn new(file: &'a dyn SegmentFile, segment: u32) -> Self {
        Self { file, segment, bytes: vec![0; WINDOW_PAGES as usize * PAGE_BYTES], start: 0, end: 0 }
    }

    /// Pages from `page` on: `count` of them, or fewer at the end of the segment.
    fn pages(&mut self, page: u32, count: u32) -> Result<&[u8], WalError> {
        let page_end = (page + count).min(self.file.page_count());
        if page < self.start || page_end > self.end {
            self.start = page;
            self.end = (page + WINDOW_PAGES).min(self.file.page_count());
            let bytes = (self.end - self.start) as usize * PAGE_BYTES;
            self.file.read(page, &mut self.bytes[..bytes]).map_err(io_error("read segment", self.segment))?;
        }
        let at = (page - self.start) as usize * PAGE_BYTES;
        Ok(&self.bytes[at..at + (page_end - page) as usize * PAGE_BYTES])
    }

    /// Forgets what was read, for the file may have changed.
    fn forget(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}

/// What lies behind the last valid block of a segment.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    /// Zeros to the end.
    Zero,
    /// One torn block, then zeros.
    Torn,
    /// Neither.
    Damaged { page: u32, what: &'static str, only_one_block: bool },
}

/// One segment, from its first page to its last valid block.
struct SegmentScan {
    page_end: u32,
    last_block: Option<BlockInfo>,
    blocks: u64,
}

impl SegmentScan {
    const START: SegmentScan = SegmentScan { page_end: 1, last_block: None, blocks: 0 };

    /// Goes on over valid blocks, putting the records of each on `belt`. Gives what lies behind them.
    fn run(
        &mut self,
        window: &mut Window<'_>,
        seed: u32,
        chain: &mut Chain,
        belt: &mut Belt<'_>,
    ) -> Result<Rest, WalError> {
        let segment = window.segment;
        while self.page_end < window.file.page_count() {
            let pages = window.pages(self.page_end, BLOCK_PAGES_MAX as u32)?;
            let Some(block) = intact_block(pages, seed) else {
                return rest_of(window, self.page_end, chain.sequence_next, seed);
            };
            let page_of = |index: usize| &block[index * PAGE_BYTES..(index + 1) * PAGE_BYTES];
            let followed = chain
                .follow(segment, self.page_end, page_of, &mut belt.load.bytes)
                .map_err(|what| damaged(segment, self.page_end, what))?;
            let info = followed.info;
            belt.put(&followed);
            self.page_end += info.page_count;
            self.last_block = Some(info);
            self.blocks += 1;
        }
        Ok(Rest::Zero)
    }
}

/// The pages of the block at the start of `pages`, if all its checksums hold.
fn intact_block(pages: &[u8], seed: u32) -> Option<&[u8]> {
    if !page::is_intact(pages.get(..PAGE_BYTES)?, seed) {
        return None;
    }
    let page_count = usize::from(PageHeader::of(pages).page_count);
    let block = pages.get(..page_count * PAGE_BYTES)?;
    block.chunks_exact(PAGE_BYTES).all(|page| page::is_intact(page, seed)).then_some(block)
}

/// Judges what lies behind the last valid block.
fn rest_of(window: &mut Window<'_>, start: u32, sequence: u64, seed: u32) -> Result<Rest, WalError> {
    let page_count = window.file.page_count();
    let block_end = (start + BLOCK_PAGES_MAX as u32).min(page_count);
    let mut rest = Rest::Zero;
    let mut fault: Option<(u32, &'static str)> = None;
    let mut only_one_block = true;
    let (mut pages_nonzero, mut pages_said) = (0, None);
    for (number, page) in (start..).zip(window.pages(start, BLOCK_PAGES_MAX as u32)?.chunks_exact(PAGE_BYTES))
    {
        let wrong = match page::classify(page, seed) {
            PageState::Zero => continue,
            PageState::Torn => None,
            PageState::Bad => Some("the page fails its checksum, and no lost sector explains it"),
            PageState::Intact => {
                let header = PageHeader::of(page);
                pages_said = Some(u32::from(header.page_count));
                if header.block_sequence.get() != sequence {
                    only_one_block = false;
                    Some("a page of another block stands where the log ends")
                } else if u32::from(header.page_index) != number - start {
                    Some("the page doesn't belong to its block")
                } else {
                    None
                }
            }
        };
        rest = Rest::Torn;
        pages_nonzero = number + 1 - start;
        if let Some(what) = wrong {
            fault = fault.or(Some((number, what)));
        }
    }
    if pages_nonzero > pages_said.unwrap_or(pages_nonzero) {
        fault = fault
            .or(Some((start + pages_said.unwrap_or(0), "the torn block is longer than its header says")));
    }
    let mut page = block_end;
    while page < page_count {
        let pages = window.pages(page, WINDOW_PAGES)?;
        if let Some(index) = pages.chunks_exact(PAGE_BYTES).position(|page| !page::is_zero(page)) {
            only_one_block = false;
            fault = fault.or(Some((start, "the block is damaged, and the log goes on behind it")));
            if rest == Rest::Zero {
                fault = Some((page + index as u32, "the page isn't zero, but the log ends before it"));
            }
            break;
        }
        page += (pages.len() / PAGE_BYTES) as u32;
    }
    Ok(match fault {
        Some((page, what)) => Rest::Damaged { page, what, only_one_block },
        None => rest,
    })
}

/// Finds the end of a segment's blocks without reading them all: the last page that isn't zero must close the block
/// before the next segment's first.
fn end_of_full_segment(
    file: &dyn SegmentFile,
    header: &SegmentHeader,
    next: &SegmentHeader,
) -> Result<u32, WalError> {
    let segment = header.segment_id;
    let seed = page::seed(&header.log_id, segment);
    let mut pages = vec![0; BLOCK_PAGES_MAX * PAGE_BYTES];
    let mut page_end = file.page_count();
    while page_end > 1 {
        let start = page_end.saturating_sub(BLOCK_PAGES_MAX as u32).max(1);
        let bytes = &mut pages[..(page_end - start) as usize * PAGE_BYTES];
        file.read(start, bytes).map_err(io_error("read segment", segment))?;
        let Some(index) = bytes.chunks_exact(PAGE_BYTES).rposition(|page| !page::is_zero(page)) else {
            page_end = start;
            continue;
        };
        let last = start + index as u32;
        let page = &bytes[index * PAGE_BYTES..(index + 1) * PAGE_BYTES];
        if !page::is_intact(page, seed) {
            return Err(damaged(segment, last, "the page fails its checksum"));
        }
        let page = PageHeader::of(page);
        let closes = u32::from(page.page_index) + 1 == u32::from(page.page_count)
            && page.block_sequence.get() + 1 == next.first_block
            && page.first_number.get() + u64::from(page.record_count.get()) == next.first_number;
        if !closes {
            return Err(damaged(segment, last, "the segment doesn't end where the next one starts"));
        }
        return Ok(last + 1);
    }
    Err(damaged(segment, 1, "the segment is empty, but a later one is in use"))
}

fn open(
    storage: &dyn Storage,
    header: &SegmentHeader,
    access: Access,
) -> Result<Arc<dyn SegmentFile>, WalError> {
    storage.open(header.segment_id, access).map_err(io_error("open segment", header.segment_id))
}

/// Where the chain stands at the start of a segment, by its own word.
fn chain_at(header: &SegmentHeader) -> Chain {
    Chain {
        sequence_next: header.first_block,
        number_next: header.first_number,
        link: header.previous_link,
        time_ns: header.last_time_ns,
    }
}

/// The segments that hold a log's records from some number on, verified.
struct Verified {
    /// Settled, all but the last segment.
    table: SegmentTable,
    last_file: Arc<dyn SegmentFile>,
    last_scan: SegmentScan,
    last_rest: Rest,
    chain: Chain,
    blocks_read: u64,
    bytes_read: u64,
}

/// Reads and verifies the log from the segment at `start` on, putting its records on `belt`.
fn verify(
    storage: &dyn Storage,
    headers: &[SegmentHeader],
    start: usize,
    belt: &mut Belt<'_>,
) -> Result<Verified, WalError> {
    let table = SegmentTable::new();
    for (header, next) in headers[..start].iter().zip(&headers[1..]) {
        let file = open(storage, header, Access::ReadWrite)?;
        file.settle(end_of_full_segment(&*file, header, next)?);
        file.retire();
        table.push(Entry::new(*header, file));
    }
    let mut chain = chain_at(&headers[start]);
    let (mut blocks_read, mut bytes_read) = (0, 0);
    let mut last = None;
    for (position, header) in headers.iter().enumerate().skip(start) {
        let segment = header.segment_id;
        let is_last = position + 1 == headers.len();
        check_header(header, &chain)?;
        let file = open(storage, header, Access::ReadWrite)?;
        let mut scan = SegmentScan::START;
        let mut window = Window::new(&*file, segment);
        let rest = scan.run(&mut window, page::seed(&header.log_id, segment), &mut chain, belt)?;
        match rest {
            Rest::Damaged { page, what, .. } => return Err(damaged(segment, page, what)),
            Rest::Torn if !is_last => {
                return Err(damaged(
                    segment,
                    scan.page_end,
                    "the block is damaged, and the log goes on behind it",
                ));
            }
            Rest::Torn | Rest::Zero => {}
        }
        blocks_read += scan.blocks;
        bytes_read += u64::from(scan.page_end - 1) * PAGE_BYTES as u64;
        if is_last {
            last = Some((file, scan, rest));
        } else {
            file.settle(scan.page_end);
            file.retire();
            table.push(Entry::new(*header, file));
        }
    }
    belt.send();
    let Some((last_file, last_scan, last_rest)) = last else {
        return Err(WalError::MissingSegment { segment: 0 });
    };
    Ok(Verified { table, last_file, last_scan, last_rest, chain, blocks_read, bytes_read })
}

/// Opens a log to write: see [`Log::open`](crate::Log::open). Blocks are read and verified on a thread of their own, while
/// this one hands out the records of those before.
pub(crate) fn recover(
    storage: &dyn Storage,
    config: &LogConfig,
    replay_from: u64,
    recover: &mut dyn FnMut(Records<'_>),
) -> Result<Recovered, WalError> {
    let survey = Survey::of(storage, Access::ReadWrite)?;
    let replay_from = replay_from.max(1);
    if survey.headers.is_empty() {
        if replay_from > 1 {
            return Err(WalError::ReplayBeyondEnd { replay_from, last_number: 0 });
        }
        return make(storage, config, survey);
    }
    let headers = &survey.headers;
    let start = headers.iter().rposition(|header| header.first_number <= replay_from).unwrap_or(0);
    let mut records_replayed = 0;
    let verified =
        belt::carry(|belt| verify(storage, headers, start, belt), &mut |mut records, end_number| {
            let from = records.next_number().max(replay_from);
            while records.next_number() < from.min(end_number) && records.next().is_some() {}
            if from < end_number {
                records_replayed += end_number - from;
                recover(records);
            }
        })?;
    let Verified { table, last_file: file, last_scan: scan, last_rest: rest, chain, .. } = verified;
    let Some(header) = headers.last() else { return Err(WalError::MissingSegment { segment: 0 }) };
    let last_number = chain.number_next - 1;
    if replay_from > chain.number_next {
        return Err(WalError::ReplayBeyondEnd { replay_from, last_number });
    }
    make_tail_durable(storage, &*file, header, &scan)?;
    file.settle(scan.page_end);
    table.push(Entry::new(*header, Arc::clone(&file)));
    let sealed = scan.last_block.is_some_and(|block| block.seal);
    let tail = match rest {
        Rest::Torn => Tail::Torn { segment: header.segment_id, page: scan.page_end },
        _ if sealed => Tail::Sealed,
        _ => Tail::Unsealed,
    };
    let report = RecoveryReport {
        log_id: LogId(header.log_id),
        tail,
        segments: headers.len() as u32,
        segments_read: (headers.len() - start) as u32,
        blocks_read: verified.blocks_read,
        bytes_read: verified.bytes_read,
        records_replayed,
        last_number,
        last_time_ns: chain.time_ns,
        link: chain.link,
    };
    let end = End {
        segment_id: header.segment_id,
        page_next: scan.page_end,
        page_count: header.page_count,
        segment_id_next: headers.len() as u32 + survey.spares.len() as u32,
        spares: survey.spares,
        bytes_total: survey.bytes_total,
    };
    let writer = writer_at(header, file, scan.page_end, &chain, sealed);
    Ok(Recovered { report, table, writer, end })
}

/// Recovered is not yet durable: what was written last may be in the page cache only. It is written again, bytes and all,
/// and zeros over whatever a torn block may have left behind it.
fn make_tail_durable(
    storage: &dyn Storage,
    file: &dyn SegmentFile,
    header: &SegmentHeader,
    scan: &SegmentScan,
) -> Result<(), WalError> {
    let segment = header.segment_id;
    let (page, page_count) = scan.last_block.map_or((0, 1), |block| (block.page, block.page_count));
    let mut pages = vec![0; page_count as usize * PAGE_BYTES];
    file.read(page, &mut pages).map_err(io_error("read segment", segment))?;
    file.write(page, &pages).map_err(io_error("write the last block again", segment))?;
    let zero_pages = (file.page_count() - scan.page_end).min(BLOCK_PAGES_MAX as u32);
    if zero_pages > 0 {
        let zeros = vec![0; zero_pages as usize * PAGE_BYTES];
        file.write(scan.page_end, &zeros).map_err(io_error("write zeros behind the last block", segment))?;
    }
    storage.sync_directory().map_err(io_error("sync the directory", segment))
}

/// Makes a new log, out of an unused segment if an earlier attempt left one.
fn make(storage: &dyn Storage, config: &LogConfig, mut survey: Survey) -> Result<Recovered, WalError> {
    let file = match survey.spares.pop_front() {
        Some((_, file)) => file,
        None => {
            let file = storage.create(0, config.segment_pages(), &mut at_once).map_err(|source| {
                if is_full(&source) {
                    WalError::Full { source }
                } else {
                    io_error("create segment", 0)(source)
                }
            })?;
            survey.bytes_total += u64::from(config.segment_bytes);
            file
        }
    };
    let chain = Chain::GENESIS;
    let header = SegmentHeader {
        log_id: config.log_id_if_new.0,
        segment_id: 0,
        page_count: file.page_count(),
        first_block: chain.sequence_next,
        first_number: chain.number_next,
        last_time_ns: chain.time_ns,
        previous_link: chain.link,
    };
    let mut page = vec![0; PAGE_BYTES];
    header.put(&mut page);
    file.write(0, &page).map_err(io_error("write segment header", 0))?;
    file.settle(1);
    storage.sync_directory().map_err(io_error("sync the directory", 0))?;
    let table = SegmentTable::new();
    table.push(Entry::new(header, Arc::clone(&file)));
    let report = RecoveryReport {
        log_id: config.log_id_if_new,
        tail: Tail::New,
        segments: 1,
        segments_read: 0,
        blocks_read: 0,
        bytes_read: 0,
        records_replayed: 0,
        last_number: 0,
        last_time_ns: 0,
        link: chain.link,
    };
    let end = End {
        segment_id: 0,
        page_next: 1,
        page_count: header.page_count,
        segment_id_next: 1 + survey.spares.len() as u32,
        spares: survey.spares,
        bytes_total: survey.bytes_total,
    };
    Ok(Recovered { report, table, writer: writer_at(&header, file, 1, &chain, false), end })
}

fn writer_at(
    header: &SegmentHeader,
    file: Arc<dyn SegmentFile>,
    page_next: u32,
    chain: &Chain,
    sealed: bool,
) -> Writer {
    Writer {
        file,
        segment_id: header.segment_id,
        page_next,
        seed: page::seed(&header.log_id, header.segment_id),
        sequence_next: chain.sequence_next,
        link: chain.link,
        linker: Linker::new(),
        last_number: chain.number_next - 1,
        last_time_ns: chain.time_ns,
        sealed,
        scratch: vec![0; PAGE_BYTES].into_boxed_slice(),
    }
}

/// Opens a log to read, perhaps while another process writes it: the table settled to the trusted end, the last trusted
/// record, the identity.
pub(crate) fn open_offline(storage: &dyn Storage) -> Result<(SegmentTable, u64, LogId), WalError> {
    let survey = Survey::of(storage, Access::ReadOnly)?;
    let Some((last, full)) = survey.headers.split_last() else {
        return Err(WalError::MissingSegment { segment: 0 });
    };
    let table = SegmentTable::new();
    for (header, next) in full.iter().zip(&survey.headers[1..]) {
        let file = open(storage, header, Access::ReadOnly)?;
        file.settle(end_of_full_segment(&*file, header, next)?);
        file.retire();
        table.push(Entry::new(*header, file));
    }
    let file = open(storage, last, Access::ReadOnly)?;
    let scan = scan_trusted(&*file, last)?;
    // Its header, or the last block's successor, says that everything before was durable.
    let (page_end, last_number) = match scan.last_block {
        Some(block) if block.seal => (scan.page_end, block.first_number - 1),
        Some(block) => (block.page, block.first_number - 1),
        None => (1, last.first_number - 1),
    };
    file.settle(page_end);
    file.retire();
    table.push(Entry::new(*last, file));
    Ok((table, last_number, LogId(last.log_id)))
}

/// Scans the segment that may be written at this moment. What looks damaged is read once more: only a fault that stays,
/// with the log going on behind it, is damage. One block in the making is not.
fn scan_trusted(file: &dyn SegmentFile, header: &SegmentHeader) -> Result<SegmentScan, WalError> {
    let seed = page::seed(&header.log_id, header.segment_id);
    let mut chain = chain_at(header);
    let mut scan = SegmentScan::START;
    let mut window = Window::new(file, header.segment_id);
    let mut faulty_at = None;
    loop {
        window.forget();
        match scan.run(&mut window, seed, &mut chain, &mut Belt::to_nowhere())? {
            Rest::Damaged { page, what, only_one_block: false } if faulty_at == Some(scan.page_end) => {
                return Err(damaged(header.segment_id, page, what));
            }
            Rest::Damaged { only_one_block: false, .. } => faulty_at = Some(scan.page_end),
            Rest::Damaged { .. } | Rest::Torn | Rest::Zero => return Ok(scan),
        }
    }
}

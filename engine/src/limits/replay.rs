//! A start: reading, checking and replaying the log, against the least that it takes.
//!
//! Two loops stand beside it, over the very same bytes of the log, all of them in the page cache:
//! - **touch**: reads the files in steps as large as a start does, and for each record changes both lines of its account,
//!   which it knows beforehand. Nothing is parsed, nothing is checked.
//! - **verified touch**: also computes each page's checksum and each block's hash.
//!
//! Both ask ahead for as many accounts as a start does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use wal::{Access, LogReader, PAGE_BYTES, SegmentFile, Storage, Through};
use zerocopy::FromBytes;

use super::LimitsError;
use super::books::{self, BooksSpec};
use super::spread::Spread;
use crate::data_dir::DataDir;
use crate::ledger::RecordKind;
use crate::ledger::prefetch::prefetch;
use crate::ledger::record::MoneyRecord;
use crate::opened_books::{BooksError, OpenedBooks};
use crate::runtime::engine::REPLAY_RECORDS_AHEAD;

/// Pages that are read at once.
const WINDOW_PAGES: u32 = 256;

/// What one round came to, each in records a second.
#[derive(Clone, Copy, Debug)]
struct ReplayRound {
    /// The start: from opening the log until its last record is applied and it may be written to.
    replayed: f64,
    /// The loop that reads and touches.
    touched: f64,
    /// The loop that also computes checksums and hashes.
    verified: f64,
}

/// Rounds of it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ReplayFigures {
    /// Records replayed in each round.
    pub records: u64,
    /// Blocks that were read for them.
    pub blocks: u64,
    /// Records replayed a second.
    pub replayed_per_s: Spread,
    /// Records read and touched a second, unchecked.
    pub touched_per_s: Spread,
    /// The same with checksums and hashes.
    pub verified_per_s: Spread,
    /// Replayed over read and touched, taken in each round.
    pub ratio: Spread,
    /// Replayed over the loop with checksums and hashes.
    pub verified_ratio: Spread,
}

/// Where a block lies, and its records' accounts among all of them.
struct BlockAt {
    segment: u32,
    page: u32,
    page_count: u32,
    accounts: std::ops::Range<usize>,
}

/// Both lines of an account.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Account([u64; 16]);

/// Books that are started from again and again.
pub struct Replay {
    dir: PathBuf,
    spec: BooksSpec,
    blocks: Vec<BlockAt>,
    /// The account of each record that is replayed, but for the last block's, which a reader of the log doesn't trust yet.
    touched: Vec<u32>,
    accounts: Vec<Account>,
    rounds: Vec<ReplayRound>,
}

impl Replay {
    /// Of books that [`books::make`] made, and that nobody has open.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn of(dir: &Path, spec: &BooksSpec) -> Result<Replay, LimitsError> {
        let mut replay = Replay {
            dir: dir.to_owned(),
            spec: *spec,
            blocks: Vec::new(),
            touched: Vec::new(),
            accounts: vec![Account([0; 16]); spec.accounts as usize],
            rounds: Vec::new(),
        };
        let (_, report) = replay.open()?;
        let reader = LogReader::open_offline_with(&Through::new(dir))?;
        let from = report.recovery.last_number + 1 - report.recovery.records_replayed;
        let mut records = reader.scan(from);
        let segment_from = report.recovery.segments - report.recovery.segments_read;
        for block in reader.blocks() {
            let block = block?;
            if block.segment < segment_from {
                continue;
            }
            let begin = replay.touched.len();
            let end_number = block.first_number + u64::from(block.record_count);
            for _ in block.first_number.max(from)..end_number.max(from) {
                let Some(record) = records.next() else { break };
                let record = record?;
                let is_debit = record.kind == RecordKind::Debit as u8;
                if let Ok((money, _)) = MoneyRecord::ref_from_prefix(record.payload)
                    && is_debit
                    && let Some(person) = money.person()
                {
                    replay.touched.push(person.0);
                }
            }
            replay.blocks.push(BlockAt {
                segment: block.segment,
                page: block.page,
                page_count: block.page_count,
                accounts: begin..replay.touched.len(),
            });
        }
        Ok(replay)
    }

    /// Books whose log has blocks of `block_debits`, in an empty directory.
    ///
    /// # Errors
    /// The books can't be made.
    pub fn in_blocks(dir: &Path, spec: &BooksSpec, block_debits: u64) -> Result<Replay, LimitsError> {
        books::make(dir, &BooksSpec { debits: 0, ..*spec })?;
        let data = DataDir::open(dir).map_err(BooksError::from)?;
        let (opened, _) = OpenedBooks::open(data, &books::open_options(spec))?;
        books::debit_in_blocks(opened.engine(), spec, block_debits)?;
        drop(opened);
        Replay::of(dir, spec)
    }

    /// A start as after a kill: the books are dropped as they are.
    fn open(&self) -> Result<(OpenedBooks, crate::runtime::engine::StartReport), LimitsError> {
        let data = DataDir::open(&self.dir).map_err(BooksError::from)?;
        Ok(OpenedBooks::open(data, &books::open_options(&self.spec))?)
    }

    /// One round of everything. Who goes first changes from round to round.
    ///
    /// # Errors
    /// The books can't be opened, or the log can't be read.
    pub fn round(&mut self) -> Result<(), LimitsError> {
        let mut round = ReplayRound { replayed: 0.0, touched: 0.0, verified: 0.0 };
        let records = self.touched.len() as f64;
        let loops_first = self.rounds.len().is_multiple_of(2);
        for is_loop in [loops_first, !loops_first] {
            if is_loop {
                round.touched = records / self.touch::<false>()?;
                round.verified = records / self.touch::<true>()?;
            } else {
                let (opened, report) = self.open()?;
                drop(opened);
                round.replayed = report.recovery.records_replayed as f64 / report.replay_time.as_secs_f64();
            }
        }
        self.rounds.push(round);
        Ok(())
    }

    /// What all rounds came to.
    pub fn figures(&self) -> ReplayFigures {
        let of = |figure: fn(&ReplayRound) -> f64| Spread::of(self.rounds.iter().map(figure));
        ReplayFigures {
            records: self.touched.len() as u64,
            blocks: self.blocks.len() as u64,
            replayed_per_s: of(|round| round.replayed),
            touched_per_s: of(|round| round.touched),
            verified_per_s: of(|round| round.verified),
            ratio: of(|round| round.replayed / round.touched),
            verified_ratio: of(|round| round.replayed / round.verified),
        }
    }

    /// The loop; gives its time in seconds.
    fn touch<const VERIFIED: bool>(&mut self) -> Result<f64, LimitsError> {
        let error = LimitsError::io("the log's file");
        self.read_and_touch::<VERIFIED>().map_err(error)
    }

    fn read_and_touch<const VERIFIED: bool>(&mut self) -> std::io::Result<f64> {
        let begun = Instant::now();
        let storage = Through::new(&self.dir);
        let mut window = vec![0; WINDOW_PAGES as usize * PAGE_BYTES];
        let mut window_at: Option<(u32, std::ops::Range<u32>)> = None;
        let mut file: Option<(u32, Arc<dyn SegmentFile>)> = None;
        let mut checks = 0_u64;
        for block in &self.blocks {
            let page_end = block.page + block.page_count;
            let in_window = window_at.as_ref().is_some_and(|(segment, pages)| {
                *segment == block.segment && pages.start <= block.page && page_end <= pages.end
            });
            if !in_window {
                if file.as_ref().is_none_or(|(segment, _)| *segment != block.segment) {
                    file = Some((block.segment, storage.open(block.segment, Access::ReadOnly)?));
                }
                if let Some((_, file)) = &file {
                    let end = (block.page + WINDOW_PAGES).min(file.page_count());
                    file.read(block.page, &mut window[..(end - block.page) as usize * PAGE_BYTES])?;
                    window_at = Some((block.segment, block.page..end));
                }
            }
            if VERIFIED {
                let start = window_at.as_ref().map_or(0, |(_, pages)| pages.start);
                let at = (block.page - start) as usize * PAGE_BYTES;
                let pages = &window[at..at + block.page_count as usize * PAGE_BYTES];
                for page in pages.chunks_exact(PAGE_BYTES) {
                    checks ^= u64::from(crc32c::crc32c(page));
                }
                // All that the records can take of these pages, in one piece.
                let bytes = (block.accounts.len() * (size_of::<MoneyRecord>() + 16)).min(pages.len());
                checks ^= u64::from(blake3::hash(&pages[..bytes]).as_bytes()[0]);
            }
            let end = block.accounts.end;
            for at in block.accounts.clone() {
                if let Some(&later) = self.touched.get((at + REPLAY_RECORDS_AHEAD).min(end)) {
                    let [first, .., last] = &self.accounts[later as usize].0;
                    prefetch(first);
                    prefetch(last);
                }
                let account = &mut self.accounts[self.touched[at] as usize];
                account.0[0] = account.0[0].wrapping_add(1);
                account.0[15] = account.0[15].wrapping_add(1);
            }
        }
        std::hint::black_box((checks, &self.accounts));
        Ok(begun.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opened_books::LogBackEnd;

    #[test]
    fn the_loops_touch_the_account_of_every_record_that_is_replayed() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let spec = BooksSpec { accounts: 300, tills: 7, debits: 1_000, back_end: LogBackEnd::Through };
        let mut replay = Replay::in_blocks(&folder.path().join("small"), &spec, 6).expect("they can be made");
        replay.round().expect("they can be read");
        let figures = replay.figures();
        // A reader doesn't trust the last block: it has no successor.
        assert_eq!(figures.records, 996);
        assert!(figures.blocks >= 1_000 / 6, "{figures:?}");
        // Twice: unchecked and checked.
        assert!(replay.accounts.iter().map(|account| account.0[0]).sum::<u64>() == 2 * 996);
        // More than one block, whatever its size.
        let spec = BooksSpec { debits: 20_000, ..spec };
        books::make(&folder.path().join("large"), &spec).expect("they can be made");
        let replay = Replay::of(&folder.path().join("large"), &spec).expect("they can be read");
        assert!((1..=20_000).contains(&replay.figures().records));
    }
}

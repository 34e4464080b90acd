//! The lines of subsidy batches, in the shards of their accounts.
//!
//! They lie in order of account, and a line is found in a number of steps that doesn't depend on how many there are: an index says
//! where the lines of each [`INDEXED`] accounts of the shard begin. The memory for a batch's lines is taken when it is opened.

use std::collections::BTreeMap;
use std::ops::Range;

use protocol::ids::AccountId;

use super::batches::{Batch, Batches};
use crate::ledger::probes::looks_at;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LineState {
    /// It wasn't paid yet.
    Waiting = 0,
    /// It was paid.
    Claimed = 1,
    /// It can't be paid.
    Skipped = 2,
    /// It was paid, and something of it taken back.
    Withdrawn = 3,
}

impl LineState {
    /// The state with this number.
    pub const fn from_number(number: u8) -> Option<LineState> {
        match number {
            0 => Some(LineState::Waiting),
            1 => Some(LineState::Claimed),
            2 => Some(LineState::Skipped),
            3 => Some(LineState::Withdrawn),
            _ => None,
        }
    }
}

/// One line of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose account.
    pub account: AccountId,
    /// How much it gets, in fen.
    pub amount_fen: u32,
    /// How much of that became subsidy: a debt on the card takes its part at once.
    pub subsidy_fen: u32,
    /// How much of it was taken back.
    pub withdrawn_fen: u32,
    /// What became of it.
    pub state: LineState,
}

/// What a batch came to, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchTotals {
    /// Lines that were paid.
    pub claimed: u32,
    /// What was paid.
    pub claimed_fen: i64,
    /// Lines that can't be paid.
    pub skipped: u32,
    /// What can't be paid.
    pub skipped_fen: i64,
    /// What was taken back of earlier batches, to make place for this one.
    pub cleared_fen: i64,
    /// Lines of which something was taken back.
    pub withdrawn: u32,
    /// What was taken back of it.
    pub withdrawn_fen: i64,
}

impl BatchTotals {
    /// Both together.
    pub(super) fn add(&mut self, other: &BatchTotals) {
        self.claimed += other.claimed;
        self.claimed_fen += other.claimed_fen;
        self.skipped += other.skipped;
        self.skipped_fen += other.skipped_fen;
        self.cleared_fen += other.cleared_fen;
        self.withdrawn += other.withdrawn;
        self.withdrawn_fen += other.withdrawn_fen;
    }
}

impl Line {
    /// What it brought as subsidy and wasn't taken back, in fen: it is still there, or was spent.
    fn brought_fen(&self) -> i64 {
        i64::from(self.subsidy_fen) - i64::from(self.withdrawn_fen)
    }

    /// How much of it can be taken back when so much of the school's is there, but for what later batches brought.
    pub(in crate::ledger) fn left_fen(&self, there_fen: i64) -> i64 {
        there_fen.clamp(0, self.brought_fen())
    }
}

/// Accounts of a shard, one after the other, that an entry of a share's index stands for.
const INDEXED: usize = 64;

/// A shard's share of a batch.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Share {
    /// In order of account.
    lines: Vec<Line>,
    /// For each [`INDEXED`] accounts of the shard, where the first line from there on is; it ends with the last line.
    index: Vec<u32>,
    /// No line before this place waits.
    next: usize,
    pub(in crate::ledger) totals: BatchTotals,
}

impl Share {
    /// The lines that an account's is among, `rank` being its place among those of its shard.
    fn near(&self, rank: usize) -> Range<usize> {
        let Some(begin) = self.index.get(rank / INDEXED).inspect(|entry| looks_at(*entry)) else {
            return self.lines.len()..self.lines.len();
        };
        let end = self.index.get(rank / INDEXED + 1).inspect(|entry| looks_at(*entry));
        *begin as usize..end.map_or(self.lines.len(), |end| *end as usize)
    }

    /// Where the lines from an account on begin.
    fn from(&self, account: AccountId, rank: usize) -> usize {
        let near = self.near(rank);
        let is_before = |line: &Line| {
            looks_at(line);
            line.account < account
        };
        near.start + self.lines[near].partition_point(is_before)
    }

    fn place(&self, account: AccountId, rank: usize) -> Option<usize> {
        let place = self.from(account, rank);
        self.lines.get(place).inspect(|line| looks_at(*line)).filter(|line| line.account == account)?;
        Some(place)
    }

    fn push(&mut self, line: Line, rank: usize) {
        // No share has more lines than a number of an account.
        let place = self.lines.len() as u32;
        self.index.resize((rank / INDEXED + 1).max(self.index.len()), place);
        if self.next == self.lines.len() && line.state != LineState::Waiting {
            self.next += 1;
        }
        self.lines.push(line);
    }

    fn settle(&mut self, account: AccountId, rank: usize, state: LineState) -> Option<&mut Line> {
        let place = self.place(account, rank)?;
        if self.lines[place].state != LineState::Waiting {
            return None;
        }
        self.lines[place].state = state;
        while self.lines.get(self.next).is_some_and(|line| line.state != LineState::Waiting) {
            self.next += 1;
        }
        self.lines.get_mut(place)
    }
}

/// A shard's shares of all batches.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Subsidies {
    pub(in crate::ledger) shares: BTreeMap<u32, Share>,
    shards: usize,
    accounts_max: usize,
}

impl Subsidies {
    /// Of one of so many shards, which has so many accounts at most.
    pub(in crate::ledger) const fn new(shards: usize, accounts_max: usize) -> Subsidies {
        Subsidies { shares: BTreeMap::new(), shards, accounts_max }
    }

    /// An account's place among those of its shard.
    const fn rank(&self, account: AccountId) -> usize {
        account.0 as usize / self.shards
    }

    /// Makes a place for a batch's lines, of which there are so many, in all shards together. They may all be this one's.
    pub(in crate::ledger) fn open(&mut self, batch: u32, lines: u32) {
        let lines_max = self.accounts_max.min(lines as usize);
        let index_max = if lines == 0 { 0 } else { self.accounts_max.div_ceil(INDEXED) };
        self.shares.entry(batch).or_insert_with(|| Share {
            lines: Vec::with_capacity(lines_max),
            index: Vec::with_capacity(index_max),
            next: 0,
            totals: BatchTotals::default(),
        });
    }

    /// Adds a line; false when it isn't above the share's last, or the batch wasn't opened.
    pub(in crate::ledger) fn push(&mut self, batch: u32, line: Line) -> bool {
        let rank = self.rank(line.account);
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        let follows = share.lines.last().is_none_or(|last| last.account < line.account);
        if follows {
            share.push(line, rank);
        }
        follows
    }

    pub(in crate::ledger) fn line(&self, batch: u32, account: AccountId) -> Option<&Line> {
        let share = self.shares.get(&batch).inspect(|share| looks_at(*share))?;
        share.lines.get(share.place(account, self.rank(account))?)
    }

    /// Lines from an account on.
    pub(in crate::ledger) fn lines_from(&self, batch: u32, account: AccountId) -> &[Line] {
        let Some(share) = self.shares.get(&batch) else { return &[] };
        // The account may be another shard's.
        let begin = share.near(self.rank(account)).start;
        let lines = &share.lines[begin..];
        &lines[lines.partition_point(|line| line.account < account)..]
    }

    /// The lines that wait, from the first on; others may stand between them.
    pub(in crate::ledger) fn lines_waiting(&self, batch: u32) -> &[Line] {
        self.shares.get(&batch).map_or(&[], |share| &share.lines[share.next..])
    }

    /// A line was paid; false when it isn't one that waits for so much.
    #[must_use]
    pub(in crate::ledger) fn claim(
        &mut self,
        batch: u32,
        account: AccountId,
        amount_fen: i64,
        subsidy_fen: i64,
    ) -> bool {
        let rank = self.rank(account);
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        let Some(line) = share.settle(account, rank, LineState::Claimed) else { return false };
        // No more than the amount, which has 24 bits.
        line.subsidy_fen = subsidy_fen as u32;
        let as_planned = i64::from(line.amount_fen) == amount_fen && (0..=amount_fen).contains(&subsidy_fen);
        share.totals.claimed += 1;
        share.totals.claimed_fen += amount_fen;
        as_planned
    }

    /// A line can't be paid; false when it isn't one that waits for so much.
    #[must_use]
    pub(in crate::ledger) fn skip(&mut self, batch: u32, account: AccountId, amount_fen: i64) -> bool {
        let rank = self.rank(account);
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        let Some(line) = share.settle(account, rank, LineState::Skipped) else { return false };
        let as_planned = i64::from(line.amount_fen) == amount_fen;
        share.totals.skipped += 1;
        share.totals.skipped_fen += amount_fen;
        as_planned
    }

    /// Something of a line was taken back; false when it can't have been.
    #[must_use]
    pub(in crate::ledger) fn withdraw(&mut self, batch: u32, account: AccountId, amount_fen: i64) -> bool {
        let rank = self.rank(account);
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        let Some(place) = share.place(account, rank) else { return false };
        let line = &mut share.lines[place];
        if !(1..=line.brought_fen()).contains(&amount_fen) {
            return false;
        }
        share.totals.withdrawn += u32::from(line.state != LineState::Withdrawn);
        line.state = LineState::Withdrawn;
        // No more than the line brought, which has 24 bits.
        line.withdrawn_fen += amount_fen as u32;
        share.totals.withdrawn_fen += amount_fen;
        true
    }

    /// Something was taken back to make place for a batch; false when there is none.
    #[must_use]
    pub(in crate::ledger) fn clear(&mut self, batch: u32, amount_fen: i64) -> bool {
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        share.totals.cleared_fen += amount_fen;
        true
    }

    /// Lets go of all that is known of a batch.
    pub(in crate::ledger) fn let_go(&mut self, batch: u32) {
        self.shares.remove(&batch);
    }

    /// Keeps only the lines of a batch that is over of which something may come back: that was spent of what they brought, or
    /// is there still. So many there are.
    pub(in crate::ledger) fn keep_what_matters(&mut self, batch: u32) -> u32 {
        let shards = self.shards;
        let Some(share) = self.shares.get_mut(&batch) else { return 0 };
        let kept: Vec<Line> = share.lines.iter().filter(|line| line.brought_fen() > 0).copied().collect();
        share.lines = Vec::with_capacity(kept.len());
        share.index.clear();
        share.next = 0;
        for line in kept {
            share.push(line, line.account.0 as usize / shards);
        }
        // A batch has no more lines than fit.
        share.lines.len() as u32
    }

    /// Gives the memory of a batch's lines back; the sums stay.
    pub(in crate::ledger) fn forget(&mut self, batch: u32) {
        if let Some(share) = self.shares.get_mut(&batch) {
            share.lines = Vec::new();
            share.index = Vec::new();
            share.next = 0;
        }
    }

    /// What batches that were issued after this one brought into an account and didn't take back.
    pub(in crate::ledger) fn later_fen(&self, batches: &Batches, batch: &Batch, account: AccountId) -> i64 {
        batches.later(batch).filter_map(|later| self.line(later.number, account)).map(Line::brought_fen).sum()
    }
}

//! Subsidy batches: what is known of each as a whole, and, in the shard of each account, the lines.
//!
//! A batch's head stands in the registry and changes by records of configuration. Its lines change by what is paid and taken
//! back, with the account's shard alone, so that a batch is issued beside live requests; the sums of all shards' shares are
//! the batch's.
//!
//! **Subsidy money has no batch of its own.** It is used first, the oldest batch's first. So what is left of a batch in an
//! account is what is left at all, less what later batches brought and still have there ([`Subsidies::later_fen`]). Lines of a
//! batch that is over are kept as long as an earlier one isn't over; then their memory is given back, and the sums stay.

use std::collections::BTreeMap;

use protocol::answer::{SubsidyState, SubsidyTitle};
use protocol::ids::{AccountId, RecordNumber, TerminalId};
use protocol::request::SubsidyMode;

use super::limits::SUBSIDY_BATCHES_MAX;
use super::shard::{Parts, Shard};

/// A batch as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub number: u32,
    /// How far it has come.
    pub state: SubsidyState,
    /// What becomes of what is left of earlier batches.
    pub mode: SubsidyMode,
    /// The last +08:00 day on which it is issued or withdrawn, in days since 2000-01-01.
    pub deadline_day: u16,
    /// Lines that it is to have.
    pub lines: u32,
    /// What it is to pay in all, in fen.
    pub total_fen: i64,
    /// Lines that have come.
    pub uploaded: u32,
    /// What they add up to, in fen.
    pub uploaded_fen: i64,
    /// The account of the last of them.
    pub last_account: Option<AccountId>,
    /// Who opened it.
    pub opener: TerminalId,
    /// Who approved or rejected it; 0 = nobody yet.
    pub approver: TerminalId,
    /// The record that began to issue it; 0 = none yet. Batches are issued in this order.
    pub issued: RecordNumber,
    /// Whether its lines are still there.
    pub has_lines: bool,
    /// Its title.
    pub title: SubsidyTitle,
}

impl Batch {
    /// Whether nothing more will happen to it.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, SubsidyState::Withdrawn | SubsidyState::Rejected | SubsidyState::Expired)
    }

    /// Whether its lines are gone through.
    pub const fn is_running(&self) -> bool {
        matches!(self.state, SubsidyState::Issuing | SubsidyState::Withdrawing)
    }

    /// Whether its deadline matters, and has passed.
    pub const fn is_late(&self, today: u16) -> bool {
        today > self.deadline_day && !self.is_over() && !matches!(self.state, SubsidyState::Withdrawing)
    }
}

/// Every batch, by number: the newest [`SUBSIDY_BATCHES_MAX`]. Once there are so many, each new one takes the place of the one
/// with the lowest number, if that is over, and a number below the lowest counts as used.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    pub(super) all: BTreeMap<u32, Batch>,
}

impl Batches {
    /// The batch with this number.
    pub fn get(&self, number: u32) -> Option<&Batch> {
        self.all.get(&number)
    }

    /// Every batch, in order of number.
    pub fn iter(&self) -> impl Iterator<Item = &Batch> {
        self.all.values()
    }

    /// The one whose lines are to be gone through now: of those that run, the one issued first.
    pub fn running(&self) -> Option<&Batch> {
        self.iter().filter(|batch| batch.is_running()).min_by_key(|batch| batch.issued)
    }

    /// The lowest number of those whose deadline has passed.
    pub fn late(&self, today: u16) -> Option<u32> {
        self.iter().find(|batch| batch.is_late(today)).map(|batch| batch.number)
    }

    /// Whether there was a batch with this number, or may have been.
    pub(super) fn is_used(&self, number: u32) -> bool {
        let lowest = self.all.first_key_value().filter(|_| self.is_full());
        self.all.contains_key(&number) || lowest.is_some_and(|(lowest, _)| number < *lowest)
    }

    /// Whether one more finds a place.
    pub(super) fn has_room(&self) -> bool {
        !self.is_full() || self.makes_place().is_some()
    }

    /// The batch that one more takes the place of, when there are as many as can be.
    pub(super) fn makes_place(&self) -> Option<u32> {
        let (&number, lowest) = self.all.first_key_value().filter(|_| self.is_full())?;
        (lowest.is_over() && !lowest.has_lines).then_some(number)
    }

    fn is_full(&self) -> bool {
        self.all.len() >= SUBSIDY_BATCHES_MAX
    }

    /// Lines that are there, or that will come.
    pub(super) fn lines_held(&self) -> u64 {
        self.iter().filter(|batch| batch.has_lines).map(|batch| u64::from(batch.lines)).sum()
    }

    /// Batches that were issued after this one and whose lines are still there.
    fn later(&self, batch: &Batch) -> impl Iterator<Item = &Batch> {
        let issued = batch.issued;
        self.iter().filter(move |other| other.issued > issued && other.has_lines)
    }

    /// Numbers of batches whose lines nobody asks for any more.
    pub(super) fn forgettable(&self) -> Vec<u32> {
        let oldest_open = self
            .iter()
            .filter(|batch| !batch.is_over() && batch.issued.0 > 0)
            .map(|batch| batch.issued)
            .min();
        let is_needed = |batch: &Batch| oldest_open.is_some_and(|open| batch.issued > open);
        self.iter()
            .filter(|batch| batch.has_lines && batch.is_over() && !is_needed(batch))
            .map(|batch| batch.number)
            .collect()
    }
}

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

/// A shard's share of a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    /// In order of account.
    lines: Vec<Line>,
    /// No line before this place waits.
    next: usize,
    pub(super) totals: BatchTotals,
}

impl Share {
    fn place(&self, account: AccountId) -> Option<usize> {
        self.lines.binary_search_by_key(&account, |line| line.account).ok()
    }

    fn settle(&mut self, account: AccountId, state: LineState) -> Option<&mut Line> {
        let place = self.place(account)?;
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
#[derive(Clone, Debug, Default)]
pub(super) struct Subsidies {
    pub(super) shares: BTreeMap<u32, Share>,
}

impl Subsidies {
    /// Adds a line; false when it isn't above the share's last.
    pub(super) fn push(&mut self, batch: u32, line: Line) -> bool {
        let share = self.shares.entry(batch).or_default();
        let follows = share.lines.last().is_none_or(|last| last.account < line.account);
        if follows {
            if share.next == share.lines.len() && line.state != LineState::Waiting {
                share.next += 1;
            }
            share.lines.push(line);
        }
        follows
    }

    pub(super) fn line(&self, batch: u32, account: AccountId) -> Option<&Line> {
        let share = self.shares.get(&batch)?;
        share.lines.get(share.place(account)?)
    }

    /// Lines from an account on.
    pub(super) fn lines_from(&self, batch: u32, account: AccountId) -> &[Line] {
        let Some(share) = self.shares.get(&batch) else { return &[] };
        &share.lines[share.lines.partition_point(|line| line.account < account)..]
    }

    /// The lines that wait, from the first on; others may stand between them.
    pub(super) fn lines_waiting(&self, batch: u32) -> &[Line] {
        self.shares.get(&batch).map_or(&[], |share| &share.lines[share.next..])
    }

    /// A line was paid; false when it isn't one that waits for so much.
    #[must_use]
    pub(super) fn claim(
        &mut self,
        batch: u32,
        account: AccountId,
        amount_fen: i64,
        subsidy_fen: i64,
    ) -> bool {
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        let Some(line) = share.settle(account, LineState::Claimed) else { return false };
        // No more than the amount, which has 24 bits.
        line.subsidy_fen = subsidy_fen as u32;
        let as_planned = i64::from(line.amount_fen) == amount_fen && (0..=amount_fen).contains(&subsidy_fen);
        share.totals.claimed += 1;
        share.totals.claimed_fen += amount_fen;
        as_planned
    }

    /// A line can't be paid; false when it isn't one that waits for so much.
    #[must_use]
    pub(super) fn skip(&mut self, batch: u32, account: AccountId, amount_fen: i64) -> bool {
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        let Some(line) = share.settle(account, LineState::Skipped) else { return false };
        let as_planned = i64::from(line.amount_fen) == amount_fen;
        share.totals.skipped += 1;
        share.totals.skipped_fen += amount_fen;
        as_planned
    }

    /// Something of a line was taken back; false when it can't have been.
    #[must_use]
    pub(super) fn withdraw(&mut self, batch: u32, account: AccountId, amount_fen: i64) -> bool {
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        let Some(place) = share.place(account) else { return false };
        let line = &mut share.lines[place];
        if line.state != LineState::Claimed || amount_fen > i64::from(line.subsidy_fen) {
            return false;
        }
        line.state = LineState::Withdrawn;
        line.withdrawn_fen = amount_fen as u32;
        share.totals.withdrawn += 1;
        share.totals.withdrawn_fen += amount_fen;
        true
    }

    /// Something was taken back to make place for a batch; false when there is none.
    #[must_use]
    pub(super) fn clear(&mut self, batch: u32, amount_fen: i64) -> bool {
        let Some(share) = self.shares.get_mut(&batch) else { return false };
        share.totals.cleared_fen += amount_fen;
        true
    }

    /// Lets go of all that is known of a batch.
    pub(super) fn let_go(&mut self, batch: u32) {
        self.shares.remove(&batch);
    }

    /// Gives the memory of a batch's lines back; the sums stay.
    pub(super) fn forget(&mut self, batch: u32) {
        if let Some(share) = self.shares.get_mut(&batch) {
            share.lines = Vec::new();
            share.next = 0;
        }
    }

    /// What batches that were issued after this one brought into an account and didn't take back.
    pub(super) fn later_fen(&self, batches: &Batches, batch: &Batch, account: AccountId) -> i64 {
        batches
            .later(batch)
            .filter_map(|later| self.line(later.number, account))
            .map(|line| i64::from(line.subsidy_fen) - i64::from(line.withdrawn_fen))
            .sum()
    }
}

/// The accounts of a shard's lines that wait, from the first on.
pub fn waiting(shard: &Shard, batch: u32, lines_max: usize) -> impl Iterator<Item = AccountId> {
    let lines = shard.subsidies.lines_waiting(batch).iter();
    lines.filter(|line| line.state == LineState::Waiting).map(|line| line.account).take(lines_max)
}

/// A shard's lines, from an account on.
pub fn lines_from(shard: &Shard, batch: u32, account: AccountId) -> impl Iterator<Item = &Line> {
    shard.subsidies.lines_from(batch, account).iter()
}

/// A batch's lines from an account on, so many at most, in order of account. Needs every shard.
pub fn lines<P: Parts + ?Sized>(parts: &P, batch: u32, account: AccountId, lines_max: usize) -> Vec<Line> {
    let mut found: Vec<Line> = (0..parts.shard_count())
        .flat_map(|shard| lines_from(parts.shard(shard), batch, account).take(lines_max))
        .copied()
        .collect();
    found.sort_unstable_by_key(|line| line.account);
    found.truncate(lines_max);
    found
}

/// What a batch came to so far. Needs every shard.
pub fn totals<P: Parts + ?Sized>(parts: &P, batch: u32) -> BatchTotals {
    let mut totals = BatchTotals::default();
    for shard in 0..parts.shard_count() {
        if let Some(share) = parts.shard(shard).subsidies.shares.get(&batch) {
            totals.add(&share.totals);
        }
    }
    totals
}

//! The heads of subsidy batches.

use std::collections::BTreeMap;

use protocol::answer::{SubsidyState, SubsidyTitle};
use protocol::ids::{AccountId, RecordNumber, TerminalId};
use protocol::request::SubsidyMode;

use crate::ledger::limits::{SUBSIDY_BATCHES_MAX, SUBSIDY_BATCHES_WITH_LINES_MAX};
use crate::ledger::probes::looks_at;

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
    /// The day on which it was gone through last, to withdraw it; 0 = not yet.
    pub swept_day: u16,
    /// Lines that there is to be memory for: those that it is to have, once it is over those that still matter.
    pub lines_kept: u32,
    /// Its title.
    pub title: SubsidyTitle,
}

impl Batch {
    /// Whether no operator can do anything with it any more.
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

    /// Whether it was withdrawn, and what was spent of it may still come back, to be taken back, too: until it was gone through
    /// once after its deadline.
    const fn awaits_returns(&self) -> bool {
        matches!(self.state, SubsidyState::Withdrawn)
            && self.lines_kept > 0
            && self.swept_day <= self.deadline_day
    }

    /// Whether it is to be gone through once more, for what came back.
    pub const fn is_to_sweep(&self, today: u16) -> bool {
        self.awaits_returns() && self.swept_day < today
    }

    /// Whether anything may still be paid or taken back of it.
    const fn may_move(&self) -> bool {
        !self.is_over() || self.awaits_returns()
    }
}

/// Every batch, by number: at most [`SUBSIDY_BATCHES_MAX`]. Once there are so many, each new one takes the place of the lowest of
/// which nothing is left but its sums; its number, and all below it, count as used. Of the few that have lines there is a list,
/// so that nobody looks through all of them for those that matter.
#[derive(Clone, Debug)]
pub struct Batches {
    all: BTreeMap<u32, Batch>,
    /// Numbers of those that have lines, or are to have some.
    with_lines: Vec<u32>,
    /// The highest number that was let go of; 0 = none was.
    pub(in crate::ledger) gone_up_to: u32,
}

impl Default for Batches {
    fn default() -> Batches {
        Batches {
            all: BTreeMap::new(),
            with_lines: Vec::with_capacity(SUBSIDY_BATCHES_WITH_LINES_MAX),
            gone_up_to: 0,
        }
    }
}

impl Batches {
    /// The batch with this number.
    pub fn get(&self, number: u32) -> Option<&Batch> {
        self.all.get(&number).inspect(|batch| looks_at(*batch))
    }

    /// Adds a batch, or changes the one with its number: that is given back as it was.
    pub(in crate::ledger) fn put(&mut self, batch: Batch) -> Option<Batch> {
        let before = self.all.insert(batch.number, batch);
        if before.is_some_and(|before| before.lines_kept > 0) != (batch.lines_kept > 0) {
            self.list();
        }
        before
    }

    /// Makes the list of those that have lines anew.
    fn list(&mut self) {
        self.with_lines.clear();
        let with_lines = self.all.values().filter(|batch| batch.lines_kept > 0);
        self.with_lines.extend(with_lines.map(|batch| batch.number));
    }

    /// Those that have lines, or are to have some, in order of number.
    fn with_lines(&self) -> impl Iterator<Item = &Batch> {
        looks_at(&self.with_lines);
        self.with_lines.iter().filter_map(|number| self.get(*number))
    }

    /// Every batch, in order of number.
    pub fn iter(&self) -> impl Iterator<Item = &Batch> {
        self.all.values()
    }

    /// The one whose lines are to be gone through now: of those that run, the one issued first.
    pub fn running(&self) -> Option<&Batch> {
        self.with_lines().filter(|batch| batch.is_running()).min_by_key(|batch| batch.issued)
    }

    /// The lowest number of those for which something is to be done by itself: their deadline has passed, or what was spent
    /// of them may have come back since yesterday.
    pub fn due(&self, today: u16) -> Option<u32> {
        let is_due = |batch: &&Batch| batch.is_late(today) || batch.is_to_sweep(today);
        self.with_lines().find(is_due).map(|batch| batch.number)
    }

    /// Whether there was a batch with this number, or may have been.
    pub(in crate::ledger) fn is_used(&self, number: u32) -> bool {
        number <= self.gone_up_to || self.all.contains_key(&number)
    }

    /// Whether one more finds a place.
    pub(in crate::ledger) fn has_room(&self) -> bool {
        let has_place = self.all.len() < SUBSIDY_BATCHES_MAX || self.makes_place().is_some();
        has_place && self.with_lines.len() < SUBSIDY_BATCHES_WITH_LINES_MAX
    }

    /// Makes a place, when there are as many as can be: the number of the batch to be let go of.
    pub(in crate::ledger) fn make_place(&mut self) -> Option<u32> {
        let number = self.makes_place()?;
        self.all.remove(&number);
        self.gone_up_to = self.gone_up_to.max(number);
        Some(number)
    }

    /// The batch that one more takes the place of, when there are as many as can be.
    fn makes_place(&self) -> Option<u32> {
        let is_full = self.all.len() >= SUBSIDY_BATCHES_MAX;
        let mut gone = self.iter().filter(|batch| is_full && batch.is_over() && batch.lines_kept == 0);
        gone.next().map(|batch| batch.number)
    }

    /// Lines that there is to be memory for, of all batches.
    pub(in crate::ledger) fn lines_kept(&self) -> u64 {
        self.with_lines().map(|batch| u64::from(batch.lines_kept)).sum()
    }

    /// Batches that were issued after this one and whose lines are still there.
    pub(super) fn later(&self, batch: &Batch) -> impl Iterator<Item = &Batch> {
        let issued = batch.issued;
        self.with_lines().filter(move |other| other.issued > issued)
    }

    /// A batch whose lines nobody asks for any more.
    pub(in crate::ledger) fn forgettable(&self) -> Option<Batch> {
        let moving = self.with_lines().filter(|batch| batch.may_move() && batch.issued.0 > 0);
        let oldest_moving = moving.map(|batch| batch.issued).min();
        let is_needed = |batch: &Batch| oldest_moving.is_some_and(|moving| batch.issued > moving);
        self.with_lines().find(|batch| !batch.may_move() && !is_needed(batch)).copied()
    }
}

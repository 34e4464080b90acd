//! A till's entry in its shard: what has come from it, and what it was answered.

use core::mem::offset_of;

use protocol::ids::{BusinessDate, Epoch, RecordNumber, TerminalId};

use super::fold::Fold;
use super::gaps::Gaps;
use super::limits::{BAD_CODES_MAX, CODE_WINDOW_NS, SUSPENSE_PER_TERMINAL_DAY_MAX, SUSPENSE_RECENT};
use super::outcome_ring::OutcomeRing;
use super::probes::looks_at;

const DOMAIN_SUSPENSE: u64 = 0x5355_5350;

/// Who is at a till, and how far its shifts and batches are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Duty {
    /// Who is signed on; 0 for nobody.
    pub(super) cashier: u32,
    /// Who was signed on before; 0 for nobody.
    pub(super) cashier_before: u32,
    /// The record that signed the cashier on or off; 0 when none did.
    pub(super) signed_by: u64,
    /// Shifts closed so far.
    pub(super) shifts_closed: u32,
    /// The record that closed the last of them; 0 for none.
    pub(super) shift_above: u64,
    /// The batch that was settled last; 0 for none.
    pub(super) batch: u32,
    /// The last sequence of it.
    pub(super) batch_last: u32,
    /// The epoch of its sequences.
    pub(super) batch_epoch: u16,
    /// The record that settled it.
    pub(super) batch_record: u64,
    /// Everything under later sequences is above this record.
    pub(super) batch_above: u64,
    /// What it was settled with.
    pub(super) batch_digest: u64,
}

impl Duty {
    /// Whoever is signed on is no more.
    pub(super) fn sign_off(&mut self) {
        if self.cashier != 0 {
            self.cashier_before = self.cashier;
        }
        self.cashier = 0;
    }
}

/// What an operator adjusted alone on the latest +08:00 day that he did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AdjustedAlone {
    /// The day; 0 when he never did.
    pub(super) day: u16,
    /// Given and taken, added up.
    pub(super) fen: i64,
}

impl AdjustedAlone {
    /// What he adjusted alone on a day. Logged time never goes back: an earlier one is over.
    pub(super) const fn on_fen(&self, day: u16) -> i64 {
        if self.day == day { self.fen } else { 0 }
    }

    pub(super) const fn add(&mut self, day: u16, amount_fen: i64) {
        *self = AdjustedAlone { day, fen: self.on_fen(day) + amount_fen };
    }
}

/// One till. A sale's identity has this one owner, whatever card, channel or reversal comes with it.
///
/// What a debit in order needs is in the first cache line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct TerminalEntry {
    pub(super) terminal: TerminalId,
    pub(super) epoch: Epoch,
    pub(super) bad_codes: u16,
    pub(super) head: u64,
    pub(super) ring: OutcomeRing,
    pub(super) bad_codes_since_ns: u64,
    pub(super) gaps: Gaps,
    pub(super) suspense_recent: [u64; SUSPENSE_RECENT],
    pub(super) suspense_date: BusinessDate,
    pub(super) suspense_count: u16,
    pub(super) duty: Duty,
    pub(super) adjusted_alone: AdjustedAlone,
    /// The block-list that it reported last.
    pub(super) block_list_version: u32,
    /// When it reported it; 0 when it never did.
    pub(super) block_list_since_ns: u64,
}

const _: () = assert!(offset_of!(TerminalEntry, gaps) + offset_of!(Gaps, missing) <= 64);

impl TerminalEntry {
    pub(super) fn new(terminal: TerminalId, ring_length: usize) -> Self {
        Self {
            terminal,
            epoch: Epoch(0),
            bad_codes: 0,
            head: 0,
            bad_codes_since_ns: 0,
            suspense_recent: [0; SUSPENSE_RECENT],
            suspense_date: BusinessDate(0),
            suspense_count: 0,
            duty: Duty::default(),
            adjusted_alone: AdjustedAlone::default(),
            block_list_version: 0,
            block_list_since_ns: 0,
            ring: OutcomeRing::new(ring_length),
            gaps: Gaps::EMPTY,
        }
    }

    /// The till.
    pub const fn terminal(&self) -> TerminalId {
        self.terminal
    }

    /// Its epoch: the greatest that any of its requests named.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The newest record of its chain.
    pub const fn head(&self) -> RecordNumber {
        RecordNumber(self.head)
    }

    /// The sequences that have come in its epoch.
    pub const fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// Its last outcomes.
    pub const fn ring(&self) -> &OutcomeRing {
        &self.ring
    }

    /// The version of the block-list that it judges by, and the logged time since when; none when it never said.
    pub fn block_list(&self) -> Option<(u32, u64)> {
        (self.block_list_since_ns > 0).then_some((self.block_list_version, self.block_list_since_ns))
    }

    /// Whether it is locked for payment codes: too many wrong ones, and the window isn't over.
    pub const fn codes_locked(&self, time_ns: u64) -> bool {
        self.bad_codes >= BAD_CODES_MAX && time_ns < self.bad_codes_since_ns.saturating_add(CODE_WINDOW_NS)
    }

    pub(super) const fn count_bad_code(&mut self, time_ns: u64) {
        if self.bad_codes == 0 || time_ns >= self.bad_codes_since_ns.saturating_add(CODE_WINDOW_NS) {
            self.bad_codes_since_ns = time_ns;
            self.bad_codes = 1;
        } else {
            self.bad_codes = self.bad_codes.saturating_add(1);
        }
    }

    /// Whether another request may be written to the suspense list: not the same one again, and not too many on
    /// one business date.
    pub(super) fn may_suspend(&self, date: BusinessDate, key: u64) -> bool {
        looks_at(&self.suspense_recent);
        looks_at(&self.suspense_date);
        let count = if self.suspense_date == date { self.suspense_count } else { 0 };
        count < SUSPENSE_PER_TERMINAL_DAY_MAX && !self.suspense_recent.contains(&key)
    }

    pub(super) fn count_suspense(&mut self, date: BusinessDate, key: u64) {
        looks_at(&self.suspense_recent);
        looks_at(&self.suspense_date);
        if self.suspense_date != date {
            self.suspense_date = date;
            self.suspense_count = 0;
        }
        self.suspense_recent.rotate_right(1);
        self.suspense_recent[0] = key;
        self.suspense_count = self.suspense_count.saturating_add(1);
    }
}

/// What tells two suspense records of a till apart: identity and body.
pub(super) const fn suspense_key(epoch: u16, sequence: u32, digest: u64) -> u64 {
    Fold::new(DOMAIN_SUSPENSE).word((epoch as u64) << 32 | sequence as u64).word(digest).finish()
}

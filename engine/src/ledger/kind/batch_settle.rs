//! A till settles a batch: its own totals by kind are held against those of the books, while it goes on selling.
//!
//! A batch is the till's sequences from the one behind the batch before up to its last, in one epoch; a till's first batch may
//! have any number and begin anywhere, the first of another epoch begins with sequence 1.
//!
//! | batch | answer | record |
//! |---|---|---|
//! | the next one, with equal totals, or to be closed as it stands | `Approved` | batch settled, with both totals |
//! | the next one, with others | `BatchDiffers` | |
//! | the one that was closed last, of the same sequences and totals | `Approved` (`repeat`) | |
//! | the same, of others | `BatchConflict` | |
//! | not the next one, not behind the one before, of an older epoch, or of sequences that the till hasn't used | `BatchOutOfOrder` | |
//!
//! `UnknownTerminal` and `NotPermitted` come first. The totals of the books are asked for ([`crate::ledger::known::Need::Totals`]); what arrives later
//! under a sequence of a closed batch changes them no more.

use core::cmp::Ordering;

use protocol::ids::{Epoch, RecordNumber, Sequence, TerminalId};
use protocol::result_code::ResultCode;
use protocol::till_totals::TillTotals;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use super::{Ask, Desk};
use crate::ledger::apply::Posting;
use crate::ledger::command::TerminalSlot;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::record::{BatchSettledRecord, Record};
use crate::ledger::shard::{Layout, Parts, ShardSet};
use crate::ledger::till_totals::{TillRange, TillSpan};

/// A till settles a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettle<'a> {
    /// The till's slot.
    pub slot: TerminalSlot,
    /// The till.
    pub terminal: TerminalId,
    /// The epoch of its sequences.
    pub epoch: Epoch,
    /// Its number, from 1.
    pub batch: u32,
    /// Its first sequence, from 1.
    pub first: Sequence,
    /// Its last; one less than the first where it has none.
    pub last: Sequence,
    /// Whether it is closed although the totals differ.
    pub as_it_stands: bool,
    /// The till's own totals.
    pub totals: &'a TillTotals,
    /// By the till's clock, nanoseconds since 1970-01-01 UTC.
    pub till_time_ns: u64,
}

impl<'a> Ask<'a> for BatchSettle<'a> {
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::one(layout.shard_of_terminal(self.slot))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let till = match desk.seller(self.slot, self.terminal) {
            Ok(till) => till,
            Err(code) => return desk.not_selected(code),
        };
        let duty = till.entry.duty;
        if self.batch == duty.batch {
            return if self.digest() == duty.batch_digest {
                desk.stands(till, ResultCode::Approved, RecordNumber(duty.batch_record))
            } else {
                desk.told(till, ResultCode::BatchConflict)
            };
        }
        let begins = match duty.batch {
            0 => true,
            _ if self.epoch.0 == duty.batch_epoch => duty.batch_last.checked_add(1) == Some(self.first.0),
            _ => self.epoch.0 > duty.batch_epoch && self.first.0 == 1,
        };
        let is_empty = self.last.0.checked_add(1) == Some(self.first.0);
        let was_used = match self.epoch.cmp(&till.entry.epoch) {
            Ordering::Less => true,
            Ordering::Equal => is_empty && self.first.0 == 1 || self.last.0 <= till.entry.gaps.highest(),
            Ordering::Greater => false,
        };
        let is_next = (duty.batch == 0 || duty.batch.checked_add(1) == Some(self.batch))
            && begins
            && was_used
            && (is_empty || self.last >= self.first);
        if !is_next {
            return desk.told(till, ResultCode::BatchOutOfOrder);
        }
        let span = TillSpan {
            terminal: self.terminal,
            head: till.entry.head(),
            above: RecordNumber(duty.batch_above),
            range: Some(TillRange { epoch: self.epoch, first: self.first, last: self.last }),
        };
        let sums = match desk.sums(span) {
            Ok(sums) => sums,
            Err(need) => return Decision::Needs(need),
        };
        let differs = sums.totals != *self.totals;
        if differs && !self.as_it_stands {
            return desk.told(till, ResultCode::BatchDiffers);
        }
        let record = BatchSettledRecord {
            terminal: U32::new(self.terminal.0),
            batch: U32::new(self.batch),
            slot: U16::new(self.slot.0),
            business_date: U16::new(desk.date().0),
            epoch: U16::new(self.epoch.0),
            differs: u8::from(differs),
            reserved: 0,
            first: U32::new(self.first.0),
            last: U32::new(self.last.0),
            previous_terminal: U64::new(till.entry.head),
            till_time_ns: U64::new(self.till_time_ns),
            behind: U64::new(sums.behind.0),
            digest: U64::new(self.digest()),
            totals: sums.totals,
            totals_of_till: *self.totals,
        };
        desk.noted(till, Record::BatchSettled(record))
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_BATCH: u64 = 49;

impl BatchSettle<'_> {
    /// What must be the same for it to be the same again.
    fn digest(&self) -> u64 {
        let range = u64::from(self.first.0) << 32 | u64::from(self.last.0);
        let fold = Fold::new(DOMAIN_BATCH).word(u64::from(self.epoch.0)).word(range);
        fold.bytes(self.totals.as_bytes()).finish()
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn batch_settled(
        &mut self,
        settled: &BatchSettledRecord,
    ) -> Result<(), LedgerError> {
        let (terminal, slot) = (TerminalId(settled.terminal.get()), TerminalSlot(settled.slot.get()));
        let number = self.number;
        let entry = self.entry(terminal, slot, settled.previous_terminal.get())?;
        let duty = &mut entry.duty;
        duty.batch = settled.batch.get();
        duty.batch_epoch = settled.epoch.get();
        duty.batch_last = settled.last.get();
        duty.batch_record = number.0;
        duty.batch_above = settled.behind.get();
        duty.batch_digest = settled.digest.get();
        Ok(())
    }
}

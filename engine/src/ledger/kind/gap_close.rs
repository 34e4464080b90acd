//! An operator closes a hole in a till's sequences, or a part of it, and says why: the till burnt, its records are gone.
//!
//! Closed sequences count as come: nothing is sold under them any more (`StaleEpoch`), but should their records come after
//! all, those are facts like any other; nothing in memory knows them from sales that came, so each has its till's whole chain
//! walked first.
//!
//! After the identity: `SequenceZero`, `NotPermitted`; `TooManyGaps` where the rest on either side would be one gap too many,
//! no record; then `GapTillUnknown`, and `GapNotOpen` where not all of the sequences are missing from one hole of the till's
//! open epoch. A till that is disabled has its holes closed like any other. Who asked, when the hole was noticed, and why, stands
//! in the record.

use protocol::ids::{Epoch, Sequence, TerminalId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32};

use super::{Ask, Case, Desk};
use crate::ledger::apply::Posting;
use crate::ledger::command::{Channel, Sale, TerminalSlot};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::gaps::Closing;
use crate::ledger::record::{GapClosedRecord, Record};
use crate::ledger::shard::{Layout, Parts, ShardSet};
use crate::ledger::terminal_entry::TerminalEntry;

/// Closes a hole in a till's sequences, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapClose<'a> {
    /// Its identity, at the counter that asks.
    pub sale: Sale<'a>,
    /// The till.
    pub till: TerminalId,
    /// The till's slot.
    pub till_slot: TerminalSlot,
    /// The till's epoch.
    pub epoch: Epoch,
    /// The first sequence; not 0.
    pub first: Sequence,
    /// The last, not before the first.
    pub last: Sequence,
    /// Why: UTF-8, padded with zeros.
    pub reason: [u8; 32],
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_GAP_CLOSE: u64 = 46;

impl<'a> Ask<'a> for GapClose<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    /// The till's whose hole it is.
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::one(layout.shard_of_terminal(self.till_slot))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let digest = Fold::new(DOMAIN_GAP_CLOSE)
            .word(u64::from(self.till.0) << 32 | u64::from(self.epoch.0))
            .word(u64::from(self.first.0) << 32 | u64::from(self.last.0))
            .bytes(&self.reason)
            .finish();
        let case = Case { till, sale: &self.sale, digest, channel: Channel::Till, amount_fen: 0 };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        if let Some(code) = desk.bad_identity(&case, till.config.closes_gaps()) {
            return desk.transient(&case, code);
        }
        let entry = desk.layout.terminal(desk.parts, self.till_slot);
        let Some(entry) = entry.filter(|entry| entry.terminal == self.till) else {
            return desk.refuse(&case, ResultCode::GapTillUnknown, None);
        };
        match self.closing(entry) {
            Closing::NoRoom => desk.transient(&case, ResultCode::TooManyGaps),
            Closing::NotOpen => desk.refuse(&case, ResultCode::GapNotOpen, None),
            Closing::Open { since_s } => {
                let money = desk.memo(&case, ResultCode::Approved, None);
                let record = GapClosedRecord {
                    money,
                    till: U32::new(self.till.0),
                    first: U32::new(self.first.0),
                    last: U32::new(self.last.0),
                    epoch: U16::new(self.epoch.0),
                    slot: U16::new(self.till_slot.0),
                    since_s: U32::new(since_s),
                    reserved: U32::ZERO,
                    reason: self.reason,
                };
                let outcome = desk.outcome(&money, ResultCode::Approved, desk.stamp.number);
                Decision::Done { outcome, group: Group::one(Record::GapClosed(record)) }
            }
        }
    }
}

impl GapClose<'_> {
    fn closing(&self, entry: &TerminalEntry) -> Closing {
        if self.epoch != entry.epoch {
            return Closing::NotOpen;
        }
        let mut gaps = entry.gaps;
        // The asking counter may close a hole of its own: what it sends now comes first, and a new epoch of it has no holes.
        if entry.terminal == self.sale.terminal {
            if self.sale.epoch != entry.epoch {
                return Closing::NotOpen;
            }
            if !gaps.insert(self.sale.sequence.0, 0) {
                return Closing::NoRoom;
            }
        }
        gaps.closing(self.first.0, self.last.0)
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn gap_closed(&mut self, r: &GapClosedRecord) -> Result<(), LedgerError> {
        self.post_till(&r.money)?;
        let (number, slot) = (self.number, TerminalSlot(r.slot.get()));
        let entry = self
            .layout
            .terminal_mut(self.parts, slot)
            .filter(|entry| entry.terminal.0 == r.till.get() && entry.epoch.0 == r.epoch.get())
            .ok_or(LedgerError::NotKnown { number, what: "the till whose gap is closed" })?;
        if entry.gaps.close(r.first.get(), r.last.get()) {
            Ok(())
        } else {
            Err(LedgerError::BadField { number, field: "first or last" })
        }
    }
}

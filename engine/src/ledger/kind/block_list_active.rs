//! A till reports which block-list it judges by from now on. The newest report is remembered of each till, with its time: who
//! bears a lost card's offline sales depends on how old the till's list was.
//!
//! `UnknownTerminal`, `NotPermitted` for a terminal that doesn't sell, `BlockListDiffers` where the list isn't that of its version
//! (judged outside): no record. The same version again is `Approved` (`repeat`), without a record. An older version than the
//! one before is taken: it is what the till has.

use protocol::ids::{RecordNumber, TerminalId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32, U64};

use super::{Ask, Desk};
use crate::ledger::apply::Posting;
use crate::ledger::command::TerminalSlot;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{BlockListActiveRecord, Record};
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// A till reports its block-list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockListActive {
    /// The till's slot.
    pub slot: TerminalSlot,
    /// The till.
    pub terminal: TerminalId,
    /// The version of its list.
    pub version: u32,
    /// The list's digest.
    pub digest: [u8; 16],
    /// Whether that is the digest of that version.
    pub is_right: bool,
    /// When it changed over, by the till's clock, nanoseconds since 1970-01-01 UTC.
    pub till_time_ns: u64,
}

impl<'a> Ask<'a> for BlockListActive {
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::one(layout.shard_of_terminal(self.slot))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let till = match desk.seller(self.slot, self.terminal) {
            Ok(till) => till,
            Err(code) => return desk.not_selected(code),
        };
        if !self.is_right {
            return desk.told(till, ResultCode::BlockListDiffers);
        }
        if till.entry.block_list_since_ns > 0 && till.entry.block_list_version == self.version {
            return desk.stands(till, ResultCode::Approved, RecordNumber(0));
        }
        let record = BlockListActiveRecord {
            terminal: U32::new(self.terminal.0),
            version: U32::new(self.version),
            slot: U16::new(self.slot.0),
            business_date: U16::new(desk.date().0),
            reserved: U32::ZERO,
            previous_terminal: U64::new(till.entry.head),
            till_time_ns: U64::new(self.till_time_ns),
            digest: self.digest,
        };
        desk.noted(till, Record::BlockListActive(record))
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn block_list_active(
        &mut self,
        active: &BlockListActiveRecord,
    ) -> Result<(), LedgerError> {
        let (terminal, slot) = (TerminalId(active.terminal.get()), TerminalSlot(active.slot.get()));
        let time_ns = self.time_ns;
        let entry = self.entry(terminal, slot, active.previous_terminal.get())?;
        entry.block_list_version = active.version.get();
        entry.block_list_since_ns = time_ns;
        Ok(())
    }
}

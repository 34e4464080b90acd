//! The walk down an account's chain in the log, newest first.

use protocol::ids::{AccountId, RecordNumber, SaleId};
use wal::LogReader;

use super::engine::EngineError;
use crate::ledger::Record;

/// A walk, and what it has found undone on its way: what undoes a sale or gives it back is always newer than the sale.
pub(super) struct AccountChain<'r> {
    reader: &'r LogReader,
    account: AccountId,
    next: RecordNumber,
    undone: Vec<SaleId>,
    refunded: Vec<SaleId>,
}

/// A record of the chain.
pub(super) struct Link<'r> {
    /// Its number.
    pub(super) number: RecordNumber,
    /// Its logged time: nanoseconds since 1970 UTC.
    pub(super) time_ns: u64,
    /// What it says.
    pub(super) record: Record<'r>,
}

impl<'r> AccountChain<'r> {
    /// Begins at `head`, which must be durable.
    pub(super) const fn new(reader: &'r LogReader, account: AccountId, head: RecordNumber) -> Self {
        Self { reader, account, next: head, undone: Vec::new(), refunded: Vec::new() }
    }

    /// The record that the walk takes next; 0 at the chain's end.
    pub(super) const fn next_number(&self) -> RecordNumber {
        self.next
    }

    /// The sales that the records walked over undid.
    pub(super) fn undone(&self) -> &[SaleId] {
        &self.undone
    }

    /// The sales that the records walked over gave back something of.
    pub(super) fn refunded(&self) -> &[SaleId] {
        &self.refunded
    }

    /// One record further down; `None` at the chain's end.
    ///
    /// # Errors
    /// The log is damaged.
    pub(super) fn step(&mut self) -> Result<Option<Link<'r>>, EngineError> {
        if self.next == RecordNumber(0) {
            return Ok(None);
        }
        let (link, previous) = self.read(self.next)?;
        self.pass(&link.record, previous.expect("a record of an account's chain names the account"));
        Ok(Some(link))
    }

    /// Goes on below a durable record without walking down to it; false, and nothing changes, when that isn't a
    /// record of this chain.
    ///
    /// # Errors
    /// The log is damaged.
    pub(super) fn jump_below(&mut self, number: RecordNumber) -> Result<bool, EngineError> {
        let (link, previous) = self.read(number)?;
        let Some(previous) = previous else { return Ok(false) };
        self.pass(&link.record, previous);
        Ok(true)
    }

    fn pass(&mut self, record: &Record<'_>, previous: RecordNumber) {
        match record {
            Record::Reversal(undoing) | Record::TopUpUndo(undoing) => self.undone.push(undoing.original()),
            Record::FullReversal(undoing) | Record::Void(undoing) | Record::TapUndone(undoing) => {
                self.undone.push(undoing.original());
            }
            Record::Refund(refund) => self.refunded.push(refund.original()),
            _ => {}
        }
        self.next = previous;
    }

    /// A record, and the one before it in the chain if it is in the chain.
    fn read(&self, number: RecordNumber) -> Result<(Link<'r>, Option<RecordNumber>), EngineError> {
        let found = self.reader.record(number.0)?.expect("a chain leads to durable records only");
        let record = Record::decode(found.kind, found.version, found.payload)
            .map_err(|source| EngineError::Replay { number: number.0, source })?;
        let previous = record.previous_of(self.account);
        Ok((Link { number, time_ns: found.time_ns, record }, previous))
    }
}

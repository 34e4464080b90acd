//! What all that configures has in common: every change is a record too, and what already stands changes nothing
//! (`Approved`, `repeat`). A field out of its range is `NotPermitted`; a full table is `Busy`. Neither leaves a record.

use protocol::ids::{AccountId, RecordNumber};
use protocol::result_code::ResultCode;

use super::Desk;
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::record::Record;
use crate::ledger::shard::Parts;

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// Nothing changes: refused, or it stands already.
    pub(super) fn unchanged<'a>(&self, code: ResultCode, account: Option<AccountId>) -> Decision<'a> {
        let person = account.and_then(|id| self.person(id));
        let head = person.map_or(RecordNumber(0), |person| person.account.head());
        let mut outcome = Outcome::without_record(code, 0, self.registry.changed.max(head));
        outcome.account = account;
        outcome.balance_after_fen = person.map_or(0, |person| person.account.system_fen());
        outcome.repeat = code.is_approved();
        Decision::NoRecord(outcome)
    }

    /// The record makes it so.
    pub(super) fn changed<'a>(
        &self,
        code: ResultCode,
        account: Option<AccountId>,
        record: Record<'a>,
    ) -> Decision<'a> {
        let number = self.stamp.number;
        let outcome = Outcome {
            code,
            account,
            amount_fen: 0,
            balance_after_fen: 0,
            record: number,
            observed: number,
            repeat: false,
        };
        Decision::Done { outcome, group: Group::one(record) }
    }
}

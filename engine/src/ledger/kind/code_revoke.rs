//! Every payment code that an account may have shown by now is revoked: those of the step of logged time, or of the clock that
//! codes are judged by where that is ahead, of the one before and of the one after.
//!
//! After the identity: `SequenceZero`, `NotPermitted`; then what naming the account comes to. The account's status doesn't
//! matter, and neither does whether a code was shown at all.

use protocol::result_code::ResultCode;
use zerocopy::little_endian::U32;

use super::virtual_card::void_to_step;
use super::{Ask, Case, Desk};
use crate::ledger::apply::Posting;
use crate::ledger::command::{AccountSelector, Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::lead::Lead;
use crate::ledger::record::{MoneyRecord, Record};
use crate::ledger::shard::Parts;
use crate::ledger::touch::touch_selector;

/// Revokes every code that an account may have shown by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRevoke<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose codes.
    pub account: AccountSelector,
    /// The time step that codes were judged by when it came.
    pub intake_step: u32,
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_CODE_REVOKE: u64 = 44;

impl<'a> Ask<'a> for CodeRevoke<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_selector(directory, &self.account)
    }

    fn prefetch_route(&self, directory: &Directory) {
        touch_selector(directory, &self.account);
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let digest = self.account.fold(Fold::new(DOMAIN_CODE_REVOKE)).finish();
        let case = Case { till, sale: &self.sale, digest, channel: Channel::Till, amount_fen: 0 };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        if let Some(code) = desk.bad_identity(&case, till.config.revokes_codes()) {
            return desk.transient(&case, code);
        }
        let person = match desk.select(&self.account) {
            Ok(person) => person,
            Err(code) => return desk.refuse(&case, code, None),
        };
        let mut money = desk.memo(&case, ResultCode::Approved, Some(person));
        money.token = U32::new(void_to_step(desk.stamp.time_ns, self.intake_step));
        let outcome = desk.outcome(&money, ResultCode::Approved, desk.stamp.number);
        Decision::Done { outcome, group: Group::one(Record::CodesRevoked(money)) }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn codes_revoked(&mut self, money: &MoneyRecord) -> Result<(), LedgerError> {
        let person = self.person(money.debit_account())?;
        self.post_person(person, money, |account| account.revoke_codes(money.token.get()))?;
        self.post_till(money)?;
        Ok(())
    }
}

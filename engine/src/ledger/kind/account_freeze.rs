//! An operator freezes an account, or lifts that again.
//!
//! Of the account: what names it may be refused, `AccountClosed`, then `AlreadyFrozen` or `NotFrozen`. What else: see
//! [`super::office`].

use protocol::command_table::Kind;
use protocol::request::FreezeAction;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::U32;

use super::office::{case_of, digest_of, reason_bytes};
use super::{Ask, Case, Desk, Person};
use crate::ledger::account::{Account, AccountStatus};
use crate::ledger::apply::Posting;
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::lead::Lead;
use crate::ledger::record::{AccountChangedRecord, Record};
use crate::ledger::shard::Parts;

/// Freezes an account, or lifts that again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountFreeze<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose account.
    pub account: AccountSelector,
    /// Which of both.
    pub action: FreezeAction,
    /// Why, UTF-8.
    pub reason: &'a [u8],
}

impl<'a> Ask<'a> for AccountFreeze<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_selector(directory, &self.account)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let fold = digest_of(Kind::AccountFreeze, self.reason).word(u64::from(self.action.number()));
        let case = case_of(till, &self.sale, self.account.fold(fold).finish(), 0);
        if let Some(decision) = desk.office_refusal(&case, Kind::AccountFreeze, Some(self.reason), None) {
            return decision;
        }
        let person = match desk.office_account(&self.account) {
            Ok(person) => person,
            Err((code, person)) => return desk.refuse(&case, code, person),
        };
        let status = match (self.action, person.account.status == AccountStatus::Frozen) {
            (FreezeAction::Freeze, true) => {
                return desk.refuse(&case, ResultCode::AlreadyFrozen, Some(person));
            }
            (FreezeAction::Unfreeze, false) => {
                return desk.refuse(&case, ResultCode::NotFrozen, Some(person));
            }
            (FreezeAction::Freeze, false) => AccountStatus::Frozen,
            (FreezeAction::Unfreeze, true) => AccountStatus::Open,
        };
        desk.change_account(&case, person, &Account { status, ..*person.account }, self.reason)
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// The record by which an operator makes an account's terms those of `wanted`.
    pub(super) fn change_account<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        wanted: &Account,
        reason: &'a [u8],
    ) -> Decision<'a> {
        let money = self.memo(case, ResultCode::Approved, Some(person));
        let record = AccountChangedRecord {
            money,
            debit_max_fen: U32::new(wanted.debit_max_fen),
            day_max_fen: U32::new(wanted.day_max_fen),
            status: wanted.status as u8,
            class: wanted.class,
            reason_bytes: reason_bytes(reason),
            reserved: [0; 5],
        };
        self.office_done(&money, ResultCode::Approved, Record::AccountChanged(record, reason))
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn account_changed(&mut self, r: &AccountChangedRecord) -> Result<(), LedgerError> {
        let status = AccountStatus::from_number(r.status).ok_or_else(|| self.bad("status"))?;
        let person = self.person(r.money.debit_account())?;
        self.post_person(person, &r.money, |account| {
            account.status = status;
            account.class = r.class;
            account.debit_max_fen = r.debit_max_fen.get();
            account.day_max_fen = r.day_max_fen.get();
        })?;
        self.post_till(&r.money)?;
        Ok(())
    }
}

//! Sets an account's status, class and holder's limits, all of them. A current card that is said to be lost is blocked, one
//! that isn't is freed.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U32, U64};

use super::{Ask, Desk};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::{Setting, flag};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::CLASSES_MAX;
use crate::ledger::record::{AccountTermsSetRecord, Record};
use crate::ledger::shard::Parts;

/// Sets an account's status, class and holder's limits, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetAccountTerms {
    /// The account.
    pub account: AccountId,
    /// Its status.
    pub status: AccountStatus,
    /// Whether its current card is reported lost.
    pub card_lost: bool,
    /// Its class.
    pub class: u8,
    /// The holder's own limit for one debit; 0 = the class's.
    pub debit_max_fen: u32,
    /// The holder's own limit for a day; 0 = the class's.
    pub day_max_fen: u32,
}

impl<'a> Ask<'a> for SetAccountTerms {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let id = self.account;
        let terms = AccountTermsSetRecord {
            previous_account: U64::ZERO,
            account: U32::new(id.0),
            debit_max_fen: U32::new(self.debit_max_fen),
            day_max_fen: U32::new(self.day_max_fen),
            status: self.status as u8,
            card_lost: u8::from(self.card_lost),
            class: self.class,
            reserved: 0,
        };
        if usize::from(terms.class) >= CLASSES_MAX {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        let Some(person) = desk.person(id) else { return desk.unchanged(ResultCode::UnknownAccount, None) };
        let account = person.account;
        let standing = AccountTermsSetRecord {
            debit_max_fen: U32::new(account.debit_max_fen),
            day_max_fen: U32::new(account.day_max_fen),
            status: account.status as u8,
            card_lost: u8::from(account.card_lost),
            class: account.class,
            ..terms
        };
        if standing == terms {
            return desk.unchanged(ResultCode::Approved, Some(id));
        }
        if self.card_lost && !desk.registry.block_list.may_block(account.card_uid) {
            return desk.unchanged(ResultCode::Busy, None);
        }
        let record = AccountTermsSetRecord { previous_account: U64::new(account.head), ..terms };
        desk.changed(ResultCode::Approved, Some(id), Record::AccountTermsSet(record))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn account_terms_set(
        &mut self,
        r: &AccountTermsSetRecord,
    ) -> Result<(), LedgerError> {
        let status = AccountStatus::from_number(r.status).ok_or_else(|| self.bad("status"))?;
        let card_lost = flag(self.number, "card_lost", r.card_lost)?;
        let mut card_uid = 0;
        self.change_account(r.account.get(), r.previous_account.get(), |account| {
            card_uid = account.card_uid;
            account.status = status;
            account.card_lost = card_lost;
            account.class = r.class;
            account.debit_max_fen = r.debit_max_fen.get();
            account.day_max_fen = r.day_max_fen.get();
        })?;
        if card_lost {
            return self.block_as(card_uid, true);
        }
        self.registry.block_list.free(card_uid);
        Ok(())
    }
}

//! Credits an account once with the balance of an earlier system; later ones change nothing, whatever their amount.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U32, U64};

use super::{Ask, Desk};
use crate::ledger::account::Marks;
use crate::ledger::apply::Posting;
use crate::ledger::decision::{Decision, Group};
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::lead::Lead;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{AMOUNT_FEN_MAX, BALANCE_FEN_MAX};
use crate::ledger::record::{MoneyRecord, Record, Wallet};
use crate::ledger::shard::Parts;

/// Credits an account once with the balance of an earlier system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The account.
    pub account: AccountId,
    /// The wallet credited: card or electronic.
    pub wallet: Wallet,
    /// The balance taken over.
    pub amount_fen: i64,
}

impl<'a> Ask<'a> for Opening {
    fn lead(&self, _: &Directory) -> Lead {
        Lead::to(Some(self.account))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Opening { account: id, wallet, amount_fen } = *self;
        if amount_fen <= 0 {
            return desk.unchanged(ResultCode::AmountNotPositive, None);
        }
        if amount_fen > AMOUNT_FEN_MAX {
            return desk.unchanged(ResultCode::AmountTooLarge, None);
        }
        if wallet == Wallet::Transition {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        let Some(person) = desk.person(id) else { return desk.unchanged(ResultCode::UnknownAccount, None) };
        let account = person.account;
        if account.marks.has(Marks::OPENING_POSTED) {
            return desk.unchanged(ResultCode::Approved, Some(id));
        }
        if account.wallet_fen(wallet) + amount_fen > BALANCE_FEN_MAX {
            return desk.unchanged(ResultCode::BalanceOverflow, Some(id));
        }
        let clearing = LedgerAccount::clearing(Clearing::Opening);
        let money = MoneyRecord {
            debit: U32::new(clearing.bits()),
            credit: U32::new(LedgerAccount::person(id).bits()),
            balance_after_fen: I64::new(account.system_fen() + amount_fen),
            previous_account: U64::new(account.head),
            previous_counter: desk.hot_head(desk.layout.shard_of_account(id), clearing),
            ..MoneyRecord::of_no_till(desk.date(), amount_fen, wallet)
        };
        let outcome = desk.outcome(&money, ResultCode::Approved, desk.stamp.number);
        Decision::Done { outcome, group: Group::one(Record::Opening(money)) }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn opening(&mut self, money: &MoneyRecord) -> Result<(), LedgerError> {
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        let wallet = self.wallet(money)?;
        self.post_person(person, money, |account| {
            *account.wallet_fen_mut(wallet) += amount_fen;
            account.marks = account.marks.with(Marks::OPENING_POSTED);
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)
    }
}

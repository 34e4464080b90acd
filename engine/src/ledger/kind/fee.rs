//! Fees: what a person pays for a card, before the record that hands it out, in its group.
//!
//! The electronic wallet pays first, the card wallet the rest, its subsidy part first; the card wallet may go below zero by
//! it, whatever the floor. Limits don't count it. The card wallet's range is the only bound: `BalanceOverflow`.

use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U32, U64};

use super::{Case, Desk, Person, channel_wallet};
use crate::ledger::apply::Posting;
use crate::ledger::error::LedgerError;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::BALANCE_FEN_MAX;
use crate::ledger::record::{MoneyRecord, Record, Wallet, Wallets, WalletsRecord};
use crate::ledger::shard::Parts;

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// The record by which a person pays a fee; none when it is 0.
    pub(super) fn fee<'a>(
        &self,
        case: &Case<'_, '_>,
        person: Person<'_>,
        fee_fen: i64,
    ) -> Result<Option<Record<'a>>, ResultCode> {
        if fee_fen == 0 {
            return Ok(None);
        }
        let account = person.account;
        let electronic_fen = fee_fen.min(account.electronic_fen);
        let card_fen = fee_fen - electronic_fen;
        if account.card_fen - card_fen < -BALANCE_FEN_MAX {
            return Err(ResultCode::BalanceOverflow);
        }
        let fees = LedgerAccount::clearing(Clearing::Fees);
        let wallet = if electronic_fen > 0 { Wallet::Electronic } else { Wallet::Card };
        let money = MoneyRecord {
            debit: U32::new(LedgerAccount::person(person.id).bits()),
            credit: U32::new(fees.bits()),
            amount_fen: I64::new(fee_fen),
            balance_after_fen: I64::new(account.system_fen() - fee_fen),
            previous_account: U64::new(account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), fees),
            channel_wallet: channel_wallet(case.channel, wallet),
            ..self.money(case, ResultCode::Approved)
        };
        let wallets = Wallets {
            card_fen: I64::new(-card_fen),
            transition_fen: I64::ZERO,
            electronic_fen: I64::new(-electronic_fen),
            subsidy_fen: I64::new(-account.subsidy_of(card_fen)),
        };
        Ok(Some(Record::Fee(WalletsRecord { money, wallets })))
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn fee(&mut self, fee: &WalletsRecord) -> Result<(), LedgerError> {
        let money = &fee.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.debit_account())?;
        self.post_wallets(person, money, &fee.wallets, -amount_fen, |_| {})?;
        self.post_hot(self.layout.shard_of_account(person), money.credit_account(), amount_fen)?;
        // The record that follows in the group has the identity.
        self.till(money)?;
        Ok(())
    }
}

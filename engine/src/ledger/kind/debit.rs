//! What every online debit has in common, whatever named the account: [`super::card_debit`], [`super::password_debit`],
//! [`super::code_debit`].
//!
//! Of the account: `AccountClosed`, `AccountFrozen`; of the till's merchant: `UnknownMerchant` (not registered or not
//! trading); then `DebitLimit` (of a payment code `CodeLimit`), `DayLimit`, `MealLimit` ([`super::meal_terms`]), `InsufficientFunds`,
//! `BalanceOverflow`.
//! - Limits are inclusive; the holder's own limit counts where it is lower than the class's, 0 = none of his own. With the holder's
//!   query password no limit applies: [`super::password_debit`].
//! - The day is the +08:00 calendar day of logged time; the total counts online debits and offline facts of that
//!   day, less those reversed.
//! - All of it is of what the person pays: the price with its surcharge, or less its discount ([`super::pricing`]).
//! - Funds: only the sum of the wallets less open holds counts, against the class's floor
//!   ([`crate::ledger::registry::AuthoriseRule`]).

use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::meal_terms::MealTerms;
use super::{Case, Desk, Person, channel_wallet};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::{Posting, mark_credential};
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::error::LedgerError;
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::limits::BALANCE_FEN_MAX;
use crate::ledger::record::{MoneyFlags, MoneyRecord, Record, Wallet};
use crate::ledger::registry::{AuthoriseRule, Policy};
use crate::ledger::shard::Parts;

/// Which limits of amounts hold for a debit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limits {
    /// Those without the password.
    Usual,
    /// Those of payment codes, which have one of their own for each.
    OfCodes,
    /// None: the holder's password came along.
    Lifted,
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// The 6xx group: what the account, the merchant and the rules of money say of the amount on these terms.
    #[inline(always)]
    pub(super) fn forbidden(
        &self,
        case: &Case<'_, '_>,
        person: Person<'_>,
        wallet: Wallet,
        limits: Limits,
        terms: MealTerms,
    ) -> Option<ResultCode> {
        let account = person.account;
        match account.status {
            AccountStatus::Open => {}
            AccountStatus::Frozen => return Some(ResultCode::AccountFrozen),
            AccountStatus::Closed => return Some(ResultCode::AccountClosed),
        }
        if !self.registry.merchant(case.till.config.merchant).is_some_and(|merchant| merchant.enabled) {
            return Some(ResultCode::UnknownMerchant);
        }
        let policy = self.registry.policy(account.class);
        let amount_fen = case.amount_fen + terms.pricing_fen;
        let (debit_max_fen, above) = match limits {
            Limits::Usual | Limits::Lifted => (policy.debit_max_fen, ResultCode::DebitLimit),
            Limits::OfCodes => (policy.code_limit_fen(), ResultCode::CodeLimit),
        };
        if limits != Limits::Lifted {
            if amount_fen > limit_fen(debit_max_fen, account.debit_max_fen) {
                return Some(above);
            }
            let spent_fen = account.spent_on_fen(self.today);
            if spent_fen + amount_fen > limit_fen(policy.day_max_fen, account.day_max_fen) {
                return Some(ResultCode::DayLimit);
            }
            if terms.window.is_some() && self.is_above_meal(person, policy, terms.window, amount_fen) {
                return Some(ResultCode::MealLimit);
            }
        }
        if !covers(policy, account.available_fen(), amount_fen) {
            return Some(ResultCode::InsufficientFunds);
        }
        if account.wallet_fen(wallet) - amount_fen < -BALANCE_FEN_MAX {
            return Some(ResultCode::BalanceOverflow);
        }
        None
    }

    /// The debit alone, or, when the card wallet has more to do than pay it, see [`super::card_wallet`].
    #[inline(always)]
    pub(super) fn post_debit<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        wallet: Wallet,
        (flags, token): (MoneyFlags, u32),
        terms: MealTerms,
    ) -> Decision<'a> {
        let account = person.account;
        let missing_fen = case.amount_fen + terms.pricing_fen - account.card_fen;
        let loaded_fen = missing_fen.min(account.electronic_fen);
        let settled_fen = -missing_fen.max(account.transition_fen);
        let more_to_do = (loaded_fen > 0) | (settled_fen > 0) | (account.subsidy_fen > 0);
        if (wallet == Wallet::Card && more_to_do) | terms.is_some() {
            let money = self.debit_money(case, person, wallet, flags, token);
            return self.post_full(person, money, (loaded_fen, settled_fen), terms);
        }
        Decision::Done {
            outcome: Outcome {
                code: ResultCode::Approved,
                account: Some(person.id),
                amount_fen: case.amount_fen,
                balance_after_fen: account.system_fen() - case.amount_fen,
                record: self.stamp.number,
                observed: self.stamp.number,
                repeat: false,
            },
            group: Group::one(Record::Debit(self.debit_money(case, person, wallet, flags, token))),
        }
    }

    #[inline(always)]
    pub(super) fn debit_money(
        &self,
        case: &Case<'_, '_>,
        person: Person<'_>,
        wallet: Wallet,
        flags: MoneyFlags,
        token: u32,
    ) -> MoneyRecord {
        let account = person.account;
        let merchant = LedgerAccount::merchant(case.till.config.merchant);
        MoneyRecord {
            debit: U32::new(LedgerAccount::person(person.id).bits()),
            credit: U32::new(merchant.bits()),
            balance_after_fen: I64::new(account.system_fen() - case.amount_fen),
            previous_account: U64::new(account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), merchant),
            token: U32::new(token),
            limit_day: U16::new(self.today),
            channel_wallet: channel_wallet(case.channel, wallet),
            flags: flags.0,
            ..self.money(case, ResultCode::Approved)
        }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    #[inline(always)]
    pub(in crate::ledger) fn debit(&mut self, money: &MoneyRecord) -> Result<(), LedgerError> {
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.debit_account())?;
        let wallet = self.wallet(money)?;
        let mut closes_tap = false;
        self.post_person(person, money, |account| {
            *account.wallet_fen_mut(wallet) -= amount_fen;
            account.add_spent(money.limit_day.get(), amount_fen);
            closes_tap = mark_credential(account, money);
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.credit_account(), amount_fen)?;
        self.post_till(money)?;
        if closes_tap {
            self.forget_tap(person);
        }
        if money.is_by_password() {
            self.password_was_right(person);
        }
        Ok(())
    }
}

/// The lower of the class's limit and the holder's own, where 0 is none.
fn limit_fen(class_fen: u32, holder_fen: u32) -> i64 {
    i64::from(if holder_fen == 0 { class_fen } else { class_fen.min(holder_fen) })
}

/// Whether what is available covers an amount.
pub(super) const fn covers(policy: &Policy, available_fen: i64, amount_fen: i64) -> bool {
    let above_zero = match policy.rule {
        AuthoriseRule::Covers => true,
        AuthoriseRule::AboveZero => available_fen > 0,
    };
    above_zero && available_fen - amount_fen >= policy.floor_fen
}

//! What a tap does with the card wallet besides paying from it, all in the tap's group.
//!
//! - **Load**: the card wallet holds less than the amount, and the electronic wallet something: what is missing comes from
//!   there first, `min(amount − card, electronic)`.
//! - **Settling**: the tap leaves something on the card, and phone spending waits in the transition wallet: as much of it as
//!   the tap leaves is settled onto the card first, `min(−transition, card − amount)`. It excludes a load, which leaves
//!   nothing.
//! - **Subsidy first**: of what a settling takes, then of what the tap takes, as much is subsidy as there is. A tap that
//!   uses some is a full debit, which says how much, and so is one in two phases ([`super::card_tap`]).
//!
//! A load or a settling stays when its tap is reversed. What is paid, here, is the price with its surcharge, or less its discount
//! ([`super::pricing`]); a debit that has one, or counts in a window ([`super::meal_terms`]), is a full debit, which says so, from
//! whatever wallet.

use protocol::ids::RecordNumber;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U32, U64};

use super::meal_terms::MealTerms;
use super::{Desk, Person};
use crate::ledger::apply::{Posting, mark_credential};
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::error::LedgerError;
use crate::ledger::limits::BALANCE_FEN_MAX;
use crate::ledger::outcome_ring::OutcomeMarks;
use crate::ledger::record::{FullDebitRecord, MoneyRecord, Record, Wallet, Wallets, WalletsRecord};
use crate::ledger::shard::Parts;

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// A debit that a plain one has no room for, with what goes before it. Neither a load nor a settling is made for an amount that
    /// isn't above zero, nor for another wallet than the card's.
    #[inline(never)]
    pub(super) fn post_full<'a>(
        &self,
        person: Person<'_>,
        mut money: MoneyRecord,
        (loaded_fen, settled_fen): (i64, i64),
        terms: MealTerms,
    ) -> Decision<'a> {
        let account = person.account;
        let paid_fen = money.amount_fen.get() + terms.pricing_fen;
        money.balance_after_fen = I64::new(account.system_fen() - paid_fen);
        let by_card = money.wallet() == Some(Wallet::Card);
        let (loaded_fen, settled_fen) = if by_card { (loaded_fen, settled_fen) } else { (0, 0) };
        let within_person = |money: &MoneyRecord, amount_fen: i64| MoneyRecord {
            credit: money.debit,
            amount_fen: I64::new(amount_fen),
            balance_after_fen: I64::new(account.system_fen()),
            previous_counter: U64::ZERO,
            token: U32::ZERO,
            flags: 0,
            ..*money
        };
        let mut subsidy_fen = account.subsidy_fen();
        let before = if loaded_fen > 0 {
            Some(Record::Load(within_person(&money, loaded_fen)))
        } else if settled_fen > 0 {
            let settled_subsidy_fen = account.subsidy_of(settled_fen);
            subsidy_fen -= settled_subsidy_fen;
            let settling = MoneyRecord {
                channel_wallet: money.channel_wallet & 0x0f | (Wallet::Transition as u8) << 4,
                ..within_person(&money, settled_fen)
            };
            let wallets = Wallets {
                card_fen: I64::new(-settled_fen),
                transition_fen: I64::new(settled_fen),
                electronic_fen: I64::ZERO,
                subsidy_fen: I64::new(-settled_subsidy_fen),
            };
            Some(Record::Settle(WalletsRecord { money: settling, wallets }))
        } else {
            None
        };
        let mut number = self.stamp.number;
        if before.is_some() {
            money.previous_account = U64::new(number.0);
            money.previous_terminal = U64::new(number.0);
            number = RecordNumber(number.0 + 1);
        }
        let used_fen = if by_card { paid_fen.min(subsidy_fen) } else { 0 };
        let debit = if used_fen > 0 || terms.is_some() {
            let mut wallets = Wallets { subsidy_fen: I64::new(-used_fen), ..Wallets::default() };
            let from = if by_card { &mut wallets.card_fen } else { &mut wallets.transition_fen };
            *from = I64::new(-paid_fen);
            Record::FullDebit(self.on_terms(person.id, FullDebitRecord::plain(money, wallets), terms))
        } else {
            Record::Debit(money)
        };
        let outcome = Outcome { amount_fen: paid_fen, ..self.outcome(&money, ResultCode::Approved, number) };
        let group = match before {
            Some(before) => Group::two(before, debit),
            None => Group::one(debit),
        };
        Decision::Done { outcome, group }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    /// What goes from one wallet to another. Facts and payments add up: a wallet may lack more than one request can ask
    /// for.
    pub(super) fn moved_fen(&self, money: &MoneyRecord) -> Result<i64, LedgerError> {
        let amount_fen = money.amount_fen.get();
        if (1..=2 * BALANCE_FEN_MAX).contains(&amount_fen) {
            Ok(amount_fen)
        } else {
            Err(self.bad("amount_fen"))
        }
    }

    pub(in crate::ledger) fn load(&mut self, money: &MoneyRecord) -> Result<(), LedgerError> {
        let amount_fen = self.moved_fen(money)?;
        let person = self.person(money.debit_account())?;
        self.post_person(person, money, |account| {
            account.electronic_fen -= amount_fen;
            account.card_fen += amount_fen;
        })?;
        // The debit that follows in the group has the identity.
        self.till(money)?;
        Ok(())
    }

    pub(in crate::ledger) fn settle(&mut self, settling: &WalletsRecord) -> Result<(), LedgerError> {
        let money = &settling.money;
        let amount_fen = self.moved_fen(money)?;
        let person = self.person(money.debit_account())?;
        self.post_wallets(person, money, &settling.wallets, 0, |_| {})?;
        if settling.wallets.transition_fen.get() != amount_fen || money.credit != money.debit {
            return Err(self.bad("wallets"));
        }
        // The debit that follows in the group has the identity.
        self.till(money)?;
        Ok(())
    }

    pub(in crate::ledger) fn full_debit(&mut self, debit: &FullDebitRecord) -> Result<(), LedgerError> {
        let money = &debit.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.debit_account())?;
        let MealTerms { pricing_fen, window } = self.terms_of(debit)?;
        let paid_fen = amount_fen + pricing_fen;
        let mut closes_tap = false;
        self.post_wallets(person, money, &debit.wallets, -paid_fen, |account| {
            account.add_spent(money.limit_day.get(), paid_fen);
            closes_tap = mark_credential(account, money);
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.credit_account(), amount_fen)?;
        self.post_pricing(person, pricing_fen)?;
        self.count_in_window(person, money.limit_day.get(), window, paid_fen);
        let used_fen =
            u32::try_from(-debit.wallets.subsidy_fen.get()).map_err(|_| self.bad("subsidy_fen"))?;
        let entry = self.post_till_with(money, used_fen)?;
        if debit.is_two_phase() {
            let sale = money.sale();
            if let Some(outcome) = entry.ring.get_mut(sale.epoch, sale.sequence) {
                outcome.marks = outcome.marks.with(OutcomeMarks::TWO_PHASE);
            }
            self.open_tap(person, debit)?;
        } else if closes_tap {
            self.forget_tap(person);
        }
        if money.is_by_password() {
            self.password_was_right(person);
        }
        self.remember_terms(money, pricing_fen, window.is_some())
    }
}

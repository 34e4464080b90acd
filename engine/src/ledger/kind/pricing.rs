//! What a debit takes on top of its price, or leaves to the payer, and what of that comes back with it.
//!
//! By the payer's class and the meal period of logged time: see [`crate::ledger::prices`]. The merchant gets the price; the surcharge
//! goes to the school, which also bears a discount ([`Clearing::Pricing`]), by the debit's own record
//! ([`FullDebitRecord::pricing_fen`]): a group needs no more records for it. Limits, funds, the day's total and the subsidy are of the
//! whole; a request, a till's totals and what a merchant is owed are of the price. An answer's amount is the whole.
//!
//! What is paid by self-scan is what the till's code shows, and what was paid offline is what the chip lost: neither is priced.
//!
//! A reversal, a void and a tap's undoing give all of it back, a refund the part that goes with its part of the price, so rounded
//! that the parts add up ([`part_fen`]).

use protocol::ids::AccountId;
use zerocopy::little_endian::{I64, U32, U64};

use super::Desk;
use super::meal_terms::MealTerms;
use crate::ledger::apply::Posting;
use crate::ledger::error::LedgerError;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::meals::Window;
use crate::ledger::outcome_ring::RememberedOutcome;
use crate::ledger::prices::part_fen;
use crate::ledger::record::{FullDebitRecord, MoneyRecord};
use crate::ledger::shard::Parts;

/// Where surcharges go, and discounts come from.
const PRICING: LedgerAccount = LedgerAccount::clearing(Clearing::Pricing);

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// The newest record of the pricing account's part in a person's shard, for a record that posts to it.
    pub(super) fn pricing_head(&self, person: AccountId, pricing_fen: i64) -> U64 {
        if pricing_fen == 0 {
            return U64::ZERO;
        }
        self.hot_head(self.layout.shard_of_account(person), PRICING)
    }

    /// The debit on these terms, the other way round or not.
    pub(super) fn on_terms(
        &self,
        person: AccountId,
        debit: FullDebitRecord,
        MealTerms { pricing_fen, window }: MealTerms,
    ) -> FullDebitRecord {
        FullDebitRecord {
            pricing_fen: I64::new(pricing_fen),
            previous_pricing: self.pricing_head(person, pricing_fen),
            window: U32::new(window.number().into()),
            ..debit
        }
    }
}

/// What of a debit's pricing goes back with a part of the price, after so much of it went back before.
pub(super) fn pricing_back_fen(debit: &RememberedOutcome, before_fen: i64, part: i64) -> i64 {
    let upto = |price_fen| part_fen(debit.pricing_fen(), price_fen, debit.amount_fen());
    upto(before_fen + part) - upto(before_fen)
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    /// What a record says of pricing: that it is no more than the price, and names a record before it if it is something.
    pub(super) fn pricing_of(
        &self,
        money: &MoneyRecord,
        pricing_fen: I64,
        previous: U64,
    ) -> Result<i64, LedgerError> {
        let pricing_fen = pricing_fen.get();
        if pricing_fen.unsigned_abs() > money.amount_fen.get().unsigned_abs()
            || pricing_fen == 0 && previous.get() != 0
        {
            return Err(self.bad("pricing_fen or previous_pricing"));
        }
        Ok(pricing_fen)
    }

    /// The terms of a debit, the other way round or not.
    pub(super) fn terms_of(&self, debit: &FullDebitRecord) -> Result<MealTerms, LedgerError> {
        let phases = [0, FullDebitRecord::TWO_PHASES].contains(&debit.phases) && debit.reserved == [0; 3];
        let window = Window::from_number(debit.window.get()).filter(|_| phases);
        let window = window.ok_or_else(|| self.bad("window or phases"))?;
        let pricing_fen = self.pricing_of(&debit.money, debit.pricing_fen, debit.previous_pricing)?;
        Ok(MealTerms { pricing_fen, window })
    }

    /// Posts to the pricing account's part in a person's shard, if there is anything to post.
    pub(super) fn post_pricing(&mut self, person: AccountId, pricing_fen: i64) -> Result<(), LedgerError> {
        if pricing_fen == 0 {
            return Ok(());
        }
        self.post_hot(self.layout.shard_of_account(person), PRICING, pricing_fen)
    }

    /// Remembers the pricing of what was just remembered under its identity, and of a debit whether it counts in a window.
    pub(super) fn remember_terms(
        &mut self,
        money: &MoneyRecord,
        pricing_fen: i64,
        is_counted: bool,
    ) -> Result<(), LedgerError> {
        if pricing_fen == 0 && !is_counted {
            return Ok(());
        }
        let (sale, number) = (money.sale(), self.number);
        let slot = money.terminal_slot().ok_or(LedgerError::NotKnown { number, what: "the terminal" })?;
        if let Some(entry) = self.layout.terminal_mut(self.parts, slot)
            && let Some(outcome) = entry.ring.get_mut(sale.epoch, sale.sequence)
        {
            *outcome = outcome.with_terms(pricing_fen, is_counted);
        }
        Ok(())
    }
}

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
use zerocopy::little_endian::{I64, U64};

use super::{Case, Desk};
use crate::ledger::account::Account;
use crate::ledger::apply::Posting;
use crate::ledger::error::LedgerError;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::outcome_ring::RememberedOutcome;
use crate::ledger::prices::{part_fen, pricing_fen};
use crate::ledger::record::{FullDebitRecord, MoneyRecord};
use crate::ledger::shard::Parts;

/// Where surcharges go, and discounts come from.
const PRICING: LedgerAccount = LedgerAccount::clearing(Clearing::Pricing);

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// What a debit takes on top of its price now; below zero for a discount.
    #[inline(always)]
    pub(super) fn pricing_fen(&self, case: &Case<'_, '_>, account: &Account) -> i64 {
        if self.registry.prices.has(account.class) { self.pricing_of_class(case, account.class) } else { 0 }
    }

    #[cold]
    #[inline(never)]
    fn pricing_of_class(&self, case: &Case<'_, '_>, class: u8) -> i64 {
        pricing_fen(case.amount_fen, self.registry.prices.at(class, self.stamp.time_ns))
    }

    /// The newest record of the pricing account's part in a person's shard, for a record that posts to it.
    pub(super) fn pricing_head(&self, person: AccountId, pricing_fen: i64) -> U64 {
        if pricing_fen == 0 {
            return U64::ZERO;
        }
        self.hot_head(self.layout.shard_of_account(person), PRICING)
    }

    /// The debit with so much of pricing, the other way round or not.
    pub(super) fn priced(
        &self,
        person: AccountId,
        debit: FullDebitRecord,
        pricing_fen: i64,
    ) -> FullDebitRecord {
        let previous_pricing = self.pricing_head(person, pricing_fen);
        FullDebitRecord { pricing_fen: I64::new(pricing_fen), previous_pricing, ..debit }
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

    /// The same of a debit, the other way round or not. In no window: a record that says so is of a later version.
    pub(super) fn pricing_of_debit(&self, debit: &FullDebitRecord) -> Result<i64, LedgerError> {
        let phases = [0, FullDebitRecord::TWO_PHASES].contains(&debit.phases) && debit.reserved == [0; 3];
        if !phases || debit.window.get() != 0 {
            return Err(self.bad("window or phases"));
        }
        self.pricing_of(&debit.money, debit.pricing_fen, debit.previous_pricing)
    }

    /// Posts to the pricing account's part in a person's shard, if there is anything to post.
    pub(super) fn post_pricing(&mut self, person: AccountId, pricing_fen: i64) -> Result<(), LedgerError> {
        if pricing_fen == 0 {
            return Ok(());
        }
        self.post_hot(self.layout.shard_of_account(person), PRICING, pricing_fen)
    }

    /// Remembers the pricing of what was just remembered under its identity.
    pub(super) fn remember_pricing(
        &mut self,
        money: &MoneyRecord,
        pricing_fen: i64,
    ) -> Result<(), LedgerError> {
        if pricing_fen == 0 {
            return Ok(());
        }
        let (sale, number) = (money.sale(), self.number);
        let slot = money.terminal_slot().ok_or(LedgerError::NotKnown { number, what: "the terminal" })?;
        if let Some(entry) = self.layout.terminal_mut(self.parts, slot)
            && let Some(outcome) = entry.ring.get_mut(sale.epoch, sale.sequence)
        {
            *outcome = outcome.with_pricing(pricing_fen);
        }
        Ok(())
    }
}

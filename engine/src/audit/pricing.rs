//! What debits take on top of their prices, or leave: recomputed from the log's own configuration.

use std::collections::HashMap;

use crate::ledger::limits::MEAL_PERIODS_MAX;
use crate::ledger::record::{MealPeriodSetRecord, PriceSetRecord, Record};
use crate::settlement::LocalTime;

/// Rates by class and meal period, and when the periods are.
#[derive(Debug, Default)]
pub(super) struct Prices {
    rates: HashMap<(u8, usize), i16>,
    times: [(u16, u16); MEAL_PERIODS_MAX],
}

impl Prices {
    /// Takes a rate.
    ///
    /// # Errors
    /// What is out of range, in words; here and below.
    pub(super) fn set(&mut self, r: &PriceSetRecord) -> Result<(), String> {
        let (class, period, rate) = (r.class, usize::from(r.period), r.rate.get());
        if usize::from(class) >= 64 || period > MEAL_PERIODS_MAX || !(-10_000..=10_000).contains(&rate) {
            return Err(format!("class {class} pays {rate} in meal period {period}"));
        }
        self.rates.insert((class, period), rate);
        Ok(())
    }

    pub(super) fn set_period(&mut self, r: &MealPeriodSetRecord) {
        if let Some(times) = self.times.get_mut(usize::from(r.period)) {
            *times = (r.start_minute.get(), r.end_minute.get());
        }
    }

    /// Takes what was paid beside a price.
    pub(super) fn agree(&self, class: u8, time_ns: u64, price_fen: i64, paid_fen: i64) -> Result<(), String> {
        let due_fen = self.due_fen(class, time_ns, price_fen);
        if paid_fen == due_fen {
            return Ok(());
        }
        Err(format!("{paid_fen} fen are paid beside the price of {price_fen}, due are {due_fen}"))
    }

    /// The meal period of a moment; [`MEAL_PERIODS_MAX`] outside of every one.
    pub(super) fn period_at(&self, time_ns: u64) -> usize {
        let minute = LocalTime(time_ns).minute_of_day();
        let within = |(start, end): &(u16, u16)| minute >= *start && minute < *end;
        self.times.iter().position(within).unwrap_or(MEAL_PERIODS_MAX)
    }

    /// What a class pays on top of a price at a moment.
    fn due_fen(&self, class: u8, time_ns: u64, price_fen: i64) -> i64 {
        let rate = self.rates.get(&(class, self.period_at(time_ns))).copied().unwrap_or(0);
        share_fen(i64::from(rate), price_fen, 10_000)
    }
}

/// The part of a sum that goes with `part` of `whole`, rounded to the nearest; from a half on away from zero.
pub(super) fn share_fen(sum_fen: i64, part: i64, whole: i64) -> i64 {
    let product = i128::from(sum_fen) * i128::from(part);
    let (quotient, rest) = (product / i128::from(whole), product % i128::from(whole));
    let more = if 2 * rest.abs() >= i128::from(whole) { product.signum() } else { 0 };
    // No more than the sum, if `part` is no more than `whole`, or else what a rate makes of an amount.
    (quotient + more) as i64
}

/// The record before this one in the chain of the pricing account's part.
pub(super) fn previous_pricing(record: &Record<'_>) -> u64 {
    match record {
        Record::FullDebit(r) => r.previous_pricing.get(),
        Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => r.back.previous_pricing.get(),
        Record::Refund(r) => r.previous_pricing.get(),
        _ => 0,
    }
}

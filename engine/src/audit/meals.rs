//! What accounts spend in a meal period of a day, added up again from the log.

use std::collections::HashMap;

use crate::ledger::limits::MEAL_PERIODS_MAX;

use super::pricing::Prices;

/// What every account has spent in the newest meal period that a debit of it counts in.
#[derive(Debug, Default)]
pub(super) struct Meals {
    /// Day, number of the window, and how much, by account.
    spent: HashMap<u32, (u16, u32, i64)>,
}

/// The window of a moment, as records number it: of a meal period its number and one, 0 outside of every one.
pub(super) fn window_at(prices: &Prices, time_ns: u64) -> u32 {
    match prices.period_at(time_ns) {
        MEAL_PERIODS_MAX => 0,
        // There are few of them.
        period => period as u32 + 1,
    }
}

impl Meals {
    /// Counts what an account paid in a window of a day, or got back (below zero); how much it has spent there now.
    pub(super) fn count(&mut self, account: u32, (day, window): (u16, u32), paid_fen: i64) -> i64 {
        if window == 0 {
            return 0;
        }
        let spent = self.spent.entry(account).or_default();
        if (spent.0, spent.1) == (day, window) {
            spent.2 += paid_fen;
        } else if paid_fen > 0 {
            *spent = (day, window, paid_fen);
        }
        spent.2
    }
}

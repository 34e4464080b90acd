//! What the payer's class and the meal period of logged time make of a debit: what it takes beside its price ([`super::pricing`]), and
//! the window of a limit that it counts in.
//!
//! **Limit of a meal** (`MealLimit`): what an account of a class may pay online within one meal period of a day, by card and by code,
//! without the query password; inclusive, of what the person pays. With the password a debit counts, and isn't limited; outside of every
//! period, by self-scan and offline none counts. A reversal, a void, a refund on the same day and the undoing of a tap restore it, by
//! the meal periods as they are then. Only debits that were made while the class had a limit count.

use super::{Case, Desk, Person};
use crate::ledger::account::Account;
use crate::ledger::meals::Window;
use crate::ledger::open_taps::open_tap;
use crate::ledger::outcome_ring::RememberedOutcome;
use crate::ledger::prices::pricing_fen;
use crate::ledger::registry::Policy;
use crate::ledger::shard::Parts;

/// What the payer's class and the meal period make of a debit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MealTerms {
    /// What it takes on top of its price; below zero for a discount.
    pub(super) pricing_fen: i64,
    /// The meal period that it counts in.
    pub(super) window: Window,
}

impl MealTerms {
    /// The price alone, in no window.
    pub(super) const NONE: MealTerms = MealTerms { pricing_fen: 0, window: Window::NONE };

    /// Whether a plain debit has no room for it.
    #[inline(always)]
    pub(super) const fn is_some(&self) -> bool {
        self.pricing_fen != 0 || self.window.is_some()
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// What its payer's class and the time make of a debit.
    #[inline(always)]
    pub(super) fn meal_terms(&self, case: &Case<'_, '_>, account: &Account) -> MealTerms {
        if self.registry.prices.ask_period(account.class) {
            self.terms_of_class(case, account.class)
        } else {
            MealTerms::NONE
        }
    }

    #[cold]
    #[inline(never)]
    fn terms_of_class(&self, case: &Case<'_, '_>, class: u8) -> MealTerms {
        let prices = &self.registry.prices;
        let period = prices.period_at(self.stamp.time_ns);
        let pricing_fen =
            if prices.has(class) { pricing_fen(case.amount_fen, prices.rate(class, period)) } else { 0 };
        let is_limited = self.registry.policy(class).meal_max_fen != 0;
        MealTerms { pricing_fen, window: if is_limited { Window::of_period(period) } else { Window::NONE } }
    }

    /// Whether a debit takes what its payer spends in its window above the class's limit.
    #[cold]
    #[inline(never)]
    pub(super) fn is_above_meal(
        &self,
        person: Person<'_>,
        policy: &Policy,
        window: Window,
        paid_fen: i64,
    ) -> bool {
        // A tap that is undone in this very group has left the account, and not yet what was spent.
        let undone = (!person.account.has_open_tap()).then(|| open_tap(self.parts, person.id)).flatten();
        let undone_fen = undone
            .filter(|tap| (tap.limit_day, tap.window) == (self.today, window))
            .map_or(0, |tap| tap.amount_fen + i64::from(tap.pricing_fen));
        let spent = self.layout.meal(self.parts, person.id);
        let before_fen = spent.of(self.today, window) - undone_fen;
        before_fen + paid_fen > i64::from(policy.meal_max_fen)
    }

    /// The window that a debit counts in, for what gives it back.
    pub(super) fn window_of(&self, debit: &RememberedOutcome) -> Window {
        if debit.is_counted() {
            Window::of_period(self.registry.prices.period_at(debit.time_ns))
        } else {
            Window::NONE
        }
    }
}

//! What accounts of classes with a limit of a meal have spent in the meal period of the day: one row an account, of its newest
//! debit that counts in one.
//!
//! Online debits count when they are decided, by logged time, and what is given back of them on the same day takes off; what was paid
//! offline, and by self-scan, counts in none. See [`super::kind::meal_terms`].

use protocol::ids::AccountId;

use super::apply::Posting;
use super::prices::OTHER_TIME;
use super::shard::Parts;

/// The meal period that a debit counts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window(u8);

impl Window {
    /// None.
    pub const NONE: Window = Window(0);

    /// Of a meal period; none outside of every one.
    pub(super) const fn of_period(period: u8) -> Window {
        if period < OTHER_TIME { Window(period + 1) } else { Window::NONE }
    }

    /// As in records: the period's number and one, 0 for none. `None` where it is neither.
    pub fn from_number(number: u32) -> Option<Window> {
        u8::try_from(number).ok().filter(|&number| number <= OTHER_TIME).map(Window)
    }

    /// As in records.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether it is one.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

/// What an account has spent in a meal period of a day: 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MealSpent {
    pub(super) spent_fen: i64,
    /// Days since 2000-01-01 (+08:00).
    pub(super) day: u16,
    pub(super) window: Window,
}

impl MealSpent {
    /// How much of it is of this window of this day.
    pub(super) fn of(&self, day: u16, window: Window) -> i64 {
        if (self.day, self.window) == (day, window) { self.spent_fen } else { 0 }
    }

    /// Counts what was paid in a window of a day, or given back (below zero). What comes back of another window than the newest is
    /// taken off none.
    fn count(&mut self, day: u16, window: Window, paid_fen: i64) {
        let is_same = (self.day, self.window) == (day, window);
        if is_same || paid_fen > 0 {
            let before_fen = if is_same { self.spent_fen } else { 0 };
            *self = MealSpent { spent_fen: before_fen + paid_fen, day, window };
        }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    /// Counts what a person paid in a window of a day, or got back (below zero).
    #[inline(always)]
    pub(super) fn count_in_window(&mut self, person: AccountId, day: u16, window: Window, paid_fen: i64) {
        if window.is_some() {
            self.layout.meal_mut(self.parts, person).count(day, window, paid_fen);
        }
    }
}

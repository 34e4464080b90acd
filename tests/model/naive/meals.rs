//! What is paid in one meal period of a day, by accounts whose class has a limit of that.

use super::{Account, Model, Past};

impl Model {
    /// The meal period of a moment, as the periods are now.
    pub(super) fn period_at(&self, time_ns: u64) -> Option<u8> {
        let minute = (time_ns / 60_000_000_000 + 8 * 60) % 1_440;
        let within =
            |(_, start, end): &(String, u16, u16)| (u64::from(*start)..u64::from(*end)).contains(&minute);
        self.meal_periods.iter().find(|(_, meal)| within(meal)).map(|(&period, _)| period)
    }

    /// The meal period that a debit of an account counts in now.
    pub(super) fn counts_in(&self, id: u32) -> Option<u8> {
        let is_limited = self.policy(self.accounts[id as usize].class).meal_max_fen > 0;
        self.period_at(self.time_ns).filter(|_| is_limited)
    }

    /// Whether so much more in the meal period is too much.
    pub(super) fn is_above_meal(&self, id: u32, paid_fen: i64) -> bool {
        let account = &self.accounts[id as usize];
        let Some(period) = self.counts_in(id) else { return false };
        let before_fen = match account.meal {
            Some((day, newest, spent_fen)) if (day, newest) == (self.today(), period) => spent_fen,
            _ => 0,
        };
        before_fen + paid_fen > i64::from(self.policy(account.class).meal_max_fen)
    }

    /// What comes back of a debit that counted is taken off the meal period in which its time is now.
    pub(super) fn take_off_meal(&mut self, id: u32, day: u16, past: &Past, back_fen: i64) {
        if past.counts_in.is_some() {
            let period = self.period_at(past.time_ns);
            self.accounts[id as usize].add_meal(day, period, -back_fen);
        }
    }
}

impl Account {
    /// Only the newest meal period is remembered.
    pub(super) fn add_meal(&mut self, day: u16, period: Option<u8>, paid_fen: i64) {
        let Some(period) = period else { return };
        match &mut self.meal {
            Some((newest_day, newest, spent_fen)) if (*newest_day, *newest) == (day, period) => {
                *spent_fen += paid_fen;
            }
            _ if paid_fen > 0 => self.meal = Some((day, period, paid_fen)),
            _ => {}
        }
    }
}

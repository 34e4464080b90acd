//! Whether debits counted in the meal periods that they should, and stayed within the limits of meals.

use protocol::ids::AccountId;

use super::Checker;
use crate::audit::meals::window_at;
use crate::audit::report::Check;
use crate::ledger::record::{MoneyRecord, Record};
use crate::ledger::registry::Policy;

impl Checker<'_> {
    /// An online debit counts while its payer's class has a limit of a meal, in the meal period of its time; without the password what
    /// is spent there stays within the limit.
    pub(super) fn meal(&mut self, record: &Record<'_>, money: &MoneyRecord) {
        let Some(account) = money.person() else { return };
        let Some(person) = self.persons.get(account.0 as usize) else { return };
        let max_fen = self.policies.get(&person.class).unwrap_or(&Policy::DEFAULT).meal_max_fen;
        let due = if max_fen == 0 { 0 } else { window_at(&self.prices, self.time_ns) };
        let window = match record {
            Record::FullDebit(r) => r.window.get(),
            _ => 0,
        };
        self.check(window == due, Check::Limit, || format!("it counts in window {window}, due is {due}"));
        let paid_fen = money.amount_fen.get() + record.pricing_fen();
        let spent_fen = self.meals.count(account.0, (money.limit_day.get(), window), paid_fen);
        let within = money.is_by_password() || spent_fen <= i64::from(max_fen);
        self.check(window == 0 || within, Check::Limit, || {
            format!("{spent_fen} fen are paid in a meal period, without a password {max_fen} may be")
        });
    }

    /// What is given back of a debit is taken off the window that it counted in, as the meal periods are now; of a debit that counted
    /// in none it is taken off none.
    pub(super) fn meal_back(&mut self, record: &Record<'_>, (original, sold_ns): (&Record<'_>, u64)) {
        let Some(money) = record.money() else { return };
        let Some(AccountId(account)) = money.person() else { return };
        let (window, is_old_day) = match record {
            Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => (r.back.window.get(), false),
            Record::Refund(r) => (r.window.get(), money.limit_day.get() == 0),
            _ => (0, false),
        };
        let due = match original {
            Record::FullDebit(sold) if sold.window.get() != 0 && !is_old_day => match record {
                Record::TapUndone(_) => sold.window.get(),
                _ => window_at(&self.prices, sold_ns),
            },
            _ => 0,
        };
        self.check(window == due, Check::Limit, || format!("it is taken off window {window}, due is {due}"));
        let back_fen = money.amount_fen.get() + record.pricing_fen();
        self.meals.count(account, (money.limit_day.get(), window), -back_fen);
    }
}

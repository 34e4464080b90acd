//! Whether debits were priced as their payers' classes are.

use super::Checker;
use crate::audit::report::Check;
use crate::ledger::record::{MoneyRecord, Record};

impl Checker<'_> {
    /// What is paid beside the price is what the payer's class pays at this time of the day.
    pub(super) fn priced(&mut self, record: &Record<'_>, money: &MoneyRecord) {
        let Some(person) = money.person().and_then(|account| self.persons.get(account.0 as usize)) else {
            return;
        };
        let due = self.prices.agree(person.class, self.time_ns, money.amount_fen.get(), record.pricing_fen());
        self.agree(Check::Pricing, due);
    }
}

//! What is paid in a meal, of which there is one here, all day long.

use engine::ledger::Record;
use engine::ledger::record::MoneyRecord;
use protocol::result_code::ResultCode;

use super::Auditor;

impl Auditor {
    /// Nobody of a class that has a limit of a meal pays more without the password; what comes back on its own day leaves room again.
    pub(super) fn meal(&mut self, money: &MoneyRecord, record: &Record<'_>) -> Result<(), String> {
        self.meals_refused += u64::from(money.result_code() == Some(ResultCode::MealLimit));
        let (window, back) = match record {
            Record::Debit(_) => (0, false),
            Record::FullDebit(r) => (r.window.get(), false),
            Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => (r.back.window.get(), true),
            Record::Refund(r) => (r.window.get(), true),
            _ => return Ok(()),
        };
        let account = money.person().ok_or("nobody eats")?;
        let class = self.persons.get(account.0 as usize).map_or(0, |person| person.class);
        let max_fen = self.policies.get(&class).map_or(0, |policy| policy.meal_max_fen);
        if !back && window != u32::from(max_fen > 0) {
            return Err(format!("account {account} pays in window {window}, with a limit of {max_fen} fen"));
        }
        if window == 0 {
            return Ok(());
        }
        let spent_fen = self.meals.entry((account, money.limit_day.get())).or_default();
        let all_fen = money.amount_fen.get() + record.pricing_fen();
        *spent_fen += if back { -all_fen } else { all_fen };
        if !back && !money.is_by_password() && *spent_fen > i64::from(max_fen) {
            return Err(format!("account {account} pays {spent_fen} fen in a meal of {max_fen} at most"));
        }
        Ok(())
    }
}

//! The outcome that an answer tells.

use protocol::answer::Answer;
use protocol::result_code::ResultCode;

/// The code of an answer; `None` for those that have none, or one for each of their lines.
pub(crate) fn code_of(answer: &Answer<'_>) -> Option<ResultCode> {
    match answer {
        Answer::Money(money) => Some(money.code),
        Answer::Tap(tap) => Some(tap.money.code),
        Answer::Balance(balance) => Some(balance.code),
        Answer::Bill(bill) => Some(bill.code),
        Answer::Statement(statement) => Some(statement.code),
        Answer::ClassRules(table) => Some(table.code),
        Answer::MealPeriods(table) => Some(table.code),
        Answer::PriceTable(table) => Some(table.code),
        Answer::BlockList(list) => Some(list.code),
        Answer::ScanPay(paid) => Some(paid.money.code),
        Answer::OpenGaps(gaps) => Some(gaps.code),
        Answer::Unconfirmed(unconfirmed) => Some(unconfirmed.code),
        Answer::Shift(shift) => Some(shift.code),
        Answer::BatchSettle(settle) => Some(settle.code),
        Answer::BatchLines(lines) => Some(lines.code),
        Answer::Reprint(receipt) => Some(receipt.code),
        Answer::Subsidy(subsidy) => Some(subsidy.code),
        Answer::TerminalKey(key) => Some(key.code),
        Answer::Refused(refusal) => Some(refusal.code),
        Answer::Adjustments(page) => Some(page.code),
        Answer::SubsidyPreview(page) => Some(page.code),
        Answer::SignedOut | Answer::Heartbeat(_) | Answer::Batch(_) => None,
    }
}

//! Limits of one debit, from records alone.

use crate::ledger::command::Channel;
use crate::ledger::record::MoneyRecord;
use crate::ledger::registry::Policy;

/// An online debit isn't above the limit of the payer's class, or the holder's own where that is lower (0 = none): payment codes have
/// one of their own, and with the holder's query password there is none.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn within_limit(
    money: &MoneyRecord,
    paid_fen: i64,
    (policy, own_max_fen): (&Policy, u32),
) -> Result<(), String> {
    let class_max_fen = match money.channel() {
        _ if money.is_by_password() => return Ok(()),
        Some(Channel::Code) if policy.code_max_fen != 0 => policy.code_max_fen,
        _ => policy.debit_max_fen,
    };
    let max_fen = if own_max_fen == 0 { class_max_fen } else { class_max_fen.min(own_max_fen) };
    if paid_fen <= i64::from(max_fen) {
        Ok(())
    } else {
        Err(format!("{paid_fen} fen are paid at once, without a password {max_fen} may be"))
    }
}

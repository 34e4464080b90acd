//! What operators ask has in common: who may, and that whoever does it says why.
//!
//! An operator signs in with a key of his own, like a till: his number, epoch and sequence are the identity of what he asks,
//! so that it happens once, and stand in the record together with the reason.
//!
//! After the identity: `AmountNotPositive` and `AmountTooLarge` where there is an amount, `SequenceZero`, `NotPermitted` for
//! what isn't an operator, `WrongRole` for an operator of another role, `ReasonMissing`, `ReasonTooLong`. None of these leaves
//! a record. Of all others the lowest number is the answer, and remembered.

use protocol::command_table::Kind;
use protocol::result_code::ResultCode;

use super::{Case, Desk, Person, Till};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{AccountSelector, Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::fold::Fold;
use crate::ledger::limits::REASON_BYTES_MAX;
use crate::ledger::record::{MoneyRecord, Record};
use crate::ledger::shard::Parts;

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_OFFICE: u64 = 0x4f46_4649;

/// Begins the digest of a request's body with its kind and its reason.
pub(super) fn digest_of(kind: Kind, reason: &[u8]) -> Fold {
    Fold::new(DOMAIN_OFFICE).word(u64::from(kind.number())).bytes(reason)
}

/// The length of a reason, which [`Desk::office_refusal`] has let through.
pub(super) const fn reason_bytes(reason: &[u8]) -> u8 {
    reason.len() as u8
}

const _: () = assert!(REASON_BYTES_MAX <= u8::MAX as usize);

/// Whose request it is: the beginning of every decision here.
pub(super) const fn case_of<'s, 'a>(
    till: Till<'s>,
    sale: &'s Sale<'a>,
    digest: u64,
    amount_fen: i64,
) -> Case<'s, 'a> {
    Case { till, sale, digest, channel: Channel::Operator, amount_fen }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// The answer when it was asked before, or may not be asked like this: without a reason where there is to be one, or with
    /// an amount out of its range where there is one.
    pub(super) fn office_refusal<'a>(
        &self,
        case: &Case<'_, 'a>,
        kind: Kind,
        reason: Option<&[u8]>,
        amount_max_fen: Option<i64>,
    ) -> Option<Decision<'a>> {
        if let Some(decision) = self.known(case) {
            return Some(decision);
        }
        let code = if amount_max_fen.is_some() && case.amount_fen <= 0 {
            ResultCode::AmountNotPositive
        } else if amount_max_fen.is_some_and(|max_fen| case.amount_fen > max_fen) {
            ResultCode::AmountTooLarge
        } else if case.sale.sequence.0 == 0 {
            ResultCode::SequenceZero
        } else if let Some(code) = case.till.config.refusal_of(kind) {
            code
        } else if reason.is_some_and(<[u8]>::is_empty) {
            ResultCode::ReasonMissing
        } else if reason.is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
            ResultCode::ReasonTooLong
        } else {
            return None;
        };
        Some(self.transient(case, code))
    }

    /// The account that an operator means, which may be frozen, but not closed.
    pub(super) fn office_account(
        &self,
        selector: &AccountSelector,
    ) -> Result<Person<'_>, (ResultCode, Option<Person<'_>>)> {
        let person = self.select_lost_or_not(selector).map_err(|code| (code, None))?;
        if person.account.status == AccountStatus::Closed {
            return Err((ResultCode::AccountClosed, Some(person)));
        }
        Ok(person)
    }

    /// One record, with the outcome that its money record tells.
    pub(super) fn office_done<'a>(
        &self,
        money: &MoneyRecord,
        code: ResultCode,
        record: Record<'a>,
    ) -> Decision<'a> {
        let outcome = self.outcome(money, code, self.stamp.number);
        Decision::Done { outcome, group: Group::one(record) }
    }
}

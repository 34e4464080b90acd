//! A payment by code.
//!
//! `CodeMalformed`, then `CodeLocked` while the terminal is locked (ten wrong MACs within five minutes of the first;
//! until those five minutes are over), then `CodeNotAuthentic`, `CodeExpired`, `CodeUsed`. Only `CodeNotAuthentic`
//! counts towards the lock. A code older than the three newest steps that the account has used codes of is
//! `CodeExpired`; `CodeRevoked` where its holder revoked all of its step, `CodeKeyRetired` where it was made under a key that
//! isn't in use any more. From there on the code is used up, even if the debit is refused. `CodeNotBound` when no phone is bound to the
//! account any more, or none yet and its class asks for one ([`crate::ledger::registry::Policy::codes_need_phone`]). Then the
//! rules of every debit: see [`super::debit`]. Wallet: transition.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use super::debit::Limits;
use super::{Ask, Case, Desk};
use crate::ledger::account::{Account, CodeUse, Marks};
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::directory::Directory;
use crate::ledger::fold::Fold;
use crate::ledger::lead::Lead;
use crate::ledger::record::{MoneyFlags, Wallet};
use crate::ledger::shard::Parts;

/// What checking a payment code's digits against the campus key and the clock said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeVerdict {
    /// Authentic and in its time: a code of this account, time step and nonce.
    Authentic {
        /// The account that it pays from.
        account: AccountId,
        /// The 30-second step it was issued for; below 2^28.
        step: u32,
        /// Which of the step's codes, 0 to 15.
        nonce: u8,
    },
    /// Not a code: digits, length or key id.
    Malformed,
    /// The MAC is wrong.
    NotAuthentic,
    /// The time has passed, or hasn't come.
    Expired,
}

/// A payment by code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDebit<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The digits as they were scanned; only their digest is kept.
    pub digits: [u8; 20],
    /// What checking them said.
    pub verdict: CodeVerdict,
    /// The version of the code key that they were checked under; 0 where they were checked under none.
    pub key_version: u32,
    /// What is to be paid.
    pub amount_fen: i64,
}

impl<'a> Ask<'a> for CodeDebit<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, _: &Directory) -> Lead {
        match self.verdict {
            CodeVerdict::Authentic { account, .. } => Lead::to(Some(account)),
            _ => Lead::NONE,
        }
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(self.amount_fen) };
        let case = Case {
            till,
            sale: &self.sale,
            digest: self.digest(),
            channel: Channel::Code,
            amount_fen: self.amount_fen,
        };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        if let Some(code) = desk.bad_field(&case, till.config.sells()) {
            return desk.transient(&case, code);
        }
        if self.verdict == CodeVerdict::Malformed {
            return desk.refuse(&case, ResultCode::CodeMalformed, None);
        }
        if till.entry.codes_locked(desk.stamp.time_ns) {
            return desk.refuse(&case, ResultCode::CodeLocked, None);
        }
        let (account, step, nonce) = match self.verdict {
            CodeVerdict::Malformed | CodeVerdict::NotAuthentic => {
                return desk.refuse(&case, ResultCode::CodeNotAuthentic, None);
            }
            CodeVerdict::Expired => return desk.refuse(&case, ResultCode::CodeExpired, None),
            CodeVerdict::Authentic { account, step, nonce } => (account, step & 0x0fff_ffff, nonce & 0x0f),
        };
        let Some(person) = desk.person(account) else {
            return desk.refuse(&case, ResultCode::UnknownAccount, None);
        };
        match person.account.code_use(step, nonce) {
            CodeUse::Free => {}
            CodeUse::Used => return desk.refuse(&case, ResultCode::CodeUsed, Some(person)),
            CodeUse::Revoked => return desk.refuse(&case, ResultCode::CodeRevoked, Some(person)),
            CodeUse::TooOld => return desk.refuse(&case, ResultCode::CodeExpired, Some(person)),
        }
        if !desk.registry.code_key.takes(self.key_version, step) {
            return desk.refuse(&case, ResultCode::CodeKeyRetired, Some(person));
        }
        let token = step | u32::from(nonce) << 28;
        if desk.needs_a_phone(person.account) {
            let code = ResultCode::CodeNotBound;
            return desk.refuse_with(&case, code, Some(person), MoneyFlags::CODE, token);
        }
        let terms = desk.meal_terms(&case, person.account);
        let wallet = Wallet::Transition;
        if let Some(code) = desk.forbidden(&case, person, wallet, Limits::OfCodes, terms) {
            return desk.refuse_with(&case, code, Some(person), MoneyFlags::CODE, token);
        }
        desk.post_debit(&case, person, wallet, (MoneyFlags::CODE, token), terms)
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// Whether the account's codes are refused because no phone is bound to it: none any more, or none yet and its class asks
    /// for one.
    fn needs_a_phone(&self, account: &Account) -> bool {
        !account.marks.has(Marks::BOUND)
            && (account.marks.has(Marks::UNBOUND) || self.registry.policy(account.class).codes_need_phone)
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_CODE: u64 = 2;

impl CodeDebit<'_> {
    fn digest(&self) -> u64 {
        Fold::new(DOMAIN_CODE).word(self.amount_fen.cast_unsigned()).bytes(&self.digits).finish()
    }
}

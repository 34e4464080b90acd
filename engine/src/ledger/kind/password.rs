//! What is asked under a holder's query password: what [`super::virtual_bind`], [`super::loss_report`], [`super::loss_lift`] and
//! [`super::password_debit`] have in common, and of which [`super::password_set`] is the beginning.
//!
//! The ledger sees no password. It says which hash it wants one compared with ([`Need::Password`]) and is told the verdict;
//! a password that was set anew meanwhile is asked for again.
//!
//! After the identity: `SequenceZero`, `NotPermitted`; neither leaves a record. Of all others the lowest number is the
//! answer, and remembered: `PasswordMalformed`, `PasswordLocked`, `PasswordNotSet`, `PasswordWrong` come before anything that
//! would tell of the account to who doesn't know the password. A wrong password is counted by the record of its refusal
//! ([`crate::ledger::holder`]); what is approved forgets the count. A password that was right but served for nothing doesn't.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use super::{Case, Desk, Person};
use crate::ledger::account::Account;
use crate::ledger::apply::Setting;
use crate::ledger::command::{AccountSelector, Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::holder::{Holder, PasswordRef};
use crate::ledger::known::{Need, PasswordVerdict};
use crate::ledger::record::{MoneyRecord, Record, RecordKind};
use crate::ledger::registry::Terminal;
use crate::ledger::shard::Parts;

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_HOLDER: u64 = 20;

/// Begins the digest of a request's body; `form` tells the requests apart. A password is no part of it: the digest stands in
/// the log, and six digits would be found out from it.
pub(super) const fn digest_of(form: u64) -> Fold {
    Fold::new(DOMAIN_HOLDER).word(form)
}

/// What such a request wants.
pub(super) struct Wanted {
    pub(super) account: AccountSelector,
    /// Whether what came along is a password at all.
    pub(super) well_formed: bool,
    pub(super) digest: u64,
}

impl<'s, P: Parts + ?Sized> Desk<'s, P> {
    /// Decides what is asked under a password: `refusals` of its own, and the record that approving it makes.
    pub(super) fn by_password<'a>(
        &self,
        sale: &Sale<'a>,
        wanted: &Wanted,
        may: impl FnOnce(&Terminal) -> bool,
        refusals: impl FnOnce(Person<'_>, Holder) -> Option<ResultCode>,
        record: impl FnOnce(Person<'_>, MoneyRecord) -> Record<'a>,
    ) -> Decision<'a> {
        let case = match self.holder_case(sale, wanted.digest, may) {
            Ok(case) => case,
            Err(decision) => return decision,
        };
        let person = match self.select_for(&case, wanted) {
            Ok(person) => person,
            Err(decision) => return decision,
        };
        match self.holder_who_knows(&case, person) {
            Ok(holder) => self.close_case(&case, person, refusals(person, holder), record),
            Err(decision) => decision,
        }
    }

    /// The person's holder, when the password that came along is the right one.
    #[expect(clippy::result_large_err, reason = "the decision is the answer; boxing it would allocate")]
    pub(super) fn holder_who_knows<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
    ) -> Result<Holder, Decision<'a>> {
        let holder = self.layout.holder(self.parts, person.id);
        let refused = |code| Err(self.refuse(case, code, Some(person)));
        if holder.is_locked(self.stamp.time_ns) {
            return refused(ResultCode::PasswordLocked);
        }
        if holder.password == PasswordRef::NONE {
            return refused(ResultCode::PasswordNotSet);
        }
        let known = self.known.and_then(|known| known.password).filter(|known| known.of == holder.password);
        match known.map(|known| known.verdict) {
            None => Err(Decision::Needs(Need::Password(holder.password))),
            Some(PasswordVerdict::Missing) => refused(ResultCode::PasswordNotSet),
            Some(PasswordVerdict::Wrong) => refused(ResultCode::PasswordWrong),
            Some(PasswordVerdict::Right) => Ok(holder),
        }
    }

    /// The till and the identity, up to what leaves no trace.
    #[expect(clippy::result_large_err, reason = "the decision is the answer; boxing it would allocate")]
    pub(super) fn holder_case<'c, 'a>(
        &self,
        sale: &'c Sale<'a>,
        digest: u64,
        may: impl FnOnce(&Terminal) -> bool,
    ) -> Result<Case<'c, 'a>, Decision<'a>>
    where
        's: 'c,
    {
        let Some(till) = self.till(sale) else { return Err(self.unknown_terminal(0)) };
        let case = Case { till, sale, digest, channel: Channel::Till, amount_fen: 0 };
        if let Some(decision) = self.known(&case) {
            return Err(decision);
        }
        if sale.sequence.0 == 0 {
            return Err(self.transient(&case, ResultCode::SequenceZero));
        }
        if !may(till.config) {
            return Err(self.transient(&case, ResultCode::NotPermitted));
        }
        Ok(case)
    }

    /// The account, if there is one and what came along is a password.
    #[expect(clippy::result_large_err, reason = "the decision is the answer; boxing it would allocate")]
    pub(super) fn select_for<'a>(
        &self,
        case: &Case<'_, 'a>,
        wanted: &Wanted,
    ) -> Result<Person<'s>, Decision<'a>> {
        let selected = self.select_lost_or_not(&wanted.account);
        let malformed = (!wanted.well_formed).then_some(ResultCode::PasswordMalformed);
        match (selected, selected.err().into_iter().chain(malformed).min()) {
            (Ok(person), None) => Ok(person),
            (selected, code) => {
                Err(self.refuse(case, code.unwrap_or(ResultCode::UnknownAccount), selected.ok()))
            }
        }
    }

    /// The refusal with this code, or the record that says it is done.
    pub(super) fn close_case<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        code: Option<ResultCode>,
        record: impl FnOnce(Person<'_>, MoneyRecord) -> Record<'a>,
    ) -> Decision<'a> {
        match code {
            Some(code) if code.is_transient() => self.transient(case, code),
            Some(code) => self.refuse(case, code, Some(person)),
            None => {
                let money = self.memo(case, ResultCode::Approved, Some(person));
                let outcome = self.outcome(&money, ResultCode::Approved, self.stamp.number);
                Decision::Done { outcome, group: Group::one(record(person, money)) }
            }
        }
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    /// Changes the person and the holder of such a record, and remembers it under its identity, if a till sent it.
    pub(super) fn change_holder(
        &mut self,
        kind: RecordKind,
        money: &MoneyRecord,
        change_account: impl FnOnce(&mut Account),
        change: impl FnOnce(&mut Holder),
    ) -> Result<AccountId, LedgerError> {
        let mut posting = self.posting(kind);
        let person = posting.person(money.debit_account())?;
        posting.post_person(person, money, change_account)?;
        change(posting.layout.holder_mut(posting.parts, person));
        if money.terminal_slot().is_some() {
            posting.post_till(money)?;
        }
        Ok(person)
    }
}

//! What a counter asks about a person's card: what [`super::card_issue`], [`super::card_replace`] and
//! [`super::card_return`] have in common.
//!
//! They change the directory and have an identity, like a money request: they are decided once, remembered, and answered
//! again. Their amount is the fee, which may be 0.
//!
//! After the identity: `AmountNotPositive` for a fee below zero, `AmountTooLarge`, `SequenceZero`, `NotPermitted` for a
//! terminal that hands out no cards, a card numbered 0, and what can't be had yet (a card that isn't a standard one or
//! expires); `Busy` when the directory has no place for the card, or the block-list none for the one
//! that the account has no more. None of these leaves a record. Of all others the lowest
//! number is the answer, and remembered. The fee is paid in the same group: see [`super::fee`].

use protocol::card::CardKind;
use protocol::ids::{CardUid, RecordNumber};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::U64;

use super::{Case, Desk, Person};
use crate::ledger::account::{Account, AccountStatus};
use crate::ledger::apply::Setting;
use crate::ledger::command::{AccountSelector, Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::directory::CardRoute;
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::limits::AMOUNT_FEN_MAX;
use crate::ledger::record::{MoneyRecord, Record, RecordKind};
use crate::ledger::shard::Parts;

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_CARD_STATE: u64 = 10;

/// Begins the digest of a request's body; `form` tells the requests apart.
pub(super) const fn digest_of(form: u64) -> Fold {
    Fold::new(DOMAIN_CARD_STATE).word(form)
}

/// What such a request wants.
pub(super) struct Wanted {
    pub(super) account: AccountSelector,
    /// The card that is given out or taken back.
    pub(super) card_uid: CardUid,
    /// Whether it is given out.
    pub(super) gives_out: bool,
    pub(super) kind: CardKind,
    pub(super) expires_day: u16,
    pub(super) fee_fen: i64,
    pub(super) digest: u64,
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// Decides such a request: `refusals` of its own, about the person if there is one, beside those that all have; and
    /// the record that approving it makes.
    pub(super) fn card_state<'a>(
        &self,
        sale: &Sale<'a>,
        wanted: &Wanted,
        refusals: impl FnOnce(Option<Person<'_>>) -> Option<ResultCode>,
        record: impl FnOnce(Person<'_>, MoneyRecord) -> Record<'a>,
    ) -> Decision<'a> {
        let Some(till) = self.till(sale) else { return self.unknown_terminal(wanted.fee_fen) };
        let case =
            Case { till, sale, digest: wanted.digest, channel: Channel::Counter, amount_fen: wanted.fee_fen };
        if let Some(decision) = self.known(&case) {
            return decision;
        }
        if let Some(code) = self.bad_card_field(&case, wanted) {
            return self.transient(&case, code);
        }
        let selected = self.select_lost_or_not(&wanted.account);
        let person = selected.ok();
        let code = [selected.err(), self.card_refusal(wanted), refusals(person)].into_iter().flatten().min();
        match (code, person) {
            // The card that it has no more is blocked.
            (None, Some(person)) if !self.registry.block_list.may_block(person.account.card_uid) => {
                self.transient(&case, ResultCode::Busy)
            }
            (None, Some(person)) => {
                let fee = match self.fee(&case, person, wanted.fee_fen) {
                    Ok(fee) => fee,
                    Err(code) => return self.refuse(&case, code, Some(person)),
                };
                let mut money = self.memo(&case, ResultCode::Approved, Some(person));
                let mut number = self.stamp.number;
                if fee.is_some() {
                    money.balance_after_fen -= wanted.fee_fen;
                    money.previous_account = U64::new(number.0);
                    money.previous_terminal = U64::new(number.0);
                    number = RecordNumber(number.0 + 1);
                }
                let outcome = self.outcome(&money, ResultCode::Approved, number);
                let record = record(person, money);
                let group = match fee {
                    Some(fee) => Group::two(fee, record),
                    None => Group::one(record),
                };
                Decision::Done { outcome, group }
            }
            (code, person) => self.refuse(&case, code.unwrap_or(ResultCode::UnknownAccount), person),
        }
    }

    /// The account that a selector means; a lost card means the one that has it, too.
    pub(super) fn select_lost_or_not(&self, selector: &AccountSelector) -> Result<Person<'_>, ResultCode> {
        match (self.select(selector), selector) {
            (Err(ResultCode::CardLost), AccountSelector::Card(uid)) => {
                self.card_holder(*uid).ok_or(ResultCode::CardLost)
            }
            (selected, _) => selected,
        }
    }

    /// What leaves no trace.
    fn bad_card_field(&self, case: &Case<'_, '_>, wanted: &Wanted) -> Option<ResultCode> {
        let can_be_had =
            wanted.card_uid.0 != 0 && wanted.kind == CardKind::Standard && wanted.expires_day == 0;
        if wanted.fee_fen < 0 {
            Some(ResultCode::AmountNotPositive)
        } else if wanted.fee_fen > AMOUNT_FEN_MAX {
            Some(ResultCode::AmountTooLarge)
        } else if case.sale.sequence.0 == 0 {
            Some(ResultCode::SequenceZero)
        } else if !(case.till.config.hands_out_cards() && can_be_had) {
            Some(ResultCode::NotPermitted)
        } else if wanted.gives_out
            && self.directory.card(wanted.card_uid) == CardRoute::Unknown
            && !self.directory.has_room_for_card(wanted.card_uid)
        {
            Some(ResultCode::Busy)
        } else {
            None
        }
    }

    /// Why a card that is to be given out can't be.
    fn card_refusal(&self, wanted: &Wanted) -> Option<ResultCode> {
        if !wanted.gives_out {
            return None;
        }
        match self.directory.card(wanted.card_uid) {
            CardRoute::Unknown => None,
            CardRoute::Conflicted => Some(ResultCode::CardTaken),
            CardRoute::Account(owner) => {
                let current = self.person(owner).is_some_and(|o| o.account.card_uid() == wanted.card_uid);
                Some(if current { ResultCode::CardTaken } else { ResultCode::CardNotReusable })
            }
        }
    }
}

/// Why an account can't get a card, whatever card it is.
pub(super) const fn closed_or_frozen(account: &Account) -> Option<ResultCode> {
    match account.status() {
        AccountStatus::Open => None,
        AccountStatus::Frozen => Some(ResultCode::AccountFrozen),
        AccountStatus::Closed => Some(ResultCode::AccountClosed),
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    /// Changes the person of such a record, and remembers it under its identity.
    pub(super) fn change_card(
        &mut self,
        kind: RecordKind,
        money: &MoneyRecord,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), LedgerError> {
        let mut posting = self.posting(kind);
        let person = posting.person(money.debit_account())?;
        posting.post_person(person, money, change)?;
        posting.post_till(money)?;
        Ok(())
    }

    /// Puts a card that nobody ever had into the directory.
    pub(super) fn give_out(&mut self, card_uid: CardUid, money: &MoneyRecord) -> Result<(), LedgerError> {
        if card_uid.0 == 0 || self.directory.card(card_uid) != CardRoute::Unknown {
            return Err(self.bad("card_uid"));
        }
        let Some(account) = money.person() else { return Err(self.bad("debit")) };
        if !self.directory.insert_card(card_uid, account) {
            return Err(LedgerError::TableFull { table: "cards" });
        }
        Ok(())
    }
}

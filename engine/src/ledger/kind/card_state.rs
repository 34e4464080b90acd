//! What a counter asks about a person's card: what [`super::card_issue`], [`super::card_replace`], [`super::card_return`] and
//! [`super::account_close`] have in common.
//!
//! They change the directory and have an identity, like a money request: they are decided once, remembered, and answered
//! again. Their amount is the fee, which may be 0.
//!
//! After the identity: `AmountNotPositive` for a fee below zero, `AmountTooLarge`, `SequenceZero`, `NotPermitted` for a
//! terminal that hands out no cards and a card numbered 0; `Busy` when the directory has no place for the card, or for what is
//! known of it besides, or the block-list none for the one that the account has no more. None of these leaves a record. Of all
//! others the lowest
//! number is the answer, and remembered. The fee is paid in the same group: see [`super::fee`].
//!
//! What is given out is a standard card, or a temporary or a visitor's one, which expire: `CardTermsWrong` for one that
//! wouldn't, and for a day of expiry that has come. A number can be given out again once the card came back: at once to who had it,
//! to somebody else after [`CARD_REUSE_DAYS`](crate::ledger::limits::CARD_REUSE_DAYS) (`CardNotReusableYet`). One that never came back,
//! because it was lost and replaced, never can (`CardNotReusable`). Where the office's rules say so, it must be in stock (`CardNotInStock`): see
//! [`super::card_stock`].

use protocol::card::{CardKind, CardTerms};
use protocol::ids::{AccountId, CardUid, RecordNumber};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::U64;

use super::{Case, Desk, Person};
use crate::ledger::account::{Account, AccountStatus};
use crate::ledger::apply::Setting;
use crate::ledger::card_past::CardPast;
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

/// What becomes of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It is given out.
    GivesOut,
    /// It is taken back.
    TakesBack,
    /// It is taken back with the account's end, if there is one (0 = none).
    Closes,
}

/// What such a request wants.
pub(super) struct Wanted {
    pub(super) account: AccountSelector,
    /// The card that is given out or taken back.
    pub(super) card_uid: CardUid,
    /// What becomes of it.
    pub(super) deed: Deed,
    /// As what, and until when it is given out.
    pub(super) terms: CardTerms,
    pub(super) fee_fen: i64,
    pub(super) digest: u64,
}

impl<'s, P: Parts + ?Sized> Desk<'s, P> {
    /// Decides such a request: `refusals` of its own, about the person if there is one, beside those that all have; and
    /// the record that approving it makes.
    pub(super) fn card_state<'a>(
        &self,
        sale: &Sale<'a>,
        wanted: &Wanted,
        refusals: impl FnOnce(Option<Person<'_>>) -> Option<ResultCode>,
        record: impl FnOnce(Person<'_>, MoneyRecord) -> Record<'a>,
    ) -> Decision<'a> {
        self.at_counter(sale, wanted, refusals, |case, person| {
            let fee = match self.fee(case, person, wanted.fee_fen) {
                Ok(fee) => fee,
                Err(code) => return self.refuse(case, code, Some(person)),
            };
            let mut money = self.memo(case, ResultCode::Approved, Some(person));
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
        })
    }

    /// The same, whatever approving it makes.
    pub(super) fn at_counter<'a>(
        &self,
        sale: &Sale<'a>,
        wanted: &Wanted,
        refusals: impl FnOnce(Option<Person<'_>>) -> Option<ResultCode>,
        approve: impl FnOnce(&Case<'_, 'a>, Person<'_>) -> Decision<'a>,
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
        let refused = self.card_refusal(wanted, person);
        let code = [selected.err(), refused, refusals(person)].into_iter().flatten().min();
        match (code, person) {
            // The card that it has no more is blocked.
            (None, Some(person)) if !self.registry.block_list.may_block(person.account.card_uid) => {
                self.transient(&case, ResultCode::Busy)
            }
            (None, Some(person)) => approve(&case, person),
            (code, person) => self.refuse(&case, code.unwrap_or(ResultCode::UnknownAccount), person),
        }
    }

    /// The account that a selector means; a lost card means the one that has it, too.
    pub(super) fn select_lost_or_not(&self, selector: &AccountSelector) -> Result<Person<'s>, ResultCode> {
        match (self.select(selector), selector) {
            (Err(ResultCode::CardLost), AccountSelector::Card(uid)) => {
                self.card_holder(*uid).ok_or(ResultCode::CardLost)
            }
            (selected, _) => selected,
        }
    }

    /// Whether a card came back from this account before it was somebody else's.
    pub(super) fn was_formerly(&self, card_uid: CardUid, account: AccountId) -> bool {
        self.directory.card_past(card_uid).is_some_and(|past| past.former == Some(account))
    }

    /// What leaves no trace.
    fn bad_card_field(&self, case: &Case<'_, '_>, wanted: &Wanted) -> Option<ResultCode> {
        let names_a_card = wanted.card_uid.0 != 0 || wanted.deed == Deed::Closes;
        if wanted.fee_fen < 0 {
            Some(ResultCode::AmountNotPositive)
        } else if wanted.fee_fen > AMOUNT_FEN_MAX {
            Some(ResultCode::AmountTooLarge)
        } else if case.sale.sequence.0 == 0 {
            Some(ResultCode::SequenceZero)
        } else if !(case.till.config.hands_out_cards() && names_a_card) {
            Some(ResultCode::NotPermitted)
        } else {
            self.is_full_for(wanted).then_some(ResultCode::Busy)
        }
    }

    /// Whether the directory has no place for the card, or for what is known of it besides: that is forgotten once its own
    /// holder has it again.
    fn is_full_for(&self, wanted: &Wanted) -> bool {
        let Wanted { card_uid, deed, terms, .. } = *wanted;
        let is_new = deed == Deed::GivesOut && self.directory.card(card_uid) == CardRoute::Unknown;
        let has_past = match deed {
            Deed::GivesOut => terms != CardTerms::STANDARD,
            Deed::TakesBack | Deed::Closes => self.directory.card(card_uid).account().is_some(),
        };
        is_new && !self.directory.has_room_for_card(card_uid)
            || has_past && !self.directory.has_room_for_past(card_uid)
    }

    /// Why a card that is to be given out can't be, to this person if there is one.
    fn card_refusal(&self, wanted: &Wanted, person: Option<Person<'_>>) -> Option<ResultCode> {
        let Wanted { card_uid, deed, terms, .. } = *wanted;
        if deed != Deed::GivesOut {
            return None;
        }
        let gone = terms.expires_day != 0 && terms.expires_day <= self.today;
        let endless = terms.expires_day == 0 && terms.kind != CardKind::Standard;
        if gone || endless {
            return Some(ResultCode::CardTermsWrong);
        }
        let of_number = match self.directory.card(card_uid) {
            CardRoute::Unknown => None,
            CardRoute::Conflicted => Some(ResultCode::CardTaken),
            CardRoute::Account(owner) => {
                let had = self.person(owner).is_some_and(|o| o.account.card_uid() == card_uid);
                let past = self.directory.card_past(card_uid).filter(|past| past.came_back());
                let own = person.is_some_and(|person| person.id == owner);
                match past {
                    _ if had => Some(ResultCode::CardTaken),
                    None => Some(ResultCode::CardNotReusable),
                    Some(past) => {
                        let free = own || past.may_be_given_out(self.today);
                        (!free).then_some(ResultCode::CardNotReusableYet)
                    }
                }
            }
        };
        let registry = &self.registry;
        let is_missing = registry.office.cards_from_stock && !registry.card_stock.has(card_uid);
        of_number.or(is_missing.then_some(ResultCode::CardNotInStock))
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
    /// Gives the person of such a record another card, or none (0), and remembers it under its identity. Returns the card
    /// before it.
    pub(super) fn change_card(
        &mut self,
        kind: RecordKind,
        money: &MoneyRecord,
        card_uid: u64,
        expires: bool,
    ) -> Result<u64, LedgerError> {
        let mut posting = self.posting(kind);
        let person = posting.person(money.debit_account())?;
        let (mut before, mut had_tap) = (0, false);
        posting.post_person(person, money, |account| {
            before = account.card_uid;
            had_tap = account.change_card(card_uid, expires);
        })?;
        posting.post_till(money)?;
        if had_tap {
            posting.forget_tap(person);
        }
        Ok(before)
    }

    /// Leads a card to the person of such a record: one that nobody ever had, or one that came back.
    pub(super) fn give_out(
        &mut self,
        card_uid: CardUid,
        money: &MoneyRecord,
        (kind, expires_day): (u8, u16),
    ) -> Result<(), LedgerError> {
        let Some(account) = money.person() else { return Err(self.bad("debit")) };
        self.registry.card_stock.take(card_uid);
        let (time_ns, route) = (self.time_ns, self.directory.card(card_uid));
        let came_back = self.directory.card_past(card_uid).is_some_and(CardPast::came_back);
        let given = match route {
            CardRoute::Unknown if card_uid.0 != 0 => {
                if !self.directory.insert_card(card_uid, account) {
                    return Err(LedgerError::TableFull { table: "cards" });
                }
                true
            }
            CardRoute::Account(_) if came_back => {
                let lost = self.registry.block_list.blocked(card_uid).filter(|since| since.lost);
                self.registry.block_list.free(card_uid.0);
                self.directory.give_out_again(card_uid, account, time_ns, lost.map(|since| since.time_ns))
            }
            _ => false,
        };
        if !given {
            return Err(self.bad("card_uid"));
        }
        let is_standard = (kind, expires_day) == (CardKind::Standard.number(), 0);
        let had_another = self.directory.card_past(card_uid).is_some_and(CardPast::had_another);
        if is_standard && !had_another {
            self.directory.forget_card_past(card_uid);
        } else {
            let past = self.card_past(card_uid)?;
            (past.kind, past.expires_day) = (kind, expires_day);
        }
        Ok(())
    }

    /// A card comes back to the counter.
    pub(super) fn come_back(&mut self, card_uid: CardUid) -> Result<(), LedgerError> {
        let time_ns = self.time_ns;
        self.card_past(card_uid)?.come_back(time_ns);
        Ok(())
    }

    fn card_past(&mut self, card_uid: CardUid) -> Result<&mut CardPast, LedgerError> {
        self.directory
            .card_past_mut(card_uid)
            .ok_or(LedgerError::TableFull { table: "what is known of cards" })
    }
}

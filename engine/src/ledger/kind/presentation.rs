//! What a card's presentation says of its last tap, when that is open.
//!
//! A tap is written on the chip with its own counter, `w`. The next transaction of the card has a counter one above what stands
//! on the chip, `k`, so it tells what became of the tap:
//!
//! | next presentation, online | the chip | the open tap |
//! |---|---|---|
//! | `k > w` | was written, by the tap or after it | stands, closed by the record of the debit that is approved now |
//! | `k ≤ w` | wasn't written | is undone, by a record before that of this debit, in its group |
//! | `k > w`, but an offline sale with `w` has been uploaded since | was written, but by that sale | is undone, too |
//! | `k` not above the last tap that counts | is a copy, or its frame is repeated | stays open: `CardCounterReplayed` comes first |
//!
//! The debit is decided on what is left after the undoing, and may be refused all the same: the undoing stays. A refusal
//! doesn't close a tap that stands: the next presentation says the same of it.
//!
//! An offline sale that is uploaded after its tap was resolved contradicts nothing any more.
//!
//! Undoing gives back what a reversal would: to the card wallet, as subsidy what was, off the day's total; what was loaded or
//! settled for the tap stays. It may come at any time, long after a reversal could. The record names the tap's till, which may be
//! another than the one that asks, and stands in its chain, so that it is found where the tap is looked for. That till's shard
//! must be held: [`Need::Till`].

use protocol::ids::{AccountId, CardCounter, CardUid, RecordNumber};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::card_debit::card_digest;
use super::debit::Limits;
use super::give_back::given_back;
use super::identity::Standing;
use super::meal_terms::MealTerms;
use super::{Case, Desk, Person, channel_wallet};
use crate::ledger::account::{Account, AccountStatus, Marks};
use crate::ledger::apply::Posting;
use crate::ledger::command::{Channel, Sale, Stamp, TerminalSlot};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::known::Need;
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::meals::Window;
use crate::ledger::open_taps::{OpenTap, open_tap};
use crate::ledger::outcome_ring::OutcomeMarks;
use crate::ledger::record::{
    FullDebitRecord, FullReversalRecord, MoneyFlags, MoneyRecord, Record, RecordKind, Wallet,
};
use crate::ledger::shard::Parts;

/// How a tap is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// At once.
    AtOnce,
    /// At once, with the holder's query password.
    ByPassword {
        /// Whether what came along is a password at all.
        well_formed: bool,
    },
    /// The chip is written afterwards, and confirmed.
    InTwoPhases,
}

/// A tap that is undone: the record, and the account as it is after it.
pub(super) struct UndoneTap<'a> {
    pub(super) record: Record<'a>,
    pub(super) account: Account,
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// A tap of a card that is presented with a counter, in another way than [`super::card_debit`]'s, which begins likewise.
    pub(super) fn tapped<'a>(
        &self,
        sale: &Sale<'a>,
        (card_uid, counter): (CardUid, CardCounter),
        amount_fen: i64,
        way: Way,
    ) -> Decision<'a> {
        let Some(till) = self.till(sale) else { return self.unknown_terminal(amount_fen) };
        let digest = card_digest(card_uid, amount_fen);
        let case = Case { till, sale, digest, channel: Channel::Card, amount_fen };
        if let Some(decision) = self.known(&case) {
            return self.known_in(&case, way, decision);
        }
        let may = match way {
            Way::AtOnce | Way::InTwoPhases => till.config.sells(),
            Way::ByPassword { .. } => till.config.takes_passwords(),
        };
        if let Some(code) = self.bad_field(&case, may) {
            return self.transient(&case, code);
        }
        let person = match self.current_card(card_uid) {
            Ok(person) => person,
            Err((code, person)) => return self.refuse(&case, code, person),
        };
        if counter.0 <= person.account.card_counter {
            return self.refuse(&case, ResultCode::CardCounterReplayed, Some(person));
        }
        self.present(&case, person, counter, way)
    }

    /// A tap of a card that is the account's, with a counter above the last that counts.
    #[inline(never)]
    pub(super) fn present<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        presented: CardCounter,
        way: Way,
    ) -> Decision<'a> {
        let Some(tap) = self.open_tap(person).filter(|tap| tap.is_undone_by(presented)) else {
            return self.pay(case, person, presented, way);
        };
        if !self.holds_till(case, person, tap.slot()) {
            return Decision::Needs(Need::Till(tap.slot()));
        }
        let Some(undone) = self.undo_tap(person, tap) else {
            return self.refuse(case, ResultCode::BalanceOverflow, Some(person));
        };
        let stamp = Stamp { number: RecordNumber(self.stamp.number.0 + 1), ..self.stamp };
        let behind = Desk { stamp, ..*self };
        let person = Person { id: person.id, account: &undone.account };
        let rest = behind.pay(case, person, presented, way);
        let (number, credit) = (self.stamp.number, tap.credit.bits());
        let was_priced = tap.pricing_fen != 0;
        let same_till = tap.slot() == case.sale.slot;
        rest.behind(undone.record, |at, record| {
            let Some(money) = record.money_mut() else { return };
            if at == 0 && same_till {
                money.previous_terminal = U64::new(number.0);
            }
            // The part of the merchant that was paid is the one that gave back: its chain goes on, and so does that of the pricing.
            if money.credit.get() == credit {
                money.previous_counter = U64::new(number.0);
            }
            if was_priced
                && let Record::FullDebit(debit) = record
                && debit.pricing_fen.get() != 0
            {
                debit.previous_pricing = U64::new(number.0);
            }
        })
    }

    /// What is known of a tap's identity already: an approved tap is answered again in as many phases as it was done in. A sale that
    /// was uploaded had none, and is answered again to either.
    #[inline(never)]
    pub(super) fn known_in<'a>(&self, case: &Case<'_, 'a>, way: Way, decision: Decision<'a>) -> Decision<'a> {
        match self.standing(case.till, case.sale.epoch, case.sale.sequence) {
            Standing::Remembered(outcome)
                if matches!(outcome.kind, Some(RecordKind::Debit | RecordKind::FullDebit))
                    && !outcome.is_gone()
                    && outcome.digest == case.digest
                    && outcome.marks.has(OutcomeMarks::TWO_PHASE) != (way == Way::InTwoPhases) =>
            {
                self.conflict(case, &outcome)
            }
            _ => decision,
        }
    }

    /// Whether the account's card has expired by a day.
    pub(super) fn has_expired(&self, account: &Account, day: u16) -> bool {
        account.marks.has(Marks::CARD_EXPIRES)
            && self.directory.card_past(account.card_uid()).is_some_and(|past| past.has_expired(day))
    }

    /// Whether the account's open tap waits for its card: one that can't be presented any more leaves its tap standing.
    pub(super) fn awaits_card(&self, account: &Account) -> bool {
        account.has_open_tap()
            && account.status() == AccountStatus::Open
            && !account.card_lost
            && !self.has_expired(account, self.today)
    }

    /// The account's open tap, if it has one.
    pub(super) fn open_tap(&self, person: Person<'_>) -> Option<&OpenTap> {
        person.account.has_open_tap().then(|| open_tap(self.parts, person.id))?
    }

    fn pay<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        presented: CardCounter,
        way: Way,
    ) -> Decision<'a> {
        if self.has_expired(person.account, self.today) {
            return self.refuse(case, ResultCode::CardExpired, Some(person));
        }
        let (limits, flags) = match way {
            Way::AtOnce | Way::InTwoPhases => (Limits::Usual, MoneyFlags::CARD),
            Way::ByPassword { well_formed: false } => {
                return self.refuse(case, ResultCode::PasswordMalformed, Some(person));
            }
            Way::ByPassword { well_formed: true } => match self.holder_who_knows(case, person) {
                Ok(_) => (Limits::Lifted, MoneyFlags::CARD.with(MoneyFlags::PASSWORD)),
                Err(decision) => return decision,
            },
        };
        let terms = self.meal_terms(case, person.account);
        if let Some(code) = self.forbidden(case, person, Wallet::Card, limits, terms) {
            return self.refuse(case, code, Some(person));
        }
        match way {
            // Whoever has an open tap has a place for it.
            Way::InTwoPhases if !self.has_room_for_tap(person) => self.transient(case, ResultCode::Busy),
            Way::InTwoPhases => self.post_tap(case, person, presented, terms),
            Way::AtOnce | Way::ByPassword { .. } => {
                self.post_debit(case, person, Wallet::Card, (flags, presented.0), terms)
            }
        }
    }

    /// Whether a till's shard is among those that are held for the account, the till that asks, or what was asked for.
    pub(super) fn holds_till(&self, case: &Case<'_, '_>, person: Person<'_>, slot: TerminalSlot) -> bool {
        let shard = self.layout.shard_of_terminal(slot);
        shard == self.layout.shard_of_account(person.id)
            || shard == self.layout.shard_of_terminal(case.sale.slot)
            || self.known.is_some_and(|known| known.till == Some(slot))
    }

    /// Undoes an open tap as the first record of a group; none when the card wallet would leave its range. The tap's till is
    /// held.
    pub(super) fn undo_tap<'a>(&self, person: Person<'_>, tap: &OpenTap) -> Option<UndoneTap<'a>> {
        let mut account = *person.account;
        let pricing_fen = i64::from(tap.pricing_fen);
        let paid_fen = tap.amount_fen + pricing_fen;
        let terms = MealTerms { pricing_fen, window: tap.window };
        let wallets = given_back(&account, Wallet::Card, paid_fen, i64::from(tap.subsidy_fen));
        let till_head = self.layout.terminal(self.parts, tap.slot())?.head;
        let fits = account.card_fen + paid_fen <= crate::ledger::limits::BALANCE_FEN_MAX;
        if !fits || !account.change_wallets(&wallets) {
            return None;
        }
        account.add_spent(tap.limit_day, -paid_fen);
        account.marks = account.marks.without(Marks::OPEN_TAP);
        account.head = self.stamp.number.0;
        let money = MoneyRecord {
            terminal: U32::new(tap.terminal),
            sequence: U32::new(tap.sequence),
            epoch: U16::new(tap.epoch),
            slot: U16::new(tap.slot),
            debit: U32::new(tap.credit.bits()),
            credit: U32::new(LedgerAccount::person(person.id).bits()),
            balance_after_fen: I64::new(account.system_fen()),
            previous_account: U64::new(person.account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), tap.credit),
            previous_terminal: U64::new(till_head),
            token: U32::new(tap.counter),
            limit_day: U16::new(tap.limit_day),
            ..MoneyRecord::of_no_till(self.date(), tap.amount_fen, Wallet::Card)
        };
        let money = MoneyRecord { channel_wallet: channel_wallet(Channel::Till, Wallet::Card), ..money };
        let record = Record::TapUndone(FullReversalRecord {
            back: self.on_terms(person.id, FullDebitRecord::plain(money, wallets), terms),
            original_record: U64::new(tap.record),
            original_sequence: U32::new(tap.sequence),
            original_epoch: U16::new(tap.epoch),
            reserved: U16::ZERO,
        });
        Some(UndoneTap { record, account })
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn tap_undone(&mut self, undone: &FullReversalRecord) -> Result<(), LedgerError> {
        let money = &undone.back.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        let MealTerms { pricing_fen, window } = self.terms_of(&undone.back)?;
        let paid_fen = amount_fen + pricing_fen;
        self.post_wallets(person, money, &undone.back.wallets, paid_fen, |account| {
            account.add_spent(money.limit_day.get(), -paid_fen);
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)?;
        self.post_pricing(person, -pricing_fen)?;
        self.count_in_window(person, money.limit_day.get(), window, -paid_fen);
        if !self.close_tap(person, undone.original_record.get())? {
            return Err(self.bad("original_record"));
        }
        let entry = self.till(money)?;
        if let Some(outcome) = entry.ring.get_mut(undone.original().epoch, undone.original().sequence) {
            outcome.marks = outcome.marks.with(OutcomeMarks::REVERSED.with(OutcomeMarks::UNWRITTEN));
        }
        Ok(())
    }

    /// Closes the open tap whose money is given back, if it is open.
    pub(super) fn close_tap_of(&mut self, back: &MoneyRecord, original: u64) -> Result<(), LedgerError> {
        let person = self.person(back.credit_account())?;
        self.close_tap(person, original)?;
        Ok(())
    }

    /// Closes the account's open tap, if it is the one of this record. True when it was.
    pub(super) fn close_tap(&mut self, person: AccountId, record: u64) -> Result<bool, LedgerError> {
        let account = self.account(person)?;
        if !account.has_open_tap() {
            return Ok(false);
        }
        let shard = self.parts.shard_mut(self.layout.shard_of_account(person));
        if shard.taps.get(OpenTap::key(person)).is_none_or(|tap| tap.record != record) {
            return Ok(false);
        }
        shard.take_tap(person);
        let account = self.account(person)?;
        account.marks = account.marks.without(Marks::OPEN_TAP);
        Ok(true)
    }

    /// Forgets the tap of an account whose mark was taken off: it stands.
    #[cold]
    #[inline(never)]
    pub(in crate::ledger) fn forget_tap(&mut self, person: AccountId) {
        self.parts.shard_mut(self.layout.shard_of_account(person)).take_tap(person);
    }

    /// An offline sale of the account's card had this counter: an open tap with the same wasn't written on the chip.
    #[cold]
    pub(super) fn contradict_tap(&mut self, person: AccountId, counter: CardCounter) {
        let shard = self.parts.shard_mut(self.layout.shard_of_account(person));
        if let Some(tap) = shard.taps.get_mut(OpenTap::key(person)).filter(|tap| tap.counter == counter.0) {
            tap.contradicted = true;
        }
    }

    fn account(&mut self, person: AccountId) -> Result<&mut Account, LedgerError> {
        let number = self.number;
        let known = self.layout.account_mut(self.parts, person);
        known.ok_or(LedgerError::NotKnown { number, what: "the account" })
    }

    /// Opens a tap: whatever was open of the account before stands.
    pub(super) fn open_tap(&mut self, person: AccountId, debit: &FullDebitRecord) -> Result<(), LedgerError> {
        let (money, number) = (&debit.money, self.number);
        let subsidy_fen =
            u32::try_from(-debit.wallets.subsidy_fen.get()).map_err(|_| self.bad("subsidy_fen"))?;
        let pricing_fen = i32::try_from(debit.pricing_fen.get()).map_err(|_| self.bad("pricing_fen"))?;
        let window = Window::from_number(debit.window.get()).ok_or_else(|| self.bad("window"))?;
        let shard = self.parts.shard_mut(self.layout.shard_of_account(person));
        let before = shard.take_tap(person);
        let account = self.account(person)?;
        if let Some(before) = before {
            account.take_counter(&before);
        }
        account.marks = account.marks.with(Marks::OPEN_TAP);
        let tap = OpenTap {
            record: number.0,
            amount_fen: money.amount_fen.get(),
            pricing_fen,
            chip_balance_fen: account.card_fen,
            counter: money.token.get(),
            terminal: money.terminal.get(),
            sequence: money.sequence.get(),
            credit: money.credit_account(),
            subsidy_fen,
            epoch: money.epoch.get(),
            slot: money.slot.get(),
            limit_day: money.limit_day.get(),
            window,
            contradicted: false,
        };
        let shard = self.parts.shard_mut(self.layout.shard_of_account(person));
        if shard.taps.insert(OpenTap::key(person), tap) {
            Ok(())
        } else {
            Err(LedgerError::TableFull { table: "open taps" })
        }
    }
}

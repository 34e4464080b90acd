//! What cards do: given out, tapped, taken back, sold with while a till had no network.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use super::Checker;
use crate::audit::report::Check;
use crate::ledger::calendar::day_of;
use crate::ledger::ledger_account::{Clearing, LedgerAccount, LedgerClass};
use crate::ledger::record::{Liability, MoneyFlags, MoneyRecord, OfflineDebitRecord, Record};

impl Checker<'_> {
    /// What is paid out is paid by an account that is closed behind it, and what it says of the holder's part is so.
    pub(super) fn closing(&mut self, record: &Record<'_>, paid_before: &[MoneyRecord]) {
        let Record::AccountClosed(closed) = record else {
            return self.check(paid_before.is_empty(), Check::Group, || {
                "something was paid out before, and no account is closed".to_owned()
            });
        };
        let money = &closed.money;
        let same = |paid: &MoneyRecord| paid.sale() == money.sale() && paid.person() == money.person();
        let payable = LedgerAccount::clearing(Clearing::Payable);
        let to_holder = paid_before.iter().filter(|paid| paid.credit_account() == payable);
        let to_holder_fen: i64 = to_holder.map(|paid| paid.amount_fen.get()).sum();
        let holds = paid_before.iter().all(same) && to_holder_fen == money.amount_fen.get();
        self.check(holds, Check::Group, || {
            format!("{to_holder_fen} fen were paid to the holder before, {} are said to be", money.amount_fen)
        });
        // No card of an account that was closed before is taken any more: its tap stands.
        let was_closed =
            |account: AccountId| self.persons.get(account.0 as usize).is_some_and(|person| person.is_closed);
        let open = money.person().is_some_and(|account| self.taps.is_open(account) && !was_closed(account));
        let card = closed.card_uid.get();
        let is_presentable = card != 0 && !self.cards.has_expired(card, day_of(self.time_ns));
        self.check(!open || !is_presentable, Check::Tap, || {
            "an account is closed while a tap of it is open".to_owned()
        });
        let left_fen = money.balance_after_fen.get();
        self.check(left_fen == 0, Check::Totals, || format!("{left_fen} fen are left in a closed account"));
    }

    /// Two-phase taps: opened, closed, undone.
    pub(super) fn tap(&mut self, record: &Record<'_>, money: &MoneyRecord) {
        let Some(account) = money.person() else { return };
        let counter = money.token.get();
        let last = self.persons.get(account.0 as usize).map_or(0, |person| person.card_counter);
        let told = match record {
            Record::FullDebit(r) if r.is_two_phase() => {
                self.check(counter > last, Check::CardCounter, || format!("counter {counter} after {last}"));
                let before = self.taps.presented(account, counter);
                self.taps.opened(account, self.number, counter);
                before
            }
            Record::Debit(_) | Record::FullDebit(_) if money.card_counter().is_some() => {
                self.taps.presented(account, counter)
            }
            Record::OfflineDebit(r) => {
                if self.cards.current(account) == Some(r.card_uid.get()) {
                    self.taps.sold_offline(account, counter);
                }
                return;
            }
            Record::TapUndone(r) => self.taps.undone(account, r.original_record.get()).map(|()| None),
            Record::TapConfirmed(r) => self.taps.confirmed(account, r),
            Record::FullReversal(r) | Record::Void(r) => {
                return self.taps.reversed(account, r.original_record.get());
            }
            Record::Refund(r) => return self.taps.reversed(account, r.original_record.get()),
            _ => return,
        };
        match told {
            Ok(written) => {
                if let Some(person) = self.persons.get_mut(account.0 as usize) {
                    person.card_counter = person.card_counter.max(written.unwrap_or(0));
                }
            }
            Err(detail) => self.violate(Check::Tap, detail),
        }
    }

    /// What a counter did about a person's card.
    pub(super) fn card_state(&mut self, record: &Record<'_>, money: &MoneyRecord) {
        let code = money.code.get();
        self.check(code == ResultCode::Approved.number(), Check::Layout, || {
            format!("a card is given out or taken back with code {code}")
        });
        let Some(account) = money.person() else {
            return self.violate(Check::Known, "nobody's card".to_owned());
        };
        let counter = self.persons.get(account.0 as usize).map_or(0, |person| person.card_counter);
        let time_ns = self.time_ns;
        let done = match record {
            Record::CardIssued(r) => self.cards.issued(r, account, time_ns),
            Record::CardReplaced(r) => self.cards.replaced(r, account, counter, time_ns),
            Record::CardReturned(r) => self.cards.returned(r.card_uid.get(), account, time_ns),
            Record::AccountClosed(r) => self.cards.closed(r.card_uid.get(), account, time_ns),
            _ => Ok(()),
        };
        self.agree(Check::Card, done);
        self.begin_counter(account);
        self.holders.set_lost(account, false);
    }

    /// An account's card from now on is another, or none: its counter begins anew.
    pub(super) fn begin_counter(&mut self, account: AccountId) {
        self.taps.card_changed(account);
        if let Some(person) = self.persons.get_mut(account.0 as usize) {
            person.card_counter = 0;
        }
    }

    pub(super) fn offline(&mut self, r: &OfflineDebitRecord) {
        let owner = self.cards.owner_at(r.card_uid.get(), r.till_time_ns.get());
        let payer = r.money.person();
        let Some(liability) = r.liability() else {
            return self.violate(Check::Layout, format!("nobody is liable by {}", r.liability));
        };
        let due = if liability == Liability::Holder { owner } else { None };
        self.check(due == payer, Check::Card, || {
            format!("{payer:?} pays for card {}, which is {owner:?}'s; {liability:?} bears it", r.card_uid)
        });
        let lost = self.cards.was_lost(r.card_uid.get(), r.till_time_ns.get()) && owner.is_some();
        self.check(lost == (liability != Liability::Holder), Check::Card, || {
            format!("card {} was lost: {lost}, and {liability:?} bears it", r.card_uid)
        });
        let ended = payer.is_some() && self.cards.had_ended(r.card_uid.get(), r.till_time_ns.get());
        self.check(!ended || r.money.money_flags().has(MoneyFlags::NOT_OPEN), Check::Card, || {
            format!("card {} had expired or come back, and its sale isn't to be reviewed", r.card_uid)
        });
        let lost_cards = LedgerAccount::clearing(Clearing::LostCards);
        self.check((r.money.debit_account() == lost_cards) == lost, Check::Sides, || {
            format!("{} is debited; the card was lost: {lost}", r.money.debit_account())
        });
        let sale = r.money.sale();
        let dead = self.tombstones.contains(&sale);
        self.check(!dead, Check::Reversal, || format!("sale {sale} was reversed before it came"));
        let review = r.is_for_review() || liability == Liability::Merchant;
        let held_back = matches!(r.money.credit_account().class(), LedgerClass::HeldBack(_));
        let flagged = r.money.code.get() == ResultCode::ApprovedFlagged.number();
        self.check(review == held_back && review == flagged, Check::HeldBack, || {
            format!("to be reviewed: {review}, answered as flagged: {flagged}, held back: {held_back}")
        });
    }
}

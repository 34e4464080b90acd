//! What the log says, held against what was really asked and against the rules that must hold whatever happens.
//!
//! It reads durable records only, decides nothing and shares no state with the ledger. Built anew from record 1
//! after every start.

mod explains;
mod meals;
mod subsidies;

use std::collections::{BTreeMap, BTreeSet};

use engine::ledger::account::AccountStatus;
use engine::ledger::calendar::day_of;
use engine::ledger::command::Channel;
use engine::ledger::record::{
    AdjustmentRecord, FullReversalRecord, MoneyRecord, RecordKind, RefundRecord, ReversalRecord,
};
use engine::ledger::registry::Policy;
use engine::ledger::{Clearing, LedgerAccount, LedgerClass, Record};
use protocol::card::ChipWrite;
use protocol::ids::{AccountId, BusinessDate, CardUid, Epoch, RecordNumber, SaleId, Sequence, TerminalId};
use protocol::result_code::ResultCode;
use wal::{LogReader, RecordRef};

use self::subsidies::Batch;
use super::ask::Ask;
use super::books::{Books, Standing};
use super::operator::{ALONE_DAY_MAX_FEN, ALONE_MAX_FEN};
use super::shifts::Shifts;

/// Every body that a till ever sent under an identity.
pub type Sent = BTreeMap<SaleId, Vec<Ask>>;

/// What the log says became of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub record: u64,
    pub kind: RecordKind,
    pub code: ResultCode,
    pub amount_fen: i64,
    /// What was paid beside it, or came back with it.
    pub beside_fen: i64,
    pub balance_after_fen: i64,
    pub account: Option<AccountId>,
    /// The record that reversed or voided it.
    pub reversed_by: Option<u64>,
    /// What refunds gave back of it.
    pub refunded_fen: i64,
}

/// What is known of a person besides the balances.
#[derive(Clone, Copy, Debug)]
struct Person {
    class: u8,
    status: u8,
    card_lost: bool,
    card_uid: u64,
}

/// The limits of a class.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    floor_fen: i64,
    debit_max_fen: u32,
    /// 0 = as of a debit.
    code_max_fen: u32,
    /// 0 = none.
    meal_max_fen: u32,
}

#[derive(Default)]
pub struct Auditor {
    books: Books,
    /// One digest a record: what was durable once never changes.
    digests: Vec<u64>,
    time_ns: u64,
    remaining_in_group: u16,
    date: BusinessDate,
    sales: BTreeMap<SaleId, Entry>,
    tombstones: BTreeMap<SaleId, u64>,
    orders: BTreeSet<(u8, [u8; 32])>,
    codes: BTreeSet<(AccountId, u32)>,
    /// The last step whose codes were revoked.
    codes_revoked: BTreeMap<AccountId, u32>,
    code_key: u32,
    terminal_keys: BTreeMap<u32, u32>,
    /// Blank cards at the counters.
    stock: BTreeSet<u64>,
    /// How often some came.
    pub cards_stocked: u64,
    /// Told by their tills and not paid.
    scans_told: BTreeSet<SaleId>,
    /// Each record of a scan that was told before its payment, paid since or not.
    scans_noted: BTreeSet<(SaleId, u64)>,
    /// What tills showed, paid by phone, and told before it was paid.
    pub scans_paid: u64,
    pub scans_pending: u64,
    pub gaps_closed: u64,
    /// Sales posted on their cards' word.
    pub told_posted: u64,
    persons: Vec<Person>,
    cards: BTreeMap<CardUid, AccountId>,
    policies: BTreeMap<u8, Limits>,
    /// What each account paid in the meal of a day, while its class had a limit of that.
    meals: BTreeMap<(AccountId, u16), i64>,
    /// Debits refused because of that seen.
    pub meals_refused: u64,
    /// What became payable to holders of closed accounts.
    pub payable_fen: BTreeMap<AccountId, i64>,
    /// What each operator adjusted alone, by day.
    adjusted_alone_fen: BTreeMap<(u32, u16), i64>,
    /// Proposed adjustments that wait: who proposed what to whom.
    proposals: BTreeMap<u64, (TerminalId, Option<AccountId>, i64)>,
    /// The first day on which a card isn't taken any more, where there is one.
    expiries: BTreeMap<CardUid, u16>,
    /// The open tap of each account: its record, and its counter.
    taps: BTreeMap<AccountId, (u64, u32)>,
    /// Confirmations seen, and taps undone.
    pub taps_confirmed: u64,
    pub taps_undone: u64,
    /// What each class pays beside prices, in the one meal period that there is.
    rates: BTreeMap<u8, i16>,
    /// Debits with a surcharge, and with a discount, seen.
    pub surcharges: u64,
    pub discounts: u64,
    /// Debits above the limits seen, or that might have been.
    pub password_debits: u64,
    /// Accounts closed at a counter.
    pub accounts_closed: u64,
    /// Subsidy batches, by number.
    batches: BTreeMap<u32, Batch>,
    /// What each person got of subsidies, less what was taken back.
    subsidies_fen: BTreeMap<AccountId, i64>,
    /// Lines of batches paid, and taken back again.
    pub lines_paid: u64,
    pub lines_taken_back: u64,
    /// Withdrawn batches that were gone through once more.
    pub swept_again: u64,
    /// Settlings of transition wallets seen.
    pub settlings: u64,
    /// Reports of block-lists seen.
    pub list_reports: u64,
    /// What tills did, and what they closed.
    pub shifts: Shifts,
}

impl Auditor {
    /// Takes every durable record that it hasn't seen.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn catch_up(&mut self, reader: &LogReader, sent: &Sent) -> Result<(), String> {
        if reader.last_number() == self.last() {
            return Ok(());
        }
        for found in reader.scan(self.last() + 1) {
            let found = found.map_err(|error| format!("the log can't be read: {error}"))?;
            self.take(&found, sent)?;
        }
        if self.books.sum_fen() != 0 {
            return Err(format!("at record {} the books sum to {} fen", self.last(), self.books.sum_fen()));
        }
        Ok(())
    }

    /// The last record seen.
    pub fn last(&self) -> u64 {
        self.digests.len() as u64
    }

    pub fn books(&self) -> &Books {
        &self.books
    }

    /// How a person stood once record `at` was there.
    pub fn standing_at(&self, person: AccountId, at: RecordNumber) -> Option<&Standing> {
        self.books.standings(person).iter().rev().find(|standing| standing.number <= at.0)
    }

    /// Whether a record says that the sale waits, or waited, for its payment by phone.
    pub fn noted(&self, sale: SaleId, record: u64) -> bool {
        self.scans_noted.contains(&(sale, record))
    }

    /// What became of a sale.
    pub fn entry(&self, sale: SaleId) -> Option<&Entry> {
        self.sales.get(&sale)
    }

    /// Whether a sale was reversed, before or after it came.
    pub fn is_gone(&self, sale: SaleId) -> bool {
        self.tombstones.contains_key(&sale)
            || self.sales.get(&sale).is_some_and(|entry| entry.reversed_by.is_some())
    }

    /// Whether an account's terms in the log are these.
    pub fn has_terms(&self, account: AccountId, status: AccountStatus, card_lost: bool) -> bool {
        let person = self.persons.get(account.0 as usize);
        person.is_some_and(|person| person.status == status as u8 && person.card_lost == card_lost)
    }

    /// Holds what was durable before a stop against what is there now.
    ///
    /// # Errors
    /// A record that is gone or has changed.
    pub fn check_kept(&self, before: &Auditor) -> Result<(), String> {
        if self.last() < before.last() {
            return Err(format!(
                "record {} was durable, after the restart the log ends with {}",
                before.last(),
                self.last()
            ));
        }
        match before.digests.iter().zip(&self.digests).position(|(old, new)| old != new) {
            Some(place) => Err(format!("record {} isn't what it was before the restart", place + 1)),
            None => Ok(()),
        }
    }

    fn take(&mut self, found: &RecordRef<'_>, sent: &Sent) -> Result<(), String> {
        let number = found.number;
        let wrong = |what: String| Err(format!("record {number}: {what}"));
        if number != self.last() + 1 {
            return wrong(format!("{} must come here", self.last() + 1));
        }
        if found.time_ns < self.time_ns {
            return wrong(format!("logged at {} ns, after {} ns", found.time_ns, self.time_ns));
        }
        if found.first_in_group != (self.remaining_in_group == 0)
            || (!found.first_in_group && found.remaining_in_group + 1 != self.remaining_in_group)
        {
            return wrong("its group isn't whole".to_owned());
        }
        self.time_ns = found.time_ns;
        self.remaining_in_group = found.remaining_in_group;
        self.digests.push(digest(found));
        let record = Record::decode(found.kind, found.version, found.payload)
            .map_err(|error| format!("record {number}: {error}"))?;
        self.books.take(found)?;
        self.shifts.take(&record).map_err(|what| format!("record {number}: {what}"))?;
        self.configuration(number, &record)?;
        if let Some(money) = record.money() {
            if money.date() != self.date {
                return wrong(format!("business date {} while {} is open", money.date(), self.date));
            }
            self.money(number, money, &record, sent)?;
        }
        Ok(())
    }

    fn configuration(&mut self, number: u64, record: &Record<'_>) -> Result<(), String> {
        match record {
            Record::AccountOpened(r) => {
                self.persons.push(Person { class: r.class, status: 0, card_lost: false, card_uid: 0 });
            }
            Record::CardsStocked(r) => {
                self.cards_stocked += 1;
                for card in (r.first.get()..).take(usize::from(r.count.get())) {
                    if !self.stock.insert(card) {
                        return Err(format!("record {number}: card {card} is in stock already"));
                    }
                }
            }
            Record::CardBound(r) => {
                self.stock.remove(&r.card_uid.get());
                let person = self.person(number, AccountId(r.account.get()))?;
                person.card_uid = r.card_uid.get();
                person.card_lost = false;
                self.taps.remove(&AccountId(r.account.get()));
                self.cards.insert(CardUid(r.card_uid.get()), AccountId(r.account.get()));
            }
            Record::CardIssued(r) => {
                self.stock.remove(&r.card_uid.get());
                self.hand_out(number, &r.money, 0, r.card_uid.get())?;
                if r.expires_day.get() != 0 {
                    self.expiries.insert(CardUid(r.card_uid.get()), r.expires_day.get());
                }
            }
            Record::CardReplaced(r) => {
                self.stock.remove(&r.new.get());
                self.hand_out(number, &r.money, r.old.get(), r.new.get())?;
            }
            Record::CardReturned(r) => self.change_card(number, &r.money, r.card_uid.get(), 0)?,
            Record::LossReported(r) => self.lose(number, &r.money, r.card_uid.get(), true)?,
            Record::LossLifted(r) => self.lose(number, &r.money, r.card_uid.get(), false)?,
            Record::AccountClosed(r) => {
                let account = r.money.person().ok_or(format!("record {number} closes nobody's account"))?;
                let person = self.person(number, account)?;
                let (has, lost) = (person.card_uid, person.card_lost);
                // No card of an account that was closed before is taken any more: its tap stands.
                let closed = person.status == AccountStatus::Closed as u8;
                let expiry = self.expiries.get(&CardUid(has));
                let is_presentable = !lost && !closed && expiry.is_none_or(|day| *day > day_of(self.time_ns));
                if is_presentable && self.taps.contains_key(&account) {
                    return Err(format!("record {number} closes account {account}, which has a tap open"));
                }
                let brought = if r.card_uid.get() == 0 { has } else { r.card_uid.get() };
                self.change_card(number, &r.money, brought, 0)?;
                self.person(number, account)?.status = AccountStatus::Closed as u8;
                self.accounts_closed += 1;
            }
            Record::CardConflict(r) => {
                let uid = r.card_uid.get();
                let first = self.person(number, AccountId(r.first.get()))?;
                if first.card_uid == uid {
                    first.card_uid = 0;
                    self.taps.remove(&AccountId(r.first.get()));
                }
                self.cards.remove(&CardUid(uid));
            }
            Record::AccountTermsSet(r) => {
                let person = self.person(number, AccountId(r.account.get()))?;
                person.class = r.class;
                person.status = r.status;
                person.card_lost = r.card_lost != 0;
            }
            Record::AccountChanged(r, _) => {
                let Some(account) = r.money.person() else {
                    return Err(format!("record {number} changes nobody's account"));
                };
                let person = self.person(number, account)?;
                person.class = r.class;
                person.status = r.status;
            }
            Record::PolicySet(r) => {
                let limits = Limits {
                    floor_fen: r.floor_fen.get(),
                    debit_max_fen: r.debit_max_fen.get(),
                    code_max_fen: r.code_max_fen.get(),
                    meal_max_fen: r.meal_max_fen.get(),
                };
                self.policies.insert(r.class, limits);
            }
            Record::PriceSet(r) => {
                self.rates.insert(r.class, r.rate.get());
            }
            Record::BlockListActive(_) => self.list_reports += 1,
            Record::TerminalKeyTaken(r)
                if self.terminal_keys.get(&r.terminal.get()) != Some(&r.key_version.get()) =>
            {
                return Err(format!("record {number}: {} takes key {}", r.terminal, r.key_version));
            }
            Record::CutOff(r) => {
                if r.closed.get() != self.date.0 || r.opened.get() <= r.closed.get() {
                    return Err(format!("record {number} closes {} while {} is open", r.closed, self.date));
                }
                self.date = BusinessDate(r.opened.get());
            }
            _ => {}
        }
        Ok(())
    }

    /// A card that nobody had goes to a person, in the place of another or of none (0).
    fn hand_out(&mut self, number: u64, money: &MoneyRecord, old: u64, new: u64) -> Result<(), String> {
        let account = money.person().ok_or(format!("record {number} gives nobody a card"))?;
        if let Some(owner) = self.cards.insert(CardUid(new), account) {
            return Err(format!("record {number} gives {account} the card of {owner}"));
        }
        self.change_card(number, money, old, new)
    }

    fn change_card(&mut self, number: u64, money: &MoneyRecord, old: u64, new: u64) -> Result<(), String> {
        let account = money.person().ok_or(format!("record {number} takes nobody's card"))?;
        let person = self.person(number, account)?;
        if person.card_uid != old {
            return Err(format!(
                "record {number}: account {account} has card {}, not {old}",
                person.card_uid
            ));
        }
        person.card_uid = new;
        person.card_lost = false;
        self.taps.remove(&account);
        Ok(())
    }

    fn lose(&mut self, number: u64, money: &MoneyRecord, card: u64, lost: bool) -> Result<(), String> {
        let account = money.person().ok_or(format!("record {number} loses nobody's card"))?;
        let person = self.person(number, account)?;
        if person.card_uid != card || std::mem::replace(&mut person.card_lost, lost) == lost {
            return Err(format!("record {number}: card {card} of account {account} can't be lost: {lost}"));
        }
        Ok(())
    }

    fn person(&mut self, number: u64, account: AccountId) -> Result<&mut Person, String> {
        self.persons.get_mut(account.0 as usize).ok_or(format!("record {number}: no account {account}"))
    }

    fn money(
        &mut self,
        number: u64,
        money: &MoneyRecord,
        record: &Record<'_>,
        sent: &Sent,
    ) -> Result<(), String> {
        let wrong = |what: String| Err(format!("record {number} ({:?}): {what}", record.kind()));
        let Some(code) = money.result_code() else { return wrong(format!("code {}", money.code)) };
        if let Some((step, nonce)) = money.code_step_nonce() {
            let Some(account) = money.person() else { return wrong("a code of nobody".to_owned()) };
            if !self.codes.insert((account, step | u32::from(nonce) << 28)) {
                return wrong(format!("account {account} used code {step}/{nonce} before"));
            }
            if self.codes_revoked.get(&account).is_some_and(|&revoked| step <= revoked) {
                return wrong(format!("account {account} had revoked code {step}/{nonce}"));
            }
        }
        self.meal(money, record).or_else(wrong)?;
        if matches!(record, Record::Debit(_) | Record::FullDebit(_) | Record::ScanPaid(_)) {
            self.debit(money, record).or_else(wrong)?;
            self.surcharges += u64::from(record.pricing_fen() > 0);
            self.discounts += u64::from(record.pricing_fen() < 0);
            self.password_debits += u64::from(money.is_by_password());
        }
        if let Record::Settle(r) = record {
            self.settlings += 1;
            return self.settling(number, &r.money).or_else(wrong);
        }
        if let Record::Payable(r) = record {
            *self.payable_fen.entry(r.money.person().unwrap_or_default()).or_default() +=
                money.amount_fen.get();
            return Ok(());
        }
        if let (Record::PaidOut(_), Some(person)) = (record, money.person()) {
            // What is the school's at closing goes back to it; the rest is what the counter is told.
            if money.credit_account() == LedgerAccount::clearing(Clearing::Subsidy) {
                *self.subsidies_fen.entry(person).or_default() -= money.amount_fen.get();
            }
            return Ok(());
        }
        if matches!(record, Record::Load(_) | Record::Opening(_) | Record::Fee(_)) {
            return Ok(());
        }
        if let Record::TapUndone(r) = record {
            self.taps_undone += 1;
            return self.tap_undone(number, money, r).or_else(wrong);
        }
        self.tap(number, money, record).or_else(wrong)?;
        match record {
            Record::AdjustmentProposed(..) => {
                let terminal = TerminalId(money.terminal.get());
                self.proposals.insert(number, (terminal, money.person(), money.amount_fen.get()));
            }
            Record::SubsidyOpened(..)
            | Record::SubsidyLines(..)
            | Record::SubsidyStepped(..)
            | Record::SubsidyClaimed(_)
            | Record::SubsidyTakenBack(_)
            | Record::SubsidySkipped(_) => {
                self.subsidy(record).or_else(wrong)?;
                if money.terminal_slot().is_none() {
                    return Ok(());
                }
            }
            Record::Adjustment(r, _) => self.adjustment(r).or_else(wrong)?,
            Record::AdjustmentClosed(r, _) => {
                if self.proposals.remove(&r.proposal.get()).is_none() {
                    return wrong(format!("nothing waits as {}", r.proposal));
                }
                if money.terminal_slot().is_none() {
                    return Ok(());
                }
            }
            _ => {}
        }
        let sale = money.sale();
        let asked = sent.get(&sale).map_or(&[][..], Vec::as_slice);
        if !asked.iter().any(|ask| self.explains(ask, money, record)) {
            return wrong(format!("no till asked for it as {sale}; asked was {asked:?}"));
        }
        if matches!(record, Record::ScanPending(_)) {
            self.scans_pending += 1;
            self.scans_noted.insert((sale, number));
            let new = !self.sales.contains_key(&sale) && self.scans_told.insert(sale);
            return if new { Ok(()) } else { wrong(format!("{sale} was told before")) };
        }
        if matches!(record, Record::ScanPaid(_)) {
            self.scans_paid += 1;
            self.scans_told.remove(&sale);
        } else if self.scans_told.contains(&sale) {
            return wrong(format!("{sale} waits for its payment by phone"));
        }
        let entry = Entry {
            record: number,
            kind: record.kind(),
            code,
            amount_fen: money.amount_fen.get(),
            beside_fen: record.pricing_fen(),
            balance_after_fen: money.balance_after_fen.get(),
            account: money.person(),
            reversed_by: None,
            refunded_fen: 0,
        };
        if let Some(tombstone) = self.tombstones.get(&sale) {
            return wrong(format!("{sale} was reversed by record {tombstone} before it came"));
        }
        if let Some(earlier) = self.sales.insert(sale, entry) {
            return wrong(format!("{sale} was decided before, by record {}", earlier.record));
        }
        match record {
            Record::TopUp(r) | Record::Tender(r) => {
                let new = self.orders.insert((money.channel_wallet & 15, r.order_number));
                return if new { Ok(()) } else { wrong("its order was credited before".to_owned()) };
            }
            Record::Reversal(r) => {
                self.reversal(number, (money, 0), r.original(), r.original_record.get()).or_else(wrong)?;
            }
            Record::FullReversal(r) | Record::Void(r) => {
                let back = (money, record.pricing_fen());
                self.reversal(number, back, r.original(), r.original_record.get()).or_else(wrong)?;
            }
            Record::Refund(r) => self.refund(r).or_else(wrong)?,
            Record::TopUpUndo(r) => self.top_up_undo(number, money, r).or_else(wrong)?,
            Record::CodesRevoked(r) => {
                let Some(account) = money.person() else { return wrong("codes of nobody".to_owned()) };
                let revoked = self.codes_revoked.entry(account).or_default();
                *revoked = r.token.get().max(*revoked);
            }
            Record::ToldPosted(r) => {
                self.told_posted += 1;
                let posted = self.sales.get(&r.told()).map(|entry| (entry.record, entry.kind));
                if posted != Some((number - 1, RecordKind::OfflineDebit)) {
                    return wrong(format!("{} is {posted:?}", r.told()));
                }
            }
            Record::GapClosed(r) => {
                self.gaps_closed += 1;
                let (terminal, epoch) = (TerminalId(r.till.get()), Epoch(r.epoch.get()));
                for sequence in (r.first.get()..=r.last.get()).map(Sequence) {
                    let closed = SaleId { terminal, epoch, sequence };
                    if self.sales.contains_key(&closed) || self.scans_told.contains(&closed) {
                        return wrong(format!("{closed} had come"));
                    }
                }
            }
            Record::TerminalKeyRotated(r, _) => {
                let before = self.terminal_keys.insert(r.terminal.get(), r.key_version.get()).unwrap_or(1);
                if r.key_version.get() != before + 1 {
                    return wrong(format!("key {} of {} after {before}", r.key_version, r.terminal));
                }
            }
            Record::CodeKeyRotated(r) => {
                self.code_key += 1;
                if r.key_version.get() != self.code_key {
                    return wrong(format!("code key {} after {}", r.key_version, self.code_key - 1));
                }
            }
            Record::ReversalBeforeOriginal(r) => {
                let original = r.original();
                if self.sales.contains_key(&original) {
                    return wrong(format!("{original} had come"));
                }
                self.scans_told.remove(&original);
                self.tombstones.insert(original, number);
            }
            _ => {}
        }
        Ok(())
    }

    /// What holds of every online debit: nobody pays below the floor, above the limit, or when he may not.
    fn debit(&self, money: &MoneyRecord, record: &Record<'_>) -> Result<(), String> {
        let Some(account) = money.person() else { return Err("nobody pays".to_owned()) };
        let Some(person) = self.persons.get(account.0 as usize) else { return Err("no account".to_owned()) };
        let default = Limits { debit_max_fen: Policy::DEFAULT.debit_max_fen, ..Limits::default() };
        let &Limits { floor_fen, debit_max_fen, code_max_fen, .. } =
            self.policies.get(&person.class).unwrap_or(&default);
        if money.balance_after_fen.get() < floor_fen {
            return Err(format!("account {account} falls to {} fen", money.balance_after_fen));
        }
        let max_fen = match money.channel() {
            Some(Channel::Code) if code_max_fen != 0 => code_max_fen,
            _ => debit_max_fen,
        };
        let beside_fen = record.pricing_fen();
        let rate = self.rates.get(&person.class).filter(|_| !matches!(record, Record::ScanPaid(_)));
        let due_fen = share_fen(rate.map_or(0, |rate| i64::from(*rate)), money.amount_fen.get(), 10_000);
        if beside_fen != due_fen {
            return Err(format!(
                "account {account} pays {beside_fen} fen beside the price, due are {due_fen}"
            ));
        }
        let paid_fen = money.amount_fen.get() + beside_fen;
        if paid_fen > i64::from(max_fen) && !money.is_by_password() {
            return Err(format!("account {account} pays {paid_fen} fen at once"));
        }
        if person.status != AccountStatus::Open as u8 {
            return Err(format!("account {account} isn't open and pays"));
        }
        if money.channel() == Some(Channel::Card) && person.card_lost {
            return Err(format!("account {account} pays by a card that is reported lost"));
        }
        let expiry = self.expiries.get(&CardUid(person.card_uid));
        if money.channel() == Some(Channel::Card) && expiry.is_some_and(|day| *day <= day_of(self.time_ns)) {
            return Err(format!("account {account} pays by a card that has expired"));
        }
        if !matches!(money.credit_account().class(), LedgerClass::Merchant(_)) {
            return Err(format!("{} is paid", money.credit_account()));
        }
        Ok(())
    }

    /// What is open of an account: nothing that the counter of its next tap says wasn't written.
    fn tap(&mut self, number: u64, money: &MoneyRecord, record: &Record<'_>) -> Result<(), String> {
        let Some(account) = money.person() else { return Ok(()) };
        let counter = money.token.get();
        let two_phase = matches!(record, Record::FullDebit(r) if r.is_two_phase());
        if two_phase
            || matches!(record, Record::Debit(_) | Record::FullDebit(_)) && money.card_counter().is_some()
        {
            if let Some(open) = self.taps.remove(&account).filter(|(_, written)| counter <= *written) {
                return Err(format!("counter {counter} says that {open:?} wasn't written"));
            }
            if two_phase {
                self.taps.insert(account, (number, counter));
            }
        }
        if let Record::TapConfirmed(r) = record {
            self.taps_confirmed += 1;
            let open = self.taps.get(&account).is_some_and(|(tap, _)| *tap == r.original_record.get());
            let undone =
                self.sales.get(&r.original()).is_some_and(|entry| entry.reversed_by == Some(number - 1));
            if open == undone {
                return Err(format!("{} is confirmed: open {open}, undone {undone}", r.original()));
            }
            if r.write == ChipWrite::Written as u8 {
                self.taps.remove(&account);
            }
        }
        Ok(())
    }

    fn tap_undone(&mut self, number: u64, money: &MoneyRecord, r: &FullReversalRecord) -> Result<(), String> {
        let account = money.person().ok_or("nobody's tap")?;
        let open = self.taps.remove(&account);
        if open.map(|(record, _)| record) != Some(r.original_record.get()) || self.remaining_in_group == 0 {
            return Err(format!("account {account} has {open:?} open"));
        }
        self.reversal(number, (money, r.back.pricing_fen.get()), r.original(), r.original_record.get())
    }

    /// The tap that follows in the group must find enough on the card for itself: nothing, where its discount is the whole price.
    fn settling(&self, number: u64, money: &MoneyRecord) -> Result<(), String> {
        let Some(account) = money.person() else { return Err("nobody settles".to_owned()) };
        let standing = self.books.standings(account).last().filter(|standing| standing.number == number);
        match standing {
            Some(standing) if self.remaining_in_group == 1 && standing.wallets[0] >= 0 => Ok(()),
            _ => Err(format!("account {account} settles to {standing:?}")),
        }
    }

    /// Two people where the amount needs them, and exactly what the first proposed.
    fn adjustment(&mut self, r: &AdjustmentRecord) -> Result<(), String> {
        let (money, proposal) = (&r.money, r.proposal.get());
        let asked = (money.person(), money.amount_fen.get());
        if proposal == 0 {
            let day_fen =
                self.adjusted_alone_fen.entry((money.terminal.get(), money.limit_day.get())).or_default();
            *day_fen += asked.1;
            return if asked.1 <= ALONE_MAX_FEN && *day_fen <= i64::from(ALONE_DAY_MAX_FEN) {
                Ok(())
            } else {
                Err(format!("one person adjusts {} fen, {day_fen} in a day", asked.1))
            };
        }
        match self.proposals.remove(&proposal) {
            Some((proposer, account, amount_fen))
                if (account, amount_fen) == asked && proposer.0 != money.terminal.get() =>
            {
                Ok(())
            }
            proposed => Err(format!("it approves {proposed:?}")),
        }
    }

    fn reversal(
        &mut self,
        number: u64,
        (money, beside_fen): (&MoneyRecord, i64),
        original: SaleId,
        original_record: u64,
    ) -> Result<(), String> {
        let Some(entry) = self.sales.get_mut(&original) else { return Err(format!("no sale {original}")) };
        let is_debit = matches!(entry.kind, RecordKind::Debit | RecordKind::FullDebit | RecordKind::ScanPaid);
        if !is_debit || entry.record != original_record {
            return Err(format!("{original} is {entry:?}"));
        }
        if let Some(earlier) = entry.reversed_by {
            return Err(format!("{original} was reversed by record {earlier}"));
        }
        if entry.refunded_fen > 0 {
            return Err(format!("{} fen of {original} were refunded", entry.refunded_fen));
        }
        let back_fen = (money.amount_fen.get(), beside_fen);
        if (entry.amount_fen, entry.beside_fen) != back_fen || entry.account != money.person() {
            return Err(format!("it gives back something else than {entry:?}"));
        }
        entry.reversed_by = Some(number);
        if let Some(account) = entry.account
            && self.taps.get(&account).is_some_and(|(tap, _)| *tap == original_record)
        {
            self.taps.remove(&account);
        }
        Ok(())
    }

    /// Never more than was paid, and of nothing that was undone.
    fn refund(&mut self, refund: &RefundRecord) -> Result<(), String> {
        let original = refund.original();
        let Some(entry) = self.sales.get_mut(&original) else { return Err(format!("no sale {original}")) };
        let kinds =
            [RecordKind::Debit, RecordKind::FullDebit, RecordKind::OfflineDebit, RecordKind::ScanPaid];
        if !kinds.contains(&entry.kind) || entry.record != refund.original_record.get() {
            return Err(format!("{original} is {entry:?}"));
        }
        if let Some(earlier) = entry.reversed_by {
            return Err(format!("{original} was reversed by record {earlier}"));
        }
        let before_fen = entry.refunded_fen;
        entry.refunded_fen += refund.money.amount_fen.get();
        let beside_fen = |price_fen| share_fen(entry.beside_fen, price_fen, entry.amount_fen);
        if refund.pricing_fen.get() != beside_fen(entry.refunded_fen) - beside_fen(before_fen) {
            return Err(format!("it gives back {} fen beside the price of {entry:?}", refund.pricing_fen));
        }
        if refund.refunded_before_fen.get() != before_fen || entry.refunded_fen > entry.amount_fen {
            return Err(format!("after {before_fen} fen it gives back too much of {entry:?}"));
        }
        if entry.account.is_none() || entry.account != refund.money.person() {
            return Err(format!("it gives to another than {entry:?} took from"));
        }
        Ok(())
    }

    fn top_up_undo(&mut self, number: u64, money: &MoneyRecord, undo: &ReversalRecord) -> Result<(), String> {
        let original = undo.original();
        let Some(entry) = self.sales.get_mut(&original) else { return Err(format!("no sale {original}")) };
        if entry.kind != RecordKind::TopUp || entry.record != undo.original_record.get() {
            return Err(format!("{original} is {entry:?}"));
        }
        if let Some(earlier) = entry.reversed_by {
            return Err(format!("{original} was undone by record {earlier}"));
        }
        if entry.amount_fen != money.amount_fen.get() || entry.account != money.person() {
            return Err(format!("it takes back something else than {entry:?}"));
        }
        entry.reversed_by = Some(number);
        Ok(())
    }
}

/// The share of a sum that goes with a part of a whole, to the nearest; a half goes away from zero.
fn share_fen(sum: i64, part: i64, whole: i64) -> i64 {
    let doubled = 2 * i128::from(sum) * i128::from(part);
    let whole = i128::from(whole);
    let share = (doubled.abs() + whole) / (2 * whole) * doubled.signum();
    share as i64
}

/// A digest of everything that a record says (FNV-1a).
fn digest(found: &RecordRef<'_>) -> u64 {
    let head = [u64::from(found.kind) << 8 | u64::from(found.version), found.time_ns];
    let bytes = head.iter().flat_map(|word| word.to_le_bytes());
    bytes.chain(found.payload.iter().copied()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

//! The walk over the log: one record after another, each held against what the ones before it say.

mod cards;
mod gaps;
mod meals;
mod orders;
mod pricing;
mod subsidies;
mod undoing;

mod announced;

use std::collections::{BTreeMap, HashMap, HashSet};

use protocol::ids::{AccountId, BusinessDate, RecordNumber, SaleId};
use protocol::result_code::ResultCode;
use wal::{LogReader, RecordRef, WalError};

use self::announced::Announced;
use super::batches::Batches;
use super::books::Books;
use super::cards::Cards;
use super::codes::Codes;
use super::duties::Duties;
use super::holders::Holders;
use super::limits::within_limit;
use super::meals::Meals;
use super::office::Office;
use super::posting::{Line, Postings, postings_of};
use super::pricing::{Prices, previous_pricing};
use super::refunds::Refunds;
use super::report::{AuditReport, Check, Holdings, LogFacts, Totals, Violation};
use super::sequence_set::SequenceSet;
use super::taps::Taps;
use super::terminal_keys::TerminalKeys;
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::day_of;
use crate::ledger::command::Channel;
use crate::ledger::ledger_account::{Clearing, LedgerAccount, LedgerClass};
use crate::ledger::record::{
    AccountChangedRecord, BatchSettledRecord, CutOffRecord, MoneyRecord, OfflineDebitRecord, Record,
    RecordKind, SuspenseRecord,
};
use crate::ledger::registry::{AuthoriseRule, Policy};
use crate::ledger::till_totals::{Link, sum};
use crate::settlement::CivilDay;

/// What is known of a person besides the balances.
#[derive(Clone, Copy, Debug, Default)]
struct Person {
    head: u64,
    card_counter: u32,
    class: u8,
    /// The holder's own limit for one debit; 0 = none.
    debit_max_fen: u32,
    subsidy_fen: i128,
    /// Of that, what isn't spent by phone.
    school_fen: i128,
    came_back_fen: i128,
    is_closed: bool,
}

/// What is known of a till.
#[derive(Clone, Copy, Debug)]
struct Till {
    terminal: u32,
    merchant: u32,
    head: u64,
}

/// Why a till's chain can't be walked.
enum BrokenChain {
    Log(WalError),
    At(RecordNumber),
}

impl From<WalError> for BrokenChain {
    fn from(error: WalError) -> BrokenChain {
        BrokenChain::Log(error)
    }
}

/// The auditor's own picture of the books. It holds no ledger state and runs none of the ledger's rules: it adds
/// up, and compares.
pub(super) struct Checker<'a> {
    reader: &'a LogReader,
    violations_max: usize,
    violations: Vec<Violation>,
    violations_total: u64,
    /// The record being looked at.
    number: u64,
    time_ns: u64,
    remaining_in_group: u16,
    announced: Option<Announced>,
    /// What was posted on a card's word by the record before, and the same while its memo is looked at.
    told_in_group: Option<OfflineDebitRecord>,
    told: Option<OfflineDebitRecord>,
    /// What was paid out in this group so far.
    paid_before: Vec<MoneyRecord>,
    date: BusinessDate,
    dates_closed: u64,
    books: Books,
    totals: Totals,
    persons: Vec<Person>,
    tills: Vec<Till>,
    cards: Cards,
    holders: Holders,
    office: Office,
    batches: Batches,
    taps: Taps,
    terminal_keys: TerminalKeys,
    duties: Duties,
    policies: HashMap<u8, Policy>,
    prices: Prices,
    meals: Meals,
    /// The ends of the chains of each hot account's parts: how many parts there are isn't the log's business.
    hot_ends: HashMap<LedgerAccount, Vec<u64>>,
    sales: SequenceSet,
    /// What tills told as paid by phone, and nobody has paid yet.
    pending: HashMap<SaleId, i64>,
    tombstones: HashSet<SaleId>,
    reversed: HashSet<u64>,
    refunds: Refunds,
    codes: Codes,
    orders: HashSet<(u8, [u8; 32])>,
    records_by_kind: BTreeMap<&'static str, u64>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(reader: &'a LogReader, violations_max: usize) -> Checker<'a> {
        Checker {
            reader,
            violations_max,
            violations: Vec::new(),
            violations_total: 0,
            number: 0,
            time_ns: 0,
            remaining_in_group: 0,
            announced: None,
            told_in_group: None,
            told: None,
            paid_before: Vec::new(),
            date: BusinessDate(0),
            dates_closed: 0,
            books: Books::default(),
            totals: Totals::default(),
            persons: Vec::new(),
            tills: Vec::new(),
            cards: Cards::default(),
            holders: Holders::default(),
            office: Office::default(),
            batches: Batches::default(),
            taps: Taps::default(),
            terminal_keys: TerminalKeys::default(),
            duties: Duties::default(),
            policies: HashMap::new(),
            prices: Prices::default(),
            meals: Meals::default(),
            hot_ends: HashMap::new(),
            sales: SequenceSet::default(),
            pending: HashMap::new(),
            tombstones: HashSet::new(),
            reversed: HashSet::new(),
            refunds: Refunds::default(),
            codes: Codes::default(),
            orders: HashSet::new(),
            records_by_kind: BTreeMap::new(),
        }
    }

    /// Takes the next record of the log.
    ///
    /// # Errors
    /// Only the log's own: what a reversal names can't be read.
    pub(super) fn take(&mut self, found: &RecordRef<'_>) -> Result<(), WalError> {
        let expected = self.number + 1;
        self.number = found.number;
        self.check(found.number == expected, Check::Number, || format!("record {expected} must come here"));
        let before_ns = self.time_ns;
        self.check(found.time_ns >= before_ns, Check::Time, || {
            format!("logged at {} ns, the record before at {before_ns} ns", found.time_ns)
        });
        self.time_ns = found.time_ns;
        self.cards.set_time(found.time_ns);
        self.check_group(found);
        if found.first_in_group {
            self.taps.begin_group();
        }
        let record = match Record::decode(found.kind, found.version, found.payload) {
            Ok(record) => record,
            Err(error) => {
                self.violate(Check::Layout, error.to_string());
                return Ok(());
            }
        };
        *self.records_by_kind.entry(record.kind().name()).or_default() += 1;
        self.close_announced(&record);
        self.follow_told(&record);
        if let Some((kind, amount_fen)) = Link::of(&record).and_then(|link| link.deed)
            && let Some(money) = record.money()
        {
            self.duties.did(money.slot.get(), kind, amount_fen);
        }
        match &record {
            Record::Suspense(r, _) => self.suspense(r),
            Record::BlockListActive(r) => self.of_till(
                r.business_date.get(),
                r.slot.get(),
                (r.terminal.get(), r.previous_terminal.get()),
            ),
            Record::Duty(r) => {
                self.of_till(
                    r.business_date.get(),
                    r.slot.get(),
                    (r.terminal.get(), r.previous_terminal.get()),
                );
                let done = self.duties.duty(r);
                self.agree(Check::Duty, done);
            }
            Record::BatchSettled(r) => self.batch_settled(r)?,
            Record::AccountOpened(r) => {
                let next = self.persons.len() as u64;
                self.check(u64::from(r.account.get()) == next, Check::Known, || {
                    format!("account {} is opened, the next is {next}", r.account)
                });
                self.books.open();
                self.persons.push(Person { head: self.number, class: r.class, ..Person::default() });
            }
            Record::CardBound(r) => {
                self.link_account(AccountId(r.account.get()), r.previous_account.get());
                let account = AccountId(r.account.get());
                self.begin_counter(account);
                self.holders.set_lost(account, false);
                let bound = self.cards.bound(r.card_uid.get(), account);
                self.agree(Check::Card, bound);
            }
            Record::CardConflict(r) => {
                self.link_account(AccountId(r.first.get()), r.previous_first.get());
                self.link_account(AccountId(r.second.get()), r.previous_second.get());
                if self.cards.current(AccountId(r.first.get())) == Some(r.card_uid.get()) {
                    self.begin_counter(AccountId(r.first.get()));
                }
                let conflict = self.cards.conflict(r.card_uid.get(), AccountId(r.first.get()));
                self.agree(Check::Card, conflict);
            }
            Record::AccountTermsSet(r) => {
                self.link_account(AccountId(r.account.get()), r.previous_account.get());
                if let Some(person) = self.persons.get_mut(r.account.get() as usize) {
                    (person.class, person.debit_max_fen) = (r.class, r.debit_max_fen.get());
                    person.is_closed = r.status == AccountStatus::Closed as u8;
                }
                self.holders.set_lost(AccountId(r.account.get()), r.card_lost != 0);
                self.cards.set_lost(AccountId(r.account.get()), r.card_lost != 0);
            }
            Record::TerminalKeyTaken(r) => {
                let taken = self.terminal_keys.taken(r);
                self.agree(Check::Office, taken);
            }
            Record::TerminalRegistered(r) => {
                self.office.register(r);
                self.terminal_keys.registered(r);
                let till = Till { terminal: r.terminal.get(), merchant: r.merchant.get(), head: 0 };
                let next = self.tills.len();
                match self.tills.get_mut(usize::from(r.slot.get())) {
                    Some(known) if known.terminal == till.terminal => known.merchant = till.merchant,
                    None if usize::from(r.slot.get()) == next => self.tills.push(till),
                    _ => self
                        .violate(Check::Known, format!("terminal {} can't have slot {}", r.terminal, r.slot)),
                }
            }
            Record::PolicySet(r) => match AuthoriseRule::from_number(r.rule) {
                Some(rule) => {
                    let policy = Policy {
                        floor_fen: r.floor_fen.get(),
                        debit_max_fen: r.debit_max_fen.get(),
                        day_max_fen: r.day_max_fen.get(),
                        offline_debit_max_fen: r.offline_debit_max_fen.get(),
                        offline_day_max_fen: r.offline_day_max_fen.get(),
                        rule,
                        code_max_fen: r.code_max_fen.get(),
                        meal_max_fen: r.meal_max_fen.get(),
                        codes_need_phone: r.codes_need_phone != 0,
                    };
                    self.policies.insert(r.class, policy);
                }
                None => self.violate(Check::Layout, format!("no authorising rule {}", r.rule)),
            },
            Record::CutOff(r) => self.cut_off(r),
            Record::OfficeRulesSet(r) => {
                self.cards.set_from_stock(r.cards_from_stock != 0);
                self.office.set(r);
            }
            Record::MealPeriodSet(r, _) => self.prices.set_period(r),
            Record::PriceSet(r) => {
                let set = self.prices.set(r);
                self.agree(Check::Layout, set);
            }
            Record::MerchantRegistered(..) => {}
            _ => self.money(&record)?,
        }
        Ok(())
    }

    /// What is left to say after the last record.
    pub(super) fn finish(mut self, log: LogFacts) -> AuditReport {
        let remaining = self.remaining_in_group;
        self.check(remaining == 0, Check::Group, || {
            format!("the log ends {remaining} records before its last group does")
        });
        let records = self.number;
        self.number = 0;
        let subsidy_fen = self.persons.iter().map(|person| person.subsidy_fen).sum();
        let holdings = Holdings::of(&self.books, subsidy_fen);
        self.check(holdings.sum_fen == 0, Check::Totals, || {
            format!("the books sum to {} fen, not to zero", holdings.sum_fen)
        });
        let t = self.totals;
        let came_in = t.top_ups_fen + t.openings_fen + t.reversals_fen + t.refunds_fen + t.subsidies_fen;
        let spent =
            t.debits_fen + t.offline_fen + t.fees_fen + t.top_ups_undone_fen + t.payable_fen + t.paid_out_fen;
        let spent = spent + t.adjusted_down_fen + t.subsidies_back_fen + t.pricing_fen;
        let came_in = came_in + t.adjusted_up_fen;
        let beside_fen = holdings.clearing_fen[Clearing::Pricing.name()];
        self.check(beside_fen == t.pricing_fen, Check::Totals, || {
            format!("{beside_fen} fen were paid beside prices, and {} taken", t.pricing_fen)
        });
        self.check(holdings.persons_fen == came_in - spent, Check::Totals, || {
            format!("persons hold {} fen; {came_in} came in and {spent} went out", holdings.persons_fen)
        });
        let sold = t.debits_fen - t.reversals_fen - t.refunds_fen
            + t.offline_fen
            + t.offline_unknown_card_fen
            + t.offline_lost_cards_fen;
        let owed = holdings.merchants_fen + holdings.held_back_fen;
        self.check(owed == sold && holdings.held_back_fen == t.offline_held_back_fen, Check::Totals, || {
            format!("merchants are owed {owed} fen and sold for {sold}")
        });
        let below = |(wallets, person): (&super::Wallets, &Person)| {
            wallets.sum_fen()
                < i128::from(self.policies.get(&person.class).unwrap_or(&Policy::DEFAULT).floor_fen)
        };
        let accounts_below_floor =
            self.books.persons().iter().zip(&self.persons).filter(|&pair| below(pair)).count() as u64;
        AuditReport {
            ok: self.violations_total == 0,
            log,
            records,
            records_by_kind: self.records_by_kind,
            accounts: self.persons.len() as u64,
            accounts_below_floor,
            terminals: self.tills.len() as u64,
            business_date: (self.date != BusinessDate(0)).then(|| CivilDay::from(self.date).to_string()),
            dates_closed: self.dates_closed,
            totals: self.totals,
            holdings,
            violations_total: self.violations_total,
            violations: self.violations,
        }
    }

    fn check_group(&mut self, found: &RecordRef<'_>) {
        let before = self.remaining_in_group;
        let fits = if before == 0 {
            found.first_in_group
        } else {
            !found.first_in_group && found.remaining_in_group + 1 == before
        };
        self.check(fits, Check::Group, || {
            format!(
                "first {}, {} more to come; the record before announced {before}",
                found.first_in_group, found.remaining_in_group
            )
        });
        self.remaining_in_group = found.remaining_in_group;
    }

    fn money(&mut self, record: &Record<'_>) -> Result<(), WalError> {
        let Some(money) = record.money() else { return Ok(()) };
        let date = self.date;
        self.check(money.date() == date, Check::BusinessDate, || {
            format!("stands under date {}, open is {date}", money.date())
        });
        self.check(money.result_code().is_some(), Check::Layout, || format!("no result code {}", money.code));
        if money.terminal_slot().is_some() {
            self.till(money);
        }
        // What stands beside a debit or a refund in its group shares its identity.
        if money.terminal_slot().is_some() && !record.kind().is_companion() {
            let told_before = matches!(record, Record::ScanPaid(_)) && self.was_pending(money);
            let fresh = self.sales.insert(money.sale()) || told_before;
            self.check(fresh, Check::SaleOnce, || format!("sale {} has an outcome already", money.sale()));
        }
        let person = money.person();
        let before_fen = person.and_then(|account| self.books.person(account)).map(super::Wallets::sum_fen);
        if record.kind().is_posting() {
            match postings_of(record) {
                Ok(postings) => self.post(record, money, &postings),
                Err(reason) => self.violate(Check::Sides, reason.to_owned()),
            }
        }
        self.balance_after(money);
        if let Some(account) = person {
            self.link_account(account, money.previous_account.get());
        } else {
            let previous = money.previous_account.get();
            self.check(previous == 0, Check::AccountChain, || {
                format!("no person is concerned, but the record before is {previous}")
            });
        }
        self.token(record, money);
        let done = self.office.take(self.number, self.time_ns, record);
        self.agree(Check::Office, done);
        self.tap(record, money);
        self.batch(record);
        match record {
            Record::Debit(_) | Record::FullDebit(_) => {
                self.priced(record, money);
                self.meal(record, money);
                self.debit(record, before_fen, false);
            }
            Record::ScanPaid(r) => self.debit(record, before_fen, r.till_connected != 0),
            Record::GapClosed(r) => self.gap_closed(r),
            Record::ToldPosted(r) => self.told_posted(r)?,
            Record::ScanPending(_) => {
                self.pending.insert(money.sale(), money.amount_fen.get());
            }
            Record::TopUp(r) => self.order(r),
            Record::Tender(r) => self.tender(r),
            Record::Reversal(r) => {
                self.undone(record, &r.money, r.original_record.get(), r.original())?;
            }
            Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => {
                self.undone(record, &r.back.money, r.original_record.get(), r.original())?;
            }
            Record::Refund(r) => self.refund(r)?,
            Record::TopUpUndo(r) => self.top_up_undo(r)?,
            Record::ReversalBeforeOriginal(r) => {
                self.pending.remove(&r.original());
                self.tombstones.insert(r.original());
            }
            Record::OfflineDebit(r) => self.offline(r),
            Record::CodesRevoked(r) => match person {
                Some(account) => self.codes.revoked(account, r.token.get()),
                None => self.violate(Check::Known, "nobody's codes are revoked".to_owned()),
            },
            Record::CardsStocked(r) => {
                let stocked = self.cards.stocked(r);
                self.agree(Check::Card, stocked);
            }
            Record::TerminalKeyRotated(r, _) => {
                let rotated = self.terminal_keys.rotated(self.time_ns, r);
                self.agree(Check::Office, rotated);
            }
            Record::CodeKeyRotated(r) => {
                let rotated = self.codes.rotated(r);
                self.agree(Check::CodeOnce, rotated);
            }
            Record::CardIssued(_)
            | Record::CardReplaced(_)
            | Record::CardReturned(_)
            | Record::AccountClosed(_) => {
                self.card_state(record, money);
                if let (Record::AccountClosed(_), Some(account)) = (record, person)
                    && let Some(person) = self.persons.get_mut(account.0 as usize)
                {
                    person.is_closed = true;
                }
            }
            Record::AccountChanged(r, _) => self.account_changed(r, person),
            _ => self.holder(record, money),
        }
        Ok(())
    }

    fn account_changed(&mut self, r: &AccountChangedRecord, person: Option<AccountId>) {
        let Some(person) = person.and_then(|account| self.persons.get_mut(account.0 as usize)) else {
            return;
        };
        let before = core::mem::replace(&mut person.class, r.class);
        person.debit_max_fen = r.debit_max_fen.get();
        let floor_fen = |class| self.policies.get(&class).unwrap_or(&Policy::DEFAULT).floor_fen;
        let moved = self.office.floor_moved(&r.money, floor_fen(before), floor_fen(r.class));
        self.agree(Check::Office, moved);
    }

    fn post(&mut self, record: &Record<'_>, money: &MoneyRecord, postings: &Postings) {
        let Some(posting) = postings.first() else { return };
        if !postings.iter().all(|posting| self.books.post(posting)) {
            self.violate(Check::Known, "a side's account was never opened".to_owned());
            return;
        }
        let pricing_fen = i128::from(record.pricing_fen());
        let amount_fen = match pricing_fen {
            0 => postings.iter().map(|posting| i128::from(posting.amount_fen)).sum::<i128>(),
            _ => i128::from(money.amount_fen.get()),
        };
        let to_person = money.credit_account().as_person().is_some();
        let totals = &mut self.totals;
        totals.pricing_fen += if to_person { -pricing_fen } else { pricing_fen };
        match record.kind() {
            RecordKind::Debit | RecordKind::FullDebit | RecordKind::ScanPaid => {
                totals.debits_fen += amount_fen;
            }
            RecordKind::Load => totals.loads_fen += amount_fen,
            RecordKind::Settle => totals.settled_fen += amount_fen,
            RecordKind::Fee => totals.fees_fen += amount_fen,
            // Some of it may make up for what another wallet lacked, and left nobody.
            RecordKind::PaidOut => totals.paid_out_fen += i128::from(money.amount_fen.get()),
            RecordKind::SubsidyClaimed => totals.subsidies_fen += amount_fen,
            RecordKind::SubsidyTakenBack => totals.subsidies_back_fen += amount_fen,
            RecordKind::TopUp => totals.top_ups_fen += amount_fen,
            RecordKind::TopUpUndo => totals.top_ups_undone_fen += amount_fen,
            RecordKind::Adjustment if to_person => totals.adjusted_up_fen += amount_fen,
            RecordKind::Adjustment => totals.adjusted_down_fen += amount_fen,
            RecordKind::Opening => totals.openings_fen += amount_fen,
            RecordKind::Reversal | RecordKind::FullReversal | RecordKind::Void | RecordKind::TapUndone => {
                totals.reversals_fen += amount_fen;
            }
            RecordKind::Refund => totals.refunds_fen += amount_fen,
            RecordKind::Payable => totals.payable_fen += amount_fen,
            _ => {
                match posting.debit {
                    Line::Clearing(Clearing::LostCards) => totals.offline_lost_cards_fen += amount_fen,
                    Line::Clearing(_) => totals.offline_unknown_card_fen += amount_fen,
                    _ => totals.offline_fen += amount_fen,
                }
                if matches!(posting.credit, Line::HeldBack(_)) {
                    totals.offline_held_back_fen += amount_fen;
                }
            }
        }
        if let Some(wallets) = money.person().and_then(|account| self.books.person(account)).copied() {
            self.check(wallets.transition_fen <= 0 && wallets.electronic_fen >= 0, Check::WalletSign, || {
                format!(
                    "transition {} fen, electronic {} fen",
                    wallets.transition_fen, wallets.electronic_fen
                )
            });
        }
        self.subsidy(record, money);
        self.link_hot(money);
        if pricing_fen != 0 {
            let previous = previous_pricing(record);
            self.link_part(LedgerAccount::clearing(Clearing::Pricing), previous);
        }
    }

    fn balance_after(&mut self, money: &MoneyRecord) {
        let written_fen = i128::from(money.balance_after_fen.get());
        let Some(account) = money.person() else {
            return self.check(written_fen == 0, Check::BalanceAfter, || {
                format!("{written_fen} fen without a person")
            });
        };
        match self.books.person(account).map(super::Wallets::sum_fen) {
            Some(sum_fen) => self.check(written_fen == sum_fen, Check::BalanceAfter, || {
                format!("account {account} adds up to {sum_fen} fen, the record says {written_fen}")
            }),
            None => self.violate(Check::Known, format!("account {account} was never opened")),
        }
    }

    /// Card counters and payment codes.
    fn token(&mut self, record: &Record<'_>, money: &MoneyRecord) {
        let Some(account) = money.person() else { return };
        if let (Some(counter), Record::Debit(_) | Record::FullDebit(_)) = (money.card_counter(), record)
            && let Some(person) = self.persons.get_mut(account.0 as usize)
        {
            let last = core::mem::replace(&mut person.card_counter, counter.0);
            self.check(counter.0 > last, Check::CardCounter, || format!("counter {counter} after {last}"));
        }
        if let Some((step, nonce)) = money.code_step_nonce() {
            let used = self.codes.used(account, step, nonce);
            self.agree(Check::CodeOnce, used);
        }
    }

    /// Whether a till told of a sale before it was paid by phone.
    fn was_pending(&mut self, money: &MoneyRecord) -> bool {
        let Some(told_fen) = self.pending.remove(&money.sale()) else { return false };
        let paid_fen = money.amount_fen.get();
        self.check(told_fen == paid_fen, Check::SaleOnce, || {
            format!("{paid_fen} fen are paid for sale {}, its till told of {told_fen}", money.sale())
        });
        true
    }

    fn debit(&mut self, record: &Record<'_>, before_fen: Option<i128>, flagged: bool) {
        let Some(money) = record.money() else { return };
        let paid_fen = money.amount_fen.get() + record.pricing_fen();
        let sale = money.sale();
        let dead = self.tombstones.contains(&sale);
        self.check(!dead, Check::Reversal, || format!("sale {sale} was reversed before it came"));
        let code = money.code.get();
        let due = if flagged { ResultCode::ApprovedFlagged } else { ResultCode::Approved };
        self.check(code == due.number(), Check::Layout, || format!("a debit with code {code}"));
        if let Some(till) = self.tills.get(usize::from(money.slot.get())).copied() {
            let paid = money.credit_account().class();
            self.check(
                matches!(paid, LedgerClass::Merchant(m) if m.0 == till.merchant),
                Check::Sides,
                || {
                    format!(
                        "{} is credited, the till belongs to merchant {}",
                        money.credit_account(),
                        till.merchant
                    )
                },
            );
        }
        let (Some(account), Some(before_fen)) = (money.person(), before_fen) else { return };
        let by_card = money.channel() == Some(Channel::Card);
        let card = self.cards.current(account).filter(|_| by_card);
        let expired = card.is_some_and(|card| self.cards.has_expired(card, day_of(self.time_ns)));
        self.check(!expired, Check::Card, || format!("account {account} pays by a card that has expired"));
        let Some(person) = self.persons.get(account.0 as usize) else { return };
        let policy = self.policies.get(&person.class).copied().unwrap_or(Policy::DEFAULT);
        let within = within_limit(money, paid_fen, (&policy, person.debit_max_fen));
        self.agree(Check::Limit, within);
        if money.is_by_password() {
            let known = self.holders.was_right(account, self.time_ns);
            self.agree(Check::Holder, known);
        }
        let paid = match money.channel() {
            Some(Channel::Card) => self.holders.card_paid(account),
            Some(Channel::Code) => {
                self.holders.code_paid(account, policy.codes_need_phone, money.code_step_nonce())
            }
            _ => Ok(()),
        };
        if let Err(detail) = paid {
            self.violate(Check::Holder, detail);
        }
        let after_fen = before_fen - i128::from(paid_fen);
        self.check(after_fen >= i128::from(policy.floor_fen), Check::Floor, || {
            format!("{after_fen} fen are left, the floor is {}", policy.floor_fen)
        });
        self.check(policy.rule != AuthoriseRule::AboveZero || before_fen > 0, Check::Floor, || {
            format!("{before_fen} fen before a debit that needs more than zero")
        });
    }

    /// What was done under a holder's password, or about the holder's phone.
    fn holder(&mut self, record: &Record<'_>, money: &MoneyRecord) {
        let Some(account) = money.person() else { return };
        let done = self.holders.take(record, account, self.cards.current(account), self.time_ns);
        if let Record::LossReported(_) | Record::LossLifted(_) = record {
            self.cards.set_lost(account, matches!(record, Record::LossReported(_)));
        }
        self.agree(Check::Holder, done);
    }

    fn agree(&mut self, check: Check, done: Result<(), String>) {
        if let Err(detail) = done {
            self.violate(check, detail);
        }
    }

    fn suspense(&mut self, r: &SuspenseRecord) {
        let date = self.date;
        let stands = BusinessDate(r.business_date.get());
        self.check(stands == date, Check::BusinessDate, || {
            format!("stands under date {stands}, open is {date}")
        });
        self.link_till(r.slot.get(), r.terminal.get(), r.previous_terminal.get());
    }

    /// Adds the batch up again, down the till's chain.
    fn batch_settled(&mut self, r: &BatchSettledRecord) -> Result<(), WalError> {
        let previous = r.previous_terminal.get();
        self.of_till(r.business_date.get(), r.slot.get(), (r.terminal.get(), previous));
        let span = match self.duties.span_of(r) {
            Ok(span) => span,
            Err(detail) => {
                self.violate(Check::Duty, detail);
                return Ok(());
            }
        };
        let mut below = self.number;
        let sums = sum(span, None, |number| {
            let found = if number.0 < below { self.reader.record(number.0)? } else { None };
            below = number.0;
            let link = found
                .and_then(|found| {
                    Record::decode(found.kind, found.version, found.payload).as_ref().map(Link::of).ok()
                })
                .flatten();
            link.ok_or(BrokenChain::At(number))
        });
        let done = match sums {
            Ok(sums) => self.duties.settled(r, &sums),
            Err(BrokenChain::Log(error)) => return Err(error),
            Err(BrokenChain::At(number)) => {
                Err(format!("its chain leads to record {number}, which isn't a till's"))
            }
        };
        self.agree(Check::Duty, done);
        Ok(())
    }

    /// A record of a till that is no money.
    fn of_till(&mut self, stands: u16, slot: u16, (terminal, previous): (u32, u64)) {
        let date = self.date;
        self.check(stands == date.0, Check::BusinessDate, || {
            format!("stands under date {stands}, open is {date}")
        });
        self.link_till(slot, terminal, previous);
    }

    fn till(&mut self, money: &MoneyRecord) {
        self.link_till(money.slot.get(), money.terminal.get(), money.previous_terminal.get());
    }

    fn cut_off(&mut self, r: &CutOffRecord) {
        let (date, closed, opened) = (self.date.0, r.closed.get(), r.opened.get());
        self.check(closed == date && opened > date, Check::BusinessDate, || {
            format!("closes date {closed} and opens {opened}; open is {date}")
        });
        self.dates_closed += u64::from(date != 0);
        self.date = BusinessDate(opened);
    }

    fn link_account(&mut self, account: AccountId, previous: u64) {
        let number = self.number;
        match self.persons.get_mut(account.0 as usize) {
            Some(person) => {
                let head = core::mem::replace(&mut person.head, number);
                self.check(previous == head, Check::AccountChain, || {
                    format!("account {account}: the record before is {head}, it says {previous}")
                });
            }
            None => self.violate(Check::Known, format!("account {account} was never opened")),
        }
    }

    fn link_till(&mut self, slot: u16, terminal: u32, previous: u64) {
        let number = self.number;
        match self.tills.get_mut(usize::from(slot)) {
            Some(till) if till.terminal == terminal => {
                let head = core::mem::replace(&mut till.head, number);
                self.check(previous == head, Check::TerminalChain, || {
                    format!("terminal {terminal}: the record before is {head}, it says {previous}")
                });
            }
            _ => self.violate(Check::Known, format!("terminal {terminal} isn't registered at slot {slot}")),
        }
    }

    fn link_hot(&mut self, money: &MoneyRecord) {
        let previous = money.previous_counter.get();
        // The chain is the credited side's, unless that is a person.
        let hot = [money.credit_account(), money.debit_account()]
            .into_iter()
            .find(|account| account.as_person().is_none());
        let Some(hot) = hot else {
            return self
                .check(previous == 0, Check::HotChain, || format!("no hot side, but {previous} before"));
        };
        self.link_part(hot, previous);
    }

    /// A record goes on with the chain of some part of a hot account.
    fn link_part(&mut self, hot: LedgerAccount, previous: u64) {
        let number = self.number;
        let ends = self.hot_ends.entry(hot).or_default();
        let known = match ends.iter_mut().find(|end| **end == previous) {
            Some(end) => {
                *end = number;
                true
            }
            None => {
                ends.push(number);
                previous == 0
            }
        };
        self.check(known, Check::HotChain, || format!("{hot}: no part's chain ends at record {previous}"));
    }

    fn check(&mut self, holds: bool, check: Check, detail: impl FnOnce() -> String) {
        if !holds {
            self.violate(check, detail());
        }
    }

    fn violate(&mut self, check: Check, detail: String) {
        self.violations_total += 1;
        if self.violations.len() < self.violations_max {
            self.violations.push(Violation { record: self.number, check, detail });
        }
    }
}

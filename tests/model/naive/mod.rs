//! The naive ledger: plain maps and obvious code, written from the rules and not from the ledger.
//!
//! It remembers everything for ever: no ring, no shards, no watermark, no history to look up. Where the fast ledger
//! forgets by rule (day totals, used codes, recent suspense records) the rule is written out here again.
//!
//! Its answers are told as [`Answer`]. It counts records too, so that it knows which number each must have.

mod cards;
mod codes;
mod configuration;
mod debits;
pub mod gaps;
mod holders;
mod identity;
mod meals;
pub mod office;
mod offline;
mod prices;
mod queries;
mod refunds;
mod reversals;
mod scans;
pub mod subsidies;
mod taps;
mod terminal_keys;
pub mod tills;
mod top_ups;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine::ledger::Request;
use engine::ledger::account::AccountStatus;
use engine::ledger::command::{AccountSelector, Channel, Sale};
use engine::ledger::record::Wallet;
use engine::ledger::registry::{OfficeRules, Policy, TerminalKind};
use protocol::card::{CardKind, CardTerms, ChipWrite, PayoutWay, ReplaceReason};
use protocol::ids::{AccountId, CardCounter, CardUid};
use protocol::request::{AdjustDirection, FreezeAction, SubsidyAction, SubsidyMode, Verdict};
use protocol::result_code::ResultCode;
use protocol::till_totals::{TillKind, TillTotals};

pub use holders::Holder;
use office::Proposal;

/// What is said to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Outcome(Said),
    Balance {
        account: u32,
        wallets: Wallets,
        status: AccountStatus,
        card_lost: bool,
    },
    BillHead {
        account: u32,
        head: u64,
        month_start: u64,
    },
    /// Who is on duty, the open shift, the record that closed the one before, and the batch settled last: number, epoch, last
    /// sequence, record.
    Duty {
        cashier: u32,
        shift: u32,
        shift_record: u64,
        batch: (u32, u16, u32, u64),
    },
    NotSeen,
}

/// An outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub code: ResultCode,
    pub account: Option<u32>,
    pub amount_fen: i64,
    pub balance_after_fen: i64,
    pub record: u64,
    pub repeat: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wallets {
    pub card_fen: i64,
    pub transition_fen: i64,
    pub electronic_fen: i64,
}

impl Wallets {
    pub fn sum_fen(&self) -> i64 {
        self.card_fen + self.transition_fen + self.electronic_fen
    }
}

/// Everybody who isn't a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Other {
    Merchant(u32),
    HeldBack(u32),
    TopUpClearing,
    OpeningClearing,
    UnknownCardClearing,
    LostCards,
    SubsidyClearing,
    Payable,
    Fees,
    Pricing,
    Adjustments,
}

#[derive(Debug)]
pub struct Account {
    pub student_number: [u8; 16],
    pub wallets: Wallets,
    /// The part of the card wallet that the school gave.
    pub subsidy_fen: i64,
    pub status: AccountStatus,
    pub class: u8,
    pub debit_max_fen: u32,
    pub day_max_fen: u32,
    pub card: Option<u64>,
    pub card_lost: bool,
    pub card_counter: u32,
    /// The highest counter of the current card, whatever brought it.
    pub card_seen: u32,
    pub opening_posted: bool,
    /// A tap of its card of which nobody knows yet whether the chip was written.
    pub open_tap: Option<OpenTap>,
    pub spent_fen: BTreeMap<u16, i64>,
    /// Day and meal period of the newest debit that counted in one, and how much was paid there.
    pub meal: Option<(u16, u8, i64)>,
    pub codes_used: BTreeSet<(u32, u8)>,
    pub holder: Holder,
    /// Every code of this step and of those before it was revoked.
    pub codes_revoked_to: u32,
    /// Number and logged time of every record that names the account.
    pub chain: Vec<(u64, u64)>,
}

/// A tap in two phases that is neither confirmed nor resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTap {
    pub till: usize,
    /// Epoch and sequence.
    pub named: (u16, u32),
    pub counter: u32,
    /// An offline sale of the card had the same counter.
    pub contradicted: bool,
}

impl Account {
    /// The two latest days that it paid on are remembered.
    fn add_spent(&mut self, day: u16, amount_fen: i64) {
        if let Some(spent_fen) = self.spent_fen.get_mut(&day) {
            *spent_fen += amount_fen;
        } else if amount_fen > 0 {
            self.spent_fen.insert(day, amount_fen);
            while self.spent_fen.len() > 2 {
                self.spent_fen.pop_first();
            }
        }
    }

    /// Takes money from the card: what the school gave goes first. Says how much that was.
    fn take_from_card(&mut self, amount_fen: i64) -> i64 {
        let given_fen = amount_fen.min(self.subsidy_fen);
        self.subsidy_fen -= given_fen;
        self.wallets.card_fen -= amount_fen;
        given_fen
    }

    /// Puts money on the card, some of it given by the school; a debt on the card takes its part of that at once.
    fn put_on_card(&mut self, amount_fen: i64, given_fen: i64) {
        self.wallets.card_fen += amount_fen;
        self.subsidy_fen = (self.subsidy_fen + given_fen).min(self.wallets.card_fen.max(0));
    }

    /// Another card, or none: it begins anew, and what was open stands.
    fn change_card(&mut self, card: Option<u64>) {
        (self.card, self.card_lost, self.card_counter, self.card_seen) = (card, false, 0, 0);
        self.open_tap = None;
    }

    fn see_counter(&mut self, card_uid: u64, counter: u32) {
        if self.card == Some(card_uid) {
            self.card_seen = self.card_seen.max(counter);
            if let Some(open) = self.open_tap.as_mut().filter(|open| open.counter == counter) {
                open.contradicted = true;
            }
        }
    }

    fn spent_on_fen(&self, day: u16) -> i64 {
        self.spent_fen.get(&day).copied().unwrap_or(0)
    }
}

/// What makes two requests under one identity the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Card {
        card_uid: u64,
        amount_fen: i64,
    },
    Code {
        digits: [u8; 20],
        amount_fen: i64,
    },
    TopUp {
        account: AccountSelector,
        amount_fen: i64,
        channel: Channel,
        order_number: [u8; 32],
    },
    Reversal {
        epoch: u16,
        sequence: u32,
        amount_fen: i64,
    },
    CardIssue {
        account: AccountSelector,
        card_uid: u64,
        kind: CardKind,
        expires_day: u16,
        fee_fen: i64,
    },
    CardReplace {
        account: AccountSelector,
        new_card: u64,
        reason: ReplaceReason,
        terms: CardTerms,
        fee_fen: i64,
    },
    CardReturn {
        account: AccountSelector,
        card_uid: u64,
    },
    AccountClose {
        account: AccountSelector,
        card_uid: u64,
        way: PayoutWay,
    },
    TopUpUndo {
        epoch: u16,
        sequence: u32,
        amount_fen: i64,
    },
    TapConfirm {
        terminal: u32,
        epoch: u16,
        sequence: u32,
        amount_fen: i64,
        write: ChipWrite,
    },
    PasswordSet {
        account: AccountSelector,
    },
    VirtualBind {
        student_number: [u8; 16],
        virtual_id: u64,
    },
    VirtualUnbind {
        virtual_id: u64,
    },
    PhoneChange {
        virtual_id: u64,
        phone: u64,
    },
    LossReport {
        account: AccountSelector,
    },
    LossLift {
        account: AccountSelector,
    },
    CodeRevoke {
        account: AccountSelector,
    },
    GapClose {
        till: u32,
        epoch: u16,
        first: u32,
        last: u32,
        reason: [u8; 32],
    },
    ToldPost {
        card_uid: u64,
        card_counter: CardCounter,
        reason: [u8; 32],
    },
    /// What a till shows: the till doesn't know who pays.
    Scanned {
        amount_fen: i64,
    },
    ScanPay {
        account: AccountSelector,
        terminal: u32,
        scanned: (u16, u32),
        amount_fen: i64,
        till_time_ns: u64,
    },
    CodeKeyRotate {
        key_version: u32,
        refuses_earlier: bool,
    },
    Tender {
        amount_fen: i64,
        channel: Channel,
        order_number: [u8; 32],
    },
    Void {
        epoch: u16,
        sequence: u32,
        amount_fen: i64,
    },
    Refund {
        terminal: u32,
        epoch: u16,
        sequence: u32,
        amount_fen: i64,
    },
    Freeze {
        account: AccountSelector,
        action: FreezeAction,
        reason: Vec<u8>,
    },
    Limits {
        account: AccountSelector,
        limits: (u32, u32, u8),
        reason: Vec<u8>,
    },
    Adjust {
        account: AccountSelector,
        amount_fen: i64,
        wallet: Wallet,
        direction: AdjustDirection,
        reason: Vec<u8>,
    },
    CardStock {
        first: u64,
        count: u16,
    },
    TerminalKey {
        terminal: u32,
        key_version: u32,
        reason: Vec<u8>,
    },
    Decide {
        proposal: u64,
        verdict: Verdict,
        reason: Vec<u8>,
    },
    Batch {
        batch: u32,
        plan: (SubsidyMode, u16, u32, i64),
        title: Vec<u8>,
    },
    BatchLines {
        batch: u32,
        first: u32,
        lines: Vec<(u32, i64)>,
    },
    BatchStep {
        batch: u32,
        action: SubsidyAction,
        reason: Vec<u8>,
    },
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Debit {
        wallet: PaidFrom,
        merchant: u32,
        day: u16,
        /// How much of it the school had given.
        given_fen: i64,
    },
    OfflineDebit {
        merchant: u32,
        day: u16,
        given_fen: i64,
        flagged: bool,
    },
    Refund {
        merchant: u32,
    },
    Tender {
        merchant: u32,
    },
    /// What undid another request.
    Undo {
        /// Who owes less by it.
        merchant: Option<u32>,
    },
    /// Told by the till before it was paid by phone.
    ScanPending,
    TopUp {
        channel: Channel,
        date: u16,
    },
    Other,
    /// Nothing yet: its reversal came first.
    Tombstone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaidFrom {
    Card,
    Transition,
}

#[derive(Clone, Debug)]
pub struct Past {
    pub body: Body,
    pub deed: Deed,
    pub code: ResultCode,
    pub account: Option<u32>,
    /// The person on the paying side: a top-up's isn't.
    pub payer: Option<u32>,
    pub amount_fen: i64,
    /// What was paid beside it, or came back with it.
    pub beside_fen: i64,
    /// Of a debit, the meal period that it counted in.
    pub counts_in: Option<u8>,
    pub balance_after_fen: i64,
    pub record: u64,
    pub time_ns: u64,
    /// The business date that was open.
    pub date: u16,
    /// Reversed, voided or taken back.
    pub reversed: bool,
    pub voided: bool,
    pub refunded_fen: i64,
    pub suspended: bool,
    pub two_phase: bool,
    pub confirmed: bool,
    /// Undone because the chip wasn't written.
    pub unwritten: bool,
}

#[derive(Debug)]
pub struct Till {
    pub terminal: u32,
    pub merchant: u32,
    pub kind: TerminalKind,
    pub key_version: u32,
    /// When it was changed, unless it is the one that it was registered with.
    pub key_changed_ns: Option<u64>,
    pub key_awaited: bool,
    pub enabled: bool,
    pub epoch: u16,
    /// Sequences of the open epoch that have come.
    pub received: BTreeSet<u32>,
    /// When a sequence was passed over, in seconds; what came since stays here.
    pub missing_since_s: BTreeMap<u32, u32>,
    pub past: BTreeMap<(u16, u32), Past>,
    pub bad_codes: u32,
    pub bad_codes_since_ns: u64,
    pub suspense_date: u16,
    pub suspense_count: usize,
    /// The version of the block-list that it reported last.
    pub block_list: Option<u32>,
    pub duty: Duty,
    /// The four latest.
    pub suspense_recent: Vec<(u16, u32, Body)>,
}

/// Who is at a till, what it did, and how far that is closed.
#[derive(Debug, Default)]
pub struct Duty {
    pub cashier: u32,
    /// Who was before, and the record that signed the cashier on or off.
    pub cashier_before: u32,
    pub signed_by: u64,
    pub shifts_closed: u32,
    /// What it did, in the order of records: epoch, sequence, what, how much.
    pub did: Vec<(u16, u32, TillKind, i64)>,
    /// How much of that was there when the shift before was closed.
    pub did_before_shift: usize,
    pub shift_record: u64,
    pub batch: Option<Batch>,
}

/// The batch that was settled last.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    pub number: u32,
    pub epoch: u16,
    pub first: u32,
    pub last: u32,
    pub totals: TillTotals,
    pub record: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CardOwner {
    Account(u32),
    Nobody,
}

/// One holder of a card number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holding {
    account: u32,
    since_ns: u64,
    expires_day: u16,
    /// The day it came back, or expired before that.
    ended_ns: Option<u64>,
}

#[derive(Debug)]
struct Order {
    counted_for: CountedFor,
    amount_fen: i64,
}

/// Whom an order brought something: money here, or past these books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountedFor {
    Person(u32),
    Merchant(u32),
}

/// The sizes that a full table is told by.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub accounts_max: usize,
    pub merchants_max: u32,
    pub terminals_max: usize,
    /// A power of two.
    pub outcomes_per_terminal: u32,
}

#[derive(Debug)]
pub struct Model {
    bounds: Bounds,
    pub last_record: u64,
    time_ns: u64,
    pub date: u16,
    pub accounts: Vec<Account>,
    students: HashMap<[u8; 16], u32>,
    cards: HashMap<u64, CardOwner>,
    /// Blocked cards, since when, and whether they are lost.
    pub blocked: BTreeMap<u64, (u64, bool)>,
    /// Every move of the block-list: which card, and whether it came onto it.
    pub block_moves: Vec<(u64, bool)>,
    /// Blank cards at the counters.
    pub stock: BTreeSet<u64>,
    /// Whose a card was, one after the other.
    holdings: HashMap<u64, Vec<Holding>>,
    merchants: BTreeMap<u32, (String, bool)>,
    pub tills: Vec<Till>,
    policies: HashMap<u8, Policy>,
    meal_periods: BTreeMap<u8, (String, u16, u16)>,
    rates: BTreeMap<(u8, u8), i16>,
    orders: HashMap<(u8, [u8; 32]), Order>,
    office: OfficeRules,
    /// What an operator adjusted alone on a day.
    adjusted_alone_fen: BTreeMap<(u32, u16), i64>,
    /// By the record that proposed them.
    pub proposals: BTreeMap<u64, Proposal>,
    pub batches: BTreeMap<u32, subsidies::Batch>,
    pub others_fen: BTreeMap<Other, i64>,
    /// The version of the key that payment codes are made under.
    pub code_key: u32,
    earlier_key_until_step: u32,
    /// The totals of the shift or batch that was closed last.
    pub closed_with: Option<TillTotals>,
    /// What cards told, in the order in which it came.
    pub told: Vec<gaps::Told>,
}

/// A money request under its identity.
struct Ask<'a> {
    till: usize,
    epoch: u16,
    sequence: u32,
    body: Body,
    amount_fen: i64,
    sale: &'a Sale<'a>,
}

impl Model {
    pub fn new(bounds: Bounds) -> Model {
        Model {
            bounds,
            last_record: 0,
            time_ns: 0,
            date: 0,
            accounts: Vec::new(),
            students: HashMap::new(),
            cards: HashMap::new(),
            blocked: BTreeMap::new(),
            block_moves: Vec::new(),
            stock: BTreeSet::new(),
            holdings: HashMap::new(),
            merchants: BTreeMap::new(),
            tills: Vec::new(),
            policies: HashMap::new(),
            meal_periods: BTreeMap::new(),
            rates: BTreeMap::new(),
            orders: HashMap::new(),
            office: OfficeRules::DEFAULT,
            adjusted_alone_fen: BTreeMap::new(),
            proposals: BTreeMap::new(),
            batches: BTreeMap::new(),
            others_fen: BTreeMap::new(),
            code_key: 0,
            earlier_key_until_step: 0,
            closed_with: None,
            told: Vec::new(),
        }
    }

    /// Does what is asked, at a logged time that never goes backwards.
    pub fn execute(&mut self, request: &Request<'_>, time_ns: u64) -> Answer {
        self.time_ns = time_ns;
        match request {
            Request::CardDebit(r) => self.card_debit(r),
            Request::PasswordDebit(r) => self.password_debit(r),
            Request::CodeDebit(r) => self.code_debit(r),
            Request::CardTap(r) => self.card_tap(r),
            Request::TapConfirm(r) => self.tap_confirm(r),
            Request::TopUp(r) => self.top_up(r),
            Request::Reversal(r) => self.reversal(r),
            Request::Tender(r) => self.tender(r),
            Request::Void(r) => self.void(r),
            Request::Refund(r) => self.refund(r),
            Request::TopUpUndo(r) => self.top_up_undo(r),
            Request::Offline(r) => self.offline(r),
            Request::CardIssue(r) => self.card_issue(r),
            Request::CardReplace(r) => self.card_replace(r),
            Request::CardReturn(r) => self.card_return(r),
            Request::CardStock(r) => self.card_stock(r),
            Request::PasswordSet(r) => self.password_set(r),
            Request::VirtualBind(r) => self.virtual_bind(r),
            Request::VirtualUnbind(r) => self.virtual_unbind(r),
            Request::PhoneChange(r) => self.phone_change(r),
            Request::LossReport(r) => self.loss_report(r),
            Request::LossLift(r) => self.loss_lift(r),
            Request::ScanPay(r) => self.scan_pay(r),
            Request::GapClose(r) => self.gap_close(r),
            Request::ToldPost(r) => self.told_post(r),
            Request::CodeRevoke(r) => self.code_revoke(r),
            Request::CodeKeyRotate(r) => self.code_key_rotate(r),
            Request::AccountFreeze(r) => self.account_freeze(r),
            Request::AccountLimits(r) => self.account_limits(r),
            Request::Adjust(r) => self.adjust(r),
            Request::AdjustDecide(r) => self.adjust_decide(r),
            Request::AdjustExpire(r) => self.adjust_expire(r),
            Request::TerminalKeyRotate(r) => self.terminal_key_rotate(r),
            Request::TerminalKeyTaken(r) => self.terminal_key_taken(r),
            Request::AccountClose(r) => self.account_close(r),
            Request::SubsidyOpen(r) => self.subsidy_open(r),
            Request::SubsidyLines(r) => self.subsidy_lines(r),
            Request::SubsidyStep(r) => self.subsidy_step(r),
            Request::SubsidyAdvance(r) => self.subsidy_advance(r),
            Request::SubsidyClaim(r) => self.subsidy_claim(r),
            Request::SubsidyTakeBack(r) => self.subsidy_take_back(r),
            Request::Balance(r) => self.balance(&r.account),
            Request::SaleQuery(r) => self.sale_query(&r.sale),
            Request::BillHead(r) => self.bill_head(&r.account),
            Request::BlockListActive(r) => self.block_list_active(r),
            Request::CashierSign(r) => self.cashier_sign(r),
            Request::ShiftClose(r) => self.shift_close(r),
            Request::DutyQuery(r) => self.duty_query(r),
            Request::BatchSettle(r) => self.batch_settle(r),
            _ => self.configure(request),
        }
    }

    fn block(&mut self, card: Option<u64>, lost: bool) {
        if let Some(card_uid) = card
            && !self.blocked.contains_key(&card_uid)
        {
            self.blocked.insert(card_uid, (self.time_ns, lost));
            self.block_moves.push((card_uid, true));
        }
    }

    fn free(&mut self, card: Option<u64>) {
        if let Some(card_uid) = card
            && self.blocked.remove(&card_uid).is_some()
        {
            self.block_moves.push((card_uid, false));
        }
    }

    fn next_record(&mut self) -> u64 {
        self.last_record += 1;
        self.last_record
    }

    fn today(&self) -> u16 {
        day_of(self.time_ns)
    }

    fn policy(&self, class: u8) -> Policy {
        self.policies.get(&class).copied().unwrap_or_default()
    }

    fn trades(&self, merchant: u32) -> bool {
        self.merchants.get(&merchant).is_some_and(|(_, enabled)| *enabled)
    }

    fn owe(&mut self, other: Other, amount_fen: i64) {
        *self.others_fen.entry(other).or_default() += amount_fen;
    }

    fn link(&mut self, account: u32, record: u64) {
        let time_ns = self.time_ns;
        self.accounts[account as usize].chain.push((record, time_ns));
    }

    fn balance_fen(&self, account: Option<u32>) -> i64 {
        account.map_or(0, |account| self.accounts[account as usize].wallets.sum_fen())
    }

    fn current_card(&self, card_uid: CardUid) -> Result<u32, (ResultCode, Option<u32>)> {
        let Some(CardOwner::Account(id)) = self.cards.get(&card_uid.0) else {
            return Err((ResultCode::UnknownCard, None));
        };
        let account = &self.accounts[*id as usize];
        if account.card == Some(card_uid.0) && account.card_lost {
            Err((ResultCode::CardLost, Some(*id)))
        } else if account.card == Some(card_uid.0) {
            Ok(*id)
        } else {
            Err((ResultCode::CardNotCurrent, Some(*id)))
        }
    }

    fn select(&self, selector: &AccountSelector) -> Result<u32, ResultCode> {
        match selector {
            AccountSelector::Account(AccountId(id)) if (*id as usize) < self.accounts.len() => Ok(*id),
            AccountSelector::Account(_) => Err(ResultCode::UnknownAccount),
            AccountSelector::StudentNumber(text) => {
                self.students.get(text).copied().ok_or(ResultCode::UnknownAccount)
            }
            AccountSelector::Card(card_uid) => self.current_card(*card_uid).map_err(|(code, _)| code),
        }
    }
}

fn answer(code: ResultCode, amount_fen: i64) -> Answer {
    Answer::Outcome(Said { code, account: None, amount_fen, balance_after_fen: 0, record: 0, repeat: false })
}

/// The +08:00 day, in days since 2000-01-01.
pub fn day_of(time_ns: u64) -> u16 {
    let hours = time_ns / 1_000_000_000 / 3_600 + 8;
    u16::try_from(hours / 24 - 10_957).expect("times of tests lie between 2000 and 2179")
}

/// Months since 2000-01, by counting them off.
pub fn month_of(time_ns: u64) -> u32 {
    let mut day = u32::from(day_of(time_ns));
    let mut month = 0;
    loop {
        let year = 2000 + month / 12;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let length = lengths[(month % 12) as usize];
        if day < length {
            return month;
        }
        day -= length;
        month += 1;
    }
}

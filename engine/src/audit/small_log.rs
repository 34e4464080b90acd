//! A small log for tests: made by the real ledger, kept as plain groups so that a test can spoil them, and written to a
//! real log in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::card::{CardKind, CardTerms, ChipWrite, PayoutWay, ReplaceReason};
use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, RecordNumber, SaleId, Sequence,
    TerminalId, VirtualId,
};
use protocol::till_totals::TillTotals;
use wal::{Clock, Log, LogConfig, LogId, Priority, Simulated};

use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountClose, AccountSelector, BatchSettle, BindCard, CardDebit, CardIssue, CardReplace, CardReturn,
    CardTap, Carried, CashierSign, Channel, CodeDebit, CodeVerdict, CutOff, LossLift, LossReport,
    OfflineFact, OpenAccount, Opening, PasswordDebit, PasswordImport, Previous, Refund, RegisterMerchant,
    RegisterTerminal, Reversal, Sale, SetAccountTerms, SetMealPeriod, SetPolicy, SetPrice, ShiftClose,
    TapConfirm, Tender, ToldPost, TopUp, TopUpUndo, VirtualBind, VirtualUnbind, Void,
};
use crate::ledger::holder::PasswordRef;
use crate::ledger::kind::subsidy::subsidy_grant;
use crate::ledger::known::{Known, KnownPassword, KnownRecord, Need, PasswordVerdict};
use crate::ledger::limits::PAYLOAD_BYTES_MAX;
use crate::ledger::record::Wallet;
use crate::ledger::refunds::{self, Link};
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::till_totals;
use crate::ledger::told;
use crate::ledger::{
    Command, Decision, Outcome, Record, Request, Sizes, Stamp, State, TerminalSlot, apply, decide,
};

/// 2025-09-01 11:30 at the campus: lunch.
pub(crate) const LUNCH_NS: u64 = 1_756_697_400 * 1_000_000_000;
pub(crate) const HOUR_NS: u64 = 3_600 * 1_000_000_000;
/// 2025-09-01.
pub(crate) const DAY: u16 = 9_375;
pub(crate) const TERMINAL: TerminalId = TerminalId(11);
pub(crate) const MERCHANT: MerchantId = MerchantId(1);

/// A record as it goes to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) kind: u8,
    pub(crate) version: u8,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    pub(crate) fn of(record: &Record<'_>) -> Raw {
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        let payload = record.payload(&mut buffer).to_vec();
        Raw { kind: record.kind() as u8, version: record.version(), payload }
    }

    pub(crate) fn record(&self) -> Record<'_> {
        Record::decode(self.kind, self.version, &self.payload).expect("a record of the ledger")
    }
}

/// Records that stand together, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawGroup {
    pub(crate) time_ns: u64,
    pub(crate) records: Vec<Raw>,
}

/// See the module.
pub(crate) struct SmallLog {
    state: State,
    pub(crate) time_ns: u64,
    sequence: u32,
    /// What the vault says of the next password.
    verdict: PasswordVerdict,
    pub(crate) groups: Vec<RawGroup>,
}

struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn wall_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

impl SmallLog {
    /// The student number of the first account.
    pub(crate) const FIRST_STUDENT: &str = "0180000";

    /// One merchant, one till, lunch from 11 to 13; three people with cards 101 to 103 and 42.00 each on the card.
    pub(crate) fn new() -> SmallLog {
        let sizes =
            Sizes { accounts_max: 16, cards_max: 32, terminals_max: 4, merchants_max: 4, ..Sizes::default() };
        let state = State::new(&sizes).expect("sizes in range");
        let mut log = SmallLog {
            state,
            time_ns: LUNCH_NS,
            sequence: 0,
            verdict: PasswordVerdict::Right,
            groups: Vec::new(),
        };
        log.done(Request::CutOff(CutOff { opened: BusinessDate(DAY) }));
        log.done(Request::RegisterMerchant(RegisterMerchant {
            merchant: MERCHANT,
            name: "一食堂",
            enabled: true,
        }));
        log.done(Request::RegisterTerminal(RegisterTerminal {
            terminal: TERMINAL,
            merchant: MERCHANT,
            // It does whatever a till may.
            kind: TerminalKind::Counter,
            key_version: 1,
            enabled: true,
        }));
        log.done(Request::SetMealPeriod(SetMealPeriod {
            period: 2,
            name: "午餐",
            start_minute: 660,
            end_minute: 780,
        }));
        for account in 0..3 {
            let student_number = text(&format!("018{account:04}"));
            log.done(Request::OpenAccount(OpenAccount { student_number, class: 0 }));
            let account = AccountId(account);
            log.done(Request::BindCard(BindCard { account, card_uid: CardUid(101 + u64::from(account.0)) }));
            log.done(Request::Opening(Opening { account, wallet: Wallet::Card, amount_fen: 4_200 }));
        }
        log
    }

    /// A day with everything in it: tap with a load, code, top-up, refusal, reversals, offline facts, suspense.
    pub(crate) fn with_a_day() -> SmallLog {
        let mut log = SmallLog::new();
        log.tap(101, 1, 1_500);
        let reversed = log.sequence;
        log.code(AccountId(1), 1_000);
        log.top_up(AccountId(0), 5_000, "W0001");
        log.top_up(AccountId(0), 5_000, "W0001");
        log.reverse(reversed, 1_500);
        log.reverse(reversed, 1_500);
        log.tap(102, 7, 9_999);
        log.offline(103, 800, log.time_ns - HOUR_NS);
        log.offline(999, 600, log.time_ns);
        log.tap(101, 2, 2_000);
        log.tap(101, 3, 2_000);
        log.tap(101, 4, 900);
        let sale = log.next_sale();
        let refused = log.run(Request::Offline(OfflineFact {
            sale,
            record_terminal: TERMINAL,
            card_uid: CardUid(101),
            card_counter: CardCounter(9),
            amount_fen: 700,
            till_time_ns: log.time_ns,
            list: None,
            authentic: false,
            carried: Carried::default(),
        }));
        assert!(!refused.code.is_approved());
        log
    }

    pub(crate) fn next_sale(&mut self) -> Sale<'static> {
        self.sequence += 1;
        Sale {
            slot: TerminalSlot(0),
            terminal: TERMINAL,
            epoch: Epoch(1),
            sequence: Sequence(self.sequence),
            raw: b"bytes",
        }
    }

    pub(crate) fn tap(&mut self, card_uid: u64, counter: u32, amount_fen: i64) -> Outcome {
        let (card_uid, card_counter) = (CardUid(card_uid), CardCounter(counter));
        let sale = self.next_sale();
        self.run(Request::CardDebit(CardDebit { sale, card_uid, card_counter, amount_fen }))
    }

    pub(crate) fn tap_with_password(&mut self, card_uid: u64, counter: u32, amount_fen: i64) -> Outcome {
        self.verdict = PasswordVerdict::Right;
        let (card_uid, card_counter) = (CardUid(card_uid), CardCounter(counter));
        let (sale, well_formed) = (self.next_sale(), true);
        self.run(Request::PasswordDebit(PasswordDebit {
            sale,
            card_uid,
            card_counter,
            amount_fen,
            well_formed,
        }))
    }

    pub(crate) fn card_tap(&mut self, card_uid: u64, counter: u32, amount_fen: i64) -> Outcome {
        let (card_uid, card_counter) = (CardUid(card_uid), CardCounter(counter));
        let sale = self.next_sale();
        self.run(Request::CardTap(CardTap { sale, card_uid, card_counter, amount_fen }))
    }

    pub(crate) fn confirm(&mut self, original: u32, amount_fen: i64, write: ChipWrite) -> Outcome {
        let sale = self.next_sale();
        self.run(Request::TapConfirm(TapConfirm {
            sale,
            original_terminal: TERMINAL,
            original_epoch: Epoch(1),
            original_sequence: Sequence(original),
            amount_fen,
            write,
        }))
    }

    pub(crate) fn code(&mut self, account: AccountId, amount_fen: i64) -> Outcome {
        let step = (self.time_ns / 30_000_000_000) as u32;
        let verdict = CodeVerdict::Authentic { account, step, nonce: 1 };
        let sale = self.next_sale();
        self.run(Request::CodeDebit(CodeDebit {
            sale,
            digits: *b"00000000000000000001",
            verdict,
            key_version: 0,
            amount_fen,
        }))
    }

    /// Makes the till a counter.
    pub(crate) fn become_counter(&mut self) {
        self.become_another(TerminalKind::Counter);
    }

    /// Makes the till another kind of terminal.
    pub(crate) fn become_another(&mut self, kind: TerminalKind) {
        self.done(Request::RegisterTerminal(RegisterTerminal {
            terminal: TERMINAL,
            merchant: MERCHANT,
            kind,
            key_version: 1,
            enabled: true,
        }));
    }

    pub(crate) fn top_up_in_cash(&mut self, account: AccountId, amount_fen: i64, order: &str) -> Outcome {
        let sale = self.next_sale();
        self.run(Request::TopUp(TopUp {
            sale,
            account: AccountSelector::Account(account),
            amount_fen,
            channel: Channel::Counter,
            order_number: text(order),
        }))
    }

    pub(crate) fn undo_top_up(&mut self, original: u32, amount_fen: i64) -> Outcome {
        let sale = self.next_sale();
        let (original_epoch, original_sequence) = (Epoch(1), Sequence(original));
        self.run(Request::TopUpUndo(TopUpUndo { sale, original_epoch, original_sequence, amount_fen }))
    }

    pub(crate) fn top_up(&mut self, account: AccountId, amount_fen: i64, order: &str) -> Outcome {
        let sale = self.next_sale();
        self.run(Request::TopUp(TopUp {
            sale,
            account: AccountSelector::Account(account),
            amount_fen,
            channel: Channel::WeChat,
            order_number: text(order),
        }))
    }

    pub(crate) fn reverse(&mut self, original: u32, amount_fen: i64) -> Outcome {
        let sale = self.next_sale();
        let (original_epoch, original_sequence) = (Epoch(1), Sequence(original));
        self.run(Request::Reversal(Reversal { sale, original_epoch, original_sequence, amount_fen }))
    }

    pub(crate) fn tender(&mut self, channel: Channel, order: &str, amount_fen: i64) -> Outcome {
        let sale = self.next_sale();
        self.run(Request::Tender(Tender { sale, amount_fen, channel, order_number: text(order) }))
    }

    pub(crate) fn void(&mut self, original: u32, amount_fen: i64) -> Outcome {
        let sale = self.next_sale();
        let (original_epoch, original_sequence) = (Epoch(1), Sequence(original));
        self.run(Request::Void(Void { sale, original_epoch, original_sequence, amount_fen }))
    }

    pub(crate) fn refund(&mut self, original: u32, amount_fen: i64) -> Outcome {
        let sale = self.next_sale();
        let original = SaleId { sequence: Sequence(original), ..sale.id() };
        let original_slot = Some(sale.slot);
        self.run(Request::Refund(Refund { sale, original, original_slot, amount_fen }))
    }

    pub(crate) fn close_account(&mut self, account: AccountId) {
        self.done(Request::SetAccountTerms(SetAccountTerms {
            account,
            status: AccountStatus::Closed,
            card_lost: false,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }));
    }

    pub(crate) fn offline(&mut self, card_uid: u64, amount_fen: i64, till_time_ns: u64) -> Outcome {
        let sale = self.next_sale();
        let outcome = self.run(Request::Offline(OfflineFact {
            sale,
            record_terminal: TERMINAL,
            card_uid: CardUid(card_uid),
            card_counter: CardCounter(1),
            amount_fen,
            till_time_ns,
            list: None,
            authentic: true,
            carried: Carried::default(),
        }));
        assert!(outcome.code.is_approved(), "{outcome:?}");
        outcome
    }

    /// Passes over a sequence, and says which.
    pub(crate) fn skip(&mut self) -> u32 {
        self.next_sale().sequence.0
    }

    /// An offline sale whose card tells of the one before: sequence, card counter, amount.
    pub(crate) fn offline_telling(
        &mut self,
        card_uid: u64,
        amount_fen: i64,
        (sequence, counter, told_fen): (u32, u32, u32),
    ) {
        let (sale, till_time_ns) = (self.next_sale(), self.time_ns);
        let previous = Previous {
            terminal: TERMINAL,
            epoch: Epoch(1),
            sequence: Sequence(sequence),
            card_counter: CardCounter(counter),
            amount_fen: told_fen,
        };
        self.done(Request::Offline(OfflineFact {
            sale,
            record_terminal: TERMINAL,
            card_uid: CardUid(card_uid),
            card_counter: CardCounter(counter + 1),
            amount_fen,
            till_time_ns,
            list: None,
            authentic: true,
            carried: Carried { previous, ..Carried::default() },
        }));
    }

    /// What the card told of is posted.
    pub(crate) fn post_told(&mut self, card_uid: u64, counter: u32) -> Outcome {
        let (sale, card_counter) = (self.next_sale(), CardCounter(counter));
        let card_uid = CardUid(card_uid);
        self.run(Request::ToldPost(ToldPost { sale, card_uid, card_counter, reason: text("it burnt") }))
    }

    pub(crate) fn issue(&mut self, account: AccountId, card_uid: u64) -> Outcome {
        let sale = self.next_sale();
        self.run(Request::CardIssue(CardIssue {
            sale,
            account: AccountSelector::Account(account),
            card_uid: CardUid(card_uid),
            kind: CardKind::Standard,
            expires_day: 0,
            fee_fen: 0,
        }))
    }

    pub(crate) fn replace(&mut self, account: AccountId, new_card: u64, fee_fen: i64) -> Outcome {
        let sale = self.next_sale();
        self.run(Request::CardReplace(CardReplace {
            sale,
            account: AccountSelector::Account(account),
            new_card: CardUid(new_card),
            reason: ReplaceReason::Lost,
            terms: CardTerms::STANDARD,
            fee_fen,
        }))
    }

    pub(crate) fn give_back(&mut self, account: AccountId, card_uid: u64) -> Outcome {
        let sale = self.next_sale();
        let account = AccountSelector::Account(account);
        self.run(Request::CardReturn(CardReturn { sale, account, card_uid: CardUid(card_uid) }))
    }

    /// The school gives something.
    /// Closes an account at the counter that this is.
    pub(crate) fn leave(&mut self, account: AccountId, card_uid: u64) -> Outcome {
        let (sale, account, card_uid) =
            (self.next_sale(), AccountSelector::Account(account), CardUid(card_uid));
        self.run(Request::AccountClose(AccountClose { sale, account, card_uid, way: PayoutWay::Cash }))
    }

    pub(crate) fn give_subsidy(&mut self, account: AccountId, amount_fen: i64) {
        let State { registry, directory, shards } = &mut self.state;
        let number = 1 + self.groups.iter().map(|group| group.records.len() as u64).sum::<u64>();
        let record = subsidy_grant(registry, shards, account, amount_fen).expect("an account with room");
        apply(registry, directory, shards, RecordNumber(number), self.time_ns, &record).expect("it applies");
        self.groups.push(RawGroup { time_ns: self.time_ns, records: vec![Raw::of(&record)] });
    }

    /// Gives an account a query password.
    pub(crate) fn set_password(&mut self, account: AccountId) {
        let password = PasswordRef(1_000 + u64::from(account.0));
        self.done(Request::PasswordImport(PasswordImport { account, password }));
    }

    /// Payment codes pay no more than this at once.
    pub(crate) fn set_code_limit(&mut self, code_max_fen: u32) {
        let policy = Policy { code_max_fen, ..Policy::DEFAULT };
        self.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    }

    /// Nobody pays more than this at one meal without the password.
    pub(crate) fn set_meal_limit(&mut self, meal_max_fen: u32) {
        let policy = Policy { meal_max_fen, ..Policy::DEFAULT };
        self.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    }

    /// What everybody pays on top of a price at lunch.
    pub(crate) fn set_rate(&mut self, rate: i16) {
        self.done(Request::SetPrice(SetPrice { class: 0, period: 2, rate }));
    }

    /// Reports an account's card lost, or found.
    pub(crate) fn lose(&mut self, account: AccountId, lost: bool, verdict: PasswordVerdict) -> Outcome {
        self.verdict = verdict;
        let (sale, account) = (self.next_sale(), AccountSelector::Account(account));
        self.run(if lost {
            Request::LossReport(LossReport { sale, account, well_formed: true })
        } else {
            Request::LossLift(LossLift { sale, account, well_formed: true })
        })
    }

    /// Binds a virtual card, or unbinds it.
    pub(crate) fn phone(&mut self, student_number: Option<&str>, virtual_id: u64) -> Outcome {
        self.verdict = PasswordVerdict::Right;
        let (sale, virtual_id) = (self.next_sale(), VirtualId(virtual_id));
        self.run(match student_number {
            Some(number) => Request::VirtualBind(VirtualBind {
                sale,
                student_number: text(number),
                virtual_id,
                well_formed: true,
                intake_step: 0,
            }),
            None => Request::VirtualUnbind(VirtualUnbind { sale, virtual_id, intake_step: 0 }),
        })
    }

    /// A cashier signs on, or off.
    pub(crate) fn sign(&mut self, cashier: u32, on: bool) {
        let (slot, terminal, till_time_ns) = (TerminalSlot(0), TERMINAL, self.time_ns);
        self.done(Request::CashierSign(CashierSign {
            slot,
            terminal,
            cashier,
            on,
            unsent_records: 0,
            till_time_ns,
        }));
    }

    pub(crate) fn close_shift(&mut self, shift: u32) {
        let (slot, terminal, till_time_ns) = (TerminalSlot(0), TERMINAL, self.time_ns);
        self.done(Request::ShiftClose(ShiftClose { slot, terminal, shift, unsent_records: 0, till_time_ns }));
    }

    /// Closes a batch as it stands.
    pub(crate) fn settle_batch(&mut self, batch: u32, first: u32, last: u32) {
        self.done(Request::BatchSettle(BatchSettle {
            slot: TerminalSlot(0),
            terminal: TERMINAL,
            epoch: Epoch(1),
            batch,
            first: Sequence(first),
            last: Sequence(last),
            as_it_stands: true,
            totals: &TillTotals::default(),
            till_time_ns: self.time_ns,
        }));
    }

    /// The sequence of the latest sale.
    pub(crate) fn latest(&self) -> u32 {
        self.sequence
    }

    pub(crate) fn cut_off(&mut self, opened: u16) {
        self.done(Request::CutOff(CutOff { opened: BusinessDate(opened) }));
    }

    fn done(&mut self, request: Request<'_>) {
        let outcome = self.run(request);
        assert!(outcome.code.is_approved(), "{request:?}: {outcome:?}");
    }

    pub(crate) fn run(&mut self, request: Request<'_>) -> Outcome {
        let State { registry, directory, shards } = &mut self.state;
        let first = 1 + self.groups.iter().map(|group| group.records.len() as u64).sum::<u64>();
        let stamp = Stamp { number: RecordNumber(first), time_ns: self.time_ns };
        let mut known = Known::default();
        let read = |number: RecordNumber| {
            let mut records =
                self.groups.iter().flat_map(|group| group.records.iter().map(|raw| (group.time_ns, raw)));
            records.nth(number.0 as usize - 1).expect("records that are there are asked for")
        };
        while let Decision::Needs(need) =
            decide(registry, directory, shards, &Command { request, known: Some(&known) }, stamp)
        {
            match need {
                Need::Record(number) => {
                    let (time_ns, raw) = read(number);
                    let record = KnownRecord::new(number, time_ns, (raw.kind, raw.version), &raw.payload);
                    known.record = Some(record.expect("a record of the ledger"));
                }
                Need::Refunds { account, head, original } => {
                    let link = |number| Link::of(&read(number).1.record(), account).ok_or(number);
                    let found = refunds::find(original, head, None, link);
                    known.refunds = Some(found.expect("the chain is the account's"));
                }
                Need::Totals(span) => {
                    let link = |number| till_totals::Link::of(&read(number).1.record()).ok_or(number);
                    known.totals = Some(till_totals::sum(span, None, link).expect("the chain is the till's"));
                }
                Need::Password(of) => {
                    known.password = Some(KnownPassword { of, verdict: self.verdict });
                }
                Need::Told { of, head } => {
                    let link = |number| told::Link::of(&read(number).1.record(), &of).ok_or(number);
                    let found = told::find(of, head, None, usize::MAX, link);
                    known.told = Some(found.expect("the chain is the account's"));
                }
                other => panic!("{other:?} in a log so small"),
            }
        }
        match decide(registry, directory, shards, &Command { request, known: Some(&known) }, stamp) {
            Decision::Done { outcome, group } => {
                for (number, record) in (first..).zip(group.records()) {
                    apply(registry, directory, shards, RecordNumber(number), self.time_ns, record)
                        .expect("what was decided applies");
                }
                let records = group.records().map(Raw::of).collect();
                self.groups.push(RawGroup { time_ns: self.time_ns, records });
                outcome
            }
            Decision::NoRecord(outcome) => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// The groups in a log, sealed.
    pub(crate) fn write(&self) -> Log {
        write(&self.groups)
    }
}

/// These groups in a log, sealed.
pub(crate) fn write(groups: &[RawGroup]) -> Log {
    let clock = Arc::new(SetClock(AtomicU64::new(LUNCH_NS)));
    let config = LogConfig { wall_jump_max_ns: u64::MAX, ..LogConfig::small(LogId([7; 16])) };
    let storage = Arc::new(Simulated::new());
    let (log, _) = Log::open(storage, config, Arc::clone(&clock) as Arc<dyn Clock>, 1, &mut |_| {})
        .expect("a new log in memory");
    for group in groups {
        clock.0.store(group.time_ns, Ordering::Relaxed);
        let records: Vec<wal::Record<'_>> = group
            .records
            .iter()
            .map(|raw| wal::Record { kind: raw.kind, version: raw.version, payload: &raw.payload })
            .collect();
        let mut stage = log.stage();
        stage.append(&records, Priority::Normal).expect("room");
        drop(stage);
        log.commit_all().expect("a medium without faults");
    }
    log.seal().expect("a medium without faults");
    log
}

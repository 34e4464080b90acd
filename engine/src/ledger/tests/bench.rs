//! The bench: a ledger with its log in memory. After each group the books must balance, and at the end of each
//! test ([`Bench::close`]) the replayed log and a snapshot must give the same state.

use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, RecordNumber, SaleId, Sequence,
    TerminalId,
};
use protocol::result_code::ResultCode;

use crate::ledger::command::{
    AccountSelector, Balance, BindCard, CardDebit, Carried, Channel, CodeDebit, CodeVerdict, Command, CutOff,
    OfflineFact, OpenAccount, Opening, Refund, RegisterMerchant, RegisterTerminal, Request, Reversal, Sale,
    Stamp, TerminalSlot, TopUp, Void,
};
use crate::ledger::decision::{BalanceView, Decision, Outcome};
use crate::ledger::history::{History, HistorySearch, Step};
use crate::ledger::holder::PasswordRef;
use crate::ledger::kind::subsidy::subsidy_grant;
use crate::ledger::known::{KnownOrder, KnownPassword, KnownRecord, Need, PasswordVerdict};
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::limits::PAYLOAD_BYTES_MAX;
use crate::ledger::orders::OrderKey;
use crate::ledger::record::{Record, RecordKind, Wallet};
use crate::ledger::refunds::{self, Link};
use crate::ledger::registry::TerminalKind;
use crate::ledger::snapshot;
use crate::ledger::state::{self, Sizes, State, sum_of_all_fen, total_fen};
use crate::ledger::till_totals;
use crate::ledger::told;
use crate::ledger::{apply, decide, shards_touched};

/// 2026-11-24 12:00 at the campus.
pub(super) const NOON_NS: u64 = 1_795_478_400_000_000_000 + 4 * 3_600_000_000_000;
pub(super) const SECOND_NS: u64 = 1_000_000_000;
pub(super) const MERCHANT: MerchantId = MerchantId(3);

pub(super) struct Logged {
    pub(super) kind: u8,
    pub(super) version: u8,
    pub(super) time_ns: u64,
    pub(super) payload: Vec<u8>,
}

pub(super) struct Bench {
    pub(super) sizes: Sizes,
    pub(super) state: State,
    pub(super) log: Vec<Logged>,
    pub(super) time_ns: u64,
    pub(super) walks: usize,
    /// Records that are walked over for what a card told.
    pub(super) told_steps_max: usize,
    /// The query password that comes along with the next request that needs one.
    pub(super) typed: u32,
    /// The passwords set, by their numbers; 0 is none.
    pub(super) vault: Vec<u32>,
}

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// Records that were appended for it.
    pub(super) records: usize,
}

impl Answer {
    /// Code and records appended.
    pub(super) fn short(&self) -> (ResultCode, usize) {
        (self.outcome.code, self.records)
    }
}

pub(super) fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

pub(super) fn small_sizes(shards: usize) -> Sizes {
    Sizes {
        shards,
        accounts_max: 256,
        cards_max: 512,
        terminals_max: 16,
        merchants_max: 16,
        outcomes_per_terminal: 16,
        orders_max: 1_024,
        open_taps_max: 64,
        card_pasts_max: 64,
    }
}

/// Terminal 101 has slot 0 and so on; each test's tills are gateways, which may do everything.
pub(super) fn sale(slot: u16, epoch: u16, sequence: u32) -> Sale<'static> {
    Sale {
        slot: TerminalSlot(slot),
        terminal: TerminalId(101 + u32::from(slot)),
        epoch: Epoch(epoch),
        sequence: Sequence(sequence),
        raw: b"request bytes",
    }
}

/// The gateway with this slot, if slots are given in order.
pub(super) fn register_till(slot: u16) -> Request<'static> {
    Request::RegisterTerminal(RegisterTerminal {
        terminal: sale(slot, 1, 1).terminal,
        merchant: MERCHANT,
        kind: TerminalKind::PhoneGateway,
        key_version: 1,
        enabled: true,
    })
}

pub(super) fn uid(account: u32) -> CardUid {
    CardUid(9_000_000 + u64::from(account))
}

impl Bench {
    /// Two merchants' worth of tills, and `accounts` people with a card and 10,000 fen each on the card wallet.
    pub(super) fn new(shards: usize, accounts: u32) -> Bench {
        let mut bench = Bench::empty(small_sizes(shards));
        bench.open_campus(accounts);
        bench
    }

    /// What [`Bench::new`] begins with, on any empty bench.
    pub(super) fn open_campus(&mut self, accounts: u32) {
        self.done(Request::RegisterMerchant(RegisterMerchant {
            merchant: MERCHANT,
            name: "一食堂",
            enabled: true,
        }));
        for slot in 0..4 {
            self.done(register_till(slot));
        }
        self.done(Request::CutOff(CutOff { opened: BusinessDate(9_824) }));
        for account in 0..accounts {
            self.done(Request::OpenAccount(OpenAccount {
                student_number: text(&format!("18{account:04}")),
                class: 0,
            }));
            self.done(Request::BindCard(BindCard { account: AccountId(account), card_uid: uid(account) }));
            self.done(Request::Opening(Opening {
                account: AccountId(account),
                wallet: Wallet::Card,
                amount_fen: 10_000,
            }));
        }
    }

    pub(super) fn empty(sizes: Sizes) -> Bench {
        let state = State::new(&sizes).unwrap();
        Bench {
            sizes,
            state,
            log: Vec::new(),
            time_ns: NOON_NS,
            walks: 0,
            told_steps_max: 1_000,
            typed: 0,
            vault: vec![0],
        }
    }

    pub(super) fn head(&self) -> RecordNumber {
        RecordNumber(self.log.len() as u64)
    }

    /// Decides; walks the log when asked to.
    pub(super) fn decide<'a>(&mut self, request: Request<'a>) -> Decision<'a> {
        let mut command = Command::from(request);
        loop {
            let stamp = Stamp { number: RecordNumber(self.log.len() as u64 + 1), time_ns: self.time_ns };
            let state = &self.state;
            let touched = shards_touched(&state.directory, state.shards.len(), &command);
            let held = Held { shards: &state.shards, touched };
            let decision = decide(&state.registry, &state.directory, &held, &command, stamp);
            let Decision::Needs(need) = decision else { return decision };
            let mut known = command.known.copied().unwrap_or_default();
            match need {
                Need::Sale { sale, head } => known.learn_sale(self.walk(sale, head)),
                Need::Refunds { account, head, original } => {
                    self.walks += 1;
                    let read = |number| Link::of(&self.known_record(number).record(), account).ok_or(number);
                    let found = refunds::find(original, head, None, read);
                    known.refunds = Some(found.expect("the chain is the account's"));
                }
                Need::Told { of, head } => {
                    self.walks += 1;
                    let read =
                        |number| told::Link::of(&self.known_record(number).record(), &of).ok_or(number);
                    let steps_max = self.told_steps_max;
                    let found = told::find(of, head, known.told, steps_max, read);
                    known.told = Some(found.expect("the chain is the account's"));
                }
                Need::Till(slot) => known.till = Some(slot),
                Need::Account(id) => known.account = Some(id),
                Need::Totals(span) => {
                    let read =
                        |number| till_totals::Link::of(&self.known_record(number).record()).ok_or(number);
                    known.totals =
                        Some(till_totals::sum(span, known.totals, read).expect("the chain is the till's"));
                }
                Need::Record(number) => known.record = Some(self.known_record(number)),
                Need::Order { key, .. } => {
                    let credited = |number: &RecordNumber| {
                        OrderKey::credited_by(&self.known_record(*number).record()) == Some(key)
                    };
                    let found = (1..=self.head().0).map(RecordNumber).find(credited);
                    known.order = Some(KnownOrder { key, up_to: self.head(), found });
                }
                Need::Password(of) => {
                    let right = self.vault[of.0 as usize] == self.typed;
                    let verdict = if right { PasswordVerdict::Right } else { PasswordVerdict::Wrong };
                    known.password = Some(KnownPassword { of, verdict });
                }
                Need::NewPassword => {
                    known.stored = Some(PasswordRef(self.vault.len() as u64));
                    self.vault.push(self.typed);
                }
            }
            // A decision may lend what its command knows: it lives as long as the test.
            command.known = Some(Box::leak(Box::new(known)));
        }
    }

    fn walk(&mut self, sale: SaleId, head: RecordNumber) -> History {
        self.walks += 1;
        let (mut search, mut step) = HistorySearch::begin(sale, head, None);
        loop {
            match step {
                Step::Done(history) => return history,
                Step::Read(number) => {
                    let known = self.known_record(number);
                    step = search.visit(number, known.time_ns, &known.record());
                }
            }
        }
    }

    fn known_record(&self, number: RecordNumber) -> KnownRecord {
        let logged = &self.log[number.0 as usize - 1];
        KnownRecord::new(number, logged.time_ns, (logged.kind, logged.version), &logged.payload).unwrap()
    }

    pub(super) fn run(&mut self, request: Request<'_>) -> Answer {
        let decision = self.decide(request);
        let (outcome, records) = match decision {
            Decision::Done { outcome, group } => {
                assert!(outcome.observed.0 == self.log.len() as u64 + group.count() as u64);
                for record in group.records() {
                    self.append(record);
                }
                (outcome, group.count())
            }
            Decision::NoRecord(outcome) => {
                assert!(outcome.observed <= self.head());
                (outcome, 0)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(sum_of_all_fen(&self.state.shards), 0);
        Answer { outcome, records }
    }

    pub(super) fn append(&mut self, record: &Record<'_>) {
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        let payload = record.payload(&mut buffer).to_vec();
        assert!(payload.len().is_multiple_of(8));
        let logged =
            Logged { kind: record.kind() as u8, version: record.version(), time_ns: self.time_ns, payload };
        assert_eq!(Record::decode(logged.kind, logged.version, &logged.payload).as_ref(), Ok(record));
        self.log.push(logged);
        let number = self.head();
        let State { registry, directory, shards } = &mut self.state;
        apply(registry, directory, shards, number, self.time_ns, record).unwrap();
    }

    /// The newest record.
    pub(super) fn newest(&self) -> Record<'_> {
        let logged = self.log.last().unwrap();
        Record::decode(logged.kind, logged.version, &logged.payload).unwrap()
    }

    /// Says that the index of orders has everything.
    pub(super) fn index_orders(&mut self) {
        let head = self.head();
        self.state.shards.iter_mut().for_each(|shard| shard.set_orders_indexed(head));
    }

    /// A command that must be approved and leave a record.
    pub(super) fn done(&mut self, request: Request<'_>) -> Outcome {
        let answer = self.run(request);
        assert!(answer.outcome.code.is_approved() && answer.records > 0, "{request:?}: {answer:?}");
        answer.outcome
    }

    pub(super) fn tap(&mut self, sale: Sale<'_>, account: u32, counter: u32, amount_fen: i64) -> Answer {
        let card_counter = CardCounter(counter);
        self.run(Request::CardDebit(CardDebit { sale, card_uid: uid(account), card_counter, amount_fen }))
    }

    pub(super) fn code(&mut self, sale: Sale<'_>, verdict: CodeVerdict, amount_fen: i64) -> Answer {
        self.run(Request::CodeDebit(CodeDebit {
            sale,
            digits: *b"12345678901234567890",
            verdict,
            key_version: self.state.registry.code_key.version,
            amount_fen,
        }))
    }

    pub(super) fn reverse(&mut self, sale: Sale<'_>, original: (u16, u32), amount_fen: i64) -> Answer {
        let (original_epoch, original_sequence) = (Epoch(original.0), Sequence(original.1));
        self.run(Request::Reversal(Reversal { sale, original_epoch, original_sequence, amount_fen }))
    }

    pub(super) fn refund(&mut self, own: Sale<'_>, original: Sale<'_>, amount_fen: i64) -> Answer {
        let (original, original_slot) = (original.id(), Some(original.slot));
        self.run(Request::Refund(Refund { sale: own, original, original_slot, amount_fen }))
    }

    pub(super) fn void(&mut self, sale: Sale<'_>, original: (u16, u32), amount_fen: i64) -> Answer {
        let (original_epoch, original_sequence) = (Epoch(original.0), Sequence(original.1));
        self.run(Request::Void(Void { sale, original_epoch, original_sequence, amount_fen }))
    }

    pub(super) fn top_up(&mut self, sale: Sale<'_>, account: u32, amount_fen: i64, order: &str) -> Answer {
        self.run(Request::TopUp(TopUp {
            sale,
            account: AccountSelector::Account(AccountId(account)),
            amount_fen,
            channel: Channel::WeChat,
            order_number: text(order),
        }))
    }

    pub(super) fn upload(&mut self, sale: Sale<'_>, account: u32, counter: u32, amount_fen: i64) -> Answer {
        self.fact(OfflineFact {
            sale,
            record_terminal: sale.terminal,
            card_uid: uid(account),
            card_counter: CardCounter(counter),
            amount_fen,
            till_time_ns: self.time_ns,
            list: None,
            authentic: true,
            carried: Carried::default(),
        })
    }

    pub(super) fn fact(&mut self, fact: OfflineFact<'_>) -> Answer {
        self.run(Request::Offline(fact))
    }

    pub(super) fn balance(&mut self, account: u32) -> BalanceView {
        match self.decide(Request::Balance(Balance { account: AccountSelector::Account(AccountId(account)) }))
        {
            Decision::Balance(view) => view,
            other => panic!("{other:?}"),
        }
    }

    /// Card, transition, electronic.
    pub(super) fn wallets(&mut self, account: u32) -> [i64; 3] {
        let view = self.balance(account);
        [view.card_fen, view.transition_fen, view.electronic_fen]
    }

    /// The school gives something, in no batch.
    pub(super) fn give_subsidy(&mut self, account: u32, amount_fen: i64) {
        let State { registry, shards, .. } = &self.state;
        let record = subsidy_grant(registry, shards, AccountId(account), amount_fen).unwrap();
        self.append(&record);
    }

    /// What of the card wallet is subsidy.
    pub(super) fn subsidy_fen(&self, account: u32) -> i64 {
        state::account(&self.state.shards, AccountId(account)).unwrap().subsidy_fen()
    }

    pub(super) fn owed_to_merchant(&self) -> i64 {
        total_fen(&self.state.shards, LedgerAccount::merchant(MERCHANT))
    }

    pub(super) fn held_back(&self) -> i64 {
        total_fen(&self.state.shards, LedgerAccount::held_back(MERCHANT))
    }

    pub(super) fn kinds(&self) -> Vec<RecordKind> {
        self.log.iter().filter_map(|logged| RecordKind::from_number(logged.kind)).collect()
    }

    pub(super) fn replayed(&self, sizes: &Sizes) -> State {
        let mut state = State::new(sizes).unwrap();
        for (at, logged) in self.log.iter().enumerate() {
            let record = Record::decode(logged.kind, logged.version, &logged.payload).unwrap();
            let number = RecordNumber(at as u64 + 1);
            let State { registry, directory, shards } = &mut state;
            apply(registry, directory, shards, number, logged.time_ns, &record).unwrap();
        }
        state
    }

    /// Live state, replayed state and restored snapshot are one, whatever the shard count.
    pub(super) fn close(&self) {
        let live = snapshot::digest_of(&self.state);
        let mut bytes = Vec::new();
        snapshot::write(&self.state.registry, &self.state.directory, &self.state.shards, &mut bytes).unwrap();
        for shards in [1, 2, 16] {
            let sizes = Sizes { shards, ..self.sizes.clone() };
            assert_eq!(snapshot::digest_of(&self.replayed(&sizes)), live, "replayed into {shards} shards");
            let restored = snapshot::read(&mut bytes.as_slice(), &sizes).unwrap();
            assert_eq!(snapshot::digest_of(&restored), live, "restored into {shards} shards");
        }
    }
}

/// Only the shards that a command said it touches: reading another is the test's failure.
struct Held<'s> {
    shards: &'s [crate::ledger::Shard],
    touched: crate::ledger::ShardSet,
}

impl crate::ledger::Parts for Held<'_> {
    fn shard_count(&self) -> usize {
        self.shards.len()
    }

    fn shard(&self, i: usize) -> &crate::ledger::Shard {
        assert!(self.touched.has(i), "shard {i} wasn't announced");
        &self.shards[i]
    }

    fn shard_mut(&mut self, _: usize) -> &mut crate::ledger::Shard {
        unreachable!("a decision changes nothing")
    }
}

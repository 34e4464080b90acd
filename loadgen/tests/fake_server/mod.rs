//! A server small enough to be wrong on purpose: speaks the protocol on port 0, keeps its books in a map, and
//! loses, doubles or changes what it is told to.

mod office;
mod subsidies;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use loadgen::{Campus, CampusCodeKey, CampusHolder, CampusTill, HexKey};
use protocol::answer::{
    AccountStatus, Answer, BalanceAnswer, BatchAnswer, BatchLine, BillAnswer, BlockListAnswer, Chip,
    ClassRulesAnswer, HeartbeatAnswer, MealPeriodsAnswer, MoneyAnswer, OpenGapsAnswer, PriceTableAnswer,
    ReceiptKind, ReceiptMarks, ReprintAnswer, ScanPayAnswer, StatementAnswer, StatementMore, TapAnswer,
    TerminalKeyAnswer,
};
use protocol::bill::{BillLine, BillLineKind};
use protocol::block_list;
use protocol::frame::{self, LENGTH_PREFIX_BYTES};
use protocol::ids::{AccountId, BusinessDate, Epoch, MerchantId, RecordNumber, SaleId, Sequence, TerminalId};
use protocol::keys::{Key128, derive_terminal_scan_key};
use protocol::mac::Cmac128;
use protocol::offline_record::{FLAG_SELF_SCAN, OfflineRecord};
use protocol::payment_code;
use protocol::request::{AccountSelector, CardDebit, PasswordDebit, Request, Reversal, ScanPay};
use protocol::result_code::ResultCode;
use protocol::sign_in::{ServerHandshake, SignInKeys, Welcome};
use protocol::terminal_kind::TerminalKind;
use protocol::wrapped_key::WrappedKey;

/// What the server does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Acknowledges every so-manieth debit and forgets it. 0 for never.
    pub lose_each: u64,
    /// Applies every so-manieth debit twice. 0 for never.
    pub double_each: u64,
}

#[derive(Clone, Copy)]
struct Sale {
    code: ResultCode,
    account: u32,
    amount_fen: i64,
    record: u64,
}

#[derive(Default)]
struct Books {
    balances: HashMap<u32, i64>,
    /// Cards that were handed out, and whose they are. The campus's own have their account in their number.
    cards: HashMap<u64, u32>,
    /// The card that an account has now, where it was changed; 0 for none.
    current_cards: HashMap<u32, u64>,
    /// Accounts whose card is reported lost.
    lost: HashSet<u32>,
    /// Which virtual card is whose.
    virtual_cards: HashMap<u64, u32>,
    sales: HashMap<SaleId, Sale>,
    orders: HashSet<[u8; 32]>,
    lines: HashMap<u32, Vec<BillLine>>,
    last_sequence: HashMap<u32, u32>,
    /// Every sequence of a till that came, live or stored.
    come: HashMap<TerminalId, BTreeSet<u32>>,
    /// The versions of terminals' keys that were changed.
    key_versions: HashMap<u32, u32>,
    /// Terminals that have signed in under their changed key.
    took_key: HashSet<u32>,
    /// How often the key of payment codes was changed.
    code_key_changes: u32,
    /// What cards told of their sale before, by card and counter.
    told: HashMap<(u64, u32), (SaleId, i64)>,
    /// Sequences that a counter closed.
    closed: HashSet<SaleId>,
    /// Subsidy batches by number.
    subsidies: HashMap<u32, subsidies::Batch>,
    /// Blank cards in stock.
    stock: HashSet<u64>,
    /// Adjustments that wait, by the record that proposed them.
    proposals: HashMap<u64, Sale>,
    /// The shift that each till closed last.
    shifts: HashMap<TerminalId, u32>,
    records: u64,
    debits: u64,
    faults: Faults,
}

/// The student number of account 0; the others follow.
const FIRST_STUDENT: u32 = 2_023_000;
/// The card of account 0; the others follow.
const FIRST_CARD: u64 = 70_000;

/// The running server. Its threads end with their connections.
pub struct FakeServer {
    pub address: SocketAddr,
    /// While set, connections are closed as soon as they say anything: a killed server.
    pub down: Arc<AtomicBool>,
    books: Arc<Mutex<Books>>,
}

/// A terminal's key of a version.
fn terminal_key(terminal: u32, version: u32) -> Key128 {
    let mut key = [terminal as u8; 16];
    key[15] = version as u8;
    Key128::new(key)
}

/// The key of payment codes of a version.
fn code_key(version: u32) -> Key128 {
    Key128::new([100 + version as u8; 16])
}

/// A campus for it.
pub fn campus(address: SocketAddr, tills: u32, holders: u32) -> Campus {
    let till = |terminal: u32| CampusTill {
        terminal,
        key: HexKey(*terminal_key(terminal, 1).as_bytes()),
        earlier_key: None,
        epoch: 1,
        merchant: terminal % 3 + 1,
    };
    Campus {
        address,
        tills: (1..=tills).map(till).collect(),
        gateways: (5_001..=5_004).map(till).collect(),
        counters: (6_001..=6_003).map(till).collect(),
        card_centre: (9_001..=9_002).map(till).collect(),
        finance: (9_003..=9_004).map(till).collect(),
        holders: (0..holders)
            .map(|account| CampusHolder {
                account,
                student_no: format!("{:07}", FIRST_STUDENT + account),
                card_uid: (account % 20 != 19).then_some(FIRST_CARD + u64::from(account)),
            })
            .collect(),
        card_master_key: HexKey([8; 16]),
        administrators: vec![till(9_005)],
        code_keys: (1..=3)
            .map(|version| CampusCodeKey { version, key: HexKey(*code_key(version).as_bytes()) })
            .collect(),
    }
}

impl FakeServer {
    pub fn start(faults: Faults) -> FakeServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let down = Arc::new(AtomicBool::new(false));
        let books = Arc::new(Mutex::new(Books { faults, ..Books::default() }));
        let server = FakeServer { address, down: Arc::clone(&down), books: Arc::clone(&books) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let (down, books) = (Arc::clone(&down), Arc::clone(&books));
                std::thread::spawn(move || serve(stream, &down, &books));
            }
        });
        server
    }

    /// The sum of all balances, less what subsidies brought.
    pub fn held_fen(&self) -> i64 {
        let books = self.books.lock().expect("no panic");
        books.balances.values().sum::<i64>() - books.subsidised_fen()
    }
}

fn read_frame(stream: &mut TcpStream, into: &mut Vec<u8>) -> Option<()> {
    into.resize(LENGTH_PREFIX_BYTES, 0);
    stream.read_exact(into).ok()?;
    let length = frame::length(into).ok()??;
    into.resize(length, 0);
    stream.read_exact(&mut into[LENGTH_PREFIX_BYTES..]).ok()
}

fn serve(mut stream: TcpStream, down: &AtomicBool, books: &Mutex<Books>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut frame = Vec::new();
    read_frame(&mut stream, &mut frame)?;
    if down.load(Ordering::Relaxed) {
        return None;
    }
    // Either key opens, until the terminal has signed in under the new one.
    let key_of = |terminal: TerminalId| {
        let books = books.lock().expect("no panic");
        let version = books.key_version(terminal.0);
        let awaits_terminal =
            books.key_versions.contains_key(&terminal.0) && !books.took_key.contains(&terminal.0);
        let earlier = awaits_terminal.then(|| terminal_key(terminal.0, version - 1));
        Some(SignInKeys { current: terminal_key(terminal.0, version), earlier })
    };
    let (handshake, challenge) = ServerHandshake::on_hello(&frame, [4; 16], key_of).ok()?;
    stream.write_all(&challenge).ok()?;
    read_frame(&mut stream, &mut frame)?;
    let proven = handshake.on_prove(&frame).ok()?;
    let (session, welcome) = {
        let (mut books, terminal) = (books.lock().expect("no panic"), proven.terminal().0);
        if books.key_versions.contains_key(&terminal) && proven.has_current_key() {
            books.took_key.insert(terminal);
        }
        let last_sequence = books.last_sequence.get(&terminal).copied().unwrap_or(0);
        let key_version = books.key_version(terminal);
        let key_check = terminal_key(terminal, key_version).check_value();
        proven.welcome(&Welcome { key_version, key_check, ..welcome(last_sequence) })
    };
    stream.write_all(&welcome).ok()?;
    let (mut sealer, mut opener) = session.into_split();
    let mut out = Vec::new();
    loop {
        read_frame(&mut stream, &mut frame)?;
        opener.open(&frame).ok()?;
        let (header, request) = Request::decode(&frame).ok()?;
        if down.load(Ordering::Relaxed) {
            return None;
        }
        let sale = header.sale();
        out.clear();
        {
            let mut books = books.lock().expect("no panic");
            books.comes(sale);
            let (lines, batch_lines, gap_lines, subsidy_lines);
            let answer = match request {
                Request::Bill(query) => {
                    let account = account_of(&query.account);
                    lines = books.newest_lines(account, query.lines_max);
                    Answer::Bill(BillAnswer {
                        code: ResultCode::Approved,
                        account: Some(AccountId(account)),
                        next_before: RecordNumber(0),
                        lines: &lines,
                    })
                }
                Request::Statement(query) => {
                    let account = account_of(&query.account);
                    lines = books.newest_lines(account, query.lines_max);
                    let balance_fen = books.balances.get(&account).copied().unwrap_or(0);
                    Answer::Statement(StatementAnswer {
                        code: ResultCode::Approved,
                        account: Some(AccountId(account)),
                        next_before: RecordNumber(0),
                        opening_fen: 0,
                        in_fen: balance_fen.max(0),
                        out_fen: balance_fen.min(0),
                        closing_fen: balance_fen,
                        more: StatementMore::Nothing,
                        record: RecordNumber(books.records),
                        lines: &lines,
                    })
                }
                Request::TerminalKey => {
                    let key_version = books.key_version(sale.terminal.0);
                    let key = terminal_key(sale.terminal.0, key_version);
                    Answer::TerminalKey(TerminalKeyAnswer {
                        code: ResultCode::Approved,
                        key_version,
                        wrapped: WrappedKey::wrap(&key, &sealer.wrapping_key()),
                        check_value: key.check_value(),
                    })
                }
                Request::SubsidyQuery(query) => Answer::Subsidy(books.batch_told(query.batch)),
                Request::SubsidyPreview(query) => {
                    let next_account;
                    (subsidy_lines, next_account) = books.batch_lines(&query);
                    subsidies::preview(query.batch, &subsidy_lines, next_account)
                }
                Request::OpenGaps(query) => {
                    gap_lines = books.gap_lines(&query);
                    Answer::OpenGaps(OpenGapsAnswer {
                        code: ResultCode::Approved,
                        more: false,
                        record: RecordNumber(books.records),
                        lines: &gap_lines,
                    })
                }
                Request::Upload(upload) => {
                    batch_lines = upload
                        .records
                        .iter()
                        .map(|record| {
                            books.comes(record.sale());
                            let done = books.take_stored(record);
                            BatchLine::new(
                                Epoch(record.epoch.get()),
                                Sequence(record.sequence.get()),
                                done.code,
                                RecordNumber(done.record),
                            )
                        })
                        .collect::<Vec<_>>();
                    Answer::Batch(BatchAnswer { batch: upload.batch, server_time_ns: 0, lines: &batch_lines })
                }
                other => books.answer(sale, &other),
            };
            answer.append(&header, &mut out).expect("an answer fits its request");
        }
        sealer.seal(&mut out);
        stream.write_all(&out).ok()?;
        if matches!(request, Request::SignOut) {
            return Some(());
        }
    }
}

fn account_of(selector: &AccountSelector) -> u32 {
    match selector {
        AccountSelector::Account(account) => account.0,
        AccountSelector::Card(_) | AccountSelector::Student(_) => {
            panic!("the generator names accounts by number")
        }
    }
}

impl Books {
    fn answer(&mut self, sale: SaleId, request: &Request<'_>) -> Answer<'static> {
        if let Some(answer) = self.office(sale, request) {
            return answer;
        }
        if let Some(answer) = self.finance(sale, request) {
            return answer;
        }
        match request {
            Request::SignOut => Answer::SignedOut,
            Request::Heartbeat(_) => Answer::Heartbeat(HeartbeatAnswer {
                server_time_ns: 0,
                clock_offset_ns: 0,
                business_date: BusinessDate(1),
                parameter_version: 1,
                block_list_version: 1,
                code_key_version: self.code_key_version(),
                key_version: self.key_version(sale.terminal.0),
            }),
            Request::CardDebit(debit) => Answer::Money(self.tap(sale, debit)),
            Request::PasswordDebit(debit) => {
                let PasswordDebit { card_uid, card_counter, amount_fen, till_time_ns, .. } = *debit;
                let debit = CardDebit { card_uid, card_counter, amount_fen, till_time_ns };
                Answer::Money(self.tap(sale, &debit))
            }
            Request::CardTap(debit) => {
                let money = self.tap(sale, debit);
                let chip = Chip { balance_fen: 0, counter: debit.card_counter };
                Answer::Tap(TapAnswer { money, chip: money.code.is_approved().then_some(chip) })
            }
            Request::TapConfirm(confirm) => {
                let (epoch, sequence) = (confirm.original_epoch, confirm.original_sequence);
                let tap = self.sales.get(&SaleId { epoch, sequence, ..sale }).copied();
                let account = tap.map_or(u32::MAX, |tap| tap.account);
                let amount_fen = confirm.amount_fen;
                let stands = tap.is_some_and(|tap| tap.code.is_approved() && tap.amount_fen == amount_fen);
                let code = if stands { ResultCode::Approved } else { ResultCode::NothingToConfirm };
                match self.sales.get(&sale) {
                    Some(done) => money(done),
                    None => money(&self.store(sale, code, account, amount_fen)),
                }
            }
            Request::CodeDebit(debit) => {
                let account = payment_code::parse(&debit.code)
                    .ok()
                    .and_then(|code| {
                        let current = self.code_key_version();
                        let version = payment_code::key_version_of(code.key_id(), current)?;
                        assert!(version + 1 >= current, "a code under a key that nobody uses any more");
                        code.authenticate(&mut Cmac128::new(&code_key(version)), unix_ns()).ok()
                    })
                    .map(|code| code.account.0);
                match account {
                    Some(account) => self.money(sale, account, debit.amount_fen),
                    None => money(&self.store(sale, ResultCode::CodeNotAuthentic, 0, debit.amount_fen)),
                }
            }
            Request::TopUp(top_up) => {
                if let Some(done) = self.sales.get(&sale) {
                    return money(done);
                }
                let account = account_of(&top_up.account);
                if self.orders.insert(*top_up.order.as_bytes()) {
                    *self.balances.entry(account).or_default() += top_up.amount_fen;
                }
                // An order that is told again uses its new identity up, and moves nothing.
                money(&self.store(sale, ResultCode::Approved, account, top_up.amount_fen))
            }
            Request::TopUpUndo(undo) => self.undo(sale, undo, -undo.amount_fen, ResultCode::NotUndoable),
            Request::Void(void) => self.undo(sale, void, void.amount_fen, ResultCode::NothingToVoid),
            Request::Refund(refund) => {
                let original = self.sales.get(&refund.original).filter(|done| done.code.is_approved());
                let Some(account) = original.map(|done| done.account) else {
                    return money(&self.store(
                        sale,
                        ResultCode::NothingToRefund,
                        u32::MAX,
                        refund.amount_fen,
                    ));
                };
                if let Some(done) = self.sales.get(&sale) {
                    return money(done);
                }
                *self.balances.entry(account).or_default() += refund.amount_fen;
                money(&self.store(sale, ResultCode::Approved, account, refund.amount_fen))
            }
            Request::Tender(tender) => match self.sales.get(&sale) {
                Some(done) => money(done),
                None => money(&self.store(sale, ResultCode::Approved, u32::MAX, tender.amount_fen)),
            },
            Request::CardIssue(issue) => {
                let account = account_of(&issue.account);
                self.change_card(sale, account, issue.card_uid.0, issue.fee_fen, |current| {
                    (current != 0).then_some(ResultCode::CardAlreadyCurrent)
                })
            }
            Request::CardReplace(replace) => {
                let account = account_of(&replace.account);
                self.change_card(sale, account, replace.new_card.0, replace.fee_fen, |current| {
                    (current == 0).then_some(ResultCode::CardNotCurrent)
                })
            }
            Request::CardReturn(returned) => {
                let account = account_of(&returned.account);
                self.change_card(sale, account, 0, 0, |current| {
                    (current != returned.card_uid.0).then_some(ResultCode::CardNotCurrent)
                })
            }
            Request::Reversal(reversal) => {
                let original =
                    SaleId { epoch: reversal.original_epoch, sequence: reversal.original_sequence, ..sale };
                let before = self.sales.get(&original).copied();
                let code = match before {
                    Some(done) if done.code == ResultCode::Approved => {
                        *self.balances.entry(done.account).or_default() += done.amount_fen;
                        ResultCode::Approved
                    }
                    Some(done) if done.code != ResultCode::Reversed => ResultCode::NothingToReverse,
                    _ => ResultCode::Approved,
                };
                let account = before.map_or(0, |done| done.account);
                if code.is_approved() {
                    self.sales.insert(
                        original,
                        Sale {
                            code: ResultCode::Reversed,
                            account,
                            amount_fen: reversal.amount_fen,
                            record: 0,
                        },
                    );
                }
                money(&self.store(sale, code, account, reversal.amount_fen))
            }
            Request::Balance(query) => {
                let account = account_of(&query.account);
                let balance_fen = self.balances.get(&account).copied().unwrap_or(0);
                Answer::Balance(BalanceAnswer {
                    code: ResultCode::Approved,
                    status: AccountStatus::Active,
                    account: Some(AccountId(account)),
                    card_fen: balance_fen,
                    transition_fen: 0,
                    electronic_fen: 0,
                    held_fen: 0,
                    system_fen: balance_fen,
                    record: RecordNumber(0),
                    server_time_ns: 0,
                })
            }
            Request::SaleQuery(query) => {
                let asked = SaleId { epoch: query.epoch, sequence: query.sequence, ..sale };
                let unknown =
                    Sale { code: ResultCode::UnknownSale, account: u32::MAX, amount_fen: 0, record: 0 };
                money(self.sales.get(&asked).unwrap_or(&unknown))
            }
            Request::Reprint(query) => {
                let asked = SaleId { epoch: query.epoch, sequence: query.sequence, ..sale };
                let none = ReprintAnswer::none(ResultCode::UnknownSale, query.epoch, query.sequence);
                Answer::Reprint(self.sales.get(&asked).map_or(none, |done| ReprintAnswer {
                    code: done.code,
                    account: (done.account != u32::MAX).then_some(AccountId(done.account)),
                    amount_fen: done.amount_fen,
                    record: RecordNumber(done.record),
                    kind: ReceiptKind::Debit,
                    marks: ReceiptMarks::COPY,
                    ..none
                }))
            }
            Request::Bill(_)
            | Request::Statement(_)
            | Request::Upload(_)
            | Request::OpenGaps(_)
            | Request::TerminalKey
            | Request::SubsidyQuery(_)
            | Request::SubsidyPreview(_) => {
                unreachable!("answered where their lines live")
            }
            Request::PasswordSet(set) => {
                self.once(sale, account_of(&set.account), |_, _| ResultCode::Approved)
            }
            Request::VirtualBind(bind) => {
                let student: u32 = text_of(bind.student.as_bytes()).parse().expect("a number");
                self.once(sale, student - FIRST_STUDENT, |books, account| {
                    books.virtual_cards.insert(bind.virtual_id.0, account);
                    ResultCode::Approved
                })
            }
            Request::ClassRules => Answer::ClassRules(ClassRulesAnswer {
                code: ResultCode::Approved,
                parameter_version: 1,
                lines: &[],
            }),
            Request::MealPeriods => Answer::MealPeriods(MealPeriodsAnswer {
                code: ResultCode::Approved,
                parameter_version: 1,
                lines: &[],
            }),
            Request::PriceTable => Answer::PriceTable(PriceTableAnswer {
                code: ResultCode::Approved,
                parameter_version: 1,
                lines: &[],
            }),
            // Its tills know at once who lost a card: the list stays empty.
            Request::BlockList(_) => Answer::BlockList(BlockListAnswer {
                code: ResultCode::Approved,
                whole: true,
                version: 1,
                more: false,
                digest: block_list::digest(1, [].into_iter()),
                cards: 0,
                lines: &[],
            }),
            Request::BlockListActive(active) => {
                let right = block_list::digest(active.version, [].into_iter());
                let code =
                    if active.digest == right { ResultCode::Approved } else { ResultCode::BlockListDiffers };
                money(&Sale { code, account: u32::MAX, amount_fen: 0, record: 0 })
            }
            Request::VirtualUnbind(unbind) => {
                let account = self.virtual_cards.get(&unbind.virtual_id.0).copied().unwrap_or(u32::MAX);
                self.once(sale, account, |books, _| match books.virtual_cards.remove(&unbind.virtual_id.0) {
                    Some(_) => ResultCode::Approved,
                    None => ResultCode::VirtualNotBound,
                })
            }
            Request::PhoneChange(change) => {
                let account = self.virtual_cards.get(&change.virtual_id.0).copied().unwrap_or(u32::MAX);
                let known = account != u32::MAX;
                self.once(sale, account, |_, _| {
                    if known { ResultCode::Approved } else { ResultCode::VirtualNotBound }
                })
            }
            Request::LossReport(report) => self.once(sale, account_of(&report.account), |books, account| {
                match (books.card_of(account), books.lost.insert(account)) {
                    (0, _) => ResultCode::NoCard,
                    (_, true) => ResultCode::Approved,
                    (_, false) => ResultCode::CardAlreadyLost,
                }
            }),
            Request::LossLift(lift) => self.once(sale, account_of(&lift.account), |books, account| {
                if books.lost.remove(&account) { ResultCode::Approved } else { ResultCode::CardNotLost }
            }),
            Request::CodeRevoke(revoke) => {
                self.once(sale, account_of(&revoke.account), |_, _| ResultCode::Approved)
            }
            Request::ScanPay(pay) => self.scan_pay(sale, pay),
            other => unreachable!("the generator doesn't ask for {other:?}"),
        }
    }

    fn key_version(&self, terminal: u32) -> u32 {
        self.key_versions.get(&terminal).copied().unwrap_or(1)
    }

    fn code_key_version(&self) -> u32 {
        1 + self.code_key_changes
    }

    /// Something came under an identity; 0 is none.
    fn comes(&mut self, sale: SaleId) {
        let SaleId { terminal, sequence, .. } = sale;
        let last = self.last_sequence.entry(terminal.0).or_default();
        *last = (*last).max(sequence.0);
        if sequence.0 != 0 {
            self.come.entry(terminal).or_default().insert(sequence.0);
        }
    }

    /// A till's stored sale: a card's is debited; what a phone was to pay is answered as it was paid.
    fn take_stored(&mut self, record: &OfflineRecord) -> Sale {
        let (sale, amount_fen) = (record.sale(), record.amount_fen.get());
        if record.flags.get() & FLAG_SELF_SCAN == 0 {
            let before = SaleId {
                terminal: TerminalId(record.previous_terminal.get()),
                epoch: Epoch(record.previous_epoch.get()),
                sequence: Sequence(record.previous_sequence.get()),
            };
            let told = (record.card_uid.get(), record.previous_card_counter.get());
            self.told.insert(told, (before, record.previous_amount_fen.get()));
            return self.debit(sale, self.account_of_card(record.card_uid.get()), amount_fen, true);
        }
        let pending = Sale { code: ResultCode::PaymentPending, account: u32::MAX, amount_fen, record: 0 };
        self.sales.get(&sale).copied().unwrap_or(pending)
    }

    fn scan_pay(&mut self, sale: SaleId, pay: &ScanPay) -> Answer<'static> {
        let done = match self.sales.get(&sale) {
            Some(done) => *done,
            None => {
                let (account, amount_fen) = (account_of(&pay.account), pay.code.amount_fen);
                let paid = self.debit(pay.code.sale(), account, amount_fen, false);
                self.store(sale, paid.code, account, amount_fen)
            }
        };
        let terminal = pay.code.terminal;
        let keys = (1..=self.key_version(terminal.0)).rev().take(2);
        let mut keys =
            keys.map(|version| derive_terminal_scan_key(&terminal_key(terminal.0, version), terminal));
        let key = keys.find(|key| pay.code.is_authentic(key)).expect("a till signs what it shows");
        let confirmation = done.code.is_approved().then(|| pay.code.confirmation(&key));
        Answer::ScanPay(ScanPayAnswer { money: money_of(&done), confirmation })
    }

    /// Decides a request that moves no money, once.
    fn once(
        &mut self,
        sale: SaleId,
        account: u32,
        decide: impl FnOnce(&mut Books, u32) -> ResultCode,
    ) -> Answer<'static> {
        if let Some(done) = self.sales.get(&sale) {
            return money(done);
        }
        let code = decide(self, account);
        money(&self.store(sale, code, account, 0))
    }

    /// Undoes an approved request, by which so much comes back to its account.
    fn undo(&mut self, sale: SaleId, undo: &Reversal, back_fen: i64, nothing: ResultCode) -> Answer<'static> {
        if let Some(done) = self.sales.get(&sale) {
            return money(done);
        }
        let original = SaleId { epoch: undo.original_epoch, sequence: undo.original_sequence, ..sale };
        let Some(done) = self.sales.get_mut(&original).filter(|done| done.code.is_approved()) else {
            return money(&self.store(sale, nothing, u32::MAX, undo.amount_fen));
        };
        let account = done.account;
        let balance_fen = self.balances.entry(account).or_default();
        if *balance_fen + back_fen < 0 {
            return money(&self.store(sale, ResultCode::InsufficientFunds, account, undo.amount_fen));
        }
        *balance_fen += back_fen;
        done.code = ResultCode::Reversed;
        money(&self.store(sale, ResultCode::Approved, account, undo.amount_fen))
    }

    fn account_of_card(&self, card: u64) -> u32 {
        self.cards.get(&card).copied().unwrap_or_else(|| (card - FIRST_CARD) as u32)
    }

    /// The account's card; 0 for none.
    fn card_of(&self, account: u32) -> u64 {
        let at_first = if account % 20 == 19 { 0 } else { FIRST_CARD + u64::from(account) };
        self.current_cards.get(&account).copied().unwrap_or(at_first)
    }

    fn newest_lines(&self, account: u32, lines_max: u16) -> Vec<BillLine> {
        let lines = self.lines.get(&account).into_iter().flatten();
        lines.rev().take(usize::from(lines_max)).copied().collect()
    }

    /// Gives an account a card, 0 for none, for a fee.
    fn change_card(
        &mut self,
        sale: SaleId,
        account: u32,
        card: u64,
        fee_fen: i64,
        refusal: impl FnOnce(u64) -> Option<ResultCode>,
    ) -> Answer<'static> {
        if let Some(done) = self.sales.get(&sale) {
            return money(done);
        }
        if let Some(code) = refusal(self.card_of(account)) {
            return money(&self.store(sale, code, account, fee_fen));
        }
        self.current_cards.insert(account, card);
        self.lost.remove(&account);
        if card != 0 {
            self.stock.remove(&card);
            assert_eq!(self.cards.insert(card, account), None, "a card that was handed out before");
        }
        *self.balances.entry(account).or_default() -= fee_fen;
        money(&self.store(sale, ResultCode::Approved, account, fee_fen))
    }

    fn money(&mut self, sale: SaleId, account: u32, amount_fen: i64) -> Answer<'static> {
        money(&self.debit(sale, account, amount_fen, false))
    }

    /// A tap, in one phase or in two.
    fn tap(&mut self, sale: SaleId, debit: &CardDebit) -> MoneyAnswer {
        let account = self.account_of_card(debit.card_uid.0);
        let refused = if self.lost.contains(&account) {
            Some(ResultCode::CardLost)
        } else {
            (self.card_of(account) != debit.card_uid.0).then_some(ResultCode::CardNotCurrent)
        };
        money_of(&match refused.filter(|_| !self.sales.contains_key(&sale)) {
            Some(code) => self.store(sale, code, account, debit.amount_fen),
            None => self.debit(sale, account, debit.amount_fen, false),
        })
    }

    fn debit(&mut self, sale: SaleId, account: u32, amount_fen: i64, offline: bool) -> Sale {
        if let Some(done) = self.sales.get(&sale) {
            return *done;
        }
        let balance_fen = self.balances.entry(account).or_default();
        if !offline && *balance_fen < amount_fen {
            return self.store(sale, ResultCode::InsufficientFunds, account, amount_fen);
        }
        self.debits += 1;
        let due = |each: u64| each > 0 && self.debits.is_multiple_of(each);
        if due(self.faults.lose_each) {
            self.records += 1;
            return Sale { code: ResultCode::Approved, account, amount_fen, record: self.records };
        }
        let times = if due(self.faults.double_each) { 2 } else { 1 };
        *self.balances.entry(account).or_default() -= amount_fen * times;
        let done = self.store(sale, ResultCode::Approved, account, amount_fen);
        for _ in 0..times {
            let line = BillLine {
                record: done.record.into(),
                amount_fen: (-amount_fen).into(),
                terminal: sale.terminal.0.into(),
                sequence: sale.sequence.0.into(),
                epoch: sale.epoch.0.into(),
                kind: BillLineKind::Debit.number(),
                ..BillLine::default()
            };
            self.lines.entry(account).or_default().push(line);
        }
        done
    }

    fn store(&mut self, sale: SaleId, code: ResultCode, account: u32, amount_fen: i64) -> Sale {
        self.records += 1;
        let done = Sale { code, account, amount_fen, record: self.records };
        self.sales.insert(sale, done);
        done
    }
}

fn money(done: &Sale) -> Answer<'static> {
    Answer::Money(money_of(done))
}

fn money_of(done: &Sale) -> MoneyAnswer {
    MoneyAnswer {
        code: done.code,
        repeat: false,
        account: (done.account != u32::MAX).then_some(AccountId(done.account)),
        amount_fen: done.amount_fen,
        balance_after_fen: 0,
        record: RecordNumber(done.record),
        server_time_ns: 0,
    }
}

fn text_of(padded: &[u8]) -> String {
    String::from_utf8_lossy(padded).trim_end_matches('\0').to_owned()
}

fn unix_ns() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64)
}

fn welcome(last_sequence: u32) -> Welcome {
    Welcome {
        server_time_ns: 0,
        business_date: BusinessDate(1),
        in_flight_max: 2,
        heartbeat_interval_ms: 30_000,
        merchant: MerchantId(1),
        parameter_version: 1,
        block_list_version: 1,
        last_sequence: Sequence(last_sequence),
        debit_max_fen: 2_000,
        offline_debit_max_fen: 2_000,
        offline_day_max_fen: 5_000,
        block_list_age_max_s: 86_400,
        offline_days_max: 3,
        terminal_kind: TerminalKind::PointOfSale,
        key_version: 1,
        key_check: [0; 3],
    }
}

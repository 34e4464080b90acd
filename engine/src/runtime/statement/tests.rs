//! Statements held against the sum over all records of the log: random histories of months, random questions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::bill::{BILL_FLAG_REFUNDED, BILL_FLAG_REVERSED, BillLineKinds};
use protocol::card::{CardTerms, PayoutWay, ReplaceReason};
use protocol::ids::{BusinessDate, CardCounter, CardUid, Epoch, MerchantId, SaleId, Sequence, TerminalId};
use protocol::request::{AccountSelector, AdjustDirection};
use wal::{Clock, LogConfig, LogId};

use super::*;
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountClose, AccountSelector as Named, Adjust, BindCard, CardDebit, CardReplace, CardTap, Carried,
    Channel, CodeDebit, CodeVerdict, CutOff, OfflineFact, OpenAccount, Opening, Refund, RegisterMerchant,
    RegisterTerminal, Reversal, Sale, SetAccountTerms, SetPolicy, SetPrice, TopUp, TopUpUndo, Void,
};
use crate::ledger::prices::OTHER_TIME;
use crate::ledger::record::{RecordKind, Wallet};
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::{Command, Known, Outcome, Request, Sizes, TerminalSlot};
use crate::runtime::engine::{Engine, Reply, Sources};
use crate::runtime::look_up;

const DAY_NS: u64 = 86_400_000_000_000;
/// 2026-11-24 04:00 UTC: noon on the campus.
const BEGIN_NS: u64 = 1_795_492_800_000_000_000;
/// What the random histories must come to; a few requests are refused each, and those have no line.
const REQUESTS: usize = 900;
const TILL: TerminalId = TerminalId(101);
const OPERATOR: TerminalId = TerminalId(901);
const MINE: AccountId = AccountId(0);
const ANOTHERS: AccountId = AccountId(1);

/// A clock that the test moves.
struct Hand(AtomicU64);

impl Clock for Hand {
    fn wall_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed) - BEGIN_NS
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn amount_fen(&mut self) -> i64 {
        self.below(2_000) as i64 + 1
    }
}

/// Two accounts, one counter that does everything, and an operator who corrects balances.
struct Town {
    engine: Engine,
    clock: Arc<Hand>,
    date: u16,
    sequence: u32,
    corrections: u32,
    card_counter: u32,
    cards: [CardUid; 2],
    new_cards: u64,
    codes: u32,
    /// Sequence and amount of what may be undone: sales, and top-ups.
    sales: Vec<(u32, i64)>,
    top_ups: Vec<(u32, i64)>,
}

impl Town {
    fn new() -> Town {
        let clock = Arc::new(Hand(AtomicU64::new(BEGIN_NS)));
        let handed: Arc<dyn Clock> = clock.clone();
        let (engine, _) = Engine::open(Sources {
            storage: Arc::new(wal::Simulated::new()),
            log: LogConfig::new(LogId([1; 16])),
            clock: handed,
            sizes: Sizes { accounts_max: 1_024, cards_max: 4_096, orders_max: 4_096, ..Sizes::default() },
            snapshot: None,
            orders: None,
        })
        .expect("a new log");
        let cards = [CardUid(70), CardUid(71)];
        let policy = Policy { day_max_fen: u32::MAX, ..Policy::DEFAULT };
        let date = day_of(BEGIN_NS);
        let mut requests = vec![
            Request::CutOff(CutOff { opened: BusinessDate(date) }),
            Request::SetPolicy(SetPolicy { class: 0, policy }),
            Request::RegisterMerchant(RegisterMerchant {
                merchant: MerchantId(7),
                name: "一食堂",
                enabled: true,
            }),
            Request::RegisterTerminal(RegisterTerminal {
                terminal: TILL,
                merchant: MerchantId(7),
                kind: TerminalKind::Counter,
                key_version: 1,
                enabled: true,
            }),
            Request::RegisterTerminal(RegisterTerminal {
                terminal: OPERATOR,
                merchant: MerchantId(0),
                kind: TerminalKind::Finance,
                key_version: 1,
                enabled: true,
            }),
        ];
        for (account, card_uid) in [MINE, ANOTHERS].into_iter().zip(cards) {
            let mut student_number = [0; 16];
            student_number[0] = b'1' + account.0 as u8;
            requests.push(Request::OpenAccount(OpenAccount { student_number, class: 0 }));
            requests.push(Request::BindCard(BindCard { account, card_uid }));
        }
        for request in requests {
            engine.configure(request).expect("taken");
        }
        Town {
            engine,
            clock,
            date,
            sequence: 0,
            corrections: 0,
            card_counter: 0,
            cards,
            new_cards: 100,
            codes: 0,
            sales: Vec::new(),
            top_ups: Vec::new(),
        }
    }

    fn open_with(&self, account: AccountId, amount_fen: i64) {
        let wallet = Wallet::Electronic;
        self.engine.configure(Request::Opening(Opening { account, wallet, amount_fen })).expect("taken");
    }

    fn ask(&mut self, request: impl FnOnce(Sale<'static>) -> Request<'static>) -> Outcome {
        self.sequence += 1;
        self.decided(request(sale_of(TerminalSlot(0), TILL, self.sequence)))
    }

    /// An operator corrects a balance, by no more than he may alone.
    fn adjust(&mut self, account: AccountId, amount_fen: i64, gives: bool) {
        self.corrections += 1;
        let (wallet, direction) = if gives {
            (Wallet::Electronic, AdjustDirection::Give)
        } else {
            (Wallet::Card, AdjustDirection::Take)
        };
        self.decided(Request::Adjust(Adjust {
            sale: sale_of(TerminalSlot(1), OPERATOR, self.corrections),
            account: Named::Account(account),
            amount_fen,
            wallet,
            direction,
            reason: b"counted twice",
        }));
    }

    fn decided(&mut self, request: Request<'static>) -> Outcome {
        let mut known = Known::default();
        loop {
            match self.engine.execute(&Command { request, known: Some(&known) }) {
                Reply::Outcome(outcome) | Reply::Tap { outcome, .. } => return outcome,
                Reply::Needs(need) => {
                    self.engine.sync().expect("the simulated medium works");
                    look_up::answer(&self.engine, need, &mut known).expect("the log is sound");
                }
                other => panic!("{request:?}: {other:?}"),
            }
        }
    }

    /// Something that somebody does at the counter.
    fn live(&mut self, random: &mut Random) {
        self.clock.0.fetch_add(random.below(DAY_NS / 3), Ordering::Relaxed);
        let now_ns = self.clock.wall_ns();
        let account = if random.below(8) == 0 { ANOTHERS } else { MINE };
        let card_uid = self.cards[account.0 as usize];
        let amount_fen = random.amount_fen();
        if random.below(10) == 0 {
            let rate = [0, 333, -333, 1_000][random.below(4) as usize];
            let price = SetPrice { class: 0, period: OTHER_TIME, rate };
            self.engine.configure(Request::SetPrice(price)).expect("taken");
        }
        match random.below(21) {
            0..6 => {
                // Now and then the chip hasn't moved on: its last tap, if that was one in two phases, is undone.
                self.card_counter += u32::from(random.below(4) > 0);
                let card_counter = CardCounter(self.card_counter);
                let two_phase = random.below(2) == 0;
                let done = self.ask(|sale| match two_phase {
                    true => Request::CardTap(CardTap { sale, card_uid, card_counter, amount_fen }),
                    false => Request::CardDebit(CardDebit { sale, card_uid, card_counter, amount_fen }),
                });
                if done.code.is_approved() {
                    self.sales.push((self.sequence, amount_fen));
                }
            }
            6..9 => {
                self.codes += 1;
                let verdict = CodeVerdict::Authentic { account, step: self.codes, nonce: 0 };
                let digits = *b"00000000000000000000";
                let key_version = 0;
                let done = self.ask(|sale| {
                    Request::CodeDebit(CodeDebit { sale, digits, verdict, key_version, amount_fen })
                });
                if done.code.is_approved() {
                    self.sales.push((self.sequence, amount_fen));
                }
            }
            9..13 => {
                let mut order_number = [0; 32];
                order_number[..4].copy_from_slice(&(self.sequence + 0x3030_3030).to_le_bytes());
                let (account, channel) = (Named::Account(account), Channel::Counter);
                self.ask(|sale| Request::TopUp(TopUp { sale, account, amount_fen, channel, order_number }));
                self.top_ups.push((self.sequence, amount_fen));
            }
            13..15 => {
                // Sometimes one that is too old, and sometimes one that was undone already.
                let Some(&(sequence, amount_fen)) = self.sales.iter().rev().nth(random.below(4) as usize)
                else {
                    return;
                };
                let (original_epoch, original_sequence) = (Epoch(1), Sequence(sequence));
                let way = random.below(3);
                let part_fen = 1 + random.below(amount_fen.cast_unsigned()).cast_signed();
                self.ask(|sale| match way {
                    0 => Request::Reversal(Reversal { sale, original_epoch, original_sequence, amount_fen }),
                    1 => Request::Void(Void { sale, original_epoch, original_sequence, amount_fen }),
                    _ => Request::Refund(Refund {
                        sale,
                        original: SaleId { sequence: original_sequence, ..sale.id() },
                        original_slot: Some(sale.slot),
                        amount_fen: part_fen,
                    }),
                });
            }
            15 => {
                let Some(&(sequence, amount_fen)) = self.top_ups.last() else { return };
                let (original_epoch, original_sequence) = (Epoch(1), Sequence(sequence));
                self.ask(|sale| {
                    Request::TopUpUndo(TopUpUndo { sale, original_epoch, original_sequence, amount_fen })
                });
            }
            16..18 => {
                self.ask(|sale| {
                    Request::Offline(OfflineFact {
                        sale,
                        record_terminal: TILL,
                        card_uid,
                        card_counter: CardCounter(0),
                        amount_fen,
                        till_time_ns: now_ns - 3 * DAY_NS,
                        list: None,
                        authentic: true,
                        carried: Carried::default(),
                    })
                });
            }
            18 => {
                self.new_cards += 1;
                let new_card = CardUid(self.new_cards);
                let (named, fee_fen) = (Named::Account(account), [0, 2_000][random.below(2) as usize]);
                let (reason, terms) = (ReplaceReason::Lost, CardTerms::STANDARD);
                let done = self.ask(|sale| {
                    Request::CardReplace(CardReplace {
                        sale,
                        account: named,
                        new_card,
                        reason,
                        terms,
                        fee_fen,
                    })
                });
                if done.code.is_approved() {
                    self.cards[account.0 as usize] = new_card;
                }
            }
            19 if random.below(3) == 0 => self.leave_and_come_again(account, card_uid),
            19 => self.adjust(account, amount_fen, random.below(2) == 0),
            _ => {
                // The finance day goes its own way.
                self.date = self.date.max(day_of(now_ns).saturating_sub(1)) + random.below(2) as u16;
                let opened = BusinessDate(self.date);
                self.engine.configure(Request::CutOff(CutOff { opened })).expect("taken");
            }
        }
        if random.below(16) == 0 {
            self.engine.sync().expect("the simulated medium works");
        }
    }

    /// An account is closed, and opened again with another card.
    fn leave_and_come_again(&mut self, account: AccountId, card_uid: CardUid) {
        let named = Named::Account(account);
        let way = PayoutWay::Cash;
        let closed =
            self.ask(|sale| Request::AccountClose(AccountClose { sale, account: named, card_uid, way }));
        if !closed.code.is_approved() {
            return;
        }
        let (status, card_lost, class) = (AccountStatus::Open, false, 0);
        let (debit_max_fen, day_max_fen) = (0, 0);
        let terms = SetAccountTerms { account, status, card_lost, class, debit_max_fen, day_max_fen };
        self.engine.configure(Request::SetAccountTerms(terms)).expect("taken");
        self.new_cards += 1;
        let card_uid = CardUid(self.new_cards);
        self.engine.configure(Request::BindCard(BindCard { account, card_uid })).expect("taken");
        self.cards[account.0 as usize] = card_uid;
    }

    fn head(&self) -> RecordNumber {
        self.engine.sync().expect("the simulated medium works");
        let account = Named::Account(MINE);
        let asked = Request::BillHead(crate::ledger::command::BillHead { account });
        match self.engine.execute(&Command::from(asked)) {
            Reply::BillHead(view) => view.head,
            other => panic!("{other:?}"),
        }
    }

    fn page(&self, query: &StatementQuery, steps_max: usize) -> Result<Statement, StatementError> {
        page_within(&self.engine.log().reader(), MINE, self.head(), query, steps_max)
    }
}

fn sale_of(slot: TerminalSlot, terminal: TerminalId, sequence: u32) -> Sale<'static> {
    Sale { slot, terminal, epoch: Epoch(1), sequence: Sequence(sequence), raw: &[] }
}

/// A line by the log alone.
#[derive(Clone, Copy, Debug)]
struct NaiveLine {
    number: u64,
    calendar_day: u16,
    business_day: u16,
    kind: BillLineKind,
    effect_fen: i64,
    undone: bool,
    refunded: bool,
}

/// Every line of the account in the whole log, oldest first, and every record that names the account.
fn naive_lines(engine: &Engine) -> (Vec<NaiveLine>, BTreeSet<u64>) {
    let (mut lines, mut named): (Vec<NaiveLine>, _) = (Vec::new(), BTreeSet::new());
    let mut sales: Vec<SaleId> = Vec::new();
    let mut balance_fen = 0;
    let reader = engine.log().reader();
    for found in reader.scan(1) {
        let found = found.expect("readable");
        let record = Record::decode(found.kind, found.version, found.payload).expect("decodes");
        if record.previous_of(MINE).is_some() {
            named.insert(found.number);
        }
        let Some(money) = record.money().filter(|money| money.person() == Some(MINE)) else { continue };
        let amount_fen = money.amount_fen.get();
        let (kind, effect_fen) = match record.kind() {
            RecordKind::Debit | RecordKind::FullDebit => (BillLineKind::Debit, -amount_fen),
            RecordKind::OfflineDebit => (BillLineKind::OfflineDebit, -amount_fen),
            RecordKind::Fee => (BillLineKind::Fee, -amount_fen),
            RecordKind::TopUpUndo => (BillLineKind::TopUpUndone, -amount_fen),
            RecordKind::TopUp => (BillLineKind::TopUp, amount_fen),
            RecordKind::Opening => (BillLineKind::Opening, amount_fen),
            RecordKind::Adjustment if money.credit_account().as_person().is_some() => {
                (BillLineKind::Adjustment, amount_fen)
            }
            RecordKind::Adjustment => (BillLineKind::Adjustment, -amount_fen),
            RecordKind::Reversal | RecordKind::FullReversal | RecordKind::TapUndone => {
                (BillLineKind::Reversal, amount_fen)
            }
            RecordKind::PaidOut => (BillLineKind::PaidOut, -amount_fen),
            RecordKind::Void => (BillLineKind::Void, amount_fen),
            RecordKind::Refund => (BillLineKind::Refund, amount_fen),
            RecordKind::Load => (BillLineKind::Load, 0),
            RecordKind::Settle => (BillLineKind::Settle, 0),
            _ => continue,
        };
        let pricing_fen = effect_fen.signum() * record.pricing_fen();
        balance_fen += effect_fen + pricing_fen;
        assert_eq!(balance_fen, money.balance_after_fen.get(), "record {}", found.number);
        let undone = match &record {
            Record::Reversal(undoing) | Record::TopUpUndo(undoing) => Some(undoing.original()),
            Record::FullReversal(undoing) | Record::Void(undoing) | Record::TapUndone(undoing) => {
                Some(undoing.original())
            }
            _ => None,
        };
        if let Some(original) = undone {
            for (line, sale) in lines.iter_mut().zip(&sales) {
                line.undone |= (line.is_sale() || line.kind == BillLineKind::TopUp) && *sale == original;
            }
        }
        if let Record::Refund(refund) = &record {
            for (line, sale) in lines.iter_mut().zip(&sales) {
                line.refunded |= line.is_sale() && *sale == refund.original();
            }
        }
        let beside = match record.pricing_fen() {
            0 => None,
            1.. => Some((BillLineKind::Surcharge, pricing_fen)),
            _ => Some((BillLineKind::Discount, pricing_fen)),
        };
        let of_record = std::iter::once((kind, effect_fen)).chain(beside);
        sales.extend(of_record.clone().map(|_| money.sale()));
        lines.extend(of_record.map(|(kind, effect_fen)| NaiveLine {
            number: found.number,
            calendar_day: day_of(found.time_ns),
            business_day: money.date().0,
            kind,
            effect_fen,
            undone: false,
            refunded: false,
        }));
    }
    (lines, named)
}

impl NaiveLine {
    /// Of a sale online, or beside its price.
    const fn is_sale(&self) -> bool {
        matches!(self.kind, BillLineKind::Debit | BillLineKind::Surcharge | BillLineKind::Discount)
    }

    const fn day(&self, by: StatementDay) -> u16 {
        match by {
            StatementDay::Calendar => self.calendar_day,
            StatementDay::Business => self.business_day,
        }
    }
}

/// Opening, in and out of a period's part below `before` (0 = all of it).
fn naive_sums(lines: &[NaiveLine], query: &StatementQuery) -> [i64; 3] {
    let mut sums = [0; 3];
    for line in lines.iter().filter(|line| query.before.0 == 0 || line.number < query.before.0) {
        let day = line.day(query.by);
        if day < query.from_day {
            sums[0] += line.effect_fen;
        } else if day <= query.to_day {
            sums[if line.effect_fen > 0 { 1 } else { 2 }] += line.effect_fen;
        }
    }
    sums
}

fn whole(by: StatementDay) -> StatementQuery {
    StatementQuery {
        account: AccountSelector::Account(MINE),
        before: RecordNumber(0),
        from_day: 0,
        to_day: u16::MAX,
        kinds: BillLineKinds::ALL,
        by,
        lines_max: 50,
    }
}

fn random_query(random: &mut Random, lines: &[NaiveLine]) -> StatementQuery {
    let by = [StatementDay::Calendar, StatementDay::Business][random.below(2) as usize];
    // Days from a little before the first line to a little after the last.
    let first = lines[0].day(by) - 3;
    let span = u64::from(lines[lines.len() - 1].day(by) + 6 - first);
    let mut days = [0, 0].map(|_| first + random.below(span) as u16);
    match random.below(8) {
        0 => days = [0, u16::MAX],
        1 => days[1] = days[0],
        _ => days.sort_unstable(),
    }
    let kinds = match random.below(3) {
        0 => BillLineKinds::ALL,
        1 => BillLineKinds::of(&[BillLineKind::ALL[random.below(BillLineKind::ALL.len() as u64) as usize]]),
        _ => BillLineKinds::from_bits(random.next() as u32 & BillLineKinds::KNOWN_BITS).expect("known"),
    };
    let [from_day, to_day] = days;
    StatementQuery { from_day, to_day, kinds, lines_max: random.below(50) as u16 + 1, ..whole(by) }
}

/// Pages through a statement as the protocol's page says, and holds it against the lines.
fn hold_against_the_log(
    town: &Town,
    lines: &[NaiveLine],
    query: &StatementQuery,
    steps_max: usize,
    seen: &mut [u32; 4],
) {
    let mut asked = *query;
    let mut shown = Vec::new();
    // Opening, in, out and closing of the whole, once they are all there.
    let mut sums: Option<[i64; 4]> = None;
    let mut summing = true;
    for pages in 0.. {
        assert!(pages < 2 * REQUESTS, "the pages have no end: {query:?}, {steps_max} steps");
        let page = town.page(&asked, steps_max).expect("a page");
        seen[usize::from(page.more.number())] += 1;
        let Statement { opening_fen, in_fen, out_fen, closing_fen, .. } = page;
        assert_eq!(opening_fen + in_fen + out_fen, closing_fen, "{asked:?}: {page:?}");
        assert!(in_fen >= 0 && out_fen <= 0 && page.lines.len() <= usize::from(asked.lines_max).max(2));
        if matches!(page.more, StatementMore::Nothing | StatementMore::Lines) {
            let naive = naive_sums(lines, &asked);
            assert_eq!([opening_fen, in_fen, out_fen], naive, "{asked:?}, {steps_max} steps");
        }
        if page.more == StatementMore::Unreached {
            assert!(page.lines.is_empty() && [opening_fen, in_fen, out_fen, closing_fen] == [0; 4]);
        } else if summing {
            sums = Some(match sums {
                None => [opening_fen, in_fen, out_fen, closing_fen],
                Some(newer) => {
                    assert_eq!(newer[0], closing_fen, "one page's opening is the next one's closing");
                    [opening_fen, newer[1] + in_fen, newer[2] + out_fen, newer[3]]
                }
            });
            summing = page.more == StatementMore::Records;
        }
        assert_eq!(page.next_before.0 == 0, page.more == StatementMore::Nothing);
        shown.extend(page.lines);
        if page.next_before.0 == 0 {
            break;
        }
        asked.before = page.next_before;
    }
    let [opening_fen, in_fen, out_fen] = naive_sums(lines, query);
    assert_eq!(sums, Some([opening_fen, in_fen, out_fen, opening_fen + in_fen + out_fen]), "{query:?}");
    let wanted = lines.iter().rev().filter(|line| {
        (query.from_day..=query.to_day).contains(&line.day(query.by)) && query.kinds.contains(line.kind)
    });
    let wanted: Vec<_> = wanted.collect();
    let numbers = |lines: &[BillLine]| lines.iter().map(|line| line.record.get()).collect::<Vec<_>>();
    assert_eq!(numbers(&shown), wanted.iter().map(|line| line.number).collect::<Vec<_>>(), "{query:?}");
    for (line, wanted) in shown.iter().zip(wanted) {
        assert_eq!((line.kind, line.business_date.get()), (wanted.kind.number(), wanted.business_day));
        // Where the walk from the newest record has an end, marks above it aren't seen.
        if steps_max == STEPS_MAX {
            assert_eq!(line.flags & BILL_FLAG_REVERSED != 0, wanted.undone, "{line:?}");
            assert_eq!(line.flags & BILL_FLAG_REFUNDED != 0, wanted.refunded, "{line:?}");
        }
    }
}

#[test]
fn every_period_opens_with_what_came_before_it_and_adds_up_to_its_closing() {
    let given = std::env::var("YIKA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds: Vec<u64> = given.map_or_else(|| (1..=6).collect(), |seed| vec![seed]);
    let (mut pages, mut kinds) = ([0; 4], BTreeSet::new());
    for seed in &seeds {
        println!("seed {seed}: YIKA_SEED={seed} cargo test -p engine runtime::statement -- --nocapture");
        let mut random = Random(*seed);
        let mut town = Town::new();
        town.open_with(ANOTHERS, 100_000);
        town.open_with(MINE, 100_000);
        for _ in 0..REQUESTS {
            town.live(&mut random);
        }
        town.head();
        let (lines, named) = naive_lines(&town.engine);
        kinds.extend(lines.iter().map(|line| line.kind));
        let newest = *named.last().expect("records");
        for round in 0..120 {
            let query = random_query(&mut random, &lines);
            let steps_max = [STEPS_MAX, STEPS_MAX, 3, 10, 100][round % 5];
            hold_against_the_log(&town, &lines, &query, steps_max, &mut pages);
            // Any record of the account's own is a place to go on from; any other isn't.
            let before = RecordNumber(1 + random.below(newest + 20));
            let asked = StatementQuery { before, ..query };
            match town.page(&asked, steps_max) {
                Ok(page) => {
                    assert!(named.contains(&before.0), "{before} isn't the account's");
                    if matches!(page.more, StatementMore::Nothing | StatementMore::Lines) {
                        let sums = [page.opening_fen, page.in_fen, page.out_fen];
                        assert_eq!(sums, naive_sums(&lines, &asked), "{asked:?}");
                    }
                }
                Err(error) => {
                    assert!(!named.contains(&before.0), "{before} is the account's");
                    assert_eq!(error.code(), ResultCode::CursorUnknown, "{error}");
                }
            }
        }
    }
    assert!(pages.iter().all(|&pages| pages > 0), "of the four answers to `more`: {pages:?}");
    let expected: BTreeSet<_> = BillLineKind::ALL
        .iter()
        .copied()
        .filter(|kind| {
            !matches!(kind, BillLineKind::Subsidy | BillLineKind::SubsidyTakenBack | BillLineKind::Payable)
        })
        .collect();
    assert!(given.is_some() || kinds == expected, "{kinds:?}");
}

#[test]
fn an_account_without_a_line_has_an_empty_statement() {
    let town = Town::new();
    for by in [StatementDay::Calendar, StatementDay::Business] {
        for (from_day, to_day) in [(0, 0), (0, u16::MAX), (u16::MAX, u16::MAX)] {
            let query = StatementQuery { from_day, to_day, ..whole(by) };
            assert_eq!(town.page(&query, STEPS_MAX).expect("a page"), Statement::default());
        }
    }
}

#[test]
fn a_period_beyond_one_walk_is_reached_by_going_on() {
    let mut town = Town::new();
    town.open_with(MINE, 100_000);
    let first_day = day_of(BEGIN_NS);
    town.clock.0.fetch_add(40 * DAY_NS, Ordering::Relaxed);
    for _ in 0..30 {
        town.card_counter += 1;
        let (card_uid, card_counter) = (town.cards[0], CardCounter(town.card_counter));
        town.ask(|sale| Request::CardDebit(CardDebit { sale, card_uid, card_counter, amount_fen: 10 }));
    }
    // Thirty taps of two records each lie above the first day, and a walk takes sixteen.
    let mut query =
        StatementQuery { from_day: first_day, to_day: first_day, ..whole(StatementDay::Calendar) };
    let mut walks = 0;
    let page = loop {
        let page = town.page(&query, 16).expect("a page");
        if page.more != StatementMore::Unreached {
            break page;
        }
        query.before = page.next_before;
        walks += 1;
    };
    assert_eq!(walks, 3);
    assert_eq!((page.opening_fen, page.in_fen, page.out_fen, page.closing_fen), (0, 100_000, 0, 100_000));
    assert_eq!((page.lines.len(), page.more), (1, StatementMore::Nothing));
}

#[test]
fn a_balance_that_its_lines_dont_make_is_found_out() {
    let mut town = Town::new();
    town.open_with(MINE, 100_000);
    town.card_counter += 1;
    let (card_uid, card_counter) = (town.cards[0], CardCounter(town.card_counter));
    town.ask(|sale| Request::CardDebit(CardDebit { sale, card_uid, card_counter, amount_fen: 10 }));
    town.head();
    // The same records in another log, the debit's balance a fen higher.
    let read = town.engine.log().reader();
    let forged = Engine::open(Sources {
        storage: Arc::new(wal::Simulated::new()),
        log: LogConfig::new(LogId([2; 16])),
        clock: town.clock.clone(),
        sizes: Sizes::default(),
        snapshot: None,
        orders: None,
    });
    let (forged, _) = forged.expect("a new log");
    for record in read.scan(1) {
        let record = record.expect("readable");
        let mut payload = record.payload.to_vec();
        if record.kind == RecordKind::Debit as u8 {
            payload[32] += 1;
        }
        let mut stage = forged.log().stage();
        let (kind, version) = (record.kind, record.version);
        let group = [wal::Record { kind, version, payload: &payload }];
        stage.append(&group, wal::Priority::Normal).expect("it fits");
    }
    forged.sync().expect("the simulated medium works");
    let found = page(&forged.log().reader(), MINE, town.head(), &whole(StatementDay::Calendar));
    let Err(StatementError::Unequal { opening_fen, in_fen, out_fen, closing_fen }) = found else {
        panic!("{found:?}")
    };
    assert_eq!((opening_fen, in_fen, out_fen, closing_fen), (0, 100_000, -10, 99_991));
}

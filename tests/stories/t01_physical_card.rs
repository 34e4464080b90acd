//! （一）实体校园卡: a card from the day that it is handed out to the day that its holder leaves.
//!
//! The card centre's counter, two canteens that write chips, and a shop whose network is down. Days and months pass between
//! the chapters, so the story has a calendar of its own; server and sockets are real.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::audit::{AuditOptions, verify_log};
use engine::ledger::Request as Configuration;
use engine::ledger::calendar::{DAY_NS, day_of};
use engine::ledger::command::{BindCard, OpenAccount, SetOfficeRules};
use engine::ledger::registry::OfficeRules;
use engine::runtime::engine::{Engine, Sources};
use engine::runtime::password_vault::PasswordVault;
use engine::server::ServerConfig;
use protocol::answer::{AccountStatus, Chip, MoneyAnswer};
use protocol::bill::{BILL_FLAG_REVERSED, BillLineKind};
use protocol::card::{CardKind, CardTerms, ChipWrite, PayoutWay, ReplaceReason};
use protocol::channel::Channel;
use protocol::ids::{AccountId, CardCounter, CardUid};
use protocol::keys::Key128;
use protocol::payment_code;
use protocol::request::{
    AccountClose, AccountSelector, CardIssue, CardReplace, CardReturn, CardStock, CodeDebit, Request, TopUp,
};
use protocol::result_code::ResultCode;
use protocol::text::OrderNumber;
use wal::{Clock, LogConfig, LogId, Simulated, SystemClock};

use crate::campus::{COUNTER, Campus, CampusKeys, Running, fill, sizes, till};
use crate::wire_till::{Tap, WireTill, offline_record};

/// Days pass when the story says so.
struct Calendar {
    ahead_ns: AtomicU64,
}

impl Calendar {
    fn days_pass(&self, days: u64) {
        self.ahead_ns.fetch_add(days * DAY_NS, Ordering::Relaxed);
    }
}

impl Clock for Calendar {
    fn wall_ns(&self) -> u64 {
        SystemClock.wall_ns() + self.ahead_ns.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        SystemClock.monotonic_ns() + self.ahead_ns.load(Ordering::Relaxed)
    }
}

/// The school: its books, and the calendar on its wall.
struct School {
    calendar: Arc<Calendar>,
    medium: Simulated,
    keys: CampusKeys,
}

impl School {
    fn open(&self) -> Arc<Engine> {
        let sources = Sources {
            storage: Arc::new(self.medium.clone()),
            log: LogConfig::new(LogId([1; 16])),
            clock: Arc::clone(&self.calendar) as Arc<dyn Clock>,
            sizes: sizes(),
            snapshot: None,
            orders: None,
        };
        Arc::new(Engine::open(sources).expect("sound books").0)
    }

    fn today(&self) -> u16 {
        day_of(self.calendar.wall_ns())
    }
}

/// A place with a till, which counts its sequences.
struct Place {
    till: WireTill,
    sequence: u32,
}

impl Place {
    fn next(&mut self) -> u32 {
        self.sequence += 1;
        self.sequence
    }

    fn ask(&mut self, request: &Request<'_>) -> MoneyAnswer {
        let sequence = self.next();
        self.till.money(sequence, request)
    }

    /// A tap, not sent yet.
    fn tap(&mut self, card: CardUid, counter: u32, amount_fen: i64) -> Tap {
        Tap { sequence: self.next(), card, counter, amount_fen }
    }

    fn confirm(&mut self, tap: &Tap, write: ChipWrite) -> ResultCode {
        let sequence = self.next();
        self.till.confirm(sequence, tap, write).code
    }
}

/// Everybody in the story.
struct People {
    counter: Place,
    canteen: Place,
    other_canteen: Place,
    shop: Place,
}

impl People {
    fn meet(running: &Running, keys: &CampusKeys) -> People {
        let place = |terminal| {
            let till = WireTill::sign_in(running.address(), &keys.identity(terminal));
            Place { sequence: till.welcome.last_sequence.0, till }
        };
        People {
            counter: place(COUNTER),
            canteen: place(till(0)),
            other_canteen: place(till(1)),
            shop: place(till(2)),
        }
    }

    fn wallets(&mut self, id: AccountId) -> [i64; 3] {
        let balance = self.counter.till.balance(id.0);
        [balance.card_fen, balance.transition_fen, balance.electronic_fen]
    }

    /// Cash over the counter.
    fn pay_in(&mut self, id: AccountId, order: &str, amount_fen: i64) {
        let order = OrderNumber::new(order).expect("a short number");
        let (account, channel) = (AccountSelector::Account(id), Channel::Counter);
        let paid = self.counter.ask(&Request::TopUp(TopUp { account, amount_fen, channel, order }));
        assert_eq!(paid.code, ResultCode::Approved);
    }

    fn issue(&mut self, id: AccountId, card_uid: CardUid, terms: CardTerms) -> ResultCode {
        let CardTerms { kind, expires_day } = terms;
        let account = AccountSelector::Account(id);
        let issue = CardIssue { account, card_uid, kind, expires_day, fee_fen: 0, till_time_ns: 0 };
        self.counter.ask(&Request::CardIssue(issue)).code
    }

    /// Blank cards come to the counter.
    fn stock(&mut self, first: CardUid, count: u16) -> ResultCode {
        self.counter.ask(&Request::CardStock(CardStock { first, count, till_time_ns: 0 })).code
    }

    fn give_back(&mut self, id: AccountId, card_uid: CardUid) -> ResultCode {
        let account = AccountSelector::Account(id);
        self.counter.ask(&Request::CardReturn(CardReturn { account, card_uid, till_time_ns: 0 })).code
    }

    fn close(&mut self, id: AccountId, card_uid: CardUid) -> MoneyAnswer {
        let (account, way) = (AccountSelector::Account(id), PayoutWay::Cash);
        self.counter.ask(&Request::AccountClose(AccountClose { account, card_uid, way, till_time_ns: 0 }))
    }

    /// The shop's network is back: it brings what it sold at that time.
    fn bring(
        &mut self,
        keys: &CampusKeys,
        card: CardUid,
        counter: u32,
        amount_fen: i64,
        sold_ns: u64,
    ) -> ResultCode {
        let sold = self.shop.tap(card, counter, amount_fen);
        let record = offline_record(keys, self.shop.till.terminal, &sold, sold_ns);
        self.shop.till.upload(sold.sequence, &[record])[0].result().expect("a code that is known")
    }
}

fn opened(engine: &Engine, number: &str) -> AccountId {
    let mut student_number = [0; 16];
    student_number[..number.len()].copy_from_slice(number.as_bytes());
    let opened = engine.configure(Configuration::OpenAccount(OpenAccount { student_number, class: 0 }));
    opened.expect("there is room").account.expect("it was opened")
}

fn chip(balance_fen: i64, counter: u32) -> Option<Chip> {
    Some(Chip { balance_fen, counter: CardCounter(counter) })
}

/// 卡务中心: a box of a thousand blank cards comes, and nothing is given out but what was in one.
fn a_box_of_blank_cards(engine: &Engine, people: &mut People, id: AccountId, card: CardUid) {
    let rules = OfficeRules { cards_from_stock: true, ..OfficeRules::DEFAULT };
    engine.configure(Configuration::SetOfficeRules(SetOfficeRules { rules })).expect("rules");
    assert_eq!(people.issue(id, card, CardTerms::STANDARD), ResultCode::CardNotInStock);
    assert_eq!(people.stock(CardUid(7_700_000), 1_000), ResultCode::Approved);
    // The next box begins behind this one.
    assert_eq!(people.stock(CardUid(7_700_999), 1_000), ResultCode::StockOverlaps);
    assert_eq!(people.stock(CardUid(7_701_000), 1_000), ResultCode::Approved);
}

/// 新生报到后到卡务中心办理实名卡片，现场充值，刷卡实现……食堂就餐。
fn the_first_day(people: &mut People, id: AccountId, card: CardUid) {
    assert_eq!(people.issue(id, card, CardTerms::STANDARD), ResultCode::Approved);
    assert_eq!(people.issue(id, CardUid(card.0 + 1), CardTerms::STANDARD), ResultCode::CardAlreadyCurrent);
    people.pay_in(id, "cash 1", 10_000);

    // Breakfast: the canteen is answered, writes the chip, and confirms. What the tap needed was loaded onto the card.
    let tap = people.canteen.tap(card, 1, 450);
    let answer = people.canteen.till.card_tap(&tap);
    assert_eq!((answer.money.code, answer.money.balance_after_fen), (ResultCode::Approved, 9_550));
    assert_eq!(answer.chip, chip(0, 1));
    assert_eq!(people.canteen.confirm(&tap, ChipWrite::Written), ResultCode::Approved);
    // Nothing is left to be written, or to be said.
    assert_eq!(people.canteen.till.card_tap(&tap).chip, None);
    assert_eq!(people.canteen.confirm(&tap, ChipWrite::Written), ResultCode::TapConfirmedBefore);
}

/// The chip is what the till writes, and a card may be taken away too early.
fn a_week_of_chips(people: &mut People, id: AccountId, card: CardUid) {
    let before_fen = people.counter.till.balance(id.0).system_fen;
    // She pulls the card away. Nobody knows whether it was written; she walks over to the other canteen. Its reader finds the
    // old counter: the first lunch wasn't paid, so she pays one lunch.
    let torn = people.canteen.tap(card, 2, 1_200);
    assert_eq!(people.canteen.till.card_tap(&torn).money.balance_after_fen, before_fen - 1_200);
    assert_eq!(people.canteen.confirm(&torn, ChipWrite::Unknown), ResultCode::Approved);
    let lunch = people.other_canteen.tap(card, 2, 800);
    assert_eq!(people.other_canteen.till.card_tap(&lunch).money.balance_after_fen, before_fen - 800);
    assert_eq!(people.canteen.confirm(&torn, ChipWrite::Written), ResultCode::TapUndone);
    assert_eq!(people.canteen.till.ask(torn.sequence).code, ResultCode::Reversed);

    // The other canteen wrote the chip, and its confirmation was lost. Dinner shows that the counter has moved on.
    let dinner = people.canteen.tap(card, 3, 700);
    assert_eq!(people.canteen.till.card_tap(&dinner).money.balance_after_fen, before_fen - 1_500);
    assert_eq!(people.other_canteen.confirm(&lunch, ChipWrite::Written), ResultCode::TapStands);
    assert_eq!(people.canteen.confirm(&dinner, ChipWrite::Written), ResultCode::Approved);

    // The reader says that nothing was written: undone at once, and the till's retry is told so.
    let failed = people.canteen.tap(card, 4, 300);
    people.canteen.till.card_tap(&failed);
    assert_eq!(people.canteen.confirm(&failed, ChipWrite::NotWritten), ResultCode::Approved);
    assert_eq!(people.canteen.till.card_tap(&failed).money.code, ResultCode::Reversed);
    // Another till's tap is that till's to confirm; a tap in one phase, a refused one and none at all have no chip to be confirmed.
    let plain = people.canteen.tap(card, 4, 200);
    assert_eq!(people.canteen.till.tap(&plain).code, ResultCode::Approved);
    assert_eq!(people.canteen.confirm(&plain, ChipWrite::Written), ResultCode::NothingToConfirm);

    // 我的账单: both lunches stand there, one of them undone.
    let lines = people.counter.till.bill(id).concat();
    let undone: Vec<_> = lines.iter().filter(|line| line.flags & BILL_FLAG_REVERSED != 0).collect();
    assert_eq!(undone.iter().map(|line| line.amount_fen.get()).collect::<Vec<_>>(), [-300, -1_200]);
    let backs = lines.iter().filter(|line| line.kind == BillLineKind::Reversal.number());
    let backs: Vec<_> = backs.map(|line| (line.amount_fen.get(), line.related_record)).collect();
    assert_eq!(backs, [(300, undone[0].record), (1_200, undone[1].record)]);
    let expected_fen = before_fen - 800 - 700 - 200;
    assert_eq!(people.counter.till.balance(id.0).system_fen, expected_fen);
    assert_eq!(lines[0].balance_after_fen.get(), expected_fen);
}

/// One card number given to two people is reported as a conflict, never last-wins.
fn one_number_twice(engine: &Engine, people: &mut People) {
    let (first, second) = (opened(engine, "2600011"), opened(engine, "2600012"));
    let card_uid = CardUid(7_700_001);
    let bind = |account| engine.configure(Configuration::BindCard(BindCard { account, card_uid }));
    assert_eq!(bind(first).expect("it is nobody's").code, ResultCode::Approved);
    assert_eq!(bind(second).expect("it is recorded").code, ResultCode::IdentityConflict);
    let tap = people.canteen.tap(card_uid, 1, 100);
    assert_eq!(people.canteen.till.tap(&tap).code, ResultCode::UnknownCard);
    assert_eq!(people.issue(second, card_uid, CardTerms::STANDARD), ResultCode::CardTaken);
}

/// 实体校园卡遗失时，请及时挂失，以免造成经济损失. Worked example 2: card 42.00, phone −7.00, electronic 30.00.
fn lost_and_replaced(school: &School, engine: &Engine, people: &mut People) {
    let id = opened(engine, "2600002");
    let (old, new) = (CardUid(7_700_010), CardUid(7_700_011));
    assert_eq!(people.issue(id, old, CardTerms::STANDARD), ResultCode::Approved);
    // 42.00 on the card: a tap loads what it needs, and its undoing leaves it there.
    people.pay_in(id, "cash 2", 4_200);
    let tap = people.canteen.tap(old, 1, 4_200);
    people.canteen.till.card_tap(&tap);
    assert_eq!(people.canteen.confirm(&tap, ChipWrite::NotWritten), ResultCode::Approved);
    let step = payment_code::step_at(SystemClock.wall_ns());
    let code = payment_code::issue(&school.keys.code_key(), 0, id, step, 0).expect("it fits");
    let by_phone = Request::CodeDebit(CodeDebit { code, amount_fen: 700, till_time_ns: 0 });
    assert_eq!(people.canteen.ask(&by_phone).code, ResultCode::Approved);
    people.pay_in(id, "cash 3", 3_000);
    assert_eq!(people.wallets(id), [4_200, -700, 3_000]);
    // Lunch at the shop, whose network is down; then the card is gone.
    let sold_ns = school.calendar.wall_ns();
    let replace = CardReplace {
        account: AccountSelector::Account(id),
        new_card: new,
        fee_fen: 2_000,
        reason: ReplaceReason::Lost,
        terms: CardTerms::STANDARD,
        till_time_ns: 0,
    };
    let replaced = people.counter.ask(&Request::CardReplace(replace));
    assert_eq!((replaced.code, replaced.balance_after_fen), (ResultCode::Approved, 4_500));
    // The old card's offline sale arrives on day 30.
    school.calendar.days_pass(30);
    assert_eq!(people.bring(&school.keys, old, 1, 500, sold_ns), ResultCode::Approved);
    assert_eq!(people.wallets(id), [3_700, -700, 1_000]);
    // Found again, it stays what it is: nobody's to use.
    let tap = people.canteen.tap(old, 2, 100);
    assert_eq!(people.canteen.till.tap(&tap).code, ResultCode::CardNotCurrent);
    assert_eq!(
        people.issue(opened(engine, "2600003"), old, CardTerms::STANDARD),
        ResultCode::CardNotReusable
    );
    let tap = people.canteen.tap(new, 1, 100);
    assert_eq!(people.canteen.till.tap(&tap).code, ResultCode::Approved);
}

/// A visitor's card for two days, then another visitor's.
fn visitors(school: &School, engine: &Engine, people: &mut People) {
    let (first, second) = (opened(engine, "V-1"), opened(engine, "V-2"));
    let card = CardUid(7_700_020);
    let for_two_days =
        |school: &School| CardTerms { kind: CardKind::Visitor, expires_day: school.today() + 2 };
    let endless = CardTerms { kind: CardKind::Visitor, expires_day: 0 };
    assert_eq!(people.issue(first, card, endless), ResultCode::CardTermsWrong);
    assert_eq!(people.issue(first, card, for_two_days(school)), ResultCode::Approved);
    people.pay_in(first, "cash 4", 2_000);
    people.pay_in(second, "cash 5", 2_000);
    let tap = people.canteen.tap(card, 1, 300);
    assert_eq!(people.canteen.till.tap(&tap).code, ResultCode::Approved);
    let with_the_first_ns = school.calendar.wall_ns();
    school.calendar.days_pass(2);
    let tap = people.canteen.tap(card, 2, 300);
    assert_eq!(people.canteen.till.tap(&tap).code, ResultCode::CardExpired);
    assert_eq!(people.give_back(first, card), ResultCode::Approved);
    // It lies with the blank ones again once the counter says so.
    assert_eq!(people.stock(card, 1), ResultCode::Approved);

    // The number rests for thirty days, so long as sales of it may come late.
    assert_eq!(people.issue(second, card, for_two_days(school)), ResultCode::CardNotReusableYet);
    school.calendar.days_pass(30);
    assert_eq!(people.issue(second, card, for_two_days(school)), ResultCode::Approved);
    let tap = people.canteen.tap(card, 1, 300);
    assert_eq!(people.canteen.till.tap(&tap).code, ResultCode::Approved);
    // And one that comes even later still finds who had the card then.
    assert_eq!(people.bring(&school.keys, card, 2, 150, with_the_first_ns), ResultCode::Approved);
    let left = [first, second].map(|id| people.counter.till.balance(id.0).system_fen);
    assert_eq!(left, [2_000 - 300 - 150, 2_000 - 300]);
}

/// She leaves: what is hers is paid out, and the card comes back.
fn the_last_day(school: &School, people: &mut People, id: AccountId, card: CardUid) {
    let balance_fen = people.counter.till.balance(id.0).system_fen;
    let sold_ns = school.calendar.wall_ns();
    let tap = people.canteen.tap(card, 6, 500);
    people.canteen.till.card_tap(&tap);
    assert_eq!(people.close(id, card).code, ResultCode::TapOpen, "nobody knows whether her chip was written");
    assert_eq!(people.canteen.confirm(&tap, ChipWrite::Written), ResultCode::Approved);
    assert_eq!(people.close(id, CardUid(0)).code, ResultCode::CardNotBack);
    let closed = people.close(id, card);
    assert_eq!((closed.code, closed.amount_fen), (ResultCode::Approved, balance_fen - 500));
    assert_eq!(people.close(id, CardUid(0)).code, ResultCode::AccountClosed);
    // The shop still has a lunch of hers: a receivable, and held back until somebody has looked at it.
    assert_eq!(people.bring(&school.keys, card, 7, 800, sold_ns), ResultCode::ApprovedFlagged);
    expect_closed(people, id, balance_fen - 500);
}

/// Balance and bill of a closed account are there for whoever asks.
fn expect_closed(people: &mut People, id: AccountId, paid_out_fen: i64) {
    let balance = people.counter.till.balance(id.0);
    assert_eq!((balance.status, balance.system_fen), (AccountStatus::Closed, -800));
    let lines = people.counter.till.bill(id).concat();
    let told: Vec<_> = lines.iter().take(2).map(|line| (line.kind, line.amount_fen.get())).collect();
    let (offline, paid_out) = (BillLineKind::OfflineDebit.number(), BillLineKind::PaidOut.number());
    assert_eq!(told, [(offline, -800), (paid_out, -paid_out_fen)]);
}

#[test]
fn t01_physical_card() {
    let calendar = Arc::new(Calendar { ahead_ns: AtomicU64::new(0) });
    let school = School { calendar, medium: Simulated::new(), keys: Campus::new().keys() };
    let engine = school.open();
    fill(&engine);
    let passwords = Arc::new(PasswordVault::in_memory(Key128::new([0; 16])));
    let (id, card) = (opened(&engine, "2600001"), CardUid(7_700_100));
    let running = Running::start(&engine, &passwords, &school.keys, ServerConfig::default());
    let mut people = People::meet(&running, &school.keys);
    a_box_of_blank_cards(&engine, &mut people, id, card);
    the_first_day(&mut people, id, card);
    a_week_of_chips(&mut people, id, card);
    one_number_twice(&engine, &mut people);
    lost_and_replaced(&school, &engine, &mut people);
    visitors(&school, &engine, &mut people);
    the_last_day(&school, &mut people, id, card);
    let paid_out_fen = 10_000 - 450 - 800 - 700 - 200 - 500;
    expect_closed(&mut people, id, paid_out_fen);
    drop(people);
    running.stop();
    let audit = verify_log(&engine.log().reader(), &AuditOptions::default()).expect("it can be read");
    assert!(audit.ok, "{audit}");
    drop(engine);

    // All of it is the log's: it is the same when everything is forgotten and read again.
    let engine = school.open();
    let running = Running::start(&engine, &passwords, &school.keys, ServerConfig::default());
    let mut people = People::meet(&running, &school.keys);
    expect_closed(&mut people, id, paid_out_fen);
    drop(people);
    running.stop();
}

//! （八）我的账单: all that a person paid and paid in, in one bill.
//!
//! A week of a student, one business date a day: everything that makes a line happens to her, and then she looks at her bill
//! on the phone.

use std::collections::BTreeSet;

use engine::ledger::Request as Configuration;
use engine::ledger::command::CutOff;
use protocol::answer::{MoneyAnswer, StatementMore};
use protocol::bill::{BILL_FLAG_REFUNDED, BILL_FLAG_REVERSED, BillLine, BillLineKind, BillLineKinds};
use protocol::card::{CardTerms, ReplaceReason};
use protocol::channel::{Channel, ReversalReason};
use protocol::ids::{AccountId, BusinessDate, CardUid, Epoch, RecordNumber, SaleId, Sequence};
use protocol::payment_code;
use protocol::request::{
    AccountSelector, CardReplace, CodeDebit, Refund, Request, Reversal, StatementDay, StatementQuery, TopUp,
};
use protocol::result_code::ResultCode;
use protocol::text::{OrderNumber, StudentNumber};
use wal::{Clock, SystemClock};

use crate::campus::{COUNTER, Campus, GATEWAY, OPENING_FEN, Served, card, student_no, till};
use crate::wire_till::{Tap, WireTill, offline_record, tap_request};

/// The student.
const XIAO_MING: AccountId = AccountId(11);
/// The card that she is given for the one that broke.
const NEW_CARD: CardUid = CardUid(8_000_001);

/// The places where she pays, and her phone.
struct Places {
    /// A canteen's till.
    canteen: WireTill,
    /// A shop's till, whose network is down.
    shop: WireTill,
    /// The card centre's counter.
    counter: WireTill,
    /// What her phone's app speaks through.
    phone: WireTill,
    /// The open business date: days since 2000-01-01.
    date: u16,
}

impl Places {
    fn open(served: &Served) -> Places {
        let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
        let phone = sign_in(GATEWAY);
        let date = phone.welcome.business_date.0;
        Places { canteen: sign_in(till(0)), shop: sign_in(till(1)), counter: sign_in(COUNTER), phone, date }
    }

    /// The business date is closed: the next day begins.
    fn next_day(&mut self, served: &Served) {
        self.date += 1;
        let opened = BusinessDate(self.date);
        served.engine().configure(Configuration::CutOff(CutOff { opened })).expect("a later date");
    }
}

fn herself() -> AccountSelector {
    AccountSelector::Student(StudentNumber::new(&student_no(XIAO_MING.0)).expect("a short number"))
}

fn approved(answer: &MoneyAnswer, balance_after_fen: i64) {
    assert_eq!((answer.code, answer.account), (ResultCode::Approved, Some(XIAO_MING)));
    assert_eq!(answer.balance_after_fen, balance_after_fen);
}

fn pay_in(channel: Channel, order: &str, amount_fen: i64) -> Request<'static> {
    let order = OrderNumber::new(order).expect("a short number");
    Request::TopUp(TopUp { account: herself(), amount_fen, channel, order })
}

/// Her tap, with the number of the card's transaction.
fn tap(sequence: u32, card: CardUid, counter: u32, amount_fen: i64) -> Request<'static> {
    tap_request(&Tap { sequence, card, counter, amount_fen })
}

/// The week; returns the system balance at its end.
fn live_through_the_week(served: &Served, places: &mut Places) -> i64 {
    let old_card = card(XIAO_MING.0);
    let mut balance_fen = OPENING_FEN;

    // 点击卡片充值，选择支付方式为微信，输入任意金额，点击确认充值。
    balance_fen += 10_000;
    approved(&places.phone.money(1, &pay_in(Channel::WeChatPay, "wx 4200001", 10_000)), balance_fen);
    // At the counter she pays in cash; the cashier typed it on the wrong account, and takes it back.
    approved(&places.counter.money(1, &pay_in(Channel::Counter, "cash 1", 5_000)), balance_fen + 5_000);
    let undo = Request::TopUpUndo(Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(1),
        amount_fen: 5_000,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    });
    assert_eq!(places.counter.money(2, &undo).code, ResultCode::Approved);

    // POS 机联网时，POS 机支持实体校园卡: a tap, for which money is loaded onto the card.
    places.next_day(served);
    balance_fen -= 650;
    approved(&places.canteen.money(1, &tap(1, old_card, 1, 650)), balance_fen);

    // 用户点开付款码，直接放在 POS 机的扫码头上被扫，即可完成付款。
    places.next_day(served);
    balance_fen -= 300;
    let step = payment_code::step_at(SystemClock.wall_ns());
    let code = payment_code::issue(&served.keys.code_key(), 0, XIAO_MING, step, 0).expect("it fits");
    let by_code = Request::CodeDebit(CodeDebit { code, amount_fen: 300, till_time_ns: 0 });
    approved(&places.canteen.money(2, &by_code), balance_fen);
    // A tap whose answer the till never saw: it undoes the sale, and the money is on the card.
    approved(&places.canteen.money(3, &tap(3, old_card, 2, 1_250)), balance_fen - 1_250);
    let reversal = Request::Reversal(Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(3),
        amount_fen: 1_250,
        reason: ReversalReason::NoAnswer,
        till_time_ns: 0,
    });
    approved(&places.canteen.money(4, &reversal), balance_fen);

    // The next tap leaves money on the card, so what she paid by code is settled onto it.
    places.next_day(served);
    balance_fen -= 500;
    approved(&places.canteen.money(5, &tap(5, old_card, 3, 500)), balance_fen);
    // A dish too many, seen at once: the cashier voids it. Another was cold, and the canteen gives a part of it back.
    approved(&places.canteen.money(6, &tap(6, old_card, 4, 900)), balance_fen - 900);
    let void = Request::Void(Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(6),
        amount_fen: 900,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    });
    approved(&places.canteen.money(7, &void), balance_fen);
    balance_fen += 150;
    let original = SaleId { terminal: till(0), epoch: Epoch(1), sequence: Sequence(1) };
    let refund = Request::Refund(Refund { original, amount_fen: 150, till_time_ns: 0 });
    approved(&places.canteen.money(8, &refund), balance_fen);

    // POS 机脱网时 … 网络恢复后，消费数据上传服务器进行更新。
    places.next_day(served);
    let stored = [(1, 200), (2, 150)].map(|(sequence, amount_fen)| {
        let sale = Tap { sequence, card: old_card, counter: 4 + sequence, amount_fen };
        offline_record(&served.keys, till(1), &sale, SystemClock.wall_ns())
    });
    let lines = places.shop.upload(1, &stored);
    assert!(lines.iter().all(|line| line.result() == Some(ResultCode::Approved)), "{lines:?}");
    balance_fen -= 350;

    // 到卡务中心等窗口找工作人员提供办卡、补卡: her card broke, and the new one costs 20 yuan.
    places.next_day(served);
    balance_fen -= 2_000;
    let replace = Request::CardReplace(CardReplace {
        account: herself(),
        new_card: NEW_CARD,
        fee_fen: 2_000,
        reason: ReplaceReason::Broken,
        terms: CardTerms::STANDARD,
        till_time_ns: 0,
    });
    approved(&places.counter.money(3, &replace), balance_fen);
    assert_eq!(places.canteen.money(9, &tap(9, old_card, 9, 100)).code, ResultCode::CardNotCurrent);

    places.next_day(served);
    balance_fen -= 880;
    approved(&places.canteen.money(10, &tap(10, NEW_CARD, 1, 880)), balance_fen);
    balance_fen
}

fn all_days() -> StatementQuery {
    StatementQuery {
        account: herself(),
        before: RecordNumber(0),
        from_day: 0,
        to_day: u16::MAX,
        kinds: BillLineKinds::ALL,
        by: StatementDay::Business,
        lines_max: 3,
    }
}

/// Every line that is asked for, page by page.
fn page_by_page(phone: &mut WireTill, query: &StatementQuery) -> Vec<BillLine> {
    let mut asked = *query;
    let mut all = Vec::new();
    loop {
        let (page, lines) = phone.statement(&asked);
        assert_eq!((page.code, page.account), (ResultCode::Approved, Some(XIAO_MING)));
        assert_eq!(page.opening_fen + page.in_fen + page.out_fen, page.closing_fen);
        assert!(lines.len() <= usize::from(query.lines_max));
        all.extend(lines);
        if page.more == StatementMore::Nothing {
            return all;
        }
        asked.before = page.next_before;
    }
}

fn kinds_of(lines: &[BillLine]) -> BTreeSet<BillLineKind> {
    lines.iter().map(|line| BillLineKind::from_number(line.kind).expect("a known kind")).collect()
}

/// Each line as its kind and what it did, oldest first.
fn told(lines: &[BillLine]) -> Vec<(BillLineKind, i64)> {
    let kind = |line: &BillLine| BillLineKind::from_number(line.kind).expect("a known kind");
    lines.iter().rev().map(|line| (kind(line), line.amount_fen.get())).collect()
}

fn look_at_the_bill(phone: &mut WireTill, dates: std::ops::RangeInclusive<u16>, balance_fen: i64) {
    use BillLineKind::{
        Adjustment, Debit, Discount, Fee, Load, OfflineDebit, Opening, PaidOut, Payable, Refund, Reversal,
        Settle, Subsidy, SubsidyTakenBack, Surcharge, TopUp, TopUpUndone, Void,
    };

    // 所有的一卡通消费和充值流水可以在我的账单里查询
    let all = page_by_page(phone, &all_days());
    let expected = [
        (Opening, OPENING_FEN),
        (TopUp, 10_000),
        (TopUp, 5_000),
        (TopUpUndone, -5_000),
        (Load, 650),
        (Debit, -650),
        (Debit, -300),
        (Load, 1_250),
        (Debit, -1_250),
        (Reversal, 1_250),
        (Settle, 300),
        (Debit, -500),
        (Load, 450),
        (Debit, -900),
        (Void, 900),
        (Refund, 150),
        (OfflineDebit, -200),
        (OfflineDebit, -150),
        (Fee, -2_000),
        (Load, 180),
        (Debit, -880),
    ];
    assert_eq!(told(&all), expected);
    let every_kind: BTreeSet<_> = BillLineKind::ALL.iter().copied().collect();
    let missing: Vec<_> = every_kind.difference(&kinds_of(&all)).copied().collect();
    // She stays: what is paid out to who leaves is told in the story of cards, what is paid beside prices in that of tills.
    let elsewhere = [Subsidy, Payable, PaidOut, Adjustment, SubsidyTakenBack, Surcharge, Discount];
    assert_eq!(
        missing, elsewhere,
        "what the school gives, the office corrects, closed accounts get and prices add is told elsewhere"
    );
    assert_eq!(all[0].balance_after_fen.get(), balance_fen);

    // What was taken back says so, and what took it back says of what.
    let line = |kind, amount_fen| {
        let found = all.iter().find(|line| told(&[**line]) == [(kind, amount_fen)]);
        found.unwrap_or_else(|| panic!("no {kind:?} of {amount_fen}"))
    };
    for (flag, undone, undoing) in [
        (BILL_FLAG_REVERSED, line(TopUp, 5_000), line(TopUpUndone, -5_000)),
        (BILL_FLAG_REVERSED, line(Debit, -1_250), line(Reversal, 1_250)),
        (BILL_FLAG_REVERSED, line(Debit, -900), line(Void, 900)),
        (BILL_FLAG_REFUNDED, line(Debit, -650), line(Refund, 150)),
    ] {
        assert_eq!(undone.flags, flag);
        assert_eq!(undoing.related_record, undone.record);
    }
    let marked = all.iter().filter(|line| line.flags != 0).count();
    assert_eq!(marked, 4, "nothing else was undone or given back");

    // 消费 alone, and 充值 alone; the sums are of everything, whichever is shown.
    let (whole, _) = phone.statement(&all_days());
    assert_eq!((whole.opening_fen, whole.closing_fen), (0, balance_fen));
    for kinds in [&[Debit, OfflineDebit][..], &[TopUp, TopUpUndone], &[Fee]] {
        let query = StatementQuery { kinds: BillLineKinds::of(kinds), ..all_days() };
        let shown = page_by_page(phone, &query);
        assert_eq!(kinds_of(&shown), kinds.iter().copied().collect());
        let (page, _) = phone.statement(&query);
        assert_eq!((page.in_fen, page.out_fen), (whole.in_fen, whole.out_fen));
    }

    // Day by day: each opens with what the one before closed with, and all of them are the week.
    let (mut opening_fen, mut lines) = (0, Vec::new());
    for date in dates {
        let query = StatementQuery { from_day: date, to_day: date, ..all_days() };
        let (page, _) = phone.statement(&query);
        assert_eq!(page.opening_fen, opening_fen);
        opening_fen = page.closing_fen;
        let mut of_day = page_by_page(phone, &query);
        of_day.extend(lines);
        lines = of_day;
    }
    assert_eq!((opening_fen, &lines), (balance_fen, &all));
}

#[test]
fn t14_my_bill() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut places = Places::open(&served);
    let first_date = places.date;
    let balance_fen = live_through_the_week(&served, &mut places);
    let dates = first_date..=places.date;
    assert_eq!(dates.len(), 7);
    look_at_the_bill(&mut places.phone, dates.clone(), balance_fen);
    assert_eq!(places.phone.balance(XIAO_MING.0).system_fen, balance_fen);
    drop(places);
    served.stop_unsealed();

    // The bill is the log's: it is the same when everything is forgotten and read again.
    let served = campus.serve();
    let mut phone = WireTill::sign_in(served.address(), &served.keys.identity(GATEWAY));
    look_at_the_bill(&mut phone, dates, balance_fen);
    served.stop();
    campus.expect_sound();
}

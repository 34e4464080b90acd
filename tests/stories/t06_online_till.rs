//! （二）联网 POS 机: a canteen's tills while the network is up, what they ask above a limit, and what a cashier does when something went wrong.

use engine::ledger::Request as Configuration;
use engine::ledger::account::AccountStatus;
use engine::ledger::command::{CutOff, SetAccountClass, SetAccountTerms, SetMealPeriod, SetPolicy, SetPrice};
use engine::ledger::prices::OTHER_TIME;
use engine::ledger::registry::Policy;
use protocol::answer::{Answer, ReceiptKind, ReceiptMarks};
use protocol::bill::{BILL_FLAG_REFUNDED, BILL_FLAG_REVERSED, BillLine, BillLineKind};
use protocol::block_list::{self, BlockListLine};
use protocol::channel::{Channel, ReversalReason};
use protocol::ids::{AccountId, BusinessDate, CardCounter, CardUid, Epoch, SaleId, Sequence};
use protocol::payment_code;
use protocol::request::{
    AccountPassword, AccountSelector, BatchSettle, BlockListActive, BlockListQuery, CashierSign, CodeDebit,
    Heartbeat, PasswordDebit, Reason, Reasoned, Refund, Request, Reversal, ShiftClose, Tender,
    TerminalKeyRotate,
};
use protocol::result_code::{ResultCode, TillAction};
use protocol::sign_in::TerminalIdentity;
use protocol::text::OrderNumber;
use protocol::till_totals::TillKind;
use wal::{Clock, SystemClock};

use crate::campus::{ADMINISTRATOR, COUNTER, Campus, OPENING_FEN, Served, card, student_no, till};
use crate::wire_till::{Tap, WireTill, offline_record, tap_request};

/// Who eats here.
const XIAO_HONG: AccountId = AccountId(21);
/// Who invites friends.
const HOST: AccountId = AccountId(22);
/// Who is a guest of the school's.
const GUEST: AccountId = AccountId(24);
/// Who sells at the rice.
const CASHIER: u32 = 5_001;

/// Two tills of one canteen, and the card centre's counter.
struct Canteen {
    noodles: WireTill,
    rice: WireTill,
    counter: WireTill,
}

impl Canteen {
    /// The noodle till has a key of this version, the others have their first.
    fn open(served: &Served, key_version: u32) -> Canteen {
        let sign_in = |terminal, version| {
            WireTill::sign_in(served.address(), &served.keys.identity_of(terminal, version))
        };
        Canteen {
            noodles: sign_in(till(0), key_version),
            rice: sign_in(till(1), 1),
            counter: sign_in(COUNTER, 1),
        }
    }
}

fn void(original: u32, amount_fen: i64) -> Request<'static> {
    Request::Void(Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(original),
        amount_fen,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    })
}

/// What the noodle till sold under this sequence, given back.
fn refund(original: u32, amount_fen: i64) -> Request<'static> {
    let original = SaleId { terminal: till(0), epoch: Epoch(1), sequence: Sequence(original) };
    Request::Refund(Refund { original, amount_fen, till_time_ns: 0 })
}

/// What the till says aloud about a request's answer.
fn heard(till: &mut WireTill, sequence: u32, request: &Request<'_>) -> &'static str {
    let answer = till.call(sequence, request);
    let (_, answer) = Answer::decode(&answer).expect("an answer");
    answer.voice(request.kind()).expect("it tells an outcome").text()
}

fn balance_fen(canteen: &mut Canteen) -> i64 {
    canteen.counter.balance(XIAO_HONG.0).system_fen
}

fn at_lunch(served: &Served, canteen: &mut Canteen) {
    let sign = CashierSign { cashier: CASHIER, unsent_records: 0, till_time_ns: 0 };
    assert_eq!(canteen.rice.money(0, &Request::CashierOn(sign)).code, ResultCode::Approved);

    // POS 机联网时，POS 机支持实体校园卡、微信校园卡、支付宝、微信等多种支付方式，用户点开付款码 … 直接放在 POS 机的扫码头上被扫: by card, and by
    // the code on the phone.
    let tap = |sequence, amount_fen| Tap { sequence, card: card(XIAO_HONG.0), counter: sequence, amount_fen };
    assert_eq!(heard(&mut canteen.noodles, 1, &tap_request(&tap(1, 1_500))), "支付成功");
    let step = payment_code::step_at(SystemClock.wall_ns());
    let code = payment_code::issue(&served.keys.code_key(), 0, XIAO_HONG, step, 0).expect("it fits");
    let by_code = Request::CodeDebit(CodeDebit { code, amount_fen: 600, till_time_ns: 0 });
    assert_eq!(heard(&mut canteen.rice, 1, &by_code), "支付成功");
    assert_eq!(balance_fen(canteen), OPENING_FEN - 2_100);

    // 或打开微信付款码: paid from a WeChat wallet, not from the account; the canteen's books have it by WeChat's order number, once.
    let by_wechat = Request::Tender(Tender {
        amount_fen: 1_800,
        channel: Channel::WeChatPay,
        order: OrderNumber::new("4200002411202611240001").expect("a short number"),
        till_time_ns: 0,
    });
    let recorded = canteen.rice.money(2, &by_wechat);
    assert_eq!((recorded.code, recorded.account, recorded.repeat), (ResultCode::Approved, None, false));
    assert!(canteen.rice.money(3, &by_wechat).repeat);
    assert_eq!(balance_fen(canteen), OPENING_FEN - 2_100);

    // Keyed in wrong, seen at once: the cashier voids the whole sale at the till that made it, and only once.
    assert_eq!(canteen.noodles.tap(&tap(2, 12_000)).code, ResultCode::Approved);
    assert_eq!(heard(&mut canteen.noodles, 3, &void(2, 12_000)), "撤销成功");
    assert_eq!(canteen.noodles.money(4, &void(2, 12_000)).code, ResultCode::AlreadyVoided);
    assert_eq!(canteen.noodles.tap(&tap(5, 1_200)).code, ResultCode::Approved);

    // A dish was cold: the other till of the canteen gives its price back, and what is left can only be refunded from then on.
    assert_eq!(heard(&mut canteen.rice, 4, &refund(5, 500)), "退款成功");
    assert_eq!(canteen.noodles.money(6, &void(5, 1_200)).code, ResultCode::VoidAfterRefund);
    assert_eq!(canteen.noodles.money(7, &refund(5, 701)).code, ResultCode::RefundAboveOriginal);
    assert_eq!(balance_fen(canteen), OPENING_FEN - 2_800);

    // Whoever has lost his receipt gets a copy, which says what has become of it since.
    let copy = canteen.noodles.reprint(Epoch(1), 5);
    assert_eq!((copy.kind, copy.code, copy.amount_fen), (ReceiptKind::Debit, ResultCode::Approved, 1_200));
    assert_eq!(copy.marks, ReceiptMarks::COPY.with(ReceiptMarks::REFUNDED));
    assert_eq!((copy.student.as_str(), copy.card), (&*student_no(XIAO_HONG.0), card(XIAO_HONG.0)));
}

/// 单笔限额、日累计限额: the school's rules for everybody, from one moment on. Above them the till asks for the query password.
fn a_banquet(served: &Served, canteen: &mut Canteen) {
    let limits = |code_max_fen| {
        let policy = Policy { debit_max_fen: 2_000, day_max_fen: 5_000, code_max_fen, ..Policy::DEFAULT };
        Configuration::SetPolicy(SetPolicy { class: 0, policy })
    };
    served.engine().configure(limits(500)).expect("taken");
    let password = canteen.counter.password("912345");
    let account = AccountSelector::Account(HOST);
    let set = AccountPassword { account, password, till_time_ns: 0 };
    assert_eq!(canteen.counter.money(1, &Request::PasswordSet(set)).code, ResultCode::Approved);

    let till = &mut canteen.noodles;
    let tap = |sequence, counter, amount_fen| Tap { sequence, card: card(HOST.0), counter, amount_fen };
    let refused = till.tap(&tap(8, 1, 8_800));
    assert_eq!((refused.code, refused.code.action()), (ResultCode::DebitLimit, TillAction::AskPassword));
    // Mistyped, then right; the sequence that was refused is used up, so each takes the next.
    let mut key_in = |sequence, digits| {
        let (card_uid, card_counter) = (card(HOST.0), CardCounter(1));
        let password = till.password(digits);
        let debit = PasswordDebit { card_uid, card_counter, amount_fen: 8_800, password, till_time_ns: 0 };
        till.money(sequence, &Request::PasswordDebit(debit)).code
    };
    assert_eq!(key_in(9, "912354"), ResultCode::PasswordWrong);
    assert_eq!(key_in(10, "912345"), ResultCode::Approved);
    // The day is used up by it: the next tap is asked for the password, too.
    let refused = till.tap(&tap(11, 2, 100));
    assert_eq!((refused.code, refused.code.action()), (ResultCode::DayLimit, TillAction::AskPassword));
    // The friends pay for themselves: all of it is undone, and the day is as it was. A code has a limit of its own.
    assert_eq!(till.money(12, &void(10, 8_800)).code, ResultCode::Approved);
    let step = payment_code::step_at(SystemClock.wall_ns());
    let mut by_code = |sequence, nonce, amount_fen| {
        let code = payment_code::issue(&served.keys.code_key(), 0, HOST, step, nonce).expect("it fits");
        till.money(sequence, &Request::CodeDebit(CodeDebit { code, amount_fen, till_time_ns: 0 })).code
    };
    assert_eq!(by_code(13, 1, 501), ResultCode::CodeLimit);
    assert_eq!(by_code(14, 2, 500), ResultCode::Approved);
    served.engine().configure(limits(0)).expect("taken");
}

/// A card is reported lost: the till hears of it with the heartbeat, downloads what has moved, and judges by it from then on, should
/// the network fail.
fn a_card_is_lost(served: &Served, canteen: &mut Canteen) {
    let lost = SetAccountTerms {
        account: AccountId(33),
        status: AccountStatus::Open,
        card_lost: true,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    };
    served.engine().configure(Configuration::SetAccountTerms(lost)).expect("an account");
    let till = &mut canteen.noodles;
    let query = BlockListQuery { have_version: 0, of_version: 0, after_card: CardUid(0), lines_max: 100 };
    let answer = till.call(0, &Request::BlockList(query));
    let (_, Answer::BlockList(list)) = Answer::decode(&answer).expect("an answer") else { panic!("no list") };
    assert_eq!(list.lines, [BlockListLine::card(card(33))]);
    let digest = block_list::digest(list.version, [card(33)].into_iter());
    assert_eq!((list.more, list.digest), (false, digest));
    let active = BlockListActive { version: list.version, digest, till_time_ns: 0 };
    assert_eq!(till.money(0, &Request::BlockListActive(active)).code, ResultCode::Approved);
}

/// 密钥: once a year the card centre changes a till's key. The till hears of it with its next heartbeat, fetches the new one, wrapped for its
/// session, and signs in under it; until then it sells under the one that it has.
fn the_tills_key_is_changed(served: &Served, canteen: &mut Canteen) {
    let mut office = WireTill::sign_in(served.address(), &served.keys.identity(ADMINISTRATOR));
    let what = TerminalKeyRotate { terminal: till(0), key_version: 2 };
    let reason = Reason::new("年度更换").expect("short");
    let rotate = Request::TerminalKeyRotate(Reasoned { what, reason });
    assert_eq!(heard(&mut office, 1, &rotate), "办理成功");
    assert_eq!(office.money(2, &rotate).code, ResultCode::TerminalKeyNotNext, "another does it, too");

    let noodles = &mut canteen.noodles;
    let beat = noodles.call(0, &Request::Heartbeat(Heartbeat { till_time_ns: 0 }));
    let Ok((_, Answer::Heartbeat(told))) = Answer::decode(&beat) else { panic!("no heartbeat") };
    assert_eq!((noodles.welcome.key_version, told.key_version), (1, 2));
    let (version, key) = noodles.fetch_key();
    let identity = TerminalIdentity { key, ..served.keys.identity(till(0)) };
    *noodles = WireTill::sign_in(served.address(), &identity);
    assert_eq!((version, noodles.welcome.key_check), (2, identity.key.check_value()));
}

/// The cashier goes home: what the till counted is what the books have, so its batch is closed and the shift with it.
fn after_lunch(canteen: &mut Canteen) {
    let till = &mut canteen.rice;
    let shift = |till: &mut WireTill, request: &Request<'_>| match Answer::decode(&till.call(0, request))
        .expect("an answer")
    {
        (_, Answer::Shift(answer)) => answer,
        (_, other) => panic!("{other:?}"),
    };
    let so_far = shift(till, &Request::ShiftTotals);
    assert_eq!(so_far.cashier, CASHIER);
    assert_eq!(so_far.totals.of(TillKind::Debit), (1, 600));
    assert_eq!(so_far.totals.of(TillKind::Tender), (1, 1_800));
    assert_eq!(so_far.totals.of(TillKind::Refund), (1, 500));
    let batch = BatchSettle {
        batch: 1,
        first: Sequence(1),
        last: Sequence(4),
        as_it_stands: false,
        totals: so_far.totals,
        till_time_ns: 0,
    };
    for repeat in [false, true] {
        let answer = till.call(0, &Request::BatchSettle(batch));
        let (_, Answer::BatchSettle(settled)) = Answer::decode(&answer).expect("an answer") else {
            panic!("not settled")
        };
        assert_eq!(
            (settled.code, settled.repeat, settled.totals),
            (ResultCode::Approved, repeat, so_far.totals)
        );
    }
    let close = ShiftClose { shift: so_far.shift, unsent_records: 0, till_time_ns: 0 };
    let closed = shift(till, &Request::ShiftClose(close));
    assert_eq!((closed.code, closed.cashier, closed.totals), (ResultCode::Approved, CASHIER, so_far.totals));
}

fn on_the_next_day(served: &Served, canteen: &mut Canteen) {
    let opened = BusinessDate(canteen.counter.welcome.business_date.0 + 1);
    served.engine().configure(Configuration::CutOff(CutOff { opened })).expect("a later date");
    // Yesterday's lunch is settled: it can't be voided any more, but given back.
    assert_eq!(canteen.noodles.money(15, &void(1, 1_500)).code, ResultCode::VoidTooLate);
    assert_eq!(canteen.noodles.money(16, &refund(1, 1_500)).code, ResultCode::Approved);
    // What was sold while the network was down is a fact, and is given back as any other sale is.
    let stored = Tap { sequence: 17, card: card(XIAO_HONG.0), counter: 10, amount_fen: 800 };
    let stored = offline_record(&served.keys, till(0), &stored, SystemClock.wall_ns());
    assert_eq!(canteen.noodles.upload(1, &[stored])[0].result(), Some(ResultCode::Approved));
    assert_eq!(canteen.noodles.money(18, &void(17, 800)).code, ResultCode::VoidOfOfflineFact);
    assert_eq!(canteen.noodles.money(19, &refund(17, 300)).code, ResultCode::Approved);
    assert_eq!(balance_fen(canteen), OPENING_FEN - 1_300 - 500);
}

/// 搭伙费: a guest of the school pays five hundredths on top of the price, and gets them back with it, in as many parts as the price.
fn a_guest(served: &Served, canteen: &mut Canteen) {
    let engine = served.engine();
    let guests = SetAccountClass { account: GUEST, class: 1 };
    engine.configure(Configuration::SetAccountClass(guests)).expect("an account");
    engine
        .configure(Configuration::SetPrice(SetPrice { class: 1, period: OTHER_TIME, rate: 500 }))
        .expect("taken");
    let owed_before_fen = canteen.counter.balance(GUEST.0).system_fen;
    let lunch = Tap { sequence: 24, card: card(GUEST.0), counter: 1, amount_fen: 1_010 };
    let paid = canteen.noodles.tap(&lunch);
    assert_eq!((paid.code, paid.amount_fen), (ResultCode::Approved, 1_061));
    // The till was asked for the price, and gives back of the price.
    let back = [(25, 405), (26, 605)]
        .map(|(at, part_fen)| canteen.noodles.money(at, &refund(24, part_fen)).amount_fen);
    assert_eq!(back, [425, 636]);
    assert_eq!(canteen.counter.balance(GUEST.0).system_fen, owed_before_fen);
    let lines: Vec<_> =
        canteen.counter.bill(GUEST).concat().iter().map(|line| (line.kind, line.amount_fen.get())).collect();
    let surcharge = BillLineKind::Surcharge.number();
    let (sold, back) = (BillLineKind::Debit.number(), BillLineKind::Refund.number());
    let told = [(surcharge, 31), (back, 605), (surcharge, 20), (back, 405), (surcharge, -51), (sold, -1_010)];
    assert_eq!(lines[..told.len()], told);
}

/// 餐次限额: guests may eat for so much at one meal, by card and by code together; what is given back may be eaten again.
fn a_guests_meal(served: &Served, canteen: &mut Canteen) {
    let all_day = SetMealPeriod { period: 0, name: "午餐", start_minute: 0, end_minute: 1_440 };
    served.engine().configure(Configuration::SetMealPeriod(all_day)).expect("taken");
    let policy = Policy { meal_max_fen: 1_500, ..Policy::DEFAULT };
    served.engine().configure(Configuration::SetPolicy(SetPolicy { class: 1, policy })).expect("taken");
    let till = &mut canteen.noodles;
    let tap = |sequence, counter, amount_fen| Tap { sequence, card: card(GUEST.0), counter, amount_fen };
    assert_eq!(till.tap(&tap(27, 2, 1_000)).code, ResultCode::Approved);
    let step = payment_code::step_at(SystemClock.wall_ns());
    let code = payment_code::issue(&served.keys.code_key(), 0, GUEST, step, 1).expect("it fits");
    let by_code = Request::CodeDebit(CodeDebit { code, amount_fen: 501, till_time_ns: 0 });
    assert_eq!(heard(till, 28, &by_code), "超出限额，请输入密码");
    let refused = till.tap(&tap(29, 3, 501));
    assert_eq!((refused.code, refused.code.action()), (ResultCode::MealLimit, TillAction::AskPassword));
    assert_eq!(till.money(30, &refund(27, 200)).code, ResultCode::Approved);
    assert_eq!(till.tap(&tap(31, 3, 700)).code, ResultCode::Approved);
    assert_eq!(till.tap(&tap(32, 4, 1)).code, ResultCode::MealLimit);
}

/// Each debit, and what gave it back, as the bill tells it.
fn look_at_the_bill(canteen: &mut Canteen) {
    let lines = canteen.counter.bill(XIAO_HONG).concat();
    let of_kind = |kind: BillLineKind| lines.iter().filter(move |line| line.kind == kind.number());
    let original_of = |line: &BillLine| {
        let original =
            lines.iter().find(|sold| sold.record == line.related_record).expect("it names its sale");
        (line.amount_fen.get(), original.amount_fen.get(), original.flags)
    };
    let voids: Vec<_> = of_kind(BillLineKind::Void).map(original_of).collect();
    assert_eq!(voids, [(12_000, -12_000, BILL_FLAG_REVERSED)]);
    let refunds: Vec<_> = of_kind(BillLineKind::Refund).map(original_of).collect();
    let parts = [(300, -800), (1_500, -1_500), (500, -1_200)];
    assert_eq!(refunds, parts.map(|(back_fen, sold_fen)| (back_fen, sold_fen, BILL_FLAG_REFUNDED)));
}

#[test]
fn t06_online_till() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut canteen = Canteen::open(&served, 1);
    at_lunch(&served, &mut canteen);
    a_banquet(&served, &mut canteen);
    a_card_is_lost(&served, &mut canteen);
    after_lunch(&mut canteen);
    the_tills_key_is_changed(&served, &mut canteen);
    on_the_next_day(&served, &mut canteen);
    look_at_the_bill(&mut canteen);
    drop(canteen);
    served.stop_unsealed();

    // All of it is in the log.
    let served = campus.serve();
    let mut canteen = Canteen::open(&served, 2);
    look_at_the_bill(&mut canteen);
    assert_eq!(canteen.noodles.money(20, &refund(17, 501)).code, ResultCode::RefundAboveOriginal);
    assert_eq!(canteen.noodles.money(21, &refund(17, 500)).code, ResultCode::Approved);
    assert_eq!(balance_fen(&mut canteen), OPENING_FEN - 1_300);

    // A card that is reported lost, and one that has paid enough for today: the till says so, and who stands before it knows.
    let tap = |sequence, account: u32, amount_fen| {
        tap_request(&Tap { sequence, card: card(account), counter: 900 + sequence, amount_fen })
    };
    assert_eq!(heard(&mut canteen.noodles, 22, &tap(22, 33, 100)), "卡已挂失");
    assert_eq!(heard(&mut canteen.noodles, 23, &tap(23, 21, OPENING_FEN)), "超出限额，请输入密码");
    a_guest(&served, &mut canteen);
    a_guests_meal(&served, &mut canteen);
    served.stop();
    assert_eq!(campus.expect_sound().totals.tenders_fen, 1_800);
}

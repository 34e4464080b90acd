//! （四）付款码、扫一扫, the second half: a canteen's till whose network is down, and what comes of it.
//!
//! A till sells by card and by self-scan while it hears nothing; the phones do. Then the network is back, and everything is
//! told, some of it twice, some of it late, some of it never.

use engine::ledger::Request as Configuration;
use engine::ledger::command::{OpenAccount, Opening};
use engine::ledger::record::Wallet;
use protocol::answer::{Answer, BatchLine, GapKind, GapLine, MoneyAnswer, ScanPayAnswer, UnconfirmedAnswer};
use protocol::bill::{BILL_FLAG_REVIEW, BillLineKind};
use protocol::channel::{Channel, ReversalReason};
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, Sequence, TerminalId};
use protocol::keys::{derive_terminal_scan_key, derive_terminal_tac_key};
use protocol::offline_record::{FLAG_SELF_SCAN, OFFLINE_RECORD_LAYOUT, OfflineRecord, TAC_KEY_TERMINAL};
use protocol::request::{
    AccountSelector, GapClose, OpenGapsQuery, Request, Reversal, ScanPay, ToldPost, UnconfirmedQuery,
};
use protocol::result_code::ResultCode;
use protocol::self_scan::ScanCode;
use protocol::sign_in::TerminalIdentity;
use protocol::text::{GapReason, StudentNumber};
use wal::{Clock, SystemClock};

use crate::campus::{COUNTER, Campus, CampusKeys, GATEWAY, OPENING_FEN, Served, card, student_no, till};
use crate::wire_till::{Tap, WireTill, offline_record};

/// Who pays by card.
const XIAO_LI: AccountId = AccountId(21);
/// Whose phone pays, and another's.
const XIAO_WANG: AccountId = AccountId(22);
const XIAO_ZHAO: AccountId = AccountId(23);

/// The till, while it hears nothing: what it knows is its key, its clock and its counter.
struct OfflineTill {
    keys: CampusKeys,
    terminal: TerminalId,
    sequence: u32,
    stored: Vec<OfflineRecord>,
}

impl OfflineTill {
    fn new(keys: CampusKeys, terminal: TerminalId, sequence: u32) -> OfflineTill {
        OfflineTill { keys, terminal, sequence, stored: Vec::new() }
    }

    fn next(&mut self) -> u32 {
        self.sequence += 1;
        self.sequence
    }

    /// A card is tapped; the chip pays.
    fn tap(&mut self, account: AccountId, counter: u32, amount_fen: i64) -> OfflineRecord {
        let tap = Tap { sequence: self.next(), card: card(account.0), counter, amount_fen };
        let record = offline_record(&self.keys, self.terminal, &tap, SystemClock.wall_ns());
        self.stored.push(record);
        record
    }

    /// It shows what is to be paid by phone.
    fn shows(&mut self, amount_fen: i64) -> ScanCode {
        let mut code = ScanCode {
            terminal: self.terminal,
            epoch: Epoch(1),
            sequence: Sequence(self.next()),
            amount_fen,
            till_time_s: SystemClock.wall_ns() / 1_000_000_000,
            mac: [0; 8],
        };
        code.sign(&self.scan_key());
        code
    }

    fn scan_key(&self) -> protocol::keys::Key128 {
        derive_terminal_scan_key(&self.keys.identity(self.terminal).key, self.terminal)
    }

    /// What it tells later of a sale that was paid by phone.
    fn tells_of(&self, code: &ScanCode, amount_fen: i64) -> OfflineRecord {
        let mut record = OfflineRecord {
            terminal: self.terminal.0.into(),
            sequence: code.sequence.0.into(),
            epoch: code.epoch.0.into(),
            flags: FLAG_SELF_SCAN.into(),
            amount_fen: amount_fen.into(),
            till_time_ns: (code.till_time_s * 1_000_000_000).into(),
            tac_key: TAC_KEY_TERMINAL,
            layout: OFFLINE_RECORD_LAYOUT,
            ..OfflineRecord::default()
        };
        record.sign(&derive_terminal_tac_key(&self.keys.identity(self.terminal).key, self.terminal));
        record
    }
}

fn of(account: AccountId) -> AccountSelector {
    AccountSelector::Student(StudentNumber::new(&student_no(account.0)).expect("a short number"))
}

/// 用户主扫 POS 二维码: the phone reads the picture, and its gateway asks.
fn scans(phone: &mut WireTill, sequence: u32, account: AccountSelector, picture: &str) -> ScanPayAnswer {
    let code = ScanCode::parse(picture.as_bytes()).expect("it was read rightly");
    let answer = phone.call(sequence, &Request::ScanPay(ScanPay { account, code }));
    match Answer::decode(&answer).expect("an answer") {
        (_, Answer::ScanPay(answer)) => answer,
        (_, other) => panic!("a scan was answered with {other:?}"),
    }
}

fn picture(code: &ScanCode) -> String {
    code.text().expect("it fits").as_str().to_owned()
}

fn shown_on_the_phone(paid: &ScanPayAnswer) -> String {
    format!("{:06}", paid.confirmation.expect("it is paid"))
}

fn codes(lines: &[BatchLine]) -> Vec<ResultCode> {
    lines.iter().map(|line| line.result().expect("a known code")).collect()
}

fn open_gaps(asking: &mut WireTill, terminal: TerminalId) -> Vec<GapLine> {
    let query = OpenGapsQuery {
        terminal,
        after_terminal: TerminalId(0),
        after_epoch: Epoch(0),
        after_first: Sequence(0),
        lines_max: 50,
    };
    match Answer::decode(&asking.call(0, &Request::OpenGaps(query))).expect("an answer") {
        (_, Answer::OpenGaps(page)) => {
            assert_eq!((page.code, page.more), (ResultCode::Approved, false));
            page.lines.to_vec()
        }
        (_, other) => panic!("a question after gaps was answered with {other:?}"),
    }
}

/// Each line as what it is, and its sequences.
fn told(lines: &[GapLine]) -> Vec<(GapKind, u32, u32)> {
    let kind = |line: &GapLine| GapKind::from_number(line.kind).expect("a known kind");
    lines.iter().map(|line| (kind(line), line.first.get(), line.last.get())).collect()
}

fn unconfirmed(asking: &mut WireTill, account: AccountId) -> UnconfirmedAnswer {
    let query = UnconfirmedQuery { account: of(account) };
    match Answer::decode(&asking.call(0, &Request::Unconfirmed(query))).expect("an answer") {
        (_, Answer::Unconfirmed(answer)) => answer,
        (_, other) => panic!("a question after what is unconfirmed was answered with {other:?}"),
    }
}

/// Worked example 1: electronic 2000; self-scan, sequence 77, 1500; uploaded as 1500, and as 1600.
fn worked_example(served: &Served, phone: &mut WireTill) -> WireTill {
    let engine = served.engine();
    let mut student_number = [0; 16];
    student_number[..7].copy_from_slice(b"2600001");
    let opened = engine
        .configure(Configuration::OpenAccount(OpenAccount { student_number, class: 0 }))
        .expect("there is room");
    let account = opened.account.expect("it was opened");
    let opening = Opening { account, wallet: Wallet::Electronic, amount_fen: 2_000 };
    engine.configure(Configuration::Opening(opening)).expect("a first balance");
    engine.sync().expect("durable");

    let mut shop = OfflineTill::new(served.keys.clone(), till(3), 76);
    let code = shop.shows(1_500);
    assert_eq!(code.sequence, Sequence(77));
    let account_of = AccountSelector::Account(account);
    let paid = scans(phone, 20, account_of, &picture(&code));
    assert_eq!((paid.money.code, paid.money.balance_after_fen), (ResultCode::Approved, 500));
    let balance = phone.balance(account.0);
    assert_eq!((balance.transition_fen, balance.system_fen), (-1_500, 500));

    let mut online = WireTill::sign_in(served.address(), &served.keys.identity(till(3)));
    let records = [shop.tells_of(&code, 1_500), shop.tells_of(&code, 1_600)];
    assert_eq!(codes(&online.upload(1, &records)), [ResultCode::Approved, ResultCode::IdentityConflict]);
    assert_eq!(phone.balance(account.0).system_fen, 500);
    let lines = phone.bill(account).concat();
    let debits: Vec<_> = lines.iter().filter(|line| line.kind == BillLineKind::Debit.number()).collect();
    assert_eq!(debits.len(), 1, "the merchant has 1500 once");
    assert_eq!((debits[0].amount_fen.get(), debits[0].channel), (-1_500, Channel::Scan.number()));
    assert_eq!((debits[0].terminal.get(), debits[0].sequence.get()), (till(3).0, 77));
    online
}

#[test]
fn t07_offline_till() {
    let campus = Campus::new();
    let served = campus.serve();
    let sign_in =
        |served: &Served, terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
    let (mut phone, mut counter) = (sign_in(&served, GATEWAY), sign_in(&served, COUNTER));
    let shop = worked_example(&served, &mut phone);

    // It sells, and its network goes.
    let mut canteen = sign_in(&served, till(0));
    let tap = |sequence, counter| Tap { sequence, card: card(XIAO_LI.0), counter, amount_fen: 600 };
    assert_eq!(canteen.tap(&tap(1, 1)).code, ResultCode::Approved);
    assert!(canteen.welcome.block_list_age_max_s > 0 && canteen.welcome.offline_days_max > 0);
    canteen.sign_out();
    let mut offline = OfflineTill::new(served.keys.clone(), till(0), 1);

    // POS 机脱网时: cards pay from the chip; phones pay what the till shows, and show it the digits.
    let first = offline.tap(XIAO_LI, 2, 700);
    let code = offline.shows(850);
    let paid = scans(&mut phone, 1, of(XIAO_WANG), &picture(&code));
    assert_eq!((paid.money.code, paid.money.account), (ResultCode::Approved, Some(XIAO_WANG)));
    assert_eq!(paid.money.balance_after_fen, OPENING_FEN - 850);
    assert!(code.is_confirmed_by(&offline.scan_key(), &shown_on_the_phone(&paid)));
    let told_by_a_cheat = format!("{:06}", (paid.confirmation.expect("it is paid") + 1) % 1_000_000);
    assert!(!code.is_confirmed_by(&offline.scan_key(), &told_by_a_cheat));
    offline.stored.push(offline.tells_of(&code, 850));

    // The answer got lost: the same again, and asked anew, and by somebody else.
    for (sequence, repeat) in [(1, true), (2, true)] {
        let again = scans(&mut phone, sequence, of(XIAO_WANG), &picture(&code));
        assert_eq!((again.money.code, again.money.repeat), (ResultCode::Approved, repeat));
        assert_eq!(again.confirmation, paid.confirmation);
    }
    let other = scans(&mut phone, 3, of(XIAO_ZHAO), &picture(&code));
    assert_eq!((other.money.code, other.confirmation), (ResultCode::ScanPaidBefore, None));

    // A picture that somebody drew, one of an hour ago, and one that is too dear.
    let forged = ScanCode { amount_fen: 1, ..code };
    assert_eq!(
        scans(&mut phone, 4, of(XIAO_WANG), &picture(&forged)).money.code,
        ResultCode::ScanNotAuthentic
    );
    let mut old = ScanCode { sequence: Sequence(99), till_time_s: code.till_time_s - 3_600, ..code };
    old.sign(&offline.scan_key());
    assert_eq!(scans(&mut phone, 5, of(XIAO_WANG), &picture(&old)).money.code, ResultCode::ScanExpired);
    let dear = offline.shows(OPENING_FEN);
    let refused = scans(&mut phone, 6, of(XIAO_WANG), &picture(&dear));
    assert_eq!((refused.money.code, refused.confirmation), (ResultCode::DayLimit, None));
    assert_eq!(
        counter.refused(1, &Request::ScanPay(ScanPay { account: of(XIAO_WANG), code })).code,
        ResultCode::NotPermitted
    );

    // Two more: the till is back before the phone pays the one, and takes the other back.
    let waiting = offline.shows(400);
    let given_up = offline.shows(300);
    let second = offline.tap(XIAO_LI, 4, 500);
    offline.stored.extend([offline.tells_of(&waiting, 400), offline.tells_of(&given_up, 300)]);

    // 网络恢复后，消费数据上传服务器进行更新. Meanwhile the till has been silent, and says so to who asks.
    let silent = unconfirmed(&mut phone, XIAO_LI);
    assert_eq!((silent.silent_tills, silent.silent_terminal), (1, till(0)));
    assert!(silent.silent_since_ns > 0 && silent.offline_sales == 0);
    let mut back = sign_in(&served, till(0));
    assert_eq!(unconfirmed(&mut phone, XIAO_LI).silent_tills, 0);
    let expected = [
        ResultCode::Approved,
        ResultCode::Approved,
        ResultCode::Approved,
        ResultCode::PaymentPending,
        ResultCode::PaymentPending,
    ];
    assert_eq!(codes(&back.upload(1, &offline.stored)), expected);
    assert_eq!(codes(&back.upload(2, &offline.stored)), expected, "told twice, it counts once");
    let li_fen = OPENING_FEN - 600 - 700 - 500;
    assert_eq!(back.balance(XIAO_LI.0).system_fen, li_fen);
    assert_eq!(back.balance(XIAO_WANG.0).system_fen, OPENING_FEN - 850);

    // What is pending is listed, beside what never came: the sequence of the meal that was too dear.
    let lines = open_gaps(&mut counter, till(0));
    assert_eq!(
        told(&lines),
        [
            (GapKind::Missing, dear.sequence.0, dear.sequence.0),
            (GapKind::Unpaid, waiting.sequence.0, waiting.sequence.0),
            (GapKind::Unpaid, given_up.sequence.0, given_up.sequence.0),
        ]
    );
    assert_eq!(lines[1].amount_fen.get(), 400);
    assert!(lines.iter().all(|line| line.since_ns.get() > 0));

    // The phone pays the one while the till is connected again: taken, and noted. The till took the other back.
    let paid = scans(&mut phone, 7, of(XIAO_ZHAO), &picture(&waiting));
    assert_eq!(paid.money.code, ResultCode::ApprovedFlagged);
    assert!(waiting.is_confirmed_by(&offline.scan_key(), &shown_on_the_phone(&paid)));
    let take_back = Request::Reversal(Reversal {
        original_epoch: Epoch(1),
        original_sequence: given_up.sequence,
        amount_fen: 300,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    });
    let taken_back: MoneyAnswer = back.money(offline.next(), &take_back);
    assert_eq!(taken_back.code, ResultCode::Approved);
    assert_eq!(
        scans(&mut phone, 8, of(XIAO_ZHAO), &picture(&given_up)).money.code,
        ResultCode::ScanWithdrawn
    );
    assert_eq!(back.balance(XIAO_ZHAO.0).system_fen, OPENING_FEN - 400);
    assert_eq!(
        codes(&back.upload(3, &offline.stored))[3..],
        [ResultCode::ApprovedFlagged, ResultCode::Reversed]
    );

    // What a phone has paid is taken back as well. The phone, which lost the answer, asks again, and has nothing to show.
    let regretted = offline.shows(200);
    let paid = scans(&mut phone, 9, of(XIAO_ZHAO), &picture(&regretted));
    assert_eq!((paid.money.code, paid.money.repeat), (ResultCode::ApprovedFlagged, false));
    let take_back = Request::Reversal(Reversal {
        original_epoch: Epoch(1),
        original_sequence: regretted.sequence,
        amount_fen: 200,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    });
    assert_eq!(back.money(offline.next(), &take_back).code, ResultCode::Approved);
    let again = scans(&mut phone, 9, of(XIAO_ZHAO), &picture(&regretted));
    assert_eq!((again.money.code, again.confirmation), (ResultCode::Reversed, None));
    assert_eq!(back.balance(XIAO_ZHAO.0).system_fen, OPENING_FEN - 400);

    // Her card's third transaction was at another till, which burnt. The chip told of it with the fourth.
    let known = unconfirmed(&mut phone, XIAO_LI);
    assert_eq!((known.offline_sales, known.offline_fen), (2, 1_200));
    assert_eq!((known.missing, known.first_missing.0, known.told), (1, 3, 0));
    assert_eq!(known.missing_before, till(0));
    let mut fifth = offline_record(
        &served.keys,
        till(0),
        &Tap { sequence: offline.next(), card: card(XIAO_LI.0), counter: 6, amount_fen: 100 },
        SystemClock.wall_ns(),
    );
    (fifth.previous_terminal, fifth.previous_sequence) = (till(5).0.into(), 40.into());
    (fifth.previous_epoch, fifth.previous_card_counter) = (1.into(), 5.into());
    fifth.previous_amount_fen = 1_300.into();
    fifth.sign(&served.keys.card_key(card(XIAO_LI.0)));
    assert_eq!(codes(&back.upload(4, &[fifth])), [ResultCode::Approved]);
    let known = unconfirmed(&mut phone, XIAO_LI);
    assert_eq!((known.missing, known.told, known.told_fen), (2, 1, 1_300));

    // For all that the server knows that till is offline. A new one takes its place and its number, in the next epoch: what the
    // old one stored won't come, and its merchant gets on the card's word what she has paid, once somebody has looked at it.
    let of_her_card = |counter| {
        Request::ToldPost(ToldPost {
            card_uid: card(XIAO_LI.0),
            card_counter: CardCounter(counter),
            reason: GapReason::new("the till burnt").expect("short"),
            till_time_ns: 0,
        })
    };
    assert_eq!(counter.money(10, &of_her_card(5)).code, ResultCode::ToldMayCome);
    assert_eq!(counter.money(11, &of_her_card(3)).code, ResultCode::ToldNowhere);
    let new_till = TerminalIdentity { epoch: Epoch(2), ..served.keys.identity(till(5)) };
    let mut new_till = WireTill::sign_in(served.address(), &new_till);
    let somebody = Tap { sequence: 1, card: card(25), counter: 1, amount_fen: 900 };
    assert_eq!(new_till.tap(&somebody).code, ResultCode::Approved);
    let posted = counter.money(12, &of_her_card(5));
    assert_eq!((posted.code, posted.account), (ResultCode::ApprovedFlagged, Some(XIAO_LI)));
    assert_eq!((posted.amount_fen, posted.balance_after_fen), (1_300, li_fen - 100 - 1_300));
    assert_eq!(counter.money(13, &of_her_card(5)).code, ResultCode::ToldCame);
    let known = unconfirmed(&mut phone, XIAO_LI);
    assert_eq!((known.missing, known.told, known.first_missing.0), (1, 0, 3));
    let bill = phone.bill(XIAO_LI).concat();
    let meal = bill.iter().find(|line| line.terminal.get() == till(5).0).expect("it is in her bill");
    assert_eq!((meal.kind, meal.sequence.get()), (BillLineKind::OfflineDebit.number(), 40));
    assert_eq!((meal.amount_fen.get(), meal.flags & BILL_FLAG_REVIEW), (-1_300, BILL_FLAG_REVIEW));
    // Somebody gets its store out of the ashes after all: it is the same meal.
    let saved = Tap { sequence: 40, card: card(XIAO_LI.0), counter: 5, amount_fen: 1_300 };
    let saved = offline_record(&served.keys, till(5), &saved, SystemClock.wall_ns());
    assert_eq!(codes(&new_till.upload(1, &[saved])), [ResultCode::ApprovedFlagged]);
    assert_eq!(phone.balance(XIAO_LI.0).system_fen, posted.balance_after_fen);

    // What was sold by an old list, or after too many days, is posted and held for review.
    let mut late = [offline.tap(XIAO_LI, 7, 50), offline.tap(XIAO_LI, 8, 50)];
    late[0].block_list_version = 1.into();
    late[0].block_list_age_s = (back.welcome.block_list_age_max_s + 1).into();
    let days_ns = u64::from(back.welcome.offline_days_max) * 86_400_000_000_000;
    late[1].offline_since_ns = (late[1].till_time_ns.get() - days_ns - 1).into();
    late.iter_mut().for_each(|record| record.sign(&served.keys.card_key(card(XIAO_LI.0))));
    assert_eq!(codes(&back.upload(5, &late)), [ResultCode::ApprovedFlagged; 2]);

    // The hole stays one: an operator closes it, and says why.
    let close = |last: Sequence| {
        Request::GapClose(GapClose {
            till: till(0),
            epoch: Epoch(1),
            first: dear.sequence,
            last,
            reason: GapReason::new("she went without lunch").expect("short"),
            till_time_ns: 0,
        })
    };
    assert_eq!(counter.money(1, &close(Sequence(dear.sequence.0 + 1))).code, ResultCode::GapNotOpen);
    assert_eq!(counter.money(2, &close(dear.sequence)).code, ResultCode::Approved);
    assert_eq!(counter.money(3, &close(dear.sequence)).code, ResultCode::GapNotOpen);
    assert_eq!(back.tap(&tap(dear.sequence.0, 9)).code, ResultCode::StaleEpoch);
    assert_eq!(told(&open_gaps(&mut counter, till(0))), []);
    let balances = |till: &mut WireTill| {
        [XIAO_LI, XIAO_WANG, XIAO_ZHAO].map(|account| till.balance(account.0).system_fen)
    };
    let balances_fen = [li_fen - 200 - 1_300, OPENING_FEN - 850, OPENING_FEN - 400];
    assert_eq!(balances(&mut back), balances_fen);
    assert_ne!(CardUid(first.card_uid.get()), CardUid(0));
    assert_eq!(second.card_counter.get(), 4);
    drop((back, phone, counter, shop, new_till));
    served.stop_unsealed();

    // All of it is the log's.
    let served = campus.serve();
    let (mut phone, mut back) = (sign_in(&served, GATEWAY), sign_in(&served, till(0)));
    assert_eq!(balances(&mut back), balances_fen);
    let again = scans(&mut phone, 1, of(XIAO_WANG), &picture(&code));
    assert_eq!((again.money.code, again.money.repeat), (ResultCode::Approved, true));
    assert!(code.is_confirmed_by(&offline.scan_key(), &shown_on_the_phone(&again)));
    assert_eq!(told(&open_gaps(&mut phone, till(0))), []);
    served.stop();
    campus.expect_sound();
}

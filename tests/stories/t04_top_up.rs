//! （一）卡片充值: money goes one way, from the WeChat wallet into the card's.
//!
//! A student tops up on her phone. WeChat Pay's notifications come twice, late, in another order, forged, and not at all; the
//! server and the gateway are started again in between. Whatever happens, what she paid is hers once.

use std::time::{Duration, Instant};

use engine::gateway::Gateway;
use engine::gateway::config::GatewayConfig;
use engine::ledger::Request as Configuration;
use engine::ledger::account::AccountStatus;
use engine::ledger::command::SetAccountTerms;
use protocol::bill::{BILL_FLAG_REVERSED, BillLineKind};
use protocol::channel::{Channel, ReversalReason};
use protocol::ids::{AccountId, Epoch, Sequence};
use protocol::request::{AccountSelector, Request, Reversal, TopUp};
use protocol::result_code::ResultCode;
use protocol::text::{OrderNumber, StudentNumber};
use serde_json::{Value, json};

use crate::campus::{COUNTER, Campus, GATEWAY, OPENING_FEN, Served, student_no};
use crate::wechat_pay::platform::{Platform, Told};
use crate::wechat_pay::school::{App, write_gateway_files};
use crate::wire_till::{PATIENCE, WireTill};

/// The student.
const XIAO_LI: AccountId = AccountId(17);

/// The school's side of it: server, gateway, app, and a counter.
struct School {
    served: Served,
    gateway: Gateway,
    app: App,
    counter: WireTill,
}

impl School {
    fn open(campus: &Campus, platform: &Platform) -> School {
        let served = campus.serve();
        let config = write_gateway_files(campus.folder(), &served.keys, GATEWAY, served.address(), platform);
        let config = GatewayConfig::read(&config).expect("a configuration");
        let gateway = Gateway::start(config).expect("a gateway");
        platform.reach_merchant_at(gateway.notifications());
        let counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
        School { app: App::new(gateway.app()), served, gateway, counter }
    }

    fn balance_fen(&mut self) -> i64 {
        self.counter.balance(XIAO_LI.0).system_fen
    }

    /// 点击卡片充值，选择支付方式为微信，输入任意金额，点击确认充值: the app has an order made; gives its number.
    fn confirm_top_up(&self, amount_fen: i64) -> String {
        let (status, order) = self.app.order(&student_no(XIAO_LI.0), amount_fen);
        assert_eq!(status, 200, "{order}");
        assert_eq!((&order["account"], &order["amount_fen"]), (&json!(XIAO_LI.0), &json!(amount_fen)));
        // What WeChat on her phone is handed.
        let package = order["pay"]["package"].as_str().expect("text");
        assert!(package.starts_with("prepay_id=wx"), "{order}");
        order["order"].as_str().expect("a number").to_owned()
    }

    /// Waits until the gateway has found out by itself.
    fn wait_for_balance(&mut self, balance_fen: i64) {
        let begun = Instant::now();
        while self.balance_fen() != balance_fen {
            assert!(begun.elapsed() < PATIENCE, "{} instead of {balance_fen}", self.balance_fen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn taken(platform: &Platform, told: &Told) {
    let (status, said) = platform.tell(told);
    assert_eq!(status, 200, "{said}");
}

/// Nothing of it is taken; gives why.
fn refused(platform: &Platform, told: &Told, status: u16) -> String {
    let (answered, said) = platform.tell(told);
    assert_eq!((answered, &said["code"]), (status, &json!("FAIL")), "{said}");
    said["message"].as_str().expect("text").to_owned()
}

/// She tops up, and every notification arrives, if not as it should; gives what she then has, and the first order.
fn notifications_arrive(school: &mut School, platform: &Platform) -> (i64, String) {
    let first = school.confirm_top_up(10_000);
    assert_eq!(school.app.look(&first), (200, json!({ "state": "unpaid", "trade_state": "NOTPAY" })));
    platform.pays(&first);
    taken(platform, &platform.told(&first));
    let mut balance_fen = OPENING_FEN + 10_000;
    assert_eq!(school.balance_fen(), balance_fen);
    assert_eq!(
        school.counter.balance(XIAO_LI.0).electronic_fen,
        balance_fen,
        "it lands in the electronic wallet"
    );

    // The platform missed the answer and tells it again, and once more, four minutes after it was signed.
    taken(platform, &platform.told(&first));
    taken(platform, &Told { age_s: 240, ..platform.told(&first) });
    assert_eq!(school.balance_fen(), balance_fen);

    // Two more, which are told in another order than they were paid, and the second one twice.
    let (earlier, later) = (school.confirm_top_up(2_000), school.confirm_top_up(3_000));
    platform.pays(&earlier);
    platform.pays(&later);
    for number in [&later, &earlier, &later] {
        taken(platform, &platform.told(number));
    }
    balance_fen += 5_000;
    assert_eq!(school.balance_fen(), balance_fen);
    (balance_fen, first)
}

/// Somebody would like to have money that nobody paid.
fn nobody_else_is_believed(school: &mut School, platform: &Platform, balance_fen: i64) {
    let unpaid = school.confirm_top_up(50_000);
    let told = platform.told(&unpaid);
    let by_stranger = refused(platform, &Told { by_stranger: true, ..told.clone() }, 401);
    assert!(by_stranger.contains("Wechatpay-Signature"), "{by_stranger}");
    let sealed = refused(platform, &Told { sealed_by_stranger: true, ..told.clone() }, 422);
    assert!(sealed.contains("resource.ciphertext"), "{sealed}");
    let old = refused(platform, &Told { age_s: 301, ..told.clone() }, 401);
    assert!(old.contains("Wechatpay-Timestamp"), "{old}");

    // Signed by the platform, and nothing that this order could be: another amount, currency, merchant, state, order or account.
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut told = told.clone();
        change(&mut told.transaction);
        refused(platform, &told, 422)
    };
    let ordered = format!("amount.total is 50001, not the 50000 that order {unpaid} is for");
    assert_eq!(changed(&|transaction| transaction["amount"]["total"] = json!(50_001)), ordered);
    assert!(
        changed(&|transaction| transaction["amount"]["total"] = json!(-50_000))
            .contains("amount.total is -50000")
    );
    assert!(changed(&|transaction| transaction["amount"]["currency"] = json!("USD")).contains("USD"));
    assert!(changed(&|transaction| transaction["mchid"] = json!("1900000110")).contains("mchid"));
    assert!(changed(&|transaction| transaction["trade_state"] = json!("REFUND")).contains("trade_state"));
    let other = school.confirm_top_up(50_000);
    assert!(changed(&|transaction| transaction["out_trade_no"] = json!(other)).contains("attach"));
    let other_account = |transaction: &mut Value| {
        let attach = transaction["attach"].as_str().expect("text");
        transaction["attach"] = attach.replace(&format!(".{}.", XIAO_LI.0), ".18.").into();
    };
    assert!(changed(&other_account).contains("attach is \"yika1.18.50000."));
    assert!(changed(&|transaction| transaction["attach"] = json!("library fees")).contains("library fees"));

    // A query's answer is held to the signature, too.
    platform.answer_as_stranger(true);
    let (status, said) = school.app.look(&unpaid);
    assert_eq!(status, 502, "{said}");
    platform.answer_as_stranger(false);
    assert_eq!(school.app.look(&unpaid).1["state"], "unpaid");
    assert_eq!(school.balance_fen(), balance_fen);
    assert_eq!(school.counter.balance(18).system_fen, OPENING_FEN);

    // Without the app's token, no order is made or looked at.
    let stranger = App::stranger(school.gateway.app());
    assert_eq!((stranger.order(&student_no(XIAO_LI.0), 1).0, stranger.look(&unpaid).0), (401, 401));
    // 输入任意金额: from a fen up to what the school allows. And nobody tops up an account that isn't there.
    for (student, amount_fen, status) in [
        (student_no(XIAO_LI.0), 0, 422),
        (student_no(XIAO_LI.0), 50_001, 422),
        ("2020999".to_owned(), 100, 409),
    ] {
        let (answered, said) = school.app.order(&student, amount_fen);
        assert_eq!(answered, status, "{said}");
    }
}

/// Notifications that never come; gives what she then has.
fn the_platform_is_asked(school: &mut School, platform: &Platform, mut balance_fen: i64) -> i64 {
    // The gateway asks by itself for what it hears nothing of.
    let lost = school.confirm_top_up(4_000);
    platform.pays(&lost);
    balance_fen += 4_000;
    school.wait_for_balance(balance_fen);
    assert!(platform.queries(&lost) > 0);
    // It wasn't lost, it was late.
    taken(platform, &platform.told(&lost));

    // The app asks when she is back from paying, and is told the same as often as it asks.
    let asked = school.confirm_top_up(600);
    platform.pays(&asked);
    balance_fen += 600;
    for _ in 0..2 {
        let (status, found) = school.app.look(&asked);
        assert_eq!((status, &found["state"]), (200, &json!("credited")), "{found}");
        assert_eq!((&found["amount_fen"], &found["balance_fen"]), (&json!(600), &json!(balance_fen)));
    }
    assert_eq!(school.app.look("yk1795493106aaaaaaaaaaaaaaaaaaaa").0, 404, "nobody made this order");
    assert_eq!(school.app.look("..").0, 422);
    assert_eq!(school.balance_fen(), balance_fen);
    balance_fen
}

/// Her account is frozen while she pays. The money waits at the platform, which comes again; gives what she then has.
fn frozen_while_she_pays(school: &mut School, platform: &Platform, balance_fen: i64) -> i64 {
    let terms = |status| SetAccountTerms {
        account: XIAO_LI,
        status,
        card_lost: false,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    };
    let set = |school: &School, status| {
        let terms = Configuration::SetAccountTerms(terms(status));
        school.served.engine().configure(terms).expect("an account");
    };
    let number = school.confirm_top_up(900);
    set(school, AccountStatus::Frozen);
    platform.pays(&number);
    let reason = refused(platform, &platform.told(&number), 500);
    assert_eq!(reason, format!("order {number} of account {} isn't credited: AccountFrozen", XIAO_LI.0));
    assert_eq!(school.app.order(&student_no(XIAO_LI.0), 100).0, 409, "nobody pays for a frozen account");
    assert_eq!(school.balance_fen(), balance_fen);
    set(school, AccountStatus::Open);
    taken(platform, &platform.told(&number));
    assert_eq!(school.balance_fen(), balance_fen + 900);
    balance_fen + 900
}

/// 现场充值: cash at the card centre's counter. The cashier typed it on the wrong account, and takes it back.
fn at_the_counter(school: &mut School, balance_fen: i64) {
    let account =
        AccountSelector::Student(StudentNumber::new(&student_no(XIAO_LI.0)).expect("a short number"));
    let order = OrderNumber::new("cash 1").expect("a short number");
    let cash = Request::TopUp(TopUp { account, amount_fen: 5_000, channel: Channel::Counter, order });
    assert_eq!(school.counter.money(1, &cash).balance_after_fen, balance_fen + 5_000);
    let undo = Request::TopUpUndo(Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(1),
        amount_fen: 5_000,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    });
    assert_eq!(school.counter.money(2, &undo).code, ResultCode::Approved);
    assert_eq!(school.balance_fen(), balance_fen);
}

/// 所有的一卡通消费和充值流水可以在我的账单里查询.
fn look_at_the_bill(school: &mut School, wechat_fen: &[i64]) {
    let lines: Vec<_> = school.counter.bill(XIAO_LI).into_iter().flatten().collect();
    let of_kind = |kind: BillLineKind| {
        let lines = lines.iter().filter(move |line| line.kind == kind.number());
        let mut amounts: Vec<i64> = lines.map(|line| line.amount_fen.get()).collect();
        amounts.sort_unstable();
        amounts
    };
    let mut paid_in = [wechat_fen, &[5_000]].concat();
    paid_in.sort_unstable();
    assert_eq!(of_kind(BillLineKind::TopUp), paid_in);
    assert_eq!(of_kind(BillLineKind::TopUpUndone), [-5_000]);
    assert_eq!(lines.iter().filter(|line| line.flags == BILL_FLAG_REVERSED).count(), 1);
    let sum_fen: i64 = lines.iter().map(|line| line.amount_fen.get()).sum();
    assert_eq!(sum_fen, OPENING_FEN + wechat_fen.iter().sum::<i64>());
    assert_eq!(sum_fen, school.balance_fen());
}

#[test]
fn t04_top_up() {
    let campus = Campus::new();
    let platform = Platform::start();
    let mut school = School::open(&campus, &platform);
    let (balance_fen, first) = notifications_arrive(&mut school, &platform);
    nobody_else_is_believed(&mut school, &platform, balance_fen);
    let balance_fen = the_platform_is_asked(&mut school, &platform, balance_fen);
    let balance_fen = frozen_while_she_pays(&mut school, &platform, balance_fen);
    at_the_counter(&mut school, balance_fen);

    // She pays, the server is stopped without a seal, and the platform is told to come again. An order that she hasn't paid yet
    // is asked for by the next gateway.
    let (in_between, unpaid) = (school.confirm_top_up(700), school.confirm_top_up(800));
    let School { served, gateway, app: _, counter } = school;
    drop(counter);
    served.stop_unsealed();
    platform.pays(&in_between);
    let (status, said) = platform.tell(&platform.told(&in_between));
    assert_eq!((status, &said["code"]), (503, &json!("FAIL")), "{said}");
    let figures = gateway.stop();
    assert_eq!((figures.credited, figures.not_authentic), (6, 2));

    let mut school = School::open(&campus, &platform);
    platform.tell_until_taken(&platform.told(&in_between));
    platform.pays(&unpaid);
    school.wait_for_balance(balance_fen + 1_500);
    // The very first is told once more: it is answered as counted.
    taken(&platform, &platform.told(&first));
    look_at_the_bill(&mut school, &[10_000, 2_000, 3_000, 4_000, 600, 900, 700, 800]);
    let School { served, gateway, app, counter } = school;
    assert_eq!(app.figures()["credited"], 2);
    assert_eq!(gateway.stop().credited, 2);
    drop(counter);
    served.stop();
    let report = campus.expect_sound();
    assert_eq!((report.holdings.sum_fen, report.totals.top_ups_undone_fen), (0, 5_000));
}

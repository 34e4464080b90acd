//! 二、微信校园卡使用: the phone becomes a card.
//!
//! A new student has her roster entry, with her identity number, and no card. She binds her phone, pays with it, gets another
//! phone, another number, and at the end unbinds it.

use engine::import::apply::{self, ImportReport};
use engine::import::roster::{Roster, TextEncoding};
use engine::ledger::Request as Configuration;
use engine::ledger::command::SetPolicy;
use engine::ledger::registry::Policy;
use protocol::answer::MoneyAnswer;
use protocol::channel::Channel;
use protocol::holder_digest::{phone_digest, virtual_id};
use protocol::ids::{AccountId, VirtualId};
use protocol::payment_code;
use protocol::request::{
    AccountPassword, AccountSelector, CodeDebit, PhoneChange, Request, TopUp, VirtualBind, VirtualUnbind,
};
use protocol::result_code::ResultCode;
use protocol::text::{OrderNumber, StudentNumber};
use wal::{Clock, SystemClock};

use crate::campus::{COUNTER, Campus, GATEWAY, HOLDERS, Served, till};
use crate::wire_till::WireTill;

/// The new student, and the one who comes next.
const STUDENT_NO: &str = "2020123";
const OTHER_STUDENT_NO: &str = "2020124";
const ROSTER: &str = "StudentNo,IdNumber,CardUid\n2020123,42122120020912345X,\n2020124,,\n";
/// 身份证末位为 X 时取 X 前 6 位.
const QUERY_PASSWORD: &str = "912345";

fn student(number: &str) -> StudentNumber {
    StudentNumber::new(number).expect("a short number")
}

/// Her phone's app, as its gateway speaks for it.
struct Phone {
    gateway: WireTill,
    sequence: u32,
}

impl Phone {
    fn ask(&mut self, request: &Request<'_>) -> MoneyAnswer {
        self.sequence += 1;
        self.gateway.money(self.sequence, request)
    }

    fn bind(&mut self, number: &str, virtual_id: VirtualId, password: &str) -> ResultCode {
        let password = self.gateway.password(password);
        let bind = VirtualBind { student: student(number), virtual_id, password, till_time_ns: 0 };
        self.ask(&Request::VirtualBind(bind)).code
    }

    fn unbind(&mut self, virtual_id: VirtualId) -> ResultCode {
        self.ask(&Request::VirtualUnbind(VirtualUnbind { virtual_id, till_time_ns: 0 })).code
    }
}

/// The nonce-th code that a phone shows for an account in this moment's time step, or in one that comes: half a minute long it
/// is taken, at least.
fn code(served: &Served, account: AccountId, nonce: u8, steps_later: i64) -> Request<'static> {
    let step = payment_code::step_at(SystemClock.wall_ns()).saturating_add_signed(steps_later);
    let code = payment_code::issue(&served.keys.code_key(), 0, account, step, nonce).expect("it fits");
    Request::CodeDebit(CodeDebit { code, amount_fen: 650, till_time_ns: 0 })
}

/// The roster is imported while nobody is served; returns what that did.
fn import(campus: &Campus) -> ImportReport {
    let (books, _) = campus.open();
    let roster =
        Roster::parse("roster.csv".as_ref(), ROSTER.as_bytes(), TextEncoding::Auto).expect("a roster");
    let mut report = apply::holders(books.engine(), &roster).expect("it is taken");
    apply::passwords(books.engine(), Some(books.passwords()), &roster, &mut report).expect("they are set");
    books.close().expect("a clean stop");
    report
}

#[test]
fn t02_virtual_card() {
    use ResultCode::*;
    let campus = Campus::new();
    // 查询密码：身份证号码后 6 位. One of the two gives no identity number; a second import changes nothing.
    let report = import(&campus);
    assert_eq!((report.accounts_opened, report.passwords_set), (2, 1));
    assert_eq!((import(&campus).changes(), import(&campus).passwords_set), (0, 0));
    let herself = AccountId(HOLDERS);
    let served = campus.serve();
    let policy = Policy { codes_need_phone: true, ..Policy::DEFAULT };
    served.engine().configure(Configuration::SetPolicy(SetPolicy { class: 0, policy })).expect("taken");
    let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
    let mut phone = Phone { gateway: sign_in(GATEWAY), sequence: 0 };
    let (mut canteen, mut counter) = (sign_in(till(0)), sign_in(COUNTER));
    let order = OrderNumber::new("wx 1").expect("short");
    let account = AccountSelector::Student(student(STUDENT_NO));
    let top_up = TopUp { account, amount_fen: 10_000, channel: Channel::WeChatPay, order };
    assert_eq!(phone.ask(&Request::TopUp(top_up)).balance_after_fen, 10_000);

    // Before it is bound, nobody pays with a phone: whoever made this code doesn't have her account.
    assert_eq!(canteen.money(1, &code(&served, herself, 0, 0)).code, CodeNotBound);

    // 绑定方式：选择默认值即“学/工号”. A wrong number, a wrong password, and then the right ones.
    let openid = |user: &str| virtual_id(&served.keys.holder_key(), user);
    let (her_phone, new_phone) = (openid("oX7a-her"), openid("oX7a-her-new"));
    assert_eq!(phone.bind("2020999", her_phone, QUERY_PASSWORD), UnknownAccount);
    assert_eq!(phone.bind(STUDENT_NO, her_phone, "123450"), PasswordWrong);
    assert_eq!(phone.bind(STUDENT_NO, her_phone, QUERY_PASSWORD), Approved);
    assert_eq!(phone.bind(STUDENT_NO, her_phone, QUERY_PASSWORD), VirtualAlreadyBound);
    // Another student has no password yet: the counter gives her one. The first one's phone isn't hers.
    assert_eq!(phone.bind(OTHER_STUDENT_NO, her_phone, "246810"), PasswordNotSet);
    let set = AccountPassword {
        account: AccountSelector::Student(student(OTHER_STUDENT_NO)),
        password: counter.password("246810"),
        till_time_ns: 0,
    };
    assert_eq!(counter.money(1, &Request::PasswordSet(set)).code, Approved);
    assert_eq!(phone.bind(OTHER_STUDENT_NO, her_phone, "246810"), VirtualTaken);

    // 付款码：食堂就餐时，点开二维码被扫: from the same account, in the transition wallet.
    let paid = canteen.money(2, &code(&served, herself, 1, 0));
    assert_eq!((paid.code, paid.balance_after_fen), (Approved, 9_350));
    assert_eq!(canteen.balance(herself.0).transition_fen, -650);

    // 如果更换手机号都不存在问题.
    let phone_now = |number: &str| phone_digest(&served.keys.holder_key(), number);
    let change = |virtual_id, number: &str| {
        Request::PhoneChange(PhoneChange { virtual_id, phone: phone_now(number), till_time_ns: 0 })
    };
    assert_eq!(phone.ask(&change(her_phone, "13800138000")).code, Approved);
    assert_eq!(phone.ask(&change(her_phone, "13800138000")).code, PhoneUnchanged);
    assert_eq!(phone.ask(&change(new_phone, "13800138001")).code, VirtualNotBound);
    assert_eq!(canteen.money(3, &code(&served, herself, 2, 0)).code, Approved);

    // 之后如果更换手机: she binds from the new one. What the old one showed, or could have shown ahead, is void at once.
    let shown = [0, 1].map(|steps_later| code(&served, herself, 3, steps_later));
    assert_eq!(phone.bind(STUDENT_NO, new_phone, QUERY_PASSWORD), Approved);
    assert_eq!(canteen.money(4, &shown[0]).code, CodeRevoked);
    assert_eq!(canteen.money(5, &shown[1]).code, CodeRevoked);
    assert_eq!(phone.unbind(her_phone), VirtualNotBound);
    assert_eq!(phone.bind(OTHER_STUDENT_NO, her_phone, "246810"), Approved);

    // She gives the phone away, and unbinds it.
    let shown = code(&served, herself, 4, 0);
    assert_eq!(phone.unbind(new_phone), Approved);
    assert_eq!(phone.unbind(new_phone), VirtualNotBound);
    assert_eq!(canteen.money(6, &shown).code, CodeRevoked);
    drop((phone, canteen, counter));
    served.stop_unsealed();

    // All of that is so after a restart, too.
    let served = campus.serve();
    let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
    let sequence =
        WireTill::sign_in(served.address(), &served.keys.identity(GATEWAY)).welcome.last_sequence.0;
    let mut phone = Phone { gateway: sign_in(GATEWAY), sequence };
    let mut canteen = sign_in(till(0));
    assert_eq!(phone.unbind(new_phone), VirtualNotBound);
    assert_eq!(phone.bind(STUDENT_NO, her_phone, QUERY_PASSWORD), VirtualTaken);
    assert_eq!(phone.bind(OTHER_STUDENT_NO, her_phone, "246810"), VirtualAlreadyBound);
    // A code of a step that no phone can have shown before the unbinding: still nobody's phone is bound.
    let far_ahead = canteen.money(7, &code(&served, herself, 5, 0)).code;
    assert!(matches!(far_ahead, CodeRevoked | CodeNotBound), "{far_ahead}");
    assert_eq!(canteen.balance(herself.0).system_fen, 8_700);
    served.stop();
    campus.expect_sound();
}

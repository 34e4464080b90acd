//! （四）付款码: a number on the phone's screen that pays once.
//!
//! A student shows codes to tills for a lunch: one after another, one to two tills at a time, an old one, a picture of one, and,
//! after the server died, the same again. Meanwhile somebody guesses, and the card centre changes the key.

use std::sync::Barrier;
use std::thread;

use protocol::answer::{Answer, MoneyAnswer};
use protocol::ids::AccountId;
use protocol::keys::Key128;
use protocol::payment_code::{self, STEP_NS};
use protocol::request::{
    AccountSelector, CodeDebit, CodeKeyRotate, CodeRevoke, EarlierCodes, Heartbeat, Request,
};
use protocol::result_code::ResultCode;
use protocol::text::StudentNumber;
use wal::{Clock, SystemClock};

use crate::campus::{COUNTER, Campus, CampusKeys, GATEWAY, OPENING_FEN, student_no, till};
use crate::program::Serving;
use crate::wire_till::WireTill;

/// The student.
const XIAO_HONG: AccountId = AccountId(17);
/// The price of a meal.
const MEAL_FEN: i64 = 850;

/// Her phone, whose codes the gateway makes.
struct Phone {
    keys: CampusKeys,
    key_version: u32,
    next_nonce: u8,
}

impl Phone {
    fn key(&self) -> Key128 {
        self.keys.code_key_of(self.key_version)
    }

    /// 用户点开付款码: a new code, as her phone would show it so many steps of half a minute from now.
    fn shows_in(&mut self, steps: i64) -> [u8; 20] {
        self.next_nonce = (self.next_nonce + 1) % 16;
        let now = payment_code::step_at(SystemClock.wall_ns());
        let step = now.checked_add_signed(steps).expect("near now");
        let key_id = payment_code::key_id_of(self.key_version);
        payment_code::issue(&self.key(), key_id, XIAO_HONG, step, self.next_nonce).expect("it fits")
    }

    fn shows(&mut self) -> [u8; 20] {
        self.shows_in(0)
    }
}

fn scan(code: [u8; 20], amount_fen: i64) -> Request<'static> {
    Request::CodeDebit(CodeDebit { code, amount_fen, till_time_ns: 0 })
}

/// No step of codes ends within the next moments, so that what is shown now is judged in the same one.
fn wait_for_a_fresh_step() {
    const LEFT_NS_MIN: u64 = 12_000_000_000;
    let left_ns = STEP_NS - SystemClock.wall_ns() % STEP_NS;
    if left_ns < LEFT_NS_MIN {
        thread::sleep(std::time::Duration::from_nanos(left_ns));
    }
}

fn herself() -> AccountSelector {
    AccountSelector::Student(StudentNumber::new(&student_no(XIAO_HONG.0)).expect("a short number"))
}

fn paid(answer: &MoneyAnswer, balance_after_fen: i64) {
    assert_eq!((answer.code, answer.account), (ResultCode::Approved, Some(XIAO_HONG)));
    assert_eq!(answer.balance_after_fen, balance_after_fen);
}

/// What the gateway hears of the key with its heartbeat.
fn heartbeat(gateway: &mut WireTill) -> u32 {
    let answer = gateway.call(0, &Request::Heartbeat(Heartbeat { till_time_ns: 0 }));
    match Answer::decode(&answer).expect("an answer") {
        (_, Answer::Heartbeat(heard)) => heard.code_key_version,
        (_, other) => panic!("a heartbeat was answered with {other:?}"),
    }
}

/// 直接放在 POS 机的扫码头上被扫，即可完成付款.
fn she_pays(canteen: &mut WireTill, shop: &mut WireTill, phone: &mut Phone) -> i64 {
    let mut balance_fen = OPENING_FEN - MEAL_FEN;
    let code = phone.shows();
    paid(&canteen.money(1, &scan(code, MEAL_FEN)), balance_fen);
    // The same digits again, here or elsewhere: once is once. The retry of the sale itself is told as before.
    assert_eq!(canteen.money(2, &scan(code, MEAL_FEN)).code, ResultCode::CodeUsed);
    assert_eq!(shop.money(1, &scan(code, 100)).code, ResultCode::CodeUsed);
    let again = canteen.money(1, &scan(code, MEAL_FEN));
    assert_eq!((again.code, again.repeat), (ResultCode::Approved, true));

    // Two meals a minute, one for a friend; a phone whose clock is half a minute off, either way, and one that is two.
    for (sequence, steps) in (3..).zip([0, -1, 1]) {
        balance_fen -= MEAL_FEN;
        paid(&canteen.money(sequence, &scan(phone.shows_in(steps), MEAL_FEN)), balance_fen);
    }
    assert_eq!(canteen.money(6, &scan(phone.shows_in(-4), MEAL_FEN)).code, ResultCode::CodeExpired);
    assert_eq!(shop.money(2, &scan(phone.shows_in(4), MEAL_FEN)).code, ResultCode::CodeNotAuthentic);

    // More than anybody pays in a day: refused, and the code is used up all the same.
    let code = phone.shows();
    assert_eq!(canteen.money(7, &scan(code, OPENING_FEN)).code, ResultCode::DayLimit);
    assert_eq!(canteen.money(8, &scan(code, MEAL_FEN)).code, ResultCode::CodeUsed);
    assert_eq!(canteen.money(9, &scan(*b"0000000000000000000x", MEAL_FEN)).code, ResultCode::CodeMalformed);
    assert_eq!(canteen.balance(XIAO_HONG.0).system_fen, balance_fen);
    balance_fen
}

/// One code, two tills, the same moment: one of them is paid.
fn two_tills_at_once(canteen: &mut WireTill, shop: &mut WireTill, code: [u8; 20]) {
    let gate = Barrier::new(2);
    let together = |till: &mut WireTill| {
        gate.wait();
        till.money(10, &scan(code, MEAL_FEN)).code
    };
    let codes = thread::scope(|scope| {
        let one = scope.spawn(|| together(canteen));
        let other = scope.spawn(|| together(shop));
        [one.join().expect("no panic"), other.join().expect("no panic")]
    });
    assert!(
        matches!(
            codes,
            [ResultCode::Approved, ResultCode::CodeUsed] | [ResultCode::CodeUsed, ResultCode::Approved]
        ),
        "{codes:?}"
    );
}

/// Somebody tries numbers at a till: after ten it takes none, and no other till is disturbed.
fn somebody_guesses(guessed_at: &mut WireTill, canteen: &mut WireTill, phone: &mut Phone) {
    let seen_before = phone.shows();
    for sequence in 1..=10 {
        let mut guess = seen_before;
        let digit = &mut guess[9 + sequence as usize];
        *digit = b'0' + (*digit - b'0' + 1) % 10;
        let refused = guessed_at.money(sequence, &scan(guess, MEAL_FEN));
        assert_eq!((refused.code, refused.account), (ResultCode::CodeNotAuthentic, None));
    }
    let code = phone.shows();
    assert_eq!(guessed_at.money(11, &scan(code, MEAL_FEN)).code, ResultCode::CodeLocked);
    // It wasn't looked at, so it isn't used up.
    assert_eq!(canteen.money(11, &scan(code, MEAL_FEN)).code, ResultCode::Approved);
}

#[test]
fn t05_payment_code() {
    let campus = Campus::new();
    let mut phone = Phone { keys: campus.keys(), key_version: 0, next_nonce: 0 };
    let server = Serving::start(&campus.data_dir(), &[]);
    let sign_in =
        |server: &Serving, terminal| WireTill::sign_in(server.address(), &campus.keys().identity(terminal));
    let (mut canteen, mut shop) = (sign_in(&server, till(0)), sign_in(&server, till(1)));
    wait_for_a_fresh_step();
    let mut balance_fen = she_pays(&mut canteen, &mut shop, &mut phone);
    balance_fen -= MEAL_FEN;
    two_tills_at_once(&mut canteen, &mut shop, phone.shows());
    balance_fen -= MEAL_FEN;
    let mut other = sign_in(&server, till(2));
    somebody_guesses(&mut other, &mut canteen, &mut phone);
    let pictured = phone.shows();
    balance_fen -= MEAL_FEN;
    paid(&canteen.money(12, &scan(pictured, MEAL_FEN)), balance_fen);

    // The server dies, and knows after its start which codes were used and which till is locked.
    server.kill();
    let server = Serving::start(&campus.data_dir(), &[]);
    let (mut canteen, mut other) = (sign_in(&server, till(0)), sign_in(&server, till(2)));
    assert_eq!(canteen.money(13, &scan(pictured, MEAL_FEN)).code, ResultCode::CodeUsed);
    assert_eq!(other.money(12, &scan(phone.shows(), MEAL_FEN)).code, ResultCode::CodeLocked);
    let told = canteen.money(12, &scan(pictured, MEAL_FEN));
    assert_eq!((told.code, told.repeat), (ResultCode::Approved, true));

    // She sees somebody take a picture of her screen: she revokes what she has shown, and shows a new one later.
    let (mut gateway, mut counter) = (sign_in(&server, GATEWAY), sign_in(&server, COUNTER));
    wait_for_a_fresh_step();
    let seen = phone.shows();
    let revoke = Request::CodeRevoke(CodeRevoke { account: herself(), till_time_ns: 0 });
    assert_eq!(gateway.money(1, &revoke).code, ResultCode::Approved);
    assert_eq!(canteen.money(14, &scan(seen, MEAL_FEN)).code, ResultCode::CodeRevoked);
    assert_eq!(canteen.money(15, &scan(phone.shows_in(1), MEAL_FEN)).code, ResultCode::CodeRevoked);

    // The card centre takes the next key into use. The gateway hears of it; what it made before is good until it expires.
    let other_account = AccountId(18);
    let made_before =
        payment_code::issue(&phone.key(), 0, other_account, payment_code::step_at(SystemClock.wall_ns()), 1)
            .expect("it fits");
    let rotate = |key_version, earlier_codes| {
        Request::CodeKeyRotate(CodeKeyRotate { key_version, earlier_codes, till_time_ns: 0 })
    };
    assert_eq!(heartbeat(&mut gateway), 0);
    assert_eq!(counter.money(1, &rotate(2, EarlierCodes::RunOut)).code, ResultCode::CodeKeyNotNext);
    assert_eq!(counter.money(2, &rotate(1, EarlierCodes::RunOut)).code, ResultCode::Approved);
    assert_eq!(heartbeat(&mut gateway), 1);
    assert_eq!(gateway.refused(2, &rotate(2, EarlierCodes::RunOut)).code, ResultCode::NotPermitted);
    assert_eq!(canteen.money(16, &scan(made_before, MEAL_FEN)).code, ResultCode::Approved);
    let made_by = |phone: &Phone, nonce| {
        let key_id = payment_code::key_id_of(phone.key_version);
        let step = payment_code::step_at(SystemClock.wall_ns());
        payment_code::issue(&phone.key(), key_id, other_account, step, nonce).expect("it fits")
    };
    let with_old_key = made_by(&phone, 2);
    phone.key_version = 1;
    assert_eq!(canteen.money(17, &scan(made_by(&phone, 3), MEAL_FEN)).code, ResultCode::Approved);

    // The old key got about: from now on no code of it is taken, whenever it was made.
    assert_eq!(counter.money(3, &rotate(2, EarlierCodes::Refused)).code, ResultCode::Approved);
    assert_eq!(canteen.money(18, &scan(made_by(&phone, 4), MEAL_FEN)).code, ResultCode::CodeKeyRetired);
    assert_eq!(canteen.money(19, &scan(with_old_key, MEAL_FEN)).code, ResultCode::CodeKeyRetired);
    phone.key_version = 2;
    server.kill();
    let server = Serving::start(&campus.data_dir(), &[]);
    let (mut canteen, mut gateway) = (sign_in(&server, till(0)), sign_in(&server, GATEWAY));
    assert_eq!(heartbeat(&mut gateway), 2);
    assert_eq!(canteen.money(20, &scan(made_by(&phone, 5), MEAL_FEN)).code, ResultCode::Approved);
    assert_eq!(canteen.balance(XIAO_HONG.0).system_fen, balance_fen);
    server.terminate();
    campus.expect_sound();
}

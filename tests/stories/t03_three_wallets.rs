//! 卡余额、过渡余额、电子账户: one balance in three wallets, and what the school gives within the first.
//!
//! A student of a canteen's queue: she pays in on the phone, taps, pays by code, and eats from the subsidy; the finance office
//! plans a batch, a second person approves it, it is paid while she is in the queue, and what is left of it is taken back.

use protocol::answer::{MoneyAnswer, SubsidyLineState, SubsidyState};
use protocol::bill::BillLineKind;
use protocol::channel::{Channel, ReversalReason};
use protocol::ids::{AccountId, Epoch, Sequence};
use protocol::payment_code;
use protocol::request::{AccountSelector, CodeDebit, Request, Reversal, SubsidyAction, SubsidyMode, TopUp};
use protocol::result_code::ResultCode;
use protocol::text::OrderNumber;
use wal::{Clock, SystemClock};

use crate::campus::{AUDITOR, Campus, FINANCE, GATEWAY, OPENING_FEN, SECOND_FINANCE, Served, card, till};
use crate::subsidy_desk::{Desk, line, next_month};
use crate::wire_till::{Tap, WireTill, tap_request};

/// The student, and two who get something, too.
const XIAO_HONG: AccountId = AccountId(21);
const OTHERS: [u32; 2] = [22, 40];

/// Her phone, and the canteen's till; both count for themselves.
struct Places {
    canteen: WireTill,
    phone: WireTill,
    sequences: [u32; 2],
    card_counter: u32,
    nonce: u8,
}

impl Places {
    fn open(served: &Served) -> Places {
        let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
        let (canteen, phone) = (sign_in(till(0)), sign_in(GATEWAY));
        Places { canteen, phone, sequences: [0; 2], card_counter: 0, nonce: 0 }
    }

    /// She taps her card in the canteen.
    fn tap(&mut self, amount_fen: i64) -> MoneyAnswer {
        self.sequences[0] += 1;
        self.card_counter += 1;
        let (sequence, counter) = (self.sequences[0], self.card_counter);
        let tap = Tap { sequence, card: card(XIAO_HONG.0), counter, amount_fen };
        self.canteen.money(sequence, &tap_request(&tap))
    }

    /// The canteen takes a sale back.
    fn take_back(&mut self, sequence: u32, amount_fen: i64) -> MoneyAnswer {
        self.sequences[0] += 1;
        let reversal = Request::Reversal(Reversal {
            original_epoch: Epoch(1),
            original_sequence: Sequence(sequence),
            amount_fen,
            reason: ReversalReason::NoAnswer,
            till_time_ns: 0,
        });
        self.canteen.money(self.sequences[0], &reversal)
    }

    /// She shows a payment code.
    fn pay_by_code(&mut self, served: &Served, amount_fen: i64) -> MoneyAnswer {
        self.sequences[0] += 1;
        self.nonce += 1;
        let step = payment_code::step_at(SystemClock.wall_ns());
        let code =
            payment_code::issue(&served.keys.code_key(), 0, XIAO_HONG, step, self.nonce).expect("fits");
        let by_code = Request::CodeDebit(CodeDebit { code, amount_fen, till_time_ns: 0 });
        self.canteen.money(self.sequences[0], &by_code)
    }

    /// She pays money in.
    fn pay_in(&mut self, amount_fen: i64) -> MoneyAnswer {
        self.sequences[1] += 1;
        let order = OrderNumber::new(&format!("wx {}", self.sequences[1])).expect("short");
        let (account, channel) = (AccountSelector::Account(XIAO_HONG), Channel::WeChatPay);
        self.phone.money(self.sequences[1], &Request::TopUp(TopUp { account, amount_fen, channel, order }))
    }

    /// Card, transition, electronic, and the sum that alone authorises.
    fn wallets(&mut self) -> [i64; 4] {
        let balance = self.phone.balance(XIAO_HONG.0);
        assert_eq!(balance.system_fen, balance.card_fen + balance.transition_fen + balance.electronic_fen);
        [balance.card_fen, balance.transition_fen, balance.electronic_fen, balance.system_fen]
    }
}

fn approved(answer: &MoneyAnswer) {
    assert_eq!(answer.code, ResultCode::Approved, "{answer:?}");
}

/// 校园卡系统余额 = 卡余额 + 过渡余额 + 电子账户: each channel records in its own wallet, and only the sum counts.
fn each_channel_in_its_own_wallet(served: &Served, places: &mut Places) {
    // 充值 lands in the electronic wallet: her opening balance is there, too.
    approved(&places.pay_in(2_000));
    let electronic_fen = OPENING_FEN + 2_000;
    assert_eq!(places.wallets(), [0, 0, electronic_fen, electronic_fen]);
    // 刷卡消费 is recorded on the card: it is empty, so what it lacks is loaded (圈存) within the tap.
    approved(&places.tap(650));
    assert_eq!(places.wallets(), [0, 0, electronic_fen - 650, electronic_fen - 650]);
    // 付款码 is recorded in the transition wallet, which is below zero until it is settled.
    approved(&places.pay_by_code(served, 300));
    assert_eq!(places.wallets(), [0, -300, electronic_fen - 650, electronic_fen - 950]);
    // The sum authorises: by code she could spend all of it, though the transition wallet holds nothing.
    let too_much = places.pay_by_code(served, OPENING_FEN);
    assert_eq!(too_much.code, ResultCode::DayLimit, "her day's limit is what the sum was");
}

/// 补助: planned by one, looked at and approved by another, paid to everybody on the list.
fn a_batch_is_planned_approved_and_paid(opener: &mut Desk, second: &mut Desk) {
    let lines = [line(XIAO_HONG.0, 30_000), line(OTHERS[0], 30_000), line(OTHERS[1], 15_000)];
    opener.plan(202_609, SubsidyMode::Beside, next_month(), &lines);
    // Nothing is paid before somebody else has looked at it, and said so.
    assert_eq!(opener.step(202_609, SubsidyAction::Issue), ResultCode::BatchNotApproved);
    assert_eq!(opener.step(202_609, SubsidyAction::Approve), ResultCode::SamePerson);
    let planned = second.batch(202_609);
    assert_eq!((planned.state, planned.total_fen, planned.claimed_fen), (SubsidyState::Previewed, 75_000, 0));
    let shown = second.preview(202_609, 2);
    let told: Vec<(u32, u32)> =
        shown.iter().map(|line| (line.account.get(), line.amount_fen.get())).collect();
    assert_eq!(told, [(XIAO_HONG.0, 30_000), (OTHERS[0], 30_000), (OTHERS[1], 15_000)]);
    assert_eq!(second.step(202_609, SubsidyAction::Approve), ResultCode::Approved);
    assert_eq!(second.step(202_609, SubsidyAction::Approve), ResultCode::BatchDecided);
    assert_eq!(opener.step(202_609, SubsidyAction::Issue), ResultCode::Approved);
    let paid = opener.wait_for(202_609, SubsidyState::Issued);
    assert_eq!((paid.claimed, paid.claimed_fen, paid.skipped), (3, 75_000, 0));
}

/// 补助 is within the card wallet, used first and never paid out.
fn what_the_school_gave_is_used_first(places: &mut Places) {
    let [card_fen, transition_fen, electronic_fen, system_fen] = places.wallets();
    assert_eq!([card_fen, transition_fen], [30_000, -300], "the subsidy is on the card");
    // The next tap settles what she paid by code onto the card, and pays from the card: all of it is subsidy.
    approved(&places.tap(1_200));
    assert_eq!(places.wallets(), [30_000 - 300 - 1_200, 0, electronic_fen, system_fen - 1_200]);
}

/// What is left is taken back, from nobody more than was left of it.
fn what_is_left_is_taken_back(opener: &mut Desk, auditor: &mut Desk, places: &mut Places) {
    let [_, _, electronic_fen, _] = places.wallets();
    assert_eq!(opener.step(202_609, SubsidyAction::Withdraw), ResultCode::Approved);
    let over = auditor.wait_for(202_609, SubsidyState::Withdrawn);
    assert_eq!((over.withdrawn, over.withdrawn_fen), (3, 75_000 - 1_500));
    assert_eq!(places.wallets(), [0, 0, electronic_fen, electronic_fen]);
    assert_eq!(opener.step(202_609, SubsidyAction::Withdraw), ResultCode::BatchOver);
}

/// A sale that is taken back afterwards brings the school's money back. She may spend it today; the batch was withdrawn, so what
/// is left of it when the next day begins goes back to the school, until the batch's deadline.
fn what_comes_back_is_the_schools_again(opener: &mut Desk, places: &mut Places) {
    let kept: Vec<(u32, u32)> = opener
        .preview(202_609, 10)
        .iter()
        .map(|line| (line.account.get(), line.withdrawn_fen.get()))
        .collect();
    assert_eq!(kept, [(XIAO_HONG.0, 28_500)], "she alone spent something of it");
    let sale = places.sequences[0];
    approved(&places.take_back(sale, 1_200));
    assert_eq!(places.wallets()[0], 1_200);
    assert_eq!(opener.batch(202_609).state, SubsidyState::Withdrawn);
}

/// 上期清零: a batch that clears takes the rest of the one before back, account by account, before it pays.
fn a_batch_that_clears_comes_in_the_place_of_the_one_before(
    opener: &mut Desk,
    second: &mut Desk,
    places: &mut Places,
) {
    for (batch, mode, amount_fen) in
        [(202_610, SubsidyMode::Beside, 5_000), (202_611, SubsidyMode::Clear, 8_000)]
    {
        opener.plan(batch, mode, next_month(), &[line(XIAO_HONG.0, amount_fen)]);
        assert_eq!(second.step(batch, SubsidyAction::Approve), ResultCode::Approved);
        assert_eq!(opener.step(batch, SubsidyAction::Issue), ResultCode::Approved);
        opener.wait_for(batch, SubsidyState::Issued);
        if batch == 202_610 {
            approved(&places.tap(1_000));
        }
    }
    assert_eq!(opener.batch(202_611).cleared_fen, 1_200 + 4_000);
    assert_eq!(places.wallets()[0], 8_000);
    let states: Vec<u8> = opener.preview(202_610, 10).iter().map(|line| line.state).collect();
    assert_eq!(states, [SubsidyLineState::Claimed.number()]);
}

/// Every fen of it stands in her bill.
fn the_bill_tells_all_of_it(auditor: &mut Desk) {
    use BillLineKind::{Debit, Load, Opening, Reversal, Settle, Subsidy, SubsidyTakenBack, TopUp};
    let mut told: Vec<(BillLineKind, i64)> = auditor
        .wire
        .bill(XIAO_HONG)
        .concat()
        .iter()
        .map(|line| (BillLineKind::from_number(line.kind).expect("a known kind"), line.amount_fen.get()))
        .collect();
    told.reverse();
    let expected = [
        (Opening, OPENING_FEN),
        (TopUp, 2_000),
        (Load, 650),
        (Debit, -650),
        (Debit, -300),
        (Subsidy, 30_000),
        (Settle, 300),
        (Debit, -1_200),
        (SubsidyTakenBack, -28_500),
        (Reversal, 1_200),
        (Subsidy, 5_000),
        (Debit, -1_000),
        (SubsidyTakenBack, -5_200),
        (Subsidy, 8_000),
    ];
    assert_eq!(told, expected);
}

#[test]
fn t03_three_wallets() {
    let campus = Campus::new();
    let served = campus.serve();
    let desk = |terminal| Desk::new(WireTill::sign_in(served.address(), &served.keys.identity(terminal)));
    let (mut opener, mut second, mut auditor) = (desk(FINANCE), desk(SECOND_FINANCE), desk(AUDITOR));
    let mut places = Places::open(&served);

    each_channel_in_its_own_wallet(&served, &mut places);
    a_batch_is_planned_approved_and_paid(&mut opener, &mut second);
    what_the_school_gave_is_used_first(&mut places);
    what_is_left_is_taken_back(&mut opener, &mut auditor, &mut places);
    what_comes_back_is_the_schools_again(&mut opener, &mut places);
    a_batch_that_clears_comes_in_the_place_of_the_one_before(&mut opener, &mut second, &mut places);
    the_bill_tells_all_of_it(&mut auditor);

    let wallets = places.wallets();
    drop((places, opener, second, auditor));
    served.stop_unsealed();
    // Read again from the log, it is the same.
    let served = campus.serve();
    let mut places = Places::open(&served);
    assert_eq!(places.wallets(), wallets);
    let mut auditor = Desk::new(WireTill::sign_in(served.address(), &served.keys.identity(AUDITOR)));
    the_bill_tells_all_of_it(&mut auditor);
    assert_eq!(auditor.batch(202_609).withdrawn_fen, 73_500);
    served.stop();
    campus.expect_sound();
}

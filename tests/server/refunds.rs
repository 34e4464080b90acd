//! Voids and refunds: over the wire, in the bill, at another till, after a restart and under the audit.

use engine::ledger::Request as Configuration;
use engine::ledger::command::{CutOff, SetAccountTerms};
use protocol::bill::{BILL_FLAG_REFUNDED, BILL_FLAG_REVERSED, BillLine, BillLineKind};
use protocol::channel::ReversalReason;
use protocol::ids::{AccountId, BusinessDate, Epoch, RecordNumber, SaleId, Sequence, TerminalId};
use protocol::request::{Refund, Request, Reversal};
use protocol::result_code::ResultCode;

use crate::campus::{CLOSED_SHOP, COUNTER, Campus, DOOR, OPENING_FEN, card, till};
use crate::wire_till::{Tap, WireTill};

const ACCOUNT: AccountId = AccountId(9);

fn tap(sequence: u32, amount_fen: i64) -> Tap {
    Tap { sequence, card: card(ACCOUNT.0), counter: sequence, amount_fen }
}

fn undoing(original: u32, amount_fen: i64) -> Reversal {
    Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(original),
        amount_fen,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    }
}

fn void(original: u32, amount_fen: i64) -> Request<'static> {
    Request::Void(undoing(original, amount_fen))
}

fn refund(terminal: TerminalId, sequence: u32, amount_fen: i64) -> Request<'static> {
    let original = SaleId { terminal, epoch: Epoch(1), sequence: Sequence(sequence) };
    Request::Refund(Refund { original, amount_fen, till_time_ns: 0 })
}

fn line(till: &mut WireTill, record: RecordNumber) -> BillLine {
    let lines = till.bill(ACCOUNT).concat();
    *lines.iter().find(|line| line.record.get() == record.0).expect("it is in the bill")
}

#[test]
fn what_was_paid_is_given_back_once_and_no_more() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let mut second = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
    let voided = first.tap(&tap(1, 700));
    let sold = first.tap(&tap(2, 1_500));
    assert_eq!(sold.balance_after_fen, OPENING_FEN - 2_200);

    let void_answer = first.money(3, &void(1, 700));
    assert_eq!(
        (void_answer.code, void_answer.balance_after_fen),
        (ResultCode::Approved, OPENING_FEN - 1_500)
    );
    let again = first.money(3, &void(1, 700));
    assert_eq!((again.code, again.repeat, again.record), (ResultCode::Approved, true, void_answer.record));
    assert_eq!(first.money(4, &void(1, 700)).code, ResultCode::AlreadyVoided);
    assert_eq!(first.money(5, &refund(till(0), 1, 1)).code, ResultCode::RefundAfterVoid);
    assert_eq!(first.ask(1).code, ResultCode::Reversed);
    assert_eq!(first.money(6, &void(2, 1_499)).code, ResultCode::IdentityConflict);

    // The other till gives back a part, the first the rest.
    let part = second.money(1, &refund(till(0), 2, 400));
    assert_eq!((part.code, part.balance_after_fen), (ResultCode::Approved, OPENING_FEN - 1_100));
    assert_eq!(first.money(7, &void(2, 1_500)).code, ResultCode::VoidAfterRefund);
    assert_eq!(first.money(8, &Request::Reversal(undoing(2, 1_500))).code, ResultCode::ReversalAfterRefund);
    assert_eq!(first.money(9, &refund(till(0), 2, 1_101)).code, ResultCode::RefundAboveOriginal);
    assert_eq!(second.money(2, &refund(till(1), 1, 1)).code, ResultCode::RefundOfRefund);
    assert_eq!(first.money(10, &refund(till(0), 3, 1)).code, ResultCode::RefundOfReversal);
    assert_eq!(first.money(11, &refund(till(0), 60, 1)).code, ResultCode::NothingToRefund);
    assert_eq!(first.money(12, &refund(TerminalId(7_777), 2, 1)).code, ResultCode::NothingToRefund);
    assert_eq!(first.ask(2).code, ResultCode::Approved);

    let told = line(&mut second, voided.record);
    assert_eq!((told.kind, told.flags), (BillLineKind::Debit.number(), BILL_FLAG_REVERSED));
    let told = line(&mut second, void_answer.record);
    assert_eq!((told.kind, told.amount_fen.get()), (BillLineKind::Void.number(), 700));
    assert_eq!(told.related_record.get(), voided.record.0);
    assert_eq!(line(&mut second, sold.record).flags, BILL_FLAG_REFUNDED);
    let told = line(&mut second, part.record);
    assert_eq!((told.kind, told.amount_fen.get()), (BillLineKind::Refund.number(), 400));
    assert_eq!((told.related_record.get(), told.terminal.get()), (sold.record.0, till(1).0));
    drop((first, second));
    served.stop_unsealed();

    // From the log alone the same, and on a later date the rest of it; a void is too late then.
    let served = campus.serve();
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let untouched = first.tap(&tap(13, 300));
    assert!(untouched.code.is_approved());
    let opened = BusinessDate(first.welcome.business_date.0 + 1);
    served.engine().configure(Configuration::CutOff(CutOff { opened })).expect("a later date");
    assert_eq!(first.money(14, &void(13, 300)).code, ResultCode::VoidTooLate);
    assert_eq!(first.money(15, &refund(till(0), 2, 1_101)).code, ResultCode::RefundAboveOriginal);
    let rest = first.money(16, &refund(till(0), 2, 1_100));
    assert_eq!((rest.code, rest.balance_after_fen), (ResultCode::Approved, OPENING_FEN - 300));
    served.stop();
    let totals = campus.expect_sound().totals;
    assert_eq!((totals.reversals_fen, totals.refunds_fen, totals.payable_fen), (700, 1_500, 0));
}

#[test]
fn only_who_sold_it_gives_it_back() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    assert!(first.tap(&tap(1, 700)).code.is_approved());
    let mut elsewhere = WireTill::sign_in(served.address(), &served.keys.identity(CLOSED_SHOP));
    assert_eq!(elsewhere.money(1, &refund(till(0), 1, 700)).code, ResultCode::OtherMerchant);
    let mut door = WireTill::sign_in(served.address(), &served.keys.identity(DOOR));
    assert_eq!(door.refused(1, &refund(till(0), 1, 700)).code, ResultCode::NotPermitted);
    assert_eq!(door.refused(1, &void(1, 700)).code, ResultCode::NotPermitted);

    // The holder has left meanwhile: what comes back is the holder's to be paid.
    served
        .engine()
        .configure(Configuration::SetAccountTerms(SetAccountTerms {
            account: ACCOUNT,
            status: engine::ledger::account::AccountStatus::Closed,
            card_lost: false,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }))
        .expect("an account");
    let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
    let done = counter.money(1, &refund(till(0), 1, 700));
    assert_eq!((done.code, done.amount_fen), (ResultCode::Approved, 700));
    let again = counter.money(1, &refund(till(0), 1, 700));
    assert_eq!((again.code, again.repeat, again.record), (ResultCode::Approved, true, done.record));
    assert_eq!(counter.balance(ACCOUNT.0).system_fen, OPENING_FEN - 700);
    let newest = counter.bill(ACCOUNT).concat()[0];
    assert_eq!((newest.kind, newest.amount_fen.get()), (BillLineKind::Payable.number(), -700));
    assert_eq!(newest.related_record.get(), done.record.0);
    served.stop();
    assert_eq!(campus.expect_sound().totals.payable_fen, 700);
}

//! A counter takes a top-up back: over the wire, in the bill, after a restart and under the audit.

use protocol::answer::{Answer, MoneyAnswer};
use protocol::bill::{BILL_FLAG_REVERSED, BillLineKind};
use protocol::channel::{Channel, ReversalReason};
use protocol::ids::{AccountId, Epoch, RecordNumber, Sequence};
use protocol::request::{AccountSelector, BillQuery, Request, Reversal, TopUp};
use protocol::result_code::ResultCode;
use protocol::text::OrderNumber;

use crate::campus::{COUNTER, Campus, GATEWAY, OPENING_FEN};
use crate::wire_till::WireTill;

const ACCOUNT: AccountId = AccountId(9);

fn pay_in(till: &mut WireTill, sequence: u32) -> MoneyAnswer {
    let request = Request::TopUp(TopUp {
        account: AccountSelector::Account(ACCOUNT),
        amount_fen: 5_000,
        channel: Channel::Counter,
        order: OrderNumber::new(&format!("cash {sequence}")).expect("a short number"),
    });
    till.money(sequence, &request)
}

fn undo(original: u32, amount_fen: i64) -> Request<'static> {
    Request::TopUpUndo(Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(original),
        amount_fen,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    })
}

#[test]
fn a_counter_takes_back_what_it_took_today() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
    let first = pay_in(&mut counter, 1);
    assert_eq!((first.code, first.balance_after_fen), (ResultCode::Approved, OPENING_FEN + 5_000));
    pay_in(&mut counter, 2);
    assert_eq!(counter.money(3, &undo(1, 4_999)).code, ResultCode::IdentityConflict);
    let undone = counter.money(4, &undo(1, 5_000));
    assert_eq!((undone.code, undone.balance_after_fen), (ResultCode::Approved, OPENING_FEN + 5_000));
    let again = counter.money(4, &undo(1, 5_000));
    assert_eq!((again.code, again.repeat, again.record), (ResultCode::Approved, true, undone.record));
    assert_eq!(counter.money(5, &undo(1, 5_000)).code, ResultCode::NotUndoable);
    assert_eq!(counter.ask(1).code, ResultCode::Reversed);
    // A gateway took no cash.
    let mut gateway = WireTill::sign_in(served.address(), &served.keys.identity(GATEWAY));
    assert_eq!(gateway.refused(1, &undo(1, 5_000)).code, ResultCode::NotPermitted);

    let account = AccountSelector::Account(ACCOUNT);
    let answer =
        counter.call(0, &Request::Bill(BillQuery { account, before: RecordNumber(0), lines_max: 50 }));
    let (_, Answer::Bill(bill)) = Answer::decode(&answer).expect("an answer") else { panic!("no bill") };
    let line = |record: RecordNumber| {
        let line = bill.lines.iter().find(|line| line.record.get() == record.0).expect("it is in the bill");
        (line.kind, line.amount_fen.get(), line.related_record.get(), line.flags)
    };
    let (top_up, taken_back) = (BillLineKind::TopUp.number(), BillLineKind::TopUpUndone.number());
    assert_eq!(line(first.record), (top_up, 5_000, 0, BILL_FLAG_REVERSED));
    assert_eq!(line(undone.record), (taken_back, -5_000, first.record.0, 0));
    drop((counter, gateway));
    served.stop_unsealed();

    let served = campus.serve();
    let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
    assert_eq!(counter.money(6, &undo(1, 5_000)).code, ResultCode::NotUndoable);
    assert_eq!(counter.money(7, &undo(2, 5_000)).code, ResultCode::Approved);
    assert_eq!(counter.balance(ACCOUNT.0).system_fen, OPENING_FEN);
    served.stop();
    assert_eq!(campus.expect_sound().totals.top_ups_undone_fen, 10_000);
}
